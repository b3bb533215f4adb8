"""How comparisons stand, each and together, and what is proven where nothing happens at all."""

import random
from dataclasses import replace

import pytest

from healthgate.canary.allowance import Allowance
from healthgate.canary.record import Header, Series, Tick
from healthgate.canary.standing import Standings
from healthgate.canary.traffic import kept, of_equal_traffic
from tests.parts.instances import chance

ERRORS = Series("forge.errors", "count", "errors", "Errors")
TRIAL = Header("production", "staging", 0.0, 5.0, 600.0)


def stand(*series: Series) -> Standings:
    return Standings(replace(TRIAL, series={one.id: one for one in series}))


def fed(standings: Standings, name: str, baseline: float, canary: float, of: float | None = None) -> Standings:
    """Feed a comparison counts of these means, until it is decided or ten minutes are over."""
    lot = random.Random(3)
    for number in range(1, 121):
        events = chance(baseline, lot), chance(canary, lot)
        standings.take([Tick(5.0 * number, name, events[0], events[1], of)])
        if standings.decision != "undecided":
            break
    standings.finish()
    return standings


@pytest.mark.parametrize(
    ("baseline", "canary", "decision", "code"),
    [(5, 5, "pass", 0), (5, 12, "rollback", 1), (0.05, 0.05, "inconclusive", 12)],
)
def test_a_comparison_is_decided_and_says_so(baseline: float, canary: float, decision: str, code: int) -> None:
    standings = fed(stand(ERRORS), "forge.errors", baseline, canary)
    told = standings.record()
    assert (told["decision"], told["exit"]) == (decision, code)
    (one,) = told["comparisons"]
    assert one["decision"] == decision
    assert one["reason"] in told["reason"]
    assert one["missing"] == 0
    assert standings.lines()[-1].startswith(f"{decision.upper()}: canary staging against production in ")


@pytest.mark.parametrize(("canary", "decision"), [(12, "pass"), (2, "rollback")])
def test_less_is_worse_where_it_is_declared_so(canary: float, decision: str) -> None:
    """The ratio stays that of the canary over the baseline, and the reason speaks of the side it is about."""
    series = replace(ERRORS, worse="lower")
    (one,) = fed(stand(series), "forge.errors", 6, canary).record()["comparisons"]
    assert one["decision"] == decision
    assert one["ratio"] == pytest.approx(canary / 6, rel=0.5)
    assert one["low"] <= one["ratio"]
    assert "× the canary" in one["reason"]


@pytest.mark.parametrize(("worse", "sides"), [("higher", (100, 130)), ("lower", (130, 100))])
def test_what_the_sides_usually_differ_by_is_not_held_against_the_canary(worse: str, sides: tuple[int, int]) -> None:
    lot = random.Random(5)
    past = [Tick(5.0 * n, "forge.errors", chance(sides[0], lot), chance(sides[1], lot)) for n in range(1, 721)]
    series = {"forge.errors": replace(ERRORS, worse=worse, worse_by=1.1, tolerates=2.0)}

    without = fed(Standings(replace(TRIAL, series=series)), "forge.errors", *sides)
    informed = fed(Standings(replace(TRIAL, series=series, usual={"forge.errors": past})), "forge.errors", *sides)

    assert (without.decision, informed.decision) == ("rollback", "pass")


def test_a_history_that_is_too_short_is_said_and_decides_nothing() -> None:
    past = [Tick(5.0 * number, "forge.errors", 4, 5) for number in range(1, 60)]
    standings = Standings(replace(TRIAL, series={"forge.errors": ERRORS}, usual={"forge.errors": past}))
    assert standings.decision == "inconclusive"
    assert "the history has 5 m of both sides; at least 20 m" in standings.reason


def test_that_nothing_happens_is_proven_where_it_is_allowed() -> None:
    (one,) = fed(stand(replace(ERRORS, allowed=0.02)), "forge.errors", 0, 0, of=20).record()["comparisons"]
    assert one["decision"] == "pass"
    assert one["reason"].endswith("in the canary: proven to be below the 2 % allowed")
    (one,) = fed(stand(ERRORS), "forge.errors", 0, 0, of=20).record()["comparisons"]
    assert one["decision"] == "inconclusive"


@pytest.mark.parametrize(("value", "decision"), [(20, "pass"), (21, "rollback")])
def test_what_is_allowed_is_no_reason_to_roll_back_however_much_worse_it_is(value: float, decision: str) -> None:
    heat = Series("forge.heat", "gauge", "%", "Heat", allowed=20)
    standings = stand(heat)
    for number in range(1, 121):
        standings.take([Tick(5.0 * number, "forge.heat", 5 + number % 2 / 10, value)])
    standings.finish()
    assert standings.decision == decision, standings.lines()
    assert ("0 of 120 ticks above 20 %" in standings.reason) is (decision == "pass")


