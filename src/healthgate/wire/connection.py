"""HTTP over bounded sockets, for whoever speaks it: opened in one way, and no answer that was cut off looks whole.

http.client takes the end of a connection for the end of the headers, and of a body nobody gave the length of: half an
answer looks like an empty one. It reads past one kind of interim answer of all, takes what follows a line that is no
header for the body, and believes whatever length it can make a number of. Its answers are therefore begun here.
Importing this imports http.client: leave it to when there is something to ask.
"""

import http.client
import re
import time
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any

from healthgate.printable import printable
from healthgate.wire import bounded
from healthgate.wire.head import LONGEST_LINE, MalformedError, begun, codings, final

BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body, whatever their headers say."""

SURPLUS_WITHIN = 0.001
"""Seconds that are waited for what must not follow an answer without a body."""

GZIP = frozenset({"gzip", "x-gzip"})
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n")


class CodedError(Exception):
    """A body is in a coding that is not read, or not in the one it is said to be in; the text says which."""


class Response(HTTPResponse):
    """An answer that is read past all interim ones, and taken only where its framing can be meant in one way.

    `codings` are those of its body, the outermost last. `surplus` is whether more came than the answer has.
    """

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.bounded = sock
        self.surplus = False
        self.codings: list[str] = []
        self._has_begun = False

    def begin(self) -> None:
        """Read the head; MalformedError where it is none, IncompleteRead where it is cut off."""
        if self.headers is not None:
            return
        head, before = final(self._line)
        declared, transfer = head.length, head.transfer
        self.code = self.status = head.status
        self.reason = head.reason
        self.version = 11 if head.minor else 10
        self.headers = self.msg = HTTPMessage()
        for name, value in head.headers:
            self.headers[name] = value
        self.chunked = transfer[-1:] == ["chunked"]
        self.chunk_left = None
        self.codings = codings(*head.several("content-encoding")) + [one for one in transfer if one != "chunked"]
        self.length = None if transfer else declared
        bodiless = head.status in BODILESS or head.status < 200
        if bodiless or self._method == "HEAD":
            self.length = 0
        unbounded = self.length is None and not self.chunked
        ambiguous = bool(transfer) and declared is not None
        self.will_close = not head.stays or bool(before) or bodiless or unbounded or ambiguous

    def _line(self) -> bytes:
        line: bytes = self.fp.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise MalformedError(f"a line of it is longer than {LONGEST_LINE} bytes")
        if not line.endswith(b"\n"):
            if not line and not self._has_begun:
                raise RemoteDisconnected("nothing came")
            if not self._has_begun and not begun(line):
                raise MalformedError(f"it begins with {line.decode('latin-1')!r}")
            raise IncompleteRead(line)
        self._has_begun = True
        return line

    def _get_chunk_left(self) -> int | None:
        if self.chunk_left:
            return int(self.chunk_left)
        if self.chunk_left == 0 and self._line().rstrip(b"\r\n"):
            raise MalformedError("a chunk of it is longer than it says")
        line = self._line()
        size = CHUNK.fullmatch(line)
        if size is None:
            raise MalformedError(f"a chunk of it has the length {line.rstrip().decode('latin-1')!r}")
        self.chunk_left = int(size[1], 16) or None
        if self.chunk_left is None:
            self._read_and_discard_trailer()  # type: ignore[attr-defined]
            self._close_conn()
        return self.chunk_left

    def _close_conn(self) -> None:
        self.surplus = self.surplus or self._more()
        super()._close_conn()  # type: ignore[misc]

    def _more(self) -> bool:
        """Whether anything has come beyond the end of the answer."""
        ends = self.bounded.ends
        wait = SURPLUS_WITHIN if self.status in BODILESS else 0.0
        self.bounded.ends = min(ends, time.monotonic() + wait)
        try:
            return bool(self.fp.peek(1))
        except OSError:
            return False
        finally:
            self.bounded.ends = ends


def address(url: str) -> tuple[str, int]:
    """Return the host and the port that an address means; the port is that of its scheme where it names none."""
    rest = url.partition("://")[2]
    return bounded.host_and_port(rest.partition("/")[0], 443 if bounded.scheme(url) == "https" else 80)


def over(sock: bounded.BoundedSocket, url: str, trusted: str = "") -> HTTPConnection:
    """Return a connection to `url` over a connected socket, after a handshake where the scheme is https.

    `trusted` is a file of certificates, as for `bounded.tls_context`. OSError where there is no handshake: the socket
    is closed then.
    """
    host, port = address(url)
    if bounded.scheme(url) != "https":
        connection = HTTPConnection(host, port)
        connection.sock = sock
    else:
        try:
            context = bounded.tls_context(trusted)
            secured = bounded.secured(sock, host, trusted)
        except BaseException:
            sock.close()
            raise
        connection = http.client.HTTPSConnection(host, port, context=context)
        connection.sock = secured
    connection.response_class = Response
    return connection


def answered(connection: HTTPConnection) -> Response:
    """Return the answer to what was sent, its headers read; IncompleteRead where they were cut off."""
    response = connection.getresponse()
    assert isinstance(response, Response)
    return response


def body(response: Response, most: int) -> bytes:
    """Return the body of an answer, up to `most` bytes of it; IncompleteRead where it was cut off before."""
    content = response.read(most)
    unannounced = response.length is None and not response.chunked
    is_short = unannounced and not content and response.status not in BODILESS
    if is_short or (response.length and len(content) < most):
        raise IncompleteRead(content, response.length)
    if response.surplus and response.status in BODILESS:
        raise MalformedError(f"more follows its head, and {response.status} says that there is no more")
    return content


def decoded(content: bytes, codings: Sequence[str], most: int) -> bytes:
    """Return a body without its codings, up to `most` bytes of it; CodedError where that cannot be had."""
    for coding in reversed(codings):
        if coding not in GZIP:
            raise CodedError(f"the answer is encoded as {printable(coding, 60)}, which was not asked for")
        content = _gunzipped(content, most)
    return content


def _gunzipped(content: bytes, most: int) -> bytes:
    found = bytearray()
    while content.strip(b"\0") and len(found) < most:
        engine = zlib.decompressobj(31)
        try:
            found += engine.decompress(content, most - len(found))
        except zlib.error:
            raise CodedError("the answer is said to be encoded as gzip, and is not") from None
        if not engine.eof and len(found) < most:
            raise CodedError("the answer is encoded as gzip and cut off")
        content = engine.unused_data
    return bytes(found)


def explain(
    problem: BaseException, host: str, seconds: float, received: int = 0, clean: Callable[[str], str] = str
) -> tuple[str, str]:
    """Return one word and one phrase for what went wrong with an exchange; `clean` takes secrets out of what came."""
    if isinstance(problem, IncompleteRead):
        return "reset", "the server closed the connection before the answer was complete"
    if isinstance(problem, MalformedError | http.client.HTTPException) and not isinstance(problem, ConnectionError):
        return "malformed", f"the answer is not HTTP: {printable(clean(str(problem)), 100)}"
    status, words = bounded.explain(problem, host, seconds, received)
    return status, clean(words)
