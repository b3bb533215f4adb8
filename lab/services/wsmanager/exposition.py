"""What an instance tells of itself: the metrics page, and the same figures as JSON."""

from typing import Any, Final

from lab.clock import iso, now
from lab.services.wsmanager.streams import Streams

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def figures(streams: Streams) -> dict[str, tuple[str, str, int]]:
    """Return type, help and value of every metric, by name."""
    counters = streams.counters
    return {
        "ws_manager_active_connections": ("gauge", "Streams open now", streams.active_count),
        "ws_manager_retry_count_total": ("counter", "Attempts to connect a stream again", counters.retries),
        "ws_manager_stream_creations_total": ("counter", "Streams opened", counters.creations),
        "ws_manager_stream_cleanups_total": ("counter", "Streams cleaned up", counters.cleanups),
        "ws_manager_active_connections_hwm": ("gauge", "Most streams open at a time", counters.high_water),
        "ws_manager_errors_total": ("counter", "Streams that the exchange refused", counters.errors),
    }


def page(streams: Streams, environment: str, started_at: float) -> str:
    """Return the metrics page in Prometheus text."""
    lines = []
    for name, (kind, meaning, value) in figures(streams).items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f'{name}{{environment="{environment}"}} {value}']
    lines += [
        "# HELP process_start_time_seconds When the process began, in seconds since 1970",
        "# TYPE process_start_time_seconds gauge",
        f"process_start_time_seconds {started_at:.3f}",
    ]
    return "\n".join(lines) + "\n"


def body(streams: Streams, environment: str, started_at: float, *, status: str, is_new: bool) -> dict[str, Any]:
    """Return the figures as JSON; `is_new` is what the feature flag says."""
    told = {name: value for name, (_, _, value) in figures(streams).items() if name != "ws_manager_errors_total"}
    return {
        "status": status,
        "timestamp": iso(now()),
        "environment": environment,
        "config": {"useNewWsManager": is_new},
        "metrics": {
            "activeConnections": streams.active_count,
            "retryCount": streams.counters.retries,
            "streamCreations": streams.counters.creations,
            "streamCleanups": streams.counters.cleanups,
            "activeConnectionsHwm": streams.counters.high_water,
            "errors": streams.counters.errors,
            "uptimeSeconds": round(now() - started_at, 3),
        },
        "prometheus": told,
    }
