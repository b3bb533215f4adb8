"""The picture of a trial says what the trial says: where the lines are, what is missing, what was decided."""

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from healthgate.secret import Redactor, Secret
from healthgate.tell.allure import Finding, Links, Telling
from healthgate.tell.results_folder import ResultsFolder
from healthgate.tell.trial_picture import (
    BAD,
    CANARY,
    COLOUR,
    HEIGHT,
    INK,
    LEFT,
    MOST,
    RIGHT,
    WARY,
    WIDTH,
    Course,
    Moment,
    picture,
)
from tests.tell.world import FIVE, account, verdict

SVG = "{http://www.w3.org/2000/svg}"
WORSE, ENOUGH = "that or more, proven worse, is rolled back", "proven better than that, it passes"


def moments(many: int = 60, times: float = 2.0, **changes: Any) -> list[Moment]:
    """A canary that has a ratio, of which more is known with each tick."""
    found = []
    for n in range(1, many + 1):
        wide = 1 + 4 / n
        found.append(Moment(5.0 * n, 3.0, 3.0 * times, times, times / wide, times * wide, 1.12**n))
    return [replace(one, **changes) for one in found]


def course(several: Sequence[Moment], **changes: Any) -> Course:
    told = Course(
        title="SSE creation errors per creation",
        kind="count",
        unit="errors",
        decision="rollback",
        reason="2.00 × the baseline (1.41 to 2.83): chance alone does so in one of 240 trials at most",
        proof=200.0,
        lines=[(1.25, WORSE), (1.5, ENOUGH)],
        moments=several,
    )
    return replace(told, **changes)


def drawn(several: Sequence[Moment], **changes: Any) -> ET.Element:
    return ET.fromstring(picture(course(several, **changes)))


def words(root: ET.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def strokes(root: ET.Element) -> list[ET.Element]:
    """The lines through ticks: ratio, evidence, baseline, canary."""
    return [one for one in root.iter(f"{SVG}path") if one.get("stroke-linejoin")]


def points(path: ET.Element) -> list[tuple[float, float]]:
    found = re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path.get("d") or "")
    return [(float(x), float(y)) for x, y in found]


def levels(root: ET.Element, colour: str) -> list[float]:
    """How high the dashed lines of a colour lie, those of the ratio first."""
    dashed = [one.get("d") or "" for one in root.iter(f"{SVG}path") if one.get("stroke-dasharray") == "4 4"]
    inked = [one.get("stroke") for one in root.iter(f"{SVG}path") if one.get("stroke-dasharray") == "4 4"]
    return [float(d.split()[1].partition("H")[0]) for d, ink in zip(dashed, inked, strict=True) if ink == colour]


def test_the_ratio_lies_where_its_lines_say_and_in_its_band() -> None:
    for ratio, above in ((2.0, (True, True, True)), (1.3, (True, True, False)), (1.1, (True, False, False))):
        root = drawn(moments(times=ratio))
        last = points(strokes(root)[0])[-1][1]
        lines = (levels(root, INK)[0], levels(root, WARY)[0], levels(root, BAD)[0])
        assert tuple(last < line for line in lines) == above, ratio
    [band] = [one for one in root.iter(f"{SVG}path") if one.get("fill-opacity")]
    outline = points(band)
    for number, (x, y) in enumerate(points(strokes(root)[0])):
        over, under = outline[number], outline[-1 - number]
        assert over[0] == under[0] == x
        assert over[1] < y < under[1]


def test_a_bound_that_is_not_known_lies_at_the_edge() -> None:
    root = drawn(moments(low=None, high=None))
    [band] = [one for one in root.iter(f"{SVG}path") if one.get("fill-opacity")]
    heights = {y for _, y in points(band)}
    assert max(heights) - min(heights) == HEIGHT
    assert "2 ×" in words(root)
    assert "2 × (1 or more)" in words(drawn(moments(low=1.0, high=None)))


def test_the_evidence_crosses_its_threshold_where_the_numbers_do() -> None:
    several = moments()
    root = drawn(several)
    line = levels(root, BAD)[1]
    for moment, (_, y) in zip(several, points(strokes(root)[1]), strict=True):
        if abs(moment.evidence - 200) > 5:
            assert (y < line) == (moment.evidence > 200), moment.evidence
    assert f"{several[-1].evidence:.3g}, proof from 200" in words(root)


def test_what_is_missing_is_a_gap_and_is_counted() -> None:
    several = moments(12)
    several[3:5] = [replace(one, canary=None) for one in several[3:5]]
    several[6] = replace(several[6], canary=None, baseline=None)
    root = drawn(several)
    baseline, canary = strokes(root)[2:]
    assert (canary.get("d") or "").count("M") == 3
    assert (len(points(canary)), len(points(baseline))) == (9, 11)
    assert "baseline: 33 in all, missing in 1 of 12 ticks" in words(root)
    assert "canary: 54 in all, missing in 3 of 12 ticks" in words(root)
    assert "canary: nothing in 12 ticks" in words(drawn([replace(one, canary=None) for one in several]))


