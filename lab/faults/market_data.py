"""Prices gone wrong: lost, stuck, missing, implausible, or different on one leg."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.clock import now_ms
from lab.faults.catalogue import Fault, Values, choice, number, symbols, text, truth
from lab.universe import SYMBOLS, redis_key

if TYPE_CHECKING:
    from lab.services.feed import Feed
    from lab.services.market.service import Market

WRITE_ON_ITS_WAY_S = 0.15

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
    market.writer.losses.append(loss)
    try:
        yield
    finally:
        market.writer.losses.remove(loss)


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
    feed.held.append(held)
    try:
        yield
    finally:
        feed.held.remove(held)


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


def _leg_or_pair(values: Values) -> str | None:
    return None if (values["leg"] is None) != (values["pair"] is None) else "give either leg or pair"


SKEW = Fault(
    "F.mkt.price_skew",
    "behaviour",
    "Answer a price off the mark: on a whole leg, or only to readers that serve one comparison"
    " (header X-Lab-Pair on the API or the client stream).",
    (
        choice("leg", "the leg", ["ws", "redis", "api"], default=None),
        choice("pair", "the comparison", ["ws-redis", "redis-api", "ws-api"], default=None),
        symbols("symbols", "the symbols"),
        number("bps", "how far off, basis points", at_least=-5000, at_most=5000, default=12),
        text("mode", "a remark, not acted on", default=None),
    ),
    _leg_or_pair,
)


@SKEW.on("market")
@asynccontextmanager
async def price_skewed(
    market: "Market",
    *,
    leg: str | None,
    pair: str | None,
    symbols: list[str],
    bps: float,
) -> AsyncIterator[None]:
    """Skew what is written to Redis, or what readers are told."""
    from lab.services.market.service import Skew  # noqa: PLC0415 - the catalogue loads without it

    skew = Skew(leg, pair, frozenset(symbols), bps)
    written = (frozenset(symbols), bps)
    if leg == "redis":
        market.writer.skews.append(written)
    else:
        market.skews.append(skew)
    try:
        yield
    finally:
        if leg == "redis":
            market.writer.skews.remove(written)
        else:
            market.skews.remove(skew)


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
    market.streams.muted.append(muted)
    try:
        yield
    finally:
        market.streams.muted.remove(muted)
