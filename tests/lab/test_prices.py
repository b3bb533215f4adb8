"""The legs a price travels: feed, client stream, API, Redis."""

import asyncio
import json
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.price_legs import received, redis_nodes, stored
from tests.lab_process import LabError, RunningLab, wait_until

pytestmark = pytest.mark.whole

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE = ["EURUSD", "USDJPY", "XAUUSD", "BTCUSD"]


def test_the_same_sequence_number_means_the_same_price_on_every_leg(lab: RunningLab) -> None:
    order = {"op": "subscribe", "symbols": SAMPLE}
    ticks = [json.loads(text) for text in asyncio.run(received(lab.variables["LAB_STREAM_URL"], 12, order))]
    assert {tick["symbol"] for tick in ticks} == set(SAMPLE)
    for symbol in SAMPLE:
        newest = [tick for tick in ticks if tick["symbol"] == symbol][-1]
        api = lab.get("market", f"/api/market/price/{symbol}")[1]
        redis = stored(lab, symbol)
        legs = [
            (int(leg["seq"]), float(leg["bid"]), float(leg["ask"]), int(leg["timestamp_ms"]))
            for leg in (newest, api, redis)
        ]
        assert max(leg[0] for leg in legs) - min(leg[0] for leg in legs) <= 5
        by_number: dict[int, set[tuple[float, ...]]] = {}
        for number, *rest in legs:
            by_number.setdefault(number, set()).add(tuple(rest))
        assert all(len(prices) == 1 for prices in by_number.values())


def test_both_feed_protocols_carry_ticks_and_heartbeats(lab: RunningLab) -> None:
    async def both() -> tuple[list[Any], list[Any]]:
        binary, text = await asyncio.gather(
            received(lab.variables["LAB_FEED_BINARY_URL"], 100), received(lab.variables["LAB_FEED_JSON_URL"], 100)
        )
        return binary, text

    frames, texts = asyncio.run(both())
    assert {frame[:4] for frame in frames} == {b"TICK", b"BEAT"}
    tick = struct.unpack(">4sHQIdd", next(frame for frame in frames if frame[:4] == b"TICK"))
    assert tick[1] % 2 == 0  # odd positions of the list, counted from one
    assert 0 < tick[4] < tick[5]
    assert {json.loads(text)["type"] for text in texts} == {"tick", "heartbeat"}


def test_keys_live_five_minutes_and_hold_the_documented_fields(lab: RunningLab) -> None:
    assert set(stored(lab, "EURUSD")) == {"bid", "ask", "timestamp_ms", "seq", "source"}
    keys = {key: node.ttl(key) for node in redis_nodes(lab) for key in node.scan_iter("market:*")}
    assert len(keys) == 50
    assert all(290 <= ttl <= 300 for ttl in keys.values())


def test_unknown_symbols_on_the_client_stream_are_named(lab: RunningLab) -> None:
    order = {"op": "subscribe", "symbols": ["EURUSD", "NOPE"]}
    answers = [json.loads(one) for one in asyncio.run(received(lab.variables["LAB_STREAM_URL"], 2, order))]
    assert answers[0] == {"type": "error", "message": "unknown symbols: NOPE"}
    assert answers[1]["symbol"] == "EURUSD"


@pytest.mark.parametrize(
    ("leg", "differs"),
    [("redis", {"redis"}), ("api", {"api"})],
)
def test_a_skewed_leg_differs_from_the_others(lab: RunningLab, leg: str, differs: set[str]) -> None:
    def off() -> set[str]:
        memory = lab.get("market", "/api/debug/market-data")[1]["symbol_analysis"]["EURUSD"]
        legs: dict[str, Callable[[], float]] = {
            "redis": lambda: float(stored(lab, "EURUSD")["bid"]),
            "api": lambda: float(lab.get("market", "/api/market/price/EURUSD")[1]["bid"]),
        }
        return {name for name, bid in legs.items() if abs(bid() / memory["bid"] - 1) > 8e-4}

    assert off() == set()
    handle = lab.fault("F.mkt.price_skew", leg=leg, symbols=["EURUSD"], bps=12)
    wait_until(lambda: off() == differs, 5, f"{leg} differs")
    if leg == "redis":  # the service compares its memory with Redis and notices by itself
        found = wait_until(
            lambda: lab.get("market", "/api/debug/market-data")[1]["price_consistency"]["inconsistent_symbols"],
            5,
            "the service notices",
        )
        assert found == ["EURUSD"]
    lab.heal(handle)
    wait_until(lambda: off() == set(), 5, "the legs agree again")


