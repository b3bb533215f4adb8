"""The connection manager: who is there, who has been silent for too long, and the cleanup that ends them."""

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from lab.clock import TimeScale, iso, now
from lab.log import Log
from lab.resp import ReplyError
from lab.services.sse import figures
from lab.services.sse.configuration import Configuration
from lab.services.sse.connections import PING, EventConnection
from lab.services.sse.counters import Counters
from lab.services.sse.figures import Ages, Body, Durations, Tally

CLEANUP: Final = "sse.cleanup"
EVENT_EVERY_S: Final = 60.0
"""Seconds of production between two events."""
EVENTS_KEPT: Final = 100
"""Events that a client that comes back can still have."""
AVERAGED_OVER: Final = 20
"""Cleanups over which durations are averaged."""


class Share:
    """Picks so many percent of what it is asked about, evenly; the percentage may change with time."""

    def __init__(self, percent: Callable[[], float]) -> None:
        self._percent = percent
        self._owed = 0.0

    def picks_next(self) -> bool:
        """Whether the next one is picked."""
        self._owed += self._percent() / 100
        if self._owed < 1 - 1e-9:
            return False
        self._owed -= 1
        return True


@dataclass(frozen=True, eq=False)
class Failing:
    """Cleanups that fail: which, and how many more cleanups than usual there are between two periodic ones."""

    share: Share
    more: int
    is_logged: bool


