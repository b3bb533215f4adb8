"""The lines of a metrics page: what each of them is, and what is odd about one and spoils no other.

What Prometheus could not read is a defect of the page wherever it can be read all the same: a name with dots and no
quotes, a label that stands twice, a value that is no number. Only what is no line of metrics at all spoils a page.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from healthgate.printable import printable

MOST_SAMPLES = 20_000
"""Samples of a page that are parsed. A second of CPU time goes into as many."""


LONGEST_LINE = 8_192
"""Characters a line of a page may have."""


CLASSIC, OPENMETRICS = "Prometheus", "OpenMetrics"


KINDS = {
    CLASSIC: {"counter", "gauge", "histogram", "summary", "untyped", "unknown"},
    OPENMETRICS: {"counter", "gauge", "histogram", "summary", "unknown", "untyped", "info", "stateset"}
    | {"gaugehistogram"},
}


TOLD_NAME = r'(?:"(?:[^"\\]|\\.)*+"|[^\s"{}#]++)'


ABOUT = re.compile(rf"(#[ \t]+(TYPE|HELP)[ \t]+)({TOLD_NAME})(?:[ \t]+(\S+))?")


DOTTED_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:./-]*")


PLAIN_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


SAMPLE = re.compile(
    r"""(?:(?P<name>[^\s"{}#]++)[ \t]*)?(?:\{(?P<labels>(?:[^"{}\n]|"(?:[^"\\\n]|\\[^\n])*+")*+)\})?"""
    r"[ \t]*(?<=[ \t}])(?P<value>[-+.0-9A-Za-z]++)(?:[ \t]+(?P<stamp>-?[0-9]+))?[ \t]*"
)


OPEN_SAMPLE = re.compile(
    r"""(?P<name>[^\s"{}#]++)?(?:\{(?P<labels>(?:[^"{}\n]|"(?:[^"\\\n]|\\[^\n])*+")*+)\})?"""
    r" (?P<value>[^\s#]++)(?P<rest>.*)"
)


LABEL = re.compile(
    r"""[ \t]*(?P<name>"(?:[^"\\]|\\.)*+"|[^\s"{}=,]+)[ \t]*(?:=[ \t]*"(?P<value>(?:[^"\\]|\\.)*+)")?[ \t]*(?:,|\Z)"""
)


NUMBER = re.compile(r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE)


ESCAPE = re.compile(r'\\([\\"n])')


@dataclass(frozen=True)
class Sample:
    """One series of a page with its value; `moment` is when it was taken, in seconds since 1970, where it says so.

    `odd` says why it has no value, empty where it has one: its value is NaN then.
    """

    name: str
    labels: Mapping[str, str]
    value: float
    moment: float | None = None
    odd: str = ""

    @property
    def vague(self) -> bool:
        """Whether its name or its labels are what is odd: it may be any series of its metric."""
        return self.odd.startswith("has ")

    def __str__(self) -> str:
        inside = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return printable(f"{self.name}{{{inside}}}" if inside else self.name, 120)


