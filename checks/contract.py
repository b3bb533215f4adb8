"""What a JSON body must look like, as data: a path for each member, and what is expected there.

`*` in a path stands for each element of a list or each member of an object. A contract tells every deviation
at once: a member that is missing, of the wrong type or out of range is a finding here, not missing data.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from checks.findings import listed
from healthgate import Facts, Measured, NoData, Source, measure, shown

Expectation: TypeAlias = Callable[[Facts], str | None]
"""Returns what was expected in words if the node is not that, else None."""

Shape: TypeAlias = Mapping[str, Expectation]


def number(low: float | None = None, high: float | None = None, *, above: float | None = None) -> Expectation:
    """A finite number within these bounds; it must lie strictly over `above`."""
    words = "a number" + _range(low, high, above)

    def expect(node: Facts) -> str | None:
        value = node.number()
        return None if _within(value, low, high, above) else words

    return _worded(words, expect)


def whole(low: float | None = None, high: float | None = None) -> Expectation:
    """A whole number within these bounds."""
    words = "a whole number" + _range(low, high, None)

    def expect(node: Facts) -> str | None:
        value = node.integer()
        return None if _within(value, low, high, None) else words

    return _worded(words, expect)


def text(pattern: str = "") -> Expectation:
    """A text, matching the whole `pattern` if there is one."""
    words = f"a text like {pattern}" if pattern else "a text"

    def expect(node: Facts) -> str | None:
        value = node.text()
        return None if not pattern or re.fullmatch(pattern, value) else words

    return _worded(words, expect)


def one_of(*allowed: str) -> Expectation:
    """One of these texts."""
    words = f"one of {', '.join(allowed)}"

    def expect(node: Facts) -> str | None:
        return None if node.text() in allowed else words

    return _worded(words, expect)


def boolean(node: Facts) -> str | None:
    """Either true or false."""
    return None if isinstance(node.raw, bool) else "true or false"


def true(node: Facts) -> str | None:
    """The value true."""
    return None if node.raw is True else "true"


def utc(node: Facts) -> str | None:
    """A moment in UTC, as in 2026-03-02T09:15:00Z."""
    words = "a time in UTC such as 2026-03-02T09:15:00Z"
    try:
        node.moment()
    except NoData:
        return words
    return None if node.text().endswith(("Z", "+00:00")) else words


def utc_with_z(node: Facts) -> str | None:
    """A moment in UTC that ends in Z."""
    return utc(node) or (None if node.text().endswith("Z") else "a time in UTC ending in Z")


def elements(at_least: int = 0, of: Expectation | None = None) -> Expectation:
    """A list with this many elements or more, each as expected."""
    words = f"a list of at least {at_least}" if at_least else "a list"

    def expect(node: Facts) -> str | None:
        found = node.elements()
        if len(found) < at_least:
            return words
        wrong = next(filter(None, map(of, found)), None) if of else None
        return f"a list, each {wrong}" if wrong else None

    return _worded(words, expect)


def members(count: int | None = None, of: Expectation | None = None) -> Expectation:
    """An object, with exactly this many members if a count is given, each as expected."""
    words = "an object" if count is None else f"an object with {count} members"

    def expect(node: Facts) -> str | None:
        found = node.members()
        if count is not None and len(found) != count:
            return words
        wrong = next(filter(None, map(of, found.values())), None) if of else None
        return f"an object, each member {wrong}" if wrong else None

    return _worded(words, expect)


def only(*names: str) -> Expectation:
    """An object without members beyond these."""

    def expect(node: Facts) -> str | None:
        more = [name for name in node.members() if name not in names]
        return f"an object with only {', '.join(names)} (there is also {', '.join(more[:3])})" if more else None

    return _worded("an object", expect)


def unique(member: str) -> Expectation:
    """A list in which no two elements have the same text at `member`."""

    def expect(node: Facts) -> str | None:
        seen = [element.at(member).raw for element in node.elements() if element.has(member)]
        texts = [value for value in seen if isinstance(value, str)]
        twice = sorted({value for value in texts if texts.count(value) > 1})
        return f"a list with every {member} once ({', '.join(twice[:3])} is there more than once)" if twice else None

    return _worded("a list", expect)


def both(first: Expectation, second: Expectation) -> Expectation:
    """What two expectations ask for together."""
    return lambda node: first(node) or second(node)


def or_null(expected: Expectation) -> Expectation:
    """Null, or what is expected."""

    def expect(node: Facts) -> str | None:
        wrong = None if node.raw is None else expected(node)
        return f"{wrong} or null" if wrong else None

    return expect


def null_only_if_false(flag: str, member: str) -> Expectation:
    """An object whose `member` may be null only where its `flag` is false."""

    def expect(node: Facts) -> str | None:
        null = node.has(member) and node.at(member).raw is None
        excused = node.has(flag) and node.at(flag).raw is False
        return f"an object whose {member} is null only if {flag} is false" if null and not excused else None

    return expect


def under(path: str, shape: Shape) -> Shape:
    """Return `shape` as it is expected below `path`."""
    return {f"{path}.{below}": expected for below, expected in shape.items()}


def deviations(body: Facts, shape: Shape) -> list[str]:
    """Return every way in which `body` is not of this shape, in words."""
    found: dict[str, None] = {}
    for path, expected in shape.items():
        for node in body.matches(path, lambda nothing: found.setdefault(str(nothing))):
            if wrong := expected(node):
                found[f"{node.path or 'the body'} is {shown(node.raw)}, not {wrong}"] = None
    return list(found)


def kept(body: Source, shape: Shape) -> Source:
    """Return a source that counts the deviations of `body` from `shape` and lists them."""

    @measure(body)
    def counted(facts: Facts) -> Measured:
        found = deviations(facts, shape)
        return Measured(len(found), listed(found))

    return counted


def _worded(words: str, expect: Expectation) -> Expectation:
    def check(node: Facts) -> str | None:
        try:
            return expect(node)
        except NoData:
            return words

    return check


def _within(value: float, low: float | None, high: float | None, above: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high) and (above is None or value > above)


def _range(low: float | None, high: float | None, above: float | None) -> str:
    if above is not None:
        return f" above {above:g}"
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}" if low != high else f" that is {low:g}"
    return f" of at least {low:g}" if low is not None else ""
