"""The head of an answer over HTTP/1: status line and headers, taken only where they can be meant in one way."""

import re
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_LINE = 65_536
"""Bytes a line of a head may have."""

MOST_HEADERS = 256
"""Headers an answer may have."""

PLAIN = frozenset({"", "identity", "none"})
"""Words that servers write for no coding at all."""

LONGEST_NUMBER = 18
"""Digits of a length that are believed: what is longer is more than anybody reads."""

STATUS_LINE = re.compile(r"HTTP/1\.([0-9])[ \t]+([1-9][0-9]{2})(?:[ \t]+(.*))?")
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)", re.DOTALL)
NUMBER = re.compile(r"[0-9]+")


class MalformedError(Exception):
    """What came is not HTTP; the text is a clause that says why, and may hold what was sent."""


@dataclass(frozen=True)
class Head:
    """What an answer says of itself; `minor` is the x of HTTP/1.x."""

    minor: int
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def interim(self) -> bool:
        """Whether another answer follows: it is a 1xx, and not the 101 that ends HTTP on this connection."""
        return self.status < 200 and self.status != 101

    def several(self, name: str) -> list[str]:
        """Return the elements of a header that is a list, in small letters, however often it was sent."""
        values = [value for known, value in self.headers if known.lower() == name]
        return [part.strip(" \t").lower() for value in values for part in value.split(",")]

    @property
    def stays(self) -> bool:
        """Whether the server keeps the connection after this answer, as far as its words go."""
        said = self.several("connection")
        return "close" not in said and (self.minor > 0 or "keep-alive" in said)

    @property
    def length(self) -> int | None:
        """The bytes of the body, as declared; None where they are not. MalformedError for no number, or for two."""
        told = set(self.several("content-length"))
        for one in told:
            if not NUMBER.fullmatch(one):
                raise MalformedError(f"it declares the length {one!r}")
        lengths = {one.lstrip("0") or "0" for one in told}
        if len(lengths) > 1:
            raise MalformedError(f"it declares two lengths, {' and '.join(sorted(lengths))}")
        return int(lengths.pop()[:LONGEST_NUMBER]) if lengths else None

    @property
    def transfer(self) -> list[str]:
        """The codings it is sent in, the outermost last; MalformedError where it is chunked within another."""
        found = codings(*self.several("transfer-encoding"))
        if "chunked" in found[:-1]:
            raise MalformedError(f"it is sent in the codings {', '.join(found)}, where chunked comes last")
        return found


def codings(*values: str) -> list[str]:
    """Return the codings that lists of them name, in small letters; those that mean none are left out."""
    parts = (part.strip(" \t").lower() for value in values for part in value.split(","))
    return [part for part in parts if part not in PLAIN]


def status_line(line: bytes) -> Head:
    """Return what a status line says; MalformedError where it is none."""
    text = line.rstrip(b"\r\n").decode("latin-1")
    found = STATUS_LINE.fullmatch(text)
    if found is None:
        raise MalformedError(f"it begins with {text!r}" if text else "it begins with an empty line")
    return Head(int(found[1]), int(found[2]), (found[3] or "").strip())


def begun(line: bytes) -> bool:
    """Whether a line that is cut off may have been going to be a status line."""
    start = line[: len(b"HTTP/1.")]
    return b"HTTP/1.".startswith(start) and bool(line)


def headers(lines: list[bytes]) -> tuple[tuple[str, str], ...]:
    """Return names and values of header lines, those that go on in the next line joined; MalformedError for others."""
    found: list[tuple[str, str]] = []
    for line in lines:
        text = line.rstrip(b"\r\n").decode("latin-1")
        if text[:1] in {" ", "\t"} and found:
            name, value = found[-1]
            found[-1] = name, f"{value} {text.strip()}".strip()
        elif (header := HEADER.fullmatch(text)) is not None:
            found.append((header[1], header[2].strip()))
        else:
            raise MalformedError(f"a line of its head is no header: {text!r}")
    if len(found) > MOST_HEADERS:
        raise MalformedError(f"it has more than {MOST_HEADERS} headers")
    return tuple(found)


def final(line: Callable[[], bytes], begins: Callable[[Head], None] = lambda _: None) -> tuple[Head, list[Head]]:
    """Return the head of the answer, and those of the interim ones before it; `line` reads the next line, with its end.

    `begins` is given each as soon as its status line has come. MalformedError where what comes is no head.
    """
    before: list[Head] = []
    while True:
        told = status_line(line())
        begins(told)
        lines: list[bytes] = []
        while (one := line()).rstrip(b"\r\n"):
            lines.append(one)
            if len(lines) > 2 * MOST_HEADERS:
                raise MalformedError(f"it has more than {MOST_HEADERS} headers")
        head = Head(told.minor, told.status, told.reason, headers(lines))
        if not head.interim:
            return head, before
        before.append(head)
