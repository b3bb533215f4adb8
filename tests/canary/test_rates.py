"""How often the judge is wrong and how soon it is right: a seeded part of `make canary-bench`, in a few seconds."""

import math

import pytest

from benchmarks import canary

ROWS = {canary.key(row): row for row in canary.rows()}


@pytest.mark.parametrize(
    "name",
    ["clumps of 3, 0.3/s 1", "drift, 0.3/s 1", "restarts, 2/s 1", "latency with freaks 1"],
)
def test_healthy_canaries_are_rolled_back_once_in_a_hundred_times_at_most(name: str) -> None:
    """More than four of 80 are seen once in six hundred times where the rate is one in a hundred."""
    found = canary.measure(ROWS[name], 80)
    assert found["rolled"] <= 100 * 4 / 80
    assert found["passed"] > 40


@pytest.mark.parametrize("name", ["Poisson, 0.3/s 2", "9 instances, 0.3/s 1.5", "latency 1.5", "Poisson, 2/s 1.5"])
def test_worse_canaries_are_rolled_back_in_time(name: str) -> None:
    """With one in five of the time that the bar allows to spare, since forty runs tell no better."""
    row = ROWS[name]
    found = canary.measure(row, 40)
    assert found["rolled"] >= 95
    assert found["rolled_by_s"] <= 1.2 * row.rolled_by_s < math.inf


def test_a_healthy_canary_that_did_not_pass_with_its_first_events_passes_later() -> None:
    """Where nothing more was spent once there were two hundred events, it waited for the end: 600 s."""
    assert canary.measure(ROWS["clumps of 3, 2/s 1"], 40)["passed_by_s"] <= 350


def test_a_canary_that_must_not_pass_hardly_ever_does() -> None:
    for name in ("Poisson, 0.3/s 1.5", "clumps of 3, 0.3/s 1.5"):
        assert canary.measure(ROWS[name], 40)["passed"] <= 12


def test_a_difference_that_is_sure_and_small_is_not_rolled_back() -> None:
    assert canary.measure(ROWS["a twentieth more, 20/s 1.05"], 40)["rolled"] == 0


def test_twelve_comparisons_are_no_more_often_wrong_than_one() -> None:
    assert canary.measure(ROWS["12 comparisons together, 0.3/s 1"], 12)["rolled"] <= 9
    assert canary.measure(ROWS["one of 12 comparisons, 0.3/s 2"], 6)["rolled"] >= 80


def test_a_bar_that_is_missed_is_named() -> None:
    row = ROWS["latency 1.5"]
    good = {"rolled": 99.5, "rolled_by_s": 140.0, "passed": 0.5, "passed_by_s": math.inf, "runs": 2000}
    assert canary.misses(row, good) == canary.misses(row, good | {"rolled": 98.6}) == []
    assert canary.misses(row, good | {"rolled": 90.0, "rolled_by_s": 200.0}) == ["rolled 90.00 %", "rolled after 200 s"]
