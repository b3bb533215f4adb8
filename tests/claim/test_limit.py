"""A limit judges a reading, prints itself, and refuses to contradict itself."""

import math
from typing import Any

import pytest

from healthgate.claim.limit import (
    Limit,
    Tier,
    Unit,
    above,
    at_least,
    at_most,
    bare,
    below,
    between,
    equals,
    exactly,
    in_time,
    lasting,
    megabytes,
    ms,
    none,
    over,
    percent,
    reaching,
    seconds,
)
from healthgate.claim.state import State

OK, MISSED, WARNING, CRITICAL, UNKNOWN, PENDING = (
    State.OK,
    State.MISSED,
    State.WARNING,
    State.CRITICAL,
    State.UNKNOWN,
    State.PENDING,
)
POOL = below(80, percent, warning=80, critical=90)
FRESHNESS = above(95, percent, warning=90, critical=reaching(80))


@pytest.mark.parametrize(
    ("limit", "value", "state"),
    [
        (POOL, 0, OK),
        (POOL, 79.999, OK),
        (POOL, 80, MISSED),
        (POOL, 80.001, WARNING),
        (POOL, 90, WARNING),
        (POOL, 90.001, CRITICAL),
        (FRESHNESS, 95.001, OK),
        (FRESHNESS, 95, MISSED),
        (FRESHNESS, 90, MISSED),
        (FRESHNESS, 89.999, WARNING),
        (FRESHNESS, 80.001, WARNING),
        (FRESHNESS, 80, CRITICAL),
        (at_most(5, ms), 5, OK),
        (at_most(5, ms), 5.0001, MISSED),
        (at_least(5, ms), 5, OK),
        (at_least(5, ms), 4.9999, MISSED),
        (below(40, warning=reaching(40)), 40, WARNING),
        (below(40, warning=40), 40, MISSED),
        (none(bare, warning=0), 0, OK),
        (none(bare, warning=0), -0.0, OK),
        (none(bare, warning=0), 1, WARNING),
        (none(bare, warning=0), -1, MISSED),
        (above(0, bare, critical=exactly(0)), 0, CRITICAL),
        (above(0, bare, critical=exactly(0)), -1, MISSED),
        (equals(3, warning=over(3)), 4, WARNING),
        (equals(3, warning=over(3)), 2, MISSED),
        (equals("ok"), "ok", OK),
        (equals("ok"), "fail", CRITICAL),
        (equals(True), True, OK),
        (equals(True), False, CRITICAL),
        (equals(True, otherwise=WARNING), False, WARNING),
        (equals("ok", otherwise=WARNING), "fail", WARNING),
        (equals(3, otherwise=CRITICAL), 4, CRITICAL),
        (between(10, 300, seconds), 10, OK),
        (between(10, 300, seconds), 300, OK),
        (between(10, 300, seconds), 300.5, CRITICAL),
        (between(10, 300, seconds, otherwise=WARNING), 9, WARNING),
        (Limit(Tier("in", ("ok", "slow")), critical=Tier("not in", ("ok", "slow"))), "slow", OK),
        (Limit(Tier("in", ("ok", "slow")), critical=Tier("not in", ("ok", "slow"))), "dead", CRITICAL),
        (Limit(Tier("between", (1, 5)), critical=Tier("outside", (0, 9))), 5, OK),
        (Limit(Tier("between", (1, 5)), critical=Tier("outside", (0, 9))), 5.1, MISSED),
        (Limit(Tier("between", (1, 5)), critical=Tier("outside", (0, 9))), 9.1, CRITICAL),
    ],
)
def test_both_edges_belong_to_the_tier_that_claims_them(limit: Limit, value: Any, state: State) -> None:
    """Comparisons are strict as written; a value no tier claims has missed its objective."""
    assert limit.judge(value) is state


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [
        (POOL, None, "is missing"),
        (POOL, math.nan, "is nan, not a finite number"),
        (POOL, math.inf, "is inf, not a finite number"),
        (POOL, -math.inf, "is -inf, not a finite number"),
        (POOL, 10**400, "not a finite number"),
        (POOL, "85", 'is "85", not a number'),
        (POOL, "NaN", 'is "NaN", not a number'),
        (POOL, True, "is true, not a number"),
        (POOL, False, "is false, not a number"),
        (POOL, [80], "is a list, not a number"),
        (POOL, {"a": 1}, "is an object, not a number"),
        (POOL, -0.1, "is -0.1 %, which cannot be"),
        (below(5, ms), -1, "is -1 ms, which cannot be"),
        (below(5, seconds), -1, "is -1 s, which cannot be"),
        (below(5, megabytes), -1, "is -1 MB, which cannot be"),
        (equals(True), 1, "is 1, not true or false"),
        (equals(True), None, "is missing"),
        (equals(True), "true", 'is "true", not true or false'),
        (equals("ok"), 1, "is 1, not text"),
        (equals("ok"), None, "is missing"),
        (equals("ok"), True, "is true, not text"),
        (equals(3), True, "is true, not a number"),
        (equals(3), "3", 'is "3", not a number'),
    ],
)
def test_a_reading_that_makes_no_sense_is_unknown_and_says_why(limit: Limit, value: Any, why: str) -> None:
    """Missing, not finite, of the wrong type, below what can be: never healthy, never red by accident."""
    assert limit.judge(value) is UNKNOWN
    assert why in str(limit.malformed(value))


