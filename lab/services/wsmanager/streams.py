"""Streams to the exchange: opened, kept open through breaks, closed, and what was lost of them swept up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from websockets.exceptions import InvalidHandshake, InvalidStatus

from lab.clock import TimeScale, now
from lab.listening import Listening
from lab.log import Log

BACK_OFF_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds of production before each further attempt; the last goes on."""
SWEEP_S: Final = 60.0
"""Seconds of production between two sweeps."""
IDLE_S: Final = 300.0
"""Seconds of production without a message after which a stream is idle."""
OPEN_WITHIN_S: Final = 5.0
SYMBOLS: Final = ("btcusdt", "ethusdt", "solusdt", "xrpusdt", "adausdt", "dogeusdt")
COMPONENT: Final = "WSManager"
Deliver = Callable[[str], Awaitable[None]]


@dataclass
class Counters:
    """What was counted since the process began; only `high_water` is no counter."""

    retries: int = 0
    creations: int = 0
    cleanups: int = 0
    errors: int = 0
    high_water: int = 0


@dataclass(eq=False)
class Stream:
    """One stream: what it brings goes to `deliver`; `ended` is set once it has failed for good."""

    name: str
    deliver: Deliver
    counted: bool
    heard: float
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


async def nowhere(_message: str) -> None:
    """Drop a message: nobody listens."""


class Streams:
    """All streams of one instance, and their counters."""

    def __init__(self, exchange: str, headers: dict[str, str], log: Log, scale: TimeScale) -> None:
        self.active: set[Stream] = set()
        self.counters = Counters()
        self.silent: list[object] = []
        """Faults under which retries are not logged."""
        self.uncounted: list[object] = []
        """Faults under which streams of callers from outside are not counted."""
        self.failing: list[float] = []
        """Percent of the streams that are asked for by a name the exchange refuses, one per fault; the newest holds."""
        self._exchange = exchange
        self._headers = headers
        self._log = log
        self._scale = scale
        self._lost = 0
        """Streams that ended without a close and wait for the sweep."""
        self._owed = 0.0
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def active_count(self) -> int:
        """Streams that are open, as counted."""
        return sum(stream.counted for stream in self.active)

    @property
    def is_swept(self) -> bool:
        """Whether the sweep is at work, without which the manager is unhealthy."""
        return self._sweeping is not None

    def open(self, name: str, deliver: Deliver = nowhere, *, outside: bool = False) -> Stream:
        """Open a stream; it is kept open until it is closed or lost, or the exchange refuses it."""
        stream = Stream(name, deliver, counted=not (outside and self.uncounted), heard=now())
        self.active.add(stream)
        if stream.counted:
            self.counters.creations += 1
            self.counters.high_water = max(self.counters.high_water, self.active_count)
        stream.task = asyncio.create_task(self._keep_open(stream, self._asked_for(name)))
        return stream

    def close(self, stream: Stream) -> None:
        """Close a stream and clean up after it."""
        if self._end(stream):
            self.counters.cleanups += 1

    def lose(self, stream: Stream) -> None:
        """End a stream that broke off; the sweep cleans up after it."""
        if self._end(stream):
            self._lost += 1

    def _end(self, stream: Stream) -> bool:
        if stream not in self.active:
            return False
        self.active.remove(stream)
        if stream.task is not None:
            stream.task.cancel()
        return stream.counted

    def _asked_for(self, name: str) -> str:
        if self.failing:
            self._owed += self.failing[-1] / 100
            if self._owed >= 1:
                self._owed -= 1
                return f"NEW.{name}"
        return name

    async def _keep_open(self, stream: Stream, name: str) -> None:
        attempt = 0
        while True:
            try:
                connection = await Listening.open(f"{self._exchange}/{name}", self._headers, OPEN_WITHIN_S)
                attempt = 0
                stream.connected.set()
                try:
                    async for message in connection:
                        stream.heard = now()
                        with suppress(RuntimeError):  # the client left at this moment
                            await stream.deliver(str(message))
                finally:
                    connection.leave()
            except InvalidStatus as refused:
                if refused.response.status_code < 500:
                    self.counters.errors += 1
                    self._log.write("ERROR", COMPONENT, f"stream {name} refused: {refused.response.status_code}")
                    stream.ended.set()
                    return
            except (OSError, TimeoutError, InvalidHandshake):
                pass
            wait = self._scale.window(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)])
            attempt += 1
            self.counters.retries += 1
            if not self.silent:
                ms = wait * self._scale.factor * 1000
                self._log.write("WARN", COMPONENT, f"stream {name} retry attempt {attempt} in {ms:.0f} ms")
            await asyncio.sleep(wait)

    def start_sweeping(self) -> None:
        """Sweep from now on, at once and then every minute."""
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep_for_ever())

    def stop_sweeping(self) -> None:
        """Sweep no more."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    async def _sweep_for_ever(self) -> None:
        while True:
            found, self._lost = self._lost, 0
            self.counters.cleanups += found
            idle = self.close_idle()
            if idle or found:
                self._log.write("INFO", COMPONENT, f"sweep: {found} lost and {idle} idle streams cleaned up")
            await asyncio.sleep(self._scale.window(SWEEP_S))

    async def tell(self) -> None:
        """Write a line of how many streams there are every minute, for ever."""
        while True:
            counters = self.counters
            words = f"{self.active_count} streams open, {counters.creations} opened, {counters.cleanups} cleaned up"
            self._log.write("INFO", COMPONENT, words)
            await asyncio.sleep(self._scale.window(SWEEP_S))

    def close_idle(self) -> int:
        """Close the streams that brought nothing for long; how many there were."""
        before = now() - self._scale.window(IDLE_S)
        idle = [stream for stream in self.active if stream.heard < before]
        for stream in idle:
            stream.ended.set()
            self.close(stream)
        return len(idle)

    @asynccontextmanager
    async def left_behind(self, count: int) -> AsyncIterator[None]:
        """Let so many streams be opened and broken off, and no sweep find them until this ends."""
        opened = [self.open(f"{SYMBOLS[number % len(SYMBOLS)]}@kline_1m") for number in range(count)]
        await asyncio.gather(*(stream.connected.wait() for stream in opened))
        for stream in opened:
            self._end(stream)
        try:
            yield
        finally:
            self._lost += count

    @asynccontextmanager
    async def counted_twice(self, count: int) -> AsyncIterator[None]:
        """Clean up so many streams a second time; a counter takes nothing back, so that only a restart fixes it."""
        self.counters.cleanups += count
        yield

    async def shut(self) -> None:
        """End every stream."""
        self.stop_sweeping()
        tasks = [stream.task for stream in self.active if stream.task is not None]
        for stream in list(self.active):
            self._end(stream)
        await asyncio.gather(*tasks, return_exceptions=True)
