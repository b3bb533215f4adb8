"""Prices in memory, and writing them to Redis: who gets a tick, in which order, how late."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from lab.clock import now, now_ms
from lab.resp import Command, ReplyError, key_slot, packed
from lab.services.market.meters import Meter, Samples
from lab.services.market.pool import Lease, Node, Pool
from lab.universe import INDEX, SYMBOLS, redis_key

TTL_S: Final = 300
BACKLOG_TICKS: Final = 500
REMEMBERED_QUOTES: Final = 32
RETRY_S: Final = 0.1
GATHERED_FOR_S: Final = 0.01
"""What comes within this is written in one go: both feeds send at the same moments."""


@dataclass(frozen=True)
class Quote:
    """One price: quote currency, ms since 1970, number within its symbol, feed it came from."""

    symbol: str
    bid: float
    ask: float
    timestamp_ms: int
    seq: int
    source: str
    received: float = 0.0
    """Moment it arrived, by our monotonic clock in seconds."""

    def as_dict(self) -> dict[str, Any]:
        """Members shared by the API answer and the client stream."""
        return {
            "symbol": self.symbol,
            "bid": self.bid,
            "ask": self.ask,
            "timestamp_ms": self.timestamp_ms,
            "seq": self.seq,
        }

    def skewed(self, bps: float) -> "Quote":
        """Return the same quote with both prices moved by `bps` basis points."""
        return replace(self, bid=self.bid * (1 + bps / 1e4), ask=self.ask * (1 + bps / 1e4))


def mid_deviation_bps(one: Quote, other: Quote) -> float:
    """Distance between two mid prices in basis points, 0 or more."""
    first, second = (one.bid + one.ask) / 2, (other.bid + other.ask) / 2
    return abs(first - second) / first * 1e4 if first else 0.0


class Prices:
    """The newest quote of each symbol, a few before it, and everyone who wants the next one."""

    def __init__(self) -> None:
        self.symbols: list[str] = list(SYMBOLS)
        self.newest: dict[str, Quote] = {}
        self.recent: dict[str, deque[Quote]] = {symbol: deque(maxlen=REMEMBERED_QUOTES) for symbol in SYMBOLS}
        self.listeners: list[Callable[[Quote], None]] = []

    def take(self, quote: Quote) -> None:
        """Accept a quote from the feed and hand it on."""
        if quote.symbol not in self.symbols:
            return
        self.newest[quote.symbol] = quote
        self.recent[quote.symbol].append(quote)
        for listener in self.listeners:
            listener(quote)

    def reload(self, quotes: Iterable[Quote]) -> int:
        """Put back last prices known from Redis where memory has nothing newer; returns how many."""
        loaded = 0
        for quote in quotes:
            known = self.newest.get(quote.symbol)
            if quote.symbol in self.symbols and (known is None or known.timestamp_ms < quote.timestamp_ms):
                self.newest[quote.symbol] = quote
                self.recent[quote.symbol].append(quote)
                loaded += 1
        return loaded


@dataclass(eq=False)
class Loss:
    """Share of writes that never happen: `percent` of those for `symbols` (none named: every symbol)."""

    percent: float
    symbols: frozenset[str]
    _owed: float = 0.0

    def hits(self, symbol: str) -> bool:
        """Whether this write is lost."""
        if self.symbols and symbol not in self.symbols:
            return False
        self._owed += self.percent / 100
        if self._owed < 1:
            return False
        self._owed -= 1
        return True


@dataclass(frozen=True)
class Write:
    """A quote on its way to Redis, and what is written for it (the same unless a fault bends the prices there)."""

    quote: Quote
    stored: Quote


class Writer:
    """Writes quotes to the node that owns them, batch by batch as they come in."""

    def __init__(
        self, pool: Pool, owner: Callable[[str], Node], stored: Callable[[Quote], list[Quote]], window_s: float
    ) -> None:
        self.written: dict[str, Quote] = {}
        """Newest quote per symbol that Redis has acknowledged."""
        self.last_write = now()
        self.writes = Meter(window_s)
        self.dropped = Meter(window_s)
        self.errors = Meter(window_s)
        self.lag_ms = Samples(window_s)
        self.losses: list[Loss] = []
        self.blocked: list[frozenset[str]] = []
        """Sets of symbols never written, one per fault."""
        self.stuck: list[frozenset[str]] = []
        """Sets of symbols acknowledged without being written, one per fault."""
        self._window = window_s
        self._owner = owner
        self._stored = stored
        self._pending: dict[Node, deque[Write]] = {node: deque() for node in pool.nodes}
        self._wake = {node: asyncio.Event() for node in pool.nodes}
        self._pool = pool
        self._leases = {node: Lease(pool, node, "data") for node in pool.nodes}
        self._node_of: dict[str, Node] = {}

    def offer(self, quote: Quote) -> None:
        """Queue a quote for writing; when Redis lags far behind, superseded ones give way."""
        if any(quote.symbol in those for those in self.blocked):
            return
        if any(loss.hits(quote.symbol) for loss in self.losses):
            self.dropped.add()
            return
        for stored in self._stored(quote):
            self._queue(Write(quote, stored))

    def _queue(self, write: Write) -> None:
        symbol = write.stored.symbol
        if symbol not in self._node_of:
            self._node_of[symbol] = self._owner(symbol)
        node = self._node_of[symbol]
        self._pending[node].append(write)
        if len(self._pending[node]) > BACKLOG_TICKS:
            self._drop_superseded(node)
        self._wake[node].set()

    def pending(self) -> int:
        """Quotes waiting to be written."""
        return sum(map(len, self._pending.values()))

    def _drop_superseded(self, node: Node) -> None:
        newest = {write.stored.symbol: write for write in self._pending[node]}
        self.dropped.add(len(self._pending[node]) - len(newest))
        self._pending[node] = deque(newest.values())

    def discard(self, symbols: frozenset[str]) -> None:
        """Forget what is waiting or written for some symbols."""
        for node, waiting in self._pending.items():
            self._pending[node] = deque(write for write in waiting if write.stored.symbol not in symbols)
        for symbol in symbols:
            self.written.pop(symbol, None)

    def delivery_percent(self) -> float:
        """Share of the settled ticks of the window that reached Redis, 0..100."""
        written, dropped = self.writes.within(self._window), self.dropped.within(self._window)
        settled = written + dropped
        if settled == 0:
            return 100.0 if self.pending() == 0 else 0.0
        return 100.0 * written / settled

    def forget(self) -> None:
        """Empty the windows of delivery and lag; the totals stay."""
        for window in (self.writes, self.dropped, self.lag_ms):
            window.forget()

    async def run(self, node: Node) -> None:
        """Write for one node until cancelled."""
        try:
            while True:
                await self._wake[node].wait()
                await asyncio.sleep(GATHERED_FOR_S)
                self._wake[node].clear()
                batch = list(self._pending[node])
                self._pending[node].clear()
                if batch and not await self._write(node, batch):
                    self._pending[node].extendleft(reversed(batch))
                    self._drop_superseded(node)
                    self._wake[node].set()
                    await asyncio.sleep(RETRY_S)
        finally:
            self._leases[node].end()

    async def _write(self, node: Node, batch: list[Write]) -> bool:
        real = [write.stored for write in batch if not any(write.stored.symbol in those for those in self.stuck)]
        commands = [command for stored in real for command in write_commands(stored)]
        try:
            replies = await self._leases[node].call(*commands) if commands else []
        except (OSError, TimeoutError):
            self.errors.add(len(batch))
            return False
        if any(isinstance(reply, ReplyError) for reply in replies):
            self.errors.add(len(batch))
            return False
        moment = time.monotonic()
        for write in batch:
            self.written[write.quote.symbol] = write.quote
            self.lag_ms.add((moment - write.quote.received) * 1000)
        self.writes.add(len(batch))
        self.last_write = now()
        return True

    async def write_now(self, quote: Quote) -> None:
        """Write one quote past every fault and queue."""
        async with self._pool.borrow(self._owner(quote.symbol), "data") as borrowed:
            await borrowed.call(*write_commands(quote))


EXPIRY: Final = {symbol: packed(("EXPIRE", redis_key(symbol), TTL_S)) for symbol in SYMBOLS}


def write_commands(quote: Quote) -> list[Command]:
    """Commands that store one quote: decimal strings in a hash, with a fresh time to live."""
    key = redis_key(quote.symbol)
    return [
        (
            "HSET",
            key,
            "bid",
            repr(quote.bid),
            "ask",
            repr(quote.ask),
            "timestamp_ms",
            quote.timestamp_ms,
            "seq",
            quote.seq,
            "source",
            quote.source,
        ),
        EXPIRY[quote.symbol],
    ]


FIELDS: Final = ("bid", "ask", "timestamp_ms", "seq", "source")
READING: Final = {symbol: packed(("HMGET", redis_key(symbol), *FIELDS)) for symbol in SYMBOLS}


def read_command(symbol: str) -> Command:
    """Command that reads one stored quote."""
    return READING[symbol]


def stored_quote(symbol: str, reply: Any) -> Quote | None:
    """Read the reply to `read_command`; None when the key or a member is absent or unreadable."""
    if not isinstance(reply, list) or len(reply) != len(FIELDS):
        return None
    texts = [value.decode() for value in reply if isinstance(value, bytes)]
    if len(texts) != len(FIELDS):
        return None
    bid, ask, timestamp_ms, seq, source = texts
    try:
        return Quote(symbol, float(bid), float(ask), int(timestamp_ms), int(seq), source)
    except ValueError:
        return None


def age_s(quote: Quote) -> float:
    """Seconds since the moment a quote carries, 0 or more."""
    return max(0.0, (now_ms() - quote.timestamp_ms) / 1000)


SLOT_OF: Final = {symbol: key_slot(redis_key(symbol)) for symbol in SYMBOLS}
KNOWN: Final = frozenset(INDEX)
