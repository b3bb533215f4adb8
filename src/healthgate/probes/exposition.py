"""A metrics page: Prometheus or OpenMetrics text, read so that what is missing, doubled or odd is no data."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from healthgate.claim.facts import NoData
from healthgate.claim.here import AS_DOCUMENTED, Here
from healthgate.claim.observation import Observation, Request
from healthgate.claim.shape import Expected
from healthgate.claim.source import Derived, Lacking, Later, Measured, Probe, Scene, Source, tried
from healthgate.claim.system import System
from healthgate.claim.tally import Growth, Tally
from healthgate.printable import printable
from healthgate.probes.counted import GrownOver, RateOver
from healthgate.probes.exposition_format import Garbled, Page, growth, parse
from healthgate.probes.exposition_lines import CLASSIC, MOST_SAMPLES, OPENMETRICS, Sample, unescaped
from healthgate.probes.exposition_names import documented
from healthgate.probes.http import Exchange, HttpRequest
from healthgate.probes.http_answer import Answer, last_of, media_type
from healthgate.secret import Redactor

if TYPE_CHECKING:
    from healthgate.wire.connection import Response

LONGEST_PAGE = 3_000_000
"""Characters of a page that are parsed. Half a second of CPU time goes into a million."""


VERSIONS = {"text/plain": {"", "0.0.4", "1.0.0"}, "application/openmetrics-text": {"", "0.0.1", "1.0.0"}}
FORMS = {"text/plain": CLASSIC, "application/openmetrics-text": OPENMETRICS}

VERSION = re.compile(r';\s*version\s*=\s*"?([^";\s]*)', re.IGNORECASE)


class Series(Source):
    """The value of one series of a page, found by its name and as many labels as tell it from others."""

    def __init__(self, page: Source, name: str, labels: Mapping[str, str]) -> None:
        self.page = page
        self.name = name
        self.labels = dict(labels)

    def labelled(self, **labels: str) -> "Series":
        """Return the series that has these labels too."""
        return type(self)(self.page, self.name, self.labels | labels)

    def total(self) -> "Series":
        """Return the sum of all series that have the labels, of which there must be one."""
        return Total(self.page, self.name, self.labels)

    def growth(self, explained_by: str | None = None, over: str | None = None) -> Source:
        """Return the Growth of this counter between two looks, or `over` a time, as in 5m, as far as looks reach back.

        `explained_by` is the check on falling counters. The time is one of production. ValueError for what is no
        duration.
        """
        if over is not None:
            return GrownOver(self, over, explained_by)
        return Grown(self.page, self.name, self.labels, explained_by)

    def per_second(self, explained_by: str | None = None, over: str | None = None) -> Source:
        """Return by how much this counter grew in a second of production, its series together, as `growth`."""
        if over is not None:
            return RateOver(self, over, explained_by)
        return Rate(self.page, self.name, self.labels, explained_by)

    def __str__(self) -> str:
        return str(Sample(self.name, self.labels, 0))

    @property
    def key(self) -> str:
        """What names this counter within an environment: the request and the series, in the words of the checks."""
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(self.labels.items()))
        return f"{self._exposition.id} · {self.name}{{{labels}}}"

    @property
    def again(self) -> Later:
        """The second look at the page; one for all counters on it."""
        return self._exposition.again

    @property
    def _exposition(self) -> "Exposition":
        assert isinstance(self.page, Exposition)
        return self.page

    def tally(self, observation: Observation, systems: Mapping[str, System]) -> Tally:
        """Return this counter, its series together, as one look saw it; NoData where that cannot be told."""
        page = page_of(observation, self._exposition.settings(systems).here)
        several = page.counters(self.name, **self.labels)
        started = {page.started(sample) for sample in several}
        if len(started) > 1:
            raise NoData(f"{self} counts in {len(started)} processes of different starts; name one by its labels")
        (start,) = started
        value = sum(sample.value for sample in several)
        moments = [sample.moment for sample in several if sample.moment is not None]
        if moments:
            return Tally(max(moments), value, start, len(several))
        took = observation.elapsed_ms / 1000
        return Tally(page.at, value, start, len(several), took, _told(page.date), page.clock)

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        found = self.page.probes(systems)
        here = self._exposition.settings(systems).here
        if (absence := here.lacks_metric(self.name)) is not None:
            raise Lacking(f"{self._exposition.system.name} lacks {absence}")
        return found

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return self.page.proofs(systems)

    def value(self, scene: Scene) -> Any:
        page: Page = self.page.value(scene)
        return page.number(self.name, **self.labels)

    def where(self, systems: Mapping[str, System]) -> str:
        here = self._exposition.settings(systems).here
        place = here.metrics.get(self.name)
        known = f" (here {place})" if place is not None else ""
        return f"{self.page.where(systems)} · {Sample(self.name, here.labelled(self.labels), 0)}{known}"


class Total(Series):
    """The sum over series of one name."""

    def value(self, scene: Scene) -> float:
        page: Page = self.page.value(scene)
        return page.total(self.name, **self.labels)


class Grown(Series):
    """The growth of a counter between two looks at one page."""

    def __init__(self, page: Source, name: str, labels: Mapping[str, str], explained_by: str | None) -> None:
        super().__init__(page, name, labels)
        self.explained_by = explained_by

    def labelled(self, **labels: str) -> "Series":
        return type(self)(self.page, self.name, self.labels | labels, self.explained_by)

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return (*super().probes(systems), *self.again.probes(systems))

    def value(self, scene: Scene) -> Any:
        before, after = self.page.value(scene), self.again.value(scene)
        try:
            return replace(growth(before, after, self.name, **self.labels), scale=scene.time_scale)
        except NoData as nothing:
            raise NoData(str(nothing), nothing.explained_by or self.explained_by) from None


class Rate(Grown):
    """The growth of a counter by the second of production."""

    def value(self, scene: Scene) -> Measured:
        grown: Growth = super().value(scene)
        return Measured(grown.rate, str(grown))


def _told(date: str) -> float | None:
    """Return the moment a Date header tells, in seconds since 1970; None where it tells none."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


