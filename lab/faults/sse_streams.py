"""Event streams as a caller meets them: refused, silent, spoilt, kept back on their way; and nothing published."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from lab.faults.catalogue import Fault, choice, number, whole
from lab.faults.lasting import during

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from lab.control import Infrastructure
    from lab.services.sse.app import Service


TO: Final = choice("to", "whose streams", ["checker"], default="checker")


CLOUDWATCH_STOP = Fault("F.sse.cloudwatch_stop", "behaviour", "Publish nothing to CloudWatch any more.")


@CLOUDWATCH_STOP.on("sse")
@asynccontextmanager
async def unpublished(service: "Service") -> AsyncIterator[None]:
    """Publish nothing."""
    with during(service.publisher.stopped, object()):
        yield


REFUSE = Fault("F.sse.refuse", "behaviour", "Answer 503 to callers from outside who want a stream.", (TO,))


@REFUSE.on("sse")
@asynccontextmanager
async def streams_refused(service: "Service") -> AsyncIterator[None]:
    """Refuse them."""
    with during(service.full, object()):
        yield


NO_PING = Fault("F.sse.no_ping", "behaviour", "Send no pings to callers from outside.", (TO,))


@NO_PING.on("sse")
@asynccontextmanager
async def unpinged(service: "Service") -> AsyncIterator[None]:
    """Leave them without."""
    with during(service.manager.unpinged, object()):
        yield


NO_DECREMENT = Fault(
    "F.sse.no_decrement",
    "behaviour",
    "A stream of a caller from outside stays registered, here and in Redis, when it is closed: until it is stale and"
    " cleaned up, or this is healed.",
    (choice("for", "whose streams", ["checker"], default="checker"),),
)


@NO_DECREMENT.on("sse")
@asynccontextmanager
async def undecremented(service: "Service") -> AsyncIterator[None]:
    """Keep them registered; forget them on exit."""
    manager = service.manager
    try:
        with during(manager.undecremented, object()):
            yield
    finally:
        left = list(manager.left_registered)
        manager.left_registered.clear()
        await manager.forget(left)


BUFFERING = Fault(
    "F.sse.buffering",
    "infrastructure",
    "The proxy before the event streams keeps answers back, headers included, until there is enough of one, or its"
    " end.",
    (whole("kb", "how much is enough, KB of 1024 bytes", at_least=1, at_most=100_000, default=64),),
)


@BUFFERING.on("control")
@asynccontextmanager
async def kept_back(infrastructure: "Infrastructure", *, kb: int) -> AsyncIterator[None]:
    """Keep answers back; what was kept goes on with what comes next after exit."""
    with during(infrastructure.proxy.keeping, kb * 1024):
        yield


SPOILT = Fault(
    "F.sse.stream",
    "response",
    "Spoil the streams of callers from outside: of another content type; half an event and then nothing; events without"
    " a pause; the connection cut every few seconds; compressed.",
    (
        choice("manner", "how", ["content_type", "half_event", "endless", "drop", "compressed"]),
        number("seconds", "drop: after how long, s", at_least=0.05, at_most=600, default=2),
    ),
)
DIRECT: Final = "direct callers only"
EVENT: Final = b"id: 1\nevent: connected\ndata: {}\n\n"
FLOOD: Final = b"id: 1\nevent: update\ndata: {}\n\n" * 2000


@SPOILT.on("sse")
@asynccontextmanager
async def streams_spoilt(service: "Service", *, manner: str, seconds: float) -> AsyncIterator[None]:
    """Spoil them; those that are open stay as they are."""
    from lab.services.sse.app import STREAM  # noqa: PLC0415 - the catalogue loads without it

    def wrap(app: "ASGIApp") -> "ASGIApp":
        async def spoilt(scope: "Scope", receive: "Receive", send: "Send") -> None:
            if manner == "drop":
                await _dropped(service, app, seconds, (scope, receive, send))
                return
            kind = b"text/plain" if manner == "content_type" else b"text/event-stream"
            headers = [(b"content-type", kind)]
            first = {"half_event": EVENT[:-10], "endless": EVENT + FLOOD, "compressed": gzip.compress(EVENT)}.get(
                manner, EVENT
            )
            if manner == "compressed":
                headers.append((b"content-encoding", b"gzip"))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            gone = asyncio.create_task(_left(receive))
            await send({"type": "http.response.body", "body": first, "more_body": True})
            while manner == "endless" and not gone.done():
                await send({"type": "http.response.body", "body": FLOOD, "more_body": True})
                await asyncio.sleep(0)  # a fast reader must not starve the service
            await gone

        return spoilt

    async with service.host.traffic.broken(STREAM, DIRECT, wrap):
        yield


async def _left(receive: "Receive") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _dropped(service: "Service", app: "ASGIApp", seconds: float, call: "tuple[Scope, Receive, Send]") -> None:
    serving = asyncio.ensure_future(app(*call))
    await asyncio.wait({serving}, timeout=seconds)
    if (transport := service.host.transport_of(call[0])) is not None and not serving.done():
        transport.abort()
    await serving
