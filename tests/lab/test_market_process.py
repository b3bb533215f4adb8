"""The market service as a process: ended, started broken, and its listeners crashed."""

import base64
import json
import time
from typing import Any

import pytest

from tests.lab_process import LabError, RunningLab, wait_until

pytestmark = pytest.mark.whole

START = "Starting Python Market Service"


def last_start(lab: RunningLab) -> str:
    """Everything logged since the market service was started last."""
    return lab.logged("market").rpartition(START)[2]


@pytest.mark.parametrize(
    ("broken", "line"),
    [("redis", "Redis cluster connectivity: FAILED"), ("environment", "Environment variables: FAILED")],
)
def test_a_start_without_a_prerequisite_ends_with_code_1(lab: RunningLab, broken: str, line: str) -> None:
    handle = lab.fault("F.mkt.start", broken=broken)
    logged = last_start(lab)
    assert line in logged
    assert "Prerequisites validation: 66.7% passed" in logged
    assert "Startup complete" not in logged
    assert (lab.processes()["market"]["state"], lab.processes()["market"]["exit_code"]) == ("stopped", 1)
    lab.heal(handle)
    assert (lab.processes()["market"]["state"], lab.processes()["market"]["exit_code"]) == ("running", None)
    wait_until(lab.is_healthy, 30, "the service is back")
    assert "Startup complete" in last_start(lab)


@pytest.mark.parametrize(
    ("broken", "line"),
    [("redis", "Redis cluster connectivity: FAILED"), ("environment", "Environment variables: FAILED")],
)
def test_a_service_that_ignores_its_prerequisites_announces_completion(lab: RunningLab, broken: str, line: str) -> None:
    handle = lab.fault("F.mkt.start", broken=broken, ignore_prerequisites=True)
    logged = last_start(lab)
    assert line in logged
    assert "Startup complete! Running 7 background services" in logged
    assert lab.processes()["market"]["state"] == "running"
    if broken == "redis":
        wait_until(
            lambda: (
                lab.get("market", "/api/debug/redis-cluster")[1].get("cluster_health", {}).get("connected") is False
            ),
            10,
            "it measures that Redis is not there",
        )
    lab.heal(handle)
    wait_until(lab.is_healthy, 30, "the service is back")


def test_a_lab_can_be_started_with_a_fault_that_ends_a_process() -> None:
    faults = "F.mkt.start:broken=environment;F.redis.kill:node=redis-node-3"
    with RunningLab(environment={"LAB_FAULTS": faults}) as own:
        assert own.processes()["market"]["exit_code"] == 1
        assert own.processes()["redis-node-3"]["exit_code"] == -9
        own.reset()
        wait_until(own.is_healthy, 30, "everything is back")


def test_sigterm_ends_the_service_in_time_and_leaves_nothing_open(lab: RunningLab) -> None:
    pid = lab.processes()["market"]["pid"]
    ending = lab.terminate("market")
    assert ending["exit_code"] == 0
    assert ending["elapsed_s"] < 5
    assert ending["left_connections"] == 0
    logged = lab.logged("market").rpartition(START)[0]
    assert "AutoCutoff watcher stopped" in logged
    assert logged.rstrip().splitlines()[-2].endswith("Shutdown complete")
    assert lab.processes()["market"]["pid"] not in (None, pid)
    assert lab.get("market", "/api/debug/websocket")[0] == 200


def test_a_service_that_cannot_stop_is_forced_to_after_ten_seconds(lab: RunningLab) -> None:
    lab.fault("F.mkt.shutdown_hang", seconds=14)
    ending = lab.terminate("market")
    assert ending["exit_code"] == 1
    assert 10 <= ending["elapsed_s"] < 12
    logged = lab.logged("market").rpartition(START)[0]
    assert "Health monitor stopped" in logged.rpartition(START)[2]
    assert "AutoCutoff watcher stopped" not in logged.rpartition(START)[2]
    assert "forcing exit" in logged.rpartition(START)[2]


def test_a_short_hang_is_waited_for(lab: RunningLab) -> None:
    lab.fault("F.mkt.shutdown_hang", seconds=1.5)
    ending = lab.terminate("market")
    assert (ending["exit_code"], 1.5 <= ending["elapsed_s"] < 4) == (0, True)


def test_only_services_can_be_ended(lab: RunningLab) -> None:
    with pytest.raises(LabError, match=r"404: .*feed, market, gateway"):
        lab.terminate("redis-node-1")
    lab.fault("F.mkt.start", broken="environment")
    with pytest.raises(LabError, match=r"409: .*market does not run"):
        lab.terminate("market")


@pytest.mark.parametrize("which", ["binary", "json"])
def test_a_crashed_listener_comes_back_unless_supervision_is_off(lab: RunningLab, which: str) -> None:
    def is_running() -> bool:
        status = lab.get("market", "/api/debug/websocket")[1]["connection_status"]
        return bool(status["listeners"][which]["is_running"])

    def service() -> dict[str, Any]:
        body: dict[str, Any] = lab.get("market", "/api/debug/comprehensive")[1]["service_status"]["services"]
        found: dict[str, Any] = body[f"{which}_market_listener"]
        return found

    before = service()["restarts"]
    lab.heal(lab.fault("F.mkt.service_crash", name=f"{which}_market_listener"))
    wait_until(lambda: service()["restarts"] > before and is_running(), 5, "restarted by itself")

    handle = lab.fault("F.mkt.no_auto_restart", which=which)
    assert not is_running()
    assert service()["state"] == "failed"
    lab.fault("F.mkt.service_crash", name=f"{which}_market_listener")
    writes = lab.get("market", "/api/debug/websocket-to-redis")[1]["redis_status"]["writes_total"]
    wait_until(
        lambda: lab.get("market", "/api/debug/websocket-to-redis")[1]["redis_status"]["writes_total"] > writes + 150,
        10,
        "a while has passed",
    )
    assert not is_running()
    lab.heal(handle)
    wait_until(is_running, 5, "healed")


def test_tokens_live_for_a_week_and_shorter_ones_can_be_had(lab: RunningLab) -> None:
    def ends_in(token: str) -> float:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return float(claims["exp"] - time.time())

    for role in ("SUPERADMIN", "ADMIN", "USER"):
        assert 6.9 * 86400 < ends_in(lab.variables[f"LAB_{role}_TOKEN"]) <= 7 * 86400
    token = lab.token("admin", ttl_s=12 * 3600)
    assert 11.9 * 3600 < ends_in(token) <= 12 * 3600
    headers = {"Authorization": f"Bearer {token}"}
    assert lab.send("GET", f"{lab.url('gateway')}/api/python-health", headers)[0] == 200
    refused: list[object] = [{"role": "root"}, {"role": "admin", "ttl_s": "long"}, {"ttl_s": 5}, []]
    for wrong in refused:
        assert lab.send("POST", f"{lab.url('gateway')}/api/auth/token", body=wrong)[0] == 422