class Lines:
    """The lines of a page as they are gone through: samples, what is said of families, and what is odd."""

    def __init__(self, text: str, form: str) -> None:
        self.text = text
        self.form = form
        self.number = 0
        self.names: list[str] = []
        self.kinds: dict[str, str] = {}
        self.defects: list[str] = []
        self.odd: list[Sample] = []

    def samples(self) -> Iterator[Sample]:
        """Yield the samples of a page of Prometheus text; ValueError where a line of it is none."""
        for line in self._each():
            bare = line.strip(" \t\n")
            if bare.startswith("#"):
                if (about := ABOUT.match(bare)) is not None and about[2] == "TYPE":
                    self._type(about)
            elif bare:
                found = SAMPLE.fullmatch(bare)
                if found is None or (found["name"] is None and found["labels"] is None):
                    raise ValueError("it is no sample")
                yield self._sample(found)

    def for_openmetrics(self) -> Iterator[str]:
        """Yield the lines as the parser of OpenMetrics takes them; the samples it could not take are in `odd`."""
        for line in self._each():
            if line.startswith("#"):
                about = ABOUT.match(line.strip(" \t\n"))
                if about is not None and about[2] == "TYPE":
                    self._type(about)
                    if about[4] == "untyped":  # the word of Prometheus text for it
                        line = line.replace(" untyped", " unknown")  # noqa: PLW2901
                yield line if about is None or about[3].startswith('"') else _quoted(line, about)
                continue
            found = OPEN_SAMPLE.fullmatch(line.rstrip("\n"))
            if found is None:
                self._named(line.partition(" ")[0])
                yield line
                continue
            sample = self._sample(found)
            if sample.odd:
                self.names.pop()
                self.odd.append(sample)
            elif found["name"] is None or PLAIN_NAME.fullmatch(found["name"]):
                yield line
            else:
                inside = f",{found['labels']}" if found["labels"] else ""
                yield f'{{"{found["name"]}"{inside}}} {found["value"]}{found["rest"]}\n'

    def _each(self) -> Iterator[str]:
        for line in io.StringIO(self.text):
            self.number += 1
            if len(line) > LONGEST_LINE:
                raise OverflowError(f"a line of the page is longer than the {LONGEST_LINE} characters that are read")
            yield line

    def _named(self, name: str) -> None:
        if len(self.names) >= MOST_SAMPLES:
            raise OverflowError(f"the page has more than the {MOST_SAMPLES} samples that are read")
        self.names.append(name)

    def _sample(self, found: re.Match[str]) -> Sample:
        labels: dict[str, str] = {}
        name, odd = found["name"] or "", ""
        for label in self._labels(found["labels"] or ""):
            known = plain(label["name"]) if label else ""
            if label is None:
                odd = "has labels that cannot be read"
            elif label["value"] is None and not name and label["name"].startswith('"'):
                name = known
            elif label["value"] is None:
                odd = f"has a label {printable(known, 40)} without a value"
            elif known in labels:
                odd = f"has the label {printable(known, 40)} twice"
            else:
                labels[known] = unescaped(label["value"])
                self._expect_plain(label["name"], "a label")
        if found["name"]:
            self._expect_plain(name, "a metric")
        self._named(name)
        if not name:
            odd = "has no name"
        elif found["name"] and not DOTTED_NAME.fullmatch(name):
            odd = "has a name that no metric has"
        elif not NUMBER.fullmatch(found["value"]):
            odd = f"is {printable(found['value'], 40)}, not a number"
        stamp = found.groupdict().get("stamp")
        value = float("nan") if odd else float(found["value"])
        return Sample(name, labels, value, int(stamp) / 1000 if stamp else None, odd)

    @staticmethod
    def _labels(text: str) -> Iterator[re.Match[str] | None]:
        at, text = 0, text.strip()
        while at < len(text):
            label = LABEL.match(text, at)
            yield label
            if label is None:
                return
            at = label.end()

    def _expect_plain(self, name: str, what: str) -> None:
        if not name.startswith('"') and not PLAIN_NAME.fullmatch(name):
            self.defects.append(f"{printable(name, 80)} is a name of {what} that has to stand in quotes")

    def _type(self, about: re.Match[str]) -> None:
        name, kind = plain(about[3]), about[4]
        if kind not in KINDS[self.form]:
            raise ValueError(f"{printable(kind, 40) if kind else 'nothing'} is no type")
        self._expect_plain(about[3], "a metric")
        if self.kinds.setdefault(name, kind) != kind:
            self.defects.append(f"{printable(name, 80)} is said to be a {self.kinds[name]} and a {kind}")
            self.kinds[name] = "contradictory"
        elif name in self.names:
            self.defects.append(f"the TYPE of {printable(name, 80)} comes after its samples")


def _quoted(line: str, about: re.Match[str]) -> str:
    if PLAIN_NAME.fullmatch(about[3]):
        return line
    return f'{about[1]}"{about[3]}"{line[about.end(3) :]}'


def plain(token: str) -> str:
    """Return a name as it is meant: a quoted one without its quotes."""
    if not token.startswith('"'):
        return token
    return unescaped(token[1:-1])


def unescaped(text: str) -> str:
    r"""Return text of a page with \n, \" and \\ as what they stand for; a backslash before anything else stays."""
    return ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
