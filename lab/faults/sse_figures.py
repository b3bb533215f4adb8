"""What the service of the event streams tells of itself: counters and figures, levels and lists."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lab.faults.catalogue import BadParametersError, Fault, anything, choice, number, text, truth, whole
from lab.faults.json_body import holder_of, pointer_to
from lab.faults.lasting import during
from lab.faults.sse_counts import STALE_FOR_S

if TYPE_CHECKING:
    from lab.services.sse.app import Service
    from lab.services.sse.figures import Body, Tally
    from lab.services.sse_clients import Clients


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
    with during(service.manager.forged, lambda _: frozen):
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

    with during(manager.forged, forge) if coherent else during(manager.reported, change):
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

    with during(service.manager.rejudged, change):
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

    with during(service.manager.rejudged, change):
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
    with during(service.manager.reported, change):
        yield
