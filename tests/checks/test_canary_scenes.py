"""A canary that is gone, wrong or worse than production is told, and one that was rolled back is excused."""

import re

import pytest

from healthgate.claim.state import State
from tests.checks import websocket_manager as well
from tests.checks.instances import blocked, canary, of_instance, said, spanning, text
from tests.checks.websocket_manager import AGAIN, CANARY, CANARY_HEALTH, CANARY_JSON, CONTROL, HEALTH, JSON, METRICS
from tests.checks.world import MISSING, World

OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN
PENDING = State.PENDING


@pytest.mark.parametrize("status", ["refused", "reset", "unresolved"])
def test_a_canary_that_is_gone_warns_after_a_minute_and_blocks_the_comparison(status):
    world = World()
    for name in (CANARY, CANARY + AGAIN, CANARY_JSON):
        world.fail(name, status, "nothing there")
    said(world, "wsmanager.canary.staging_up", PENDING, "nothing there")
    assert world.verdict_after("wsmanager.canary.staging_up", False, 60).state is WARNING
    for name in ("flag", "retry_ratio", "error_rate", "rollback"):
        blocked(world, f"wsmanager.canary.{name}", "wsmanager.canary.staging_up")


def test_a_canary_that_serves_something_else_is_not_up():
    said(World().answer(CANARY, 404), "wsmanager.canary.staging_up", PENDING, "404")
    world = text(World(), CANARY, lambda page: page.replace('"staging"', '"production"'))
    said(world, "wsmanager.canary.staging_up", PENDING, "the page of production")
    unnamed = text(World(), CANARY, lambda page: page.replace('{environment="staging"}', ""))
    said(unnamed, "wsmanager.canary.staging_up", OK, "names no environment")
    half = text(World(), CANARY, lambda page: page + "ws_manager_active_connections 4\n")
    said(half, "wsmanager.canary.staging_up", PENDING, "the page of nobody, staging")
    for change in (lambda page: page.rstrip("\n"), lambda _: "# nothing\n"):
        said(text(World(), CANARY, change), "wsmanager.canary.staging_up", UNKNOWN, "no data")
    said(World().fail(CANARY, "late", "too late"), "wsmanager.canary.staging_up", UNKNOWN, "too late")


FLAG = "config/useNewWsManager"


def test_the_new_manager_is_in_use_on_the_canary_and_only_there():
    said(World().put(CANARY_JSON, FLAG, False), "wsmanager.canary.flag", WARNING, "false in staging")
    said(World().put(JSON, FLAG, True), "wsmanager.canary.flag", WARNING, "true in production")
    said(World().put(CANARY_JSON, FLAG, MISSING), "wsmanager.canary.flag", UNKNOWN, "is missing")
    said(World().put(JSON, FLAG, MISSING), "wsmanager.canary.flag", UNKNOWN, "is missing")
    said(World().put(JSON, FLAG, "no"), "wsmanager.canary.flag", UNKNOWN, "not true or false")
    said(World().put(JSON, FLAG, MISSING).put(CANARY_JSON, FLAG, False), "wsmanager.canary.flag", WARNING, "staging")


def declared(value: str | None, world: World | None = None) -> World:
    world = world or World()
    found = well.manifest()
    found[0]["spec"]["template"]["spec"]["containers"][0]["env"] = (
        [] if value is None else [{"name": "USE_NEW_WS_MANAGER", "value": value}]
    )
    well.set_document(world.observations, well.MANIFEST, found)
    return world


def untold() -> World:
    """Instances that do not tell in their JSON what they use."""
    return World().put(JSON, "config", MISSING).put(CANARY_JSON, "config", MISSING)


def test_the_manifest_says_which_manager_the_canary_runs():
    check_id = "wsmanager.canary.flag"
    said(declared("false"), check_id, WARNING, "the manifest sets USE_NEW_WS_MANAGER to false")
    said(declared(None), check_id, OK, "true in staging, false in production")
    said(untold(), check_id, OK)
    said(declared("false", untold()), check_id, WARNING, "the manifest sets USE_NEW_WS_MANAGER to false")
    said(declared(None, untold()), check_id, UNKNOWN, "no container of the manifest has the variable")
    said(rolled_back(declared("true", untold())), check_id, UNKNOWN, "no instance says so")
    nowhere = untold()
    nowhere.systems["wsmanager"].canary_manifest = None
    said(nowhere, check_id, UNKNOWN, "no manifest is named")
    nowhere = World()
    nowhere.systems["wsmanager"].canary_manifest = None
    said(nowhere, check_id, OK)


