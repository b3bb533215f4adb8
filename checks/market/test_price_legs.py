"""Is the price the same wherever it is served? Stream, Redis and API compared tick by tick (spec 2.9)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations

from checks.market import CLIENT_STREAM, MARKET_SERVICE, REDIS, Market
from checks.market.prices import SEQUENCES_APART, TOLERATED_BPS, Gap, Price, distance, gap
from checks.market.stored import Price as StoredPrice
from checks.market.stored import prices as stored_prices
from checks.market.stream import PRICE_SAMPLE, price, tick
from healthgate import Measured, NoData, Source, Unit, at_most, check, each, get, measure
from healthgate.readings import Answer, Heard, NodeAnswer

bps = Unit("bps")

Leg = Mapping[str, Sequence[Price] | NoData]
"""What one place served, by symbol; or why what it served is no price."""

PAIRS = {"ws_vs_redis": ("ws", "redis"), "redis_vs_api": ("redis", "api"), "ws_vs_api": ("ws", "api")}
SPOKEN = {"ws": "the stream", "redis": "Redis", "api": "the API"}
API = [get(Market, f"/api/market/price/{symbol}", alongside=CLIENT_STREAM, origin="chosen") for symbol in PRICE_SAMPLE]


@measure(CLIENT_STREAM, REDIS, *(probe.outcome for probe in API))
def legs(heard: Heard, nodes: Mapping[str, NodeAnswer], *answers: Answer) -> dict[str, Leg]:
    """Return what each of the three places served of the sample."""
    return {"ws": _streamed(heard), "redis": _stored(nodes), "api": _answered(answers)}


def _streamed(heard: Heard) -> Leg:
    found: dict[str, list[Price]] = {}
    for message in heard.messages:
        try:
            one = tick(message)
        except NoData:
            continue  # the check of the stream itself counts what is no tick
        found.setdefault(one.symbol, []).append(one)
    return found


def _stored(nodes: Mapping[str, NodeAnswer]) -> Leg:
    stored = {symbol: one for symbol, one in stored_prices(nodes).items() if symbol in PRICE_SAMPLE}
    return {symbol: _read(partial(_stored_price, one)) for symbol, one in stored.items()}


def _stored_price(one: StoredPrice) -> Price:
    made_at, seq = one.number("timestamp_ms") / 1000, int(one.number("seq"))
    return Price(one.symbol, one.number("bid"), one.number("ask"), made_at, seq)


def _answered(answers: Sequence[Answer]) -> Leg:
    served_by_api = zip(PRICE_SAMPLE, answers, strict=True)
    return {symbol: _read(partial(_answered_price, answer, symbol)) for symbol, answer in served_by_api}


def _answered_price(answer: Answer, symbol: str) -> Price:
    return price(answer.body(), symbol)


def _read(one: Callable[[], Price]) -> Sequence[Price] | NoData:
    try:
        return [one()]
    except NoData as nothing:
        return nothing


def served(places: Mapping[str, Leg], leg: str, symbol: str) -> Sequence[Price]:
    """Return what one place served of a symbol; NoData, and which check explains it, if that is nothing."""
    found = places[leg].get(symbol) or NoData("")
    if not isinstance(found, NoData):
        return found
    explained_by = {"ws": "market.ws.client_stream", "api": MARKET_SERVICE}.get(leg)
    why = f": {found}" if str(found) else ""
    raise NoData(f"{SPOKEN[leg]} served no price of {symbol}{why}", explained_by)


def odd_one_out(places: Mapping[str, Leg], symbol: str) -> str:
    """Return in words which place stands against the two others; nothing where that cannot be told."""
    try:
        prices = {leg: served(places, leg, symbol) for leg in places}
    except NoData:
        return ""
    gaps = {pair: gap(prices[pair[0]], prices[pair[1]]) for pair in combinations(prices, 2)}
    agreeing = [pair for pair, found in gaps.items() if found.agree]
    if not agreeing:
        return "all three places differ"
    if len(agreeing) != 1:
        return ""
    odd, reference = next(leg for leg in prices if leg not in agreeing[0]), agreeing[0][0]
    words, mine = f"{SPOKEN[odd]} is the odd one out", prices[odd][-1]
    for other in PRICE_SAMPLE:
        theirs = places[reference].get(other)
        if other != symbol and isinstance(theirs, list) and distance(theirs[-1].mid, mine.mid) <= TOLERATED_BPS:
            return f"{words}: it serves the price of {other}"
    nearest = gap(prices[reference], prices[odd])
    behind = nearest.one.seq - nearest.other.seq
    if abs(behind) <= SEQUENCES_APART:
        return words
    return f"{words}, {abs(behind)} ticks {'behind' if behind > 0 else 'ahead'}"


def difference(pair: tuple[str, str], symbol: str) -> Source:
    """Return how far two places are apart on a symbol, in basis points, and which of the three is wrong."""

    @measure(legs)
    def apart(places: Mapping[str, Leg]) -> Measured:
        one, other = pair
        found: Gap = gap(served(places, one, symbol), served(places, other, symbol))
        said = f"{SPOKEN[one]} {found.one}, {SPOKEN[other]} {found.other}"
        odd = "" if found.agree else odd_one_out(places, symbol)
        return Measured(found.bps, f"{said}; {odd}" if odd else said, found.disagreement)

    return apart


@each(
    check(
        f"market.price.{name}[{symbol}]",
        difference(pair, symbol),
        stays=at_most(5, bps, warning=5, critical=20),
        name=f"Price of {symbol}, {SPOKEN[pair[0]]} against {SPOKEN[pair[1]]}",
        cause="one of the places serves an older or a different price",
        action="the odd one out says where: Redis the write path, the API its cache, the stream the fan-out",
        runbook="price-mismatch",
        every="60s",
        attempts=3,
    )
    for name, pair in PAIRS.items()
    for symbol in PRICE_SAMPLE
)
def test_one_price(verdict):
    """A symbol has one price, wherever it is asked for."""
    assert verdict.healthy, verdict
