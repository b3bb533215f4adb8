"""A canary and its baseline, read at the same ticks: what each tick brought to each comparison.

One read of an endpoint feeds every comparison that reads it, and says how long it took. All requests of a tick, of both
sides, are made side by side, in an order drawn anew each time.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from zlib import crc32

from healthgate.canary.record import Series, Tick, unfit
from healthgate.canary.traffic import of_equal_traffic
from healthgate.claim.compared import Compared, Events
from healthgate.claim.facts import Facts, NoData, NotExpected
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Later, Measured, Probe, Scene
from healthgate.claim.tally import Tally, increase
from healthgate.observe.observer import Observer, Task
from healthgate.probes.http import HttpRequest
from healthgate.run.endpoints import Failing, Side
from healthgate.secret import Redactor

LEAST_DEADLINE = 2.0
"""Seconds that a request may take where ticks are shorter; where they are longer, no request takes longer than one."""


class RateError(Exception):
    """A comparison reads what cannot be compared tick by tick; the text says what to write instead."""


@dataclass
class Looking:
    """What is read on both sides, and what the look before this one saw. `every` is the seconds of a tick."""

    baseline: Side
    canary: Side
    comparisons: Mapping[str, Compared]
    every: float
    redactor: Redactor
    lot: random.Random = field(default_factory=random.Random)
    _tallies: dict[str, tuple[tuple[Tally, ...], tuple[Tally, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._draws = {name: random.Random(crc32(name.encode())) for name in self.comparisons}  # noqa: S311
        self._requests = [(side.environment, request) for side in self.sides for request in self._asked_of(side)]

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, the baseline first."""
        return self.baseline, self.canary

    def _asked_of(self, side: Side) -> Iterator[Request]:
        probes: dict[Probe, None] = {}
        for name, one in self.comparisons.items():
            for probe in one.reading.probes(side.systems):
                if isinstance(probe, Later):
                    raise RateError(
                        f"{one.file}:{one.line}: {name} reads what grew between two looks, which is a rate;"
                        " compare the counter itself: events(METRICS[…])"
                    )
                probes[probe] = None
        for probe in probes:
            for request in probe.requests(probe.settings(side.systems)):
                self.redactor.learn(request.secrets)
                if isinstance(request, HttpRequest):
                    yield replace(request, deadline=min(request.deadline, max(self.every, LEAST_DEADLINE)))
                else:
                    yield request

    def ask(self, observer: Observer) -> tuple[Scene, Scene]:
        """Return what both sides answer now."""
        tasks = [Task(environment, request) for environment, request in self._requests]
        self.lot.shuffle(tasks)
        observer.run(tasks)
        seen: dict[str, dict[str, Observation]] = {side.environment: {} for side in self.sides}
        for task in tasks:
            if task.observation is not None:
                seen[task.environment][task.observation.id] = task.observation
        baseline, canary = (side.scene(seen[side.environment]) for side in self.sides)
        return baseline, canary

    def begin(self, scenes: tuple[Scene, Scene]) -> None:
        """Take where counters stand before the first tick; nothing of this look is judged: connections were opened."""
        for name, one in self.comparisons.items():
            if isinstance(one.reading, Events):
                self._grown(name, one.reading, scenes, 0.0)

    def ticks(self, scenes: tuple[Scene, Scene], at: float) -> list[Tick]:
        """Return what a look brought, `at` seconds after the trial began."""
        found = []
        for name, one in self.comparisons.items():
            if isinstance(one.reading, Events):
                found.append(self._grown(name, one.reading, scenes, at))
            elif isinstance(one.reading, Failing):
                (baseline, of), (canary, _) = (one.reading.value(scene) for scene in scenes)
                found.append(Tick(at, name, baseline, canary, of))
            else:
                found.append(_read(name, one, scenes, at))
        return found

    def _grown(self, name: str, reading: Events, scenes: tuple[Scene, Scene], at: float) -> Tick:
        """Return the events since the last look at which both sides told theirs."""
        seen = [_told(reading, scene) for scene in scenes]
        before = self._tallies.get(name)
        baseline, canary = (None if isinstance(one, NoData) else one for one in seen)
        if baseline is not None and canary is not None:
            self._tallies[name] = (baseline, canary)
        if before is None:
            return Tick(at, name, None, None, note=_said(scenes, seen) or "there is no look before this one")
        pairs = zip(before, seen, strict=True)
        grown = [one if isinstance(one, NoData) else _more(reading, then, one) for then, one in pairs]
        events, of = ([None if isinstance(one, NoData) else one[number] for one in grown] for number in (0, -1))
        if events[0] is None or events[1] is None or reading.of is None:
            return Tick(at, name, events[0], events[1], note=_said(scenes, grown))
        both = [one for one in of if one is not None]
        (baseline_events, canary_events), least = of_equal_traffic([events[0], events[1]], both, self._draws[name])
        quiet = [scene.environment for scene, one in zip(scenes, both, strict=True) if not one]
        note = f"no traffic in {' and '.join(quiet)}: {reading.of} did not grow" if quiet else ""
        return Tick(at, name, baseline_events, canary_events, least, note)


def _told(reading: Events, scene: Scene) -> tuple[Tally, ...] | NoData:
    try:
        return reading.value(scene)
    except NoData as nothing:
        return nothing


def _said(scenes: Sequence[Scene], several: Sequence[object]) -> str:
    """Return what is missing, and where."""
    pairs = zip(scenes, several, strict=True)
    return "; ".join(f"{scene.environment}: {one}" for scene, one in pairs if isinstance(one, NoData | NotExpected))


def _more(reading: Events, before: tuple[Tally, ...], after: tuple[Tally, ...]) -> list[float] | NoData:
    """Return by how much each counter grew in a tick, or NoData: one was reset, or counts no events."""
    found = []
    for counter, then, now in zip(reading.counters, before, after, strict=True):
        try:
            more, anew = increase(str(counter), then, now)
        except NoData as nothing:
            return nothing
        if anew:
            return NoData(f"{counter} counts anew: its process was started again")
        if problem := unfit(more, "count"):
            return NoData(f"{counter} {problem}")
        found.append(float(round(more)))
    return found


def _read(name: str, one: Compared, scenes: tuple[Scene, Scene], at: float) -> Tick:
    found = [_number(one, scene) for scene in scenes]
    values = [one if isinstance(one, float) else None for one in found]
    return Tick(at, name, values[0], values[1], note=_said(scenes, found))


def _number(one: Compared, scene: Scene) -> float | NoData | NotExpected:
    """Return a reading as a number, or why it is none."""
    try:
        found = one.reading.value(scene)
    except (NoData, NotExpected) as nothing:
        return nothing
    value = found.value if isinstance(found, Measured) else found.raw if isinstance(found, Facts) else found
    if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
        return NoData("the reading is no finite number")
    if problem := unfit(value, "gauge"):
        return NoData(f"the reading {problem}")
    return float(value) + one.margin.cushion


def series(one: Compared, spoilt: str = "") -> Series:
    """Return a comparison as a trial is told it; `spoilt` says why nothing can be concluded from it."""
    may = one.margin
    kind: Literal["count", "gauge"] = "count" if isinstance(one.reading, Events | Failing) else "gauge"
    allowed = may.allowed
    if allowed is not None and kind == "gauge":
        allowed += may.cushion
    return Series(one.id, kind, str(may.reads), one.name, may.worse_by, may.tolerates, may.worse, allowed, spoilt)
