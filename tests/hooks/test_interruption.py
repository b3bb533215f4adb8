"""Ctrl-C and SIGTERM end a run with what was judged on disk."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.parts.processes import until_gone
from tests.parts.project import Project
from tests.parts.target import Target

WAITING = '''\
"""A check that judges, then waits to be interrupted."""

import os
from pathlib import Path
from time import sleep

from checks.boiler import STATE
from healthgate import above, check


@check("boiler.waits", STATE["purity"], stays=above(5), name="waits", cause="c", action="a", runbook="r")
def test_waits(verdict):
    """Says that it is there, then waits."""
    Path("waiting").write_text(str(os.getpid()))
    while True:
        sleep(0.02)
'''


@pytest.fixture
def asked(target: Target) -> Iterator[threading.Event]:
    """Set when the target is asked for its fuel, which it then does not tell while the test lasts."""
    asked, done = threading.Event(), threading.Event()

    def hang(_: Any) -> None:
        asked.set()
        done.wait()

    target.answers["/fuel"] = hang
    yield asked
    done.set()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=lambda sign: sign.name)
def test_an_interruption_while_judging_keeps_what_was_judged(project: Project, sign: signal.Signals) -> None:
    """Exit 2; results.json holds the verdicts until then and says that some are missing."""
    project.write("checks/boiler/test_waiting.py", WAITING)
    waiting = project.root / "waiting"
    run = project.fork("checks", "--env", "works", "--junitxml=junit.xml")
    until(waiting.exists, run)

    run.send_signal(sign)
    outcome = project.ended(run)

    assert outcome.code == 2, outcome.text
    assert set(outcome.states.values()) == {"ok"}
    assert "boiler.pressure" in outcome.states
    assert outcome.results["run"]["exit_code"] == 2
    assert outcome.results["run"]["executed"] < outcome.results["run"]["selected"]
    assert "test_waits[works-waits] was selected and did not bring one" in outcome.out
    assert (project.root / "junit.xml").exists()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=lambda sign: sign.name)
def test_an_interruption_while_observing_ends_at_once(
    project: Project, target: Target, asked: threading.Event, sign: signal.Signals
) -> None:
    """Exit 2 although a request is still out; results say that nothing was judged."""
    project.environment("works", boiler={"url": target.url, "deadline": "10m"})
    run = project.fork("checks", "--env", "works")
    assert asked.wait(60)

    run.send_signal(sign)
    outcome = project.ended(run)

    assert outcome.code == 2, outcome.text
    assert "INTERNALERROR" not in outcome.text
    assert outcome.results["run"]["executed"] == 0
    assert outcome.results["run"]["selected"] == 4


def test_an_interruption_with_workers_ends_the_run_as_well(project: Project) -> None:
    """Exit 2, whatever the workers were doing."""
    project.write("checks/boiler/test_waiting.py", WAITING)
    note = project.root / "waiting"
    run = project.start("checks", "--env", "works", "-n", "2")
    until(lambda: note.exists() and note.read_text(), run)

    run.send_signal(signal.SIGINT)
    outcome = project.ended(run)

    assert outcome.code == 2, outcome.text
    assert outcome.results["run"]["exit_code"] == 2
    until_gone(int(note.read_text()))


def until(condition: Any, run: Any) -> None:
    """Wait for a condition while a run lasts."""
    ended = threading.Event()
    while not condition():
        assert run.poll() is None, "the run ended by itself"
        ended.wait(0.02)
