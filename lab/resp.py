"""A connection that speaks the Redis protocol: pipelines of commands, replies in order."""

import asyncio
from typing import Any, Self

Command = tuple[str | bytes | int, ...]


class ReplyError(Exception):
    """An error the server sent as its reply to one command, such as CLUSTERDOWN or MOVED."""


Reply = int | bytes | list[Any] | ReplyError | None


class LostError(ConnectionError):
    """The connection broke, or the server did not answer in time; it must not be used again."""


def packed(command: Command) -> bytes:
    """Spell one command as the array of bulk strings the protocol wants."""
    parts = [f"*{len(command)}\r\n".encode()]
    for word in command:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


class Connection:
    """One open connection to one node."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

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
                return [await self._reply() for _ in commands]
        except TimeoutError as error:
            self.close()
            raise LostError(f"no reply within {timeout_s:g} s") from error
        except (OSError, EOFError) as error:
            self.close()
            raise LostError(str(error) or "connection closed by the server") from error
        except asyncio.CancelledError:
            self.close()  # replies still to come would be taken for those of the next command
            raise

    async def _reply(self) -> Reply:
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError("connection closed by the server")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            if rest == b"-1":
                return None
            return (await self._reader.readexactly(int(rest) + 2))[:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"*":
            return None if rest == b"-1" else [await self._reply() for _ in range(int(rest))]
        if kind == b"-":
            return ReplyError(rest.decode())
        raise EOFError(f"not the Redis protocol: {line[:40]!r}")

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
