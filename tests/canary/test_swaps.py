"""The exact test: against all ways counted one by one."""

import random
from itertools import product

import pytest

from healthgate.canary.bets import Bets
from healthgate.canary.swaps import FIRST, Proof, Swaps


def ways(ticks: list[list[int]]) -> list[list[int]]:
    """Return every way in which each tick's values could have fallen to the canary."""
    return [list(way) for way in product(*ticks)]


def spending(looks: int, alpha: float) -> list[float]:
    return [alpha * (look / looks) ** 1.8 for look in range(1, looks + 1)]


def crossed(way: list[int], lines: list[float]) -> bool:
    total = 0
    for place, line in zip(way, lines, strict=True):
        total += place
        if total >= line:
            return True
    return False


@pytest.mark.parametrize("several", [1, 3])
def test_of_all_ways_no_more_cross_the_line_than_may_whatever_the_values_are(several: int) -> None:
    rng = random.Random(several)
    for _ in range(20):
        looks = 9 if several == 1 else 5
        ticks = []
        for _ in range(looks):
            drawn = [rng.randint(-6, 6) for _ in range(several)]
            ticks.append([drawn[0], -drawn[0]] if several == 1 else [sum(drawn) - 2 * one for one in drawn])
        found = 0
        spend = spending(looks, 0.1)
        every = ways(ticks)
        for way in every:
            swaps = Swaps(1)
            for place, tick, spent in zip(way, ticks, spend, strict=True):
                rest = list(tick)
                rest.remove(place)
                swaps.add([place, *rest])
                swaps.look(spent)
            found += swaps.beyond
        assert found <= 0.1 * len(every) + 1e-6
        assert found > 0 or 1 / len(every) > 0.02


def test_chance_is_the_share_of_ways_that_lie_as_far_up() -> None:
    ticks = [3, 1, 4, 1, 5, 9, 2, 6]
    swaps = Swaps(1)
    for size in ticks:
        swaps.add([size, -size] if size != 4 else [-size, size])
    swaps.look(0.0)
    seen = sum(ticks) - 8
    every = [sum(way) for way in ways([[size, -size] for size in ticks])]

    assert swaps.chance() == pytest.approx(sum(one >= seen for one in every) / len(every))
    assert not swaps.beyond


def test_a_grid_that_became_coarser_says_what_a_wide_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    pairs = [[1.04**tick * rng.gauss(0.3, 1), 1.04**tick * rng.gauss(0, 1)] for tick in range(120)]
    found = []
    for widest in (100_000, 512):
        monkeypatch.setattr("healthgate.canary.swaps.WIDEST", widest)
        proof = Proof(120, 7)
        for pair in pairs:
            proof.add(pair)
            proof.look(0.0)
        found.append(proof)
    wide, coarse = found
    assert wide._swaps.unit == 1 < coarse._swaps.unit
    assert coarse._swaps._many <= 512 < wide._swaps._many
    assert coarse.chance == pytest.approx(wide.chance, rel=0.2)


def test_the_same_in_one_tick_proves_nothing_and_seven_agreeing_ticks_are_too_few() -> None:
    proof = Proof(20, 1)
    for _ in range(50):
        proof.add([4.0, 4.0])
        proof.look(0.01)
    assert (proof.many, proof.chance, proof.beyond) == (0, 1.0, False)
    for _ in range(FIRST - 1):
        proof.add([9.0, 1.0])
        proof.look(0.01)
    assert not proof.beyond
    proof.add([9.0, 1.0])
    proof.look(0.01)
    assert proof.beyond
    assert proof.chance == pytest.approx(2.0**-FIRST)


def test_one_freak_value_counts_for_little() -> None:
    rng = random.Random(8)
    for freak in (2, 20):
        proof = Proof(40, 1)
        for tick in range(40):
            proof.add([1e9 if tick == freak else rng.random(), rng.random()])
            proof.look(0.01)
        assert not proof.beyond
        assert 0.01 < proof.chance < 0.99


def test_thousands_of_ticks_overflow_nothing() -> None:
    rng = random.Random(2)
    proof = Proof(3000, 1)
    for _ in range(3000):
        proof.add([rng.gauss(0, 1) for _ in range(4)])
        proof.look(0.0)
    assert 0.001 < proof.chance < 0.999


def test_bets_on_nothing_win_nothing_on_average() -> None:
    """Over all ways, each as likely as the other, the mean of what one unit becomes is exactly one unit."""
    ticks = [[3.0, 1.0, 2.0], [0.0, 5.0, 1.0], [2.0, 2.0, 2.0], [7.0, 1.0, 1.0]]
    won = []
    for way in product(range(3), repeat=len(ticks)):
        bets = Bets()
        for canary, values in zip(way, ticks, strict=True):
            bets.add([values[canary], *values[:canary], *values[canary + 1 :]])
        won.append(2.718281828459045**bets.log)
    assert sum(won) / len(won) == pytest.approx(1.0)
    assert max(won) > 5


def test_the_line_is_crossed_at_the_first_look_at_which_chance_is_no_more_than_was_spent() -> None:
    """Also where so many ticks are behind that places far below were given up."""
    looked = 0
    for seed in range(12):
        rng, proof = random.Random(seed), Proof(120, 1)
        for tick in range(1, 121):
            proof.add([rng.gauss(0.25, 1), rng.gauss(0, 1)])
            spent = 0.01 * tick / 120
            proof.look(spent)
            assert proof.beyond == (proof.chance <= spent), (seed, tick)
            if proof.beyond:
                break
        looked += tick
    assert 300 < looked < 1400


def test_a_day_of_ticks_still_proves_what_is_small() -> None:
    """A grid that suits ten minutes would leave nothing of the differences of a day."""
    rng, proof = random.Random(4), Proof(3000, 1)
    for tick in range(1, 3001):
        proof.add([rng.gauss(0.1, 1), rng.gauss(0, 1)])
        proof.look(0.01 * tick / 3000)
    assert proof.beyond
