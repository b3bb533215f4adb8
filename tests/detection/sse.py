"""The fault of every check of the SSE service."""

from healthgate.claim.state import State
from tests.detection.cell import Cell, Fault, cell, fault

WARNING, CRITICAL, UNKNOWN, PENDING = State.WARNING, State.CRITICAL, State.UNKNOWN, State.PENDING

MONITORING, HEALTH, STREAM = "/api/sse/monitoring", "/api/sse/health", "/api/sse/stream"

GAUGES = (
    *("sse_active_connections", "sse_cleanup_error_rate", "sse_health_alerts", "sse_stale_connections"),
    *("sse_long_lived_connections", "sse_very_old_connections"),
)
"""Gauges that no other check needs."""

READERS_OF_THE_PAGE = [
    "sse.prometheus.families",
    "sse.prometheus.agrees",
    "sse.prometheus.error_ratio",
    "sse.prometheus.health_status",
    "sse.cleanup.error_trend",
]
READERS_OF_THE_DATA = [
    *("sse.contract.monitoring", "sse.monitoring.age", "sse.health.level", "sse.health.alerts_empty"),
    *("sse.health.endpoint_mapping", "sse.health.level_consistent", "sse.health.lists_consistent"),
    *("sse.connections.*", "sse.cleanup.*", "sse.counters.monotonic", "sse.config.*", "sse.prometheus.agrees"),
]

ONE_VIEW = "all views of the lab are made of the same figures, so one has to be altered on its way"
DATA_ARE_SOUND = "the data of the lab are sound, so they have to be altered on their way"
PAGE_IS_SOUND = "the page of the lab is sound, so it has to be spoilt on its way"
RULES_ARE_KEPT = "the lab derives levels and lists from its figures, so they have to be told otherwise than they are"
LINE_IS_SOUND = "the lab writes what is true, so a line has to be added or left out"

UNHEALTHY = {
    "sse.health.level": CRITICAL,
    "sse.health.alerts_empty": CRITICAL,
    "sse.health.endpoint": CRITICAL,
    "sse.prometheus.health_status": CRITICAL,
}
"""What else goes with an alert."""
DEGRADED = {"sse.health.level": WARNING, "sse.prometheus.health_status": WARNING}
"""What else goes with a warning of the service."""
UNVALIDATED = {"sse.log.config_warning": WARNING, "sse.log.config_validated": WARNING}
"""What else goes with a setting out of range."""


def told(pointer: str, value: object) -> Fault:
    """Return the fault by which the monitoring data alone tell this value."""
    return fault("F.json.set", service="sse", path=MONITORING, pointer=pointer, value=value)


def shifted(pointer: str, add: float) -> Fault:
    """Return the fault by which the monitoring data alone tell more than is true."""
    return fault("F.json.offset", service="sse", path=MONITORING, pointer=pointer, add=add)


def figure(pointer: str, add: float) -> Fault:
    """Return the fault by which all views tell more than is true."""
    return fault("F.sse.figure", pointer=pointer, add=add)


def listed(where: str, kind: str, value: float) -> Fault:
    """Return the fault by which an entry is added to the alerts or the warnings; the level follows."""
    return fault("F.sse.health_entry", list=where, type=kind, value=value)


def answering(path: str, status: int, **more: object) -> Fault:
    return fault("F.http.status", service="sse", path=path, status=status, **more)


def on_page(name: str, **parameters: object) -> Fault:
    return fault(name, service="sse", **parameters)


def set_to(**settings: int) -> Fault:
    """Return the fault by which the service is started with these settings."""
    return fault("F.sse.config", **settings)


