"""What the manager tells of itself: figures, what is wrong with them, and the metrics page made of both.

Figures that follow the lab's fast clock (how long a connection has been open or silent, every setting) are told in
seconds of production. What takes real time (the duration of a cleanup) is told as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from lab.clock import iso, now
from lab.services.sse.configuration import Configuration

Body = dict[str, Any]
Level = Literal["healthy", "degraded", "unhealthy"]
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SERVICE_NAME: Final = "sse_connection_manager"
LONG_LIVED_S: Final = 3600.0
VERY_OLD_S: Final = 21_600.0
MOST_APART: Final = 10
MOST_CONNECTIONS: Final = 1000
MOST_STALE: Final = 50
MOST_VERY_OLD: Final = 10
ELEVATED_PERCENT: Final = 5.0
HIGH_PERCENT: Final = 10.0
STATUS: Final[dict[str, int]] = {"healthy": 0, "degraded": 1, "unhealthy": 2}


@dataclass(frozen=True)
class Tally:
    """What was counted since the process began."""

    cleanups: int = 0
    cleaned: int = 0
    errors: int = 0
    failed: int = 0
    consecutive_errors: int = 0

    @property
    def error_rate(self) -> float:
        """Share of cleanups that raised an error, in percent."""
        return round(100 * self.errors / self.cleanups, 1) if self.cleanups else 0.0

    @property
    def failure_rate(self) -> float:
        """Share of connections that could not be closed, in percent of those that were to be."""
        chosen = self.cleaned + self.failed
        return round(100 * self.failed / chosen, 1) if chosen else 0.0

    @property
    def efficiency(self) -> float:
        """Share of connections that could be closed, in percent; 100 where none was to be."""
        return share_closed(self.cleaned, self.failed)

    @property
    def per_cleanup(self) -> float:
        """Connections cleaned in a cleanup."""
        return round(self.cleaned / self.cleanups, 2) if self.cleanups else 0.0


@dataclass(frozen=True)
class Ages:
    """How many connections there are, and how many of what kind."""

    total: int
    stale: int
    long_lived: int
    very_old: int


@dataclass(frozen=True)
class Durations:
    """How long cleanups took, in ms."""

    last: float
    average: float


def share_closed(cleaned: int, failed: int) -> float:
    """Share of connections that were closed of those that were to be, in percent; 100 where there were none."""
    return round(100 * cleaned / (cleaned + failed), 1) if cleaned + failed else 100.0


def body(
    configuration: Configuration, tally: Tally, ages: Ages, durations: Durations, *, in_redis: int, is_running: bool
) -> Body:
    """Return the monitoring data but for what is wrong with them."""
    return {
        "timestamp": iso(now()),
        "service_name": SERVICE_NAME,
        "connection_stats": {
            "active_connections": ages.total,
            "redis_connection_counters": in_redis,
            "cleanup_task_running": is_running,
        },
        "cleanup_stats": {
            "total_cleanups": tally.cleanups,
            "total_connections_cleaned": tally.cleaned,
            "cleanup_errors": tally.errors,
            "failed_connections": tally.failed,
            "error_rate": tally.error_rate,
            "connection_failure_rate": tally.failure_rate,
            "last_cleanup_duration_ms": round(durations.last, 2),
            "connections_per_cleanup": tally.per_cleanup,
            "stale": ages.stale,
            "active": ages.total - ages.stale,
            "long_lived": ages.long_lived,
            "very_old": ages.very_old,
            "consecutive_errors": tally.consecutive_errors,
        },
        "health_indicators": {},
        "performance_metrics": {
            "avg_cleanup_duration_ms": round(durations.average, 2),
            "cleanup_efficiency_rate": tally.efficiency,
            "cleanup_error_rate": tally.error_rate,
            "connections_cleaned_per_operation": tally.per_cleanup,
        },
        "configuration": {
            "cleanup_interval_seconds": configuration.cleanup_interval_s,
            "cleanup_batch_size": configuration.batch_size,
            "stale_threshold_seconds": configuration.stale_after_s,
            "periodic_cleanup_enabled": configuration.is_cleaned_periodically,
            "ping_interval_seconds": configuration.ping_interval_s,
        },
    }


def judge(told: Body) -> None:
    """Add what is wrong with the data to them."""
    alerts, warnings = list(_alerts(told)), list(_warnings(told))
    told["health_indicators"] = {"overall_health": level(alerts, warnings), "alerts": alerts, "warnings": warnings}


def level(alerts: list[Body], warnings: list[Body]) -> Level:
    """Return the level that follows from the lists."""
    return "unhealthy" if alerts else "degraded" if warnings else "healthy"


def _alerts(told: Body) -> Iterator[Body]:
    connections, cleanup = told["connection_stats"], told["cleanup_stats"]
    apart = abs(connections["active_connections"] - connections["redis_connection_counters"])
    if apart > MOST_APART:
        yield entry("connection_mismatch", "high", apart, "connections here and in Redis differ")
    if cleanup["error_rate"] > HIGH_PERCENT:
        yield entry("high_cleanup_error_rate", "high", cleanup["error_rate"], "percent of cleanups fail")
    if told["configuration"]["periodic_cleanup_enabled"] and not connections["cleanup_task_running"]:
        yield entry("cleanup_not_running", "high", 0, "cleanup tasks run though periodic cleanup is enabled")


def _warnings(told: Body) -> Iterator[Body]:
    total, cleanup = told["connection_stats"]["active_connections"], told["cleanup_stats"]
    if total > MOST_CONNECTIONS:
        yield entry("high_connection_count", "medium", total, "connections are open")
    if ELEVATED_PERCENT < cleanup["error_rate"] <= HIGH_PERCENT:
        yield entry("elevated_error_rate", "medium", cleanup["error_rate"], "percent of cleanups fail")
    if cleanup["stale"] > MOST_STALE:
        yield entry("stale_connection_accumulation", "medium", cleanup["stale"], "connections are stale")
    if cleanup["very_old"] > MOST_VERY_OLD:
        yield entry("very_old_connections", "medium", cleanup["very_old"], "connections are older than six hours")


def entry(kind: str, severity: str, value: float, meaning: str) -> Body:
    """Return one alert or warning."""
    return {"type": kind, "message": f"{value:g} {meaning}", "severity": severity, "value": value}


def page(told: Body, started_at: float) -> str:
    """Return the metrics page that says the same."""
    connections, cleanup, health = told["connection_stats"], told["cleanup_stats"], told["health_indicators"]
    families = (
        ("sse_active_connections", "gauge", "Connections open now", connections["active_connections"]),
        ("sse_cleanup_error_rate", "gauge", "Cleanups that failed, in percent", cleanup["error_rate"]),
        ("sse_health_alerts", "gauge", "Alerts there are", len(health["alerts"])),
        ("sse_total_connections_cleaned", "counter", "Connections cleaned", cleanup["total_connections_cleaned"]),
        ("sse_cleanup_total", "counter", "Cleanups", cleanup["total_cleanups"]),
        ("sse_cleanup_errors_total", "counter", "Cleanups that failed", cleanup["cleanup_errors"]),
        ("sse_stale_connections", "gauge", "Connections that have long been silent", cleanup["stale"]),
        ("sse_long_lived_connections", "gauge", "Connections older than an hour", cleanup["long_lived"]),
        ("sse_very_old_connections", "gauge", "Connections older than six hours", cleanup["very_old"]),
        ("sse_health_status", "gauge", "0 healthy, 1 degraded, 2 unhealthy", STATUS.get(health["overall_health"], 2)),
        ("process_start_time_seconds", "gauge", "When the process began, in s since 1970", f"{started_at:.3f}"),
    )
    lines = [
        line
        for name, kind, meaning, value in families
        for line in (f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f"{name} {value}")
    ]
    return "\n".join(lines) + "\n"
