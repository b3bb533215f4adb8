"""Facts and limits in, verdicts out, without a clock or a network."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.check import Check, check, declared_on
from healthgate.claim.facts import Facts, NoData, NotExpected, Violated
from healthgate.claim.given import TIME_SCALE, FromProfile
from healthgate.claim.limit import Limit, Tier, above, below, equals, lasting, percent
from healthgate.claim.observation import Observation, attempt_mark
from healthgate.claim.source import Measured, Scene, Source, measure
from healthgate.claim.state import Floor, State
from healthgate.claim.system import System, Url
from healthgate.environment.maintenance import Once
from healthgate.environment.profile import Override, Profile
from healthgate.judge.judge import Judge
from healthgate.probes.http import get


class Boiler(System):
    """One address."""

    name = "boiler"
    url: Url
    size: int | None = None
    spare_url: Url | None = None


STATE = get(Boiler, "/state", proven_by="boiler.reachable")
SETTINGS = {"boiler": Boiler(url=Url("http://boiler.example.com"), size=4)}
TOLD = {"name": "the reading", "cause": "c", "action": "a", "runbook": "r"}


def claim(id: str, reading: Source, stays: Limit, **options: Any) -> Check:  # noqa: A002
    """Declare one check and return it."""

    def test() -> None:
        """Nothing."""

    return declared_on(check(id, reading, stays=stays, **{**TOLD, **options})(test))[0]


def seen(content: object, **facts: object) -> Observation:
    """Return what a request brought that was answered with this JSON."""
    return Observation(STATE.id, "answered", 1000.0, 5.0, facts={"code": 200, "json": content, **facts})


REACHABLE = claim(
    "boiler.reachable", measure(STATE.outcome)(lambda answer: bool(answer.body())), equals(True), name="it answers"
)
PRESSURE = claim("boiler.pressure", STATE["pressure"], below(80, percent, warning=80, critical=90))


@pytest.fixture
def judge() -> Callable[..., Judge]:
    """A function from what was observed to a judge of it."""

    def judging(
        *observed: Observation,
        checks: tuple[Check, ...] = (),
        overrides: dict[str, Override] | None = None,
        maintenance: Sequence[Once] = (),
    ) -> Judge:
        profile = Profile("works", Path("works.yaml"), overrides=overrides or {}, maintenance=list(maintenance))
        scene = Scene("works", SETTINGS, {o.id: o for o in observed})
        return Judge(
            "works",
            profile.terms_of,
            {c.id: c for c in (REACHABLE, PRESSURE, *checks)},
            scene,
            Floor.OBJECTIVE,
            "pages/{name}.md",
        )

    return judging


@pytest.mark.parametrize(
    ("content", "state", "reason"),
    [
        ({"pressure": 50}, State.OK, "50 %"),
        ({"pressure": 80}, State.MISSED, "80 %; it should stay below 80 %, warning above 80 %, critical above 90 %"),
        ({"pressure": 85}, State.WARNING, "85 %; it should stay below 80 %, warning above 80 %, critical above 90 %"),
        ({"pressure": 95}, State.CRITICAL, "95 %; it should stay below 80 %, warning above 80 %, critical above 90 %"),
        ({}, State.UNKNOWN, "no data: pressure is missing"),
        ({"pressure": None}, State.UNKNOWN, "no data: pressure is missing"),
        ({"pressure": "50"}, State.UNKNOWN, 'no data: pressure is "50", not a number'),
        ({"pressure": True}, State.UNKNOWN, "no data: pressure is true, not a number"),
        ({"pressure": float("nan")}, State.UNKNOWN, "no data: pressure is nan, not a finite number"),
        ({"pressure": 10**400}, State.UNKNOWN, "not a finite number"),
        ({"pressure": -3}, State.UNKNOWN, "no data: pressure is -3 %, which cannot be"),
        ({"pressure": {"now": 1}}, State.UNKNOWN, "no data: pressure is an object, not a number"),
        ([], State.UNKNOWN, "no data: pressure is missing, since the body is a list"),
    ],
)
def test_a_verdict_says_what_was_seen_and_what_was_expected(
    judge: Callable[..., Judge], content: object, state: State, reason: str
) -> None:
    """In one sentence; what cannot be judged is unknown and says why."""
    verdict = judge(seen(content)).verdict("boiler.pressure")

    assert verdict.state is state
    assert reason in verdict.reason
    assert verdict.value == (content["pressure"] if isinstance(content, dict) and state is not State.UNKNOWN else None)


def test_a_check_is_blocked_by_the_root_of_the_trouble_not_by_its_neighbour(judge: Callable[..., Judge]) -> None:
    """Three in a row: the last names the first, with its state."""
    next_in_line = claim("boiler.next", STATE["pressure"], below(80), requires=["boiler.pressure"])
    refused = Observation(STATE.id, "refused", 1000.0, 5.0, error="connection refused: nothing listens there")

    told = judge(refused, checks=(next_in_line,))

    assert told.verdict("boiler.reachable").state is State.UNKNOWN
    assert told.verdict("boiler.reachable").reason == "no data: connection refused: nothing listens there"
    for name in ("boiler.pressure", "boiler.next"):
        assert told.verdict(name).state is State.BLOCKED
        assert told.verdict(name).blocked_by == "boiler.reachable"
        assert told.verdict(name).reason == "blocked by boiler.reachable, which is unknown"
        assert not told.verdict(name).healthy


def test_a_required_check_blocks_when_it_is_merely_not_ok(judge: Callable[..., Judge]) -> None:
    """Warning at a floor that tolerates warnings still proves nothing to build on."""
    next_in_line = claim("boiler.next", STATE["pressure"], below(999), requires=["boiler.pressure"])

    verdict = judge(seen({"pressure": 85}), checks=(next_in_line,)).verdict("boiler.next")

    assert verdict.state is State.BLOCKED
    assert verdict.roots == (("boiler.pressure", State.WARNING),)


def test_an_override_is_judged_by_and_told(judge: Callable[..., Judge]) -> None:
    """The reading is ok here, and the verdict says that the line was moved, and why."""
    moved = Override({"objective": 88.0, "warning": 88.0}, "the old boiler runs hot", "works.yaml:5:3")

    verdict = judge(seen({"pressure": 85}), overrides={"boiler.pressure": moved}).verdict("boiler.pressure")

    assert verdict.state is State.OK
    assert verdict.limit == "below 88 %, warning above 88 %, critical above 90 %"
    assert "the old boiler runs hot" in str(verdict.override)
    assert "the old boiler runs hot" in verdict.block()


def test_an_override_of_one_parameter_wins_over_that_of_its_row(judge: Callable[..., Judge]) -> None:
    """The more exact name."""
    left = claim("boiler.valve[left]", STATE["left"], below(10))
    row = Override({"objective": 20.0}, "row", "1")
    one = Override({"objective": 30.0}, "one", "2")

    told = judge(seen({"left": 25}), checks=(left,), overrides={"boiler.valve": row, "boiler.valve[left]": one})

    assert told.verdict("boiler.valve[left]").state is State.OK


def test_a_measured_reading_carries_its_words(judge: Callable[..., Judge]) -> None:
    """The detail stands behind the value, made printable."""
    gap = measure(STATE)(lambda answer: Measured(answer.body().number("gap"), "a\x1b[31m against b"))
    verdict = judge(seen({"gap": 12.5}), checks=(claim("boiler.gap", gap, below(5, percent)),)).verdict("boiler.gap")

    assert verdict.reason.startswith("12.5 % (a\\x1b[31m against b); it should stay below 5 %")


def test_a_setting_can_be_half_of_a_reading(judge: Callable[..., Judge]) -> None:
    """What the profile says should be there, against what is."""
    missing = measure(STATE, FromProfile(Boiler, "size"))(lambda answer, size: size - answer.body().number("size"))

    verdict = judge(seen({"size": 3}), checks=(claim("boiler.missing", missing, equals(0)),)).verdict("boiler.missing")

    assert verdict.state is State.CRITICAL
    assert verdict.value == 1


def test_a_derived_reading_that_raises_no_data_is_unknown(judge: Callable[..., Judge]) -> None:
    """With the reason it gives."""

    def nothing(_: object) -> float:
        """Never anything."""
        raise NoData("the tide is out")

    told = judge(seen({}), checks=(claim("boiler.tide", measure(STATE)(nothing), below(5)),))

    assert told.verdict("boiler.tide").reason == "no data: the tide is out"


def test_what_is_not_expected_is_ok_without_a_value(judge: Callable[..., Judge]) -> None:
    """And no line of the limit is crossed by it; what is missing is missing all the same."""

    @measure(STATE["pressure"])
    def moot(pressure: Facts) -> float:
        raise NotExpected(f"{pressure.number():g} % is not judged in summer")

    one = claim("boiler.summer", moot, below(80, percent, critical=lasting(90, "5m")))
    verdict = judge(seen({"pressure": 95}), checks=(one,)).verdict("boiler.summer")

    assert (verdict.state, verdict.value, verdict.reason) == (State.OK, None, "95 % is not judged in summer")
    assert verdict.healthy
    assert not verdict.samples
    assert judge(seen({"heat": 1}), checks=(one,)).verdict("boiler.summer").state is State.UNKNOWN


@pytest.mark.parametrize("content", ["\x1b[31m", "\ud800", "x" * 10_000])
def test_hostile_text_reaches_a_verdict_made_harmless(judge: Callable[..., Judge], content: str) -> None:
    """In the reason and in the value alike."""
    verdict = judge(seen({"mode": content}), checks=(claim("boiler.mode", STATE["mode"], equals("on")),)).verdict(
        "boiler.mode"
    )

    assert verdict.state is State.CRITICAL
    assert verdict.reason.isprintable()
    assert str(verdict.value).isprintable()
    assert len(verdict.reason) < 1100
    verdict.block().encode()


def test_judging_twice_gives_the_same_verdict(judge: Callable[..., Judge]) -> None:
    """Pure: no clock, no order."""
    first, second = judge(seen({"pressure": 85})), judge(seen({"pressure": 85}))
    second.verdict("boiler.reachable")

    assert first.verdict("boiler.pressure") == second.verdict("boiler.pressure")


def test_what_is_unknown_says_that_this_machine_held_it_up(judge: Callable[..., Judge]) -> None:
    """Once, whatever it could not be told for; what came and can be judged is judged."""
    busy = "this machine was too busy to tell: it held up this request for 1.5 s"
    starved = Observation(STATE.id, "starved", 1.0, 5.0, error=f"{busy} (late)", held_up_ms=1500.0)

    nothing, well = (replace(seen(content), held_up_ms=1500.0) for content in ({}, {"pressure": 50}))

    assert judge(starved).verdict("boiler.reachable").reason == f"no data: {busy} (late)"
    assert judge(nothing).verdict("boiler.pressure").reason == f"no data: pressure is missing; {busy}"
    assert (found := judge(well).verdict("boiler.pressure")).state is State.OK, found
    assert judge(replace(well, held_up_ms=0.0)).verdict("boiler.pressure").reason == found.reason


SPARE = get(Boiler, "/spare", proven_by=None)
RACING = claim(
    "boiler.racing",
    measure(STATE["pressure"], SPARE["pressure"])(lambda one, other: abs(one.number() - other.number())),
    below(5, percent, critical=20),
    attempts=3,
)


def brought(request: str, attempt: int, pressure: float | None) -> Observation:
    """Return what a request brought in an attempt; None is nothing in time."""
    name = request + attempt_mark(attempt)
    if pressure is None:
        return Observation(name, "late", 1000.0 + attempt, 5.0, error="too late")
    return Observation(name, "answered", 1000.0 + attempt, 5.0, facts={"code": 200, "json": {"pressure": pressure}})


@pytest.mark.parametrize(
    ("attempts", "state", "value"),
    [
        ([(50, 80)], State.CRITICAL, 30),
        ([(50, 80), (50, 51)], State.OK, 1),
        ([(50, 80), (50, 60)], State.MISSED, 10),
        ([(50, 80), (50, "not made")], State.CRITICAL, 30),
        ([(50, 80), ("not made", 50)], State.CRITICAL, 30),
        ([(50, 80), (50, None)], State.CRITICAL, 30),
        ([(50, 80), (None, 50), (50, 51)], State.OK, 1),
        ([(50, 80), (50, 60), (50, None)], State.MISSED, 10),
        ([(50, None), ("not made", 51)], State.UNKNOWN, None),
        ([(50, None), (50, 51)], State.OK, 1),
    ],
)
def test_an_attempt_counts_where_it_is_whole_and_takes_back_nothing_where_it_is_not(
    judge: Callable[..., Judge], attempts: list[tuple[Any, Any]], state: State, value: float | None
) -> None:
    """Half an attempt is made where another check reads one of two sources that race."""
    made = [
        brought(request, number, pressure)
        for number, pressures in enumerate(attempts, 1)
        for request, pressure in zip((STATE.id, SPARE.id), pressures, strict=True)
        if pressure != "not made"
    ]

    verdict = judge(*made, checks=(RACING,)).verdict("boiler.racing")

    assert (verdict.state, verdict.value) == (state, value)
    assert "attempt" not in verdict.reason


def test_a_verdict_survives_its_journey_between_processes(judge: Callable[..., Judge]) -> None:
    """As a record and back."""
    verdict = judge(Observation(STATE.id, "late", 1.0, 5.0, error="late")).verdict("boiler.pressure")

    assert type(verdict).from_record(verdict.as_record()) == verdict


@pytest.mark.parametrize("id", ["boiler", "Boiler.pressure", "boiler.pressure[", "boiler..x", "boiler.x[a b]", ""])
def test_an_id_that_is_none_is_refused_at_the_declaration(id: str) -> None:  # noqa: A002
    """With the form it should have."""
    with pytest.raises(ValueError, match=r"is not a check id; write system\.area\.claim"):
        claim(id, STATE, below(5))


def test_checks_that_prove_each_other_are_unknown_and_not_a_crash(judge: Callable[..., Judge]) -> None:
    """A circle by way of `proven_by` depends on the environment, so it shows only when it is judged."""
    one = get(Boiler, "/one", proven_by="boiler.two")
    two = get(Boiler, "/two", proven_by="boiler.one")
    circle = (claim("boiler.one", one["x"], below(1)), claim("boiler.two", two["x"], below(1)))
    judged = judge(checks=circle)
    verdict = judged.verdict("boiler.one")
    assert not verdict.healthy
    assert ("boiler.one", State.UNKNOWN) in verdict.roots


def contradicted(value: object, why: str = "it is an hour old", detail: str = "") -> Source:
    """Return a reading whose value is contradicted by something else."""

    def reading(_: object) -> Measured:
        """Right but old."""
        return Measured(value, detail, why)  # type: ignore[arg-type]

    return measure(STATE)(reading)


@pytest.mark.parametrize(
    ("limit", "value", "state", "reason"),
    [
        (below(80, percent, warning=80, critical=90), 50, State.WARNING, "50 %; it is an hour old"),
        (below(80, percent, warning=80, critical=90), 80, State.WARNING, "80 %; it is an hour old"),
        (below(80, percent, critical=90), 50, State.CRITICAL, "50 %; it is an hour old"),
        (below(80, percent, warning=80), 50, State.WARNING, "50 %; it is an hour old"),
        (below(80, percent), 50, State.MISSED, "50 %; it is an hour old"),
        (equals("fresh"), "fresh", State.CRITICAL, '"fresh"; it is an hour old'),
        (above(0, warning=0), 1, State.WARNING, "1; it is an hour old"),
    ],
)
def test_a_contradiction_turns_a_value_that_would_pass_into_the_mildest_alert(
    judge: Callable[..., Judge], limit: Limit, value: object, state: State, reason: str
) -> None:
    """Warning where there is such a line, else the worst there is; the sentence says why, not what it should be."""
    verdict = judge(seen({}), checks=(claim("boiler.price", contradicted(value), limit),)).verdict("boiler.price")

    assert (verdict.state, verdict.reason, verdict.value) == (state, reason, value)


@pytest.mark.parametrize(
    ("value", "state"),
    [(85, State.WARNING), (95, State.CRITICAL), (float("nan"), State.UNKNOWN), ("50", State.UNKNOWN)],
)
def test_a_contradiction_makes_nothing_better(judge: Callable[..., Judge], value: object, state: State) -> None:
    """What is worse without it stays as bad."""
    limit = below(80, percent, warning=80, critical=90)
    verdict = judge(seen({}), checks=(claim("boiler.price", contradicted(value), limit),)).verdict("boiler.price")

    assert verdict.state is state


def test_a_contradiction_does_not_make_up_for_a_window_that_is_not_covered(judge: Callable[..., Judge]) -> None:
    """Out of line, but not for long enough to tell: still pending."""
    limit = Limit(Tier("<", 80), warning=Tier(">", 80, sustained=300))
    verdict = judge(seen({}), checks=(claim("boiler.price", contradicted(85), limit),)).verdict("boiler.price")

    assert verdict.state is State.PENDING


@pytest.mark.parametrize("detail", ["", "three of three"])
def test_a_contradiction_of_a_truth_is_told_as_well(judge: Callable[..., Judge], detail: str) -> None:
    """`true; expected true` would leave everybody puzzled."""
    reading = contradicted(True, detail=detail)
    verdict = judge(seen({}), checks=(claim("boiler.price", reading, equals(True)),)).verdict("boiler.price")

    assert verdict.state is State.CRITICAL
    assert "it is an hour old" in verdict.reason
    assert "expected true" not in verdict.reason
    assert detail in verdict.reason


def test_the_words_of_a_contradiction_are_made_harmless(judge: Callable[..., Judge]) -> None:
    """They may come from a server."""
    reading = contradicted(50, why="\x1b[31mold")
    verdict = judge(seen({}), checks=(claim("boiler.price", reading, below(80)),)).verdict("boiler.price")

    assert verdict.reason == "50; \\x1b[31mold"


def test_a_contradiction_is_judged_by_the_lines_of_the_environment(judge: Callable[..., Judge]) -> None:
    """The line was moved: the value passes there, and the contradiction still warns."""
    moved = Override({"objective": 88.0, "warning": 88.0}, "the old boiler runs hot", "works.yaml:5:3")
    price = claim("boiler.price", contradicted(85), below(80, percent, warning=80, critical=90))
    verdict = judge(seen({}), checks=(price,), overrides={"boiler.price": moved}).verdict("boiler.price")

    assert (verdict.state, verdict.reason) == (State.WARNING, "85 %; it is an hour old")


FUEL = get(Boiler, "/fuel")


def explained(name: str, by: str | None, source: Source = STATE) -> Check:
    """Return a check that has no data, for which another one is said to have the explanation."""

    def nothing(_: object) -> float:
        """Never anything."""
        raise NoData("the log is empty", by)

    return claim(name, measure(source)(nothing), below(5))


def test_a_reading_that_another_check_explains_is_blocked_by_it(judge: Callable[..., Judge]) -> None:
    """One dead dependency is told once: by the check that is about it."""
    told = judge(seen({"pressure": 95}), checks=(explained("boiler.tide", "boiler.pressure"),)).verdict("boiler.tide")

    assert (told.state, told.blocked_by) == (State.BLOCKED, "boiler.pressure")
    assert told.reason == "blocked by boiler.pressure, which is critical"
    assert told.roots == (("boiler.pressure", State.CRITICAL),)
    assert told.value is None


@pytest.mark.parametrize("pressure", [80, 85])
def test_an_explanation_that_is_merely_not_ok_explains_as_well(judge: Callable[..., Judge], pressure: int) -> None:
    """Missed and warning."""
    told = judge(seen({"pressure": pressure}), checks=(explained("boiler.tide", "boiler.pressure"),))

    assert told.verdict("boiler.tide").state is State.BLOCKED


def test_an_explanation_that_is_itself_blocked_leads_to_the_root(judge: Callable[..., Judge]) -> None:
    """The root of the trouble is named, not the one next to it."""
    late = Observation(STATE.id, "late", 1000.0, 5.0, error="no answer")
    fuel = Observation(FUEL.id, "answered", 1000.0, 5.0, facts={"code": 200, "json": {}})

    told = judge(late, fuel, checks=(explained("boiler.tide", "boiler.pressure", FUEL),)).verdict("boiler.tide")

    assert told.roots == (("boiler.reachable", State.UNKNOWN),)


def test_an_explanation_that_is_ok_explains_nothing(judge: Callable[..., Judge]) -> None:
    """Then the missing data is this check's own trouble."""
    told = judge(seen({"pressure": 50}), checks=(explained("boiler.tide", "boiler.pressure"),)).verdict("boiler.tide")

    assert (told.state, told.reason, told.blocked_by) == (State.UNKNOWN, "no data: the log is empty", None)


