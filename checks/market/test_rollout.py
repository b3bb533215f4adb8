"""Does a new version of the market service keep up with the feed? Both read at the same ticks."""

from checks.market import MARKET_DATA, WEBSOCKET
from healthgate import Facts, Unit, compare, counter, events, measure, no_less, no_more, percent

ALLOWED = 5.0
"""Percent of the symbols that may be stale whatever the old version has: what is left of the 95 that must be fresh."""


@measure(MARKET_DATA.at("data_freshness.freshness_rate"))
def stale(rate: Facts) -> float:
    """Percent of the symbols whose price is not fresh."""
    return 100 - rate.number()


@compare(
    "market.rollout.stale_symbols",
    stale,
    stays=no_more(percent, allowed=ALLOWED, cushion=1),
    name="Symbols without a fresh price",
    cause="the new version falls behind the feed, or loses symbols",
    action="roll back; compare which symbols are stale in both",
    runbook="stale-data",
)
@compare(
    "market.rollout.messages",
    events(counter(WEBSOCKET.at("performance.messages_processed"))),
    stays=no_less(Unit("messages")),
    name="Messages of the feed",
    cause="the new version loses messages, or a listener of it has stopped",
    action="roll back; compare the start-up lines of both listeners",
    runbook="listeners",
)
def test_rollout(verdict):
    """The new version takes in as much, and is as fresh."""
    assert verdict.healthy, verdict
