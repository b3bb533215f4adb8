"""Cleanups that failed, or filled their batch, one after the other: as reported, as logged, as counted."""

import pytest

from tests.checks.event_stream_scenes import CRITICAL, MISSED, OK, PENDING, UNKNOWN, WARNING, said
from tests.checks.event_stream_service import AGAIN, LOG, MONITORING, NOW, body, cleanups, cycles, log_facts
from tests.checks.world import World

FAILED, BACKLOG = "sse.cleanup.consecutive_errors", "sse.cleanup.backlog"
PING = "sse.config.stale_vs_ping"


def untold(world: World | None = None) -> World:
    """A service that reports neither failures in a row nor how often it pings."""
    world = world or World()
    for request in (MONITORING, MONITORING + AGAIN):
        told = world.observations[request].facts["json"]
        told["cleanup_stats"].pop("consecutive_errors", None)
        told["configuration"].pop("ping_interval_seconds", None)
    return world


def writing(world: World, **kinds) -> World:
    world.observations[LOG].facts = log_facts(**kinds)
    return world


def logless(world: World) -> World:
    world.systems["sse"].log = None
    del world.observations[LOG]
    return world


def followed(world: World, seconds: float = 660.0) -> World:
    """Let the second look be so long after the first: as long as counters are followed."""
    world.observations[MONITORING + AGAIN].at = NOW + seconds
    return world


def counting(cleanups_made: int, errors: int = 0, cleaned: int = 0, seconds: float = 660.0) -> World:
    """A service without a log that counted this between two looks, so long apart."""
    world = logless(untold())
    later = body(cleanups=120 + cleanups_made, errors=2 + errors, cleaned=312 + cleaned)
    world.observations[MONITORING + AGAIN].facts["json"] = later
    return untold(followed(world, seconds))


EVERY_MINUTE = [20.0 + 60 * number for number in range(12)]


@pytest.mark.parametrize(
    ("failed", "state"),
    [(0, OK), (2, MISSED), (3, WARNING), (9, WARNING), (10, CRITICAL)],
)
def test_failures_in_a_row_are_counted_in_the_log_where_they_are_not_reported(failed, state):
    errors = [(ago, {}) for ago in EVERY_MINUTE[:failed]]
    world = writing(untold(), error=errors, cycle=cycles(*(ago + 60 * failed for ago in EVERY_MINUTE)))
    said(world, FAILED, state, "as logged")


def test_a_cleanup_that_succeeds_ends_the_row():
    errors = [(ago, {}) for ago in (140.0, 200.0, 260.0, 320.0)]
    said(writing(untold(), error=errors), FAILED, OK, "since the cleanup 20 s ago")


def test_a_log_that_nobody_writes_says_nothing_of_now():
    world = untold()
    facts = log_facts()
    facts["newest"] = NOW - 901
    world.observations[LOG].facts = facts
    world.observations[MONITORING + AGAIN].facts["json"] = body(cleanups=120)
    said(untold(followed(world)), FAILED, UNKNOWN, "no cleanup was counted")


@pytest.mark.parametrize(
    ("made", "errors", "state", "words"),
    [
        (4, 4, WARNING, "4 of 4"),
        (10, 10, CRITICAL, ""),
        (5, 4, OK, "4 of 5"),
        (0, 0, UNKNOWN, "no cleanup was counted"),
    ],
)
def test_failures_in_a_row_are_those_counted_where_there_is_no_log(made, errors, state, words):
    said(counting(made, errors=errors), FAILED, state, words)
    said(counting(made, errors=errors, seconds=2.0), FAILED, PENDING, f"not known yet: {errors} in 2 s of 11 m")


@pytest.mark.parametrize(
    ("cleaned", "state", "words"),
    [
        (["10"] * 5, WARNING, "5 cleanups (the last took 10 of 10, with 31 stale before it)"),
        (["12"] * 12, WARNING, "12 cleanups"),
        (["10"] * 4 + ["9", "10"], OK, "4 cleanups"),
        (["9"] + ["10"] * 9, OK, "the last took 9 of 10"),
    ],
)
def test_batches_that_are_always_full_are_a_backlog(cleaned, state, words):
    lines = [
        one
        for ago, number in zip(EVERY_MINUTE, cleaned, strict=False)
        for one in cleanups(ago, cleaned=number, stale="31")
    ]
    said(writing(World(), cleanup=lines), BACKLOG, state, words)


@pytest.mark.parametrize(
    ("made", "cleaned", "state", "words"),
    [
        (5, 50, WARNING, "50 connections in 5 cleanups of 10 each"),
        (5, 49, OK, "49 connections in 5 cleanups"),
        (4, 40, OK, "4 cleanups"),
        (0, 0, UNKNOWN, "no cleanup was counted"),
    ],
)
def test_batches_are_told_by_the_counters_where_there_is_no_log(made, cleaned, state, words):
    said(counting(made, cleaned=cleaned), BACKLOG, state, words)


def test_the_interval_of_pings_is_the_reported_the_logged_or_the_declared_one():
    said(World(), PING, OK, "ping_interval_seconds is 15")
    configured = {"interval": "60", "batch": "10", "stale": "300", "ping": "101"}
    said(
        writing(untold(), config__ok=[(86_399.0, configured)]), PING, WARNING, "the logged ping_interval_seconds is 101"
    )
    declared = logless(untold())
    said(declared, PING, OK, "the declared ping_interval_seconds is 15")
    declared.systems["sse"].configuration = None
    said(declared, PING, UNKNOWN, "neither log nor profile say how often is pinged")
