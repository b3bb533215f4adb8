"""Readings that depend on when a system was looked at, or on how often."""

import pytest

from healthgate.claim.circumstances import every_attempt, moment, unless
from healthgate.claim.facts import NoData, NotExpected
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene, Source, measure
from healthgate.claim.system import System, Url
from healthgate.probes.http import get


class Boiler(System):
    """A boiler."""

    name = "boiler"
    url: Url


SYSTEMS: dict[str, System] = {"boiler": Boiler(url="http://boiler")}
STATE = get(Boiler, "/state", proven_by="boiler.there")
OTHER = get(Boiler, "/other")


def answer(name: str, at: float, **body: object) -> dict[str, Observation]:
    return {name: Observation(name, "answered", at, 1.0, facts={"code": 200, "json": body})}


def scene(**more: object) -> Scene:
    found = answer(STATE.id, 100.0, heat=7) | answer(OTHER.id, 200.0, heat=8)
    return Scene("works", SYSTEMS, found, **more)  # type: ignore[arg-type]


def heat(probe: Source) -> Source:
    return measure(probe)(lambda found: found.body().integer("heat"))


@pytest.mark.parametrize(("reason", "value"), [(None, 7), ("it is summer", 8), ("", 8)])
def test_another_source_is_read_while_there_is_a_reason(reason: str | None, value: int) -> None:
    one = unless(heat(STATE), measure()(lambda: reason), heat(OTHER))

    assert one.value(scene()) == value
    assert one.where(SYSTEMS) == "GET http://boiler/state"
    assert set(one.probes(SYSTEMS)) == {STATE, OTHER}
    assert one.proofs(SYSTEMS) == ("boiler.there",)


def test_the_moment_of_an_answer_is_its_own_and_is_not_shown_as_read() -> None:
    when = moment(OTHER)

    assert when.value(scene()) == 200.0
    assert when.where(SYSTEMS) == ""


def test_every_attempt_so_far_is_there_with_those_that_brought_nothing() -> None:
    seen = scene()
    seen.observations |= answer(STATE.id + " (attempt 2)", 101.0) | answer(STATE.id + " (attempt 3)", 102.0, heat=9)
    one = every_attempt(heat(STATE))

    assert one.value(seen) == [7]
    second = one.value(seen.again(" (attempt 2)"))
    assert (second[0], isinstance(second[1], NoData)) == (7, True)
    third = one.value(seen.again(" (attempt 3)"))
    assert (third[0], isinstance(third[1], NoData), third[2]) == (7, True, 9)


def test_what_is_not_expected_is_no_missing_data() -> None:
    """So that nothing that looks for missing data takes it for that."""
    assert not issubclass(NotExpected, NoData)
