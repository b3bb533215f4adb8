"""What counters grew by over a time, as this run and those before it saw it, in seconds of production."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from healthgate import duration
from healthgate.claim import tally
from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Counter, Field, Later, LookBack, Measured, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.claim.tally import Growth, NotYet, Tally
from healthgate.probes.http import Exchange
from healthgate.probes.http_answer import Answer


class Counted(Source):
    """Counters of one page, followed through the same looks over the last `over`: a tuple of Growth, one a counter.

    The looks are those of this run and, where a history is kept, of earlier ones; NotYet where they do not span the
    time. ValueError for counters of several pages, and for what is no duration.
    """

    def __init__(self, counters: Sequence[Counter], over: str, explained_by: str | None = None) -> None:
        if len({counter.again for counter in counters}) != 1:
            raise ValueError("counters that are followed together must be on one page")
        self.counters = tuple(counters)
        self.over = duration.seconds(over)
        self.explained_by = explained_by

    @functools.cached_property
    def _back(self) -> LookBack:
        return LookBack(self.counters, self.over)

    @property
    def _page(self) -> Probe:
        return self._back.first

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return (*self._page.probes(systems), *self._back.probes(systems))

    def where(self, systems: Mapping[str, System]) -> str:
        return ", ".join(dict.fromkeys(counter.where(systems) for counter in self.counters))

    def value(self, scene: Scene) -> Any:
        try:
            found = self.growths(scene)
        except NoData as nothing:
            raise NoData(str(nothing), nothing.explained_by or self.explained_by) from None
        if lacking := max(growth.lacking for growth in found):
            raise NotYet(", ".join(dict.fromkeys(map(str, found))), lacking, found)
        return found

    def growths(self, scene: Scene) -> tuple[Growth, ...]:
        """Return the growth of each counter, all through the same looks, however short a time they span."""
        scale = scene.time_scale
        return tuple(tally.grown(str(counter), looks, self.over, scale) for counter, looks in self.followed(scene))

    def followed(self, scene: Scene) -> Iterator[tuple[Counter, list[Tally]]]:
        """Yield each counter with the looks it is followed through."""
        (request,) = self._page.ids(self._page.settings(scene.systems))
        seen = scene.looks(request)
        own = [tuple(scene.tally(counter, seen[-1]) for counter in self.counters)]
        for earlier in reversed(seen[:-1]):
            with suppress(NoData):
                own.append(tuple(scene.tally(counter, earlier) for counter in self.counters))
        before = _in_step([scene.tallies.get(counter.key, ()) for counter in self.counters])
        window = self.over / scene.time_scale
        for number, counter in enumerate(self.counters):
            mine = [several[number] for several in reversed(own)]
            yield counter, tally.chosen(mine, [several[number] for several in before], window)


class Falling(Counted):
    """How many of several counters fell over a time although their process went on, and which."""

    def value(self, scene: Scene) -> Measured:
        words = [tally.fallen(str(counter), looks) for counter, looks in self.followed(scene)]
        return Measured(sum(map(bool, words)), "; ".join(word for several in words for word in several))


class GrownOver(Counted):
    """The Growth of one counter over a time."""

    def __init__(self, counter: Counter, over: str, explained_by: str | None = None) -> None:
        super().__init__((counter,), over, explained_by)

    def value(self, scene: Scene) -> Any:
        (growth,) = super().value(scene)
        return growth


class RateOver(GrownOver):
    """By how much one counter grew in a second of production, over a time."""

    def value(self, scene: Scene) -> Measured:
        growth: Growth = super().value(scene)
        return Measured(growth.rate, str(growth))


def together(*counters: Counter, over: str, explained_by: str | None = None) -> Counted:
    """Return the Growth of several counters of one page through the same looks, so that one may be divided by another.

    `over` is a time of production, as in 5m; `explained_by` is the check on falling counters. ValueError where they
    are of several pages, or `over` is no duration.
    """
    return Counted(counters, over, explained_by)


def falling(*counters: Counter, over: str) -> Counted:
    """Return how many of these counters of one page fell over a time of production although their process went on.

    What explains rates over the same time that are no data. ValueError as for `together`.
    """
    return Falling(counters, over)


def _in_step(several: Sequence[Sequence[Tally]]) -> list[tuple[Tally, ...]]:
    """Return the looks at which all counters were seen, the oldest first."""
    by_moment = [{one.at: one for one in looks} for looks in several]
    shared = set(by_moment[0]).intersection(*by_moment[1:])
    return [tuple(looks[at] for looks in by_moment) for at in sorted(shared)]


class Told(Source):
    """A counter that a JSON answer tells, and when the process began that counts, where it tells that too."""

    def __init__(self, field: Field, started: Field | None = None) -> None:
        if not isinstance(field.parent, Exchange) or (started is not None and started.parent is not field.parent):
            raise ValueError("a counter and the start of its process must be members of one answer")
        self.field = field
        self.page = field.parent
        self.started = started

    def __str__(self) -> str:
        return self.field.path

    @property
    def key(self) -> str:
        """What names this counter within an environment."""
        return f"{self.page.id} · {self.field.path}"

    @property
    def again(self) -> Later:
        """The second look at the answer; one for all counters in it."""
        return self.page.again

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.field.probes(systems)

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return self.field.proofs(systems)

    def value(self, scene: Scene) -> float:
        return self.field.value(scene).number()

    def where(self, systems: Mapping[str, System]) -> str:
        return self.field.where(systems)

    def growth(self, explained_by: str | None = None, *, over: str) -> Source:
        """Return the Growth of this counter over a time of production; `explained_by` is the check on its falling."""
        return GrownOver(self, over, explained_by)

    def per_second(self, explained_by: str | None = None, *, over: str) -> Source:
        """Return by how much this counter grew in a second of production, over a time."""
        return RateOver(self, over, explained_by)

    def tally(self, observation: Observation, systems: Mapping[str, System]) -> Tally:
        """Return this counter as one look saw it; NoData where that cannot be told."""
        body = Answer(observation, here=self.page.settings(systems).here, route=self.page.path).body()
        node = body.at(self.field.path)
        value = node.number()
        if value < 0:
            raise NoData(f"{node.path} is {value:g}, which no counter can be")
        started = None
        if self.started is not None:
            began = body.at(self.started.path)
            started = began.moment() if isinstance(began.raw, str) else began.number()
        return Tally(observation.at, value, started, took=observation.elapsed_ms / 1000)


def counter(field: Field, started: Field | None = None) -> Told:
    """Return a member of a JSON answer as a counter, which only grows while the process runs that counts.

    `started` is the member that says when that process began, in seconds since 1970 or as ISO 8601; without one a
    counter that falls is no data. ValueError where they are not of one answer.
    """
    return Told(field, started)
