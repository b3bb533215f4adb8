"""The same checks against a baseline and a canary in one run: red where the canary is in a worse state."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from healthgate.claim.state import Floor, State
from healthgate.judge.canary import compare
from healthgate.judge.verdict import Verdict
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
    (CRITICAL, CRITICAL, 12),
    (CRITICAL, WARNING, 0),
    (CRITICAL, UNKNOWN, 12),
    (UNKNOWN, OK, 0),
    (UNKNOWN, WARNING, 12),
    (UNKNOWN, CRITICAL, 12),
    (UNKNOWN, UNKNOWN, 12),
    (BLOCKED, OK, 0),
    (BLOCKED, CRITICAL, 12),
]


DECISIONS = {0: "pass", 1: "rollback", 10: "rollback", 12: "inconclusive"}


@pytest.mark.parametrize(("before", "now", "code"), CASES)
def test_one_check_decides_alone(before: State, now: State, code: int) -> None:
    pair = [replace(VERDICT, environment="old", state=before), replace(VERDICT, environment="new", state=now)]
    found = compare(pair, "old", "new")
    assert (found.exit_code, found.decision) == (code, DECISIONS[code])


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


def of(environment: str, check: str = "boiler.pressure", **changes: Any) -> Verdict:
    return replace(VERDICT, environment=environment, id=check, **changes)


def test_comparing_nothing_is_no_pass() -> None:
    assert compare([], "old", "new").exit_code == 12
    assert compare([of("new")], "old", "new").exit_code == 12
    assert compare([of("new")], "old", "new").record()["added"] == ["boiler.pressure"]


PAIR = [of("old"), of("new")]


def test_what_only_the_baseline_has_is_gone_unless_the_canary_says_that_it_is_absent() -> None:
    verdicts = [*PAIR, of("old", "boiler.fuel")]
    gone = compare(verdicts, "old", "new")
    assert (gone.exit_code, gone.gone, gone.absent) == (12, ["boiler.fuel"], [])
    assert "gone: asked in old, not in new: boiler.fuel; give the profile of new what they need" in gone.lines()[0]
    assert "1 checks, 0 worse, 0 unclear, 1 no worse, 1 gone" in gone.lines()[-1]

    declared = compare(verdicts, "old", "new", {"boiler.fuel"})
    assert (declared.exit_code, declared.gone, declared.absent) == (0, [], ["boiler.fuel"])
    assert declared.lines()[0] == "not compared, since new says that it does not have it: boiler.fuel"
    assert gone.record()["alone"] == declared.record()["alone"] == ["boiler.fuel"]


@pytest.mark.parametrize(
    ("state", "code"), [(OK, 0), (MISSED, 12), (WARNING, 12), (CRITICAL, 12), (UNKNOWN, 12), (BLOCKED, 12)]
)
def test_what_only_the_canary_has_has_to_be_well_there(state: State, code: int) -> None:
    found = compare([*PAIR, of("new", "boiler.fuel", state=state)], "old", "new")
    assert (found.exit_code, found.record()["added"]) == (code, ["boiler.fuel"])
    first = {0: "healthy in new, not asked in old: boiler.fuel", 12: f"unclear: boiler.fuel: {state} in new ("}
    assert first[code] in found.lines()[0]


def test_what_only_one_has_is_muted_by_the_maintenance_of_the_canary() -> None:
    found = compare([*PAIR, of("new", "boiler.fuel", state=CRITICAL, maintenance="until noon")], "old", "new")
    assert (found.exit_code, found.muted) == (0, ["boiler.fuel"])


@pytest.mark.parametrize("where", ["old", "new"])
def test_a_canary_that_was_rolled_back_is_told_as_that_and_is_no_pass(where: str) -> None:
    known = of(where, "boiler.trial", rolled_back="the controller says rolled_back, weight 0")
    found = compare([*PAIR, known, replace(known, environment="new" if where == "old" else "old")], "old", "new")
    assert found.exit_code == 1
    assert (found.decision, found.record()["rolled_back"]) == ("rolled_back", ["boiler.trial"])
    assert f"rolled back: the controller says rolled_back, weight 0 in {where} (boiler.trial)" in found.lines()
    assert found.lines()[-1].endswith("2 no worse; it was rolled back")
    assert Verdict.from_record(known.as_record()) == known


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
        one.answers["/state"] = {"pressure": 85, "purity": 99}
    run = compared(both, *workers)
    assert run.code == 0, run.text
    assert (
        "canary canary against production: 4 checks, 0 worse, 0 unclear, 4 no worse (1 of them ill in both)" in run.text
    )
    assert run.results["run"]["canary"]["no_worse"] == 4


def test_where_both_are_critical_nothing_well_is_there_to_compare_with(
    both: Project, target: Target, canary: Target
) -> None:
    for one in (target, canary):
        one.answers["/state"] = {"pressure": 95, "purity": 99}
    run = compared(both)
    assert run.code == 12, run.text
    assert "unclear: boiler.pressure: critical in canary (95 %" in run.text
    assert run.results["run"]["canary"]["unclear"] == ["boiler.pressure"]


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
    told = "not compared, since canary says that it does not have it: kiln.heat, kiln.door[left], kiln.door[right]"
    assert told in run.text


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with workers"])
def test_what_the_canary_has_lost_without_a_word_is_red(
    both: Project, target: Target, canary: Target, workers: list[str]
) -> None:
    both.environment("production", boiler={"url": target.url, "token": "${BOILER_TOKEN}"})
    run = both.run("checks", "--baseline", "production", "--canary", "canary", *workers, BOILER_TOKEN="a-long-token")
    assert run.results["run"]["canary"]["gone"] == ["boiler.private"]
    assert run.code == 12, run.text
    assert "gone: asked in production, not in canary: boiler.private; give the profile of canary" in run.text

    absent = [{"because": "there is no token for it", "checks": ["boiler.private"]}]
    both.environment("canary", boiler={"url": canary.url, "absent": absent})
    run = both.run("checks", "--baseline", "production", "--canary", "canary", *workers, BOILER_TOKEN="a-long-token")
    assert run.results["run"]["canary"]["absent"] == ["boiler.private"]
    assert run.code == 0, run.text


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
