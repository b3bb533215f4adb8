"""What of a run is to be told to people: what is ill enough, since when, under which root, and what is over."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from healthgate.claim.state import WORST_FIRST, State
from healthgate.judge.verdict import Verdict
from healthgate.printable import printable
from healthgate.tell.account import ALL, Account

RUNS = "healthgate"
"""The system of what is told of the runs themselves; no check can have an id that begins so."""

LOST = f"{RUNS}.results_lost"

CANARY = f"{RUNS}.canary"
"""What is told of a canary that is worse than its baseline, with `action="rollback"`."""

DECIDED = {"rollback": State.CRITICAL, "inconclusive": State.UNKNOWN}
"""What a decision on a canary means to people; what passed, or was rolled back already, asks nothing of them."""
PART = "part"
"""What the selection of a run ends in that was confined to some checks by name, and is made once, by hand."""

NOT_WHOLE = frozenset({2, 3, 4, 5})
"""Exit codes of runs that did not come to their end."""

SEVERITY = {State.CRITICAL: "critical", State.WARNING: "warning", State.MISSED: "objective", State.PENDING: "objective"}

Key = tuple[str, str]
"""An environment and the id of a check."""

LISTED = 20
"""Names that are listed before the rest is counted."""


@dataclass(frozen=True)
class Concern:
    """One check in one environment, as it concerns whoever is told.

    `state` is what is to be told, None where there is nothing to tell anew: it is well, in maintenance, or blocked by
    a root that is told. `blocked` are the checks that are told with this one since it blocks them. `echo` says that it
    is a roll-up whose failing part is told.
    """

    verdict: Verdict
    state: State | None
    severity: str
    root: str
    blocked: tuple[str, ...] = ()
    echo: bool = False

    @property
    def key(self) -> Key:
        """The environment and the check."""
        return self.verdict.environment, self.verdict.id

    @property
    def is_muted(self) -> bool:
        """Whether it would be told, were it not in maintenance."""
        return self.verdict.muted and self.verdict.state is not State.BLOCKED

    def settles(self, told: State) -> bool:
        """Whether what was told of the check, that it is in the state `told`, is over by this verdict.

        What could not be seen settles nothing, nor does what fails in maintenance.
        """
        state = self.verdict.state
        if self.echo and not self.verdict.muted:
            return True
        if self.verdict.muted or state in {State.UNKNOWN, State.BLOCKED}:
            return False
        if state is State.PENDING:
            return told in {State.UNKNOWN, State.BLOCKED}
        return told is not state


def concerns(account: Account) -> list[Concern]:
    """Return what every verdict of a run means, the worst first, and whether the run lost results."""
    blocked = defaultdict(list)
    for verdict in account.verdicts:
        for name, _ in verdict.roots if verdict.state is State.BLOCKED else ():
            blocked[verdict.environment, name].append(verdict.id)
    found = [
        _concern(verdict, account, tuple(blocked[verdict.environment, verdict.id])) for verdict in account.verdicts
    ]
    found.sort(key=lambda concern: WORST_FIRST.index(concern.verdict.state))
    return [*found, *_lost(account), *_canary(account)]


def seen_later(several: list[Concern], newest: Mapping[tuple[str, str], float], account: Account) -> set[Key]:
    """Return the checks that another run has looked at after this one did: what that one told is what holds.

    `newest` says when each was last seen by any run, in seconds since 1970. What lies in the future was told by a
    clock that went wrong, and holds nobody back.
    """
    now = time.time()
    return {one.key for one in several if (one.verdict.observed_at or account.seen) < newest.get(one.key, 0.0) <= now}


def came_to_its_end(account: Account) -> bool:
    """Whether the run was neither interrupted nor refused."""
    return account.facts.exit_code not in NOT_WHOLE


def is_repeated(selection: str) -> bool:
    """Whether a run of this selection is one of those that are made again and again."""
    return selection.rpartition(",")[2] != PART


def is_whole(account: Account) -> bool:
    """Whether every check there is in these environments has a verdict: what has none no longer exists there."""
    return account.selection == ALL and not account.lost and came_to_its_end(account)


def listed(names: list[str], most: int = LISTED) -> str:
    """Return names in words, the first `most` of them."""
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def passed_over(keys: set[Key]) -> list[str]:
    """Return the line that says of what nothing is told since a later run has looked; none if of nothing."""
    names = [" ".join(key) for key in sorted(keys)]
    return [f"no news of {listed(names, 5)}: another run has looked since, and told what it saw"] if keys else []


def muted(several: list[Concern]) -> list[str]:
    """Return the line that names the checks whose new alerts maintenance holds back; none where there are none."""
    names = [f"{one.verdict.environment} {one.verdict.id} [{one.verdict.state}]" for one in several if one.is_muted]
    return [f"maintenance: no new alert about {listed(names, 5)}"] if names else []


def _concern(verdict: Verdict, account: Account, blocked: tuple[str, ...]) -> Concern:
    failing = account.failing_state(verdict)
    told = not verdict.healthy and not verdict.muted
    echo = account.is_echo(verdict)
    if echo or (verdict.state is State.BLOCKED and account.roots_told(verdict)):
        told = False
    root = verdict.id
    if verdict.state is State.BLOCKED and verdict.roots:
        root = min(verdict.roots, key=lambda one: (WORST_FIRST.index(one[1]), one[0]))[0]
    severity = SEVERITY.get(failing, verdict.severity)
    return Concern(verdict, verdict.state if told else None, severity, root, blocked, echo)


def _lost(account: Account) -> Iterator[Concern]:
    if not is_repeated(account.selection) or not came_to_its_end(account):
        return
    confined = "" if account.selection == ALL else f"[{printable(account.selection)}]"
    came = Counter(verdict.environment for verdict in account.verdicts)
    for environment, selected in account.selected.items():
        missing = selected - came[environment]
        state = State.UNKNOWN if missing else State.OK
        names = listed([printable(one) for one in account.lost], 5)
        verdict = Verdict(
            id=f"{LOST}{confined}",
            environment=environment,
            system=RUNS,
            name="every check that is chosen brings a result",
            state=state,
            severity="critical",
            value=missing,
            unit="",
            limit="0",
            reason=f"{missing} of {selected} brought none: {names}" if missing else f"all {selected} brought one",
            floor=account.floors[environment],
            cause="a check that crashes, a worker that was killed",
            action="run what brought no result by itself, and read why",
            runbook="",
            change="",
            where="the run",
            observed_at=account.seen,
        )
        yield Concern(verdict, None if verdict.healthy else state, "critical", verdict.id)


def _canary(account: Account) -> Iterator[Concern]:
    """Yield what a comparison came to: only a rollback is told anew, and what cannot be told ends nothing."""
    found = account.canary
    if found is None or not came_to_its_end(account):
        return
    verdict = Verdict(
        id=CANARY,
        environment=found.canary,
        system=RUNS,
        name=f"the canary is no worse than {found.baseline}",
        state=DECIDED.get(found.decision, State.OK),
        severity="critical",
        value=found.decision,
        unit="",
        limit='"pass"',
        reason=found.reason,
        floor=account.floors[found.canary],
        cause="what was changed in the canary",
        action="roll the canary back",
        runbook="",
        change="",
        where=f"{found.baseline} and {found.canary}",
        observed_at=account.seen,
    )
    yield Concern(verdict, State.CRITICAL if found.decision == "rollback" else None, "critical", verdict.id)
