"""Every fault turns exactly its own checks red, with the right exit code, and lifting it turns them green."""

from typing import Any

import pytest

from tests.end_to_end.suite import Suite
from tests.lab_process import RunningLab

POOL_ROUTE = "/api/python-health/debug/redis-cluster"
POOL_PROOF = "gateway.endpoint.debug[redis_cluster]"
UTILIZATION = "/data/connection_pool/utilization_percent"
ROLLUP = "gateway.summary.system_health"
C, W, U, M = "critical", "warning", "unknown", "missed"

STALE = {
    "gateway.market.freshness": C,
    "gateway.market.fresh_symbols": C,
    "market.data.freshness_rate": C,
    "market.data.fresh_symbols": C,
}
ALL_STALE = STALE | {"market.data.stale_symbols": W}
REDIS_GONE = STALE | {
    "gateway.contract.redis_cluster": C,
    "gateway.contract.summary": W,
    "gateway.pool.success_rate": W,
    "gateway.pool.tests_succeed": W,
    "gateway.pool.tests_data_found": W,
    "gateway.pool.arithmetic[average]": U,
    "gateway.redis.response_time": U,
    "gateway.redis.reachable": C,
    "gateway.summary.matches_detail[redis_time]": U,
    "gateway.websocket.flow": C,
    "market.data.missing_symbols": W,
    "market.data.missing_data_symbols": W,
    "market.redis.cluster_state": C,
    "market.redis.ping_success": C,
    "market.redis.nodes_healthy": W,
    "market.redis.direct_nodes": C,
}
UNREADABLE_UTILIZATION = {
    "gateway.pool.utilization": U,
    "gateway.pool.arithmetic[utilization]": U,
    "gateway.summary.matches_detail[utilization]": U,
    "gateway.consistency.pool": U,
    "gateway.contract.redis_cluster": C,
}


