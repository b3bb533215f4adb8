"""What keeps two sides from being compared, seen at the first look: one build, or clocks that are apart."""

from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from statistics import median

from healthgate.claim.compared import Compared, Events
from healthgate.claim.facts import NoData
from healthgate.claim.limit import seconds
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.duration import roughly
from healthgate.environment.maintenance import window_at
from healthgate.environment.profile import Profile
from healthgate.probes.exposition import Exposition, Series
from healthgate.run.endpoints import Failing, Side
from healthgate.run.looking import Looking

CLOCKS = 10.0
"""Seconds by which the clocks of both sides may differ where ages are compared, which are told by them."""

UNITS = (300.0, 3000.0)
"""How many times apart two first readings are that may be seconds here, and milliseconds there."""

BUILD = "_build_info"
"""How the metric ends that says which build a process is, in its labels."""

TELLING = ("version", "revision", "commit", "build", "image")
"""The labels that tell builds from each other."""


def in_maintenance(names: Iterable[str], profiles: Mapping[str, Profile], at: float, ends: float) -> dict[str, str]:
    """Return why comparisons prove nothing between `at` and `ends` (seconds since 1970): a side is worked on."""
    found: dict[str, str] = {}
    for name in names:
        for environment, profile in profiles.items():
            window = window_at(profile.maintenance, name, at) or window_at(profile.maintenance, name, ends)
            if window is not None:
                found[name] = f"{environment} is in maintenance {window}; try again when it is over"
    return found


def themselves(comparisons: Mapping[str, Compared], baseline: Side, canary: Side) -> dict[str, str]:
    """Return which comparisons would compare an address with itself, and which it is."""
    found: dict[str, str] = {}
    for name, one in comparisons.items():
        there, here = ({side.address(one) for one in one.reading.probes(side.systems)} for side in (baseline, canary))
        if there == here and there != {""}:
            sides = f"{baseline.environment} and {canary.environment}"
            found[name] = f"{sides} both read {max(there)}: one instance would be compared with itself"
    return found


def doubts(looking: Looking, scenes: tuple[Scene, Scene]) -> dict[str, str]:
    """Return why comparisons prove nothing, by what both sides answered first."""
    found: dict[str, str] = {}
    builds = {one.system: one_build(looking, scenes, one.system) for one in looking.comparisons.values()}
    apart = clocks_apart(scenes)
    sides = " and ".join(side.environment for side in looking.sides)
    for name, one in looking.comparisons.items():
        if build := builds[one.system]:
            found[name] = f"{sides} both run {build}: a canary is another build than its baseline"
        elif (differing := kinds_differ(one, scenes)) is not None:
            found[name] = differing
        elif apart > CLOCKS and one.margin.reads == seconds:
            found[name] = f"the clocks of {sides} are {roughly(apart)} apart, and ages are told by them; set the clocks"
    for tick in looking.ticks(scenes, 0.0):
        if isinstance(tick.baseline, float) and tick.baseline and tick.canary and not _is_counted(looking, tick.id):
            times = max(tick.canary / tick.baseline, tick.baseline / tick.canary)
            if UNITS[0] <= times <= UNITS[1]:
                values = f"{tick.baseline:.3g} and {tick.canary:.3g}"
                found.setdefault(tick.id, f"{sides} read {values}, a thousand times apart: are both told in one unit?")
    return found


def _is_counted(looking: Looking, name: str) -> bool:
    return isinstance(looking.comparisons[name].reading, Events | Failing)


def one_build(looking: Looking, scenes: tuple[Scene, Scene], system: str) -> str:
    """Return the build that both sides of a system say they are; empty where they differ, or do not say."""
    there, here = (
        set(_builds(looking, side, scene, system)) for side, scene in zip(looking.sides, scenes, strict=True)
    )
    return ", ".join(sorted(there)) if there == here else ""


def two_builds(looking: Looking, scenes: tuple[Scene, Scene]) -> str | None:
    """Say that the sides run different builds of a system; None where they do not, or do not say."""
    for system in sorted({one.system for one in looking.comparisons.values()}):
        told = [
            sorted(set(_builds(looking, side, scene, system)))
            for side, scene in zip(looking.sides, scenes, strict=True)
        ]
        if all(told) and told[0] != told[1]:
            runs = zip(looking.sides, told, strict=True)
            return " and ".join(f"{side.environment} runs {', '.join(builds)}" for side, builds in runs)
    return None


def _builds(looking: Looking, side: Side, scene: Scene, system: str) -> Iterator[str]:
    probes = {probe for one in looking.comparisons.values() for probe in one.reading.probes(side.systems)}
    for probe in probes:
        if not isinstance(probe, Exposition) or probe.system.name != system:
            continue
        try:
            page = probe.value(scene)
        except NoData:
            continue
        for name in page.names:
            for sample in page.content.samples[name] if name.endswith(BUILD) else ():
                words = [f"{label} {sample.labels[label]}" for label in TELLING if label in sample.labels]
                if words:
                    yield f"{name.removesuffix(BUILD)} of {', '.join(words)}"


def clocks_apart(scenes: tuple[Scene, Scene]) -> float:
    """Return by how many seconds the clocks of both sides differ, as their answers are dated; 0 where nothing says."""
    off = [_off(scene) for scene in scenes]
    return abs(off[0] - off[1]) if off[0] is not None and off[1] is not None else 0.0


def _off(scene: Scene) -> float | None:
    """Return by how many seconds the clock of a side is behind ours, at the median of what it answered."""
    found = [when for one in scene.observations.values() if (when := _dated(one)) is not None]
    return median(found) if found else None


def _dated(observation: Observation) -> float | None:
    told = observation.facts.get("date") or observation.facts.get("headers", {}).get("date", "")
    try:
        return observation.at - parsedate_to_datetime(str(told)).timestamp()
    except (ValueError, OverflowError):
        return None


def kinds_differ(one: Compared, scenes: tuple[Scene, Scene]) -> str | None:
    """Say that a metric is of one kind on one page and of another on the other; None where it is not."""
    counters = one.reading.counters if isinstance(one.reading, Events) else (one.reading,)
    for counter in counters:
        if not isinstance(counter, Series):
            continue
        told = {}
        for scene in scenes:
            try:
                told[scene.environment] = counter.page.value(scene).kind(counter.name)
            except NoData:
                break
        if len(set(told.values()) - {"untyped"}) > 1:
            kinds = " and ".join(f"a {kind} in {where}" for where, kind in told.items())
            return f"{counter.name} is {kinds}: different things cannot be compared; fix the exporter"
    return None
