"""Who may see what on the gateway, and what the bodies carry."""

import base64
import json
import re
from typing import Any

import pytest

from tests.lab_process import RunningLab, wait_until

SUMMARY = "/api/python-health"
QUICK = "/api/debug/python-health"
COMPREHENSIVE = "/api/python-health/debug/comprehensive"
REDIS = "/api/python-health/debug/redis-cluster"
FLOW = "/api/python-health/debug/websocket-to-redis"
DEBUG = [COMPREHENSIVE, REDIS, FLOW]
ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
SERVICES = {
    "binary_market_listener",
    "json_market_listener",
    "portfolio_calculator_listener",
    "provider_connection_manager",
    "provider_pending_monitor",
    "autocutoff_watcher",
    "health_monitor",
}


def market(lab: RunningLab, route: str) -> Any:
    status, body = lab.get("market", f"/api/debug/{route}")
    assert status == 200
    return body


@pytest.mark.parametrize("path", [SUMMARY, QUICK, *DEBUG])
@pytest.mark.parametrize("role", [None, "expired", "user", "admin", "superadmin"])
def test_each_role_gets_the_status_the_access_table_says(lab: RunningLab, path: str, role: str | None) -> None:
    expected = {
        None: 401,
        "expired": 401,
        "user": 403,
        "admin": 403 if path in DEBUG else 200,
        "superadmin": 200,
    }[role]
    status, body = lab.get("gateway", path, role)
    assert status == expected
    if status == 200:
        assert body["success"] is True
        assert body["data"]
    else:
        code = {401: "UNAUTHENTICATED", 403: "FORBIDDEN"}[status]
        assert "data" not in body
        assert (body["success"], body["error"]["code"]) == (False, code)
    assert ISO.match(body["timestamp"])


def unsigned(token: str) -> str:
    head, claims, _ = token.split(".")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(b'x' * 32).rstrip(b'=').decode()}"


@pytest.mark.parametrize("path", [SUMMARY, *DEBUG])
@pytest.mark.parametrize("kind", ["Bearer not-a-token", "Basic YTpi", "wrong signature"])
def test_bad_tokens_are_not_authenticated(lab: RunningLab, path: str, kind: str) -> None:
    if kind == "wrong signature":
        kind = "Bearer " + unsigned(lab.variables["LAB_SUPERADMIN_TOKEN"])
    status, body = lab.send("GET", lab.url("gateway") + path, {"Authorization": kind})
    assert status == 401
    assert "data" not in body


def test_unknown_routes_answer_404_in_the_envelope(lab: RunningLab) -> None:
    status, body = lab.get("gateway", "/api/nothing", "superadmin")
    assert (status, body["error"]["code"]) == (404, "NOT_FOUND")
    assert lab.get("market", "/api/nothing")[0] == 404


def test_minted_tokens_open_what_their_role_may_see(lab: RunningLab) -> None:
    url = lab.url("gateway")
    status, body = lab.send("POST", f"{url}/api/auth/token", body={"role": "superadmin", "ttl_s": 900})
    assert status == 200
    claims = json.loads(base64.urlsafe_b64decode(body["token"].split(".")[1] + "=="))
    assert claims["role"] == "superadmin"
    assert claims["exp"] - claims["iat"] == 900
    assert lab.send("GET", url + REDIS, {"Authorization": f"Bearer {body['token']}"})[0] == 200


def test_summary_spells_the_figures_of_the_detailed_bodies(lab: RunningLab) -> None:
    _, answer = lab.get("gateway", SUMMARY, "admin")
    data = answer["data"]
    detail = lab.get("gateway", COMPREHENSIVE, "superadmin")[1]["data"]
    assert set(data) == {
        "system_health",
        "connection_pool_utilization",
        "market_data_freshness",
        "websocket_uptime",
        "redis_response_time",
        "last_updated",
    }
    assert data["system_health"] == "healthy"
    for name in ("connection_pool_utilization", "market_data_freshness", "websocket_uptime"):
        assert re.match(r"^\d{1,3}(\.\d+)?%$", data[name])
    assert re.match(r"^\d+(\.\d+)?ms$", data["redis_response_time"])
    pool = detail["redis_cluster_diagnostics"]["connection_pool"]
    assert abs(float(data["connection_pool_utilization"][:-1]) - pool["utilization_percent"]) <= 5


def test_quick_health_carries_the_four_first_look_indicators(lab: RunningLab) -> None:
    data = lab.get("gateway", QUICK, "admin")[1]["data"]
    assert data["status"] == "healthy"
    assert data["python_service"]["reachable"] is True
    assert data["python_service"]["response_time_ms"] > 0
    assert data["redis"] == {"connected": True}
    assert data["websocket"] == {"is_running": True}
    assert data["market_data"] == {"freshness_rate": 100.0, "missing_data_symbols": []}


