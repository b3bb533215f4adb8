"""The connections as Redis has them: how many there are, and a hash of each."""

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from lab.clock import TimeScale, iso
from lab.resp import Command, Connection, Reply, ReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from lab.services.sse.connections import EventConnection

COUNT: Final = "sse:connections:count"
KEPT_S: Final = 86_400.0
"""Seconds of production for which a hash outlives the last activity."""


def key_of(connection_id: str) -> str:
    """Key of a connection's hash."""
    return f"sse:connection:{connection_id}"


class Counters:
    """One connection to Redis, made again when it is lost. Every call raises OSError or ReplyError when it fails.

    One call at a time: whoever calls sees to it.
    """

    def __init__(self, url: str, scale: TimeScale, everybody: "Callable[[], Collection[EventConnection]]") -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port or 6379
        self._database = int(parts.path.removeprefix("/") or 0)
        self._kept_s = max(1, round(scale.window(KEPT_S)))
        self._everybody = everybody
        """Who is there: what Redis has is brought in line with it whenever the connection is made."""
        self._connection: Connection | None = None
        self._times_in_line = 0
        """How often Redis was brought in line: whoever had come or left by then is no longer to be told of."""

    async def count(self) -> int:
        """Return the number of connections as Redis has it."""
        connection = await self._open()
        (reply,) = _without_errors(await connection.call(("GET", COUNT)))
        return int(reply) if isinstance(reply, bytes | int) else 0

    async def add(self, connection: "EventConnection") -> None:
        """Count a connection that is there by now, and leave its hash."""
        await self._write(("INCR", COUNT), *self._hash(connection))
        connection.is_counted = True

    async def touch(self, connections: "Iterable[EventConnection]") -> None:
        """Note the last activity of connections."""
        await self._write(*(command for one in connections for command in self._hash(one)))

    async def remove(self, connections: "Iterable[EventConnection]") -> None:
        """Count connections no longer that are no longer there, and remove their hashes."""
        commands: list[Command] = []
        for one in connections:
            commands += [("DECR", COUNT)] if one.is_counted else []
            commands.append(("DEL", key_of(one.id)))
        await self._write(*commands)

    async def synchronise(self) -> None:
        """Bring Redis in line with the connections there are."""
        times = self._times_in_line
        connection = await self._open()
        if self._times_in_line == times:
            await self._align(connection)

    async def _write(self, *commands: Command) -> None:
        if not commands:
            return
        times = self._times_in_line
        connection = await self._open()
        if self._times_in_line == times:
            _without_errors(await connection.call(*commands))

    async def _open(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = await Connection.open(self._host, self._port)
        await connection.call(("SELECT", self._database))
        await self._align(connection)
        self._connection = connection
        return connection

    async def _align(self, connection: Connection) -> None:
        (found,) = _without_errors(await connection.call(("KEYS", key_of("*"))))
        everybody = list(self._everybody())
        self._times_in_line += 1
        known = {key_of(one.id).encode() for one in everybody}
        left_over = [key for key in found if key not in known] if isinstance(found, list) else []
        for one in everybody:
            one.is_counted = True
        await connection.call(
            ("SET", COUNT, len(everybody)),
            *(("DEL", key) for key in left_over),
            *(command for one in everybody for command in self._hash(one)),
        )

    def _hash(self, connection: "EventConnection") -> list[Command]:
        key = key_of(connection.id)
        moments = ("started_at", iso(connection.started_at), "last_activity", iso(connection.last_activity))
        return [("HSET", key, *moments), ("EXPIRE", key, self._kept_s)]

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _without_errors(replies: list[Reply]) -> list[Reply]:
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise reply
    return replies
