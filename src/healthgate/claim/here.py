"""How a system differs in one environment from what its documents say: paths, names, units, and what it lacks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim.labels import Labels
from healthgate.claim.path import EACH, Step, below, pattern

SHOWN = 6
"""Names of what is absent that are said before the rest is counted."""


@dataclass(frozen=True)
class Place:
    """Where something stands here. A number that is read there counts `times` as much (1: as it is)."""

    path: str
    times: float = 1.0

    def __str__(self) -> str:
        return self.path if self.times == 1 else f"{self.path} times {self.times:g}"


@dataclass(frozen=True)
class Absence:
    """What an environment does not have, and why; `position` is where its profile says so.

    `checks` are ids or rows, `members` the paths by the documented route of the answer they would stand in.
    """

    because: str
    position: str
    checks: frozenset[str] = frozenset()
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    metrics: frozenset[str] = frozenset()

    def __str__(self) -> str:
        names = [*(name for several in self.members.values() for name in several), *sorted(self.metrics | self.checks)]
        names = list(dict.fromkeys(names))
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"{', '.join(names[:SHOWN])}{more}, because {self.because} ({self.position})"

    def covers(self, route: str, path: str) -> bool:
        """Whether the member at `path` of the answer of `route` is absent, or something that it stands in."""
        steps = steps_of(path)
        return any(_begins(steps, steps_of(absent)) for absent in self.members.get(route, ()))


@dataclass(frozen=True, eq=False)
class Here:
    """The differences of one system. Keys are what the documents say, values what is so here.

    `deadlines` are in seconds, by documented route, as `routes` and `members` are. `values` are what labels say, by
    label: a canary says `staging` where the documents have `production`.
    """

    routes: Mapping[str, str] = field(default_factory=dict)
    deadlines: Mapping[str, float] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, Place]] = field(default_factory=dict)
    metrics: Mapping[str, Place] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    absent: Sequence[Absence] = ()

    def path(self, route: str) -> str:
        """Return the path that is asked for here, with its query."""
        return self.routes.get(route, route)

    def place(self, route: str, path: str) -> Place | None:
        """Return where the member of a route stands here; None where it stands as documented."""
        known = self.members.get(route, {})
        if path in known:
            return known[path]
        for documented, place in known.items():
            if path.startswith((f"{documented}.", f"{documented}[")):
                return Place(below(place.path, path[len(documented) :].removeprefix(".")), place.times)
        return None

    def body(self, route: str, content: Any) -> Any:
        """Return the body of an answer with every member where the documents have it; what came stays as it was."""
        moved = self.members.get(route)
        if not moved:
            return content
        found = deepcopy(content)
        for documented in moved:
            _drop(found, pattern(documented))  # what has this name here is something else
        for documented in sorted(moved, key=lambda path: len(pattern(path))):
            place = moved[documented]
            for passed, value in list(matches(content, pattern(place.path))):
                _put(found, pattern(documented), passed, deepcopy(scaled(value, place.times)))
        return found

    def lacks(self, route: str, path: str) -> Absence | None:
        """Return why the member at a path of the answer of `route` need not be here; None where it must be."""
        return next((one for one in self.absent if one.covers(route, path)), None)

    def lacks_metric(self, name: str) -> Absence | None:
        """Return why a metric need not be here; None where it must be."""
        return next((one for one in self.absent if name in one.metrics), None)

    def lacks_check(self, check_id: str) -> Absence | None:
        """Return why a check is not made here; None where it is."""
        row = check_id.partition("[")[0]
        return next((one for one in self.absent if {check_id, row} & one.checks), None)

    def called(self, label: str, value: str) -> str:
        """Return what a label says here where the documents have `value`.

        What is said here of something else is not what the documents mean by it: nothing is called that.
        """
        known = self.values.get(label, {})
        return known[value] if value in known else f"{value} of the documents" if value in known.values() else value

    def labelled(self, labels: Labels) -> dict[str, str]:
        """Return the labels that are wanted, with what they say here; what a series may be without stays so."""
        return {name: type(value)(self.called(name, value)) for name, value in labels.items()}

    def spelt(self, expression: str) -> str:
        """Return a PromQL expression with the names of metrics and labels, and what labels say, as they are here.

        Of a pattern only plain alternatives, as in `left|right`, are changed.
        """
        if self.values:
            expression = MATCHER.sub(self._matched, expression)
        names = {**{name: place.path for name, place in self.metrics.items()}, **self.labels}
        if not names:
            return expression
        return PROMQL.sub(lambda found: found[1] or names.get(found[2], found[2]), expression)

    def _matched(self, found: re.Match[str]) -> str:
        label, between, value = found.groups()
        values = value.split("|") if "~" in between else [value]
        return label + between + "|".join(self.called(label, one) for one in values) + found[0][-1]

    def named_in(self, expression: str) -> Iterator[str]:
        """Yield the names in a PromQL expression, whatever they are names of."""
        return (found[2] for found in PROMQL.finditer(expression) if found[2])


PROMQL = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\[[^]]*\]|\b\d[\w.]*)|([A-Za-z_:][\w:]*)""")
"""A text, a window or a number of an expression, or (second) a name."""

MATCHER = re.compile(r"""\b([A-Za-z_]\w*)(\s*(?:=~|!~|!=|=)\s*["'])([^"'\\]*)["']""")
"""A label of a selector, what stands between it and its value, and the value."""

AS_DOCUMENTED = Here()


def steps_of(path: str) -> tuple[Step, ...]:
    """Return the steps of a path; one to an element of a list counts as one to each of them."""
    return tuple(EACH if isinstance(step, int) else step for step in pattern(path))


def scaled(value: Any, times: float) -> Any:
    """Return a number that many times as large; anything else as it is."""
    if times == 1 or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return round(value * times, 9)


def matches(node: Any, steps: Sequence[Step], passed: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Yield what stands at the steps below a node, each with the indexes and names that its `*` stood for."""
    if not steps:
        yield passed, node
    elif isinstance(steps[0], str):
        if isinstance(node, dict) and steps[0] in node:
            yield from matches(node[steps[0]], steps[1:], passed)
    elif isinstance(steps[0], int):
        if isinstance(node, list) and -len(node) <= steps[0] < len(node):
            yield from matches(node[steps[0]], steps[1:], passed)
    elif isinstance(node, list | dict):
        for key, below in enumerate(node) if isinstance(node, list) else node.items():
            yield from matches(below, steps[1:], (*passed, key))


def _drop(node: Any, steps: Sequence[Step]) -> None:
    *outer, last = steps
    for _, holder in list(matches(node, outer)):
        if isinstance(holder, dict) and isinstance(last, str):
            holder.pop(last, None)


def _put(node: Any, steps: Sequence[Step], passed: Sequence[str | int], value: Any) -> None:
    """Put a value at the steps below a node, in objects that are made where there are none."""
    rest = list(passed)
    path = [rest.pop(0) if step is EACH else step for step in steps]
    for step, following in zip(path, [*path[1:], ""], strict=True):
        last = following == ""
        if isinstance(node, dict) and isinstance(step, str):
            if last:
                node[step] = value
            elif not isinstance(node.get(step), dict | list):
                node[step] = [] if isinstance(following, int) else {}
            node = node[step]
        elif isinstance(node, list) and isinstance(step, int):
            while len(node) <= step:
                node.append({})
            if last:
                node[step] = value
            node = node[step]
        else:
            return


def _begins(steps: Sequence[Step], start: Sequence[Step]) -> bool:
    return len(start) <= len(steps) and all(
        one in (other, EACH) or other is EACH for one, other in zip(start, steps, strict=False)
    )
