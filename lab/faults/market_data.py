"""Prices gone wrong: lost, stuck, missing, implausible, or on one leg off the mark, late or another symbol's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.clock import now_ms
from lab.faults.catalogue import BadParametersError, Fault, choice, number, symbols, truth
from lab.faults.lasting import during
from lab.universe import SYMBOLS, redis_key

if TYPE_CHECKING:
    from lab.services.feed import Feed
    from lab.services.market.legs import Bend, LegName
    from lab.services.market.service import Market

WRITE_ON_ITS_WAY_S = 0.15
LONGEST_WAIT_S = 15.0

DROP = Fault(
    "F.mkt.redis_write_drop",
    "behaviour",
    "Lose a share of the writes to Redis; the next tick of the symbol repairs each.",
    (
        number("percent", "share of writes lost, %", at_least=0.1, at_most=100),
        symbols("symbols", "the symbols concerned (none: all)", default=[]),
    ),
)


@DROP.on("market")
@asynccontextmanager
async def writes_lost(market: "Market", *, percent: float, symbols: list[str]) -> AsyncIterator[None]:
    """Drop ticks before they are queued for writing."""
    from lab.services.market.prices import Loss  # noqa: PLC0415 - the catalogue loads without it

    loss = Loss(percent, frozenset(symbols))
    with during(market.writer.losses, loss):
        yield


STUCK = Fault(
    "F.mkt.redis_stuck",
    "behaviour",
    "Stop updating symbols in Redis while the service believes its writes succeed.",
    (
        symbols("symbols", "the symbols"),
        truth("keep_price", "whether the feed holds their price, so that prices still agree", default=True),
        number("age_s", "age of what Redis keeps, s (0: as it is)", at_least=0, at_most=86400, default=45),
    ),
)


@STUCK.on("feed")
@asynccontextmanager
async def price_held(
    feed: "Feed",
    *,
    symbols: list[str],
    keep_price: bool,
) -> AsyncIterator[None]:
    """Hold the price while the symbol ticks on."""
    held = frozenset(symbols) if keep_price else frozenset()
    with during(feed.held, held):
        yield


@STUCK.on("market")
@asynccontextmanager
async def writes_stuck(
    market: "Market",
    *,
    symbols: list[str],
    age_s: float,
) -> AsyncIterator[None]:
    """Leave an old quote in Redis and acknowledge writes that never happen."""
    stuck = frozenset(symbols)
    market.writer.stuck.append(stuck)
    try:
        await asyncio.sleep(WRITE_ON_ITS_WAY_S)
        for symbol in symbols:
            quote = market.prices.newest.get(symbol)
            if quote is not None and age_s:
                await market.writer.write_now(replace(quote, timestamp_ms=now_ms() - int(age_s * 1000)))
        yield
    finally:
        market.writer.stuck.remove(stuck)


MISSING = Fault(
    "F.mkt.symbol_missing",
    "behaviour",
    "Delete the price keys of symbols and stop their ticks.",
    (symbols("symbols", "the symbols"),),
)


@MISSING.on("feed")
@asynccontextmanager
async def ticks_stopped(feed: "Feed", *, symbols: list[str]) -> AsyncIterator[None]:
    """Let the symbols fall silent."""
    with feed.silence(frozenset(symbols), 0.0):
        yield


@MISSING.on("market")
@asynccontextmanager
async def keys_deleted(market: "Market", *, symbols: list[str]) -> AsyncIterator[None]:
    """Delete the keys and write no more."""
    gone = frozenset(symbols)
    market.writer.blocked.append(gone)
    try:
        await asyncio.sleep(WRITE_ON_ITS_WAY_S)
        market.writer.discard(gone)
        for symbol in symbols:
            await market.command(redis_key(symbol), "DEL", redis_key(symbol))
        yield
    finally:
        market.writer.blocked.remove(gone)


UNIVERSE = Fault(
    "F.mkt.universe",
    "behaviour",
    "Remove symbols everywhere: configuration, feed, Redis and analysis.",
    (symbols("remove", "the symbols"),),
    lambda values: None if len(set(values["remove"])) < len(SYMBOLS) else "at least one symbol must stay",
)


@UNIVERSE.on("feed")
@asynccontextmanager
async def no_longer_quoted(feed: "Feed", *, remove: list[str]) -> AsyncIterator[None]:
    """Let the symbols fall silent."""
    with feed.silence(frozenset(remove), 0.0):
        yield


@UNIVERSE.on("market")
@asynccontextmanager
async def no_longer_known(market: "Market", *, remove: list[str]) -> AsyncIterator[None]:
    """Take the symbols out of the service's list and out of Redis."""
    market.prices.symbols = [symbol for symbol in market.prices.symbols if symbol not in remove]
    try:
        await asyncio.sleep(WRITE_ON_ITS_WAY_S)
        market.writer.discard(frozenset(remove))
        for symbol in remove:
            await market.command(redis_key(symbol), "DEL", redis_key(symbol))
        yield
    finally:
        known = {*market.prices.symbols, *remove}
        market.prices.symbols = [symbol for symbol in SYMBOLS if symbol in known]


