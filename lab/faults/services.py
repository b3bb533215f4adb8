"""The market service's background services: listeners stopped, services crashed or kept from their work."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from lab.clock import now
from lab.faults.catalogue import Fault, choice, number, truth
from lab.faults.lasting import during
from lab.ports import OUTSIDE

if TYPE_CHECKING:
    from lab.services.feed import Feed
    from lab.services.market.service import Market

SERVICE_NAMES = (
    "binary_market_listener",
    "json_market_listener",
    "portfolio_calculator_listener",
    "provider_connection_manager",
    "provider_pending_monitor",
    "autocutoff_watcher",
    "health_monitor",
)

LISTENER_STOP = Fault(
    "F.mkt.listener_stop",
    "behaviour",
    "Cancel a WebSocket listener, or both (listeners killed); healing starts them again.",
    (
        choice("which", "the listener", ["binary", "json", "both"]),
        truth(
            "symbols_served_by_other",
            "with one stopped: whether the feed moves its symbols to the other protocol",
            default=True,
        ),
        truth(
            "no_restart",
            "whether supervision is off and the service shows as stopped (both: true, else false)",
            default=None,
        ),
        number(
            "age_s",
            "with both stopped: age of the last message received, s (0: as it is)",
            at_least=0,
            at_most=86400,
            default=45,
        ),
    ),
)


@LISTENER_STOP.on("feed")
@asynccontextmanager
async def last_words_sent(
    feed: "Feed",
    *,
    which: str,
    symbols_served_by_other: bool,
    age_s: float,
) -> AsyncIterator[None]:
    """Send the service a last, old tick (both), or its symbols over the other protocol (one)."""
    if which == "both":
        with feed.stop("service", age_s):
            yield
        return
    if symbols_served_by_other:
        feed.moved.append(which)
    try:
        yield
    finally:
        if symbols_served_by_other:
            feed.moved.remove(which)


@LISTENER_STOP.on("market")
@asynccontextmanager
async def listeners_stopped(
    market: "Market",
    *,
    which: str,
    no_restart: bool | None,
    age_s: float,
) -> AsyncIterator[None]:
    """Cancel the listening tasks, with their services or underneath them."""
    kinds = ["binary", "json"] if which == "both" else [which]
    if which == "both" and age_s:
        await _old_words_arrived(market, age_s)
    with ExitStack() as stack:
        for kind in kinds:
            if no_restart or (no_restart is None and which == "both"):
                stack.enter_context(_service_down(market, f"{kind}_market_listener", "cancel"))
            else:
                stack.enter_context(_listener_away(market, kind))
        yield


async def _old_words_arrived(market: "Market", age_s: float) -> None:
    for _ in range(50):
        if all(now() - listener.last_message > age_s - 1 for listener in market.listeners.values()):
            return
        await asyncio.sleep(0.02)


@contextmanager
def _listener_away(market: "Market", kind: str) -> Iterator[None]:
    fault = object()
    market.listeners[kind].keep_away(fault)
    try:
        yield
    finally:
        market.listeners[kind].let_back(fault)


@contextmanager
def _service_down(market: "Market", name: str, manner: str) -> Iterator[None]:
    fault = object()
    service = market.service(name)
    service.left_down.append(fault)
    if manner == "cancel":
        service.cancel()
    else:
        service.crash("crashed by a fault")
    try:
        yield
    finally:
        service.left_down.remove(fault)
        if not service.left_down:
            service.start()


CRASH = Fault(
    "F.mkt.service_crash",
    "behaviour",
    "Crash one of the seven background services.",
    (
        choice("name", "the service", SERVICE_NAMES),
        truth("no_restart", "whether supervision leaves it down", default=False),
    ),
)


@CRASH.on("market")
@asynccontextmanager
async def service_crashed(market: "Market", *, name: str, no_restart: bool) -> AsyncIterator[None]:
    """Make the service's body raise; it is started again on exit at the latest."""
    if not no_restart:
        market.service(name).crash("crashed by a fault")
        yield
        return
    with _service_down(market, name, "crash"):
        yield


NO_RESTART = Fault(
    "F.mkt.no_auto_restart",
    "behaviour",
    "Take a WebSocket listener out of supervision and crash it: it stays down until healed.",
    (choice("which", "the listener", ["binary", "json"]),),
)


@NO_RESTART.on("market")
@asynccontextmanager
async def listener_not_restarted(market: "Market", *, which: str) -> AsyncIterator[None]:
    """Crash the listener's service for good; start it again on exit."""
    with _service_down(market, f"{which}_market_listener", "crash"):
        yield


HANG = Fault(
    "F.mkt.shutdown_hang",
    "behaviour",
    "Let one background service go on for a while after it was told to stop. Past SHUTDOWN_TIMEOUT (10 s) the market"
    " service gives up and exits with code 1.",
    (
        number("seconds", "how long it goes on, s", at_least=0.1, at_most=60, default=14),
        choice("name", "the service", SERVICE_NAMES, default="autocutoff_watcher"),
    ),
)


@HANG.on("market")
@asynccontextmanager
async def cancellation_ignored(market: "Market", *, seconds: float, name: str) -> AsyncIterator[None]:
    """Make the service's body deaf to its cancellation."""
    deaf_for_s = market.service(name).deaf_for_s
    with during(deaf_for_s, seconds):
        yield


BIND = Fault(
    "F.mkt.bind_all",
    "infrastructure",
    "Let the market service listen where outside callers would find it: 127.0.0.9, on its usual port.",
)


@BIND.on("market")
@asynccontextmanager
async def bound_outside(market: "Market") -> AsyncIterator[None]:
    """Open a second socket on the other loopback address."""
    from lab.host import ListeningPort  # noqa: PLC0415 - the catalogue loads without it

    host = market.host
    port = ListeningPort(host.dispatch, host.public.port, OUTSIDE)
    host.ports.append(port)
    await port.open()
    try:
        yield
    finally:
        host.ports.remove(port)
        await port.refuse("healed")


WARMUP = Fault("F.mkt.no_warmup", "behaviour", "Do not run the warm-up after a feed connection is made again.")


@WARMUP.on("market")
@asynccontextmanager
async def warmup_off(market: "Market") -> AsyncIterator[None]:
    """Keep the warm-up from running."""
    with during(market.without_warmup, object()):
        yield


MONITOR = Fault("F.mkt.monitor_pause", "behaviour", "Pause the health monitor: no more health-check lines.")


@MONITOR.on("market")
@asynccontextmanager
async def monitor_paused(market: "Market") -> AsyncIterator[None]:
    """Keep the health monitor from checking."""
    with during(market.monitor_paused, object()):
        yield
