"""Cleanups of event streams that do not run, fail, take long, or leave streams out."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from lab.faults.catalogue import Fault, Values, number, numbers, truth
from lab.faults.lasting import during
from lab.faults.sse_counts import STALE_FOR_S

if TYPE_CHECKING:
    from lab.control import Infrastructure
    from lab.services.sse.app import Service
    from lab.services.sse.figures import Body
    from lab.services.sse_clients import Clients


async def _started_anew_on_exit(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    yield
    await infrastructure.restart("sse")


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

    with during(service.manager.reported, change):
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
        with during(manager.failing, Failing(share, MORE_CLEANUPS_IN_A_RAMP, log)):
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
    with during(manager.failing, Failing(Share(lambda: percent), MORE_CLEANUPS, log)):
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
    with during(service.manager.slow_ms, ms):
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
    with during(service.manager.unclosable, Share(lambda: needed)):
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
    with during(service.manager.spared, lambda connection: connection.is_outside):
        yield


BATCH_IGNORED = Fault("F.sse.batch_ignored", "behaviour", "A forced cleanup takes all stale connections at once.")


@BATCH_IGNORED.on("sse")
@asynccontextmanager
async def unbatched(service: "Service") -> AsyncIterator[None]:
    """Take them all."""
    with during(service.manager.unbatched, object()):
        yield
