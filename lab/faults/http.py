"""Answers gone wrong, whatever their content: none, late, endless, of the wrong kind."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from lab.faults.catalogue import Fault, anything, choice, number, text, whole
from lab.settings import SERVICES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from lab.host import ListeningPort, Target

SERVICE: Final = choice(
    "service", "the service", ["gateway", "market", "wsmanager", "wsmanager_staging", "sse", "cloudwatch"]
)
ANY_SERVICE: Final = choice("service", "the service", list(SERVICES))
ROUTE: Final = text("path", "the route, such as /api/debug/comprehensive (none: every route)", default=None)
SCOPE: Final = choice(
    "scope",
    "whose calls are hit; calls between lab services are spared unless all",
    ["direct callers only", "all"],
    default="direct callers only",
)
JSON: Final = b"application/json"
CHUNK: Final = 1 << 16


async def _start(send: "Send", status: int, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def _answer(send: "Send", status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await _start(send, status, (b"content-length", b"%d" % len(body)), *headers)
    await send({"type": "http.response.body", "body": body})


async def _disconnected(receive: "Receive") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


DOWN = Fault(
    "F.http.down",
    "infrastructure",
    "Close a service's listening sockets and its open connections: connection refused.",
    (
        ANY_SERVICE,
        number("seconds", "reopen by itself after this many seconds", at_least=0.01, at_most=3600, default=None),
    ),
)


@DOWN.on("service")
@asynccontextmanager
async def port_shut(target: "Target", *, seconds: float | None) -> AsyncIterator[None]:
    """Shut every port callers use; open the same ones again on exit or after `seconds`."""
    ports, reason = list(target.host.ports), object()
    await asyncio.gather(*(port.refuse(reason) for port in ports))
    reopening = asyncio.create_task(_reopen(ports, reason, seconds)) if seconds is not None else None
    try:
        yield
    finally:
        if reopening is not None:
            reopening.cancel()
        await _reopen(ports, reason, 0)


async def _reopen(ports: list["ListeningPort"], reason: object, after_s: float) -> None:
    await asyncio.sleep(after_s)
    for port in ports:
        await port.admit(reason)


STATUS = Fault(
    "F.http.status",
    "response",
    "Answer one route with a fixed status.",
    (
        SERVICE,
        ROUTE,
        whole("status", "the HTTP status", at_least=200, at_most=599),
        choice("method", "requests of that method only", ["GET", "HEAD", "POST"], default="GET"),
        anything("body", "the body: a text as it is, anything else as JSON", default=None),
        SCOPE,
    ),
)


@STATUS.on("service")
@asynccontextmanager
async def status_fixed(
    target: "Target",
    *,
    path: str | None,
    status: int,
    method: str,
    body: Any,
    scope: str,
) -> AsyncIterator[None]:
    """Answer with the status, and an error body of the service's kind unless one is given."""
    if body is None:
        message = f"status {status} by a fault"
        body = (
            {"success": False, "error": {"code": "INJECTED", "message": message}}
            if target.host.name == "gateway"
            else {"detail": message}
        )
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = b"text/plain; charset=utf-8" if isinstance(body, str) else JSON

    def wrap(_app: "ASGIApp") -> "ASGIApp":
        async def answer(_scope: "Scope", _receive: "Receive", send: "Send") -> None:
            # 204 and 304 must not carry a body
            await _answer(send, status, b"" if status in (204, 304) else raw, (b"content-type", kind))

        return answer

    async with target.host.traffic.broken(path, scope, wrap, method):
        yield


DELAY = Fault(
    "F.http.delay",
    "response",
    "Delay the answer of one route.",
    (SERVICE, ROUTE, number("ms", "the delay, ms", at_least=0, at_most=600000), SCOPE),
)


@DELAY.on("service")
@asynccontextmanager
async def answer_delayed(
    target: "Target",
    *,
    path: str | None,
    ms: float,
    scope: str,
) -> AsyncIterator[None]:
    """Wait before handling the request."""

    def wrap(app: "ASGIApp") -> "ASGIApp":
        async def late(scope: "Scope", receive: "Receive", send: "Send") -> None:
            await asyncio.sleep(ms / 1000)
            await app(scope, receive, send)

        return late

    async with target.host.traffic.broken(path, scope, wrap):
        yield


HANG = Fault(
    "F.http.hang",
    "response",
    "Accept the request on one route and never answer until the fault is lifted.",
    (SERVICE, ROUTE, SCOPE),
)


@HANG.on("service")
@asynccontextmanager
async def answer_withheld(
    target: "Target",
    *,
    path: str | None,
    scope: str,
) -> AsyncIterator[None]:
    """Hold requests; those still waiting when the fault is lifted are answered."""
    lifted = asyncio.Event()

    def wrap(app: "ASGIApp") -> "ASGIApp":
        async def hang(scope: "Scope", receive: "Receive", send: "Send") -> None:
            await lifted.wait()
            await app(scope, receive, send)

        return hang

    try:
        async with target.host.traffic.broken(path, scope, wrap):
            yield
    finally:
        lifted.set()


def _malformed(fault_id: str, what: str, *more: Any) -> Fault:
    return Fault(fault_id, "response", what, (SERVICE, ROUTE, *more, SCOPE))


