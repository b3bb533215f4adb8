"""The market service: takes prices from two feeds, keeps them in a Redis cluster, serves them (spec 2).

In some environments it is reached only through the gateway. What its diagnostics say is then read from the
gateway's comprehensive body, which holds the same blocks.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from checks import gateway
from checks.bodies import market as bodies
from checks.market.hours import FIRST_TICK, Hours, MarketHours, amiss
from checks.market.sample import sample
from checks.market.stream import FEED_FRAMES, FEED_SECONDS, MOST_TICKS, every_symbol_ticked, subscription
from checks.market.written import KINDS, REACH
from healthgate import (
    Address,
    Amiss,
    Date,
    Duration,
    FilePattern,
    Files,
    FromProfile,
    GetEach,
    Later,
    LogLines,
    Port,
    RedisNodes,
    Secret,
    Source,
    Stream,
    StreamUrl,
    System,
    Url,
    from_settings,
    get,
    measure,
    moment,
    quietly,
)
from healthgate.nearest import hint


class Market(System):
    """How to reach the market service and its Redis cluster, and what they should hold (spec 2.2 to 2.4).

    `symbols` are the symbols that should have a price, all of them. `url` is the address of the service, with
    scheme and port; without it its diagnostics are read through the gateway. `redis_nodes` are the addresses of
    the cluster's nodes by name, and `redis_password` what they ask for, if anything.

    `stream_url` is the price stream of the clients, listened to for `stream_listen` at most, and `price_url` where they
    ask for single prices, if that is not `url`. `price_sample` are the symbols whose prices are compared; without it
    some are drawn anew for each run, one for each second of `stream_listen`. `feed_binary_url` and `feed_json_url` are
    the feed the service itself listens to. `outside` is the address at which the service would answer where its clients
    are, if it could be reached from there: it must not be.

    `logs` are the detailed log files, current and rotated, `log_archives` the archived summaries (spec 2.13);
    `installed` is the day since when the service has written them.

    `market_hours` say when there are new prices at all; without them there always are.

    What else is left out here leaves out the checks that need it, and nothing else.
    """

    name = "market"
    symbols: list[str]
    market_hours: MarketHours | None = None
    url: Url | None = None
    redis_nodes: dict[str, Address] | None = None
    redis_password: Secret | None = None
    stream_url: StreamUrl | None = None
    stream_listen: Duration = Duration(10)
    price_url: Url | None = None
    price_sample: list[str] | None = None
    feed_binary_url: StreamUrl | None = None
    feed_json_url: StreamUrl | None = None
    outside: Address | None = None
    logs: FilePattern | None = None
    log_archives: FilePattern | None = None
    installed: Date | None = None

    @classmethod
    def amiss(cls, given: Mapping[str, Any]) -> Iterator[Amiss]:
        """Yield what is wrong with the hours, and which symbols of the sample are none."""
        symbols = given.get("symbols")
        if "market_hours" in given:
            yield from amiss(given["market_hours"], symbols)
        for number, symbol in enumerate(given.get("price_sample", ())):
            if symbols is not None and symbol not in symbols:
                words = f"has {symbol}, which is none of market.symbols{hint(symbol, symbols)}"
                yield Amiss(("price_sample", number), words)


COMPREHENSIVE, REDIS_CLUSTER, WEBSOCKET, MARKET_DATA = (
    get(Market, f"/api/debug/{route}", proven_by=f"market.endpoint.debug[{route.replace('-', '_')}]", body=body)
    for route, body in (
        ("comprehensive", bodies.EVERYTHING),
        ("redis-cluster", bodies.REDIS_CLUSTER_WITH_POOL),
        ("websocket", bodies.WEBSOCKET),
        ("market-data", bodies.MARKET_DATA),
    )
)
CLIENT_STREAM = Stream(
    Market,
    url="stream_url",
    listen="stream_listen",
    most=MOST_TICKS,
    opening=subscription,
    enough=every_symbol_ticked,
    explained_by="market.ws.client_stream",
)
REDIS = RedisNodes(
    Market,
    nodes="redis_nodes",
    password="redis_password",  # noqa: S106 (the name of the setting)
    commands=("PING", "CLUSTER INFO"),
    hashes="market:*",
    proven_by="market.redis.direct_nodes",
    alongside=CLIENT_STREAM,
)
SYMBOLS = FromProfile(Market, "symbols")
SAMPLE = from_settings(Market, sample)
_CLIENT_PRICES, _SERVICE_PRICES = (
    GetEach(Market, "/api/market/price/{name}", names=sample, url=url, alongside=CLIENT_STREAM, origin="chosen")
    for url in ("price_url", "url")
)
PRICES = _CLIENT_PRICES.otherwise(_SERVICE_PRICES)

MARKET_SERVICE = "market.endpoint.debug[comprehensive]"
"""The check that says best that the market service as a whole does not answer."""

FEEDS = {
    kind: Stream(Market, url=f"feed_{kind}_url", listen=FEED_SECONDS, most=FEED_FRAMES) for kind in ("binary", "json")
}

LOG = LogLines(
    Market, path="logs", kinds=KINDS, reach=REACH, since="startup.1", explained_by="market.health_monitor.cadence"
)
LOG_FILES = Files(Market, path="logs", explained_by="market.health_monitor.cadence")
LOG_ARCHIVES = Files(Market, path="log_archives")
INSTALLED = FromProfile(Market, "installed")
OUTSIDE = Port(Market, address="outside", within=3.0)

# Ordered after the gateway's second read, so that the two reads of this counter bracket the gateway's.
WEBSOCKET_LATER = Later(WEBSOCKET, after=gateway.WEBSOCKET_TO_REDIS_LATER)

DIAGNOSTICS = COMPREHENSIVE.otherwise(gateway.COMPREHENSIVE.at("data"))
REDIS_DIAGNOSTICS = REDIS_CLUSTER.otherwise(gateway.COMPREHENSIVE.at("data.redis_cluster_diagnostics"))
WEBSOCKET_DIAGNOSTICS = WEBSOCKET.otherwise(gateway.COMPREHENSIVE.at("data.websocket_diagnostics"))
MARKET_DATA_DIAGNOSTICS = MARKET_DATA.otherwise(gateway.COMPREHENSIVE.at("data.market_data_diagnostics"))

WEBSOCKET_SEEN = WEBSOCKET.otherwise(gateway.COMPREHENSIVE)
MARKET_DATA_SEEN = MARKET_DATA.otherwise(gateway.COMPREHENSIVE)

HOURS = measure(FromProfile(Market, "market_hours"))(Hours.of).otherwise(measure()(Hours))


def quiet(*looks: Source, due: float = FIRST_TICK) -> Source:
    """Return why no news is expected at some of these looks, but of what always trades; None where it is.

    It is where the markets had been open for `due` seconds.
    """

    @quietly(HOURS, *(moment(look) for look in looks))
    def why(hours: Hours, *moments: float) -> str | None:
        return next((said for at in moments if (said := hours.quiet(at, due)) is not None), None)

    return why
