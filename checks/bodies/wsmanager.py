"""What the JSON body of the WebSocket manager looks like (spec 4.2); what no document prints is marked as chosen."""

from healthgate.shapes import Shape, chosen, number, one_of, under, utc, whole

PRODUCTION, STAGING = "production", "staging"
"""What an instance says its environment is."""

FAMILIES: Shape = {
    "ws_manager_active_connections": number(0),
    "ws_manager_retry_count_total": number(0),
    "ws_manager_stream_creations_total": number(0),
    "ws_manager_stream_cleanups_total": number(0),
    "ws_manager_active_connections_hwm": number(0),
    "ws_manager_errors_total": chosen(number(0)),
    "process_start_time_seconds": chosen(number(0)),
}
"""What stands on its metrics page (spec 4.3)."""

METRICS: Shape = {
    "activeConnections": whole(0),
    "retryCount": chosen(whole(0)),
    "streamCreations": chosen(whole(0)),
    "streamCleanups": chosen(whole(0)),
    "activeConnectionsHwm": chosen(whole(0)),
    "errors": chosen(whole(0)),
    "uptimeSeconds": chosen(number(0)),
}

BODY: Shape = {
    "status": chosen(one_of("healthy", "degraded", "unhealthy")),
    "timestamp": chosen(utc),
    "environment": chosen(one_of(PRODUCTION, STAGING)),
    **under("metrics", METRICS),
}