def rolled_back(world: World | None = None, weight: float = 0) -> World:
    return (world or World()).put(CONTROL, "state", "rolled_back").put(CONTROL, "weight", weight)


@pytest.mark.parametrize("name", ["flag", "weight", "error_rate", "rollback"])
def test_a_rollback_is_told_beside_the_verdict_and_only_where_it_is_certain(name):
    told = rolled_back().verdict(f"wsmanager.canary.{name}")
    assert told.rolled_back == "the controller says rolled_back, weight 0"
    assert World().verdict(f"wsmanager.canary.{name}").rolled_back is None
    assert rolled_back(weight=10).verdict(f"wsmanager.canary.{name}").rolled_back is None
    lost = World().fail(CONTROL, "refused", "nothing there")
    assert lost.verdict(f"wsmanager.canary.{name}").rolled_back is None


def test_after_a_rollback_nobody_is_to_use_the_new_manager():
    said(rolled_back().put(CANARY_JSON, FLAG, False), "wsmanager.canary.flag", OK, "after the canary was rolled back")
    said(rolled_back(), "wsmanager.canary.flag", WARNING, "true in staging")
    unreachable = World().fail(CONTROL, "refused", "nothing there").put(CANARY_JSON, FLAG, False)
    said(unreachable, "wsmanager.canary.flag", WARNING, "false in staging")


def created(staging: float, in_production: float) -> World:
    world = World()
    world.observations[well.CREATED].facts = well.of_prometheus(well.vector(staging=staging, production=in_production))
    return world


@pytest.mark.parametrize(
    ("staging", "in_production", "state", "words"),
    [
        (24, 216, OK, "gets 10 % of 240"),
        (15, 285, OK, "5 %"),
        (14, 286, WARNING, "it should get 5 to 15 %"),
        (45, 255, OK, "15 %"),
        (46, 254, WARNING, "it should get 5 to 15 %"),
        (0, 200, OK, "200 new streams in an hour are too few"),
        (0, 201, WARNING, "gets 0 % of 201"),
    ],
)
def test_the_share_of_new_streams_is_judged_where_there_are_enough(staging, in_production, state, words):
    said(created(staging, in_production), "wsmanager.canary.weight", state, words)


def test_a_share_that_cannot_be_had_is_no_data_unless_the_declared_one_is_wrong():
    lost = World().fail(well.CREATED, "late", "too late")
    said(lost, "wsmanager.canary.weight", UNKNOWN, "too late")
    silent = World()
    silent.observations[well.CREATED].facts = well.of_prometheus({"resultType": "vector", "result": []})
    said(silent, "wsmanager.canary.weight", UNKNOWN, "gives no series")


def test_where_no_prometheus_is_named_the_share_is_what_runs_saw_in_an_hour():
    world = canary({"stream_creations_total": 569 + 90})
    of_instance(METRICS, "production", well.PRODUCTION_FIGURES, {}, {"stream_creations_total": 5240}, well.BEGAN, world)
    world.systems["wsmanager"].prometheus_url = None
    said(world, "wsmanager.canary.weight", PENDING, "not known yet: 90 in 2 s of 1 h")
    said(spanning(world, 3600), "wsmanager.canary.weight", WARNING, "gets 42.9 % of 210 new streams in 1 h")
    world.systems["wsmanager"].staging_url = None
    said(world, "wsmanager.canary.weight", OK, "0 new streams that could be seen are too few")


def test_after_a_rollback_the_canary_need_not_get_its_share():
    world = rolled_back(created(0, 900))
    said(world, "wsmanager.canary.weight", OK, "was rolled back")
    said(rolled_back(created(0, 900), weight=10), "wsmanager.canary.weight", WARNING, "gets 0 %")


