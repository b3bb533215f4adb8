"""Measuring Redis, the pool and the process, every second; diagnostics read the latest sample."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from statistics import median
from typing import Any, Final

import psutil

from lab.clock import TimeScale
from lab.ports import HOST
from lab.resp import Command, LostError, Reply, ReplyError, fields
from lab.services.market.pool import ExhaustedError, Lease, Node, Pool
from lab.services.market.prices import Quote, read_command, stored_quote
from lab.universe import redis_key

PINGS: Final = 3
STAGGER_S: Final = 0.005
TESTS_PATIENCE_S: Final = 2.5
CPU_WINDOW_PRODUCTION_S: Final = 300.0
TOLD_BY_CLUSTER: Final = ("cluster_state", "cluster_known_nodes", "cluster_slots_assigned")
TOLD_BY_INFO: Final = ("keyspace_hits", "keyspace_misses", "instantaneous_ops_per_sec", "used_memory", "role")


@dataclass
class NodeSample:
    """What one node said; fields are None when it did not answer."""

    name: str
    healthy: bool = False
    ping_ms: float | None = None
    failed_after_ms: float = 0.0
    cluster: dict[str, str] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    role: str = "unknown"
    address: tuple[str, int] = (HOST, 0)
    prices: dict[str, Quote | None] = field(default_factory=dict)
    keys: int = 0
    """Keys that match market:*."""


@dataclass
class TestSample:
    """One connection test: reading a symbol's price over a connection from the pool."""

    symbol: str
    success: bool = False
    response_ms: float | None = None
    data_found: bool = False


@dataclass
class Sample:
    """One round of measurements."""

    nodes: list[NodeSample]
    tests: list[TestSample]
    in_use: int
    max_connections: int
    memory_bytes: int
    memory_percent: float
    cpu_percent: float
    sockets: int

    @property
    def stored(self) -> dict[str, Quote | None]:
        """What Redis holds per symbol; None when it holds nothing readable."""
        return {symbol: quote for node in self.nodes for symbol, quote in node.prices.items()}


def sockets_open() -> int:
    """Sockets this process has open."""
    count = 0
    for entry in os.scandir("/proc/self/fd"):
        try:
            count += os.readlink(entry.path).startswith("socket:")  # noqa: PTH115 - a Path for each costs six times as much
        except OSError:  # closed since the directory was read
            continue
    return count


class ProcessMeter:
    """Memory and CPU of this process; CPU as a share of one core over the last five lab minutes."""

    def __init__(self, scale: TimeScale) -> None:
        self._process = psutil.Process()
        self._window = scale.window(CPU_WINDOW_PRODUCTION_S)
        self._spent: deque[tuple[float, float]] = deque()

    def read(self) -> tuple[int, float, float]:
        """Resident size in bytes, its share of the host's memory in %, CPU in % of one core."""
        times = self._process.cpu_times()
        self._spent.append((time.monotonic(), times.user + times.system))
        while len(self._spent) > 2 and self._spent[0][0] < time.monotonic() - self._window:
            self._spent.popleft()
        (before, spent_before), (after, spent_after) = self._spent[0], self._spent[-1]
        cpu = 100 * (spent_after - spent_before) / (after - before) if after > before else 0.0
        return self._process.memory_info().rss, self._process.memory_percent(), min(cpu, 100.0)


