"""When a line was crossed in a time that is over: what it would have said, look by look. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from healthgate.claim.limit import COMPARE, Tier
from healthgate.claim.window import WIDEST_GAP, Held, Sample, missing, rose


@dataclass(frozen=True)
class Seen:
    """The looks at a check that brought a value, the oldest first: when, and what.

    `cadence` is how often the check is meant to be run, `rhythm` how far apart its looks are as a rule, in seconds
    here; `scale` is how many seconds of production pass in one of those.
    """

    at: Sequence[float]
    values: Sequence[float]
    cadence: float
    rhythm: float
    scale: float = 1.0


@dataclass(frozen=True)
class Episode:
    """A time in which a line was crossed: from the look that says so to the first that does not, or to the last."""

    begins: float
    ends: float

    @property
    def seconds(self) -> float:
        """How long that is."""
        return self.ends - self.begins


def can_be_told(line: Tier, seen: Seen) -> bool:
    """Whether looks that are so far apart can say of `line` that it was crossed for as long as it asks."""
    return not line.needs_window or seen.rhythm <= WIDEST_GAP * seen.cadence


def episodes(line: Tier, seen: Seen) -> list[Episode]:
    """Return when `line` was crossed for as long as it asks, as every look then would have said."""
    found: list[Episode] = []
    for begins, ends in _spells(line, seen):
        if line.rises:
            found += _rising(line, seen, begins, ends)
        elif (first := _reached(line, seen, begins, ends)) is not None:
            found.append(Episode(seen.at[first], _end(seen, ends)))
    return found


def _spells(line: Tier, seen: Seen) -> Iterator[tuple[int, int]]:
    """Yield the places of looks that lie beyond `line` one after the other: the first, and the one after the last."""
    widest = WIDEST_GAP * (seen.cadence if line.needs_window else max(seen.cadence, seen.rhythm))
    crosses = COMPARE[line.op]
    far = [crosses(value, line.value) for value in seen.values]
    begins: int | None = None
    for place in range(len(far)) if any(far) else ():
        beyond = far[place]
        apart = place > 0 and seen.at[place] - seen.at[place - 1] > widest
        if begins is not None and (apart or not beyond):
            yield begins, place
            begins = None
        if beyond and begins is None:
            begins = place
    if begins is not None:
        yield begins, len(seen.values)


def _reached(line: Tier, seen: Seen, begins: int, ends: int) -> int | None:
    """Return the place of the look by which a spell has lasted for as long as `line` asks."""
    for place in range(begins, ends):
        held = Held(seen.at[place] - seen.at[begins], place - begins + 1)
        if not missing(line, held, seen.cadence, seen.scale):
            return place
    return None


def _rising(line: Tier, seen: Seen, begins: int, ends: int) -> Iterator[Episode]:
    back = (line.rises * line.each / seen.scale) + WIDEST_GAP * seen.cadence
    first: int | None = None
    for place in range(begins, ends):
        oldest = bisect_left(seen.at, seen.at[place] - back)
        samples = [Sample(seen.at[n], seen.values[n]) for n in range(oldest, place + 1)]
        says = rose(line, samples, seen.cadence, seen.scale) is True
        if says and first is None:
            first = place
        elif not says and first is not None:
            yield Episode(seen.at[first], seen.at[place])
            first = None
    if first is not None:
        yield Episode(seen.at[first], _end(seen, ends))


def _end(seen: Seen, ends: int) -> float:
    """Return when a spell was over: at the look that follows where that is near, else one rhythm after its last."""
    last = seen.at[ends - 1]
    usual = last + seen.rhythm
    return min(seen.at[ends], last + WIDEST_GAP * seen.rhythm) if ends < len(seen.at) else usual
