"""A run asks each endpoint once, reaches only what is selected, and leaves a valid record of everything."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.end_to_end.suite import HEALTHY_WITHIN_S, ROOT, Outcome, Suite
from tests.lab_process import RunningLab, wait_until

SUMMARY = "/api/python-health"
SCHEMA = json.loads((ROOT / "src/healthgate/tell/results.schema.json").read_text())
WORKERS = pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
ONE_PROCESS = pytest.mark.parametrize(
    "options", [(), pytest.param(("-n", "2"), marks=pytest.mark.whole)], ids=["one process", "two workers"]
)
"""That workers change nothing in what these are about is left to `make detection`."""
READ_TWICE = {
    ("gateway", "GET /api/python-health/debug/comprehensive (superadmin)"),
    ("gateway", "GET /api/python-health/debug/websocket-to-redis (superadmin)"),
    ("market", "GET /api/debug/websocket"),
    ("wsmanager", "GET /api/ws/metrics?format=prometheus"),
    ("wsmanager staging", "GET /api/ws/metrics?format=prometheus"),
    ("sse", "GET /api/sse/monitoring"),
    ("sse", "GET /api/sse/metrics"),
}
"""Requests that are repeated on purpose, because a check judges what happened in between."""


NAMED = {
    "market stream": ("market", "WS /ws/prices"),
    "market feed_binary": ("feed", "WS /binary"),
    "market feed_json": ("feed", "WS /json"),
    "sse stream events": ("sse", "GET /api/sse/stream"),
    "sse cloudwatch SSE/ConnectionManager ActiveConnections": ("cloudwatch", "GET /"),
    "sse cloudwatch SSE/ConnectionManager CleanupErrorRate": ("cloudwatch", "GET /"),
}
COUNTED_AS = {
    "gateway": "gateway",
    "market": "market",
    "wsmanager": "wsmanager",
    "wsmanager staging": "wsmanager_staging",
    "wsmanager canary": "ingress",
    "sse": "sse",
}
"""Services by the words that requests to them begin with; what Prometheus and the front of the ingress are asked, the
lab does not count."""
PUBLISHED = ("cloudwatch", "POST /")
"""What the SSE service tells the sink through Amazon's library, which knows no header of the lab."""
READ_HERE = {
    "gateway claims of admin_token",
    "gateway claims of expired_token",
    "gateway claims of superadmin_token",
    "gateway claims of user_token",
    "gateway log",
    "market files of log_archives",
    "market files of logs",
    "market logs",
    "sse files of log",
    "sse log",
    "wsmanager document alertmanager",
    "wsmanager document canary_manifest",
    "wsmanager documents monitoring",
    "wsmanager files of dashboard_backups",
    "wsmanager log",
}
"""What is read on the machine of the run, and asks nobody."""


@dataclass(frozen=True)
class Healthy:
    """A run while all is well, and what the lab counted meanwhile."""

    run: Outcome
    counted: dict[str, Any]


@pytest.fixture(scope="module")
def healthy(running_lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Healthy]:
    """A function that returns the run of everything with these options, which is made once."""

    @cache
    def made(*options: str) -> Healthy:
        running_lab.reset()
        wait_until(running_lab.is_healthy, HEALTHY_WITHIN_S, "the lab is healthy")
        suite = Suite(tmp_path_factory.mktemp("healthy"), running_lab)
        running_lab.reset_requests()
        run = suite.run(*options)
        assert run.code == 0, run.output
        return Healthy(run, running_lab.requests())

    return made


