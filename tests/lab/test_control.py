"""The control plane: its key, its errors, what it counts and what it shows."""

import os
import re
import signal
import socket

import pytest

from tests.lab_process import REPOSITORY, LabError, RefusedError, RunningLab, wait_until

STARTUP = [
    "Starting Python Market Service",
    "Validating startup prerequisites",
    "Redis cluster connectivity: OK",
    "Environment variables: OK",
    "Memory usage: ",
    "Prerequisites validation: 100.0% passed",
    "Binary market listener started",
    "JSON market listener started",
    "Portfolio calculator listener started",
    "Provider connection manager started",
    "Provider pending monitor started",
    "AutoCutoff watcher started",
    "Health monitor started",
    "Startup complete! Running 7 background services",
]


@pytest.mark.parametrize("service", ["control", "market", "gateway"])
def test_every_process_asks_for_the_key(lab: RunningLab, service: str) -> None:
    url = f"{lab.url(service)}/__lab/state"
    assert lab.send("GET", url)[0] == 401
    assert lab.send("GET", url, {"X-Lab-Key": "wrong"})[0] == 401
    status, body = lab.send("GET", url, {"X-Lab-Key": lab.variables["LAB_KEY"]})
    assert status == 200
    assert (body["process"], body["time_scale"], body["faults"]) == (service, 60, [])


def test_unknown_faults_are_404_and_name_the_nearest(lab: RunningLab) -> None:
    with pytest.raises(LabError, match=r"404: .*did you mean F\.mkt\.pool\?"):
        lab.fault("F.mkt.pol")


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"max_conections": 3}, "did you mean max_connections"),
        ({"max_connections": 10, "active": 11}, "must not be more than"),
        ({"max_connections": "many"}, "a whole number from 1 to 500"),
    ],
)
def test_bad_parameters_are_422_and_say_what_is_accepted(
    lab: RunningLab, params: dict[str, object], complaint: str
) -> None:
    with pytest.raises(LabError, match=f"422: .*{complaint}"):
        lab.fault("F.mkt.pool", **params)
    assert lab.control("GET", "/__lab/state")["faults"] == []


def test_handles_that_do_not_exist_are_404(lab: RunningLab) -> None:
    with pytest.raises(LabError, match="404"):
        lab.heal("f-9999")


def test_a_fault_with_a_time_to_live_lifts_itself(lab: RunningLab) -> None:
    body = {"id": "F.mkt.listener_flag", "params": {"is_running": False}, "ttl_s": 4}
    handle = lab.control("POST", "/__lab/faults", body)["handle"]
    assert [fault["handle"] for fault in lab.control("GET", "/__lab/state")["faults"]] == [handle]
    wait_until(lambda: lab.control("GET", "/__lab/state")["faults"] == [], 15, "the fault is gone")
    assert lab.get("market", "/api/debug/websocket")[1]["connection_status"]["is_running"] is True


def test_the_catalogue_lists_every_fault_with_its_parameters(lab: RunningLab) -> None:
    listed = {fault["id"]: fault for fault in lab.control("GET", "/__lab/faults")}
    assert {"F.mkt.pool", "F.redis.kill", "F.http.status", "F.json.set", "F.gw.auth_off"} <= set(listed)
    assert [one["name"] for one in listed["F.mkt.pool"]["parameters"]] == ["max_connections", "active"]


def test_every_fault_the_document_shows_exists_with_those_parameters(lab: RunningLab) -> None:
    listed = {fault["id"]: fault for fault in lab.control("GET", "/__lab/faults")}
    document = (REPOSITORY / "docs" / "lab.md").read_text("utf-8")
    shown = re.findall(r"[`' ](F\.\w+\.\w+)(?::([^`' \n]+))?", document)
    assert len(shown) > 20
    for name, written in shown:
        given = set(re.findall(r"(?:^|,)(\w+)=", written))
        assert given <= {one["name"] for one in listed[name]["parameters"]}, name


def test_requests_from_outside_are_counted_apart_from_calls_between_services(lab: RunningLab) -> None:
    lab.reset_requests()
    for _ in range(3):
        lab.get("gateway", "/api/python-health/debug/redis-cluster", "superadmin")
    lab.get("gateway", "/api/python-health/debug/redis-cluster")
    lab.get("market", "/api/debug/websocket")
    host, port = lab.variables["LAB_REDIS_NODE_2"].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(10) == b"+PONG\r\n"
    counted = lab.requests()
    assert counted["gateway"] == {"GET /api/python-health/debug/redis-cluster": 4}
    assert counted["market"] == {"GET /api/debug/websocket": 1}
    assert counted["redis"] == {"redis-node-1": 0, "redis-node-2": 1, "redis-node-3": 0}
    assert counted["internal"]["market"]["GET /api/debug/redis-cluster"] == 3


