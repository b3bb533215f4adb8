"""A Prometheus server: what its query, rules, targets, alerts and status APIs answer, believed only where it is whole.

An answer with a warning, of another kind than was asked for, or with no series is no data: what lacks the series says
nothing of what the series would have said.
"""

import functools
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Lacking, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.duration import seconds, spoken
from healthgate.probes.exposition import Exposition, ExpositionRequest
from healthgate.probes.exposition_format import Page
from healthgate.probes.http import HttpRequest
from healthgate.probes.prometheus_answers import (
    Alerts,
    Configuration,
    Line,
    Matrix,
    Rules,
    Targets,
    Vector,
    data_of,
    from_yaml,
    prometheus_seconds,
    result_of,
    spelt,
)

if TYPE_CHECKING:
    from healthgate.secret import Secret

SELECTED = re.compile(r"\[([0-9a-z]+)\]")
"""A window in an expression, such as [5m]."""


class Prometheus:
    """A Prometheus named by a setting of a system: `url` and, where one is set, `token` (sent as bearer).

    Each method returns a probe; the same expression asked for twice is one request. `proven_by` is the check that
    says whether the server answers. `explained_by` is the one that tells best that it cannot be reached, or that what
    answers is no Prometheus: what has no data for that is blocked by it, so that one dead server is one incident.
    """

    def __init__(
        self,
        system: type[System],
        *,
        url: str = "prometheus_url",
        token: str = "prometheus_token",  # noqa: S107 (the name of a setting)
        proven_by: str | None = None,
        explained_by: str | None = None,
    ) -> None:
        self.system = system
        self.url = url
        self.token = token
        self.proven_by = proven_by
        self.explained_by = explained_by
        self._queries: dict[str, Query] = {}
        self._ranges: dict[tuple[str, ...], Range | Raw] = {}
        self._states: dict[str, Status] = {}

    @property
    def label(self) -> str:
        """What requests to this server are called."""
        return self.url.removesuffix("_url")

    def query(self, expression: str) -> "Query":
        """Return an instant query, for a Vector. A value in it may be as old as the server looks back (5 minutes).

        Windows in it, such as `[1h]`, are those of production: where time passes faster, they are asked for shorter.
        """
        return self._queries.setdefault(expression, Query(self, expression))

    def recent(self, selector: str, within: str) -> "Query":
        """Return an instant query for what of `selector` was scraped `within` the last while (as in 90s)."""
        return self.query(f"{selector} and timestamp({selector}) >= time() - {seconds(within):g}")

    def range(self, expression: str, *, back: str, step: str) -> "Range":
        """Return a range query from `back` ago until now, for a Matrix. Between scrapes it repeats the last value."""
        key = (expression, back, step)
        found = self._ranges.setdefault(key, Range(self, expression, seconds(back), seconds(step)))
        assert isinstance(found, Range)
        return found

    def raw(self, selector: str, *, back: str) -> "Raw":
        """Return a query for the samples of `selector` as they were scraped, `back` until now, for a Matrix."""
        found = self._ranges.setdefault((selector, back), Raw(self, selector, seconds(back)))
        assert isinstance(found, Raw)
        return found

    @functools.cached_property
    def rules(self) -> "RulesProbe":
        """All rules that are loaded, and how they stand: Rules."""
        return RulesProbe(self, "rules", "/api/v1/rules")

    @functools.cached_property
    def targets(self) -> "TargetsProbe":
        """What is scraped, and how that went: Targets."""
        return TargetsProbe(self, "targets", "/api/v1/targets?state=active")

    @functools.cached_property
    def alerts(self) -> "AlertsProbe":
        """The alerts that are pending or firing: Alerts. That a rule is loaded at all only `rules` can tell."""
        return AlertsProbe(self, "alerts", "/api/v1/alerts")

    @functools.cached_property
    def configuration(self) -> "ConfigurationProbe":
        """What it is configured with: Configuration."""
        return ConfigurationProbe(self, "configuration", "/api/v1/status/config")

    @functools.cached_property
    def page(self) -> "OwnPage":
        """Its own metrics page: an Exposition, for what only that tells."""
        return OwnPage(self)

    def status(self, name: str) -> "Status":
        """Return what `/api/v1/status/NAME` tells (flags, runtimeinfo, buildinfo, tsdb), as Facts."""
        return self._states.setdefault(name, Status(self, name, f"/api/v1/status/{quote(name)}"))


