"""What faults do to the event streams, and that it is over once they are lifted."""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.lab.event_streams import (
    CLIENTS,
    HEALS_WITHIN_S,
    HEALTH,
    METRICS,
    MONITORING,
    SHOWS_WITHIN_S,
    STREAM,
    Stream,
    cleanup,
    counts,
    indicators,
    log,
    page,
    published,
    redis,
    told,
)
from tests.lab_process import LabError, RunningLab, wait_until

pytestmark = pytest.mark.whole

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
    return wait_until(lambda: look() < before, 1.0, f"it falls below {before:g}")


def after_publications(lab: RunningLab, number: int) -> None:
    """Wait until figures have been published so many times more, which they are every second."""
    seen = set()

    def has_seen_them() -> bool:
        seen.add(published(lab)["ActiveConnections"]["received_at"])
        return len(seen) > number

    wait_until(has_seen_them, 10, "they are published")


def after_cleanups(lab: RunningLab, number: int) -> None:
    """Wait until so many cleanups more have been made, of which there are two a second."""
    before = cleanup(lab)["total_cleanups"]
    wait_until(lambda: cleanup(lab)["total_cleanups"] >= before + number, 10, "it cleans up")


def grows(lab: RunningLab, look: Callable[[], float], publications: int = 2) -> bool:
    before = look()
    after_publications(lab, publications)
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
            and grows(lab, lambda: cleanup(lab)["total_cleanups"])
        ),
    ),
    "the task cancelled": (
        "F.sse.cleanup_stop",
        {},
        lambda lab: (
            indicators(lab) == ("unhealthy", ["cleanup_not_running"], [])
            and not grows(lab, lambda: cleanup(lab)["total_cleanups"])
            and not grows(lab, lambda: log(lab).count("Periodic cleanup cycle"))
        ),
    ),
    "failing since long": (
        "F.sse.cleanup_errors",
        {"rate_percent": 7, "as_history": True, "log": False},
        lambda lab: (
            6.5 < cleanup(lab)["error_rate"] <= 7.1
            and indicators(lab) == ("degraded", [], ["elevated_error_rate"])
            and not grows(lab, lambda: cleanup(lab)["cleanup_errors"])
        ),
    ),
    "failing on": (
        "F.sse.cleanup_errors",
        {"rate_percent": 12},
        lambda lab: (
            11 < cleanup(lab)["error_rate"] < 13
            and indicators(lab) == ("unhealthy", ["high_cleanup_error_rate"], [])
            and grows(lab, lambda: cleanup(lab)["cleanup_errors"])
            and "ERROR sse.cleanup - Error during periodic SSE cleanup: ConnectionError" in log(lab)
        ),
    ),
    "failing lately": (
        "F.sse.cleanup_errors",
        {"rate_percent": 20, "recent_only": True, "log": False},
        lambda lab: cleanup(lab)["error_rate"] < 5 and 15 < failing_percent(lab) < 25,
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
            not grows(lab, lambda: cleanup(lab)["total_cleanups"], 3)
            and not grows(lab, lambda: page(lab)["sse_cleanup_total"])
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
            and after_cleanups(lab, 4) is None
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
            and after_cleanups(lab, 1) is None
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


def failing_percent(lab: RunningLab) -> float:
    before = cleanup(lab)
    after_publications(lab, 3)
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
    first, later = failing_percent(lab), 0.0

    def has_risen() -> bool:
        nonlocal later
        later = failing_percent(lab)
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
