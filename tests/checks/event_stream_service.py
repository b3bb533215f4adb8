"""What one run observes of an SSE service, its Redis, its log and its CloudWatch when all of them are well."""

import copy
from typing import Any

from healthgate.claim.observation import Observation

NOW = 1772442900.0
STAMP = "2026-03-02T09:14:59.800Z"
AGAIN = " (again)"
BEGAN = NOW - 86_400
DAY = 86_400

MONITORING, HEALTH = "sse GET /api/sse/monitoring", "sse GET /api/sse/health"
METRICS = "sse GET /api/sse/metrics"
STREAM = "sse stream events"
REDIS = "sse redis"
LOG, LOG_FILES = "sse log", "sse files of log"
CONNECTIONS, ERROR_RATE = (
    f"sse cloudwatch SSE/ConnectionManager {name}" for name in ("ActiveConnections", "CleanupErrorRate")
)
ERRORS_ASKED, CLEANUPS_ASKED = (
    f"sse prometheus query sum(increase({name}[30m]))" for name in ("sse_cleanup_errors_total", "sse_cleanup_total")
)

COUNTER = "GET sse:connections:count"

SETTINGS: dict[str, Any] = {
    "url": "http://sse.example.com:8100",
    "stream_url": "https://sse.example.com/api/sse/stream",
    "redis": "redis.example.com:6379",
    "redis_db": 1,
    "log": "/var/log/app.log*",
    "installed": "2025-11-01",
    "configuration": {
        "cleanup_interval_seconds": 60,
        "cleanup_batch_size": 10,
        "stale_threshold_seconds": 300,
        "ping_interval_seconds": 15,
    },
    "cloudwatch_url": "https://monitoring.example.com",
}


def body(cleanups: int = 120, errors: int = 2, cleaned: int = 312, failed: int = 6) -> dict[str, Any]:
    """The monitoring data after so many cleanups."""
    error_rate = round(100 * errors / cleanups, 1)
    per_cleanup = round(cleaned / cleanups, 2)
    return {
        "timestamp": STAMP,
        "service_name": "sse_connection_manager",
        "connection_stats": {
            "active_connections": 84,
            "redis_connection_counters": 83,
            "cleanup_task_running": True,
        },
        "cleanup_stats": {
            "total_cleanups": cleanups,
            "total_connections_cleaned": cleaned,
            "cleanup_errors": errors,
            "failed_connections": failed,
            "error_rate": error_rate,
            "connection_failure_rate": round(100 * failed / (cleaned + failed), 1),
            "last_cleanup_duration_ms": 8.4,
            "connections_per_cleanup": per_cleanup,
            "stale": 1,
            "active": 83,
            "long_lived": 22,
            "very_old": 2,
            "consecutive_errors": 0,
        },
        "health_indicators": {"overall_health": "healthy", "alerts": [], "warnings": []},
        "performance_metrics": {
            "avg_cleanup_duration_ms": 7.9,
            "cleanup_efficiency_rate": round(100 * cleaned / (cleaned + failed), 1),
            "cleanup_error_rate": error_rate,
            "connections_cleaned_per_operation": per_cleanup,
        },
        "configuration": {
            "cleanup_interval_seconds": 60,
            "cleanup_batch_size": 10,
            "stale_threshold_seconds": 300,
            "periodic_cleanup_enabled": True,
            "ping_interval_seconds": 15,
        },
    }


def entry(kind: str, value: float, severity: str = "medium") -> dict[str, Any]:
    """An entry of one of the lists of indicators."""
    return {"type": kind, "message": f"{kind} is {value}", "severity": severity, "value": value}


FIGURES: dict[str, float] = {
    "sse_active_connections": 84,
    "sse_cleanup_error_rate": 1.7,
    "sse_health_alerts": 0,
    "sse_total_connections_cleaned": 312,
    "sse_cleanup_total": 120,
    "sse_cleanup_errors_total": 2,
    "sse_stale_connections": 1,
    "sse_long_lived_connections": 22,
    "sse_very_old_connections": 2,
    "sse_health_status": 0,
}
COUNTERS = ("sse_total_connections_cleaned", "sse_cleanup_total", "sse_cleanup_errors_total")


def page_text(began: float | None = BEGAN, **figures: float) -> str:
    """The metrics page, with some figures changed."""
    lines = []
    for name, value in (FIGURES | figures).items():
        lines += [f"# TYPE {name} {'counter' if name in COUNTERS else 'gauge'}", f"{name} {value:g}"]
    if began is not None:
        lines += ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {began:.3f}"]
    return "\n".join(lines) + "\n"


def page(text: str, clock: float = 1000.0) -> dict[str, Any]:
    """The facts of a metrics page."""
    return {
        "code": 200,
        "type": "text/plain",
        "content_type": "text/plain; version=0.0.4; charset=utf-8",
        "request_id": "0123456789abcdef",
        "clock": clock,
        "date": "",
        "text": text,
        "form": "Prometheus",
    }


