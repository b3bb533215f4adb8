"""The upstream price feed: random-walk quotes over two WebSocket protocols, binary and JSON."""

import asyncio
import json
import random
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, cast

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import InvalidState

from lab.clock import now_ms
from lab.host import Host, ListeningPort, WebSockets, quiet, run_until_done, stop_signal
from lab.services.exchange import Exchange
from lab.settings import Settings
from lab.universe import HOME_CHANNEL, INDEX, LISTING, SYMBOLS

TICKS_PER_SECOND: Final = 150.0
LOOP_S: Final = 0.2
TICK_FRAME: Final = struct.Struct(">4sHQIdd")
HEARTBEAT_FRAME: Final = struct.Struct(">4sQ")
STEP_BPS: Final = 0.4
SPREAD_BPS: Final = 1.5
LONGEST_CATCH_UP_S: Final = 2.0
QUEUE_FRAMES: Final = 4000
PONG: Final = b"\x8a"
"""First byte of a pong frame."""


@dataclass
class Tick:
    """One quote: prices in quote currency, moment in ms since 1970, number within its symbol."""

    symbol: str
    bid: float
    ask: float
    timestamp_ms: int
    seq: int

    def frame(self, channel: str) -> bytes | str:
        """Spell the tick in the channel's protocol."""
        if channel == "binary":
            return TICK_FRAME.pack(b"TICK", INDEX[self.symbol], self.timestamp_ms, self.seq, self.bid, self.ask)
        return json.dumps({"type": "tick", **vars(self)})


def heartbeat(channel: str) -> bytes | str:
    """Spell a heartbeat in the channel's protocol."""
    moment = now_ms()
    if channel == "binary":
        return HEARTBEAT_FRAME.pack(b"BEAT", moment)
    return json.dumps({"type": "heartbeat", "timestamp_ms": moment})


@dataclass(eq=False)
class Garbling:
    """Spoils `percent` of the ticks sent to `to` (service, checker or all), evenly spread at random."""

    percent: float
    to: str
    rng: random.Random
    _sent: dict[int, int] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)

    def hits(self, subscriber: "Subscriber") -> bool:
        """Whether the next tick to this subscriber is spoilt."""
        if (self.to == "service" and not subscriber.internal) or (self.to == "checker" and subscriber.internal):
            return False
        # One spoilt frame at a random place of every 100/percent frames: the share is exact over any
        # few seconds, and no symbol is hit again and again.
        key = id(subscriber)
        sent = self._sent.get(key, 0)
        gap = 100.0 / self.percent
        if key not in self._next:
            self._next[key] = int(self.rng.random() * gap)
        self._sent[key] = sent + 1
        if sent < self._next[key]:
            return False
        block = int((sent + 0.5) / gap) + 1
        self._next[key] = max(sent + 1, int((block + self.rng.random()) * gap))
        return True


@dataclass(eq=False)
class Subscriber:
    """One open connection to a channel."""

    channel: str
    internal: bool
    frames: "deque[bytes | str]" = field(default_factory=lambda: deque(maxlen=QUEUE_FRAMES))
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, frame: bytes | str) -> None:
        """Queue a frame; the oldest is lost when the reader is 4000 frames behind."""
        self.frames.append(frame)
        self.ready.set()


