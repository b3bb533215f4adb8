"""One environment as it answered, held against what the documents say of each route and each metrics page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.here import Here, Place, matches
from healthgate.claim.observation import Observation
from healthgate.claim.path import EACH, pattern
from healthgate.claim.shape import Expected, deviations
from healthgate.claim.source import Probe
from healthgate.claim.system import System
from healthgate.fit.likeness import elsewhere, leaves, together
from healthgate.probes.exposition import Exposition, page_of
from healthgate.probes.http import Exchange
from healthgate.probes.http_answer import Answer
from healthgate.probes.redis_document import RedisDocument, facts_of


@dataclass
class Route:
    """What one documented route has, and what it has not.

    `moved` are members (or metrics) that stand elsewhere, `absent` those that no document prints and that are not here,
    `missing` those that the documents print, `odd` what is of another type or range, in words; `unanswered` why there
    is nothing to compare, and `needless` what the profile calls absent although it is here.
    """

    probe: Exchange | RedisDocument
    asked: str
    unanswered: str = ""
    moved: dict[str, Place] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    needless: list[str] = field(default_factory=list)
    fits: int = 0

    @property
    def is_page(self) -> bool:
        """Whether it is a metrics page, so that names are those of metrics."""
        return isinstance(self.probe, Exposition)

    @property
    def has_figures(self) -> bool:
        """Whether the documents say anything of what it answers."""
        return bool(self.probe.shape or self.probe.families)

    @property
    def undecided(self) -> bool:
        """Whether something is left that only people can decide."""
        return bool(self.unanswered or self.missing or self.odd or self.needless)


def compared(system: type[System], settings: System, seen: Mapping[str, Observation]) -> list[Route]:
    """Return what each documented route of a system has, as far as it was asked."""
    found: dict[tuple[str, str], Route] = {}
    for probe in system.asked:
        if not isinstance(probe, Exchange | RedisDocument):
            continue
        if not (probe.shape or probe.families or probe.origin == "chosen"):
            continue
        where = probe.url if isinstance(probe, Exchange) else probe.node
        (observation, *_) = [*_observations(probe, settings, seen), None]
        if observation is not None and (probe.route, where) not in found:
            found[probe.route, where] = _route(probe, settings, observation)
    return list(found.values())


def _observations(probe: Probe, settings: System, seen: Mapping[str, Observation]) -> Iterator[Observation]:
    yield from (seen[name] for name in probe.ids(settings) if name in seen)


def _route(probe: Exchange | RedisDocument, settings: System, observation: Observation) -> Route:
    here = settings.here
    if isinstance(probe, RedisDocument):
        found = Route(probe, f"GET {probe.key} of {probe.node}")
        try:
            body = facts_of(observation, probe, here)
        except NoData as nothing:
            found.unanswered = str(nothing)
        else:
            _members(found, observation.facts["json"], body, here)
        return found
    which = "" if probe.url == "url" else f" of {probe.url.removesuffix('_url')}"
    found = Route(probe, f"{probe.method} {here.path(probe.route)}{which}")
    answer = Answer(observation, here=here, route=probe.route)
    if answer.status != "answered" or answer.code != 200:
        found.unanswered = answer.error or f"it answered {answer.spoken_code}"
    elif isinstance(probe, Exposition):
        _metrics(found, observation, here)
    elif answer.flaw and probe.shape:
        found.unanswered = answer.flaw
    elif probe.shape:
        _members(found, answer.facts.get("json"), answer.json, here)
    return found


def _members(found: Route, came: Any, body: Facts, here: Here) -> None:
    """Note what a body has: as it `came`, and with every member where the documents have it."""
    shape, route = innermost(found.probe.shape), found.probe.route
    there = dict(leaves(came))
    gone: dict[str, Expected] = {}
    for path, expected in shape.items():
        absent = here.lacks(route, path) is not None
        if any(True for _ in matches(body.raw, pattern(path))):
            found.needless += [path] if absent else []
            found.fits += 1
        elif not absent and not _stands_in_nothing(body.raw, path):
            gone[path] = expected
    held = {place.path for place in here.members.get(route, {}).values()}
    several = elsewhere(gone, there, {*(path for path in shape if path not in gone), *held})
    found.moved = together(several, [path for path in shape if path not in gone])
    alone = [path for path in gone if path not in {one.documented for one in several}]
    places = {one.documented: one.place.path for one in several}
    silent = [outer for outer in gone if outer not in places or there[places[outer]] in ([], {})]
    alone = [path for path in alone if not any(path.startswith(f"{outer}.*") for outer in silent)]
    found.absent = [path for path in alone if gone[path].chosen]
    found.missing = [path for path in alone if not gone[path].chosen]
    there_too = {path: one for path, one in shape.items() if path not in gone and here.lacks(route, path) is None}
    found.odd = deviations(body, there_too)


def innermost(shape: Mapping[str, Expected]) -> dict[str, Expected]:
    """Return the members of a shape that no named one stands in, lists included: where they are is to be known."""
    return {
        path: one
        for path, one in shape.items()
        if path and not any(o.startswith(f"{path}.") and not o.startswith(f"{path}.*") for o in shape)
    }


def _stands_in_nothing(content: Any, path: str) -> bool:
    """Whether a member is of elements of which there are none: nothing can be said of it."""
    steps = pattern(path)
    if EACH not in steps:
        return False
    outer = steps[: len(steps) - steps[::-1].index(EACH) - 1]
    return any(value in ([], {}) for _, value in matches(content, outer))


def _metrics(found: Route, observation: Observation, here: Here) -> None:
    try:
        page = page_of(observation, here)
    except NoData as nothing:
        found.unanswered = str(nothing)
        return
    families = found.probe.families
    gone = {name: one for name, one in families.items() if name not in page.names and here.lacks_metric(name) is None}
    found.needless = [name for name in families if name in page.names and here.lacks_metric(name) is not None]
    found.fits = len(families) - len(gone)
    raw = page_of(observation)
    there = {name: several[0].value for name, several in raw.content.samples.items()}
    held = {place.path for place in here.metrics.values()}
    several = elsewhere(gone, there, {*(name for name in families if name not in gone), *held})
    found.moved = {one.documented: one.place for one in several}
    alone = [name for name in gone if name not in found.moved]
    found.absent = [name for name in alone if gone[name].chosen]
    found.missing = [name for name in alone if not gone[name].chosen]
