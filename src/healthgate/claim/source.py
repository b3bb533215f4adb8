"""Where a reading comes from: requests, members of their answers, and pure functions of several of them.

Declaring a source asks nothing. A run collects the requests of the selected checks, makes each of them once,
and afterwards computes readings from what came back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.here import Here
from healthgate.claim.observation import AGAIN, Observation, Repeated, Request, looks_at
from healthgate.claim.path import below, joined, steps
from healthgate.claim.shape import Expected, Shape
from healthgate.claim.system import System
from healthgate.claim.tally import Tally


@dataclass
class Scene:
    """One environment as it was observed: the settings of its systems and what each request brought."""

    environment: str
    systems: Mapping[str, System]
    observations: dict[str, Observation]
    reread: str = ""
    """Suffix of the request ids this scene reads: the first answers (none), or those of a repetition."""
    time_scale: float = 1.0
    """How many seconds of production pass in one second here: windows and rhythms are that much shorter."""
    tallies: Mapping[str, Sequence[Tally]] = field(default_factory=dict)
    """Counters as earlier runs saw them, by what names them, the oldest look first."""
    everything: Mapping[str, Observation] | None = None
    """All that this run observed, where `observations` has some of it in the place of another."""
    counted: dict[tuple[str, str, float], Tally | NoData] = field(default_factory=dict)
    """What counters were at the looks of this run, as far as anybody asked: pages are read once."""
    computed: dict["Derived", Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was already computed from these observations, which stay as they are once anything was."""

    def observation(self, request: str) -> Observation:
        """Return what `request` brought in the reading this scene shows; one never made is no data."""
        found = self.observations.get(request + self.reread)
        if found is None:
            raise NoData(f"{request + self.reread} was not asked")
        return found

    def replaced(self, observations: Mapping[str, Observation]) -> "Scene":
        """Return the same environment with some observations in the place of those it has under their ids."""
        everything = self.everything or self.observations
        return replace(self, observations={**self.observations, **observations}, everything=everything)

    def looks(self, request: str) -> list[Observation]:
        """Return all looks of this run at `request`, up to the newest that this scene shows, the oldest first."""
        name = request + self.reread
        shown = [self.observations[one] for one in (name, name + AGAIN) if one in self.observations]
        if not shown:
            raise NoData(f"{name} was not asked")
        newest = max(observation.at for observation in shown)
        return [one for one in looks_at(self.everything or self.observations, request) if one.at <= newest]

    def tally(self, counter: "Counter", observation: Observation) -> Tally:
        """Return a counter as a look of this run saw it; NoData where that cannot be told."""
        place = (counter.key, observation.id, observation.at)
        if place not in self.counted:
            try:
                self.counted[place] = counter.tally(observation, self.systems)
            except NoData as nothing:
                self.counted[place] = nothing
        found = self.counted[place]
        if isinstance(found, NoData):
            raise found
        return found

    def again(self, mark: str) -> "Scene":
        """Return the same environment as the requests repeated under `mark` saw it."""
        return replace(self, reread=self.reread + mark)


class Source(ABC):
    """Something a reading can be taken from."""

    @abstractmethod
    def probes(self, systems: Mapping[str, System]) -> tuple["Probe", ...]:
        """Return the probes this needs where `systems` are present; Absent names what is not there."""

    @abstractmethod
    def value(self, scene: Scene) -> Any:
        """Return what is read, computed from observations only; NoData says why there is nothing."""

    @abstractmethod
    def where(self, systems: Mapping[str, System]) -> str:
        """Return where the reading comes from, for people."""

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        """Return the checks that say whether what this reads can be used at all."""
        return tuple(probe.proven_by for probe in self.probes(systems) if probe.proven_by)

    def member(self, path: str, systems: Mapping[str, System]) -> "Member | None":  # noqa: ARG002
        """Return which member of which answer stands at a path below what this reads; None where it is none."""
        return None

    def otherwise(self, other: "Source") -> "Otherwise":
        """Return this source where its system is present, else `other`."""
        return Otherwise(self, other)


class Absent(Exception):
    """What a source needs, be it a system, a setting or a member, is not in this environment; the text names it."""


class Lacking(Absent):
    """It is not in this environment, and its profile says so: a system that is `absent`, or what is under `absent`."""


@dataclass(frozen=True)
class Member:
    """A member of the answer to a documented route, and the probe that reads it."""

    probe: "Probe"
    route: str
    path: str


