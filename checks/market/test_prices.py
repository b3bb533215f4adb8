"""Can the prices be believed? As the market service reports them, and as they stand in Redis."""

from collections.abc import Callable, Mapping

from checks.findings import Findings
from checks.market import MARKET_DATA, MARKET_DATA_DIAGNOSTICS, PRICES, REDIS, SYMBOLS
from checks.market.prices import TOLERATED_BPS
from checks.market.stored import FRESH_WITHIN, prices, symbols_with_key
from checks.market.stream import price
from healthgate import Facts, Measured, NoData, Unit, check, measure, none
from healthgate.readings import Answer, NodeAnswer

deviations = Unit("deviations")
symbols = Unit("symbols")

WIDEST_BPS = 500
"""Basis points between bid and ask beyond which no quote is believed."""

ALLOWANCE = 5
"""Seconds by which a read of Redis, or of the API, may trail the service's own."""

ANALYSIS = MARKET_DATA_DIAGNOSTICS.at("symbol_analysis")


@measure(MARKET_DATA_DIAGNOSTICS.at("price_consistency"))
def reported_mismatches(report: Facts) -> Measured:
    """What the service's own comparison of prices complains of."""
    found = Findings()
    with found.examining():
        found.offenders += [f"{node.text()} is inconsistent" for node in report.elements("inconsistent_symbols")]
    with found.examining():
        largest = report.number("max_deviation_bps")
        words = f"the largest deviation is {largest:g} bps, over {TOLERATED_BPS}"
        found.expect(largest <= TOLERATED_BPS, words)
    return found.measured()


@check(
    "market.data.reported_consistency",
    reported_mismatches,
    stays=none(deviations, critical=0),
    name="Price mismatches the service itself reports",
    cause="the same symbol has different prices in different places",
    action="follow the price-mismatch triage",
    runbook="price-mismatch",
    every="60s",
)
def test_own_comparison(verdict):
    """The service finds no symbol with two prices."""
    assert verdict.healthy, verdict


@measure(REDIS, SYMBOLS)
def stored_implausible(answers: dict[str, NodeAnswer], expected: list[str]) -> Measured:
    """How many stored quotes are not positive, crossed, or absurdly wide."""
    stored = {symbol: price for symbol, price in prices(answers).items() if symbol in expected}
    if not stored:
        raise NoData("Redis holds no price of any expected symbol")
    return implausible({symbol: price.number for symbol, price in stored.items()})


@measure(ANALYSIS, SYMBOLS)
def analysed_implausible(analysis: Facts, expected: list[str]) -> Measured:
    """How many quotes that the service analyses are not positive, crossed, or absurdly wide."""
    priced = {symbol: node.number for symbol, node in analysis.members().items() if node.text("status") != "missing"}
    quotes = {symbol: number for symbol, number in priced.items() if symbol in expected}
    if not quotes:
        raise NoData("the service has no price of any expected symbol")
    return implausible(quotes)


def implausible(quotes: Mapping[str, Callable[[str], float]]) -> Measured:
    """Return how many quotes cannot be believed; each is what returns its bid and its ask."""
    found = Findings()
    for symbol, number in quotes.items():
        with found.examining():
            bid, ask = number("bid"), number("ask")
            if not 0 < bid <= ask:
                found.offenders.append(f"{symbol} has bid {bid:.10g} and ask {ask:.10g}")
            else:
                width = 10_000 * (ask - bid) / (bid / 2 + ask / 2)
                found.expect(width <= WIDEST_BPS, f"{symbol} has a spread of {width:.0f} bps")
    return found.measured(f"of {len(quotes)}")


@check(
    "market.price.sane",
    stored_implausible.otherwise(analysed_implausible),
    stays=none(symbols, critical=0),
    name="Implausible prices",
    cause="a corrupted tick or a crossed book was stored",
    action="find the listener the symbol comes from; drop the bad tick",
    runbook="parse-errors",
    every="60s",
)
def test_plausibility(verdict):
    """Prices are positive, not crossed, and not absurdly wide."""
    assert verdict.healthy, verdict


