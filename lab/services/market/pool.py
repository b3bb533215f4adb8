"""The Redis connection pool: at most `max_connections` over all nodes, borrowed and given back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from lab.ports import HOST
from lab.resp import Command, Connection, LostError, Reply

Purpose = Literal["pool", "ping", "data"]
"""What a connection is used for: connection tests, health pings, or prices."""
REPLY_TIMEOUT_S = 2.0


class ExhaustedError(ConnectionError):
    """Every connection stayed in use for as long as the caller was ready to wait."""


@dataclass(frozen=True)
class Node:
    """One cluster node: its name and the port it listens on."""

    name: str
    port: int


@dataclass(eq=False)
class Delay:
    """A delay in the path to Redis: which uses it slows (`all` or one Purpose), by how many ms."""

    scope: str
    ms: float


class Borrowed:
    """A connection in use by one holder."""

    def __init__(self, pool: "Pool", node: Node, connection: Connection, purpose: Purpose) -> None:
        self.node = node
        self.connection = connection
        self._pool = pool
        self._purpose = purpose

    async def call(self, *commands: Command) -> list[Reply]:
        """Send a pipeline and return its replies, after whatever delay lies in the path."""
        if delay_s := self._pool.delay_s(self._purpose):
            await asyncio.sleep(delay_s)
        return await self.connection.call(*commands, timeout_s=REPLY_TIMEOUT_S)


class Pool:
    """Connections to all nodes under one limit."""

    def __init__(self, nodes: tuple[Node, ...], max_connections: int) -> None:
        self.nodes = nodes
        self.max_connections = max_connections
        self.in_use = 0
        self.delays: list[Delay] = []
        self._idle: dict[Node, list[Connection]] = {node: [] for node in nodes}
        self._waiting: deque[asyncio.Future[None]] = deque()

    def delay_s(self, purpose: Purpose) -> float:
        """Seconds that one use is slowed down by at the moment."""
        return sum(delay.ms for delay in self.delays if delay.scope in ("all", purpose)) / 1000

    @property
    def open_connections(self) -> int:
        """Connections in use and idle ones."""
        return self.in_use + sum(map(len, self._idle.values()))

    async def acquire(self, node: Node, purpose: Purpose, wait_s: float = 1.0) -> Borrowed:
        """Borrow a connection to `node`; raises ExhaustedError after `wait_s` seconds without a free one."""
        await self._wait_for_room(wait_s)
        self.in_use += 1
        try:
            connection = self._reuse(node) or await self._connect(node)
        except BaseException:
            self._left()
            raise
        return Borrowed(self, node, connection, purpose)

    async def _wait_for_room(self, wait_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + wait_s
        while self.in_use >= self.max_connections:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                async with asyncio.timeout_at(deadline):
                    await turn
            except TimeoutError:
                raise ExhaustedError(f"all {self.max_connections} connections are in use") from None
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)

    def _reuse(self, node: Node) -> Connection | None:
        while self._idle[node]:
            connection = self._idle[node].pop()
            if not connection.closed:
                return connection
        return None

    async def _connect(self, node: Node) -> Connection:
        if self.open_connections > self.max_connections:
            self._drop_one_idle()
        return await Connection.open(HOST, node.port, REPLY_TIMEOUT_S)

    def _drop_one_idle(self) -> None:
        for idle in self._idle.values():
            if idle:
                idle.pop(0).close()
                return

    def release(self, borrowed: Borrowed) -> None:
        """Give a connection back; broken ones are thrown away."""
        if borrowed.connection.closed or self.open_connections > self.max_connections:
            borrowed.connection.close()
        else:
            self._idle[borrowed.node].append(borrowed.connection)
        self._left()

    def _left(self) -> None:
        self.in_use -= 1
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def resize(self, max_connections: int) -> None:
        """Change the limit; connections in use stay."""
        self.max_connections = max_connections
        while self.open_connections > max_connections and any(self._idle.values()):
            self._drop_one_idle()
        for turn in list(self._waiting):
            if not turn.done():
                turn.set_result(None)

    @asynccontextmanager
    async def borrow(self, node: Node, purpose: Purpose, wait_s: float = 1.0) -> AsyncIterator[Borrowed]:
        """Borrow a connection for the length of a block."""
        borrowed = await self.acquire(node, purpose, wait_s)
        try:
            yield borrowed
        finally:
            self.release(borrowed)

    def close(self) -> None:
        """Close every idle connection."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()


class Lease:
    """A connection one task keeps for good, replaced when it breaks."""

    def __init__(self, pool: Pool, node: Node, purpose: Purpose) -> None:
        self.node = node
        self._pool = pool
        self._purpose = purpose
        self._borrowed: Borrowed | None = None

    async def call(self, *commands: Command) -> list[Reply]:
        """Send a pipeline over the leased connection, borrowing one first when there is none."""
        if self._borrowed is None:
            self._borrowed = await self._pool.acquire(self.node, self._purpose)
        try:
            return await self._borrowed.call(*commands)
        except (LostError, asyncio.CancelledError):
            self.end()
            raise

    def end(self) -> None:
        """Give the connection back."""
        if self._borrowed is not None:
            self._pool.release(self._borrowed)
            self._borrowed = None
