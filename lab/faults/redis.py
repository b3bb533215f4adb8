"""The Redis nodes themselves: killed, paused, robbed of their slots, refusing callers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lab.faults.catalogue import Fault, choice, text, truth
from lab.ports import HOST
from lab.redis_cluster import SLOTS, mend
from lab.resp import Connection, ReplyError
from lab.settings import NODES, SERVERS, SSE_REDIS

if TYPE_CHECKING:
    from lab.control import Infrastructure
    from lab.services.market.service import Market

NODE = choice("node", "the node", NODES)
SERVER = choice("node", "the node, or the Redis of the event streams", SERVERS)

KILL = Fault("F.redis.kill", "infrastructure", "Kill a Redis node with SIGKILL; healing starts it again.", (SERVER,))


@KILL.on("control")
@asynccontextmanager
async def node_killed(infrastructure: "Infrastructure", *, node: str) -> AsyncIterator[None]:
    """Kill the process; restart it with its old identity and slots on exit."""
    reason = object()
    await infrastructure.doors[node].refuse(reason)
    await infrastructure.link.order("kill", name=node)
    try:
        yield
    finally:
        await infrastructure.link.order("start", name=node)
        await infrastructure.doors[node].admit(reason)
        await _errors_forgotten(infrastructure, node)


PAUSE = Fault(
    "F.redis.pause", "infrastructure", "Freeze a Redis node with SIGSTOP: it accepts and never answers.", (SERVER,)
)


@PAUSE.on("control")
@asynccontextmanager
async def node_paused(infrastructure: "Infrastructure", *, node: str) -> AsyncIterator[None]:
    """Stop the process; continue it on exit."""
    await infrastructure.link.order("signal", name=node, signal="STOP")
    try:
        yield
    finally:
        await infrastructure.link.order("signal", name=node, signal="CONT")
        await _errors_forgotten(infrastructure, node)


async def _errors_forgotten(infrastructure: "Infrastructure", node: str) -> None:
    # What the connection manager counted of cleanups that failed stays counted until it is started anew.
    if node == SSE_REDIS:
        await infrastructure.restart("sse")


UNASSIGN = Fault(
    "F.redis.slots",
    "infrastructure",
    "Take a node's hash slots away: it reports cluster_state fail and answers CLUSTERDOWN.",
    (NODE,),
)


@UNASSIGN.on("control")
@asynccontextmanager
async def slots_unassigned(infrastructure: "Infrastructure", *, node: str) -> AsyncIterator[None]:
    """Delete the slots on their owner; add them again on exit."""
    ports = infrastructure.settings.ports
    index = NODES.index(node)
    connection = await Connection.open(HOST, ports.redis[index])
    try:
        (reply,) = await connection.call(("CLUSTER", "DELSLOTSRANGE", *SLOTS[index]))
    finally:
        connection.close()
    if isinstance(reply, ReplyError):
        raise reply
    try:
        yield
    finally:
        await mend(ports, [node])


REFUSE = Fault(
    "F.mkt.redis_node_refuse",
    "infrastructure",
    "One node refuses connections from callers outside; the service keeps its own.",
    (NODE, choice("to", "who is refused", ["checker"], default="checker")),
)


@REFUSE.on("control")
@asynccontextmanager
async def node_refusing(infrastructure: "Infrastructure", *, node: str, to: str) -> AsyncIterator[None]:
    """Shut the node's door to callers from outside."""
    reason = (to,)
    await infrastructure.doors[node].refuse(reason)
    try:
        yield
    finally:
        await infrastructure.doors[node].admit(reason)


REFUSE_ONE = Fault(
    "F.redis.refuse",
    "infrastructure",
    "A Redis that is no node of the cluster refuses connections from callers outside; its service keeps its own.",
    (
        choice("redis", "which Redis", ["sse"]),
        choice("to", "who is refused", ["checker"], default="checker"),
    ),
)


@REFUSE_ONE.on("control")
@asynccontextmanager
async def server_refusing(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    """Shut its door to callers from outside."""
    reason = object()
    await infrastructure.doors[SSE_REDIS].refuse(reason)
    try:
        yield
    finally:
        await infrastructure.doors[SSE_REDIS].admit(reason)


STATE = Fault(
    "F.mkt.redis_state",
    "report",
    "Report another cluster_state in every view while the cluster is well.",
    (
        text("cluster_state", "the state to report", default="fail"),
        truth("lab_redis_agrees", "whether CLUSTER INFO tells callers from outside the same", default=True),
        truth("log", "whether the health monitor logs the outage", default=False),
    ),
)


@STATE.on("control")
@asynccontextmanager
async def nodes_claiming(
    infrastructure: "Infrastructure",
    *,
    cluster_state: str,
    lab_redis_agrees: bool,
) -> AsyncIterator[None]:
    """Let CLUSTER INFO say the state to callers from outside."""
    doors = list(infrastructure.doors.values()) if lab_redis_agrees else []
    for door in doors:
        door.claims.append(cluster_state)
    try:
        yield
    finally:
        for door in doors:
            door.claims.remove(cluster_state)


@STATE.on("market")
@asynccontextmanager
async def state_reported(
    market: "Market",
    *,
    cluster_state: str,
    log: bool,
) -> AsyncIterator[None]:
    """Report the state in every view of the service."""

    def change(body: dict[str, object]) -> None:
        body["cluster_state"] = cluster_state

    market.diagnostics.reported.cluster_health.append(change)
    if log:
        market.cluster_alarms.append(change)
    try:
        yield
    finally:
        market.diagnostics.reported.cluster_health.remove(change)
        if log:
            market.cluster_alarms.remove(change)


KEY = Fault(
    "F.redis.key",
    "behaviour",
    "Change one key in the service's Redis: delete it, set it to a text, or take its time to live away.",
    (
        choice("redis", "which Redis", ["market"], default="market"),
        choice("op", "what is done", ["del", "set", "persist"]),
        text("key", "the key, such as market:STRAYXX"),
        text("value", "the text that `set` stores", default="stray"),
        truth("and_stop_writer", "whether the service stops writing that key", default=False),
    ),
)


@KEY.on("market")
@asynccontextmanager
async def key_changed(
    market: "Market",
    *,
    op: str,
    key: str,
    value: str,
    and_stop_writer: bool,
) -> AsyncIterator[None]:
    """Change the key; a key that was set is removed on exit, others are repaired by the next tick."""
    blocked = frozenset({key.removeprefix("market:")}) if and_stop_writer else frozenset()
    market.writer.blocked.append(blocked)
    try:
        await asyncio.sleep(0.1 if and_stop_writer else 0)  # let a write on its way arrive first
        await market.command(key, op.upper(), key, *([value] if op == "set" else []))
        yield
        if op == "set":
            await market.command(key, "DEL", key)
    finally:
        market.writer.blocked.remove(blocked)
