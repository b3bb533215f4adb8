"""A weekend of a market that closes: nothing is red for being old, and all else is judged as ever.

What was seen on a Monday is moved to the moment of each look; of what does not trade the prices are those of Friday.
"""

import json
from datetime import datetime
from typing import Any

import pytest

from healthgate.claim.observation import Observation
from healthgate.claim.state import State
from tests.checks.world import (
    AGAIN,
    ALL,
    CATALOGUE,
    FEED_BINARY,
    FEED_JSON,
    FLOW,
    GATEWAY_ALL,
    MARKET_DATA,
    MARKET_LOG,
    NODE_1,
    NODE_2,
    NODE_3,
    NOW,
    PRICES,
    QUICK,
    STREAM,
    SUMMARY,
    SYMBOLS,
    WEBSOCKET,
    World,
    heard,
)
from tests.parts.moved import moved

OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN

HOURS = {"zone": "America/New_York", "open": ["Sun 17:00"], "close": ["Fri 17:00"]}
FRIDAY, SUNDAY = "2026-03-06T22:00:00Z", "2026-03-08T21:00:00Z"
"""When the markets close and open: the clocks go forward on that Sunday."""

WEEKEND = [FRIDAY, "2026-03-07T00:00:00Z", "2026-03-07T12:34:56Z", "2026-03-08T06:59:00Z", "2026-03-08T20:59:50Z"]
MONDAY = "2026-03-08T21:05:00Z"
"""Five minutes after they open, which is Monday 00:05 where trading days begin with the opening."""

LOOKED_AT = ("gateway", "market")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def seen(when: str, always: list[str], *, hours: dict[str, Any] | None = None) -> World:
    """Return what is seen at a moment of a weekend at which only some symbols trade."""
    world = World()
    by = at(when) - NOW
    for name, one in world.observations.items():
        record = moved(one.as_record(), by, NOW)
        world.observations[name] = Observation(**record)
    world.at = at(when)
    world.systems["market"].market_hours = (hours or HOURS) | ({"always": always} if always else {})
    world.systems["market"].installed = "2025-11-01"
    age = max(at(when) - at(FRIDAY), 0.0) + 31.0
    closed = [symbol for symbol in SYMBOLS if symbol not in always]
    fresh = len(SYMBOLS) - len(closed)
    rate = 100.0 * fresh / len(SYMBOLS)
    health = "unhealthy" if rate < 50 else "healthy"
    for request, path in (
        (MARKET_DATA, ""),
        (ALL, "market_data_diagnostics/"),
        *everything("market_data_diagnostics/"),
    ):
        for symbol in closed:
            world.put(request, f"{path}symbol_analysis/{symbol}/status", "stale")
            world.put(request, f"{path}symbol_analysis/{symbol}/age_seconds", age)
        for name, value in (("freshness_rate", rate), ("fresh_symbols", fresh), ("stale_symbols", len(closed))):
            world.put(request, f"{path}data_freshness/{name}", value)
    world.put(ALL, "system_health", health)
    for request, path in everything(""):
        world.put(request, f"{path}system_health", health)
    world.put(SUMMARY, "data/system_health", health).put(SUMMARY, "data/market_data_freshness", f"{rate:g}%")
    world.put(QUICK, "data/status", health).put(QUICK, "data/market_data/freshness_rate", rate)
    for node, symbols in ((NODE_1, SYMBOLS[:2]), (NODE_2, SYMBOLS[2:3]), (NODE_3, SYMBOLS[3:])):
        for symbol in symbols:
            if symbol in closed:
                fields = world.observations[node].facts["hashes"][f"market:{symbol}"]
                fields["timestamp_ms"] = str(int(fields["timestamp_ms"]) - int(age * 1000))
    for symbol in closed:
        world.json(PRICES[symbol])["timestamp_ms"] -= int(age * 1000)
    ticked = [
        one for one in world.observations[STREAM].facts["messages"] if json.loads(one["text"])["symbol"] in always
    ]
    world.observations[STREAM].facts = heard(ticked, ended="time", ending="the time was up", listened_s=10.0)
    if not always:
        silent(world, age)
    return world


def everything(path: str) -> list[tuple[str, str]]:
    """Return where the comprehensive bodies of the gateway hold what stands at a path of the service's."""
    return [(request, f"data/{path}") for request in (GATEWAY_ALL, GATEWAY_ALL + AGAIN)]


