"""Streams, logs and tokens made ill in a healthy world: the check that is about it says so, in these words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from healthgate.claim.state import State
from healthgate.observe.plan import left_out
from tests.checks.world import (
    ALL,
    ARCHIVES,
    CATALOGUE,
    CLAIMS,
    FEED_BINARY,
    FEED_JSON,
    GATEWAY_ALL,
    GATEWAY_LOG,
    LOG_FILES,
    MARKET_LOG,
    NOW,
    OTHER_CLAIMS,
    OUTSIDE,
    PRICES,
    STREAM,
    SUMMARY,
    WEBSOCKET,
    World,
    binary_frames,
    heard,
    json_frames,
    log_facts,
    price_of,
    ticks,
)

OK, WARNING, CRITICAL, UNKNOWN, BLOCKED = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN, State.BLOCKED
MISSED = State.MISSED
DAY = 86_400
UPSTREAM = ("dns", "tcp", "handshake", "ping")
NODE_OF = {"EURUSD": "market redis redis-node-1"}


def put(request: str, facts: dict[str, Any]) -> World:
    world = World()
    world.observations[request].facts = facts
    return world


def of_log(**kinds: Any) -> World:
    return put(MARKET_LOG, log_facts(**kinds))


def said(world: World, check_id: str, state: State, words: str = "") -> None:
    verdict = world.verdict(check_id)
    assert (verdict.state, words in verdict.reason) == (state, True), verdict.reason


# -- the feed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reached", "failed"), [(0, "dns"), (1, "tcp"), (2, "handshake")])
def test_the_step_that_fails_is_told_and_the_ones_behind_it_are_blocked_by_it(reached, failed):
    steps = dict(list({"resolve": 0.3, "connect": 0.2, "upgrade": 4.1}.items())[:reached])
    world = World().fail(FEED_JSON, "refused", "it went wrong here", steps=steps)
    for number, step in enumerate(UPSTREAM):
        verdict = world.verdict(f"market.ws.upstream[{step}]")
        if number < reached:
            assert verdict.state is OK
        elif step == failed:
            assert verdict.state is CRITICAL
            assert "json: it went wrong here" in verdict.reason
        else:
            assert (verdict.state, verdict.blocked_by) == (BLOCKED, f"market.ws.upstream[{failed}]")
    behind = world.verdict("market.ws.protocol[json]")
    assert (behind.state, behind.blocked_by) == (BLOCKED, f"market.ws.upstream[{failed}]")
    assert world.verdict("market.ws.protocol[binary]").state is OK


def test_a_ping_that_is_never_answered_fails_that_step_alone():
    facts = heard(binary_frames())
    del facts["steps"]["ping"]
    world = put(FEED_BINARY, facts)
    said(world, "market.ws.upstream[ping]", CRITICAL, "binary: no answer in 1000 ms")
    said(world, "market.ws.upstream[handshake]", OK)
    said(world, "market.ws.protocol[binary]", OK)


@pytest.mark.parametrize(("step", "name", "limit"), [("dns", "resolve", 1000), ("handshake", "upgrade", 3000)])
def test_a_step_that_takes_too_long_fails(step, name, limit):
    facts = heard(json_frames())
    facts["steps"][name] = limit
    said(put(FEED_JSON, facts), f"market.ws.upstream[{step}]", OK)
    facts["steps"][name] = limit + 0.1
    said(put(FEED_JSON, facts), f"market.ws.upstream[{step}]", CRITICAL, "json")


def test_a_feed_that_ended_before_any_step_could_be_told_is_unknown():
    world = World().fail(FEED_JSON, "late", "no complete answer within 5 s")
    for step in UPSTREAM:
        said(world, f"market.ws.upstream[{step}]", UNKNOWN, "no complete answer")


UNPRICED = {"type": "tick", "symbol": "EURUSD", **price_of(0), "ask": 0}


def with_bad(frames: list[dict[str, Any]], bad: dict[str, Any], count: int) -> dict[str, Any]:
    return heard([*frames * 10][: 100 - count] + [bad] * count)


@pytest.mark.parametrize(
    ("request_id", "kind", "frames", "bad"),
    [
        (FEED_BINARY, "binary", binary_frames(), {"binary": "AAAA"}),
        (FEED_BINARY, "binary", binary_frames(), {"text": "TICK"}),
        (FEED_JSON, "json", json_frames(), {"text": "{"}),
        (FEED_JSON, "json", json_frames(), {"text": json.dumps({"type": "tick", "symbol": "EURUSD", "bid": 1.0})}),
        (
            FEED_JSON,
            "json",
            json_frames(),
            {"text": json.dumps({"type": "tick", "symbol": "A", **price_of(0), "ask": 0})},
        ),
    ],
)
def test_frames_that_cannot_be_decoded_are_counted(request_id, kind, frames, bad):
    check_id = f"market.ws.protocol[{kind}]"
    said(put(request_id, with_bad(frames, bad, 0)), check_id, OK)
    said(put(request_id, with_bad(frames, bad, 1)), check_id, WARNING, "1 of 100 frames")
    said(put(request_id, with_bad(frames, bad, 10)), check_id, WARNING, "10 %")
    said(put(request_id, with_bad(frames, bad, 11)), check_id, CRITICAL, "11 of 100 frames")


def test_a_feed_that_says_nothing_or_breaks_the_protocol_is_unknown():
    said(put(FEED_JSON, heard([], ending="the time was up")), "market.ws.protocol[json]", UNKNOWN, "no frame came")
    broken = heard(json_frames(), ended="oversized", ending="a message is larger than 1000000 bytes")
    said(put(FEED_JSON, broken), "market.ws.protocol[json]", UNKNOWN, "larger than")


# -- the client stream --------------------------------------------------------------------------------------


def without(symbol: str, **facts: Any) -> dict[str, Any]:
    return heard([one for one in ticks() if f'"{symbol}"' not in one["text"]], **facts)


def test_a_symbol_that_clients_do_not_get_is_named():
    """It has a newer price elsewhere, or nobody can tell whether it has."""
    world = put(STREAM, without("BTCUSD"))
    said(world, "market.ws.client_stream", OK, "no new price of BTCUSD")
    said(world, "market.price.ws_vs_redis", OK, "3 of 4 symbols, EURUSD, USDJPY, XAUUSD;")
    world.json(PRICES["BTCUSD"])["timestamp_ms"] += 1
    said(world, "market.ws.client_stream", CRITICAL, "no tick of BTCUSD in 1.1 s, 8 messages")
    said(world.fail(PRICES["BTCUSD"], "late", "too late"), "market.ws.client_stream", CRITICAL, "no tick of BTCUSD")


def test_a_silent_stream_is_critical_and_explains_the_prices_that_cannot_be_compared():
    world = put(STREAM, heard([], ended="time", ending="the time was up"))
    said(world, "market.ws.client_stream", CRITICAL, "no tick of EURUSD; USDJPY")
    for pair in ("ws_vs_redis", "ws_vs_api"):
        assert world.verdict(f"market.price.{pair}").blocked_by == "market.ws.client_stream"
    said(world, "market.price.redis_vs_api", OK)


def test_a_stream_that_was_cut_short_by_its_own_flood_proves_nothing():
    world = put(STREAM, without("BTCUSD", ended="most"))
    world.json(PRICES["BTCUSD"])["timestamp_ms"] += 1
    said(world, "market.ws.client_stream", UNKNOWN, "no tick of BTCUSD")


def test_garbage_on_the_stream_is_counted():
    facts = heard([{"text": "?"}] * 7, ended="time", ending="the time was up")
    said(put(STREAM, facts), "market.ws.client_stream", CRITICAL, "7 messages were no ticks")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("refused", CRITICAL),
        ("reset", CRITICAL),
        ("unresolved", CRITICAL),
        ("late", UNKNOWN),
        ("tls", UNKNOWN),
        ("malformed", UNKNOWN),
    ],
)
def test_a_stream_that_cannot_be_had_is_one_root(status, state):
    world = World().fail(STREAM, status, "it went wrong", steps={})
    said(world, "market.ws.client_stream", state, "it went wrong")
    assert world.verdict("market.price.ws_vs_redis").blocked_by == "market.ws.client_stream"


# -- one price ----------------------------------------------------------------------------------------------


def moved(price: dict[str, Any], bps: float = 0.0, seq: int = 0, seconds: float = 0.0) -> dict[str, Any]:
    factor = 1 + bps / 10_000
    return price | {
        "bid": price["bid"] * factor,
        "ask": price["ask"] * factor,
        "seq": price["seq"] + seq,
        "timestamp_ms": price["timestamp_ms"] + int(seconds * 1000),
    }


def with_api(price: dict[str, Any]) -> World:
    world = World()
    world.json(PRICES["EURUSD"]).update(price)
    return world


def with_redis(price: dict[str, Any]) -> World:
    world = World()
    fields = {name: str(value) for name, value in price.items()}
    world.observations[NODE_OF["EURUSD"]].facts["hashes"]["market:EURUSD"] = fields
    return world


def with_stream(price: dict[str, Any]) -> World:
    others = [one for one in ticks() if '"EURUSD"' not in one["text"]]
    mine = {"text": json.dumps({"type": "tick", "symbol": "EURUSD", **price})}
    return put(STREAM, heard([*others, mine]))


LEGS = {"ws": (with_stream, "the stream"), "redis": (with_redis, "Redis"), "api": (with_api, "the API")}
PAIRS = ("ws_vs_redis", "redis_vs_api", "ws_vs_api")


def concerned(leg: str) -> list[str]:
    return [f"market.price.{pair}" for pair in PAIRS if leg in pair.split("_vs_")]


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize(("bps", "state"), [(6.0, WARNING), (19.9, WARNING), (20.5, CRITICAL), (-7.0, WARNING)])
def test_a_leg_that_is_off_is_named_with_its_gap(leg, bps, state):
    spoil, spoken = LEGS[leg]
    world = spoil(moved(price_of(0), bps))
    for check_id in concerned(leg):
        said(world, check_id, state, f"{spoken} is the odd one out")
        assert float(world.verdict(check_id).value) == pytest.approx(abs(bps), abs=0.05)
    for name in {f"market.price.{pair}" for pair in PAIRS} - set(concerned(leg)):
        said(world, name, OK, "4 symbols, EURUSD, USDJPY, XAUUSD, BTCUSD; the farthest")


@pytest.mark.parametrize("leg", LEGS)
def test_the_same_tick_with_another_price_is_wrong_however_small_the_gap(leg):
    world = LEGS[leg][0](moved(price_of(0), 1.0))
    for check_id in concerned(leg):
        said(world, check_id, WARNING, "the same tick must have the same prices everywhere")


@pytest.mark.parametrize("leg", LEGS)
def test_a_leg_that_is_behind_is_named_with_the_ticks_it_lacks(leg):
    spoil, spoken = LEGS[leg]
    world = spoil(moved(price_of(0), 0.3, seq=-14, seconds=-4.7))
    behind = 14 if leg == "ws" else 13  # the stream also brought the tick before
    for check_id in concerned(leg):
        said(world, check_id, WARNING, f"{spoken} is the odd one out, {behind} ticks behind")


@pytest.mark.parametrize(("seq", "seconds", "state"), [(-5, -1.9, OK), (-6, -1.9, WARNING), (-3, -2.4, WARNING)])
def test_reads_one_after_the_other_may_be_a_little_apart(seq, seconds, state):
    world = with_redis(moved(price_of(0), 0.5, seq=seq, seconds=seconds))
    said(world, "market.price.redis_vs_api", state)


@pytest.mark.parametrize("leg", LEGS)
def test_a_leg_that_serves_another_symbols_price_is_told_whose(leg):
    spoil, spoken = LEGS[leg]
    world = spoil(price_of(1))
    for check_id in concerned(leg):
        said(world, check_id, CRITICAL, f"{spoken} is the odd one out: it serves the price of USDJPY")


def test_three_prices_for_one_symbol_leave_no_odd_one():
    world = with_api(moved(price_of(0), 30))
    fields = {name: str(value) for name, value in moved(price_of(0), -30).items()}
    world.observations[NODE_OF["EURUSD"]].facts["hashes"]["market:EURUSD"] = fields
    for pair in PAIRS:
        said(world, f"market.price.{pair}", CRITICAL, "all three places differ")


def test_a_price_the_api_does_not_have_is_explained_by_the_service_or_unknown():
    world = World().fail(PRICES["EURUSD"], "refused", "nothing listens")
    said(world, "market.price.ws_vs_api", UNKNOWN, "the API served no price of EURUSD")
    world.fail(ALL, "refused", "nothing listens")
    verdict = world.verdict("market.price.ws_vs_api")
    assert (verdict.state, verdict.blocked_by) == (BLOCKED, "market.endpoint.debug[comprehensive]")
    said(world, "market.price.ws_vs_redis", OK)


def test_one_attempt_that_agrees_is_enough():
    world = with_api(moved(price_of(0), 30)).again(2).again(3)
    said(world, "market.price.ws_vs_api", CRITICAL)
    world.observations[PRICES["EURUSD"] + " (attempt 3)"].facts["json"] = {"symbol": "EURUSD", **price_of(0)}
    said(world, "market.price.ws_vs_api", OK)


def test_a_symbol_that_agreed_in_some_attempt_is_apart_in_none():
    """Each symbol by itself: that another one raced in the attempt in which it agreed says nothing of it."""
    world = with_api(moved(price_of(0), 30)).again(2)
    other = world.observations[PRICES["USDJPY"] + " (attempt 2)"]
    world.observations[PRICES["EURUSD"] + " (attempt 2)"].facts["json"] = {"symbol": "EURUSD", **price_of(0)}
    other.facts["json"] = {"symbol": "USDJPY", **moved(price_of(1), 30)}
    said(world, "market.price.ws_vs_api", OK, "4 symbols")
    world.json(PRICES["USDJPY"]).update(moved(price_of(1), 30))
    said(world, "market.price.ws_vs_api", CRITICAL, "30 bps (USDJPY: ")


def test_every_symbol_that_deviates_is_named():
    world = with_api(moved(price_of(0), 30))
    world.json(PRICES["XAUUSD"]).update(moved(price_of(2), 7))
    reason = world.verdict("market.price.ws_vs_api").reason
    assert reason.startswith("30 bps (EURUSD: the stream")
    assert "; XAUUSD: the stream" in reason
    assert "BTCUSD" not in reason


def test_places_that_were_not_read_at_one_time_are_not_compared():
    world = with_api(moved(price_of(0), 30, seq=9, seconds=3))
    world.observations[PRICES["EURUSD"]].at += 1.1
    for pair in ("redis_vs_api", "ws_vs_api"):
        said(world, f"market.price.{pair}", OK, "3 of 4 symbols, USDJPY, XAUUSD, BTCUSD;")
    for name in PRICES.values():
        world.observations[name].at = NOW + 2
    for pair in ("redis_vs_api", "ws_vs_api"):
        said(world, f"market.price.{pair}", UNKNOWN, "none of EURUSD; USDJPY; XAUUSD; BTCUSD could be compared")


def outside() -> World:
    """A place where clients are: the gateway, the stream, and where single prices are asked for."""
    world = World(direct=False)
    world.systems["market"] = CATALOGUE.systems["market"](
        symbols=["EURUSD", "USDJPY", "XAUUSD", "BTCUSD"],
        stream_url="wss://prices.example.com/ws/prices",
        price_url="https://prices.example.com",
    )
    for name in PRICES.values():
        asked = name.replace("market GET", "market price GET")
        world.observations[asked] = replace(world.observations.pop(name), id=asked)
    return world


def test_from_outside_the_price_on_the_stream_is_compared_with_the_one_clients_ask_for():
    world = outside()
    for name in ("market.price.ws_vs_api", "market.price.sane", "market.data.symbol_age", "market.ws.client_stream"):
        said(world, name, OK)
    world.json("market price GET /api/market/price/XAUUSD").update(moved(price_of(2), 7))
    said(world, "market.price.ws_vs_api", WARNING, "XAUUSD: the stream")
    left = {
        name
        for name in CATALOGUE.checks
        if name.startswith("market.price.") and left_out(CATALOGUE.checks[name], world.systems)
    }
    assert left == {"market.price.ws_vs_redis", "market.price.redis_vs_api"}


def test_from_outside_a_symbol_is_fresh_if_what_clients_get_is():
    world = outside()
    world.json("market price GET /api/market/price/XAUUSD")["timestamp_ms"] -= 36_000
    said(world, "market.data.symbol_age", CRITICAL, "XAUUSD is 36 s old where clients ask for it")
    said(
        world.fail("market price GET /api/market/price/EURUSD", "late", "too late"), "market.data.symbol_age", CRITICAL
    )
    world = outside().fail("market price GET /api/market/price/EURUSD", "late", "too late")
    said(world, "market.data.symbol_age", UNKNOWN, "too late")


@pytest.mark.parametrize(
    ("bid", "ask", "state", "words"),
    [
        (1.09, 1.08, CRITICAL, "EURUSD has bid 1.09 and ask 1.08"),
        (0, 1.0, CRITICAL, "bid 0"),
        (1.0, 1.1, CRITICAL, "spread of"),
        (None, 1.0, UNKNOWN, "EURUSD.bid is null, not a number"),
        (1.0, 1.01, OK, "of 4"),
    ],
)
def test_from_outside_quotes_are_believed_as_the_service_analyses_them(bid, ask, state, words):
    world = outside()
    analysis = "data/market_data_diagnostics/symbol_analysis"
    world.put(GATEWAY_ALL, f"{analysis}/EURUSD/bid", bid).put(GATEWAY_ALL, f"{analysis}/EURUSD/ask", ask)
    said(world, "market.price.sane", state, words)


def test_from_outside_a_symbol_without_a_price_is_none_that_cannot_be_believed():
    world = outside()
    analysis = "data/market_data_diagnostics/symbol_analysis"
    for symbol in ("EURUSD", "USDJPY", "XAUUSD", "BTCUSD"):
        said(world, "market.price.sane", OK)
        world.put(GATEWAY_ALL, f"{analysis}/{symbol}/status", "missing")
        world.put(GATEWAY_ALL, f"{analysis}/{symbol}/bid", None)
    said(world, "market.price.sane", UNKNOWN, "no price of any expected symbol")


# -- the log ------------------------------------------------------------------------------------------------

BAD_LINES = {
    "no_redis_failed": ("error__redis_start", 3500.0),
    "no_listener_critical": ("error__listeners", 3500.0),
    "no_redis_critical": ("error__redis", 899.0),
    "no_fresh_data": ("error__nodata", 899.0),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_one_bad_line_is_critical_within_its_window_and_forgotten_after_it(name):
    kind, within = BAD_LINES[name]
    said(of_log(**{kind: [(within, {})]}), f"market.log.{name}", CRITICAL, "1 line")
    said(of_log(**{kind: [(3700.0, {})]}), f"market.log.{name}", OK)


def test_five_closed_connections_an_hour_are_too_many():
    warmed = {"ok__warmup": [(ago - 2, {}) for ago in range(600, 1200, 100)]}
    said(of_log(error__closed=[(600.0 + 100 * n, {}) for n in range(4)], **warmed), "market.log.ws_closed", OK)
    said(
        of_log(error__closed=[(600.0 + 100 * n, {}) for n in range(5)], **warmed), "market.log.ws_closed", WARNING, "5"
    )


@pytest.mark.parametrize(("closed", "warmed", "state"), [(300, 180, OK), (300, 179, WARNING), (300, 301, WARNING)])
def test_a_warm_up_must_follow_a_close_within_two_minutes(closed, warmed, state):
    world = of_log(error__closed=[(float(closed), {})], ok__warmup=[(float(warmed), {})])
    said(world, "market.log.warmup_success", state)


def test_a_close_of_just_now_still_has_time_for_its_warm_up():
    said(of_log(error__closed=[(60.0, {})]), "market.log.warmup_success", OK)


@pytest.mark.parametrize(("ago", "state"), [(330.0, OK), (331.0, WARNING), (900.0, WARNING), (901.0, CRITICAL)])
def test_the_health_monitor_must_write_every_five_minutes(ago, state):
    said(of_log(ok__health=[(ago, {"r": "✅"})]), "market.health_monitor.cadence", state)


@pytest.mark.parametrize("mark", ["❌", "FAILED"])
def test_a_health_check_that_found_redis_ill_is_critical(mark):
    said(of_log(ok__health=[(10.0, {"r": mark})]), "market.health_monitor.cadence", CRITICAL, "found Redis ill")


def test_a_log_without_any_health_check_is_critical_unless_the_service_has_just_started():
    said(of_log(ok__health=[]), "market.health_monitor.cadence", CRITICAL, "no line about a health check")
    young = {"startup.1": [(200.0, {})]}
    said(of_log(ok__health=[], **young), "market.health_monitor.cadence", UNKNOWN, "not due yet")


@pytest.mark.parametrize(("ago", "state"), [(300.0, OK), (301.0, WARNING)])
def test_the_line_about_a_stable_connection_must_keep_coming(ago, state):
    said(of_log(ok__stable=[(ago, {"n": "1,000"})]), "market.log.connection_stable", state)


@pytest.mark.parametrize(("lines", "state"), [(454, OK), (455, WARNING), (4542, WARNING), (4543, CRITICAL)])
def test_lines_about_bad_messages_are_weighed_against_the_messages(lines, state):
    facts = log_facts(error__message=[(10.0, {})] * 500)
    facts["kinds"]["error.message"]["count"] = lines
    if lines < 500:
        facts = log_facts(error__message=[(10.0, {})] * lines)
    said(put(MARKET_LOG, facts), "market.log.message_errors", state)


def test_without_messages_the_share_of_bad_ones_is_explained_by_their_rate():
    world = World().put(WEBSOCKET, "performance/message_rate_per_sec", 0.0)
    said(world, "market.log.message_errors", UNKNOWN, "no message was processed")


def test_windows_shrink_with_the_time_scale():
    world = of_log(error__redis=[(20.0, {})], ok__health=[(5.4, {"r": "OK"})])
    said(world, "market.log.no_redis_critical", CRITICAL)
    world.time_scale = 60
    said(world, "market.log.no_redis_critical", OK)
    said(world, "market.health_monitor.cadence", OK)
    said(of_log(ok__health=[(5.6, {"r": "OK"})]), "market.health_monitor.cadence", OK)
    late = of_log(ok__health=[(5.6, {"r": "OK"})])
    late.time_scale = 60
    said(late, "market.health_monitor.cadence", WARNING, "336 s")


def test_a_log_that_nobody_writes_any_more_is_not_a_good_one():
    facts = log_facts()
    facts["newest"] = NOW - 901
    for name in ("no_redis_failed", "no_listener_critical", "no_redis_critical", "no_fresh_data", "ws_closed"):
        said(put(MARKET_LOG, facts), f"market.log.{name}", UNKNOWN, "nobody seems to write it any more")
    for name in ("warmup_success", "message_errors"):
        said(put(MARKET_LOG, facts), f"market.log.{name}", UNKNOWN, "nobody seems to write it any more")


def test_a_log_that_does_not_reach_back_far_enough_proves_no_absence():
    facts = log_facts()
    facts["oldest"] = NOW - 100
    world = put(MARKET_LOG, facts)
    said(world, "market.log.no_redis_critical", UNKNOWN, "does not reach back 15 m")
    said(world, "market.log.ws_closed", UNKNOWN, "does not reach back 1 h")
    facts["from_birth"] = True
    said(put(MARKET_LOG, facts), "market.log.no_redis_critical", OK)


def test_a_few_lines_in_a_log_that_is_too_short_do_not_prove_that_there_were_no_more():
    facts = log_facts(error__closed=[(90.0, {}), (80.0, {})], ok__warmup=[(70.0, {})], error__message=[(9.0, {})])
    said(put(MARKET_LOG, facts), "market.log.ws_closed", OK)
    facts["oldest"] = NOW - 100
    said(put(MARKET_LOG, facts), "market.log.ws_closed", UNKNOWN, "does not reach back 1 h")
    said(put(MARKET_LOG, facts), "market.log.message_errors", UNKNOWN, "does not reach back 5 m")
    many = log_facts(error__closed=[(90.0 - n, {}) for n in range(5)])
    many["oldest"] = NOW - 100
    said(put(MARKET_LOG, many), "market.log.ws_closed", WARNING, "5 closes/h")


def test_a_log_that_cannot_be_read_is_one_root():
    world = World().fail(MARKET_LOG, "missing", "there is no file market.log")
    said(world, "market.health_monitor.cadence", UNKNOWN, "there is no file market.log")
    log_rows = [name for name in CATALOGUE.checks if name.startswith(("market.log.", "market.startup."))]
    roots = {name: world.verdict(name).blocked_by for name in log_rows}
    files = {"market.log.retention[detail]", "market.log.retention[summary]", "market.log.size"}
    assert {name for name, root in roots.items() if root != "market.health_monitor.cadence"} == files


# -- the start ----------------------------------------------------------------------------------------------


def test_a_start_without_one_of_its_lines_names_it():
    world = of_log(**{"startup.4": []})
    said(world, "market.startup.sequence", WARNING, 'missing, late or out of order: "Environment variables: OK"')
    said(world, "market.startup.services_count", OK)


def test_lines_of_a_start_in_the_wrong_order_or_too_late_do_not_count():
    said(of_log(**{"startup.4": [(3599.0, {})]}), "market.startup.sequence", WARNING, "Environment variables: OK")
    said(of_log(**{"startup.14": [(3500.0, {"n": "7"})]}), "market.startup.sequence", WARNING, "Startup complete")


def test_only_the_last_start_counts():
    earlier = {
        "startup.1": [(3599.9, {}), (9000.0, {})],
        "startup.6": [(3599.4, {"pct": "100.0"}), (8999.0, {"pct": "66.7"})],
    }
    world = of_log(**earlier)
    said(world, "market.startup.sequence", OK)
    said(world, "market.startup.prerequisites", OK)


@pytest.mark.parametrize(("pct", "state"), [("100.0", OK), ("99.9", CRITICAL), ("66.7", CRITICAL)])
def test_every_prerequisite_must_be_met(pct, state):
    said(of_log(**{"startup.6": [(3599.4, {"pct": pct})]}), "market.startup.prerequisites", state)


@pytest.mark.parametrize(("announced", "state"), [("7", OK), ("6", CRITICAL), ("8", MISSED)])
def test_seven_services_must_be_announced(announced, state):
    said(of_log(**{"startup.14": [(3598.6, {"n": announced})]}), "market.startup.services_count", state)


def test_a_service_without_its_line_is_not_believed_to_have_started():
    said(of_log(**{"startup.12": []}), "market.startup.services_count", CRITICAL, "no line for: AutoCutoff watcher")


def test_a_start_that_never_completed_is_critical_and_one_under_way_is_unknown():
    said(of_log(**{"startup.14": []}), "market.startup.services_count", CRITICAL, "did not write that it was complete")
    young = {f"startup.{n}": [(20.0 - n / 10, {})] for n in range(1, 5)} | {f"startup.{n}": [] for n in range(5, 15)}
    for name in ("sequence", "prerequisites", "services_count"):
        said(of_log(**young), f"market.startup.{name}", UNKNOWN, "started 20 s ago")


def test_a_log_without_any_start_proves_nothing_about_it():
    none = {f"startup.{n}": [] for n in range(1, 15)}
    for name in ("sequence", "prerequisites", "services_count"):
        said(of_log(**none), f"market.startup.{name}", UNKNOWN, "no start of the service")


# -- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "state"), [(6.9, WARNING), (7.0, OK), (8.0, OK), (400.0, OK)])
def test_detailed_logs_reach_back_a_week_at_least(days, state):
    facts = {"files": [["market.log", 10, NOW], ["market.log.7", 10, NOW - days * DAY]], "folder_size": 20}
    said(put(LOG_FILES, facts), "market.log.retention[detail]", state)


@pytest.mark.parametrize(("days", "state"), [(29.9, WARNING), (30.0, OK), (400.0, OK)])
def test_archived_summaries_reach_back_a_month(days, state):
    facts = {"files": [["summary-1.log", 10, NOW - days * DAY]], "folder_size": 20}
    said(put(ARCHIVES, facts), "market.log.retention[summary]", state)


def test_a_young_installation_is_judged_by_its_age():
    facts = {"files": [["market.log", 10, NOW], ["market.log.1", 10, NOW - 2.5 * DAY]], "folder_size": 20}
    world = put(LOG_FILES, facts)
    world.systems["market"].installed = "2026-02-27"
    said(world, "market.log.retention[detail]", OK)
    world.systems["market"].installed = "2026-02-26"
    said(world, "market.log.retention[detail]", WARNING, "should reach back 3.39 days")


@pytest.mark.parametrize(
    ("file_mb", "folder_mb", "state"), [(499, 4999, OK), (500, 600, WARNING), (499, 5000, WARNING)]
)
def test_logs_have_a_largest_size(file_mb, folder_mb, state):
    facts = {"files": [["market.log", file_mb * 1_000_000, NOW]], "folder_size": folder_mb * 1_000_000}
    said(put(LOG_FILES, facts), "market.log.size", state)


# -- the gateway's log, port and token ----------------------------------------------------------------------


def test_a_request_that_left_no_line_in_the_gateways_log_is_missed():
    world = World()
    world.observations[SUMMARY].facts["request_id"] = "another"
    said(world, "gateway.log.requests", MISSED, "does not stand in the log")
    facts = world.observations[GATEWAY_LOG + " (again)"].facts
    facts["kinds"]["request"] = facts["kinds"]["request"] | {"count": 900}
    said(world, "gateway.log.requests", UNKNOWN, "more than 1 requests were logged meanwhile")
    facts["kinds"]["request"]["lines"][0][0] = NOW - 1
    said(world, "gateway.log.requests", MISSED, "does not stand in the log")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("refused", OK),
        ("late", OK),
        ("answered", CRITICAL),
        ("starved", UNKNOWN),
        ("unresolved", UNKNOWN),
        ("unreachable", UNKNOWN),
    ],
)
def test_the_port_of_the_service_must_be_closed_to_the_outside(status, state):
    said(World().fail(OUTSIDE, status, "it ended so"), "gateway.exposure.python_port_closed", state)


@pytest.mark.parametrize(
    ("claims", "state", "words"),
    [
        ({"role": "superadmin", "exp": NOW + DAY + 1}, OK, "1.0 days"),
        ({"role": "superadmin", "exp": NOW + DAY}, WARNING, "86400 s"),
        ({"role": "superadmin", "exp": NOW - 1}, CRITICAL, "-1 s"),
        ({"role": "admin", "exp": NOW + 2 * DAY}, CRITICAL, 'the role "admin", not "superadmin"'),
        ({"role": "superadmin"}, UNKNOWN, "exp is missing"),
        (None, UNKNOWN, "not a JSON Web Token"),
    ],
)
def test_the_token_must_be_good_for_another_day(claims, state, words):
    said(put(CLAIMS, {"placeholder": False, "claims": claims}), "gateway.auth.token_hygiene", state, words)


def test_a_placeholder_is_no_token():
    facts = {"placeholder": True, "claims": None}
    said(put(CLAIMS, facts), "gateway.auth.token_hygiene", CRITICAL, "placeholder of an example")


@pytest.mark.parametrize("name", [CLAIMS, *OTHER_CLAIMS])
def test_a_placeholder_is_told_of_every_token_and_of_opaque_ones(name):
    check_id = "gateway.auth.token_placeholder"
    for claims in (None, {"role": "superadmin", "exp": NOW + 2 * DAY}):
        said(put(name, {"placeholder": False, "claims": claims}), check_id, OK, "of 4")
        world = put(name, {"placeholder": True, "claims": claims})
        said(world, check_id, CRITICAL, f"{name.removeprefix('gateway claims of ')} is the placeholder")
        world.systems["gateway"].superadmin_role = None
        said(world, check_id, CRITICAL, "1 token")
    few = World()
    few.systems["gateway"].user_token = few.systems["gateway"].expired_token = None
    said(few, check_id, OK, "of 2")
