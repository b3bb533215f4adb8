"""The same checks against a baseline and a canary in one run: red where the canary is in a worse state."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from healthgate.claim.state import Floor, State
from healthgate.judge.canary import compare
from tests.memory.test_history import VERDICT
from tests.parts.project import WELL, Outcome, Project
from tests.parts.target import Target

OK, MISSED, WARNING, CRITICAL = State.OK, State.MISSED, State.WARNING, State.CRITICAL
UNKNOWN, BLOCKED, PENDING = State.UNKNOWN, State.BLOCKED, State.PENDING

CASES = [
    (OK, OK, 0),
    (OK, MISSED, 10),
    (OK, PENDING, 10),
    (OK, WARNING, 10),
    (OK, CRITICAL, 1),
    (OK, UNKNOWN, 12),
    (OK, BLOCKED, 12),
    (MISSED, WARNING, 10),
    (WARNING, WARNING, 0),
    (WARNING, MISSED, 0),
    (WARNING, CRITICAL, 1),
    (WARNING, OK, 0),
    (CRITICAL, CRITICAL, 0),
    (CRITICAL, WARNING, 0),
    (CRITICAL, UNKNOWN, 12),
    (UNKNOWN, OK, 0),
    (UNKNOWN, WARNING, 12),
    (UNKNOWN, CRITICAL, 12),
    (UNKNOWN, UNKNOWN, 12),
    (BLOCKED, OK, 0),
    (BLOCKED, CRITICAL, 12),
]


@pytest.mark.parametrize(("before", "now", "code"), CASES)
def test_one_check_decides_alone(before: State, now: State, code: int) -> None:
    pair = [replace(VERDICT, environment="old", state=before), replace(VERDICT, environment="new", state=now)]
    assert compare(pair, "old", "new").exit_code == code


@pytest.mark.parametrize(
    ("floor", "state", "code"),
    [
        (Floor.WARNING, MISSED, 0),
        (Floor.WARNING, WARNING, 10),
        (Floor.CRITICAL, WARNING, 0),
        (Floor.CRITICAL, CRITICAL, 1),
    ],
)
def test_a_worse_state_counts_from_the_floor_up(floor: Floor, state: State, code: int) -> None:
    pair = [
        replace(VERDICT, environment="old", floor=floor),
        replace(VERDICT, environment="new", floor=floor, state=state),
    ]
    assert compare(pair, "old", "new").exit_code == code


def test_comparing_nothing_is_no_pass() -> None:
    only = replace(VERDICT, environment="new")
    assert compare([], "old", "new").exit_code == 12
    assert compare([only], "old", "new").exit_code == 12
    assert compare([only], "old", "new").alone == ["boiler.pressure"]


@pytest.fixture
def canary() -> Iterator[Target]:
    target = Target()
    target.answers.update(WELL)
    yield target
    target.close()


@pytest.fixture
def both(project: Project, target: Target, canary: Target) -> Project:
    project.environment("production", boiler={"url": target.url})
    project.environment("canary", boiler={"url": canary.url})
    return project


def compared(project: Project, *arguments: str) -> Outcome:
    return project.run("checks", "--baseline", "production", "--canary", "canary", *arguments)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with workers"])
def test_a_canary_that_is_as_ill_as_the_baseline_is_no_worse(
    both: Project, target: Target, canary: Target, workers: list[str]
) -> None:
    for one in (target, canary):
        one.answers["/state"] = {"pressure": 95, "purity": 99}
    run = compared(both, *workers)
    assert run.code == 0, run.text
    assert (
        "canary canary against production: 4 checks, 0 worse, 0 unclear, 4 no worse (1 of them ill in both)" in run.text
    )
    assert run.results["run"]["canary"]["no_worse"] == 4


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with workers"])
def test_a_worse_canary_fails_the_run_and_is_named(both: Project, canary: Target, workers: list[str]) -> None:
    canary.answers["/state"] = {"pressure": 85, "purity": 99}
    run = compared(both, *workers)
    assert run.code == 10, run.text
    assert "worse: boiler.pressure: warning in canary (85 %; it should stay below 80 %" in run.text
    assert run.results["run"]["canary"]["worse"] == ["boiler.pressure"]
    assert compared(both, "--fail-on", "critical").code == 0


def test_a_better_canary_passes(both: Project, target: Target) -> None:
    target.answers["/state"] = {"pressure": 95, "purity": 99}
    assert compared(both).code == 0


def test_a_canary_that_says_nothing_is_inconclusive_and_says_by_what(both: Project, canary: Target) -> None:
    canary.answers["/state"] = None
    run = compared(both)
    assert run.code == 12, run.text
    assert "unclear: boiler.reachable: unknown in canary" in run.text
    assert "blocked by boiler.reachable, which is unknown in canary" in run.text


def test_what_only_one_of_them_has_is_said(both: Project, target: Target) -> None:
    both.add_kiln()
    both.environment("production", boiler={"url": target.url}, kiln={"url": target.url})
    path = both.root / "environments/canary.yaml"
    path.write_text(path.read_text() + "kiln: absent\n")
    run = compared(both)
    assert run.code == 0, run.text
    assert "not compared, since only one of the two is asked: kiln.heat, kiln.door[left], kiln.door[right]" in run.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--canary", "canary"], "--baseline and --canary go together"),
        (["--baseline", "canary"], "--baseline and --canary go together"),
        (["--baseline", "production", "--canary", "canary", "--env", "works"], "leave --env out"),
        (["--baseline", "canary", "--canary", "canary"], "named twice"),
        (["--baseline", "production", "--canary", "canari"], "did you mean canary?"),
    ],
)
def test_half_a_comparison_is_a_usage_error(both: Project, arguments: list[str], said: str) -> None:
    run = both.run("checks", *arguments)
    assert run.code == 4
    assert said in run.text
    assert "Traceback" not in run.text
