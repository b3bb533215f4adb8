"""The event streams as callers see them: streams, counters, cleanups, figures, settings, starts."""

import json
import os
import re
import signal
import socket
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.lab.event_streams import (
    CLIENTS,
    COMPLETED,
    CYCLE,
    HEALTH,
    METRICS,
    MONITORING,
    STREAM,
    Stream,
    body_of,
    cleanup,
    counted,
    counts,
    indicators,
    log,
    page,
    published,
    redis,
    told,
)
from tests.lab_process import RunningLab, wait_until

pytestmark = pytest.mark.whole


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
    """What the service has said since it was started anew: until it ended, the one before went on cleaning up."""
    started = lab.processes()["sse"]["started_at"]
    since = [line for line in log(lab)[before:].splitlines(keepends=True) if line[: len(started)] >= started]
    return "".join(since).partition("SSE cleanup completed")[0]


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
    os.kill(lab.processes()["sse"]["pid"], signal.SIGKILL)
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
