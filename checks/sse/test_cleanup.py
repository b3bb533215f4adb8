"""Are stale connections cleared away: does the cleanup run, does it succeed, is it quick?"""

from checks.sse import FALLING, METRICS, MONITORING
from checks.sse.failures import failing
from checks.sse.rhythm import in_production
from checks.sse.streaks import CLEANUPS, STATS, WRITTEN, failed_in_a_row, full_in_a_row
from checks.sse.written import last_start
from healthgate import (
    TIME_SCALE,
    Facts,
    Measured,
    NoData,
    NotYet,
    Unit,
    above,
    at_least,
    at_most,
    check,
    equals,
    exactly,
    lasting,
    measure,
    ms,
    none,
    over,
    percent,
    reaching,
    rising,
    tried,
)
from healthgate.readings import Answer, Growth, Log, Page

PERFORMANCE = MONITORING.at("performance_metrics")

errors = Unit("errors")
cleanups = Unit("cleanups")

SLOW = 100.0
"""Milliseconds a cleanup may take."""

FULL = 5
"""Full batches in a row that are a backlog: five of the usual ten are as many connections as may be stale at all."""


@measure(
    MONITORING.at("connection_stats.cleanup_task_running"), MONITORING.at("configuration.periodic_cleanup_enabled")
)
def cleanup_state(task: Facts, enabled: Facts) -> str:
    """Whether the periodic cleanup runs, is switched off, or has stopped."""
    running = task.boolean()
    if not enabled.boolean():
        return "switched off"
    return "running" if running else "stopped"


@measure(STATS["last_cleanup_duration_ms"], PERFORMANCE["avg_cleanup_duration_ms"])
def duration(last: Facts, average: Facts) -> Measured:
    """Milliseconds the last cleanup took; an average over the line contradicts a quick one."""
    mean = average.number()
    slow = f"cleanups take {mean:g} ms on average, over {SLOW:g} ms" if mean > SLOW else ""
    return Measured(last.number(), f"{mean:g} ms on average", slow)


@measure(
    tried(CLEANUPS.growth(FALLING, over="2m")),
    tried(METRICS["sse_cleanup_total"].growth(FALLING, over="2m")),
    tried(MONITORING),
    tried(METRICS),
    WRITTEN,
    TIME_SCALE,
)
def cleanups_made(
    told: Growth | NoData,
    exposed: Growth | NoData,
    answer: Answer | NoData,
    page: Page | NoData,
    log: Log | NoData,
    scale: float,
) -> Measured:
    """Cleanups in two intervals; after a restart as the metrics page has them.

    One that came is enough, however short the time that was seen. Where none came the last in the log counts, if none
    was due while it was looked, and if it is counted as well.
    """
    counted = isinstance(told, Growth | NotYet) or not isinstance(exposed, Growth | NotYet)
    found = told if counted else exposed
    if not isinstance(found, Growth | NotYet):
        raise found
    growth = found.grown[0] if isinstance(found, NotYet) else found
    if not growth.increase and isinstance(answer, Answer) and isinstance(log, Log):
        body = answer.body()
        interval = body.number("configuration.cleanup_interval_seconds")
        last = _last_counted(log, page, body.integer("cleanup_stats.total_cleanups"))
        if growth.covered < interval and last is not None:
            age = in_production(log.at - last, interval, scale)
            if age <= 2 * interval:
                return Measured(1, f"{growth}; the last was logged {age:.0f} s ago")
    if not growth.increase and isinstance(found, NotYet):
        raise found
    return Measured(growth.increase, str(growth))


def _last_counted(log: Log, page: Page | NoData, total: int) -> float | None:
    try:
        cycles = log.since("cycle", last_start(log, page))
    except NoData:
        return None
    # one may have been made between the two that were read
    return cycles[-1].at if cycles and int(cycles[-1].groups["total"]) <= total + 1 else None


@check(
    "sse.cleanup.running",
    cleanup_state,
    stays=equals("running", warning=exactly("switched off"), critical=exactly("stopped")),
    name="Periodic cleanup of the SSE service",
    cause="the cleanup task has died, or was switched off",
    action="look for the last cleanup error in the log; restart the task or the service",
    runbook="cleanup-stopped",
    every="60s",
)
@check(
    "sse.cleanup.progress",
    cleanups_made,
    stays=above(0, cleanups, warning=lasting(exactly(0), "2m"), critical=lasting(exactly(0), "3m")),
    name="Cleanups in two minutes",
    cause="the cleanup task is alive on paper and blocked",
    action="look for the last cleanup error in the log; restart the task or the service",
    runbook="cleanup-stopped",
    every="2m",
    requires=("sse.endpoint.monitoring",),
)
@check(
    "sse.cleanup.error_rate",
    STATS["error_rate"],
    stays=at_most(5, percent, warning=5, critical=10),
    name="Cleanups that fail",
    cause="cleanups fail on the network or on Redis",
    action="read the error lines and their pattern, check the network, verify the operations on Redis",
    runbook="cleanup-errors",
    every="60s",
)
@check(
    "sse.cleanup.consecutive_errors",
    failed_in_a_row,
    stays=none(errors, warning=reaching(3), critical=reaching(10)),
    name="Cleanups that failed one after the other",
    cause="a failure that does not pass by itself",
    action="read the error lines and their pattern, check the network, verify the operations on Redis",
    runbook="cleanup-errors",
    every="60s",
)
@check(
    "sse.cleanup.backlog",
    full_in_a_row,
    stays=at_most(FULL - 1, cleanups, warning=reaching(FULL)),
    name="Cleanups in a row that filled their batch",
    cause="connections go stale faster than the cleanup takes them away, so that more are left every time",
    action="see who leaves connections behind; take a larger batch or clean up more often until that is over",
    runbook="stale-connections",
    every="60s",
    requires=("sse.endpoint.monitoring",),
)
@check(
    "sse.cleanup.efficiency",
    PERFORMANCE["cleanup_efficiency_rate"],
    stays=at_least(95, percent, warning=95, critical=90),
    name="Stale connections that can be closed",
    cause="connections that cannot be closed",
    action="look at the connections that failed: which clients, which peers?",
    runbook="cleanup-errors",
    every="60s",
)
@check(
    "sse.cleanup.duration",
    duration,
    stays=at_most(SLOW, ms, warning=lasting(SLOW, "5m")),
    name="Time a cleanup takes",
    cause="batches too large, Redis slow, or the machine busy",
    action="reduce the batch size; check the machine and Redis",
    runbook="slow-cleanup",
    every="60s",
)
@check(
    "sse.cleanup.error_trend",
    failing("15m", fewest=10, chance=1),
    stays=at_least(0, percent, warning=rising(over(1), 2, "30m", by=1.5)),
    name="Cleanups that fail, from one half hour to the next, of 10 or more in each quarter",
    cause="something degrades slowly",
    action="look for a pattern in the error lines",
    runbook="slow-cleanup",
    every="5m",
    requires=("sse.endpoint.monitoring",),
)
def test_cleanup(verdict):
    """The cleanup runs, succeeds and is quick."""
    assert verdict.healthy, verdict
