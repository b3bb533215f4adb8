"""The event streams as callers see them: streams, counters, cleanups, figures, and what faults do to them."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import pytest

from tests.lab_process import LabError, RunningLab, wait_until

MONITORING = "/api/sse/monitoring"
METRICS = "/api/sse/metrics"
HEALTH = "/api/sse/health"
STREAM = "/api/sse/stream"
SERIES = re.compile(r"^(\w+) (\S+)$", re.MULTILINE)
CLIENTS = 8
SHOWS_WITHIN_S = 15.0
HEALS_WITHIN_S = 40.0
COMPLETED = re.compile(
    r"SSE cleanup completed: cleaned=(?P<cleaned>\d+), failed=(?P<failed>\d+), total_before=(?P<before>\d+), "
    r"total_after=(?P<after>\d+), duration_ms=(?P<took>\d+(?:\.\d+)?), efficiency=(?P<efficiency>\d+(?:\.\d+)?)%, "
    r"batch_size=(?P<batch>\d+), threshold_seconds=(?P<threshold>\d+), stale_connections=(?P<stale>\d+), "
    r"active_connections=(?P<active>\d+), long_lived_connections=(?P<long>\d+)$",
    re.MULTILINE,
)
CYCLE = re.compile(
    r"Periodic cleanup cycle: cleaned=(\d+) connections, cycle_duration_ms=(\d+(?:\.\d+)?), "
    r"total_cleanups=(\d+), total_cleaned=(\d+), error_rate=(\d+(?:\.\d+)?)%$",
    re.MULTILINE,
)


class Stream:
    """One open event stream."""

    def __init__(self, lab: RunningLab, url: str | None = None, **headers: str) -> None:
        parts = urlsplit(url or lab.url("sse") + STREAM)
        self.connection = HTTPConnection(str(parts.hostname), parts.port, timeout=5)
        self.connection.request("GET", parts.path, headers=headers)
        self.answer: HTTPResponse = self.connection.getresponse()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answer.close()
        self.connection.close()

    def event(self) -> dict[str, str]:
        """Read the next event or comment, which is called by the empty name; nothing at the end."""
        fields: dict[str, str] = {}
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        return fields

    def named(self, kind: str) -> dict[str, str]:
        """Read on to the next event of that type."""
        while (found := self.event()).get("event") != kind:
            assert found, "the stream has ended"
        return found

    def connected(self) -> dict[str, Any]:
        """Read the first event."""
        first = self.event()
        assert first["event"] == "connected"
        found: dict[str, Any] = json.loads(first["data"])
        return found


def told(lab: RunningLab) -> dict[str, Any]:
    status, body = lab.get("sse", MONITORING)
    assert status == 200, body
    found: dict[str, Any] = body
    return found


def body_of(connection: socket.socket) -> bytes:
    """Read the answer to a request that was sent."""
    answer = HTTPResponse(connection)
    answer.begin()
    assert answer.status == 200
    return answer.read()


def cleanup(lab: RunningLab) -> dict[str, Any]:
    found: dict[str, Any] = told(lab)["cleanup_stats"]
    return found


def indicators(lab: RunningLab) -> tuple[str, list[str], list[str]]:
    found = told(lab)["health_indicators"]
    return found["overall_health"], *([one["type"] for one in found[name]] for name in ("alerts", "warnings"))


def page(lab: RunningLab) -> dict[str, float]:
    return {name: float(value) for name, value in SERIES.findall(str(lab.get("sse", METRICS)[1]))}


def published(lab: RunningLab) -> dict[str, dict[str, Any]]:
    url = f"{lab.variables['LAB_CLOUDWATCH_URL']}/metrics-published?namespace=SSE/ConnectionManager"
    return {one["metric"]: one for one in lab.send("GET", url)[1]["metrics"]}


def redis(lab: RunningLab, *words: str) -> str:
    host, port = lab.variables["LAB_SSE_REDIS"].split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(f"SELECT 1\r\n{' '.join(words)}\r\nQUIT\r\n".encode())
        with connection.makefile("rb") as replies:
            return replies.read().decode().removeprefix("+OK\r\n").removesuffix("+OK\r\n")


def counts(lab: RunningLab) -> tuple[int, int, int]:
    stats = told(lab)["connection_stats"]
    return stats["active_connections"], stats["redis_connection_counters"], counted(lab)


def counted(lab: RunningLab) -> int:
    return int(redis(lab, "GET", "sse:connections:count").split("\r\n")[1])


def log(lab: RunningLab) -> str:
    return lab.log("sse").read_text("utf-8")


def test_a_stream_begins_with_an_event_and_is_pinged(lab: RunningLab) -> None:
    with Stream(lab, lab.variables["LAB_SSE_STREAM_URL"]) as stream:
        assert stream.answer.status == 200
        assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
        first = stream.event()
        assert (first["event"], first["retry"]) == ("connected", "50")
        assert json.loads(first["data"])["ping_interval_seconds"] == 15
        began = time.monotonic()
        seen = [stream.event() for _ in range(12)]
        assert time.monotonic() - began > 1.5
        assert seen.count({"": "ping"}) >= 7
        assert [one["event"] for one in seen if one != {"": "ping"}].count("update") >= 1


def test_a_client_that_comes_back_gets_what_it_has_missed(lab: RunningLab) -> None:
    with Stream(lab) as stream:
        before = int(stream.named("update")["id"])
    with Stream(lab) as watching:
        assert int(watching.named("update")["id"]) > before
    with Stream(lab, **{"Last-Event-ID": str(before)}) as stream:
        assert stream.connected()["resumed_after"] == before
        assert int(stream.event()["id"]) == before + 1


def test_opening_and_closing_moves_both_counters_by_one(lab: RunningLab) -> None:
    wait_until(lambda: counts(lab) == (CLIENTS,) * 3, 5, "nobody else is there")
    with Stream(lab) as stream:
        name = stream.connected()["connection"]
        assert counts(lab) == (CLIENTS + 1,) * 3
        hashed = redis(lab, "HGETALL", f"sse:connection:{name}")
        assert "started_at" in hashed
        assert "last_activity" in hashed
        assert 1400 < int(redis(lab, "TTL", f"sse:connection:{name}")[1:]) <= 1440
    wait_until(lambda: counts(lab) == (CLIENTS,) * 3, 5, "it is counted no longer")
    assert redis(lab, "EXISTS", f"sse:connection:{name}") == ":0\r\n"


def test_a_client_that_is_cut_off_is_counted_no_longer(lab: RunningLab) -> None:
    with Stream(lab) as stream:
        stream.connected()
        assert stream.connection.sock is not None
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        stream.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    wait_until(lambda: counts(lab) == (CLIENTS,) * 3, 5, "it is counted no longer")


def test_a_silent_connection_is_removed_and_a_lively_one_is_not(lab: RunningLab) -> None:
    before = cleanup(lab)["total_connections_cleaned"]
    with Stream(lab) as silent, Stream(lab) as lively:
        silent.connected()
        alive = {"connections": [lively.connected()["connection"], "nobody"]}
        began = time.monotonic()

        def is_cleaned() -> bool:
            heartbeat = lab.send("POST", f"{lab.url('sse')}/api/sse/heartbeat", body=alive)
            assert heartbeat == (200, {"known": 1})
            return bool(cleanup(lab)["total_connections_cleaned"] == before + 1)

        wait_until(is_cleaned, 15, "the silent one is cleaned up")
        assert time.monotonic() - began > 4.5
        while silent.event():
            pass
        assert lively.event()
        assert counts(lab) == (CLIENTS + 1,) * 3


def test_the_data_add_up(lab: RunningLab) -> None:
    body = told(lab)
    assert body["service_name"] == "sse_connection_manager"
    assert body["connection_stats"] == {
        "active_connections": CLIENTS,
        "redis_connection_counters": CLIENTS,
        "cleanup_task_running": True,
    }
    figures, performance = body["cleanup_stats"], body["performance_metrics"]
    assert (figures["stale"], figures["active"]) == (0, CLIENTS)
    assert 2 <= figures["very_old"] <= figures["long_lived"] <= CLIENTS
    assert figures["long_lived"] >= 4
    assert figures["error_rate"] == performance["cleanup_error_rate"] == 0
    assert figures["connections_per_cleanup"] == performance["connections_cleaned_per_operation"]
    per_cleanup = figures["total_connections_cleaned"] / figures["total_cleanups"]
    assert figures["connections_per_cleanup"] == pytest.approx(per_cleanup, abs=0.006)
    assert (performance["cleanup_efficiency_rate"], figures["consecutive_errors"]) == (100, 0)
    assert body["configuration"] == {
        "cleanup_interval_seconds": 60,
        "cleanup_batch_size": 10,
        "stale_threshold_seconds": 300,
        "periodic_cleanup_enabled": True,
        "ping_interval_seconds": 15,
    }
    assert indicators(lab) == ("healthy", [], [])
    assert lab.get("sse", HEALTH) == (200, {"healthy": True, "overall_health": "healthy"})


def test_the_page_tells_what_the_data_tell(lab: RunningLab) -> None:
    wait_until(lambda: cleanup(lab)["total_cleanups"] == page(lab)["sse_cleanup_total"], 5, "both agree")
    text, body, on_page = str(lab.get("sse", METRICS)[1]), told(lab), page(lab)
    assert len(on_page) == len(re.findall(r"^# TYPE \w+ (?:gauge|counter)$", text, re.MULTILINE)) == 11
    assert text.endswith("\n")
    assert on_page["sse_active_connections"] == body["connection_stats"]["active_connections"]
    assert on_page["sse_long_lived_connections"] == body["cleanup_stats"]["long_lived"]
    assert on_page["sse_health_status"] == on_page["sse_health_alerts"] == 0


def test_two_figures_are_published(lab: RunningLab) -> None:
    found = published(lab)
    assert {name: one["unit"] for name, one in found.items()} == {
        "ActiveConnections": "Count",
        "CleanupErrorRate": "Percent",
    }
    wait_until(lambda: published(lab)["ActiveConnections"]["value"] == CLIENTS, 5, "it is as many as there are")
    earlier = found["ActiveConnections"]["timestamp"]
    wait_until(lambda: published(lab)["ActiveConnections"]["timestamp"] > earlier, 5, "it is published again")


def test_the_sink_takes_the_older_protocol_and_refuses_nonsense(lab: RunningLab) -> None:
    url = urlsplit(lab.variables["LAB_CLOUDWATCH_URL"])

    def post(body: str) -> int:
        connection = HTTPConnection(str(url.hostname), url.port, timeout=5)
        connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
        connection.close()
        return status

    datum = "MetricData.member.1.MetricName=M&MetricData.member.1.Value=2.5&MetricData.member.1.Unit=Percent"
    assert post(f"Action=PutMetricData&Version=2010-08-01&Namespace=Other&{datum}") == 200
    read = lab.send("GET", f"{lab.variables['LAB_CLOUDWATCH_URL']}/metrics-published?namespace=Other")[1]["metrics"]
    assert [(one["metric"], one["value"], one["unit"]) for one in read] == [("M", 2.5, "Percent")]
    assert post("Action=ListMetrics") == 400
    assert post("nonsense") == 400


def statistics(lab: RunningLab, **asked: str) -> tuple[int, str]:
    usual = {
        "Action": "GetMetricStatistics",
        "Namespace": "SSE/ConnectionManager",
        "MetricName": "ActiveConnections",
        "Period": "1",
        "Statistics.member.1": "Average",
        "StartTime": moment(time.time() - 60),
        "EndTime": moment(time.time() + 1),
    }
    query = urlencode({name: value for name, value in (usual | asked).items() if value})
    status, text = lab.send("GET", f"{lab.variables['LAB_CLOUDWATCH_URL']}/?{query}")
    return status, str(text)


def moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def test_what_was_published_can_be_asked_for_as_in_cloudwatch(lab: RunningLab) -> None:
    averages = re.compile(
        r"<member><Timestamp>(.{19})\.000Z</Timestamp><Average>([\d.]+)</Average><Unit>Count</Unit></member>"
    )
    wait_until(lambda: len(averages.findall(statistics(lab)[1])) > 2, 10, "three periods have data")
    found = averages.findall(statistics(lab)[1])
    assert [at for at, _ in found] == sorted({at for at, _ in found})
    wait_until(lambda: averages.findall(statistics(lab)[1])[-1][1] == f"{CLIENTS:.1f}", 5, "as many as there are")
    assert len(averages.findall(statistics(lab, Period="60")[1])) < 3
    assert averages.findall(statistics(lab, MetricName="Other")[1]) == []


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"Period": "7"}, "a period is 1, 5, 10, 30 or whole minutes, not 7 s"),
        ({"Period": "-60"}, "not -60 s"),
        ({"MetricName": ""}, "MetricName is missing"),
        ({"Action": "ListMetrics"}, "only GetMetricStatistics is offered to GET"),
        ({"Statistics.member.1": "Sum"}, "only Average is offered"),
        ({"StartTime": "2026-01-01T00:00:00Z"}, "more than 1440 periods"),
        ({"EndTime": "2001-01-01T00:00:00Z"}, "StartTime must be before EndTime"),
    ],
)
def test_the_sink_says_what_is_wrong_with_a_question(lab: RunningLab, asked: dict[str, str], complaint: str) -> None:
    status, text = statistics(lab, **asked)
    assert (status, "<Code>InvalidParameterValue</Code>" in text) == (400, True)
    assert complaint in text


def test_lines_of_cleanups(lab: RunningLab) -> None:
    wait_until(lambda: len(CYCLE.findall(log(lab))) > 2, 10, "three cycles are logged")
    text = log(lab)
    for found in COMPLETED.finditer(text):
        line = {name: float(value) for name, value in found.groupdict().items()}
        assert line["after"] == line["before"] - line["cleaned"]
        assert line["stale"] + line["active"] == line["before"]
        assert (line["threshold"], line["batch"] in {10, 5, 3}) == (300, True)
    assert text.count("SSE cleanup completed") >= len(CYCLE.findall(text)) == text.count("Periodic cleanup cycle")
    totals = [int(found[2]) for found in CYCLE.findall(text.rpartition("SSE configuration validated")[2])]
    assert totals == sorted(totals)
    assert (
        "SSE configuration validated successfully: cleanup_interval=60s, batch_size=10, stale_threshold=300s, " in text
    )


def test_forced_cleanups_are_for_admins_and_take_one_batch(lab: RunningLab) -> None:
    url = f"{lab.url('sse')}/api/sse/cleanup"

    def force(role: str | None, batch: Any = 5) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {lab.variables[f'LAB_{role}_TOKEN']}"} if role else {}
        return lab.send("POST", url, headers, {"batch_size": batch})

    assert (force(None)[0], force("USER")[0], force("ADMIN", "many")[0]) == (401, 403, 422)
    lab.fault("F.sse.config", PERIODIC_CLEANUP_ENABLED=False)
    wait_until(lambda: counts(lab)[0] == CLIENTS, 10, "everybody is back")
    assert indicators(lab) == ("healthy", [], [])
    assert told(lab)["connection_stats"]["cleanup_task_running"] is False
    lab.fault("F.sse.ghosts", kind="stale", count=8)
    assert cleanup(lab)["stale"] == 8
    assert [force("ADMIN"), force("SUPERADMIN"), force("ADMIN")] == [(200, {"cleaned": number}) for number in (5, 3, 0)]
    assert cleanup(lab)["total_connections_cleaned"] == 8
    lab.fault("F.sse.ghosts", kind="stale", count=8)
    lab.fault("F.sse.batch_ignored")
    assert force("ADMIN") == (200, {"cleaned": 8})


def test_nonsense_is_refused(lab: RunningLab) -> None:
    assert lab.send("POST", f"{lab.url('sse')}/api/sse/heartbeat", body=["x"])[0] == 422
    assert lab.send("HEAD", lab.url("sse") + STREAM)[0] == 200
    assert lab.send("POST", lab.url("sse") + STREAM)[0] == 405


BAD = {
    "interval": ({"CLEANUP_INTERVAL_SECONDS": 8}, "cleanup_interval 8s is not between 10s and 300s"),
    "batch": ({"CLEANUP_BATCH_SIZE": 150}, "batch_size 150 is not between 1 and 100"),
    "stale and interval": ({"CLEANUP_INTERVAL_SECONDS": 200}, "is less than twice the cleanup_interval 200s"),
    "stale and ping": (
        {"CLEANUP_INTERVAL_SECONDS": 15, "STALE_CONNECTION_THRESHOLD_SECONDS": 40},
        "is less than three times the ping_interval 15s",
    ),
}


def since_the_start(lab: RunningLab, before: int) -> str:
    return log(lab)[before:].partition("SSE cleanup completed")[0]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_setting_is_warned_of_and_does_not_keep_it_from_starting(lab: RunningLab, what: str) -> None:
    settings, complaint = BAD[what]
    before = len(log(lab))
    handle = lab.fault("F.sse.config", **settings)
    assert f"SSE configuration validation warnings: {complaint}" in re.sub(
        r"stale_threshold \d+s ", "", since_the_start(lab, before)
    )
    assert told(lab)["configuration"]["cleanup_interval_seconds"] == settings.get("CLEANUP_INTERVAL_SECONDS", 60)
    environment = lab.control("GET", "/__lab/config")["sse"]
    assert all(environment[name] == str(value) for name, value in settings.items())
    assert environment["AWS_SECRET_ACCESS_KEY"] == "(secret)"
    lab.heal(handle)
    assert told(lab)["configuration"]["cleanup_interval_seconds"] == 60


@pytest.mark.parametrize("preset", [(30, 20, 180), (120, 5, 600)])
def test_the_presets_are_valid_unless_limits_are_stricter(lab: RunningLab, preset: tuple[int, int, int]) -> None:
    names = ("CLEANUP_INTERVAL_SECONDS", "CLEANUP_BATCH_SIZE", "STALE_CONNECTION_THRESHOLD_SECONDS")
    settings = dict(zip(names, preset, strict=True))
    before = len(log(lab))
    handle = lab.fault("F.sse.config", **settings)
    assert "SSE configuration validated successfully" in since_the_start(lab, before)
    lab.heal(handle)
    lab.fault("F.sse.validation_strict")
    before = len(log(lab))
    lab.fault("F.sse.config", **settings)
    assert "SSE configuration validation warnings" in since_the_start(lab, before)


def test_without_validation_nothing_is_said_of_a_bad_setting(lab: RunningLab) -> None:
    lab.fault("F.sse.no_validation")
    before = len(log(lab))
    lab.fault("F.sse.config", CLEANUP_BATCH_SIZE=150)
    wait_until(lambda: "SSE cleanup completed" in log(lab)[before:], 5, "it cleans up")
    assert "SSE configuration" not in log(lab)[before:]


Effect = Callable[[RunningLab], Any]
COUNT = "/connection_stats/redis_connection_counters"


def streams(lab: RunningLab, of: Callable[[Stream], Any]) -> Any:
    with Stream(lab, lab.variables["LAB_SSE_STREAM_URL"]) as stream:
        return of(stream)


def pings(stream: Stream) -> int:
    stream.named("update")
    seen = []
    while (found := stream.event()).get("event") != "update":
        seen.append(found)
    return len(seen)


def falls(look: Callable[[], float]) -> bool:
    before = look()
    time.sleep(0.2)
    return look() < before


def grows(look: Callable[[], float], over_s: float = 1.3) -> bool:
    before = look()
    time.sleep(over_s)
    return look() > before


def is_kept_back(lab: RunningLab) -> bool:
    parts = urlsplit(lab.variables["LAB_SSE_STREAM_URL"])
    with socket.create_connection((str(parts.hostname), parts.port or 0), 5) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        connection.settimeout(1.0)
        try:
            return not connection.recv(100)
        except TimeoutError:
            return True


def half_an_event(stream: Stream) -> bool:
    stream.connection.sock.settimeout(1.0)  # type: ignore[union-attr]
    try:
        return stream.event() == {}
    except TimeoutError:
        return True


def ends_early(stream: Stream) -> bool:
    stream.connected()
    try:
        for _ in range(8):
            if not stream.event():
                return True
    except (ConnectionError, ValueError, OSError):
        return True
    return False


EFFECTS: dict[str, tuple[str, dict[str, Any], Effect]] = {
    "too many counted": (
        "F.sse.counter_drift",
        {"by": 15},
        lambda lab: (
            counts(lab) == (CLIENTS, CLIENTS + 15, CLIENTS + 15)
            and indicators(lab) == ("unhealthy", ["connection_mismatch"], [])
            and lab.get("sse", HEALTH) == (503, {"healthy": False, "overall_health": "unhealthy"})
            and page(lab)["sse_health_status"] == 2
        ),
    ),
    "too few counted": (
        "F.sse.counter_drift",
        {"by": -12},
        lambda lab: counts(lab) == (CLIENTS + 12, CLIENTS, CLIENTS),
    ),
    "many connections": (
        "F.sse.ghosts",
        {"kind": "active", "count": 1000},
        lambda lab: counts(lab)[0] > 1000 and indicators(lab) == ("degraded", [], ["high_connection_count"]),
    ),
    "stale connections that no cleanup chooses": (
        "F.sse.ghosts",
        {"kind": "stale", "count": 60, "cleanup_skips_them": True},
        lambda lab: (
            cleanup(lab)["stale"] == 60
            and counts(lab) == (CLIENTS + 60,) * 3
            and indicators(lab) == ("degraded", [], ["stale_connection_accumulation"])
            and lab.get("sse", HEALTH)[0] == 200
        ),
    ),
    "very old connections": (
        "F.sse.ghosts",
        {"kind": "very_old", "count": 12},
        lambda lab: (
            (found := cleanup(lab))["very_old"] >= 14
            and found["long_lived"] >= 16
            and found["stale"] == 0
            and indicators(lab) == ("degraded", [], ["very_old_connections"])
        ),
    ),
    "long-lived connections that are not counted": (
        "F.sse.ghosts",
        {"kind": "long_lived", "count": 20, "counters_follow": False},
        lambda lab: cleanup(lab)["long_lived"] >= 24 and counts(lab) == (CLIENTS + 20, CLIENTS, CLIENTS),
    ),
    "the task told to be dead": (
        "F.sse.cleanup_flag",
        {"running": False},
        lambda lab: (
            told(lab)["connection_stats"]["cleanup_task_running"] is False
            and indicators(lab) == ("unhealthy", ["cleanup_not_running"], [])
            and grows(lambda: cleanup(lab)["total_cleanups"])
        ),
    ),
    "the task cancelled": (
        "F.sse.cleanup_stop",
        {},
        lambda lab: (
            indicators(lab) == ("unhealthy", ["cleanup_not_running"], [])
            and not grows(lambda: cleanup(lab)["total_cleanups"])
            and not grows(lambda: log(lab).count("Periodic cleanup cycle"))
        ),
    ),
    "failing since long": (
        "F.sse.cleanup_errors",
        {"rate_percent": 7, "as_history": True, "log": False},
        lambda lab: (
            6.5 < cleanup(lab)["error_rate"] <= 7.1
            and indicators(lab) == ("degraded", [], ["elevated_error_rate"])
            and not grows(lambda: cleanup(lab)["cleanup_errors"])
        ),
    ),
    "failing on": (
        "F.sse.cleanup_errors",
        {"rate_percent": 12},
        lambda lab: (
            11 < cleanup(lab)["error_rate"] < 13
            and indicators(lab) == ("unhealthy", ["high_cleanup_error_rate"], [])
            and grows(lambda: cleanup(lab)["cleanup_errors"], 2.0)
            and "ERROR sse.cleanup - Error during periodic SSE cleanup: ConnectionError" in log(lab)
        ),
    ),
    "failing lately": (
        "F.sse.cleanup_errors",
        {"rate_percent": 20, "recent_only": True, "log": False},
        lambda lab: cleanup(lab)["error_rate"] < 5 and 15 < failing_percent(lab, 3.0) < 25,
    ),
    "failing always": (
        "F.sse.cleanup_errors",
        {"rate_percent": 100, "recent_only": True},
        lambda lab: cleanup(lab)["consecutive_errors"] >= 10,
    ),
    "slow": (
        "F.sse.cleanup_slow",
        {"ms": 160},
        lambda lab: (
            cleanup(lab)["last_cleanup_duration_ms"] > 150
            and told(lab)["performance_metrics"]["avg_cleanup_duration_ms"] > 100
        ),
    ),
    "connections that cannot be closed": (
        "F.sse.cleanup_fail_connections",
        {"percent": 8},
        lambda lab: (
            90 <= told(lab)["performance_metrics"]["cleanup_efficiency_rate"] < 95
            and cleanup(lab)["failed_connections"] >= 2
            and ", failed=1, " in log(lab)
        ),
    ),
    "counters frozen": (
        "F.sse.counter_freeze",
        {"counter": "total_cleanups"},
        lambda lab: (
            not grows(lambda: cleanup(lab)["total_cleanups"], 2.5) and not grows(lambda: page(lab)["sse_cleanup_total"])
        ),
    ),
    "a counter that falls": (
        "F.sse.counter_back",
        {"counter": "total_connections_cleaned", "by": 30},
        lambda lab: falls(lambda: page(lab)["sse_total_connections_cleaned"]),
    ),
    "cleanups that fall": (
        "F.sse.counter_back",
        {"counter": "total_cleanups", "by": 60, "coherent": False},
        lambda lab: falls(lambda: cleanup(lab)["total_cleanups"]),
    ),
    "an alert too many": (
        "F.sse.health_entry",
        {"list": "alerts", "type": "lab_marker", "value": 1},
        lambda lab: (
            indicators(lab) == ("unhealthy", ["lab_marker"], [])
            and (page(lab)["sse_health_alerts"], page(lab)["sse_health_status"]) == (1, 2)
            and lab.get("sse", HEALTH)[0] == 503
        ),
    ),
    "a warning without its level": (
        "F.sse.health_entry",
        {"list": "warnings", "type": "stale_connection_accumulation", "value": 70, "recompute_level": False},
        lambda lab: indicators(lab) == ("healthy", [], ["stale_connection_accumulation"]),
    ),
    "another level": (
        "F.sse.health_level",
        {"force": "degraded"},
        lambda lab: indicators(lab) == ("degraded", [], []) and page(lab)["sse_health_status"] == 1,
    ),
    "a figure in every view": (
        "F.sse.figure",
        {"pointer": "/cleanup_stats/long_lived", "value": 1},
        lambda lab: cleanup(lab)["long_lived"] == page(lab)["sse_long_lived_connections"] == 1,
    ),
    "a figure and its twin": (
        "F.sse.figure",
        {"pointer": "/cleanup_stats/error_rate", "add": 0.9},
        lambda lab: told(lab)["performance_metrics"]["cleanup_error_rate"] == cleanup(lab)["error_rate"] == 0.9,
    ),
    "nothing published": (
        "F.sse.cloudwatch_stop",
        {},
        lambda lab: (
            (before := published(lab)["ActiveConnections"]["timestamp"])
            and not time.sleep(1.5)
            and published(lab)["ActiveConnections"]["timestamp"] == before
        ),
    ),
    "streams refused": (
        "F.sse.refuse",
        {},
        lambda lab: streams(lab, lambda stream: stream.answer.status == 503) and counts(lab)[0] == CLIENTS,
    ),
    "no pings": ("F.sse.no_ping", {}, lambda lab: streams(lab, pings) == 0),
    "no decrement": (
        "F.sse.no_decrement",
        {"for": "checker"},
        lambda lab: (
            streams(lab, lambda stream: stream.connected())
            and wait_until(lambda: counts(lab)[1] == counts(lab)[0], 5, "the stream is registered")
            and counts(lab)[0] > CLIENTS
            and not time.sleep(0.5)
            and counts(lab)[0] > CLIENTS
        ),
    ),
    "kept back on the way": ("F.sse.buffering", {}, is_kept_back),
    "another content type": (
        "F.sse.stream",
        {"manner": "content_type"},
        lambda lab: streams(lab, lambda stream: stream.answer.headers["Content-Type"] == "text/plain"),
    ),
    "half an event": ("F.sse.stream", {"manner": "half_event"}, lambda lab: streams(lab, half_an_event)),
    "events without end": (
        "F.sse.stream",
        {"manner": "endless"},
        lambda lab: (
            streams(lab, lambda stream: len(stream.answer.read(1_000_000)) == 1_000_000)
            if streams(lab, lambda stream: stream.connected() is not None and stream.event().get("data") == "{}")
            else False
        ),
    ),
    "cut every now and then": (
        "F.sse.stream",
        {"manner": "drop", "seconds": 0.5},
        lambda lab: streams(lab, ends_early),
    ),
    "compressed": (
        "F.sse.stream",
        {"manner": "compressed"},
        lambda lab: streams(lab, lambda stream: stream.answer.headers["Content-Encoding"] == "gzip"),
    ),
    "a stream that is none": (
        "F.http.status",
        {"service": "sse", "path": STREAM, "status": 204},
        lambda lab: streams(lab, lambda stream: stream.answer.status == 204) and counts(lab)[0] == CLIENTS,
    ),
    "the service down": (
        "F.http.down",
        {"service": "sse"},
        lambda lab: socket.socket().connect_ex(("127.0.0.1", urlsplit(lab.url("sse")).port or 0)) != 0,
    ),
    "the data from two minutes ago": (
        "F.json.set",
        {"service": "sse", "path": MONITORING, "pointer": "/timestamp", "value": "now - 120 s"},
        lambda lab: told(lab)["timestamp"] < published(lab)["ActiveConnections"]["timestamp"][:17],
    ),
    "the data frozen": (
        "F.json.freeze",
        {"service": "sse", "path": MONITORING},
        lambda lab: told(lab)["timestamp"] == told(lab)["timestamp"],
    ),
    "another count of Redis": (
        "F.json.offset",
        {"service": "sse", "path": MONITORING, "pointer": COUNT, "add": 6},
        lambda lab: counts(lab) == (CLIENTS, CLIENTS + 6, CLIENTS),
    ),
    "a family without type": (
        "F.prom.garble",
        {"service": "sse"},
        lambda lab: "# TYPE sse_active_connections gauge" not in lab.get("sse", METRICS)[1],
    ),
    "a family gone": (
        "F.prom.drop",
        {"service": "sse", "family": "sse_health_alerts"},
        lambda lab: "sse_health_alerts" not in page(lab),
    ),
    "a family retyped": (
        "F.prom.retype",
        {"service": "sse", "family": "sse_cleanup_total"},
        lambda lab: "# TYPE sse_cleanup_total gauge" in lab.get("sse", METRICS)[1],
    ),
    "a value set in both views": (
        "F.prom.set",
        {"service": "sse", "family": "sse_cleanup_error_rate", "value": 2.5, "json_follows": True},
        lambda lab: page(lab)["sse_cleanup_error_rate"] == cleanup(lab)["error_rate"] == 2.5,
    ),
    "a counter of the page that falls": (
        "F.prom.decrease",
        {"service": "sse", "family": "sse_cleanup_total", "by": 4},
        lambda lab: falls(lambda: page(lab)["sse_cleanup_total"]),
    ),
    "cycles not logged": (
        "F.log.mute",
        {"log": "sse_log", "pattern": "Periodic cleanup cycle"},
        lambda lab: "Periodic cleanup cycle" not in log(lab),
    ),
    "an error logged": (
        "F.log.emit",
        {"log": "sse_log", "line": "Error during periodic SSE cleanup: ConnectionError lab"},
        lambda lab: "ERROR fault - Error during periodic SSE cleanup: ConnectionError lab" in log(lab),
    ),
    "logs kept for ten days": (
        "F.file.age",
        {"dir": "sse_log_dir", "remove_older_than_days": 10},
        lambda lab: len(list(Path(lab.variables["LAB_LOGS"]).glob("sse.log.*"))) < 12,
    ),
    "Redis refusing callers": (
        "F.redis.refuse",
        {"redis": "sse"},
        lambda lab: refuses(lab) and told(lab)["connection_stats"]["redis_connection_counters"] == CLIENTS,
    ),
    "Redis dead": (
        "F.redis.kill",
        {"node": "redis-sse"},
        lambda lab: (
            (lab.get("sse", MONITORING)[0], lab.get("sse", HEALTH)[0], lab.get("sse", METRICS)[0]) == (500, 503, 500)
        ),
    ),
}


def failing_percent(lab: RunningLab, over_s: float) -> float:
    before = cleanup(lab)
    time.sleep(over_s)
    after = cleanup(lab)
    return float(
        100
        * (after["cleanup_errors"] - before["cleanup_errors"])
        / (after["total_cleanups"] - before["total_cleanups"])
    )


def refuses(lab: RunningLab) -> bool:
    try:
        redis(lab, "PING")
    except OSError:
        return True
    return False


@pytest.mark.parametrize("what", EFFECTS)
def test_a_fault_shows_and_heals(lab: RunningLab, what: str) -> None:
    name, parameters, shows = EFFECTS[what]

    def shown() -> bool:
        try:
            return bool(shows(lab))
        except (OSError, TypeError, KeyError, IndexError, AssertionError):  # it is being started anew
            return False

    if what != "slow":  # so is the first cleanup on a busy machine
        assert not shown()
    handle = lab.fault(name, **parameters)
    wait_until(shown, SHOWS_WITHIN_S, what)
    lab.heal(handle)
    wait_until(lab.is_healthy, HEALS_WITHIN_S, "the lab is healthy again")
    wait_until(lambda: not shown(), HEALS_WITHIN_S, f"{what} no more")
    wait_until(lambda: counts(lab) == (CLIENTS,) * 3, HEALS_WITHIN_S, "everybody is there and nobody else")


def test_cleanups_fail_more_and_more(lab: RunningLab) -> None:
    lab.fault("F.sse.cleanup_errors", ramp_percent=[1, 20, 40], log=False)
    first, later = failing_percent(lab, 3.0), 0.0

    def has_risen() -> bool:
        nonlocal later
        later = failing_percent(lab, 3.0)
        return later > first + 8

    wait_until(has_risen, 40, "they fail more often")


def test_a_stale_connection_of_a_caller_is_spared(lab: RunningLab) -> None:
    lab.fault("F.sse.cleanup_skip")
    with Stream(lab) as stream:
        stream.connected()
        wait_until(lambda: cleanup(lab)["stale"] == 1, 10, "it is stale")
        before = cleanup(lab)["total_cleanups"]
        wait_until(lambda: cleanup(lab)["total_cleanups"] > before + 1, 10, "two cleanups have passed")
        assert cleanup(lab)["stale"] == 1
        lab.reset()
        wait_until(lambda: cleanup(lab)["stale"] == 0, 10, "it is cleaned up")


@pytest.mark.parametrize(
    ("name", "parameters", "complaint"),
    [
        ("F.sse.counter_drift", {"by": 0}, "by must not be 0"),
        ("F.sse.cleanup_errors", {}, "give either rate_percent or ramp_percent"),
        ("F.sse.cleanup_errors", {"ramp_percent": [1, 200]}, "a list of numbers from 0 to 100"),
        ("F.sse.cleanup_errors", {"rate_percent": 7, "as_history": True, "recent_only": True}, "exclude one another"),
        ("F.sse.counter_back", {"counter": "cleanup_errors"}, "cleanup_errors is 0 and cannot step back by 30"),
        ("F.sse.figure", {"pointer": "/cleanup_stats/none", "add": 1}, "/cleanup_stats/none is no figure"),
        ("F.sse.figure", {"pointer": "/cleanup_stats/stale"}, "give either value or add"),
        ("F.sse.config", {}, "give at least one setting"),
        ("F.file.age", {"dir": "sse_log_dir", "days": 4}, "sse_log_dir with remove_older_than_days"),
    ],
)
def test_faults_that_cannot_be_caused_say_why(
    lab: RunningLab, name: str, parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(LabError, match=f"422: .*{re.escape(complaint)}"):
        lab.fault(name, **parameters)


def test_a_crowd_that_comes_and_goes_at_once_is_in_both_counts_at_any_time(lab: RunningLab) -> None:
    address = urlsplit(lab.url("sse"))
    waves, wave = 4, 20

    def connect(there: ExitStack) -> list[socket.socket]:
        where = (str(address.hostname), address.port or 0)
        return [there.enter_context(socket.create_connection(where, 5)) for _ in range(wave)]

    def ask(one: socket.socket, path: str) -> None:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

    def counted(questions: list[socket.socket]) -> list[tuple[int, int]]:
        stats = [json.loads(body_of(one))["connection_stats"] for one in questions]
        return [(one["active_connections"], one["redis_connection_counters"]) for one in stats]

    seen = []
    with ExitStack() as there:
        streams = [connect(there) for _ in range(waves)]
        for crowd in streams:
            for stream, question in zip(crowd, questions := connect(there), strict=True):
                ask(stream, STREAM)
                ask(question, MONITORING)
            seen += counted(questions)
        wait_until(lambda: counts(lab) == (CLIENTS + waves * wave,) * 3, 20, "all have come")
        for crowd in streams:
            for stream, question in zip(crowd, questions := connect(there), strict=True):
                stream.close()
                ask(question, MONITORING)
            seen += counted(questions)
    assert [pair for pair in seen if pair[0] != pair[1]] == []
    assert len(set(seen)) > waves
    wait_until(lambda: counts(lab) == (CLIENTS,) * 3, 20, "all have gone")


def test_a_service_that_starts_anew_finds_redis_in_line(lab: RunningLab) -> None:
    with Stream(lab) as stream:
        stream.connected()
        before = page(lab)
        assert lab.terminate("sse")["exit_code"] == 0
    wait_until(lambda: counts(lab) == (CLIENTS,) * 3, 10, "everybody is back")
    after = page(lab)
    assert after["process_start_time_seconds"] > before["process_start_time_seconds"]
    assert after["sse_cleanup_total"] < before["sse_cleanup_total"] + 1


def test_whom_a_crash_left_counted_is_forgotten_at_the_next_start(lab: RunningLab) -> None:
    table = lab.control("GET", "/__lab/processes")
    os.kill(next(row["pid"] for row in table if row["name"] == "sse"), signal.SIGKILL)
    wait_until(lambda: counted(lab) == CLIENTS, 5, "they are counted though nobody is there")
    lab.reset()
    wait_until(lambda: counts(lab) == (CLIENTS,) * 3, 10, "everybody is back")


def test_old_logs_hold_cleanups_of_thirty_days(lab: RunningLab) -> None:
    files = sorted(Path(lab.variables["LAB_LOGS"]).glob("sse.log.*"))
    assert len(files) == 31
    text = files[0].read_text("utf-8")
    assert len(COMPLETED.findall(text)) == len(text.splitlines()) == 24
    moment = time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert time.time() - moment > 30 * 86_400


def test_many_clients_can_be_held() -> None:
    with RunningLab("--sse-clients", "300") as lab:
        assert counts(lab) == (300,) * 3
        assert lab.send("GET", lab.variables["LAB_SSE_URL"] + HEALTH)[0] == 200
