"""One thing made ill in a healthy world: the check that is about it says so, in these words."""

import pytest

from healthgate.claim.state import State
from tests.checks.world import (
    AGAIN,
    ALL,
    CATALOGUE,
    FLOW,
    GATEWAY_ALL,
    GATEWAY_REDIS,
    MARKET_DATA,
    MISSING,
    NODE_1,
    NODE_2,
    NODE_3,
    NOW,
    QUICK,
    REDIS,
    STREAM,
    SUMMARY,
    WEBSOCKET,
    G,
    World,
)

OK, MISSED, WARNING, CRITICAL, UNKNOWN = State.OK, State.MISSED, State.WARNING, State.CRITICAL, State.UNKNOWN

POOL = "data/connection_pool"
TESTS = f"{POOL}/connection_tests"
PRICE = "hashes/market:EURUSD"


NOT_YET = {"sse.cleanup.error_trend", "sse.prometheus.error_ratio", "wsmanager.retry.rate"}
"""What the two looks of a first run, two seconds apart, cannot know."""


def test_everything_is_ok_where_all_is_well_but_what_a_first_run_cannot_know():
    verdicts = [World().verdict(name) for name in sorted(CATALOGUE.checks)]
    assert {verdict.id for verdict in verdicts if verdict.state is not OK} == NOT_YET
    assert all(verdict.healthy for verdict in verdicts)
    early = [verdict for verdict in verdicts if verdict.is_early]
    assert {(verdict.id, verdict.state, verdict.value) for verdict in early} == {
        (name, State.PENDING, None) for name in NOT_YET
    }


def test_seen_through_the_gateway_every_reported_figure_is_still_judged():
    from healthgate.observe.plan import left_out

    world = World(direct=False)
    left = {name for name in CATALOGUE.checks if left_out(CATALOGUE.checks[name], world.systems)}
    assert left == {
        "gateway.auth.token_hygiene",
        "gateway.consistency.pool",
        "gateway.consistency.freshness",
        "gateway.consistency.websocket",
        "gateway.consistency.redis_state",
        "gateway.exposure.python_port_closed",
        "gateway.log.requests",
        *(name for name in CATALOGUE.checks if name.startswith(("market.log.", "market.startup."))),
        *(name for name in CATALOGUE.checks if name.startswith("market.price.") and name != "market.price.sane"),
        *(name for name in CATALOGUE.checks if name.startswith(("market.ws.upstream", "market.ws.protocol"))),
        "market.health_monitor.cadence",
        "market.ws.client_stream",
        "market.contract.comprehensive",
        "market.data.key_pattern",
        "market.data.symbol_age",
        "market.redis.direct_nodes",
        *(f"market.endpoint.debug[{name}]" for name in ("comprehensive", "redis_cluster", "websocket", "market_data")),
    }
    for name in set(CATALOGUE.checks) - left - NOT_YET:
        assert world.verdict(name).state is OK


