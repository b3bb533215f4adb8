"""A source that is tried gives what it has, or the reason why it has nothing."""

import pytest

from healthgate import FromProfile, NoData, System, Url, Violated, get, measure, tried
from healthgate.claim.observation import Observation
from healthgate.claim.source import Absent, Scene


class Boiler(System):
    """A boiler."""

    name = "boiler"
    url: Url
    spare: Url | None = None


STATE = get(Boiler, "/state", proven_by="boiler.route")
SYSTEMS = {"boiler": Boiler(url=Url("http://boiler.example.com"))}


def scene(status: str, **facts: object) -> Scene:
    seen = Observation(STATE.id, status, 0.0, 1.0, error="it went wrong", facts=facts)
    return Scene("here", SYSTEMS, {STATE.id: seen})


def test_what_can_be_had_is_had() -> None:
    assert tried(STATE["bar"]).value(scene("answered", code=200, json={"bar": 3})).raw == 3


@pytest.mark.parametrize("kind", [NoData, Violated])
def test_what_cannot_be_had_is_the_reason_why(kind: type[NoData]) -> None:
    @measure(STATE.outcome)
    def failing(answer: object) -> float:
        raise kind("nothing there", "boiler.route")

    nothing = tried(failing).value(scene("refused"))
    assert type(nothing) is kind
    assert (str(nothing), nothing.explained_by) == ("nothing there", "boiler.route")


def test_an_error_of_the_check_is_not_hidden() -> None:
    @measure(STATE.outcome)
    def broken(answer: object) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tried(broken).value(scene("answered"))


def test_it_asks_the_same_requires_nothing_and_is_absent_where_its_source_is() -> None:
    source = tried(STATE["bar"])
    assert source.probes(SYSTEMS) == (STATE,)
    assert STATE["bar"].proofs(SYSTEMS) == ("boiler.route",)
    assert source.proofs(SYSTEMS) == ()
    assert source.where(SYSTEMS) == "GET http://boiler.example.com/state · bar"
    with pytest.raises(Absent, match=r"boiler\.spare"):
        tried(FromProfile(Boiler, "spare")).probes(SYSTEMS)