days = Unit("days")


@pytest.mark.parametrize(
    ("limit", "state"),
    [
        (at_least(21, days, warning=21, critical=7), CRITICAL),
        (above(21, days, warning=7), WARNING),
        (above(21, seconds, critical=lasting(7, "5m")), PENDING),
        (at_least(21, ms), MISSED),
        (below(21, days, critical=30), UNKNOWN),
        (at_most(21, days), UNKNOWN),
        (none(days), UNKNOWN),
        (equals(3, days), UNKNOWN),
        (above(0, days, critical=exactly(0)), UNKNOWN),
        (equals(7, days, warning=Tier("!=", 7), critical=Tier("<=", 5)), UNKNOWN),
        (at_least(21, days, warning=reaching(-5), critical=-10), MISSED),
        (at_least(21, Unit("days", floor=0), critical=7), UNKNOWN),
        (above(95, percent, warning=95), UNKNOWN),
        (at_least(512, megabytes, critical=100), UNKNOWN),
    ],
)
def test_what_is_left_of_something_may_be_less_than_nothing(limit: Limit, state: State) -> None:
    """A certificate that expired three days ago is as bad as can be; less than nothing is never healthy."""
    assert limit.judge(-3) is state


def test_a_temperature_may_be_negative() -> None:
    """A unit without a floor takes negative readings."""
    assert below(5, Unit("°C", floor=None)).judge(-40) is OK


def test_a_line_with_a_window_waits_until_the_window_is_covered() -> None:
    """Violating, but not yet for long enough, is pending."""
    limit = Limit(Tier("<", 100), warning=Tier(">", 100, sustained=300))

    assert limit.judge(150) is PENDING
    assert limit.judge(150, lambda tier: tier.sustained < 300) is PENDING
    assert limit.judge(150, lambda tier: tier.sustained == 300) is WARNING
    assert limit.judge(50, in_time) is OK


