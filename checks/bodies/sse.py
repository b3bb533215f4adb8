"""What the monitoring data of the SSE service look like (spec 5.3); what no document prints is marked as chosen."""

from healthgate.shapes import Shape, boolean, chosen, elements, figure, number, one_of, text, under, utc, whole

SHARE = number(0, 100)


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
    "cleanup_stats.consecutive_errors": chosen(whole(0)),
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
    "configuration.ping_interval_seconds": chosen(whole(1)),
    "configuration.periodic_cleanup_enabled": boolean,
}

FAMILIES: Shape = {
    **dict.fromkeys(
        (
            "sse_active_connections",
            "sse_cleanup_error_rate",
            "sse_health_alerts",
            "sse_total_connections_cleaned",
            "sse_cleanup_total",
            "sse_cleanup_errors_total",
            "sse_stale_connections",
            "sse_long_lived_connections",
            "sse_very_old_connections",
            "sse_health_status",
        ),
        number(0),
    ),
    "process_start_time_seconds": chosen(number(0)),
}
"""What stands on its metrics page (spec 5.5)."""
