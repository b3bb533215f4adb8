"""One thing made ill in a stream of an SSE service as a client hears it: the check that is about it says so."""

from typing import Any

import pytest

from tests.checks import event_stream_service as well
from tests.checks.event_stream_scenes import (
    CRITICAL,
    OK,
    UNKNOWN,
    WARNING,
    blocked,
    said,
    seen,
)
from tests.checks.event_stream_service import (
    STREAM,
)
from tests.checks.world import World

CONNECT, PING = "sse.stream.connect", "sse.stream.ping"


def streaming(*signs: tuple[float, str], scale: float = 1.0, **facts: Any) -> World:
    world = seen(STREAM, well.followed(list(signs), **facts))
    world.time_scale = scale
    return world


TIME = {"ended": "time", "ending": "the time was up", "listened_s": 35.0}
CLOSED = {"ended": "closed", "ending": "the server ended the stream", "listened_s": 2.0}
FIRST = (0.03, "connected")


@pytest.mark.parametrize(
    ("world", "state", "words"),
    [
        (streaming((4.9, "connected")), OK, ""),
        (streaming((5.0, ": hello"), **TIME), CRITICAL, "5.013 s"),
        (streaming((4.0, ": hello"), **TIME), OK, "0 events and 1 comments"),
        (streaming(**TIME), CRITICAL, "in 35.0 s: the time was up"),
        (streaming(**TIME | {"listened_s": 4.0}), UNKNOWN, "not listened to for longer"),
        (streaming(**CLOSED), CRITICAL, "in 2.0 s: the server ended the stream"),
        (streaming(**CLOSED | {"ended": "oversized", "ending": "a line is larger"}), UNKNOWN, "a line is larger"),
    ],
)
def test_a_client_hears_something_within_five_seconds(world, state, words):
    said(world, CONNECT, state, words)


@pytest.mark.parametrize(
    ("status", "facts", "elapsed_ms", "state"),
    [
        ("refused", {}, 5.0, CRITICAL),
        ("reset", {}, 5.0, CRITICAL),
        ("unresolved", {}, 5.0, CRITICAL),
        ("refused", {"code": 503}, 5.0, CRITICAL),
        ("malformed", {"code": 200}, 5.0, CRITICAL),
        ("malformed", {}, 5.0, UNKNOWN),
        ("tls", {}, 5.0, UNKNOWN),
        ("late", {}, 5000.0, CRITICAL),
        ("late", {}, 4000.0, UNKNOWN),
        ("starved", {}, 5000.0, UNKNOWN),
    ],
)
def test_a_stream_that_cannot_be_had_is_told_once(status, facts, elapsed_ms, state):
    world = World().fail(STREAM, status, "it went wrong", elapsed_ms=elapsed_ms, steps={}, **facts)
    said(world, CONNECT, state, "it went wrong")
    blocked(world, PING, CONNECT)


def pinged(*moments: float) -> list[tuple[float, str]]:
    return [FIRST, *((moment, ": ping") for moment in moments)]


@pytest.mark.parametrize(
    ("world", "state", "words"),
    [
        (streaming(*pinged(15.0, 30.0)), OK, "2 pings in 30.1 s"),
        (streaming(*pinged(15.0, 35.0)), OK, ""),
        (streaming(*pinged(15.0, 35.1)), WARNING, "20.1 s"),
        (streaming(*pinged(21.0, 25.0)), WARNING, "21 s"),
        (streaming(*pinged(15.0), **TIME), WARNING, "2 were due; the time was up"),
        (streaming(FIRST, **TIME), CRITICAL, "0 pings in 35.0 s"),
        (streaming(FIRST, (10.0, ": hello"), (20.0, ":"), **TIME), CRITICAL, "0 pings"),
        (streaming(FIRST, **CLOSED), CRITICAL, "the server ended the stream"),
        (streaming(FIRST, **TIME | {"listened_s": 34.0}), UNKNOWN, "not listened to for 35 s"),
        (streaming(FIRST, **CLOSED | {"ended": "most", "ending": "enough had come"}), UNKNOWN, "enough had come"),
        (streaming(*pinged(0.25, 0.5), scale=60.0), OK, ""),
        (streaming(*pinged(0.25, 0.9), scale=60.0), OK, ""),
        (streaming(*pinged(0.25, 1.2), scale=60.0), WARNING, ""),
        (streaming(FIRST, **TIME | {"listened_s": 6.0}, scale=60.0), CRITICAL, "0 pings in 6.0 s"),
    ],
)
def test_pings_come_every_quarter_of_a_minute(world, state, words):
    said(world, PING, state, words)


def test_a_look_at_a_stream_is_over_when_an_event_and_two_pings_have_come():
    from checks.sse.stream import two_pings
    from healthgate.readings import Comment, Event

    event, ping, other = Event(0, "", "message", ""), Comment(1, "ping"), Comment(1, "hello")
    enough = two_pings()
    assert [enough(sign) for sign in (ping, other, event, ping)] == [False, False, False, True]
    assert not two_pings()(ping)


# -- what an environment leaves out -----------------------------------------------------------------------------
