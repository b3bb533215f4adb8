"""A trial of the past: what a Prometheus has recorded of both sides, as raw counters and never as rates.

Each counter is asked for twice by `query_range`: its values, and when they were scraped. A tick lasts as long as both
sides need for a new sample, so that none is counted twice and no window overlaps another.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from healthgate.canary.record import Tick, unfit
from healthgate.canary.traffic import of_equal_traffic
from healthgate.claim.compared import Compared, Events
from healthgate.claim.facts import NoData
from healthgate.claim.labels import Perhaps
from healthgate.claim.source import Absent, Scene
from healthgate.judge.series import selector
from healthgate.observe.observer import Observer, Task
from healthgate.probes.exposition import Series
from healthgate.probes.http import HttpRequest
from healthgate.probes.prometheus import Asked, Prometheus
from healthgate.probes.prometheus_answers import Matrix
from healthgate.run.endpoints import Side
from healthgate.secret import Redactor

ROUTE = "/api/v1/query_range"

STALE = 2.5
"""Scrapes after which a sample is too old to stand for its moment."""

MOST_STEPS = 11_000
"""Steps that a Prometheus answers a query with, at most."""


class Span(Asked):
    """A query for values at every step from one moment to another, in seconds since 1970: a Matrix."""

    def __init__(self, server: Prometheus, expression: str, since: float, until: float, step: float) -> None:
        super().__init__(server, f"trial of {expression}", ROUTE, expression)
        self.span = {"start": f"{since:.3f}", "end": f"{until:.3f}", "step": f"{step:.3f}"}

    def request(self, settings: Any) -> HttpRequest:
        """Return the one request."""
        request = super().request(settings)
        return replace(request, path=f"{request.path}&{urlencode(self.span)}")

    def value(self, scene: Scene) -> Matrix:
        """Return what came."""
        return Matrix(self.expression, self.lines(scene, "matrix"))


Scraped = dict[float, tuple[float, float]]
"""What a series was at each step: its value, and when that was scraped."""

Labels = tuple[tuple[str, str], ...]

Read = tuple[float, ...]
"""What one instance read in a tick: a gauge, or by how much each counter grew."""


def is_recorded(one: Compared) -> bool:
    """Whether a comparison can be judged by what a Prometheus has recorded."""
    counters = one.reading.counters if isinstance(one.reading, Events) else (one.reading,)
    return one.recorded is not None and all(isinstance(counter, Series) for counter in counters)


@dataclass
class Recording:
    """What was recorded of both sides between `since` and `until` (seconds since 1970), every `step` seconds.

    `stages` is what the label of each environment says.
    """

    sides: tuple[Side, Side]
    stages: Mapping[str, str]
    comparisons: Mapping[str, Compared]
    since: float
    until: float
    step: float
    redactor: Redactor
    trouble: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, list[list[dict[Labels, Scraped]]]] = field(default_factory=dict)

    def ask(self, observer: Observer) -> None:
        """Ask for everything, all at once; what cannot be had is in `trouble`, by the id of the comparison."""
        spans: dict[tuple[str, str, str], tuple[Span, Span]] = {}
        tasks = []
        for name, one in self.comparisons.items():
            for side in self.sides:
                try:
                    for series in _series(one):
                        key = (name, side.environment, str(series))
                        spans[key] = self._spans(one, series, side)
                        for span in spans[key]:
                            (request,) = span.requests(span.settings(side.systems))
                            self.redactor.learn(request.secrets)
                            tasks.append(Task(side.environment, request))
                except Absent as absent:
                    self.trouble[name] = f"{side.environment} has no {absent}"
        observer.run(tasks)
        scenes = {
            side.environment: side.scene(
                {t.request.id: t.observation for t in tasks if t.environment == side.environment and t.observation}
            )
            for side in self.sides
        }
        for name, one in self.comparisons.items():
            if name in self.trouble:
                continue
            try:
                self._seen[name] = [
                    [
                        _scraped(*spans[name, side.environment, str(series)], scenes[side.environment])
                        for series in _series(one)
                    ]
                    for side in self.sides
                ]
            except NoData as nothing:
                self.trouble[name] = str(nothing)

    def _spans(self, one: Compared, series: Series, side: Side) -> tuple[Span, Span]:
        assert one.recorded is not None
        labels = {key: value for key, value in series.labels.items() if not isinstance(value, Perhaps)}
        labels |= {one.recorded.label: self.stages[side.environment]}
        expression = selector(series.name, *((key, "=", value) for key, value in labels.items()))
        both = (expression, f"timestamp({expression})")
        values, moments = (Span(one.recorded.server, words, self.since, self.until, self.step) for words in both)
        return values, moments

    @property
    def every(self) -> float:
        """Seconds of a tick: as many steps as both sides need for a new sample of everything."""
        read = [found for sides in self._seen.values() for side in sides for found in side]
        gaps = [_interval(series) for found in read for series in found.values()]
        return self.step * max([1, *(math.ceil(round(gap / self.step, 3)) for gap in gaps)])

    def ticks(self) -> Iterator[list[Tick]]:
        """Yield what each tick brought, the oldest first."""
        every = self.every
        lots = {name: random.Random(crc32(name.encode())) for name in self._seen}  # noqa: S311
        for number in range(1, math.floor((self.until - self.since) / every + 1e-6) + 1):
            before, now = (round(self.since + many * every, 3) for many in (number - 1, number))
            yield [
                self._tick(name, one, Window(before, now, every, self.since), lots[name])
                for name, one in self.comparisons.items()
                if name in self._seen
            ]

    def _tick(self, name: str, one: Compared, window: "Window", lot: random.Random) -> Tick:
        read = window.grown if isinstance(one.reading, Events) else window.value
        theirs, here = (_instances(counters, read) for counters in self._seen[name])
        mine, notes = (
            here[0],
            [
                f"{side.environment}: {why}"
                for side, (several, why) in zip(self.sides, (theirs, here), strict=True)
                if not any(several)
            ],
        )
        at = round(window.now - self.since, 3)
        if notes:
            told = [_summed(several)[0] if several else None for several in (theirs[0], mine)]
            return Tick(at, name, told[0], told[1], note="; ".join(notes))
        if len(mine) == 1:
            return self._paired(Tick(at, name, None, None), one, theirs[0], mine[0], lot)
        # several canaries are as one, and so is what they are compared with
        return self._paired(Tick(at, name, None, None), one, [_summed(theirs[0])], _summed(mine), lot)

    def _paired(self, tick: Tick, one: Compared, there: list[Read], mine: Read, lot: random.Random) -> Tick:
        """Return the tick of one canary beside the instances of the baseline that are there."""
        values, canary = [each[0] for each in there], mine[0]
        if isinstance(one.reading, Events) and one.reading.of is not None:
            equal, least = of_equal_traffic([canary, *values], [mine[1], *(each[1] for each in there)], lot)
            note = "" if least else f"no traffic on one side: {one.reading.of} did not grow"
            tick, (canary, *values) = replace(tick, of=least, note=note), equal
        elif not isinstance(one.reading, Events):
            values, canary = [value + one.margin.cushion for value in values], canary + one.margin.cushion
        return replace(tick, baseline=values if len(values) > 1 else values[0], canary=canary)


def _instances(counters: list[dict[Labels, Scraped]], read: Callable[[Scraped], float]) -> tuple[list[Read], str]:
    """Return what each instance read in a tick, those left out that did not, and why the last of these did not.

    Where the counters do not come from the same instances, all of them together are one.
    """
    alike = len({frozenset(one) for one in counters}) == 1
    groups = [[[one[key]] for one in counters] for key in counters[0]] if alike else []
    groups = groups or [[[*one.values()] for one in counters]]
    found: list[Read] = []
    why = ""
    for group in groups:
        try:
            found.append(tuple(sum(map(read, several)) for several in group))
        except NoData as nothing:
            why = str(nothing)
    return found, why


def _summed(several: list[Read]) -> Read:
    return tuple(map(sum, zip(*several, strict=True)))


def _series(one: Compared) -> list[Series]:
    counters = one.reading.counters if isinstance(one.reading, Events) else (one.reading,)
    return [counter for counter in counters if isinstance(counter, Series)]


def _scraped(values: Span, moments: Span, scene: Scene) -> dict[Labels, Scraped]:
    """Return every series with the moments of its scrapes, by its labels; NoData where there is none."""
    told = values.lines(scene, "matrix")
    scraped = {_named(line.labels): dict(line.points) for line in moments.lines(scene, "matrix")}
    found: dict[Labels, Scraped] = {}
    for line in told:
        when = scraped.get(_named(line.labels), {})
        points = ((at, value, when.get(at)) for at, value in line.points)
        found[_named(line.labels)] = {
            round(at, 3): (value, moment) for at, value, moment in points if moment is not None and value - value == 0
        }
    if not any(found.values()):
        raise NoData(f"{values.expression} has no samples in that time")
    return found


def _named(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted((key, value) for key, value in labels.items() if key != "__name__"))


def _interval(series: Scraped) -> float:
    """Return the seconds from one scrape to the next, at the median; 0 where there was one."""
    moments = sorted({scraped for _, scraped in series.values()})
    gaps = sorted(after - before for before, after in pairwise(moments))
    return gaps[len(gaps) // 2] if gaps else 0.0


@dataclass(frozen=True)
class Window:
    """One tick: from `before` to `now`, `every` seconds, of a trial that began at `since`."""

    before: float
    now: float
    every: float
    since: float

    def value(self, series: Scraped) -> float:
        """Return what a gauge is at the end of the tick; NoData where nothing new was scraped by then."""
        value, _ = self._sample(series, self.now)
        if problem := unfit(value, "gauge"):
            raise NoData(f"the reading {problem}")
        return value

    def grown(self, series: Scraped) -> float:
        """Return by how much a counter grew; NoData where it was reset, or not scraped anew."""
        (then, scraped), (value, again) = self._sample(series, self.before), self._sample(series, self.now)
        if again <= scraped:
            raise NoData("nothing new was scraped")
        if value < then:
            raise NoData(f"the counter went back from {then:g} to {value:g}")
        if problem := unfit(value - then, "count"):
            raise NoData(f"what it grew by {problem}")
        return float(round(value - then))

    def _sample(self, series: Scraped, at: float) -> tuple[float, float]:
        found = series.get(at)
        if found is None or at - found[1] > STALE * self.every:
            raise NoData("nothing was scraped for too long")
        return found