def unrecorded(world: World) -> World:
    """Let Prometheus have recorded nothing, so that both pages have to do."""
    for query in well.RECORDED_RATES.values():
        world.observations[query].facts = well.of_prometheus({"resultType": "vector", "result": []})
    return world


def recorded(series: str, staging: float, in_production: float, world: World | None = None) -> World:
    """Let Prometheus have recorded this of both instances."""
    world = world or World()
    found = well.of_prometheus(well.vector(staging=staging, production=in_production))
    world.observations[well.RECORDED_RATES[series]].facts = found
    return world


@pytest.mark.parametrize(
    ("staging", "in_production", "state", "words"),
    [
        (0.015, 0.1, OK, "1.5 times"),
        (0.016, 0.1, PENDING, "1.6 times"),
        (0.009, 0.0, OK, "there is nothing to compare"),
        (0.02, 0.0, PENDING, "20 times"),
    ],
)
def test_retries_are_compared_as_prometheus_has_recorded_them(staging, in_production, state, words):
    said(recorded("retry_rate_5m", staging, in_production), "wsmanager.canary.retry_ratio", state, words)


def failed(errors: tuple[float, float], created: tuple[float, float]) -> World:
    """Both instances as Prometheus has them in an hour, the canary first."""
    world = World()
    for query, (staging, in_production) in ((well.FAILED, errors), (well.CREATED, created)):
        world.observations[query].facts = well.of_prometheus(well.vector(staging=staging, production=in_production))
    return world


@pytest.mark.parametrize(
    ("errors", "created", "state", "words"),
    [
        ((0, 0), (24, 216), OK, "0 % errors in staging, 0 % in production, of 24 and 216 new streams"),
        ((2, 0), (24, 216), OK, "8.33 % errors"),  # two are chance
        ((3, 0), (24, 216), WARNING, "12.5 % errors in staging, 0 % in production"),
        ((3, 0), (300, 3000), OK, "1 % errors"),
        ((4, 0), (300, 3000), WARNING, "at most 1 % would do"),
        ((15, 10), (100, 100), OK, "15 %"),
        ((16, 10), (100, 100), WARNING, "at most 15 % would do"),
        ((9, 0), (9, 216), PENDING, "not known yet: 9 new streams in staging and 216 in production in an hour"),
        ((9, 0), (10, 216), WARNING, "90 %"),
        ((0, 0), (0, 216), PENDING, "errors are compared where both have 10 at least"),
        ((3, 0), (24, 0), PENDING, "24 new streams in staging and 0 in production"),
    ],
)
def test_errors_of_an_hour_are_compared_where_there_are_enough_streams(errors, created, state, words):
    verdict = failed(errors, created).verdict("wsmanager.canary.error_rate")
    said(failed(errors, created), "wsmanager.canary.error_rate", state, words)
    assert verdict.healthy is (state is not WARNING), "too few fail no run"


def test_a_canary_that_was_rolled_back_has_no_share_of_errors():
    said(rolled_back(failed((3, 0), (9, 216))), "wsmanager.canary.error_rate", OK, "nothing to compare")
    said(rolled_back(failed((3, 0), (24, 216))), "wsmanager.canary.error_rate", WARNING, "12.5 %")


def compared(retries: int, streams: int, there: tuple[int, int], times: int = 150) -> World:
    """Both instances with so many times these retries and new streams within five minutes, as their pages tell."""
    first = canary({"retry_count_total": 24 + times * retries, "stream_creations_total": 569 + times * streams})
    second = {"retry_count_total": 214 + times * there[0], "stream_creations_total": 5120 + times * there[1]}
    world = of_instance(METRICS, "production", well.PRODUCTION_FIGURES, {}, second, well.BEGAN, first)
    return unrecorded(spanning(world, 300))


@pytest.mark.parametrize(
    ("retries", "streams", "there", "state", "words"),
    [
        (3, 2, (20, 20), OK, "1.5 times"),
        (4, 2, (20, 20), PENDING, "2 times"),
        (0, 0, (20, 20), OK, "there is nothing to compare"),
        (1, 1, (0, 20), PENDING, "1000 times"),
        (1, 0, (20, 20), UNKNOWN, "no new stream in staging"),
        (1, 1, (20, 0), UNKNOWN, "no new stream in production"),
    ],
)
def test_retries_are_compared_for_each_new_stream(retries, streams, there, state, words):
    said(compared(retries, streams, there), "wsmanager.canary.retry_ratio", state, words)