class Api(Probe):
    """One GET of a path of a Prometheus."""

    def __init__(self, server: Prometheus, what: str, path: str) -> None:
        super().__init__(server.system, server.proven_by)
        self.server = server
        self.what = what
        self.path = path

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.server.url,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} {self.server.label} {self.what}"

    def requests(self, settings: Any) -> list[Request]:
        return [self.request(settings)]

    def request(self, settings: Any) -> HttpRequest:
        """Return the one request that is made with these settings."""
        secret: Secret | None = getattr(settings, self.server.token, None)
        address = getattr(settings, self.server.url)
        return HttpRequest(self.id, "GET", address, self.path, secret, settings.deadline, settings.body_limit)

    def where(self, systems: Mapping[str, System]) -> str:
        return f"{self.what} at {getattr(self.settings(systems), self.server.url, '')}"

    def observed(self, scene: Scene) -> Observation:
        """Return what came, whatever it is."""
        return scene.observation(self.id)

    def data(self, scene: Scene) -> Facts:
        """Return the `data` of a whole answer."""
        return data_of(self.observed(scene), self.server.explained_by)


class Asked(Api):
    """A question in PromQL, asked with the names of metrics and labels as they are here."""

    def __init__(self, server: Prometheus, what: str, route: str, expression: str) -> None:
        super().__init__(server, what, route)
        self.expression = expression

    def request(self, settings: Any) -> HttpRequest:
        query = urlencode({"query": self.spelt(settings)})
        return replace(super().request(settings), path=f"{self.path}?{query}")

    def spelt(self, settings: Any) -> str:
        """Return the expression as it is asked with these settings."""
        return str(settings.here.spelt(self.expression))

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        here = self.settings(systems).here
        for name in here.named_in(self.expression) if here.absent else ():
            if (absence := here.lacks_metric(name)) is not None:
                raise Lacking(f"{self.system.name} lacks {absence}")
        return super().probes(systems)

    def lines(self, scene: Scene, *kinds: str) -> tuple[Line, ...]:
        """Return the series of a result of one of these kinds, their names as documented."""
        here = self.settings(scene.systems).here
        scaled = [name for name in here.named_in(self.expression) if name in here.metrics]
        for name in scaled:
            if here.metrics[name].times != 1:
                raise NoData(f"{name} is {here.metrics[name]} here, which no query can be asked for")
        known = {spelt: name for name, spelt in here.labels.items()}
        known |= {place.path: name for name, place in here.metrics.items()}
        found = result_of(self.data(scene), self.expression, *kinds)
        if not known:
            return found
        return tuple(replace(one, labels=_documented(one.labels, known)) for one in found)