def on_pool_route(kind: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return f"F.http.{kind}", {"service": "gateway", "path": POOL_ROUTE, **more}


def utilization(value: Any) -> tuple[str, dict[str, Any]]:
    return "F.json.set", {"service": "gateway", "path": POOL_ROUTE, "pointer": UTILIZATION, "value": value}


# name: (fault and its parameters, what turns red, the exit code)
FAULTS: dict[str, tuple[tuple[str, dict[str, Any]], dict[str, str], int]] = {
    "pool held, warning": (("F.mkt.pool", {"max_connections": 20, "active": 17}), {"gateway.pool.utilization": W}, 10),
    "pool held, critical": (("F.mkt.pool", {"max_connections": 20, "active": 19}), {"gateway.pool.utilization": C}, 1),
    "many connections in a large pool": (
        ("F.mkt.pool", {"max_connections": 100, "active": 45}),
        {"gateway.pool.active_connections": W},
        10,
    ),
    "redis node killed": (("F.redis.kill", {"node": "redis-node-2"}), REDIS_GONE, 1),
    "slots lost": (
        ("F.redis.slots", {"node": "redis-node-3"}),
        {
            "gateway.market.freshness": W,
            "gateway.pool.success_rate": W,
            "gateway.pool.tests_succeed": W,
            "gateway.pool.tests_data_found": W,
            "gateway.websocket.flow": C,
            "market.data.freshness_rate": W,
            "market.data.missing_symbols": W,
            "market.data.missing_data_symbols": W,
            "market.redis.cluster_state": C,
            "market.redis.direct_nodes": C,
        },
        1,
    ),
    "redis slow through the pool": (
        ("F.mkt.redis_latency", {"scope": "pool", "ms": 140}),
        {"gateway.redis.response_time": W},
        10,
    ),
    "redis ping slow": (("F.mkt.redis_latency", {"scope": "ping", "ms": 70}), {"market.redis.ping_time": W}, 10),
    "listeners killed": (
        ("F.mkt.listener_stop", {"which": "both"}),
        ALL_STALE
        | {
            "gateway.websocket.running": C,
            "gateway.websocket.messages_progress": W,
            "gateway.websocket.uptime": W,
            "market.services.running": C,
            "market.ws.running": C,
            "market.ws.listeners": C,
            "market.ws.last_message_age": C,
            "market.ws.uptime": W,
            "market.ws.message_rate": W,
        },
        1,
    ),
    "one listener killed": (("F.mkt.listener_stop", {"which": "json"}), {"market.ws.listeners": C}, 1),
    "feed silent": (
        ("F.mkt.feed", {"op": "stop"}),
        ALL_STALE
        | {
            "gateway.websocket.messages_progress": W,
            "market.ws.last_message_age": C,
            "market.ws.message_rate": W,
        },
        1,
    ),
    "two symbols stale": (("F.mkt.feed", {"op": "stop_symbols", "count": 2}), {"market.data.stale_symbols": W}, 10),
    "twelve symbols stale": (
        ("F.mkt.feed", {"op": "stop_symbols", "count": 12}),
        {"gateway.market.freshness": W, "market.data.freshness_rate": W, "market.data.stale_symbols": W},
        10,
    ),
    "garbled frames": (
        ("F.mkt.feed", {"op": "garble", "percent": 25}),
        {"gateway.websocket.parse_error_rate": W, "market.ws.parse_error_rate": C},
        1,
    ),
    "a few garbled frames": (
        ("F.mkt.feed", {"op": "garble", "percent": 2.8}),
        {"gateway.websocket.parse_error_rate": W, "market.ws.parse_error_rate": M},
        10,
    ),
    "gateway down": (("F.http.down", {"service": "gateway"}), {"gateway.reachable": C}, 1),
    "route hangs": (on_pool_route("hang"), {POOL_PROOF: U}, 11),
    "route trickles": (on_pool_route("trickle"), {POOL_PROOF: U}, 11),
    "route returns 500": (on_pool_route("status", status=500), {POOL_PROOF: C}, 1),
    "route returns HTML": (on_pool_route("html"), {POOL_PROOF: C}, 1),
    "route returns 200 MB": (on_pool_route("flood", mb=200), {POOL_PROOF: U}, 11),
    "route resets": (on_pool_route("reset"), {POOL_PROOF: C}, 1),
    "route redirects to itself": (on_pool_route("redirect"), {POOL_PROOF: C}, 1),
    "route returns broken UTF-8": (on_pool_route("encoding"), {POOL_PROOF: U}, 11),
    "route returns deep JSON": (on_pool_route("deep"), {POOL_PROOF: U}, 11),
    "field dropped": (
        ("F.json.drop", {"service": "gateway", "path": POOL_ROUTE, "pointer": UTILIZATION}),
        UNREADABLE_UTILIZATION,
        1,
    ),
    "number turned into text": (utilization("18"), UNREADABLE_UTILIZATION, 1),
    "number turned into NaN": (utilization("NaN"), UNREADABLE_UTILIZATION, 1),
    "number turned into null": (utilization(None), UNREADABLE_UTILIZATION, 1),
    "number turned into true": (utilization(value=True), UNREADABLE_UTILIZATION, 1),
}
BLOCKING = {POOL_PROOF, "gateway.reachable", "market.redis.direct_nodes"}
"""Roots whose readers are blocked, and blocked only by them."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_turns_exactly_its_own_checks_red_and_heals(lab: RunningLab, suite: Suite, name: str) -> None:
    (fault, parameters), expected, code = FAULTS[name]
    handle = lab.fault(fault, **parameters)
    seen = suite.until(lambda run: without_rollup(run.not_ok) == expected and run.code == code)
    assert without_rollup(seen.not_ok) == expected, seen.output
    assert seen.code == code, seen.output
    assert set(seen.blocked_by) == BLOCKING & set(expected)
    assert seen.results["run"]["executed"] == seen.results["run"]["selected"] == len(seen.states)
    assert "Traceback" not in seen.output
    lab.heal(handle)
    healed = suite.until(lambda run: run.code == 0)
    assert (healed.code, healed.not_ok) == (0, {}), healed.output


def without_rollup(states: dict[str, str]) -> dict[str, str]:
    """Leave out the summary's verdict on everything, which follows whatever is wrong."""
    return {check: state for check, state in states.items() if check != ROLLUP}


def test_one_stale_symbol_is_seen_and_is_below_every_line(lab: RunningLab, suite: Suite) -> None:
    lab.fault("F.mkt.feed", op="stop_symbols", count=1)
    seen = suite.until(lambda run: run.reason("market.data.stale_symbols").startswith("1 "))
    assert (seen.code, seen.not_ok) == (0, {}), seen.output
    assert seen.reason("market.data.stale_symbols").startswith("1 symbol")


def test_a_wrong_token_is_an_access_failure_with_everything_else_blocked_by_it(suite: Suite) -> None:
    seen = suite.run(LAB_SUPERADMIN_TOKEN="not-the-right-token-at-all")
    roots = {f"gateway.endpoint.debug[{route}]" for route in ("comprehensive", "redis_cluster", "websocket_to_redis")}
    assert {check for check in seen.not_ok if check.startswith("gateway.endpoint.")} == roots
    assert all("401" in seen.reason(root) for root in roots)
    assert seen.code == 1
    assert set(seen.blocked_by) == roots


def test_a_missing_token_ends_the_run_before_anything_is_asked(lab: RunningLab, suite: Suite) -> None:
    lab.reset_requests()
    seen = suite.run(LAB_SUPERADMIN_TOKEN="")
    assert seen.code == 4
    assert "gateway.superadmin_token needs the environment variable LAB_SUPERADMIN_TOKEN" in seen.output
    assert lab.requests()["gateway"] == {}
    assert lab.requests()["market"] == {}
