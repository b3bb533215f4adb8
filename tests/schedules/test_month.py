"""Every schedule that is shipped, simulated: no false alarm, nothing late, and the page says what came of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.schedules import place
from tests.schedules.month import ILLS, KINDS, Month, month
from tests.schedules.page import MONTH, PAGE, SIGHT, block, months, sight, simulated
from tests.schedules.shipped import Schedule, schedules

HOSTED, OWN = schedules()[0], schedules()[3]


def test_the_page_says_what_is_computed_of_the_schedules() -> None:
    """Where this fails: `python -m tests.schedules`."""
    assert block(SIGHT, PAGE.read_text("utf-8")) == sight()


@pytest.mark.parametrize("schedule", [HOSTED, pytest.param(OWN, marks=pytest.mark.whole)], ids=lambda one: one.name)
def test_two_days_bring_no_false_alarm_and_nothing_late(schedule: Schedule, tmp_path: Path) -> None:
    found = month(schedule, tmp_path, days=2)
    assert found.troubles == []
    assert all(found.kinds[kind].runs > 10 for kind in KINDS), found.kinds


@pytest.mark.whole
def test_without_looks_that_are_long_enough_a_simulation_sees_how_little_is_crossed(tmp_path: Path) -> None:
    """What was shipped crosses next to nothing, and the simulation says so: it can fail."""
    found: Month = month(replace(OWN, sample=2.0), tmp_path, days=3)
    dead = found.kinds["dead"]
    assert (dead.crossed, dead.never) == (0, 8), "the service at five routes, its canary, its cleanup at two lines"


@pytest.mark.whole
def test_a_false_alarm_and_a_late_one_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = {"wsmanager.service.down": "leaking", "wsmanager.connections.leak": "down"}
    monkeypatch.setattr("tests.schedules.month.ILLS", ILLS | swapped)
    found = month(OWN, tmp_path, days=3)
    assert any("never" in words for words in found.troubles)
    assert any("critical at" in words for words in found.troubles)


@pytest.mark.whole
def test_the_page_says_what_came_of_a_month() -> None:
    """Where this fails: `python -m tests.schedules`."""
    found = simulated()
    assert [words for _, one in found for words in one.troubles] == []
    assert block(MONTH, PAGE.read_text("utf-8")) == months(found)


def test_a_place_counts_what_came_since_its_processes_began() -> None:
    ill = place.lasting("stopped", place.BEGAN + 600, 10)
    there = place.Place([ill], [place.BEGAN + 3600])
    counts = [there.counted("cleanups", place.BEGAN + at) for at in (0, 600, 1200, 1260, 3599, 3600, 3720)]
    assert [count - counts[0] for count in counts[:5]] == [0, 10, 10, 11, 49]
    assert counts[5:] == [0, 2]
