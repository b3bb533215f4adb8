"""A month of a schedule, without waiting for it: real runs, windows and histories over a place that is only computed.

One week all is well, with restarts; one week everything flaps, never for as long as its line asks for; the rest of the
month services die, or fail slowly, and heal. Runs come late by chance, and one in a hundred is lost.
"""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.state import State
from healthgate.claim.window import reach
from healthgate.judge.verdict import Verdict
from healthgate.memory import counters
from healthgate.memory.history import History
from healthgate.observe.observer import Cost, Task
from healthgate.run import run as runs
from healthgate.run.run import Run
from tests.checks.world import CATALOGUE, ROOT
from tests.schedules.place import BEGAN, BOOTED, DAY, Ill, Place, flapping, lasting, moments
from tests.schedules.shipped import Schedule
from tests.schedules.sight import PRODUCTION, Line, lines

LOST = 0.01
"""Share of the runs that never come."""

LATENCY = 0.02
"""Seconds an answer takes."""

ILLS = {
    "wsmanager.service.down": "down",
    "wsmanager.head.healthy": "down",
    **{f"wsmanager.endpoint.formats[{name}]": "down" for name in ("prometheus", "json", "default")},
    "wsmanager.canary.staging_up": "canary down",
    "wsmanager.connections.leak": "leaking",
    "wsmanager.retry.rate": "retrying",
    "wsmanager.cleanup.lag": "lagging",
    "wsmanager.canary.retry_ratio": "canary retrying",
    "wsmanager.canary.rollback": "canary failing",
    "sse.cleanup.progress": "stopped",
    "sse.cleanup.duration": "slow",
    "sse.cleanup.error_trend": "failing slowly",
}
"""What is wrong where a line of a check is crossed."""

DEAD = frozenset({"down", "canary down", "stopped"})
SLOWLY = frozenset({"failing slowly", "lagging"})
EACH = 6
"""Times that everything goes wrong in a month."""

BLIND = {"down": ("wsmanager.",), "canary down": ("wsmanager.canary.",)}
"""What else cannot be judged while something is down."""

FLAPS = {
    "down": ("down", 30.0, 75.0),
    "canary down": ("canary down", 30.0, 75.0),
    "leaking": ("leaking", 150.0, 90.0),
    "retrying": ("bursting", 60.0, 90.0),
    "stopped": ("stopped", 90.0, 240.0),
    "slow": ("slow", 150.0, 150.0),
    "canary failing": ("canary failing", 50.0, 130.0),
}
"""What flaps for a day: for so long, with so long between. It is never ill for as long as its line asks for."""


class Clock:
    """Time that passes where it is told to; stands for the module `time`."""

    def __init__(self) -> None:
        self.now = BEGAN

    def time(self) -> float:
        """Return the seconds since 1970."""
        return self.now

    def monotonic(self) -> float:
        """Return the seconds since the machine was started."""
        return self.now - BOOTED

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class Watcher:
    """Stands for the observer: brings what the place would answer at the moments at which runs ask."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self.cost = Cost()

    def run(self, tasks: list[Task]) -> None:
        """Answer every task in its turn."""
        began = ended = self.clock.now
        for task in tasks:
            before = [one.observation.at for one in task.after if one.observation is not None]
            at = max([began, *(moment + task.gap for moment in before)]) + LATENCY
            task.observation = self.place.seen(task.request.id, at)
            ended = max(ended, at)
        self.clock.now = ended

    def close(self) -> None:
        """Let nothing go: there is nothing."""


@contextmanager
def watched(place: Place, clock: Clock) -> Iterator[None]:
    """Let runs of this process see a place at the moments of a clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "time", clock)
        patch.setattr(counters, "time", clock)
        patch.setattr(runs, "Observer", lambda *_: Watcher(place, clock))
        yield


@dataclass
class Seen:
    """What came of the lines in a kind of time: how many runs, how often it was ill, crossed in time, and falsely."""

    runs: int = 0
    ills: int = 0
    crossed: int = 0
    late: int = 0
    never: int = 0
    false: int = 0
    longest: float = 0.0


@dataclass
class Month:
    """A month of one schedule: what was seen while all was well, while it flapped, of what died and failed slowly."""

    schedule: Schedule
    kinds: dict[str, Seen] = field(default_factory=lambda: {kind: Seen() for kind in KINDS})
    lost: int = 0
    troubles: list[str] = field(default_factory=list)


KINDS = ("healthy", "flapping", "dead", "slowly failing", "beyond a line")


def kind_of(ill: str) -> str:
    """Return what kind of illness something is."""
    return "dead" if ill in DEAD else "slowly failing" if ill in SLOWLY else "beyond a line"


def place(chance: random.Random, days: float = 30) -> Place:
    """Return a place in which everything goes wrong in its turn, once at least, in a month of so many days."""
    week = days * 7 / 30
    ills: list[Ill] = []
    flaps, day = BEGAN + week * DAY, week * DAY / len(FLAPS)
    for number, (of, ill, well) in enumerate(FLAPS.values()):
        ills += flapping(of, flaps + number * day, flaps + (number + 1) * day - 3600, ill, well, chance)
    turns = [of for of in dict.fromkeys(ILLS.values()) for _ in range(max(1, round(EACH * days / 30)))]
    chance.shuffle(turns)
    starts = moments(flaps + week * DAY + 3600, BEGAN + days * DAY - 6 * 3600, len(turns), chance)
    ills += [lasting(of, at, 200 if of == "failing slowly" else 60) for of, at in zip(turns, starts, strict=True)]
    restarts = [BEGAN + days * DAY * part + chance.uniform(0, 3600) for part in (0.03, 0.09, 0.16, 0.3, 0.42)]
    return Place(ills, sorted(restarts))