@pytest.mark.parametrize(
    ("check_id", "request_id", "path", "value", "state", "words"),
    [
        # the gateway's pool
        (
            "gateway.pool.utilization",
            GATEWAY_REDIS,
            f"{POOL}/utilization_percent",
            85.0,
            WARNING,
            "85 %; it should stay",
        ),
        ("gateway.pool.utilization", GATEWAY_REDIS, f"{POOL}/utilization_percent", MISSING, UNKNOWN, "is missing"),
        ("gateway.pool.utilization", GATEWAY_REDIS, f"{POOL}/utilization_percent", None, UNKNOWN, "is missing"),
        ("gateway.pool.tests_succeed", GATEWAY_REDIS, f"{TESTS}/1/success", False, WARNING, "USDJPY fails"),
        ("gateway.pool.tests_succeed", GATEWAY_REDIS, f"{TESTS}/1/success", MISSING, UNKNOWN, "[1].success is missing"),
        ("gateway.pool.tests_succeed", GATEWAY_REDIS, f"{TESTS}/1/symbol", 42, OK, ""),
        ("gateway.pool.tests_succeed", GATEWAY_REDIS, TESTS, [], UNKNOWN, "is empty"),
        ("gateway.pool.tests_data_found", GATEWAY_REDIS, f"{TESTS}/2/data_found", False, WARNING, "XAUUSD has no data"),
        ("gateway.redis.reachable", GATEWAY_REDIS, "data/cluster_health/ping_success", False, CRITICAL, "no ping"),
        (
            "gateway.redis.reachable",
            GATEWAY_REDIS,
            "data/cluster_health/connected",
            "yes",
            UNKNOWN,
            "not true or false",
        ),
        ("gateway.pool.arithmetic[utilization]", GATEWAY_REDIS, f"{POOL}/utilization_percent", 18.5, OK, ""),
        (
            "gateway.pool.arithmetic[utilization]",
            GATEWAY_REDIS,
            f"{POOL}/utilization_percent",
            18.6,
            WARNING,
            "9 of 50",
        ),
        ("gateway.pool.arithmetic[utilization]", GATEWAY_REDIS, f"{POOL}/max_connections", 0, UNKNOWN, "no share"),
        ("gateway.pool.arithmetic[success_rate]", GATEWAY_REDIS, f"{TESTS}/0/success", False, WARNING, "3 of 4 tests"),
        ("gateway.pool.arithmetic[success_rate]", GATEWAY_REDIS, TESTS, [], UNKNOWN, "is empty"),
        ("gateway.pool.arithmetic[average]", GATEWAY_REDIS, f"{POOL}/avg_response_time_ms", 2.0, OK, ""),
        (
            "gateway.pool.arithmetic[average]",
            GATEWAY_REDIS,
            f"{POOL}/avg_response_time_ms",
            2.1,
            WARNING,
            "the mean of 4",
        ),
        (
            "gateway.pool.arithmetic[average]",
            GATEWAY_REDIS,
            f"{TESTS}/0/response_time_ms",
            None,
            UNKNOWN,
            "not a number",
        ),
        # the gateway's view of the WebSocket
        ("gateway.websocket.running", FLOW, "data/websocket_status/is_running", False, CRITICAL, "reported stopped"),
        ("gateway.websocket.flow", FLOW, "data/flow/delivery_ratio_percent", 98.9, WARNING, '"delayed" (98.9 % arrive'),
        ("gateway.websocket.flow", FLOW, "data/flow/lag_ms_p95", 100, WARNING, "within 100 ms"),
        ("gateway.websocket.flow", FLOW, "data/redis_status/last_write_age_seconds", 30, WARNING, "30 s ago"),
        ("gateway.websocket.flow", FLOW, "data/redis_status/last_write_age_seconds", 60, CRITICAL, '"lost"'),
        ("gateway.websocket.flow", FLOW, "data/flow/delivery_ratio_percent", 89.9, CRITICAL, '"lost"'),
        ("gateway.websocket.flow", FLOW, "data/flow/lag_ms_p95", MISSING, UNKNOWN, "lag_ms_p95 is missing"),
        # the summary
        ("gateway.summary.system_health", SUMMARY, "data/system_health", "degraded", WARNING, '"degraded"'),
        # the quick health
        ("gateway.quick_health.connected", QUICK, "data/redis/connected", False, CRITICAL, "reported disconnected"),
        ("gateway.quick_health.connected", QUICK, "data/redis/connected", "yes", UNKNOWN, "not true or false"),
        ("gateway.quick_health.running", QUICK, "data/websocket/is_running", False, CRITICAL, "reported stopped"),
        (
            "gateway.quick_health.missing_symbols",
            QUICK,
            "data/market_data/missing_data_symbols",
            ["BTCUSD"],
            WARNING,
            "1 symbol (BTCUSD)",
        ),
        ("gateway.quick_health.freshness", QUICK, "data/market_data/freshness_rate", 49.9, CRITICAL, "49.9 %"),
        ("gateway.quick_health.freshness", QUICK, "data/market_data/freshness_rate", 50.0, OK, ""),
        (
            "gateway.quick_health.freshness",
            QUICK,
            "data/market_data/freshness_rate",
            None,
            State.BLOCKED,
            "quick_health",
        ),
        (
            "gateway.quick_health.agrees",
            QUICK,
            "data/redis/connected",
            False,
            WARNING,
            "redis.connected is false, in detail true",
        ),
        ("gateway.quick_health.agrees", QUICK, "data/websocket/is_running", False, WARNING, "in detail true"),
        ("gateway.quick_health.agrees", QUICK, "data/status", "degraded", WARNING, "status is degraded"),
        ("gateway.quick_health.agrees", QUICK, "data/market_data/freshness_rate", 98.0, OK, ""),
        ("gateway.quick_health.agrees", QUICK, "data/market_data/freshness_rate", 97.9, WARNING, "in detail 100"),
        (
            "gateway.quick_health.agrees",
            QUICK,
            "data/market_data/missing_data_symbols",
            ["BTCUSD"],
            WARNING,
            "BTCUSD is missing here and not in detail",
        ),
        (
            "gateway.quick_health.agrees",
            GATEWAY_ALL,
            "data/market_data_diagnostics/missing_data_symbols",
            ["BTCUSD"],
            WARNING,
            "BTCUSD is missing in detail and not here",
        ),
        ("gateway.quick_health.agrees", GATEWAY_ALL, "data/system_health", MISSING, UNKNOWN, "is missing"),
        ("market.system_health", ALL, "system_health", "degraded", WARNING, '"degraded"'),
        ("market.system_health", ALL, "system_health", "on fire", CRITICAL, '"on fire"'),
        ("market.system_health", ALL, "system_health", MISSING, UNKNOWN, "is missing"),
        ("gateway.summary.system_health", SUMMARY, "data/system_health", "on fire", CRITICAL, '"on fire"'),
        ("gateway.summary.matches_detail[utilization]", SUMMARY, "data/connection_pool_utilization", "23%", OK, ""),
        (
            "gateway.summary.matches_detail[utilization]",
            SUMMARY,
            "data/connection_pool_utilization",
            "24%",
            WARNING,
            "24 %",
        ),
        (
            "gateway.summary.matches_detail[freshness]",
            SUMMARY,
            "data/market_data_freshness",
            "97%",
            WARNING,
            "3 points",
        ),
        (
            "gateway.summary.matches_detail[freshness]",
            SUMMARY,
            "data/market_data_freshness",
            "all",
            UNKNOWN,
            "followed by %",
        ),
        ("gateway.summary.matches_detail[uptime]", SUMMARY, "data/websocket_uptime", "99.97 %", OK, ""),
        ("gateway.summary.matches_detail[uptime]", SUMMARY, "data/websocket_uptime", "99.87%", OK, ""),
        ("gateway.summary.matches_detail[uptime]", SUMMARY, "data/websocket_uptime", "99.86%", WARNING, "0.11 points"),
        ("gateway.summary.matches_detail[redis_time]", SUMMARY, "data/redis_response_time", "6.8ms", OK, ""),
        ("gateway.summary.matches_detail[redis_time]", SUMMARY, "data/redis_response_time", "6.9ms", WARNING, "6.9 ms"),
        ("gateway.summary.matches_detail[redis_time]", SUMMARY, "data/redis_response_time", 1.8, UNKNOWN, "not text"),
        # how old the figures are
        ("gateway.data_age[summary]", SUMMARY, "data/last_updated", "2026-03-02T09:14:00Z", OK, ""),
        ("gateway.data_age[summary]", SUMMARY, "data/last_updated", "2026-03-02T09:13:59Z", WARNING, "61 s"),
        ("gateway.data_age[summary]", SUMMARY, "data/last_updated", "2026-03-02T09:09:59Z", CRITICAL, "301 s"),
        ("gateway.data_age[summary]", SUMMARY, "data/last_updated", "2026-03-02T09:15:05Z", OK, ""),
        ("gateway.data_age[summary]", SUMMARY, "data/last_updated", "2026-03-02T09:15:06Z", UNKNOWN, "lowest possible"),
        (
            "gateway.data_age[summary]",
            SUMMARY,
            "data/last_updated",
            "2026-03-02T09:15:00",
            UNKNOWN,
            "not a time such as",
        ),
        ("gateway.data_age[redis_cluster]", GATEWAY_REDIS, "data/timestamp", MISSING, UNKNOWN, "is missing"),
        # gateway against service against Redis
        ("gateway.consistency.pool", GATEWAY_REDIS, f"{POOL}/active_connections", 12, OK, ""),
        ("gateway.consistency.pool", GATEWAY_REDIS, f"{POOL}/active_connections", 13, WARNING, "13 at the gateway, 9"),
        (
            "gateway.consistency.pool",
            GATEWAY_REDIS,
            f"{POOL}/utilization_percent",
            23.1,
            WARNING,
            "23.1 at the gateway",
        ),
        ("gateway.consistency.pool", REDIS, "connection_pool/utilization_percent", MISSING, UNKNOWN, "is missing"),
        (
            "gateway.consistency.freshness",
            GATEWAY_ALL,
            "data/market_data_diagnostics/data_freshness/freshness_rate",
            94.0,
            WARNING,
            "gateway 94 %, service 100 %, Redis 100 %",
        ),
        (
            "gateway.consistency.freshness",
            NODE_1,
            f"{PRICE}/timestamp_ms",
            str(int(NOW - 31) * 1000),
            CRITICAL,
            "Redis 75",
        ),
        ("gateway.consistency.freshness", NODE_1, f"{PRICE}/timestamp_ms", "soon", UNKNOWN, 'market:EURUSD is "soon"'),
        (
            "gateway.consistency.websocket",
            FLOW + AGAIN,
            "data/websocket_status/is_running",
            False,
            WARNING,
            "is_running",
        ),
        (
            "gateway.consistency.websocket",
            FLOW + AGAIN,
            "data/websocket_status/messages_processed",
            1311,
            WARNING,
            "1311",
        ),
        (
            "gateway.consistency.websocket",
            FLOW + AGAIN,
            "data/websocket_status/messages_processed",
            999,
            WARNING,
            "999",
        ),
        ("gateway.consistency.websocket", WEBSOCKET + AGAIN, "performance", MISSING, UNKNOWN, "performance is missing"),
        (
            "gateway.consistency.redis_state",
            GATEWAY_REDIS,
            "data/cluster_health/cluster_state",
            "fail",
            CRITICAL,
            "fail",
        ),
        ("gateway.consistency.redis_state", REDIS, "cluster_health/cluster_state", MISSING, UNKNOWN, "is missing"),
        # the service's Redis
        ("market.redis.connected", REDIS, "cluster_health/connected", False, CRITICAL, "reports no connection"),
        ("market.redis.connected", REDIS, "cluster_health/connected", 0, UNKNOWN, "not true or false"),
        ("market.redis.cluster_state", REDIS, "cluster_health/cluster_state", "fail", CRITICAL, '"fail"'),
        (
            "market.redis.nodes_healthy",
            REDIS,
            "cluster_health/nodes/1/healthy",
            False,
            WARNING,
            "redis-node-2 is unhealthy",
        ),
        ("market.redis.nodes_healthy", REDIS, "cluster_health/nodes/1/healthy", MISSING, UNKNOWN, "is missing"),
        (
            "market.redis.nodes_healthy",
            REDIS,
            "cluster_health/nodes/2",
            MISSING,
            CRITICAL,
            "lists 2 nodes, fewer than 3",
        ),
        ("market.redis.nodes_healthy", REDIS, "cluster_health/nodes", MISSING, UNKNOWN, "nodes is missing"),
        ("market.redis.direct_nodes", NODE_2, "replies/PING", {"error": "LOADING"}, CRITICAL, "the error LOADING"),
        (
            "market.redis.direct_nodes",
            NODE_2,
            "replies/CLUSTER INFO/cluster_state",
            "fail",
            CRITICAL,
            'state is "fail"',
        ),
        (
            "market.redis.direct_nodes",
            NODE_3,
            "replies/CLUSTER INFO/cluster_slots_ok",
            "10922",
            CRITICAL,
            "10922, not 16384",
        ),
        ("market.redis.direct_nodes", NODE_3, "replies/CLUSTER INFO/cluster_slots_fail", "1", CRITICAL, "slots_fail 1"),
        ("market.redis.direct_nodes", NODE_3, "replies/CLUSTER INFO/cluster_known_nodes", "2", CRITICAL, "at least 3"),
        ("market.redis.direct_nodes", NODE_3, "replies/CLUSTER INFO/cluster_slots_ok", "many", UNKNOWN, "no number"),
        (
            "market.redis.direct_nodes",
            NODE_3,
            "replies/CLUSTER INFO",
            {"error": "ERR off"},
            CRITICAL,
            "the error ERR off",
        ),
        # the service's WebSocket
        ("market.ws.running", WEBSOCKET, "connection_status/is_running", False, CRITICAL, "reported stopped"),
        (
            "market.ws.listeners",
            WEBSOCKET,
            "connection_status/listeners/json/is_running",
            False,
            CRITICAL,
            "the json listener",
        ),
        ("market.ws.listeners", WEBSOCKET, "connection_status/listeners/json", MISSING, UNKNOWN, "json is missing"),
        (
            "market.ws.message_rate",
            WEBSOCKET + AGAIN,
            "performance/messages_processed",
            1200,
            WARNING,
            "100 messages/s",
        ),
        ("market.ws.message_rate", WEBSOCKET + AGAIN, "performance/messages_processed", 900, UNKNOWN, "fell from 1000"),
        (
            "market.ws.message_rate",
            WEBSOCKET + AGAIN,
            "performance/messages_processed",
            True,
            UNKNOWN,
            "not a whole number",
        ),
        ("market.ws.history_arithmetic", WEBSOCKET, "connection_history/success_rate", 99.0, WARNING, "125 of 126"),
        (
            "market.ws.history_arithmetic",
            WEBSOCKET,
            "connection_history/connection_failures",
            2,
            WARNING,
            "of an hour are 2",
        ),
        ("market.ws.history_arithmetic", WEBSOCKET, "error_categories/dns", 3, WARNING, "sum up to 4"),
        ("market.ws.history_arithmetic", WEBSOCKET, "error_categories/parse", 5000, OK, ""),
        (
            "market.ws.history_arithmetic",
            WEBSOCKET,
            "connection_history/connection_failures_total",
            5,
            WARNING,
            "connection_failures_total is 5, attempts without success are 1",
        ),
        ("market.ws.history_arithmetic", WEBSOCKET, "connection_history/success_rate", MISSING, UNKNOWN, "is missing"),
        # the service's market data
        (
            "market.data.missing_data_symbols",
            MARKET_DATA,
            "missing_data_symbols",
            ["BTCUSD"],
            WARNING,
            "1 symbol (BTCUSD)",
        ),
        ("market.data.missing_data_symbols", MARKET_DATA, "missing_data_symbols", None, UNKNOWN, "not a list"),
        ("market.data.universe", MARKET_DATA, "symbol_analysis/BTCUSD", MISSING, WARNING, "BTCUSD is not analysed"),
        ("market.data.universe", MARKET_DATA, "symbol_analysis/DOGEUSD", {}, WARNING, "DOGEUSD is not expected"),
        ("market.data.universe", MARKET_DATA, "symbol_analysis", MISSING, UNKNOWN, "symbol_analysis is missing"),
        ("market.data.arithmetic", MARKET_DATA, "data_freshness/total_symbols", 5, WARNING, "total_symbols is 5"),
        ("market.data.arithmetic", MARKET_DATA, "data_freshness/freshness_rate", 99.8, WARNING, "4 of 4 is 100"),
        ("market.data.arithmetic", MARKET_DATA, "missing_data_symbols", ["EURUSD"], WARNING, "names 1"),
        ("market.data.arithmetic", MARKET_DATA, "symbol_analysis/EURUSD/status", "stale", WARNING, "calls 1 stale"),
        ("market.data.arithmetic", MARKET_DATA, "data_freshness/total_symbols", 0, WARNING, "total_symbols is 0"),
        ("market.data.arithmetic", MARKET_DATA, "data_freshness/total_symbols", MISSING, UNKNOWN, "is missing"),
        (
            "market.data.symbol_age",
            MARKET_DATA,
            "symbol_analysis/EURUSD/age_seconds",
            30.1,
            CRITICAL,
            "EURUSD is 30 s old",
        ),
        ("market.data.symbol_age", MARKET_DATA, "symbol_analysis/EURUSD/age_seconds", None, UNKNOWN, "not a number"),
        (
            "market.data.symbol_age",
            NODE_1,
            f"{PRICE}/timestamp_ms",
            str(int(NOW - 36) * 1000),
            CRITICAL,
            "36 s old in Redis",
        ),
        ("market.data.symbol_age", NODE_1, PRICE, MISSING, CRITICAL, "EURUSD is not in Redis"),
        ("market.data.key_pattern", MARKET_DATA, "redis_key_patterns/market:*", 5, WARNING, "5 are reported"),
        ("market.data.key_pattern", NODE_3, "hashes/market:OLD", {}, WARNING, "5 price keys, with OLD"),
        ("market.data.key_pattern", NODE_3, "others", ["market:NOTE"], WARNING, "5 price keys, with NOTE"),
        ("market.data.key_pattern", NODE_3, "hashes/market:BTCUSD", MISSING, WARNING, "3 price keys, without BTCUSD"),
        ("market.data.key_pattern", MARKET_DATA, "redis_key_patterns", MISSING, UNKNOWN, "is missing"),
        ("market.data.reported_consistency", MARKET_DATA, "price_consistency/max_deviation_bps", 5, OK, ""),
        (
            "market.data.reported_consistency",
            MARKET_DATA,
            "price_consistency/max_deviation_bps",
            5.1,
            CRITICAL,
            "5.1 bps",
        ),
        (
            "market.data.reported_consistency",
            MARKET_DATA,
            "price_consistency/inconsistent_symbols",
            ["EURUSD"],
            CRITICAL,
            "EURUSD is inconsistent",
        ),
        ("market.price.sane", NODE_1, f"{PRICE}/bid", "1.09", CRITICAL, "bid 1.09 and ask 1.08424"),
        ("market.price.sane", NODE_1, f"{PRICE}/bid", "0", CRITICAL, "bid 0"),
        ("market.price.sane", NODE_1, f"{PRICE}/ask", "1.2", CRITICAL, "spread of"),
        ("market.price.sane", NODE_1, f"{PRICE}/ask", "1.084120", OK, ""),
        ("market.price.sane", NODE_1, f"{PRICE}/ask", "nan", UNKNOWN, 'ask of market:EURUSD is "nan"'),
        ("market.price.sane", NODE_1, f"{PRICE}/ask", MISSING, UNKNOWN, "ask of market:EURUSD is missing"),
        # the service's background services
        (
            "market.services.running",
            ALL,
            "service_status/services/health_monitor/state",
            "failed",
            WARNING,
            "health_monitor",
        ),
        ("market.services.running", ALL, "service_status/services/health_monitor", MISSING, WARNING, '"not listed"'),
        ("market.services.running", ALL, "service_status/running_count", 6, WARNING, "while all states are running"),
        ("market.services.running", ALL, "service_status/running_count", 5, CRITICAL, "5 services"),
        ("market.services.running", ALL, "service_status/running_count", MISSING, UNKNOWN, "is missing"),
        (
            "market.services.running",
            ALL,
            "service_status/services/json_market_listener/state",
            "stopped",
            CRITICAL,
            "a market listener does not run",
        ),
    ],
)
def test_one_ill_member(check_id, request_id, path, value, state, words):
    verdict = World().put(request_id, path, value).verdict(check_id)
    assert verdict.state is state, verdict
    assert words in verdict.reason


