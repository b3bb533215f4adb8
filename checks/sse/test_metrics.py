"""Can the metrics page be believed: is it whole, is everything there, does it say what the monitoring data say?"""

from checks.findings import Findings
from checks.sse import METRICS, MONITORING, SERVER
from checks.sse.failures import CLEANUPS, ERRORS, failing, told
from checks.sse.indicators import MADE_OF
from healthgate import (
    WARNING,
    Facts,
    Limit,
    Measured,
    NoData,
    Tier,
    Unit,
    at_most,
    bare,
    check,
    each,
    equals,
    exactly,
    measure,
    none,
    percent,
    tried,
)
from healthgate.readings import Answer, Page, Vector

deviations = Unit("deviations")

HEALTH_STATUS = "sse_health_status"
CODES = {"healthy": 0, "degraded": 1, "unhealthy": 2}
"""What the health status says (spec 5.5)."""

GAUGES = {
    "sse_active_connections": "connection_stats.active_connections",
    "sse_cleanup_error_rate": "cleanup_stats.error_rate",
    "sse_stale_connections": "cleanup_stats.stale",
    "sse_long_lived_connections": "cleanup_stats.long_lived",
    "sse_very_old_connections": "cleanup_stats.very_old",
}
COUNTERS = {
    "sse_total_connections_cleaned": "cleanup_stats.total_connections_cleaned",
    "sse_cleanup_total": "cleanup_stats.total_cleanups",
    "sse_cleanup_errors_total": "cleanup_stats.cleanup_errors",
}
"""The metrics, and where the same figures stand in the monitoring data."""

ALERTS = "sse_health_alerts"
TYPES = dict.fromkeys([*GAUGES, ALERTS, HEALTH_STATUS], "gauge") | dict.fromkeys(COUNTERS, "counter")

TOLERATED = {"sse_cleanup_error_rate": 0.1, HEALTH_STATUS: 0.0}
"""How far two views of a figure may be apart, which change while they are read; 2 where it is not said."""


@measure(tried(METRICS.sound))
def page_sound(sound: Measured | NoData) -> Measured:
    """Whether the page is sound; where there is none, the service may be gone."""
    if isinstance(sound, NoData):
        raise NoData(str(sound), sound.explained_by or "sse.endpoint.monitoring")
    return sound


@check(
    "sse.prometheus.valid",
    page_sound,
    stays=equals(True),
    name="The metrics page of the SSE service is sound",
    cause="a defect of the exporter: a Prometheus loses the whole scrape, or reads it differently",
    action="run promtool check metrics on the page, and fix what it names",
    runbook="monitoring-chain",
    every="60s",
)
def test_page(verdict):
    """The page is valid text exposition: typed, finite, nothing twice, not cut off."""
    assert verdict.healthy, verdict


@each(
    check(
        f"sse.prometheus.families[{name}]",
        METRICS.typed(name, kind),
        stays=equals(True, otherwise=WARNING),
        name=f"Metric {name}",
        cause="queries of the dashboard name a metric the exporter does not emit",
        action="add it to the exporter, or fix its type",
        runbook="monitoring-chain",
        every="5m",
    )
    for name, kind in TYPES.items()
)
def test_families(verdict):
    """Every metric that is queried is there, and of no other type."""
    assert verdict.healthy, verdict


@measure(METRICS, MONITORING)
def view_deviations(page: Page, answer: Answer) -> Measured:
    """How many metrics on the page differ from the monitoring data; those that are not there are left out."""
    found = Findings()
    body = answer.body()
    for name in TYPES:
        if name not in page.names:
            continue
        with found.examining():
            said, told = page.number(name), _in_monitoring(body, name)
            words = f"{name} is {said:g} on the page, {told:g} in the monitoring data"
            found.expect(round(abs(said - told), 6) <= TOLERATED.get(name, 2.0), words)
    return found.measured()


def _in_monitoring(body: Facts, name: str) -> float:
    if name == ALERTS:
        return len(body.elements("health_indicators.alerts"))
    if name == HEALTH_STATUS:
        return CODES.get(body.text("health_indicators.overall_health"), -1)
    return body.number((GAUGES | COUNTERS)[name])


LATELY = "30m"
"""Over what cleanups are counted: once a minute, five minutes have five, of which one that fails is a fifth."""


@measure(*(SERVER.query(f"sum(increase({name}[{LATELY}]))") for name in (ERRORS, CLEANUPS)))
def queried(errors: Vector, cleanups: Vector) -> Measured:
    """Percent of the cleanups of half an hour that failed, as the Prometheus has them."""
    return told(errors.number(), cleanups.number(), "in 30 m")


@check(
    "sse.prometheus.error_ratio",
    queried.otherwise(failing(LATELY)),
    stays=at_most(5, percent, warning=5, critical=10),
    name="Cleanups that failed in half an hour, of 20 or more",
    cause="cleanups fail, on the network or on Redis",
    action="read the error lines and their pattern, check the network, verify the operations on Redis",
    runbook="cleanup-errors",
    every="60s",
    requires=("sse.prometheus.valid",),
)
@check(
    "sse.prometheus.agrees",
    view_deviations,
    stays=none(deviations, warning=0),
    name="Metrics page of the SSE service against its monitoring data",
    cause="the same figures are computed in two places",
    action="fix the exporter; believe the monitoring data until then",
    runbook="monitoring-chain",
    every="5m",
    attempts=3,
)
@check(
    "sse.prometheus.health_status",
    METRICS[HEALTH_STATUS],
    stays=Limit(Tier("==", 0), bare, warning=exactly(1), critical=Tier(">", 1)),
    name="Health status on the metrics page of the SSE service",
    cause="the service calls itself degraded (1) or unhealthy (2)",
    action="read health_indicators of the monitoring route",
    runbook="event-stream-service",
    every="60s",
    sums_up=(*MADE_OF, "sse.health.level"),
)
def test_values(verdict):
    """The page says what the service says, and that it is healthy."""
    assert verdict.healthy, verdict
