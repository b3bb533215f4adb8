"""Weeks of runs that pass in no time: every look is recorded as a run does it, by a clock that is set."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from healthgate.claim.state import State
from healthgate.judge.verdict import Verdict
from healthgate.memory.history import History
from tests.memory.test_history import VERDICT

DAY = 86400.0
END = datetime(2026, 3, 16, 6, tzinfo=UTC).timestamp()
"""A Monday, six hours after the last day was over."""

Reading = Callable[[float], float | None]
"""What is read after so many days; None where nothing is."""


def ok(value: float | None) -> State:
    """Return the state of a check that is well whenever it can be read."""
    return State.UNKNOWN if value is None else State.OK


def weeks(
    path: Path,
    readings: Mapping[str, Reading],
    days: float = 14.25,
    every: float = 600.0,
    end: float = END,
    judged: Callable[[float | None], State] = ok,
    verdict: Verdict = VERDICT,
) -> None:
    """Keep a look at each of `readings` every so many seconds, up to `end`; a moment without any is a gap."""
    now = [end - days * DAY]
    history = History(path, clock=lambda: now[0])
    for number in range(int(days * DAY / every) + 1):
        now[0] = end - days * DAY + number * every
        seen = [
            replace(verdict, id=name, system=name.partition(".")[0], state=judged(value), value=value)
            for name, reading in readings.items()
            if not isinstance(value := reading((now[0] - end) / DAY + days), Gap)
        ]
        history.record(seen, now[0])
    history.close()


class Gap(float):
    """What is read while there are no runs."""


def daily(seed: int, level: float = 40.0, cycle: float = 6.0, noise: float = 1.0) -> Reading:
    """Return what comes and goes with the hours, and never looks the same twice."""
    random_numbers = random.Random(seed)
    return lambda day: level + cycle * math.sin(2 * math.pi * day) + random_numbers.gauss(0, noise)


def growing(seed: int, per_day: float, level: float = 40.0) -> Reading:
    """Return what grows by so much a day, beneath the hours and the noise."""
    flat = daily(seed, level)
    return lambda day: (flat(day) or 0.0) + per_day * day


def step(seed: int, at: float, by: float) -> Reading:
    """Return what is higher from some day on."""
    flat = daily(seed)
    return lambda day: (flat(day) or 0.0) + (by if day >= at else 0.0)


def sawtooth(seed: int, per_day: float, every: float) -> Reading:
    """Return what grows until it is started anew, every so many days."""
    flat = daily(seed, cycle=1.0)
    return lambda day: (flat(day) or 0.0) + per_day * (day % every)
