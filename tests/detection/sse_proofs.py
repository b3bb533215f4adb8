"""Claims about the event streams that break them to be proven, measured from outside as everything is."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.detection.cell import Fault, fault
from tests.detection.proof import Measurement, Proof, beside
from tests.detection.sse import MONITORING, set_to
from tests.lab_process import RunningLab, wait_until

READY_WITHIN_S = 10.0
NOT_READY = f"not ready in {READY_WITHIN_S:g} s"
COUNTED_WITHIN_S = 5.0
STALE_AFTER_S, REMOVED_WITHIN_S = 300 / 60, 365 / 60
"""After what time of silence a stream is stale, and removed at the latest, in seconds of the lab."""
BUSY_S = 1.0
"""Seconds by which a busy machine may be late."""
HEARD_FOR_S = 10.0
STALE = 8
BATCH = 5
WARNED = re.compile(r"(?m)SSE configuration validation warnings: (.*)$")
VALID = "SSE configuration validated successfully"


@contextmanager
def broken_by(lab: RunningLab, *faults: Fault | None) -> Iterator[None]:
    """Cause faults for the length of a block, one after the other."""
    with ExitStack() as stack:
        for one in faults:
            if one is not None:
                stack.callback(lab.heal, lab.fault(one.id, **one.parameters))
        yield


@contextmanager
def started_with(lab: RunningLab, **settings: int) -> Iterator[str | None]:
    """Start the service with settings; gives what it has logged by the time it is ready, None if it does not get so."""
    before = len(lab.logged("sse"))
    with broken_by(lab, set_to(**settings)):
        ready = _reached(lambda: lab.get("sse", MONITORING)[0] == 200, READY_WITHIN_S)
        yield lab.logged("sse")[before:] if ready else None


def _reached(condition: Any, within_s: float) -> bool:
    def held() -> bool:
        try:
            return bool(condition())
        except OSError:  # it is being started
            return False

    try:
        wait_until(held, within_s, "it is so")
    except AssertionError:
        return False
    return True


def warned(lab: RunningLab, *, settings: dict[str, int], named: tuple[str, ...]) -> Measurement:
    """The service is started with a bad setting: what it says of it, and whether it is ready."""
    with started_with(lab, **settings) as logged:
        if logged is None:
            return Measurement(False, NOT_READY)
        found = WARNED.search(logged)
        if found is None:
            return Measurement(False, "ready without a word about it")
        told = all(word in found[1] for word in named)
        return Measurement(told, f"ready, and warned: {found[1]}")


def unwarned(lab: RunningLab, *, settings: dict[str, int]) -> Measurement:
    """The service is started with settings that the guide recommends: what it says of them."""
    with started_with(lab, **settings) as logged:
        if logged is None:
            return Measurement(False, NOT_READY)
        found = WARNED.search(logged)
        if found is not None:
            return Measurement(False, f"warned: {found[1]}")
        return Measurement(VALID in logged, "validated" if VALID in logged else "not validated")


def stats(lab: RunningLab, block: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.get("sse", MONITORING)[1][block]
    return found


def counts(lab: RunningLab) -> tuple[int, int]:
    """Return how many connections there are as the service says, and as Redis has them."""
    host, _, port = lab.variables["LAB_SSE_REDIS"].rpartition(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(b"SELECT 1\r\nGET sse:connections:count\r\nQUIT\r\n")
        replies = connection.makefile("rb").read().decode().split("\r\n")
    return stats(lab, "connection_stats")["active_connections"], int(replies[2])


@contextmanager
def stream(lab: RunningLab) -> Iterator[HTTPConnection]:
    """Open a stream, and close it after the block; its first event has come."""
    parts = urlsplit(lab.variables["LAB_SSE_STREAM_URL"])
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=HEARD_FOR_S)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        while not answer.readline().startswith(b"data:"):
            pass
        yield connection
    finally:
        connection.close()


def accounting(lab: RunningLab) -> Measurement:
    """A stream is opened and closed: what is counted, at the service and in Redis.

    Whoever is counted no longer because a cleanup found him silent is not counted as closed.
    """
    here, there = counts(lab)
    cleaned = stats(lab, "cleanup_stats")["total_connections_cleaned"]

    def closed_by_itself() -> bool:
        return counts(lab) == (here, there) and stats(lab, "cleanup_stats")["total_connections_cleaned"] == cleaned

    with stream(lab):
        opened = _reached(lambda: counts(lab) == (here + 1, there + 1), COUNTED_WITHIN_S)
    closed = opened and _reached(closed_by_itself, COUNTED_WITHIN_S)
    words = [f"{'' if held else 'not '}counted when {when}" for held, when in ((opened, "opened"), (closed, "closed"))]
    return Measurement(opened and closed, ", ".join(words))


def reaping(lab: RunningLab) -> Measurement:
    """A stream is opened and never says that it is alive: when it is removed."""
    latest = REMOVED_WITHIN_S + BUSY_S
    before = stats(lab, "cleanup_stats")["total_connections_cleaned"]
    with stream(lab):
        began = time.monotonic()
        is_removed = _reached(lambda: stats(lab, "cleanup_stats")["total_connections_cleaned"] == before + 1, latest)
        took = time.monotonic() - began
    if not is_removed:
        return Measurement(False, f"still there after {60 * took:.0f} s")
    return Measurement(took >= STALE_AFTER_S - 0.1, f"removed after {60 * took:.0f} s")


def forced(lab: RunningLab, broken: Fault | None) -> Measurement:
    """Eight streams are stale and nobody cleans up: how many are taken when five are asked for, twice."""
    silent = fault("F.sse.ghosts", kind="stale", count=STALE)
    headers = {"Authorization": f"Bearer {lab.variables['LAB_ADMIN_TOKEN']}"}
    with broken_by(lab, fault("F.sse.config", PERIODIC_CLEANUP_ENABLED=False), broken, silent):
        taken = [
            lab.send("POST", f"{lab.url('sse')}/api/sse/cleanup", headers, {"batch_size": BATCH})[1]["cleaned"]
            for _ in range(2)
        ]
        told = stats(lab, "cleanup_stats")["total_connections_cleaned"]
    return Measurement([*taken, told] == [5, 3, STALE], f"{taken[0]}, then {taken[1]} taken; {told} counted")


INTERVAL, CLEANUP_BATCH, THRESHOLD = (
    "CLEANUP_INTERVAL_SECONDS",
    "CLEANUP_BATCH_SIZE",
    "STALE_CONNECTION_THRESHOLD_SECONDS",
)
BAD: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {
    "interval_low": ({INTERVAL: 9}, ("cleanup_interval 9s", "10s")),
    "interval_high": ({INTERVAL: 301, THRESHOLD: 700}, ("cleanup_interval 301s", "300s")),
    "batch_low": ({CLEANUP_BATCH: 0}, ("batch_size 0", "1")),
    "batch_high": ({CLEANUP_BATCH: 101}, ("batch_size 101", "100")),
    "stale_vs_interval": ({THRESHOLD: 119}, ("stale_threshold 119s", "twice the cleanup_interval 60s")),
    "stale_vs_ping": (
        {THRESHOLD: 44, INTERVAL: 20},
        ("stale_threshold 44s", "three times the ping_interval 15s"),
    ),
}
"""Settings just out of range, and what a warning has to name."""

PRESETS = {
    "high_traffic": {INTERVAL: 30, CLEANUP_BATCH: 20, THRESHOLD: 180},
    "low_traffic": {INTERVAL: 120, CLEANUP_BATCH: 5, THRESHOLD: 600},
}
"""Settings that the guide recommends."""

PROOFS: dict[str, Proof] = {
    **{
        f"sse.config.warns_when_bad[{name}]": Proof(
            f"started with {' and '.join(f'{setting}={value}' for setting, value in settings.items())},"
            " the service logs a warning that names the rule, and starts",
            "a warning, and the monitoring data within 10 s",
            beside(partial(warned, settings=settings, named=named)),
            fault("F.sse.no_validation"),
        )
        for name, (settings, named) in BAD.items()
    },
    **{
        f"sse.config.profiles_valid[{name}]": Proof(
            f"the settings for {name.replace('_', ' ')} pass the validation",
            "validated, without a warning",
            beside(partial(unwarned, settings=settings)),
            fault("F.sse.validation_strict"),
        )
        for name, settings in PRESETS.items()
    },
    "sse.stream.accounting": Proof(
        "a stream that is opened and closed is counted once at the service and in Redis while it is open",
        "within 5 s each",
        beside(accounting),
        fault("F.sse.no_decrement", **{"for": "checker"}),
    ),
    "sse.stream.stale_reaped": Proof(
        "a stream whose client never says that it is alive is stale after 300 s, and removed at the next cleanup",
        "365 s of production, 1 s of the lab later where the machine is busy",
        beside(reaping),
        fault("F.sse.cleanup_skip"),
    ),
    "sse.cleanup.forced": Proof(
        "a forced cleanup takes as many as it is told to, and says how many",
        "of 8 stale streams 5, then 3",
        forced,
        fault("F.sse.batch_ignored"),
    ),
}
"""The P3 rows of the SSE service."""
