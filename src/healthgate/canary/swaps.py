"""How often would chance alone have gone as far? An exact test at every look, without a model. Pure.

Where the canary is as its baseline, it could as well have been the baseline: of the values of one tick, each is the
canary's with the same probability, whatever they are. All those ways are followed at once, as the weight of each place
that the sum of differences can be at; what has crossed the line is taken out. A look may spend its part of the error
(Lan and DeMets 1983), and the line is where the spent part is not exceeded. Nothing is drawn, nothing is approximated.
"""

import math
import struct
from collections.abc import Sequence
from functools import cache

WIDEST = 2048
"""Places that are kept; where they do not suffice, the grid becomes twice as coarse. To look at all takes 0.1 ms."""

FINE = 32
"""Places of the grid in one standard deviation of the sum at the end of a short trial."""

FINEST = 3
"""Places of the grid in a usual difference, at least: of what is much smaller than a place nothing would be left."""

FIRST = 8
"""Ticks that are read before the grid is laid, and anything is looked at: fewer could all point one way by chance."""

FREAK = 4.0
"""Usual differences that one tick counts for at most, so that one freak scrape decides nothing."""

FAR = 1e-8
"""Weight of places far below that are given up; they count as if they had crossed the line, to be safe."""

PLACE, DOWN = 64, 8
"""Bits of a place, and by how many its weight is brought down before it outgrows them."""

BATCH = 256
"""Places whose lowest bits are kept ready, or a multiple of that."""


