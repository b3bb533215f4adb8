"""The WebSocket manager as callers see it: its page, its streams, its front, its canary, and what faults do to them."""

import asyncio
import json
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.lab_process import LabError, RunningLab, wait_until
from tests.tools import program

pytestmark = pytest.mark.whole

METRICS = "/api/ws/metrics"
PAGE = f"{METRICS}?format=prometheus"
SERIES = re.compile(r'^(\w+)(?:\{environment="(\w+)"\})? (\S+)$', re.MULTILINE)
SHOWS_WITHIN_S = 15.0
HEALS_WITHIN_S = 30.0


def page(lab: RunningLab, service: str = "wsmanager") -> dict[str, float]:
    text = str(lab.get(service, PAGE)[1])
    return {name.removeprefix("ws_manager_"): float(value) for name, _, value in SERIES.findall(text)}


def told(lab: RunningLab, service: str = "wsmanager") -> dict[str, Any]:
    body: dict[str, Any] = lab.get(service, METRICS)[1]
    return body


def head(lab: RunningLab, url: str, path: str = METRICS) -> int:
    return lab.send("HEAD", lab.variables[url] + path)[0]


def prometheus(lab: RunningLab, path: str) -> Any:
    program("prometheus")
    return lab.send("GET", lab.variables["LAB_PROMETHEUS_URL"] + path)[1]["data"]


def without_its_server_skipped(fault: str) -> None:
    if fault.startswith("F.mp."):  # faults of Prometheus itself
        program("prometheus")


def alert(lab: RunningLab, name: str) -> str:
    rules = [rule for group in prometheus(lab, "/api/v1/rules")["groups"] for rule in group["rules"]]
    return next((str(rule["state"]) for rule in rules if rule["name"] == name), "missing")


def target_health(lab: RunningLab) -> dict[str, str]:
    found = prometheus(lab, "/api/v1/targets?state=active")["activeTargets"]
    return {target["labels"]["environment"]: target["health"] for target in found}


def canary(lab: RunningLab) -> dict[str, Any]:
    body: dict[str, Any] = lab.send("GET", f"{lab.variables['LAB_CANARY_URL']}/canary")[1]
    return body


def ask(lab: RunningLab, url: str, source: str = "127.0.0.1", trust: bool = True) -> tuple[int, str]:
    parts = urlsplit(lab.variables[url])
    if parts.scheme == "http":
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=5, source_address=(source, 0))
    else:
        context = ssl.create_default_context(cafile=lab.variables["LAB_WSMANAGER_CA"] if trust else None)
        connection = HTTPSConnection(
            str(parts.hostname), parts.port, timeout=5, source_address=(source, 0), context=context
        )
    connection.request("GET", METRICS)
    answer = connection.getresponse()
    found = answer.status, answer.getheader("Location") or ""
    connection.close()
    return found


def rates(lab: RunningLab, service: str, over_s: float = 1.0) -> dict[str, float]:
    before, began = page(lab, service), time.monotonic()
    wait_until(lambda: time.monotonic() - began >= over_s, over_s + 5, "the time is over")
    after, took = page(lab, service), time.monotonic() - began
    return {name: (after[name] - before[name]) / took for name in after}


def test_the_page_and_the_body_tell_the_same(lab: RunningLab) -> None:
    def agree() -> bool:
        on_page, body = page(lab), told(lab)
        return (
            body["metrics"]["activeConnections"] == on_page["active_connections"]
            and body["metrics"]["streamCreations"] == on_page["stream_creations_total"]
            and body["prometheus"]["ws_manager_active_connections"] == on_page["active_connections"]
        )

    wait_until(agree, 5, "both views agree")
    body = told(lab)
    assert (body["status"], body["environment"], body["config"]) == (
        "healthy",
        "production",
        {"useNewWsManager": False},
    )
    staging = told(lab, "wsmanager_staging")
    assert (staging["environment"], staging["config"]) == ("staging", {"useNewWsManager": True})


