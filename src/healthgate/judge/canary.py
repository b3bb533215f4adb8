"""Is the canary worse than the baseline? The same checks in two environments of one run, compared state by state."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from healthgate.claim.state import WORST_FIRST, State
from healthgate.judge import outcome
from healthgate.judge.verdict import Verdict

UNTOLD = frozenset({State.UNKNOWN, State.BLOCKED})
"""States that say nothing about how well a system does."""


@dataclass(frozen=True)
class Pair:
    """One check in the baseline and in the canary."""

    baseline: Verdict
    canary: Verdict

    @property
    def id(self) -> str:
        """The check."""
        return self.canary.id

    def __str__(self) -> str:
        then = f"{self.baseline.state} in {self.baseline.environment}"
        now = f"{self.canary.state} in {self.canary.environment}"
        return f"{self.id}: {now} ({self.canary.reason}), {then} ({self.baseline.reason})"


@dataclass(frozen=True)
class Comparison:
    """Every check of two environments in exactly one of these lists; those of one side only have no pair.

    `worse`: the canary is in a worse state, and one that fails at the floor. `unclear`: at least one of the two could
    not be judged, or both are critical, so that nothing well is there to compare with. `gone`: the baseline was asked,
    the canary was not, and no line of its profile says that it does not have it; `absent`: one says so. `added`: only
    the canary was asked. `muted`: one of the two is in maintenance.

    Beside them, `rolled_back` are the verdicts, of either environment, that know the canary to be rolled back.
    """

    baseline: str
    canary: str
    worse: list[Pair] = field(default_factory=list)
    unclear: list[Pair] = field(default_factory=list)
    no_worse: list[Pair] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    added: list[Verdict] = field(default_factory=list)
    muted: list[str] = field(default_factory=list)
    rolled_back: list[Verdict] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 where the canary is no worse, 1 or 10 where it is, 12 where that could not be told.

        One that was rolled back is 1: that is decided, and asking again changes nothing.
        """
        codes = [outcome.CODE_OF[pair.canary.state] for pair in self.worse]
        codes += [outcome.FAILED] if self.rolled_back else []
        return outcome.worst([*codes, outcome.INCONCLUSIVE] if self._is_open else codes)

    @property
    def decision(self) -> str:
        """`rolled_back` where it was, `rollback` where it is worse, else `inconclusive` or `pass`."""
        if self.rolled_back or self.worse:
            return "rolled_back" if self.rolled_back else "rollback"
        return "inconclusive" if self._is_open else "pass"

    @property
    def _is_open(self) -> bool:
        return bool(self.unclear or self.gone or self._ill_alone or not self.no_worse)

    @property
    def _ill_alone(self) -> list[Verdict]:
        return [verdict for verdict in self.added if not verdict.healthy]

    def lines(self) -> list[str]:
        """Return what to say of it: a line for each check that is worse or unclear, then the sum."""
        compared = len(self.worse) + len(self.unclear) + len(self.no_worse)
        blocked = Counter(_blocked(pair) for pair in self.unclear)
        found = [f"rolled back: {name}" for name in dict.fromkeys(_rollback(one) for one in self.rolled_back)]
        found += [f"worse: {pair}" for pair in self.worse]
        found += [f"unclear: {pair}" for pair in self.unclear if not _blocked(pair)]
        found += [f"unclear: {number} checks {reason}" for reason, number in blocked.items() if reason]
        found += [
            f"unclear: {one.id}: {one.state} in {self.canary} ({one.reason}), not asked in {self.baseline}"
            for one in self._ill_alone
        ]
        if self.gone:
            cure = f"give the profile of {self.canary} what they need, or say under `absent` why it does not have it"
            found.append(f"gone: asked in {self.baseline}, not in {self.canary}: {_some(self.gone)}; {cure}")
        if self.absent:
            found.append(f"not compared, since {self.canary} says that it does not have it: {_some(self.absent)}")
        if added := [one.id for one in self.added if one.healthy]:
            found.append(f"healthy in {self.canary}, not asked in {self.baseline}: {_some(added)}")
        if self.muted:
            found.append(f"not compared, since one of the two is in maintenance: {_some(self.muted)}")
        ill = sum(pair.canary.state is not State.OK for pair in self.no_worse)
        unclear = len(self.unclear) + len(self._ill_alone)
        told = f"{len(self.worse)} worse, {unclear} unclear, {len(self.no_worse)} no worse"
        also = f" ({ill} of them ill in both)" if ill else ""
        also += f", {len(self.gone)} gone" if self.gone else ""
        also += "; it was rolled back" if self.rolled_back else ""
        return [*found, f"canary {self.canary} against {self.baseline}: {compared} checks, {told}{also}"]

    def record(self) -> dict[str, object]:
        """Return it as plain JSON values."""
        return {
            "baseline": self.baseline,
            "canary": self.canary,
            "decision": self.decision,
            "worse": [pair.id for pair in self.worse],
            "unclear": [pair.id for pair in self.unclear],
            "no_worse": len(self.no_worse),
            "alone": [*self.gone, *self.absent, *(one.id for one in self.added)],
            "muted": self.muted,
            "gone": self.gone,
            "absent": self.absent,
            "added": [one.id for one in self.added],
            "rolled_back": list(dict.fromkeys(one.id for one in self.rolled_back)),
        }


