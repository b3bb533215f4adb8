"""One open event stream: what is written to it, and since when it has been silent."""

import asyncio
from dataclasses import dataclass
from typing import Final

PING: Final = b": ping\n\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
MOST_UNSENT: Final = 1 << 18
"""Bytes that a client may leave unread before it is cut off."""


class Wire:
    """Writes to one client's transport, past the server that has answered the request.

    A thousand clients are pinged four times a second: that leaves no time for a task and two calls each.
    """

    def __init__(self, transport: asyncio.Transport, *, is_chunked: bool) -> None:
        self._transport = transport
        self._is_chunked = is_chunked

    def write(self, data: bytes) -> None:
        """Write one event or comment, unless it is closed; a client that has long read nothing is cut off instead."""
        if self._transport.is_closing():
            return  # the event loop would raise RuntimeError, and end whoever writes to everybody
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            self._transport.abort()
        else:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def close(self) -> None:
        """End the answer and close."""
        if self._is_chunked and not self._transport.is_closing():
            self._transport.write(LAST_CHUNK)
        self._transport.close()


@dataclass(eq=False)
class EventConnection:
    """One connection; moments in seconds since 1970."""

    id: str
    started_at: float
    last_activity: float
    is_outside: bool
    """Whether it is that of a caller who is no service of the lab."""
    is_dated: bool = False
    """Whether it was there, or silent, before it was opened: a lab cannot wait for six hours."""
    is_counted: bool = False
    """Whether it is among those that Redis has."""
    wire: Wire | None = None
    """None until the first event has been sent."""

    def write(self, data: bytes) -> None:
        """Write one event or comment, unless the first event is still to come."""
        if self.wire is not None:
            self.wire.write(data)

    def close(self) -> None:
        """End it."""
        if self.wire is not None:
            self.wire.close()
