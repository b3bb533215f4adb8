"""Has a line been crossed for long enough? Judged from samples alone: those of earlier runs, and those of this one.

A window is covered where every sample in it lies beyond the line, they reach back over the whole of it, there are as
many as the cadence of the check brings in that time, and no two are further apart than two cadences. A sample that is
missing proves nothing: it is a gap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from healthgate.limit import Limit, Tier

WIDEST_GAP = 2.0
"""Cadences that may lie between two samples: one run may be late, two that are missing are nobody's evidence."""


@dataclass(frozen=True)
class Sample:
    """One reading: when (seconds since 1970) and what."""

    at: float
    value: float | int | str | bool


@dataclass(frozen=True)
class Held:
    """For how long, in seconds, and in how many samples a line has been crossed without a break, up to the last."""

    seconds: float
    samples: int


def held(tier: Tier, samples: Sequence[Sample], cadence: float) -> Held:
    """Return how long the last of `samples` (the oldest first) and those before it lie beyond `tier`.

    `cadence` is how often the check is meant to be run, in seconds of the same clock.
    """
    count, first = 0, 0.0
    for sample in reversed(samples):
        if not tier.holds(sample.value) or (count and first - sample.at > WIDEST_GAP * cadence):
            break
        count, first = count + 1, sample.at
    return Held(samples[-1].at - first if count else 0.0, count)


def missing(tier: Tier, found: Held, cadence: float, scale: float) -> float:
    """Return the seconds that still lie before `tier` is reached if every sample to come crosses it; 0 if it is.

    `scale` is how many seconds of production pass in one second of the samples' clock, which `cadence` is told in.
    """
    window = tier.sustained / scale
    wanted = max(tier.samples, math.ceil(round(window / cadence, 6)) + 1 if window else 1)
    rest = max(0.0, window - found.seconds)
    more = max(0, wanted - found.samples)
    return max(rest, more * interval(tier, cadence, scale))


def interval(tier: Tier, cadence: float, scale: float) -> float:
    """Return how far apart, in seconds, samples must at least be taken to cover the window of `tier` in time."""
    window = tier.sustained / scale
    return min(cadence, window / math.ceil(round(window / cadence, 6))) if window else cadence


def reach(limit: Limit, cadence: float) -> float:
    """Return how far back, in seconds of production, the windows of a limit reach, with a gap on top; 0 without any."""
    waiting = [tier for tier in (limit.warning, limit.critical) if tier is not None and tier.needs_window]
    return max((max(tier.sustained, tier.samples * cadence) + WIDEST_GAP * cadence for tier in waiting), default=0.0)
