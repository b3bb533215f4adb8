"""A contract tells every deviation of a body at once, and a healthy body has none."""

import pytest

from healthgate import shapes
from healthgate.claim.facts import Facts
from healthgate.claim.state import State
from healthgate.shapes import Shape, deviations
from tests.checks.world import (
    ALL,
    FLOW,
    GATEWAY_ALL,
    GATEWAY_REDIS,
    MARKET_DATA,
    MISSING,
    QUICK,
    REDIS,
    SUMMARY,
    WEBSOCKET,
    World,
)

CRITICAL, WARNING = State.CRITICAL, State.WARNING

TESTS = "data/connection_pool/connection_tests"


@pytest.mark.parametrize(
    ("check_id", "request_id", "path", "value", "state", "words"),
    [
        ("gateway.contract.redis_cluster", GATEWAY_REDIS, f"{TESTS}/0/symbol", "EUR/USD", CRITICAL, "[A-Z0-9]{3,12}"),
        ("gateway.contract.redis_cluster", GATEWAY_REDIS, f"{TESTS}/0/symbol", "USDJPY", CRITICAL, "more than once"),
        (
            "gateway.contract.redis_cluster",
            GATEWAY_REDIS,
            f"{TESTS}/0/response_time_ms",
            None,
            CRITICAL,
            "only if success",
        ),
        ("gateway.contract.redis_cluster", GATEWAY_REDIS, f"{TESTS}/0/response_time_ms", -1, CRITICAL, "of at least 0"),
        ("gateway.contract.redis_cluster", GATEWAY_REDIS, TESTS, [], CRITICAL, "a list of at least 1"),
        ("gateway.contract.redis_cluster", GATEWAY_REDIS, "success", "yes", CRITICAL, "not true"),
        (
            "gateway.contract.redis_cluster",
            GATEWAY_REDIS,
            "data/connection_pool/max_connections",
            0,
            CRITICAL,
            "at least 1",
        ),
        (
            "gateway.contract.redis_cluster",
            GATEWAY_REDIS,
            "data/connection_pool/utilization_percent",
            101,
            CRITICAL,
            "0 to 100",
        ),
        ("gateway.contract.comprehensive", GATEWAY_ALL, "data/service_status/expected_count", 8, CRITICAL, "that is 7"),
        ("gateway.contract.comprehensive", GATEWAY_ALL, "data/websocket_diagnostics", [], CRITICAL, "an object"),
        ("gateway.contract.comprehensive", GATEWAY_ALL, "data/system_resources/memory_mb", 0, CRITICAL, "above 0"),
        ("gateway.contract.websocket_to_redis", FLOW, "data/flow/dropped", 1.5, CRITICAL, "a whole number"),
        ("gateway.contract.websocket_to_redis", FLOW, "data/websocket_status/is_running", 1, CRITICAL, "true or false"),
        ("gateway.contract.summary", SUMMARY, "data/redis_response_time", "1.8", WARNING, "ms"),
        ("gateway.contract.summary", SUMMARY, "data/websocket_uptime", 99.97, WARNING, "a text like"),
        ("gateway.contract.summary", SUMMARY, "data/last_updated", "2026-03-02T09:14:48+00:00", WARNING, "ending in Z"),
        ("gateway.contract.summary", SUMMARY, "data/extra", 1, WARNING, "there is also extra"),
        ("market.contract.redis_cluster", REDIS, "cluster_health/nodes/1/name", "node-2", CRITICAL, "redis-node-"),
        ("market.contract.redis_cluster", REDIS, "cluster_health/slots_assigned", 16385, CRITICAL, "0 to 16384"),
        ("market.contract.redis_cluster", REDIS, "timestamp", "2026-03-02T09:15:00+02:00", CRITICAL, "a time in UTC"),
        (
            "market.contract.websocket",
            WEBSOCKET,
            "error_categories/dns",
            "none",
            CRITICAL,
            "each member a whole number",
        ),
        ("market.contract.websocket", WEBSOCKET, "connection_status/connected_since", MISSING, CRITICAL, "is missing"),
        ("market.contract.market_data", MARKET_DATA, "symbol_analysis/EURUSD/status", "old", CRITICAL, "one of fresh"),
        ("market.contract.market_data", MARKET_DATA, "symbol_analysis/EURUSD/bid", 0, CRITICAL, "above 0 or null"),
        ("market.contract.market_data", MARKET_DATA, "missing_data_symbols", [1], CRITICAL, "a list, each a text"),
        ("market.contract.comprehensive", ALL, "service", MISSING, CRITICAL, "service is missing"),
        ("market.contract.comprehensive", ALL, "service_status/services/extra", {}, CRITICAL, "with 7 members"),
        ("market.contract.comprehensive", ALL, "websocket_diagnostics/performance", 5, CRITICAL, "performance"),
        (
            "market.contract.quick_health",
            QUICK,
            "data/python_service/response_time_ms",
            "fast",
            WARNING,
            '"fast", not a number',
        ),
    ],
)
def test_each_deviation_is_named(check_id, request_id, path, value, state, words):
    verdict = World().put(request_id, path, value).verdict(check_id)
    assert verdict.state is state, verdict
    assert words in verdict.reason
    assert verdict.value >= 1


