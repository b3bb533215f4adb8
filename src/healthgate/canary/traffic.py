"""Events of unequal traffic, made comparable: all sides as of the traffic of the smallest. Pure."""

import math
import random
from collections.abc import Sequence

MANY = 1_000
"""Events from which on those that are kept are drawn from the normal distribution, all at once."""


def of_equal_traffic(events: Sequence[float], of: Sequence[float], lot: random.Random) -> tuple[list[float], float]:
    """Return the events of several instances in as much traffic as the one with the least of it had, and that traffic.

    Of those with more, each event is kept with the probability that it would have happened in the smaller traffic, so
    that a canary with a tenth of the streams, and as many errors for each, counts as many as its baseline. A rate would
    not do: that of the smaller side varies more, and a judge that is told so would believe in differences.
    """
    least = min(of)
    if least <= 0:
        return [0.0] * len(events), 0.0
    return [float(kept(round(count), least / many, lot)) for count, many in zip(events, of, strict=True)], least


def kept(count: int, share: float, lot: random.Random) -> int:
    """Return how many of `count` events remain where each does with probability `share`."""
    if share >= 1:
        return count
    if count <= MANY:
        return sum(lot.random() < share for _ in range(count))
    drawn = lot.gauss(count * share, math.sqrt(count * share * (1 - share)))
    return min(count, max(0, round(drawn)))