BAD_TICK = Fault(
    "F.mkt.bad_tick",
    "behaviour",
    "Quote symbols implausibly on all legs: bid above ask, a bid of zero, or a spread of 9 %.",
    (
        symbols("symbols", "the symbols"),
        choice("kind", "how", ["crossed", "zero", "wide"], default="crossed"),
        truth("coherent", "the quote is the same on all legs", default=True),
    ),
    lambda values: None if values["coherent"] else "only coherent=true is offered; see F.mkt.price_skew",
)


@BAD_TICK.on("feed")
@asynccontextmanager
async def quotes_spoilt(
    feed: "Feed",
    *,
    symbols: list[str],
    kind: str,
) -> AsyncIterator[None]:
    """Let the feed quote them so, at once."""
    spoilt = (frozenset(symbols), kind)
    feed.spoilt.append(spoilt)
    feed.send_all(symbols)
    try:
        yield
    finally:
        feed.spoilt.remove(spoilt)
        feed.send_all(symbols)


LEG = choice("leg", "the leg", ["ws", "redis", "api"])
SKEW = Fault(
    "F.mkt.price_skew",
    "behaviour",
    "Serve prices off the mark on one leg.",
    (
        LEG,
        symbols("symbols", "the symbols"),
        number("bps", "how far off, basis points", at_least=-5000, at_most=5000, default=12),
    ),
)


@SKEW.on("market")
@asynccontextmanager
async def price_skewed(market: "Market", *, leg: "LegName", symbols: list[str], bps: float) -> AsyncIterator[None]:
    """Skew what stands in Redis, or what readers are told."""
    from lab.services.market.legs import Skew  # noqa: PLC0415 - the catalogue loads without it

    async with _bent(market, leg, Skew(frozenset(symbols), bps), symbols):
        yield


DELAY = Fault(
    "F.mkt.price_delay",
    "behaviour",
    "Serve prices on one leg as they were seconds ago: same price, number and time stamp, ticking on. With"
    " leg=redis that is what stands in Redis; the service judges freshness by the writes it made and stays fresh,"
    " and its own price consistency compares a quote of Redis with the same number in memory, which reaches back"
    " about 10 s; older ones it compares with the newest. A lab that has not run that long yet waits until it has.",
    (
        LEG,
        symbols("symbols", "the symbols"),
        number("seconds", "how late, s", at_least=0.5, at_most=60, default=4),
    ),
)


@DELAY.on("market")
@asynccontextmanager
async def price_delayed(market: "Market", *, leg: "LegName", symbols: list[str], seconds: float) -> AsyncIterator[None]:
    """Serve the leg from the past, as soon as it is known that far back."""
    from lab.services.market.legs import Delay  # noqa: PLC0415 - the catalogue loads without it

    missing_s = seconds - market.legs[leg].past.known_for_s(symbols)
    if missing_s > LONGEST_WAIT_S:
        raise BadParametersError(
            f"F.mkt.price_delay: prices of {seconds:g} s ago will not be known for another {missing_s:.0f} s"
        )
    await asyncio.sleep(max(0.0, missing_s))
    async with _bent(market, leg, Delay(frozenset(symbols), seconds), symbols):
        yield


SWAP = Fault(
    "F.mkt.price_swap",
    "behaviour",
    "Serve two symbols on one leg with each other's prices, numbers and time stamps, under their own names. With"
    " leg=redis that is what stands in Redis; the service judges freshness by the writes it made and stays fresh,"
    " and its own price consistency, which compares Redis with memory, names both symbols.",
    (LEG, symbols("symbols", "the two symbols")),
    lambda values: None if len(set(values["symbols"])) == len(values["symbols"]) == 2 else "name exactly two symbols",
)


@SWAP.on("market")
@asynccontextmanager
async def prices_swapped(market: "Market", *, leg: "LegName", symbols: list[str]) -> AsyncIterator[None]:
    """Serve each from the other."""
    from lab.services.market.legs import Swap  # noqa: PLC0415 - the catalogue loads without it

    async with _bent(market, leg, Swap((symbols[0], symbols[1])), symbols):
        yield


@asynccontextmanager
async def _bent(market: "Market", name: "LegName", bend: "Bend", symbols: list[str]) -> AsyncIterator[None]:
    leg = market.legs[name]
    leg.bends.append(bend)
    try:
        await _written_anew(market, name, symbols)
        yield
    finally:
        leg.bends.remove(bend)
        await _written_anew(market, name, symbols)


async def _written_anew(market: "Market", name: "LegName", symbols: list[str]) -> None:
    if name != "redis":
        return
    # Not with the next tick of each symbol: what Redis holds changes before the fault counts as caused or lifted.
    for symbol in symbols:
        if quote := market.prices.newest.get(symbol):
            market.writer.offer(quote)
    await asyncio.sleep(WRITE_ON_ITS_WAY_S)


MUTE = Fault(
    "F.mkt.client_mute",
    "behaviour",
    "Do not send symbols on the client stream.",
    (symbols("symbols", "the symbols"),),
)


@MUTE.on("market")
@asynccontextmanager
async def clients_not_told(market: "Market", *, symbols: list[str]) -> AsyncIterator[None]:
    """Leave the symbols out of the client stream."""
    muted = frozenset(symbols)
    with during(market.streams.muted, muted):
        yield
