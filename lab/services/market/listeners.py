"""The two WebSocket listeners, binary and JSON, and the history of their connections."""

import asyncio
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from websockets.exceptions import InvalidHandshake

from lab.clock import TimeScale, iso, now
from lab.listening import Listening
from lab.log import Log
from lab.services.market.meters import Meter, Presence
from lab.services.market.prices import Quote
from lab.traffic import INTERNAL_HEADER
from lab.universe import INDEX, SYMBOLS

TICK_FRAME: Final = struct.Struct(">4sHQIdd")
HEARTBEAT_FRAME: Final = struct.Struct(">4sQ")
CATEGORIES: Final = ("connect", "dns", "timeout", "closed_by_server", "parse", "other")
LONGEST_PAUSE_S: Final = 30.0
OPEN_WITHIN_S: Final = 5.0
PING_EVERY_S: Final = 20.0


class BadFrameError(ValueError):
    """A frame that cannot be decoded."""


def decode_binary(frame: str | bytes) -> Quote | float:
    """Decode a binary frame: a quote, or the moment (s since 1970) of a heartbeat."""
    if not isinstance(frame, bytes):
        raise BadFrameError("text on the binary feed")
    if frame[:4] == b"TICK" and len(frame) == TICK_FRAME.size:
        _, index, timestamp_ms, seq, bid, ask = TICK_FRAME.unpack(frame)
        if index >= len(SYMBOLS):
            raise BadFrameError(f"no symbol number {index}")
        return Quote(SYMBOLS[index], bid, ask, timestamp_ms, seq, "binary", time.monotonic())
    if frame[:4] == b"BEAT" and len(frame) == HEARTBEAT_FRAME.size:
        return float(HEARTBEAT_FRAME.unpack(frame)[1]) / 1000
    raise BadFrameError("bad frame")


def decode_json(frame: str | bytes) -> Quote | float:
    """Decode a JSON frame: a quote, or the moment (s since 1970) of a heartbeat."""
    try:
        body: dict[str, Any] = json.loads(frame)
        if body["type"] == "heartbeat":
            return float(body["timestamp_ms"]) / 1000
        if body["symbol"] not in INDEX:
            raise BadFrameError(f"no symbol {body['symbol']}")
        return Quote(
            body["symbol"],
            float(body["bid"]),
            float(body["ask"]),
            int(body["timestamp_ms"]),
            int(body["seq"]),
            "json",
            time.monotonic(),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadFrameError("bad frame") from error


def category(error: BaseException) -> str:
    """Name the kind of a failed connection attempt."""
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, InvalidHandshake | ConnectionResetError):
        return "closed_by_server"
    return "connect" if isinstance(error, OSError) else "other"


class History:
    """Connection attempts of both listeners since the service started."""

    def __init__(self, scale: TimeScale) -> None:
        self.successes = 0
        self.failures: list[tuple[float, str]] = []
        self.recent: list[dict[str, str]] = []
        self._hour = scale.window(3600)

    def succeeded(self) -> None:
        """Note a connection that was made."""
        self.successes += 1
        self._note("connected", None)

    def failed(self, kind: str) -> None:
        """Note an attempt that failed."""
        self.failures.append((now(), kind))
        self._note("failed", kind)

    def _note(self, event: str, kind: str | None) -> None:
        entry = {"at": iso(now()), "event": event}
        self.recent = [*self.recent[-19:], entry | ({"category": kind} if kind else {})]

    def failures_last_hour(self) -> int:
        """Failed attempts of the trailing hour (in lab time)."""
        since = now() - self._hour
        return sum(moment >= since for moment, _ in self.failures)

    def by_category(self) -> Counter[str]:
        """Failed attempts since start, by kind."""
        return Counter(kind for _, kind in self.failures)

    def forget_since(self, moment: float) -> None:
        """Drop failures after `moment`."""
        self.failures = [failure for failure in self.failures if failure[0] < moment]


