"""The market service itself: its parts, its seven background services, its start and its end."""

import asyncio
import math
import os
import time
from typing import TYPE_CHECKING, Final

from lab.clock import now
from lab.host import Host
from lab.log import Log
from lab.redis_cluster import SLOTS, own_slots
from lab.resp import LostError, ReplyError, key_slot
from lab.services.market.diagnostics import Diagnostics
from lab.services.market.legs import Leg, LegName, Past
from lab.services.market.listeners import History, Listener, Traffic
from lab.services.market.pool import ExhaustedError, Lease, Node, Pool
from lab.services.market.prices import SLOT_OF, Prices, Writer, age_s, read_command, stored_quote
from lab.services.market.sampler import Sampler
from lab.services.market.streams import Streams
from lab.services.market.supervision import Service
from lab.services.market.warmup import warmup_after_reconnection
from lab.settings import NODES, Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Scope

FLOW_WINDOW_PRODUCTION_S: Final = 300.0
TESTED_SYMBOLS: Final = 25
RENEW_WITHIN_S: Final = 1.0
FIRST_HEALTH_CHECK_WITHIN_S: Final = 2.0
FIRST_LOOK_S: Final = 0.05
USUAL_POOL: Final = 50
"""Pool size of a service that is started without being told one."""
# One holding on each Redis node, so that valuing it keeps a connection to each.
PORTFOLIO: Final = {"EURUSD": 120_000.0, "XAUUSD": 15.0, "AUDCAD": -40_000.0}