@pytest.mark.parametrize("by", [None, "", "boiler.nowhere", "boiler.tide"])
def test_what_nobody_or_the_check_itself_explains_is_unknown(judge: Callable[..., Judge], by: str | None) -> None:
    """No explanation, one that does not exist, itself."""
    told = judge(seen({"pressure": 95}), checks=(explained("boiler.tide", by),)).verdict("boiler.tide")

    assert (told.state, told.reason) == (State.UNKNOWN, "no data: the log is empty")


def test_a_check_whose_requests_were_not_made_explains_nothing(judge: Callable[..., Judge]) -> None:
    """It was left out of this run: blaming it would blame what nobody looked at."""
    level = claim("boiler.level", FUEL["level"], below(5))
    told = judge(seen({}), checks=(level, explained("boiler.tide", "boiler.level"))).verdict("boiler.tide")

    assert (told.state, told.reason) == (State.UNKNOWN, "no data: the log is empty")


def test_a_check_that_this_environment_leaves_out_explains_nothing(judge: Callable[..., Judge]) -> None:
    """It needs a setting that is not there: nobody could have looked at it."""
    spare = claim("boiler.spare", get(Boiler, "/spare", url="spare_url")["level"], below(5))
    told = judge(seen({}), checks=(spare, explained("boiler.tide", "boiler.spare"))).verdict("boiler.tide")

    assert (told.state, told.reason) == (State.UNKNOWN, "no data: the log is empty")


