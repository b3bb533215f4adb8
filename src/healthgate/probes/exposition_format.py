"""Metrics pages as text: parsed, and what a parser lets pass that it should not looked for line by line.

The parsers are prometheus-client's, and take more than they should: the one for Prometheus text takes a last line that
is cut off, series that stand twice, numbers after the time stamp and Windows line ends; the one for OpenMetrics drops a
series that stands twice.
"""

import functools
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim import tally
from healthgate.claim.facts import LeftOut, NoData
from healthgate.claim.here import AS_DOCUMENTED, Here
from healthgate.claim.labels import meant, optional, with_and_without
from healthgate.claim.tally import KEPT_FOR, SKEW, Growth, Tally
from healthgate.duration import spoken
from healthgate.printable import finite, printable

MOST_SAMPLES = 20_000
"""Samples of a page that are parsed. A second of CPU time goes into as many."""


LONGEST_LINE = 8_192
"""Characters a line of a page may have."""


MOST_DEFECTS = 50
"""Defects of a page that are listed."""


STALE = 300.0
"""Seconds after which a sample that says itself when it was taken is old, as Prometheus has it."""


PROCESS_START = "process_start_time_seconds"


CLASSIC, OPENMETRICS = "Prometheus", "OpenMetrics"


KINDS = {
    CLASSIC: {"counter", "gauge", "histogram", "summary", "untyped", "unknown"},
    OPENMETRICS: {"counter", "gauge", "histogram", "summary", "unknown", "gaugehistogram", "info", "stateset"},
}


