"""In which order jobs are done, and what a look says of checks of which nothing is known yet."""

from dataclasses import dataclass, field

from healthgate.claim.state import State
from healthgate.observe.snapshot import Snapshot
from tests.detection.bench import Bench, Look, Waiting


@dataclass
class Expecting:
    """A job that expects something of these checks."""

    expected: set[str] = field(default_factory=set)

    def __call__(self, bench: Bench) -> None:
        """Do nothing."""


def test_what_would_have_to_wait_is_left_for_later_and_not_for_ever() -> None:
    waiting = Waiting([Expecting({"slow"}), Expecting({"quick"}), Expecting()])
    assert waiting.take({"slow"}) == 1
    assert waiting.take() == 0
    waiting.follow([Expecting({"slow"})])
    assert [waiting.take({"slow"}) for _ in range(3)] == [2, 3, None]


def test_once_a_job_is_wrong_nobody_takes_another() -> None:
    waiting = Waiting([Expecting(), Expecting()])
    assert waiting.take() == 0
    waiting.stop()
    waiting.follow([Expecting()])
    assert waiting.take() is None


def test_a_check_of_which_nothing_is_known_is_neither_well_nor_ill_unless_that_is_expected() -> None:
    states = {"known": State.WARNING, "early": State.PENDING, "well": State.OK}
    look = Look(states, {}, {}, Snapshot(taken=0.0), unknown=frozenset({"early"}))
    assert look.not_ok == {"known": State.WARNING}
    assert look.shows({"known": State.WARNING})
    assert look.shows({"known": State.WARNING, "early": State.PENDING})
    assert not look.shows({"known": State.WARNING, "early": State.OK})
    assert not look.shows({})
    assert not look.shows({"known": State.WARNING, "well": State.WARNING})