def test_a_canary_that_retries_more_warns_after_five_minutes_and_the_floor_is_in_seconds_of_production():
    world = compared(4, 2, (20, 20))
    assert world.verdict_after("wsmanager.canary.retry_ratio", 2.0, 270).state is PENDING
    assert world.verdict_after("wsmanager.canary.retry_ratio", 2.0, 300).state is WARNING
    said(compared(1, 2, (2, 20), times=3), "wsmanager.canary.retry_ratio", PENDING, "5 times")
    few = compared(1, 2, (2, 20), times=2)
    said(few, "wsmanager.canary.retry_ratio", OK, "below 0.01/s")
    said(spanning(few, 2), "wsmanager.canary.retry_ratio", PENDING, "not known yet: 2 in 2 s of 5 m")


def failing(errors: int, streams: int, there: tuple[int, int], seconds: float = 60) -> World:
    """Both instances with so many errors and new streams within a minute, as their pages tell."""
    first = canary({"errors_total": 1 + errors, "stream_creations_total": 569 + streams})
    second = {"errors_total": 11 + there[0], "stream_creations_total": 5120 + there[1]}
    world = of_instance(METRICS, "production", well.PRODUCTION_FIGURES, {}, second, well.BEGAN, first)
    return unrecorded(spanning(world, seconds))


def test_where_no_prometheus_is_named_errors_are_compared_as_runs_saw_them_in_an_hour():
    check_id = "wsmanager.canary.error_rate"
    for seconds, state in ((2, PENDING), (3000, PENDING), (3300, WARNING), (7200, WARNING)):
        world = failing(4, 100, (0, 100), seconds)
        world.systems["wsmanager"].prometheus_url = None
        said(world, check_id, state, "4 % errors" if state is WARNING else "not known yet: 4 in")


def test_many_errors_for_three_minutes_are_critical_unless_the_canary_was_rolled_back():
    check_id = "wsmanager.canary.rollback"
    said(failing(5, 100, (0, 100)), check_id, OK, "5 %")
    world = failing(12, 100, (0, 100))
    said(world, check_id, PENDING, "12 % (the controller says running, weight 10)")
    assert world.verdict_after(check_id, 12.0, 150).state is PENDING
    assert world.verdict_after(check_id, 12.0, 180).state is CRITICAL
    assert rolled_back(failing(12, 100, (0, 100))).verdict_after(check_id, 12.0, 180).state is OK
    assert rolled_back(failing(12, 100, (0, 100)), weight=10).verdict_after(check_id, 12.0, 180).state is CRITICAL
    assert failing(12, 100, (0, 100)).put(CONTROL, "weight", 0).verdict_after(check_id, 12.0, 180).state is CRITICAL


def uncounted(world: World) -> World:
    """Let neither instance count errors, nor Prometheus record any."""
    for name in (METRICS, CANARY):
        text(world, name, lambda page: re.sub(r"(?m)^.*ws_manager_errors_total.*\n", "", page))
    for query in (well.FAILED, well.RECORDED_RATES["error_rate_1m"]):
        world.observations[query].facts = well.of_prometheus({"resultType": "vector", "result": []})
    return world


ERROR_RATE, ROLLBACK = "wsmanager.canary.error_rate", "wsmanager.canary.rollback"


