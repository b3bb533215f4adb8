"""When a line would have been crossed in a time that is over: as the judge would have said, look by look."""

import random
from itertools import pairwise

import pytest

from healthgate.baseline.fired import Episode, Seen, can_be_told, episodes
from healthgate.claim.limit import Limit, above, at_least, below, lasting, over, reaching, rising
from healthgate.claim.limit import percent as unit
from healthgate.claim.window import Sample, lacking

LIMITS = {
    "at once": below(10, unit, warning=12),
    "at an edge": below(10, unit, warning=reaching(12)),
    "below": above(5, unit, warning=4),
    "five minutes": below(10, unit, warning=lasting(12, "5m")),
    "ten minutes, below": above(9, unit, warning=lasting(8, "10m")),
    "a trend": at_least(0, unit, warning=rising(over(3), 3, "10m")),
}


def walk(seed: int, many: int = 900) -> Seen:
    """Return what goes up and down and is sometimes not seen for a while."""
    numbers = random.Random(seed)
    at, value, moments, values = 0.0, 10.0, [], []
    for _ in range(many):
        at += 60 + numbers.random() * 5 + (numbers.random() < 0.01) * 600
        value = round(10 + 0.97 * (value - 10) + numbers.choice([-1, -0.5, 0, 0, 0.5, 1]) * 1.5, 1)
        moments.append(at)
        values.append(value)
    return Seen(moments, values, 60.0, 62.5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", LIMITS)
def test_a_look_lies_in_an_episode_where_the_judge_would_have_said_so(name: str, seed: int) -> None:
    """Judged anew at every look, from all that was seen up to then."""
    line, seen = warning(LIMITS[name]), walk(seed)
    found = episodes(line, seen)
    said = []
    for place, (at, value) in enumerate(zip(seen.at, seen.values, strict=True)):
        first = max(0, place - 60)
        samples = [Sample(*one) for one in zip(seen.at[first : place + 1], seen.values[first : place + 1], strict=True)]
        judged = line.holds(value) and lacking(line, samples, seen.cadence, seen.scale) == 0
        within = any(one.begins <= at < one.ends for one in found)
        said.append(judged)
        assert within is judged, (place, at, value)
    assert any(said)
    assert not all(said)
    assert all(before.ends <= after.begins for before, after in pairwise(found))


def warning(limit: Limit) -> object:
    return limit.warning


def test_an_episode_lasts_until_the_first_look_that_is_well() -> None:
    seen = Seen([0, 60, 120, 180, 240], [1, 20, 20, 1, 20], 60, 60)
    line = below(10, warning=12).warning
    assert line is not None
    assert episodes(line, seen) == [Episode(60, 180), Episode(240, 300)]


def test_what_was_not_seen_is_no_part_of_an_episode() -> None:
    """A run that did not come says nothing: neither that it went on, nor that it was over."""
    seen = Seen([0, 60, 9000, 9060], [20, 20, 20, 1], 60, 60)
    line = below(10, warning=12).warning
    assert line is not None
    assert episodes(line, seen) == [Episode(0, 180), Episode(9000, 9060)]


def test_looks_that_are_too_far_apart_cannot_tell_a_window() -> None:
    every_quarter = Seen([900.0 * n for n in range(50)], [20.0] * 50, 60, 900)
    at_once, window = below(10, warning=12).warning, below(10, warning=lasting(12, "5m")).warning
    assert at_once is not None
    assert window is not None
    assert can_be_told(at_once, every_quarter)
    assert len(episodes(at_once, every_quarter)) == 1
    assert not can_be_told(window, every_quarter)
    assert episodes(window, every_quarter) == []


def test_a_laboratory_whose_clocks_run_faster_is_measured_by_its_own() -> None:
    seen = Seen([n * 1.0 for n in range(20)], [20.0] * 20, 1.0, 1.0, scale=60)
    line = below(10, warning=lasting(12, "5m")).warning
    assert line is not None
    assert [one.begins for one in episodes(line, seen)] == [5.0]