def asked(counted: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Requests by service and route, of what the lab counted."""
    services = (*COUNTED_AS.values(), "feed", "cloudwatch")
    found = {(service, route): times for service in services for route, times in counted[service].items()}
    found.pop(PUBLISHED, None)
    return found


def planned(run: Outcome) -> dict[tuple[str, str], int]:
    """Requests by service and route, as the run's own record says; who asked is left out."""
    routes: Counter[tuple[str, str]] = Counter()
    for probe in run.results["probes"]:
        found = re.match(r"(.+) (GET|HEAD) ([^ ?]+)", probe["id"])
        if found and found[1] in COUNTED_AS:
            routes[COUNTED_AS[found[1]], f"{found[2]} {found[3]}"] += 1
        elif probe["id"] in NAMED:
            routes[NAMED[probe["id"]]] += 1
    return dict(routes)


@WORKERS
def test_every_probe_reaches_its_server_exactly_once(healthy: Callable[..., Healthy], options: tuple[str, ...]) -> None:
    run, counted = healthy(*options).run, healthy(*options).counted
    assert asked(counted) == planned(run)
    names = [probe["id"].removesuffix(" (again)") for probe in run.results["probes"]]
    twice = {name for name, times in Counter(names).items() if times > 1}
    assert twice == {f"{service} {route}" for service, route in READ_TWICE} | {"gateway log"}
    assert sum(times for name in ("redis", "redis-sse") for times in counted[name].values()) == 4
    assert run.results["run"]["requests"] == sum(name not in READ_HERE for name in names)
    connected = run.results["run"]["connections"]["lab"]
    assert len([host for host in connected if host.startswith("ws://")]) == 2
    assert sum(times for host, times in connected.items() if host.startswith("ws://")) == 3


@WORKERS
def test_a_healthy_run_leaves_a_valid_record_of_every_check(
    healthy: Callable[..., Healthy], options: tuple[str, ...]
) -> None:
    run = healthy(*options).run
    jsonschema.validate(run.results, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert run.results["run"]["executed"] == run.results["run"]["selected"] == len(run.results["checks"]) > 100
    assert run.not_ok == {}
    assert all((check["state"] == "ok") is (check["value"] is not None) for check in run.results["checks"])


@pytest.mark.parametrize("options", [("-k", "market"), ("--system", "market")], ids=" ".join)
def test_selecting_one_system_reaches_only_what_it_rests_on(
    lab: RunningLab, suite: Suite, options: tuple[str, ...]
) -> None:
    lab.reset_requests()
    run = suite.run("--system", "market", *options)
    assert run.code == 0, run.output
    assert {check["system"] for check in run.results["checks"]} == {"market"}
    # market.contract.quick_health is a claim about the market as the gateway shows it, so two routes are needed
    assert {route for service, route in asked(lab.requests()) if service == "gateway"} == {
        "GET /api/debug/python-health",
        "GET /api/python-health",
    }


def test_selecting_what_the_gateway_alone_shows_reaches_only_the_gateway(lab: RunningLab, suite: Suite) -> None:
    lab.reset_requests()
    run = suite.run("-k", "gateway and pool and not consistency")
    assert run.code == 0, run.output
    assert {service for service, _ in asked(lab.requests())} == {"gateway"}
    assert sum(lab.requests()["redis"].values()) == 0


def test_a_snapshot_is_judged_again_without_asking_anything(lab: RunningLab, suite: Suite, tmp_path: Path) -> None:
    lab.fault("F.mkt.pool", max_connections=20, active=19)
    kept = str(tmp_path / "kept.json")
    first = suite.until(lambda run: run.states["gateway.pool.utilization"] == "critical", "--snapshot-out", kept)
    lab.reset()
    lab.reset_requests()
    without_secrets = dict.fromkeys(suite.variables, "")
    again = suite.run("--snapshot-in", kept, **without_secrets)
    assert asked(lab.requests()) == {}
    assert again.code == first.code == 1
    assert again.results["checks"] == first.results["checks"]


def test_the_floor_decides_what_fails_and_nothing_is_silent(lab: RunningLab, suite: Suite) -> None:
    lab.fault("F.mkt.redis_latency", scope="ping", ms=70)
    assert suite.until(lambda run: run.code == 10).not_ok == {"market.redis.ping_time": "warning"}
    relaxed = suite.run("--fail-on", "critical")
    assert relaxed.code == 0
    assert relaxed.not_ok == {"market.redis.ping_time": "warning"}
    assert "1 warned" in relaxed.output


@ONE_PROCESS
def test_pytest_itself_with_the_lab_that_the_profile_starts_gives_the_same_verdicts_as_the_command(
    healthy: Callable[..., Healthy], options: tuple[str, ...], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "pytest", "checks", "--env", "lab", "--results", str(tmp_path / "r.json")]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    whole = json.loads((tmp_path / "r.json").read_text())
    lean = healthy(*options).run
    assert whole["run"]["executed"] > 100
    known = {check["id"]: check["state"] for check in whole["checks"] if check["value"] is not None}
    assert {name: state for name, state in lean.states.items() if name in known and name not in lean.early} == {
        name: state for name, state in known.items() if name not in lean.early
    }
    assert [check["nodeid"] for check in whole["checks"]] == [check["nodeid"] for check in lean.results["checks"]]


def test_allure_results_carry_the_environment_and_an_identity_of_check_and_environment(
    suite: Suite, tmp_path: Path
) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        assert suite.run("-k", "pool", "--alluredir", str(folder)).code == 0
    first, second = (
        {r["fullName"]: r for r in (json.loads(p.read_text()) for p in folder.glob("*-result.json"))}
        for folder in folders
    )
    assert set(first) == set(second) != set()
    for check_id, result in first.items():
        assert result["parameters"] == [{"name": "environment", "value": "lab"}]
        assert result["historyId"] == second[check_id]["historyId"]
    assert len({result["historyId"] for result in first.values()}) == len(first)
    assert len({result["testCaseId"] for result in first.values()}) == len(first)


@ONE_PROCESS
def test_no_token_appears_in_anything_a_run_leaves(
    lab: RunningLab, suite: Suite, tmp_path: Path, options: tuple[str, ...]
) -> None:
    lab.fault("F.json.drop", service="gateway", path=SUMMARY, pointer="/data/system_health")
    left = [tmp_path / "snapshot.json", tmp_path / "junit.xml", tmp_path / "results.json"]
    loud = ("-vv", "--showlocals", "--tb=long", "-rA", "--alluredir", str(tmp_path / "allure"))
    run = suite.run(*loud, "--snapshot-out", str(left[0]), "--junitxml", str(left[1]), *options)
    assert run.code == 1, run.output
    told = run.output + "".join(path.read_text() for path in [*left, *(tmp_path / "allure").iterdir()])
    tokens = {name: value for name, value in suite.variables.items() if name.endswith("_TOKEN")}
    assert len(tokens) == 4
    superadmin = tokens["LAB_SUPERADMIN_TOKEN"]
    tokens["altered"] = superadmin.rpartition(".")[0] + "." + "A" * len(superadmin.rpartition(".")[2])
    for name, token in tokens.items():
        assert token not in told, f"the {name} token is told"
        assert token.rpartition(".")[2][:20] not in told or name == "altered"
