"""Does the log show a healthy life? As the market service writes it."""

from checks.market import HOURS, LOG, WEBSOCKET_DIAGNOSTICS, quiet
from checks.market.hours import FIRST_TICK, Hours
from checks.market.written import REACH, SILENT_AFTER
from healthgate import (
    TIME_SCALE,
    WARNING,
    Facts,
    Measured,
    NoData,
    NotExpected,
    Source,
    Unit,
    Violated,
    at_most,
    below,
    check,
    equals,
    measure,
    none,
    percent,
    reaching,
    seconds,
    unless,
)
from healthgate.duration import spoken
from healthgate.readings import Line, Log

lines = Unit("lines")
closes = Unit("closes/h")

HOUR = 3600.0
MINUTES_5 = 300.0
MINUTES_15 = 900.0

PAIRED_WITHIN = 120.0
"""Seconds after a closed connection by which the warm-up must have succeeded."""

CHECKED_EVERY = 330.0
"""Seconds between two lines of the health monitor, with 30 s of grace."""

STABLE_EVERY = 300.0
"""Seconds within which some listener says that its connection is stable."""

GOOD = frozenset({"✅", "OK"})


def newest(log: Log, kind: str, what: str, due: float) -> Line:
    """Return the newest line of a kind.

    Violated if the log can tell that there is none; NoData if it cannot, or if the service was started less than
    `due` seconds ago.
    """
    found = log.lines(kind)
    if found:
        return max(found, key=lambda line: line.at)
    starts = [line.at for line in log.lines("startup.1") if line.at > log.at - due]
    if starts:
        raise NoData(f"the service was started {spoken(round(log.at - max(starts)))} ago, and {what} is not due yet")
    log.reaches(log.at - due)
    raise Violated(f"the log has no line about {what}")


@measure(LOG, TIME_SCALE)
def since_health_check(log: Log, scale: float) -> Measured:
    """Seconds of production since the health monitor last wrote its line; a bad Redis in it is a violation."""
    line = newest(log, "ok.health", "a health check", CHECKED_EVERY / scale)
    if line.groups["r"] not in GOOD:
        raise Violated(f"the last health check, {spoken(round(log.at - line.at))} ago, found Redis ill")
    return Measured((log.at - line.at) * scale, "it found Redis well")


@measure(LOG, TIME_SCALE)
def since_stable(log: Log, scale: float) -> Measured:
    """Seconds of production since a listener last called its connection stable."""
    line = newest(log, "ok.stable", "a stable connection", STABLE_EVERY / scale)
    return Measured((log.at - line.at) * scale, f"after {line.groups['n']} messages")


STABLE_QUIET = quiet(LOG, due=max(STABLE_EVERY, FIRST_TICK))


@measure(LOG, TIME_SCALE, STABLE_QUIET)
def stable_while_closed(log: Log, scale: float, reason: str) -> Measured:
    """No time: messages are too few for such a line, in a log that is still written."""
    log.written_within(SILENT_AFTER / scale)
    newest_at = max((line.at for line in log.lines("ok.stable")), default=None)
    said = f"the newest line is {spoken(round(log.at - newest_at))} old" if newest_at else "there is no such line"
    raise NotExpected(f"{said}; messages enough for one are not expected: {reason}")


@check(
    "market.health_monitor.cadence",
    since_health_check,
    stays=at_most(CHECKED_EVERY, seconds, warning=CHECKED_EVERY, critical=900),
    name="Time since the last health check in the log",
    cause="the health monitor of the service has died, or found Redis ill",
    action="read service_status.services.health_monitor, and the line itself",
    runbook="background-services",
    every="5m",
)
@check(
    "market.log.connection_stable",
    unless(since_stable, STABLE_QUIET, stable_while_closed),
    stays=at_most(STABLE_EVERY, seconds, warning=STABLE_EVERY),
    name="Time since a listener called its connection stable",
    cause="the listeners are silent",
    action="check the status of both listeners",
    runbook="listeners",
    every="5m",
)
def test_signs_of_life(verdict):
    """The lines of a healthy service keep coming."""
    assert verdict.healthy, verdict


def written(kind: str, within: float, proof: int = 1) -> Source:
    """Return how many lines of a kind were written in the last `within` seconds of production.

    `proof` lines are too many whatever else the log may hold; fewer are only believed of a whole log.
    """

    @measure(LOG, TIME_SCALE)
    def count(log: Log, scale: float) -> Measured:
        return _counted(log, kind, within / scale, scale, proof)

    return count


FRESH_QUIET = quiet(LOG, due=MINUTES_15 + FIRST_TICK)


@measure(LOG, TIME_SCALE, FRESH_QUIET, HOURS)
def no_fresh_data_while_closed(log: Log, scale: float, reason: str, hours: Hours) -> Measured:
    """Lines of the last quarter of an hour that were written when some price had to be fresh."""
    within = MINUTES_15 / scale
    found = [line.at for line in log.lines("error.nodata") if line.at >= log.at - within]
    counted = [at for at in found if hours.always or hours.quiet(at) is None]
    if not counted:
        log.reaches(log.at - within)
        log.written_within(SILENT_AFTER / scale)
    return Measured(len(counted), f"{len(found) - len(counted)} more, when no price had to be fresh; {reason}")


