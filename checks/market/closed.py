"""What is judged of prices while markets are closed: what always trades, by the limits that always hold."""

from collections.abc import Callable

from checks.findings import listed
from checks.market import HOURS, quiet
from checks.market.hours import Hours
from healthgate import Facts, Measured, NotExpected, Source, measure, unless

Count = Callable[[list[str]], float]
"""A figure of so many statuses (fresh, stale, missing)."""


def share_fresh(statuses: list[str]) -> float:
    """Return how many are fresh, in percent."""
    return 100 * fresh(statuses) / len(statuses)


def fresh(statuses: list[str]) -> int:
    """Return how many are fresh."""
    return statuses.count("fresh")


def stale(statuses: list[str]) -> int:
    """Return how many are stale."""
    return statuses.count("stale")


@measure()
def no_analysis() -> Facts:
    """Stand for an analysis by symbol that a place need not have: only closed markets ask for it."""
    return Facts({}, "symbol_analysis")


def of_what_trades(told: Source, analysis: Source, seen: Source, count: Count) -> Source:
    """Return a figure as it is `told`; while markets are closed, what `count` says of the symbols that always trade.

    Where none does, the figure has to be there and is not judged.
    """
    why = quiet(seen)

    @measure(told, analysis.otherwise(no_analysis), why, HOURS)
    def of_always(figure: Facts, symbols: Facts, reason: str, hours: Hours) -> Measured:
        value = figure.number()
        if not hours.always:
            raise NotExpected(f"{figure.path} is {value:g}; recent prices are not expected: {reason}")
        statuses = {symbol: symbols[symbol].text("status") for symbol in hours.always}
        old = listed([f"{symbol} is {status}" for symbol, status in statuses.items() if status != "fresh"])
        said = hours.judged_on(reason)
        return Measured(count(list(statuses.values())), f"{said}; {old}" if old else said)

    return unless(told, why, of_always)


def heard_of_what_trades(told: Source, *seen: Source) -> Source:
    """Return a figure as it is `told`, which is not judged while markets are closed and nothing trades at all."""
    why = quiet(*seen)

    @measure(told, why, HOURS)
    def of_always(figure: Facts, reason: str, hours: Hours) -> Facts:
        if hours.always:
            return figure
        raise NotExpected(f"{figure.path} is {figure.number():g}; messages are not expected: {reason}")

    return unless(told, why, of_always)


FRESH_ENOUGH = {"degraded": 80.0, "unhealthy": 50.0}
"""Percent of fresh symbols below which a service calls itself so for that reason alone (spec 1.4)."""


def health_of_what_trades(told: Source, freshness: Source, seen: Source) -> Source:
    """Return the overall health as it is `told`, which is not judged where closed markets are enough to explain it."""
    why = quiet(seen)

    @measure(told, freshness, why)
    def not_for_age(health: Facts, share: Facts | float, reason: str) -> Facts:
        rate = share.number() if isinstance(share, Facts) else share
        if rate < FRESH_ENOUGH.get(health.text(), 0.0):
            said = f"{health.text()}, with {rate:g} % of the symbols fresh"
            raise NotExpected(f"{said}; recent prices are not expected: {reason}")
        return health

    return unless(told, why, not_for_age)
