"""Where a value is going, day by day, and when it will cross a line at that rate. Pure.

A day stands for what its values lie between, so that what comes and goes with the hours is no growth. What is said
needs a week of whole days, and days that agree: where they do not (a step, a restart now and then, plain noise),
nothing is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from healthgate.claim.limit import DOWNWARD, UPWARD, Limit, Tier
from healthgate.duration import roughly

DAY = 86400.0

WITHIN = 14
"""Days that are looked back on, and that are looked ahead."""

LEAST_DAYS = 7
"""Whole days of those that are needed to say anything."""

WHOLE = 18
"""Hours of a day of which there must be looks, for the day to be a whole one."""

RECENT = 2
"""Days that the last whole day may lie back."""

AGREE = 0.9
"""Share of all pairs of days that must go the same way."""

OFF = 0.1
"""Share of the whole growth that days may lie off the line, as a median."""

UNEVEN = 2.0
"""How many times faster or slower than the whole either half may grow."""

TIMES = frozenset({"ms", "s", "m", "h", "d", "day", "days"})
"""Units of what counts down by itself: such a value says its own end."""

OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True)
class Day:
    """A day of a check: its number since 1970 (UTC), of how many of its hours there are looks, and its values.

    `low` and `high` have a twentieth of them beyond; `least` and `most` none.
    """

    number: int
    hours: int
    least: float
    low: float
    high: float
    most: float


@dataclass(frozen=True)
class Straight:
    """A straight line: `level` at noon of the last day, and what comes on top with every day."""

    level: float
    per_day: float


@dataclass(frozen=True)
class Growth:
    """Where the low and the high values of days are going; None where they do not go steadily anywhere.

    `days` says from how many whole days that is told, the last of which is `last`.
    """

    days: int
    last: Day
    low: Straight | None
    high: Straight | None


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` of `ordered` (ascending, not empty) lie below, between two of them if need be."""
    place = share * (len(ordered) - 1)
    lower = int(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (place - lower)


def day_of(number: int, at: Sequence[float], values: Sequence[float]) -> Day:
    """Return a day from what was read in it: when, and what; there is one at least."""
    ordered = sorted(values)
    hours = len({int(moment // 3600) for moment in at})
    return Day(number, hours, ordered[0], quantile(ordered, 0.05), quantile(ordered, 0.95), ordered[-1])


def growth(days: Sequence[Day]) -> Growth | None:
    """Return where the values of `days` (in order) are going; None where that is not known."""
    whole = [day for day in days if day.hours >= WHOLE and day.number > days[-1].number - WITHIN]
    if len(whole) < LEAST_DAYS:
        return None
    low = steady([(day.number, day.low) for day in whole])
    high = steady([(day.number, day.high) for day in whole])
    return Growth(len(whole), whole[-1], low, high) if low or high else None


def median(values: Iterable[float]) -> float:
    """Return what half of `values` lie below. Python's own takes ten milliseconds to import, in every run."""
    return quantile(sorted(values), 0.5)


def steady(points: Sequence[tuple[float, float]]) -> Straight | None:
    """Return the line through `points` (day, value), by the median of all slopes; None where they do not keep to it."""
    slopes = _slopes(points)
    slope = median(slopes)
    if not slope or sum((one > 0) is (slope > 0) and one != 0 for one in slopes) < AGREE * len(slopes):
        return None
    half = len(points) // 2
    parts = [median(_slopes(part)) / slope for part in (points[: half + 1], points[half:])]
    if not all(1 / UNEVEN <= part <= UNEVEN for part in parts):
        return None
    first, last = points[0][0], points[-1][0]
    level = median(value - slope * (day - last) for day, value in points)
    off = median(abs(value - level - slope * (day - last)) for day, value in points)
    return Straight(level, slope) if off <= OFF * abs(slope) * (last - first) else None


def _slopes(points: Sequence[tuple[float, float]]) -> list[float]:
    return [(value - before) / (day - then) for (then, before), (day, value) in combinations(points, 2)]


@dataclass(frozen=True)
class Ahead:
    """A line that will be crossed at the rate of the last days, and in how many seconds."""

    line: Tier
    seconds: float

    def words(self, limit: Limit) -> str:
        """Return this as people read it, as in 'at this rate above 80 % in 9 d'."""
        line = replace(self.line, sustained=0.0, samples=1)
        return f"at this rate {limit.say(line)} in {roughly(self.seconds)}"


def ahead(growth: Growth, limit: Limit, value: float, now: float) -> Ahead | None:
    """Return the line of `limit` that is crossed next, `value` being what was read `now`, in seconds since 1970.

    None where none is within the days that are looked ahead, where it counts down by itself, where the growth is of
    too long ago, and where the value lies so far off that something began anew since.
    """
    if now > (growth.last.number + 1 + RECENT) * DAY:
        return None
    found = [one for line in _lines(limit) if (one := _crossing(growth, limit, line, value, now)) is not None]
    return min(found, key=lambda one: one.seconds, default=None)


def _lines(limit: Limit) -> list[Tier]:
    objective = limit.objective
    missed = [replace(objective, op=OPPOSITE[objective.op])] if objective.op in OPPOSITE else []
    tiers = [*(tier for tier in (limit.warning, limit.critical) if tier is not None), *missed]
    return [tier for tier in tiers if tier.op in UPWARD | DOWNWARD and not tier.rises]


def _crossing(growth: Growth, limit: Limit, line: Tier, value: float, now: float) -> Ahead | None:
    assert isinstance(line.value, int | float)
    up = line.op in UPWARD
    course = growth.high if up else growth.low
    last, spread = growth.last, growth.last.most - growth.last.least
    began_anew = value < last.least - spread if up else value > last.most + spread
    if course is None or (course.per_day > 0) is not up or began_anew or line.holds(value):
        return None
    if not up and limit.unit.symbol in TIMES:
        return None
    level = course.level + course.per_day * (now / DAY - last.number - 0.5)
    days = (line.value - level) / course.per_day
    return Ahead(line, days * DAY) if 0 < days <= WITHIN else None
