"""A run that its own machine had no time for blames nobody else."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from healthgate.claim.observation import Observation
from healthgate.observe.held_up import NOTICED, PUNCTUAL, HeldUp
from tests.parts.target import Hostile, Peer

ROOT = Path(__file__).parents[2]
ASKING = """
import sys
from healthgate.claim.system import Url
from healthgate.observe.observer import Observer, Task
from healthgate.probes.http import HttpRequest
from healthgate.secret import Redactor

request = HttpRequest("it", "GET", Url(sys.argv[1]), "/", None, float(sys.argv[2]), 1000)
observer, task = Observer(Redactor(), lambda *_: None), Task("works", request)
observer.run([task])
print(task.observation.status, "|", task.observation.error, "|", task.observation.held_up_ms)
"""
LATE = Observation("it", "late", 1000.0, 10_000.0, error="no complete answer within 10 s")


def held(*spans: tuple[float, float]) -> HeldUp:
    """Return what a run took down that was woken late so often."""
    one = HeldUp()
    for due, woken in spans:
        one.note(due, woken)
    return one


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0.0),
        ([(0.0, PUNCTUAL)], 0.0),
        ([(1.0, 1.5)], 0.5),
        ([(1.0, 1.5), (3.0, 4.0)], 1.5),
        ([(-1.0, 0.5)], 0.5),
        ([(9.0, 12.0)], 1.0),
        ([(11.0, 12.0)], 0.0),
    ],
)
def test_only_what_fell_into_the_time_of_a_request_counts(spans: list[tuple[float, float]], seconds: float) -> None:
    """Each late waking, as far as it was between the beginning and the end."""
    assert held(*spans).between(0.0, 10.0) == seconds


@pytest.mark.parametrize(
    ("woken", "status", "held_up_ms"),
    [(NOTICED, "late", 0.0), (1.0, "late", 1000.0), (2.0, "late", 2000.0), (2.5, "starved", 2500.0)],
)
def test_late_is_starved_where_more_than_a_fifth_of_the_deadline_was_lost_here(
    woken: float, status: str, held_up_ms: float
) -> None:
    """A target that had the rest of it is as late as it made itself."""
    seen = held((0.0, woken)).told(LATE, 0.0, 10.0, 10.0)

    assert (seen.status, seen.held_up_ms) == (status, held_up_ms)


def test_a_starved_request_says_so_and_what_was_seen() -> None:
    """Whoever reads it looks at this machine first."""
    seen = held((0.0, 4.0)).told(LATE, 0.0, 10.0, 10.0)

    assert seen.error == (
        "this machine was too busy to tell: it held up this request for 4 s (no complete answer within 10 s)"
    )


def test_an_answer_that_came_stays_an_answer() -> None:
    """It was held up, and says what it says."""
    answered = Observation("it", "answered", 1000.0, 9000.0, facts={"code": 200})

    assert held((0.0, 4.0)).told(answered, 0.0, 10.0, 10.0).status == "answered"


def ask(server: Hostile, deadline: float) -> subprocess.Popen[str]:
    """Start a run of one request in a process of its own."""
    command = [sys.executable, "-c", ASKING, server.url, str(deadline)]
    path = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=path, cwd=ROOT)


def said(process: subprocess.Popen[str]) -> list[str]:
    """Return status, error and how long it was held up, as a run of one request printed them."""
    printed, _ = process.communicate(timeout=60)
    return [part.strip() for part in printed.split("|")]


def test_a_run_that_was_stopped_meanwhile_does_not_blame_its_target(hostile: Callable[..., Hostile]) -> None:
    """It gets no time from the request on until the deadline is over."""
    asked = threading.Event()

    def behave(peer: Peer) -> None:
        peer.read_request()
        asked.set()
        peer.hang()

    process = ask(hostile(behave), 1.0)
    assert asked.wait(30)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)  # its deadline passes while it has no time to see that
    process.send_signal(signal.SIGCONT)
    status, error, held_up = said(process)

    assert status == "starved"
    assert error.startswith("this machine was too busy to tell: it held up this request for 1.")
    assert float(held_up) > 1000


def test_a_target_that_is_slow_is_late_on_a_machine_that_has_time(hostile: Callable[..., Hostile]) -> None:
    """Nothing is excused that is not measured."""
    status, error, _ = said(ask(hostile(Peer.hang), 2.0))

    assert (status, error) == ("late", "no complete answer within 2 s")
