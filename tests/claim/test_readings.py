"""The readings every project takes: an age, a truth in words, a share; a route that answers, and what it serves."""

from types import ModuleType

import pytest

import healthgate.readings
from healthgate import DOWN, NoData, System, Url, Violated, age, answered, get, served, share, stated
from healthgate.claim.facts import Facts
from healthgate.claim.observation import AGAIN, Observation
from healthgate.claim.source import Measured, Scene, Source
from healthgate.probes.http_answer import Answer


class Boiler(System):
    """A boiler, with a second door."""

    name = "boiler"
    url: Url
    spare_url: Url | None = None


STATE = get(Boiler, "/state", proven_by="boiler.route")
SPARE = get(Boiler, "/state", url="spare_url")
SYSTEMS = {"boiler": Boiler(url=Url("http://boiler.example.com"))}
WRITTEN = "2026-03-02T09:15:00Z"
MOMENT = 1772442900.0


def seen(name: str, at: float = 0.0, status: str = "answered", **facts: object) -> Observation:
    return Observation(name, status, at, 7.5, error=None if status == "answered" else "it went wrong", facts=facts)


def read(source: Source, *observations: Observation) -> Measured:
    value = source.value(Scene("here", SYSTEMS, {one.id: one for one in observations}))
    assert isinstance(value, Measured)
    return value


@pytest.mark.parametrize(
    ("written", "old", "words"),
    [
        (WRITTEN, 30.25, f"at is {WRITTEN}"),
        ("2026-03-02T10:15:00+01:00", 30.25, "at is 2026-03-02T10:15:00+01:00"),
        (MOMENT + 40, -9.75, "at is 1772442940"),
        (1772442900, 30.25, "at is 1772442900"),
    ],
)
def test_an_age_counts_to_when_the_answer_was_complete(written: object, old: float, words: str) -> None:
    came = seen(STATE.id, MOMENT + 30.25, code=200, json={"at": written})

    assert read(age(STATE["at"]), came) == Measured(old, words)


def test_an_age_is_of_the_answer_that_holds_it() -> None:
    """The second look of a run, or the one of two that this environment has."""
    first = seen(STATE.id, MOMENT, code=200, json={"at": WRITTEN})
    second = seen(STATE.id + AGAIN, MOMENT + 2, code=200, json={"at": WRITTEN})

    assert read(age(STATE.again.at("at")), first, second).value == 2
    assert read(age(SPARE.at("at").otherwise(STATE.at("at")).at("")), first, second).value == 0
    assert age(STATE["at"]).proofs(SYSTEMS) == ("boiler.route",)
    assert age(STATE["at"]).where(SYSTEMS) == "GET http://boiler.example.com/state · at"


@pytest.mark.parametrize("written", [None, True, "yesterday", "2026-03-02T09:15:00", [], 10**400])
def test_what_is_no_moment_has_no_age(written: object) -> None:
    with pytest.raises(NoData, match=r"^at is "):
        read(age(STATE["at"]), seen(STATE.id, MOMENT, code=200, json={"at": written}))


def test_a_truth_is_said_in_words_and_anything_else_is_none() -> None:
    source = stated(STATE["lit"], true="the fire burns", false="the fire is out")

    assert read(source, seen(STATE.id, code=200, json={"lit": True})) == Measured(True, "the fire burns")
    assert read(source, seen(STATE.id, code=200, json={"lit": False})) == Measured(False, "the fire is out")
    with pytest.raises(NoData, match='lit is "yes", not true or false'):
        read(source, seen(STATE.id, code=200, json={"lit": "yes"}))


def test_a_share_names_both_figures_and_of_nothing_there_is_none() -> None:
    assert share(3, 50, "requests") == Measured(6.0, "3 of 50 requests")
    assert share(7, 100) == Measured(7.0, "7 of 100"), "not a hair more than the line it is compared with"
    assert share(0, 0, "requests", of_nothing=0) == Measured(0, "0 of 0 requests")
    with pytest.raises(NoData, match="0 of 0 requests: there is nothing to take a share of"):
        share(0, 0, "requests")


@pytest.mark.parametrize("status", ["refused", "reset", "unresolved", "late", "tls", "oversized", "malformed"])
def test_only_what_proves_that_nothing_serves_is_a_violation(status: str) -> None:
    """A late or garbled answer may be our own fault."""
    with pytest.raises(NoData, match="it went wrong") as nothing:
        answered(Answer(seen("it", status=status)), "boiler.route")
    assert isinstance(nothing.value, Violated) is (status in DOWN)
    assert nothing.value.explained_by == "boiler.route"


@pytest.mark.parametrize(("code", "explained_by"), [(500, None), (302, None), (502, "b"), (503, "b"), (504, "b")])
def test_a_service_behind_explains_only_what_a_gateway_says_of_it(code: int, explained_by: str | None) -> None:
    """And nothing where no service is named: a service of its own stands for itself."""
    answer = Answer(seen("it", code=code, json={}))
    for behind in ("b", None):
        with pytest.raises(Violated, match=f"it answered {code}, not 200") as proof:
            served(answer, behind=behind)
        assert proof.value.explained_by == (explained_by if behind else None)


def test_what_is_served_is_a_body_or_a_reason() -> None:
    body = served(Answer(seen("it", code=200, json={"a": 1})))
    assert isinstance(body, Facts)
    assert body.integer("a") == 1
    with pytest.raises(Violated, match="it is HTML"):
        served(Answer(seen("it", code=200, flaw="it is HTML", text="<html>")))
    with pytest.raises(NoData, match="no UTF-8") as doubt:
        served(Answer(seen("it", code=200, flaw="no UTF-8")))
    assert not isinstance(doubt.value, Violated)


def test_a_route_tells_its_code_and_how_long_it_took() -> None:
    """The code needs no proof, since it is one; the time of a route that is proven ill is not told as well."""
    assert read(STATE.code, seen(STATE.id, code=503)) == Measured(503, "")
    moved = seen(STATE.id, code=302, location="/login")
    assert read(STATE.code, moved) == Measured(302, "302 (a redirect to /login, not followed)")
    assert STATE.code.proofs(SYSTEMS) == ()
    assert STATE.elapsed_ms.proofs(SYSTEMS) == ("boiler.route",)
    assert STATE.elapsed_ms.value(Scene("here", SYSTEMS, {STATE.id: seen(STATE.id, code=503)})) == 7.5
    for source in (STATE.code, STATE.elapsed_ms):
        with pytest.raises(NoData, match="it went wrong"):
            source.value(Scene("here", SYSTEMS, {STATE.id: seen(STATE.id, status="refused")}))


@pytest.mark.parametrize("module", [healthgate, healthgate.readings])
def test_what_is_offered_is_listed(module: ModuleType) -> None:
    """For whoever looks with dir(), an editor or a shell, before anything was used."""
    assert set(module.__all__) <= set(dir(module))
    assert {"__name__", "__all__"} <= set(dir(module))
