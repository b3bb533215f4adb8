"""What runs before this one found of one check in one environment."""

from dataclasses import dataclass

from healthgate.state import State


@dataclass(frozen=True)
class Look:
    """One look at one check: when (seconds since 1970), what state, and the value where it was a number."""

    at: float
    state: State
    value: float | None


@dataclass(frozen=True)
class Past:
    """What was known of one check in one environment before this run; `looks` has the oldest first."""

    looks: tuple[Look, ...] = ()
    state: State | None = None
    since: float | None = None

    def since_when(self, state: State, at: float) -> float:
        """Return since when the check is in `state`, which it was seen in at `at`."""
        return self.since if self.since is not None and self.state is state else at
