"""What a trial says, and what it refuses to say."""

import math
import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from healthgate.canary import Trial, share, together
from healthgate.canary.bets import Bets


def events(rng: random.Random, mean: float) -> int:
    """Return how many events come in a tick, of `mean` on average."""
    left, count = math.exp(-mean), 0
    part = rng.random()
    while part > left:
        part *= rng.random()
        count += 1
    return count


def counted(ratio: float, *, mean: float = 10.0, ticks: int = 120, seed: int = 1, **plan: object) -> Trial:
    rng = random.Random(seed)
    trial = Trial(**plan)  # type: ignore[arg-type]
    for _ in range(ticks):
        trial.tick(events(rng, mean), events(rng, mean * ratio))
        if trial.decision != "undecided":
            break
    return trial


def measured(ratio: float, *, ticks: int = 120, seed: int = 1, **plan: object) -> Trial:
    rng = random.Random(seed)
    trial = Trial("gauge", **plan)  # type: ignore[arg-type]
    for _ in range(ticks):
        trial.tick(20 * math.exp(rng.gauss(0, 0.4)), 20 * ratio * math.exp(rng.gauss(0, 0.4)))
        if trial.decision != "undecided":
            break
    return trial


@pytest.mark.parametrize("play", [counted, measured])
def test_a_canary_of_twice_the_errors_is_rolled_back_and_a_healthy_one_passes(play: Callable[..., Trial]) -> None:
    bad, good = play(2.0), play(1.0)

    assert bad.decision == "rollback"
    assert bad.ticks < 30
    assert bad.evidence >= 100
    assert bad.ratio == pytest.approx(2.0, rel=0.3)
    assert bad.low is not None
    assert 1 < bad.low < bad.ratio
    assert "chance alone does that in one of" in bad.reason
    assert good.decision == "pass"
    assert good.evidence < 100
    assert good.high is not None
    assert good.high <= 1.5
    assert "below 1.5 × is proven" in good.reason
    assert good.needed_s == bad.needed_s == 0.0


def test_what_is_not_proven_is_inconclusive_and_says_how_long_it_would_take() -> None:
    trial = counted(1.35, mean=0.5, seed=5)
    assert trial.decision == "undecided"
    assert trial.finish() == trial.decision == "inconclusive"
    assert trial.needed_s is not None
    assert trial.needed_s > 60
    assert "more would tell" in trial.reason


def test_what_differs_for_sure_but_little_is_not_rolled_back() -> None:
    trial = counted(1.08, mean=2000.0 / 4, ticks=40, tolerates=1.5)
    assert trial.decision == "pass"
    while trial.ticks < 120:
        trial.tick(10_000, 10_800)
    assert trial.evidence >= 100
    assert trial.decision != "rollback"


def test_a_pass_does_not_outlive_a_canary_that_turns_bad_or_silent() -> None:
    rng = random.Random(5)
    for late, end in ((lambda: events(rng, 30), "rollback"), (lambda: None, "inconclusive")):
        trial = counted(1.0)
        assert trial.decision == "pass"
        while trial.ticks < 120:
            trial.tick(events(rng, 10), late())
        assert trial.finish() == end, trial.reason


def test_a_rollback_is_final() -> None:
    trial = counted(3.0)
    while trial.ticks < 120:
        trial.tick(100, 0)
    assert trial.finish() == "rollback"


def test_several_instances_of_the_baseline_decide_sooner() -> None:
    def took(instances: int) -> int:
        rng, trial = random.Random(3), Trial()
        while trial.decision == "undecided" and trial.ticks < 120:
            trial.tick([events(rng, 2) for _ in range(instances)], events(rng, 4))
        assert trial.decision == "rollback"
        return trial.ticks

    assert took(9) < took(1)


def test_an_instance_that_does_not_answer_leaves_the_others() -> None:
    rng, trial = random.Random(3), Trial()
    while trial.decision == "undecided":
        trial.tick([events(rng, 5), None, math.nan, events(rng, 5)], events(rng, 15))
    assert trial.decision == "rollback"
    assert trial.missing == {"baseline": 0, "canary": 0}


