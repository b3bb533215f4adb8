"""What is said on the event stream: events, and a ping every quarter of a minute (spec 5.2, 5.8)."""

from collections.abc import Callable

from healthgate.readings import Comment, Event

PING_EVERY = 15.0
"""Seconds of production between two pings."""

GRACE = 5.0
"""Seconds by which a ping may be late."""

PINGS = 2
"""Pings that are waited for."""

NO_PING = PINGS * PING_EVERY + GRACE
"""Seconds without any ping after which nobody pings."""

MOST_EVENTS = 2000
"""Events of one look, at most."""


def is_ping(sign: Event | Comment) -> bool:
    """Whether a sign of life is a ping: a comment that says so."""
    return isinstance(sign, Comment) and sign.text.strip().lower() == "ping"


def two_pings() -> Callable[[Event | Comment], bool]:
    """Return what says, told sign after sign, that an event and two pings have come."""
    counted = {"events": 0, "pings": 0}

    def enough(sign: Event | Comment) -> bool:
        counted["events"] += isinstance(sign, Event)
        counted["pings"] += is_ping(sign)
        return counted["events"] > 0 and counted["pings"] >= PINGS

    return enough
