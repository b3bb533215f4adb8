"""From verdicts to one exit code, without a run."""

from dataclasses import replace
from itertools import permutations

import pytest

from healthgate.claim.state import Floor, State
from healthgate.judge.outcome import NAGIOS, exit_code, worst
from healthgate.judge.verdict import Verdict


def verdict(state: State, floor: Floor = Floor.OBJECTIVE, *roots: tuple[str, State]) -> Verdict:
    """Return a verdict in a state."""
    return Verdict(
        id="boiler.x",
        environment="works",
        system="boiler",
        name="x",
        state=state,
        severity="critical",
        value=1,
        unit="",
        limit="",
        reason="",
        floor=floor,
        cause="",
        action="",
        runbook="",
        change="x.py:1",
        where="",
        roots=roots,
    )


@pytest.mark.parametrize(
    ("state", "objective", "warning", "critical"),
    [
        (State.OK, 0, 0, 0),
        (State.PENDING, 10, 0, 0),
        (State.MISSED, 10, 0, 0),
        (State.WARNING, 10, 10, 0),
        (State.CRITICAL, 1, 1, 1),
        (State.UNKNOWN, 11, 11, 11),
        (State.BLOCKED, 11, 11, 11),
    ],
)
def test_every_state_has_a_code_at_every_floor(state: State, objective: int, warning: int, critical: int) -> None:
    """What is below the floor passes; critical, unknown and blocked never do."""
    codes = [exit_code([verdict(state, floor)], lost=0) for floor in (Floor.OBJECTIVE, Floor.WARNING, Floor.CRITICAL)]

    assert codes == [objective, warning, critical]


@pytest.mark.parametrize("floor", Floor)
def test_what_cannot_be_known_yet_fails_no_run_and_is_not_ok(floor: Floor) -> None:
    early = replace(verdict(State.PENDING, floor), value=None)

    assert (early.is_early, early.healthy, early.state is State.OK) == (True, True, False)
    assert exit_code([early], lost=0) == 0
    assert exit_code([early, verdict(State.CRITICAL, floor)], lost=0) == 1
    assert not replace(early, state=State.UNKNOWN).healthy


@pytest.mark.parametrize(
    ("root", "floor", "code"),
    [
        (State.CRITICAL, Floor.CRITICAL, 1),
        (State.UNKNOWN, Floor.CRITICAL, 11),
        (State.WARNING, Floor.OBJECTIVE, 10),
        (State.MISSED, Floor.OBJECTIVE, 10),
        (State.WARNING, Floor.CRITICAL, 11),
        (State.MISSED, Floor.WARNING, 11),
    ],
)
def test_a_blocked_check_asks_for_the_code_of_its_root(root: State, floor: Floor, code: int) -> None:
    """Although the root itself is not selected; and where the root is tolerated, it still was not judged."""
    assert exit_code([verdict(State.BLOCKED, floor, ("boiler.root", root))], lost=0) == code


def test_the_worst_code_takes_precedence_whatever_the_order() -> None:
    """1 before 11 before 10 before 12 before 13 before 0."""
    order = [1, 11, 10, 12, 13, 0]
    for better, code in enumerate(order):
        for codes in permutations(order[better:][:3]):
            assert worst(codes) == code
    assert worst([]) == 0


def test_a_lost_check_is_not_known() -> None:
    """Nothing lost changes nothing; a lost one is as bad as an unknown one, and no worse than a critical one."""
    assert exit_code([verdict(State.OK)], lost=0) == 0
    assert exit_code([verdict(State.OK)], lost=1) == 11
    assert exit_code([], lost=1) == 11
    assert exit_code([verdict(State.CRITICAL)], lost=1) == 1


def test_nagios_knows_four_codes() -> None:
    """OK, WARNING, CRITICAL, UNKNOWN."""
    assert NAGIOS == {0: 0, 10: 1, 1: 2, 11: 3, 12: 3, 13: 3}