@pytest.mark.parametrize(
    ("baseline", "canary", "said"),
    [
        (None, 3, "the baseline has no value in 120 of 120 ticks; at most a fifth may be missing"),
        ([None, None], 3, "the baseline has no value in 120 of 120 ticks"),
        (3, math.nan, "the canary has no value in 120 of 120 ticks"),
        (3, math.inf, "the canary has no value in 120 of 120 ticks"),
        (3, 10**400, "the canary has no value in 120 of 120 ticks"),
        (3, -5, "the canary has no value in 120 of 120 ticks (in 120 of them a counter went back: it restarts)"),
        (0, 0, "nothing happened on either side in 120 ticks"),
    ],
)
def test_missing_data_is_inconclusive_and_says_whose(baseline: object, canary: object, said: str) -> None:
    trial = Trial()
    for _ in range(120):
        trial.tick(baseline, canary)  # type: ignore[arg-type]
    assert trial.finish() == "inconclusive"
    assert trial.reason.startswith(said)


@pytest.mark.parametrize("play", ["bad", "good"])
def test_more_than_a_fifth_missing_on_one_side_decides_nothing(play: str) -> None:
    rng, trial = random.Random(6), Trial()
    for tick in range(120):
        trial.tick(events(rng, 20), None if tick % 4 == 0 else events(rng, 60 if play == "bad" else 20))
        assert trial.decision == "undecided"
    assert trial.finish() == "inconclusive"
    assert "the canary has no value in 30 of 120 ticks" in trial.reason


def test_fewer_than_eight_ticks_in_which_anything_happened_decide_nothing() -> None:
    trial = Trial()
    for tick in range(120):
        trial.tick(0, 500 if tick < 7 else 0)
        assert trial.decision == "undecided"
    assert trial.reason == "something happened in 7 of 120 ticks; 8 such are needed"
    assert trial.finish() == "inconclusive"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("12", "the canary read '12'; a number, or None where there is none"),
        (True, "the canary read True; a number"),
        ([3], r"the canary read \[3\]; a number"),
        (0.37, r"the canary counted 0.37 in one tick; a whole number: what a counter grew by. Of a rate\(\)"),
    ],
)
def test_what_is_no_count_is_refused_with_what_was_seen(value: object, said: str) -> None:
    trial = Trial()
    trial.tick(1, 2)
    with pytest.raises(ValueError, match=said):
        trial.tick(3, value)  # type: ignore[arg-type]
    assert (trial.ticks, trial.missing) == (1, {"baseline": 0, "canary": 0})
    trial.tick(3, 4.0000000001)
    assert trial.ticks == 2


def test_a_counter_that_restarts_loses_its_tick_and_nothing_else() -> None:
    rng, trial = random.Random(7), Trial()
    for tick in range(120):
        trial.tick(events(rng, 5), -4000 if tick % 25 == 7 else events(rng, 10))
        if trial.decision != "undecided":
            break
    assert trial.decision == "rollback"
    assert trial.resets["canary"] == trial.missing["canary"] > 0


def window(rng: random.Random, mean: float) -> Callable[[], float]:
    """Return what a gauge of the last minute reads, every five seconds."""
    last = [rng.gauss(mean, mean / 3) for _ in range(12)]

    def read() -> float:
        last.append(rng.gauss(mean, mean / 3))
        return max(0.0, sum(last[-12:]) / 12)

    return read


def test_overlapping_windows_are_hardly_ever_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def decided() -> list[str]:
        found = []
        for seed in range(60):
            rng, trial = random.Random(seed), Trial("gauge", worse_by=1.02, tolerates=1.05)
            baseline, canary = window(rng, 50), window(rng, 50)
            for _ in range(120):
                trial.tick(baseline(), canary())
            found.append(trial.finish())
        assert "overlapping windows" in trial.reason or not trial._sums.shared()
        return found

    assert decided().count("inconclusive") >= 50
    monkeypatch.setattr("healthgate.canary.band.TWINS", 2.0)
    assert decided().count("rollback") >= 18


def test_one_difference_that_is_read_again_and_again_is_no_proof() -> None:
    trial = Trial("gauge")
    for _ in range(120):
        trial.tick(10, 30)
    assert trial.finish() == "inconclusive"
    assert "3.00 × the baseline" in trial.reason
    assert "one difference, seen often, is no proof" in trial.reason


def test_a_canary_that_is_an_exact_multiple_has_a_band_all_the_same() -> None:
    """Rounding once made its variance less than nothing."""
    for kind in ("count", "gauge"):
        rng, trial = random.Random(1), Trial(kind)
        for _ in range(120):
            many = rng.randint(1, 9)
            trial.tick(5 * many, 11 * many)
            assert trial.low is not None
        assert trial.low == pytest.approx(11 / 5)
        assert trial.high == pytest.approx(11 / 5)
        assert trial.decision == "rollback"


