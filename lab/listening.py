"""A WebSocket that is only listened to: opened, read message by message, left."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Final, Self, cast

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI, parse_uri

CLOSED_WITHIN_S: Final = 1.0
"""Seconds that the other end has for closing, once it was told that nobody listens any more."""
DATA: Final = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_parsed = lru_cache(maxsize=64)(parse_uri)


class Listening(asyncio.Protocol):
    """One open WebSocket; iterating over it brings its messages and ends with it.

    It is `websockets`' own protocol without its connections: their queues, locks and timers are for what a listener
    never does, and cost several times as much as what it does.
    """

    def __init__(self, uri: WebSocketURI, headers: Mapping[str, str], ping_every_s: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = ClientProtocol(uri)
        request = self._protocol.connect()
        request.headers.update(headers)
        self._protocol.send_request(request)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._messages: deque[str | bytes] = deque()
        self._parts: list[Frame] = []
        """Frames of a message that is not complete."""
        self._waiting: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._is_over = False
        self._ping_every_s = ping_every_s
        self._is_answered = True
        """Whether the newest ping is."""
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls, url: str, headers: Mapping[str, str], within_s: float = 10.0, ping_every_s: float | None = None
    ) -> Self:
        """Connect and upgrade; raises OSError, TimeoutError, or InvalidHandshake where the upgrade is refused.

        With `ping_every_s` the other end is pinged so often, and taken for gone when a ping is unanswered by the next.
        """
        uri = _parsed(url)
        new = partial(cls, uri, headers, ping_every_s)
        async with asyncio.timeout(within_s):
            _, one = await asyncio.get_running_loop().create_connection(new, uri.host, uri.port)
            await one.upgraded()
        return one

    async def upgraded(self) -> None:
        """Wait for the upgrade; without one, nothing is left of the connection."""
        try:
            await self._opened
        except BaseException:
            self._abort()
            raise
        if self._ping_every_s is not None:
            self._in(self._ping_every_s, self._ping)

    @property
    def code(self) -> int:
        """Code with which the other end has closed; 1006 where it is just gone."""
        return self._protocol.close_code or CloseCode.ABNORMAL_CLOSURE

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        while not self._messages:
            if self._is_over:
                raise StopAsyncIteration
            self._waiting = self._loop.create_future()
            await self._waiting
        return self._messages.popleft()

    def leave(self) -> None:
        """Close with code 1000, and wait for nobody."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._send()
        elif not self._is_over:
            self._abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Keep the messages that came."""
        self._protocol.receive_data(data)
        self._take()

    def eof_received(self) -> None:
        """Note that there is no more to come."""
        self._protocol.receive_eof()
        self._take()

    def connection_lost(self, _error: Exception | None) -> None:
        """Say so to whoever waits."""
        self._protocol.receive_eof()
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if not self._opened.done():
            self._opened.set_exception(ConnectionResetError("the connection was lost before the upgrade"))
        self._wake()

    def _take(self) -> None:
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                self._take_answer()
            elif event.opcode in DATA:
                self._take_data(event)
            elif event.opcode is Opcode.PONG:
                self._is_answered = True
        self._send()
        if self._messages:
            self._wake()

    def _take_answer(self) -> None:
        if self._opened.done():  # nobody waits for it any more
            return
        if (error := self._protocol.handshake_exc) is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(error)

    def _take_data(self, frame: Frame) -> None:
        self._parts.append(frame)
        if frame.fin:
            message = b"".join(part.data for part in self._parts)
            is_text = self._parts[0].opcode is Opcode.TEXT
            self._messages.append(message.decode("utf-8", "replace") if is_text else message)
            self._parts.clear()

    def _send(self) -> None:
        # An empty piece asks to end the writing: closing is up to the other end, for which a second is enough.
        if (data := b"".join(self._protocol.data_to_send())) and self._transport is not None:
            if not self._transport.is_closing():
                self._transport.write(data)
            if self._protocol.close_expected():
                self._in(CLOSED_WITHIN_S, self._abort)

    def _ping(self) -> None:
        if not self._is_answered:
            self._abort()
            return
        self._is_answered = False
        self._protocol.send_ping(b"")
        self._send()
        self._in(self._ping_every_s or 0.0, self._ping)

    def _in(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