def _documented(labels: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    named = {known.get(name, name): value for name, value in labels.items()}
    return named | ({"__name__": known.get(named["__name__"], named["__name__"])} if "__name__" in named else {})


class OwnPage(Exposition):
    """The metrics page of a Prometheus itself."""

    def __init__(self, server: Prometheus) -> None:
        super().__init__(server.system, "/metrics", url=server.url, proven_by=server.proven_by)
        self.server = server

    def requests(self, settings: Any) -> list[Request]:
        request = self.request(ExpositionRequest, settings)
        return [replace(request, secret=getattr(settings, self.server.token, None))]

    def value(self, scene: Scene) -> Page:
        try:
            return super().value(scene)
        except NoData as nothing:
            raise type(nothing)(str(nothing), nothing.explained_by or self.server.explained_by) from None


QUERY = "/api/v1/query"


def _in_time_of(time_scale: float, expression: str) -> str:
    """Return an expression with its windows as long as they are where time passes so much faster."""
    if time_scale == 1:
        return expression
    return SELECTED.sub(lambda found: f"[{round(prometheus_seconds(found[1]) * 1000 / time_scale)}ms]", expression)


class Query(Asked):
    """An instant query: a Vector. `number`, `labelled` and `total` read one number of it."""

    def __init__(self, server: Prometheus, expression: str) -> None:
        super().__init__(server, f"query {expression}", QUERY, expression)

    def spelt(self, settings: Any) -> str:
        return _in_time_of(settings.time_scale, super().spelt(settings))

    def value(self, scene: Scene) -> Vector:
        return Vector(self.expression, self.lines(scene, "vector", "scalar"), self.settings(scene.systems).here)

    @property
    def number(self) -> "Number":
        """The value of its only series."""
        return Number(self, {})

    def labelled(self, **labels: str) -> "Number":
        """Return the value of the only series with these labels."""
        return Number(self, labels)

    def total(self, **labels: str) -> "Number":
        """Return the sum of the series with these labels."""
        return Sum(self, labels)


class Number(Source):
    """One number of what a query brings."""

    def __init__(self, query: Query, labels: Mapping[str, str]) -> None:
        self.query = query
        self.labels = dict(labels)

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.query.probes(systems)

    def value(self, scene: Scene) -> float:
        return self.query.value(scene).number(**self.labels)

    def where(self, systems: Mapping[str, System]) -> str:
        return self.query.where(systems) + (f" · {spelt(self.labels)}" if self.labels else "")


class Sum(Number):
    """The sum over series of what a query brings."""

    def value(self, scene: Scene) -> float:
        return self.query.value(scene).total(**self.labels)


class Range(Asked):
    """A query for a value at every step of a time until now: a Matrix."""

    def __init__(self, server: Prometheus, expression: str, back: float, step: float) -> None:
        words = f"query {expression} of the last {spoken(back)} every {spoken(step)}"
        super().__init__(server, words, "/api/v1/query_range", expression)
        self.back = back
        self.step = step

    def request(self, settings: Any) -> HttpRequest:
        return RangeRequest(**vars(super().request(settings)), back=self.back, step=self.step)

    def value(self, scene: Scene) -> Matrix:
        return Matrix(self.expression, self.lines(scene, "matrix"), self.settings(scene.systems).here)


@dataclass(frozen=True)
class RangeRequest(HttpRequest):
    """A range query that ends when it is made; `back` and `step` in seconds."""

    back: float
    step: float

    def target(self) -> str:
        now = time.time()
        span = {"start": f"{now - self.back:.3f}", "end": f"{now:.3f}", "step": f"{self.step:.3f}"}
        return f"{self.path}&{urlencode(span)}"


class Raw(Asked):
    """A query for samples as they were scraped, with the times of the scrapes: a Matrix."""

    def __init__(self, server: Prometheus, selector: str, back: float) -> None:
        words = f"samples {selector} of the last {spoken(back)}"
        super().__init__(server, words, QUERY, f"{selector}[{round(back * 1000)}ms]")

    def value(self, scene: Scene) -> Matrix:
        return Matrix(self.expression, self.lines(scene, "matrix"), self.settings(scene.systems).here)


class RulesProbe(Api):
    """The rules of a Prometheus."""

    def value(self, scene: Scene) -> Rules:
        return Rules(self.data(scene), self.observed(scene).at)


class TargetsProbe(Api):
    """The targets of a Prometheus."""

    def value(self, scene: Scene) -> Targets:
        return Targets(self.data(scene), self.observed(scene).at)


class AlertsProbe(Api):
    """The alerts of a Prometheus."""

    def value(self, scene: Scene) -> Alerts:
        return Alerts(self.data(scene), self.observed(scene).at)


class Status(Api):
    """What one of the status pages tells."""

    def value(self, scene: Scene) -> Facts:
        return Facts(self.data(scene).raw)


class ConfigurationProbe(Api):
    """The configuration of a Prometheus."""

    def value(self, scene: Scene) -> Configuration:
        return Configuration(Facts(from_yaml(self.data(scene).text("yaml")), "the configuration"))