def test_gauges_that_read_the_same_on_both_sides_pass_even_at_nothing() -> None:
    for value in (0, 10):
        trial = Trial("gauge")
        for _ in range(120):
            trial.tick(value, value)
        assert trial.finish() == "pass", trial.reason


def noisy(rng: random.Random) -> Callable[[], float]:
    """Return the readings of one side with a mood of its own that lasts for half a minute."""
    mood = [0.0]

    def read() -> float:
        mood[0] = 0.8 * mood[0] + rng.gauss(0, 0.3)
        return 50 * math.exp(mood[0] / 2 + rng.gauss(0, 0.3))

    return read


def test_a_history_makes_ticks_that_resemble_each_other_one_piece_of_evidence() -> None:
    rolled = dict.fromkeys(("without", "with"), 0)
    for seed in range(40):
        rng = random.Random(seed)
        baseline, canary = noisy(rng), noisy(rng)
        history = [(baseline(), canary()) for _ in range(720)]
        trials = {"without": Trial("gauge", worse_by=1.0), "with": Trial("gauge", worse_by=1.0, history=history)}
        for _ in range(120):
            pair = (baseline(), canary())
            for trial in trials.values():
                trial.tick(*pair)
        for name, trial in trials.items():
            rolled[name] += trial.finish() == "rollback"
    assert rolled["without"] >= 6
    assert rolled["with"] <= 2


def test_sides_that_differ_on_one_version_already_are_compared_with_that_difference() -> None:
    rng = random.Random(9)
    history = [(events(rng, 50), events(rng, 60)) for _ in range(720)]
    decided = {}
    for ratio in (1.0, 2.0):
        trial = Trial(history=history)
        for _ in range(120):
            trial.tick(events(rng, 50), events(rng, 60 * ratio))
        decided[ratio] = trial.finish()
    assert decided == {1.0: "pass", 2.0: "rollback"}


def test_sides_that_differ_by_more_than_is_tolerated_are_not_compared() -> None:
    rng = random.Random(9)
    trial = Trial(history=[(events(rng, 5), events(rng, 15)) for _ in range(720)])
    trial.tick(5, 5)
    assert trial.decision == trial.finish() == "inconclusive"
    assert trial.reason.startswith("on one version already the canary reads ")
    assert trial.reason.endswith("the two cannot be compared")


def test_a_history_that_is_too_short_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"the history has 5 m of both sides; at least 20 m \(an hour is good\), or none"
    ):
        Trial(history=[(5, 5)] * 60)
    with pytest.raises(ValueError, match="the history has 0 s of both sides"):
        Trial(history=[(5, None)] * 600)


