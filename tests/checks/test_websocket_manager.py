"""One thing made ill at a WebSocket manager: the check that is about it says so, in these words."""

from typing import Any

import pytest

from healthgate.claim.state import State
from tests.checks import websocket_manager as well
from tests.checks.instances import blocked, production, said, spanning, text
from tests.checks.websocket_manager import DEFAULT, HEALTH, JSON, METRICS, NOW
from tests.checks.world import MISSING, World

OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN
PENDING = State.PENDING


# -- whether it answers -----------------------------------------------------------------------------------------


def test_the_answer_to_a_head_must_be_200_and_empty():
    said(World().answer(HEALTH, 503), "wsmanager.head.healthy", WARNING, "503")
    world = World()
    world.observations[HEALTH].bytes = 12
    said(world, "wsmanager.head.healthy", WARNING, "12 bytes followed")


@pytest.mark.parametrize(
    ("check_id", "request_id"),
    [
        ("wsmanager.head.healthy", HEALTH),
        ("wsmanager.endpoint.formats[prometheus]", METRICS),
        ("wsmanager.endpoint.formats[json]", JSON),
        ("wsmanager.endpoint.formats[default]", DEFAULT),
    ],
)
def test_what_does_not_serve_warns_and_pages_after_a_minute_and_what_proves_nothing_is_unknown(check_id, request_id):
    for status in ("refused", "reset", "unresolved"):
        world = World().fail(request_id, status, "nothing there")
        said(world, check_id, WARNING, "nothing there")
        assert world.verdict_after(check_id, 0, 29).state is WARNING
        assert world.verdict_after(check_id, 0, 60).state is CRITICAL
    for status in ("late", "tls", "malformed", "unreachable"):
        said(World().fail(request_id, status, "who knows"), check_id, UNKNOWN, "who knows")
    for code in (500, 403):
        world = World().answer(request_id, code)
        said(world, check_id, WARNING, str(code))
        assert world.verdict_after(check_id, code, 60).state is CRITICAL


@pytest.mark.parametrize(
    ("code", "status", "state"),
    [
        (200, "healthy", OK),
        (503, "unhealthy", OK),
        (503, "degraded", OK),
        (200, "degraded", WARNING),
        (200, "unhealthy", WARNING),
        (503, "healthy", WARNING),
    ],
)
def test_head_and_json_must_tell_the_same(code, status, state):
    world = World().answer(HEALTH, code).put(JSON, "status", status)
    said(world, "wsmanager.head.agrees_with_get", state, status if state is WARNING else "")


def test_without_one_of_the_views_nothing_is_said_of_both():
    check_id = "wsmanager.head.agrees_with_get"
    for status in ("late", "refused"):
        blocked(World().fail(HEALTH, status, "no answer"), check_id, "wsmanager.head.healthy")
    blocked(World().fail(JSON, "refused", "nothing there"), check_id, "wsmanager.endpoint.formats[json]")
    said(World().put(JSON, "status", MISSING), check_id, UNKNOWN, "status is missing")


@pytest.mark.parametrize("status", ["refused", "reset", "unresolved"])
def test_a_page_out_of_reach_is_critical_after_a_minute(status):
    world = World().fail(METRICS, status, "nothing there")
    said(world, "wsmanager.service.down", PENDING, "nothing there")
    assert world.verdict_after("wsmanager.service.down", False, 45).state is PENDING
    assert world.verdict_after("wsmanager.service.down", False, 60).state is CRITICAL


def test_an_answer_of_500_or_more_is_out_of_reach_and_a_refusal_is_not():
    assert World().answer(METRICS, 503).verdict_after("wsmanager.service.down", False, 60).state is CRITICAL
    said(World().answer(METRICS, 404), "wsmanager.service.down", OK)
    for status in ("late", "malformed"):
        said(World().fail(METRICS, status, "who knows"), "wsmanager.service.down", UNKNOWN, "who knows")
    said(World().fail(METRICS, "oversized", "too large", code=200), "wsmanager.service.down", OK)


