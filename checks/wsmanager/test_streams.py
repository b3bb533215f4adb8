"""Do streams behave: few open, few retries, none left behind? As the manager counts them."""

from checks.wsmanager import (
    ACTIVE,
    CLEANED,
    CLEANUP_LAG_RAW,
    CREATED,
    METRICS,
    PRODUCTION,
    RETRIES,
    grown,
    of,
)
from healthgate import Measured, Unit, at_most, below, check, lasting, measure, reaching
from healthgate.readings import Growth, Page

connections = Unit("connections")
streams = Unit("streams", floor=None)
retries = Unit("retries/s")


@measure(grown(METRICS, PRODUCTION, RETRIES, over="2m"))
def retry_rate(grown_by: tuple[Growth]) -> Measured:
    """Retries in a second of production, over two minutes as far as the page was seen for as long."""
    (retried,) = grown_by
    return Measured(retried.rate, str(retried))


@measure(METRICS, CLEANUP_LAG_RAW)
def uncleaned(page: Page, raw: bool) -> Measured:
    """Streams that were created and not cleaned up; those still open are left out unless the profile says otherwise."""
    created, cleaned, active = (page.number(name, environment=PRODUCTION) for name in (CREATED, CLEANED, ACTIVE))
    said = f"{created:g} created, {cleaned:g} cleaned up, {active:g} open"
    return Measured(created - cleaned - (0 if raw else active), f"{said} and counted" if raw else said)


@check(
    "wsmanager.connections.leak",
    of(METRICS, ACTIVE, PRODUCTION),
    stays=at_most(100, connections, warning=100, critical=lasting(100, "5m")),
    name="Open WebSocket connections",
    cause="connections leak: they are opened and never closed",
    action="look at memory and open streams; force a clean-up of idle ones where there is a route for it",
    runbook="connection-leak",
    every="30s",
)
@check(
    "wsmanager.retry.rate",
    retry_rate,
    stays=at_most(0.5, retries, warning=lasting(0.5, "2m")),
    name="Retries of WebSocket connections",
    cause="the network towards the exchanges is unstable",
    action="check the network, then the latest retry lines of the manager in the log",
    runbook="retry-rate",
    every="30s",
)
@check(
    "wsmanager.cleanup.lag",
    uncleaned,
    stays=below(20, streams, warning=lasting(reaching(20), "15m")),
    name="Streams left behind without clean-up",
    cause="the clean-up lags behind, or skips streams",
    action="review the clean-up; see whether its sweep still runs",
    runbook="cleanup-lag",
    every="60s",
)
def test_streams(verdict):
    """Streams are opened, closed and cleaned up, and do not pile up."""
    assert verdict.healthy, verdict
