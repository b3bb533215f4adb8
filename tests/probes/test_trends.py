"""A line that what rises must cross: judged from the same samples as any window, settled by one that does not rise."""

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from healthgate import above, at_least, below, over, percent, rising
from healthgate.claim.limit import Tier, in_time
from healthgate.claim.state import State
from healthgate.claim.window import Sample, followed, interval, lacking, reach, rose
from healthgate.memory.history import History
from healthgate.render.alerts import wait
from tests.memory.test_history import VERDICT
from tests.parts.project import Project
from tests.parts.target import Target

TREND = Tier(">", 1, rises=3, each=600)
CADENCE = 300.0


def samples(*values: float | None, apart: float = CADENCE) -> list[Sample]:
    return [Sample(10_000 + number * apart, value) for number, value in enumerate(values) if value is not None]


@pytest.mark.parametrize(
    ("seen", "known"),
    [
        (samples(2, 9, 3, 9, 4, 9, 5), True),  # what lies between the ends is nobody's business
        (samples(2, 2, 3, 3, 4, 4, 5, apart=290), True),
        (samples(2, 3, 4, 5, apart=600), True),
        (samples(5, 4, 3, 2, apart=600), None),
        (samples(2, 3, 3, 4, apart=600), None),  # not strictly
        (samples(2, 9, 3, 9, 4, 9, 4), None),
        (samples(9, 3, 4, 5, apart=600), None),  # of the three windows the first does not rise
        (samples(3, 4, 5, apart=600), False),  # too short
        (samples(5), False),
        (samples(5, 4, apart=600), None),  # one window is enough to settle it
        (samples(2, None, None, None, 4, None, 5), False),  # the end of a window is missing
        (samples(9, None, 4, None, None, None, 5), None),
        (samples(2, None, 3, None, 4, None, 5), True),
        (samples(2, 9, 9, 3, 9, 9, 4, 9, 9, 5, apart=200), True),
    ],
)
def test_a_trend_is_what_rose_in_every_window(seen: list[Sample], known: bool | None) -> None:
    assert rose(TREND, seen, CADENCE, 1) is known
    shorter = [Sample(sample.at / 60, sample.value) for sample in seen]
    assert rose(TREND, shorter, CADENCE / 60, 60) is known


def test_a_trend_may_ask_for_by_how_much() -> None:
    steep, flat = samples(2, 2.1, 2.2, 3, apart=600), samples(2, 2.1, 2.2, 2.9, apart=600)
    half_as_much_again = replace(TREND, by=1.5)

    assert rose(half_as_much_again, steep, CADENCE, 1) is True
    assert rose(half_as_much_again, flat, CADENCE, 1) is None


def test_what_is_lacking_is_told_in_seconds() -> None:
    assert lacking(TREND, samples(2, 9, 3, 9, 4, 9, 5), CADENCE, 1) == 0
    assert lacking(TREND, samples(4, 4, 5), CADENCE, 1) == 1200
    assert lacking(TREND, [Sample(10, 5)], 5, 60) == 30
    assert lacking(TREND, samples(5, 5, 4), CADENCE, 1) is None
    assert lacking(TREND, samples(2, None, None, None, 4, None, 5), CADENCE, 1) == 1800 - 600
    assert (interval(TREND, CADENCE, 1), interval(TREND, 3600, 60)) == (300, 10)
    assert followed(samples(1, None, None, 4, None, 5), CADENCE) == 600
    assert reach(at_least(0, warning=rising(over(1), 3, "10m")), CADENCE) == 2400


def test_a_rising_line_says_so_and_a_steady_value_is_as_healthy_as_its_objective() -> None:
    limit = at_least(0, percent, warning=rising(over(1), 3, "10m", by=1.5))

    assert limit.windowed
    assert str(limit) == (
        "at least 0 %, warning above 1 % and rising in each of 3 windows of 10 m, to 1.5 times what it was"
    )
    assert "and rising in a window of 1 h" in str(below(5, warning=rising(5, 1, "1h")))
    assert above(5, warning=rising(5, 1, "1h")).warning == Tier("<", 5, rises=1, each=3600)
    assert limit.judge(7, in_time) is State.OK
    assert limit.judge(7) is State.PENDING
    assert limit.judge(7, lambda _: True) is State.WARNING
    assert limit.judge(0.5, lambda _: True) is State.OK
    for windows, each, by in ((0, "10m", 1.0), (2, "0s", 1.0), (2, "10m", 0.5), (2, "ten", 1.0)):
        with pytest.raises(ValueError, match=r"trend|duration"):
            rising(over(1), windows, each, by)