def followed(signs: list[tuple[float, str]], **facts: Any) -> dict[str, Any]:
    """What a stream brought: events and comments by the seconds after its opening at which they came."""
    opened = NOW - 31
    events = [
        {"at": opened + at, "id": "", "event": "connected", "data": "{}", "retry": None}
        for at, said in signs
        if not said.startswith(":")
    ]
    comments = [{"at": opened + at, "text": said[1:].strip()} for at, said in signs if said.startswith(":")]
    return {
        "steps": {"resolve": 0.4, "connect": 0.6, "answer": 12.0, **({"event": 30.0} if events else {})},
        "code": 200,
        "type": "text/event-stream",
        "opened_at": opened,
        "ended": "enough",
        "ending": "enough had come",
        "unfinished": False,
        "listened_s": 30.1,
        "first_sign_ms": 1000 * signs[0][0] if signs else None,
        "largest_gap_ms": 15_000.0,
        "last_id": "",
        "retry_ms": None,
        "count": len(events),
        "events": events,
        "comment_count": len(comments),
        "comments": comments,
        **facts,
    }


CLEANUP = {
    "cleaned": "3", "failed": "0", "before": "87", "after": "84", "dur": "8.40", "eff": "100.0", "batch": "10",
    "thr": "300", "stale": "3", "active": "84", "long": "22",
}  # fmt: skip
CONFIGURED = {"interval": "60", "batch": "10", "stale": "300", "ping": "15"}

Lines = list[tuple[float, dict[str, str]]]


def cycles(*ago: float, total: int = 120) -> Lines:
    """Lines about cycles so many seconds ago, the newest first, with the total as it stood then."""
    return [
        (moment, {"cleaned": "3", "dur": "9.1", "total": str(total - number), "tc": "312", "er": "1.7"})
        for number, moment in enumerate(ago)
    ]


def cleanups(*ago: float, **groups: str) -> Lines:
    """Lines about cleanups so many seconds ago, the newest first, each with these groups."""
    return [(moment, CLEANUP | groups) for moment in ago]


def log_facts(**kinds: Lines) -> dict[str, Any]:
    """What the log of a service started a day ago holds; `kinds` are lines by kind, as seconds ago and groups."""
    every_minute = [20.0 + 60 * number for number in range(30)]
    lines: dict[str, Lines] = {
        "cleanup": cleanups(*every_minute),
        "cycle": cycles(*every_minute),
        "config.ok": [(86_399.0, CONFIGURED)],
        "config.warning": [],
        "error": [],
    }
    lines |= {name.replace("__", "."): found for name, found in kinds.items()}
    lines.setdefault("cleanup.any", [(ago, {}) for ago, _ in lines["cleanup"]])
    lines.setdefault("validation", sorted((ago, {}) for ago, _ in (*lines["config.ok"], *lines["config.warning"])))
    return {
        "newest": NOW - 1,
        "oldest": NOW - 90_000,
        "from_birth": False,
        "stopped": None,
        "kinds": {
            name: {"count": len(found), "lines": [[NOW - ago, groups] for ago, groups in found]}
            for name, found in lines.items()
        },
    }


def files(oldest_days: float, count: int = 31) -> dict[str, Any]:
    """Log files, one a day, the oldest of this age."""
    step = oldest_days / max(1, count - 1)
    listing = [[f"app.log.{number}", 900_000, NOW - number * step * DAY] for number in range(count)]
    return {"files": listing, "folder_size": 40_000_000}


def published(value: float, unit: str, ago: float = 45.0) -> dict[str, Any]:
    """The data of a metric, the newest of which began so many seconds ago."""
    return {"code": 200, "data": [[NOW - ago, value, unit], [NOW - ago - 60, value + 1, unit]]}


def queried(value: str) -> dict[str, Any]:
    """What a Prometheus answers to an instant query."""
    result = {"resultType": "vector", "result": [{"metric": {}, "value": [NOW, value]}]}
    return {"code": 200, "type": "application/json", "json": {"status": "success", "data": result}}


def observations() -> dict[str, Observation]:
    """Everything one run observes."""
    later = body(cleanups=121, cleaned=315)
    found = {
        MONITORING: {"code": 200, "type": "application/json", "json": body()},
        MONITORING + AGAIN: {"code": 200, "type": "application/json", "json": later},
        HEALTH: {"code": 200, "type": "application/json", "json": {"healthy": True, "overall_health": "healthy"}},
        METRICS: page(page_text()),
        METRICS + AGAIN: page(page_text(sse_cleanup_total=121, sse_total_connections_cleaned=315), 1002.0),
        STREAM: followed([(0.03, "connected"), (15.0, ": ping"), (30.0, ": ping")]),
        REDIS: {"replies": {"PING": "PONG", COUNTER: "83"}, "took_ms": 0.6},
        LOG: log_facts(),
        LOG_FILES: files(30.6),
        CONNECTIONS: published(84, "Count"),
        ERROR_RATE: published(1.7, "Percent"),
        ERRORS_ASKED: queried("0"),
        CLEANUPS_ASKED: queried("5"),
    }
    return {
        name: Observation(name, "answered", NOW + 2 if name.endswith(AGAIN) else NOW, 12.5, facts=copy.deepcopy(facts))
        for name, facts in found.items()
    }