def test_the_progress_of_messages_is_judged_over_two_reads():
    counter = "data/websocket_status/messages_processed"
    for later, state in ((1001, OK), (1000, WARNING), (999, CRITICAL), (MISSING, UNKNOWN)):
        assert World().put(FLOW + AGAIN, counter, later).verdict("gateway.websocket.messages_progress").state is state


def test_a_counter_that_fell_in_a_restart_counts_from_zero():
    world = World().put(FLOW + AGAIN, "data/websocket_status/messages_processed", 40)
    world.put(GATEWAY_ALL + AGAIN, "data/service_status/started_at", "2026-03-02T09:14:59Z")
    verdict = world.verdict("gateway.websocket.messages_progress")
    assert verdict.state is OK
    assert verdict.value == 40
    assert "having restarted" in verdict.reason


def test_two_unhealthy_nodes_are_critical():
    world = (
        World().put(REDIS, "cluster_health/nodes/0/healthy", False).put(REDIS, "cluster_health/nodes/1/healthy", False)
    )
    assert world.verdict("market.redis.nodes_healthy").state is CRITICAL


def test_two_stopped_background_services_are_critical():
    world = World()
    for name in ("health_monitor", "autocutoff_watcher"):
        world.put(ALL, f"service_status/services/{name}/state", "restarting")
    assert world.verdict("market.services.running").state is CRITICAL