def test_configuration_is_shown_without_secrets(lab: RunningLab) -> None:
    config = lab.control("GET", "/__lab/config")
    assert config["gateway"]["UPSTREAM_TIMEOUT_MS"] == "30000"
    assert config["gateway"]["JWT_SECRET"] == "(secret)"
    assert config["market"]["REDIS_POOL_MAX"] == "50"


def test_reset_restarts_what_was_killed_from_outside(lab: RunningLab) -> None:
    before = lab.processes()
    assert {process["state"] for process in before.values()} == {"running"}
    for name in ("market", "redis-node-2"):
        os.kill(before[name]["pid"], signal.SIGKILL)
    wait_until(lambda: lab.processes()["market"]["state"] == "stopped", 5, "the death is noticed")
    assert lab.get("gateway", "/api/python-health/debug/comprehensive", "superadmin")[0] == 502
    lab.reset()
    wait_until(lab.is_healthy, 30, "everything is back")
    after = lab.processes()
    assert after["market"]["pid"] != before["market"]["pid"]
    assert after["market"]["restarts_last_hour"] == 1
    assert lab.get("market", "/api/debug/websocket")[1]["connection_history"]["success_rate"] > 95


def test_start_up_is_logged_line_by_line(lab: RunningLab) -> None:
    lines = lab.logged("market").splitlines()
    positions = [next(n for n, line in enumerate(lines) if text in line) for text in STARTUP]
    assert positions == sorted(positions)


def test_health_checks_and_stable_connections_are_logged(lab: RunningLab) -> None:
    for text in ("Health Check - Redis: ✅", "messages, connection stable"):
        wait_until(lambda text=text: text in lab.logged("market"), 8, text)


def test_a_lost_feed_is_logged_and_warmed_up_after(lab: RunningLab) -> None:
    before = lab.logged("market").count("Market data warmup successful")
    lab.heal(lab.fault("F.http.down", service="feed"))
    wait_until(lambda: lab.logged("market").count("Market data warmup successful") > before, 10, "warm-up")
    assert "WebSocket connection closed" in lab.logged("market")


def has_forgotten(lab: RunningLab) -> bool:
    """Whether the market service listens to both feeds again, and knows of no time at which it did not."""
    status = lab.get("market", "/api/debug/websocket")[1]["connection_status"]
    return status["uptime_percent"] == 100 and all(one["connected"] for one in status["listeners"].values())


def test_a_lost_feed_is_forgotten_while_the_event_streams_are_broken(lab: RunningLab) -> None:
    streams = lab.fault("F.sse.cleanup_flag", running=False)
    lab.heal(lab.fault("F.http.down", service="feed"))
    wait_until(lambda: has_forgotten(lab), 15, "the gap is forgotten")
    lab.heal(streams)


@pytest.mark.parametrize("_", range(2))
def test_a_lost_feed_is_forgotten_though_the_lab_has_only_just_come_back(lab: RunningLab, _: int) -> None:
    os.kill(lab.processes()["market"]["pid"], signal.SIGKILL)
    wait_until(lambda: lab.processes()["market"]["state"] == "stopped", 5, "the death is noticed")
    lab.reset()
    wait_until(lab.is_healthy, 30, "everything is back")
    lab.heal(lab.fault("F.http.down", service="feed"))
    wait_until(lambda: has_forgotten(lab), 15, "the gap is forgotten")


def test_gateway_requests_are_logged_with_their_id(lab: RunningLab) -> None:
    token = lab.variables["LAB_ADMIN_TOKEN"]
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "req-4711"}
    lab.send("GET", f"{lab.url('gateway')}/api/python-health", headers)
    text = lab.logged("gateway")
    line = next(line for line in text.splitlines() if "req-4711" in line)
    assert "INFO gateway - GET /api/python-health 200 " in line
    assert line.endswith("req=req-4711 role=admin")
    assert token not in text


def test_a_part_that_is_down_is_told_alone(lab: RunningLab) -> None:
    handle = lab.fault("F.http.down", service="sse")
    parts = ("market", "wsmanager", "sse")
    wait_until(lambda: [lab.is_up(one) for one in parts] == [True, True, False], 30, "the event streams alone are down")
    lab.heal(handle)
    wait_until(lambda: lab.is_up("sse"), 30, "the event streams are up")
    with pytest.raises(RefusedError, match="redis is no part, only prometheus, wsmanager, sse, market are"):
        lab.is_up("redis")
