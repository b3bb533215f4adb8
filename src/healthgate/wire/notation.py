"""JSON and YAML, read strictly: no name given twice, no nesting or repeating without bounds, plain values only.

What is a number in neither (NaN, infinity, more than a float holds) stays text, so that it is no number to anybody.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from healthgate.printable import printable

DEEPEST = 100
"""Levels of nesting a text may have."""

MOST_NODES = 200_000
"""Values a YAML text may have, those that are repeated by an alias counted each time."""

LONGEST_WHOLE = 4_000
"""Characters of a whole number that is one."""

FLAWS = {
    "Expecting value": "there is no value where one is expected",
    "Unexpected UTF-8 BOM": "there is no value where one is expected",
    "Expecting property name": "there is no name in quotes where one is expected",
    "Illegal trailing comma": "a comma has nothing after it",
    "Expecting ':'": "there is no colon between a name and its value",
    "Expecting ','": "there is no comma between two values",
    "Extra data": "something follows the value",
    "Unterminated string": "a text has no end",
    "Invalid control character": "a text holds a line break or another control character",
    "Invalid \\": "a text has a backslash that means nothing",
}
"""What is wrong with a text, by how the words of the library begin."""

YAML = "tag:yaml.org,2002:"
SCALARS = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
INFINITE = (float("inf"), float("-inf"))


class NestedError(ValueError):
    """A text is nested too deeply."""

    def __init__(self) -> None:
        super().__init__(f"it is nested deeper than {DEEPEST} levels")


def from_json(text: str) -> Any:
    """Return the one JSON value of a text, a byte order mark before it left out; ValueError says why there is none."""
    text = text.removeprefix("\ufeff")
    if _depth(text) > DEEPEST:
        raise NestedError
    try:
        return json.loads(text, parse_float=_finite, parse_int=_whole, parse_constant=str, object_pairs_hook=_members)
    except json.JSONDecodeError as problem:
        words = next((ours for theirs, ours in FLAWS.items() if problem.msg.startswith(theirs)), "it is odd")
        line = f"line {problem.lineno}, " if problem.lineno > 1 else ""
        raise ValueError(f"{words} ({line}column {problem.colno})") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it gives {printable(next(n for n in names if names.count(n) > 1), 60)} twice")
    return members


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= LONGEST_WHOLE else text


def _finite(text: str) -> float | str:
    value = float(text)
    return text if value in INFINITE or value != value else value  # noqa: PLR0124 (only NaN is not itself)


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= DEEPEST:
        return 0
    depth = deepest = 0
    quoted = escaped = False
    for c in text:
        if quoted:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEEPEST:
                return deepest
        elif c in "]}":
            depth -= 1
    return deepest


def from_yaml(text: str, ends: float) -> list[Any]:
    """Return the documents of a YAML text that are not empty; ValueError says why there are none.

    TimeoutError where reading it takes until `ends` (monotonic seconds), OverflowError where it is more than is read.
    Names stay as they are written, and so do times of day, dates, and what is no finite number.
    """
    import yaml  # noqa: PLC0415 (only a run that needs it pays for it)

    building = _Building(ends)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            building.take(event)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(f"{printable(problem.problem or problem.context)}{where}") from None
    except yaml.YAMLError as problem:
        raise ValueError(printable(str(problem).partition("\n")[0])) from None
    return building.documents


@dataclass
class _Open:
    """A mapping or list that is being read; `key` is the name whose value comes next.

    `before` is how many values were counted when it began, `height` how many levels there are in it.
    """

    is_mapping: bool
    anchor: str | None
    before: int
    height: int = 1
    key: str | None = None
    is_merge: bool = False
    elements: list[Any] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)
    merged: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wants_name(self) -> bool:
        """Whether what comes next is a name."""
        return self.is_mapping and self.key is None


class _Building:
    """Values made of the events of a YAML text, one after another: nothing here is recursive."""

    def __init__(self, ends: float) -> None:
        import yaml  # noqa: PLC0415

        self.ends = ends
        self.documents: list[Any] = []
        self.anchors: dict[str, tuple[Any, int, int]] = {}
        self.open: list[_Open] = []
        self.taken = 0
        self.nodes = 0
        self.node = yaml.ScalarNode
        self.resolver: Any = yaml.SafeLoader("")
        self.steps = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._begin,
            yaml.SequenceStartEvent: self._begin,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.DocumentStartEvent: self._document,
        }

    def take(self, event: Any) -> None:
        """Take the next event; ValueError names the line of what cannot be taken."""
        self.taken += 1
        if self.taken % 1000 == 0 and time.monotonic() > self.ends:
            raise TimeoutError
        step = self.steps.get(type(event))
        if step is None:
            return
        try:
            step(event)
        except NestedError:
            raise
        except ValueError as problem:
            raise ValueError(f"{problem} in line {event.start_mark.line + 1}") from None

    def _document(self, event: Any) -> None:  # noqa: ARG002
        self.anchors.clear()

    def _scalar(self, event: Any) -> None:
        self._refuse(event.tag, *SCALARS)
        top = self.open[-1] if self.open else None
        is_name = top is not None and top.wants_name
        value = event.value if is_name else self._plain(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1, 0)
        if top is not None and is_name:
            if value in top.members:
                raise ValueError(f"it gives {printable(value, 60)} twice")
            top.key, top.is_merge = value, event.implicit[0] and value == "<<"
        elif top is not None or value is not None:  # else it is an empty document
            self._count(1)
            self._add(value, 0)

    def _plain(self, event: Any) -> Any:
        text: str = event.value
        tag = event.tag
        if tag in {None, "!"}:
            tag = self.resolver.resolve(self.node, text, event.implicit) if tag is None else f"{YAML}str"
        kind = tag.removeprefix(YAML)
        if kind == "null":
            return None
        if kind == "bool":
            return self._constructed(text, "bool")
        if kind in {"int", "float"} and ":" not in text:
            if kind == "int":
                return self._constructed(text, "int")
            number = self._constructed(text, "float")
            return text if number in INFINITE or number != number else number  # noqa: PLR0124
        return text

    def _constructed(self, text: str, kind: str) -> Any:
        try:
            return getattr(self.resolver, f"construct_yaml_{kind}")(self.node(f"{YAML}{kind}", text))
        except (ValueError, KeyError, IndexError, OverflowError):
            raise ValueError(f"{printable(text, 60)} is no {kind}") from None

    def _refuse(self, tag: str | None, *known: str) -> None:
        if tag not in {None, "!"} and str(tag).removeprefix(YAML) not in known:
            raise ValueError(f"the tag {printable(str(tag).replace(YAML, '!!'), 60)} means nothing here")

    def _alias(self, event: Any) -> None:
        name = printable(event.anchor, 60)
        if self.open and self.open[-1].wants_name:
            raise ValueError(f"the alias *{name} stands for a name")
        if event.anchor not in self.anchors:
            raise ValueError(f"the alias *{name} stands for nothing that is complete before it")
        value, nodes, height = self.anchors[event.anchor]
        if len(self.open) + height > DEEPEST:
            raise NestedError
        self._count(nodes)
        self._add(value, height)

    def _begin(self, event: Any) -> None:
        is_mapping = type(event).__name__ == "MappingStartEvent"
        self._refuse(event.tag, "map" if is_mapping else "seq")
        if self.open and self.open[-1].wants_name:
            raise ValueError("a name is not plain text")
        if len(self.open) >= DEEPEST:
            raise NestedError
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        self.open.append(_Open(is_mapping, event.anchor, self.nodes))
        self._count(1)

    def _end(self, event: Any) -> None:  # noqa: ARG002
        done = self.open.pop()
        value: Any = done.members if done.is_mapping else done.elements
        for one in done.merged:
            value = one | value
        if done.anchor:
            self.anchors[done.anchor] = (value, self.nodes - done.before, done.height)
        self._add(value, done.height)

    def _count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise OverflowError(f"it has more than the {MOST_NODES} values that are read")

    def _add(self, value: Any, height: int) -> None:
        if not self.open:
            self.documents.append(value)
            return
        top = self.open[-1]
        top.height = max(top.height, height + 1)
        if not top.is_mapping:
            top.elements.append(value)
            return
        key, top.key = top.key, None
        assert key is not None
        if top.is_merge:
            top.merged += _mappings(value)
        else:
            top.members[key] = value


def _mappings(value: Any) -> list[dict[str, Any]]:
    """Return what a merge brings, what counts most first."""
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in found):
        raise ValueError("what is merged is no mapping")
    return found