def test_a_proof_outranks_a_doubt():
    world = World().put(GATEWAY_REDIS, f"{TESTS}/0/success", MISSING).put(GATEWAY_REDIS, f"{TESTS}/1/success", False)
    assert world.verdict("gateway.pool.tests_succeed").state is WARNING


def test_all_offenders_are_counted_and_ten_are_named():
    world = World().put(MARKET_DATA, "missing_data_symbols", [f"SYM{i}" for i in range(14)])
    reason = world.verdict("market.data.missing_data_symbols").reason
    assert reason.startswith("14 symbols (SYM0; ")
    assert "SYM9; and 4 more)" in reason


def test_views_that_race_agree_if_one_attempt_does():
    world = World().again(2).put(GATEWAY_REDIS, f"{POOL}/active_connections", 20)
    assert world.verdict("gateway.consistency.pool").state is OK


def test_views_that_never_agree_are_told():
    world = World().put(GATEWAY_REDIS, f"{POOL}/active_connections", 20).again(2).again(3)
    assert world.verdict("gateway.consistency.pool").state is WARNING


# -- whether it is there at all ---------------------------------------------------------------------------------

DEBUG = "gateway.endpoint.debug[redis_cluster]"
REFUSED = ("refused", "connection refused: nothing listens on http://gateway.example.com")