def test_a_time_that_holds_too_few_pieces_of_evidence_is_refused_at_once() -> None:
    rng = random.Random(11)
    level, history = 0.0, []
    for _ in range(1440):
        level = 0.995 * level + rng.gauss(0, 0.1)
        history.append((50.0, 50 * math.exp(level)))
    trial = Trial("gauge", history=history)
    assert trial.decision == "inconclusive"
    assert "10 m hold less than 10 pieces of evidence; plan 20 m or more" in trial.reason


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"kind": "rate"}, "'rate' is no kind of comparison; 'count' or 'gauge'"),
        ({"alpha": 0}, "alpha is 0; above 0 and at most 0.2, as in 0.01"),
        ({"worse_by": 0.9}, "worse_by is 0.9, tolerates 1.5; 1 at least, and less than tolerates"),
        ({"worse_by": 2.0}, "worse_by is 2, tolerates 1.5"),
        ({"within_s": 30.0}, "30 s hold no 8 ticks of 5 s; plan longer or tick faster"),
        ({"every_s": 0.0}, "hold no 8 ticks of 0 s"),
        ({"every_s": math.nan}, "hold no 8 ticks of nan s"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Trial(**plan)  # type: ignore[arg-type]


def test_ticks_after_the_planned_time_decide_nothing() -> None:
    trial = Trial(within_s=60)
    for tick in range(12):
        trial.tick(2 + tick % 2, 3 - tick % 2)
    assert trial.decision == "undecided"
    for _ in range(100):
        trial.tick(0, 50)
    assert trial.finish() == "inconclusive"


def test_an_end_long_before_the_planned_one_is_no_last_look() -> None:
    rng = random.Random(5)
    pairs = [(events(rng, 1), events(rng, 1)) for _ in range(119)]
    early, nearly = Trial(), Trial()
    for pair in pairs[:60]:
        early.tick(*pair)
    for pair in pairs:
        nearly.tick(*pair)
    assert nearly.decision == "undecided"
    assert (early.finish(), nearly.finish()) == ("inconclusive", "pass")


def test_the_same_ticks_give_the_same_answer() -> None:
    first, second = (counted(1.4, mean=200, seed=3) for _ in range(2))
    assert (first.reason, first.evidence, first.ticks) == (second.reason, second.evidence, second.ticks)


def test_many_that_are_all_a_little_worse_are_rolled_back_together() -> None:
    rng = random.Random(2)
    each = share(0.01, 12)
    trials = [Trial(alpha=each) for _ in range(12)]
    while together(trials).decision == "undecided":
        for trial in trials:
            trial.tick(events(rng, 2), events(rng, 2 * 1.6))
    assert together(trials).decision == "rollback"
    assert trials[0].ticks < 60


def test_one_bad_comparison_of_twelve_is_named() -> None:
    rng = random.Random(2)
    trials = [Trial(alpha=share(0.01, 12)) for _ in range(12)]
    for _ in range(60):
        for number, trial in enumerate(trials):
            trial.tick(events(rng, 10), events(rng, 30 if number == 4 else 10))
    found = together(trials)
    assert (found.decision, trials[4].decision) == ("rollback", "rollback")
    assert found.reason.startswith("1 of 12 comparisons, first of all: 2.89 ×")
    assert found.evidence >= 100


def test_together_they_pass_only_where_each_does() -> None:
    rng = random.Random(2)
    trials = [Trial(alpha=share(0.01, 3)) for _ in range(3)]
    for _ in range(120):
        trials[0].tick(events(rng, 10), events(rng, 10))
        trials[1].tick(events(rng, 10), events(rng, 10))
        trials[2].tick(0, 0)
    assert together(trials).decision == "undecided"
    for trial in trials:
        trial.finish()
    found = together(trials)
    assert found.decision == "inconclusive"
    assert found.reason == "1 of 3 comparisons, first of all: nothing happened on either side in 120 ticks"
    alone = Trial()
    for _ in range(120):
        alone.tick(5, 5)
    assert together([alone]).decision == alone.decision == "pass"


def test_trials_that_are_allowed_too_much_are_not_judged_together() -> None:
    with pytest.raises(ValueError, match=r"for 0.01 together, each of 2 trials needs alpha=0.0025, which share\(\)"):
        together([Trial(), Trial()])
    with pytest.raises(ValueError, match="there is no comparison to judge"):
        together([])


def test_a_bet_that_nothing_happened_on_is_the_stake() -> None:
    bets = Bets()
    bets.add([4.0, 4.0])
    assert bets.log == pytest.approx(0.0)


def test_a_tick_is_cheap_and_the_judge_brings_only_itself() -> None:
    rng, trial = random.Random(1), Trial(worse_by=1.49)
    pairs = [(events(rng, 1.5), events(rng, 2.1)) for _ in range(119)]
    began = time.thread_time()
    for pair in pairs:
        trial.tick(*pair)
    assert (time.thread_time() - began) / len(pairs) < 0.001  # ten times what make canary-bench shows
    program = (
        "import sys, healthgate; before = set(sys.modules); import healthgate.canary; "
        "found = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*(found - sys.stdlib_module_names), *(found & {'dataclasses', 'statistics', 'inspect', 'typing'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["healthgate"]


def test_whatever_comes_is_judged_or_refused_with_a_sentence() -> None:
    rng = random.Random(12)
    numbers = [
        None,
        0,
        1,
        7,
        10**6,
        1e-320,
        1e99,
        1e299,
        -1,
        0.5,
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        True,
        "7",
        [],
        {},
    ]
    told, refused = set(), set()
    for seed in range(150):
        kind = rng.choice(["count", "gauge"])
        trial = Trial(kind, within_s=200, seed=seed)
        some = rng.sample(numbers, 4)
        for _ in range(45):
            baseline = rng.choice([rng.choice(some), [rng.choice(some) for _ in range(rng.randrange(4))]])
            try:
                trial.tick(baseline, rng.choice(some))  # type: ignore[arg-type]
            except ValueError as error:
                refused.add(str(error).split(" ")[2])
            told.add(trial.decision)
            assert trial.reason
            assert trial.evidence >= 0
            assert trial.ratio is None or 0 <= trial.ratio < math.inf
            assert trial.low is None or 0 <= trial.low <= (trial.high or math.inf) * (1 + 1e-9)
            assert trial.needed_s is None or trial.needed_s >= 0
            assert 0 <= trial.e_value < math.inf
        told.add(trial.finish())
    assert told >= {"undecided", "inconclusive", "pass"}
    assert refused == {"read", "counted"}