class Market:
    """Everything the market service is made of; faults act on its parts."""

    host: Host

    def __init__(self, settings: Settings) -> None:
        scale = settings.time_scale
        ports = [int(address.rpartition(":")[2]) for address in os.environ["REDIS_NODES"].split(",")]
        self.settings = settings
        self.scale = scale
        self.started_at = now()
        self.last_health_check = self.started_at
        self.fresh_threshold_s = float(os.environ["FRESH_THRESHOLD_SECONDS"])
        self.nodes = tuple(Node(name, port) for name, port in zip(NODES, ports, strict=True))
        self.log = Log(settings.logs / "market.log")
        self.pool = Pool(self.nodes, int(os.environ.get("REDIS_POOL_MAX", USUAL_POOL)))
        self.slots: list[tuple[int, int, Node]] = []
        self.prices = Prices()
        past = Past()
        self.prices.listeners.append(past.keep)
        names: tuple[LegName, ...] = ("ws", "redis", "api")
        self.legs = {name: Leg(name, self.prices, past) for name in names}
        self.writer = Writer(self.pool, self.owner, self.legs["redis"].carried, scale.window(FLOW_WINDOW_PRODUCTION_S))
        self.prices.listeners.append(self.writer.offer)
        self.streams = Streams(self.prices, self.legs["ws"])
        self.traffic = Traffic(scale)
        self.history = History(scale)
        self.listeners = {
            kind: Listener(
                kind,
                os.environ[f"MARKET_WS_{kind.upper()}_URL"],
                settings.internal_key,
                self.traffic,
                self.history,
                self.log,
                self.prices.take,
            )
            for kind in ("binary", "json")
        }
        for listener in self.listeners.values():
            listener.on_change = self._note_connection
        self.sampler = Sampler(self.pool, self.owner, lambda: self.prices.symbols, self.tested_symbols, scale)
        self.diagnostics = Diagnostics(self)
        self.without_warmup: list[object] = []
        """Faults that keep the warm-up from running."""
        self.cluster_alarms: list[object] = []
        """Faults that make the health monitor log a Redis outage."""
        self.monitor_paused: list[object] = []
        """Faults that keep the health monitor from logging."""
        self.portfolio_value = 0.0
        self.cut_off: list[str] = []
        self._connection_changed = asyncio.Event()
        self.backlog = 0
        self.services = self._services()
        self._core: list[asyncio.Task[None]] = []

    def _services(self) -> list[Service]:
        bodies: list[tuple[str, str, Callable[[], Awaitable[None]]]] = [
            ("binary_market_listener", "Binary market listener", self.listeners["binary"].run),
            ("json_market_listener", "JSON market listener", self.listeners["json"].run),
            ("portfolio_calculator_listener", "Portfolio calculator listener", self._value_portfolio),
            ("provider_connection_manager", "Provider connection manager", self._warm_up_on_reconnect),
            ("provider_pending_monitor", "Provider pending monitor", self._watch_backlog),
            ("autocutoff_watcher", "AutoCutoff watcher", self._watch_cutoff),
            ("health_monitor", "Health monitor", self._monitor_health),
        ]
        return [Service(name, title, body, self.scale) for name, title, body in bodies]

    def service(self, name: str) -> Service:
        """Background service with that name."""
        return next(service for service in self.services if service.name == name)

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the service call its own routes."""
        return []

    def owner(self, symbol: str) -> Node:
        """Node that serves the slot of a symbol's key."""
        return self.owner_of_slot(SLOT_OF[symbol])

    def owner_of_slot(self, slot: int) -> Node:
        """Node that serves a slot (0..16383)."""
        return next(node for first, last, node in self.slots if first <= slot <= last)

    def tested_symbols(self) -> list[str]:
        """Symbols whose reading tests the connections."""
        return self.prices.symbols[:TESTED_SYMBOLS]

    async def command(self, key: str, *command: str | int) -> None:
        """Run one Redis command on the node that owns `key`."""
        async with self.pool.borrow(self.owner_of_slot(key_slot(key)), "data") as borrowed:
            (reply,) = await borrowed.call(command)
        if isinstance(reply, ReplyError):
            raise reply

    async def read_slots(self) -> None:
        """Ask every node which slots it serves; nodes that do not answer are taken to serve their usual ones."""
        found: list[tuple[int, int, Node]] = []
        for node, usual in zip(self.nodes, SLOTS, strict=True):
            try:
                async with self.pool.borrow(node, "data") as borrowed:
                    found += [(first, last, node) for first, last in await own_slots(borrowed.connection)]
            except (OSError, TimeoutError):
                found.append((*usual, node))
        self.slots = found

    async def start(self) -> None:
        """Start ingestion and the seven services, in order, logging each."""
        await self.read_slots()
        self._core = [asyncio.create_task(self.writer.run(node)) for node in self.nodes]
        try:
            for service in self.services:
                service.start()
                self.log.write("INFO", "startup", f"✅ {service.title} started")
        except Exception:
            self.log.write("ERROR", "startup", "❌ Critical error starting market listeners")
            raise
        self._core.append(asyncio.create_task(self.sampler.run()))
        count = sum(service.state in ("starting", "running") for service in self.services)
        self.log.write("INFO", "startup", f"🎉 Startup complete! Running {count} background services")

    async def stop(self) -> None:
        """Stop services in parallel, then close Redis."""
        self.log.write("INFO", "shutdown", "Stopping background services")
        for task in self._core:
            task.cancel()
        await asyncio.gather(*(self._stop_service(service) for service in self.services))
        if self._core:
            await asyncio.wait(self._core)
        self.pool.close()
        self.log.write("INFO", "shutdown", "Shutdown complete")

    async def _stop_service(self, service: Service) -> None:
        await service.stop()
        self.log.write("INFO", "shutdown", f"{service.title} stopped")

    def refuses(self, _scope: "Scope") -> bool:
        """Turn nobody away: there is no access control here."""
        return False

    async def renew(self) -> None:
        """Measure anew, so that what was just caused or lifted shows at once."""
        await self.sampler.renew(RENEW_WITHIN_S)

    def forget_since(self, moment: float) -> None:
        """Drop failed connections and gaps in the uptime after `moment`, and what fills the short windows.

        This is the lab's lever on time: figures over windows recover at once instead of when the window
        has passed. Totals stay.
        """
        self.history.forget_since(moment)
        self.traffic.uptime.forget_since(moment)
        self.traffic.forget_parse_errors()
        self.writer.forget()

    def _note_connection(self) -> None:
        self._connection_changed.set()
        self.traffic.uptime.mark(present=any(listener.connected for listener in self.listeners.values()))

    async def _value_portfolio(self) -> None:
        leases = {node: Lease(self.pool, node, "data") for node in self.nodes}
        try:
            while True:
                value = 0.0
                for symbol, amount in PORTFOLIO.items():
                    try:
                        (reply,) = await leases[self.owner(symbol)].call(read_command(symbol))
                    except (OSError, TimeoutError):
                        continue
                    if quote := stored_quote(symbol, reply):
                        value += amount * quote.bid
                self.portfolio_value = value
                await asyncio.sleep(self.scale.window(60))
        finally:
            for lease in leases.values():
                lease.end()

    async def _warm_up_on_reconnect(self) -> None:
        seen = {kind: listener.connections for kind, listener in self.listeners.items()}
        while True:
            await self._connection_changed.wait()
            self._connection_changed.clear()
            for kind, listener in self.listeners.items():
                reconnected = 0 < seen[kind] < listener.connections
                seen[kind] = listener.connections
                if reconnected and not self.without_warmup:
                    await self._warm_up()

    async def _warm_up(self) -> None:
        try:
            await warmup_after_reconnection(self.pool, self.prices, self.owner)
        except (LostError, ExhaustedError, ReplyError, OSError, TimeoutError) as error:
            self.log.write("ERROR", "warmup", f"Market data warmup failed: {error}")
        else:
            self.log.write("INFO", "warmup", "🔥 Market data warmup successful")

    async def _watch_backlog(self) -> None:
        while True:
            self.backlog = self.writer.pending()
            await asyncio.sleep(self.scale.window(30))

    async def _watch_cutoff(self) -> None:
        while True:
            self.cut_off = [
                symbol for symbol, quote in self.prices.newest.items() if age_s(quote) > self.fresh_threshold_s
            ]
            await asyncio.sleep(self.scale.window(30))

    async def _monitor_health(self) -> None:
        interval = self.scale.window(float(os.environ["HEALTH_MONITOR_INTERVAL"]))
        latest_start = time.monotonic() + FIRST_HEALTH_CHECK_WITHIN_S
        while not self._all_seen() and (self.sampler.latest is None or time.monotonic() < latest_start):
            await asyncio.sleep(FIRST_LOOK_S)
        due = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not self.monitor_paused:
                self._log_health()
            # By the clock, not by the last check: however late one is, the next ones come when they are due.
            due += interval * max(1, math.ceil((time.monotonic() - due) / interval))

    def _all_seen(self) -> bool:
        if self.sampler.latest is None:
            return False
        data = self.diagnostics.market_data()["data_freshness"]
        return bool(data["fresh_symbols"] == data["total_symbols"])

    def _log_health(self) -> None:
        redis = self.diagnostics.measured_cluster_health()
        data = self.diagnostics.market_data()["data_freshness"]
        self.last_health_check = now()
        up = redis["connected"] and redis["cluster_state"] == "ok" and not self.cluster_alarms
        listening = any(listener.connected for listener in self.listeners.values())
        self.log.write(
            "INFO",
            "health",
            f"💊 Health Check - Redis: {_mark(up)} | WebSocket: {_mark(listening)}"
            f" | Freshness: {data['freshness_rate']:.1f}%",
        )
        if not up:
            self.log.write("CRITICAL", "health", "🚨 CRITICAL: Redis cluster is not responding!")
        if data["fresh_symbols"] == 0:
            self.log.write("CRITICAL", "health", "🚨 CRITICAL: No fresh market data available!")


def _mark(good: bool) -> str:
    return "✅" if good else "❌"
