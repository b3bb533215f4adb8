"""What a Prometheus answers: vectors, matrices, rules, targets, alerts, its configuration."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from healthgate.claim.facts import Facts, NoData, iso_moment
from healthgate.claim.here import AS_DOCUMENTED, Here
from healthgate.claim.observation import Observation
from healthgate.duration import spoken
from healthgate.printable import printable
from healthgate.probes.http_answer import Answer

NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|NaN|[-+]?Inf")


SPAN = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")


UNITS = (365 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1, 0.001)


LONGEST_CONFIG = 300_000
"""Characters of a configuration that are read as YAML."""


INFO = "PromQL info:"
"""What a hint on a query begins with, which says nothing against its result."""


AHEAD = 5.0
"""Seconds by which a server's clock may be ahead of ours before its times are not believed."""


def prometheus_seconds(text: str) -> float:
    """Return the seconds of a duration as Prometheus writes it, such as 30d or 1h30m; NoData for anything else."""
    found = SPAN.fullmatch(text)
    if text == "0":
        return 0.0
    if found is None or not text:
        raise NoData(f"{printable(text, 40)} is not a duration as Prometheus writes it")
    return float(sum(int(number) * unit for number, unit in zip(found.groups(), UNITS, strict=True) if number))


def data_of(observation: Observation, explained_by: str | None = None) -> Facts:
    """Return the `data` of an answer; NoData where it was refused, is partial, or is none of a Prometheus.

    `explained_by` is told where there is no answer of a Prometheus at all, not where one refuses or is partial.
    """
    answer = Answer(observation)
    if answer.status != "answered":
        raise NoData(answer.error, explained_by)
    content = answer.content
    if isinstance(content, dict) and content.get("status") == "error":
        kind, text = (printable(content.get(key, ""), 200) for key in ("errorType", "error"))
        raise NoData(f"Prometheus answered {answer.code} and {kind}: {text}")
    try:
        facts = answer.body()
    except NoData as nothing:
        raise NoData(str(nothing), explained_by) from None
    if not isinstance(content, dict) or content.get("status") != "success":
        raise NoData("the answer is JSON, but none of a Prometheus: its status is not success", explained_by)
    if warnings := _warnings(content.get("warnings")):
        raise NoData(f"Prometheus warns that the answer may be partial: {printable(warnings[0], 200)}")
    if content.get("isPartial"):
        raise NoData("Prometheus says that the answer is partial")
    return facts.at("data")


def _warnings(told: Any) -> list[Any]:
    """Return the warnings that say something may be missing; versions before 3 give hints on the query among them."""
    several = told if isinstance(told, list) else [told] if told else []
    return [one for one in several if not (isinstance(one, str) and one.startswith(INFO))]