@pytest.mark.parametrize(
    ("by", "state", "reason"),
    [
        ("boiler.pressure", State.BLOCKED, "blocked by boiler.pressure, which is critical"),
        ("boiler.reachable", State.CRITICAL, "nothing listens"),
        (None, State.CRITICAL, "nothing listens"),
    ],
)
def test_a_violation_that_nothing_explains_is_the_worst_there_is(
    judge: Callable[..., Judge], by: str | None, state: State, reason: str
) -> None:
    """One that another check explains is blocked by it, as missing data is; an explanation that is ok is none."""

    def wrong(_: object) -> float:
        """Proven wrong."""
        raise Violated("nothing listens", by)

    check = claim("boiler.tide", measure(STATE)(wrong), below(5, critical=9))
    told = judge(seen({"pressure": 95}), checks=(check,)).verdict("boiler.tide")

    assert (told.state, told.reason) == (state, reason)


@pytest.mark.parametrize("length", [2, 3])
def test_explanations_in_a_circle_end_and_somebody_is_unknown(judge: Callable[..., Judge], length: int) -> None:
    """None is healthy, none is blocked by itself, and the trouble has a root that is told."""
    names = [f"boiler.tide{i}" for i in range(length)]
    circle = tuple(explained(name, names[(i + 1) % length]) for i, name in enumerate(names))
    judged = judge(seen({"pressure": 50}), checks=circle)
    verdicts = [judged.verdict(name) for name in names]

    assert all(not verdict.healthy for verdict in verdicts)
    assert all(verdict.blocked_by != verdict.id for verdict in verdicts)
    assert State.UNKNOWN in {verdict.state for verdict in verdicts}


