"""A connection that speaks the Redis protocol: pipelines of commands, replies in order."""

import asyncio
import re
from collections.abc import Collection
from functools import partial
from typing import Any, Self, cast

Command = tuple[str | int, ...] | bytes
"""The words of a command, or all of it as it is sent, where it was spelt before."""


class ReplyError(Exception):
    """An error the server sent as its reply to one command, such as CLUSTERDOWN or MOVED."""


Reply = int | bytes | list[Any] | ReplyError | None


class LostError(ConnectionError):
    """The connection broke, or the server did not answer in time; it must not be used again."""


def packed(command: Command) -> bytes:
    """Spell one command as the array of bulk strings the protocol wants."""
    if isinstance(command, bytes):
        return command
    parts = [b"*%d" % len(command)]
    for word in command:
        spelt = str(word).encode()
        parts += (b"$%d" % len(spelt), spelt)
    return b"\r\n".join((*parts, b""))


class _MoreToComeError(Exception):
    """A reply is not complete yet."""


def _parsed(received: bytes, at: int) -> tuple[Reply, int]:
    """Return the reply that begins at a place, and where the next one does; EOFError where it is none."""
    ends = received.find(b"\r\n", at)
    if ends < 0:
        raise _MoreToComeError
    kind, rest, after = received[at : at + 1], received[at + 1 : ends], ends + 2
    if kind == b"$" and rest != b"-1":
        ends = after + int(rest)
        if len(received) < ends + 2:
            raise _MoreToComeError
        return received[after:ends], ends + 2
    if kind == b"*" and rest != b"-1":
        several: list[Reply] = []
        for _ in range(int(rest)):
            reply, after = _parsed(received, after)
            several.append(reply)
        return several, after
    if kind in (b"$", b"*"):
        return None, after
    if kind == b"+":
        return rest, after
    if kind == b":":
        return int(rest), after
    if kind == b"-":
        return ReplyError(rest.decode()), after
    raise EOFError(f"not the Redis protocol: {received[at : at + 40]!r}")


class Connection(asyncio.Protocol):
    """One open connection to one node, for one caller at a time.

    Replies are read where they arrive: most calls are of one command, and a stream between the two would cost as much
    again.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._replies: list[Reply] = []
        self._wanted = 0
        self._answered: asyncio.Future[list[Reply]] | None = None

    @classmethod
    async def open(cls, host: str, port: int, timeout_s: float = 2.0) -> Self:
        """Connect within `timeout_s` seconds, or raise OSError or TimeoutError."""
        async with asyncio.timeout(timeout_s):
            _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
            return connection

    async def call(self, *commands: Command, timeout_s: float = 2.0) -> list[Reply]:
        """Send commands in one write and return their replies; server errors come back as values."""
        if not commands:
            return []
        if self._transport is None or self.closed:
            raise LostError("connection closed by the server")
        loop = asyncio.get_running_loop()
        self._replies, self._wanted, self._answered = [], len(commands), loop.create_future()
        timer = loop.call_later(timeout_s, partial(self._lose, f"no reply within {timeout_s:g} s"))
        try:
            self._transport.write(b"".join(map(packed, commands)))
            return await self._answered
        except (LostError, asyncio.CancelledError):
            self.close()  # replies still to come would be taken for those of the next command
            raise
        finally:
            timer.cancel()
            self._answered = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read as many replies as have come; what nobody asked for would be taken for an answer to what follows."""
        if self._answered is None or self._answered.done():
            self.close()
            return
        received, at = self._received + data, 0
        try:
            while len(self._replies) < self._wanted:
                reply, at = _parsed(received, at)
                self._replies.append(reply)
        except _MoreToComeError:
            self._received = received[at:]
        except (EOFError, ValueError) as error:
            self._lose(str(error))
        else:
            self._received = b""
            self._answered.set_result(self._replies)
            if at < len(received):
                self.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Say so to whoever waits for a reply."""
        self._lose(str(error or "") or "connection closed by the server")

    def _lose(self, why: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(LostError(why))

    @property
    def closed(self) -> bool:
        """Whether this connection can no longer be used."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """Close at once; replies on their way are lost."""
        if self._transport is not None:
            self._transport.close()


def fields(info: Reply, only: Collection[str] = ()) -> dict[str, str]:
    """Read the `name:value` lines of an INFO or CLUSTER INFO reply: all, or the few that are wanted."""
    if isinstance(info, ReplyError):
        raise info
    text = info.decode() if isinstance(info, bytes) else ""
    if only:
        return dict(re.findall(rf"(?m)^({'|'.join(only)}):(.*?)\r?$", text))
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def key_slot(key: str) -> int:
    """Hash slot of a key without hash tag, 0 to 16383 (CRC16, XMODEM)."""
    crc = 0
    for byte in key.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % 16384
