"""One thing made ill in the log of an SSE service: the check that is about it says so."""

from typing import Any

import pytest

from tests.checks import event_stream_service as well
from tests.checks.event_stream_scenes import (
    CRITICAL,
    OK,
    PAGE,
    UNKNOWN,
    WARNING,
    blocked,
    exposing,
    reporting,
    said,
    seen,
    writing,
)
from tests.checks.event_stream_service import (
    CONFIGURED,
    LOG,
    LOG_FILES,
    METRICS,
    MONITORING,
    NOW,
    cleanups,
    cycles,
    log_facts,
)
from tests.checks.world import World


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({}, ""),
        ({"before": "84"}, "84 before and 3 cleaned left 84"),
        ({"stale": "5"}, "5 stale and 84 active were 87"),
        ({"eff": "99.8"}, "the efficiency was 99.8 %, 3 of 3 are 100 %"),
        ({"failed": "1", "eff": "75.0"}, ""),
        ({"cleaned": "0", "after": "87", "eff": "100.0"}, ""),
        ({"cleaned": "0", "after": "87", "eff": "0.0"}, "0 of 0 are 100 %"),
    ],
)
def test_lines_about_cleanups_add_up(groups, words):
    lines = [*cleanups(20.0, 80.0), *cleanups(140.0, **groups)]
    said(writing(cleanup=lines), "sse.log.cleanup_completed", WARNING if words else OK, words)


def test_lines_about_cleanups_that_cannot_be_read_are_counted():
    read, unread = cleanups(20.0, 80.0), [(10.0, {}), (20.0, {}), (80.0, {})]
    world = writing(cleanup=read, cleanup__any=unread)
    said(world, "sse.log.cleanup_completed", WARNING, "1 of the last 3 lines about a cleanup cannot be read")


def test_a_wrong_line_is_forgotten_after_twenty_good_ones():
    good = [10.0 + 60 * number for number in range(20)]
    wrong = cleanups(1300.0, before="1")
    said(writing(cleanup=[*cleanups(*good[:19]), *wrong]), "sse.log.cleanup_completed", WARNING)
    said(writing(cleanup=[*cleanups(*good), *wrong]), "sse.log.cleanup_completed", OK)


def test_a_log_without_cleanups_is_explained_by_the_check_on_cycles():
    world = writing(cleanup=[], cycle=[])
    said(world, "sse.log.periodic_cycle", CRITICAL, "no line about a cycle")
    blocked(world, "sse.log.cleanup_completed", "sse.log.periodic_cycle")


@pytest.mark.parametrize(
    ("ago", "state"), [(120.0, OK), (121.0, WARNING), (300.0, WARNING), (301.0, CRITICAL), (3000.0, CRITICAL)]
)
def test_the_cycle_comes_within_two_intervals(ago, state):
    said(writing(cycle=cycles(ago)), "sse.log.periodic_cycle", state, f"{ago:.0f} s, one is due every 60 s")


def test_the_interval_is_the_configured_one():
    world = writing(cycle=cycles(130.0))
    world.put(MONITORING, "configuration/cleanup_interval_seconds", 120)
    said(world, "sse.log.periodic_cycle", OK, "every 120 s")
    world.fail(MONITORING, "refused", "nothing listens")
    said(world, "sse.log.periodic_cycle", WARNING, "every 60 s")
    nowhere = writing(cycle=cycles(20.0), config__ok=[], validation=[(3000.0, {})])
    said(nowhere.fail(MONITORING, "refused", "nothing listens"), "sse.log.periodic_cycle", UNKNOWN, "how often")


def test_a_page_that_is_not_there_is_blamed_on_a_service_that_is_gone():
    world = World().fail(METRICS, "refused", "nothing listens")
    said(world, PAGE, UNKNOWN, "nothing listens")
    blocked(world.fail(MONITORING, "refused", "nothing listens"), PAGE, "sse.endpoint.monitoring")
    blocked(world, "sse.prometheus.health_status", "sse.endpoint.monitoring")


