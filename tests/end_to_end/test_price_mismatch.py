"""The incident the guide exists for: prices differ between stream, Redis and API, each in its own way."""

import pytest

from tests.end_to_end.suite import Outcome, Suite
from tests.lab_process import RunningLab

pytestmark = pytest.mark.whole

SYMBOLS = ("EURUSD", "USDJPY", "XAUUSD", "BTCUSD")
PAIRS = {"ws_vs_redis": {"ws", "redis"}, "redis_vs_api": {"redis", "api"}, "ws_vs_api": {"ws", "api"}}
ODD = {"EURUSD": "api", "USDJPY": "redis", "XAUUSD": "ws", "BTCUSD": "ws"}
WORDS = {
    "EURUSD": "the API is the odd one out",
    "USDJPY": "Redis is the odd one out, ",
    "XAUUSD": "the stream is the odd one out: it serves the price of BTCUSD",
    "BTCUSD": "the stream is the odd one out: it serves the price of XAUUSD",
}
WRONG = [(pair, symbol) for pair, legs in PAIRS.items() for symbol in SYMBOLS if ODD[symbol] in legs]


def found(outcome: Outcome, pair: str) -> dict[str, object]:
    """Return what was found about two legs."""
    return next(c for c in outcome.results["checks"] if c["id"] == f"market.price.{pair}")


def is_told(outcome: Outcome) -> bool:
    """Whether every pair says of every symbol of which it has the odd leg how that is odd."""
    return all(WORDS[symbol] in str(found(outcome, pair)["reason"]) for pair, symbol in WRONG)


def test_one_leg_delayed_one_skewed_one_swapped_are_each_named(lab: RunningLab, suite: Suite) -> None:
    lab.fault("F.mkt.price_skew", leg="api", symbols=["EURUSD"], bps=6)
    lab.fault("F.mkt.price_delay", leg="redis", symbols=["USDJPY"], seconds=4)
    lab.fault("F.mkt.price_swap", leg="ws", symbols=["XAUUSD", "BTCUSD"])

    seen = suite.until(is_told)

    assert is_told(seen), seen.output
    for pair in PAIRS:
        told = found(seen, pair)
        named = {symbol for symbol in SYMBOLS if f"{symbol}: " in str(told["reason"])}
        assert named == {symbol for other, symbol in WRONG if other == pair}
        largest = float(str(told["value"]))
        if pair == "redis_vs_api":
            assert (told["state"], 5 < largest < 20) == ("warning", True)
            assert "ticks behind" in str(told["reason"])
        else:
            assert (told["state"], largest > 9000) == ("critical", True)
    lab.reset()
    healed = suite.until(lambda run: run.code == 0)
    assert (healed.code, healed.not_ok) == (0, {}), healed.output