def test_formats(lab: RunningLab) -> None:
    assert lab.get("wsmanager", f"{METRICS}?format=json")[1]["metrics"].keys() == told(lab)["metrics"].keys()
    assert lab.get("wsmanager", f"{METRICS}?format=other")[0] == 400
    assert head(lab, "LAB_WSMANAGER_URL") == 200
    with urllib.request.urlopen(lab.variables["LAB_WSMANAGER_URL"] + PAGE) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_stream_is_counted_while_it_is_open_and_when_it_is_closed(lab: RunningLab) -> None:
    url = lab.variables["LAB_WSMANAGER_STREAM_URL"]

    async def candle() -> dict[str, Any]:
        async with connect(f"{url}?stream=btcusdt@kline_1m", proxy=None) as stream:
            found: dict[str, Any] = json.loads(await asyncio.wait_for(stream.recv(), 5))
            return found

    assert asyncio.run(candle())["s"] == "btcusdt@kline_1m"

    async def refused() -> int:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"{url}?stream=nonsense", proxy=None):
                pass
        return caught.value.response.status_code

    assert asyncio.run(refused()) == 400


def test_the_high_water_mark_and_the_arithmetic_of_streams(lab: RunningLab) -> None:
    found = page(lab)
    assert found["active_connections_hwm"] >= found["active_connections"] > 0
    assert found["stream_creations_total"] - found["stream_cleanups_total"] - found["active_connections"] <= 3


def test_a_tenth_of_the_clients_gets_the_canary(lab: RunningLab) -> None:
    def share() -> float:
        production, staging = (page(lab, name)["stream_creations_total"] for name in ("wsmanager", "wsmanager_staging"))
        return staging / (production + staging) if production + staging > 40 else 0.0

    assert 0.05 < wait_until(share, 30, "forty clients have come") < 0.15


def test_the_front(lab: RunningLab) -> None:
    assert ask(lab, "LAB_WSMANAGER_PUBLIC_URL") == (200, "")
    assert ask(lab, "LAB_WSMANAGER_PUBLIC_URL", source="127.0.0.9") == (403, "")
    status, location = ask(lab, "LAB_WSMANAGER_PLAIN_URL")
    assert (status, location) == (308, lab.variables["LAB_WSMANAGER_PUBLIC_URL"] + METRICS)
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(lab, "LAB_WSMANAGER_PUBLIC_URL", trust=False)


def test_a_client_that_leaves_the_front_is_forgotten(lab: RunningLab) -> None:
    for _ in range(5):
        assert ask(lab, "LAB_WSMANAGER_PUBLIC_URL", source="127.0.0.9") == (403, "")
    assert ask(lab, "LAB_WSMANAGER_PUBLIC_URL") == (200, "")

    assert (Path(lab.variables["LAB_LOGS"]) / "ingress.err").read_text() == ""


def test_a_burst_is_limited_and_another_client_is_not(lab: RunningLab) -> None:
    assert burst(lab, "127.0.0.8")[429] > 0
    assert burst(lab, "127.0.0.7", requests=20) == {200: 20}


def burst(lab: RunningLab, source: str, requests: int = 90) -> dict[int, int]:
    parts = urlsplit(lab.variables["LAB_WSMANAGER_URL"])
    one = f"GET {PAGE} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    counted: dict[int, int] = {}
    with socket.create_connection((str(parts.hostname), parts.port or 0), 5, (source, 0)) as connection:
        connection.sendall(one * requests)
        stream = connection.makefile("rb")
        for _ in range(requests):
            status = int(stream.readline().split()[1])
            counted[status] = counted.get(status, 0) + 1
            length = 0
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            stream.read(length)
    return counted


