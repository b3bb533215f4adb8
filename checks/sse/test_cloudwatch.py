"""Do the figures arrive in CloudWatch? (spec 5.5)."""

from checks.findings import Findings
from checks.sse import MONITORING, PUBLISHED
from healthgate import TIME_SCALE, Measured, Violated, at_most, check, measure, seconds
from healthgate.readings import Answer, MetricData

OLDEST = 300.0
"""Seconds of production the newest datum may be old: five times the period at which they are published."""

UNITS = {"ActiveConnections": "Count", "CleanupErrorRate": "Percent"}
MEMBERS = {"ActiveConnections": "connection_stats.active_connections", "CleanupErrorRate": "cleanup_stats.error_rate"}

TOLERATED = {"ActiveConnections": 20.0, "CleanupErrorRate": 1.0}
"""How far a datum, which may be a period old, may be from the figure of now; a quarter of that, where it is more."""


@measure(*PUBLISHED.values(), MONITORING.outcome, TIME_SCALE)
def since_published(connections: MetricData, errors: MetricData, answer: Answer, scale: float) -> Measured:
    """Seconds of production since the metric was published that was published longer ago."""
    found = Findings()
    ages: dict[str, float] = {}
    for name, metric in zip(PUBLISHED, (connections, errors), strict=True):
        if not metric.data:
            raise Violated(f"there is no datum of {name} in an hour")
        newest = metric.data[0]
        ages[name] = max(0.0, metric.asked_at - newest.at) * scale
        found.expect(newest.unit == UNITS[name], f"{name} is published in {newest.unit}, not in {UNITS[name]}")
        if answer.status == "answered" and ages[name] <= OLDEST:
            with found.examining():
                now = answer.body().number(MEMBERS[name])
                near = abs(newest.value - now) <= max(TOLERATED[name], 0.25 * now)
                found.expect(near, f"{name} is published as {newest.value:g}, the service reports {now:g}")
    words = ", ".join(f"{name} {age:.0f} s ago" for name, age in ages.items())
    return Measured(round(max(ages.values()), 1), words, "; ".join(found.offenders))


@check(
    "sse.cloudwatch.published",
    since_published,
    stays=at_most(OLDEST, seconds, warning=OLDEST),
    name="Time since the SSE service published to CloudWatch",
    cause="the publisher has stopped, or its credentials have lapsed",
    action="check the publisher and its credentials",
    runbook="event-stream-service",
    every="5m",
)
def test_published(verdict):
    """Both metrics are published, of now, in their units."""
    assert verdict.healthy, verdict
