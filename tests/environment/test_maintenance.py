"""A maintenance window keeps a failing check from failing the run, and everything that is told says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from healthgate.environment.maintenance import (
    KnownIssue,
    Once,
    Weekly,
    concerns,
    issue_at,
    moment,
    window_at,
)
from healthgate.week import clock, zone
from tests.parts.project import Project
from tests.parts.target import Target

BURSTING = {"/state": {"pressure": 95, "purity": 99}}


def at(text: str) -> float:
    return moment(text).timestamp()


ONCE = Once(moment("2026-03-02T22:00Z"), moment("2026-03-03T01:00+01:00"), "it is cleaned")
BERLIN = zone("Europe/Berlin")
NIGHT = Weekly(frozenset({5, 6}), clock("23:30"), clock("01:00"), BERLIN, "the feed is closed")


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("2026-03-02T21:59:59Z", None),
        ("2026-03-02T22:00Z", "until 2026-03-03 00:00 UTC, because it is cleaned"),
        ("2026-03-02T23:59:59Z", "until 2026-03-03 00:00 UTC, because it is cleaned"),
        ("2026-03-03T00:00Z", None),
    ],
)
def test_a_window_begins_at_its_first_second_and_is_over_at_its_last(when: str, told: str | None) -> None:
    assert window_at([ONCE], "boiler.pressure", at(when)) == told


@pytest.mark.parametrize(
    ("when", "end"),
    [
        ("2026-03-06T23:45+01:00", None),  # a Friday
        ("2026-03-07T23:29+01:00", None),
        ("2026-03-07T23:30+01:00", "2026-03-08 01:00 Europe/Berlin"),
        ("2026-03-08T00:59+01:00", "2026-03-08 01:00 Europe/Berlin"),
        ("2026-03-08T01:00+01:00", None),
        ("2026-03-09T00:30+01:00", "2026-03-09 01:00 Europe/Berlin"),  # began on Sunday
        ("2026-03-10T00:30+01:00", None),
        ("2026-07-05T00:30+02:00", "2026-07-05 01:00 Europe/Berlin"),  # by the clock of summer
    ],
)
def test_a_weekly_window_follows_the_clock_of_its_zone_over_midnight(when: str, end: str | None) -> None:
    assert NIGHT.end(at(when)) == end


def test_a_window_on_the_night_the_clocks_change_is_as_long_as_the_clock_says() -> None:
    night = Weekly(frozenset({6}), clock("01:00"), clock("04:00"), BERLIN, "x")
    for when, inside in (("2026-03-29T00:30Z", True), ("2026-03-29T01:59Z", True), ("2026-03-29T02:00Z", False)):
        assert (night.end(at(when)) is not None) == inside  # 02:00 to 03:00 does not exist
    for when, inside in (("2026-10-24T23:00Z", True), ("2026-10-25T02:59Z", True), ("2026-10-25T03:00Z", False)):
        assert (night.end(at(when)) is not None) == inside  # 02:00 to 03:00 comes twice
    late = Weekly(frozenset({6}), clock("02:30"), clock("04:00"), BERLIN, "x")
    for when, inside in (("2026-03-29T00:59Z", False), ("2026-03-29T01:00Z", True), ("2026-03-29T02:00Z", False)):
        assert (late.end(at(when)) is not None) == inside  # 02:30 is passed when the clock jumps to 03:00


@pytest.mark.parametrize(
    ("names", "check", "meant"),
    [
        ([], "boiler.leaks[left]", True),
        (["boiler"], "boiler.leaks[left]", True),
        (["boiler.leaks"], "boiler.leaks[left]", True),
        (["boiler.leaks[left]"], "boiler.leaks[left]", True),
        (["boiler.leaks[right]"], "boiler.leaks[left]", False),
        (["boil"], "boiler.leaks[left]", False),
        (["kiln", "boiler.leaks"], "boiler.leaks[left]", True),
    ],
)
def test_checks_are_named_by_system_by_row_or_one_by_one(names: list[str], check: str, meant: bool) -> None:
    assert concerns(frozenset(names), check) is meant


def test_a_known_issue_is_known_until_the_end_of_its_last_day() -> None:
    known = KnownIssue("OPS-1", "the seal leaks", datetime(2026, 3, 2, tzinfo=UTC).date(), "https://tracker/OPS-1")
    assert issue_at([known], "boiler.leaks", at("2026-03-02T23:59Z")) == "OPS-1 https://tracker/OPS-1: the seal leaks"
    assert issue_at([known], "boiler.leaks", at("2026-03-03T00:00Z")) is None


def window(*checks: str, begins: float = -1, ends: float = 1) -> dict[str, Any]:
    now = datetime.now(UTC)
    names = {"checks": list(checks)} if checks else {}
    begin, end = (now + timedelta(hours=hours) for hours in (begins, ends))
    return {"from": begin.isoformat(), "until": end.isoformat(), "because": "it is cleaned", **names}


def environment(project: Project, target: Target, **more: Any) -> None:
    project.environment("works", boiler={"url": target.url}, **more)


@pytest.mark.parametrize("steps", [[], ["--setup-show"], ["-n", "2"]], ids=["one step", "three steps", "with workers"])
def test_a_failing_check_in_a_window_fails_no_run_and_is_told(
    project: Project, target: Target, steps: list[str]
) -> None:
    environment(project, target, maintenance=[window("boiler.pressure")])
    target.answers.update(BURSTING)
    run = project.check(*steps)
    assert run.code == 0, run.text
    assert run.states["boiler.pressure"] == "critical"
    assert run.results["run"]["executed"] == run.results["run"]["selected"] == 4
    told = {c["id"]: c["maintenance"] for c in run.results["checks"]}
    assert "because it is cleaned" in told["boiler.pressure"]
    assert set(told.values()) == {None, told["boiler.pressure"]}
    assert "1 muted" in run.text
    assert f"maintenance: works: 1 muted {told['boiler.pressure']}" in run.text


def test_what_fails_outside_the_window_fails_the_run(project: Project, target: Target) -> None:
    target.answers.update(BURSTING)
    for one in (window("boiler.purity"), window(begins=-2, ends=-1), window(begins=1, ends=2)):
        environment(project, target, maintenance=[one])
        assert project.check().code == 1


def test_what_is_blocked_by_a_root_in_a_window_is_quiet_too(project: Project, target: Target) -> None:
    environment(project, target, maintenance=[window("boiler.reachable")])
    target.answers["/state"] = None
    run = project.check()
    assert run.code == 0, run.text
    assert run.states["boiler.pressure"] == "blocked"
    assert run.states["boiler.reachable"] == "unknown"


def test_a_healthy_check_in_a_window_is_simply_healthy(project: Project, target: Target) -> None:
    environment(project, target, maintenance=[window()])
    run = project.check()
    assert run.code == 0
    assert "4 passed" in run.text
    assert "muted" not in run.text


def test_nagios_is_told_how_many_are_quiet(project: Project, target: Target) -> None:
    environment(project, target, maintenance=[window()])
    target.answers.update(BURSTING)
    run = project.check("--nagios-plugin")
    assert run.code == 0
    assert run.out.startswith("HEALTHGATE OK - 1 critical, 3 ok in works; 1 muted by maintenance|")


def test_a_known_issue_stays_red_and_is_told(project: Project, target: Target) -> None:
    known = {"issue": "OPS-1", "because": "the seal leaks", "until": "2999-01-01", "checks": ["boiler.pressure"]}
    environment(project, target, known_issues=[known])
    assert "OPS-1" not in project.check().text
    target.answers.update(BURSTING)
    run = project.check()
    assert run.code == 1
    assert "issue    OPS-1: the seal leaks" in run.text
    assert "known issue: works boiler.pressure: OPS-1: the seal leaks" in run.text
    assert {c["id"]: c["issue"] for c in run.results["checks"]}["boiler.pressure"] == "OPS-1: the seal leaks"


def test_a_snapshot_is_judged_by_the_windows_of_its_time(project: Project, target: Target) -> None:
    target.answers.update(BURSTING)
    environment(project, target, maintenance=[window()])
    assert project.check("--snapshot-out", "s.json").code == 0
    environment(project, target, maintenance=[window(begins=-3, ends=-2)])
    assert project.check("--snapshot-in", "s.json").code == 1