@pytest.mark.parametrize("status", ["refused", "reset", "unresolved"])
@pytest.mark.parametrize(
    ("check_id", "request_id"),
    [
        ("gateway.reachable", SUMMARY),
        (DEBUG, GATEWAY_REDIS),
        ("gateway.endpoint.quick_health", QUICK),
        ("market.endpoint.debug[redis_cluster]", REDIS),
        ("market.redis.direct_nodes", NODE_2),
    ],
)
def test_what_does_not_serve_is_critical(check_id, request_id, status):
    verdict = World().fail(request_id, status, "nothing there").verdict(check_id)
    assert verdict.state is CRITICAL
    assert "nothing there" in verdict.reason


@pytest.mark.parametrize("status", ["late", "tls", "oversized", "malformed", "unreachable"])
@pytest.mark.parametrize(
    ("check_id", "request_id"),
    [
        ("gateway.reachable", SUMMARY),
        (DEBUG, GATEWAY_REDIS),
        ("gateway.endpoint.quick_health", QUICK),
        ("gateway.auth.anonymous[comprehensive]", f"{G}python-health/debug/comprehensive"),
        ("gateway.auth.bad_token[comprehensive-expired]", f"{G}python-health/debug/comprehensive (expired token)"),
        ("market.endpoint.debug[redis_cluster]", REDIS),
        ("market.redis.direct_nodes", NODE_2),
    ],
)
def test_what_proves_nothing_is_unknown(check_id, request_id, status):
    assert World().fail(request_id, status, "who knows").verdict(check_id).state is UNKNOWN


