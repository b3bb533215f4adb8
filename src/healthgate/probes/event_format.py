"""The format of text/event-stream as the HTML standard has it: the same events, however the bytes are cut."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from healthgate.claim.facts import Facts, NoData
from healthgate.printable import printable
from healthgate.wire.notation import from_json

LARGEST_EVENT = 1_000_000
"""Bytes one event may have, and any line of it, and any comment."""

LONGEST_RETRY = 18
"""Digits of a reconnection time that are believed: what is longer is as good as for ever."""

LINE_END = re.compile(rb"\r\n?|\n")
BOM = b"\xef\xbb\xbf"


class TooLargeError(Exception):
    """An event or a line of it is larger than is read; the text says which."""


@dataclass(frozen=True)
class Event:
    """One event as it came: when it was complete, in seconds since 1970, and what it says.

    `id` is the last id there was until then (empty if none), `event` its type (`message` where it names none),
    `retry` the reconnection time it sets, in ms (None where it sets none).
    """

    at: float
    id: str
    event: str
    data: str
    retry: int | None = None

    def json(self) -> Facts:
        """Return the data as JSON; NoData if it is none."""
        try:
            return Facts(from_json(self.data))
        except ValueError as problem:
            raise NoData(f"the data of the event are not JSON: {printable(problem)}") from None


@dataclass(frozen=True)
class Comment:
    """One comment as it came: a sign of life that is no event. `at` in seconds since 1970."""

    at: float
    text: str


class Parser:
    """Told the bytes of one stream as they come. `last_id` is what a client would resume after, empty if nothing."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: int | None = None
        self._line = bytearray()
        self._after_return = False
        self._first_line = True
        self._size = 0
        self._data: list[str] = []
        self._event = ""
        self._id = ""
        self._retry: int | None = None

    @property
    def unfinished(self) -> bool:
        """Whether a line or an event has begun and not ended."""
        return bool(self._line) or self._size > 0

    def feed(self, data: bytes, at: float) -> Iterator[Event | Comment]:
        """Yield what `data` completes, as it came at `at`; TooLargeError where the rest cannot be read."""
        for line in self._lines(data):
            text = line.decode(errors="replace")
            if not text:
                yield from self._dispatched(at)
            elif text.startswith(":"):
                yield Comment(at, text[1:].removeprefix(" "))
            else:
                self._size += len(line) + 1
                if self._size > LARGEST_EVENT:
                    raise TooLargeError(f"an event is larger than {LARGEST_EVENT} bytes")
                name, _, value = text.partition(":")
                self._take(name, value.removeprefix(" "))

    def _lines(self, data: bytes) -> Iterator[bytes]:
        start = 1 if self._after_return and data.startswith(b"\n") else 0
        if data:
            self._after_return = False
        for end in LINE_END.finditer(data, start):
            self._add(data[start : end.start()])
            start = end.end()
            self._after_return = end[0] == b"\r" and start == len(data)
            line = bytes(self._line)
            self._line.clear()
            if self._first_line:
                line = line.removeprefix(BOM)
                self._first_line = False
            yield line
        self._add(data[start:])

    def _add(self, piece: bytes) -> None:
        if len(self._line) + len(piece) > LARGEST_EVENT:
            raise TooLargeError(f"a line is larger than {LARGEST_EVENT} bytes")
        self._line += piece

    def _take(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self._retry = self.retry = int(value.lstrip("0")[:LONGEST_RETRY] or "0")

    def _dispatched(self, at: float) -> Iterator[Event]:
        self.last_id = self._id
        if self._data:
            yield Event(at, self._id, self._event or "message", "\n".join(self._data), self._retry)
        self._size = 0
        self._data = []
        self._event = ""
        self._retry = None
