"""Does the log tell of retries? As the application writes it (spec 4.11)."""

from checks.wsmanager import LOG
from healthgate import TIME_SCALE, Measured, Unit, at_most, check, measure
from healthgate.duration import spoken
from healthgate.readings import Log

lines = Unit("lines")

WITHIN = 120.0
"""Seconds in which lines are counted."""

MOST = 60
"""Half a line a second, as the counter may grow (spec 4.3)."""

SILENT_AFTER = 3600.0
"""Seconds of production without any line after which nobody writes the log."""


@measure(LOG, TIME_SCALE)
def retry_lines(log: Log, scale: float) -> Measured:
    """Retry lines of the last two minutes; few are only believed of a log that is still written."""
    found = log.within("retry", WITHIN / scale)
    if found <= MOST:
        log.reaches(log.at - WITHIN / scale)
        log.written_within(SILENT_AFTER / scale)
    return Measured(found, f"in the last {spoken(WITHIN)}")


@check(
    "wsmanager.log.retry",
    retry_lines,
    stays=at_most(MOST, lines, warning=MOST),
    name="Retry lines of the manager in the log",
    cause="connections to the exchanges fail",
    action="read the last twenty retry lines: one stream, one exchange, or all of them?",
    runbook="retry-rate",
    every="2m",
)
def test_retry_lines(verdict):
    """Retries are rare in the log as well."""
    assert verdict.healthy, verdict