def test_redis_body_adds_up(lab: RunningLab) -> None:
    body = market(lab, "redis-cluster")
    health, pool = body["cluster_health"], body["connection_pool"]
    assert (health["connected"], health["ping_success"], health["cluster_state"]) == (True, True, "ok")
    assert (health["known_nodes"], health["slots_assigned"]) == (3, 16384)
    assert [node["name"] for node in health["nodes"]] == ["redis-node-1", "redis-node-2", "redis-node-3"]
    addresses = [f"{node['host']}:{node['port']}" for node in health["nodes"]]
    assert addresses == [lab.variables[f"LAB_REDIS_NODE_{number}"] for number in (1, 2, 3)]
    tests = pool["connection_tests"]
    assert len({test["symbol"] for test in tests}) == 25
    assert pool["max_connections"] == 50
    assert pool["utilization_percent"] == 100 * pool["active_connections"] / 50
    assert pool["connection_success_rate"] == 100
    times = [test["response_time_ms"] for test in tests]
    assert abs(pool["avg_response_time_ms"] - sum(times) / len(times)) < 0.02
    assert set(body["performance"]) == {"ops_per_sec", "used_memory_mb", "hit_rate_percent"}


def test_websocket_body_adds_up(lab: RunningLab) -> None:
    body = market(lab, "websocket")
    status, history = body["connection_status"], body["connection_history"]
    assert status["is_running"] is status["connected"] is True
    assert status["uptime_percent"] > 99
    assert 0 <= status["last_message_age"] < 2
    assert ISO.match(status["connected_since"])
    assert {kind for kind, one in status["listeners"].items() if one["connected"]} == {"binary", "json"}
    assert history["connection_attempts"] >= 1
    assert history["connection_attempts"] - history["successful_connections"] == history["connection_failures_total"]
    failures = {kind: count for kind, count in body["error_categories"].items() if kind != "parse"}
    assert sum(failures.values()) == history["connection_failures_total"]
    assert body["performance"]["message_rate_per_sec"] > 100


def test_market_data_body_adds_up(lab: RunningLab) -> None:
    body = market(lab, "market-data")
    freshness, analysis = body["data_freshness"], body["symbol_analysis"]
    assert freshness == {
        "freshness_rate": 100.0,
        "fresh_symbols": 50,
        "stale_symbols": 0,
        "missing_symbols": 0,
        "total_symbols": 50,
        "fresh_threshold_seconds": 30.0,
    }
    assert len(analysis) == 50
    assert {entry["status"] for entry in analysis.values()} == {"fresh"}
    assert all(0 < entry["bid"] <= entry["ask"] for entry in analysis.values())
    assert (analysis["EURUSD"]["source"], analysis["GBPUSD"]["source"]) == ("binary", "json")
    assert body["redis_key_patterns"] == {"market:*": 50}
    assert body["price_consistency"]["inconsistent_symbols"] == []
    assert body["price_consistency"]["checked_symbols"] == 50


def test_comprehensive_body_holds_the_other_bodies_and_seven_running_services(lab: RunningLab) -> None:
    body = market(lab, "comprehensive")
    assert body["service"] == "python-market-service"
    for block, route in {
        "redis_cluster_diagnostics": "redis-cluster",
        "websocket_diagnostics": "websocket",
        "market_data_diagnostics": "market-data",
    }.items():
        assert set(body[block]) == set(market(lab, route))
    status = body["service_status"]
    assert set(status["services"]) == SERVICES
    assert {service["state"] for service in status["services"].values()} == {"running"}
    assert status["running_count"] == status["expected_count"] == 7
    resources = body["system_resources"]
    assert 0 < resources["memory_mb"] < 512
    assert 0 <= resources["cpu_percent"] < 70
    assert 0 < resources["connection_count"] < 200


def test_flow_body_counts_what_reaches_redis(lab: RunningLab) -> None:
    first = market(lab, "websocket-to-redis")
    for block, counter in (("websocket_status", "messages_processed"), ("redis_status", "writes_total")):
        wait_until(
            lambda at=(block, counter): market(lab, "websocket-to-redis")[at[0]][at[1]] > first[at[0]][at[1]],
            0.5,
            f"{counter} grows",
        )
    second = market(lab, "websocket-to-redis")
    assert second["flow"]["delivery_ratio_percent"] >= 99
    assert second["flow"]["lag_ms_p95"] < 100
    assert second["redis_status"]["last_write_age_seconds"] < 2


def test_diagnostics_are_stamped_with_the_moment_of_the_request(lab: RunningLab) -> None:
    first, second = market(lab, "redis-cluster")["timestamp"], market(lab, "redis-cluster")["timestamp"]
    assert first < second


def test_prices_are_served_per_symbol(lab: RunningLab) -> None:
    status, price = lab.get("market", "/api/market/price/EURUSD")
    assert status == 200
    assert set(price) == {"symbol", "bid", "ask", "timestamp_ms", "seq"}
    assert lab.get("market", "/api/market/price/NOPE")[0] == 404