TRICKLE = _malformed("F.http.trickle", "Answer with valid headers, then one byte every 0.2 s without end.")


@TRICKLE.on("service")
@asynccontextmanager
async def answer_trickling(
    target: "Target",
    *,
    path: str | None,
    scope: str,
) -> AsyncIterator[None]:
    """Keep sending white space, which is valid JSON so far."""

    def wrap(_app: "ASGIApp") -> "ASGIApp":
        async def trickle(_scope: "Scope", receive: "Receive", send: "Send") -> None:
            gone = asyncio.create_task(_disconnected(receive))
            await _start(send, 200, (b"content-type", JSON))
            body = b"{"
            while not gone.done():
                await send({"type": "http.response.body", "body": body, "more_body": True})
                body = b" "
                await asyncio.wait({gone}, timeout=0.2)

        return trickle

    async with target.host.traffic.broken(path, scope, wrap):
        yield


FLOOD = _malformed(
    "F.http.flood",
    "Stream a huge JSON body without ever holding it in memory.",
    whole("mb", "size of the body, MB", at_least=1, at_most=100000, default=200),
)


@FLOOD.on("service")
@asynccontextmanager
async def answer_flooding(
    target: "Target",
    *,
    path: str | None,
    mb: int,
    scope: str,
) -> AsyncIterator[None]:
    """Send zeros in an array, as fast as the caller reads."""

    def wrap(_app: "ASGIApp") -> "ASGIApp":
        async def flood(_scope: "Scope", receive: "Receive", send: "Send") -> None:
            gone = asyncio.create_task(_disconnected(receive))
            await _start(send, 200, (b"content-type", JSON))
            part: Message = {"type": "http.response.body", "body": b"0," * (CHUNK // 2), "more_body": True}
            await send({"type": "http.response.body", "body": b'{"data": [', "more_body": True})
            for _ in range(mb * 2**20 // CHUNK):
                if gone.done():
                    return
                await send(part)
                await asyncio.sleep(0)  # a fast reader must not starve the service
            gone.cancel()
            await send({"type": "http.response.body", "body": b"0]}"})

        return flood

    async with target.host.traffic.broken(path, scope, wrap):
        yield


RESET = _malformed("F.http.reset", "Cut the connection off with a TCP reset once the request has arrived.")


@RESET.on("service")
@asynccontextmanager
async def connection_reset(
    target: "Target",
    *,
    path: str | None,
    scope: str,
) -> AsyncIterator[None]:
    """Reset instead of answering."""

    def wrap(_app: "ASGIApp") -> "ASGIApp":
        async def reset(scope: "Scope", receive: "Receive", _send: "Send") -> None:
            await receive()
            target.host.public.reset_connection(tuple(scope["client"]))

        return reset

    async with target.host.traffic.broken(path, scope, wrap):
        yield


HTML_PAGE: Final = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
REDIRECT = _malformed("F.http.redirect", "Answer 302 with the same address, without end.")
HTML = _malformed("F.http.html", "Answer 200 with an HTML page, as a login portal in between would.")
ENCODING = _malformed("F.http.encoding", "Answer 200 as JSON with bytes that are not UTF-8.")
DEEP = _malformed("F.http.deep", "Answer 200 with JSON nested 100000 levels deep.")


@REDIRECT.on("service")
@asynccontextmanager
async def redirected(
    target: "Target",
    *,
    path: str | None,
    scope: str,
) -> AsyncIterator[None]:
    """Send callers back to where they came from."""

    def wrap(_app: "ASGIApp") -> "ASGIApp":
        async def redirect(scope: "Scope", _receive: "Receive", send: "Send") -> None:
            await _answer(send, 302, b"", (b"location", scope["path"].encode()))

        return redirect

    async with target.host.traffic.broken(path, scope, wrap):
        yield


@asynccontextmanager
async def _always(target: "Target", path: str | None, scope: str, kind: bytes, body: bytes) -> AsyncIterator[None]:
    def wrap(_app: "ASGIApp") -> "ASGIApp":
        async def answer(_scope: "Scope", _receive: "Receive", send: "Send") -> None:
            await _answer(send, 200, body, (b"content-type", kind))

        return answer

    async with target.host.traffic.broken(path, scope, wrap):
        yield


@HTML.on("service")
@asynccontextmanager
async def html_instead(
    target: "Target",
    *,
    path: str | None,
    scope: str,
) -> AsyncIterator[None]:
    """Answer with a page."""
    async with _always(target, path, scope, b"text/html; charset=utf-8", HTML_PAGE):
        yield


@ENCODING.on("service")
@asynccontextmanager
async def bytes_instead(
    target: "Target",
    *,
    path: str | None,
    scope: str,
) -> AsyncIterator[None]:
    """Answer with bytes that cannot be decoded."""
    async with _always(target, path, scope, JSON, b'{"success": true, "data": "\xff\xfe\xfa"}'):
        yield


@DEEP.on("service")
@asynccontextmanager
async def nested_instead(
    target: "Target",
    *,
    path: str | None,
    scope: str,
) -> AsyncIterator[None]:
    """Answer with nested arrays."""
    async with _always(target, path, scope, JSON, b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        yield
