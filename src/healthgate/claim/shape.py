"""What a JSON body must look like, as data: a path for each member, and what is expected there.

`*` in a path stands for each element of a list or each member of an object. Every deviation is named at once: a member
that is missing, of the wrong type or out of range is a deviation here, not missing data.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from healthgate.claim.facts import Facts, LeftOut, NoData
from healthgate.printable import shown


@dataclass(frozen=True)
class Expected:
    """What is expected of a member: in `words`, and `wrong`, which returns what else it should be, None if it is that.

    `chosen` members stand in no document: where an environment says that they are absent, nothing is expected of them.
    """

    words: str
    wrong: Callable[[Facts], str | None]
    chosen: bool = False

    def __call__(self, node: Facts) -> str | None:
        """Return in words what was expected if the node is not that, else None."""
        try:
            return self.wrong(node)
        except NoData:
            return self.words


Shape: TypeAlias = Mapping[str, Expected]


def chosen(expected: Expected) -> Expected:
    """Return what is expected of a member that stands in no document."""
    return replace(expected, chosen=True)


def all_chosen(shape: Shape) -> Shape:
    """Return a shape of which no member stands in any document."""
    return {path: chosen(expected) for path, expected in shape.items()}


def number(low: float | None = None, high: float | None = None, *, above: float | None = None) -> Expected:
    """A finite number within these bounds; it must lie strictly over `above`."""
    words = "a number" + _range(low, high, above)
    return Expected(words, lambda node: None if _within(node.number(), low, high, above) else words)


def whole(low: float | None = None, high: float | None = None) -> Expected:
    """A whole number within these bounds."""
    words = "a whole number" + _range(low, high, None)
    return Expected(words, lambda node: None if _within(node.integer(), low, high, None) else words)


def text(pattern: str = "") -> Expected:
    """A text, matching the whole `pattern` if there is one."""
    words = f"a text like {pattern}" if pattern else "a text"

    def wrong(node: Facts) -> str | None:
        value = node.text()
        return None if not pattern or re.fullmatch(pattern, value) else words

    return Expected(words, wrong)


def one_of(*allowed: str) -> Expected:
    """One of these texts."""
    words = f"one of {', '.join(allowed)}"
    return Expected(words, lambda node: None if node.text() in allowed else words)


boolean = Expected("true or false", lambda node: None if isinstance(node.raw, bool) else "true or false")
"""Either true or false."""

true = Expected("true", lambda node: None if node.raw is True else "true")
"""The value true."""

figure = Expected(
    "a number, true or false", lambda node: None if isinstance(node.raw, bool) or node.number() is not None else ""
)
"""A number, or true or false."""

UTC_WORDS = "a time in UTC such as 2026-03-02T09:15:00Z"


def _utc(node: Facts) -> str | None:
    node.moment()
    return None if node.text().endswith(("Z", "+00:00")) else UTC_WORDS


utc = Expected(UTC_WORDS, _utc)
"""A moment in UTC, as in 2026-03-02T09:15:00Z."""

utc_with_z = Expected(
    UTC_WORDS, lambda node: _utc(node) or (None if node.text().endswith("Z") else "a time in UTC ending in Z")
)
"""A moment in UTC that ends in Z."""


def elements(at_least: int = 0, of: Expected | None = None) -> Expected:
    """A list with this many elements or more, each as expected."""
    words = f"a list of at least {at_least}" if at_least else "a list"

    def wrong(node: Facts) -> str | None:
        found = node.elements()
        if len(found) < at_least:
            return words
        other = next(filter(None, map(of, found)), None) if of else None
        return f"a list, each {other}" if other else None

    return Expected(words, wrong)


def members(count: int | None = None, of: Expected | None = None) -> Expected:
    """An object, with exactly this many members if a count is given, each as expected."""
    words = "an object" if count is None else f"an object with {count} members"

    def wrong(node: Facts) -> str | None:
        found = node.members()
        if count is not None and len(found) != count:
            return words
        other = next(filter(None, map(of, found.values())), None) if of else None
        return f"an object, each member {other}" if other else None

    return Expected(words, wrong)


def only(*names: str) -> Expected:
    """An object without members beyond these."""

    def wrong(node: Facts) -> str | None:
        more = [name for name in node.members() if name not in names]
        return f"an object with only {', '.join(names)} (there is also {', '.join(more[:3])})" if more else None

    return Expected("an object", wrong)


def unique(member: str) -> Expected:
    """A list in which no two elements have the same text at `member`."""

    def wrong(node: Facts) -> str | None:
        seen = [element.at(member).raw for element in node.elements() if element.has(member)]
        texts = [value for value in seen if isinstance(value, str)]
        twice = sorted({value for value in texts if texts.count(value) > 1})
        return f"a list with every {member} once ({', '.join(twice[:3])} is there more than once)" if twice else None

    return Expected("a list", wrong)


def both(first: Expected, second: Expected) -> Expected:
    """What two expectations ask for together."""
    return Expected(first.words, lambda node: first(node) or second(node))


def or_null(expected: Expected) -> Expected:
    """Null, or what is expected."""

    def wrong(node: Facts) -> str | None:
        other = None if node.raw is None else expected(node)
        return f"{other} or null" if other else None

    return Expected(f"{expected.words} or null", wrong)


def null_only_if_false(flag: str, member: str) -> Expected:
    """An object whose `member` may be null only where its `flag` is false."""

    def wrong(node: Facts) -> str | None:
        null = node.has(member) and node.at(member).raw is None
        excused = node.has(flag) and node.at(flag).raw is False
        return f"an object whose {member} is null only if {flag} is false" if null and not excused else None

    return Expected("an object", wrong)


def under(path: str, shape: Shape) -> Shape:
    """Return `shape` as it is expected below `path`."""
    return {f"{path}.{below}": expected for below, expected in shape.items()}


def deviations(body: Facts, shape: Shape) -> list[str]:
    """Return every way in which `body` is not of this shape, in words; what is absent by the profile's word is none.

    LeftOut where all of it is absent: then nothing was looked at.
    """
    found: dict[str, None] = {}
    absent: list[LeftOut] = []
    seen = False

    def missing(nothing: NoData) -> None:
        if isinstance(nothing, LeftOut):
            absent.append(nothing)
        else:
            found[str(nothing)] = None

    for path, expected in shape.items():
        for node in body.matches(path, missing):
            seen = True
            if wrong := expected(node):
                found[f"{node.path or 'the body'} is {shown(node.raw)}, not {wrong}"] = None
    if absent and not seen and not found:
        raise absent[0]
    return list(found)


def _within(value: float, low: float | None, high: float | None, above: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high) and (above is None or value > above)


def _range(low: float | None, high: float | None, above: float | None) -> str:
    if above is not None:
        return f" above {above:g}"
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}" if low != high else f" that is {low:g}"
    return f" of at least {low:g}" if low is not None else ""