def test_a_dead_gateway_is_one_root_and_blocks_everything_on_it():
    world = World()
    for name in world.observations:
        if name.startswith("gateway GET"):
            world.fail(name, *REFUSED)
    root = world.verdict("gateway.reachable")
    assert root.state is CRITICAL
    assert root.reason == REFUSED[1]
    for name in CATALOGUE.checks:
        if name.startswith("gateway.") and name != root.id and not name.startswith("gateway.auth.token_"):
            assert world.verdict(name).blocked_by == root.id


def test_a_dead_market_service_is_one_root_for_whoever_asks_it():
    world = World()
    for name in world.observations:
        if name.startswith("market GET"):
            world.fail(name, *REFUSED)
    world.fail(STREAM, *REFUSED, steps={})
    for name in (SUMMARY, QUICK, GATEWAY_ALL, GATEWAY_REDIS, FLOW):
        world.answer(name, 502, {"success": False}, request_id="0123456789abcdef")
    verdicts = {name: world.verdict(name) for name in CATALOGUE.checks}
    red = {name for name, verdict in verdicts.items() if not verdict.healthy and verdict.state is not State.BLOCKED}
    roots = {verdict.blocked_by for verdict in verdicts.values() if verdict.state is State.BLOCKED}
    assert red == roots == {"market.endpoint.debug[comprehensive]"}


