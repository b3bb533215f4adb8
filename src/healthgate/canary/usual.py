"""What the two sides differ by where both run the same version, from their history. Pure.

Pairing removes what both sides share, and leaves what each has of its own: a cache that is cold for a minute makes
neighbouring ticks alike, and twelve of them are then one piece of evidence. How many ticks are one piece, and whether
the sides are comparable at all, is seen in an hour of both on one version.
"""

from collections.abc import Sequence

BLOCKS_S = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0)
"""Lengths that ticks may be put together to, in seconds."""

AGREE = 1.3
"""How much more sums over one and two minutes may vary, in proportion, than those of a block."""

LEAST_S = 1200.0
"""Seconds of paired history without which sums over two minutes cannot be compared: ten of them."""


def block(differences: Sequence[float], every_s: float) -> int:
    """Return how many ticks count as one: the fewest whose sums vary like independent ones.

    The longest block is returned where none does. `differences` are canary less baseline, tick by tick.
    """
    lengths = sorted({max(1, round(length / every_s)) for length in BLOCKS_S})
    mean = sum(differences) / len(differences)
    total, sums = 0.0, [0.0]
    for one in differences:
        total += one - mean
        sums.append(total)
    long = max(_varies(sums, max(1, round(length / every_s))) for length in BLOCKS_S[-2:])
    for length in lengths:
        if long <= AGREE * _varies(sums, length):
            return length
    return lengths[-1]


def _varies(sums: Sequence[float], length: int) -> float:
    """Return the variance of overlapping sums of `length` differences, per tick."""
    each = [after - before for before, after in zip(sums, sums[length:], strict=False)]
    return sum(one * one for one in each) / len(each) / length