def quote_on(lab: RunningLab, leg: str, symbol: str) -> dict[str, float]:
    """Price members of a symbol as readers on one leg get them."""
    if leg == "api":
        found = lab.get("market", f"/api/market/price/{symbol}")[1]
    elif leg == "redis":
        found = stored(lab, symbol)
    else:
        order = {"op": "subscribe", "symbols": [symbol]}
        found = json.loads(asyncio.run(received(lab.variables["LAB_STREAM_URL"], 1, order))[0])
        assert found["symbol"] == symbol
    return {name: float(found[name]) for name in ("bid", "ask", "timestamp_ms", "seq")}


def late_by(lab: RunningLab, leg: str, symbol: str) -> float:
    carried = quote_on(lab, leg, symbol)["timestamp_ms"] / 1000
    return time.time() - carried


def freshness(lab: RunningLab) -> float:
    found = lab.get("market", "/api/debug/market-data")[1]["data_freshness"]
    return float(found["freshness_rate"])


@pytest.mark.parametrize("leg", ["ws", "redis", "api"])
def test_a_delayed_leg_ticks_on_some_seconds_late(lab: RunningLab, leg: str) -> None:
    others = {"ws", "redis", "api"} - {leg}
    handle = lab.fault("F.mkt.price_delay", leg=leg, symbols=["EURUSD", "USDJPY"], seconds=4)
    assert 3.9 < late_by(lab, leg, "EURUSD") < 5.2
    assert late_by(lab, leg, "XAUUSD") < 1.2
    assert all(late_by(lab, other, "EURUSD") < 1.2 for other in others)
    first = quote_on(lab, leg, "EURUSD")["seq"]
    wait_until(lambda: quote_on(lab, leg, "EURUSD")["seq"] > first, 3, "it ticks on")
    assert 3.9 < late_by(lab, leg, "EURUSD") < 5.2
    assert freshness(lab) == 100
    lab.heal(handle)
    wait_until(lambda: late_by(lab, leg, "EURUSD") < 1.2, 1, "in time again")


def test_a_delay_that_reaches_back_too_far_is_refused(lab: RunningLab) -> None:
    lab.terminate("market")
    with pytest.raises(LabError, match=r"422.*prices of 60 s ago will not be known for another"):
        lab.fault("F.mkt.price_delay", leg="api", symbols=["EURUSD"], seconds=60)


def test_a_late_stream_sends_every_tick_once(lab: RunningLab) -> None:
    lab.fault("F.mkt.price_delay", leg="ws", symbols=["EURUSD"], seconds=1)
    order = {"op": "subscribe", "symbols": ["EURUSD"]}
    ticks = [json.loads(text) for text in asyncio.run(received(lab.variables["LAB_STREAM_URL"], 9, order))]
    numbers = [tick["seq"] for tick in ticks]
    assert numbers == list(range(numbers[0], numbers[0] + 9))


@pytest.mark.parametrize("leg", ["ws", "redis", "api"])
def test_swapped_symbols_carry_each_others_prices_on_one_leg(lab: RunningLab, leg: str) -> None:
    others = {"ws", "redis", "api"} - {leg}

    def swapped(where: str) -> list[bool]:
        euro, yen = quote_on(lab, where, "EURUSD"), quote_on(lab, where, "USDJPY")
        assert (euro["bid"] > 50) == (yen["bid"] < 50)
        return [euro["bid"] > 50, yen["bid"] < 50]

    handle = lab.fault("F.mkt.price_swap", leg=leg, symbols=["EURUSD", "USDJPY"])
    assert swapped(leg) == [True, True]
    assert all(swapped(other) == [False, False] for other in others)
    assert freshness(lab) == 100
    if leg == "redis":

        def inconsistent() -> list[str]:
            found: list[str] = lab.get("market", "/api/debug/market-data")[1]["price_consistency"][
                "inconsistent_symbols"
            ]
            return found

        wait_until(lambda: set(inconsistent()) == {"EURUSD", "USDJPY"}, 5, "the service notices")
    lab.heal(handle)
    assert swapped(leg) == [False, False]


def test_a_swap_needs_two_symbols(lab: RunningLab) -> None:
    for symbols in (["EURUSD"], ["EURUSD", "EURUSD"], ["EURUSD", "USDJPY", "XAUUSD"]):
        with pytest.raises(LabError, match=r"422.*name exactly two symbols"):
            lab.fault("F.mkt.price_swap", leg="api", symbols=symbols)
