"""When a line will be crossed at the rate of the last days; nothing where the days do not say so."""

import random
from collections.abc import Callable

import pytest

from healthgate.claim.limit import above, at_least, below, equals, lasting, over, percent, rising, seconds
from healthgate.judge.growth import DAY, Ahead, Day, Growth, ahead, day_of, growth, quantile
from tests.memory.weeks import Reading, daily, growing, sawtooth, step

LIMIT = below(80, percent, warning=80, critical=90)


def days_of(reading: Reading, many: int, first: int = 0, hours: int = 24) -> list[Day]:
    """Return so many days of a look every two minutes."""
    found = []
    for number in range(first, first + many):
        at = [number * DAY + n * 120.0 for n in range(hours * 30)]
        values = [value for moment in at if (value := reading(moment / DAY)) is not None]
        found.append(day_of(number, at, values))
    return found


def seen(reading: Reading, many: int) -> Growth:
    found = growth(days_of(reading, many))
    assert found is not None
    return found


def crossed_on(reading: Reading, line: float, first: int) -> float:
    """Return the day, with its fraction, on which a twentieth of the values come to lie beyond the line: by looking."""
    before = days_of(reading, 1, first)[0].high
    for day in range(first + 1, first + 40):
        high = days_of(reading, 1, day)[0].high
        if high >= line:
            return day + 0.5 - (high - line) / (high - before)
        before = high
    raise AssertionError("never")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("per_day", "level"), [(1.5, 40.0), (2.5, 30.0), (3.0, 25.0), (0.8, 58.0)])
def test_the_line_is_crossed_within_a_tenth_of_when_it_is_said(seed: int, per_day: float, level: float) -> None:
    """Beneath a cycle of the day that is larger than a week of growth."""
    reading = growing(seed, per_day, level)
    now = 14.25
    found = ahead(seen(reading, 14), LIMIT, level + 14 * per_day, now * DAY)
    truth = crossed_on(growing(seed + 100, per_day, level), 80, 14) - now
    assert found is not None
    assert found.line.op == ">"
    assert abs(found.seconds / DAY - truth) <= 0.1 * truth


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "shape",
    [
        daily,
        lambda seed: daily(seed, level=78, cycle=0.2, noise=0.4),
        lambda seed: step(seed, at=7, by=20),
        lambda seed: step(seed, at=12, by=30),
        lambda seed: step(seed, at=3, by=15),
        lambda seed: sawtooth(seed, per_day=8, every=3),
        lambda seed: sawtooth(seed, per_day=5, every=5),
        lambda seed: sawtooth(seed, per_day=40, every=1),
        lambda seed: sawtooth(seed, per_day=3, every=9.3),
    ],
    ids=["flat", "flat, close to the line", "step", "late step", "early step", "restarts every three days",
         "restarts every five days", "restarts every day", "one restart"],
)  # fmt: skip
def test_what_only_seems_to_grow_is_not_said(shape: Callable[[int], Reading], seed: int) -> None:
    found = growth(days_of(shape(seed), 14))
    assert found is None or ahead(found, LIMIT, 60, 14.25 * DAY) is None


def test_a_week_of_working_days_and_a_weekend_is_no_growth() -> None:
    """The fourteen days that begin with a weekend end with their highest."""
    flat = daily(3)
    assert growth(days_of(lambda day: (flat(day) or 0) + (20 if day % 7 >= 2 else 0), 14)) is None


@pytest.mark.parametrize("whole", [6, 7])
def test_a_week_of_whole_days_is_needed(whole: int) -> None:
    reading = growing(1, 2)
    days = [*days_of(reading, 7 - whole, hours=17), *days_of(reading, whole, 7 - whole)]
    assert (growth(days) is not None) is (whole == 7)


def test_days_of_long_ago_do_not_count() -> None:
    days = [*days_of(growing(1, 2), 6), *days_of(growing(1, 2), 3, 20)]
    assert growth(days) is None


STEADY = Growth(14, Day(13, 24, 50, 52, 68, 70), None, None)


def test_what_falls_is_said_of_lines_below_it() -> None:
    found = seen(growing(2, -2, level=100), 14)
    fresh = ahead(found, above(60, percent, warning=50, critical=40), 72, 14 * DAY)
    assert fresh is not None
    assert fresh.words(above(60, percent)) == "at this rate at most 60 % in 3 d"
    assert ahead(found, LIMIT, 72, 14 * DAY) is None


@pytest.mark.parametrize(
    ("limit", "value", "now", "why"),
    [
        (below(500, percent), 66, 14.0, "too far away"),
        (below(60, percent), 66, 14.0, "crossed already"),
        (LIMIT, 20, 14.0, "it was started anew since"),
        (LIMIT, 66, 17.0, "there were no runs since"),
        (equals(3), 66, 14.0, "its lines have no direction"),
        (at_least(0, percent, warning=rising(over(1), 2, "10m")), 66, 14.0, "its line is a trend"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_is_said_where_it_would_mislead(limit: object, value: float, now: float, why: str) -> None:
    found = seen(growing(3, 2, level=32), 14)
    assert ahead(found, LIMIT, 66, 14 * DAY) is not None
    assert ahead(found, limit, value, now * DAY) is None, why  # type: ignore[arg-type]


def test_what_counts_down_by_itself_says_its_own_end() -> None:
    found = seen(lambda day: (20 - day) * DAY, 14)
    assert ahead(found, above(5 * DAY, seconds), 6 * DAY, 14 * DAY) is None


def test_the_nearest_line_is_said_and_how_long_it_must_last_is_not() -> None:
    found = seen(growing(3, 2, level=32), 14)
    limit = below(80, percent, warning=lasting(80, "5m"), critical=lasting(85, "1m"))
    told = ahead(found, limit, 60, 14.1 * DAY)
    assert isinstance(told, Ahead)
    assert told.words(limit) == "at this rate above 80 % in 7 d"
    warned = ahead(found, limit, 81, 14.1 * DAY)
    assert warned is not None
    assert warned.line.value == 85


def test_a_quantile_lies_between_its_neighbours() -> None:
    numbers = random.Random(1)
    ordered = sorted(numbers.random() for _ in range(1001))
    assert quantile(ordered, 0.95) == ordered[950]
    assert quantile([1, 2], 0.5) == 1.5
    assert quantile([7.0], 0.99) == 7
