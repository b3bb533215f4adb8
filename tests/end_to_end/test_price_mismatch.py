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


def price(outcome: Outcome, pair: str, symbol: str) -> dict[str, object]:
    """Return what was found about one symbol on two legs."""
    return next(c for c in outcome.results["checks"] if c["id"] == f"market.price.{pair}[{symbol}]")


def is_told(outcome: Outcome) -> bool:
    """Whether every pair that has an odd leg in it says so."""
    return all(WORDS[symbol] in str(price(outcome, pair, symbol)["reason"]) for pair, symbol in WRONG)


def test_one_leg_delayed_one_skewed_one_swapped_are_each_named(lab: RunningLab, suite: Suite) -> None:
    lab.fault("F.mkt.price_skew", leg="api", symbols=["EURUSD"], bps=6)
    lab.fault("F.mkt.price_delay", leg="redis", symbols=["USDJPY"], seconds=4)
    lab.fault("F.mkt.price_swap", leg="ws", symbols=["XAUUSD", "BTCUSD"])

    seen = suite.until(is_told)

    assert is_told(seen), seen.output
    for pair, symbol in WRONG:
        found = price(seen, pair, symbol)
        gap = float(str(found["value"]))
        if symbol == "EURUSD":
            assert (found["state"], round(gap, 1)) == ("warning", 6.0)
        elif symbol == "USDJPY":
            assert found["state"] == "warning"
            assert "ticks behind" in str(found["reason"])
            assert gap < 20
        else:
            assert (found["state"], gap > 9000) == ("critical", True)
    right = [(pair, symbol) for pair in PAIRS for symbol in SYMBOLS if (pair, symbol) not in WRONG]
    assert {price(seen, pair, symbol)["state"] for pair, symbol in right} == {"ok"}
    lab.reset()
    healed = suite.until(lambda run: run.code == 0)
    assert (healed.code, healed.not_ok) == (0, {}), healed.output