@pytest.mark.parametrize(
    ("form", "request_id", "told", "state"),
    [
        ("prometheus", METRICS, "text/plain; version=0.0.4", OK),
        ("prometheus", METRICS, 'TEXT/plain;charset=utf-8;version="0.0.4"', OK),
        ("prometheus", METRICS, "text/plain", OK),
        ("prometheus", METRICS, "text/plain; version=1.0", WARNING),
        ("prometheus", METRICS, "application/json", WARNING),
        ("json", JSON, "application/json; charset=utf-8", OK),
        ("json", JSON, "text/html", WARNING),
        ("json", JSON, "", WARNING),
        ("default", DEFAULT, "application/json", OK),
        ("default", DEFAULT, "text/plain; version=0.0.4", WARNING),
    ],
)
def test_each_format_has_its_content_type(form, request_id, told, state):
    world = World()
    world.observations[request_id].facts["content_type"] = told
    said(world, f"wsmanager.endpoint.formats[{form}]", state, "the type is" if state is WARNING else "")


def test_the_default_format_is_the_one_the_profile_names():
    world = World()
    world.systems["wsmanager"].default_format = "prometheus"
    said(world, "wsmanager.endpoint.formats[default]", WARNING, "not text/plain; version=0.0.4")
    said(world, "wsmanager.endpoint.formats[json]", OK)
    world.systems["wsmanager"].default_format = "xml"
    said(world, "wsmanager.endpoint.formats[default]", UNKNOWN, "none of prometheus, json")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("metrics/uptimeSeconds", MISSING, "uptimeSeconds is missing"),
        ("metrics/activeConnections", "37", "a whole number"),
        ("metrics/errors", -1, "of at least 0"),
        ("metrics/retryCount", 1.5, "a whole number"),
        ("status", "fine", "one of healthy, degraded, unhealthy"),
        ("environment", "lab", "one of production, staging"),
        ("timestamp", "2026-03-02T09:15:00", "a time in UTC"),
        ("metrics", [], "is missing"),
    ],
)
def test_a_deviation_of_the_json_is_named(path, value, words):
    said(World().put(JSON, path, value), "wsmanager.contract.json", CRITICAL, words)


# -- the metrics page -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda page: page + 'ws_manager_errors_total{environment="production"} 11\n', "stands twice"),
        (lambda page: page.replace("} 37\n", "} NaN\n"), "NaN"),
        (lambda page: page.rstrip("\n"), "cut off"),
        (lambda _: "", "empty"),
        (lambda page: page + "<html>\n", "is not Prometheus text"),
    ],
)
def test_a_defect_of_the_page_is_critical_and_blocks_what_reads_it(change, words):
    world = text(World(), METRICS, change)
    said(world, "wsmanager.prometheus.valid", CRITICAL, words)
    for name in (
        "wsmanager.connections.leak",
        "wsmanager.retry.rate",
        "wsmanager.cleanup.lag",
        "wsmanager.counters.monotonic",
        "wsmanager.streams.balance",
        "wsmanager.hwm.bounds",
        "wsmanager.prometheus.families[active_connections]",
        "wsmanager.consistency.json_vs_prometheus",
        "wsmanager.canary.retry_ratio",
        "wsmanager.canary.error_rate",
        "wsmanager.grafana.queries_resolve",
    ):
        blocked(world, name, "wsmanager.prometheus.valid")


FAMILIES = ["active_connections", "retry_count_total", "stream_creations_total", "stream_cleanups_total",
            "active_connections_hwm"]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_that_is_missing_retyped_or_of_another_instance_is_critical(family):
    name, check_id = f"ws_manager_{family}", f"wsmanager.prometheus.families[{family}]"
    kind, other = ("counter", "gauge") if family.endswith("_total") else ("gauge", "counter")
    retyped = text(World(), METRICS, lambda page: page.replace(f"{name} {kind}", f"{name} {other}"))
    said(retyped, check_id, CRITICAL, f"{name} is {other}, not {kind}")
    figures = {one: value for one, value in well.PRODUCTION_FIGURES.items() if one != family}
    gone = text(World(), METRICS, lambda _: well.page_text("production", figures))
    said(gone, check_id, CRITICAL, f"{name} is missing")
    others = text(World(), METRICS, lambda page: page.replace('"production"', '"staging"'))
    said(others, check_id, CRITICAL, "is of environment 'staging', not of production")


