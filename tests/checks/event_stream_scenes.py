"""Scenes of an SSE service: what it reports, shows on its page, or has written; and what a check then says."""

from typing import Any

from healthgate.claim.state import State
from tests.checks import event_stream_service as well
from tests.checks.event_stream_service import (
    AGAIN,
    BEGAN,
    LOG,
    METRICS,
    MONITORING,
    log_facts,
)
from tests.checks.world import World

OK, MISSED, WARNING, CRITICAL, UNKNOWN = State.OK, State.MISSED, State.WARNING, State.CRITICAL, State.UNKNOWN
BLOCKED, PENDING = State.BLOCKED, State.PENDING

STATS, CLEANUP, PERFORMANCE = "connection_stats", "cleanup_stats", "performance_metrics"
ROOT = "sse.endpoint.monitoring"
PAGE = "sse.prometheus.valid"


def said(world: World, check_id: str, state: State, words: str = "") -> None:
    verdict = world.verdict(check_id)
    assert (verdict.state, words in verdict.reason) == (state, True), f"{verdict.state}: {verdict.reason}"


def blocked(world: World, check_id: str, by: str) -> None:
    verdict = world.verdict(check_id)
    assert (verdict.state, verdict.blocked_by) == (BLOCKED, by), f"{verdict.state}: {verdict.reason}"


def reporting(**members: Any) -> World:
    """A service that reports these members, `__` for a step down, in both looks."""
    world = World()
    for path, value in members.items():
        for request in (MONITORING, MONITORING + AGAIN):
            world.put(request, path.replace("__", "/"), value)
    return world


def exposing(began: float | None = BEGAN, later: dict[str, float] | None = None, **figures: float) -> World:
    """A service whose page shows these figures, in the second look some more of them."""
    world = World()
    world.observations[METRICS].facts["text"] = well.page_text(**figures)
    second = {"sse_cleanup_total": 121, "sse_total_connections_cleaned": 315} | figures | (later or {})
    world.observations[METRICS + AGAIN].facts["text"] = well.page_text(began, **second)
    return world


def writing(**kinds: Any) -> World:
    """A service that has written these lines."""
    return seen(LOG, log_facts(**kinds))


def seen(request: str, facts: dict[str, Any]) -> World:
    world = World()
    world.observations[request].facts = facts
    return world