class Probe(Source):
    """A request to a system. `proven_by` is the check that says whether its answer can be used at all.

    `alongside` is a stream: a run that listens to it makes this request a moment later, so that what is answered
    stands among what the stream brings.
    """

    route: str = ""
    """The path that the documents have for it, where it is asked over HTTP; what a profile calls it."""
    shape: Shape = MappingProxyType({})
    """What the documents say of the members of its answer, by path; empty where they say nothing."""
    families: Mapping[str, Expected] = MappingProxyType({})
    """What the documents say of the metrics on its page, by name; empty where it is no page."""

    def __init__(self, system: type[System], proven_by: str | None, alongside: "Probe | None" = None) -> None:
        system.asked.append(self)
        self.system = system
        self.proven_by = proven_by
        self.alongside = alongside

    @property
    @abstractmethod
    def needs(self) -> tuple[str, ...]:
        """The settings of the system that this request is made with."""

    @property
    def id(self) -> str:
        """The name of the request, where there is only one."""
        raise NotImplementedError

    def ids(self, settings: System) -> list[str]:  # noqa: ARG002
        """Return the names of the requests, which need no secret to be known."""
        return [self.id]

    @abstractmethod
    def requests(self, settings: System) -> list[Request]:
        """Return the requests to make with these settings (one, or one a node), in the order of `ids`."""

    def settings(self, systems: Mapping[str, System]) -> System:
        """Return the settings of this probe's system; Absent names what this environment leaves out."""
        settings = systems.get(self.system.name)
        if settings is None:
            raise Lacking(self.system.name)
        for name in self.needs:
            if getattr(settings, name, None) is None:
                raise Absent(f"{self.system.name}.{name}")
        return settings

    def probes(self, systems: Mapping[str, System]) -> tuple["Probe", ...]:
        self.settings(systems)
        return (self,)


class Later(Probe):
    """A second read of the same request, once the run's sampling time has passed since the first.

    `after` is another probe that must be complete before this one starts, if a run makes both: two reads of one
    source around a read of another bracket it, and what a request leaves in a log is read after the request.
    """

    def __init__(self, first: Probe, after: Probe | None = None) -> None:
        super().__init__(first.system, first.proven_by)
        self.first = first
        self.after = after

    @property
    def needs(self) -> tuple[str, ...]:
        return self.first.needs

    def ids(self, settings: System) -> list[str]:
        return [name + AGAIN for name in self.first.ids(settings)]

    def requests(self, settings: System) -> list[Request]:
        return [Repeated(request, AGAIN) for request in self.first.requests(settings)]

    def at(self, path: str) -> "Field":
        """Return a member of the second answer's JSON body."""
        return Field(self, path)

    def member(self, path: str, systems: Mapping[str, System]) -> Member | None:
        return self.first.member(path, systems)

    def value(self, scene: Scene) -> Any:
        return self.first.value(scene.again(AGAIN))

    def where(self, systems: Mapping[str, System]) -> str:
        return self.first.where(systems)


class Counter(Protocol):
    """A counter that is read from the answer to one request; `key` names it within its environment."""

    @property
    def key(self) -> str: ...
    @property
    def again(self) -> Later: ...
    def where(self, systems: Mapping[str, System]) -> str:
        """Return where the counter is read from, for people."""
        ...

    def tally(self, observation: Observation, systems: Mapping[str, System]) -> Tally:
        """Return the counter as one look saw it; NoData where that cannot be told."""
        ...


class LookBack(Later):
    """A second look that is needless where earlier runs left looks at `counters` to compare the first one with.

    It is the request of `again`, made once for all counters of a page. `over` is how far back looks matter, in
    seconds of production.
    """

    def __init__(self, counters: Sequence[Counter], over: float) -> None:
        self.again = counters[0].again
        super().__init__(self.again.first, self.again.after)
        self.counters = tuple(counters)
        self.over = over


