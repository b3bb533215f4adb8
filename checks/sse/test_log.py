"""Does the log show a cleanup that lives and adds up? As the SSE service writes it (spec 5.9)."""

from itertools import pairwise

from checks.findings import Findings
from checks.sse import INSTALLED, LOG, LOG_FILES, METRICS, MONITORING
from checks.sse.rhythm import in_production
from checks.sse.written import BEFORE, last_start
from healthgate import (
    TIME_SCALE,
    WARNING,
    Facts,
    Measured,
    NoData,
    Unit,
    Violated,
    at_least,
    at_most,
    check,
    equals,
    measure,
    none,
    reaching,
    tried,
)
from healthgate.duration import roughly, spoken
from healthgate.readings import Line, Listing, Log, Page

intervals = Unit("intervals")
lines = Unit("lines")
days = Unit("days")

LAST = 20
"""Cleanups whose lines are added up."""

STOPPED_AFTER = 5
"""Intervals without a cycle after which the cleanup has stopped."""

MINUTES_15 = 900.0
MANY_ERRORS = 5

KEPT_DAYS = 30


@measure(LOG)
def lines_add_up(log: Log) -> Measured:
    """Whether the lines of the last cleanups can be read and add up."""
    newest = [line.at for line in log.lines("cleanup.any")[:LAST]]
    if not newest:
        raise NoData("the log has no line about a cleanup", "sse.log.periodic_cycle")
    found = Findings()
    read = [line for line in log.lines("cleanup") if line.at >= min(newest)]
    written = [line for line in log.lines("cleanup.any") if line.at >= min(newest)]
    unread = len(written) - len(read)
    found.expect(unread <= 0, f"{unread} of the last {len(written)} lines about a cleanup cannot be read")
    for line in read:
        found.offenders += _contradictions(line, log.at)
    said = found.measured(f"{len(read)} cleanups")
    return Measured(not found.offenders, said.detail)


def _contradictions(line: Line, now: float) -> list[str]:
    told = {name: float(value) for name, value in line.groups.items()}
    cleaned, before, after = told["cleaned"], told["before"], told["after"]
    of = cleaned + told["failed"]
    efficiency = 100 * cleaned / of if of else 100.0
    ago = f"{roughly(now - line.at)} ago"
    found = []
    if after != before - cleaned:
        found.append(f"{ago}, {before:g} before and {cleaned:g} cleaned left {after:g}")
    if told["stale"] + told["active"] != before:
        found.append(f"{ago}, {told['stale']:g} stale and {told['active']:g} active were {before:g}")
    if round(abs(told["eff"] - efficiency), 6) > 0.1:
        found.append(f"{ago}, the efficiency was {told['eff']:g} %, {cleaned:g} of {of:g} are {efficiency:.4g} %")
    return found


@measure(LOG, tried(METRICS), tried(MONITORING.at("configuration")), TIME_SCALE)
def since_cycle(log: Log, page: Page | NoData, configuration: Facts | NoData, scale: float) -> Measured:
    """Intervals since the last cycle of the cleanup; totals that fall contradict it."""
    started = tried_start(log, page)
    interval = _interval(log, configuration)
    cycles = log.since("cycle", started or 0.0)
    running = log.at - started if started is not None else float("inf")
    if not cycles:
        if running * scale < STOPPED_AFTER * interval:
            raise NoData(f"the service was started {roughly(running)} ago, and no cycle is due yet")
        log.reaches(log.at - STOPPED_AFTER * interval / scale)
        raise Violated("the log has no line about a cycle of the cleanup")
    falls = _falls([line for line in cycles if started is None or line.at >= started + BEFORE])
    age = in_production(log.at - cycles[-1].at, interval, scale)
    return Measured(round(age / interval, 3), f"{age:.0f} s, one is due every {interval:g} s", "; ".join(falls[:1]))


def _falls(cycles: list[Line]) -> list[str]:
    totals = [float(line.groups["total"]) for line in cycles]
    return [f"the total fell from {a:g} to {b:g}" for a, b in pairwise(totals) if b < a]


def tried_start(log: Log, page: Page | NoData) -> float | None:
    """Return when the service was last started, None where nobody says so."""
    try:
        return last_start(log, page)
    except NoData:
        return None


def _interval(log: Log, configuration: Facts | NoData) -> float:
    if isinstance(configuration, Facts):
        interval = configuration.number("cleanup_interval_seconds")
    elif found := log.lines("config.ok"):
        interval = float(found[0].groups["interval"])
    else:
        raise NoData(
            "neither the monitoring data nor the log say how often a cleanup is due", configuration.explained_by
        )
    if not 0 < interval < float("inf"):
        raise NoData(f"cleanup_interval_seconds is {interval:g}, which is no interval")
    return interval


@measure(LOG, TIME_SCALE)
def errors(log: Log, scale: float) -> Measured:
    """Lines about a cleanup that failed, in a quarter of an hour; few are only believed of a log that is written."""
    within = MINUTES_15 / scale
    found = log.within("error", within)
    if found < MANY_ERRORS:
        log.reaches(log.at - within)
        log.written_within(within)
    return Measured(found, f"in the last {spoken(MINUTES_15)}")


@measure(LOG_FILES, INSTALLED)
def reach_back(listing: Listing, installed: str | None) -> Measured:
    """Days the log reaches back; all there can be of a younger service count as enough."""
    age = max(listing.days_old(file) for file in listing.files)
    said = f"{len(listing.files)} files, the oldest {age:.1f} days old"
    if installed is None:
        return Measured(round(age, 1), said)
    life = listing.days_since(installed)
    if age < KEPT_DAYS and life - 1 < KEPT_DAYS and age >= life - 1:  # the first file is a day old when it is closed
        return Measured(KEPT_DAYS, f"{said}, as old as the service")
    return Measured(round(age, 1), said)


@check(
    "sse.log.cleanup_completed",
    lines_add_up,
    stays=equals(True, otherwise=WARNING),
    name="Lines about cleanups add up",
    cause="cleanups are accounted wrongly, or the format changed and blinds whoever watches the log",
    action="compare the line with the format; file a bug for this service with both",
    runbook="cleanup-errors",
    every="5m",
)
@check(
    "sse.log.periodic_cycle",
    since_cycle,
    stays=at_most(2, intervals, warning=2, critical=STOPPED_AFTER),
    name="Intervals since the last cycle of the cleanup in the log",
    cause="the loop of the cleanup has stopped",
    action="look for the last cleanup error in the log; restart the task or the service",
    runbook="cleanup-stopped",
    every="60s",
)
@check(
    "sse.log.no_errors",
    errors,
    stays=none(lines, warning=0, critical=reaching(MANY_ERRORS)),
    name="Cleanup errors in a quarter of an hour",
    cause="network or Redis failed during a cleanup",
    action="read the pattern of the lines; verify the operations on Redis",
    runbook="cleanup-errors",
    every="5m",
)
@check(
    "sse.log.retention",
    reach_back,
    stays=at_least(KEPT_DAYS, days, warning=KEPT_DAYS),
    name="Retention of the cleanup lines",
    cause="the rotation is set up too short",
    action="fix the rotation; see how much history is left for the next investigation",
    runbook="log-hygiene",
    every="24h",
)
def test_log(verdict):
    """The log is written, adds up, tells of no errors and is kept."""
    assert verdict.healthy, verdict
