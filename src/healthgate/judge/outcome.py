"""From verdicts to one exit code."""

from collections.abc import Iterable

from healthgate.claim.state import Floor, State
from healthgate.judge.verdict import Verdict

PASSED, FAILED, WARNED, UNKNOWN, INCONCLUSIVE, UNDELIVERED = 0, 1, 10, 11, 12, 13
PRECEDENCE = (FAILED, UNKNOWN, WARNED, INCONCLUSIVE, UNDELIVERED, PASSED)
NAGIOS = {PASSED: 0, WARNED: 1, FAILED: 2, UNKNOWN: 3, INCONCLUSIVE: 3, UNDELIVERED: 3}
"""OK, WARNING, CRITICAL, UNKNOWN as Nagios and Icinga read them; pytest's own codes become UNKNOWN."""

CODE_OF = {
    State.OK: PASSED,
    State.CRITICAL: FAILED,
    State.UNKNOWN: UNKNOWN,
    State.WARNING: WARNED,
    State.MISSED: WARNED,
    State.PENDING: WARNED,
}


def code_of(verdict: Verdict) -> int:
    """Return the exit code one verdict asks for; a blocked one for what its root asks for, 0 in maintenance."""
    if verdict.muted:
        return PASSED
    if verdict.state is State.BLOCKED:
        return worst(_failing(state, verdict.floor) or UNKNOWN for _, state in verdict.roots) or UNKNOWN
    return PASSED if verdict.healthy else CODE_OF[verdict.state]


def _failing(state: State, floor: Floor) -> int:
    from healthgate.claim.state import FAILS_AT  # noqa: PLC0415

    return CODE_OF.get(state, UNKNOWN) if state in FAILS_AT[floor] else PASSED


def worst(codes: Iterable[int]) -> int:
    """Return the code that takes precedence: 1 > 11 > 10 > 12 > 13 > 0."""
    return min(codes, key=PRECEDENCE.index, default=PASSED)


def exit_code(verdicts: Iterable[Verdict], lost: int) -> int:
    """Return the code of a whole run; `lost` is how many selected checks brought no result."""
    codes = [code_of(verdict) for verdict in verdicts]
    return worst([*codes, UNKNOWN] if lost else codes)