class Field(Source):
    """A member of a JSON answer, by its path as `Facts.at` takes it; ValueError for what is no path."""

    def __init__(self, parent: Source, path: str) -> None:
        steps(path)
        self.parent = parent
        self.path = path

    def __getitem__(self, step: str | int) -> "Field":
        return Field(self.parent, joined(self.path, step))

    def at(self, path: str) -> "Field":
        """Return the member at a path below this one."""
        steps(path)
        return Field(self.parent, below(self.path, path))

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        found = self.parent.probes(systems)
        here = self._here(systems)
        if here is not None and (absence := here[1].lacks(here[0].route, here[0].path)) is not None:
            raise Lacking(f"{here[0].probe.system.name} lacks {absence}")
        return found

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return self.parent.proofs(systems)

    def member(self, path: str, systems: Mapping[str, System]) -> Member | None:
        return self.parent.member(below(self.path, path), systems)

    def _here(self, systems: Mapping[str, System]) -> tuple[Member, Here] | None:
        member = self.member("", systems)
        return (member, member.probe.settings(systems).here) if member is not None else None

    def value(self, scene: Scene) -> Facts:
        body = self.parent.value(scene)
        facts: Facts = body if isinstance(body, Facts) else body.body()
        return facts.at(self.path)

    def where(self, systems: Mapping[str, System]) -> str:
        parent, here = self.parent.where(systems), self._here(systems)
        place = here[1].place(here[0].route, here[0].path) if here is not None else None
        if place is not None:
            return f"{parent} · {self.path} (here {place})"
        return f"{parent} · {self.path}" if self.path else parent


class Otherwise(Source):
    """The first source where it can be had in this environment, the second elsewhere."""

    def __init__(self, first: Source, second: Source) -> None:
        self.first = first
        self.second = second

    def at(self, path: str) -> Field:
        """Return a member of whichever answer there is."""
        return Field(self, path)

    def __getitem__(self, step: str | int) -> Field:
        return Field(self, joined("", step))

    def chosen(self, systems: Mapping[str, System]) -> Source:
        """Return the source that is used where `systems` are present."""
        try:
            self.first.probes(systems)
        except Absent:
            return self.second
        return self.first

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.chosen(systems).probes(systems)

    def member(self, path: str, systems: Mapping[str, System]) -> Member | None:
        return self.chosen(systems).member(path, systems)

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return self.chosen(systems).proofs(systems)

    def value(self, scene: Scene) -> Any:
        return self.chosen(scene.systems).value(scene)

    def where(self, systems: Mapping[str, System]) -> str:
        return self.chosen(systems).where(systems)


@dataclass(frozen=True)
class Measured:
    """A computed reading with words that make it understandable: which symbols, which two figures.

    `contradiction` says why the claim does not hold although the value alone would pass (a price that is right
    but old): the state is then at least the mildest alert line of the limit. `rolled_back` says how it is known that
    the canary this is about was rolled back: whatever the value is, it is no reason to roll on.
    """

    value: float | int | str | bool
    detail: str = ""
    contradiction: str = ""
    rolled_back: str = ""


class Derived(Source):
    """A pure function of several sources, computed once for each scene."""

    def __init__(self, function: Callable[..., Any], sources: tuple[Source, ...]) -> None:
        self.function = function
        self.sources = sources
        self.__doc__ = function.__doc__

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return tuple(dict.fromkeys(probe for source in self.sources for probe in source.probes(systems)))

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(proof for source in self.sources for proof in source.proofs(systems)))

    def value(self, scene: Scene) -> Any:
        if self not in scene.computed:
            scene.computed[self] = self.function(*(source.value(scene) for source in self.sources))
        return scene.computed[self]

    def where(self, systems: Mapping[str, System]) -> str:
        return ", ".join(dict.fromkeys(filter(None, (source.where(systems) for source in self.sources))))


class Outcome(Derived):
    """How the one request of a probe ended, answered or not, in the form that `form` gives an observation.

    It does not require what the answer is proven by: it is what the proof reads.
    """

    def __init__(self, probe: Probe, request: str, form: Callable[[Observation], Any]) -> None:
        super().__init__(form, (probe,))
        self.request = request

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def value(self, scene: Scene) -> Any:
        return self.function(scene.observation(self.request))


def measure(*sources: Source) -> Callable[[Callable[..., Any]], Derived]:
    """Turn a pure function of these sources' values into a source of its own.

    The function returns a number, text, truth or Measured, and raises NoData where there is nothing to say.
    """

    def declare(function: Callable[..., Any]) -> Derived:
        return Derived(function, sources)

    return declare


class Tried(Source):
    """What a source gives, or the NoData that says why it gives nothing.

    It does not require what the source is proven by: a reading that is about just that may be the proof.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.source.probes(systems)

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def value(self, scene: Scene) -> Any:
        try:
            return self.source.value(scene)
        except NoData as nothing:
            return nothing

    def where(self, systems: Mapping[str, System]) -> str:
        return self.source.where(systems)


def tried(source: Source) -> Source:
    """Return a source that never fails: where `source` has no data, its value is the NoData itself."""
    return Tried(source)