@measure(MARKET_DATA.at("symbol_analysis"), REDIS)
def falsely_fresh(analysis: Facts, answers: dict[str, NodeAnswer]) -> Measured:
    """How many symbols are called fresh while the service or Redis shows them to be old."""
    found, stored, called = Findings(), prices(answers), 0
    for symbol, node in analysis.members().items():
        with found.examining():
            if node.text("status") != "fresh":
                continue
            called += 1
            if symbol not in stored:
                found.offenders.append(f"{symbol} is not in Redis")
            elif stored[symbol].age > FRESH_WITHIN + ALLOWANCE:
                found.offenders.append(f"{symbol} is {stored[symbol].age:.0f} s old in Redis")
            elif node.number("age_seconds") > FRESH_WITHIN:
                found.offenders.append(f"{symbol} is {node.number('age_seconds'):.0f} s old")
    return found.measured(f"of {called} called fresh")


@measure(ANALYSIS, PRICES)
def falsely_fresh_for_clients(analysis: Facts, answers: dict[str, Answer]) -> Measured:
    """How many symbols are called fresh while the service, or the price that clients get, shows them to be old."""
    found, called = Findings(), 0
    for symbol, node in analysis.members().items():
        with found.examining():
            if node.text("status") != "fresh":
                continue
            called += 1
            if node.number("age_seconds") > FRESH_WITHIN:
                found.offenders.append(f"{symbol} is {node.number('age_seconds'):.0f} s old")
            elif symbol in answers:
                age = answers[symbol].at - price(answers[symbol].body(), symbol).made_at
                found.expect(age <= FRESH_WITHIN + ALLOWANCE, f"{symbol} is {age:.0f} s old where clients ask for it")
    return found.measured(f"of {called} called fresh, {len(answers)} asked for as clients do")


@check(
    "market.data.symbol_age",
    falsely_fresh.otherwise(falsely_fresh_for_clients),
    stays=none(symbols, critical=0),
    name="Symbols falsely called fresh",
    cause="the service judges freshness from its memory while Redis is not updated",
    action="believe Redis, and compare prices on the three legs",
    runbook="price-mismatch",
    every="2m",
)
def test_fresh_means_fresh(verdict):
    """A symbol called fresh is fresh in Redis too."""
    assert verdict.healthy, verdict


@measure(MARKET_DATA, REDIS, SYMBOLS)
def key_deviations(answer: Answer, answers: dict[str, NodeAnswer], expected: list[str]) -> Measured:
    """In how many ways the price keys differ from what is reported and expected."""
    found, stored, body = Findings(), symbols_with_key(answers), answer.body()
    absent = [symbol for symbol in expected if symbol not in stored]
    surplus = [symbol for symbol in stored if symbol not in expected]
    names = "".join(
        f", {words} {', '.join(some[:5])}" for words, some in (("without", absent), ("with", surplus)) if some
    )
    with found.examining():
        reported = body.at("redis_key_patterns")["market:*"].integer()
        words = f"Redis holds {len(stored)} price keys{names}; {reported} are reported"
        found.expect(len(stored) == reported, words)
    with found.examining():
        # what total less missing symbols is, without a wrong total, which is told by market.data.arithmetic
        due = sum(body.integer(f"data_freshness.{status}_symbols") for status in ("fresh", "stale"))
        words = f"Redis holds {len(stored)} price keys{names}; {due} symbols are called fresh or stale"
        found.expect(len(stored) == due, words)
    return found.measured(f"{len(stored)} keys")


@check(
    "market.data.key_pattern",
    key_deviations,
    stays=none(deviations, warning=0),
    name="Deviations of the price keys in Redis",
    cause="keys expired, were written under another name, or are left over",
    action="list the difference between the keys in Redis and the symbols of the profile",
    runbook="stale-data",
    every="5m",
)
def test_keys(verdict):
    """Redis holds one price key for each symbol."""
    assert verdict.healthy, verdict
