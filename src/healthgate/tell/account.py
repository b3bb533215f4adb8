"""One run as every output is told it: the same verdicts in the same order, whatever is written of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from healthgate.claim.limit import Limit, Unit
from healthgate.claim.state import FAILS_AT, WORST_FIRST, Floor, State
from healthgate.judge.verdict import Verdict
from healthgate.printable import shown
from healthgate.tell.results import RunFacts

if TYPE_CHECKING:
    from healthgate.memory.history import History

ALL = "all"
"""The selection of a run that was confined by nothing."""


@dataclass(frozen=True)
class CanaryDecision:
    """What a comparison of two environments came to: `decision` is rollback, rolled_back, inconclusive or pass."""

    baseline: str
    canary: str
    decision: str
    reason: str


@dataclass(frozen=True)
class Account:
    """What there is to tell of a run. `facts.exit_code` counts what could not be delivered so far.

    `floors` are those of the environments. `selection` names the options that confined the run, or `all`. `seen` is
    when the systems were seen, in seconds since 1970. `selected` counts the selected checks of each environment.
    `stages` says of each environment what it is (its label `stage`, else its name); `known` are the ids of all checks
    there are, selected or not. `history` is None where none is kept, or where it could not be opened. `canary` is what
    a comparison came to, None where the run makes none.
    """

    facts: RunFacts
    verdicts: list[Verdict]
    limit_of: Callable[[Verdict], Limit]
    floors: dict[str, Floor]
    selection: str
    selected: dict[str, int]
    seen: float
    left_out: list[str]
    lost: list[str]
    undelivered: list[str]
    cost: str
    root: str
    stages: dict[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    history: "History | None" = None
    canary: CanaryDecision | None = None

    @cached_property
    def worst_first(self) -> list[Verdict]:
        """The verdicts, the worst before the others, else in the order they have."""
        return sorted(self.verdicts, key=lambda verdict: WORST_FIRST.index(verdict.state))

    @property
    def counts(self) -> str:
        """How many checks are in which state, in words."""
        several = [(state, sum(verdict.state is state for verdict in self.verdicts)) for state in WORST_FIRST]
        return ", ".join(f"{number} {state}" for state, number in several if number) or "no verdicts"

    def roots_told(self, verdict: Verdict) -> bool:
        """Whether what blocks `verdict` has a verdict of its own in this run, which says all there is to say."""
        return all((verdict.environment, name) in self._told for name, _ in verdict.roots)

    def is_echo(self, verdict: Verdict) -> bool:
        """Whether `verdict` is on a roll-up that says no more than what another verdict of this run says."""
        return any((verdict.environment, name) in self._told for name in verdict.echoes)

    @cached_property
    def _told(self) -> frozenset[tuple[str, str]]:
        return frozenset((verdict.environment, verdict.id) for verdict in self.verdicts)

    def failing_state(self, verdict: Verdict) -> State:
        """Return the state a verdict counts as: its own, or that of its worst root where it is blocked by one."""
        if verdict.state is not State.BLOCKED:
            return verdict.state
        failing = {state for _, state in verdict.roots if state in FAILS_AT[verdict.floor]}
        return min(failing, key=WORST_FIRST.index, default=State.UNKNOWN)


def told(verdict: Verdict) -> str:
    """Return the value of a verdict as people write it; a dash where there is none."""
    if verdict.value is None:
        return "–"
    if isinstance(verdict.value, str | bool):
        return shown(verdict.value)
    return Unit(verdict.unit).after(verdict.value)
