"""A line that must be crossed for some time: judged from earlier runs, from looks of this run, or not yet."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from healthgate import below, equals, exactly, lasting, over, percent
from healthgate.claim.limit import Lasting, Tier, in_time
from healthgate.claim.state import State
from healthgate.claim.window import Held, Sample, held, missing
from healthgate.memory.history import History
from tests.memory.test_history import VERDICT
from tests.parts.project import Project
from tests.parts.target import Target

CHECKS = '''\
"""Is the pressure too high for too long?"""

from checks.boiler import STATE
from healthgate import Later, below, check, each, lasting, measure, percent, reaching

TOLD = dict(cause="c", action="a", runbook="r", every="30s")
LASTING = below(80, percent, critical=lasting(80, "2m"))
WARNING = below(80, percent, warning=80, critical=lasting(80, "2m"))


@each(
    check(f"boiler.pressure[{n}]", STATE["pressure"], stays=LASTING, name="p", **TOLD)
    for n in range(10)
)
@check("boiler.slow", STATE["pressure"], stays=WARNING, name="s", **TOLD)
def test_pressure(verdict):
    """The pressure is not too high for two minutes."""
    assert verdict.healthy, verdict


@measure(STATE["errors"], Later(STATE).at("errors"))
def errors(before, after):
    """How many errors came between two looks."""
    return after.number() - before.number()


@check("boiler.errors", errors, stays=below(1, critical=lasting(reaching(1), "2m")), name="e", **TOLD)
def test_errors(verdict):
    """Errors do not keep coming."""
    assert verdict.healthy, verdict
'''
PATIENCE = 3
"""Seconds a run may take beside what it watches for, on a loaded machine."""

CRITICAL = Tier(">", 80, sustained=120)
ALL_ALONG = [90] * 5


def run_of(*values: float | None, apart: float = 30) -> list[Sample]:
    return [Sample(1000 + number * apart, value) for number, value in enumerate(values) if value is not None]


@pytest.mark.parametrize(
    ("samples", "reached"),
    [
        (run_of(*ALL_ALONG), True),
        (run_of(90, 90, 90, 90), False),  # too short
        (run_of(*ALL_ALONG, apart=29), False),  # 116 s
        (run_of(90, 90, 70, 90, 90), False),  # one healthy sample
        (run_of(70, *ALL_ALONG), True),
        (run_of(90, 90, None, 90, 90), False),  # one run is missing: 120 s, but four samples of five
        (run_of(90, 90, None, 90, 90, 90), True),
        (run_of(90, 90, 90, None, None, 90, 90, 90), False),  # a gap of three cadences
        (run_of(90, 90, 90, None, None, *ALL_ALONG), True),
        (run_of(90, 90, apart=120), False),  # two looks prove nothing about the time between
        (run_of(80, 80, 80, 80, 80), False),  # on the line
        (run_of(90), False),
    ],
)
def test_a_window_is_covered_by_samples_and_nothing_else(samples: list[Sample], reached: bool) -> None:
    assert (missing(CRITICAL, held(CRITICAL, samples, 30), 30, 1) == 0) is reached


def test_what_is_missing_is_told_in_seconds_of_this_clock() -> None:
    assert missing(CRITICAL, Held(0, 1), 30, 1) == 120
    assert missing(CRITICAL, Held(90, 4), 30, 1) == 30
    assert missing(CRITICAL, Held(0, 1), 0.5, 60) == 2
    assert missing(Tier(">", 80, samples=3), Held(0, 1), 30, 1) == 60
    assert missing(Tier(">", 80, sustained=10), Held(0, 1), 30, 1) == 10


def test_a_lasting_line_keeps_direction_and_says_how_long() -> None:
    limit = below(80, percent, warning=80, critical=lasting(90, "5m"))
    assert (limit.critical, limit.windowed) == (Tier(">", 90, sustained=300), True)
    assert str(limit) == "below 80 %, warning above 80 %, critical above 90 % for 5 m"
    assert below(80, critical=lasting(over(90), "5m")).critical == Tier(">", 90, sustained=300)
    with pytest.raises(ValueError, match="is not a duration"):
        lasting(90, "five minutes")


@pytest.mark.parametrize(("line", "op"), [(lasting(exactly(False), "60s"), "=="), (lasting(True, "60s"), "!=")])
def test_a_truth_may_have_to_last_too(line: Lasting, op: str) -> None:
    limit = equals(True, critical=line)
    assert (limit.critical, limit.windowed) == (Tier(op, op == "!=", sustained=60), True)
    assert str(limit) == f"true, critical {'false' if op == '==' else 'other than true'} for 1 m"
    assert limit.judge(False) is State.PENDING
    assert limit.judge(False, in_time) is State.CRITICAL
    assert limit.judge(True, in_time) is State.OK


@pytest.fixture
def windows(project: Project, target: Target) -> Project:
    project.write("checks/boiler/test_boiler.py", CHECKS)
    environment(project, target)
    target.answers["/state"] = {"pressure": 90, "errors": 0}
    return project


def environment(project: Project, target: Target, scale: float = 1) -> None:
    text = project.root.joinpath("checks/boiler/__init__.py").read_text().replace(', proven_by="boiler.reachable"', "")
    project.write("checks/boiler/__init__.py", text)
    project.environment("works", boiler={"url": target.url}, time_scale=scale)


def before(project: Project, environment: str, *values: float | None) -> None:
    """Let earlier runs have found these values half a minute apart, the last of them as long ago."""
    history = History(project.root / "h.db")
    for ago, value in enumerate(reversed(values), start=1):
        state = State.UNKNOWN if value is None else State.OK if value < 80 else State.PENDING
        for name in ("boiler.pressure[0]", "boiler.slow"):
            found = replace(VERDICT, id=name, environment=environment, state=state, value=value)
            history.record([found], time.time() - ago * 30)
    history.close()


BEFORE: dict[str, tuple[list[float | None], str]] = {
    "throughout": ([90, 90, 90, 90, 90], "critical"),
    "one-healthy": ([90, 70, 90, 90], "pending"),
    "one-missing": ([90, 90, None, 90], "pending"),
    "a-gap": ([90, 90, 90, None, None, 90, 90], "pending"),
    "too-short": ([90], "pending"),
    "nothing": ([], "pending"),
}
"""By environment: what earlier runs have found there, and what the line that must last comes to now."""


def test_one_look_and_a_history(windows: Project, target: Target) -> None:
    for name, (values, _) in BEFORE.items():
        windows.environment(name, boiler={"url": target.url})
        before(windows, name, *values)
    named = [word for name in BEFORE for word in ("--env", name)]
    run = windows.run("checks", *named, "--history", "h.db")
    lines = ("pressure[0]", "slow", "pressure[1]")
    found = {name: [run.states[f"{name}:boiler.{line}"] for line in lines] for name in BEFORE}
    assert found == {
        name: [state, "critical" if state == "critical" else "warning", "pending"]
        for name, (_, state) in BEFORE.items()
    }, run.text
    assert run.code == 1
    assert windows.check("--history", "h.db", env="too-short").code == 10


def test_a_healthy_look_needs_no_history(windows: Project, target: Target) -> None:
    target.answers["/state"] = {"pressure": 50, "errors": 0}
    before(windows, "works", *[90] * 9)
    run = windows.check("--history", "h.db", "--sample", "5m")
    assert (run.code, set(run.states.values())) == (0, {"ok"})
    assert run.results["run"]["duration_s"] < 10


def test_without_a_history_nothing_is_proven_in_one_look(windows: Project) -> None:
    run = windows.check()
    assert run.code == 10
    assert run.states["boiler.pressure[0]"] == "pending"
    assert "0 s of 2 m so far: look again within 1 m with --history FILE, or run with --sample 2m" in run.text


def test_what_is_pending_says_how_much_of_the_time_has_passed_and_how_to_end_it(
    windows: Project, target: Target, tmp_path: Path
) -> None:
    """In every output alike."""
    before(windows, "works", 90, 90)
    outputs = ("--junitxml", str(tmp_path / "j.xml"), "--alluredir", str(tmp_path / "allure"))
    run = windows.check("--history", "h.db", "-k", "pressure", *outputs)
    (found,) = [one for one in run.results["checks"] if one["id"] == "boiler.pressure[0]"]
    assert found["state"] == "pending"
    told = r"90 %; it should stay below 80 %, critical above 80 % for 2 m; (\d+ s|1 m|1 m 1 s) of 2 m so far: "
    told += r"look again within 1 m, or run with --sample \d+(s|m)"
    assert re.fullmatch(told, found["reason"]), found["reason"]
    allure = "".join(file.read_text() for file in (tmp_path / "allure").glob("*-result.json"))
    for text in (run.text, (tmp_path / "j.xml").read_text(), allure):
        assert found["reason"] in text


def test_ten_windows_are_watched_at_once_and_a_second_run_need_not_wait(windows: Project, target: Target) -> None:
    environment(windows, target, scale=60)
    target.asked.clear()
    run = windows.check("--history", "h.db", "--sample", "2s", "-k", "pressure or slow")
    assert (run.code, set(run.states.values())) == (1, {"critical"}), run.text
    assert 2 <= run.results["run"]["duration_s"] < 2 + PATIENCE
    assert target.counts()["/state"] == 5
    environment(windows, target)  # at the speed of production, where the next run may come half a minute later
    stretch(windows, 60)
    again = windows.check("--history", "h.db", "--sample", "2s", "-k", "pressure or slow")
    assert set(again.states.values()) == {"critical"}
    assert target.counts()["/state"] == 6


def stretch(project: Project, times: float) -> None:
    """Let the looks that are kept lie so many times as far apart, the last of them now."""
    history = History(project.root / "h.db")
    with history.writing() as connection:
        (last,) = connection.execute("SELECT max(at) FROM look").fetchone()
        rows = connection.execute("SELECT series, at, state, value FROM look").fetchall()
        connection.execute("DELETE FROM look")
        now = time.time()
        moved = [(series, now - (last - at) * times, state, value) for series, at, state, value in rows]
        connection.executemany("INSERT INTO look VALUES (?, ?, ?, ?)", moved)
    history.close()


def test_a_window_longer_than_the_run_may_watch_is_not_waited_for(windows: Project, target: Target) -> None:
    target.asked.clear()
    run = windows.check("--sample", "1m", "-k", "pressure")
    assert {state for name, state in run.states.items() if name != "boiler.slow"} == {"pending"}
    assert target.counts()["/state"] == 1
    assert run.results["run"]["duration_s"] < 10


def test_one_healthy_look_ends_the_watching(windows: Project, target: Target) -> None:
    environment(windows, target, scale=6)  # 20 s
    target.asked.clear()
    process = windows.fork("checks", "--env", "works", "--sample", "20s", "-k", "pressure")
    target.wait_for_requests(1)
    target.answers["/state"] = {"pressure": 50, "errors": 0}
    began = time.monotonic()
    run = windows.ended(process)
    assert (run.code, set(run.states.values())) == (0, {"ok"})
    assert time.monotonic() - began < 19


def test_a_look_that_brings_nothing_is_looked_after_and_no_longer_than_the_run_may(
    windows: Project, target: Target
) -> None:
    environment(windows, target, scale=60)
    left = [90, 90]

    def answer(handler: Any) -> None:
        handler.reply(*((200, {"pressure": left.pop()}) if left else (503, {"error": "starting"})))

    target.answers["/state"] = answer
    target.asked.clear()
    run = windows.check("--sample", "3s", "-k", "pressure")
    assert {state for name, state in run.states.items()} == {"unknown"}, run.text
    assert "it answered 503, not 200" in run.text
    assert 4 <= target.counts()["/state"] <= 8, "half a second apart, for three seconds"


@pytest.mark.parametrize(("step", "state"), [(1, "critical"), (0, "ok")])
def test_rates_are_watched_between_one_look_and_the_next(
    windows: Project, target: Target, step: int, state: str
) -> None:
    environment(windows, target, scale=60)

    target.answers["/state"] = counting(step)
    run = windows.check("--sample", "3s", "-k", "errors")
    assert run.states == {"boiler.errors": state}, run.text


def counting(step: int) -> Any:
    """Return an answer that is another every time it is given."""
    count = 0

    def answer(handler: Any) -> None:
        nonlocal count
        count += step
        handler.reply(200, {"errors": count})

    return answer


def test_a_kept_snapshot_gives_the_same_verdicts(windows: Project, target: Target) -> None:
    environment(windows, target, scale=60)
    first = windows.check("--sample", "2s", "--snapshot-out", "s.json", "-k", "pressure")
    again = windows.check("--snapshot-in", "s.json", "-k", "pressure")
    assert first.code == again.code == 1
    assert set(again.states.values()) == {"critical"}


QUICK = """
import json, sys, time
from pathlib import Path
from healthgate.claim import catalogue
from healthgate.environment import reader
from healthgate.run.run import Run
from healthgate.claim.source import AGAIN
root, sample, apart = Path.cwd(), float(sys.argv[1]), float(sys.argv[2])
checks = catalogue.load(root / "checks", root)
works = reader.read(root / "environments/works.yaml", checks, "works.yaml")
works.resolve({})
run = Run(root, None, checks, {"works": works}, None, sample=sample, runbooks="{name}", apart=apart)
began = time.monotonic()
run.observe({"works": [checks.checks["boiler.errors"]]}, lambda *_: None)
first, again = (run.snapshot.observations["works"]["boiler GET /state" + mark].at for mark in ("", AGAIN))
print(json.dumps([again - first, time.monotonic() - began]))
"""


@pytest.mark.parametrize(("sample", "apart", "seconds"), [(2.0, 0.2, 2.0), (0.2, 2.0, 0.0)])
def test_second_looks_may_be_quick_where_windows_are_long(
    windows: Project, target: Target, sample: float, apart: float, seconds: float
) -> None:
    """What is looked at again is as far apart as asked for, and no further than the run may observe for."""
    environment(windows, target, scale=60)
    target.answers["/state"] = counting(1)
    command = [sys.executable, "-c", QUICK, str(sample), str(apart)]
    done = subprocess.run(command, cwd=windows.root, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    between, took = json.loads(done.stdout)
    assert 0.2 <= between < 1.5
    assert seconds <= took < seconds + PATIENCE
