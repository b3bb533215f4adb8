"""Several comparisons of one canary as one decision, whose error is that of one. Pure.

Twelve comparisons of one in a hundred each would roll back one of nine healthy canaries. Half of the error is divided
among them, for one that is clearly worse; the other half is for many that are all a little worse: the mean of what bets
on each have won (Vovk and Wang 2021), however they depend on one another.
"""

import math
from collections.abc import Iterable

from healthgate.canary.trial import Trial


def share(alpha: float, comparisons: int) -> float:
    """Return the `alpha` for each trial, so that `together` is wrong with probability `alpha` at most."""
    return alpha if comparisons == 1 else alpha / 2 / comparisons


class Together:
    """What several trials amount to: `decision`, `reason`, and `evidence` (1/alpha and above is proof)."""

    def __init__(self, decision: str, evidence: float, reason: str) -> None:
        self.decision, self.evidence, self.reason = decision, evidence, reason


def together(trials: Iterable[Trial], *, alpha: float = 0.01) -> Together:
    """Judge trials that were made with `alpha=share(alpha, how many there are)`.

    "rollback" where one of them says so, or all together do; else "inconclusive" where one is, "undecided" where one
    is, "pass" where all pass. ValueError without trials, or where one was made with more than its share.
    """
    every = list(trials)
    if not every:
        raise ValueError("there is no comparison to judge; one at least")
    each = share(alpha, len(every))
    if any(trial.alpha > each * (1 + 1e-9) for trial in every):
        raise ValueError(
            f"for {alpha:g} together, each of {len(every)} trials needs alpha={each:g}, which share() returns"
        )
    mean = math.fsum(trial.e_value for trial in every) / len(every) if len(every) > 1 else 0.0
    evidence = max(mean / 2, *(trial.evidence * each / alpha for trial in every))
    most = max(every, key=lambda trial: trial.evidence)
    for decision in ("rollback", "inconclusive", "undecided"):
        found = [trial for trial in every if trial.decision == decision]
        if decision == "rollback" and not found and mean >= 2 / alpha and (most.ratio or 0.0) >= most.worse_by:
            why = (
                f"none of {len(every)} comparisons is proven worse alone, all together are; most of all {most.stands()}"
            )
            return Together("rollback", evidence, why)
        if found:
            one = max(found, key=lambda trial: trial.evidence)
            many = f"{len(found)} of {len(every)} comparisons, first of all: " if len(every) > 1 else ""
            return Together(decision, evidence, many + one.reason)
    return Together("pass", evidence, f"all {len(every)} comparisons pass" if len(every) > 1 else every[0].reason)
