"""Calls between the lab's processes: requests to one server on loopback, over connections that are kept."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import httptools

from lab.ports import HOST

KEPT_S: Final = 5.0
"""Seconds for which a connection is kept that nobody uses."""
LARGEST_ANSWER: Final = 8 * 2**20
"""Bytes of a body above which an answer counts as none."""


class NoAnswerError(ConnectionError):
    """No whole answer came: the server refused, broke off, was late, or spoke something else."""


class LateError(NoAnswerError):
    """The answer was not there in time."""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    content_type: str = ""

    def json(self) -> Any:
        """Return what the body says; raises ValueError where it is no JSON."""
        return json.loads(self.body)


class Caller:
    """Asks one server; what is asked at the same time has a connection each.

    The lab asks itself all the time how it is: a client for whatever there is on the web costs a millisecond a request,
    and this one a sixth of that.
    """

    def __init__(self, port: int, headers: Mapping[str, str] | None = None, timeout_s: float = 5.0) -> None:
        self._port = port
        self._headers = {"Host": f"{HOST}:{port}", **(headers or {})}
        self.timeout_s: float | None = timeout_s
        """Seconds for a whole answer; None: for ever."""
        self._idle: list[_Connection] = []

    @property
    def kept(self) -> int:
        """Connections that are open and wait for another request."""
        return sum(connection.is_free for connection in self._idle)

    async def ask(self, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request, with a body as JSON where there is one; raises NoAnswerError."""
        request = _spelt(method, target, body, {**self._headers, **(headers or {})})
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(timeout_s := self.timeout_s):
                connection = self._spare() or await self._opened()
                answer = await connection.exchange(request, is_head=method == "HEAD")
        except TimeoutError:
            raise LateError(f"{method} {target}: no answer within {timeout_s:g} s") from None
        except OSError as error:
            raise NoAnswerError(f"{method} {target}: {error}") from error
        finally:
            if connection is not None and connection.is_free:
                connection.close_after(KEPT_S)
                self._idle.append(connection)
            elif connection is not None:
                connection.close()
        return answer

    def _spare(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_free:
                return connection
        return None

    async def _opened(self) -> "_Connection":
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, HOST, self._port)
        return connection


def _spelt(method: str, target: str, body: Any, headers: Mapping[str, str]) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    elif method == "POST":
        lines.append("Content-Length: 0")
    return "\r\n".join((*lines, "", "")).encode() + content


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_free = False
        """Whether another request can be sent."""
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[Answer] | None = None
        self._closing: asyncio.TimerHandle | None = None

    async def exchange(self, request: bytes, *, is_head: bool) -> Answer:
        """Send a request and return the answer; raises OSError."""
        self.is_free = False
        if self._closing is not None:
            self._closing.cancel()
        self._is_head = is_head
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._content_type = ""
        self._answered = asyncio.get_running_loop().create_future()
        assert self._transport is not None
        self._transport.write(request)
        return await self._answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answered is None or self._answered.done():
            self.close()  # nobody asked for that
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self.is_free = False
        self._fail(str(error or "") or "the connection was lost")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._content_type = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._is_head:  # there is no body, whatever the headers say of one
            self._finish()

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) > LARGEST_ANSWER:
            self._fail("the answer is too large")

    def on_message_complete(self) -> None:
        self._finish()
        self.is_free = not self._is_head and self._parser.should_keep_alive()

    def _finish(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(Answer(self._parser.get_status_code(), bytes(self._body), self._content_type))

    def _fail(self, why: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionResetError(why))

    def close_after(self, seconds: float) -> None:
        """Close, unless it is used again before."""
        self._closing = asyncio.get_running_loop().call_later(seconds, self.close)

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