def test_a_reached_warning_is_not_hidden_by_a_critical_line_that_still_waits() -> None:
    """Critical for 5 min, warning at once: one sample far out warns."""
    limit = Limit(Tier("<", 10), warning=Tier(">", 10), critical=Tier(">", 20, sustained=300))

    assert limit.judge(25) is WARNING
    assert limit.judge(25, in_time) is CRITICAL


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: below(80, warning=70), "warning 70 lies on the healthy side of objective 80; put it above"),
        (
            lambda: below(80, warning=95, critical=90),
            "critical 90 lies on the healthy side of warning 95; put it above",
        ),
        (lambda: below(80, expected=90), "objective 80 lies on the healthy side of expected 90; put it above"),
        (lambda: above(95, warning=97), "warning 97 lies on the healthy side of objective 95; put it below"),
        (lambda: above(95, warning=80, critical=90), "critical 90 lies on the healthy side of warning 80"),
        (lambda: none(ms, warning=9, critical=5), "critical 5 lies on the healthy side of warning 9; put it above"),
        (lambda: POOL.moved({"warning": 95}), "critical 90 lies on the healthy side of warning 95"),
        (lambda: POOL.moved({"objective": 85}), "warning 80 lies on the healthy side of objective 85"),
        (lambda: POOL.moved({"expected": 5}), "this check has no expected line; it has objective, warning, critical"),
        (lambda: equals("ok").moved({"objective": 5}), "is not a number and cannot be moved"),
        (
            lambda: equals(True).moved({"objective": 5}),
            "the objective line of this check is not a number and cannot be moved",
        ),
        (lambda: Tier("=>", 5), "'=>' is not a comparison; use one of <, <=, >"),
    ],
)
def test_a_limit_that_contradicts_itself_is_refused(make: Any, said: str) -> None:
    """Whether declared or overridden, and with the side to put it on."""
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert said in str(refused.value)


def test_lines_may_coincide() -> None:
    """Warning and critical at the objective itself is no contradiction."""
    assert below(80, warning=80, critical=80).judge(81) is CRITICAL


def test_an_override_moves_only_what_it_names() -> None:
    """The other tiers, the unit and the directions stay; the original is not touched."""
    moved = POOL.moved({"warning": 85, "critical": 95})

    assert moved.judge(85) is MISSED
    assert moved.judge(86) is WARNING
    assert moved.judge(95.5) is CRITICAL
    assert POOL.judge(81) is WARNING
    assert str(moved) == "below 80 %, warning above 85 %, critical above 95 %"


@pytest.mark.parametrize(
    ("limit", "spoken"),
    [
        (POOL, "below 80 %, warning above 80 %, critical above 90 %"),
        (at_least(2.5, seconds, warning=reaching(1)), "at least 2.5 s, warning at most 1 s"),
        (equals("ok"), '"ok", critical other than "ok"'),
        (equals(True), "true"),
        (none(megabytes, warning=5), "0 MB, warning above 5 MB"),
        (
            Limit(Tier("<", 100), warning=Tier(">", 100, sustained=300), critical=Tier(">", 200, samples=3)),
            "below 100, warning above 100 for 5 m, critical above 200 in 3 samples in a row",
        ),
        (Limit(Tier("between", (1, 5)), ms), "between 1 ms and 5 ms"),
        (Limit(Tier("in", ("a", "b"))), 'one of "a", "b"'),
    ],
)
def test_a_limit_says_what_it_demands(limit: Limit, spoken: str) -> None:
    """The same value that judges is printed."""
    assert str(limit) == spoken


@pytest.mark.parametrize(
    ("limit", "severity"),
    [(POOL, "critical"), (above(5, warning=4), "warning"), (above(5), "objective"), (equals(True), "critical")],
)
def test_the_severity_is_the_worst_a_limit_can_say(limit: Limit, severity: str) -> None:
    """Missing data is routed with it."""
    assert limit.severity == severity


def test_hostile_text_is_spoken_harmlessly() -> None:
    """Escapes and lone surrogates from a server reach no terminal as they are."""
    spoken = equals("ok").speak("\x1b[31mred\ud800\n")

    assert spoken == '"\\x1b[31mred\\ud800\\n"'
    spoken.encode()


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: equals(True, otherwise=OK), "otherwise is ok; expected WARNING or CRITICAL"),
        (lambda: between(1, 2, otherwise=MISSED), "otherwise is missed; expected WARNING or CRITICAL"),
        (lambda: equals(3, otherwise=WARNING, critical=over(3)), "not both"),
        (lambda: between(300, 10), "give the lower edge first"),
    ],
)
def test_anything_else_is_a_warning_or_critical(declare: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        declare()
