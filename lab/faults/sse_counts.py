"""Event streams that are counted wrongly, or piling up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from lab.faults.catalogue import Fault, choice, truth, whole
from lab.faults.lasting import during
from lab.ports import HOST
from lab.resp import Connection, ReplyError
from lab.settings import SSE_REDIS, Settings

if TYPE_CHECKING:
    from lab.services.sse.app import Service
    from lab.services.sse_clients import Clients


SHOWS_WITHIN_S: Final = 10.0
STALE_FOR_S: Final = 3600.0
"""Seconds of production for which those are silent that are to be stale."""
KINDS: Final = {
    "active": (0.0, 0.0),
    "stale": (STALE_FOR_S, STALE_FOR_S),
    "long_lived": (9000.0, 0.0),
    "very_old": (26_000.0, 0.0),
}
"""Kinds of connections: for how long they have been open and silent, in seconds of production."""
COUNTER_KEY: Final = "sse:connections:count"


async def _told_to_redis(settings: Settings, *command: str | int) -> None:
    connection = await Connection.open(HOST, settings.ports[SSE_REDIS])
    try:
        for reply in await connection.call(("SELECT", 1), command):
            if isinstance(reply, ReplyError):
                raise reply
    finally:
        connection.close()


async def _in_line_on_exit(service: "Service") -> AsyncIterator[None]:
    try:
        yield
    finally:
        await service.manager.synchronise()


DRIFT = Fault(
    "F.sse.counter_drift",
    "behaviour",
    "Let Redis refuse decrements while so many clients leave, so that their connections stay counted there; by less"
    " than nothing: refuse increments while so many come, who stay. Healing brings Redis in line.",
    (whole("by", "connections that Redis has too many (negative: too few)", at_least=-500, at_most=500),),
    lambda values: None if values["by"] else "by must not be 0",
)
DRIFT.on("sse")(asynccontextmanager(_in_line_on_exit))


@DRIFT.on("sse_clients")
@asynccontextmanager
async def counted_wrongly(clients: "Clients", *, by: int) -> AsyncIterator[None]:
    """Let clients leave uncounted, or come uncounted."""
    settings = clients.host.settings
    async with AsyncExitStack() as lasting:
        if by < 0:
            async with _refused(settings, "incr"):
                await lasting.enter_async_context(clients.others(-by))
        else:
            async with AsyncExitStack() as leaving:
                async with clients.others(by):
                    before = await clients.told_open()
                    await leaving.enter_async_context(_refused(settings, "decr"))
                await _until_open(clients, before - by)
        yield


@asynccontextmanager
async def _refused(settings: Settings, command: str) -> AsyncIterator[None]:
    await _told_to_redis(settings, "ACL", "SETUSER", "default", f"-{command}")
    try:
        yield
    finally:
        await _told_to_redis(settings, "ACL", "SETUSER", "default", f"+{command}")


async def _until_open(clients: "Clients", at_most: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SHOWS_WITHIN_S):
            while await clients.told_open() > at_most:
                await asyncio.sleep(0.02)
    await clients.told_open()  # answered once Redis has been told of everybody who left


GHOSTS = Fault(
    "F.sse.ghosts",
    "behaviour",
    "Let clients open connections and stay: lively ones, ones that have fallen silent and never say that they are"
    " alive, ones that have been there for hours.",
    (
        choice("kind", "what they are like", list(KINDS)),
        whole("count", "how many", at_least=1, at_most=3000),
        truth("counters_follow", "whether Redis counts them", default=True),
        truth("cleanup_skips_them", "whether no cleanup ever chooses them", default=False),
    ),
)


@GHOSTS.on("sse")
@asynccontextmanager
async def ghosts_spared(service: "Service", *, counters_follow: bool, cleanup_skips_them: bool) -> AsyncIterator[None]:
    """Spare them; bring Redis in line on exit."""
    with during(service.manager.spared, lambda connection: cleanup_skips_them and connection.is_dated):
        yield
    if not counters_follow:
        await service.manager.synchronise()


@GHOSTS.on("sse_clients")
@asynccontextmanager
async def ghosts_there(clients: "Clients", *, kind: str, count: int, counters_follow: bool) -> AsyncIterator[None]:
    """Let them come; they leave on exit."""
    age_s, idle_s = KINDS[kind]
    async with clients.others(count, age_s=age_s, idle_s=idle_s):
        if not counters_follow:
            await _told_to_redis(clients.host.settings, "DECRBY", COUNTER_KEY, count)
        yield
