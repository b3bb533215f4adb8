"""A picture agrees with the limit it is of, whatever the limit, the value and the looks."""

import random
import xml.etree.ElementTree as ET

import pytest

from healthgate.claim.limit import (
    Limit,
    Tier,
    Unit,
    above,
    at_most,
    below,
    equals,
    exactly,
    in_time,
    ms,
    none,
    percent,
    reaching,
)
from healthgate.claim.state import State
from healthgate.judge.past import Look
from healthgate.tell.pictures import BAR, COLOUR, MARGIN, STRIP, WIDTH, has_scale, picture

POOL = below(80, percent, warning=80, critical=90, expected=40)
VALVES = Unit("valves")
PHRASE = Unit("restarts an hour and process, as systemd counts them")
SCALES = [
    POOL,
    above(95, percent, warning=95, critical=90),
    below(50, ms, expected=10, warning=100),
    below(30_000, ms, critical=reaching(30_000)),
    none(VALVES, warning=5, critical=20),
    above(0, VALVES, critical=exactly(0)),
    at_most(3, PHRASE, warning=5),
    Limit(Tier("between", (-1.5, 2.5)), critical=Tier("outside", (-3, 4))),
    Limit(Tier("<", 50), percent, warning=Tier(">", 60, sustained=300), critical=Tier(">", 80, samples=3)),
    below(99.99, percent, warning=99.991, critical=99.995),
]
ONE_OF = Limit(Tier("in", ("a", "b")), critical=Tier("not in", ("a", "b")))
NO_SCALES = [equals(True), equals("shut"), equals(401), ONE_OF]
SVG = "{http://www.w3.org/2000/svg}"
NOW = 1_795_351_800.0


def drawn(limit: Limit, value: object, looks: list[Look] | None = None, state: State | None = None) -> ET.Element:
    text = picture(limit, value, state or limit.judge(value), looks or [])
    assert text is not None
    return ET.fromstring(text)


def boxes(root: ET.Element, height: int) -> list[tuple[float, float, str]]:
    """Return where the boxes of a height begin, how wide they are, and their colours."""
    return [
        (float(one.get("x", "")), float(one.get("width", "")), one.get("fill", ""))
        for one in root.iter(f"{SVG}rect")
        if float(one.get("height", "")) == height
    ]


