"""The event streams of a lab as callers see them: what is streamed, told, counted and logged."""

import json
import re
import socket
from http.client import HTTPConnection, HTTPResponse
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.lab_process import RunningLab

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
    return lab.logged("sse")
