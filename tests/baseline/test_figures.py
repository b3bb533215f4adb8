"""What is usual of a check, from its looks."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from healthgate.baseline.figures import Figures, Frame, figures
from healthgate.baseline.proposal import Proposal, proposal
from healthgate.claim.check import Check
from healthgate.claim.limit import Limit, above, at_least, at_most, below, equals, exactly, ms, percent
from healthgate.claim.state import State
from healthgate.judge.past import Course
from tests.memory.weeks import DAY, END, Reading, daily, growing

CHECK = Check("boiler.pressure", None, below(80, percent, warning=80, critical=90), "", "", "", "", 300.0, (), 1, "", 0)  # type: ignore[arg-type]
FRAME = Frame(END - 14 * DAY, END, lambda at: datetime.fromtimestamp(at, UTC).hour, "UTC", lambda _: None)


def course(reading: Reading, days: float = 14, every: float = 300.0, limit: Limit = CHECK.stays) -> Course:
    """Return the looks of some days up to the end, judged by `limit` at once."""
    at = [END - days * DAY + n * every for n in range(int(days * DAY / every))]
    values = [reading((moment - END) / DAY + days) for moment in at]
    return Course(at, [limit.judge(value) for value in values], values)


def of(reading: Reading, limit: Limit = CHECK.stays, days: float = 14, every: float = 300.0) -> Figures:
    return figures(replace(CHECK, stays=limit), limit, course(reading, days, every, limit), FRAME)


def spikes(reading: Reading, at: Sequence[float], to: float, lasting: float = 0.02) -> Reading:
    """Return `reading` with another value for some time from each of some days on."""
    return lambda day: to if any(0 <= day - one < lasting for one in at) else reading(day)


def test_the_range_is_what_most_values_lie_in_and_the_extreme_has_its_moment() -> None:
    found = of(spikes(daily(1, level=40, cycle=6, noise=1), [9.5], 77))
    assert found.usual is not None
    quantiles = found.usual.quantiles
    assert (round(quantiles[0.05]), round(quantiles[0.5]), round(quantiles[0.95])) == (34, 40, 46)
    assert quantiles[0.95] < quantiles[0.99] < 55
    at, value = found.usual.highest
    assert value == 77
    assert abs(at - (END - 4.5 * DAY)) <= 300
    assert (found.looks, found.valued, found.days, found.gaps) == (4032, 4032, 14, [])


def test_hours_that_differ_are_said_and_those_that_only_vary_are_not() -> None:
    varies = of(daily(1, cycle=6, noise=1)).usual
    same = of(daily(1, cycle=0, noise=3)).usual
    assert varies is not None
    assert same is not None
    assert varies.varies
    assert not same.varies
    highest = max(range(24), key=lambda hour: varies.hours[hour] or 0)
    assert highest in {11, 12}, "the cycle begins at six, and is highest after a quarter of a day"


def test_a_line_that_is_crossed_at_night_only_says_when() -> None:
    """At 02:00 for half an hour, on every day: a backup."""
    found = of(spikes(daily(1), [n + 20 / 24 for n in range(13)], 84))
    [warning] = [line for line in found.lines if line.name == "warning"]
    assert len(warning.episodes) == 13
    assert warning.hours == (2, 2)
    assert warning.seconds == pytest.approx(13 * 1800, rel=0.1)
    [critical] = [line for line in found.lines if line.name == "critical"]
    assert critical.episodes == []


def test_gaps_are_counted_and_no_time_in_them_is() -> None:
    whole = course(daily(1))
    kept = [n for n, at in enumerate(whole.at) if not END - 5 * DAY <= at < END - 4.5 * DAY]
    holed = Course([whole.at[n] for n in kept], [whole.states[n] for n in kept], [whole.values[n] for n in kept])
    found = figures(CHECK, CHECK.stays, holed, FRAME)
    [(begins, ends)] = found.gaps
    assert (ends - begins, found.days) == (12 * 3600 + 300, 13)
    assert found.judged[State.OK] == (1, pytest.approx(13.5 * DAY, rel=0.001))


def test_what_was_not_read_is_counted_and_is_no_value() -> None:
    found = of(lambda day: None if 3 <= day < 4 else daily(1)(day))
    assert found.looks - found.valued == 288
    assert found.judged[State.UNKNOWN] == (1, pytest.approx(DAY))


def test_maintenance_is_no_part_of_what_is_usual() -> None:
    quiet: Callable[[str], Callable[[float], bool] | None] = lambda _: lambda at: at < END - 7 * DAY  # noqa: E731
    found = figures(CHECK, CHECK.stays, course(lambda day: 99.0 if day < 7 else 40 + day), replace(FRAME, quiet=quiet))
    assert found.usual is not None
    assert found.usual.highest[1] < 60
    assert found.looks == 7 * 288


def test_a_check_that_reads_no_number_says_how_it_was() -> None:
    states = [State.OK] * 100 + [State.CRITICAL] * 3 + [State.OK] * 10
    at = [END - 300.0 * n for n in range(len(states))][::-1]
    found = figures(CHECK, equals("shut"), Course(at, states, [None] * len(states)), FRAME)
    assert (found.usual, found.numeric) == (None, False)
    assert found.judged == {State.OK: (2, 110 * 300), State.CRITICAL: (1, 900)}


def test_no_look_at_all_is_no_figure() -> None:
    found = figures(CHECK, CHECK.stays, Course([], [], []), FRAME)
    assert (found.looks, found.days, found.usual, found.judged) == (0, 0, None, {})
    assert proposal(found, FRAME, "today") == "no warning line or objective to move"


def given(reading: Reading, limit: Limit, days: float = 14.25) -> Proposal | str:
    return proposal(of(reading, limit, days), FRAME, "2026-03-16")


NIGHTLY = [n + 20 / 24 for n in range(14)]


def test_a_line_within_what_is_usual_is_moved_out_with_its_objective() -> None:
    found = given(daily(1, level=74, cycle=5, noise=1), below(80, percent, warning=80, critical=90))
    assert isinstance(found, Proposal)
    assert found.values == {"objective": 87, "warning": 87}
    assert found.would.episodes == []
    assert found.because.startswith(
        "in 14 days to 2026-03-16 usually 68.6 % to 79.3 %, at worst 81.3 %; 80 % was crossed 70 times, 7 h in all, "
    )
    assert found.because.endswith("87 % never")


def test_a_line_that_is_far_away_is_moved_in() -> None:
    found = given(daily(1, level=5, cycle=1, noise=0.3), below(50, ms, warning=100))
    assert isinstance(found, Proposal)
    assert found.values == {"objective": 11, "warning": 11}
    assert "100 ms was crossed never, 11 ms never" in found.because


def test_of_what_should_stay_high_the_line_is_moved_down() -> None:
    found = given(daily(1, level=95.5, cycle=1, noise=0.2), above(95, percent, warning=95))
    assert isinstance(found, Proposal)
    assert found.values == {"objective": 92, "warning": 92}


@pytest.mark.parametrize(
    ("reading", "limit", "days", "why"),
    [
        (daily(1, 74, 5), CHECK.stays, 6.25, "too little: 6 whole days of 7"),
        (spikes(daily(1, 74, 5), [3.0], 95), CHECK.stays, 14.25, "it was critical in that time"),
        (lambda day: None if day < 1 else 74.0 + day % 5, CHECK.stays, 14.25,
         "it was unknown or blocked for too long in that time"),
        (growing(1, 2, 32), below(50, percent, warning=50), 14.25,
         "it is going somewhere: what is usual today is not tomorrow"),
        (daily(1, 86, 1, 0.5), CHECK.stays, 14.25, "the line that would suit is beyond the critical one"),
        (daily(1, 1, 0.1, 0.4), above(0.9, percent, warning=0.9), 14.25,
         "a line below the lowest possible value would say nothing"),
        (lambda _: 3.0, CHECK.stays, 14.25, "what is usual does not vary enough to tell from it"),
        (daily(1, 65, 3), CHECK.stays, 14.25, "its lines fit"),
        (daily(1), equals(3), 14.25, "no warning line or objective to move"),
        (daily(1), at_most(80, critical=90), 14.25, "no warning line or objective to move"),
        (daily(1), at_least(1, critical=exactly(0)), 14.25, "no warning line or objective to move"),
        (spikes(daily(1, 30, 0, 1), [n / 3 for n in range(42)], 79, 0.001), below(70, percent, warning=70), 14.25,
         "no line tells what is usual from what is not"),
    ],
)  # fmt: skip
def test_nothing_is_proposed_where_the_looks_do_not_support_it(
    reading: Reading, limit: Limit, days: float, why: str
) -> None:
    assert given(reading, limit, days) == why


@pytest.mark.parametrize("seed", range(12))
def test_what_is_proposed_can_be_a_line_of_the_check_and_is_quiet(seed: int) -> None:
    numbers = random.Random(seed)
    level, cycle, noise = numbers.uniform(1, 1000), numbers.uniform(0.1, 9), numbers.uniform(0.1, 2)
    limit = below(level + cycle, ms, warning=level + cycle, critical=level * 100)
    found = given(daily(seed, level, cycle, noise), limit)
    assert isinstance(found, Proposal)
    moved = limit.moved(found.values)
    assert moved.warning is not None
    assert len(found.would.episodes) <= 2
    assert f"{found.values['warning']:g}" == str(found.values["warning"]).removesuffix(".0"), "no digits too many"