def test_errors_that_are_allowed_are_no_reason_to_roll_back() -> None:
    for allowed, decision in ((0.05, "pass"), (0.005, "rollback")):
        standings = fed(stand(replace(ERRORS, allowed=allowed)), "forge.errors", 0.2, 3, of=100)
        assert standings.decision == decision, standings.lines()


def test_what_is_allowed_excuses_no_canary_that_does_not_answer() -> None:
    standings = stand(replace(ERRORS, allowed=0.02))
    for number in range(1, 121):
        standings.take([Tick(5.0 * number, "forge.errors", 0, None if number % 3 == 0 else 0, of=50, note="late")])
    standings.finish()
    (one,) = standings.all.values()
    assert (one.decision, one.is_unsound, one.missing) == ("inconclusive", True, 40)
    assert "late" in one.reason


def test_a_spoilt_comparison_proves_nothing_whatever_comes() -> None:
    standings = fed(stand(replace(ERRORS, spoilt="both run build 7")), "forge.errors", 1, 90)
    assert (standings.decision, standings.reason) == ("inconclusive", "forge.errors: both run build 7")


def test_a_rollback_outweighs_all_and_one_open_comparison_keeps_a_trial_open() -> None:
    standings = stand(ERRORS, replace(ERRORS, id="forge.other"))
    for number in range(1, 60):
        standings.take([Tick(5.0 * number, "forge.errors", 5, 5 + number % 2)])
    assert standings.all["forge.errors"].decision == "pass"
    assert standings.decision == "undecided"
    for number in range(60, 121):
        standings.take([Tick(5.0 * number, "forge.other", 2 + number % 2, 9)])
    assert standings.decision == "rollback"
    assert standings.reason.startswith("forge.other: ")


def test_no_comparison_is_no_pass() -> None:
    assert (stand().decision, stand().exit_code) == ("inconclusive", 12)


def test_twelve_comparisons_of_a_healthy_canary_roll_back_as_seldom_as_one() -> None:
    """Seeded: of 100 healthy canaries with twelve comparisons each, one at most may be rolled back; none is."""
    back = 0
    for seed in range(100):
        lot = random.Random(seed)
        standings = stand(*(replace(ERRORS, id=f"forge.e{number}") for number in range(12)))
        for number in range(1, 61):
            standings.take(
                Tick(10.0 * number, name, chance(3, lot), chance(3, lot)) for name in standings.header.series
            )
        back += standings.decision == "rollback"
    assert back <= 1


def test_an_allowance_is_rarely_proven_of_what_is_not_allowed() -> None:
    """Seeded: a canary with just as many events as are allowed passes in 5 % of trials at most, whenever looked at."""
    lot = random.Random(5)
    proven = 0
    for _ in range(1000):
        allowance, ever = Allowance(0.02), False
        for _ in range(120):
            allowance.tick(chance(0.02 * 30, lot), 30)
            ever = ever or allowance.proven
        proven += ever
    assert 0 < proven <= 50


def test_events_are_counted_as_of_the_smaller_traffic() -> None:
    lot = random.Random(1)
    total = [0.0, 0.0, 0.0]
    for _ in range(2000):
        (baseline, canary), least = of_equal_traffic([chance(9, lot), chance(1, lot)], [90, 10], lot)
        assert least == 10
        total = [total[0] + baseline, total[1] + canary, total[2] + baseline * baseline]
    assert total[0] / 2000 == pytest.approx(1, rel=0.1)
    assert total[1] / 2000 == pytest.approx(1, rel=0.1)
    assert total[2] / 2000 - (total[0] / 2000) ** 2 == pytest.approx(1, rel=0.15), "as a count of that mean varies"


@pytest.mark.parametrize("of", [[0, 10], [10, 0], [0, 0]])
def test_without_traffic_on_both_sides_nothing_is_counted(of: list[float]) -> None:
    assert of_equal_traffic([3, 4], of, random.Random(1)) == ([0.0, 0.0], 0.0)


def test_large_counts_are_thinned_as_small_ones_are() -> None:
    lot = random.Random(2)
    several = [kept(4000, 0.25, lot) for _ in range(2000)]
    assert sum(several) / 2000 == pytest.approx(1000, rel=0.01)
    spread = sum((one - 1000) ** 2 for one in several) / 2000
    assert spread == pytest.approx(750, rel=0.15)
    assert kept(4000, 1.0, lot) == 4000
