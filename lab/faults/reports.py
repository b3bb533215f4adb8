"""Figures the market service reports wrongly in every view while the real thing is well."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lab.faults.catalogue import Fault, Values, choice, number, truth, whole, words
from lab.faults.lasting import during
from lab.settings import NODES

if TYPE_CHECKING:
    from lab.services.market.service import Market

Body = dict[str, Any]


FLAG_NAMES = ("connected", "ping_success")
REDIS_FLAG = Fault(
    "F.mkt.redis_flag",
    "report",
    "Report flags of cluster_health as given, in every view; data keep flowing.",
    (
        words("fields", "the flags: connected, ping_success"),
        truth("value", "what to report", default=False),
    ),
    lambda values: (
        None
        if values["fields"] and set(values["fields"]) <= set(FLAG_NAMES)
        else "fields must be some of connected, ping_success"
    ),
)


@REDIS_FLAG.on("market")
@asynccontextmanager
async def redis_flags(market: "Market", *, fields: list[str], value: bool) -> AsyncIterator[None]:
    """Overwrite the flags."""
    with during(market.diagnostics.reported.cluster_health, lambda body: body.update(dict.fromkeys(fields, value))):
        yield


NODE_FLAG = Fault(
    "F.mkt.redis_node_flag",
    "report",
    "Report one Redis node unhealthy (or healthy) in every view.",
    (choice("node", "the node", NODES), truth("healthy", "what to report", default=False)),
)


@NODE_FLAG.on("market")
@asynccontextmanager
async def node_flag(market: "Market", *, node: str, healthy: bool) -> AsyncIterator[None]:
    """Overwrite one node's flag."""

    def change(body: Body) -> None:
        for entry in body["nodes"]:
            if entry["name"] == node:
                entry["healthy"] = healthy

    with during(market.diagnostics.reported.cluster_health, change):
        yield


LISTENER_FLAG = Fault(
    "F.mkt.listener_flag",
    "report",
    "Report is_running of the WebSocket connection as given, in every view; ingestion continues.",
    (truth("is_running", "what to report", default=False),),
)


@LISTENER_FLAG.on("market")
@asynccontextmanager
async def listener_flag(market: "Market", *, is_running: bool) -> AsyncIterator[None]:
    """Overwrite the flag."""

    def change(body: Body) -> None:
        body["connection_status"]["is_running"] = is_running

    with during(market.diagnostics.reported.websocket, change):
        yield


FREEZE = Fault(
    "F.mkt.counter_freeze",
    "report",
    "Freeze a reported counter in every view; the message rate reads the same counter and drops to 0.",
    (choice("counter", "the counter", ["messages_processed", "parse_errors"], default="messages_processed"),),
)


@FREEZE.on("market")
@asynccontextmanager
async def counter_frozen(market: "Market", *, counter: str) -> AsyncIterator[None]:
    """Keep reporting the value of this moment."""
    meter = market.traffic.messages if counter == "messages_processed" else market.traffic.parse_errors
    value = meter.total

    def change(body: Body) -> None:
        body["performance"][counter] = value
        if counter == "messages_processed":
            body["performance"]["message_rate_per_sec"] = 0.0
        else:
            body["error_categories"]["parse"] = value

    with during(market.diagnostics.reported.websocket, change):
        yield


def _history_complaint(values: Values) -> str | None:
    attempts, successes, recent = values["attempts"], values["successes"], values["failures_last_hour"]
    if attempts is None:
        if successes is not None or recent is not None:
            return "successes and failures_last_hour need attempts"
        return "give attempts or uptime_percent" if values["uptime_percent"] is None else None
    made = attempts if successes is None else successes
    if made > attempts:
        return "successes must not be more than attempts"
    if (recent or 0) > attempts - made:
        return "failures_last_hour must not be more than attempts - successes"
    return None


HISTORY = Fault(
    "F.mkt.ws_history",
    "report",
    "Report another connection history, coherent in itself; failures count as timeouts.",
    (
        whole("attempts", "connection attempts since start", at_least=1, at_most=10**9, default=None),
        whole("successes", "attempts that succeeded (default: all)", at_least=0, at_most=10**9, default=None),
        whole("failures_last_hour", "failures of the last hour (default: 0)", at_least=0, at_most=10**9, default=None),
        number("uptime_percent", "uptime, %", at_least=0, at_most=100, default=None),
    ),
    _history_complaint,
)


@HISTORY.on("market")
@asynccontextmanager
async def history_told(
    market: "Market",
    *,
    attempts: int | None,
    successes: int | None,
    failures_last_hour: int | None,
    uptime_percent: float | None,
) -> AsyncIterator[None]:
    """Overwrite the history's figures."""

    def change(body: Body) -> None:
        if uptime_percent is not None:
            body["connection_status"]["uptime_percent"] = uptime_percent
        if attempts is None:
            return
        made = attempts if successes is None else successes
        body["connection_history"].update(
            success_rate=round(100 * made / attempts, 2),
            connection_attempts=attempts,
            successful_connections=made,
            connection_failures=failures_last_hour or 0,
            connection_failures_total=attempts - made,
        )
        categories = body["error_categories"]
        categories.update({kind: 0 for kind in categories if kind != "parse"} | {"timeout": attempts - made})

    with during(market.diagnostics.reported.websocket, change):
        yield


RESOURCE_NAMES = ("memory_mb", "memory_percent", "cpu_percent", "connection_count")
RESOURCE = Fault(
    "F.mkt.resource",
    "report",
    "Report other figures of the process's resources, in every view.",
    (
        number("memory_mb", "resident size, MB", at_least=0, at_most=1e6, default=None),
        number("memory_percent", "share of the host's memory, %", at_least=0, at_most=100, default=None),
        number("cpu_percent", "CPU, %", at_least=0, at_most=100, default=None),
        whole("connection_count", "sockets open", at_least=0, at_most=10**6, default=None),
    ),
    lambda values: (
        None
        if any(values[name] is not None for name in RESOURCE_NAMES)
        else f"give at least one of {', '.join(RESOURCE_NAMES)}"
    ),
)


@RESOURCE.on("market")
@asynccontextmanager
async def resources_told(market: "Market", **figures: float | None) -> AsyncIterator[None]:
    """Overwrite the given figures."""
    given = {name: value for name, value in figures.items() if value is not None}
    with during(market.diagnostics.reported.resources, lambda body: body.update(given)):
        yield