def test_half_a_second_is_not_multiplied_where_time_passes_faster():
    world = writing(cycle=cycles(2.4))
    world.time_scale = 60.0
    said(world, "sse.log.periodic_cycle", OK)
    late = writing(cycle=cycles(2.6))
    late.time_scale = 60.0
    said(late, "sse.log.periodic_cycle", WARNING)


def test_cycles_of_one_moment_are_read_in_the_order_they_stand_in():
    after_a_stall = [*cycles(20.0, total=41), *cycles(20.0, total=40), *cycles(80.0, total=39)]
    said(writing(cycle=after_a_stall), "sse.log.periodic_cycle", OK)


def test_totals_that_fall_without_a_restart_are_a_contradiction():
    lines = [*cycles(20.0, total=40), *cycles(80.0, total=119)]
    said(writing(cycle=lines), "sse.log.periodic_cycle", WARNING, "the total fell from 119 to 40")
    restarted = exposing()
    restarted.observations[LOG].facts = log_facts(cycle=lines)
    restarted.observations[METRICS].facts["text"] = well.page_text(NOW - 50)
    said(restarted, "sse.log.periodic_cycle", OK)
    for ago, state in ((50.5, OK), (48.0, WARNING)):
        restarted.observations[LOG].facts = log_facts(cycle=[*cycles(20.0, total=1), *cycles(ago, total=119)])
        said(restarted, "sse.log.periodic_cycle", state)


def started(ago: float, **kinds: Any) -> World:
    """A service that was started so long ago, as its page says, and has written these lines."""
    world = writing(**kinds)
    world.observations[METRICS].facts["text"] = well.page_text(NOW - ago)
    return world


def test_a_service_that_has_just_started_owes_no_cycle_yet():
    said(started(250.0), "sse.log.periodic_cycle", OK)
    said(started(250.0, cycle=cycles(400.0)), "sse.log.periodic_cycle", UNKNOWN, "no cycle is due yet")
    said(started(350.0, cycle=cycles(400.0)), "sse.log.periodic_cycle", CRITICAL, "no line about a cycle")


def test_a_log_that_does_not_reach_back_proves_no_absence():
    facts = log_facts(cycle=[], cleanup=[])
    facts["oldest"] = NOW - 100
    said(seen(LOG, facts), "sse.log.periodic_cycle", UNKNOWN, "does not reach back")


@pytest.mark.parametrize(
    ("count", "ago", "state"), [(1, 899.0, WARNING), (4, 10.0, WARNING), (5, 10.0, CRITICAL), (9, 901.0, OK)]
)
def test_cleanup_errors_are_counted_for_a_quarter_of_an_hour(count, ago, state):
    said(writing(error=[(ago, {})] * count), "sse.log.no_errors", state)


def test_silence_is_no_proof_that_there_were_no_errors():
    facts = log_facts()
    facts["newest"] = NOW - 901
    said(seen(LOG, facts), "sse.log.no_errors", UNKNOWN, "nobody seems to write it")


@pytest.mark.parametrize(
    ("world", "state", "words"),
    [
        (World(), OK, "validated 24 h ago"),
        (writing(config__ok=[]), WARNING, "did not log a valid configuration"),
        (writing(config__warning=[(50.0, {})]), OK, ""),
        (started(60.0, config__ok=[(59.0, CONFIGURED)]), OK, ""),
        (started(60.0), WARNING, "the last start, 1 m ago"),
        (started(5.0), UNKNOWN, "has not written of its configuration yet"),
        (started(5.0, config__warning=[(4.0, {})]), WARNING, "logged warnings instead"),
        (started(60.0, config__warning=[(59.8, {})], config__ok=[(60.6, CONFIGURED)]), WARNING, "warnings instead"),
    ],
)
def test_the_last_start_logged_that_its_configuration_is_valid(world, state, words):
    said(world, "sse.log.config_validated", state, words)


@pytest.mark.parametrize(
    ("world", "state"),
    [
        (writing(config__warning=[(50.0, {})]), WARNING),
        (writing(config__warning=[(90_000.0, {})]), OK),
        (started(60.0, config__warning=[(70.0, {})]), OK),
        (started(60.0, config__warning=[(60.0, {})]), WARNING),
        (started(60.0, config__warning=[(60.6, {})], config__ok=[(59.9, CONFIGURED)]), OK),
        (started(60.0, config__warning=[(59.8, {})], config__ok=[(60.6, CONFIGURED)]), WARNING),
    ],
)
def test_warnings_count_since_the_last_start(world, state):
    said(world, "sse.log.config_warning", state)


