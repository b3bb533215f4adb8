"""What is usual of one check in a time that is over. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from healthgate.baseline.fired import Episode, Seen, can_be_told, episodes
from healthgate.claim.check import Check
from healthgate.claim.limit import DOWNWARD, UPWARD, Limit, Tier
from healthgate.claim.state import State
from healthgate.duration import roughly
from healthgate.judge.growth import DAY, OPPOSITE, WHOLE, Ahead, Growth, ahead, day_of, growth, median, quantile
from healthgate.judge.past import Course

HOUR, QUARTER = 3600.0, 900.0
"""Seconds; in a quarter of an hour clocks everywhere show the same hour."""

GAP = 2.5
"""Usual distances between two looks above which what lies between them is a gap."""

LEAST_DAYS = 3
"""Whole days that are needed to say what an hour of the day is like."""

NARROW = 8
"""Hours of the day that a line may be crossed in, for them to be worth saying."""

VARIED = 2.0
"""How many times further the hours of the day must lie apart than what is usual within one."""


@dataclass(frozen=True)
class Frame:
    """What is looked at: from when to when, in seconds since 1970; which hour of the day a moment is of, and where.

    `quiet` returns of a check, by its id, what says whether it was in maintenance at a moment; None where it never
    was. `scale` is that of the environment.
    """

    since: float
    until: float
    hour_of: Callable[[float], int]
    zone: str
    quiet: Callable[[str], Callable[[float], bool] | None]
    scale: float = 1.0


@dataclass(frozen=True)
class Line:
    """A line of a check, and when it would have been crossed. `known` is False where looks are too far apart for it.

    `hours` are those of the day that it was crossed in, where they are few and it was on several days.
    """

    name: str
    tier: Tier
    episodes: Sequence[Episode]
    known: bool = True
    hours: tuple[int, int] | None = None

    @property
    def seconds(self) -> float:
        """For how long in all."""
        return sum(one.seconds for one in self.episodes)

    def __str__(self) -> str:
        several = len(self.episodes)
        lasted = f", {roughly(self.seconds)} in all" if several else ""
        return f"{times(several)}{lasted}"


@dataclass(frozen=True)
class Usual:
    """What values are like: their quantiles by share, and the lowest and the highest with their moments."""

    quantiles: Mapping[float, float]
    lowest: tuple[float, float]
    highest: tuple[float, float]
    hours: Sequence[float | None]
    varies: bool

    @property
    def moved(self) -> bool:
        """Whether there was ever another value."""
        return self.lowest[1] != self.highest[1]


@dataclass(frozen=True)
class Figures:
    """What is known of a check in a time. `looks` counts those outside of maintenance, `valued` those with a number.

    `rhythm` is how far apart looks are as a rule, in seconds; `gaps` from when to when there were none; `days` how many
    whole days there are; `judged` how often and for how long, in seconds, it was found in each state.
    """

    check: Check
    limit: Limit
    looks: int
    valued: int
    rhythm: float
    gaps: Sequence[tuple[float, float]]
    days: int
    judged: Mapping[State, tuple[int, float]]
    usual: Usual | None = None
    lines: Sequence[Line] = ()
    growth: Growth | None = None
    ahead: Ahead | None = None
    seen: Seen | None = None

    @property
    def numeric(self) -> bool:
        """Whether the check reads a number, which is judged by one."""
        return is_numeric(self.limit)

    @property
    def upward(self) -> bool:
        """Whether more is worse, as far as any of its lines says."""
        return next((one.tier.op in UPWARD for one in self.lines if one.tier.op in UPWARD | DOWNWARD), True)


def times(number: int) -> str:
    """Return how often something was, in words."""
    return {0: "never", 1: "once"}.get(number, f"{number} times")


def is_numeric(limit: Limit) -> bool:
    """Whether `limit` is one of numbers."""
    value = limit.objective.value
    return not isinstance(value[0] if isinstance(value, tuple) else value, bool | str)


def figures(check: Check, limit: Limit, whole: Course, frame: Frame) -> Figures:
    """Return what is known of a check from its looks."""
    at, states, values = _outside(whole, frame.quiet(check.id))
    steps = [after - before for before, after in pairwise(at)]
    rhythm = median(steps) if steps else check.cadence / frame.scale
    gaps = [(at[n], at[n + 1]) for n, step in enumerate(steps) if step > GAP * rhythm]
    hours = Counter(hour * HOUR // DAY for hour, _ in _spans(at, HOUR))
    known = [n for n, value in enumerate(values) if value is not None]
    bare = Figures(
        check, limit, len(at), len(known), rhythm, gaps,
        sum(number >= WHOLE for number in hours.values()), _judged(at, states, gaps, rhythm),
    )  # fmt: skip
    if not known or not bare.numeric:
        return bare
    whole_values = [value for value in values if value is not None]
    seen = Seen([at[n] for n in known], whole_values, check.cadence / frame.scale, rhythm, frame.scale)
    going = growth([day_of(number, seen.at[part], seen.values[part]) for number, part in _spans(seen.at, DAY)])
    return replace(
        bare,
        usual=_usual(seen, bare.days, frame),
        lines=[line_of(name, tier, seen, frame) for name, tier in tiers(limit).items()],
        growth=going,
        ahead=ahead(going, limit, seen.values[-1], frame.until) if going else None,
        seen=seen,
    )


def tiers(limit: Limit) -> dict[str, Tier]:
    """Return the lines of `limit` by name, each as what lies beyond it; an objective only where it has a direction."""
    found = {name: tier for name, tier in limit.tiers().items() if name in {"warning", "critical"}}
    objective = limit.objective
    missed = {"objective": replace(objective, op=OPPOSITE[objective.op])} if objective.op in OPPOSITE else {}
    return missed | found


def line_of(name: str, tier: Tier, seen: Seen, frame: Frame) -> Line:
    """Return when a line would have been crossed."""
    found = episodes(tier, seen)
    return Line(name, tier, found, can_be_told(tier, seen), _only(found, frame))


def _outside(
    whole: Course, quiet: Callable[[float], bool] | None
) -> tuple[Sequence[float], Sequence[State], Sequence[float | None]]:
    """Return the columns of the looks that were taken outside of maintenance."""
    if quiet is None:
        return whole.at, whole.states, whole.values
    kept = [n for n, at in enumerate(whole.at) if not quiet(at)]
    return [whole.at[n] for n in kept], [whole.states[n] for n in kept], [whole.values[n] for n in kept]


def _spans(at: Sequence[float], length: float) -> Iterator[tuple[int, slice]]:
    """Yield the spans of `length` seconds that there are looks in: the number of each, and the places of those."""
    place = 0
    while place < len(at):
        number = int(at[place] // length)
        end = bisect_left(at, (number + 1) * length, place)
        yield number, slice(place, end)
        place = end


def _judged(
    at: Sequence[float], states: Sequence[State], gaps: Sequence[tuple[float, float]], rhythm: float
) -> dict[State, tuple[int, float]]:
    """Return how often and for how long, in seconds, there was each state; a gap adds one usual distance."""
    found: dict[State, tuple[int, float]] = {}
    begins = [n for n in range(len(states)) if n == 0 or states[n] is not states[n - 1]]
    for begin, end in pairwise([*begins, len(states)]):
        until = at[end] if end < len(at) else at[-1] + rhythm
        unseen = sum(after - before - rhythm for before, after in gaps if at[begin] <= before < until)
        times, seconds = found.get(states[begin], (0, 0.0))
        found[states[begin]] = (times + 1, seconds + until - at[begin] - unseen)
    return found


def _usual(seen: Seen, days: int, frame: Frame) -> Usual:
    ordered = sorted(seen.values)
    several: list[list[float]] = [[] for _ in range(24)]
    for quarter, part in _spans(seen.at, QUARTER):
        several[frame.hour_of(quarter * QUARTER)] += seen.values[part]
    hours = [median(values) if values else None for values in several]
    known = [value for value in hours if value is not None]
    within = [quantile(one, 0.75) - quantile(one, 0.25) for one in map(sorted, several) if one]
    varies = days >= LEAST_DAYS and max(known) - min(known) > VARIED * median(within)
    return Usual(
        {share: quantile(ordered, share) for share in (0.01, 0.05, 0.5, 0.95, 0.99)},
        (seen.at[seen.values.index(ordered[0])], ordered[0]),
        (seen.at[seen.values.index(ordered[-1])], ordered[-1]),
        hours,
        varies,
    )


def _only(found: Sequence[Episode], frame: Frame) -> tuple[int, int] | None:
    """Return the hours of the day, the first and the last, that hold all episodes; None where that says nothing."""
    if len({int(one.begins // DAY) for one in found}) < LEAST_DAYS:
        return None
    within: set[int] = set()
    for one in found:
        at = one.begins
        while at < one.ends:
            within.add(frame.hour_of(at))
            at += QUARTER
            if len(within) > NARROW:
                return None
    first = min(within, key=lambda hour: max((other - hour) % 24 for other in within))
    length = max((other - first) % 24 for other in within) + 1
    return (first, (first + length - 1) % 24) if length <= NARROW else None