def test_a_gateway_that_fails_while_the_service_answers_is_its_own_root():
    world = World().answer(GATEWAY_REDIS, 502, {"success": False})
    assert world.verdict("gateway.endpoint.debug[redis_cluster]").state is CRITICAL


def test_a_dead_node_blocks_what_reads_redis():
    world = World().fail(NODE_2, "refused", "connection refused")
    for name in (
        "market.price.sane",
        "market.data.symbol_age",
        "market.data.key_pattern",
        "gateway.consistency.freshness",
    ):
        assert world.verdict(name).blocked_by == "market.redis.direct_nodes"


def test_a_proven_dead_node_outranks_a_late_one():
    world = World().fail(NODE_1, "late", "too late").fail(NODE_2, "refused", "connection refused")
    assert world.verdict("market.redis.direct_nodes").state is CRITICAL


def test_a_gateway_slower_than_its_own_limit_is_critical_even_without_an_answer():
    slow = World().fail(SUMMARY, "late", "no complete answer within 31 s", elapsed_ms=31_000.0)
    assert slow.verdict("gateway.reachable").state is CRITICAL
    busy = World().fail(SUMMARY, "starved", "this machine was too busy to tell", elapsed_ms=31_000.0)
    assert busy.verdict("gateway.reachable").state is UNKNOWN


def test_any_http_answer_proves_the_gateway_reachable():
    assert World().answer(SUMMARY, 500).verdict("gateway.reachable").state is OK
    assert World().answer(SUMMARY, 401).verdict("gateway.reachable").state is OK


@pytest.mark.parametrize(
    ("check_id", "request_id", "answer", "words"),
    [
        (DEBUG, GATEWAY_REDIS, {"code": 500}, "answered 500, not 200"),
        (DEBUG, GATEWAY_REDIS, {"code": 302, "location": "/login"}, "a redirect to /login"),
        (DEBUG, GATEWAY_REDIS, {"code": 200, "flaw": "the answer is text/html, not JSON", "text": "<"}, "not JSON"),
        (DEBUG, GATEWAY_REDIS, {"code": 200, "body": {"data": {}}}, "without an object with members"),
        (DEBUG, GATEWAY_REDIS, {"code": 200, "body": {"success": True}}, "without an object with members"),
        (DEBUG, GATEWAY_REDIS, {"code": 200, "body": []}, "without an object with members"),
        ("gateway.endpoint.summary", SUMMARY, {"code": 403}, "answered 403"),
        ("gateway.endpoint.summary", SUMMARY, {"code": 200, "body": {"data": {}}}, "without data.system_health"),
        ("gateway.endpoint.quick_health", QUICK, {"code": 502}, "answered 502"),
        ("market.endpoint.debug[redis_cluster]", REDIS, {"code": 500}, "500"),
        ("market.endpoint.debug[redis_cluster]", REDIS, {"code": 200, "body": []}, "without a JSON object"),
        (
            "market.endpoint.debug[redis_cluster]",
            REDIS,
            {"code": 200, "flaw": "the answer is not JSON: Expecting value", "text": "oops"},
            "not JSON",
        ),
    ],
)
def test_a_wrong_answer_is_critical(check_id, request_id, answer, words):
    verdict = World().answer(request_id, **answer).verdict(check_id)
    assert verdict.state is CRITICAL, verdict
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("check_id", "request_id"), [(DEBUG, GATEWAY_REDIS), ("market.endpoint.debug[redis_cluster]", REDIS)]
)
@pytest.mark.parametrize(
    "flaw", ["the answer is not UTF-8 text (byte 7)", "the answer is nested deeper than 100 levels"]
)
def test_bytes_that_cannot_be_read_prove_nothing(check_id, request_id, flaw):
    assert World().answer(request_id, 200, flaw=flaw).verdict(check_id).state is UNKNOWN


@pytest.mark.parametrize("member", ["redis/connected", "websocket/is_running", "market_data/freshness_rate"])
@pytest.mark.parametrize("value", [MISSING, None])
def test_quick_health_without_an_indicator_is_critical(member, value):
    verdict = World().put(QUICK, f"data/{member}", value).verdict("gateway.endpoint.quick_health")
    assert verdict.state is CRITICAL
    assert f"data.{member.replace('/', '.')}" in verdict.reason


