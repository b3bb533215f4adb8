"""The market service: takes prices from two feeds, keeps them in a Redis cluster, serves them (spec 2).

In some environments it is reached only through the gateway. What its diagnostics say is then read from the
gateway's comprehensive body, which holds the same blocks.
"""

from checks import gateway
from healthgate import Address, Answer, FromProfile, Later, RedisNodes, Secret, Source, System, Url, get, measure


class Market(System):
    """How to reach the market service and its Redis cluster, and what they should hold (spec 2.2 to 2.4).

    `symbols` are the symbols that should have a price, all of them. `url` is the address of the service, with
    scheme and port; without it its diagnostics are read through the gateway. `redis_nodes` are the addresses of
    the cluster's nodes by name, and `redis_password` what they ask for, if anything; without the nodes the
    checks that compare with Redis itself are left out.
    """

    name = "market"
    symbols: list[str]
    url: Url | None = None
    redis_nodes: dict[str, Address] | None = None
    redis_password: Secret | None = None


COMPREHENSIVE, REDIS_CLUSTER, WEBSOCKET, MARKET_DATA = (
    get(Market, f"/api/debug/{route}", proven_by=f"market.endpoint.debug[{route.replace('-', '_')}]")
    for route in ("comprehensive", "redis-cluster", "websocket", "market-data")
)
REDIS = RedisNodes(
    Market,
    nodes="redis_nodes",
    password="redis_password",  # noqa: S106 (the name of the setting)
    commands=("PING", "CLUSTER INFO"),
    hashes="market:*",
    proven_by="market.redis.direct_nodes",
)
SYMBOLS = FromProfile(Market, "symbols")

# Ordered after the gateway's second read, so that the two reads of this counter bracket the gateway's.
WEBSOCKET_LATER = Later(WEBSOCKET, after=gateway.WEBSOCKET_TO_REDIS_LATER)

DIAGNOSTICS = COMPREHENSIVE.otherwise(gateway.COMPREHENSIVE.at("data"))
REDIS_DIAGNOSTICS = REDIS_CLUSTER.otherwise(gateway.COMPREHENSIVE.at("data.redis_cluster_diagnostics"))
WEBSOCKET_DIAGNOSTICS = WEBSOCKET.otherwise(gateway.COMPREHENSIVE.at("data.websocket_diagnostics"))
MARKET_DATA_DIAGNOSTICS = MARKET_DATA.otherwise(gateway.COMPREHENSIVE.at("data.market_data_diagnostics"))


def moment(probe: Source) -> Source:
    """Return when the answer of `probe` was complete, in seconds since 1970."""

    @measure(probe)
    def at(answer: Answer) -> float:
        return answer.at

    return at