class Proof:
    """Whether the first of several values is larger than the others, of ticks that come one by one."""

    def __init__(self, looks: float, seed: int) -> None:
        """`looks` are planned; `seed` as in Swaps."""
        self._looks = looks
        self._swaps = Swaps(seed)
        self._grid = 0.0
        self._usual = 0.0
        self._put_before = 0
        self._waiting: list[tuple[float, Sequence[float]]] = []
        self.many = 0
        """Ticks in which the values differed."""

    @property
    def beyond(self) -> bool:
        """Whether it is proven."""
        return self._swaps.beyond

    @property
    def chance(self) -> float:
        """How often chance alone would have gone as far by now, or had when it was proven."""
        return self._swaps.chance()

    def add(self, values: Sequence[float]) -> None:
        """Add the values of one tick. Where all agree they say nothing, nor do they once it is proven."""
        size = spread(values)
        if not size:
            return
        self.many += 1
        if self._swaps.beyond:
            return
        if self._grid:
            self._put(values, size)
            return
        self._waiting.append((size, values))
        if self.many == FIRST:
            self._usual = sorted(one for one, _ in self._waiting)[FIRST // 2]
            self._grid = math.sqrt(self._usual) * min(math.sqrt(self._looks) / FINE, 1 / FINEST)
            for before, waiting in self._waiting:
                self._put(waiting, before)
            self._waiting = []

    def _put(self, values: Sequence[float], size: float) -> None:
        """Put on the grid how far each value lies from the mean of the others; no further than a freak may."""
        self._put_before += 1
        self._usual += (min(size, FREAK * FREAK * self._usual) - self._usual) / (FIRST + self._put_before)
        width = self._grid * self._swaps.unit
        most = FREAK * math.sqrt(self._usual) / width
        if len(values) == 2:
            place = round(min(most, max(-most, (values[0] - values[1]) / width)))
            self._swaps.add([place, -place])
            return
        many, middle = len(values), sum(values) / len(values)
        stretch = many / (many - 1) / width
        self._swaps.add([round(min(most, max(-most, stretch * (value - middle)))) for value in values])

    def look(self, spend: float) -> None:
        """Look at it, with so much of the error spent by now."""
        if self._grid and not self._swaps.beyond:
            self._swaps.look(spend)


def spread(values: Sequence[float]) -> float:
    """Return the square of the usual difference between two of the values: twice their variance; 0 where all agree."""
    if len(values) == 2:
        return (values[0] - values[1]) ** 2
    middle = sum(values) / len(values)
    found = sum((value - middle) ** 2 for value in values) * 2 / (len(values) - 1)
    return found if found > 1e-18 * middle * middle else 0.0


@cache
def left(batches: int) -> int:
    """Return all bits but the DOWN highest of each place, of so many batches of places."""
    return int.from_bytes(((1 << PLACE - DOWN) - 1).to_bytes(PLACE // 8, "little") * (BATCH * batches), "little")


class Swaps:
    """The sum of the canary's differences among all that chance could have made of the same values.

    The weights of all places stand side by side in one whole number, PLACE bits each, the lowest place first: to shift
    and to add such numbers moves all of them at once. Their total stays below the size of a place; before it would not,
    all are brought down. What is lost by that counts as if it had crossed the line, to be safe.
    """

    def __init__(self, seed: int) -> None:
        """`seed` is that of the coin that is thrown where the grid becomes coarser."""
        self._coin = seed
        self._total = self._weights = 1 << (PLACE - DOWN)
        self._many = 1
        self._lowest = 0
        self._crossed = 0
        self._at = 0
        self.unit = 1
        """Width of a place, in places of the grid that it began with."""
        self._proven = 1.0
        self.beyond = False
        """Whether the line was crossed at any look."""

    def add(self, places: Sequence[int]) -> None:
        """Add the differences of one tick on the grid, the canary's first; in each way another one is the canary's."""
        while self._total * len(places) >> PLACE:
            self._bring_down()
        self._at += places[0]
        lowest = min(places)
        self._weights = sum(self._weights << PLACE * (place - lowest) for place in places)
        self._many += max(places) - lowest
        self._lowest += lowest
        self._total *= len(places)
        self._crossed *= len(places)
        while self._many > WIDEST:
            self._coarser()

    def chance(self) -> float:
        """Return the share of all ways that lie as far up or have crossed the line; as it was when that was crossed."""
        if self.beyond:
            return self._proven
        return min(1.0, (self._crossed + sum(self._places()[max(self._at - self._lowest, 0) :])) / self._total)

    def look(self, spend: float) -> None:
        """Draw the line where all that has crossed it by now is at most `spend` (0 to 1) of all ways."""
        weights, crossed, room = self._places(), self._crossed, spend * self._total
        kept = len(weights)
        while kept and crossed + weights[kept - 1] <= room:
            kept -= 1
            crossed += weights[kept]
            if self._lowest + kept <= self._at and not self.beyond:
                self.beyond, self._proven = True, crossed / self._total
        least = FAR * self._total
        lost = next((place for place, weight in enumerate(weights[:kept]) if weight > least), 0)
        self._crossed = crossed + sum(weights[:lost])
        self._weights = (self._weights & (1 << PLACE * kept) - 1) >> PLACE * lost
        self._many = kept - lost
        self._lowest += lost

    def _places(self) -> tuple[int, ...]:
        """Return the weight of each place, the lowest first."""
        return struct.unpack(f"<{self._many}Q", self._weights.to_bytes(self._many * PLACE // 8, "little"))

    def _bring_down(self) -> None:
        """Divide all weights by the same, and cut off what is no whole number then."""
        self._weights = (self._weights >> DOWN) & left(-(-self._many // BATCH))
        self._total >>= DOWN
        self._crossed = (self._crossed >> DOWN) + self._many + 1

    def _coarser(self) -> None:
        """Make the grid twice as coarse. What lies between two places goes to either with the same probability.

        So does the sum that was seen, by a coin: it stays one of the ways.
        """
        first = self._lowest // 2
        after = [0] * ((self._lowest + self._many) // 2 - first + 1)
        for place, weight in enumerate(self._places(), self._lowest - 2 * first):
            after[place // 2] += weight // 2
            after[(place + 1) // 2] += weight - weight // 2
        while len(after) > 1 and not after[-1]:
            after.pop()
        self._weights, self._many = int.from_bytes(struct.pack(f"<{len(after)}Q", *after), "little"), len(after)
        self._lowest = first
        if self._at % 2:
            self._coin = (self._coin * 1103515245 + 12345) % 2**31
            self._at += 1 if self._coin >> 30 else -1
        self._at //= 2
        self.unit *= 2
