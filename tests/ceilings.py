"""How long each test may take: one that hangs fails by itself, and the run goes on."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_timeout import dump_stacks, is_debugging

CEILINGS_S = {
    "": 300.0,
    "tests/detection/": 2700.0,
    "tests/end_to_end/": 900.0,
    "tests/lab/": 900.0,
    "tests/schedules/": 1800.0,
    "tests/workflows/": 900.0,
}
"""Seconds a test may take by where it is, fixtures that it is the first to need included; the longest path decides.

They are far above what a test takes on a busy machine: who reaches one hangs. The first test of the matrix gathers all
its evidence, which takes a quarter of an hour; folders with a live lab start one.
"""

AGAIN_S = 60.0
"""Seconds after which a test that does not even end when it is told to is told again."""


def place(nodeid: str) -> str:
    """Return the entry of the table that a test falls under."""
    return max((folder for folder in CEILINGS_S if nodeid.startswith(folder)), key=len)


def sentence(nodeid: str, ceiling_s: float) -> str:
    """Say of a test that has reached its ceiling what happened and where the ceiling is said."""
    tests = f"tests of {place(nodeid)}" if place(nodeid) else "most tests"
    return (
        f"took longer than its ceiling of {ceiling_s:g} s: it hangs at the line shown above, or this machine is far "
        f"too busy (tests/ceilings.py sets the ceiling of {tests})"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test its ceiling, unless it says one itself."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(CEILINGS_S[place(item.nodeid)], method="signal"))


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_timeout_set_timer(item: Any, settings: Any) -> bool:
    """Fail the test alone when its time is up, and in words, instead of what pytest-timeout would do."""
    arm(item, settings.timeout)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: Any) -> Iterator[None]:
    """Set the alarm anew for what cleans up after a failure: pytest-timeout cancels it at the failure."""
    if signal.getitimer(signal.ITIMER_REAL)[0] == 0:
        arm(item, CEILINGS_S[place(item.nodeid)])
    return (yield)


def arm(item: Any, ceiling_s: float) -> None:
    """Let a test fail after so many seconds, whatever it waits for."""

    def ring(_number: int, _frame: object) -> None:
        __tracebackhide__ = True
        if not is_debugging():
            dump_stacks(item.config.get_terminal_writer())
            pytest.fail(sentence(item.nodeid, ceiling_s))

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, ceiling_s, AGAIN_S)
    item.cancel_timeout = disarm  # pytest-timeout calls it when the test has ended


def disarm() -> None:
    """Let nothing fail any more."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