def written_since_start(kind: str) -> Source:
    """Return how many lines of a kind were written since the last start, or within a day if that is longer ago."""

    @measure(LOG, TIME_SCALE)
    def count(log: Log, scale: float) -> Measured:
        starts = [line.at for line in log.lines("startup.1")]
        within = min([REACH / scale, *(log.at - start for start in starts)])
        return _counted(log, kind, within, scale)

    return count


def _counted(log: Log, kind: str, within: float, scale: float, proof: int = 1) -> Measured:
    found = log.within(kind, within)
    if found < proof:
        log.reaches(log.at - within)
        log.written_within(SILENT_AFTER / scale)
    if not found:
        return Measured(0, f"in the last {spoken(round(within * scale))}")
    age = round(log.at - max(line.at for line in log.lines(kind)))
    return Measured(found, f"in the last {spoken(round(within * scale))}; the newest {spoken(age)} ago")


@check(
    "market.log.no_redis_failed",
    written_since_start("error.redis_start"),
    stays=none(lines, critical=0),
    name="Failed Redis prerequisites since the start",
    cause="Redis could not be reached when the service started",
    action="fix the Redis cluster, then restart the service",
    runbook="redis-cluster",
    every="60s",
)
@check(
    "market.log.no_listener_critical",
    written_since_start("error.listeners"),
    stays=none(lines, critical=0),
    name="Critical errors while starting the listeners",
    cause="a listener could not be created: address, name resolution or protocol",
    action="read what stands after the line, and check the address of the feed",
    runbook="listeners",
    every="60s",
)
@check(
    "market.log.no_redis_critical",
    written("error.redis", MINUTES_15),
    stays=none(lines, critical=0),
    name="Critical Redis lines in a quarter of an hour",
    cause="the Redis cluster stopped responding while the service ran",
    action="follow the Redis cluster page",
    runbook="redis-cluster",
    every="60s",
)
@check(
    "market.log.no_fresh_data",
    unless(written("error.nodata", MINUTES_15), FRESH_QUIET, no_fresh_data_while_closed),
    stays=none(lines, critical=0),
    name="Critical no-data lines in a quarter of an hour",
    cause="there was no fresh price at all",
    action="check the listeners, then trigger the warm-up",
    runbook="stale-data",
    every="60s",
)
@check(
    "market.log.ws_closed",
    written("error.closed", HOUR, proof=5),
    stays=below(5, closes, warning=reaching(5)),
    name="Feed connections closed",
    cause="the connection to the feed is unstable",
    action="check ping and pong and the network path",
    runbook="unstable-connection",
    every="5m",
)
def test_bad_lines(verdict):
    """No line in the log tells of an outage."""
    assert verdict.healthy, verdict


@measure(LOG, TIME_SCALE)
def closes_without_warmup(log: Log, scale: float) -> Measured:
    """Whether a warm-up followed every closed connection of the last hour."""
    within = PAIRED_WITHIN / scale
    log.written_within(SILENT_AFTER / scale)
    since, until = log.at - HOUR / scale, log.at - within
    closed = [line.at for line in log.lines("error.closed") if since <= line.at < until]
    warmed = [line.at for line in log.lines("ok.warmup")]
    alone = [at for at in closed if not any(at <= moment <= at + within for moment in warmed)]
    if alone:
        ago = spoken(round(log.at - max(alone)))
        return Measured(False, f"no warm-up within {PAIRED_WITHIN:g} s of {len(alone)} closes, the last {ago} ago")
    log.reaches(since)
    return Measured(True, f"{len(closed)} closed in an hour, each followed by a warm-up" if closed else "none closed")


@check(
    "market.log.warmup_success",
    closes_without_warmup,
    stays=equals(True, otherwise=WARNING),
    name="Warm-up after every closed connection",
    cause="the warm-up failed after a reconnect",
    action="trigger the warm-up by hand",
    runbook="stale-data",
    every="5m",
)
def test_warm_up(verdict):
    """Prices are reloaded after every break."""
    assert verdict.healthy, verdict


@measure(LOG, TIME_SCALE, WEBSOCKET_DIAGNOSTICS.at("performance"), quiet(LOG), HOURS)
def message_errors(log: Log, scale: float, performance: Facts, reason: str | None, hours: Hours) -> Measured:
    """Lines about messages that could not be processed, in percent of the messages of the same five minutes."""
    within = MINUTES_5 / scale
    errors = log.within("error.message", within)
    log.reaches(log.at - within)
    log.written_within(SILENT_AFTER / scale)
    processed = performance.number("message_rate_per_sec") * within
    if processed < 1 and reason and not hours.always:
        raise NotExpected(f"{errors} lines and no message; messages are not expected: {reason}")
    if processed < 1:
        raise NoData("no message was processed that lines could be compared with", "market.ws.message_rate")
    share = 100 * errors / processed
    return Measured(share, f"{errors} lines, about {processed:.0f} messages in five minutes")


@check(
    "market.log.message_errors",
    message_errors,
    stays=below(1, percent, warning=reaching(1), critical=10),
    name="Messages the log calls unprocessable",
    cause="the message format changed",
    action="check the protocol of the feed",
    runbook="parse-errors",
    every="5m",
)
def test_messages(verdict):
    """Messages that cannot be processed are rare."""
    assert verdict.healthy, verdict