def test_without_a_page_the_log_says_when_the_last_start_was():
    for check_id in ("sse.log.config_validated", "sse.log.config_warning", "sse.log.periodic_cycle"):
        said(World().fail(METRICS, "refused", "nothing listens"), check_id, OK)
    bad = writing(config__ok=[], config__warning=[(3000.0, {})]).fail(METRICS, "refused", "nothing listens")
    said(bad, "sse.log.config_validated", WARNING)
    said(bad, "sse.log.config_warning", WARNING)
    nothing = writing(config__ok=[]).fail(METRICS, "refused", "nothing listens")
    said(nothing, "sse.log.config_validated", UNKNOWN, "no start of the service stands")


def test_a_log_that_begins_after_the_start_proves_no_absence():
    facts = log_facts(config__ok=[])
    facts["oldest"] = NOW - 50_000
    said(seen(LOG, facts), "sse.log.config_validated", UNKNOWN, "does not reach back")
    said(seen(LOG, facts), "sse.log.config_warning", UNKNOWN, "does not reach back")


@pytest.mark.parametrize(
    ("world", "words"),
    [
        (World(), ""),
        (reporting(configuration__cleanup_batch_size=12), "cleanup_batch_size is reported as 12, declared 10"),
        (writing(config__ok=[(86_399.0, CONFIGURED | {"ping": "20"})]), "reported as 15, validated 20"),
        (writing(cleanup=cleanups(20.0, batch="20")), "reported as 10, cleaned with 20"),
        (writing(cleanup=cleanups(20.0, thr="180")), "reported as 300, cleaned with 180"),
        (started(60.0, config__ok=[(4000.0, CONFIGURED | {"ping": "20"})]), ""),
        (started(60.0, config__warning=[(59.8, {})], config__ok=[(60.6, CONFIGURED | {"ping": "20"})]), ""),
    ],
)
def test_the_configuration_is_the_same_wherever_it_is_told(world, words):
    said(world, "sse.config.declared", WARNING if words else OK, words)


def test_a_configuration_that_nobody_declares_is_held_against_the_log_alone():
    world = World()
    world.systems["sse"].configuration = None
    said(world, "sse.config.declared", OK, "as validated; cleaned with")
    silent = writing(config__ok=[], cleanup=[])
    silent.systems["sse"].configuration = None
    blocked(silent, "sse.config.declared", "sse.log.config_validated")
    strange = World()
    strange.systems["sse"].configuration = {"cleanup_rhythm": 7}
    said(strange, "sse.config.declared", UNKNOWN, "cleanup_rhythm is missing")


@pytest.mark.parametrize(
    ("oldest", "installed", "state", "words"),
    [
        (30.6, "2025-11-01", OK, "31 files, the oldest 30.6 days old"),
        (29.9, "2025-11-01", WARNING, "29.9 days"),
        (10.0, "2025-11-01", WARNING, "10 days"),
        (10.0, None, WARNING, "10 days"),
        (30.6, None, OK, ""),
        (9.5, "2026-02-20", OK, "as old as the service"),
        (5.0, "2026-02-20", WARNING, "5 days"),
        (0.0, "2026-03-02", OK, "as old as the service"),
    ],
)
def test_the_log_is_kept_for_thirty_days_or_as_long_as_there_has_been_a_service(oldest, installed, state, words):
    world = seen(LOG_FILES, well.files(oldest))
    world.systems["sse"].installed = installed
    said(world, "sse.log.retention", state, words)


def test_a_log_that_cannot_be_read_is_unknown_wherever_it_is_read():
    world = World().fail(LOG, "missing", "there is no file /var/log/app.log*")
    said(world, "sse.log.periodic_cycle", UNKNOWN, "there is no file")
    for name in ("cleanup_completed", "no_errors", "config_validated", "config_warning"):
        blocked(world, f"sse.log.{name}", "sse.log.periodic_cycle")
