"""A service's metrics page gone wrong on its way to callers from outside; its Prometheus sees the true one."""

import math
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.faults.catalogue import Fault, choice, number, text, truth
from lab.faults.json_body import Answered, rewriting

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from lab.host import Target

DIRECT: Final = "direct callers only"


@dataclass(frozen=True)
class Views:
    """Where a service tells its metrics: as a page, and as JSON with a member for each."""

    page: str
    json: str
    members: dict[str, str]
    """Member of the JSON (two steps, with a dot) by the name of the metric."""


VIEWS: Final = {
    service: Views(
        "/api/ws/metrics?format=prometheus",
        "/api/ws/metrics?format=json",
        {
            "ws_manager_active_connections": "metrics.activeConnections",
            "ws_manager_retry_count_total": "metrics.retryCount",
            "ws_manager_stream_creations_total": "metrics.streamCreations",
            "ws_manager_stream_cleanups_total": "metrics.streamCleanups",
            "ws_manager_active_connections_hwm": "metrics.activeConnectionsHwm",
            "ws_manager_errors_total": "metrics.errors",
        },
    )
    for service in ("wsmanager", "wsmanager_staging")
} | {
    "sse": Views(
        "/api/sse/metrics",
        "/api/sse/monitoring",
        {
            "sse_active_connections": "connection_stats.active_connections",
            "sse_cleanup_error_rate": "cleanup_stats.error_rate",
            "sse_total_connections_cleaned": "cleanup_stats.total_connections_cleaned",
            "sse_cleanup_total": "cleanup_stats.total_cleanups",
            "sse_cleanup_errors_total": "cleanup_stats.cleanup_errors",
            "sse_stale_connections": "cleanup_stats.stale",
            "sse_long_lived_connections": "cleanup_stats.long_lived",
            "sse_very_old_connections": "cleanup_stats.very_old",
        },
    )
}
SERVICE: Final = choice("service", "the service", list(VIEWS))
FAMILY: Final = text("family", "name of the metric")
FOLLOWS: Final = truth("json_follows", "whether the JSON view says the same", default=False)
KINDS: Final = ("missing_type", "duplicate_series", "bad_value", "no_trailing_newline")


def changing(change: Callable[[str], str]) -> "Callable[[ASGIApp], ASGIApp]":
    """Change the text of successful answers."""

    def wrap(app: "ASGIApp") -> "ASGIApp":
        async def changed(scope: "Scope", receive: "Receive", send: "Send") -> None:
            answer = Answered()
            await app(scope, receive, answer)
            body = bytes(answer.body)
            if answer.start["status"] == 200:
                body = change(body.decode()).encode()
            await answer.replay(send, body)

        return changed

    return wrap


def with_value(page: str, family: str, change: Callable[[float], float]) -> str:
    """Return a page with the values of one family changed."""

    def told(found: re.Match[str]) -> str:
        return f"{found[1]}{change(float(found[2])):.15g}"

    return re.sub(rf"(?m)^({re.escape(family)}(?:\{{[^}}]*\}})? )(\S+)$", told, page)


@asynccontextmanager
async def _values_changed(
    target: "Target", family: str, change: Callable[[float], float], *, json_follows: bool
) -> AsyncIterator[None]:
    views = VIEWS[target.host.name]
    async with AsyncExitStack() as stack:
        on_page = changing(lambda page: with_value(page, family, change))
        await stack.enter_async_context(target.host.traffic.broken(views.page, DIRECT, on_page))
        if json_follows:
            await stack.enter_async_context(_body_follows(target, family, change))
        yield


@asynccontextmanager
async def _body_follows(target: "Target", family: str, change: Callable[[float], float]) -> AsyncIterator[None]:
    views = VIEWS[target.host.name]
    holder, member = views.members[family].split(".")

    def follow(body: dict[str, dict[str, float]]) -> None:
        value = change(body[holder][member])
        body[holder][member] = value if isinstance(body[holder][member], float) else int(value)

    async with target.host.traffic.broken(views.json, DIRECT, rewriting(follow)):
        yield