PARTS = {
    "counter": ("", "_total"),
    "histogram": ("", "_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
    "gaugehistogram": ("", "_bucket", "_gsum", "_gcount"),
    "info": ("", "_info"),
}
"""What may follow the name of a family in the names of its samples; nothing where it is not listed."""


TOLD_NAME = r'(?:"(?:[^"\\]|\\.)*+"|[^\s"{}#]++)'


ABOUT = re.compile(rf"#[ \t]+(TYPE|HELP)[ \t]+({TOLD_NAME})(?:[ \t]+(\S+))?")


NAME = re.compile(r'([^\s"{}#]++)')


LABELS = r'\{(?:[^"{}\n]|"(?:[^"\\\n]|\\[\\"n])*+")*+\}'


SAMPLE = re.compile(
    rf'(?:[^\s"{{}}#]++(?:[ \t]*{LABELS})?|{LABELS})'
    r"[ \t]*(?<=[ \t}])[-+.0-9A-Za-z]++(?:[ \t]+-?[0-9]+)?[ \t]*"
)


ESCAPE = re.compile(r'\\([\\"n])')


@dataclass(frozen=True)
class Sample:
    """One series of a page with its value; `moment` is when it was taken, in seconds since 1970, where it says so."""

    name: str
    labels: Mapping[str, str]
    value: float
    moment: float | None = None

    def __str__(self) -> str:
        inside = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return printable(f"{self.name}{{{inside}}}" if inside else self.name, 120)


@dataclass(eq=False)
class Parsed:
    """What a page holds: samples by name, what they are, and what is wrong with some of it or (`flaw`) with all.

    `refused` says why it was not read to its end although nothing may be wrong with it.
    """

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    doubled: set[str] = field(default_factory=set)
    defects: list[str] = field(default_factory=list)
    flaw: str | None = None
    refused: str | None = None


class Garbled(NoData):
    """A page was answered, and it is none that a Prometheus could read either."""


class _Lines:
    """The lines of a page as they go into the parser: looked at on the way, texts of HELP left out."""

    def __init__(self, text: str, form: str) -> None:
        self.text = text
        self.form = form
        self.number = 0
        self.names: list[str] = []
        self.kinds: dict[str, str] = {}
        self.defects: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in io.StringIO(self.text):
            self.number += 1
            if len(line) > LONGEST_LINE:
                raise OverflowError(f"a line of the page is longer than the {LONGEST_LINE} characters that are read")
            if line.startswith("#") or (self.form == CLASSIC and line.lstrip(" \t").startswith("#")):
                about = ABOUT.match(line.strip(" \t\n"))
                if about is None or (about[1] == "HELP" and self.form == CLASSIC):
                    yield line if self.form == OPENMETRICS else "\n"
                    continue
                self._type(about) if about[1] == "TYPE" else None
                yield line
            elif self.form == CLASSIC and not line.strip(" \t\n"):
                yield "\n"
            else:
                self._sample(line)
                yield line

    def _type(self, about: re.Match[str]) -> None:
        name, kind = plain(about[2]), about[3]
        if kind not in KINDS[self.form]:
            raise ValueError(f"{printable(kind, 40) if kind else 'nothing'} is no type")
        if self.kinds.setdefault(name, kind) != kind:
            self.defects.append(f"{printable(name, 80)} is said to be a {self.kinds[name]} and a {kind}")
            self.kinds[name] = "contradictory"
        elif name in self.names:
            self.defects.append(f"the TYPE of {printable(name, 80)} comes after its samples")

    def _sample(self, line: str) -> None:
        if self.form == CLASSIC and SAMPLE.fullmatch(line.strip(" \t\n")) is None:
            raise ValueError("it is no sample")
        if len(self.names) >= MOST_SAMPLES:
            raise OverflowError(f"the page has more than the {MOST_SAMPLES} samples that are read")
        found = NAME.match(line.lstrip(" \t"))
        self.names.append(found[1] if found else "")


def plain(token: str) -> str:
    """Return a name as it is meant: a quoted one without its quotes."""
    if not token.startswith('"'):
        return token
    return unescaped(token[1:-1])


def unescaped(text: str) -> str:
    r"""Return text of a page with \n, \" and \\ as what they stand for."""
    return ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


@functools.lru_cache(maxsize=32)
def parse(text: str, form: str) -> Parsed:
    """Return what a page of that form (CLASSIC or OPENMETRICS) holds; it is parsed once, however many read it."""
    if form == CLASSIC:
        from prometheus_client.parser import text_fd_to_metric_families as parser  # noqa: PLC0415 (only pages pay)
    else:
        from prometheus_client.openmetrics import parser as openmetrics  # noqa: PLC0415

        parser = openmetrics.text_fd_to_metric_families
    if not text.strip():
        return Parsed(flaw="the page is empty")
    if not text.endswith("\n") and form == CLASSIC:
        return Parsed(flaw="the page is cut off: its last line has no end")
    lines = _Lines(text, form)
    try:
        families = [(family.type, family.samples) for family in parser(iter(lines))]  # type: ignore[arg-type]
        return _gathered(lines, families)
    except OverflowError as problem:
        return Parsed(refused=str(problem))
    except Exception as problem:  # whatever a page makes a parser stumble over, it is the page that is wrong
        words = printable(str(problem) or type(problem).__name__, 100)
        return Parsed(flaw=f"the page is not {form} text: {words} (noticed in line {lines.number})")


def _gathered(lines: _Lines, families: list[tuple[str, list[Any]]]) -> Parsed:
    found = Parsed(kinds=dict(lines.kinds), defects=list(lines.defects))
    given = [(kind, one) for kind, samples in families for one in samples]
    exact = len(given) == len(lines.names)
    last, begun = "", set[str]()
    series: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for place, (kind, one) in enumerate(given):
        # the parser of Prometheus text renames counters that do not end in _total
        name = (lines.names[place] if exact and lines.form == CLASSIC else "") or one.name
        moment = None if one.timestamp is None else float(one.timestamp)
        sample = Sample(name, dict(one.labels), _number(one.value), moment)
        found.samples.setdefault(name, []).append(sample)
        if lines.form == OPENMETRICS:
            found.kinds.setdefault(name, kind)
        else:
            family = _family(lines, name)
            found.kinds.setdefault(name, lines.kinds.get(family, "untyped"))
            if family != last and family in begun:
                found.defects.append(f"the samples of {printable(family, 80)} do not stand together")
            begun.add(family)
            last = family
        key = (name, frozenset(sample.labels.items()))
        if key in series:
            found.doubled.add(name)
            found.defects.append(f"{sample} stands twice")
        series.add(key)
    if not exact:
        _dropped(lines, found)
    _judged(found)
    if not found.samples:
        found.flaw = "the page has no samples"
    found.defects = list(dict.fromkeys(found.defects))[:MOST_DEFECTS]
    return found


def _family(lines: _Lines, name: str) -> str:
    """Return the name of the family a sample of Prometheus text belongs to."""
    for kind in ("histogram", "summary"):
        for part in PARTS[kind]:
            if name.endswith(part) and lines.kinds.get(name.removesuffix(part)) == kind:
                return name.removesuffix(part)
    return name


def _dropped(lines: _Lines, found: Parsed) -> None:
    """Tell the series that the parser of OpenMetrics left out because they stood there already."""
    missing = Counter(lines.names)
    missing.subtract({name: len(several) for name, several in found.samples.items()})
    for name, number in missing.items():
        if number > 0:
            found.doubled.add(name)
            found.defects.append(f"a series of {printable(name, 80)} stands twice")


def _judged(found: Parsed) -> None:
    for name, several in found.samples.items():
        kind = found.kinds[name]
        for sample in several:
            of_nothing = kind == "summary" and "quantile" in sample.labels  # no event yet: clients tell it as NaN
            if not finite(sample.value) and not of_nothing:
                found.defects.append(f"{sample} is {written(sample.value)}")
            elif kind == "counter" and sample.value < 0:
                found.defects.append(f"{sample} is {written(sample.value)}, which no counter can be")


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def written(value: float) -> str:
    """Return a value as a page writes it."""
    if value != value:  # noqa: PLR0124 (only NaN is not itself)
        return "NaN"
    return f"{value:g}" if finite(value) else ("+Inf" if value > 0 else "-Inf")


class Page:
    """A page as it was read. `at` is when, in seconds since 1970; `clock` the same by a clock that nobody sets.

    `date` is when the server says it answered, as it wrote it, and empty where it does not.
    """

    def __init__(
        self, content: Parsed, at: float, clock: float = 0.0, date: str = "", here: Here = AS_DOCUMENTED
    ) -> None:
        self.content = content
        self.here = here
        self.at = at
        self.clock = clock
        self.date = date

    @property
    def names(self) -> frozenset[str]:
        """The names of all samples."""
        return frozenset(self.content.samples)

    @property
    def defects(self) -> list[str]:
        """What is wrong with the page although it can be read: doubled and odd samples; 50 at most."""
        return self.content.defects

    def kind(self, name: str, /) -> str:
        """Return the type of a family or sample: gauge, counter, histogram, summary, untyped; NoData where absent."""
        found = self.content.kinds.get(name)
        if found is None:
            raise NoData(f"{name} is missing")
        if not any(name + part in self.content.samples for part in PARTS.get(found, ("",))):
            raise NoData(f"{name} has a TYPE and no sample")
        return "untyped" if found == "unknown" else found

    def series(self, name: str, /, **labels: str) -> list[Sample]:
        """Return the series of a name that have these labels, at least one, each a finite number of now."""
        several = self.content.samples.get(name, [])
        if not several and (absence := self.here.lacks_metric(name)) is not None:
            raise LeftOut(f"{name} is absent here ({absence.position})")
        if not several:
            raise NoData(f"{name} is missing")
        if name in self.content.doubled:
            raise NoData(f"a series of {name} stands twice")
        found = [one for one in several if meant(one.labels, labels)]
        if not found:
            raise NoData(f"{Sample(name, labels, 0)} is missing; there is {several[0]}")
        for label in optional(labels):
            if both := with_and_without(label, [one.labels for one in several]):
                one, other = (Sample(name, each, 0) for each in both)
                raise NoData(
                    f"{one} and {other} differ in nothing but {label}, so that neither is the one that is meant"
                )
        for sample in found:
            if not finite(sample.value):
                raise NoData(f"{sample} is {written(sample.value)}, not a finite number")
            if sample.moment is not None and not -SKEW <= self.at - sample.moment <= STALE:
                age = self.at - sample.moment
                when = f"{spoken(round(age, 1))} old" if age > 0 else f"of {spoken(round(-age, 1))} from now"
                raise NoData(f"{sample} is {when} by its own time stamp")
        return found

    def one(self, name: str, /, **labels: str) -> Sample:
        """Return the only series of a name that has these labels."""
        found = self.series(name, **labels)
        if len(found) > 1:
            asked = Sample(name, labels, 0)
            raise NoData(f"{asked} has {len(found)} series where one is expected: {found[0]}, {found[1]}")
        return found[0]

    def number(self, name: str, /, **labels: str) -> float:
        """Return the value of the only series of a name that has these labels."""
        return self.one(name, **labels).value

    def total(self, name: str, /, **labels: str) -> float:
        """Return the sum of the series of a name that have these labels, of which there is at least one."""
        return sum(sample.value for sample in self.series(name, **labels))

    def counters(self, name: str, /, **labels: str) -> list[Sample]:
        """Return the series of a counter that have these labels; NoData where it is none.

        What the page gives no type is what the check takes it for: exporters may leave the TYPE lines out.
        """
        found = self.series(name, **labels)
        if (kind := self.kind(name)) not in {"counter", "untyped"}:
            raise NoData(f"{name} is a {kind}, not a counter")
        for sample in found:
            if sample.value < 0:
                raise NoData(f"{sample} is {written(sample.value)}, which no counter can be")
        return found

    def started(self, series: Sample) -> float | None:
        """Return when the process that a series is about began, in seconds since 1970; None where it is silent."""
        several = self.content.samples.get(PROCESS_START, [])
        about = [one for one in several if all(series.labels.get(k, v) == v for k, v in one.labels.items())]
        if len(about) != 1 or PROCESS_START in self.content.doubled or not finite(about[0].value):
            return None
        return about[0].value


def growth(before: Page, after: Page, name: str, /, **labels: str) -> Growth:
    """Return by how much the counters of a name with these labels grew between two looks, all of them together.

    A counter that fell counts from nothing where its process began anew between the looks. NoData where it fell
    without that, where the two looks are one, and where the clock was set between them.
    """
    seconds = seconds_between(before, after)
    old = {frozenset(sample.labels.items()): sample for sample in before.counters(name, **labels)}
    increase, restarted = 0.0, False
    for now in after.counters(name, **labels):
        earlier = old.pop(frozenset(now.labels.items()), None)
        anew = _began_anew(before, after, now, earlier)
        increase += now.value if anew or earlier is None else now.value - earlier.value
        restarted = restarted or anew
    for gone in old.values():
        if not restarted:
            raise NoData(f"{gone} is gone without a restart")
    return Growth(increase, seconds, restarted)


def fallen(before: Page, after: Page, *names: str) -> list[str]:
    """Return in words which counters fell between two looks although their process did not begin anew."""
    seconds_between(before, after)
    found = []
    for name in names:
        old = {frozenset(sample.labels.items()): sample for sample in before.counters(name)}
        for now in after.counters(name):
            earlier = old.get(frozenset(now.labels.items()))
            if earlier is None or now.value >= earlier.value:
                continue
            starts = before.started(now), after.started(now)
            if None in starts or starts[0] == starts[1]:
                found.append(f"{now} fell from {written(earlier.value)} to {written(now.value)}")
    return found


def seconds_between(before: Page, after: Page) -> float:
    """Return the seconds between two looks; NoData where they are one, or where the clock was set between them."""
    seconds = tally.seconds_between(Tally(before.at, 0, clock=before.clock), Tally(after.at, 0, clock=after.clock))
    if before.date and before.date == after.date and seconds >= KEPT_FOR:
        raise NoData(f"both looks got the same answer, of {printable(before.date, 40)}: something on the way keeps it")
    return seconds


def _began_anew(before: Page, after: Page, now: Sample, earlier: Sample | None) -> bool:
    """Whether the process of a counter began between the looks; NoData where its values cannot be explained."""
    if earlier is not None and now.moment is not None and now.moment == earlier.moment:
        raise NoData(f"{now} was taken only once, by its own time stamp")
    was = earlier.value if earlier is not None else 0.0
    first, then = Tally(before.at, was, before.started(now)), Tally(after.at, now.value, after.started(now))
    return tally.began_anew(str(now), first, then)
