"""The seven states a check can be in, and which of them fail a run at which floor."""

from enum import StrEnum


class State(StrEnum):
    """What was found out about one check in one environment."""

    OK = "ok"
    MISSED = "missed"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"
    PENDING = "pending"


WARNING, CRITICAL = State.WARNING, State.CRITICAL
"""What anything else than a healthy value is, as limits are written."""


class Floor(StrEnum):
    """How bad a state must be to fail the run (`--fail-on`)."""

    OBJECTIVE = "objective"
    WARNING = "warning"
    CRITICAL = "critical"


ALWAYS_FAIL = frozenset({State.CRITICAL, State.UNKNOWN})
FAILS_AT: dict[Floor, frozenset[State]] = {
    Floor.CRITICAL: ALWAYS_FAIL,
    Floor.WARNING: ALWAYS_FAIL | {State.WARNING},
    Floor.OBJECTIVE: ALWAYS_FAIL | {State.WARNING, State.MISSED, State.PENDING},
}

WORST_FIRST = (
    State.CRITICAL,
    State.UNKNOWN,
    State.WARNING,
    State.MISSED,
    State.PENDING,
    State.BLOCKED,
    State.OK,
)
