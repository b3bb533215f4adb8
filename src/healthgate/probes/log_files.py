"""Log files as they are read: backward, in blocks, as far as somebody wants to know."""

import errno
import os
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from healthgate.claim.facts import iso_moment
from healthgate.claim.observation import Observation
from healthgate.claim.system import FilePattern
from healthgate.duration import spoken
from healthgate.printable import printable
from healthgate.probes.request import Local
from healthgate.secret import Redactor
from healthgate.wire.whole import unreadable

FIRST_BLOCK, LARGEST_BLOCK = 64_000, 1_000_000
"""Bytes read at once: each time twice as many, since most often the end of a log is all that is wanted."""

MOST_BYTES = 64_000_000
"""Bytes read of all files of one log together."""


MOST_FILES = 10_000
"""Files of one log."""


KEPT_LINES = 500
"""Lines kept of one kind, the newest; all are counted."""


LONGEST_LINE = 100_000


STAMP_WITHIN = 60
"""Characters at the beginning of a line in which its moment stands."""


STAMP = re.compile(rb'[ \t]*(?:[A-Za-z_@]++=|\{ ?"[A-Za-z_@]++" ?: ?)?["\[]?(\d\d[^\s"\]]*+)')
"""How a line with a moment begins: with it, bare or in brackets, or with its name, as in ts=… and {"time":"…"."""