@dataclass
class Traffic:
    """What the listeners received: price messages and undecodable ones; heartbeats are not counted."""

    scale: TimeScale
    messages: Meter = field(init=False)
    judged: Meter = field(init=False)
    """The same messages, over the window of the parse error rate."""
    parse_errors: Meter = field(init=False)
    uptime: Presence = field(init=False)
    first_message: float | None = None
    last_message: float = field(default_factory=now)
    """Moment (s since 1970) carried by the message received last."""
    log_errors: list[object] = field(default_factory=list)
    """Faults that keep undecodable frames out of the log."""

    def __post_init__(self) -> None:
        five_minutes = self.scale.window(300)
        self.messages = Meter(3.0)
        self.judged = Meter(five_minutes)
        self.parse_errors = Meter(five_minutes)
        self.uptime = Presence(self.scale.window(86400))

    def count(self, *, undecodable: int) -> None:
        """Count one message, and whether it was undecodable (0 or 1)."""
        if self.first_message is None:
            self.first_message = time.monotonic()
        self.messages.add()
        self.judged.add()
        if undecodable:
            self.parse_errors.add()

    def forget_parse_errors(self) -> None:
        """Empty the window of the parse error rate; totals stay."""
        self.judged.forget()
        self.parse_errors.forget()

    def message_rate(self) -> float:
        """Price messages per second, over the last 2 s."""
        if self.first_message is None:
            return 0.0
        window = min(2.0, max(0.3, time.monotonic() - self.first_message))
        return self.messages.within(window) / window

    def parse_error_percent(self) -> float:
        """Undecodable share of the messages of the last five minutes (in lab time), 0..100."""
        window = self.scale.window(300)
        received = self.judged.within(window)
        return 100.0 * self.parse_errors.within(window) / received if received else 0.0


class Listener:
    """Keeps one feed connection open and hands on what it brings."""

    def __init__(
        self,
        kind: str,
        url: str,
        internal_key: str,
        traffic: Traffic,
        history: History,
        log: Log,
        take: Callable[[Quote], None],
    ) -> None:
        self.kind = kind
        self.is_running = False
        self.connected = False
        self.connected_since = now()
        self.connections = 0
        self.last_message = now()
        self.on_change: Callable[[], None] = lambda: None
        self.kept_away: list[object] = []
        """Faults that keep the listener stopped while its service lives on."""
        self.received = 0
        self._url = url
        self._headers = {INTERNAL_HEADER: internal_key}
        self._traffic = traffic
        self._history = history
        self._log = log
        self._take = take
        self._decode = decode_binary if kind == "binary" else decode_json
        self._listening: asyncio.Task[None] | None = None
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._stable_every_s = traffic.scale.window(60)
        self._stable_every_n = max(1, int(traffic.scale.window(1000)))
        self._stable_at = (time.monotonic(), 0)

    async def run(self) -> None:
        """Body of the listener's service: listen, and start again when listening ended."""
        try:
            while True:
                await self._allowed.wait()
                self._listening = asyncio.create_task(self._listen())
                self.is_running = True
                await asyncio.wait({self._listening})
                self._gone()
                if not self._listening.cancelled() and (error := self._listening.exception()):
                    raise error
        finally:
            if self._listening is not None:
                self._listening.cancel()
            self._gone()

    def keep_away(self, fault: object) -> None:
        """Cancel the listener and keep it stopped on behalf of a fault."""
        self.kept_away.append(fault)
        self._allowed.clear()
        if self._listening is not None:
            self._listening.cancel()

    def let_back(self, fault: object) -> None:
        """End one fault's hold; the listener starts again once no fault holds it."""
        self.kept_away.remove(fault)
        if not self.kept_away:
            self._allowed.set()

    def _gone(self) -> None:
        self.is_running = self.connected = False
        self.on_change()

    async def _listen(self) -> None:
        pause = 1.0
        while True:
            try:
                connection = await Listening.open(self._url, self._headers, OPEN_WITHIN_S, PING_EVERY_S)
            except (OSError, TimeoutError, InvalidHandshake) as error:
                self._history.failed(category(error))
            else:
                pause = 1.0
                await self._hear(connection)
            self.connected = False
            self.on_change()
            await asyncio.sleep(self._traffic.scale.window(pause))
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _hear(self, connection: Listening) -> None:
        self._history.succeeded()
        self.connected, self.connected_since = True, now()
        self.connections += 1
        self.on_change()
        try:
            async for frame in connection:
                self._receive(frame)
        finally:
            connection.leave()
        self._log.write("WARN", f"listener.{self.kind}", f"🔌 WebSocket connection closed (code={connection.code})")

    def _receive(self, frame: str | bytes) -> None:
        try:
            message = self._decode(frame)
        except BadFrameError as error:
            self._traffic.count(undecodable=1)
            if not self._traffic.log_errors:
                self._log.write("ERROR", f"listener.{self.kind}", f"❌ Message processing error: {error}")
            return
        moment = message if isinstance(message, float) else message.timestamp_ms / 1000
        self.last_message = self._traffic.last_message = moment
        if isinstance(message, float):
            return
        self._traffic.count(undecodable=0)
        self._take(message)
        self._note_stability()

    def _note_stability(self) -> None:
        self.received += 1
        since, count = self._stable_at
        moment = time.monotonic()
        if self.received - count >= self._stable_every_n and moment - since >= self._stable_every_s:
            self._stable_at = (moment, self.received)
            text = f"📈 Received {self.received:,} messages, connection stable"
            self._log.write("INFO", f"listener.{self.kind}", text)
