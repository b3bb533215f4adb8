"""The lines that a profile lacks: what a comparison proposes, and what the profile says already."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from healthgate.claim.here import Absence, Here, Place
from healthgate.fit.comparison import Route, innermost

UNPRINTED = "no document prints it, and this place does not have it"
UNANSWERED = "no document has this path, and this place does not answer it"
UNREADABLE = "they read what this place does not have"
PROPOSED = "proposed"


def proposed(here: Here, routes: Sequence[Route]) -> Here:
    """Return the differences of a system with what is proposed of its routes; where nothing is, the same object."""
    members = {route: dict(several) for route, several in here.members.items()}
    metrics = dict(here.metrics)
    absent_members: dict[str, list[str]] = {}
    absent_metrics: list[str] = []
    for route in routes:
        if route.is_page:
            metrics |= route.moved
            absent_metrics += [name for name in route.absent if name not in absent_metrics]
            continue
        if route.moved:
            members.setdefault(route.probe.route, {}).update(route.moved)
        if route.absent:
            names = absent_members.setdefault(route.probe.route, [])
            names += [name for name in _outermost(route.absent, innermost(route.probe.shape)) if name not in names]
    if not absent_members and not absent_metrics and members == here.members and metrics == here.metrics:
        return here
    absent = list(here.absent)
    if absent_members or absent_metrics:
        absent.append(
            Absence(UNPRINTED, PROPOSED, members={k: tuple(v) for k, v in absent_members.items()},
                    metrics=frozenset(absent_metrics))
        )  # fmt: skip
    return replace(here, members=members, metrics=metrics, absent=absent)


def without(here: Here, checks: Iterable[str], because: str) -> Here:
    """Return the differences of a system of which these checks are left out too; the same object for none."""
    names = frozenset(checks)
    if not names:
        return here
    return replace(here, absent=[*here.absent, Absence(because, PROPOSED, checks=names)])


def lines(system: str, here: Here) -> str:
    """Return what a profile says of the differences of a system, as YAML."""
    said: dict[str, Any] = {}
    if here.routes:
        said["routes"] = dict(here.routes)
    if here.deadlines:
        said["deadlines"] = {route: f"{seconds:g}s" for route, seconds in here.deadlines.items()}
    if here.members:
        said["members"] = {route: _places(several) for route, several in here.members.items()}
    if here.metrics:
        said["metrics"] = _places(here.metrics)
    if here.labels or here.values:
        said["labels"] = {name: _label(here, name) for name in {**here.labels, **here.values}}
    if here.absent:
        said["absent"] = [_absence(one) for one in here.absent]
    return yaml.safe_dump({system: said}, sort_keys=False, allow_unicode=True, width=110)


def _places(several: Mapping[str, Place]) -> dict[str, Any]:
    return {
        name: place.path if place.times == 1 else {"path": place.path, "times": place.times}
        for name, place in several.items()
    }


def _label(here: Here, name: str) -> str | dict[str, Any]:
    if name not in here.values:
        return here.labels[name]
    spelt = {"name": here.labels[name]} if name in here.labels else {}
    return {**spelt, "values": dict(here.values[name])}


def _absence(one: Absence) -> dict[str, Any]:
    found: dict[str, Any] = {"because": one.because}
    if one.members:
        found["members"] = {route: list(names) for route, names in one.members.items()}
    if one.metrics:
        found["metrics"] = sorted(one.metrics)
    if one.checks:
        found["checks"] = sorted(one.checks)
    return found


def _outermost(names: Sequence[str], shape: Iterable[str]) -> list[str]:
    """Return names with objects in the place of their members, where every documented member of these is among them."""
    inside = {name: name.split(".") for name in names}
    of = [path for path in shape if not any(path.startswith(f"{name}.*") for name in names)]
    found: list[str] = []
    for steps in inside.values():
        for number in range(1, len(steps) + 1):
            outer = ".".join(steps[:number])
            below = [path for path in of if path == outer or path.startswith(f"{outer}.")]
            if below and steps[number - 1] != "*" and all(path in inside for path in below):
                found.append(outer)
                break
        else:
            found.append(".".join(steps))
    return list(dict.fromkeys(found))
