"""Every fault shows its effect on the running lab, and lifting it brings everything back."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from tests.lab.price_legs import received, stored
from tests.lab_process import LabError, RunningLab, wait_until

pytestmark = pytest.mark.whole

COMPREHENSIVE = "/api/python-health/debug/comprehensive"
FLOW = "/api/python-health/debug/websocket-to-redis"
REDIS = "/api/python-health/debug/redis-cluster"
SHOWS_WITHIN_S = 12.0
HEALS_WITHIN_S = 30.0
View = dict[str, Any]


def view(lab: RunningLab) -> View:
    """Both hops at once: the service's body, its flow body, and the gateway's summary."""
    body: View = lab.get("market", "/api/debug/comprehensive")[1]
    redis, websocket = body["redis_cluster_diagnostics"], body["websocket_diagnostics"]
    return {
        "health": body["system_health"],
        "cluster": redis["cluster_health"],
        "pool": redis["connection_pool"],
        "status": websocket["connection_status"],
        "history": websocket["connection_history"],
        "errors": websocket["error_categories"],
        "messages": websocket["performance"],
        "data": body["market_data_diagnostics"]["data_freshness"],
        "missing": body["market_data_diagnostics"]["missing_data_symbols"],
        "symbols": body["market_data_diagnostics"]["symbol_analysis"],
        "keys": body["market_data_diagnostics"]["redis_key_patterns"]["market:*"],
        "resources": body["system_resources"],
        "services": body["service_status"],
        "flow": lab.get("market", "/api/debug/websocket-to-redis")[1],
        "summary": lab.get("gateway", "/api/python-health", "admin")[1]["data"],
    }


def how_many_tests(found: View, **wanted: object) -> int:
    return sum(all(test[name] == value for name, value in wanted.items()) for test in found["pool"]["connection_tests"])


Effect = Callable[[View], Any]

EFFECTS: dict[str, tuple[str, dict[str, Any], Effect]] = {
    "17 of 20 connections in use": (
        "F.mkt.pool",
        {"max_connections": 20, "active": 17},
        lambda v: (
            v["pool"]["utilization_percent"] == 85
            and v["pool"]["connection_success_rate"] == 100
            and v["summary"]["connection_pool_utilization"] == "85%"
            and v["health"] == "degraded"
        ),
    ),
    "19 of 20 connections in use": (
        "F.mkt.pool",
        {"max_connections": 20, "active": 19},
        lambda v: (
            v["pool"]["utilization_percent"] == 95
            and v["pool"]["connection_success_rate"] == 100
            and v["health"] == "unhealthy"
        ),
    ),
    "45 of 100 connections in use": (
        "F.mkt.pool",
        {"max_connections": 100, "active": 45},
        lambda v: (v["pool"]["active_connections"], v["pool"]["utilization_percent"]) == (45, 45.0),
    ),
    "47 of 50 connections in use": (
        "F.mkt.pool",
        {"max_connections": 50, "active": 47},
        lambda v: v["pool"]["utilization_percent"] == 94 and v["cluster"]["cluster_state"] == "ok",
    ),
    "no connection left": (
        "F.mkt.pool",
        {"max_connections": 50, "active": 50},
        lambda v: v["pool"]["connection_success_rate"] == 0 and v["pool"]["avg_response_time_ms"] is None,
    ),
    "a pool figure off": (
        "F.mkt.pool_report_bias",
        {"formula": "utilization"},
        lambda v: v["pool"]["utilization_percent"] == 2 * v["pool"]["active_connections"] + 6,
    ),
    "three connection tests failing": (
        "F.mkt.conn_test",
        {"fail": 3},
        lambda v: (
            v["pool"]["connection_success_rate"] == 88
            and how_many_tests(v, success=False, response_time_ms=None, data_found=True) == 3
        ),
    ),
    "one connection test without data": (
        "F.mkt.conn_test",
        {"nodata": 1},
        lambda v: (
            how_many_tests(v, data_found=False, success=True) == 1 and v["pool"]["connection_success_rate"] == 100
        ),
    ),
    "slow connection tests": (
        "F.mkt.redis_latency",
        {"scope": "pool", "ms": 140},
        lambda v: 140 <= v["pool"]["avg_response_time_ms"] < 400 and v["cluster"]["ping_time_ms"] < 50,
    ),
    "slow pings": (
        "F.mkt.redis_latency",
        {"scope": "ping", "ms": 70},
        lambda v: 70 <= v["cluster"]["ping_time_ms"] < 100 and v["pool"]["avg_response_time_ms"] < 50,
    ),
    "slow Redis": (
        "F.mkt.redis_latency",
        {"scope": "all", "ms": 120},
        lambda v: v["cluster"]["ping_time_ms"] > 100 and v["flow"]["flow"]["lag_ms_p95"] > 100,
    ),
    "one node killed": (
        "F.redis.kill",
        {"node": "redis-node-1"},
        lambda v: (
            v["cluster"]["cluster_state"] == "fail"
            and v["cluster"]["ping_success"] is False
            and [node["healthy"] for node in v["cluster"]["nodes"]] == [False, True, True]
            and v["pool"]["connection_success_rate"] < 95
            and v["pool"]["active_connections"] < 9
        ),
    ),
    "one node frozen": (
        "F.redis.pause",
        {"node": "redis-node-3"},
        lambda v: v["cluster"]["nodes"][2]["healthy"] is False and v["cluster"]["ping_success"] is False,
    ),
    "slots lost": (
        "F.redis.slots",
        {"node": "redis-node-2"},
        lambda v: (
            v["cluster"]["cluster_state"] == "fail"
            and v["cluster"]["ping_success"] is True
            and v["cluster"]["slots_assigned"] == 16384 - 5462
            and v["flow"]["flow"]["delivery_ratio_percent"] < 99
        ),
    ),
    "flags false": (
        "F.mkt.redis_flag",
        {"fields": ["connected", "ping_success"], "value": False},
        lambda v: (
            (v["cluster"]["connected"], v["cluster"]["ping_success"]) == (False, False)
            and v["flow"]["redis_status"]["connected"] is False
        ),
    ),
    "cluster state told": (
        "F.mkt.redis_state",
        {"cluster_state": "fail", "lab_redis_agrees": True, "log": False},
        lambda v: v["cluster"]["cluster_state"] == "fail" and v["pool"]["connection_success_rate"] == 100,
    ),
    "node told unhealthy": (
        "F.mkt.redis_node_flag",
        {"node": "redis-node-2", "healthy": False},
        lambda v: [node["healthy"] for node in v["cluster"]["nodes"]] == [True, False, True],
    ),
    "JSON listener stopped": (
        "F.mkt.listener_stop",
        {"which": "json", "symbols_served_by_other": True},
        lambda v: (
            v["status"]["listeners"]["json"]["is_running"] is False
            and v["status"]["is_running"] is True
            and v["data"]["fresh_symbols"] == 50
            and {entry["source"] for entry in v["symbols"].values()} == {"binary"}
            and v["messages"]["message_rate_per_sec"] > 120
        ),
    ),
    "listeners killed": (
        "F.mkt.listener_stop",
        {"which": "both"},
        lambda v: (
            v["status"]["is_running"] is False
            and v["status"]["last_message_age"] > 30
            and v["messages"]["message_rate_per_sec"] == 0
            and v["services"]["running_count"] == 5
            and v["cluster"]["cluster_state"] == "ok"
        ),
    ),
    "listener told stopped": (
        "F.mkt.listener_flag",
        {"is_running": False},
        lambda v: v["status"]["is_running"] is False and v["messages"]["message_rate_per_sec"] > 100,
    ),
    "feed silent": (
        "F.mkt.feed",
        {"op": "stop"},
        lambda v: (
            (v["data"]["fresh_symbols"], v["data"]["stale_symbols"]) == (0, 50)
            and v["status"]["last_message_age"] > 30
            and v["status"]["is_running"] is True
            and v["summary"]["market_data_freshness"] == "0%"
        ),
    ),
    "two symbols silent": (
        "F.mkt.feed",
        {"op": "stop_symbols", "count": 2},
        lambda v: (
            (v["data"]["freshness_rate"], v["data"]["stale_symbols"]) == (96.0, 2)
            and v["messages"]["message_rate_per_sec"] > 120
        ),
    ),
    "twelve symbols silent": (
        "F.mkt.feed",
        {"op": "stop_symbols", "count": 12, "from": "end of universe, price sample excluded"},
        lambda v: v["data"]["freshness_rate"] == 76.0 and v["status"]["last_message_age"] < 5,
    ),
    "twenty-six symbols silent, the rest no faster": (
        "F.mkt.feed",
        {"op": "stop_symbols", "count": 26, "keep_total_rate": False},
        lambda v: (
            v["data"]["freshness_rate"] == 48.0
            and 50 < v["messages"]["message_rate_per_sec"] < 90
            and v["symbols"]["NZDCAD"]["status"] == "fresh"
        ),
    ),
    "garbled frames": (
        "F.mkt.feed",
        {"op": "garble", "percent": 7, "to": "service", "log": False},
        lambda v: 5 < v["messages"]["parse_error_rate"] < 9 and v["data"]["fresh_symbols"] == 50,
    ),
    "slow feed": (
        "F.mkt.feed",
        {"op": "throttle", "rate": 70},
        lambda v: 60 < v["messages"]["message_rate_per_sec"] < 80 and v["data"]["fresh_symbols"] == 50,
    ),
    "history told": (
        "F.mkt.ws_history",
        {"attempts": 200, "successes": 180, "failures_last_hour": 0},
        lambda v: (
            v["history"]["success_rate"] == 90
            and v["history"]["connection_failures_total"] == 20 == v["errors"]["timeout"]
        ),
    ),
    "uptime told": (
        "F.mkt.ws_history",
        {"uptime_percent": 97.5},
        lambda v: v["status"]["uptime_percent"] == 97.5 == v["flow"]["websocket_status"]["uptime_percent"],
    ),
    "writes lost": (
        "F.mkt.redis_write_drop",
        {"percent": 20, "symbols": []},
        lambda v: v["flow"]["flow"]["delivery_ratio_percent"] < 90 and v["data"]["fresh_symbols"] == 50,
    ),
    "symbol missing": (
        "F.mkt.symbol_missing",
        {"symbols": ["NZDCHF"]},
        lambda v: v["missing"] == ["NZDCHF"] and v["keys"] == 49,
    ),
    "symbol gone from the universe": (
        "F.mkt.universe",
        {"remove": ["AVAXUSD"]},
        lambda v: (
            "AVAXUSD" not in v["symbols"]
            and (v["data"]["total_symbols"], v["data"]["fresh_symbols"], v["keys"]) == (49, 49, 49)
        ),
    ),
    "crossed quote": (
        "F.mkt.bad_tick",
        {"symbols": ["CADCHF"], "kind": "crossed"},
        lambda v: v["symbols"]["CADCHF"]["bid"] > v["symbols"]["CADCHF"]["ask"],
    ),
    "resources told": (
        "F.mkt.resource",
        {"memory_mb": 640, "cpu_percent": 75},
        lambda v: (v["resources"]["memory_mb"], v["resources"]["cpu_percent"]) == (640, 75),
    ),
    "service crashed for good": (
        "F.mkt.service_crash",
        {"name": "provider_pending_monitor", "no_restart": True},
        lambda v: (
            v["services"]["running_count"] == 6
            and v["services"]["services"]["provider_pending_monitor"]["state"] == "failed"
            and "crashed" in v["services"]["services"]["provider_pending_monitor"]["last_error"]
        ),
    ),
    "stray key": (
        "F.redis.key",
        {"redis": "market", "op": "set", "key": "market:STRAYXX"},
        lambda v: v["keys"] == 51,
    ),
}


@pytest.mark.parametrize("title", EFFECTS)
def test_fault_shows_and_heals(lab: RunningLab, title: str) -> None:
    fault_id, params, effect = EFFECTS[title]
    handle = lab.fault(fault_id, **params)
    wait_until(lambda: effect(view(lab)), SHOWS_WITHIN_S, title)
    lab.heal(handle)
    wait_until(lab.is_healthy, HEALS_WITHIN_S, f"healed: {title}")
    assert not effect(view(lab))


def test_two_dead_nodes_leave_the_cluster_unreachable(lab: RunningLab) -> None:
    handles = [lab.fault("F.redis.kill", node=f"redis-node-{number}") for number in (1, 2)]
    found = wait_until(lambda: (v := view(lab))["cluster"]["connected"] is False and v, 12, "not connected")
    assert found["cluster"]["known_nodes"] == 3
    assert found["flow"]["redis_status"]["connected"] is False
    for handle in handles:
        lab.heal(handle)
    wait_until(lab.is_healthy, HEALS_WITHIN_S, "the cluster is back with all prices")


def test_a_whole_cluster_comes_back_after_its_death(lab: RunningLab) -> None:
    for number in (1, 2, 3):
        lab.fault("F.redis.kill", node=f"redis-node-{number}")
    found = wait_until(lambda: (v := view(lab))["cluster"]["connected"] is False and v, 12, "not connected")
    assert found["pool"]["avg_response_time_ms"] is None
    assert found["data"]["fresh_symbols"] == 0
    lab.reset()
    wait_until(lab.is_healthy, HEALS_WITHIN_S, "the cluster is back with all prices")


def test_a_crashed_service_is_restarted(lab: RunningLab) -> None:
    def watcher() -> dict[str, Any]:
        found: dict[str, Any] = view(lab)["services"]["services"]["autocutoff_watcher"]
        return found

    before = watcher()["restarts"]
    lab.heal(lab.fault("F.mkt.service_crash", name="autocutoff_watcher"))
    wait_until(lambda: watcher()["restarts"] > before and watcher()["state"] == "running", 5, "restarted")


def test_a_frozen_counter_stands_still_in_both_hops(lab: RunningLab) -> None:
    lab.fault("F.mkt.counter_freeze", counter="messages_processed")

    def counters() -> set[int]:
        gateway = lab.get("gateway", FLOW, "superadmin")[1]["data"]["websocket_status"]
        return {view(lab)["messages"]["messages_processed"], gateway["messages_processed"]}

    writes = view(lab)["flow"]["redis_status"]["writes_total"]
    first = counters()
    wait_until(lambda: view(lab)["flow"]["redis_status"]["writes_total"] > writes + 50, 5, "prices flow on")
    assert counters() == first
    assert len(first) == 1


def test_stuck_writes_leave_redis_old_while_the_service_believes_all_is_fresh(lab: RunningLab) -> None:
    lab.fault("F.mkt.redis_stuck", symbols=["GBPNZD"], keep_price=True)
    found = view(lab)["symbols"]["GBPNZD"]
    kept = stored(lab, "GBPNZD")
    assert found["status"] == "fresh"
    assert found["seq"] >= int(kept["seq"])
    newest = lab.get("market", "/api/market/price/GBPNZD")[1]
    assert newest["timestamp_ms"] - int(kept["timestamp_ms"]) > 35_000
    assert float(kept["bid"]) == newest["bid"]


def test_garbled_frames_are_logged_unless_told_otherwise(lab: RunningLab) -> None:
    def lines() -> int:
        text = lab.logged("market")
        return text.count("Message processing error")

    before = lines()
    handle = lab.fault("F.mkt.feed", op="garble", percent=15, to="service", log=True)
    wait_until(lambda: lines() > before, 5, "spoilt frames are logged")
    lab.heal(handle)


def test_refused_callers_do_not_disturb_the_service(lab: RunningLab) -> None:
    host, port = lab.variables["LAB_REDIS_NODE_3"].split(":")
    handle = lab.fault("F.mkt.redis_node_refuse", node="redis-node-3", to="checker")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
    assert view(lab)["cluster"]["nodes"][2]["healthy"] is True
    lab.heal(handle)
    socket.create_connection((host, int(port)), timeout=5).close()


def test_the_cluster_tells_callers_outside_what_the_fault_says(lab: RunningLab) -> None:
    host, port = lab.variables["LAB_REDIS_NODE_1"].split(":")
    with Redis(host, int(port), decode_responses=True) as node:
        assert node.execute_command("CLUSTER INFO")["cluster_state"] == "ok"
        handle = lab.fault("F.mkt.redis_state", cluster_state="fail", lab_redis_agrees=True)
        assert node.execute_command("CLUSTER INFO")["cluster_state"] == "fail"
        lab.heal(handle)
        assert node.execute_command("CLUSTER INFO")["cluster_state"] == "ok"


@pytest.mark.parametrize("service", ["gateway", "market", "feed"])
def test_a_shut_port_refuses_and_opens_again(lab: RunningLab, service: str) -> None:
    handle = lab.fault("F.http.down", service=service)
    if service == "feed":
        wait_until(lambda: view(lab)["status"]["connected"] is False, 5, "listeners lost the feed")
        assert view(lab)["status"]["is_running"] is True
    else:
        with pytest.raises(OSError, match="refused"):
            lab.get(service, "/api/python-health")
    if service == "market":
        status, body = lab.get("gateway", REDIS, "superadmin")
        assert (status, body["error"]["code"]) == (502, "UPSTREAM_UNAVAILABLE")
        assert "data" not in body
    lab.heal(handle)
    wait_until(lab.is_healthy, HEALS_WITHIN_S, f"{service} is back")


def test_a_shut_port_reopens_by_itself_when_told_to(lab: RunningLab) -> None:
    lab.fault("F.http.down", service="market", seconds=2)

    def answers() -> bool:
        try:
            return lab.get("market", "/api/debug/websocket")[0] == 200
        except OSError:
            return False

    assert not answers()
    wait_until(answers, 10, "the port is open again")


OPENINGS = [
    ("F.gw.auth_off", {"path": REDIS}, REDIS, None, 401),
    ("F.gw.auth_off", {"path": "/api/python-health", "role": "user"}, "/api/python-health", "user", 403),
    ("F.gw.role_off", {"path": COMPREHENSIVE, "role": "admin"}, COMPREHENSIVE, "admin", 403),
    ("F.gw.accept_bad_token", {"path": FLOW, "token": "expired"}, FLOW, "expired", 401),
]


@pytest.mark.parametrize(("fault_id", "params", "path", "role", "usual"), OPENINGS)
def test_holes_in_the_guard_let_exactly_one_caller_through(
    lab: RunningLab, fault_id: str, params: dict[str, str], path: str, role: str | None, usual: int
) -> None:
    others = [who for who in (None, "user", "expired") if who != role]
    before = [lab.get("gateway", path, who)[0] for who in others]
    assert lab.get("gateway", path, role)[0] == usual
    handle = lab.fault(fault_id, **params)
    assert lab.get("gateway", path, role)[0] == 200
    assert [lab.get("gateway", path, who)[0] for who in others] == before
    lab.heal(handle)
    assert lab.get("gateway", path, role)[0] == usual


def test_the_gateway_may_see_other_figures_than_the_service(lab: RunningLab) -> None:
    lab.fault("F.gw.view_bias", utilization_percent=60.8, active_connections=31, max_connections=51)
    pool = lab.get("gateway", REDIS, "superadmin")[1]["data"]["connection_pool"]
    assert (pool["utilization_percent"], pool["active_connections"]) == (60.8, 31)
    found = view(lab)
    assert found["pool"]["utilization_percent"] < 30
    wait_until(lambda: view(lab)["summary"]["connection_pool_utilization"] == "60.8%", 5, "the summary follows")


def test_a_late_upstream_is_a_gateway_timeout(lab: RunningLab) -> None:
    lab.fault("F.gw.upstream_timeout", ms=200)
    lab.fault("F.http.hang", service="market", path="/api/debug/redis-cluster", scope="all")
    status, body = lab.get("gateway", REDIS, "superadmin")
    assert (status, body["error"]["code"]) == (504, "UPSTREAM_TIMEOUT")


@pytest.mark.parametrize("kind", ["html", "encoding", "deep", "redirect", "flood", "trickle", "reset"])
def test_the_gateway_survives_a_malformed_upstream(lab: RunningLab, kind: str) -> None:
    lab.fault("F.gw.upstream_timeout", ms=1500)
    lab.fault(f"F.http.{kind}", service="market", path="/api/debug/redis-cluster", scope="all")
    status, body = lab.get("gateway", REDIS, "superadmin")
    assert (status, "data" in body) == (504 if kind == "trickle" else 502, False)


def test_faults_need_sensible_parameters(lab: RunningLab) -> None:
    with pytest.raises(LabError, match=r"422.*redis-node-1"):
        lab.fault("F.redis.kill", node="redis-node-9")


def log_of(lab: RunningLab, service: str) -> str:
    return lab.logged(service)


def test_log_lines_can_be_added_and_go_again(lab: RunningLab) -> None:
    line = "🔌 WebSocket connection closed (code=1006)"
    before = log_of(lab, "market").count(line)
    handle = lab.fault("F.log.emit", log="market_log", line=line, times=6, followed_by_warmup=True)
    assert log_of(lab, "market").count(line) == before + 6
    assert " WARN fault - " in log_of(lab, "market")
    lab.heal(handle)
    assert log_of(lab, "market").count(line) == before


def test_log_lines_can_follow_the_messages(lab: RunningLab) -> None:
    line = "❌ Message processing error: planted"
    handle = lab.fault("F.log.emit", log="market_log", line=line, rate_percent=10)
    wait_until(lambda: log_of(lab, "market").count(line) > 10, 5, "lines keep coming")
    lab.heal(handle)
    assert line not in log_of(lab, "market")


@pytest.mark.parametrize(
    ("fault_id", "params", "text"),
    [
        ("F.log.mute", {"pattern": "Environment variables: OK"}, "Environment variables: OK"),
        ("F.log.rewrite", {"pattern": "Running 7 background", "with": "Running 6 background"}, "Running 7 background"),
    ],
)
def test_log_lines_can_vanish_and_come_back_in_their_place(
    lab: RunningLab, fault_id: str, params: dict[str, str], text: str
) -> None:
    def place() -> list[int]:
        return [n for n, line in enumerate(log_of(lab, "market").splitlines()) if text in line]

    before = place()
    assert len(before) >= 1
    handle = lab.fault(fault_id, log="market_log", **params)
    assert place() == []
    lab.heal(handle)
    assert place() == before


def test_the_request_log_can_stop(lab: RunningLab) -> None:
    handle = lab.fault("F.gw.log_off")
    before = log_of(lab, "gateway").count("/api/python-health/debug/comprehensive")
    lab.get("gateway", COMPREHENSIVE, "superadmin")
    assert log_of(lab, "gateway").count("/api/python-health/debug/comprehensive") == before
    lab.heal(handle)


def test_an_outage_can_be_masked_with_zeros(lab: RunningLab) -> None:
    lab.fault("F.gw.mask_upstream")
    lab.fault("F.http.down", service="market")
    status, body = lab.get("gateway", REDIS, "superadmin")
    assert (status, body["success"]) == (200, True)
    assert body["data"]["connection_pool"]["utilization_percent"] == 0


def test_a_paused_health_monitor_checks_no_more(lab: RunningLab) -> None:
    lab.fault("F.mkt.monitor_pause")
    last = view(lab)["services"]["last_health_check"]
    writes = view(lab)["flow"]["redis_status"]["writes_total"]
    # It would have checked once in five seconds, and five seconds bring 750 prices.
    wait_until(lambda: view(lab)["flow"]["redis_status"]["writes_total"] > writes + 800, 20, "time has passed")
    assert view(lab)["services"]["last_health_check"] == last


def test_garbled_frames_for_the_checker_leave_the_service_alone(lab: RunningLab) -> None:
    lab.fault("F.mkt.feed", op="garble", percent=15, to="checker")
    frames = asyncio.run(received(lab.variables["LAB_FEED_BINARY_URL"], 150))
    spoilt = sum(frame[:4] not in (b"TICK", b"BEAT") for frame in frames)
    assert 15 <= spoilt <= 30
    assert view(lab)["messages"]["parse_error_rate"] == 0


def test_a_muted_symbol_does_not_reach_clients(lab: RunningLab) -> None:
    lab.fault("F.mkt.client_mute", symbols=["NZDCAD"])
    order = {"op": "subscribe", "symbols": ["EURUSD", "NZDCAD"]}
    ticks = asyncio.run(received(lab.variables["LAB_STREAM_URL"], 6, order))
    assert {json.loads(tick)["symbol"] for tick in ticks} == {"EURUSD"}


def test_without_the_warm_up_none_is_logged(lab: RunningLab) -> None:
    lab.fault("F.mkt.no_warmup")
    before = log_of(lab, "market").count("warmup successful")
    attempts = view(lab)["history"]["successful_connections"]
    lab.heal(lab.fault("F.http.down", service="feed"))
    wait_until(lambda: view(lab)["history"]["successful_connections"] >= attempts + 2, 10, "connected again")
    writes = view(lab)["flow"]["redis_status"]["writes_total"]
    wait_until(lambda: view(lab)["flow"]["redis_status"]["writes_total"] > writes + 100, 10, "time has passed")
    assert log_of(lab, "market").count("warmup successful") == before