CHECKS = '''\
"""Does the pressure rise?"""

from checks.boiler import STATE
from healthgate import at_least, below, check, over, percent, rising

TOLD = dict(cause="c", action="a", runbook="r", every="30s", name="n")
STEADY = at_least(0, percent, warning=rising(over(1), 3, "1m"))


@check("boiler.trend", STATE["pressure"], stays=STEADY, **TOLD)
@check("boiler.both", STATE["pressure"], stays=below(80, warning=80, critical=rising(50, 3, "1m")), **TOLD)
def test_pressure(verdict):
    """The pressure does not rise minute by minute."""
    assert verdict.healthy, verdict
'''


@pytest.fixture
def trends(project: Project) -> Project:
    project.write("checks/boiler/test_boiler.py", CHECKS)
    text = project.root.joinpath("checks/boiler/__init__.py").read_text().replace(', proven_by="boiler.reachable"', "")
    project.write("checks/boiler/__init__.py", text)
    return project


def before(project: Project, environment: str, *values: float | None) -> None:
    """Let earlier runs have found these values half a minute apart, the last of them as long ago."""
    history = History(project.root / "h.db")
    now = time.time()
    for ago, value in enumerate(reversed(values), start=1):
        for name in ("boiler.trend", "boiler.both"):
            state = State.OK if value else State.UNKNOWN
            found = replace(VERDICT, id=name, environment=environment, state=state, value=value)
            history.record([found], now - ago * 30)
    history.close()


BEFORE: dict[str, tuple[list[float | None], tuple[str, str]]] = {
    "rising": ([60, 60, 70, 70, 75, 75], ("warning", "critical")),
    "only-ends-count": ([60, 60, 70, 70, 75, 91], ("warning", "critical")),
    "one-window-falls": ([60, 60, 50, 70, 75, 75], ("ok", "warning")),
    "settled-at-once": ([91, 75], ("ok", "warning")),
    "one-window": ([75, 75], ("pending", "warning")),
    "too-short": ([70, 70, 75, 75], ("pending", "warning")),
    "nothing": ([], ("pending", "warning")),
    "an-end-is-missing": ([60, None, None, None, 75, 75], ("pending", "warning")),
    "ends-alone": ([60, None, 70, None, 75, None], ("warning", "critical")),
}
"""By environment: what earlier runs have found there, and the states of both lines now."""


def test_one_look_and_a_history(trends: Project, target: Target) -> None:
    target.answers["/state"] = {"pressure": 90}
    for name, (values, _) in BEFORE.items():
        trends.environment(name, boiler={"url": target.url})
        before(trends, name, *values)
    named = [word for name in BEFORE for word in ("--env", name)]
    run = trends.run("checks", *named, "--history", "h.db", "--snapshot-out", "s.json")
    found = {name: (run.states[f"{name}:boiler.trend"], run.states[f"{name}:boiler.both"]) for name in BEFORE}
    assert found == {name: states for name, (_, states) in BEFORE.items()}, run.text
    again = trends.run("checks", *named, "--snapshot-in", "s.json")
    assert again.states == run.states


@pytest.mark.parametrize(("step", "state"), [(1, "warning"), (0, "ok"), (-1, "ok")])
def test_a_run_that_may_watch_sees_a_trend_itself(trends: Project, target: Target, step: int, state: str) -> None:
    trends.environment("works", boiler={"url": target.url}, time_scale=60)
    pressure = [50]

    def answer(handler: Any) -> None:
        pressure[0] += step
        handler.reply(200, {"pressure": pressure[0]})

    target.answers["/state"] = answer
    began = time.monotonic()
    run = trends.check("--sample", "4s", "-k", "trend")
    took = time.monotonic() - began
    assert run.states == {"boiler.trend": state}, run.text
    asked = target.counts()["/state"]
    assert asked == 7 if step == 1 else 2 <= asked <= 4, "one window settles it"
    assert took < 15


def test_without_time_to_watch_a_trend_is_pending(trends: Project, target: Target) -> None:
    target.answers["/state"] = {"pressure": 20}
    run = trends.check("-k", "trend")
    assert run.states == {"boiler.trend": "pending"}
    assert target.counts()["/state"] == 1
    told = r"rising in each of 3 windows of 1 m; 0 s of 3 m so far: look again within 30 s with --history FILE"
    assert re.search(told + ", or run with --sample 3m", run.text), run.text


def test_an_alert_on_a_trend_is_confirmed_as_a_state_is() -> None:
    class Every:
        cadence = 30.0

    assert wait(Every(), TREND) == 60  # type: ignore[arg-type]
