"""Servers that serve what the documents print, and nothing else, are green with the profile that `fit` proposes.

Every printed line that is crossed turns its own row, and every printed member that goes missing is unknown.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from healthgate.claim.state import State
from healthgate.fit import command
from tests.field.places import CATALOGUE, CRITICAL, ROOT, SYSTEMS, WARNING, Place, ill
from tests.field.worlds import DEBUG, TOKENS


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for role, token in TOKENS.items():
            patch.setenv(f"WORLD_{role.upper()}", token)
        patch.chdir(ROOT)
        yield Place(tmp_path_factory.mktemp("field") / "literal.yaml", stack)


def test_what_the_documents_print_is_green_with_the_profile_that_fit_proposes(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = place.fit(capsys)
    assert (code, "missing  " in printed, "elsewhere  " in printed) == (command.DIFFERS, False, False), printed

    code, printed = place.fit(capsys)

    assert (code, "Nothing is left to decide." in printed) == (command.FITS, True), printed
    assert ill(place.verdicts()) == {}


def placed(body: Any, path: str, value: Any) -> None:
    """Put a value where a member stands, or take the member out (None)."""
    *outer, last = path.split(".")
    for step in outer:
        body = body[int(step) if step.isdigit() else step]
    if value is None:
        del body[last]
    else:
        body[last] = value


Changes = dict[str, Any]

OVERVIEW, REDIS, LISTENER = f"{DEBUG}comprehensive", "/api/debug/redis-cluster", "/api/debug/websocket"
MONITORING = "/api/sse/monitoring"
POOL, STATS, CLEANUP, INDICATORS = "data.connection_pool", "connection_stats", "cleanup_stats", "health_indicators"
CLUSTER, FRESHNESS = f"{DEBUG}redis-cluster", "data.market_data_diagnostics.data_freshness"
SUMMED_UP = {
    "gateway": {
        "gateway.pool.arithmetic",
        "gateway.summary",
        "gateway.market",
        "market.contract",
        "gateway.consistency",
        "gateway.quick_health",
    },
    "market": {"market.data", "gateway.consistency", "market.service"},
    "wsmanager": {"wsmanager.consistency", "wsmanager.streams", "wsmanager.hwm"},
    "sse": {
        "sse.health",
        "sse.cleanup.arithmetic",
        "sse.cleanup.performance_block",
        "sse.prometheus",
        "sse.connections",
    },
}
"""What compares the figures of a system with each other, and may see that only one of them was changed."""

LINES: list[tuple[str, str, Changes, str, State]] = [
    ("gateway", CLUSTER, {f"{POOL}.utilization_percent": 80.5}, "gateway.pool.utilization", WARNING),
    ("gateway", CLUSTER, {f"{POOL}.utilization_percent": 90.5}, "gateway.pool.utilization", CRITICAL),
    ("gateway", CLUSTER, {f"{POOL}.active_connections": 40}, "gateway.pool.active_connections", WARNING),
    ("gateway", CLUSTER, {f"{POOL}.connection_success_rate": 94.9}, "gateway.pool.success_rate", WARNING),
    ("gateway", CLUSTER, {f"{POOL}.avg_response_time_ms": 100.5}, "gateway.redis.response_time", WARNING),
    (
        "gateway",
        OVERVIEW,
        {f"{FRESHNESS}.freshness_rate": 79.9},
        "gateway.market.freshness",
        WARNING,
    ),
    (
        "gateway",
        OVERVIEW,
        {f"{FRESHNESS}.freshness_rate": 49},
        "gateway.market.freshness",
        CRITICAL,
    ),
    (
        "gateway",
        OVERVIEW,
        {f"{FRESHNESS}.fresh_symbols": 0},
        "gateway.market.fresh_symbols",
        CRITICAL,
    ),
    (
        "gateway",
        f"{DEBUG}websocket-to-redis",
        {"data.websocket_status.is_running": False},
        "gateway.websocket.running",
        CRITICAL,
    ),
    (
        "market",
        REDIS,
        {"cluster_health.cluster_state": "fail"},
        "market.redis.cluster_state",
        CRITICAL,
    ),
    (
        "market",
        REDIS,
        {"cluster_health.ping_success": False},
        "market.redis.ping_success",
        CRITICAL,
    ),
    (
        "market",
        REDIS,
        {"cluster_health.ping_time_ms": 50.5},
        "market.redis.ping_time",
        WARNING,
    ),
    (
        "market",
        REDIS,
        {"cluster_health.ping_time_ms": 100},
        "market.redis.ping_time",
        CRITICAL,
    ),
    ("market", LISTENER, {"connection_status.is_running": False}, "market.ws.running", CRITICAL),
    (
        "market",
        LISTENER,
        {"connection_status.last_message_age": 30},
        "market.ws.last_message_age",
        CRITICAL,
    ),
    (
        "market",
        LISTENER,
        {"connection_history.success_rate": 94.9},
        "market.ws.success_rate",
        WARNING,
    ),
    (
        "market",
        LISTENER,
        {"connection_history.success_rate": 79.9},
        "market.ws.success_rate",
        CRITICAL,
    ),
    (
        "sse",
        MONITORING,
        {f"{STATS}.redis_connection_counters": 73},
        "sse.connections.mismatch",
        CRITICAL,
    ),
    ("sse", MONITORING, {f"{CLEANUP}.error_rate": 5.1}, "sse.cleanup.error_rate", WARNING),
    ("sse", MONITORING, {f"{CLEANUP}.error_rate": 10.1}, "sse.cleanup.error_rate", CRITICAL),
    ("sse", MONITORING, {f"{STATS}.active_connections": 1001}, "sse.connections.count", WARNING),
    ("sse", MONITORING, {f"{CLEANUP}.stale": 51}, "sse.connections.stale", WARNING),
    ("sse", MONITORING, {f"{CLEANUP}.very_old": 11}, "sse.connections.very_old", WARNING),
    ("sse", MONITORING, {f"{STATS}.cleanup_task_running": False}, "sse.cleanup.running", CRITICAL),
    ("sse", MONITORING, {f"{INDICATORS}.overall_health": "degraded"}, "sse.health.level", WARNING),
    ("sse", MONITORING, {f"{INDICATORS}.overall_health": "unhealthy"}, "sse.health.level", CRITICAL),
]
"""Lines that the documents print, and a figure beyond each."""


@pytest.mark.parametrize(("system", "route", "changes", "check_id", "state"), LINES)
def test_a_printed_line_that_is_crossed_turns_its_own_row(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    system: str,
    route: str,
    changes: Changes,
    check_id: str,
    state: State,
) -> None:
    place.fitted(capsys)
    with place.worlds[system].changed(route, lambda body: [placed(body, *change) for change in changes.items()]):
        found = ill(place.verdicts(system))

    assert found.pop(check_id, "nothing").startswith(f"{state}: "), found
    known = (*SUMMED_UP[system], *(place.usual or ()))
    assert [name for name in found if not name.startswith(known)] == [], found


REQUIRED = [
    (system, probe.route, path)
    for system, kind in CATALOGUE.systems.items()
    for probe in kind.asked
    for path, expected in probe.shape.items()
    if not expected.chosen and path not in {"", "data"} and "*" not in path
]
"""Every member that the documents print."""


def test_the_documents_print_members_of_every_system() -> None:
    assert {system for system, _, _ in REQUIRED} == set(SYSTEMS)
    assert len(set(REQUIRED)) > 50


@pytest.mark.parametrize(("system", "route", "path"), sorted(set(REQUIRED)))
def test_a_printed_member_that_is_gone_is_never_passed_over(
    place: Place, capsys: pytest.CaptureFixture[str], system: str, route: str, path: str
) -> None:
    """What reads it is unknown or red, and says which member it is."""
    place.fitted(capsys)
    with place.worlds[system].changed(route, lambda body: placed(body, path, None)):
        found = ill(place.verdicts(system))

    last = path.rpartition(".")[2]
    assert any(last in reason for name, reason in found.items() if name not in (place.usual or ())), found
