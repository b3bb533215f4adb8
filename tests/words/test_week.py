"""Days and times of day by the clock of a zone, on the days when clocks change too."""

from datetime import date, datetime, time, tzinfo

import pytest

from healthgate.week import clock, day_and_clock, moment_at, spoken, zone

BERLIN, NEW_YORK = zone("Europe/Berlin"), zone("America/New_York")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "found"),
    [("Sun 17:00", (6, time(17))), ("mon 9:05", (0, time(9, 5))), (" FRI  23:59 ", (4, time(23, 59)))],
)
def test_a_time_of_the_week_is_a_day_and_a_time_of_day(text: str, found: tuple[int, time]) -> None:
    assert day_and_clock(text) == found


@pytest.mark.parametrize("text", ["", "Sun", "17:00", "Sunday 17:00", "Sun 24:00", "Sun 17", "Sun 17:00 UTC", "0 1:00"])
def test_what_is_no_time_of_the_week_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='expected a day and a time of day, as in "Sun 17:00"'):
        day_and_clock(text)


def test_a_zone_that_is_none_is_refused_with_the_nearest_that_is_one() -> None:
    with pytest.raises(ValueError, match=r"expected a time zone .*; did you mean America/New_York\?"):
        zone("America/NewYork")
    with pytest.raises(ValueError, match=r"install tzdata\)$"):
        zone("Middle/Earth")


@pytest.mark.parametrize(
    ("where", "day", "shown", "when"),
    [
        (BERLIN, "2026-03-28", "02:30", "2026-03-28T02:30+01:00"),
        (BERLIN, "2026-03-29", "01:59", "2026-03-29T00:59Z"),
        (BERLIN, "2026-03-29", "02:00", "2026-03-29T01:00Z"),  # left out: the clock jumps to 03:00
        (BERLIN, "2026-03-29", "02:30", "2026-03-29T01:00Z"),
        (BERLIN, "2026-03-29", "02:59", "2026-03-29T01:00Z"),
        (BERLIN, "2026-03-29", "03:00", "2026-03-29T01:00Z"),
        (BERLIN, "2026-10-25", "02:30", "2026-10-25T00:30Z"),  # there twice: the first
        (BERLIN, "2026-10-25", "03:00", "2026-10-25T02:00Z"),
        (NEW_YORK, "2026-03-08", "02:30", "2026-03-08T07:00Z"),
        (NEW_YORK, "2026-03-08", "17:00", "2026-03-08T21:00Z"),
        (NEW_YORK, "2026-11-01", "01:30", "2026-11-01T05:30Z"),
        (NEW_YORK, "2026-11-01", "17:00", "2026-11-01T22:00Z"),
    ],
)
def test_a_time_of_a_day_is_when_the_clocks_first_show_it(where: tzinfo, day: str, shown: str, when: str) -> None:
    assert moment_at(date.fromisoformat(day), clock(shown), where) == at(when)


def test_a_moment_is_spoken_as_the_clocks_of_its_zone_show_it() -> None:
    assert spoken(at("2026-03-06T22:00Z"), NEW_YORK) == "Fri 17:00 New York"
    assert spoken(at("2026-03-06T22:00Z"), zone("UTC")) == "Fri 22:00 UTC"
