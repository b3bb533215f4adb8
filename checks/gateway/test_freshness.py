"""Are the prices fresh, and are the figures that say so?"""

from checks.gateway import COMPREHENSIVE, REDIS_CLUSTER, SUMMARY, WEBSOCKET_TO_REDIS
from checks.market.closed import fresh, of_what_trades, share_fresh
from healthgate import Unit, above, age, at_most, check, each, exactly, percent, seconds_old

FRESHNESS = COMPREHENSIVE.at("data.market_data_diagnostics.data_freshness")
ANALYSIS = COMPREHENSIVE.at("data.market_data_diagnostics.symbol_analysis")

symbols = Unit("symbols")


@check(
    "gateway.market.freshness",
    of_what_trades(FRESHNESS["freshness_rate"], ANALYSIS, COMPREHENSIVE, share_fresh),
    stays=above(95, percent, warning=80, critical=50),
    name="Symbols with fresh prices",
    cause="the price feed is slow or has stopped for part of the symbols",
    action="check both listeners, list the stale symbols, warm up once the feed is back",
    runbook="stale-data",
    every="60s",
)
@check(
    "gateway.market.fresh_symbols",
    of_what_trades(FRESHNESS["fresh_symbols"], ANALYSIS, COMPREHENSIVE, fresh),
    stays=above(0, symbols, critical=exactly(0)),
    name="Number of fresh symbols",
    cause="there is no recent market data at all",
    action="check both the binary and the JSON listener",
    runbook="stale-data",
    every="60s",
)
def test_prices(verdict):
    """Clients get recent prices."""
    assert verdict.healthy, verdict


@each(
    check(
        f"gateway.data_age[{name}]",
        age(probe.at(path)),
        stays=at_most(60, seconds_old, warning=60, critical=300),
        name=f"Age of the figures in {probe.path.rpartition('/')[2]}",
        cause="the gateway serves a frozen cache, or the background monitor died: all its figures are history",
        action="restart the collector, and distrust every green result since that time",
        runbook="broken-contract",
        every="60s",
        requires=("gateway.reachable",),
    )
    for name, probe, path in (
        ("summary", SUMMARY, "data.last_updated"),
        ("comprehensive", COMPREHENSIVE, "data.timestamp"),
        ("redis_cluster", REDIS_CLUSTER, "data.timestamp"),
        ("websocket_to_redis", WEBSOCKET_TO_REDIS, "data.timestamp"),
    )
)
def test_figures(verdict):
    """The figures are of now, not of an hour ago."""
    assert verdict.healthy, verdict
