"""How a system differs here from its documents, as its profile says it: read, and checked against what is declared."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import yaml

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.here import Absence, Here, Place
from healthgate.claim.path import EACH, PathError, pattern
from healthgate.claim.shape import Expected
from healthgate.claim.system import DIFFERENCES, Duration, System, convert
from healthgate.environment.nodes import Nodes, in_words
from healthgate.nearest import hint
from healthgate.printable import finite, printable

Pair = tuple[str, yaml.Node, yaml.Node]
"""A key of a mapping, its node, and that of its value."""


class Differences:
    """Reads the differences of one system; what is wrong with them goes to `nodes`, with its place."""

    def __init__(self, nodes: Nodes, catalogue: Catalogue, system: type[System]) -> None:
        self.nodes = nodes
        self.catalogue = catalogue
        self.system = system
        self.shapes: dict[str, dict[str, Expected]] = {}
        self.families: dict[str, Expected] = {}
        for probe in system.asked:
            if probe.route:
                self.shapes.setdefault(probe.route, {}).update(probe.shape)
            self.families.update(probe.families)

    def read(self, given: Mapping[str, tuple[yaml.Node, yaml.Node]]) -> Here:
        """Return what the keys of DIFFERENCES among `given` say."""
        node = {name: given[name][1] for name in DIFFERENCES if name in given}
        labels, values = self._labels(node["labels"]) if "labels" in node else ({}, {})
        here = Here(
            routes=self._routes(node["routes"]) if "routes" in node else {},
            deadlines=self._deadlines(node["deadlines"]) if "deadlines" in node else {},
            members=self._members(node["members"]) if "members" in node else {},
            metrics=self._metrics(node["metrics"]) if "metrics" in node else {},
            labels=labels,
            values=values,
            absent=self._absent(node["absent"]) if "absent" in node else (),
        )
        self._refuse_contradictions(here, node)
        return here

    def _complain(self, node: yaml.Node, text: str) -> None:
        self.nodes.complain(node, f"{self.system.name}.{text}")

    def _pairs(self, node: yaml.Node, name: str, each: str) -> Iterator[Pair]:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self._complain(node, f"{name} is {self.nodes.kind_of(node)}; expected a mapping, each value {each}")
            return
        for key, (key_node, value_node) in self.nodes.members(node).items():
            yield key, key_node, value_node

    def _known(self, node: yaml.Node, name: str, key: str, what: str, valid: Collection[str]) -> bool:
        """Whether a key is one of what is declared; where nothing is declared, anything may be there."""
        if valid and key not in valid:
            self._complain(node, f"{name}: no check asks for the {what} {printable(key, 80)}{hint(key, valid)}")
            return False
        return True

    def _text(self, node: yaml.Node, name: str, expected: str, good: Callable[[str], bool]) -> str | None:
        value = self.nodes.scalar(node)
        if isinstance(value, str) and value.isprintable() and good(value):
            return value
        self._complain(node, f"{name} is {in_words(value)}; expected {expected}")
        return None

    def _routes(self, node: yaml.Node) -> dict[str, str]:
        found = {}
        expected = "the path here, such as /health?format=json, without a host"
        for route, key, value in self._pairs(node, "routes", expected):
            if self._known(key, "routes", route, "path", self.shapes):
                path = self._text(value, f"routes: {printable(route, 60)}", expected, _is_path)
                found.update({route: path} if path is not None else {})
        return found

    def _deadlines(self, node: yaml.Node) -> dict[str, float]:
        found = {}
        for route, key, value in self._pairs(node, "deadlines", "a duration such as 5s"):
            if self._known(key, "deadlines", route, "path", self.shapes):
                try:
                    found[route] = float(convert(Duration, self.nodes.scalar(value)))
                except ValueError as wrong:
                    seen = in_words(self.nodes.scalar(value))
                    self._complain(value, f"deadlines: {printable(route, 60)} is {seen}; {wrong}")
        return found

    def _members(self, node: yaml.Node) -> dict[str, dict[str, Place]]:
        found: dict[str, dict[str, Place]] = {}
        for route, key, value in self._pairs(node, "members", "the members of a path that the documents have"):
            if not self._known(key, "members", route, "path", self.shapes):
                continue
            several, taken = found.setdefault(route, {}), dict[str, str]()
            shape = self.shapes.get(route, {})
            for member, member_key, place_node in self._pairs(value, f"members: {route}", "where it stands here"):
                place = self._place(member_key, place_node, f"members: {member}", member, _declared(shape))
                if place is None:
                    continue
                if pattern(member).count(EACH) != pattern(place.path).count(EACH):
                    self._complain(place_node, f"members: {member} is {place.path}; expected as many * in both")
                elif place.path in taken:
                    words = f"members: {member} and {taken[place.path]} are both {place.path}; one of them is elsewhere"
                    self._complain(place_node, words)
                else:
                    several[member] = place
                    taken[place.path] = member
            for member, place in several.items():
                if place.path in shape and not shape[place.path].chosen and place.path not in several:
                    words = (
                        f"members: {member} is {place.path}, which the documents have for something else; say where"
                        f" {place.path} stands as well, or find {member} elsewhere"
                    )
                    self._complain(value, words)
        return found

    def _place(
        self, key: yaml.Node, node: yaml.Node, name: str, documented: str, valid: Collection[str]
    ) -> Place | None:
        what = "member" if name.startswith("members") else "metric"
        known = self._known(key, name.partition(":")[0], documented, what, valid)
        expected = "its path here, such as pool.used, or {path: pool.used_ratio, times: 100}"
        if not isinstance(node, yaml.MappingNode):
            path = self._text(node, name, expected, _is_member)
            return Place(path) if path is not None and known else None
        given = self.nodes.members(node)
        if "path" not in given or set(given) - {"path", "times"}:
            self._complain(node, f"{name} has {', '.join(given) or 'no key'}; expected {expected}")
            return None
        path = self._text(given["path"][1], name, expected, _is_member)
        times = self.nodes.scalar(given["times"][1]) if "times" in given else 1.0
        if isinstance(times, bool) or not isinstance(times, int | float) or not finite(times) or not times:
            self._complain(given["times"][1], f"{name}: times is {in_words(times)}; expected a number other than 0")
            return None
        return Place(path, float(times)) if path is not None and known else None

    def _metrics(self, node: yaml.Node) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for name, key, value in self._pairs(node, "metrics", "its name here"):
            place = self._place(key, value, f"metrics: {name}", name, self.families)
            other = next((one for one, known in found.items() if place and known.path == place.path), None)
            if other is not None and place is not None:
                self._complain(value, f"metrics: {name} and {other} are both {place.path}; one has another name")
            elif place is not None:
                found[name] = place
        return found

    def _labels(self, node: yaml.Node) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Return what labels are called here, and what they say, by label and by what the documents have."""
        found: dict[str, str] = {}
        values: dict[str, dict[str, str]] = {}
        for name, _, node_here in self._pairs(node, "labels", "its name here"):
            value: yaml.Node | None = node_here
            if isinstance(node_here, yaml.MappingNode):
                given = self.nodes.members(node_here)
                if not given or set(given) - {"name", "values"}:
                    words = f"labels: {printable(name, 60)} has {', '.join(given) or 'no key'}; expected {LABEL}"
                    self._complain(node_here, words)
                    continue
                value = given["name"][1] if "name" in given else None
                values |= {name: self._values(given["values"][1], name)} if "values" in given else {}
            if value is None:
                continue
            spelt = self._text(value, f"labels: {name}", "the name of a label", str.isidentifier)
            if spelt is not None and spelt in found.values():
                self._complain(value, f"labels: two labels are {spelt}; one has another name")
            elif spelt is not None:
                found[name] = spelt
        return found, values

    def _values(self, node: yaml.Node, label: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for said, _, value in self._pairs(node, f"labels: {printable(label, 60)}: values", "what it says here"):
            here = self._text(value, f"labels: {printable(label, 60)}: {printable(said, 60)}", "text", bool)
            if here is not None and here in found.values():
                self._complain(value, f"labels: two values of {printable(label, 60)} are {here}; expected one of each")
            elif here is not None:
                found[said] = here
        return found

    def _absent(self, node: yaml.Node) -> list[Absence]:
        expected = "a list, each entry with `because` and with checks, members or metrics"
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._complain(node, f"absent is {self.nodes.kind_of(node)}; expected {expected}")
            return []
        found = []
        for number, one in enumerate(node.value, start=1):
            place = f"absent {number}"
            if not isinstance(one, yaml.MappingNode):
                self._complain(one, f"{place} is {self.nodes.kind_of(one)}; expected a mapping with its `because`")
                continue
            given = self.nodes.members(one)
            for key, (key_node, _) in given.items():
                if key not in ABSENT_KEYS:
                    self._complain(key_node, f"{place}: {printable(key, 60)} is no key of it{hint(key, ABSENT_KEYS)}")
            because = self.nodes.scalar(given["because"][1]) if "because" in given else ""
            if not isinstance(because, str) or not because.strip():
                self._complain(one, f"{place} has no `because`; say why this place does not have it")
            if not {"checks", "members", "metrics"} & set(given):
                self._complain(one, f"{place} names nothing; expected checks, members or metrics")
            metrics = self._names(given, place, "metrics", self.families)
            for name in metrics:
                if name in self.families and not self.families[name].chosen:
                    words = f"{place}: the documents have {name}, so that it must be here; say under metrics what it is"
                    self._complain(one, f"{words} called here, or leave out the checks that read it, under checks")
            found.append(
                Absence(
                    printable(because, 400),
                    self.nodes.position(one.start_mark),
                    frozenset(self._names(given, place, "checks", self._checks())),
                    self._absent_members(given, place),
                    frozenset(metrics),
                )
            )
        return found

    def _checks(self) -> set[str]:
        own = [check for check in self.catalogue.checks.values() if check.system == self.system.name]
        return {check.id for check in own} | {check.row for check in own}

    def _names(
        self, given: Mapping[str, tuple[yaml.Node, yaml.Node]], place: str, key: str, valid: Collection[str]
    ) -> list[str]:
        if key not in given:
            return []
        node = given[key][1]
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._complain(node, f"{place}: {key} is {self.nodes.kind_of(node)}; expected a list of names")
            return []
        found = []
        for one in node.value:
            name = str(self.nodes.scalar(one))
            if valid and name not in valid:
                what = key.removesuffix("s")
                self._complain(one, f"{place}: there is no {what} {printable(name, 80)} here{hint(name, valid)}")
            else:
                found.append(name)
        return found

    def _absent_members(
        self, given: Mapping[str, tuple[yaml.Node, yaml.Node]], place: str
    ) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        if "members" not in given:
            return found
        for route, key, node in self._pairs(given["members"][1], f"{place}: members", "a list of members"):
            if not self._known(key, f"{place}: members", route, "path", self.shapes):
                continue
            shape = self.shapes.get(route, {})
            names = self._names({"members": (key, node)}, place, "members", _declared(shape))
            for name in names:
                required = [path for path in shape if _within(path, name) and not shape[path].chosen]
                if required:
                    words = (
                        f"{place}: the documents have {required[0]}, so that it must be here; say under members where"
                    )
                    self._complain(node, f"{words} it stands, or leave out the checks that read it, under checks")
            found[route] = tuple(names)
        return found

    def _refuse_contradictions(self, here: Here, nodes: Mapping[str, Any]) -> None:
        for route, several in here.members.items():
            for member in several:
                if (absence := here.lacks(route, member)) is not None:
                    words = f"members: {member} has a place here, and is absent at {absence.position}; keep one"
                    self._complain(nodes["members"], words)
        for name in here.metrics:
            if (absent := here.lacks_metric(name)) is not None:
                words = f"metrics: {name} has a name here, and is absent at {absent.position}; keep one"
                self._complain(nodes["metrics"], words)


LABEL = "its name here, or {name: stage, values: {production: staging}}, of which either may be left out"

ABSENT_KEYS = ("because", "checks", "members", "metrics")


def _is_path(text: str) -> bool:
    return text.startswith("/") and not text.startswith("//") and text.isascii() and not set(" #") & set(text)


def _is_member(text: str) -> bool:
    try:
        return bool(pattern(text))
    except PathError:
        return False


def _declared(shape: Mapping[str, Expected]) -> set[str]:
    """Return the members of a shape, and all that they stand in."""
    found: set[str] = set()
    for path in shape:
        steps = path.split(".") if path else []
        found |= {".".join(steps[: number + 1]) for number in range(len(steps)) if steps[number] != "*"}
    return found


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}.")
