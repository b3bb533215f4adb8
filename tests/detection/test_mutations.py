"""A limit that says something else than it should is noticed by the matrix."""

from itertools import chain

import pytest

from healthgate.claim.limit import below, percent, reaching
from tests.detection.bench import CATALOGUE
from tests.detection.cell import matches
from tests.detection.evidence import Evidence
from tests.detection.mutation import EXPLAINED, changes, told_apart


@pytest.mark.whole
def test_every_change_of_a_limit_is_noticed_or_explained(evidence: Evidence) -> None:
    assert evidence.mutations.unexplained == []


@pytest.mark.whole
def test_every_limit_is_changed(evidence: Evidence) -> None:
    found = evidence.mutations
    changed = {name.partition(": ")[0] for name in chain(found.killed, found.survived)}
    assert sorted(set(CATALOGUE.checks) - changed) == []
    assert found.total > 60


@pytest.mark.whole
def test_every_explanation_is_about_a_change_that_is_made(evidence: Evidence) -> None:
    made = [*evidence.mutations.killed, *evidence.mutations.survived]
    assert [pattern for pattern in EXPLAINED if not any(matches(pattern, name) for name in made)] == []


def test_both_lines_of_a_limit_are_moved_alone_and_together() -> None:
    words = [words for words, _ in changes(below(80, percent, warning=reaching(80)))]
    assert words == [
        "objective < 80 flipped to <=",
        "objective < 80 flipped to >",
        "objective < 80 moved to 79.2",
        "objective < 80 moved to 80.8",
        "warning >= 80 flipped to >",
        "warning >= 80 flipped to <=",
        "warning >= 80 moved to 79.2",
        "warning >= 80 moved to 80.8",
        "objective and warning 80 moved together to 79.2",
        "objective and warning 80 moved together to 80.8",
    ]


def test_two_limits_are_the_same_only_if_no_value_tells_them_apart() -> None:
    usual = below(80, percent, warning=reaching(80))
    assert not told_apart(usual, usual)
    assert told_apart(usual, below(80, percent, warning=80))
    assert told_apart(usual, below(80, percent, warning=reaching(80), critical=99))
