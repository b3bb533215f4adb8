"""When markets are open by the clock of their zone, on the days when clocks change too."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from checks.market.hours import FIRST_TICK, Hours
from healthgate.duration import seconds
from healthgate.environment.profile import ProfileError
from healthgate.environment.reader import read
from tests.checks.world import CATALOGUE

NEW_YORK = {"zone": "America/New_York", "open": ["Sun 17:00"], "close": ["Fri 17:00"]}
BERLIN = {"zone": "Europe/Berlin", "open": ["Sun 23:00"], "close": ["Fri 23:00"]}
EXCHANGE = {
    "zone": "America/New_York",
    "open": [f"{day} 9:30" for day in ("Mon", "Tue", "Wed", "Thu", "Fri")],
    "close": [f"{day} 16:00" for day in ("Mon", "Tue", "Wed", "Thu", "Fri")],
    "holidays": ["2026-11-26", "2026-12-25"],
}


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("given", "when", "since"),
    [
        (NEW_YORK, "2026-03-06T21:59:59Z", None),
        (NEW_YORK, "2026-03-06T22:00:00Z", "Fri 17:00 New York"),
        (NEW_YORK, "2026-03-07T12:00:00Z", "Fri 17:00 New York"),
        # the clocks go forward at 2 o'clock on this Sunday: 17:00 comes an hour earlier
        (NEW_YORK, "2026-03-08T20:59:59Z", "Fri 17:00 New York"),
        (NEW_YORK, "2026-03-08T21:02:00Z", None),
        (NEW_YORK, "2026-03-13T20:59:59Z", None),
        (NEW_YORK, "2026-03-13T21:00:00Z", "Fri 17:00 New York"),
        # and back on this one: it comes an hour later
        (NEW_YORK, "2026-10-30T21:00:00Z", "Fri 17:00 New York"),
        (NEW_YORK, "2026-11-01T21:59:59Z", "Fri 17:00 New York"),
        (NEW_YORK, "2026-11-01T22:02:00Z", None),
        (BERLIN, "2026-03-27T22:00:00Z", "Fri 23:00 Berlin"),
        (BERLIN, "2026-03-29T20:59:59Z", "Fri 23:00 Berlin"),
        (BERLIN, "2026-03-29T21:02:00Z", None),
        (BERLIN, "2026-10-23T21:00:00Z", "Fri 23:00 Berlin"),
        (BERLIN, "2026-10-25T21:59:59Z", "Fri 23:00 Berlin"),
        (BERLIN, "2026-10-25T22:02:00Z", None),
        (EXCHANGE, "2026-11-25T20:59:59Z", None),
        (EXCHANGE, "2026-11-26T16:00:00Z", "Wed 16:00 New York"),  # a holiday
        (EXCHANGE, "2026-11-27T14:29:59Z", "Wed 16:00 New York"),
        (EXCHANGE, "2026-11-27T14:32:00Z", None),
        (EXCHANGE, "2026-11-30T10:00:00Z", "Fri 16:00 New York"),
        (NEW_YORK | {"holidays": ["2026-12-25"]}, "2026-12-25T04:59:59Z", None),
        (NEW_YORK | {"holidays": ["2026-12-25"]}, "2026-12-25T05:00:00Z", "Fri 00:00 New York"),
        (NEW_YORK | {"holidays": ["2026-12-25"]}, "2026-12-26T12:00:00Z", "Fri 00:00 New York"),
        (NEW_YORK | {"holidays": ["2026-12-24"]}, "2026-12-25T04:59:59Z", "Thu 00:00 New York"),
        (NEW_YORK | {"holidays": ["2026-12-24"]}, "2026-12-25T05:02:00Z", None),
        (
            NEW_YORK | {"open": ["Mon 00:00", "Tue 00:00"], "close": ["Tue 00:00", "Wed 00:00"]},
            "2026-03-10T05:00Z",
            None,
        ),
    ],
)
def test_markets_are_closed_from_a_close_to_the_next_open(given: dict, when: str, since: str | None) -> None:
    said = Hours.of(given).quiet(at(when))

    assert said == (since and f"markets are closed since {since}")


@pytest.mark.parametrize(
    ("given", "when", "is_open"),
    [
        # an opening that clocks jump over is when they jump
        (BERLIN | {"open": ["Sun 02:30"]}, "2026-03-29T00:59:59Z", False),
        (BERLIN | {"open": ["Sun 02:30"]}, "2026-03-29T01:02:00Z", True),
        # one that is there twice is the first, and does not close again in between
        (BERLIN | {"open": ["Sun 02:30"]}, "2026-10-25T00:29:59Z", False),
        (BERLIN | {"open": ["Sun 02:30"]}, "2026-10-25T00:32:00Z", True),
        (BERLIN | {"open": ["Sun 02:30"]}, "2026-10-25T01:15:00Z", True),
        (NEW_YORK | {"open": ["Sun 01:30"]}, "2026-11-01T05:32:00Z", True),
        (NEW_YORK | {"open": ["Sun 01:30"]}, "2026-11-01T06:15:00Z", True),
        (NEW_YORK | {"open": ["Sun 02:30"]}, "2026-03-08T06:59:59Z", False),
        (NEW_YORK | {"open": ["Sun 02:30"]}, "2026-03-08T07:02:00Z", True),
    ],
)
def test_edges_within_the_hour_in_which_clocks_change(given: dict, when: str, is_open: bool) -> None:
    assert (Hours.of(given).quiet(at(when)) is None) is is_open


def test_a_first_tick_has_two_minutes_after_an_opening() -> None:
    hours, opens = Hours.of(NEW_YORK | {"always": ["BTCUSD"]}), at("2026-03-08T21:00Z")
    assert hours.quiet(opens + 40) == "markets opened Sun 17:00 New York, 40 s before"
    assert hours.quiet(opens + FIRST_TICK - 1) is not None
    assert hours.quiet(opens + FIRST_TICK) is None
    assert seconds("5m") > FIRST_TICK
    assert hours.quiet(opens + 299, due=300) is not None
    assert hours.trading(["EURUSD", "BTCUSD"], opens + 120) == ["EURUSD", "BTCUSD"]
    assert hours.trading(["EURUSD", "BTCUSD"], opens + 119, opens + 121) == ["BTCUSD"]


def test_without_hours_markets_never_close() -> None:
    assert Hours().quiet(at("2026-03-07T12:00Z")) is None


def test_every_second_week_of_a_year_has_five_open_days_by_the_clock() -> None:
    """Counted hour by hour: a week in which clocks go forward has one hour less within it, or none."""
    for given in (NEW_YORK, BERLIN):
        hours, monday = Hours.of(given), datetime.fromisoformat("2026-01-05T12:00+00:00")
        for week in range(0, 52, 2):
            begins = monday + timedelta(weeks=week)
            moments = [(begins + timedelta(hours=hour, minutes=30)).timestamp() for hour in range(168)]
            assert sum(hours.quiet(moment) is None for moment in moments) in {119, 120, 121}


NO_ZONE = "expected a time zone such as Europe/Berlin, or UTC (where none but UTC is known, install tzdata)"
SPAN = 'open: "Sun 17:00", close: "Fri 17:00"'
UTC = f"zone: UTC, {SPAN}"


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        (f"zone: America/New_York, {SPAN}, holidays: [2026-12-25], always: [BTCUSD]", []),
        ("zone: UTC, open: [Mon 9:30, Tue 9:30], close: [Mon 16:00, Tue 16:00]", []),
        (
            f"zone: America/NewYork, {SPAN}",
            [f'24: market.market_hours.zone is text "America/NewYork"; {NO_ZONE}; did you mean America/New_York?'],
        ),
        (
            "zone: UTC, open: [Mon 9:00, Mon 15:00, Fri 9:00], close: [Mon 16:00, Mon 20:00, Fri 9:00]",
            [
                "46: market.market_hours.open is Mon 15:00: Mon 15:00 to Mon 20:00 overlaps with Mon 9:00 to Mon 16:00",
                "98: market.market_hours.close is Fri 9:00, when it opens; expected another time",
            ],
        ),
        (
            "zone: UTC, open: [Fri 9:00, Sat 8:00], close: [Mon 9:00, Sat 9:00]",
            ["46: market.market_hours.open is Sat 8:00: Sat 8:00 to Sat 9:00 overlaps with Fri 9:00 to Mon 9:00"],
        ),
        (
            "zone: UTC, open: [Mon 9:00, Tue 9:00], close: Mon 16:00",
            ["64: market.market_hours.close has 1, open has 2; expected a close for each open"],
        ),
        (
            "zone: UTC, open: Som 9:00, close: Mon 16:00",
            ['35: market.market_hours.open is text "Som 9:00"; expected a day and a time of day, as in "Sun 17:00"'],
        ),
        (
            f"{UTC}, holidays: [2026-02-29]",
            ['79: market.market_hours.holidays is text "2026-02-29"; expected a day such as 2026-03-02'],
        ),
        (
            f"{UTC}, always: [ETHUSD, BTCUSDT]",
            [
                "77: market.market_hours.always has ETHUSD, which is none of market.symbols; did you mean EURUSD?",
                "85: market.market_hours.always has BTCUSDT, which is none of market.symbols; did you mean BTCUSD?",
            ],
        ),
        (f"{UTC}, alwais: [BTCUSD]", ["68: market.market_hours.alwais is not a setting; did you mean always?"]),
        (SPAN, ["17: market.market_hours.zone is missing; expected a time zone such as Europe/Berlin, or UTC"]),
    ],
)
def test_hours_that_cannot_be_are_refused_with_their_place(tmp_path: Path, given: str, problems: list[str]) -> None:
    others = "".join(f"{name}: absent\n" for name in CATALOGUE.systems if name != "market")
    path = tmp_path / "place.yaml"
    path.write_text(f"{others}market:\n  symbols: [EURUSD, BTCUSD]\n  market_hours: {{{given}}}\n")
    try:
        read(path, CATALOGUE, path.name)
        found = []
    except ProfileError as wrong:
        found = wrong.problems

    assert found == [f"place.yaml:6:{problem}" for problem in problems]


def test_a_symbol_of_the_sample_that_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    others = "".join(f"{name}: absent\n" for name in CATALOGUE.systems if name != "market")
    path = tmp_path / "place.yaml"
    path.write_text(f"{others}market:\n  symbols: [EURUSD, BTCUSD]\n  price_sample: [EURUSD, BTCUSDT]\n")
    with pytest.raises(ProfileError) as wrong:
        read(path, CATALOGUE, path.name)

    words = "market.price_sample has BTCUSDT, which is none of market.symbols; did you mean BTCUSD?"
    assert wrong.value.problems == [f"place.yaml:6:26: {words}"]
