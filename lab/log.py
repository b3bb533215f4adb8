"""A service's log file: one event a line, `2026-03-02T09:15:00.120Z LEVEL component - message`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lab.clock import iso, now

View = Callable[[str], str | None]
"""What readers find instead of a message; None: no line at all."""
SEPARATOR = " - "


@dataclass(frozen=True)
class Line:
    """One event: all before the message, the message, and the fault that planted it, if one did."""

    head: str
    message: str
    planted_by: object = None


class Log:
    """Appends events to one file.

    While faults last, the file shows what they make of the true record, which is kept in memory; with the
    last of them gone the file is what it would have been without. Every change of lines already written
    makes a new file that takes the old one's place at once, so that whoever reads sees one or the other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO = path.open("a", encoding="utf-8", buffering=1)
        self._views: list[View] = []
        self._holes: list[int] = []
        """Bytes of nothing before the first line, one per fault."""
        self._alterations = 0
        self._record: list[Line] = []
        """Every line, as long as there are alterations."""

    def write(self, level: str, component: str, message: str, *, age_s: float = 0.0, planted_by: object = None) -> None:
        """Append one event, dated `age_s` seconds ago."""
        line = Line(f"{iso(now() - age_s)} {level} {component}{SEPARATOR}", message, planted_by)
        if self._alterations:
            self._record.append(line)
        self._file.write(self._shown(line))

    @contextmanager
    def seen_as(self, view: View) -> Iterator[None]:
        """Let readers see other messages, those written already and those to come."""
        with self._altered():
            self._views.append(view)
            self._rewrite()
            try:
                yield
            finally:
                self._views.remove(view)

    @contextmanager
    def planting(self) -> Iterator[object]:
        """Hand out a mark for planted lines; lines with that mark are gone afterwards."""
        with self._altered():
            mark = object()
            try:
                yield mark
            finally:
                self._record = [line for line in self._record if line.planted_by is not mark]

    @contextmanager
    def grown_to(self, size: int) -> Iterator[None]:
        """Grow the file to `size` bytes by a hole before its first line."""
        with self._altered():
            hole = max(0, size - self.path.stat().st_size)
            self._holes.append(hole)
            self._rewrite()
            try:
                yield
            finally:
                self._holes.remove(hole)

    @contextmanager
    def _altered(self) -> Iterator[None]:
        if not self._alterations:
            self._record = [_parsed(line) for line in self.path.read_text("utf-8").split("\n")[:-1]]
        self._alterations += 1
        try:
            yield
        finally:
            self._alterations -= 1
            self._rewrite()
            if not self._alterations:
                self._record = []

    def _shown(self, line: Line) -> str:
        message = line.message
        for view in self._views:
            seen = view(message)
            if seen is None:
                return ""
            message = seen
        return f"{line.head}{message}\n"

    def _rewrite(self) -> None:
        # Made beside the folder of the logs, so that nobody who lists it finds an unfinished file.
        made = self.path.parent.parent / f"{self.path.name}.made"
        with made.open("wb") as file:
            if hole := sum(self._holes):
                file.seek(hole - 1)
                file.write(b"\n")
            file.write("".join(map(self._shown, self._record)).encode())
        self._file.close()
        made.replace(self.path)
        self._file = self.path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Close the file; faults that alter it end with the process that writes it."""
        if self._alterations:
            self._views.clear()
            self._holes.clear()
            self._record = [line for line in self._record if line.planted_by is None]
            self._rewrite()
        self._file.close()


def _parsed(line: str) -> Line:
    head, separator, message = line.partition(SEPARATOR)
    return Line(head + separator, message) if separator else Line("", line)