def test_gauges_are_told_by_their_average() -> None:
    root = drawn(moments(), kind="gauge", unit="ms")
    assert {"ms", "baseline: 3 on average", "canary: 6 on average"} <= set(words(root))
    assert "errors a tick" in words(drawn(moments()))


@pytest.mark.parametrize("decision", ["rollback", "pass", "inconclusive", "undecided"])
def test_the_decision_is_told_by_a_word_and_by_a_colour(decision: str) -> None:
    root = drawn(moments(), decision=decision)
    [told] = [one for one in root.iter(f"{SVG}text") if one.text == decision.upper()]
    assert told.get("fill") == COLOUR.get(decision, CANARY)
    assert (root.findtext(f"{SVG}title") or "").startswith(f"{decision}: SSE creation errors per creation: 2.00 ×")


TAGS = {"svg", "title", "g", "text", "path", "rect"}
HOSTILE = '</text><script>alert("x")</script>&amp; ]]> "quoted" <b>'


def test_text_of_others_stays_text_and_within_the_picture() -> None:
    long = "Errors_that_nobody_has_ever_broken_into_words" * 4
    for name in (HOSTILE, long, ""):
        root = drawn(moments(), title=name, unit=name, reason=f"{name} {name} {name}")
        assert {one.tag.removeprefix(SVG) for one in root.iter()} <= TAGS
        assert "".join(words(root)).count("<script>") <= 5
        for line in words(root):
            assert len(line) <= 60
    for character in re.findall(r"(?:href|src|style|on\w+)=", picture(course(moments(), title=HOSTILE))):
        raise AssertionError(character)


def heights(root: ET.Element) -> list[float]:
    shifts = [float(str(one.get("transform")).split()[-1].rstrip(")")) for one in root if one.tag == f"{SVG}g"]
    return [*shifts, float(root.get("height", ""))]


def test_everything_stays_on_the_picture() -> None:
    cases = [
        moments(1),
        moments(2000),
        moments(times=1000.0),
        moments(times=0.001),
        moments(ratio=None, low=None, high=None),
        moments(evidence=0.0),
        moments(evidence=1e300),
        moments(evidence=math.inf),
        moments(ratio=math.inf, high=None),
        moments(baseline=0.0, canary=0.0),
        moments(baseline=None, canary=None, ratio=None),
        moments(canary=1e12),
    ]
    for several in cases:
        root = drawn(several)
        tops = heights(root)
        panels = [one for one in root if one.tag == f"{SVG}g"]
        for panel, (begins, ends) in zip(panels, pairwise(tops), strict=True):
            for one in panel.iter(f"{SVG}text"):
                assert 0 <= float(one.get("x", "")) <= WIDTH
                assert 0 < float(one.get("y", "")) <= ends - begins
            for path in panel.iter(f"{SVG}path"):
                for x, y in points(path):
                    assert x == 0 or LEFT <= x <= RIGHT
                    assert -4 <= y <= ends - begins
        assert len(picture(course(several))) < 40_000
        assert all(len(points(line)) <= MOST for line in strokes(root))


def test_of_many_ticks_neighbours_are_drawn_as_one_and_the_last_is_there() -> None:
    several = moments(1200)
    root = drawn(several)
    assert points(strokes(root)[0])[-1][0] == RIGHT
    assert {"baseline: 3 600 in all", "canary: 7 200 in all", "1 h"} & set(words(root))
    assert points(strokes(root)[2])[5][1] == points(strokes(root)[2])[-1][1]


def test_a_trial_without_a_tick_has_words_only() -> None:
    root = drawn([], decision="inconclusive", reason="nothing was read")
    assert {"INCONCLUSIVE", "nothing was read"} <= set(words(root))
    assert not list(root.iter(f"{SVG}path"))


def test_a_comparison_has_the_picture_of_its_trial_in_its_result_and_no_secret_in_it(tmp_path: Path) -> None:
    token = "planted-T0ken-0123456789abcdef"
    redactor = Redactor()
    redactor.learn([Secret(token)])
    folder = ResultsFolder(tmp_path / "results")
    found = verdict(id="sse.canary.errors", unit="times", value=2.0)
    telling = Telling(account([found]), folder, {}, redactor, Links())

    telling.write(Finding(found, FIVE, trial=course(moments(), title=f"Errors of {token}")))
    folder.release()

    [result] = (tmp_path / "results").glob("*-result.json")
    [attachment] = json.loads(result.read_text())["attachments"]
    assert (attachment["name"], attachment["type"]) == ("trial", "image/svg+xml")
    text = (tmp_path / "results" / attachment["source"]).read_text()
    assert "ROLLBACK" in words(ET.fromstring(text))
    assert token not in text