CELLS: dict[str, Cell] = {
    "sse.endpoint.monitoring": cell(
        fault("F.http.down", service="sse"),
        turns=CRITICAL,
        collateral={
            "sse.health.endpoint": CRITICAL,
            "sse.stream.connect": CRITICAL,
        },
        blocked=[*READERS_OF_THE_DATA, "sse.prometheus.valid", *READERS_OF_THE_PAGE, "sse.stream.ping"],
    ),
    "sse.contract.monitoring": cell(told("/service_name", "sse_manager"), turns=CRITICAL, why=DATA_ARE_SOUND),
    "sse.monitoring.age": cell(told("/timestamp", "now - 120"), turns=WARNING, why=DATA_ARE_SOUND),
    "sse.health.endpoint": cell(
        answering(HEALTH, 500), turns=CRITICAL, blocked=["sse.health.endpoint_mapping"], why=ONE_VIEW
    ),
    "sse.health.endpoint_mapping": cell(
        answering(HEALTH, 503, body={"healthy": False}),
        turns=CRITICAL,
        collateral={"sse.health.endpoint": CRITICAL},
        why=ONE_VIEW,
    ),
    "sse.health.level": cell(
        listed("warnings", "lab_marker", 1),
        turns=WARNING,
        collateral={"sse.prometheus.health_status": WARNING},
        why="every real warning turns the check on its figure red as well: those are their cells",
    ),
    "sse.health.alerts_empty": cell(
        listed("alerts", "lab_marker", 1),
        turns=CRITICAL,
        collateral={name: state for name, state in UNHEALTHY.items() if name != "sse.health.alerts_empty"},
        why="every real alert turns the check on its figure red as well: those are their cells",
    ),
    "sse.health.level_consistent": cell(
        fault("F.sse.health_level", force="degraded"), turns=WARNING, collateral=DEGRADED, why=RULES_ARE_KEPT
    ),
    "sse.health.lists_consistent": cell(
        listed("warnings", "stale_connection_accumulation", 70),
        turns=WARNING,
        collateral=DEGRADED,
        why=RULES_ARE_KEPT,
    ),
    "sse.connections.mismatch": cell(fault("F.sse.counter_drift", by=15), turns=CRITICAL, collateral=UNHEALTHY),
    "sse.connections.redis_direct": cell(
        shifted("/connection_stats/redis_connection_counters", 6), turns=WARNING, why=ONE_VIEW
    ),
    "sse.redis.reachable": cell(
        fault("F.redis.refuse", redis="sse"), turns=CRITICAL, blocked=["sse.connections.redis_direct"]
    ),
    "sse.connections.count": cell(
        fault("F.sse.ghosts", kind="active", count=1000), turns=WARNING, collateral=DEGRADED, shows_within_s=40
    ),
    "sse.connections.partition": cell(shifted("/cleanup_stats/active", -5), turns=WARNING, why=ONE_VIEW),
    "sse.connections.age_order": cell(
        fault("F.sse.figure", pointer="/cleanup_stats/long_lived", value=1),
        turns=WARNING,
        why="the lab counts right, so the figure has to be told otherwise",
    ),
    "sse.connections.stale": cell(
        fault("F.sse.ghosts", kind="stale", count=60, cleanup_skips_them=True), turns=WARNING, collateral=DEGRADED
    ),
    "sse.connections.very_old": cell(
        fault("F.sse.ghosts", kind="very_old", count=12), turns=WARNING, collateral=DEGRADED
    ),
    "sse.cleanup.running": cell(
        fault("F.sse.cleanup_flag", running=False),
        turns=CRITICAL,
        collateral=UNHEALTHY,
        why="a task that has really died stops counting and logging as well: that is scenario SC-15",
    ),
    "sse.cleanup.progress": cell(
        fault("F.sse.counter_freeze"),
        turns=CRITICAL,
        collateral={"sse.cleanup.error_trend": PENDING, "sse.prometheus.error_ratio": PENDING},
        shows_within_s=60,
        why="the counters of the lab count what is done, so they have to be told as they were",
    ),
    "sse.cleanup.backlog": cell(
        set_to(CLEANUP_BATCH_SIZE=2),
        fault("F.sse.ghosts", kind="stale", count=48),
        turns=WARNING,
        why="as many as may be stale at all, taken away two at a time",
        passes=True,
    ),
    "sse.cleanup.error_rate": cell(
        fault("F.sse.cleanup_errors", rate_percent=7, as_history=True), turns=WARNING, collateral=DEGRADED
    ),
    "sse.cleanup.error_trend": cell(
        fault("F.sse.cleanup_errors", ramp_percent=[1, 2, 3], log=False), turns=WARNING, shows_within_s=75, passes=True
    ),
    "sse.cleanup.consecutive_errors": cell(
        told("/cleanup_stats/consecutive_errors", 4),
        turns=WARNING,
        why="cleanups that really fail one after the other turn the error rates and the log red as well",
    ),
    "sse.cleanup.duration": cell(fault("F.sse.cleanup_slow", ms=160), turns=WARNING),
    "sse.cleanup.efficiency": cell(fault("F.sse.cleanup_fail_connections", percent=8), turns=WARNING),
    **{
        f"sse.cleanup.arithmetic[{name}]": cell(
            figure(pointer, add), turns=WARNING, why="the formulas of the lab are right, so one has to be told wrongly"
        )
        for name, pointer, add in (
            ("error_rate", "/cleanup_stats/error_rate", 0.9),
            ("connection_failure_rate", "/cleanup_stats/connection_failure_rate", 0.9),
            ("per_cleanup", "/cleanup_stats/connections_per_cleanup", 0.9),
            ("efficiency", "/performance_metrics/cleanup_efficiency_rate", -0.9),
        )
    },
    "sse.cleanup.performance_block": cell(
        shifted("/performance_metrics/connections_cleaned_per_operation", 0.4), turns=WARNING, why=ONE_VIEW
    ),
    "sse.counters.monotonic": cell(
        fault("F.sse.counter_back", counter="total_connections_cleaned"),
        turns=WARNING,
        why="counters of the lab only grow, so that one has to be told lower than it is",
    ),
    "sse.config.cleanup_interval": cell(set_to(CLEANUP_INTERVAL_SECONDS=8), turns=WARNING, collateral=UNVALIDATED),
    "sse.config.batch_size": cell(set_to(CLEANUP_BATCH_SIZE=150), turns=WARNING, collateral=UNVALIDATED),
    "sse.config.stale_vs_interval": cell(
        set_to(CLEANUP_INTERVAL_SECONDS=100, STALE_CONNECTION_THRESHOLD_SECONDS=180),
        turns=WARNING,
        collateral=UNVALIDATED,
    ),
    "sse.config.stale_vs_ping": cell(
        set_to(CLEANUP_INTERVAL_SECONDS=45, PING_INTERVAL_SECONDS=32, STALE_CONNECTION_THRESHOLD_SECONDS=95),
        turns=WARNING,
        collateral=UNVALIDATED,
    ),
    "sse.config.declared": cell(told("/configuration/cleanup_batch_size", 12), turns=WARNING, why=ONE_VIEW),
    "sse.log.config_validated": cell(
        fault("F.log.mute", log="sse_log", pattern="SSE configuration validated successfully"),
        turns=WARNING,
        why=LINE_IS_SOUND,
    ),
    "sse.log.config_warning": cell(
        fault("F.log.emit", log="sse_log", line="SSE configuration validation warnings: lab"),
        turns=WARNING,
        why=LINE_IS_SOUND,
    ),
    "sse.prometheus.valid": cell(
        on_page("F.prom.garble", kind="duplicate_series"),
        turns=CRITICAL,
        blocked=READERS_OF_THE_PAGE,
        why=PAGE_IS_SOUND,
    ),
    **{
        f"sse.prometheus.families[{name}]": cell(
            on_page("F.prom.drop", family=name),
            turns=WARNING,
            collateral=dict.fromkeys(unknown, UNKNOWN),
            why=f"{PAGE_IS_SOUND}; what is missing is told as missing by who reads it as well",
        )
        for name, unknown in (
            *((name, []) for name in (*GAUGES, "sse_total_connections_cleaned")),
            ("sse_health_status", ["sse.prometheus.health_status"]),
            ("sse_cleanup_errors_total", ["sse.prometheus.error_ratio", "sse.cleanup.error_trend"]),
            ("sse_cleanup_total", ["sse.prometheus.error_ratio", "sse.cleanup.error_trend"]),
        )
    },
    "sse.prometheus.agrees": cell(
        on_page("F.prom.set", family="sse_stale_connections", value=9), turns=WARNING, why=ONE_VIEW
    ),
    "sse.prometheus.error_ratio": cell(
        fault("F.sse.cleanup_errors", rate_percent=20, recent_only=True, log=False), turns=CRITICAL, shows_within_s=60
    ),
    "sse.prometheus.health_status": cell(
        on_page("F.prom.set", family="sse_health_status", value=2),
        turns=CRITICAL,
        collateral={"sse.prometheus.agrees": WARNING},
        why=ONE_VIEW,
    ),
    "sse.cloudwatch.published": cell(fault("F.sse.cloudwatch_stop"), turns=WARNING),
    "sse.log.cleanup_completed": cell(
        fault(
            "F.log.emit",
            log="sse_log",
            line="SSE cleanup completed: cleaned=5, failed=0, total_before=84, total_after=84, duration_ms=9.10, "
            "efficiency=100.0%, batch_size=10, threshold_seconds=300, stale_connections=5, active_connections=79, "
            "long_lived_connections=22",
        ),
        turns=WARNING,
        why=LINE_IS_SOUND,
    ),
    "sse.log.periodic_cycle": cell(
        fault("F.log.mute", log="sse_log", pattern="Periodic cleanup cycle"),
        turns=CRITICAL,
        why="a loop that has really stopped stops counting as well: that is scenario SC-15",
    ),
    "sse.log.no_errors": cell(
        fault("F.log.emit", log="sse_log", line="Error during periodic SSE cleanup: ConnectionError lab"),
        turns=WARNING,
        why="a cleanup that really failed stays counted, and turns the rate of errors red as well",
    ),
    "sse.log.retention": cell(fault("F.file.age", dir="sse_log_dir", remove_older_than_days=10), turns=WARNING),
    "sse.stream.connect": cell(fault("F.sse.refuse"), turns=CRITICAL, blocked=["sse.stream.ping"]),
    "sse.stream.ping": cell(fault("F.sse.no_ping"), turns=CRITICAL, shows_within_s=30),
}
