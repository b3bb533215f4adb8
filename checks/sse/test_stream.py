"""Does a client get its events, and pings while there are none?"""

from itertools import pairwise

from checks.sse import STREAM
from checks.sse.rhythm import in_production
from checks.sse.stream import GRACE, NO_PING, PING_EVERY, PINGS, is_ping
from healthgate import DOWN, TIME_SCALE, Measured, NoData, Violated, at_most, check, measure, reaching, seconds
from healthgate.readings import Followed

FIRST_WITHIN = 5.0
"""Seconds in which a client must have heard something; real ones, since connecting cannot be sped up."""

CUT_SHORT = frozenset({"most", "oversized", "malformed"})
"""Why a look may have ended before it proves anything."""


@measure(STREAM.outcome)
def first_sign(followed: Followed) -> Measured:
    """Seconds until a client heard an event or a comment; a stream that is refused or silent is a violation."""
    if followed.status != "answered":
        proven = followed.status in DOWN or followed.code is not None
        waited = followed.status == "late" and followed.elapsed_ms >= FIRST_WITHIN * 1000
        raise (Violated if proven or waited else NoData)(followed.error)
    steps = followed.steps
    opened = sum(steps[name] for name in ("resolve", "connect", "answer"))
    words = f"opened in {opened:.0f} ms, {followed.count} events and {followed.comment_count} comments"
    if followed.first_sign_ms is not None:
        return Measured(round((opened + followed.first_sign_ms) / 1000, 3), words)
    waited_s = opened / 1000 + followed.listened_s
    if followed.ended == "time" and waited_s < FIRST_WITHIN:
        raise NoData(f"nothing came in {waited_s:.1f} s, and it was not listened to for longer")
    if followed.ended in CUT_SHORT:
        raise NoData(f"{words}; {followed.ending}")
    raise Violated(f"{words} in {followed.listened_s:.1f} s: {followed.ending}")


@measure(STREAM, TIME_SCALE)
def longest_without_ping(followed: Followed, scale: float) -> Measured:
    """The longest time without a ping, in seconds of production; fewer than two are a contradiction, none a violation.

    It counts from the opening, and to the end of listening unless that was as soon as enough pings had come.
    """
    began = followed.opened_at or 0.0
    moments = [0.0, *(comment.at - began for comment in followed.comments if is_ping(comment))]
    pings = len(moments) - 1
    if followed.ended != "enough":
        moments.append(followed.listened_s)
    longest = max((b - a for a, b in pairwise(moments)), default=0.0)
    gap = in_production(longest, PING_EVERY, scale)
    words = f"{pings} pings in {followed.listened_s:.1f} s"
    if pings >= PINGS:
        return Measured(round(gap, 1), words)
    if followed.ended in CUT_SHORT:
        raise NoData(f"{words}; {followed.ending}")
    if followed.ended == "time" and followed.listened_s * scale < NO_PING:
        raise NoData(f"{words}, and it was not listened to for {NO_PING / scale:g} s")
    if not pings:
        raise Violated(f"{words}: {followed.ending}")
    return Measured(round(gap, 1), words, f"{PINGS} were due; {followed.ending}")


@check(
    "sse.stream.connect",
    first_sign,
    stays=at_most(FIRST_WITHIN, seconds, critical=FIRST_WITHIN),
    name="Time until a client hears something on the event stream",
    cause="the service is full, a proxy holds the events back, or the manager cannot register connections",
    action="try without the proxy; read the log of the manager",
    runbook="event-stream-service",
    every="60s",
)
@check(
    "sse.stream.ping",
    longest_without_ping,
    stays=at_most(PING_EVERY + GRACE, seconds, warning=PING_EVERY + GRACE, critical=reaching(NO_PING)),
    name="Longest time without a ping on the event stream",
    cause="nobody pings any more: proxies cut idle clients off, and their connections turn stale",
    action="restart the service; check the time-out of the proxy",
    runbook="event-stream-service",
    every="5m",
    attempts=2,
)
def test_stream(verdict):
    """A client can open the stream, hears something at once, and is kept alive."""
    assert verdict.healthy, verdict
