"""Which symbols are compared: over a day of the shipped schedule, all of them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from checks.market import Market
from checks.market.sample import drawn, sample

ROOT = Path(__file__).parents[2]
PRODUCTION = yaml.safe_load((ROOT / "environments/production.yaml").read_text())["market"]["symbols"]
WEEKEND = {"zone": "UTC", "open": ["Sun 22:00"], "close": ["Fri 22:00"], "always": ["BTCUSD", "ETHUSD"]}


def place(at: datetime, **settings: Any) -> Any:
    """Return a place as its profile describes it, looked at by a run that began at a moment."""
    given = {"symbols": PRODUCTION, "price_sample": None, "market_hours": None, "stream_listen": Market.stream_listen}
    return SimpleNamespace(run_at=at.timestamp(), **given | settings)


def begun(day: datetime, late: float) -> Iterator[datetime]:
    """Yield when the runs of a day begin by the shipped schedule, each so many seconds late as GitHub happens to be."""
    schedule = yaml.safe_load((ROOT / ".github/workflows/scheduled.yml").read_text())
    minutes = {
        int(minute)
        for one in schedule[True]["schedule"]
        if one["cron"].split()[1:] == ["*"] * 4
        for minute in one["cron"].split()[0].split(",")
    }
    assert minutes, "no run begins every hour"
    for hour in range(24):
        for minute in sorted(minutes):
            yield day + timedelta(hours=hour, minutes=minute, seconds=late * (1 + (hour * 60 + minute) % 7))


@pytest.mark.parametrize("late", [0.0, 0.3, 17.913])
def test_over_a_day_of_the_shipped_schedule_every_symbol_is_compared(late: float) -> None:
    """On each of ninety days, and none of them much more often than the others."""
    counted: Counter[str] = Counter()
    for number in range(90):
        day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
        today = [symbol for at in begun(day, late) for symbol in sample(place(at))]
        assert set(today) == set(PRODUCTION), day
        counted.update(today)
    usual = counted.total() / len(PRODUCTION)
    assert all(0.9 * usual < times < 1.1 * usual for times in counted.values())


def test_as_many_are_drawn_as_there_are_seconds_to_listen() -> None:
    at = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    for seconds, number in ((10.0, 10), (4.0, 4), (0.5, 1), (600.0, len(PRODUCTION))):
        found = sample(place(at, stream_listen=seconds))
        assert len(set(found)) == len(found) == number


def test_the_same_lot_draws_the_same_and_another_one_others() -> None:
    assert drawn(PRODUCTION, 10, 1.5) == drawn(list(reversed(PRODUCTION)), 10, 1.5)
    assert drawn(PRODUCTION, 10, 1.5) != drawn(PRODUCTION, 10, 1.25)


def test_a_profile_that_names_symbols_has_no_others_compared() -> None:
    at = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert sample(place(at, price_sample=["XAUUSD", "EURUSD"])) == ("XAUUSD", "EURUSD")


def test_while_markets_are_closed_symbols_are_drawn_of_those_that_always_trade() -> None:
    saturday, monday = (datetime(2026, 3, day, 9, 15, tzinfo=UTC) for day in (7, 9))
    assert set(sample(place(saturday, market_hours=WEEKEND))) == {"BTCUSD", "ETHUSD"}
    assert len(sample(place(monday, market_hours=WEEKEND))) == 10
    assert len(sample(place(saturday, market_hours=WEEKEND | {"always": None}))) == 10