def words(root: ET.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("limit", SCALES, ids=str)
def test_the_arrow_stands_on_the_colour_of_its_verdict(limit: Limit) -> None:
    """For many values: what the eye reads from the scale is what the judge says."""
    lines = [v for t in limit.tiers().values() for v in (t.value if isinstance(t.value, tuple) else (t.value,))]
    low, high = min(lines), max(lines)
    span = (high - low) or abs(high) or 1
    rng = random.Random(7)
    for _ in range(60):
        value = rng.uniform(low - span / 3, high + span / 3)
        if limit.malformed(value) is not None or any(abs(value - line) < span / 50 for line in lines):
            continue  # below what can be; or so near a line that a pixel decides
        settled = limit.judge(value, in_time)
        root = drawn(limit, value, state=settled)
        [arrow] = [one for one in root.iter(f"{SVG}path") if one.get("fill", "none") != "none"]
        x = float((arrow.get("d") or "").split()[0].removeprefix("M"))
        under = [colour for left, width, colour in boxes(root, BAR) if left <= x <= left + width + 1]
        assert under == [COLOUR[settled]], value
        assert arrow.get("fill") == COLOUR[settled]


@pytest.mark.parametrize("limit", SCALES, ids=str)
@pytest.mark.parametrize("value", [None, 1e12, 0])
def test_everything_stays_on_the_picture_and_the_bar_is_whole(limit: Limit, value: object) -> None:
    root = drawn(limit, value)
    zones = sorted(boxes(root, BAR))

    assert zones[0][0] == MARGIN
    assert abs(sum(width + 1 for _, width, _ in zones) - (WIDTH - 2 * MARGIN)) < 1
    for one in root.iter(f"{SVG}text"):
        assert 0 <= float(one.get("x", "")) <= WIDTH
    told = "".join(words(root))
    assert ("no value" in told) == (value is None)
    for tier in limit.tiers().values():
        assert limit.say(tier) in told


def test_a_state_of_one_number_alone_is_a_mark_on_the_bar() -> None:
    healthy = none(VALVES, warning=5)

    assert COLOUR[State.OK] not in {colour for _, _, colour in boxes(drawn(healthy, 3), BAR)}
    assert [colour for _, _, colour in boxes(drawn(healthy, 3), BAR + 4)] == [COLOUR[State.OK]]


@pytest.mark.parametrize("limit", NO_SCALES, ids=str)
def test_where_numbers_have_no_order_there_is_no_scale(limit: Limit) -> None:
    assert not has_scale(limit)
    assert picture(limit, 401, State.OK, []) is None
    assert not boxes(drawn(limit, 401, [Look(NOW, State.OK, 401)]), BAR)


def looks(*told: tuple[State, float | None], every: float = 300.0) -> list[Look]:
    return [Look(NOW + number * every, state, value) for number, (state, value) in enumerate(told)]


def test_every_look_has_its_state_in_the_strip_and_unknown_values_leave_a_gap() -> None:
    values = [50, 60, None, None, 85, 95.0]
    history = looks(*((State.UNKNOWN if v is None else POOL.judge(v), v) for v in values))

    root = drawn(POOL, 95.0, history)

    assert [colour for _, _, colour in boxes(root, STRIP)] == [COLOUR[look.state] for look in history]
    [curve] = [one.get("d") or "" for one in root.iter(f"{SVG}path") if one.get("stroke-linejoin")]
    assert (curve.count("M"), curve.count("L")) == (2, 2)
    assert len(list(root.iter(f"{SVG}circle"))) == 4 + 1
    assert {"1 critical", "2 unknown", "1 warning", "2 ok", "95 %"} <= set(words(root))
    assert {"2026-11-22 12:50:00 UTC", "2026-11-22 13:15:00 UTC"} <= set(words(root))


def test_the_curve_goes_up_where_values_do_and_crosses_the_lines_where_they_do() -> None:
    values = [70, 75, 82, 88, 93]
    root = drawn(POOL, 93, looks(*((POOL.judge(v), v) for v in values)))

    heights = [float(one.get("cy", "")) for one in root.iter(f"{SVG}circle")][: len(values)]
    assert heights == sorted(heights, reverse=True)
    lines = {
        one.get("stroke"): float((one.get("d") or "").split()[1].partition("H")[0])
        for one in root.iter(f"{SVG}path")
        if one.get("stroke-dasharray") == "4 4"
    }
    assert heights[1] > lines[COLOUR[State.WARNING]] > heights[2]
    assert heights[3] > lines[COLOUR[State.CRITICAL]] > heights[4]


@pytest.mark.parametrize("value", [12.5, None, 0])
def test_one_look_is_one_point(value: float | None) -> None:
    root = drawn(POOL, value, looks((POOL.judge(value), value)))

    assert len(boxes(root, STRIP)) == 1
    assert "seen once, at 2026-11-22 12:50:00 UTC" in words(root)
    assert len({one.get("cx") for one in root.iter(f"{SVG}circle")}) == (0 if value is None else 1)


def test_a_check_that_is_true_or_false_has_the_strip_alone() -> None:
    root = drawn(equals(True), False, looks((State.OK, 1.0), (State.OK, 1.0), (State.CRITICAL, 0.0)))

    assert len(boxes(root, STRIP)) == 3
    assert not list(root.iter(f"{SVG}circle"))


def test_a_long_pause_is_cut_and_says_how_long_it_was() -> None:
    history = [*looks(*[(State.OK, 50.0)] * 10), Look(NOW + 9 * 300 + 3 * 86400, State.OK, 50.0)]
    root = drawn(POOL, 50.0, history)

    strips = boxes(root, STRIP)
    assert "3 d" in words(root)
    gap = strips[-1][0] - (strips[-2][0] + strips[-2][1])
    assert 3 * strips[0][1] < gap < 6 * strips[0][1]
    [curve] = [one.get("d") or "" for one in root.iter(f"{SVG}path") if one.get("stroke-linejoin")]
    assert curve.count("M") == 2, "nobody knows what was in between"


def test_looks_at_the_same_moment_and_values_without_measure_are_no_trouble() -> None:
    odd = [Look(NOW, State.OK, 1e308), Look(NOW, State.OK, -1e308), Look(NOW, State.UNKNOWN, float("nan"))]
    root = drawn(Limit(Tier("<", 5)), 1e308, odd)

    assert len(boxes(root, STRIP)) == 3
    assert "nan" not in "".join(one.get("d") or "" for one in root.iter(f"{SVG}path"))


def test_what_people_wrote_is_text_in_a_picture() -> None:
    root = drawn(below(5, Unit("<b>&")), 3)

    assert "3 <b>&ok" in words(root)
    assert [one.tag for one in root.iter(f"{SVG}b")] == []
