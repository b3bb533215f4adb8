"""The first look of the price-mismatch triage: do its four signs say that all is well, and do they say what is?"""

from checks.findings import Findings, listed
from checks.gateway import COMPREHENSIVE, QUICK_HEALTH
from checks.market import HOURS, SYMBOLS, quiet
from checks.market.hours import Hours
from healthgate import (
    CRITICAL,
    Facts,
    Measured,
    NotExpected,
    Unit,
    at_least,
    check,
    equals,
    measure,
    none,
    percent,
    shown,
    stated,
    unless,
)

SIGNS = QUICK_HEALTH.at("data")
FRESHNESS = SIGNS.at("market_data.freshness_rate")
QUIET = quiet(QUICK_HEALTH)

POINTS_APART = 2.0
"""Points by which two views of the freshness may differ that are read one after the other."""

symbols = Unit("symbols")
deviations = Unit("deviations")


@measure(SIGNS.at("market_data.missing_data_symbols"))
def missing(listing: Facts) -> Measured:
    """How many symbols are listed as without data, and which."""
    names = [node.text() for node in listing.elements()]
    return Measured(len(names), listed(names))


@measure(FRESHNESS, QUIET, HOURS, SYMBOLS.otherwise(measure()(list)))
def freshness_while_closed(told: Facts, reason: str, hours: Hours, expected: list[str]) -> Measured:
    """The share of fresh symbols among those that always trade: no others are fresh."""
    rate = told.number()
    if not hours.always:
        raise NotExpected(f"{told.path} is {rate:g}; recent prices are not expected: {reason}")
    share = min(100.0, rate * len(expected) / len(hours.always))
    return Measured(round(share, 6), f"{rate:g} % of all; {hours.judged_on(reason)}")


@check(
    "gateway.quick_health.connected",
    stated(SIGNS.at("redis.connected"), true="Redis is connected", false="Redis is reported disconnected"),
    stays=equals(True, otherwise=CRITICAL),
    name="Redis in the quick health",
    cause="the market service has lost its Redis cluster",
    action="follow the Redis cluster page",
    runbook="redis-cluster",
    every="60s",
    sums_up=["market.redis", "gateway.redis"],
)
@check(
    "gateway.quick_health.running",
    stated(SIGNS.at("websocket.is_running"), true="the listener is running", false="the listener is reported stopped"),
    stays=equals(True, otherwise=CRITICAL),
    name="WebSocket listener in the quick health",
    cause="the WebSocket listener is down",
    action="follow the listeners page",
    runbook="listeners",
    every="60s",
    sums_up=["market.ws", "gateway.websocket"],
)
@check(
    "gateway.quick_health.missing_symbols",
    missing,
    stays=none(symbols, warning=0),
    name="Symbols without data in the quick health",
    cause="market data of the named symbols is stale or absent",
    action="find the symbols in symbol_analysis, check their listener, warm up",
    runbook="stale-data",
    every="60s",
    sums_up=["market.data"],
)
@check(
    "gateway.quick_health.freshness",
    unless(FRESHNESS, QUIET, freshness_while_closed),
    stays=at_least(50, percent, critical=50),
    name="Freshness in the quick health",
    cause="most prices have grown old",
    action="follow the stale-data page",
    runbook="stale-data",
    every="60s",
    sums_up=["market.data", "gateway.market"],
)
def test_first_look(verdict):
    """The four signs that are looked at first say that all is well."""
    assert verdict.healthy, verdict


@measure(SIGNS, COMPREHENSIVE.at("data"))
def disagreements(first: Facts, whole: Facts) -> Measured:
    """In how many ways the first look says otherwise than the body that holds everything."""
    found = Findings()
    for sign, path in (
        ("redis.connected", "redis_cluster_diagnostics.cluster_health.connected"),
        ("websocket.is_running", "websocket_diagnostics.connection_status.is_running"),
    ):
        with found.examining():
            seen, told = first.boolean(sign), whole.boolean(path)
            found.expect(seen is told, f"{sign} is {shown(seen)}, in detail {shown(told)}")
    with found.examining():
        status, health = first.text("status"), whole.text("system_health")
        found.expect(status == health, f"status is {status}, the service calls itself {health}")
    market = whole.at("market_data_diagnostics")
    with found.examining():
        rate, detail = first.number("market_data.freshness_rate"), market.number("data_freshness.freshness_rate")
        words = f"freshness_rate is {rate:g}, in detail {detail:g}"
        found.expect(round(abs(rate - detail), 6) <= POINTS_APART, words)
    with found.examining():
        here = {node.text() for node in first.elements("market_data.missing_data_symbols")}
        there = {node.text() for node in market.elements("missing_data_symbols")}
        found.offenders += [f"{symbol} is missing here and not in detail" for symbol in sorted(here - there)]
        found.offenders += [f"{symbol} is missing in detail and not here" for symbol in sorted(there - here)]
    return found.measured("all five agree")


@check(
    "gateway.quick_health.agrees",
    disagreements,
    stays=none(deviations, warning=0),
    name="Quick health against the body that holds everything",
    cause="the gateway keeps an old answer, reads another instance, or puts defaults for what it cannot read",
    action="believe the details, and compare instances and timestamps of the two bodies",
    runbook="broken-contract",
    every="5m",
    requires=("gateway.reachable",),
    attempts=3,
)
def test_first_look_is_what_is(verdict):
    """The first look says what the details say."""
    assert verdict.healthy, verdict
