"""What runs before this one found of one check in one environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from healthgate.claim.state import State
from healthgate.claim.tally import Tally
from healthgate.judge.growth import Growth


@dataclass(frozen=True)
class Look:
    """One look at one check: when (seconds since 1970), what state, and the value where it was a number."""

    at: float
    state: State
    value: float | None


@dataclass(frozen=True)
class Course:
    """Many looks at one check, the oldest first, as three columns of the same length: what `Look` says of one."""

    at: Sequence[float]
    states: Sequence[State]
    values: Sequence[float | None]


@dataclass(frozen=True)
class Past:
    """What was known of one check in one environment before this run; `looks` has the oldest first.

    `growth` is where its values were going, day by day; None where that cannot be told.
    """

    looks: tuple[Look, ...] = ()
    state: State | None = None
    since: float | None = None
    growth: Growth | None = None

    def since_when(self, state: State, at: float) -> float:
        """Return since when the check is in `state`, which it was seen in at `at`."""
        return self.since if self.since is not None and self.state is state else at


class Counters(Protocol):
    """Where counters are kept as earlier runs saw them."""

    def tallies(self, environment: str, back: Mapping[str, float]) -> Mapping[str, Sequence[Tally]]:
        """Return the looks at counters, by what names them, as many seconds back as `back` says, the oldest first.

        What cannot be read is not there: whoever writes next will tell why.
        """
        ...
