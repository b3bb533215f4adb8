"""A reader of what Monitoring Plugins print, written from the grammar of their guidelines and from nothing of ours."""

import math
import re
from dataclasses import dataclass

NUMERAL = r"-?\d+(?:\.\d+)?"
RANGE = re.compile(rf"(?P<inside>@?)(?:(?P<start>~|{NUMERAL})?:)?(?P<end>{NUMERAL})?")
VALUE = re.compile(
    rf"(?P<label>'(?:[^'=\n]|'')+'|[^' =\n]+)="
    rf"(?:(?P<value>{NUMERAL})(?P<unit>us|ms|s|%|B|KB|MB|GB|TB|c)?|U)"
    r"(?:;(?P<warn>[^; ]*)(?:;(?P<crit>[^; ]*)(?:;(?P<min>[^; ]*)(?:;(?P<max>[^; ]*))?)?)?)?"
)
STATUS = re.compile(r"(?P<service>[A-Z]+) (?P<status>OK|WARNING|CRITICAL|UNKNOWN) - (?P<text>[^|\n]+)")
CODES = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}


@dataclass(frozen=True)
class Range:
    """Alerts outside of `start` to `end`, or inside of it, the ends included."""

    start: float
    end: float
    inside: bool

    def alerts(self, value: float) -> bool:
        within = self.start <= value <= self.end
        return within if self.inside else not within


def range_of(text: str) -> Range | None:
    """Return a range; None where there is none."""
    if not text:
        return None
    match = RANGE.fullmatch(text)
    assert match, text
    assert match["start"] or match["end"], text
    start = -math.inf if match["start"] == "~" else float(match["start"] or 0)
    end = math.inf if match["end"] is None else float(match["end"])
    assert start <= end, text
    return Range(start, end, bool(match["inside"]))


@dataclass(frozen=True)
class Measurement:
    """One value of performance data; None is a value that could not be determined."""

    value: float | None
    unit: str
    warn: Range | None
    crit: Range | None
    least: float | None

    @property
    def code(self) -> int:
        """What the ranges make of the value."""
        if self.value is None:
            return 3
        if self.crit is not None and self.crit.alerts(self.value):
            return 2
        return 1 if self.warn is not None and self.warn.alerts(self.value) else 0


@dataclass(frozen=True)
class Output:
    """What a plugin printed."""

    service: str
    status: str
    text: str
    data: dict[str, Measurement]
    longer: list[str]


def read(printed: str) -> Output:
    """Return what was printed; AssertionError where it is not of the form."""
    assert printed.endswith("\n")
    first, *longer = printed.removesuffix("\n").split("\n")
    head, bar, numbers = first.partition("|")
    match = STATUS.fullmatch(head)
    assert match, first
    return Output(match["service"], match["status"], match["text"], data(numbers) if bar else {}, longer)


def data(text: str) -> dict[str, Measurement]:
    """Return performance data by label."""
    found: dict[str, Measurement] = {}
    at = 0
    while at < len(text):
        match = VALUE.match(text, at)
        assert match, text[at:]
        label = match["label"].strip("'").replace("''", "'")
        assert label not in found, label
        least = match["min"] or None
        value = None if match["value"] is None else float(match["value"])
        found[label] = Measurement(
            value,
            match["unit"] or "",
            range_of(match["warn"] or ""),
            range_of(match["crit"] or ""),
            None if least is None else float(re.fullmatch(NUMERAL, least)[0]),  # type: ignore[index]
        )
        at = match.end()
        assert at == len(text) or text[at] == " ", text[at:]
        at += 1
    return found
