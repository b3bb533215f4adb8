"""One thing made ill at an SSE service, its Redis, its log or its CloudWatch: the check that is about it says so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from healthgate.claim.tally import Tally
from healthgate.observe.plan import left_out
from tests.checks import event_stream_service as well
from tests.checks.event_stream_scenes import (
    CLEANUP,
    CRITICAL,
    MISSED,
    OK,
    PAGE,
    PENDING,
    PERFORMANCE,
    ROOT,
    STATS,
    UNKNOWN,
    WARNING,
    blocked,
    exposing,
    reporting,
    said,
)
from tests.checks.event_stream_service import (
    AGAIN,
    BEGAN,
    CLEANUPS_ASKED,
    CONNECTIONS,
    COUNTER,
    ERROR_RATE,
    ERRORS_ASKED,
    HEALTH,
    LOG,
    METRICS,
    MONITORING,
    NOW,
    REDIS,
    cycles,
    entry,
    log_facts,
)
from tests.checks.world import CATALOGUE, MISSING, World

# -- what is reported -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check_id", "path", "value", "state", "words"),
    [
        ("sse.connections.mismatch", f"{STATS}/redis_connection_counters", 94, OK, "84 open at the service, 94"),
        ("sse.connections.mismatch", f"{STATS}/redis_connection_counters", 95, CRITICAL, "11 connections"),
        ("sse.connections.mismatch", f"{STATS}/redis_connection_counters", 73, CRITICAL, "84 open at the service, 73"),
        ("sse.connections.mismatch", f"{STATS}/redis_connection_counters", "83", UNKNOWN, "not a whole number"),
        ("sse.connections.mismatch", f"{STATS}/active_connections", MISSING, UNKNOWN, "is missing"),
        ("sse.connections.count", f"{STATS}/active_connections", 1000, OK, ""),
        ("sse.connections.count", f"{STATS}/active_connections", 1001, WARNING, "1001 connections"),
        ("sse.connections.count", f"{STATS}/active_connections", -1, UNKNOWN, "cannot be"),
        ("sse.connections.stale", f"{CLEANUP}/stale", 51, WARNING, "51 connections"),
        ("sse.connections.very_old", f"{CLEANUP}/very_old", 11, WARNING, "11 connections"),
        ("sse.connections.partition", f"{CLEANUP}/active", 81, OK, ""),
        ("sse.connections.partition", f"{CLEANUP}/active", 80, WARNING, "1 stale and 80 active of 84"),
        ("sse.connections.partition", f"{CLEANUP}/active", 86, WARNING, "1 stale and 86 active of 84"),
        ("sse.connections.age_order", f"{CLEANUP}/long_lived", 1, WARNING, "2 older than 6 h, 1 older than 1 h"),
        ("sse.connections.age_order", f"{CLEANUP}/long_lived", 85, WARNING, "85 older than 1 h, 84 in all"),
        ("sse.connections.age_order", f"{CLEANUP}/very_old", None, UNKNOWN, "very_old is null"),
        ("sse.cleanup.running", f"{STATS}/cleanup_task_running", False, CRITICAL, '"stopped"'),
        ("sse.cleanup.running", f"{STATS}/cleanup_task_running", "yes", UNKNOWN, "not true or false"),
        ("sse.cleanup.running", "configuration/periodic_cleanup_enabled", False, WARNING, '"switched off"'),
        ("sse.cleanup.error_rate", f"{CLEANUP}/error_rate", 5.1, WARNING, "5.1 %"),
        ("sse.cleanup.error_rate", f"{CLEANUP}/error_rate", 10.1, CRITICAL, "10.1 %"),
        ("sse.cleanup.error_rate", f"{CLEANUP}/error_rate", "1.7", UNKNOWN, '"1.7"'),
        ("sse.cleanup.consecutive_errors", f"{CLEANUP}/consecutive_errors", 2, MISSED, "2 errors"),
        ("sse.cleanup.consecutive_errors", f"{CLEANUP}/consecutive_errors", 3, WARNING, "3 errors"),
        ("sse.cleanup.consecutive_errors", f"{CLEANUP}/consecutive_errors", 10, CRITICAL, "10 errors"),
        ("sse.cleanup.efficiency", f"{PERFORMANCE}/cleanup_efficiency_rate", 94.9, WARNING, "94.9 %"),
        ("sse.cleanup.efficiency", f"{PERFORMANCE}/cleanup_efficiency_rate", 89.9, CRITICAL, "89.9 %"),
        ("sse.cleanup.duration", f"{CLEANUP}/last_cleanup_duration_ms", 160.0, PENDING, "160 ms (7.9 ms on average)"),
        ("sse.cleanup.duration", f"{PERFORMANCE}/avg_cleanup_duration_ms", 101.0, WARNING, "take 101 ms on average"),
        ("sse.cleanup.duration", f"{PERFORMANCE}/avg_cleanup_duration_ms", MISSING, UNKNOWN, "is missing"),
        ("sse.cleanup.arithmetic[error_rate]", f"{CLEANUP}/error_rate", 1.8, WARNING, "2 of 120 cleanups failed"),
        ("sse.cleanup.arithmetic[error_rate]", f"{CLEANUP}/error_rate", 1.75, OK, "make 1.6667"),
        (
            "sse.cleanup.arithmetic[connection_failure_rate]",
            f"{CLEANUP}/connection_failure_rate",
            2.8,
            WARNING,
            "6 of 318 connections failed make 1.8868",
        ),
        (
            "sse.cleanup.arithmetic[per_cleanup]",
            f"{CLEANUP}/connections_per_cleanup",
            2.62,
            WARNING,
            "312 cleaned in 120 cleanups make 2.6",
        ),
        (
            "sse.cleanup.arithmetic[efficiency]",
            f"{PERFORMANCE}/cleanup_efficiency_rate",
            97.2,
            WARNING,
            "312 of 318 connections cleaned make 98.113",
        ),
        ("sse.cleanup.arithmetic[efficiency]", f"{CLEANUP}/failed_connections", "6", UNKNOWN, "not a whole number"),
        (
            "sse.cleanup.performance_block",
            f"{PERFORMANCE}/connections_cleaned_per_operation",
            3.0,
            WARNING,
            "connections_cleaned_per_operation is 3, connections_per_cleanup is 2.6",
        ),
        ("sse.cleanup.performance_block", f"{PERFORMANCE}/cleanup_error_rate", 1.8, WARNING, "cleanup_error_rate"),
        ("sse.cleanup.performance_block", f"{PERFORMANCE}/cleanup_error_rate", "1.7", UNKNOWN, "not a number"),
        ("sse.config.cleanup_interval", "configuration/cleanup_interval_seconds", 9, WARNING, "between 10 s and 300 s"),
        ("sse.config.cleanup_interval", "configuration/cleanup_interval_seconds", 10, OK, ""),
        ("sse.config.cleanup_interval", "configuration/cleanup_interval_seconds", 301, WARNING, "301 s"),
        ("sse.config.batch_size", "configuration/cleanup_batch_size", 0, WARNING, "0 connections"),
        ("sse.config.batch_size", "configuration/cleanup_batch_size", 101, WARNING, "101 connections"),
        ("sse.config.batch_size", "configuration/cleanup_batch_size", -5, WARNING, "-5 connections"),
        ("sse.config.batch_size", "configuration/cleanup_batch_size", "ten", UNKNOWN, "not a number"),
        ("sse.config.stale_vs_interval", "configuration/stale_threshold_seconds", 120, OK, ""),
        ("sse.config.stale_vs_interval", "configuration/stale_threshold_seconds", 119, WARNING, "119 s"),
        ("sse.config.stale_vs_interval", "configuration/cleanup_interval_seconds", 0, UNKNOWN, "which is no interval"),
        ("sse.config.stale_vs_ping", "configuration/stale_threshold_seconds", 45, OK, ""),
        (
            "sse.config.stale_vs_ping",
            "configuration/stale_threshold_seconds",
            44,
            WARNING,
            "ping_interval_seconds is 15",
        ),
        ("sse.config.stale_vs_ping", "configuration/ping_interval_seconds", MISSING, OK, "the logged ping_interval"),
        ("sse.config.declared", "configuration/ping_interval_seconds", MISSING, OK, ""),
        ("sse.config.declared", "configuration/cleanup_batch_size", MISSING, UNKNOWN, "is missing"),
        ("sse.monitoring.age", "timestamp", "2026-03-02T09:13:59Z", WARNING, "61 s"),
        ("sse.monitoring.age", "timestamp", "2026-03-02T08:59:59Z", CRITICAL, "901 s"),
        ("sse.monitoring.age", "timestamp", "2026-03-02T09:15:04Z", OK, ""),
        ("sse.monitoring.age", "timestamp", "2026-03-02T09:15:06Z", UNKNOWN, "cannot be"),
        ("sse.monitoring.age", "timestamp", "2026-03-02T09:14:59", UNKNOWN, "not a time"),
        ("sse.health.level", "health_indicators/overall_health", "degraded", WARNING, '"degraded"'),
        ("sse.health.level", "health_indicators/overall_health", "unhealthy", CRITICAL, '"unhealthy"'),
        ("sse.health.level", "health_indicators/overall_health", "fine", CRITICAL, '"fine"'),
        ("sse.health.alerts_empty", "health_indicators/alerts", [entry("x", 1, "high")], CRITICAL, "1 alert (x)"),
        ("sse.health.alerts_empty", "health_indicators/alerts", None, UNKNOWN, "alerts is null, not a list"),
        ("sse.contract.monitoring", "service_name", "sse_manager", CRITICAL, "not one of sse_connection_manager"),
        ("sse.contract.monitoring", f"{CLEANUP}/stale", -1, CRITICAL, "of at least 0"),
        ("sse.contract.monitoring", "configuration/cleanup_batch_size", 0, OK, ""),
        ("sse.contract.monitoring", "timestamp", "2026-03-02T09:15:00+02:00", CRITICAL, "a time in UTC"),
        ("sse.contract.monitoring", "health_indicators/alerts", [entry("x", 1)], CRITICAL, "not one of high"),
        ("sse.contract.monitoring", "health_indicators/warnings", [{"type": "x"}], CRITICAL, "message is missing"),
        ("sse.contract.monitoring", "health_indicators/warnings", {}, CRITICAL, "not a list"),
        (
            "sse.contract.monitoring",
            "health_indicators/warnings",
            [entry("x", 1) | {"value": "many"}],
            CRITICAL,
            "a number, true or false",
        ),
    ],
)
def test_a_figure_that_is_reported_is_judged(check_id, path, value, state, words):
    said(World().put(MONITORING, path, value), check_id, state, words)


def test_figures_of_a_service_that_has_not_cleaned_up_yet_are_those_of_nothing():
    fresh = {
        "total_cleanups": 0, "total_connections_cleaned": 0, "cleanup_errors": 0, "failed_connections": 0,
        "error_rate": 0.0, "connection_failure_rate": 0.0, "connections_per_cleanup": 0.0,
    }  # fmt: skip
    world = reporting(
        **{f"{CLEANUP}__{name}": value for name, value in fresh.items()},
        performance_metrics__cleanup_efficiency_rate=100.0,
    )
    for parameter in ("error_rate", "connection_failure_rate", "per_cleanup", "efficiency"):
        said(world, f"sse.cleanup.arithmetic[{parameter}]", OK)
    said(
        world.put(MONITORING, f"{PERFORMANCE}/cleanup_efficiency_rate", 0.0),
        "sse.cleanup.arithmetic[efficiency]",
        WARNING,
    )


@pytest.mark.parametrize(("minutes", "state"), [(4, PENDING), (5, WARNING)])
def test_slow_cleanups_are_believed_after_five_minutes_of_them(minutes, state):
    world = World().put(MONITORING, f"{CLEANUP}/last_cleanup_duration_ms", 160.0)
    assert world.verdict_after("sse.cleanup.duration", 160.0, minutes * 60).state is state
    said(World(), "sse.cleanup.duration", OK)


# -- where it cannot be asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"code": 500}, "500"),
        ({"code": 404}, "404"),
        ({"code": 302, "location": "http://login"}, "a redirect to http://login"),
        ({"code": 200, "body": []}, "without a JSON object"),
        ({"code": 200, "flaw": "the answer is text/html, not JSON", "text": "<html>"}, "not JSON"),
    ],
)
def test_a_monitoring_route_that_answers_otherwise_is_one_root(answer, words):
    world = World().answer(MONITORING, **answer)
    said(world, ROOT, CRITICAL, words)
    for check_id in ("sse.connections.mismatch", "sse.cleanup.progress", "sse.health.level", "sse.config.batch_size"):
        blocked(world, check_id, ROOT)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("refused", CRITICAL),
        ("reset", CRITICAL),
        ("unresolved", CRITICAL),
        ("late", UNKNOWN),
        ("starved", UNKNOWN),
        ("malformed", UNKNOWN),
    ],
)
def test_routes_that_are_out_of_reach_are_down_or_unknown(status, state):
    for request, check_id in ((MONITORING, ROOT), (HEALTH, "sse.health.endpoint")):
        said(World().fail(request, status, "it went wrong"), check_id, state, "it went wrong")


def test_a_dead_monitoring_route_leaves_alone_what_does_not_read_it():
    world = World().fail(MONITORING, "refused", "nothing listens")
    for name in CATALOGUE.checks:
        if name.startswith(("sse.log.", "sse.stream.", "sse.redis.", "sse.cloudwatch.", "sse.prometheus.families")):
            said(world, name, OK)


# -- health -----------------------------------------------------------------------------------------------------

NO = {"healthy": False, "overall_health": "unhealthy"}


@pytest.mark.parametrize(
    ("code", "body", "state", "words"),
    [
        (503, NO, CRITICAL, "503"),
        (500, None, CRITICAL, "500"),
        (200, NO, CRITICAL, "without saying healthy"),
        (200, {"healthy": "true"}, CRITICAL, "without saying healthy"),
        (200, [True], CRITICAL, "without saying healthy"),
        (200, {"healthy": True, "overall_health": "degraded"}, OK, ""),
    ],
)
def test_a_balancer_is_sent_away_by_anything_but_a_yes(code, body, state, words):
    said(World().answer(HEALTH, code, body), "sse.health.endpoint", state, words)


@pytest.mark.parametrize(
    ("code", "healthy", "level", "state"),
    [
        (200, True, "healthy", OK),
        (200, True, "degraded", OK),
        (503, False, "unhealthy", OK),
        (200, True, "unhealthy", CRITICAL),
        (503, False, "healthy", CRITICAL),
        (503, False, "degraded", CRITICAL),
        (200, False, "unhealthy", CRITICAL),
        (503, True, "healthy", CRITICAL),
        (200, True, "fine", CRITICAL),
    ],
)
def test_the_health_route_says_yes_exactly_at_healthy_and_degraded(code, healthy, level, state):
    world = (
        World().answer(HEALTH, code, {"healthy": healthy}).put(MONITORING, "health_indicators/overall_health", level)
    )
    said(world, "sse.health.endpoint_mapping", state, f"answered {code}, healthy {str(healthy).lower()}")


def test_a_health_route_that_fails_is_told_once():
    blocked(World().answer(HEALTH, 500), "sse.health.endpoint_mapping", "sse.health.endpoint")
    said(World().answer(HEALTH, 503, {"healthy": "no"}), "sse.health.endpoint_mapping", UNKNOWN, "not true or false")


def test_routes_that_were_read_at_different_moments_are_read_again():
    world = World().answer(HEALTH, 503, NO).again(2).again(3)
    said(world, "sse.health.endpoint_mapping", CRITICAL)
    world.observations[f"{HEALTH} (attempt 3)"] = replace(World().observations[HEALTH], id=f"{HEALTH} (attempt 3)")
    said(world, "sse.health.endpoint_mapping", OK)


def indicating(level: str, alerts: list[Any], warnings: list[Any], **figures: Any) -> World:
    indicators = {"overall_health": level, "alerts": alerts, "warnings": warnings}
    return reporting(health_indicators=indicators, **figures)


MARKED, OLD_NOTE, OLD = entry("lab_marker", 1), entry("very_old_connections", 2), entry("very_old_connections", 12)


@pytest.mark.parametrize(
    ("level", "alerts", "warnings", "lenient", "strict"),
    [
        ("healthy", [], [], OK, OK),
        ("degraded", [], [], WARNING, WARNING),
        ("unhealthy", [], [], WARNING, WARNING),
        ("degraded", [], [MARKED], OK, OK),
        ("healthy", [], [MARKED], WARNING, WARNING),
        ("degraded", [], [OLD], OK, OK),
        ("healthy", [], [OLD_NOTE], OK, WARNING),
        ("degraded", [], [OLD_NOTE], WARNING, OK),
        ("degraded", [], [OLD_NOTE, MARKED], OK, OK),
        ("unhealthy", [MARKED], [], OK, OK),
        ("degraded", [MARKED], [MARKED], WARNING, WARNING),
        ("unhealthy", [MARKED], [OLD], OK, OK),
        ("fine", [], [], WARNING, WARNING),
    ],
)
def test_the_level_follows_from_the_lists_leniently_or_strictly(level, alerts, warnings, lenient, strict):
    for setting, state in ((False, lenient), (True, strict)):
        world = indicating(level, alerts, warnings)
        world.systems["sse"].strict_levels = setting
        said(world, "sse.health.level_consistent", state)


@pytest.mark.parametrize("flaw", [{"value": "many"}, {"type": None}, {"value": None}])
def test_an_entry_that_cannot_be_read_leaves_the_level_without_data(flaw):
    said(indicating("healthy", [], [OLD_NOTE | flaw]), "sse.health.level_consistent", UNKNOWN)


HIGH = "high"


@pytest.mark.parametrize(
    ("figures", "alerts", "warnings", "words"),
    [
        ({}, [], [], ""),
        ({}, [], [MARKED], ""),
        ({}, [], [OLD_NOTE], ""),
        ({}, [], [entry("very_old_connections", 3)], "very_old_connections (2) is listed with 3"),
        ({}, [], [entry("stale_connection_accumulation", 70)], "stale_connection_accumulation (1) is listed"),
        ({}, [entry("connection_mismatch", 1, HIGH)], [], "connection_mismatch (1) is listed"),
        ({"connection_stats__redis_connection_counters": 70}, [], [], "connection_mismatch (14) is not listed"),
        ({"connection_stats__redis_connection_counters": 70}, [entry("connection_mismatch", 14, HIGH)], [], ""),
        (
            {"connection_stats__redis_connection_counters": 70},
            [entry("connection_mismatch", 13, HIGH)],
            [],
            "connection_mismatch (14) is listed with 13",
        ),
        (
            {"connection_stats__redis_connection_counters": 70},
            [],
            [entry("connection_mismatch", 14)],
            "stands among the warnings",
        ),
        ({"cleanup_stats__error_rate": 12.0}, [entry("high_cleanup_error_rate", 12.0, HIGH)], [], ""),
        (
            {"cleanup_stats__error_rate": 12.0},
            [entry("high_cleanup_error_rate", 12.0, HIGH)],
            [entry("elevated_error_rate", 12.0)],
            "elevated_error_rate (12) is listed",
        ),
        ({"cleanup_stats__error_rate": 10.0}, [], [entry("elevated_error_rate", 10.0)], ""),
        ({"cleanup_stats__error_rate": 5.0}, [], [], ""),
        ({"cleanup_stats__error_rate": 5.1}, [], [], "elevated_error_rate (5.1) is not listed"),
        ({"connection_stats__cleanup_task_running": False}, [], [], "cleanup_not_running (the cleanup does not run)"),
        (
            {"connection_stats__cleanup_task_running": False},
            [entry("cleanup_not_running", False, HIGH)],
            [],
            "",
        ),
        (
            {"connection_stats__cleanup_task_running": False, "configuration__periodic_cleanup_enabled": False},
            [],
            [],
            "",
        ),
        ({}, [entry("cleanup_not_running", True, HIGH)], [], "cleanup_not_running (the cleanup runs) is listed"),
        ({"cleanup_stats__stale": 51}, [], [], "stale_connection_accumulation (51) is not listed"),
        ({"cleanup_stats__stale": 50}, [], [], ""),
        ({"cleanup_stats__very_old": 12}, [], [OLD, OLD], "very_old_connections (12) is listed 2 times"),
        ({"cleanup_stats__very_old": 12}, [], [OLD | {"severity": "low"}], 'is listed as "low"'),
        (
            {"connection_stats__active_connections": 1034, "connection_stats__redis_connection_counters": 1033},
            [],
            [],
            "high_connection_count (1034) is not listed",
        ),
    ],
)
def test_the_lists_hold_exactly_what_the_figures_ask_for(figures, alerts, warnings, words):
    world = indicating("healthy", alerts, warnings, **figures)
    said(world, "sse.health.lists_consistent", WARNING if words else OK, words)


def test_entries_of_unknown_types_are_noted():
    said(indicating("degraded", [], [MARKED]), "sse.health.lists_consistent", OK, "not judged: lab_marker")


def test_a_list_that_cannot_be_read_is_no_data():
    said(indicating("healthy", [], {}), "sse.health.lists_consistent", UNKNOWN, "not a list")


def test_what_merely_sums_up_names_what_it_sums_up():
    alert = entry("connection_mismatch", 15, HIGH)
    world = indicating("unhealthy", [alert], [], connection_stats__redis_connection_counters=99)
    world.answer(HEALTH, 503, NO)
    world.observations[METRICS].facts["text"] = well.page_text(sse_health_status=2, sse_health_alerts=1)
    said(world, "sse.connections.mismatch", CRITICAL)
    for check_id in ("level", "alerts_empty", "endpoint"):
        assert "sse.connections.mismatch" in world.verdict(f"sse.health.{check_id}").echoes
    assert "sse.connections.mismatch" in world.verdict("sse.prometheus.health_status").echoes
    said(world, "sse.health.endpoint_mapping", OK)
    said(world, "sse.health.lists_consistent", OK)


# -- Redis ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "state", "words"),
    [
        ("81", OK, ""),
        ("80", WARNING, "the service reports 83, Redis has 80"),
        ("-1", WARNING, "Redis has -1"),
        (None, WARNING, "there is no such key in Redis"),
        ("many", UNKNOWN, '"many", not a whole number'),
        ("9" * 40, UNKNOWN, "not a whole number"),
        ({"error": "WRONGTYPE"}, UNKNOWN, "WRONGTYPE"),
    ],
)
def test_the_reported_counter_is_held_against_the_one_in_redis(kept, state, words):
    world = World().put(REDIS, f"replies/{COUNTER}", kept)
    said(world, "sse.connections.redis_direct", state, words)
    said(world, "sse.redis.reachable", OK)
    said(world, "sse.connections.mismatch", OK)


def test_counters_that_raced_are_read_again():
    world = World().put(REDIS, f"replies/{COUNTER}", "70").again(2)
    world.observations[f"{REDIS} (attempt 2)"].facts["replies"][COUNTER] = "83"
    said(world, "sse.connections.redis_direct", OK)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("refused", CRITICAL),
        ("reset", CRITICAL),
        ("unresolved", CRITICAL),
        ("late", CRITICAL),
        ("starved", UNKNOWN),
        ("malformed", UNKNOWN),
    ],
)
def test_a_redis_that_does_not_answer_is_told_once(status, state):
    world = World().fail(REDIS, status, "it went wrong")
    said(world, "sse.redis.reachable", state, "it went wrong")
    blocked(world, "sse.connections.redis_direct", "sse.redis.reachable")


def test_a_redis_that_answers_late_or_oddly_is_not_reachable():
    said(World().put(REDIS, "took_ms", 1000.0), "sse.redis.reachable", OK, "")
    said(World().put(REDIS, "took_ms", 1000.1), "sse.redis.reachable", CRITICAL, "1000.1 ms")
    said(World().put(REDIS, "replies/PING", "PANG"), "sse.redis.reachable", CRITICAL, '"PANG"')


# -- counters ---------------------------------------------------------------------------------------------------


def standing(seconds: float = 120.0) -> World:
    """A service whose cleanups do not get on, seen for so long."""
    world = reporting(cleanup_stats__total_cleanups=120)
    world.observations[MONITORING + AGAIN].at = NOW + seconds
    return world


def test_a_counter_of_cleanups_that_stands_is_believed_after_two_minutes():
    said(standing(), "sse.cleanup.progress", PENDING, "0 cleanups (0 in 2 m of 2 m")
    for seconds, state in ((0, PENDING), (120, WARNING), (240, CRITICAL)):
        assert standing().verdict_after("sse.cleanup.progress", 0, seconds).state is state
    said(World(), "sse.cleanup.progress", OK, "")


@pytest.mark.parametrize(
    ("ago", "total", "state"),
    [(20.0, 120, OK), (20.0, 121, OK), (120.0, 120, OK), (120.5, 120, PENDING), (20.0, 122, PENDING)],
)
def test_where_no_cleanup_was_due_the_last_in_the_log_counts_if_it_is_counted(ago, total, state):
    world = standing(2.0)
    world.observations[LOG].facts = log_facts(cycle=cycles(ago, total=total))
    said(world, "sse.cleanup.progress", state)
    assert standing(60.0).verdict("sse.cleanup.progress").state is PENDING


def test_without_a_log_a_counter_that_stands_for_two_seconds_proves_nothing():
    world = standing(2.0)
    world.systems["sse"].log = None
    said(world, "sse.cleanup.progress", PENDING, "not known yet: 0 in 2 s of 2 m")
    assert world.verdict_after("sse.cleanup.progress", 0, 240).healthy, "a healthy service was critical by that"
    lost = standing(2.0).fail(LOG, "unreadable", "nobody may read it")
    said(lost, "sse.cleanup.progress", PENDING, "not known yet: 0 in 2 s of 2 m")


def test_one_cleanup_is_progress_however_short_the_look():
    world = reporting(cleanup_stats__total_cleanups=120)
    world.put(MONITORING + AGAIN, f"{CLEANUP}/total_cleanups", 121)
    world.systems["sse"].log = None
    said(world, "sse.cleanup.progress", OK, "1 cleanup")


def test_runs_three_minutes_apart_see_a_healthy_service():
    """They were held against the two seconds of a run: 0 in 2 s, and again, was critical."""
    world = standing(2.0)
    world.systems["sse"].log = None
    for ago in (133, 180, 239):
        name = f"{MONITORING} · cleanup_stats.total_cleanups"
        world.tallies = {name: [Tally(NOW + 2 - ago, 117, None)]}
        said(world, "sse.cleanup.progress", OK, "3 cleanups (3 in")


def test_a_restart_is_progress():
    world = reporting()
    world.put(MONITORING, f"{CLEANUP}/total_cleanups", 900)
    restarted = exposing(began=NOW + 1, sse_cleanup_total=900, later={"sse_cleanup_total": 3})
    for request in (METRICS, METRICS + AGAIN):
        world.observations[request] = restarted.observations[request]
    said(world, "sse.cleanup.progress", OK, "")
    said(world, "sse.counters.monotonic", OK, "")


def test_a_fall_that_nobody_explains_is_told_by_the_check_on_falls():
    world = World().put(MONITORING, f"{CLEANUP}/total_cleanups", 900)
    said(world, "sse.counters.monotonic", WARNING, "total_cleanups fell from 900 to 121, without a restart")
    world.observations[METRICS + AGAIN].facts["text"] = well.page_text(sse_cleanup_total=100)
    blocked(world, "sse.cleanup.progress", "sse.counters.monotonic")
    blocked(world, "sse.prometheus.error_ratio", "sse.counters.monotonic")


@pytest.mark.parametrize("name", ["total_connections_cleaned", "cleanup_errors", "failed_connections"])
def test_any_counter_that_falls_is_named(name):
    said(World().put(MONITORING, f"{CLEANUP}/{name}", 999), "sse.counters.monotonic", WARNING, f"{name} fell from 999")


def test_a_fall_on_a_page_that_does_not_say_when_it_began_is_no_data():
    world = World().put(MONITORING, f"{CLEANUP}/cleanup_errors", 999)
    for request in (METRICS, METRICS + AGAIN):
        world.observations[request].facts["text"] = well.page_text(None)
    said(world, "sse.counters.monotonic", UNKNOWN, "nobody says whether the service was restarted")
    world.fail(METRICS, "refused", "nothing listens")
    blocked(world, "sse.counters.monotonic", PAGE)


def test_a_fall_of_some_minutes_ago_is_told_from_what_earlier_runs_saw():
    looks = {"sse_cleanup_total": 119, "sse_total_connections_cleaned": 500, "sse_cleanup_errors_total": 2}
    world = World()
    world.tallies = {f"{METRICS} · {name}{{}}": [Tally(NOW - 100, value, BEGAN)] for name, value in looks.items()}
    said(world, "sse.counters.monotonic", WARNING, "sse_total_connections_cleaned fell from 500 to 312")


def grown(errors: int, total: int) -> World:
    """A service whose page counts so many more errors and cleanups in the second look, half an hour later."""
    later = {"sse_cleanup_errors_total": 2 + errors, "sse_cleanup_total": 120 + total}
    world = exposing(later=later)
    world.observations[METRICS + AGAIN].at = NOW + 1800
    world.observations[METRICS + AGAIN].facts["clock"] = 2800.0
    return world


@pytest.mark.parametrize(
    ("errors", "total", "state", "words"),
    [
        (0, 30, OK, "0 of 30 cleanups in 30 m of 30 m"),
        (1, 20, OK, "1 of 20"),
        (2, 20, WARNING, "10 %"),
        (3, 20, CRITICAL, "15 % (3 of 20 cleanups in 30 m of 30 m"),
        (0, 0, PENDING, "not known yet: 0 of 0 cleanups failed in 30 m of 30 m, and a share is told of 20 at least"),
        (0, 19, PENDING, "not known yet: 0 of 19 cleanups failed"),
        (19, 19, PENDING, "not known yet: 19 of 19 cleanups failed"),
    ],
)
def test_cleanups_that_fail_are_a_share_of_those_of_half_an_hour(errors, total, state, words):
    said(grown(errors, total), "sse.prometheus.error_ratio", state, words)


@pytest.mark.parametrize(
    ("errors", "total", "state", "words"),
    [
        ("0", "30", OK, ""),
        ("1", "29.6", OK, "1 of 29.6 cleanups in 30 m"),
        ("4", "30", CRITICAL, "4 of 30 cleanups in 30 m"),
        ("0", "0", PENDING, "not known yet: 0 of 0 cleanups"),
        ("1", "5", PENDING, "not known yet: 1 of 5 cleanups failed in 30 m"),
        ("NaN", "30", UNKNOWN, ""),
    ],
)
def test_where_there_is_a_prometheus_it_is_asked_for_that_share(errors, total, state, words):
    world = World()
    world.systems["sse"].prometheus_url = "http://prometheus.example.com"
    for request, value in ((ERRORS_ASKED, errors), (CLEANUPS_ASKED, total)):
        world.observations[request].facts = well.queried(value)
    said(world, "sse.prometheus.error_ratio", state, words)


def failing(share: float) -> World:
    """A service of whose cleanups so many percent failed in the last quarter of an hour, in which there were 100."""
    world = exposing(sse_cleanup_errors_total=2 + share, sse_cleanup_total=220, later={"sse_cleanup_total": 220})
    began = {"sse_cleanup_errors_total": 2.0, "sse_cleanup_total": 120.0}
    world.tallies = {f"{METRICS} · {name}{{}}": [Tally(NOW - 900, value, BEGAN)] for name, value in began.items()}
    return world


@pytest.mark.parametrize(
    ("before", "share", "state"),
    [
        ((1.0, 2.0), 3.0, WARNING),
        ((2.0, 2.5), 2.9, OK),
        ((2.0, 2.5), 3.0, WARNING),
        ((0.0, 1.0), 4.0, WARNING),
        ((3.0, 2.0), 1.5, OK),
        ((1.0, 3.0), 2.9, OK),
        ((0.1, 0.5), 0.9, OK),
        ((0.1, 0.5), 1.0, OK),
        ((0.1, 0.5), 1.1, WARNING),
    ],
)
def test_a_share_that_is_higher_in_each_of_three_half_hours_is_a_trend(before, share, state):
    looks = [(3600.0, before[0]), (2700.0, before[0]), (1800.0, before[1]), (900.0, before[1])]
    verdict = failing(share).verdict_seen("sse.cleanup.error_trend", *looks)
    assert verdict.state is state, verdict.reason
    assert f"{share:g} of 100 cleanups in 902 s of 15 m" in verdict.reason


def test_one_cleanup_that_failed_is_no_trend():
    """One among fifteen is a share of 7 %, which was pending wherever the end of a half hour was missing."""
    for errors, state, words in ((1, OK, "1 of 15 cleanups in 902 s of 15 m, which"), (2, PENDING, "2 of 15 cleanups")):
        world = exposing(sse_cleanup_errors_total=2 + errors, sse_cleanup_total=135, later={"sse_cleanup_total": 135})
        began = {"sse_cleanup_errors_total": 2.0, "sse_cleanup_total": 120.0}
        world.tallies = {f"{METRICS} · {name}{{}}": [Tally(NOW - 900, value, BEGAN)] for name, value in began.items()}
        said(world, "sse.cleanup.error_trend", state, words)


def test_a_share_that_may_have_risen_is_not_believed_before_it_was_seen_to():
    assert failing(3.0).verdict_seen("sse.cleanup.error_trend", (1800.0, 2.0), (900.0, 2.0)).state is PENDING
    said(failing(3.0), "sse.cleanup.error_trend", PENDING, "3 %")
    said(World(), "sse.cleanup.error_trend", PENDING, "not known yet: 0 in 2 s of 15 m, 1 in 2 s of 15 m")


# -- the metrics page -------------------------------------------------------------------------------------------


def paged(change: Callable[[str], str]) -> World:
    world = World()
    for request in (METRICS, METRICS + AGAIN):
        world.observations[request].facts["text"] = change(world.observations[request].facts["text"])
    return world


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text + "sse_stale_connections 3\n", "twice"),
        (lambda text: text[:-1], "cut off"),
        (lambda text: text.replace("sse_stale_connections 1", "sse_stale_connections NaN"), "NaN"),
        (lambda _: "<html>\n", "not Prometheus text"),
    ],
)
def test_a_page_with_a_defect_is_not_sound_and_explains_what_reads_it(change, words):
    world = paged(change)
    said(world, PAGE, CRITICAL, words)
    blocked(world, "sse.prometheus.agrees", PAGE)
    blocked(world, "sse.prometheus.error_ratio", PAGE)


def test_a_page_that_is_not_there_is_unknown_and_told_once():
    world = World().fail(METRICS, "refused", "nothing listens")
    said(world, PAGE, UNKNOWN, "nothing listens")
    blocked(world, "sse.prometheus.families[sse_cleanup_total]", PAGE)
    said(world, "sse.cleanup.progress", OK)


def test_a_metric_that_is_missing_or_of_another_type_is_told_by_its_own_check():
    gone = paged(lambda text: text.replace("sse_very_old_connections", "sse_very_old"))
    said(gone, "sse.prometheus.families[sse_very_old_connections]", WARNING, "is missing")
    said(gone, "sse.prometheus.families[sse_stale_connections]", OK)
    said(gone, "sse.prometheus.agrees", OK)
    retyped = paged(lambda text: text.replace("# TYPE sse_cleanup_total counter", "# TYPE sse_cleanup_total gauge"))
    said(retyped, "sse.prometheus.families[sse_cleanup_total]", WARNING, "is gauge, not counter")


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("sse_stale_connections", 3, OK),
        ("sse_stale_connections", 9, WARNING),
        ("sse_cleanup_error_rate", 1.8, OK),
        ("sse_cleanup_error_rate", 1.81, WARNING),
        ("sse_health_status", 2, WARNING),
        ("sse_health_alerts", 3, WARNING),
        ("sse_cleanup_total", 123, WARNING),
        ("sse_cleanup_total", 122, OK),
    ],
)
def test_page_and_monitoring_data_carry_the_same_figures(name, value, state):
    said(exposing(**{name: value}), "sse.prometheus.agrees", state, name if state is WARNING else "")


@pytest.mark.parametrize(("value", "state"), [(0, OK), (1, WARNING), (2, CRITICAL), (1.5, CRITICAL), (0.5, MISSED)])
def test_the_health_status_is_judged_by_its_code(value, state):
    said(exposing(sse_health_status=value), "sse.prometheus.health_status", state)


# -- CloudWatch -------------------------------------------------------------------------------------------------


def publishing(connections: dict[str, Any] | None = None, errors: dict[str, Any] | None = None) -> World:
    world = World()
    world.observations[CONNECTIONS].facts = connections or well.published(84, "Count")
    world.observations[ERROR_RATE].facts = errors or well.published(1.7, "Percent")
    return world


@pytest.mark.parametrize(
    ("world", "state", "words"),
    [
        (publishing(), OK, "ActiveConnections 45 s ago, CleanupErrorRate 45 s ago"),
        (publishing(well.published(84, "Count", 300)), OK, ""),
        (publishing(well.published(84, "Count", 301)), WARNING, "301 s"),
        (publishing(errors=well.published(1.7, "Percent", 301)), WARNING, "CleanupErrorRate 301 s ago"),
        (publishing({"code": 200, "data": []}), WARNING, "no datum of ActiveConnections"),
        (publishing(well.published(84, "None")), WARNING, "published in None, not in Count"),
        (publishing(errors=well.published(1.7, "Count")), WARNING, "published in Count, not in Percent"),
        (publishing(well.published(106, "Count")), WARNING, "published as 106, the service reports 84"),
        (publishing(well.published(105, "Count")), OK, ""),
        (publishing(errors=well.published(2.8, "Percent")), WARNING, "the service reports 1.7"),
        (publishing({"code": 403, "flaw": "CloudWatch answered 403 and Denied: no"}), UNKNOWN, "403 and Denied"),
    ],
)
def test_what_is_published_is_of_now_in_its_unit_and_true(world, state, words):
    said(world, "sse.cloudwatch.published", state, words)


def test_what_is_published_is_judged_without_the_monitoring_route_as_well():
    said(World().fail(MONITORING, "refused", "nothing listens"), "sse.cloudwatch.published", OK)


def test_an_hour_of_production_is_shorter_where_time_passes_faster():
    world = publishing(well.published(84, "Count", 6.0), well.published(1.7, "Percent", 1.0))
    world.time_scale = 60.0
    said(world, "sse.cloudwatch.published", WARNING, "ActiveConnections 360 s ago")


def test_an_environment_with_nothing_but_the_address_leaves_out_what_needs_more():
    world = World()
    world.systems["sse"] = CATALOGUE.systems["sse"](url="http://sse.example.com:8100")
    left = {name: why for name in CATALOGUE.checks if (why := left_out(CATALOGUE.checks[name], world.systems))}
    assert {name: why for name, why in left.items() if name.startswith("sse.")} == {
        **dict.fromkeys(("sse.stream.connect", "sse.stream.ping"), "sse.stream_url"),
        **dict.fromkeys(("sse.redis.reachable", "sse.connections.redis_direct"), "sse.redis"),
        **{name: "sse.log" for name in CATALOGUE.checks if name.startswith("sse.log.")},
        "sse.config.declared": "sse.log",
        "sse.cloudwatch.published": "sse.cloudwatch_url",
    }
    for name in CATALOGUE.checks:
        if name in {"sse.cleanup.error_trend", "sse.prometheus.error_ratio", "sse.cleanup.backlog"}:
            said(world, name, PENDING, "not known yet: ")
        elif name.startswith("sse.") and name not in left:
            said(world, name, OK)


@pytest.mark.parametrize(("kind", "there"), [("untyped", True), ("counter", True), ("gauge", False)])
def test_a_metric_may_be_of_no_type_and_of_no_wrong_one(kind, there):
    check_id, name = "sse.prometheus.families[sse_cleanup_total]", "sse_cleanup_total"
    world = World()
    facts = world.observations[METRICS].facts
    facts["text"] = facts["text"].replace(f"# TYPE {name} counter", f"# TYPE {name} {kind}")
    assert CATALOGUE.checks[check_id].reading.value(world.scene).value is there
