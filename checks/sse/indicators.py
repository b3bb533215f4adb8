"""The health indicators as the service should derive them from its figures (spec 5.4)."""

from collections.abc import Callable
from dataclasses import dataclass

from healthgate import Facts, shown

SERVING = frozenset({"healthy", "degraded"})
"""Levels at which a load balancer may send clients."""

MADE_OF = ("sse.connections", "sse.cleanup", "sse.health.alerts_empty")
"""Checks of what makes the service degraded or unhealthy."""

SEVERITIES = {"alerts": "high", "warnings": "medium"}
"""What the entries of each list are called."""


@dataclass(frozen=True)
class Condition:
    """When an entry of this type belongs into which list: above `line`, and not above `ceiling` if there is one."""

    type: str
    list: str
    line: float
    figure: Callable[[Facts], float]
    ceiling: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a figure belongs into the list."""
        return value > self.line and (self.ceiling is None or value <= self.ceiling)


def mismatch(body: Facts) -> float:
    """Return by how many the connections counted here and in Redis differ."""
    stats = body.at("connection_stats")
    return abs(stats.integer("active_connections") - stats.integer("redis_connection_counters"))


def stopped(body: Facts) -> float:
    """Return 1 where the periodic cleanup is switched on and does not run, else 0."""
    enabled = body.boolean("configuration.periodic_cleanup_enabled")
    return float(enabled and not body.boolean("connection_stats.cleanup_task_running"))


STOPPED = Condition("cleanup_not_running", "alerts", 0, stopped)
CONDITIONS = (
    Condition("connection_mismatch", "alerts", 10, mismatch),
    Condition("high_cleanup_error_rate", "alerts", 10, lambda body: body.number("cleanup_stats.error_rate")),
    STOPPED,
    Condition(
        "high_connection_count", "warnings", 1000, lambda body: body.integer("connection_stats.active_connections")
    ),
    Condition("elevated_error_rate", "warnings", 5, lambda body: body.number("cleanup_stats.error_rate"), 10),
    Condition("stale_connection_accumulation", "warnings", 50, lambda body: body.integer("cleanup_stats.stale")),
    Condition("very_old_connections", "warnings", 10, lambda body: body.integer("cleanup_stats.very_old")),
)
BY_TYPE = {condition.type: condition for condition in CONDITIONS}


def is_note(entry: Facts) -> bool:
    """Whether a warning merely tells of a figure that is not beyond its own line; one of unknown type is none."""
    condition = BY_TYPE.get(entry.text("type"))
    return condition is not None and condition.list == "warnings" and entry.number("value") <= condition.line


def level(indicators: Facts, strict: bool) -> str:
    """Return the level that follows from the lists; strictly, every warning counts, notes too."""
    if indicators.elements("alerts"):
        return "unhealthy"
    counting = [entry for entry in indicators.elements("warnings") if strict or not is_note(entry)]
    return "degraded" if counting else "healthy"


def contradictions(body: Facts) -> list[str]:
    """Return in words where the lists and the figures contradict each other."""
    found: list[str] = []
    for condition in CONDITIONS:
        found += _about(condition, body)
    return found


def unknown_types(body: Facts) -> list[str]:
    """Return the types of entries that no condition is known for."""
    entries = [entry for name in SEVERITIES for entry in body.elements(f"health_indicators.{name}")]
    return sorted({kind for entry in entries if (kind := entry.text("type")) not in BY_TYPE})


def _about(condition: Condition, body: Facts) -> list[str]:
    value = condition.figure(body)
    said = f"{condition.type} ({_spoken(condition, value)})"
    listed = {
        name: [e for e in body.elements(f"health_indicators.{name}") if e.text("type") == condition.type]
        for name in SEVERITIES
    }
    found = [f"{said} stands among the {name}" for name, e in listed.items() if e and name != condition.list]
    entries = listed[condition.list]
    if condition.holds(value) and not entries:
        found.append(f"{said} is not listed")
    if not condition.holds(value) and any(condition.list == "alerts" or not is_note(entry) for entry in entries):
        found.append(f"{said} is listed")
    if len(entries) > 1:
        found.append(f"{said} is listed {len(entries)} times")
    for entry in entries:
        if condition is not STOPPED and abs(entry.number("value") - value) > 0.05:
            found.append(f"{said} is listed with {entry.number('value'):g}")
        if entry.text("severity") != SEVERITIES[condition.list]:
            found.append(f"{said} is listed as {shown(entry.text('severity'))}")
    return found


def _spoken(condition: Condition, value: float) -> str:
    if condition is STOPPED:
        return "the cleanup does not run" if value else "the cleanup runs"
    return f"{value:g}"