@dataclass(frozen=True)
class LogRequest(Local):
    """One reading; `reach` and `deadline` in seconds."""

    id: str
    pattern: FilePattern
    kinds: Mapping[str, tuple[str, str]]
    reach: float
    since: str | None
    deadline: float

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Read the log; its files are closed in every case."""
        began, now = time.monotonic(), time.time()
        reading = _Reading(self, now, began + self.deadline)
        status, error = "answered", None
        try:
            reading.read()
            if reading.newest is None:
                status, error = reading.nothing()
        except OSError as problem:
            status, error = unreadable(problem, self.pattern)
        facts = redactor.content(reading.facts()) if status == "answered" else {}
        elapsed = round((time.monotonic() - began) * 1000, 3)
        return Observation(self.id, status, time.time(), elapsed, reading.taken, error, facts), None


def files_of(pattern: str) -> list[Path]:
    """Return the files at a path in which `*` may stand, the newest first; FileNotFoundError if there are none."""
    from glob import iglob  # noqa: PLC0415 (only runs with logs pay for it)
    from itertools import islice  # noqa: PLC0415

    found = [Path(name) for name in islice(iglob(pattern), MOST_FILES)]  # noqa: PTH207 (pathlib takes no absolute one)
    dated = []
    for path in found:
        try:
            if path.is_file():
                dated.append((path.stat().st_mtime, path))
        except FileNotFoundError:
            continue  # rotated away meanwhile
    if not dated:
        _enter(Path(pattern).parent)
        raise FileNotFoundError(2, "there is no such file", pattern)
    return [path for _, path in sorted(dated, reverse=True)]


def _enter(folder: Path) -> None:
    # a folder that may not be entered looks as if it were empty; PermissionError tells
    if "*" not in str(folder):
        with suppress(FileNotFoundError, NotADirectoryError):
            os.stat(f"{folder}/.")  # noqa: PTH116 (pathlib drops the dot, which asks whether it may be entered)
            os.listdir(folder)  # noqa: PTH208


@dataclass
class _Reading:
    request: LogRequest
    now: float
    ends: float
    taken: int = 0
    newest: float | None = None
    oldest: float | None = None
    stopped: str | None = None
    looked_back: bool = False
    bytes_seen: int = 0
    found: dict[str, list[tuple[float, dict[str, str]]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    patterns: dict[str, tuple[bytes, re.Pattern[str]]] = field(default_factory=dict)
    undated: list[tuple[str, re.Match[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.patterns = {
            name: (literal.encode(), re.compile(pattern)) for name, (literal, pattern) in self.request.kinds.items()
        }

    def read(self) -> None:
        """Read file after file, the newest first, each backward, until nothing further back is wanted."""
        seen: set[tuple[int, int]] = set()
        for path in files_of(self.request.pattern):
            try:
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    if (status.st_dev, status.st_ino) in seen:
                        continue  # it was rotated between two looks
                    seen.add((status.st_dev, status.st_ino))
                    self.bytes_seen += status.st_size
                    for block in self._blocks(file, status.st_size):
                        self._take(block)
                        if self._is_enough():
                            return
                        if self.stopped:
                            return
            except FileNotFoundError:
                continue  # rotated away meanwhile
        self.looked_back = True

    def nothing(self) -> tuple[str, str]:
        """Return one word and one phrase for a log in which there was no line with a moment."""
        if self.stopped:
            return "oversized", f"{self.stopped}, and none of it is a line that begins with its time"
        if not self.bytes_seen:
            return "empty", f"{printable(self.request.pattern, 200)} is empty"
        file = printable(self.request.pattern, 200)
        return "malformed", f"no line of {file} begins with its time and zone, as in 2026-03-02T09:15:00Z"

    def facts(self) -> dict[str, Any]:
        """Return what was found, as plain JSON values."""
        for name, match in self.undated:
            self._keep(name, self.oldest or 0.0, match)
        births = self.found.get(self.request.since or "", [])
        return {
            "newest": self.newest,
            "oldest": self.oldest,
            "from_birth": self.looked_back and bool(births) and births[-1][0] <= (self.oldest or 0.0),
            "stopped": self.stopped,
            "kinds": {
                name: {"count": self.counts.get(name, 0), "lines": [list(one) for one in self.found.get(name, [])]}
                for name in self.patterns
            },
        }

    def _is_enough(self) -> bool:
        since = self.request.since
        far_enough = self.oldest is not None and self.oldest < self.now - self.request.reach
        return far_enough and (since is None or bool(self.counts.get(since)))

    def _blocks(self, file: Any, size: int) -> Iterator[bytes]:
        """Yield whole lines, from the end to the beginning; holes of a sparse file are passed over."""
        rest, block = b"", FIRST_BLOCK
        for start, end in reversed(list(extents(file, size))):
            at = end
            while at > start:
                if self.taken >= MOST_BYTES:
                    self.stopped = f"only the last {self.taken // 1_000_000} MB were read"
                elif time.monotonic() > self.ends:
                    self.stopped = f"only {self.taken // 1_000_000} MB could be read in {spoken(self.request.deadline)}"
                if self.stopped:
                    return
                step = min(block, at - start)
                block = min(2 * block, LARGEST_BLOCK)
                file.seek(at - step)
                data = file.read(step)
                self.taken += len(data)
                at -= step
                joined = data + rest
                head, newline, lines = joined.partition(b"\n")
                if at > start and newline and len(head) <= LONGEST_LINE:
                    rest = head + newline
                    yield lines
                elif at > start and len(joined) <= LONGEST_LINE:
                    rest = joined
                else:
                    rest = b""
                    yield joined
        if rest:
            yield rest

    def _take(self, block: bytes) -> None:
        stamps = _Stamps(block)
        hits: list[tuple[int, str, re.Match[str]]] = []
        for name, (literal, pattern) in self.patterns.items():
            of_kind: deque[tuple[int, str, re.Match[str]]] = deque(maxlen=self._room(name))
            at = block.find(literal)
            while at >= 0:
                begin, end = block.rfind(b"\n", 0, at) + 1, block.find(b"\n", at)
                end = len(block) if end < 0 else end
                line = block[begin : min(end, begin + LONGEST_LINE)].decode(errors="replace")
                if match := pattern.search(line):
                    self.counts[name] = self.counts.get(name, 0) + 1
                    of_kind.append((begin, name, match))
                at = block.find(literal, end)
            hits += of_kind
        last, first = stamps.last(), stamps.first()
        if last is not None and first is not None:
            self.newest = last if self.newest is None else max(self.newest, last)
            self.oldest = first if self.oldest is None else min(self.oldest, first)
            for name, match in self.undated:
                self._keep(name, last, match)
            self.undated = []
        # a moment is read for what is kept only, and from the top, since a line may have that of one above it
        dated = [(stamps.of_line(begin), name, match) for begin, name, match in sorted(hits, key=lambda hit: hit[0])]
        for moment, name, match in reversed(dated):
            if moment is None:
                self.undated.append((name, match))
            else:
                self._keep(name, moment, match)

    def _room(self, name: str) -> int:
        waiting = sum(kind == name for kind, _ in self.undated)
        return max(0, KEPT_LINES - waiting - len(self.found.get(name, [])))

    def _keep(self, name: str, moment: float, match: re.Match[str]) -> None:
        groups = {key: value for key, value in match.groupdict().items() if value is not None}
        self.found.setdefault(name, []).append((moment, groups))


def extents(file: Any, size: int) -> Iterator[tuple[int, int]]:
    """Yield where a file holds data: all of it, or the parts between the holes of a sparse one."""
    at = 0
    while at < size:
        try:
            start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        except OSError as problem:
            if problem.errno != errno.ENXIO:  # this file system does not tell
                yield at, size
            return  # nothing but a hole follows
        yield start, min(end, size)
        at = end


class _Stamps:
    """The moments at which the lines of one block were written. Lines are asked for in their order."""

    def __init__(self, block: bytes) -> None:
        self.block = block
        self._known: tuple[int, float | None] = (-1, None)

    def of_line(self, begin: int) -> float | None:
        """Return the moment of the line at `begin`, or of the nearest one above it that has one."""
        floor, known = self._known
        at = begin
        while at > floor:
            moment = self._at(at)
            if moment is not None:
                known = moment
                break
            at = self.block.rfind(b"\n", 0, at - 1) + 1 if at > 0 else -1
        self._known = (begin, known)
        return known

    def last(self) -> float | None:
        """Return the moment of the last line that has one."""
        at = len(self.block.rstrip(b"\n"))
        while at > 0:
            at = self.block.rfind(b"\n", 0, at)
            moment = self._at(at + 1)
            if moment is not None:
                return moment
        return None

    def first(self) -> float | None:
        """Return the moment of the first line that has one."""
        at = 0
        while at < len(self.block):
            moment = self._at(at)
            if moment is not None:
                return moment
            at = self.block.find(b"\n", at) + 1 or len(self.block)
        return None

    def _at(self, begin: int) -> float | None:
        if self.block[begin : begin + 1] == b"\0":  # what a file that was cut off while written begins with
            end = self.block.find(b"\n", begin)
            line = self.block[begin : end if end >= 0 else len(self.block)]
            begin += len(line) - len(line.lstrip(b"\0"))
        found = STAMP.match(self.block, begin, begin + STAMP_WITHIN)
        return iso_moment(found[1].decode(errors="replace")) if found else None