class Feed:
    """Prices, their schedule, and everything a fault may change about them."""

    host: Host
    door: ListeningPort
    """Where callers from outside reach the feed; the market service has a way of its own."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.mid = {symbol: price for symbol, (price, _) in LISTING.items()}
        self.seq = dict.fromkeys(SYMBOLS, 0)
        self.subscribers: list[Subscriber] = []
        self.silenced: list[frozenset[str]] = []
        """Sets of symbols without ticks, one per fault."""
        self.stopped: list[str] = []
        """Who gets nothing at all, heartbeats included: `all` or `service`, one per fault."""
        self.held: list[frozenset[str]] = []
        """Sets of symbols whose price stands still while they tick on."""
        self.spoilt: list[tuple[frozenset[str], str]] = []
        """Sets of symbols with implausible quotes, and how: crossed, zero or wide."""
        self.rates: list[float] = []
        """Ticks per second over all symbols, one per fault; the newest holds."""
        self.moved: list[str] = []
        """Channels (binary, json) whose symbols travel on the other one."""
        self.garbling: list[Garbling] = []
        self.turning_away: list[object] = []
        """Faults under which callers from outside are refused the upgrade to a WebSocket."""
        self.deaf_to_pings: list[object] = []
        """Faults under which pings of callers from outside are not answered."""
        self.exchange = Exchange(seed)
        self._turn = 0

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the feed call its own routes."""
        return []

    def active_symbols(self) -> list[str]:
        """Symbols that tick now."""
        quiet_ones = frozenset().union(*self.silenced)
        return [symbol for symbol in SYMBOLS if symbol not in quiet_ones]

    def channel_of(self, symbol: str) -> str:
        """Channel a symbol travels on now."""
        home = HOME_CHANNEL[symbol]
        if home in self.moved:
            return "json" if home == "binary" else "binary"
        return home

    def quote(self, symbol: str, *, age_s: float = 0.0) -> Tick:
        """Next quote of a symbol, dated `age_s` seconds ago."""
        start, decimals = LISTING[symbol]
        if not any(symbol in held for held in self.held):
            pull = (start - self.mid[symbol]) / start * 1e-3
            self.mid[symbol] *= 1 + pull + self.rng.gauss(0, STEP_BPS) / 1e4
        self.seq[symbol] += 1
        mid, half = self.mid[symbol], max(self.mid[symbol] * SPREAD_BPS / 2e4, 10.0**-decimals)
        bid, ask = round(mid - half, decimals), round(mid + half, decimals)
        for those, kind in self.spoilt:
            if symbol in those:
                bid, ask = {
                    "crossed": (ask, bid),
                    "zero": (0.0, ask),
                    "wide": (bid, round(mid * 1.09, decimals)),
                }[kind]
        return Tick(symbol, bid, ask, now_ms() - int(age_s * 1000), self.seq[symbol])

    def send(self, tick: Tick) -> None:
        """Send one tick to everyone on its channel."""
        channel = self.channel_of(tick.symbol)
        frame = tick.frame(channel)
        for subscriber in self.subscribers:
            if subscriber.channel != channel or (self.stopped and self._is_cut_off(subscriber)):
                continue
            if any(garbling.hits(subscriber) for garbling in self.garbling):
                subscriber.push(self._garbage(channel))
            else:
                subscriber.push(frame)

    def _garbage(self, channel: str) -> bytes | str:
        noise = self.rng.randbytes(TICK_FRAME.size)
        return b"\xff" + noise[1:] if channel == "binary" else "{" + noise.hex()

    def _is_cut_off(self, subscriber: Subscriber) -> bool:
        return "all" in self.stopped or ("service" in self.stopped and subscriber.internal)

    def send_all(self, symbols: list[str] | frozenset[str], *, age_s: float = 0.0) -> None:
        """Send one tick for each symbol, dated `age_s` seconds ago."""
        for symbol in symbols:
            self.send(self.quote(symbol, age_s=age_s))

    @contextmanager
    def silence(self, symbols: frozenset[str], age_s: float) -> Iterator[None]:
        """Let symbols fall silent, with a last tick dated `age_s` seconds ago; they resume at once."""
        if age_s:
            self.send_all(symbols, age_s=age_s)
        self.silenced.append(symbols)
        try:
            yield
        finally:
            self.silenced.remove(symbols)
            self.send_all([symbol for symbol in self.active_symbols() if symbol in symbols])

    @contextmanager
    def stop(self, whom: str, age_s: float) -> Iterator[None]:
        """Send nothing at all to `all` or to the `service`, after one last tick per symbol."""
        if age_s:
            self.send_all(self.active_symbols(), age_s=age_s)
        self.stopped.append(whom)
        try:
            yield
        finally:
            self.stopped.remove(whom)
            self.send_all(self.active_symbols())

    async def tick(self) -> None:
        """Send ticks for ever, on average exactly at the wanted rate, catching up after stalls."""
        loop = asyncio.get_running_loop()
        last, owed = loop.time(), 0.0
        while True:
            await asyncio.sleep(LOOP_S)
            moment = loop.time()
            rate = self.rates[-1] if self.rates else TICKS_PER_SECOND
            owed = min(owed + (moment - last) * rate, LONGEST_CATCH_UP_S * rate)
            last = moment
            symbols = self.active_symbols()
            while owed >= 1 and symbols:
                self._turn += 1
                self.send(self.quote(symbols[self._turn % len(symbols)]))
                owed -= 1
            if not symbols:
                owed = 0.0

    async def beat(self) -> None:
        """Send a heartbeat on each channel every second."""
        while True:
            for subscriber in self.subscribers:
                if not self._is_cut_off(subscriber):
                    subscriber.push(heartbeat(subscriber.channel))
            await asyncio.sleep(1.0)

    async def serve_channel(self, websocket: WebSocket) -> None:
        """Serve one subscriber until it leaves."""
        internal = self.host.traffic.is_internal(websocket.scope)
        if self.turning_away and not internal:
            await websocket.send_denial_response(JSONResponse({"detail": "the feed takes no subscribers"}, 503))
            return
        await websocket.accept()
        if (transport := self.host.transport_of(websocket.scope)) is None:
            return  # it has left already
        subscriber = Subscriber(websocket.url.path.removeprefix("/"), internal)
        self.subscribers.append(subscriber)
        sending = asyncio.create_task(_send_frames(cast("WebSockets", transport.get_protocol()), subscriber))
        try:
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
        except WebSocketDisconnect:
            pass
        finally:
            self.subscribers.remove(subscriber)
            sending.cancel()

    def refuses(self, _scope: Scope) -> bool:
        """Turn nobody away: there is no access control here."""
        return False