class Manager:
    """All connections of the service, and everything a fault may change about how they are kept."""

    def __init__(self, configuration: Configuration, redis_url: str, log: Log, scale: TimeScale) -> None:
        self.configuration = configuration
        self.connections: dict[str, EventConnection] = {}
        self.counters = Counters(redis_url, scale, self.connections.values)
        self.tally = Tally()
        self.failing: list[Failing] = []
        self.slow_ms: list[float] = []
        """How long each cleanup takes at least, one per fault; the newest holds."""
        self.unclosable: list[Share] = []
        """Which connections cannot be closed when they are to be, one per fault."""
        self.spared: list[Callable[[EventConnection], bool]] = []
        """Connections that cleanups never choose, one per fault."""
        self.unbatched: list[object] = []
        """Faults under which a forced cleanup takes all that are stale."""
        self.unpinged: list[object] = []
        """Faults under which callers from outside get no pings."""
        self.undecremented: list[object] = []
        """Faults under which connections of callers from outside stay registered when they close."""
        self.left_registered: list[EventConnection] = []
        """Those connections."""
        self.forged: list[Callable[[Tally], Tally]] = []
        """What is told of the counters instead of the truth, one per fault; logs tell the truth."""
        self.reported: list[Callable[[Body], None]] = []
        """What faults change about the figures before they are judged."""
        self.rejudged: list[Callable[[Body], None]] = []
        """What faults change about the verdict on them."""
        self.events: deque[tuple[int, bytes]] = deque(maxlen=EVENTS_KEPT)
        self.last_event = 0
        self._log = log
        self._scale = scale
        self._durations_ms: deque[float] = deque(maxlen=AVERAGED_OVER)
        self._cleaning: asyncio.Task[None] | None = None
        self._one_cleanup_at_a_time = asyncio.Lock()
        self._one_change_at_a_time = asyncio.Lock()
        """Held while those who are here and what Redis has of them change, or are compared: they change together."""

    async def open(self, *, is_outside: bool, age_s: float = 0.0, idle_s: float = 0.0) -> EventConnection:
        """Register a connection; one of the lab's own may have been open, and silent, for seconds of production."""
        moment = now()
        connection = EventConnection(
            secrets.token_hex(8),
            moment - self._scale.window(age_s),
            moment - self._scale.window(idle_s),
            is_outside,
            is_dated=bool(age_s or idle_s),
        )
        async with self._one_change_at_a_time:
            self.connections[connection.id] = connection
            try:
                await self.counters.add(connection)
            except (OSError, ReplyError) as error:
                self._log.write("WARN", "sse.manager", f"connection {connection.id} is not counted: {error}")
        return connection

    async def leave(self, connection: EventConnection) -> None:
        """Forget a connection that was closed, unless a cleanup has."""
        connection.wire = None
        if connection.id not in self.connections:
            return
        if connection.is_outside and self.undecremented:
            self.left_registered.append(connection)
            return
        await self.forget([connection])

    async def forget(self, connections: Iterable[EventConnection]) -> None:
        """Count connections no longer, here and in Redis."""
        async with self._one_change_at_a_time:
            gone = [one for one in connections if self.connections.pop(one.id, None) is not None]
            try:
                await self.counters.remove(gone)
            except (OSError, ReplyError) as error:
                for one in gone:
                    self._log.write("WARN", "sse.manager", f"connection {one.id} stays counted: {error}")

    async def synchronise(self) -> None:
        """Bring Redis in line with who is here."""
        async with self._one_change_at_a_time:
            try:
                await self.counters.synchronise()
            except (OSError, ReplyError) as error:
                self._log.write("WARN", "sse.manager", f"Redis is not in line with the connections: {error}")

    async def heard_from(self, ids: Iterable[str]) -> int:
        """Note that clients are alive; how many of them are known."""
        moment = now()
        async with self._one_change_at_a_time:
            known = [self.connections[one] for one in ids if one in self.connections]
            for connection in known:
                connection.last_activity = max(connection.last_activity, moment)
            await self.counters.touch(known)
        return len(known)

    async def ping_for_ever(self) -> None:
        """Ping everybody at the interval."""
        async for _ in self._beats(self.configuration.ping_interval_s):
            for connection in tuple(self.connections.values()):
                if not (self.unpinged and connection.is_outside):
                    connection.write(PING)

    async def tell_for_ever(self) -> None:
        """Send an event to everybody at times, and keep it for those who come back."""
        async for _ in self._beats(EVENT_EVERY_S):
            self.last_event += 1
            data = json.dumps({"sequence": self.last_event, "timestamp": iso(now())})
            event = f"id: {self.last_event}\nevent: update\ndata: {data}\n\n".encode()
            self.events.append((self.last_event, event))
            for connection in tuple(self.connections.values()):
                connection.write(event)

    def missed_since(self, event_id: int) -> bytes:
        """Return the kept events after that one."""
        return b"".join(event for number, event in self.events if number > event_id)

    async def _beats(self, every_s: float) -> AsyncIterator[float]:
        loop = asyncio.get_running_loop()
        every_s = self._scale.window(every_s)
        due = loop.time() + every_s
        while True:
            await asyncio.sleep(due - loop.time())
            yield due
            due = max(due + every_s, loop.time())  # after a stall, go on from where we are

    def start_cleaning(self) -> None:
        """Clean up from now on, at the interval, where that is wanted."""
        if self._cleaning is None and self.configuration.is_cleaned_periodically:
            self._cleaning = asyncio.create_task(self._clean_for_ever())

    def stop_cleaning(self) -> None:
        """Clean up no more."""
        if self._cleaning is not None:
            self._cleaning.cancel()
            self._cleaning = None

    @property
    def is_cleaning(self) -> bool:
        """Whether the periodic cleanup runs."""
        return self._cleaning is not None and not self._cleaning.done()

    async def _clean_for_ever(self) -> None:
        async for _ in self._beats(self.configuration.cleanup_interval_s):
            began = time.perf_counter()
            cleaned = await self.clean_up(self.configuration.batch_size)
            if cleaned is not None:
                tally, took_ms = self.tally, 1000 * (time.perf_counter() - began)
                words = (
                    f"Periodic cleanup cycle: cleaned={cleaned} connections, cycle_duration_ms={took_ms:.2f}, "
                    f"total_cleanups={tally.cleanups}, total_cleaned={tally.cleaned}, error_rate={tally.error_rate}%"
                )
                self._log.write("INFO", CLEANUP, words)
            for _ in range(sum(one.more for one in self.failing)):
                await self.clean_up(self.configuration.batch_size, is_logged=False)

    async def clean_up(self, batch: int, *, is_logged: bool = True) -> int | None:
        """End one batch of stale connections; how many were ended, None where the cleanup failed.

        An error ends the cleanup and is counted and logged, and nothing else.
        """
        async with self._one_cleanup_at_a_time:
            before, began = self.ages(), time.perf_counter()
            failing = self.failing[-1] if self.failing else None
            cleaned: list[EventConnection] = []
            failed = 0
            try:
                if self.slow_ms:
                    await asyncio.sleep(self.slow_ms[-1] / 1000)
                if failing is not None and failing.share.picks_next():
                    raise ConnectionError("Redis refused the connection")
                if self._stale():  # else there is nothing for which to wait for a turn
                    async with self._one_change_at_a_time:
                        for connection in self._stale()[:batch]:
                            if self._is_closed(connection):
                                cleaned.append(self.connections.pop(connection.id))
                            else:
                                failed += 1
                        await self.counters.remove(cleaned)
            except (OSError, ReplyError) as error:
                self._durations_ms.append(1000 * (time.perf_counter() - began))
                self._count(errors=1, cleaned=len(cleaned), failed=failed)
                if is_logged if failing is None else failing.is_logged:
                    words = f"Error during periodic SSE cleanup: {type(error).__name__}: {error}"
                    self._log.write("ERROR", CLEANUP, words)
                return None
            took_ms = 1000 * (time.perf_counter() - began)
            self._durations_ms.append(took_ms)
            self._count(errors=0, cleaned=len(cleaned), failed=failed)
            if is_logged:
                self._log.write("INFO", CLEANUP, self._completed(before, len(cleaned), failed, took_ms, batch))
            return len(cleaned)

    def _stale(self) -> list[EventConnection]:
        """Return the stale connections that may be chosen, the longest silent first."""
        before = now() - self._scale.window(self.configuration.stale_after_s)
        found = [one for one in self.connections.values() if one.last_activity < before]
        return sorted(
            (one for one in found if not any(spares(one) for spares in self.spared)),
            key=lambda one: one.last_activity,
        )

    def _is_closed(self, connection: EventConnection) -> bool:
        if self.unclosable and self.unclosable[-1].picks_next():
            return False
        connection.close()
        return True

    def _count(self, *, errors: int, cleaned: int, failed: int) -> None:
        tally = self.tally
        self.tally = replace(
            tally,
            cleanups=tally.cleanups + 1,
            cleaned=tally.cleaned + cleaned,
            errors=tally.errors + errors,
            failed=tally.failed + failed,
            consecutive_errors=tally.consecutive_errors + 1 if errors else 0,
        )

    def _completed(self, before: Ages, cleaned: int, failed: int, took_ms: float, batch: int) -> str:
        return (
            f"SSE cleanup completed: cleaned={cleaned}, failed={failed}, total_before={before.total}, "
            f"total_after={before.total - cleaned}, duration_ms={took_ms:.2f}, "
            f"efficiency={figures.share_closed(cleaned, failed)}%, batch_size={batch}, "
            f"threshold_seconds={self.configuration.stale_after_s}, stale_connections={before.stale}, "
            f"active_connections={before.total - before.stale}, long_lived_connections={before.long_lived}"
        )

    async def catch_up(self, cleanups: int, percent_failing: float = 0.0) -> None:
        """Clean up so many times in a row, as in a long time; some of it fails, and nothing of it is logged."""
        failing = Failing(Share(lambda: percent_failing), more=0, is_logged=False)
        self.failing.append(failing)
        try:
            for number in range(cleanups):
                await self.clean_up(self.configuration.batch_size, is_logged=False)
                if number % 20 == 0:
                    await asyncio.sleep(0)
        finally:
            self.failing.remove(failing)

    async def clean_up_by_force(self, batch: int) -> int | None:
        """End one batch now, of another size than usual."""
        return await self.clean_up(len(self.connections) if self.unbatched else batch)

    def ages(self) -> Ages:
        """Sort the connections by how long they have been open and silent."""
        moment, window = now(), self._scale.window
        stale = moment - window(self.configuration.stale_after_s)
        long_lived, very_old = moment - window(figures.LONG_LIVED_S), moment - window(figures.VERY_OLD_S)
        everybody = self.connections.values()
        return Ages(
            total=len(everybody),
            stale=sum(one.last_activity < stale for one in everybody),
            long_lived=sum(one.started_at < long_lived for one in everybody),
            very_old=sum(one.started_at < very_old for one in everybody),
        )

    async def monitoring(self) -> Body:
        """Return the monitoring data; raises OSError or ReplyError where Redis does not tell its count."""
        async with self._one_change_at_a_time:
            in_redis = await self.counters.count()
            ages = self.ages()
        tally = self.tally
        for forge in self.forged:
            tally = forge(tally)
        durations = self._durations_ms or (0.0,)
        told = figures.body(
            self.configuration,
            tally,
            ages,
            Durations(durations[-1], sum(durations) / len(durations)),
            in_redis=in_redis,
            is_running=self.is_cleaning,
        )
        for change in self.reported:
            change(told)
        figures.judge(told)
        for change in self.rejudged:
            change(told)
        return told

    async def shut(self) -> None:
        """End every connection and leave nobody counted."""
        self.stop_cleaning()
        async with self._one_change_at_a_time:
            everybody = list(self.connections.values())
            self.connections.clear()
            with suppress(OSError, ReplyError):
                await self.counters.remove(everybody)
        for connection in everybody:
            connection.close()
        self.counters.close()
