"""How many times the baseline: the ratio, and the band that it lies in. Pure.

The band is for people: it says how well the ratio is known so far. Decisions are made by `swaps` and `bets`, whose
error is proven; the band's is only measured (docs/canary.md).
"""

import math

EARLY = 8.0
"""Ticks at which the band is narrowest for what is known by then; before and after, it is a little too wide."""

OUTSIDE = 0.025
"""How often the true ratio may lie above the band at any look, and below it; meant, and measured in docs/canary.md."""

TWINS = 0.4
"""Correlation of each tick with the one before it from which on they are suspected to share measurements."""

TURNS = 0.62
"""Of all ticks, the share that lies above or below both of its neighbours: 2/3 where ticks are independent of one
another, 1/2 where each window takes in most of the one before (Bienaymé 1874)."""

SETTLED = 40
"""Ticks from which on turns can be counted."""


class Sums:
    """Sums over ticks from which ratio, band and dependence follow; x is the baseline's value, y the canary's."""

    def __init__(self) -> None:
        self.many = 0
        self.x = self.y = self.xx = self.xy = self.yy = 0.0
        self._lagged = [0.0, 0.0, 0.0]
        self._last = (0.0, 0.0)
        self._rise = 0.0
        self._turns = self._steps = 0

    def ratio(self) -> float | None:
        """Return canary over baseline; None where nothing is known."""
        raise NotImplementedError

    def off(self) -> float:
        """Return the variance of the logarithm of the ratio; infinite where it is not known."""
        raise NotImplementedError

    def band(self) -> tuple[float, float | None]:
        """Return between which ratios the true one is; None: no bound."""
        ratio = self.ratio()
        if ratio is None or self.many < 3 or not ratio or self.off() == math.inf:
            return 0.0, None
        width = 2.0 * (1.0 + EARLY / self.many) * math.log(math.sqrt((self.many + EARLY) / EARLY) / OUTSIDE)
        off = math.sqrt(width * self.off() * self.many / (self.many - 2))
        return (ratio * math.exp(-off), ratio * math.exp(off)) if off < 5.0 else (0.0, None)

    def twins(self) -> float:
        """Return the correlation of the difference with itself one tick earlier, from -1 to 1."""
        raise NotImplementedError

    def difference(self, x: float, y: float) -> float:
        """Return how far the canary lies above what the ratio so far makes of the baseline."""
        raise NotImplementedError

    def distance(self, ratio: float) -> float:
        """Return by how many standard deviations the canary lies above `ratio` times its baseline; 0: unknown."""
        raise NotImplementedError

    def shared(self) -> bool:
        """Return whether ticks look as if each had most of its measurements from the one before it."""
        if self.many < 3 or self.twins() < TWINS:
            return False
        return self.many < SETTLED or self._turns < TURNS * self._steps

    def add(self, x: float, y: float) -> None:
        """Add one tick."""
        self.many += 1
        self.x += x
        self.y += y
        self.xx += x * x
        self.xy += x * y
        self.yy += y * y
        before_x, before_y = self._last
        self._lagged[0] += x * before_x
        self._lagged[1] += x * before_y + y * before_x
        self._lagged[2] += y * before_y
        self._last = (x, y)
        if self.many > 1:
            rise = self.difference(x, y) - self.difference(before_x, before_y)
            if rise:
                self._steps += self.many > 2
                self._turns += rise * self._rise < 0
                self._rise = rise


class CountSums(Sums):
    """Sums of counts: the ratio is that of the sums."""

    def ratio(self) -> float | None:
        """Return canary over baseline; half an event stands in where the baseline has none; None where neither has."""
        if not self.x:
            return (self.y + 0.5) / 0.5 if self.y else None
        return self.y / self.x

    def off(self) -> float:
        """Return the variance of y - ratio·x over the square of y."""
        if not self.x or not self.y:
            return math.inf
        at = self.y / self.x
        return max(0.0, self.yy - 2 * at * self.xy + at * at * self.xx) / self.y**2

    def distance(self, ratio: float) -> float:
        """Return the sum of y - ratio·x over its standard deviation."""
        square = self.yy - 2 * ratio * self.xy + ratio * ratio * self.xx
        return (self.y - ratio * self.x) / math.sqrt(square) if square > 0 else 0.0

    def difference(self, x: float, y: float) -> float:
        """Return y - ratio·x."""
        return y - (self.y / self.x if self.x else 0.0) * x

    def twins(self) -> float:
        """Return the correlation of y - ratio·x with itself one tick earlier."""
        at = self.y / self.x if self.x else 0.0
        square = self.yy - 2 * at * self.xy + at * at * self.xx
        lagged = self._lagged[2] - at * self._lagged[1] + at * at * self._lagged[0]
        return lagged / square if square > 0 else 0.0


class GaugeSums(Sums):
    """Sums of logarithms: the ratio is that of the geometric means."""

    def ratio(self) -> float | None:
        """Return canary over baseline; None before there is a tick."""
        return math.exp((self.y - self.x) / self.many) if self.many else None

    def off(self) -> float:
        """Return the variance of the mean difference."""
        mean = (self.y - self.x) / self.many
        return max(0.0, (self.yy - 2 * self.xy + self.xx) / self.many - mean * mean) / self.many

    def distance(self, ratio: float) -> float:
        """Return the sum of y - x - ln ratio over its standard deviation."""
        sums, shift = self.y - self.x, math.log(ratio)
        square = self.yy - 2 * self.xy + self.xx - 2 * shift * sums + self.many * shift * shift
        return (sums - self.many * shift) / math.sqrt(square) if square > 0 else 0.0

    def difference(self, x: float, y: float) -> float:
        """Return y - x."""
        return y - x

    def twins(self) -> float:
        """Return the correlation of y - x with itself one tick earlier."""
        mean = (self.y - self.x) / self.many if self.many else 0.0
        square = self.yy - 2 * self.xy + self.xx - self.many * mean * mean
        lagged = self._lagged[2] - self._lagged[1] + self._lagged[0] - (self.many - 1) * mean * mean
        return lagged / square if square > 1e-12 else 0.0