def test_the_files_of_the_team_are_there_with_the_clock_of_the_lab(lab: RunningLab) -> None:
    folder = Path(lab.variables["LAB_APP"])
    rules = yaml.safe_load((folder / "monitoring/ws-manager-rules.yml").read_text())
    lasting = {rule["alert"]: rule["for"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    assert lasting == {
        "WSManagerServiceDown": "1s",
        "WSManagerConnectionLeak": "5s",
        "WSManagerHighRetryRate": "2s",
        "WSManagerCleanupLag": "15s",
        "WSManagerCanaryRetryRegression": "5s",
        "WSManagerCanaryRollback": "3s",
    }
    recorded = {
        rule["record"]: rule["expr"] for group in rules["groups"] for rule in group["rules"] if "record" in rule
    }
    assert recorded["ws_manager:retry_rate_2m"] == "rate(ws_manager_retry_count_total[2s]) / 60"
    configuration = yaml.safe_load((folder / "monitoring/prometheus-config.yml").read_text())
    assert configuration["scrape_configs"][0]["scrape_interval"] == "500ms"
    assert len(list((folder / "backups/grafana").iterdir())) == 10


Effect = Callable[[RunningLab], Any]

EFFECTS: dict[str, tuple[str, dict[str, Any], Effect]] = {
    "the sweep has died": (
        "F.wsm.unhealthy",
        {},
        lambda lab: head(lab, "LAB_WSMANAGER_URL") == 503 and told(lab)["status"] == "unhealthy",
    ),
    "clients that stay": (
        "F.wsm.leak",
        {"connections": 110},
        lambda lab: page(lab)["active_connections"] > 110 and alert(lab, "WSManagerConnectionLeak") == "firing",
    ),
    "streams cut off": (
        "F.wsm.retry",
        {"per_second": 0.8, "log": False},
        lambda lab: (
            40 < rates(lab, "wsmanager")["retry_count_total"] < 56 and alert(lab, "WSManagerHighRetryRate") == "firing"
        ),
    ),
    "streams left behind": (
        "F.wsm.cleanup_skip",
        {"streams": 30},
        lambda lab: alert(lab, "WSManagerCleanupLag") in {"pending", "firing"},
    ),
    "streams cleaned up twice": (
        "F.wsm.double_cleanup",
        {"streams": 60},
        lambda lab: (found := page(lab))["stream_creations_total"] - found["stream_cleanups_total"] < 0,
    ),
    "streams of staging failing": (
        "F.wsm.staging",
        {"error_percent": 25, "rollback_disabled": True},
        lambda lab: alert(lab, "WSManagerCanaryRollback") == "firing" and canary(lab)["state"] == "running",
    ),
    "streams of staging failing until it is rolled back": (
        "F.wsm.staging",
        {"error_percent": 25},
        lambda lab: (
            canary(lab) | {"since": ""}
            == {"state": "rolled_back", "weight": 0, "since": "", "flag": {"production": False, "staging": False}}
        ),
    ),
    "streams of staging breaking off": (
        "F.wsm.staging",
        {"retry_factor": 2.5},
        lambda lab: alert(lab, "WSManagerCanaryRetryRegression") == "firing",
    ),
    "the flag of staging": (
        "F.wsm.flag",
        {"env": "staging", "value": False},
        lambda lab: told(lab, "wsmanager_staging")["config"] == {"useNewWsManager": False},
    ),
    "plain HTTP served": ("F.wsm.http_plain", {}, lambda lab: ask(lab, "LAB_WSMANAGER_PLAIN_URL")[0] == 200),
    "open to all": (
        "F.wsm.acl_off",
        {},
        lambda lab: ask(lab, "LAB_WSMANAGER_PUBLIC_URL", source="127.0.0.9")[0] == 200,
    ),
    "nobody limited": ("F.wsm.limit_off", {}, lambda lab: burst(lab, "127.0.0.6") == {200: 90}),
    "HEAD stuck": ("F.wsm.head_stuck_200", {}, lambda lab: head(lab, "LAB_WSMANAGER_URL") == 200),
    "a series twice": (
        "F.prom.garble",
        {"service": "wsmanager", "kind": "duplicate_series"},
        lambda lab: str(lab.get("wsmanager", PAGE)[1]).count("\nws_manager_active_connections{") == 2,
    ),
    "a family without type": (
        "F.prom.garble",
        {"service": "wsmanager"},
        lambda lab: "# TYPE ws_manager_active_connections gauge" not in lab.get("wsmanager", PAGE)[1],
    ),
    "a value that is none": (
        "F.prom.garble",
        {"service": "wsmanager", "kind": "bad_value"},
        lambda lab: " many\n" in lab.get("wsmanager", PAGE)[1],
    ),
    "a page cut off": (
        "F.prom.garble",
        {"service": "wsmanager", "kind": "no_trailing_newline"},
        lambda lab: not lab.get("wsmanager", PAGE)[1].endswith("\n"),
    ),
    "a family gone": (
        "F.prom.drop",
        {"service": "wsmanager", "family": "ws_manager_active_connections_hwm"},
        lambda lab: "hwm" not in lab.get("wsmanager", PAGE)[1],
    ),
    "a family of another type": (
        "F.prom.retype",
        {"service": "wsmanager", "family": "ws_manager_active_connections"},
        lambda lab: "# TYPE ws_manager_active_connections counter" in lab.get("wsmanager", PAGE)[1],
    ),
    "a value set in both views": (
        "F.prom.set",
        {"service": "wsmanager", "family": "ws_manager_active_connections_hwm", "value": 5, "json_follows": True},
        lambda lab: page(lab)["active_connections_hwm"] == told_json(lab)["activeConnectionsHwm"] == 5,
    ),
    "a counter that falls": (
        "F.prom.decrease",
        {"service": "wsmanager", "family": "ws_manager_stream_cleanups_total"},
        lambda lab: rates(lab, "wsmanager", 0.5)["stream_cleanups_total"] < 0,
    ),
    "a job gone": ("F.mp.target_drop", {}, lambda lab: target_health(lab) == {}),
    "a rule gone": (
        "F.mp.rule_drop",
        {"rule": "WSManagerCleanupLag"},
        lambda lab: alert(lab, "WSManagerCleanupLag") == "missing",
    ),
    "an alert forced": (
        "F.mp.force_alert",
        {"alert": "WSManagerHighRetryRate"},
        lambda lab: alert(lab, "WSManagerHighRetryRate") == "firing",
    ),
    "a rule that never holds": (
        "F.mp.rule_expr",
        {"rule": "WSManagerServiceDown"},
        lambda lab: "vector(0) > 1" in json.dumps(prometheus(lab, "/api/v1/rules")),
    ),
    "a configuration that cannot be loaded": (
        "F.mp.bad_config",
        {},
        lambda lab: (
            "prometheus_config_last_reload_successful 0"
            in str(lab.send("GET", lab.variables["LAB_PROMETHEUS_URL"] + "/metrics")[1])
        ),
    ),
    "metrics kept for two weeks": (
        "F.mp.flag",
        {"storage.tsdb.retention.time": "15d"},
        lambda lab: prometheus(lab, "/api/v1/status/flags")["storage.tsdb.retention.time"] == "15d",
    ),
    "the service down": (
        "F.http.down",
        {"service": "wsmanager"},
        lambda lab: alert(lab, "WSManagerServiceDown") == "firing" and target_health(lab)["production"] == "down",
    ),
    "one format failing": (
        "F.http.status",
        {"service": "wsmanager", "path": PAGE, "status": 500},
        lambda lab: (
            lab.get("wsmanager", PAGE)[0] == 500
            and lab.get("wsmanager", METRICS)[0] == 200
            and target_health(lab)["production"] == "up"
        ),
    ),
    "lines in the log of the application": (
        "F.log.emit",
        {"log": "app_log", "line": "stream btcusdt@kline_1m retry attempt 333 in 4000 ms", "times": 80},
        lambda lab: lab.logged("app").count("retry attempt 333 in 4000 ms") == 80,
    ),
    "exports that do not run": (
        "F.file.age",
        {"dir": "grafana_backup_dir", "days": 40},
        lambda lab: (
            [one.name for one in (Path(lab.variables["LAB_APP"]) / "backups/grafana").iterdir()]
            == ["ws-manager-45-days-ago.json"]
        ),
    ),
}


def told_json(lab: RunningLab) -> dict[str, Any]:
    found: dict[str, Any] = lab.get("wsmanager", f"{METRICS}?format=json")[1]["metrics"]
    return found


@pytest.mark.parametrize("what", EFFECTS)
def test_a_fault_shows_and_heals(lab: RunningLab, what: str) -> None:
    name, parameters, shows = EFFECTS[what]
    without_its_server_skipped(name)
    if what != "HEAD stuck":
        assert not shows(lab)

    def shown() -> bool:
        try:
            return bool(shows(lab))
        except (OSError, TypeError, KeyError):  # it is being started anew
            return False

    handle = lab.fault(name, **parameters)
    wait_until(shown, SHOWS_WITHIN_S, what)
    lab.heal(handle)
    wait_until(lab.is_healthy, HEALS_WITHIN_S, "the lab is healthy again")
    if what != "HEAD stuck":
        wait_until(lambda: not shown(), HEALS_WITHIN_S, f"{what} no more")


EDITS: dict[str, tuple[dict[str, Any], Callable[[str], bool]]] = {
    "truncate": ({"file": "ws-manager-rules.yml", "change": "truncate"}, lambda text: text.count("alert:") < 6),
    "empty": ({"file": "README.md", "change": "empty"}, lambda text: text == ""),
    "panel": (
        {"file": "grafana-dashboard.json", "change": "remove_panel", "to": "Error Analysis"},
        lambda text: len(json.loads(text)["panels"]) == 5,
    ),
    "metric": (
        {"file": "grafana-dashboard.json", "change": "rename_metric", "to": "ws_manager_retries_total"},
        lambda text: "ws_manager_retries_total" in text,
    ),
    "weight": (
        {"file": "staging-canary.yaml", "change": "weight", "to": "50"},
        lambda text: "canary-weight: '50'" in text,
    ),
    "flag": (
        {"file": "staging-canary.yaml", "change": "flag", "to": "false"},
        lambda text: "value: 'false'" in text,
    ),
    "interval": (
        {"file": "prometheus-config.yml", "change": "scrape_interval", "to": "1s"},
        lambda text: "scrape_interval: 1s" in text,
    ),
    "route": (
        {"file": "alertmanager.yml", "change": "route_to_nobody", "to": "critical"},
        lambda text: "receiver: nobody" in text,
    ),
    "route of the rest": (
        {"file": "alertmanager.yml", "change": "route_to_nobody", "to": "default"},
        lambda text: text.startswith("route:\n  receiver: nobody"),
    ),
}


@pytest.mark.parametrize("change", EDITS)
def test_a_file_is_changed_and_changed_back(lab: RunningLab, change: str) -> None:
    parameters, is_changed = EDITS[change]
    folder = "k8s" if parameters["file"].startswith("staging") else "monitoring"
    path = Path(lab.variables["LAB_APP"]) / folder / parameters["file"]
    before = path.read_text("utf-8")
    assert not is_changed(before)
    handle = lab.fault("F.file.edit", **parameters)
    assert is_changed(path.read_text("utf-8"))
    lab.heal(handle)
    assert path.read_text("utf-8") == before


CERTIFICATES = {
    "ending": ({"kind": "ending", "days": 14}, None),
    "ended": ({"kind": "ending", "days": -2}, "certificate has expired"),
    "another name": ({"kind": "other_name"}, "IP address mismatch"),
    "another authority": ({"kind": "other_authority"}, "unable to get local issuer"),
}


@pytest.mark.parametrize("what", CERTIFICATES)
def test_the_front_shows_another_certificate(lab: RunningLab, what: str) -> None:
    parameters, complaint = CERTIFICATES[what]
    handle = lab.fault("F.wsm.certificate", **parameters)
    if complaint is None:
        parts = urlsplit(lab.variables["LAB_WSMANAGER_PUBLIC_URL"])
        context = ssl.create_default_context(cafile=lab.variables["LAB_WSMANAGER_CA"])
        with (
            socket.create_connection((str(parts.hostname), parts.port or 0), 5) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secure,
        ):
            ends = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
        assert 13 < (ends - time.time()) / 86_400 < 15
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
            ask(lab, "LAB_WSMANAGER_PUBLIC_URL")
    lab.heal(handle)
    assert ask(lab, "LAB_WSMANAGER_PUBLIC_URL")[0] == 200


@pytest.mark.parametrize(
    ("name", "parameters", "complaint"),
    [
        ("F.mp.rule_drop", {"rule": "NoSuchAlert"}, "NoSuchAlert is no alert; there is WSManagerServiceDown"),
        ("F.mp.target_drop", {"job": "other"}, "other is no job; there is cryptrade-ws-metrics"),
        ("F.file.edit", {"file": "README.md", "change": "weight"}, "weight needs `to`"),
        ("F.file.age", {"dir": "grafana_backup_dir"}, "grafana_backup_dir with days"),
        ("F.file.age", {"class": "detail"}, "market_log_dir goes with class and remove_older_than_days"),
    ],
)
def test_faults_that_cannot_be_caused_say_why(
    lab: RunningLab, name: str, parameters: dict[str, Any], complaint: str
) -> None:
    without_its_server_skipped(name)
    with pytest.raises(LabError, match=f"422: .*{re.escape(complaint)}"):
        lab.fault(name, **parameters)


def test_idle_streams_are_cleaned_up_for_an_admin_only(lab: RunningLab) -> None:
    url = f"{lab.url('wsmanager')}/api/ws/admin/cleanup"
    headers = {"Authorization": f"Bearer {lab.variables['LAB_ADMIN_TOKEN']}"}
    assert lab.send("POST", url)[0] == 401
    assert lab.send("POST", url, {"Authorization": f"Bearer {lab.variables['LAB_USER_TOKEN']}"})[0] == 403
    assert lab.send("POST", url, headers) == (200, {"cleaned": 0})


def test_the_service_starts_anew_with_its_counters_at_nothing(lab: RunningLab) -> None:
    before = page(lab)
    lab.terminate("wsmanager")
    after = page(lab)
    assert after["process_start_time_seconds"] > before["process_start_time_seconds"]
    assert after["stream_creations_total"] < before["stream_creations_total"] + 1
    assert " streams open, " in lab.logged("app")