def test_the_page_of_another_instance_says_nothing_of_production():
    world = text(World(), METRICS, lambda page: page.replace('"production"', '"staging"'))
    for name in (
        "wsmanager.connections.leak",
        "wsmanager.cleanup.lag",
        "wsmanager.streams.balance",
        "wsmanager.hwm.bounds",
        "wsmanager.consistency.json_vs_prometheus",
    ):
        said(world, name, UNKNOWN, "no data")
    blocked(world, "wsmanager.retry.rate", by="wsmanager.prometheus.families[retry_count_total]")
    said(World().put(JSON, "environment", "staging"), "wsmanager.consistency.json_vs_prometheus", WARNING, "not of")


@pytest.mark.parametrize(
    ("member", "by", "state"),
    [
        ("activeConnections", 3, OK),
        ("activeConnections", 4, WARNING),
        ("activeConnectionsHwm", -4, WARNING),
        ("retryCount", 5, OK),
        ("retryCount", -6, WARNING),
        ("streamCreations", 51, OK),
        ("streamCreations", 53, WARNING),
        ("streamCleanups", -400, WARNING),
    ],
)
def test_json_and_text_may_differ_by_a_little(member, by, state):
    value = well.PRODUCTION_FIGURES[well.MEMBERS[member]] + by
    world = World().put(JSON, f"metrics/{member}", value)
    said(world, "wsmanager.consistency.json_vs_prometheus", state, member if state is WARNING else "")


def test_views_that_race_agree_if_one_attempt_does():
    world = World().put(JSON, "metrics/activeConnections", 77).again(2).again(3)
    said(world, "wsmanager.consistency.json_vs_prometheus", WARNING)
    world.put(f"{JSON} (attempt 3)", "metrics/activeConnections", 37)
    said(world, "wsmanager.consistency.json_vs_prometheus", OK)


@pytest.mark.parametrize("counter", ["retry_count_total", "stream_creations_total", "stream_cleanups_total"])
def test_a_counter_that_falls_is_told_unless_the_process_began_anew(counter):
    fallen = {counter: well.PRODUCTION_FIGURES[counter] - 5}
    said(production(fallen), "wsmanager.counters.monotonic", WARNING, f"ws_manager_{counter}")
    anew = dict.fromkeys(well.PRODUCTION_FIGURES, 0)
    said(production(anew, began=NOW + 1), "wsmanager.counters.monotonic", OK)


def test_a_rate_of_a_counter_that_fell_is_explained_by_the_fall():
    world = production({"retry_count_total": 209})
    blocked(world, "wsmanager.retry.rate", "wsmanager.counters.monotonic")


@pytest.mark.parametrize(
    ("figures", "state", "words"),
    [
        ({"stream_cleanups_total": 5083}, OK, ""),
        ({"stream_cleanups_total": 5085}, OK, ""),
        ({"stream_cleanups_total": 5086}, WARNING, "more open than were created"),
        ({"stream_cleanups_total": 5121}, WARNING, "more cleaned up than were created"),
        ({"stream_creations_total": 5115}, WARNING, "more open"),
    ],
)
def test_streams_must_add_up(figures, state, words):
    said(production(**figures), "wsmanager.streams.balance", state, words)


@pytest.mark.parametrize(
    ("first", "second", "began", "state", "words"),
    [
        ({"active_connections_hwm": 37}, {}, well.BEGAN, OK, ""),
        ({"active_connections_hwm": 36}, {}, well.BEGAN, WARNING, "the mark is 36 while 37 connections are open"),
        ({}, {"active_connections": 65}, well.BEGAN, WARNING, "the mark is 64 while 65"),
        ({}, {"active_connections_hwm": 63}, well.BEGAN, WARNING, "fell from 64 to 63 without a restart"),
        ({}, {"active_connections_hwm": 63}, NOW + 1, OK, ""),
        ({}, {"active_connections_hwm": 63}, None, UNKNOWN, "does not say when the process began"),
        ({}, {"active_connections_hwm": 70, "active_connections": 70}, well.BEGAN, OK, ""),
    ],
)
def test_the_high_water_mark_holds(first, second, began, state, words):
    said(production(second, began=began, **first), "wsmanager.hwm.bounds", state, words)


# -- streams ----------------------------------------------------------------------------------------------------


