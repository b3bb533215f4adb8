"""One member of one route's JSON body: overwritten, shifted, removed; or the whole body frozen."""

import json
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from lab.clock import iso, now
from lab.faults.catalogue import Fault, Parameter, anything, number, text
from lab.faults.http import SCOPE, SERVICE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from lab.host import Target

BARE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
MOMENT: Final = re.compile(r"now(?:\s*([+-])\s*(\d+(?:\.\d+)?)(?:\s*s)?)?")
PATH: Final = text("path", "the route, such as /api/debug/comprehensive")


def pointer_to(name: str, meaning: str) -> Parameter:
    """Describe a JSON pointer."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not value.startswith("/"):
            raise ValueError("a JSON pointer such as /data/pool/0")
        return value

    return Parameter(name, "JSON pointer", meaning, read)


POINTER: Final = pointer_to("pointer", "the member, as a JSON pointer")


class NoMemberError(LookupError):
    """The body has no such member."""


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def holder_of(body: Any, pointer: str) -> tuple[Any, Any]:
    """Return what holds the member, and its name or index there; raises NoMemberError where there is no such holder."""
    *path, last = _steps(pointer)
    try:
        for step in path:
            body = body[int(step)] if isinstance(body, list) else body[step]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise NoMemberError(pointer) from error
    if isinstance(body, list):
        return body, int(last)
    if isinstance(body, dict):
        return body, last
    raise NoMemberError(pointer)


def _evaluated(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value in BARE:
        return BARE[value]
    if found := MOMENT.fullmatch(value.strip()):
        shift = float(found[2] or 0)
        return iso(now() + (shift if found[1] == "+" else -shift))
    return value


class Answered:
    """An answer that was kept instead of sent: an ASGI send."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = bytearray()

    async def __call__(self, message: "Message") -> None:
        """Keep one message."""
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    async def replay(self, send: "Send", body: bytes) -> None:
        """Send the kept answer with another body."""
        headers = [(name, value) for name, value in self.start["headers"] if name != b"content-length"]
        await send({**self.start, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def rewriting(change: Callable[[Any], None]) -> "Callable[[ASGIApp], ASGIApp]":
    """Change the JSON body of successful answers; anything else passes unchanged."""

    def wrap(app: "ASGIApp") -> "ASGIApp":
        async def rewrite(scope: "Scope", receive: "Receive", send: "Send") -> None:
            answer = Answered()
            await app(scope, receive, answer)
            body = bytes(answer.body)
            if answer.start["status"] == 200:
                try:
                    parsed = json.loads(body)
                    change(parsed)
                    body = json.dumps(parsed, ensure_ascii=False).encode()
                except (ValueError, NoMemberError):
                    body = bytes(answer.body)
            await answer.replay(send, body)

        return rewrite

    return wrap


@asynccontextmanager
async def _rewritten(target: "Target", path: str, scope: str, change: Callable[[Any], None]) -> AsyncIterator[None]:
    async with target.host.traffic.broken(path, scope, rewriting(change)):
        yield


SET = Fault(
    "F.json.set",
    "response",
    "Overwrite one member of one route's body. The texts NaN, Infinity and -Infinity are sent as the bare"
    ' tokens; "now", "now - 48" and "now + 5" (seconds) as moments, worked out for each answer.',
    (SERVICE, PATH, POINTER, anything("value", "the value to send"), SCOPE),
)


@SET.on("service")
@asynccontextmanager
async def member_set(
    target: "Target",
    *,
    path: str,
    pointer: str,
    value: Any,
    scope: str,
) -> AsyncIterator[None]:
    """Overwrite, or add, the member."""

    def change(body: Any) -> None:
        holder, key = holder_of(body, pointer)
        if isinstance(holder, list) and not 0 <= key < len(holder):
            raise NoMemberError(pointer)
        holder[key] = _evaluated(value)

    async with _rewritten(target, path, scope, change):
        yield


OFFSET = Fault(
    "F.json.offset",
    "response",
    "Add a constant to one number of one route's body.",
    (SERVICE, PATH, POINTER, number("add", "what is added", at_least=-1e15, at_most=1e15), SCOPE),
)


@OFFSET.on("service")
@asynccontextmanager
async def member_shifted(
    target: "Target",
    *,
    path: str,
    pointer: str,
    add: float,
    scope: str,
) -> AsyncIterator[None]:
    """Add to the member; whole numbers stay whole."""

    def change(body: Any) -> None:
        holder, key = holder_of(body, pointer)
        try:
            before = holder[key]
            after = before + add
        except (KeyError, IndexError, TypeError) as error:
            raise NoMemberError(pointer) from error
        holder[key] = int(after) if isinstance(before, int) and float(after).is_integer() else after

    async with _rewritten(target, path, scope, change):
        yield


DROP = Fault(
    "F.json.drop",
    "response",
    "Remove one member from one route's body.",
    (SERVICE, PATH, POINTER, SCOPE),
)


@DROP.on("service")
@asynccontextmanager
async def member_dropped(
    target: "Target",
    *,
    path: str,
    pointer: str,
    scope: str,
) -> AsyncIterator[None]:
    """Remove the member where it is there."""

    def change(body: Any) -> None:
        holder, key = holder_of(body, pointer)
        try:
            del holder[key]
        except (KeyError, IndexError) as error:
            raise NoMemberError(pointer) from error

    async with _rewritten(target, path, scope, change):
        yield


FREEZE = Fault(
    "F.json.freeze",
    "response",
    "Keep serving the body of the moment the fault was set, its time stamps included.",
    (SERVICE, PATH, SCOPE),
)


@FREEZE.on("service")
@asynccontextmanager
async def body_frozen(
    target: "Target",
    *,
    path: str,
    scope: str,
) -> AsyncIterator[None]:
    """Capture the body now; callers who may see the route get that one."""
    captured = Answered()
    await target.host.traffic.app(_own_request(target, path), _nothing_more, captured)
    body = bytes(captured.body)

    def wrap(app: "ASGIApp") -> "ASGIApp":
        async def frozen(scope: "Scope", receive: "Receive", send: "Send") -> None:
            answer = Answered()
            await app(scope, receive, answer)
            await answer.replay(send, body if answer.start["status"] == 200 else bytes(answer.body))

        return frozen

    async with target.host.traffic.broken(path, scope, wrap):
        yield


def _own_request(target: "Target", path: str) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(target.own_headers),
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


async def _nothing_more() -> "Message":
    return {"type": "http.request", "body": b"", "more_body": False}
