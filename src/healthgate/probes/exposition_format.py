"""Metrics pages as text: their samples, and what a parser lets pass that it should not looked for line by line.

Prometheus text is read line by line. OpenMetrics is parsed by prometheus-client, which drops series that stand twice.
"""

import functools
import re
from collections import Counter
from dataclasses import dataclass, field

from healthgate.claim import tally
from healthgate.claim.facts import LeftOut, NoData
from healthgate.claim.here import AS_DOCUMENTED, Here
from healthgate.claim.labels import meant, optional, with_and_without
from healthgate.claim.tally import KEPT_FOR, SKEW, Growth, Tally
from healthgate.duration import spoken
from healthgate.printable import finite, printable
from healthgate.probes.exposition_lines import CLASSIC, OPENMETRICS, Lines, Sample

MOST_DEFECTS = 50
"""Defects of a page that are listed."""


STALE = 300.0
"""Seconds after which a sample that says itself when it was taken is old, as Prometheus has it."""


PROCESS_START = "process_start_time_seconds"


GROWING = frozenset({"count", "sum", "bucket"})
"""Ends of the names of counters within histograms and summaries."""


OF_PYTHON = re.compile(r"could not convert|invalid literal|to unpack|out of range|object|NoneType|Error|codec|\bint\b")
"""What the words of an interpreter have in them, which say nothing about a page."""


PARTS = {
    "counter": ("", "_total"),
    "histogram": ("", "_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
    "gaugehistogram": ("", "_bucket", "_gsum", "_gcount"),
    "info": ("", "_info"),
}
"""What may follow the name of a family in the names of its samples; nothing where it is not listed."""


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


@functools.lru_cache(maxsize=32)
def parse(text: str, form: str) -> Parsed:
    """Return what a page of that form (CLASSIC or OPENMETRICS) holds; it is parsed once, however many read it."""
    if not text.strip():
        return Parsed(flaw="the page is empty")
    if not text.endswith("\n") and form == CLASSIC:
        return Parsed(flaw="the page is cut off: its last line has no end")
    lines = Lines(text, form)
    try:
        if form == CLASSIC:
            return _gathered(lines, [("", sample) for sample in lines.samples()])
        return _gathered(lines, [*_openmetrics(lines), *(("", sample) for sample in lines.odd)])
    except OverflowError as problem:
        return Parsed(refused=str(problem))
    except Exception as problem:  # whatever a page makes a parser stumble over, it is the page that is wrong
        words = printable(str(problem), 100)
        if not words or OF_PYTHON.search(words):
            words = "it cannot be understood"
        return Parsed(flaw=f"the page is not {form} text: {words} (noticed in line {lines.number})")


def _openmetrics(lines: Lines) -> list[tuple[str, Sample]]:
    from prometheus_client.openmetrics import parser  # noqa: PLC0415 (only such pages pay)

    found = []
    for family in parser.text_fd_to_metric_families(lines.for_openmetrics()):  # type: ignore[no-untyped-call]
        for one in family.samples:
            moment = None if one.timestamp is None else float(one.timestamp)
            found.append((family.type, Sample(one.name, dict(one.labels), _number(one.value), moment)))
    return found


def _gathered(lines: Lines, given: list[tuple[str, Sample]]) -> Parsed:
    found = Parsed(kinds=dict(lines.kinds), defects=list(lines.defects))
    last, begun = "", set[str]()
    series: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for kind, sample in given:
        name = sample.name
        found.samples.setdefault(name, []).append(sample)
        if kind:
            found.kinds.setdefault(name, kind)
        else:
            family = _family(lines, name)
            found.kinds.setdefault(name, lines.kinds.get(family, "untyped"))
            if family != last and family in begun and lines.form == CLASSIC:
                found.defects.append(f"the samples of {printable(family, 80)} do not stand together")
            begun.add(family)
            last = family
        key = (name, frozenset(sample.labels.items()))
        if key in series:
            found.doubled.add(name)
            found.defects.append(f"{sample} stands twice")
        series.add(key)
    if lines.form == OPENMETRICS:
        _dropped(lines, found)
    _judged(found)
    if not found.samples:
        found.flaw = "the page has no samples"
    elif all(sample.odd for _, sample in given):
        found.flaw = (
            f"the page is not {lines.form} text: {given[0][1]} {given[0][1].odd} (noticed in line {lines.number})"
        )
    found.defects = list(dict.fromkeys(found.defects))[:MOST_DEFECTS]
    return found


def _family(lines: Lines, name: str) -> str:
    """Return the name of the family a sample of Prometheus text belongs to."""
    for kind in ("histogram", "summary"):
        for part in PARTS[kind]:
            if name.endswith(part) and lines.kinds.get(name.removesuffix(part)) == kind:
                return name.removesuffix(part)
    return name


def _dropped(lines: Lines, found: Parsed) -> None:
    """Tell the series that the parser of OpenMetrics left out because they stood there already."""
    missing = Counter(lines.names)
    missing.subtract({name: sum(not one.odd for one in several) for name, several in found.samples.items()})
    for name, number in missing.items():
        if number > 0:
            found.doubled.add(name)
            found.defects.append(f"a series of {printable(name, 80)} stands twice")


def _judged(found: Parsed) -> None:
    for name, several in found.samples.items():
        kind = found.kinds[name]
        for sample in several:
            if sample.odd:
                found.defects.append(f"{sample} {sample.odd}")
                continue
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

    def called(self, label: str, value: str) -> str:
        """Return what a label says here where the documents have `value`."""
        return self.here.called(label, value)

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
        several, labels = self.content.samples.get(name, []), self.here.labelled(labels)
        if not several and (absence := self.here.lacks_metric(name)) is not None:
            raise LeftOut(f"{name} is absent here ({absence.position})")
        if not several:
            raise NoData(f"{name} is missing")
        if name in self.content.doubled:
            raise NoData(f"a series of {name} stands twice")
        found = [one for one in several if one.vague or meant(one.labels, labels)]
        if not found:
            raise NoData(f"{Sample(name, labels, 0)} is missing; there is {several[0]}")
        for label in optional(labels):
            if both := with_and_without(label, [one.labels for one in several]):
                one, other = (Sample(name, each, 0) for each in both)
                raise NoData(
                    f"{one} and {other} differ in nothing but {label}, so that neither is the one that is meant"
                )
        for sample in found:
            if sample.odd:
                raise NoData(f"{sample} {sample.odd}")
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
            asked = Sample(name, self.here.labelled(labels), 0)
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
        if (kind := self.kind(name)) not in {"counter", "untyped"} and not self._counts(name, kind):
            raise NoData(f"{name} is a {kind}, not a counter")
        for sample in found:
            if sample.value < 0:
                raise NoData(f"{sample} is {written(sample.value)}, which no counter can be")
        return found

    def _counts(self, name: str, kind: str) -> bool:
        """Whether a sample is one of those of a histogram or a summary that only ever grow."""
        family, _, part = name.rpartition("_")
        return part in GROWING and kind in {"histogram", "summary"} and self.content.kinds.get(family) == kind

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
