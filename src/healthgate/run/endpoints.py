"""How long the endpoints take that both sides have, and how often they fail: compared without being declared."""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from healthgate.claim.compared import Compared, NoWorse, no_more
from healthgate.claim.facts import NoData
from healthgate.claim.limit import Unit, ms
from healthgate.claim.observation import Observation
from healthgate.claim.source import Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.probes.exposition import Exposition
from healthgate.probes.http import Exchange, HttpProbe

CUSHION = 10.0
"""Milliseconds added to how long answers took, on both sides: 3 ms are not three times as slow as 1 ms for anybody."""

WORSE_BY, TOLERATES = 2.0, 2.5
"""How many times as slow an endpoint is rolled back, and proven not to be: nobody said that the two places are alike,
and what slows one of them down for a minute looks like its version. Who knows better declares another comparison."""

FAILED = 500
"""The status code from which on an answer is a failed request."""

ALLOWED = 0.05
"""The share of failed requests that a canary may have where the baseline has none: of fewer nothing can be proven."""

SLOW = (
    "the new version does more for each answer, or waits for something longer",
    "roll back; compare the traces of both versions for this route",
)
ILL = ("the new version fails, or is not reached", "roll back; read what it logged for the requests that failed")
"""Causes, and what to do."""

requests = Unit("requests")


@dataclass(frozen=True)
class Side:
    """One of the two environments: its systems, and how much faster than production its time passes."""

    environment: str
    systems: Mapping[str, System]
    time_scale: float = 1.0

    def scene(self, observations: Mapping[str, Observation]) -> Scene:
        """Return what one look at it brought."""
        return Scene(self.environment, self.systems, dict(observations), time_scale=self.time_scale)

    def address(self, probe: Probe) -> str:
        """Return where a request over HTTP goes, path and all; empty for any other."""
        if not isinstance(probe, Exchange):
            return ""
        settings = probe.settings(self.systems)
        return f"{probe.method} {getattr(settings, probe.url)}{settings.here.path(probe.path)}"


class Elapsed(Source):
    """Milliseconds that the answer of an endpoint took, from the name look-up to its last byte."""

    def __init__(self, probe: Exchange) -> None:
        self.probe = probe

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        """Return the only request."""
        return self.probe.probes(systems)

    def where(self, systems: Mapping[str, System]) -> str:
        """Return where it is asked."""
        return self.probe.where(systems)

    def value(self, scene: Scene) -> float:
        """Return how long it took; NoData where no answer came, or one of a server that failed."""
        observation = scene.observation(self.probe.id)
        if problem := failure(observation):
            raise NoData(problem)
        return observation.elapsed_ms


class Failing(Source):
    """How many of the requests of a tick failed, and how many were made."""

    def __init__(self, several: Iterable[Exchange]) -> None:
        self.several = tuple(several)

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        """Return all requests."""
        return tuple(probe for one in self.several for probe in one.probes(systems))

    def where(self, systems: Mapping[str, System]) -> str:
        """Return where they are asked."""
        return ", ".join(one.where(systems) for one in self.several)

    def value(self, scene: Scene) -> tuple[float, float]:
        """Return how many failed, and of how many."""
        failed = sum(bool(failure(scene.observation(one.id))) for one in self.several)
        return float(failed), float(len(self.several))


def failure(observation: Observation) -> str:
    """Return why a request failed: it was not answered, or by a server that could not; empty where it did not."""
    if observation.status != "answered":
        return observation.error or observation.status
    code = int(observation.facts.get("code", FAILED))
    return f"it answered {code}" if code >= FAILED else ""


def compared(probes: Iterable[Probe], baseline: Side, canary: Side) -> dict[str, Compared]:
    """Return what endpoints are compared by that both sides have, each at an address of its own, by id."""
    found: dict[str, Compared] = {}
    endpoints: dict[str, Exchange] = {}
    for probe in probes:
        if not isinstance(probe, HttpProbe | Exposition) or probe.source is not None:
            continue
        if baseline.address(probe) != canary.address(probe):
            which = "" if probe.url == "url" else f"{probe.url.removesuffix('_url')}_"
            name = re.sub(r"[^A-Za-z0-9]+", "_", f"{which}{probe.method}{probe.path}").strip("_")
            endpoints.setdefault(f"{probe.system.name}.latency[{name}]", probe)
    for name, probe in endpoints.items():
        title = f"Answers of {probe.method} {probe.path}, {CUSHION:g} ms added"
        limit = no_more(ms, worse_by=WORSE_BY, tolerates=TOLERATES, cushion=CUSHION)
        found[name] = _of_endpoint(name, Elapsed(probe), limit, title, probe.system, SLOW)
    for system in dict.fromkeys(probe.system.name for probe in endpoints.values()):
        mine = [probe for probe in endpoints.values() if probe.system.name == system]
        name = f"{system}.requests.failed"
        limit = no_more(requests, allowed=ALLOWED)
        found[name] = _of_endpoint(name, Failing(mine), limit, f"Requests to {system} that failed", mine[0].system, ILL)
    return found


def _of_endpoint(
    name: str, reading: Source, stays: NoWorse, title: str, system: type[System], told: tuple[str, str]
) -> Compared:
    """Return a comparison that nobody declared; it stands where its system is declared."""
    cause, action = told
    return Compared(
        id=name,
        reading=reading,
        stays=stays,
        name=title,
        cause=cause,
        action=action,
        runbook="canary",
        cadence=0.0,
        requires=(),
        attempts=1,
        file=str(sys.modules[system.__module__].__file__),
        line=1,
    )