GARBLE = Fault(
    "F.prom.garble",
    "response",
    "Break the metrics page: no TYPE of the first family, a series twice, a value that is none, no end of the last"
    " line.",
    (SERVICE, choice("kind", "what is wrong", KINDS, default="missing_type")),
)


@GARBLE.on("service")
@asynccontextmanager
async def page_garbled(target: "Target", *, kind: str) -> AsyncIterator[None]:
    """Garble it."""

    def garbled(page: str) -> str:
        lines = page.splitlines()
        first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
        match kind:
            case "missing_type":
                lines = [line for line in lines if line != next(one for one in lines if one.startswith("# TYPE"))]
            case "duplicate_series":
                lines.insert(first, lines[first])
            case "bad_value":
                lines[first] = lines[first].rpartition(" ")[0] + " many"
            case _:
                return page.rstrip("\n")
        return "\n".join(lines) + "\n"

    async with target.host.traffic.broken(VIEWS[target.host.name].page, DIRECT, changing(garbled)):
        yield


DROP = Fault("F.prom.drop", "response", "Leave one family out of the metrics page.", (SERVICE, FAMILY))


@DROP.on("service")
@asynccontextmanager
async def family_dropped(target: "Target", *, family: str) -> AsyncIterator[None]:
    """Leave it out, with what is said about it."""
    about = re.compile(rf"(# (HELP|TYPE) )?{re.escape(family)}[ {{]")

    def without(page: str) -> str:
        return "".join(line for line in page.splitlines(keepends=True) if about.match(line) is None)

    async with target.host.traffic.broken(VIEWS[target.host.name].page, DIRECT, changing(without)):
        yield


RETYPE = Fault("F.prom.retype", "response", "Call a gauge a counter, or a counter a gauge.", (SERVICE, FAMILY))


@RETYPE.on("service")
@asynccontextmanager
async def family_retyped(target: "Target", *, family: str) -> AsyncIterator[None]:
    """Swap its type."""
    other = {"gauge": "counter", "counter": "gauge"}
    about = re.compile(rf"(?m)^(# TYPE {re.escape(family)} )(gauge|counter)$")

    def retyped(page: str) -> str:
        return about.sub(lambda found: found[1] + other[found[2]], page)

    async with target.host.traffic.broken(VIEWS[target.host.name].page, DIRECT, changing(retyped)):
        yield


SET = Fault(
    "F.prom.set",
    "response",
    "Tell another value of one metric.",
    (SERVICE, FAMILY, number("value", "the value", at_least=-1e15, at_most=1e15), FOLLOWS),
)


@SET.on("service")
@asynccontextmanager
async def value_set(target: "Target", *, family: str, value: float, json_follows: bool) -> AsyncIterator[None]:
    """Tell that value."""
    async with _values_changed(target, family, lambda _: value, json_follows=json_follows):
        yield


SAME_LOOK_S: Final = 1.5
DECREASE = Fault(
    "F.prom.decrease",
    "response",
    "Let a counter step back although its process goes on: every second page tells it lower than it is, and the first"
    " after a pause of 1.5 s never does, so that whoever looks twice sees it fall.",
    (SERVICE, FAMILY, number("by", "how far it steps back", at_least=1, at_most=1e6, default=15), FOLLOWS),
)


@DECREASE.on("service")
@asynccontextmanager
async def counter_falling(target: "Target", *, family: str, by: float, json_follows: bool) -> AsyncIterator[None]:
    """Take away from every second page."""
    views = VIEWS[target.host.name]
    before, pages = -math.inf, 0

    def lowered(value: float) -> float:
        return max(0.0, value - by * (pages % 2))

    def on_page(page: str) -> str:
        nonlocal before, pages
        now = time.monotonic()
        before, pages = now, pages + 1 if now - before < SAME_LOOK_S else 0
        return with_value(page, family, lowered)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(target.host.traffic.broken(views.page, DIRECT, changing(on_page)))
        if json_follows:
            await stack.enter_async_context(_body_follows(target, family, lowered))
        yield