def test_the_time_scale_of_an_environment_is_a_reading(judge: Callable[..., Judge]) -> None:
    """Windows are that much shorter; where nothing is said, time is what it is. It asks nothing."""
    assert TIME_SCALE.value(Scene("lab", SETTINGS, {}, time_scale=60.0)) == 60.0
    assert TIME_SCALE.value(Scene("works", SETTINGS, {})) == 1.0
    assert TIME_SCALE.value(Scene("lab", SETTINGS, {}, time_scale=60.0).again(" (again)")) == 60.0
    assert (TIME_SCALE.probes({}), TIME_SCALE.proofs({}), TIME_SCALE.where({})) == ((), (), "")

    window = measure(STATE, TIME_SCALE)(lambda answer, scale: answer.body().number("age") * scale)
    verdict = judge(seen({"age": 3}), checks=(claim("boiler.age", window, below(5)),)).verdict("boiler.age")
    assert (verdict.state, verdict.value) == (State.OK, 3.0)


ROLL_UP = claim(
    "boiler.summary", STATE["health"], equals("well", warning=Tier("==", "poorly"), critical=Tier("==", "ill")),
    sums_up=["boiler.pressure", "boiler.doors"],
)  # fmt: skip
DOOR = claim("boiler.doors.left", STATE["door"], equals("shut"))


