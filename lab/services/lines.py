"""The alert lines of the gateway guide, and the one-word health that follows from them."""

from typing import Any


def _beyond(value: float | None, *, above: float | None = None, below: float | None = None) -> bool:
    if value is None:
        return True
    return (above is not None and value > above) or (below is not None and value < below)


def system_health(comprehensive: dict[str, Any]) -> str:
    """Judge a comprehensive body: unhealthy past any critical line, degraded past any warning line."""
    cluster = comprehensive["redis_cluster_diagnostics"]["cluster_health"]
    pool = comprehensive["redis_cluster_diagnostics"]["connection_pool"]
    freshness = comprehensive["market_data_diagnostics"]["data_freshness"]["freshness_rate"]
    running = comprehensive["websocket_diagnostics"]["connection_status"]["is_running"]
    reachable = cluster["connected"] and cluster["ping_success"] and cluster["cluster_state"] == "ok"
    critical = (
        _beyond(pool["utilization_percent"], above=90),
        _beyond(freshness, below=50),
        not running,
        not reachable,
    )
    warning = (
        _beyond(pool["utilization_percent"], above=80),
        _beyond(pool["connection_success_rate"], below=95),
        _beyond(pool["avg_response_time_ms"], above=100),
        _beyond(freshness, below=80),
    )
    if any(critical):
        return "unhealthy"
    return "degraded" if any(warning) else "healthy"