# -- who gets in ------------------------------------------------------------------------------------------------

DATA = {"success": True, "data": {"everything": 1}}
ANONYMOUS = f"{G}python-health/debug/comprehensive"


@pytest.mark.parametrize(
    ("check_id", "request_id"),
    [
        ("gateway.auth.anonymous[comprehensive]", ANONYMOUS),
        ("gateway.auth.insufficient_role[comprehensive-admin]", f"{ANONYMOUS} (admin)"),
        ("gateway.auth.bad_token[comprehensive-malformed]", f"{ANONYMOUS} (malformed token)"),
        ("gateway.auth.bad_token[summary-wrong_signature]", f"{G}python-health (wrong signature)"),
        ("gateway.auth.summary_protected[user]", f"{G}python-health (user)"),
    ],
)
def test_data_for_the_wrong_caller_is_critical_whatever_the_code(check_id, request_id):
    for code in (200, 401, 403):
        verdict = World().answer(request_id, code, DATA).verdict(check_id)
        assert verdict.state is CRITICAL
        assert "gave data" in verdict.reason


def test_the_wrong_refusal_is_critical_too():
    verdict = World().answer(ANONYMOUS, 404).verdict("gateway.auth.anonymous[comprehensive]")
    assert verdict.state is CRITICAL
    assert "answered 404, not 401" in verdict.reason


@pytest.mark.parametrize(
    ("check_id", "request_id"),
    [
        ("gateway.auth.anonymous[comprehensive]", ANONYMOUS),
        ("gateway.auth.bad_token[comprehensive-malformed]", f"{ANONYMOUS} (malformed token)"),
        ("gateway.auth.quick_health_protected", f"{G}debug/python-health"),
    ],
)
def test_a_server_error_says_nothing_about_who_is_let_in(check_id, request_id):
    assert World().answer(request_id, 502).verdict(check_id).state is UNKNOWN


def test_an_open_door_is_told_even_if_too_much_came_through_it_to_be_read():
    world = World().fail(ANONYMOUS, "oversized", "the answer is larger than 8000000 bytes", code=200)
    assert world.verdict("gateway.auth.anonymous[comprehensive]").state is CRITICAL


def test_quick_health_is_judged_by_what_the_profile_says():
    open_door, request_id = f"{G}debug/python-health", "gateway.auth.quick_health_protected"
    assert World().answer(open_door, 200, DATA).verdict(request_id).state is WARNING
    assert World(quick_health_public=True).answer(open_door, 200, DATA).verdict(request_id).state is OK
    assert World(quick_health_public=True).verdict(request_id).state is WARNING


def test_what_is_sent_as_a_forged_token_gives_nothing_of_the_signature_away():
    from checks.gateway import BAD_TOKENS, Gateway
    from healthgate.secret import Secret

    settings = Gateway(superadmin_token=Secret("header.claims.signature"))
    assert BAD_TOKENS["wrong_signature"].make(settings).reveal() == "header.claims.AAAAAAAAA"
    opaque = Gateway(superadmin_token=Secret("opaque-token"))
    assert BAD_TOKENS["wrong_signature"].make(opaque).reveal() == "AAAAAAAAAAAA"


@pytest.mark.parametrize("run", [MISSING, 25])
def test_a_sample_of_the_connection_tests_is_not_the_whole(run):
    """The documents print one test of 2.1 ms beside an average of 3.2 ms: others were run."""
    rate, average = "gateway.pool.arithmetic[success_rate]", "gateway.pool.arithmetic[average]"

    def sampled() -> World:
        tested = {"symbol": "EURUSD", "success": True, "response_time_ms": 2.1, "data_found": True}
        world = World().put(GATEWAY_REDIS, TESTS, [tested]).put(GATEWAY_REDIS, f"{POOL}/tests_run", run)
        return world.put(GATEWAY_REDIS, f"{POOL}/avg_response_time_ms", 3.2)

    for check_id in (rate, average):
        verdict = sampled().verdict(check_id)
        assert (verdict.state, "may not be all" in verdict.reason) == (OK, True), verdict.reason
    few = sampled().put(GATEWAY_REDIS, f"{POOL}/connection_success_rate", 96)
    assert few.verdict(rate).state is OK
    failed = sampled().put(GATEWAY_REDIS, f"{TESTS}/0/success", False)
    assert failed.verdict(rate).state is WARNING
    none_succeed = sampled().put(GATEWAY_REDIS, f"{POOL}/connection_success_rate", 0)
    assert none_succeed.verdict(rate).state is WARNING
    said_to_be_all = sampled().put(GATEWAY_REDIS, f"{POOL}/tests_run", 1)
    assert said_to_be_all.verdict(average).state is WARNING
    unclear = sampled().put(GATEWAY_REDIS, f"{POOL}/tests_run", "all")
    assert unclear.verdict(average).state is UNKNOWN