MARKET_BLOCKS = [
    (MARKET_DATA, ""),
    (ALL, "market_data_diagnostics/"),
    *everything("market_data_diagnostics/"),
]
"""Where the block of market data stands."""


def silent(world: World, age: float) -> World:
    """Let no message come from the feed, of which the last one is so old."""
    for request in (FEED_BINARY, FEED_JSON):
        world.observations[request].facts = heard([], ended="time", ending="the time was up", listened_s=5.0)
    for request, path in ((WEBSOCKET, ""), (WEBSOCKET + AGAIN, ""), *everything("websocket_diagnostics/")):
        world.put(request, f"{path}connection_status/last_message_age", age)
        world.put(request, f"{path}performance/message_rate_per_sec", 0.0)
        world.put(request, f"{path}performance/messages_processed", 1000)
    for request in (FLOW, FLOW + AGAIN):
        world.put(request, "data/websocket_status/messages_processed", 1000)
        world.put(request, "data/redis_status/last_write_age_seconds", age)
    kinds = world.observations[MARKET_LOG].facts["kinds"]
    kinds["ok.stable"] = {"count": 1, "lines": [[world.at - age, {"n": "241,000"}]]}
    lines = [[world.at - ago, {}] for ago in (40.0, 340.0, 640.0)]
    lines = [line for line in lines if line[0] > world.at - age + 31]
    kinds["error.nodata"] = {"count": len(lines), "lines": lines}
    return world


def not_ok(world: World) -> dict[str, State]:
    """Return the state of every check of the gateway and the market that is not ok."""
    verdicts = [world.verdict(name) for name, one in CATALOGUE.checks.items() if one.system in LOOKED_AT]
    return {verdict.id: verdict.state for verdict in verdicts if verdict.state is not OK}


ALWAYS = [["BTCUSD"], []]


@pytest.mark.parametrize("always", ALWAYS, ids=["something trades", "nothing trades"])
@pytest.mark.parametrize("when", WEEKEND)
def test_on_a_weekend_no_check_is_red_for_what_is_old(when: str, always: list[str]) -> None:
    assert not_ok(seen(when, always)) == {}


def test_without_market_hours_a_weekend_is_critical() -> None:
    world = seen(WEEKEND[2], [])
    world.systems["market"].market_hours = None
    red = not_ok(world)
    for name in ("market.data.freshness_rate", "gateway.market.freshness", "market.ws.last_message_age"):
        assert red[name] is CRITICAL
    assert len(red) > 12


@pytest.mark.parametrize("always", ALWAYS, ids=["something trades", "nothing trades"])
def test_a_row_says_since_when_markets_are_closed_and_what_it_is_judged_on(always: list[str]) -> None:
    world = seen(WEEKEND[2], always)
    since = "markets are closed since Fri 17:00 New York"
    told = {
        name: world.verdict(name).reason
        for name in (
            "gateway.market.freshness",
            "gateway.market.fresh_symbols",
            "gateway.quick_health.freshness",
            "market.data.freshness_rate",
            "market.data.fresh_symbols",
            "market.data.stale_symbols",
            "market.ws.message_rate",
            "market.ws.client_stream",
        )
    }
    assert [name for name, reason in told.items() if since not in reason] == []
    if always:
        words = f"100 % ({since}: judged on 1 symbols that always trade)"
        assert told["market.data.freshness_rate"] == told["gateway.market.freshness"] == words
        assert world.verdict("market.data.freshness_rate").value == 100
    else:
        assert "freshness_rate is 0; recent prices are not expected" in told["market.data.freshness_rate"]
        assert world.verdict("market.data.freshness_rate").value is None


def test_what_always_trades_is_judged_by_the_strict_limits() -> None:
    """A feed that is dead on a Saturday is red where something trades on Saturdays."""
    world = seen(WEEKEND[2], ["BTCUSD"])
    for request, path in (
        (MARKET_DATA, ""),
        (ALL, "market_data_diagnostics/"),
        *everything("market_data_diagnostics/"),
    ):
        world.put(request, f"{path}symbol_analysis/BTCUSD/status", "stale")
        for name, value in (("freshness_rate", 0.0), ("fresh_symbols", 0), ("stale_symbols", 4)):
            world.put(request, f"{path}data_freshness/{name}", value)
    world.put(QUICK, "data/market_data/freshness_rate", 0.0)
    silent(world, 500.0)
    red = not_ok(world)
    for name in (
        "gateway.market.freshness",
        "gateway.market.fresh_symbols",
        "gateway.quick_health.freshness",
        "market.data.freshness_rate",
        "market.data.fresh_symbols",
        "market.ws.last_message_age",
        "market.log.no_fresh_data",
    ):
        assert red[name] is CRITICAL, name
    for name in ("gateway.websocket.messages_progress", "market.ws.message_rate"):
        assert red[name] is WARNING, name
    assert "BTCUSD is stale" in world.verdict("market.data.freshness_rate").reason