@dataclass(frozen=True)
class Line:
    """One series of a result: its labels, and its values with their times (seconds since 1970), the oldest first."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    def __str__(self) -> str:
        return spelt(self.labels)


def spelt(labels: Mapping[str, str]) -> str:
    """Return a series as Prometheus writes it: its name, and its labels in braces."""
    name = labels.get("__name__", "")
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__")
    return printable(f"{name}{{{inside}}}", 120)


class Result:
    """What a query brought: `lines`, never none. `here` says what labels say where the documents have another value."""

    def __init__(self, expression: str, lines: tuple[Line, ...], here: Here = AS_DOCUMENTED) -> None:
        self.expression = expression
        self.lines = lines
        self.here = here

    def having(self, **labels: str) -> list[Line]:
        """Return the series with these labels, at least one, all of finite numbers."""
        labels = self.here.labelled(labels)
        found = [line for line in self.lines if labels.items() <= line.labels.items()]
        if not found:
            raise NoData(f"{printable(self.expression, 120)} gives no series {spelt(labels)}; it gives {self.lines[0]}")
        for line in found:
            for _, value in line.points:
                if value - value != 0:
                    raise NoData(f"{line} is {value}, not a finite number")
        return found

    def one(self, **labels: str) -> Line:
        """Return the only series with these labels."""
        found = self.having(**labels)
        if len(found) > 1:
            seen = f"{len(found)} series where one is expected: {found[0]}, {found[1]}"
            raise NoData(f"{printable(self.expression, 120)} gives {seen}")
        return found[0]


class Vector(Result):
    """What an instant query brought: one number a series."""

    def number(self, **labels: str) -> float:
        """Return the value of the only series with these labels."""
        return self.one(**labels).points[0][1]

    def total(self, **labels: str) -> float:
        """Return the sum of the series with these labels."""
        return sum(line.points[0][1] for line in self.having(**labels))

    def by(self, label: str, **labels: str) -> dict[str, float]:
        """Return the values by what a label says; NoData where two series say the same, or one does not say it."""
        found: dict[str, float] = {}
        for line in self.having(**labels):
            named = line.labels.get(label)
            if named is None or named in found:
                raise NoData(f"{printable(label, 60)} does not tell the series apart: {line}")
            found[named] = line.points[0][1]
        return found


class Matrix(Result):
    """What a query for a time brought: numbers with their times."""

    def points(self, **labels: str) -> tuple[tuple[float, float], ...]:
        """Return times (seconds since 1970) and values of the only series with these labels, the oldest first."""
        return self.one(**labels).points


def result_of(data: Facts, expression: str, *kinds: str) -> tuple[Line, ...]:
    """Return the series of a result that is of one of these kinds; NoData where it is another or empty."""
    kind = data.text("resultType")
    if kind not in kinds:
        raise NoData(f"{printable(expression, 120)} gives a {printable(kind, 40)}, not a {kinds[0]}")
    if kind == "scalar":
        return (Line({}, (_point(data.at("result")),)),)
    lines: dict[frozenset[tuple[str, str]], Line] = {}
    for one in data.elements("result"):
        labels = {name: node.text() for name, node in one.members("metric").items()}
        if one.has("histogram") or one.has("histograms"):
            raise NoData(f"{spelt(labels)} is a histogram, not a number")
        points = (_point(one.at("value")),) if kind == "vector" else tuple(map(_point, one.elements("values")))
        if not points or any(a[0] >= b[0] for a, b in pairwise(points)):
            raise NoData(f"the values of {spelt(labels)} are none, or not in the order of time")
        if lines.setdefault(frozenset(labels.items()), line := Line(labels, points)) is not line:
            raise NoData(f"{line} is given twice")
    if not lines:
        raise NoData(f"{printable(expression, 120)} gives no series: nothing of that name was scraped of late")
    return tuple(lines.values())


def _point(node: Facts) -> tuple[float, float]:
    pair = node.elements()
    if len(pair) != 2:
        raise NoData(f"{node.path} is not a time and a value")
    text = pair[1].text()
    if NUMBER.fullmatch(text) is None:
        raise NoData(f"{pair[1].path} is {printable(text, 40)}, not a number")
    return pair[0].number(), float(text)


@dataclass(frozen=True)
class Rule:
    """A rule as it is loaded. `lasting` is its `for` in seconds; `state` of an alert is inactive, pending or firing.

    `health` is ok, err or unknown (not evaluated yet), `error` what the last evaluation said, `age` the seconds since
    that evaluation (None: there was none).
    """

    name: str
    kind: str
    expression: str
    labels: Mapping[str, str]
    health: str
    error: str
    lasting: float
    state: str
    age: float | None


class Rules:
    """The rules a Prometheus has loaded."""

    def __init__(self, data: Facts, at: float) -> None:
        if data.has("groupNextToken"):
            raise NoData("the rules are only a part of those that are loaded")
        groups = data.elements("groups")
        self.all = tuple(_rule(rule, at) for group in groups for rule in group.elements("rules"))

    def named(self, name: str) -> Rule:
        """Return the only rule of a name, alert or recorded series; NoData where there is none or more than one."""
        found = [rule for rule in self.all if rule.name == name]
        if not found:
            raise NoData(f"no rule {printable(name, 80)} is loaded (there are {len(self.all)})")
        if len(found) > 1:
            raise NoData(f"{len(found)} rules {printable(name, 80)} are loaded")
        return found[0]


def _rule(rule: Facts, at: float) -> Rule:
    kind = rule.text("type")
    alerting = kind == "alerting"
    return Rule(
        name=rule.text("name"),
        kind=kind,
        expression=rule.text("query"),
        labels=_labels(rule, "labels"),
        health=rule.text("health"),
        error=printable(rule.text("lastError"), 200) if rule.has("lastError") else "",
        lasting=rule.number("duration") if alerting else 0.0,
        state=rule.text("state") if alerting else "",
        age=_age(rule, "lastEvaluation", at),
    )


def _labels(node: Facts, name: str) -> dict[str, str]:
    return {key: value.text() for key, value in node.members(name).items()} if node.has(name) else {}


def _age(node: Facts, name: str, at: float) -> float | None:
    """Return how many seconds before `at` a moment was; None for one that has not come yet (year 1)."""
    moment = iso_moment(node.text(name))
    if moment is None:
        node.moment(name)  # says what stands there instead
    if moment is None or moment <= 0:
        return None
    if moment > at + AHEAD:
        raise NoData(f"{node.path}.{name} is {spoken(round(moment - at))} from now: its clock or ours is wrong")
    return max(0.0, at - moment)


@dataclass(frozen=True)
class Target:
    """Something that is scraped. `health` is up, down or unknown (not scraped yet), `url` with path and parameters.

    `interval` in seconds, None where an older server does not say; `age` the seconds since the last scrape, None where
    there was none; `error` is what the last scrape said.
    """

    labels: Mapping[str, str]
    pool: str
    url: str
    health: str
    error: str
    interval: float | None
    age: float | None

    @property
    def up(self) -> bool:
        """Whether the last scrape went well; NoData where there was none yet."""
        if self.health not in {"up", "down"} or self.age is None:
            raise NoData(f"{spelt(self.labels)} has not been scraped yet")
        return self.health == "up"


class Targets:
    """What a Prometheus scrapes."""

    def __init__(self, data: Facts, at: float) -> None:
        self.all = tuple(_target(target, at) for target in data.elements("activeTargets"))

    def having(self, **labels: str) -> tuple[Target, ...]:
        """Return the targets with these labels, which may be none."""
        return tuple(target for target in self.all if labels.items() <= target.labels.items())

    def one(self, **labels: str) -> Target:
        """Return the only target with these labels; NoData where there is none or more than one."""
        found = self.having(**labels)
        if len(found) != 1:
            raise NoData(f"{len(found)} targets are {spelt(labels)}, where one is expected")
        return found[0]


def _target(target: Facts, at: float) -> Target:
    return Target(
        labels=_labels(target, "labels"),
        pool=target.text("scrapePool") if target.has("scrapePool") else "",
        url=target.text("scrapeUrl"),
        health=target.text("health"),
        error=printable(target.text("lastError"), 200),
        interval=prometheus_seconds(target.text("scrapeInterval")) if target.has("scrapeInterval") else None,
        age=_age(target, "lastScrape", at),
    )


@dataclass(frozen=True)
class Alert:
    """An alert that is pending or firing, and for how many seconds it has been active."""

    name: str
    labels: Mapping[str, str]
    state: str
    age: float | None


class Alerts:
    """The alerts that are pending or firing."""

    def __init__(self, data: Facts, at: float) -> None:
        self.all = tuple(_alert(alert, at) for alert in data.elements("alerts"))

    def firing(self, name: str | None = None, **labels: str) -> tuple[Alert, ...]:
        """Return the alerts that fire, of that name and with these labels."""
        return self._in("firing", name, labels)

    def pending(self, name: str | None = None, **labels: str) -> tuple[Alert, ...]:
        """Return the alerts that are pending, of that name and with these labels."""
        return self._in("pending", name, labels)

    def _in(self, state: str, name: str | None, labels: Mapping[str, str]) -> tuple[Alert, ...]:
        named = [one for one in self.all if one.state == state and name in {None, one.name}]
        return tuple(one for one in named if labels.items() <= one.labels.items())


def _alert(alert: Facts, at: float) -> Alert:
    labels, state = _labels(alert, "labels"), alert.text("state")
    if state not in {"pending", "firing"} or "alertname" not in labels:
        raise NoData(f"{alert.path} is no alert that is pending or firing")
    return Alert(labels["alertname"], labels, state, _age(alert, "activeAt", at))


class Configuration:
    """What a Prometheus is configured with; secrets stand in it as <secret>."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def job(self, name: str) -> Facts:
        """Return the scrape configuration of a job; NoData where there is none."""
        if self.facts.has("scrape_configs"):
            for job in self.facts.elements("scrape_configs"):
                if job.text("job_name") == name:
                    return job
        raise NoData(f"no job {printable(name, 80)} is configured")


@functools.lru_cache(maxsize=8)
def from_yaml(text: str) -> Any:
    """Return what a configuration in YAML holds; NoData where it cannot be read."""
    import yaml  # noqa: PLC0415

    if len(text) > LONGEST_CONFIG:
        raise NoData(f"the configuration has {len(text)} characters, more than the {LONGEST_CONFIG} that are read")
    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        words = getattr(problem, "problem", None) or "it cannot be understood"
        raise NoData(f"the configuration is not YAML: {printable(words, 200)}") from None