@pytest.mark.parametrize(
    ("health", "pressure", "door", "echoes"),
    [
        ("ill", 95, "shut", ("boiler.pressure",)),
        ("ill", 95, "open", ("boiler.pressure", "boiler.doors.left")),
        ("ill", 85, "shut", ()),  # a warning does not explain a critical
        ("poorly", 85, "shut", ("boiler.pressure",)),
        ("poorly", 95, "shut", ("boiler.pressure",)),
        ("ill", 50, "shut", ()),
        ("ill", None, "shut", ()),  # what nobody knows explains nothing
        ("well", 95, "shut", ()),
        (None, 95, "shut", ()),
    ],
)
def test_a_roll_up_names_the_parts_that_fail_as_badly(
    judge: Callable[..., Judge], health: object, pressure: object, door: str, echoes: tuple[str, ...]
) -> None:
    judging = judge(seen({"health": health, "pressure": pressure, "door": door}), checks=(ROLL_UP, DOOR))
    verdict = judging.verdict("boiler.summary")
    assert verdict.echoes == echoes
    assert verdict.from_record(verdict.as_record()) == verdict
    assert verdict.state.value == {"ill": "critical", "poorly": "warning", "well": "ok"}.get(str(health), "unknown")


def test_a_roll_up_is_no_part_of_itself_and_of_nothing_that_merely_begins_alike() -> None:
    wide = claim("boiler.doors", STATE["door"], equals("shut"), sums_up=["boiler.doors", "boiler.press"])
    assert wide.covers("boiler.doors.left")
    assert wide.covers("boiler.doors[left]")
    assert not wide.covers("boiler.doors")
    assert not wide.covers("boiler.pressure")
    assert not wide.covers("boiler.doorstep")


@pytest.mark.parametrize(
    ("names", "quiet"), [(["boiler.pressure"], False), (["boiler.pressure", "boiler.doors.left"], True)]
)
def test_a_roll_up_is_quiet_where_all_it_sums_up_is_in_maintenance(
    judge: Callable[..., Judge], names: list[str], quiet: bool
) -> None:
    begins, ends = datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(1000, UTC)
    cleaned = Once(begins, ends, "it is cleaned", frozenset(names))
    ill = seen({"health": "ill", "pressure": 95, "door": "open"})
    judging = judge(ill, checks=(ROLL_UP, DOOR), maintenance=[cleaned])
    assert (judging.verdict("boiler.summary").maintenance is not None) is quiet
