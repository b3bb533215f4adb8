"""One GET for each of several names that only the settings know, and may be drawn anew by each run."""

import json
import time

import pytest

from healthgate.claim.source import Scene
from healthgate.claim.system import System, Url
from healthgate.observe.observer import Observer, Task
from healthgate.probes.http_each import GetEach
from healthgate.secret import Redactor
from tests.parts.project import Project
from tests.parts.target import Target


class Boiler(System):
    """A boiler with several valves."""

    name = "boiler"
    url: Url
    valves: list[str]


VALVES = GetEach(Boiler, "/valve/{name}", names=lambda settings: settings.valves)


def test_each_name_is_asked_for_once_and_read_by_itself(target: Target) -> None:
    """What cannot be had of one is told of that one, and hides no other; names are made fit for a path."""
    settings = Boiler(url=Url(target.url), valves=["left", "a/b ?", "lost"])
    target.answers |= {"/valve/left": {"open": 7}, "/valve/a%2Fb%20%3F": {"open": 8}}
    observer = Observer(Redactor(), lambda *_: None)
    tasks = [Task("works", request) for request in VALVES.requests(settings)]
    observer.run(tasks)
    observer.close()
    seen = {task.observation.id: task.observation for task in tasks if task.observation is not None}
    found = VALVES.value(Scene("works", {"boiler": settings}, seen))

    assert VALVES.ids(settings) == list(seen) == [f"boiler GET /valve/{name}" for name in settings.valves]
    assert target.counts() == {"/valve/left": 1, "/valve/a%2Fb%20%3F": 1, "/valve/lost": 1}
    assert [found[name].code for name in settings.valves] == [200, 200, 404]
    assert found["a/b ?"].body().integer("open") == 8


SYSTEM = '''\
"""A boiler of which each run looks at one valve of three."""

from healthgate import GetEach, System, Url, from_settings, measure


class Boiler(System):
    """Where it is."""

    name = "boiler"
    url: Url


def drawn(settings):
    """Which valve this run looks at."""
    return [("left", "right", "middle")[round(settings.run_at * 1000) % 3]]


VALVES = GetEach(Boiler, "/valve/{name}", names=drawn)
DRAWN = from_settings(Boiler, drawn)
'''

CHECKS = '''\
"""Is the valve shut?"""

from checks.boiler import DRAWN, VALVES
from healthgate import Measured, below, check, measure


@measure(VALVES, DRAWN)
def opening(answers, names):
    """How far it is open."""
    return Measured(answers[names[0]].body().integer("open"), names[0])


@check("boiler.valve", opening, stays=below(5), name="the valve", cause="c", action="a", runbook="r")
def test_valve(verdict):
    """It is shut."""
    assert verdict.healthy, verdict
'''


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "workers"])
def test_what_a_run_draws_by_lot_is_drawn_again_by_who_judges_its_snapshot(
    project: Project, target: Target, workers: list[str]
) -> None:
    """Each run its own; offline, and in every worker, the same as was asked for."""
    project.write("checks/boiler/__init__.py", SYSTEM)
    project.write("checks/boiler/test_boiler.py", CHECKS)
    target.answers |= {f"/valve/{name}": {"open": number} for number, name in enumerate(("left", "right", "middle"))}
    reasons = set()
    for number in range(40):
        snapshot = project.root / f"{number}.json"
        run = project.check("--snapshot-out", str(snapshot), *workers)
        (told,) = json.loads(run.results_file.read_text())["checks"]
        taken = json.loads(snapshot.read_text())["taken"]
        assert run.code == 0
        again = project.check("--snapshot-in", str(snapshot))
        (later,) = json.loads(again.results_file.read_text())["checks"]
        assert (again.code, later["reason"], later["value"]) == (0, told["reason"], told["value"])
        assert taken < time.time()
        reasons.add(told["reason"])
        if len(reasons) > 1:
            return
    raise AssertionError(f"forty runs drew the same: {reasons}")
