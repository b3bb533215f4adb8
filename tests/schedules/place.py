"""A place that is watched for a month: what its services would answer at any moment, and what is wrong with them when.

Nothing is served: an answer is computed from the moment. Counters are those of processes that begin anew now and then.
"""

import random
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from healthgate.claim.observation import Observation
from tests.checks import event_stream_service as sse
from tests.checks import websocket_manager as wsm

DAY = 86_400.0
BEGAN = 1_775_001_600.0
"""2026-04-01, when the month begins; seconds since 1970."""
BOOTED = BEGAN - 40 * DAY
"""When the machine was started that runs the checks: its other clock counts from here."""

REPEATED = re.compile(r"( \(again\)| \((sample|attempt) [0-9]+\))+$")


@dataclass(frozen=True)
class Ill:
    """What is wrong from one moment until another; `of` is what it is the line of, in a word."""

    of: str
    since: float
    until: float


@dataclass
class Rate:
    """How often something happens in a second, which changes at moments; and how often it did until a moment."""

    usual: float
    changes: list[tuple[float, float, float]] = field(default_factory=list)
    """From when until when it is another, and which; in order, none overlapping."""

    def settle(self) -> None:
        """Compute what has come together by each change."""
        points = [(BEGAN - DAY, self.usual)]
        for since, until, rate in sorted(self.changes):
            points += [(since, rate), (until, self.usual)]
        self._at = [at for at, _ in points]
        self._rates = [rate for _, rate in points]
        grown = ((after - before) * rate for (before, rate), (after, _) in pairwise(points))
        self._sums = list(accumulate(grown, initial=0.0))

    def by(self, at: float) -> float:
        """Return how much came until a moment."""
        number = bisect_right(self._at, at) - 1
        return self._sums[number] + (at - self._at[number]) * self._rates[number]


RAMP = 1800.0, 0.1
"""How much more of the cleanups fail after each of so many seconds, where a service fails slowly."""


class Place:
    """The services of one place in one month, each with what is wrong with it when, in order."""

    def __init__(self, ills: list[Ill], restarts: list[float]) -> None:
        self.ills = ills
        self.restarts = [BEGAN - DAY / 2, *restarts]
        self._of: dict[str, list[Ill]] = {}
        for ill in sorted(ills, key=lambda one: one.since):
            self._of.setdefault(ill.of, []).append(ill)
        self._since = {of: [one.since for one in several] for of, several in self._of.items()}
        self._rates = {
            "cleanups": self._rate(1 / 60, stopped=0.0),
            "retries": self._rate(0.2, retrying=2.0, bursting=0.8),
            "created": self._rate(5.0),
            "failed": self._rate(0.0),
            "staging retries": self._rate(0.02, **{"canary retrying": 0.2}),
            "staging created": self._rate(0.5),
            "staging failed": self._rate(0.0, **{"canary failing": 0.1}),
        }

    def _rate(self, usual: float, **rates: float) -> Rate:
        found = Rate(usual)
        for of, rate in rates.items():
            found.changes += [(one.since, one.until, rate) for one in self._of.get(of, ())]
        found.settle()
        return found

    def is_ill(self, of: str, at: float) -> Ill | None:
        """Return what is wrong at a moment, if that is."""
        number = bisect_right(self._since.get(of, []), at) - 1
        one = self._of[of][number] if number >= 0 else None
        return one if one is not None and at < one.until else None

    def counted(self, name: str, at: float) -> int:
        """Return a counter at a moment: what came since its process began."""
        rate = self._rates[name]
        return int(rate.by(at)) - int(rate.by(self.began(at)))

    def grown(self, name: str, at: float, seconds: float) -> float:
        """Return how often something happened in the seconds before a moment."""
        return self._rates[name].by(at) - self._rates[name].by(at - seconds)

    def began(self, at: float) -> float:
        """Return when the processes began that are there at a moment."""
        return self.restarts[bisect_right(self.restarts, at) - 1]

    def errors(self, at: float) -> int:
        """Return the cleanups that failed: one in two hundred, and ever more where the service fails slowly."""
        began = self.began(at)
        total = self.counted("cleanups", at) // 200
        for one in self._of.get("failing slowly", ()):
            end = min(at, one.until)
            if one.since >= began and end > one.since:
                seconds, step = RAMP
                lasted = end - one.since
                total += int(lasted**2 / 2 / seconds * step / 60)
        return total

    def seen(self, request: str, at: float) -> Observation:
        """Return what a request brings that is answered at a moment."""
        name = REPEATED.sub("", request)
        answer = ANSWERS.get(name)
        if answer is None:
            facts, status, error = OTHERS[name], "answered", None
        else:
            facts, status, error = answer(self, at)
        if "clock" in facts:
            facts = facts | {"clock": at - BOOTED}
        return Observation(request, status, at, 20.0, 0, error, facts)


