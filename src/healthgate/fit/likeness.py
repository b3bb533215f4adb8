"""What is like what: a documented member or metric, and something else of that meaning under another name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from healthgate.claim.facts import Facts
from healthgate.claim.here import Place, scaled
from healthgate.claim.path import joined
from healthgate.claim.shape import Expected

ALIKE = 0.62
"""How alike two names must be, from 0 to 1, to be called the same: found by trying documented names and rewordings."""

SPELT_ALIKE = 0.8
"""How alike two words must be, letter by letter, to be the same: connection and connections, not active and stale."""

LAST = 0.65
"""What the last part of a path counts, against the rest of it."""

DEEPEST = 12
"""Levels of a body that are looked through."""

ANY = "*"

UNITS = {
    ("ms", "s"): 1000.0,
    ("ms", "seconds"): 1000.0,
    ("s", "ms"): 0.001,
    ("seconds", "ms"): 0.001,
    ("percent", "ratio"): 100.0,
    ("percent", "fraction"): 100.0,
    ("rate", "ratio"): 100.0,
    ("mb", "bytes"): 1 / 1_048_576,
    ("mb", "kb"): 1 / 1024,
    ("mb", "gb"): 1024.0,
}
"""How many times a figure counts whose name ends in the second word, where the documents' name ends in the first."""

WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Likeness:
    """That something documented stands somewhere else, and how alike the two are (0 to 1)."""

    documented: str
    place: Place
    alike: float


def words(name: str) -> list[str]:
    """Return the words a name is made of, in small letters."""
    return [word.lower() for word in WORDS.findall(name)]


def alike(documented: str, other: str) -> tuple[float, float]:
    """Return how alike two paths are (0 to 1), and how many times a figure at the other one counts."""
    ours, theirs = (path.replace(f".{ANY}", "").split(".") for path in (documented, other))
    last, times = _alike(words(ours[-1]), words(theirs[-1]))
    if len(ours) == len(theirs) == 1:
        return last, times
    rest = _shared(words(".".join(ours[:-1])), words(".".join(theirs[:-1])))
    return LAST * last + (1 - LAST) * rest, times


def _alike(ours: list[str], theirs: list[str]) -> tuple[float, float]:
    times = 1.0
    if ours and theirs and ours[-1] != theirs[-1] and (ours[-1], theirs[-1]) in UNITS:
        times = UNITS[ours[-1], theirs[-1]]
        ours, theirs = ours[:-1], theirs[:-1]
    return _shared(ours, theirs), times


def _shared(ours: list[str], theirs: list[str]) -> float:
    """Return the share of words that two names have in common, in whatever order, spelt a little otherwise or not."""
    if not ours and not theirs:
        return 1.0
    left = list(theirs)
    common = 0
    for word in ours:
        near = next((other for other in left if SequenceMatcher(None, word, other).ratio() >= SPELT_ALIKE), None)
        if near is not None:
            left.remove(near)
            common += 1
    return 2 * common / (len(ours) + len(theirs))


def leaves(node: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the path of everything in a body with a value that stands there; elements of a list are one path.

    So are the members of an object that all look the same, as where they are named by what they are about.
    """
    if path:
        yield path, node
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for one in node[:1]:
            yield from leaves(one, f"{path}.{ANY}".lstrip("."), depth + 1)
    elif isinstance(node, dict):
        members = list(node.items())
        if _named_by_what_they_are_about(node):
            yield from leaves(members[0][1], f"{path}.{ANY}".lstrip("."), depth + 1)
            return
        for name, below in members:
            yield from leaves(below, joined(path, name), depth + 1)


def _named_by_what_they_are_about(node: Mapping[str, Any]) -> bool:
    values = list(node.values())
    same = {frozenset(value) if isinstance(value, dict) else None for value in values}
    return len(same) == 1 and None not in same and (len(values) > 1 or any(name.isupper() for name in node))


def elsewhere(missing: Mapping[str, Expected], there: Mapping[str, Any], taken: Iterable[str]) -> list[Likeness]:
    """Return where what is missing stands instead: what is most alike and fits what is expected, each place once."""
    free = {path: value for path, value in there.items() if path not in set(taken)}
    pairs = []
    for documented, expected in missing.items():
        for path, value in free.items():
            score, times = alike(documented, path)
            if score < ALIKE or documented.count(ANY) != path.count(ANY):
                continue
            if expected(Facts(scaled(value, times))) is None:
                pairs.append(Likeness(documented, Place(path, times), score))
    found: dict[str, Likeness] = {}
    used: set[str] = set()
    for pair in sorted(pairs, key=lambda one: -one.alike):
        if pair.documented not in found and pair.place.path not in used:
            found[pair.documented] = pair
            used.add(pair.place.path)
    return list(found.values())


def together(several: Iterable[Likeness], documented_there: Iterable[str]) -> dict[str, Place]:
    """Return the places with whole objects in the place of their members, where all of these moved together."""
    places = {one.documented: one.place for one in several}
    there = list(documented_there)
    found = dict(places)
    for documented, place in places.items():
        ours, theirs = documented.split("."), place.path.split(".")
        while len(ours) > 1 and len(theirs) > 1 and ours[-1] == theirs[-1]:
            ours, theirs = ours[:-1], theirs[:-1]
        outer, here = ".".join(ours), ".".join(theirs)
        if place.times != 1 or outer in (documented, here) or ANY in (ours[-1], theirs[-1]):
            continue
        inside = [name for name in places if name.startswith(f"{outer}.")]
        moved = all(places[name] == Place(here + name[len(outer) :]) for name in inside)
        if moved and not any(name.startswith(f"{outer}.") for name in there):
            found = {name: kept for name, kept in found.items() if name not in inside} | {outer: Place(here)}
    return found
