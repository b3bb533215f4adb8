"""What the tests took, by folder, and how busy the machine was: a line each at the end of a run.

CPU seconds are those of a worker and of all it started (labs, servers, runs of the suite), whether they still run or
have been waited for. They are read when the folder changes, so that counting costs nothing.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
LONGEST = 5
"""Folders and tests that are named."""
KEPT = "spent"
NAME = "account of what the tests take"
WORTH_TELLING_S = 60.0
JUMP_S = 1.0
"""Seconds by which a clock that keeps time does not part from the monotonic one."""


def cpu_of_family(pid: int) -> float:
    """CPU seconds of a process, of those it started and of those they have waited for; 0 where /proc is missing."""
    rows: dict[int, tuple[int, int]] = {}
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        rows[int(entry.parent.name)] = int(words[1]), sum(map(int, words[11:15]))
    children = defaultdict(list)
    for child, (parent, _) in rows.items():
        children[parent].append(child)
    found, left = 0, [pid]
    while left:
        one = left.pop()
        found += rows.get(one, (0, 0))[1]
        left += children[one]
    return found / TICKS


def cpu_of_machine() -> tuple[float, float]:
    """CPU seconds all processors have been busy, and idle, since the start of the machine; zeros without /proc."""
    try:
        words = (PROC / "stat").read_text().partition("\n")[0].split()[1:]
    except OSError:
        return 0.0, 0.0
    ticks = [int(word) / TICKS for word in words]
    idle = ticks[3] + ticks[4]
    return sum(ticks[:8]) - idle, idle


def folder_of(nodeid: str) -> str:
    """Return the folder a test is in."""
    return nodeid.partition("::")[0].rpartition("/")[0]


@dataclass
class Spent:
    """Seconds by folder, by the clock and of the processors, and of the longest tests; of one worker or of all.

    `parts` are what tests are about that all rest on the same piece of work, and how long each took of it.
    """

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    tests: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)

    def add(self, other: "Spent") -> None:
        """Add what another worker spent."""
        several = ((self.wall, other.wall), (self.cpu, other.cpu), (self.tests, other.tests), (self.parts, other.parts))
        for mine, theirs in several:
            for name, seconds in theirs.items():
                mine[name] = mine.get(name, 0.0) + seconds


class Account:
    """The plugin: counts in each process that runs tests, adds up in the one that was started."""

    def __init__(self) -> None:
        self.all = Spent()
        self._folder: str | None = None
        self._since = time.monotonic()
        self._cpu = 0.0
        self._began = time.monotonic()
        self._clock = time.time() - self._began
        self._machine = cpu_of_machine()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        folder = folder_of(item.nodeid)
        if folder != self._folder:
            self._turn_to(folder)
        began = time.monotonic()
        result = yield
        took = time.monotonic() - began
        if took > 1:
            self.all.tests[item.nodeid] = took
        return result

    def _turn_to(self, folder: str | None) -> None:
        moment, cpu = time.monotonic(), cpu_of_family(os.getpid())
        if self._folder is not None:
            self.all.add(Spent({self._folder: moment - self._since}, {self._folder: cpu - self._cpu}))
        self._folder, self._since, self._cpu = folder, moment, cpu

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._turn_to(None)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[KEPT] = asdict(self.all)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        if kept := getattr(node, "workeroutput", {}).get(KEPT):
            self.all.add(Spent(**kept))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        took = time.monotonic() - self._began
        if hasattr(terminalreporter.config, "workerinput") or took < WORTH_TELLING_S:
            return
        busy, idle = (now - then for now, then in zip(cpu_of_machine(), self._machine, strict=True))
        total = sum(self.all.cpu.values())
        terminalreporter.section("what it took")
        terminalreporter.line(f"longest   {listed(self.all.tests)}")
        if self.all.parts:
            terminalreporter.line(f"of these  {listed(self.all.parts)}")
        terminalreporter.line(f"by clock  {listed(self.all.wall, 99)}")
        terminalreporter.line(f"by CPU    {total:.0f} s: {listed(self.all.cpu, 99)}")
        share = 100 * busy / ((busy + idle) or 1)
        others = 100 * (1 - total / busy) if busy else 0.0
        terminalreporter.line(
            f"machine   {os.cpu_count()} cores, {share:.0f} % busy in {took:.0f} s, {max(others, 0):.0f} % of it with"
            f" something else"
        )
        jumped = time.time() - time.monotonic() - self._clock
        if abs(jumped) > JUMP_S:
            terminalreporter.line(
                f"clock     set by {jumped:+.1f} s meanwhile: what failed may be its doing, run it again"
            )


def listed(seconds: dict[str, float], most: int = LONGEST) -> str:
    """Return the longest first, in words."""
    longest: Iterable[tuple[str, float]] = sorted(seconds.items(), key=lambda one: -one[1])[:most]
    return ", ".join(f"{name} {took:.0f} s" for name, took in longest)


def pytest_configure(config: pytest.Config) -> None:
    """Count in every process that runs tests."""
    config.pluginmanager.register(Account(), NAME)


def account_of(config: pytest.Config) -> Account:
    """Return what counts in this process."""
    account = config.pluginmanager.get_plugin(NAME)
    assert isinstance(account, Account)
    return account
