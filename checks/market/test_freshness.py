"""Is there a recent price for every symbol? As the market service reports it."""

from checks.findings import Findings, listed
from checks.market import MARKET_DATA_DIAGNOSTICS, MARKET_DATA_SEEN, SYMBOLS
from checks.market.closed import Count, fresh, of_what_trades, share_fresh, stale
from healthgate import (
    Facts,
    Measured,
    NoData,
    Source,
    Unit,
    above,
    below,
    check,
    exactly,
    measure,
    none,
    percent,
    reaching,
)

FRESHNESS = MARKET_DATA_DIAGNOSTICS.at("data_freshness")

symbols = Unit("symbols")
deviations = Unit("deviations")

STATUSES = ("fresh", "stale", "missing")


def figure(name: str, count: Count) -> Source:
    """Return a figure of freshness, of what trades when it is looked at."""
    return of_what_trades(FRESHNESS[name], MARKET_DATA_DIAGNOSTICS.at("symbol_analysis"), MARKET_DATA_SEEN, count)


@measure(MARKET_DATA_DIAGNOSTICS.at("missing_data_symbols"))
def missing_data_symbols(listing: Facts) -> Measured:
    """How many symbols are listed as without data, and which."""
    names = [node.text() for node in listing.elements()]
    return Measured(len(names), listed(names))


@check(
    "market.data.freshness_rate",
    figure("freshness_rate", share_fresh),
    stays=above(95, percent, warning=80, critical=50),
    name="Symbols the service calls fresh",
    cause="prices have grown old",
    action="read data_freshness, then symbol_analysis, then trigger the warm-up",
    runbook="stale-data",
    every="60s",
)
@check(
    "market.data.fresh_symbols",
    figure("fresh_symbols", fresh),
    stays=above(0, symbols, critical=exactly(0)),
    name="Number of symbols the service calls fresh",
    cause="there is no recent market data",
    action="check both listeners",
    runbook="stale-data",
    every="60s",
)
@check(
    "market.data.missing_symbols",
    FRESHNESS["missing_symbols"],
    stays=none(symbols, warning=0),
    name="Missing symbols",
    cause="a price key was never written, or has expired",
    action="find the symbol in symbol_analysis, check its listener, warm up",
    runbook="stale-data",
    every="60s",
)
@check(
    "market.data.missing_data_symbols",
    missing_data_symbols,
    stays=none(symbols, warning=0),
    name="Symbols listed as without data",
    cause="market data of the named symbols is stale or absent",
    action="find the symbols in symbol_analysis, check their listener, warm up",
    runbook="stale-data",
    every="60s",
)
@check(
    "market.data.stale_symbols",
    figure("stale_symbols", stale),
    stays=below(2, symbols, warning=reaching(2)),
    name="Stale symbols",
    cause="part of the feed is silent",
    action="list the stale symbols in symbol_analysis and see whether they share a listener or a node",
    runbook="stale-data",
    every="60s",
)
def test_prices(verdict):
    """Every symbol has a recent price."""
    assert verdict.healthy, verdict


@measure(MARKET_DATA_DIAGNOSTICS.at("symbol_analysis"), SYMBOLS)
def strangers(analysis: Facts, expected: list[str]) -> Measured:
    """How many symbols are analysed but not expected, or expected but not analysed."""
    found = analysis.members()
    absent = [f"{symbol} is not analysed" for symbol in expected if symbol not in found]
    surplus = [f"{symbol} is not expected" for symbol in found if symbol not in expected]
    return Measured(len(absent) + len(surplus), listed(absent + surplus))


@check(
    "market.data.universe",
    strangers,
    stays=none(symbols, warning=0),
    name="Symbols analysed but not expected, or the reverse",
    cause="a symbol dropped out of the configuration, and so would never be counted as stale",
    action="compare the configuration of the service with the symbols of the profile",
    runbook="stale-data",
    every="5m",
)
def test_universe(verdict):
    """The analysis covers the configured symbols, no more and no less."""
    assert verdict.healthy, verdict


@measure(MARKET_DATA_DIAGNOSTICS.at(""))
def freshness_deviations(body: Facts) -> Measured:
    """In how many ways the freshness figures contradict each other."""
    found = Findings()
    counts = {status: body.integer(f"data_freshness.{status}_symbols") for status in STATUSES}
    with found.examining():
        total = body.integer("data_freshness.total_symbols")
        summed = sum(counts.values())
        found.expect(summed == total, f"fresh, stale and missing are {summed}, total_symbols is {total}")
        rate = body.number("data_freshness.freshness_rate")
        if total <= 0:
            raise NoData(f"total_symbols is {total}, so there is no rate")
        share = 100 * counts["fresh"] / total
        words = f"freshness_rate is {rate:g}, {counts['fresh']} of {total} is {share:.5g}"
        found.expect(round(abs(rate - share), 6) <= 0.1, words)
    with found.examining():
        named = len(body.elements("missing_data_symbols"))
        words = f"missing_data_symbols names {named}, missing_symbols is {counts['missing']}"
        found.expect(named == counts["missing"], words)
    with found.examining():
        statuses = [node.text("status") for node in body.members("symbol_analysis").values()]
        for status, count in counts.items():
            analysed = statuses.count(status)
            found.expect(analysed == count, f"symbol_analysis calls {analysed} {status}, {status}_symbols is {count}")
    return found.measured()


@check(
    "market.data.arithmetic",
    freshness_deviations,
    stays=none(deviations, warning=0),
    name="Contradictions in the freshness figures",
    cause="a defect in counting",
    action="file a bug for this service with both figures",
    runbook="broken-contract",
    every="5m",
)
def test_arithmetic(verdict):
    """The freshness figures agree with each other."""
    assert verdict.healthy, verdict
