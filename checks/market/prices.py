"""One price, and how far apart two places are that serve it (spec 2.9)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SEQUENCES_APART = 5
"""Ticks by which two places may be apart when they are read one after the other."""

SECONDS_APART = 2.0
"""Seconds by which the moments of two such ticks may differ."""

TOLERATED_BPS = 5.0
"""Basis points by which the mid prices of two such ticks may differ."""


@dataclass(frozen=True)
class Price:
    """A quote as one place serves it: when it was made (seconds since 1970), and its number within its symbol."""

    symbol: str
    bid: float
    ask: float
    made_at: float
    seq: int

    @property
    def mid(self) -> float:
        """The middle between bid and ask."""
        return (self.bid + self.ask) / 2

    def __str__(self) -> str:
        return f"{self.bid:.10g}/{self.ask:.10g} (seq {self.seq})"


@dataclass(frozen=True)
class Gap:
    """The distance between two places: `bps` of basis points, and why they do not agree, if they do not."""

    bps: float
    one: Price
    other: Price
    disagreement: str

    @property
    def agree(self) -> bool:
        """Whether the two places serve the same price, as far as two reads can tell."""
        return not self.disagreement and self.bps <= TOLERATED_BPS


def gap(ones: Sequence[Price], others: Sequence[Price]) -> Gap:
    """Return the distance between two places of which each served one price or several.

    Prices of the same number are compared exactly; without such a pair, those whose numbers are nearest.
    """
    one, other = min(((a, b) for a in ones for b in others), key=lambda pair: abs(pair[0].seq - pair[1].seq))
    if one.seq == other.seq:
        bps = max(distance(one.bid, other.bid), distance(one.ask, other.ask))
        same = math.isclose(one.bid, other.bid, rel_tol=1e-9) and math.isclose(one.ask, other.ask, rel_tol=1e-9)
        return Gap(bps, one, other, "" if same else "the same tick must have the same prices everywhere")
    behind, apart = abs(one.seq - other.seq), abs(one.made_at - other.made_at)
    disagreement = ""
    if behind > SEQUENCES_APART or apart > SECONDS_APART:
        disagreement = f"{behind} ticks and {apart:.1f} s apart, over {SEQUENCES_APART} ticks or {SECONDS_APART:g} s"
    return Gap(distance(one.mid, other.mid), one, other, disagreement)


def distance(one: float, other: float) -> float:
    """Return how far two prices are apart, in basis points of the first."""
    return abs(one - other) / abs(one) * 10_000 if one else math.inf