def _some(names: list[str]) -> str:
    """Return the first five names and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _rollback(verdict: Verdict) -> str:
    """Return who knows of the rollback, and where."""
    return f"{verdict.rolled_back} in {verdict.environment} ({verdict.id})"


def _blocked(pair: Pair) -> str:
    """Return by what a pair is blocked, in the canary or else in the baseline; nothing where it is not."""
    for one in (pair.canary, pair.baseline):
        if one.state is State.BLOCKED:
            return f"{one.reason} in {one.environment}"
    return ""


def compare(
    verdicts: Iterable[Verdict], baseline: str, canary: str, absent: Collection[str] = frozenset()
) -> Comparison:
    """Compare the verdicts on `canary` with those on `baseline`, check by check.

    `absent` are the ids of the checks that the canary's profile says it does not have.
    """
    found: dict[str, dict[str, Verdict]] = {baseline: {}, canary: {}}
    made = Comparison(baseline, canary)
    for verdict in verdicts:
        if verdict.environment in found:
            found[verdict.environment][verdict.id] = verdict
            made.rolled_back.extend([verdict] if verdict.rolled_back else [])
    for name in dict.fromkeys([*found[canary], *found[baseline]]):
        then, now = found[baseline].get(name), found[canary].get(name)
        if now is None:
            (made.absent if name in absent else made.gone).append(name)
        elif now.maintenance or (then is not None and then.maintenance):
            made.muted.append(name)
        elif then is None:
            made.added.append(now)
        else:
            _sort(Pair(then, now), made)
    return made


def _sort(pair: Pair, made: Comparison) -> None:
    """Put a pair into the list it belongs to."""
    if is_worse(pair):
        made.worse.append(pair)
    elif is_unclear(pair):
        made.unclear.append(pair)
    else:
        made.no_worse.append(pair)


def is_unclear(pair: Pair) -> bool:
    """Whether one of a pair says nothing that matters, or both are critical: no worse, and no reason to roll on."""
    canary, baseline = pair.canary.state, pair.baseline.state
    if canary in UNTOLD or (baseline in UNTOLD and not pair.canary.healthy):
        return True
    return canary is State.CRITICAL and baseline is State.CRITICAL


def is_worse(pair: Pair) -> bool:
    """Whether the canary is proven to be in a worse state than the baseline, and one that fails at its floor."""
    canary, baseline = pair.canary.state, pair.baseline.state
    if canary in UNTOLD or baseline in UNTOLD or pair.canary.healthy:
        return False
    return WORST_FIRST.index(canary) < WORST_FIRST.index(baseline)