def test_null_is_allowed_where_the_contract_says_so():
    world = (
        World().put(GATEWAY_REDIS, f"{TESTS}/0/success", False).put(GATEWAY_REDIS, f"{TESTS}/0/response_time_ms", None)
    )
    assert world.verdict("gateway.contract.redis_cluster").state is State.OK
    world = World().put(MARKET_DATA, "symbol_analysis/EURUSD/bid", None)
    assert world.verdict("market.contract.market_data").state is State.OK


def test_all_deviations_are_told_at_once_and_each_once():
    world = World().put(WEBSOCKET, "performance", MISSING).put(WEBSOCKET, "connection_status/is_running", None)
    verdict = world.verdict("market.contract.websocket")
    assert verdict.value == 2
    assert verdict.reason.startswith("2 deviations (")
    assert verdict.reason.count("performance is missing") == 1


def test_deviations_behind_a_wildcard_do_not_hide_one_another():
    world = World().put(GATEWAY_REDIS, f"{TESTS}/0/data_found", MISSING).put(GATEWAY_REDIS, f"{TESTS}/3/data_found", 7)
    reason = world.verdict("gateway.contract.redis_cluster").reason
    assert "connection_tests[0].data_found is missing" in reason
    assert "connection_tests[3].data_found is 7" in reason


def test_a_long_list_is_cut_after_ten():
    world = World().put(MARKET_DATA, "symbol_analysis", {f"S{i}": 1 for i in range(20)})
    assert "; and 110 more" in world.verdict("market.contract.market_data").reason


@pytest.mark.parametrize("body", [None, [], "text", 7, {}])
def test_a_body_of_another_kind_deviates_and_does_not_fail(body):
    shape: Shape = {"a": shapes.whole(0), "b.*.c": shapes.text(), "": shapes.members()}
    assert deviations(Facts(body), shape)


@pytest.mark.parametrize("value", [None, True, -1, 2**70, 1e400, "x", [], {}, [[]], {"a": None}])
def test_every_expectation_gives_words_or_nothing(value):
    for expected in (
        shapes.number(0, 1),
        shapes.whole(0),
        shapes.text("a+"),
        shapes.one_of("a"),
        shapes.boolean,
        shapes.true,
        shapes.utc,
        shapes.utc_with_z,
        shapes.elements(2, of=shapes.text()),
        shapes.members(3, of=shapes.whole()),
        shapes.only("a"),
        shapes.unique("a"),
        shapes.or_null(shapes.number()),
        shapes.both(shapes.text(), shapes.utc),
        shapes.null_only_if_false("a", "b"),
    ):
        said = expected(Facts(value))
        assert said is None or (isinstance(said, str) and said)
