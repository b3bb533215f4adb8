"""Is the price the same wherever it is served? Stream, Redis and API compared tick by tick (spec 2.9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from checks.findings import listed
from checks.market import CLIENT_STREAM, HOURS, MARKET_SERVICE, PRICES, REDIS, SAMPLE
from checks.market.hours import Hours
from checks.market.prices import SEQUENCES_APART, TOLERATED_BPS, Gap, Price, distance, gap
from checks.market.stored import Price as StoredPrice
from checks.market.stored import prices as stored_prices
from checks.market.stream import price, ticks
from healthgate import (
    Measured,
    NoData,
    NotExpected,
    Source,
    Unit,
    at_most,
    check,
    each,
    every_attempt,
    measure,
    quietly,
    tried,
)
from healthgate.readings import Answer, Heard, NodeAnswer

bps = Unit("bps")

READS_APART = 1.0
"""Seconds by which two places may be read one after the other for their prices to be compared."""


@dataclass(frozen=True)
class Served:
    """The prices of a symbol that one place served, and between which moments they were read."""

    prices: Sequence[Price]
    since: float
    until: float

    def read_with(self, other: "Served") -> bool:
        """Whether both were read at the same time, as far as that goes."""
        return max(self.since, other.since) - min(self.until, other.until) <= READS_APART


Leg = Mapping[str, Served | NoData]
"""What one place served, by symbol; or why what it served is no price."""

PAIRS = {"ws_vs_redis": ("ws", "redis"), "redis_vs_api": ("redis", "api"), "ws_vs_api": ("ws", "api")}
SPOKEN = {"ws": "the stream", "redis": "Redis", "api": "the API"}
EXPLAINED = {"ws": "market.ws.client_stream", "api": MARKET_SERVICE}


@measure(CLIENT_STREAM)
def streamed(heard: Heard) -> Leg:
    """The ticks of each symbol; those of the whole time of listening were read at one time."""
    found: dict[str, list[Price]] = {}
    for one in ticks(heard.messages):  # the check of the stream itself counts what is no tick
        found.setdefault(one.symbol, []).append(one)
    began = heard.at - heard.listened_s
    return {symbol: Served(prices, began, heard.at) for symbol, prices in found.items()}


@measure(REDIS, SAMPLE)
def stored(nodes: Mapping[str, NodeAnswer], sample: Sequence[str]) -> Leg:
    """The price that Redis holds of each symbol."""
    kept = stored_prices(nodes)
    return {
        symbol: _read(partial(_stored_price, kept[symbol]), kept[symbol].read_at) for symbol in sample if symbol in kept
    }


def _stored_price(one: StoredPrice) -> Price:
    made_at, seq = one.number("timestamp_ms") / 1000, int(one.number("seq"))
    return Price(one.symbol, one.number("bid"), one.number("ask"), made_at, seq)


@measure(PRICES)
def answered(answers: Mapping[str, Answer]) -> Leg:
    """The price that the API answers of each symbol."""
    return {symbol: _read(partial(_answered_price, one, symbol), one.at) for symbol, one in answers.items()}


def _answered_price(answer: Answer, symbol: str) -> Price:
    return price(answer.body(), symbol)


def _read(one: Callable[[], Price], at: float) -> Served | NoData:
    try:
        return Served([one()], at, at)
    except NoData as nothing:
        return nothing


LEGS = {"ws": streamed, "redis": stored, "api": answered}


@measure()
def not_here() -> Leg:
    """Return nothing: this place cannot be asked from here."""
    return {}


def odd_one_out(places: Mapping[str, Leg], symbol: str) -> str:
    """Return in words which place stands against the two others; nothing where that cannot be told."""
    prices = {leg: one.prices for leg in LEGS if isinstance(one := places[leg].get(symbol), Served)}
    if len(prices) < len(LEGS):
        return ""
    gaps = {pair: gap(prices[pair[0]], prices[pair[1]]) for pair in combinations(prices, 2)}
    agreeing = [pair for pair, found in gaps.items() if found.agree]
    if not agreeing:
        return "all three places differ"
    if len(agreeing) != 1:
        return ""
    odd, reference = next(leg for leg in prices if leg not in agreeing[0]), agreeing[0][0]
    words, mine = f"{SPOKEN[odd]} is the odd one out", prices[odd][-1]
    for other, theirs in places[reference].items():
        if (
            other != symbol
            and isinstance(theirs, Served)
            and distance(theirs.prices[-1].mid, mine.mid) <= TOLERATED_BPS
        ):
            return f"{words}: it serves the price of {other}"
    nearest = gap(prices[reference], prices[odd])
    behind = nearest.one.seq - nearest.other.seq
    if abs(behind) <= SEQUENCES_APART:
        return words
    return f"{words}, {abs(behind)} ticks {'behind' if behind > 0 else 'ahead'}"


@dataclass(frozen=True)
class Compared:
    """One symbol on two places: how far apart it is there, and what is said of it."""

    symbol: str
    gap: Gap
    words: str


def compared(places: Mapping[str, Leg], pair: tuple[str, str], symbol: str) -> Compared | None:
    """Return a symbol as two places serve it; None where they cannot be compared.

    That is so where it has not ticked while the stream was listened to, and where the places were not read at one time.
    NoData where a place that must have its price has none.
    """
    both = [places[leg].get(symbol) for leg in pair]
    for leg, one in zip(pair, both, strict=True):
        if one is None and leg == "ws":
            return None
        if not isinstance(one, Served):
            why = f": {one}" if one else ""
            raise NoData(f"{SPOKEN[leg]} served no price of {symbol}{why}", EXPLAINED.get(leg))
    mine, theirs = (one for one in both if isinstance(one, Served))
    if not mine.read_with(theirs):
        return None
    found = gap(mine.prices, theirs.prices)
    odd = "" if found.agree else odd_one_out(places, symbol)
    said = f"{symbol}: {SPOKEN[pair[0]]} {found.one}, {SPOKEN[pair[1]]} {found.other}"
    return Compared(symbol, found, f"{said}; {odd}" if odd else said)


def settled(attempts: Sequence[Mapping[str, Leg]], pair: tuple[str, str], symbol: str) -> Compared | None:
    """Return a symbol as it was in the attempt in which both places agreed, else as in the last that compared it.

    None where none did; NoData where that is for a place that had no price.
    """
    found: Compared | None = None
    doubt: NoData | None = None
    for places in attempts:
        try:
            found = compared(places, pair, symbol) or found
        except NoData as nothing:
            doubt = nothing
        if found is not None and found.gap.agree:
            return found
    if found is None and doubt is not None:
        raise doubt
    return found


@quietly(CLIENT_STREAM, SAMPLE, HOURS)
def ticking(heard: Heard, sample: Sequence[str], hours: Hours) -> Sequence[str]:
    """The symbols of the sample that trade while the stream is listened to; NotExpected where none does."""
    began = heard.at - heard.listened_s
    found = hours.trading(sample, began, heard.at)
    if not found:
        raise NotExpected(f"ticks are not expected: {hours.quiet(heard.at) or hours.quiet(began)}")
    return found


def difference(pair: tuple[str, str]) -> Source:
    """Return how far two places are apart on the symbol of the sample on which they are farthest, in basis points.

    Two places that race are apart on a symbol only if they are in every attempt.
    """
    one, other = pair
    third = next(leg for leg in LEGS if leg not in pair)

    @measure(LEGS[one], LEGS[other], tried(LEGS[third]).otherwise(not_here))
    def together(mine: Leg, theirs: Leg, elses: Leg | NoData) -> dict[str, Leg]:
        return {one: mine, other: theirs, third: {} if isinstance(elses, NoData) else elses}

    @measure(every_attempt(together), ticking if "ws" in pair else SAMPLE)
    def apart(attempts: list[dict[str, Leg] | NoData], symbols: Sequence[str]) -> Measured:
        seen = [places for places in attempts if not isinstance(places, NoData)]
        if not seen:
            raise next(nothing for nothing in attempts if isinstance(nothing, NoData))
        return farthest(seen, pair, symbols)

    return apart


def farthest(attempts: Sequence[Mapping[str, Leg]], pair: tuple[str, str], symbols: Sequence[str]) -> Measured:
    """Return the largest distance and the symbols that deviate, or else all that were compared; NoData in doubt."""
    found: list[Compared] = []
    doubts: list[NoData] = []
    for symbol in symbols:
        try:
            one = settled(attempts, pair, symbol)
        except NoData as nothing:
            doubts.append(nothing)
        else:
            found += [one] if one else []
    deviating = [one for one in found if not one.gap.agree]
    if deviating:
        contradictions = [f"{one.symbol}: {one.gap.disagreement}" for one in deviating if one.gap.disagreement]
        largest = max(one.gap.bps for one in deviating)
        return Measured(largest, listed([one.words for one in deviating]), listed(contradictions))
    if doubts:
        raise NoData(listed([str(doubt) for doubt in doubts]), doubts[0].explained_by)
    if not found:
        raise NoData(
            f"none of {listed(symbols)} could be compared: no tick came, or places were read too far apart",
            EXPLAINED["ws"] if "ws" in pair else None,
        )
    left = f" of {len(symbols)}" if len(found) < len(symbols) else ""
    nearest = max(found, key=lambda one: one.gap.bps)
    said = f"{len(found)}{left} symbols, {', '.join(one.symbol for one in found)}; the farthest {nearest.words}"
    return Measured(nearest.gap.bps, said)


@each(
    check(
        f"market.price.{name}",
        difference(pair),
        stays=at_most(5, bps, warning=5, critical=20),
        name=f"Prices, {SPOKEN[pair[0]]} against {SPOKEN[pair[1]]}",
        cause="one of the places serves an older or a different price",
        action="the odd one out says where: Redis the write path, the API its cache, the stream the fan-out",
        runbook="price-mismatch",
        every="60s",
        attempts=3,
    )
    for name, pair in PAIRS.items()
)
def test_one_price(verdict):
    """A symbol has one price, wherever it is asked for."""
    assert verdict.healthy, verdict
