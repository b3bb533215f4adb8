"""What the market service writes into its log, and what each line means (spec 2.13).

Pictograms get lost on the way through log shippers: no expression rests on one, but for the mark after
`Health Check - Redis:`, which is written in letters too.
"""

from healthgate import NoData
from healthgate.readings import Log

STARTED = {
    "Binary market listener": "startup.7",
    "JSON market listener": "startup.8",
    "Portfolio calculator listener": "startup.9",
    "Provider connection manager": "startup.10",
    "Provider pending monitor": "startup.11",
    "AutoCutoff watcher": "startup.12",
    "Health monitor": "startup.13",
}
"""The line that says that a background service has started, by the service's name, in order."""

STARTUP = {
    "startup.1": "Starting Python Market Service",
    "startup.2": "Validating startup prerequisites",
    "startup.3": "Redis cluster connectivity: OK",
    "startup.4": "Environment variables: OK",
    "startup.5": r"Memory usage: (?P<pct>\d{1,3}(?:\.\d+)?)%",
    "startup.6": r"Prerequisites validation: (?P<pct>\d{1,3}(?:\.\d+)?)% passed",
    **{line: f"{service} started" for service, line in STARTED.items()},
    "startup.14": r"Startup complete! Running (?P<n>\d+) background services",
}
"""The fourteen lines of a start, in order."""

KINDS = STARTUP | {
    "error.redis_start": "Redis cluster connectivity: FAILED",
    "error.listeners": "Critical error starting market listeners",
    "error.redis": r"CRITICAL: Redis cluster(?: is not responding!)?",
    "error.nodata": "CRITICAL: No fresh market data available!",
    "ok.stable": r"Received (?P<n>[\d,]+) messages, connection stable",
    "ok.health": r"Health Check - Redis: (?P<r>✅|❌|OK|FAILED)",
    "ok.warmup": "Market data warmup successful",
    "error.closed": "WebSocket connection closed",
    "error.message": "Message processing error",
}

REACH = 86_400.0
"""Seconds back that are judged at most."""

SILENT_AFTER = 900.0
"""Seconds of production without any line after which nobody writes the log: three rounds of the health monitor."""


def last_start(log: Log) -> float:
    """Return when the service was last started, in seconds since 1970; NoData if the log does not say."""
    starts = log.lines("startup.1")
    if not starts:
        raise NoData("no start of the service stands in what could be read of the log")
    return max(line.at for line in starts)
