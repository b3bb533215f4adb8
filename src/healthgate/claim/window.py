"""Has a line been crossed for long enough? Judged from samples alone: those of earlier runs, and those of this one.

A window is covered where every sample in it lies beyond the line, they reach back over the whole of it, there are as
many as the cadence of the check brings in that time, and no two are further apart than two cadences. A sample that is
missing proves nothing: it is a gap.

A trend is judged from the same samples: of those at the ends of several windows, one after the other up to the last
sample, each must be higher than the one before. One that is not settles it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from healthgate.claim.limit import Limit, Tier

WIDEST_GAP = 2.0
"""Cadences that may lie between two samples: one run may be late, two that are missing are nobody's evidence."""

NEAR = 0.45
"""Windows that the sample at the end of one may lie away from it: less than a half, so that it ends one only."""


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


def rose(tier: Tier, samples: Sequence[Sample], cadence: float, scale: float) -> bool | None:
    """Whether what was seen rose in every window of `tier` up to the last of `samples`, and by as much as it asks.

    None where it is known not to have: in one of the windows, or not by enough. At the end of a window stands the
    sample that is nearest, a cadence away at most and less than half a window.
    """
    each = tier.each / scale
    furthest = min(cadence, each * NEAR)
    ends: list[float | None] = []
    for number in range(tier.rises + 1):
        wanted = samples[-1].at - number * each
        nearest = min(samples, key=lambda sample: abs(sample.at - wanted))
        value = nearest.value if abs(nearest.at - wanted) <= furthest else None
        ends.append(float(value) if isinstance(value, bool | int | float) else None)
    for after, before in pairwise(ends):
        if after is not None and before is not None and after <= before:
            return None
    first, last = ends[-1], ends[0]
    if first is not None and last is not None and last < first * tier.by:
        return None
    return None not in ends


def followed(samples: Sequence[Sample], cadence: float) -> float:
    """Return how far back, in seconds, the samples go without a gap, up to the last."""
    first = samples[-1].at
    for sample in reversed(samples):
        if first - sample.at > WIDEST_GAP * cadence:
            break
        first = sample.at
    return samples[-1].at - first


def missing(tier: Tier, found: Held, cadence: float, scale: float) -> float:
    """Return the seconds that still lie before `tier` is reached if every sample to come crosses it; 0 if it is.

    `scale` is how many seconds of production pass in one second of the samples' clock, which `cadence` is told in.
    """
    window = tier.sustained / scale
    wanted = max(tier.samples, math.ceil(round(window / cadence, 6)) + 1 if window else 1)
    rest = max(0.0, window - found.seconds)
    more = max(0, wanted - found.samples)
    return max(rest, more * interval(tier, cadence, scale))


def lacking(tier: Tier, samples: Sequence[Sample], cadence: float, scale: float) -> float | None:
    """Return the seconds that still lie before `tier` is reached if all to come goes on as it did; 0 if it is.

    None where it is known not to be reached. The arguments are those of `missing`.
    """
    if not tier.rises:
        return missing(tier, held(tier, samples, cadence), cadence, scale)
    known = rose(tier, samples, cadence, scale)
    if known is None or known:
        return None if known is None else 0.0
    rest = tier.rises * tier.each / scale - followed(samples, cadence)
    return max(rest, interval(tier, cadence, scale))


def interval(tier: Tier, cadence: float, scale: float) -> float:
    """Return how far apart, in seconds, samples must at least be taken to cover the window of `tier` in time."""
    if tier.rises:
        return min(cadence, tier.each / scale)
    window = tier.sustained / scale
    return min(cadence, window / math.ceil(round(window / cadence, 6))) if window else cadence


def reach(limit: Limit, cadence: float) -> float:
    """Return how far back, in seconds of production, the windows of a limit reach, with a gap on top; 0 without any."""
    waiting = [tier for tier in (limit.warning, limit.critical) if tier is not None and tier.needs_window]
    longest = (max(tier.sustained, tier.samples * cadence, tier.rises * tier.each) for tier in waiting)
    return max((length + WIDEST_GAP * cadence for length in longest), default=0.0)