def begins(schedule: Schedule, chance: random.Random, days: float) -> Iterator[float | None]:
    """Yield when each run begins, as seconds since 1970; None for one that is lost."""
    for number in range(int(days * DAY / schedule.interval)):
        lost, late = chance.random() < LOST, chance.uniform(0.0, schedule.late)
        yield None if lost else BEGAN + number * schedule.interval + late


def month(schedule: Schedule, folder: Path, days: float = 30, seed: int = 1) -> Month:
    """Run the checks that need time as a schedule would in so many days, and return what came of it."""
    chance = random.Random(seed)
    found, clock, there = Month(schedule), Clock(), place(chance, days)
    PRODUCTION.resolve(dict.fromkeys(PRODUCTION.variables(), "not-needed-where-nothing-is-asked"))
    selected = {PRODUCTION.name: [CATALOGUE.checks[name] for name in ILLS]}
    back = {check.id: reach(check.stays, check.cadence) for check in CATALOGUE.checks.values() if check.stays.windowed}
    told: dict[tuple[Ill, str], float] = {}
    lost_at: list[float] = []
    with watched(there, clock):
        history = History(folder / "month.db", clock=clock.time)
        for number, begin in enumerate(begins(schedule, chance, days)):
            if begin is None:
                found.lost += 1
                lost_at.append(BEGAN + number * schedule.interval)
                continue
            clock.now = max(begin, clock.now)
            run = Run(
                ROOT, None, CATALOGUE, {PRODUCTION.name: PRODUCTION}, None, schedule.sample, "{name}",
                past=history.past([PRODUCTION.name], back=back), counters=history,
            )  # fmt: skip
            began = clock.now
            run.observe(selected, lambda *_: None)
            verdicts = {name: run.verdict(PRODUCTION.name, name) for name in ILLS}
            history.record(verdicts.values(), began, run.tallies())
            _judge(found, there, verdicts, (began, clock.now), told)
        history.close()
    _hold_against(found, there, told, lost_at)
    return found


def _judge(
    found: Month,
    there: Place,
    verdicts: Mapping[str, Verdict],
    span: tuple[float, float],
    told: dict[tuple[Ill, str], float],
) -> None:
    """Note the lines that were told to be crossed in a run; where all is well, whatever fails is a false alarm."""
    began, ended = span
    kind = _kind_of_time(there, began, ended)
    found.kinds[kind].runs += 1
    for line in lines():
        verdict, of = verdicts[line.check.id], ILLS[line.check.id]
        state, beyond = verdict.state, {State(line.name), State.CRITICAL}
        unseen = state is State.UNKNOWN and not _blinded(there, line, began, ended)
        red = kind == "healthy" and not verdict.healthy
        ill = there.is_ill(of, began) or there.is_ill(of, ended - 1) or _lately(there, of, began, line)
        if state in beyond and ill is not None and ill.until - ill.since >= line.tier.sustained:
            told.setdefault((ill, line.name), ended)
        elif state is State(line.name) or unseen or red:
            found.kinds[kind].false += 1
            found.troubles.append(f"{found.schedule.name}: {line.check.id} {state} at {began - BEGAN:.0f}, {kind}")


def _kind_of_time(there: Place, began: float, ended: float) -> str:
    for ill in there.ills:
        if ill.since <= ended and began < ill.until + 7200:
            return "flapping" if ill.until - ill.since < 300 else kind_of(ill.of)
    return "healthy"


def _lately(there: Place, of: str, at: float, line: Line) -> Ill | None:
    """Return what was wrong a moment ago, as long as what is counted over a time still tells of it."""
    back = 2 * line.over + line.tier.rises * line.tier.each
    return next((one for one in there.ills if one.of == of and one.since <= at < one.until + back), None)


def _blinded(there: Place, line: Line, began: float, ended: float) -> bool:
    return any(
        line.check.id.startswith(rows) and one.of == of and one.since <= ended and one.until >= began
        for of, rows in BLIND.items()
        for one in there.ills
    )


def _hold_against(found: Month, there: Place, told: Mapping[tuple[Ill, str], float], lost_at: list[float]) -> None:
    """Note of everything that went wrong for long enough whether it was told in time."""
    for line in lines():
        within = line.within(found.schedule)
        for ill in there.ills:
            if ill.of != ILLS[line.check.id] or ill.until - ill.since < 1800:
                continue
            seen = found.kinds[kind_of(ill.of)]
            seen.ills += 1
            after = told.get((ill, line.name))
            if within is None:
                seen.never += 1
                continue
            more = found.schedule.interval * sum(ill.since - 3600 < at < ill.since + within for at in lost_at)
            if after is not None:
                seen.crossed += 1
                seen.longest = max(seen.longest, after - ill.since)
            latest = max(within, found.schedule.grain) + more
            if after is None or after - ill.since > latest:
                seen.late += 1
                took = "never" if after is None else f"after {after - ill.since:.0f} s of {latest:.0f}"
                found.troubles.append(f"{found.schedule.name}: {line.check.id} {line.name} {took}")
