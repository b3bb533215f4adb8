"""In CI, one second try for a test with a live lab: a machine that many share may stand still for a moment.

At most two are tried again, each alone, when all others have ended. Both outcomes are printed by name. Whatever
else failed stays red: a fault of ours shows a second time, and three at once are no accident.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci import in_ci

LIVE = ("tests/lab/", "tests/end_to_end/", "tests/workflows/")
"""Folders whose tests are tried again. The matrix is not among them: it has a second try of its own."""
MOST = 2
"""How many failed tests may be an accident."""
WITHIN_S = 1200.0
"""Seconds for a second try: the ceiling of such a test, and the time to start and to stop."""


class Failures:
    """What failed in this run, by name and in order, as the process that controls it is told."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test of which the set-up, the test itself or the cleaning up failed."""
        if report.failed:
            self.names[report.nodeid] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that could not be read."""
        if report.failed:
            self.names[report.nodeid] = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Try again what may be tried again, after everything else has been told."""
        yield
        if not self.names:
            return
        if session.exitstatus != pytest.ExitCode.TESTS_FAILED:
            say(session, f"nothing is tried again: the run ended with {int(session.exitstatus)} in any case")
            return
        reason = objection(list(self.names), stopped=bool(session.shouldfail or session.shouldstop))
        if reason:
            say(session, f"nothing is tried again: {reason}")
            return
        outcomes = [tried(session, name) for name in self.names]
        if all(outcomes):
            say(session, "what failed passed the second time, so this run is green")
            session.exitstatus = pytest.ExitCode.OK
        else:
            say(session, "what fails twice is no accident, so this run is red")


def pytest_configure(config: pytest.Config) -> None:
    """Listen in CI, in the process that controls the run."""
    if in_ci() and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Failures(), "failures that may be tried again")


def objection(names: list[str], *, stopped: bool) -> str:
    """Say why these failures are not tried again; empty if they are."""
    elsewhere = [name for name in names if not name.startswith(LIVE)]
    if elsewhere:
        return f"{elsewhere[0]} failed, and has no live lab"
    if len(names) > MOST:
        return f"{len(names)} tests with a live lab failed, and at most {MOST} may be an accident"
    if stopped:
        return "the run was stopped before its end"
    return ""


def tried(session: pytest.Session, name: str) -> bool:
    """Run one test alone and say both outcomes; returns whether it passed."""
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder) / "junit.xml"
        words = ["-p", "no:tests.once_more", "-n", "0", f"--rootdir={session.config.rootpath}", f"--junitxml={junit}"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *words, name],
                cwd=session.config.rootpath,
                env={key: text for key, text in os.environ.items() if key != "PYTEST_CURRENT_TEST"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
                timeout=WITHIN_S,
            )
        except subprocess.TimeoutExpired:
            say(session, f"{name} failed, then did not end within {WITHIN_S:g} s")
            return False
        second = outcome(done.returncode, junit)
    if second != "passed":
        session.config.get_terminal_writer().write(f"\n{done.stdout}\n")
    say(session, f"{name} failed, then {second}")
    return second == "passed"


def outcome(code: int, junit: Path) -> str:
    """Return how a run of one test ended: `passed` only if it ran and everything about it was well."""
    if not junit.exists():
        return f"did not run (pytest ended with {code})"
    cases = list(ET.parse(junit).iter("testcase"))
    told = {child.tag for case in cases for child in case} & {"failure", "error", "skipped"}
    if "skipped" in told:
        return "was skipped"
    return "passed" if code == 0 and cases and not told else "failed again"


def say(session: pytest.Session, words: str) -> None:
    """Print a line that is found by its first words."""
    session.config.get_terminal_writer().line(f"once more: {words}")
