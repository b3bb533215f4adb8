"""Whom an Alertmanager tells of an alert, as its configuration has it (spec 4.8)."""

import re
from collections.abc import Mapping

from healthgate import Facts, NoData, shown

MATCHER = re.compile(r'([a-zA-Z_:][\w:]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^,{}"]*)')
BETWEEN = re.compile(r"[\s,{}]*")

DEEPEST = 20
"""Levels of routes that are followed."""


def receivers(configuration: Facts, labels: Mapping[str, str]) -> list[str]:
    """Return the names of the receivers that are told of an alert with these labels, in order."""
    route = configuration["route"]
    return _told(route, labels, route.text("receiver"), 0) or [route.text("receiver")]


def all_receivers(configuration: Facts) -> list[str]:
    """Return the names of the receivers that some route leads to."""
    return _named(configuration["route"], 0)


def _named(route: Facts, depth: int) -> list[str]:
    if depth > DEEPEST:
        raise NoData(f"the routes are nested deeper than {DEEPEST} levels")
    own = [route.text("receiver")] if route.has("receiver") else []
    below = route.elements("routes") if route.has("routes") else []
    return own + [name for child in below for name in _named(child, depth + 1)]


def integrations(configuration: Facts, names: list[str], kind: str) -> list[Facts]:
    """Return what receivers of these names have of a kind, such as `slack_configs`."""
    found: list[Facts] = []
    for receiver in configuration.elements("receivers"):
        if receiver.text("name") in names and receiver.has(kind):
            found += receiver.elements(kind)
    return found


def _told(route: Facts, labels: Mapping[str, str], receiver: str, depth: int) -> list[str]:
    """Return who is told by a route that matched or is the root: its children in order, itself where none matches."""
    if depth > DEEPEST:
        raise NoData(f"the routes are nested deeper than {DEEPEST} levels")
    own = route.text("receiver") if route.has("receiver") else receiver
    found: list[str] = []
    for child in route.elements("routes") if route.has("routes") else []:
        if not _matches(child, labels):
            continue
        found += _told(child, labels, own, depth + 1)
        if not (child.has("continue") and child.boolean("continue")):
            break
    return found or [own]


def _matches(route: Facts, labels: Mapping[str, str]) -> bool:
    route.members()  # anything else is no route
    wanted: list[tuple[str, str, str]] = []
    for kind, sign in (("match", "="), ("match_re", "=~")):
        if route.has(kind):
            wanted += [(name, sign, str(value.raw)) for name, value in route.members(kind).items()]
    if route.has("matchers"):
        written = route.at("matchers")
        texts = [written.text()] if isinstance(written.raw, str) else [one.text() for one in written.elements()]
        wanted += [matcher for text in texts for matcher in _matchers(text)]
    return all(holds(sign, value, labels.get(name, "")) for name, sign, value in wanted)


def _matchers(text: str) -> list[tuple[str, str, str]]:
    found = list(MATCHER.finditer(text))
    if not found or BETWEEN.fullmatch(MATCHER.sub("", text)) is None:
        raise NoData(f"{shown(text)} is no matcher of a route")
    return [(one[1], one[2], _plain(one[3])) for one in found]


def _plain(value: str) -> str:
    value = value.strip()
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def holds(sign: str, wanted: str, value: str) -> bool:
    """Whether a value is what a matcher wants of it; NoData where what it wants is no regular expression."""
    if sign in {"=", "!="}:
        return (value == wanted) is (sign == "=")
    try:
        return (re.fullmatch(wanted, value) is not None) is (sign == "=~")
    except re.error:
        raise NoData(f"{shown(wanted)} is no regular expression") from None