def test_where_errors_are_not_counted_retries_and_the_health_check_are_judged():
    for check_id in (ERROR_RATE, ROLLBACK):
        said(uncounted(spanning(World(), 120)), check_id, OK, "ws_manager_errors_total is not counted here")
    said(uncounted(World()), ROLLBACK, PENDING, "not known yet: 0 in 2 s of 2 m")
    said(uncounted(compared(3, 2, (20, 20))), ERROR_RATE, OK, "1.5 times as often as production")
    said(uncounted(compared(4, 2, (20, 20))), ERROR_RATE, WARNING, "2 times as often as production")
    said(uncounted(compared(1, 0, (20, 20))), ERROR_RATE, UNKNOWN, "no new stream in staging")
    said(rolled_back(uncounted(compared(1, 0, (20, 20)))), ERROR_RATE, OK, "rolled back")
    ill = uncounted(compared(1, 0, (20, 20))).answer(CANARY_HEALTH, 503)
    said(ill, ERROR_RATE, WARNING, "its health check fails, production's does not")
    said(ill.answer(HEALTH, 503), ERROR_RATE, UNKNOWN, "no new stream in staging")


def test_a_canary_without_counted_errors_is_to_be_rolled_back_by_its_retries_or_its_health():
    said(uncounted(compared(1, 2, (20, 20))), ROLLBACK, OK, "0.5 retries/s")
    said(uncounted(compared(2, 2, (20, 20))), ROLLBACK, PENDING, "1 retries/s (at most 0.5)")
    for status in ("refused", "reset"):
        ill = uncounted(spanning(World(), 120)).fail(CANARY_HEALTH, status, "nothing there")
        assert ill.verdict_after(ROLLBACK, 100.0, 180).state is CRITICAL
        assert rolled_back(ill).verdict_after(ROLLBACK, 100.0, 180).state is OK
    said(uncounted(World()).fail(CANARY_HEALTH, "late", "too late"), ROLLBACK, UNKNOWN, "too late")


def test_errors_that_are_counted_outrank_the_other_signals_and_are_missed_only_where_the_page_lacks_them():
    ill = failing(0, 100, (0, 100)).answer(CANARY_HEALTH, 503)
    said(ill, ERROR_RATE, OK)
    said(ill, ROLLBACK, OK, "0 %")
    half = text(
        failing(0, 100, (0, 100), 120), CANARY, lambda page: re.sub(r"(?m)^ws_manager_errors_total.*\n", "", page)
    )
    said(half, ROLLBACK, OK, "is not counted here")
    reset = failing(-1, 100, (0, 100))
    said(reset, ROLLBACK, UNKNOWN, "fell")


def test_a_controller_that_cannot_be_read_excuses_nothing():
    for world in (
        failing(12, 100, (0, 100)).fail(CONTROL, "refused", "nothing there"),
        rolled_back(failing(12, 100, (0, 100))).put(CONTROL, "weight", "none"),
    ):
        assert world.verdict_after("wsmanager.canary.rollback", 12.0, 180).state is CRITICAL


def test_without_new_streams_only_errors_that_came_all_the_same_are_in_doubt():
    said(failing(0, 0, (0, 100)), "wsmanager.canary.rollback", OK, "no error and no new stream")
    said(failing(1, 0, (0, 100)), "wsmanager.canary.rollback", UNKNOWN, "no new stream in staging")
    said(rolled_back(failing(0, 0, (0, 100))), "wsmanager.canary.rollback", OK, "rolled back")


@pytest.mark.parametrize(("weight", "state"), [("50", WARNING), ("0", WARNING), ("ten", UNKNOWN), (None, UNKNOWN)])
def test_the_manifest_declares_a_tenth_of_the_traffic(weight, state):
    content = well.manifest()
    content[1]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] = weight
    world = World()
    well.set_document(world.observations, well.MANIFEST, content)
    said(world, "wsmanager.canary.weight", state)
    world.fail(well.CREATED, "late", "too late")
    said(world, "wsmanager.canary.weight", state)


def test_where_no_controller_is_named_the_manifest_says_whether_it_was_rolled_back():
    content = well.manifest()
    content[1]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"] = "0"
    world = failing(12, 100, (0, 100))
    world.systems["wsmanager"].canary_url = None
    assert world.verdict_after("wsmanager.canary.rollback", 12.0, 180).state is CRITICAL
    well.set_document(world.observations, well.MANIFEST, content)
    said(world, "wsmanager.canary.rollback", OK, "rolled back: the manifest declares weight 0")
    world.systems["wsmanager"].canary_manifest = None
    assert world.verdict_after("wsmanager.canary.rollback", 12.0, 180).state is CRITICAL