def test_many_connections_warn_at_once_and_are_critical_after_five_minutes():
    said(production(active_connections=100, active_connections_hwm=120), "wsmanager.connections.leak", OK)
    world = production(active_connections=101, active_connections_hwm=120)
    said(world, "wsmanager.connections.leak", WARNING, "101 connections")
    assert world.verdict_after("wsmanager.connections.leak", 101, 270).state is WARNING
    assert world.verdict_after("wsmanager.connections.leak", 101, 300).state is CRITICAL


def test_retries_are_counted_by_the_second_of_production():
    check_id = "wsmanager.retry.rate"
    said(spanning(production({"retry_count_total": 214 + 60}), 120), check_id, OK, "60 in 2 m of 2 m")
    world = spanning(production({"retry_count_total": 214 + 120}), 120)
    said(world, check_id, PENDING, "120 in 2 m of 2 m")
    assert world.verdict_after(check_id, 1.0, 90).state is PENDING
    assert world.verdict_after(check_id, 1.0, 120).state is WARNING
    for retries in (0, 1, 2, 2000):
        said(production({"retry_count_total": 214 + retries}), check_id, PENDING, f"not known yet: {retries} in 2 s")
    world = production({"retry_count_total": 216})
    world.time_scale = 60
    said(world, check_id, OK, "2 in 2 m")


def test_after_a_restart_retries_count_from_nothing():
    anew = dict.fromkeys(well.PRODUCTION_FIGURES, 0) | {"retry_count_total": 90}
    said(spanning(production(anew, began=NOW + 1), 120), "wsmanager.retry.rate", PENDING, "90 in 2 m of 2 m, after a")


def test_streams_left_behind_warn_after_a_quarter_of_an_hour():
    said(production(stream_creations_total=5137), "wsmanager.cleanup.lag", OK)
    world = production(stream_creations_total=5138)
    said(world, "wsmanager.cleanup.lag", PENDING, "20 streams")
    assert world.verdict_after("wsmanager.cleanup.lag", 20, 840).state is PENDING
    assert world.verdict_after("wsmanager.cleanup.lag", 20, 900).state is WARNING
    said(production(stream_cleanups_total=5085), "wsmanager.cleanup.lag", OK, "-2 streams")


def test_open_streams_count_as_left_behind_where_the_profile_says_so():
    world = World()
    said(world, "wsmanager.cleanup.lag", OK, "2 streams")
    world.systems["wsmanager"].cleanup_lag_raw = True
    said(world, "wsmanager.cleanup.lag", PENDING, "39 streams")


@pytest.mark.parametrize("name", ["active_connections", "stream_creations_total", "stream_cleanups_total"])
def test_a_figure_that_is_missing_is_never_healthy(name):
    figures = {one: value for one, value in well.PRODUCTION_FIGURES.items() if one != name}
    world = text(World(), METRICS, lambda _: well.page_text("production", figures))
    for check_id in ("wsmanager.cleanup.lag", "wsmanager.streams.balance"):
        said(world, check_id, UNKNOWN, f"ws_manager_{name} is missing")


# -- the log ----------------------------------------------------------------------------------------------------


def log(lines: int, **facts: Any) -> World:
    found = {"count": lines, "lines": [[NOW - 1.0, {}]] * min(lines, 500)}
    whole = {"newest": NOW - 1, "oldest": NOW - 130, "from_birth": False, "stopped": None, "kinds": {"retry": found}}
    world = World()
    world.observations[well.LOG].facts = whole | facts
    return world


@pytest.mark.parametrize(("lines", "state"), [(0, OK), (60, OK), (61, WARNING), (700, WARNING)])
def test_retry_lines_are_few(lines, state):
    said(log(lines), "wsmanager.log.retry", state)


def test_few_lines_are_only_believed_of_a_log_that_is_whole_and_alive():
    said(log(3, newest=NOW - 3601, kinds={"retry": {"count": 0, "lines": []}}), "wsmanager.log.retry", UNKNOWN, "write")
    said(log(3, oldest=NOW - 100), "wsmanager.log.retry", UNKNOWN, "does not reach back")
    said(log(80, oldest=NOW - 100), "wsmanager.log.retry", WARNING)


def test_the_window_of_the_log_shrinks_with_the_time_scale():
    world = log(80)
    for line in world.observations[well.LOG].facts["kinds"]["retry"]["lines"]:
        line[0] = NOW - 3
    world.time_scale = 60
    said(world, "wsmanager.log.retry", OK)
