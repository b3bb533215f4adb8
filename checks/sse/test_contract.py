"""Do the monitoring data look as their readers expect?"""

from checks.contract import Shape, boolean, elements, kept, number, one_of, text, under, utc, whole
from checks.sse import MONITORING
from healthgate import Facts, NoData, Unit, check, none

deviations = Unit("deviations")

SHARE = number(0, 100)


def figure(node: Facts) -> str | None:
    """A number, or true or false."""
    try:
        node.boolean() if isinstance(node.raw, bool) else node.number()
    except NoData:
        return "a number, true or false"
    return None


def entries(severity: str) -> Shape:
    """Entries of a list of indicators."""
    return {"type": text(r"\w+"), "message": text(), "severity": one_of(severity), "value": figure}


BODY: Shape = {
    "timestamp": utc,
    "service_name": one_of("sse_connection_manager"),
    "connection_stats.active_connections": whole(0),
    "connection_stats.redis_connection_counters": whole(0),
    "connection_stats.cleanup_task_running": boolean,
    "cleanup_stats.total_cleanups": whole(0),
    "cleanup_stats.total_connections_cleaned": whole(0),
    "cleanup_stats.cleanup_errors": whole(0),
    "cleanup_stats.failed_connections": whole(0),
    "cleanup_stats.error_rate": SHARE,
    "cleanup_stats.connection_failure_rate": SHARE,
    "cleanup_stats.last_cleanup_duration_ms": number(0),
    "cleanup_stats.connections_per_cleanup": number(0),
    "cleanup_stats.stale": whole(0),
    "cleanup_stats.active": whole(0),
    "cleanup_stats.long_lived": whole(0),
    "cleanup_stats.very_old": whole(0),
    "cleanup_stats.consecutive_errors": whole(0),
    "health_indicators.overall_health": one_of("healthy", "degraded", "unhealthy"),
    "health_indicators.alerts": elements(),
    **under("health_indicators.alerts.*", entries("high")),
    "health_indicators.warnings": elements(),
    **under("health_indicators.warnings.*", entries("medium")),
    "performance_metrics.avg_cleanup_duration_ms": number(0),
    "performance_metrics.cleanup_efficiency_rate": SHARE,
    "performance_metrics.cleanup_error_rate": SHARE,
    "performance_metrics.connections_cleaned_per_operation": number(0),
    "configuration.cleanup_interval_seconds": whole(1),
    "configuration.cleanup_batch_size": whole(),
    "configuration.stale_threshold_seconds": whole(1),
    "configuration.ping_interval_seconds": whole(1),
    "configuration.periodic_cleanup_enabled": boolean,
}


@check(
    "sse.contract.monitoring",
    kept(MONITORING.at(""), BODY),
    stays=none(deviations, critical=0),
    name="Shape of the SSE monitoring data",
    cause="the body changed without its readers",
    action="compare the body with the contract; shell monitors put 0 for a missing figure and hide this",
    runbook="broken-contract",
    every="5m",
)
def test_monitoring_body(verdict):
    """The monitoring data hold every member with its type and range."""
    assert verdict.healthy, verdict