class Sampler:
    """Takes a sample every minute of lab time and keeps the latest."""

    def __init__(
        self,
        pool: Pool,
        owner: Callable[[str], Node],
        symbols: Callable[[], list[str]],
        tested: Callable[[], list[str]],
        scale: TimeScale,
    ) -> None:
        self.latest: Sample | None = None
        self._begun = 0
        self._finished = 0
        self._wanted = asyncio.Event()
        self._done = asyncio.Condition()
        self._pool = pool
        self._owner = owner
        self._symbols = symbols
        self._tested = tested
        self._period = scale.window(60)
        self._leases = {node: Lease(pool, node, "ping") for node in pool.nodes}
        self._process = ProcessMeter(scale)

    async def run(self) -> None:
        """Sample for ever."""
        try:
            while True:
                started = time.monotonic()
                self._begun += 1
                await self.take()
                async with self._done:
                    self._finished = self._begun
                    self._done.notify_all()
                await self._pause(max(0.05, self._period - (time.monotonic() - started)))
        finally:
            for lease in self._leases.values():
                lease.end()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return
        finally:
            self._wanted.clear()

    async def renew(self, within_s: float) -> None:
        """Take a sample that begins now, and wait for it up to `within_s` seconds."""
        number = self._begun + 1
        try:
            async with asyncio.timeout(within_s), self._done:
                while self._finished < number:
                    self._wanted.set()
                    await self._done.wait()
        except TimeoutError:
            return  # Redis is slow or gone; the sample comes when it comes

    async def take(self) -> None:
        """Take one sample and keep it."""
        in_use, limit = self._pool.in_use, self._pool.max_connections
        nodes = asyncio.gather(*(self._ask(node) for node in self._pool.nodes))
        tests = asyncio.create_task(self._test_connections(after=nodes))
        try:
            node_samples, test_samples = await nodes, await tests
        finally:
            tests.cancel()
        memory, share, cpu = self._process.read()
        self.latest = Sample(list(node_samples), test_samples, in_use, limit, memory, share, cpu, sockets_open())

    async def _ask(self, node: Node) -> NodeSample:
        sample = NodeSample(node.name, address=(HOST, node.port))
        lease = self._leases[node]
        started = time.perf_counter()
        pings = []
        try:
            for _ in range(PINGS):
                before = time.perf_counter()
                (pong,) = await lease.call(("PING",))
                pings.append((time.perf_counter() - before) * 1000)
                if pong != b"PONG":
                    raise LostError(f"{node.name} answered PING with {pong!r}")
            sample.ping_ms = median(pings)
            mine = [symbol for symbol in self._symbols() if self._owner(symbol) == node]
            await self._inspect(lease, sample, mine)
            sample.healthy = True
        except (OSError, TimeoutError, ExhaustedError, ReplyError):
            sample.failed_after_ms = (time.perf_counter() - started) * 1000
        return sample

    async def _inspect(self, lease: Lease, sample: NodeSample, symbols: list[str]) -> None:
        commands: list[Command] = [
            ("CLUSTER", "INFO"),
            *(("INFO", section) for section in ("stats", "memory", "replication")),
            ("CLUSTER", "NODES"),
            ("SCAN", 0, "MATCH", redis_key("*"), "COUNT", 10000),
            *map(read_command, symbols),
        ]
        cluster, stats, memory, replication, peers, scan, *prices = await lease.call(*commands)
        sample.cluster = fields(cluster, TOLD_BY_CLUSTER)
        for section in (stats, memory, replication):
            sample.info |= fields(section, TOLD_BY_INFO)
        sample.role = sample.info.get("role", "unknown")
        sample.address = own_address(peers) or sample.address
        if isinstance(scan, list) and len(scan) == 2 and isinstance(scan[1], list):
            sample.keys = len(scan[1])
        sample.prices = {symbol: stored_quote(symbol, reply) for symbol, reply in zip(symbols, prices, strict=True)}

    async def _test_connections(self, after: "asyncio.Future[Any]") -> list[TestSample]:
        # Pings first: a test queueing on the same event loop would lengthen them.
        await asyncio.wait({after}, timeout=0.5)
        owners = {symbol: self._owner(symbol) for symbol in self._tested()}
        left = {node: iter([one for one in owners if owners[one] == node]) for node in owners.values()}
        samples = {symbol: TestSample(symbol) for symbol in owners}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TESTS_PATIENCE_S
        working: dict[Node, list[asyncio.Task[None]]] = {node: [] for node in left}

        async def work(node: Node, number: int) -> None:
            for symbol in left[node]:
                late = loop.call_later(STAGGER_S, begin, node)
                try:
                    samples[symbol] = await self._test(node, symbol, deadline)
                finally:
                    late.cancel()
                if number < len(working[node]):
                    return  # the answer was late, and another goes on

        def begin(node: Node) -> None:
            working[node].append(asyncio.create_task(work(node, len(working[node]) + 1)))

        # Of each node one after the other while it is quick, side by side once an answer is late.
        for node in left:
            begin(node)
        try:
            async with asyncio.timeout_at(deadline):
                while running := [one for one in chain(*working.values()) if not one.done()]:
                    await asyncio.gather(*running)
        except TimeoutError:
            pass  # what has not answered by now has not succeeded
        finally:
            for one in chain(*working.values()):
                one.cancel()
        return list(samples.values())

    async def _test(self, node: Node, symbol: str, deadline: float) -> TestSample:
        started = time.perf_counter()
        patience_s = max(0.0, min(0.5, deadline - asyncio.get_running_loop().time()))
        try:
            async with self._pool.borrow(node, "pool", patience_s) as borrowed:
                (reply,) = await borrowed.call(read_command(symbol))
        except (OSError, TimeoutError):
            return TestSample(symbol)
        if isinstance(reply, ReplyError):
            return TestSample(symbol)
        elapsed = (time.perf_counter() - started) * 1000
        return TestSample(symbol, True, elapsed, stored_quote(symbol, reply) is not None)


def own_address(peers: Reply) -> tuple[str, int] | None:
    """Address a node announces for itself, from its CLUSTER NODES reply."""
    if not isinstance(peers, bytes):
        return None
    for line in peers.decode().splitlines():
        words = line.split()
        if len(words) > 2 and "myself" in words[2]:
            host, _, port = words[1].split("@")[0].rpartition(":")
            return (host, int(port)) if host else None
    return None