def answering_pings(feed: Feed) -> type[WebSockets]:
    """Protocol of the feed's door: as usual, but for pongs that a fault withholds."""

    class Door(WebSockets):
        def handle_ping(self) -> None:
            answer = self.conn.data_to_send()
            self.transport.write(b"".join(part for part in answer if not (feed.deaf_to_pings and part[:1] == PONG)))

    return Door


async def _send_frames(protocol: WebSockets, subscriber: Subscriber) -> None:
    """Write what is queued in one go, past the application: a hundred and fifty frames a second need no call each."""
    with suppress(InvalidState):  # the subscriber has gone; its receiving side notices and cleans up
        while not protocol.transport.is_closing():
            await subscriber.ready.wait()
            await protocol.writable.wait()
            subscriber.ready.clear()
            while subscriber.frames:
                frame = subscriber.frames.popleft()
                if isinstance(frame, bytes):
                    protocol.conn.send_binary(frame)
                else:
                    protocol.conn.send_text(frame.encode())
            if not protocol.transport.is_closing():
                protocol.transport.write(b"".join(protocol.conn.data_to_send()))


async def serve(settings: Settings) -> None:
    """Run the feed until told to stop."""
    feed = Feed(settings.seed)
    app = Starlette(
        routes=[
            WebSocketRoute("/binary", feed.serve_channel),
            WebSocketRoute("/json", feed.serve_channel),
            WebSocketRoute("/streams/{name}", feed.exchange.serve),
        ]
    )
    host = Host("feed", app, feed, settings)
    feed.door = ListeningPort(host.dispatch, settings.ports["feed door"], websockets=answering_pings(feed))
    host.ports.append(feed.door)
    await host.private.open()
    await host.public.open()
    await feed.door.open()
    work = [asyncio.create_task(one) for one in (feed.tick(), feed.beat(), feed.exchange.tell())]
    await stop_signal()
    for task in work:
        task.cancel()
    await asyncio.gather(feed.door.shut(), host.public.shut(), host.private.shut())


def run(settings: Settings) -> None:
    """Process body of the feed."""
    quiet()
    run_until_done(serve(settings))
