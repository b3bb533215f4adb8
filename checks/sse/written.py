"""What the SSE service writes into its log, and what each line means (spec 5.9)."""

from healthgate import NoData
from healthgate.readings import Line, Log, Page

KINDS = {
    "cleanup": (
        r"SSE cleanup completed: cleaned=(?P<cleaned>\d+), failed=(?P<failed>\d+), total_before=(?P<before>\d+), "
        r"total_after=(?P<after>\d+),\s+duration_ms=(?P<dur>\d+(?:\.\d+)?), efficiency=(?P<eff>\d+(?:\.\d+)?)%, "
        r"batch_size=(?P<batch>\d+), threshold_seconds=(?P<thr>\d+),\s+stale_connections=(?P<stale>\d+), "
        r"active_connections=(?P<active>\d+), long_lived_connections=(?P<long>\d+)"
    ),
    "cleanup.any": "SSE cleanup completed",
    "cycle": (
        r"Periodic cleanup cycle: cleaned=(?P<cleaned>\d+) connections, cycle_duration_ms=(?P<dur>\d+(?:\.\d+)?),\s+"
        r"total_cleanups=(?P<total>\d+), total_cleaned=(?P<tc>\d+), error_rate=(?P<er>\d+(?:\.\d+)?)%"
    ),
    "config.ok": (
        r"SSE configuration validated successfully: cleanup_interval=(?P<interval>\d+)s, batch_size=(?P<batch>\d+),"
        r"\s+stale_threshold=(?P<stale>\d+)s, ping_interval=(?P<ping>\d+)s"
    ),
    "config.warning": "SSE configuration validation warnings",
    "validation": "SSE configuration valid(?:ated successfully|ation warnings)",
    "error": "Error during periodic SSE cleanup",
}

REACH = 7200.0
"""Seconds back that are read at least; the last start lies further back as a rule, and is read too."""

BEFORE = 1.0
"""Seconds by which the start of a process may be told too late: its first line is written after it."""

VALIDATED_WITHIN = 10.0
"""Seconds after its start within which the configuration is validated; real ones: a start cannot be sped up."""

PROCESS_START = "process_start_time_seconds"


def last_start(log: Log, page: Page | NoData) -> float:
    """Return when the service was last started, in seconds since 1970, as its metrics page says or else its log.

    NoData where neither does.
    """
    if isinstance(page, Page) and PROCESS_START in page.names:
        return page.number(PROCESS_START) - BEFORE
    validations = log.lines("validation")
    if not validations:
        raise NoData("no start of the service stands in what could be read of the log")
    return max(line.at for line in validations)


def valid(log: Log, moment: float) -> list[Line]:
    """Return what says since a start that the configuration is valid, the newest last.

    A process that ended within a second of that start may have written such a line too: it says nothing of a start
    that logged warnings after it.
    """
    warned = [line for line in log.since("config.warning", moment) if line.at <= moment + BEFORE + VALIDATED_WITHIN]
    return [line for line in log.since("config.ok", moment) if not warned or line.at >= warned[-1].at]
