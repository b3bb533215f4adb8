"""The people whose browsers listen to the event streams: so many are always there, and more come when faults call."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from lab.calls import Caller, NoAnswerError
from lab.clock import now
from lab.host import Host, quiet, run_until_done, stop_signal
from lab.services.sse.app import DATED, HEARTBEAT, MONITORING, STREAM
from lab.settings import Settings
from lab.traffic import INTERNAL_HEADER

HEARTBEAT_EVERY_S: Final = 60.0
"""Seconds of production between two signs of life."""
BACK_AFTER_S: Final = 3.0
"""Seconds of production after which a client that was cut off comes back."""
OPENED_WITHIN_S: Final = 15.0
ANSWERS_WITHIN_S: Final = 10.0
AT_A_TIME: Final = 50
FIRST_EVENT: Final = re.compile(rb"event: connected\r?\ndata: (\{.*?\})\r?\n")
LARGEST_OPENING: Final = 1 << 16
LONG_LIVED_S: Final = 9000.0
VERY_OLD_S: Final = 26_000.0
VERY_OLD: Final = 2
"""Clients of the steady population that have been there for more than six hours."""
EVER: Final = 8
"""Clients of the steady population that never leave. All others do before they are very old, and come anew."""
SHORTEST_STAY_S: Final = 3600.0
LONGEST_STAY_S: Final = 10_800.0
STAYS: Final = 100
"""How many stays of different length there are."""


@dataclass(frozen=True)
class Kind:
    """What a client is like: since when it is there and silent (moments since 1970), whether it says it is alive."""

    since: float
    silent_since: float
    is_alive: bool


class Client(asyncio.Protocol):
    """One browser: opens a stream, learns by what name it is known, and then only listens."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.id: asyncio.Future[str] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()
        self._request = request
        self._opening = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Look for the first event, and for nothing after it."""
        if self.id.done():
            return
        self._opening += data
        if found := FIRST_EVENT.search(self._opening):
            self.id.set_result(json.loads(found[1])["connection"])
            self._opening.clear()
        elif len(self._opening) > LARGEST_OPENING:
            self.leave()

    def connection_lost(self, _error: Exception | None) -> None:
        """Say so to whoever waits."""
        for waiting in (self.id, self.gone):
            if not waiting.done():
                waiting.cancel()

    def leave(self) -> None:
        """Close the stream."""
        if self._transport is not None:
            self._transport.close()


class Clients:
    """Everybody who listens."""

    host: Host

    def __init__(self, settings: Settings) -> None:
        environment = os.environ
        self.wanted = int(environment["CLIENTS"])
        """How many are always there."""
        self._scale = settings.time_scale
        parts = urlsplit(environment["SSE_URL"])
        self._address = str(parts.hostname), int(parts.port or 80)
        self._key = settings.internal_key
        self._caller = Caller(self._address[1], {INTERNAL_HEADER: self._key}, ANSWERS_WITHIN_S)
        self._alive: set[str] = set()
        self._staying: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Semaphore(AT_A_TIME)

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the process call its own routes."""
        return []

    def routes(self) -> Starlette:
        """How many there are."""
        return Starlette(routes=[Route("/clients", self._told, methods=["GET"])])

    async def _told(self, _request: Request) -> Response:
        return JSONResponse({"wanted": self.wanted, "alive": len(self._alive)})

    def come(self) -> None:
        """Let the steady population come: some have been there for hours."""
        moment = now()
        very_old = min(VERY_OLD, self.wanted // 4)
        long_lived = very_old + self.wanted // 4
        for number in range(self.wanted):
            age_s = VERY_OLD_S if number < very_old else LONG_LIVED_S if number < long_lived else 0.0
            if number < EVER:
                self._stay(Kind(moment - self._scale.window(age_s), silent_since=moment, is_alive=True))
                continue
            share = number % STAYS / STAYS
            stay_s = SHORTEST_STAY_S + share * (LONGEST_STAY_S - SHORTEST_STAY_S)
            task = asyncio.create_task(self._come_and_go(age_s, stay_s))
            self._staying.add(task)
            task.add_done_callback(self._staying.discard)

    async def _come_and_go(self, age_s: float, stay_s: float) -> None:
        while True:
            moment = now()
            task, _ = self._stay(Kind(moment - self._scale.window(age_s), silent_since=moment, is_alive=True))
            await asyncio.sleep(self._scale.window(stay_s))
            await _ended([task])

    def _stay(self, kind: Kind) -> "tuple[asyncio.Task[None], asyncio.Event]":
        is_there = asyncio.Event()
        task = asyncio.create_task(self._keep_coming_back(kind, is_there))
        self._staying.add(task)
        task.add_done_callback(self._staying.discard)
        return task, is_there

    async def _keep_coming_back(self, kind: Kind, is_there: asyncio.Event) -> None:
        while True:
            with suppress(OSError, TimeoutError):
                async with self._opening:
                    client = await self._opened(kind)
                is_there.set()
                await self._listen(client, kind)
            if is_there.is_set() and not kind.is_alive:
                return
            await asyncio.sleep(self._scale.window(BACK_AFTER_S))

    async def _opened(self, kind: Kind) -> Client:
        """Open a stream and return it once it is known by a name; raises OSError or TimeoutError otherwise."""
        request = self._request(kind)
        async with asyncio.timeout(OPENED_WITHIN_S):
            _, client = await asyncio.get_running_loop().create_connection(lambda: Client(request), *self._address)
            try:
                await asyncio.wait({client.id})
            except asyncio.CancelledError:
                client.leave()
                raise
        if client.id.cancelled():
            raise ConnectionError("refused")
        return client

    async def _listen(self, client: Client, kind: Kind) -> None:
        if kind.is_alive:
            self._alive.add(client.id.result())
        try:
            await asyncio.wait({client.gone})
        finally:
            self._alive.discard(client.id.result())
            client.leave()

    def _request(self, kind: Kind) -> bytes:
        moment, factor = now(), self._scale.factor
        idle_s = 0.0 if kind.is_alive else (moment - kind.silent_since) * factor
        dates = f"age_s={(moment - kind.since) * factor:.0f}&idle_s={idle_s:.0f}"
        host, port = self._address
        return (
            f"GET {STREAM} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n"
            f"{INTERNAL_HEADER}: {self._key}\r\n{DATED}: {dates}\r\n\r\n"
        ).encode()

    async def say_alive_for_ever(self) -> None:
        """Say at the interval who is alive."""
        while True:
            if self._alive:
                with suppress(NoAnswerError):
                    await self._caller.ask("POST", HEARTBEAT, {"connections": list(self._alive)})
            await asyncio.sleep(self._scale.window(HEARTBEAT_EVERY_S))

    @asynccontextmanager
    async def others(self, count: int, *, age_s: float = 0.0, idle_s: float = 0.0) -> AsyncIterator[None]:
        """Let others come and stay until this ends: as old as told, and for so long silent, in seconds of production.

        Those that have been silent stay so, and do not come back when a cleanup has ended them.
        """
        moment, window = now(), self._scale.window
        kind = Kind(moment - window(age_s), moment - window(idle_s), is_alive=not idle_s)
        came = [self._stay(kind) for _ in range(count)]
        try:
            await asyncio.gather(*(is_there.wait() for _, is_there in came))
            yield
        finally:
            await _ended(task for task, _ in came)

    async def told_open(self) -> int:
        """Return how many connections the service says are open; raises NoAnswerError where it does not."""
        told = (await self._caller.ask("GET", MONITORING)).json()
        return int(told["connection_stats"]["active_connections"])

    async def leave(self) -> None:
        """Let everybody leave."""
        await _ended(self._staying)

    def refuses(self, _scope: Scope) -> bool:
        """Turn nobody away."""
        return False


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


async def serve(settings: Settings) -> None:
    """Let clients come and listen until told to stop."""
    clients = Clients(settings)
    host = Host("sse_clients", clients.routes(), clients, settings)
    for port in (host.private, host.public):
        await port.open()
    clients.come()
    saying = asyncio.create_task(clients.say_alive_for_ever())
    await stop_signal()
    saying.cancel()
    await clients.leave()
    await asyncio.gather(*(port.shut() for port in (host.public, host.private)))


def run(settings: Settings) -> None:
    """Process body of the clients."""
    quiet()
    run_until_done(serve(settings))