@pytest.mark.parametrize("always", ALWAYS, ids=["something trades", "nothing trades"])
def test_what_is_down_or_missing_is_red_on_a_weekend_too(always: list[str]) -> None:
    def red(*puts: tuple[str, str, Any]) -> dict[str, State]:
        world = seen(WEEKEND[2], always)
        for request, path, value in puts:
            world.put(request, path, value)
        return not_ok(world)

    assert red((WEBSOCKET, "connection_status/listeners/json/is_running", False)) == {"market.ws.listeners": CRITICAL}
    gone = red((MARKET_DATA, "data_freshness/missing_symbols", 1), (MARKET_DATA, "missing_data_symbols", ["EURUSD"]))
    assert gone["market.data.missing_symbols"] is WARNING
    assert red((MARKET_DATA, "data_freshness/freshness_rate", None))["market.data.freshness_rate"] is UNKNOWN
    assert red((MARKET_DATA, "symbol_analysis", {}))["market.data.universe"] is WARNING
    assert red((WEBSOCKET, "connection_status/last_message_age", "old"))["market.ws.last_message_age"] is UNKNOWN
    world = seen(WEEKEND[2], always).fail(NODE_1, "refused", "nothing listens")
    assert not_ok(world)["market.redis.direct_nodes"] is CRITICAL
    world = seen(WEEKEND[2], always).fail(ALL, "refused", "nothing listens")
    assert not_ok(world)["market.endpoint.debug[comprehensive]"] is CRITICAL
    world = seen(WEEKEND[2], always).fail(STREAM, "refused", "nothing listens", steps={})
    assert not_ok(world)["market.ws.client_stream"] is CRITICAL
    if always:
        assert red((MARKET_DATA, "symbol_analysis/BTCUSD", {}))["market.data.freshness_rate"] is UNKNOWN


def test_a_platform_that_is_ill_for_another_reason_says_so_on_a_weekend() -> None:
    """Old prices explain unhealthy only below 50 % and degraded below 80 %."""
    world = seen(WEEKEND[2], ["EURUSD", "USDJPY", "BTCUSD"])
    world.put(SUMMARY, "data/system_health", "unhealthy").put(ALL, "system_health", "unhealthy")
    assert not_ok(world)["gateway.summary.system_health"] is CRITICAL
    assert not_ok(world)["market.system_health"] is CRITICAL


@pytest.mark.parametrize("always", ALWAYS, ids=["something trades", "nothing trades"])
def test_a_feed_that_is_dead_five_minutes_after_the_opening_is_red(always: list[str]) -> None:
    red = not_ok(seen(MONDAY, always))
    for name in (
        "gateway.market.freshness",
        "gateway.quick_health.freshness",
        "gateway.summary.system_health",
        "market.data.freshness_rate",
        "market.system_health",
    ):
        assert red[name] is CRITICAL, name
    assert red["market.data.stale_symbols"] is WARNING
    if not always:
        for name in ("gateway.market.fresh_symbols", "market.ws.last_message_age", "market.ws.client_stream"):
            assert red[name] is CRITICAL, name


@pytest.mark.parametrize("always", ALWAYS, ids=["something trades", "nothing trades"])
@pytest.mark.parametrize("later", [0, 60, 119])
def test_a_first_tick_may_take_two_minutes(always: list[str], later: int) -> None:
    when = datetime.fromtimestamp(at(SUNDAY) + later).astimezone().isoformat()
    assert not_ok(seen(when, always)) == {}
    assert "markets opened Sun 17:00 New York" in seen(when, always).verdict("market.data.freshness_rate").reason


def test_the_moment_of_the_look_counts_and_not_that_of_judging() -> None:
    """What was seen on a Saturday is judged as of a Saturday, whenever that is."""
    world = seen(WEEKEND[2], [])
    assert world.verdict("market.data.freshness_rate").observed_at == at(WEEKEND[2])
    assert not_ok(world) == {}
    world.observations[MARKET_DATA].at = at(MONDAY)  # nothing else of it has changed
    assert world.verdict("market.data.freshness_rate").state is CRITICAL
