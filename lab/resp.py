"""A connection that speaks the Redis protocol: pipelines of commands, replies in order."""

import asyncio
from typing import Any, Self

CHUNK = 1 << 16
Command = tuple[str | bytes | int, ...]


class ReplyError(Exception):
    """An error the server sent as its reply to one command, such as CLUSTERDOWN or MOVED."""


Reply = int | bytes | list[Any] | ReplyError | None


class LostError(ConnectionError):
    """The connection broke, or the server did not answer in time; it must not be used again."""


def packed(command: Command) -> bytes:
    """Spell one command as the array of bulk strings the protocol wants."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
    return b"*%d\r\n%b\r\n" % (len(words), b"\r\n".join([b"$%d\r\n%b" % (len(word), word) for word in words]))


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


class Connection:
    """One open connection to one node."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._received = b""

    @classmethod
    async def open(cls, host: str, port: int, timeout_s: float = 2.0) -> Self:
        """Connect within `timeout_s` seconds, or raise OSError or TimeoutError."""
        async with asyncio.timeout(timeout_s):
            return cls(*await asyncio.open_connection(host, port, limit=1 << 20))

    async def call(self, *commands: Command, timeout_s: float = 2.0) -> list[Reply]:
        """Send commands in one write and return their replies; server errors come back as values."""
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(b"".join(map(packed, commands)))
                return await self._replies(len(commands))
        except TimeoutError as error:
            self.close()
            raise LostError(f"no reply within {timeout_s:g} s") from error
        except (OSError, EOFError, RuntimeError) as error:  # the last is what the event loop says of a closed one
            self.close()
            raise LostError(str(error) or "connection closed by the server") from error
        except asyncio.CancelledError:
            self.close()  # replies still to come would be taken for those of the next command
            raise

    async def _replies(self, count: int) -> list[Reply]:
        replies: list[Reply] = []
        at = 0
        while len(replies) < count:
            try:
                reply, at = _parsed(self._received, at)
            except _MoreToComeError:
                chunk = await self._reader.read(CHUNK)
                if not chunk:
                    raise EOFError("connection closed by the server") from None
                self._received, at = self._received[at:] + chunk, 0
            else:
                replies.append(reply)
        self._received = self._received[at:]
        return replies

    @property
    def closed(self) -> bool:
        """Whether this connection can no longer be used."""
        return self._writer.is_closing() or self._reader.at_eof()

    def close(self) -> None:
        """Close at once; replies on their way are lost."""
        self._writer.close()


def fields(info: Reply) -> dict[str, str]:
    """Read the `name:value` lines of an INFO or CLUSTER INFO reply."""
    if isinstance(info, ReplyError):
        raise info
    text = info.decode() if isinstance(info, bytes) else ""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def key_slot(key: str) -> int:
    """Hash slot of a key without hash tag, 0 to 16383 (CRC16, XMODEM)."""
    crc = 0
    for byte in key.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % 16384