Answer = tuple[dict[str, Any], str, str | None]
REFUSED: Answer = ({}, "refused", "connection refused")


def _manager(place: Place, at: float) -> Answer:
    if place.is_ill("down", at):
        return REFUSED
    active = 150 if place.is_ill("leaking", at) else 37
    created, left = place.counted("created", at) + 1000, 30 if place.is_ill("lagging", at) else 0
    figures = {
        "active_connections": active,
        "retry_count_total": place.counted("retries", at),
        "stream_creations_total": created,
        "stream_cleanups_total": created - active - left,
        "active_connections_hwm": 200,
        "errors_total": place.counted("failed", at),
    }
    return wsm.page(wsm.page_text("production", figures, place.began(at))), "answered", None


def _canary(place: Place, at: float) -> Answer:
    if place.is_ill("canary down", at):
        return REFUSED
    created = place.counted("staging created", at) + 100
    figures = {
        "active_connections": 4,
        "retry_count_total": place.counted("staging retries", at),
        "stream_creations_total": created,
        "stream_cleanups_total": created - 4,
        "active_connections_hwm": 8,
        "errors_total": place.counted("staging failed", at),
    }
    return wsm.page(wsm.page_text("staging", figures, place.began(at))), "answered", None


def _monitoring(place: Place, at: float) -> Answer:
    body = sse.body(cleanups=120)
    stats = body["cleanup_stats"]
    stats |= {"total_cleanups": place.counted("cleanups", at), "cleanup_errors": place.errors(at)}
    stats["last_cleanup_duration_ms"] = 160.0 if place.is_ill("slow", at) else 8.4
    return {"code": 200, "type": "application/json", "json": body}, "answered", None


def _exposed(place: Place, at: float) -> Answer:
    text = sse.page_text(
        place.began(at),
        sse_cleanup_total=place.counted("cleanups", at),
        sse_cleanup_errors_total=place.errors(at),
        sse_total_connections_cleaned=place.counted("cleanups", at),
    )
    return sse.page(text), "answered", None


RECORDED = {
    "retry_rate_5m": ("retries", 300.0),
    "creation_rate_5m": ("created", 300.0),
    "error_rate_1m": ("failed", 120.0),
    "creation_rate_1m": ("created", 120.0),
}
"""The rates that Prometheus records: of what, over how many seconds."""


def _of_the_manager(name: str) -> Callable[["Place", float], Answer]:
    def answer(place: Place, at: float) -> Answer:
        return REFUSED if place.is_ill("down", at) else (OTHERS[name], "answered", None)

    return answer


def _recorded(series: str) -> Callable[["Place", float], Answer]:
    counter, seconds = RECORDED[series]

    def answer(place: Place, at: float) -> Answer:
        rates = [place.grown(name, at, seconds) / seconds for name in (f"staging {counter}", counter)]
        return wsm.of_prometheus(wsm.vector(staging=rates[0], production=rates[1])), "answered", None

    return answer


ANSWERS: dict[str, Callable[[Place, float], Answer]] = {
    wsm.METRICS: _manager,
    wsm.CANARY: _canary,
    sse.MONITORING: _monitoring,
    sse.METRICS: _exposed,
    **{name: _of_the_manager(name) for name in (wsm.HEALTH, wsm.JSON, wsm.DEFAULT)},
    **{query: _recorded(series) for series, query in wsm.RECORDED_RATES.items()},
}
OTHERS = {name: one.facts for name, one in {**wsm.observations(), **sse.observations()}.items()}
"""What else is asked is answered as where all is well."""


def flapping(of: str, since: float, until: float, ill: float, well: float, chance: random.Random) -> Iterator[Ill]:
    """Yield what comes and goes: ill and well for about so many seconds, three quarters of it at least."""
    at = since
    while at < until:
        lasts = ill * chance.uniform(0.75, 1.0)
        yield Ill(of, at, at + lasts)
        at += lasts + well * chance.uniform(1.0, 1.5)


def lasting(of: str, since: float, minutes: float) -> Ill:
    """Return what stays ill for so long."""
    return Ill(of, since, since + 60 * minutes)


def moments(since: float, until: float, count: int, chance: random.Random) -> list[float]:
    """Return so many moments, one in each of as many equal parts of a time, in its first half."""
    part = (until - since) / count
    return [since + part * (number + chance.uniform(0.0, 0.5)) for number in range(count)]
