"""The event streams: counted wrongly, not cleaned up, piling up, badly configured, silent, kept back on their way."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lab.faults.catalogue import (
    BadParametersError,
    Fault,
    Values,
    anything,
    choice,
    number,
    numbers,
    text,
    truth,
    whole,
)
from lab.faults.json_body import holder_of, pointer_to
from lab.ports import HOST
from lab.resp import Connection, ReplyError
from lab.settings import SSE_REDIS, Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from lab.control import Infrastructure
    from lab.services.sse.app import Service
    from lab.services.sse.figures import Body, Tally
    from lab.services.sse_clients import Clients

T = TypeVar("T")
TO: Final = choice("to", "whose streams", ["checker"], default="checker")
SHOWS_WITHIN_S: Final = 10.0
STALE_FOR_S: Final = 3600.0
KINDS: Final = {
    "active": (0.0, 0.0),
    "stale": (STALE_FOR_S, STALE_FOR_S),
    "long_lived": (9000.0, 0.0),
    "very_old": (26_000.0, 0.0),
}
"""Kinds of connections: for how long they have been open and silent, in seconds of production."""
COUNTER_KEY: Final = "sse:connections:count"


@contextmanager
def _during(faults: list[T], fault: T) -> Iterator[None]:
    faults.append(fault)
    try:
        yield
    finally:
        faults.remove(fault)


async def _told_to_redis(settings: Settings, *command: str | int) -> None:
    connection = await Connection.open(HOST, settings.ports[SSE_REDIS])
    try:
        for reply in await connection.call(("SELECT", 1), command):
            if isinstance(reply, ReplyError):
                raise reply
    finally:
        connection.close()


async def _started_anew_on_exit(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    yield
    await infrastructure.restart("sse")


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
    with _during(service.manager.spared, lambda connection: cleanup_skips_them and connection.is_dated):
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


CLEANUP_FLAG = Fault(
    "F.sse.cleanup_flag",
    "report",
    "Tell that the cleanup task does not run (or does) while it goes on as ever.",
    (truth("running", "what is told", default=False),),
)


@CLEANUP_FLAG.on("sse")
@asynccontextmanager
async def flag_told(service: "Service", *, running: bool) -> AsyncIterator[None]:
    """Tell it in every view."""

    def change(told: "Body") -> None:
        told["connection_stats"]["cleanup_task_running"] = running

    with _during(service.manager.reported, change):
        yield


CLEANUP_STOP = Fault("F.sse.cleanup_stop", "behaviour", "Cancel the cleanup task; healing starts it again.")


@CLEANUP_STOP.on("sse")
@asynccontextmanager
async def cleanup_stopped(service: "Service") -> AsyncIterator[None]:
    """Clean up no more; clean up again on exit."""
    service.manager.stop_cleaning()
    try:
        yield
    finally:
        service.manager.start_cleaning()


def _ill_matched(values: Values) -> str | None:
    if (values["rate_percent"] is None) == (values["ramp_percent"] is None):
        return "give either rate_percent or ramp_percent"
    if values["as_history"] and values["recent_only"]:
        return "as_history and recent_only exclude one another"
    if values["ramp_percent"] is not None and (values["as_history"] or values["recent_only"]):
        return "as_history and recent_only go with rate_percent"
    return None


CLEANUP_ERRORS = Fault(
    "F.sse.cleanup_errors",
    "behaviour",
    "Let cleanups raise an error, evenly: so many percent of those the service has made since its start, a long history"
    " of cleanups being made at once, and of those to come; with as_history of the former only, with recent_only of the"
    " latter only (the history is long and clean); or rising from one percentage to the next every ten minutes of"
    " production, and on at the same pace to half as much again. A counter takes nothing back: healing starts the"
    " service anew.",
    (
        number("rate_percent", "cleanups that fail, %", at_least=0.1, at_most=100, default=None),
        numbers("ramp_percent", "percentages it rises by", at_least=0, at_most=100, default=None),
        truth("as_history", "whether all of them have failed already", default=False),
        truth("recent_only", "whether none has failed yet", default=False),
        truth("log", "whether errors to come are logged", default=True),
    ),
    _ill_matched,
)
HISTORY: Final = 1000
CLEAN_HISTORY: Final = 3000
RAMP_STEP_S: Final = 600.0
MORE_CLEANUPS: Final = 10
"""Cleanups besides each periodic one, so that a window of a few minutes has enough of them to tell a share. With the
periodic one they are eleven, so that of an even share it is not always the last that fails."""
MORE_CLEANUPS_IN_A_RAMP: Final = 199
"""The same in a ramp, which begins with one in a hundred, and that within a second or two."""
CLEANUP_ERRORS.on("control")(asynccontextmanager(_started_anew_on_exit))


@CLEANUP_ERRORS.on("sse")
@asynccontextmanager
async def cleanups_failing(
    service: "Service",
    *,
    rate_percent: float | None,
    ramp_percent: list[float] | None,
    as_history: bool,
    recent_only: bool,
    log: bool,
) -> AsyncIterator[None]:
    """Make the history, and let cleanups fail from now on."""
    from lab.services.sse.manager import Failing, Share  # noqa: PLC0415 - the catalogue loads without it

    manager = service.manager
    if ramp_percent is not None:
        began, step_s = time.monotonic(), service.host.settings.time_scale.window(RAMP_STEP_S)
        points = ramp_percent
        share = Share(lambda: _on_the_ramp(points, (time.monotonic() - began) / step_s))
        with _during(manager.failing, Failing(share, MORE_CLEANUPS_IN_A_RAMP, log)):
            yield
        return
    percent = rate_percent or 0.0
    if recent_only:
        await manager.catch_up(max(CLEAN_HISTORY, manager.tally.errors * 100))
    else:
        done, failed = manager.tally.cleanups, manager.tally.errors
        cleanups = max(HISTORY, 2 * done)
        to_fail = percent / 100 * (done + cleanups) - failed
        await manager.catch_up(cleanups, max(0.0, min(100.0, 100 * to_fail / cleanups)))
    if as_history:
        yield
        return
    with _during(manager.failing, Failing(Share(lambda: percent), MORE_CLEANUPS, log)):
        yield


def _on_the_ramp(points: list[float], step: float) -> float:
    """Return the percentage after so many steps of a ramp."""
    last = len(points) - 1
    if step < last:
        before = points[int(step)]
        return before + (points[int(step) + 1] - before) * (step - int(step))
    pace = points[last] - points[last - 1] if last else 0.0
    return min(points[last] + pace * (step - last), 1.5 * points[last])


CLEANUP_SLOW = Fault(
    "F.sse.cleanup_slow",
    "behaviour",
    "Let each cleanup wait.",
    (number("ms", "how long it takes at least, ms", at_least=1, at_most=60_000, default=160),),
)


@CLEANUP_SLOW.on("sse")
@asynccontextmanager
async def cleanup_slow(service: "Service", *, ms: float) -> AsyncIterator[None]:
    """Wait in every cleanup."""
    with _during(service.manager.slow_ms, ms):
        yield


FAIL_CONNECTIONS = Fault(
    "F.sse.cleanup_fail_connections",
    "behaviour",
    "Let clients come that have fallen silent, and let some attempts to close their connections fail, evenly, so that"
    " as many percent of all attempts since the start have failed; those connections stay open until the next attempt."
    " A counter takes nothing back: healing starts the service anew.",
    (number("percent", "attempts that fail, %", at_least=0.1, at_most=100, default=8),),
)
SILENT_CLIENTS: Final = 48
"""As many as may be stale without a warning."""
FAIL_CONNECTIONS.on("control")(asynccontextmanager(_started_anew_on_exit))


@FAIL_CONNECTIONS.on("sse")
@asynccontextmanager
async def connections_unclosable(service: "Service", *, percent: float) -> AsyncIterator[None]:
    """Let attempts to close fail."""
    from lab.services.sse.manager import Share  # noqa: PLC0415 - the catalogue loads without it

    before = service.manager.tally
    wanted = percent / 100 * (before.cleaned + before.failed + SILENT_CLIENTS) - before.failed
    needed = max(percent, min(100.0, 100 * wanted / SILENT_CLIENTS))
    with _during(service.manager.unclosable, Share(lambda: needed)):
        yield


@FAIL_CONNECTIONS.on("sse_clients")
@asynccontextmanager
async def silent_clients(clients: "Clients") -> AsyncIterator[None]:
    """Let silent clients come."""
    async with clients.others(SILENT_CLIENTS, age_s=STALE_FOR_S, idle_s=STALE_FOR_S):
        yield


CLEANUP_SKIP = Fault(
    "F.sse.cleanup_skip", "behaviour", "No cleanup ever chooses a connection of a caller from outside."
)


@CLEANUP_SKIP.on("sse")
@asynccontextmanager
async def outside_spared(service: "Service") -> AsyncIterator[None]:
    """Spare them."""
    with _during(service.manager.spared, lambda connection: connection.is_outside):
        yield


BATCH_IGNORED = Fault("F.sse.batch_ignored", "behaviour", "A forced cleanup takes all stale connections at once.")


@BATCH_IGNORED.on("sse")
@asynccontextmanager
async def unbatched(service: "Service") -> AsyncIterator[None]:
    """Take them all."""
    with _during(service.manager.unbatched, object()):
        yield


COUNTERS: Final = {
    "total_cleanups": "cleanups",
    "total_connections_cleaned": "cleaned",
    "cleanup_errors": "errors",
    "failed_connections": "failed",
}
COUNTER: Final = choice("counter", "the counter", list(COUNTERS), default="total_cleanups")
FREEZE = Fault(
    "F.sse.counter_freeze",
    "report",
    "Go on telling the counters of cleanups as they were, all of them and what follows from them; the cleanups and"
    " their log lines go on.",
    (COUNTER,),
)


@FREEZE.on("sse")
@asynccontextmanager
async def counters_frozen(service: "Service") -> AsyncIterator[None]:
    """Tell what was."""
    frozen = service.manager.tally
    with _during(service.manager.forged, lambda _: frozen):
        yield


BACK = Fault(
    "F.sse.counter_back",
    "report",
    "Let a counter of cleanups be told stepping back, by a little more every tenth of a second, for a second and a"
    " half, then from the start again, so that two looks see it sooner or later; logs tell the truth. Cleanups, or"
    " connections to clean, are made beforehand where there are too few.",
    (
        COUNTER,
        whole("by", "how far it steps back in that time", at_least=1, at_most=1000, default=30),
        truth("coherent", "whether what follows from the counter follows", default=True),
    ),
)
STEPS: Final = 15


@BACK.on("sse_clients")
@asynccontextmanager
async def something_to_clean(clients: "Clients", *, counter: str, by: int) -> AsyncIterator[None]:
    """Let silent clients come where they are needed."""
    if counter != "total_connections_cleaned":
        yield
        return
    async with clients.others(by, age_s=STALE_FOR_S, idle_s=STALE_FOR_S):
        yield


@BACK.on("sse")
@asynccontextmanager
async def counter_falling(service: "Service", *, counter: str, by: int, coherent: bool) -> AsyncIterator[None]:
    """Take away more and more."""
    manager, name = service.manager, COUNTERS[counter]
    await manager.catch_up(by if counter == "total_cleanups" else 1 + by // manager.configuration.batch_size)
    there = int(getattr(manager.tally, name))
    if there < by:
        raise BadParametersError(f"F.sse.counter_back: {counter} is {there} and cannot step back by {by}")

    def fallen(value: int) -> int:
        return value - by * int(time.monotonic() * 10 % STEPS) // STEPS

    def forge(tally: "Tally") -> "Tally":
        return replace(tally, **{name: fallen(getattr(tally, name))})

    def change(told: "Body") -> None:
        told["cleanup_stats"][counter] = fallen(told["cleanup_stats"][counter])

    with _during(manager.forged, forge) if coherent else _during(manager.reported, change):
        yield


ENTRY = Fault(
    "F.sse.health_entry",
    "report",
    "Add an entry to the alerts or the warnings, in every view.",
    (
        choice("list", "which list", ["alerts", "warnings"]),
        text("type", "type of the entry"),
        number("value", "its value", at_least=-1e9, at_most=1e9, default=1),
        truth("recompute_level", "whether the level follows", default=True),
    ),
)


@ENTRY.on("sse")
@asynccontextmanager
async def entry_added(service: "Service", **values: Any) -> AsyncIterator[None]:
    """Add it."""
    from lab.services.sse.figures import entry, level  # noqa: PLC0415 - the catalogue loads without it

    listed, value = values["list"], values["value"]
    value = int(value) if value.is_integer() else value

    def change(told: "Body") -> None:
        health = told["health_indicators"]
        severity = "high" if listed == "alerts" else "medium"
        health[listed] = [*health[listed], entry(values["type"], severity, value, "by a fault")]
        if values["recompute_level"]:
            health["overall_health"] = level(health["alerts"], health["warnings"])

    with _during(service.manager.rejudged, change):
        yield


LEVEL = Fault(
    "F.sse.health_level",
    "report",
    "Tell another level, whatever the lists say, in every view.",
    (text("force", "the level", default="degraded"),),
)


@LEVEL.on("sse")
@asynccontextmanager
async def level_forced(service: "Service", *, force: str) -> AsyncIterator[None]:
    """Tell that level."""

    def change(told: "Body") -> None:
        told["health_indicators"]["overall_health"] = force

    with _during(service.manager.rejudged, change):
        yield


TWINS: Final = {
    "/cleanup_stats/error_rate": "/performance_metrics/cleanup_error_rate",
    "/cleanup_stats/connections_per_cleanup": "/performance_metrics/connections_cleaned_per_operation",
}
"""Figures that the monitoring data tell twice."""
FIGURE = Fault(
    "F.sse.figure",
    "report",
    "Tell one figure of the monitoring data otherwise in every view: the data, what is concluded from them, the metrics"
    " page, CloudWatch.",
    (
        pointer_to("pointer", "the figure, as a JSON pointer"),
        anything("value", "what is told", default=None),
        number("add", "what is added to the truth", at_least=-1e9, at_most=1e9, default=None),
    ),
    lambda values: "give either value or add" if (values["value"] is None) == (values["add"] is None) else None,
)


@FIGURE.on("sse")
@asynccontextmanager
async def figure_told(service: "Service", *, pointer: str, value: Any, add: float | None) -> AsyncIterator[None]:
    """Tell it, and its twin."""
    twins = TWINS | {second: first for first, second in TWINS.items()}
    pointers = [one for one in (pointer, twins.get(pointer)) if one is not None]
    trial = await service.manager.monitoring()

    def change(told: "Body") -> None:
        for one in pointers:
            holder, name = holder_of(told, one)
            sum_ = value if add is None else holder[name] + add
            holder[name] = int(sum_) if isinstance(holder[name], int) and float(sum_).is_integer() else sum_

    try:
        change(trial)
    except (LookupError, TypeError, ValueError):
        raise BadParametersError(f"F.sse.figure: {pointer} is no figure of the monitoring data") from None
    with _during(service.manager.reported, change):
        yield


def _setting(name: str, at_most: int, at_least: int = 1) -> Any:
    return whole(name, "the variable of that name", at_least=at_least, at_most=at_most, default=None)


CONFIG = Fault(
    "F.sse.config",
    "infrastructure",
    "Start the service anew with settings set otherwise, times in seconds of production; healing starts it as usual.",
    (
        _setting("CLEANUP_INTERVAL_SECONDS", 3600),
        _setting("CLEANUP_BATCH_SIZE", 10_000, at_least=0),
        _setting("STALE_CONNECTION_THRESHOLD_SECONDS", 86_400),
        _setting("PING_INTERVAL_SECONDS", 3600),
        truth("PERIODIC_CLEANUP_ENABLED", "the variable of that name", default=None),
    ),
    lambda values: "give at least one setting" if all(value is None for value in values.values()) else None,
)


@CONFIG.on("control")
@asynccontextmanager
async def configured_otherwise(infrastructure: "Infrastructure", **settings: Any) -> AsyncIterator[None]:
    """Start it so, and as usual on exit."""
    spelt = {name: str(value).lower() for name, value in settings.items() if value is not None}
    async with _with_variables(infrastructure, spelt):
        yield


@asynccontextmanager
async def _with_variables(infrastructure: "Infrastructure", variables: dict[str, str | None]) -> AsyncIterator[None]:
    environments = infrastructure.environments.setdefault("sse", [])
    environments.append(variables)
    try:
        await infrastructure.restart("sse")
        yield
    finally:
        environments.remove(variables)
        await infrastructure.restart("sse")


NO_VALIDATION = Fault(
    "F.sse.no_validation",
    "behaviour",
    "Start the service anew without a look at its settings, and so each time it is started until this is healed.",
)
STRICT = Fault(
    "F.sse.validation_strict",
    "behaviour",
    "Start the service anew with narrower limits than documented (interval 60 s and more, batch 10 and more), and so"
    " each time it is started until this is healed.",
)


@NO_VALIDATION.on("control")
@asynccontextmanager
async def unvalidated(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    """Start it so, and as usual on exit."""
    async with _with_variables(infrastructure, {"CONFIG_VALIDATION": "none"}):
        yield


@STRICT.on("control")
@asynccontextmanager
async def validated_strictly(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    """Start it so, and as usual on exit."""
    async with _with_variables(infrastructure, {"CONFIG_VALIDATION": "strict"}):
        yield


CLOUDWATCH_STOP = Fault("F.sse.cloudwatch_stop", "behaviour", "Publish nothing to CloudWatch any more.")


@CLOUDWATCH_STOP.on("sse")
@asynccontextmanager
async def unpublished(service: "Service") -> AsyncIterator[None]:
    """Publish nothing."""
    with _during(service.publisher.stopped, object()):
        yield


REFUSE = Fault("F.sse.refuse", "behaviour", "Answer 503 to callers from outside who want a stream.", (TO,))


@REFUSE.on("sse")
@asynccontextmanager
async def streams_refused(service: "Service") -> AsyncIterator[None]:
    """Refuse them."""
    with _during(service.full, object()):
        yield


NO_PING = Fault("F.sse.no_ping", "behaviour", "Send no pings to callers from outside.", (TO,))


@NO_PING.on("sse")
@asynccontextmanager
async def unpinged(service: "Service") -> AsyncIterator[None]:
    """Leave them without."""
    with _during(service.manager.unpinged, object()):
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
        with _during(manager.undecremented, object()):
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
    with _during(infrastructure.proxy.keeping, kb * 1024):
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
    if (transport := service.transport_of(call[0])) is not None and not serving.done():
        transport.abort()
    await serving
