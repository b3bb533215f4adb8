"""Running a check as one step instead of pytest's three, where nobody could tell the difference.

A check has nothing to set up and nothing to tear down, yet pytest's protocol does most of its work for that.
Where every test of a run is a plain check and no other plugin or conftest takes part in the steps, each check
is judged, called and reported in one go. Everywhere else pytest's own protocol runs.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext

import pytest
from _pytest.runner import CallInfo

from healthgate.hooks.failure import HealthFailedError
from healthgate.judge.verdict import Verdict

STEP_HOOKS = (
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_fixture_setup",
    "pytest_fixture_post_finalizer",
    "pytest_pyfunc_call",
)
ACTING_MARKS = frozenset({"skip", "skipif", "xfail", "usefixtures"})
ACTING_OPTIONS = ("usepdb", "setupshow", "setuponly", "setupplan", "trace")


def may_be_one_step(config: pytest.Config, items: Iterable[pytest.Item]) -> bool:
    """Whether nothing but pytest itself and this plugin takes part in setting up, calling or tearing down.

    Allure takes part, but is told of checks by their verdicts (`hooks.allure_run`), not by their steps.
    """
    if any(getattr(config.option, name, False) for name in ACTING_OPTIONS):
        return False
    for hook in STEP_HOOKS:
        for implementation in getattr(config.hook, hook).get_hookimpls():
            home = getattr(implementation.function, "__module__", "")
            if not home.startswith(("_pytest.", "healthgate.", "xdist.", "pytest_timeout", "allure_pytest.")):
                return False
    return all(_is_plain(item) for item in items)


def _is_plain(item: pytest.Item) -> bool:
    return (
        isinstance(item, pytest.Function)
        and "verdict" in item.fixturenames
        and set(item.fixturenames) <= {"verdict", "request"}
        and not any(mark.name in ACTING_MARKS for mark in item.iter_markers())
    )


def share_locations(items: Iterable[pytest.Item]) -> None:
    """Let the parameters of one function share its place in the file, which pytest would look up for each."""
    first: dict[object, tuple[str, int | None, str]] = {}
    for item in items:
        function = getattr(item, "function", None)
        if function not in first:
            first[function] = item.location if function and item.location[2] == item.name else ("", None, "")
        elif first[function][0]:
            path, line, _ = first[function]
            vars(item)["location"] = (path, line, item.name)  # what the cached property would hold


def run(item: pytest.Function, verdict_for: Callable[[pytest.Item], Verdict]) -> None:
    """Judge, call and report one check."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    interruptions = (pytest.exit.Exception, KeyboardInterrupt)
    capture = item.config.pluginmanager.getplugin("capturemanager")
    with capture.item_capture("call", item) if capture else nullcontext():
        judged = CallInfo.from_call(lambda: verdict_for(item), when="setup", reraise=interruptions)
        calls: list[CallInfo[object]] = [judged]
        if judged.excinfo is None:
            calls = [CallInfo.from_call(lambda: asserted(item, judged.result), when="call", reraise=interruptions)]
    if getattr(item.config.option, "xmlpath", None):
        calls.append(CallInfo.from_call(lambda: None, when="teardown"))  # JUnit ends a test case at its teardown
    for call in calls:
        hook.pytest_runtest_logreport(report=hook.pytest_runtest_makereport(item=item, call=call))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def asserted(item: pytest.Function, verdict: Verdict) -> None:
    """Call the test function; fail it where it did not assert on a verdict that is not healthy."""
    item.obj(verdict)
    if not verdict.healthy:
        raise HealthFailedError(verdict.headline)