class Kind(Series):
    """What the page says a family is."""

    def value(self, scene: Scene) -> str:
        page: Page = self.page.value(scene)
        return page.kind(self.name)


class Sound(Source):
    """Whether a page that was answered can be read and has no defects; says the first of them."""

    def __init__(self, page: Source) -> None:
        self.page = page

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.page.probes(systems)

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        return self.page.proofs(systems)

    def value(self, scene: Scene) -> Measured:
        try:
            page: Page = self.page.value(scene)
        except Garbled as garbled:
            return Measured(False, str(garbled))
        found = page.defects
        more = f"; {len(found) - 3} more" if len(found) > 3 else ""
        return Measured(not found, "; ".join(found[:3]) + more)

    def where(self, systems: Mapping[str, System]) -> str:
        return self.page.where(systems)


class Typed(Derived):
    """Whether a page has a metric of some kind, where the metric is not absent."""

    def where(self, systems: Mapping[str, System]) -> str:
        return self.sources[0].where(systems)


class Exposition(Exchange):
    """A GET of a metrics page: asked once, parsed once, read by all checks. `url` names the setting of the address.

    `families` is what the documents say of its metrics, by name.
    """

    def __init__(
        self,
        system: type[System],
        path: str,
        *,
        families: Mapping[str, Expected] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        super().__init__(system, path, **options)
        self.families = families

    def requests(self, settings: Any) -> list[Request]:
        return [self.request(ExpositionRequest, settings)]

    def value(self, scene: Scene) -> Page:
        observation = scene.observation(self.id)
        if observation.status != "answered":
            raise NoData(observation.error or "", self.explained_by)
        return page_of(observation, self.settings(scene.systems).here)

    def __getitem__(self, name: str) -> Series:
        return Series(self, name, {})

    def kind(self, name: str) -> Source:
        """Return what the page says a family is: gauge, counter, histogram, summary or untyped."""
        return Kind(self, name, {})

    def typed(self, name: str, kind: str) -> Source:
        """Return whether the page has a metric of this name and kind, or gives it no type.

        One that is not there is false, not missing; one that is absent here by the profile's word leaves this out.
        """

        def there(page: Page, _: float | NoData) -> Measured:
            if name not in page.names:
                return Measured(False, f"{name} is missing")
            found = page.kind(name)
            right = found in {kind, "untyped"}
            return Measured(right, found if right else f"{name} is {found}, not {kind}")

        return Typed(there, (self, tried(self[name])))

    @property
    def sound(self) -> Source:
        """Whether the page can be read and has no defects: no series twice, all numbers finite."""
        return Sound(self)


def page_of(observation: Observation, here: Here = AS_DOCUMENTED) -> Page:
    """Return the page an observation holds, with its names as documented; NoData where none can be read whole."""
    answer = Answer(observation)
    if answer.status != "answered":
        raise NoData(answer.error)
    if answer.code != 200:
        raise NoData(f"it answered {answer.spoken_code}, not 200")
    if answer.flaw:
        raise NoData(answer.flaw)
    facts = answer.facts
    content = parse(str(facts["text"]), str(facts["form"]))
    if content.refused:
        raise NoData(content.refused)
    if content.flaw:
        raise Garbled(content.flaw)
    return Page(documented(content, here), answer.at, float(facts["clock"]), str(facts["date"]), here)


class ExpositionRequest(HttpRequest):
    """One GET of a metrics page, kept as text."""

    accept: ClassVar[str] = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5"

    def read(self, body: bytes, response: "Response", redactor: Redactor) -> dict[str, Any]:
        clock = time.monotonic()
        content_type = last_of(redactor.text(response.getheader("Content-Type") or ""))
        declared = response.getheader("Content-Length") is not None or response.chunked
        if declared and body and not body.endswith(b"\n"):
            body += b"\n"  # it came whole: exporters leave the last line's end out, and a Prometheus adds it as well
        kept = kept_text(body, content_type, redactor)
        date = printable(redactor.text(response.getheader("Date") or ""), 60)
        return {"content_type": printable(content_type, 100), "clock": clock, "date": date, **kept}


def kept_text(body: bytes, content_type: str, redactor: Redactor) -> dict[str, Any]:
    """Return `text` and `form` of a page, or `flaw` saying why it is not even parsed."""
    kind = media_type(content_type)
    version = found[1] if (found := VERSION.search(content_type)) else ""
    if kind not in FORMS or version not in VERSIONS[kind]:
        return {"flaw": f"the answer is {printable(content_type, 80) or 'of no type'}, not a metrics page"}
    if len(body) > LONGEST_PAGE:
        return {"flaw": f"the page has {len(body)} bytes, more than the {LONGEST_PAGE} that are read"}
    if (lines := body.count(b"\n")) > 3 * MOST_SAMPLES:
        return {"flaw": f"the page has {lines} lines, which is more than the {MOST_SAMPLES} samples that are read"}
    try:
        text = redactor.bytes(body).decode()
    except UnicodeDecodeError as problem:
        return {"flaw": f"the page is not UTF-8 text (byte {problem.start})"}
    if "\\" in text and redactor.text(plain_text := unescaped(text)) != plain_text:
        return {"flaw": "the page repeats a secret that was sent to it"}
    return {"text": text, "form": FORMS[kind]}
