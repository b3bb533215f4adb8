"""Is the canary worse than the baseline? The same checks in two environments of one run, compared state by state."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

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
    """Every check of two environments in exactly one of these lists; `alone` and `muted` have the ids.

    `worse`: the canary is in a worse state, and one that fails at the floor. `unclear`: at least one of the two could
    not be judged. `alone`: only one of the two was asked. `muted`: one of the two is in maintenance.
    """

    baseline: str
    canary: str
    worse: list[Pair]
    unclear: list[Pair]
    no_worse: list[Pair]
    alone: list[str]
    muted: list[str]

    @property
    def exit_code(self) -> int:
        """0 where the canary is no worse, 1 or 10 where it is, 12 where that could not be told."""
        codes = [outcome.CODE_OF[pair.canary.state] for pair in self.worse]
        return outcome.worst([*codes, outcome.INCONCLUSIVE] if self.unclear or not self.no_worse else codes)

    def lines(self) -> list[str]:
        """Return what to say of it: a line for each check that is worse or unclear, then the sum."""
        compared = len(self.worse) + len(self.unclear) + len(self.no_worse)
        blocked = Counter(_blocked(pair) for pair in self.unclear)
        found = [f"worse: {pair}" for pair in self.worse]
        found += [f"unclear: {pair}" for pair in self.unclear if not _blocked(pair)]
        found += [f"unclear: {number} checks {reason}" for reason, number in blocked.items() if reason]
        if self.alone:
            shown = ", ".join(self.alone[:5]) + (f" and {len(self.alone) - 5} more" if len(self.alone) > 5 else "")
            found.append(f"not compared, since only one of the two is asked: {shown}")
        if self.muted:
            found.append(f"not compared, since one of the two is in maintenance: {', '.join(self.muted[:5])}")
        ill = sum(pair.canary.state is not State.OK for pair in self.no_worse)
        told = f"{len(self.worse)} worse, {len(self.unclear)} unclear, {len(self.no_worse)} no worse"
        also = f" ({ill} of them ill in both)" if ill else ""
        return [*found, f"canary {self.canary} against {self.baseline}: {compared} checks, {told}{also}"]

    def record(self) -> dict[str, object]:
        """Return it as plain JSON values."""
        return {
            "baseline": self.baseline,
            "canary": self.canary,
            "worse": [pair.id for pair in self.worse],
            "unclear": [pair.id for pair in self.unclear],
            "no_worse": len(self.no_worse),
            "alone": self.alone,
            "muted": self.muted,
        }


def _blocked(pair: Pair) -> str:
    """Return by what a pair is blocked, in the canary or else in the baseline; nothing where it is not."""
    for one in (pair.canary, pair.baseline):
        if one.state is State.BLOCKED:
            return f"{one.reason} in {one.environment}"
    return ""


def compare(verdicts: Iterable[Verdict], baseline: str, canary: str) -> Comparison:
    """Compare the verdicts on `canary` with those on `baseline`, check by check."""
    found: dict[str, dict[str, Verdict]] = {baseline: {}, canary: {}}
    for verdict in verdicts:
        if verdict.environment in found:
            found[verdict.environment][verdict.id] = verdict
    made = Comparison(baseline, canary, [], [], [], [], [])
    for name in dict.fromkeys([*found[canary], *found[baseline]]):
        if name not in found[canary] or name not in found[baseline]:
            made.alone.append(name)
            continue
        pair = Pair(found[baseline][name], found[canary][name])
        if pair.baseline.maintenance or pair.canary.maintenance:
            made.muted.append(name)
        elif is_worse(pair):
            made.worse.append(pair)
        elif pair.canary.state in UNTOLD or (pair.baseline.state in UNTOLD and not pair.canary.healthy):
            made.unclear.append(pair)
        else:
            made.no_worse.append(pair)
    return made


def is_worse(pair: Pair) -> bool:
    """Whether the canary is proven to be in a worse state than the baseline, and one that fails at its floor."""
    canary, baseline = pair.canary.state, pair.baseline.state
    if canary in UNTOLD or baseline in UNTOLD or pair.canary.healthy:
        return False
    return WORST_FIRST.index(canary) < WORST_FIRST.index(baseline)
