"""What comes of a trial reaches everybody: its pictures, Allure, Alertmanager, and a canary that was rolled back."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from healthgate.canary.record import read
from healthgate.tell.trial_course import courses
from tests.alerting.test_delivery import TAKEN, answering
from tests.parts.instances import Instance, forge, two
from tests.parts.project import Project
from tests.parts.target import Hostile
from tests.run.test_trial import DECLARED, trial, verdict

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def pair() -> Iterator[tuple[Instance, Instance]]:
    with two() as both:
        yield both


@pytest.fixture
def tried(bare_project: Project, pair: tuple[Instance, Instance]) -> Project:
    return forge(bare_project, *pair)


def words(picture: Path) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(picture.read_text()).iter(f"{SVG}text")]


def test_every_comparison_of_a_trial_has_its_picture_beside_the_others_and_in_allure(
    tried: Project, pair: tuple[Instance, Instance]
) -> None:
    pair[1].errors = 0.4
    outputs = ("--alluredir", "results", "--junitxml", "junit.xml", "--metrics", "health.prom", "--record", "t.jsonl")
    run = trial(tried, "--pictures", "drawn", *outputs)
    assert run.code == 1, run.text
    assert "Traceback" not in run.text

    found = {one["id"]: one["decision"] for one in verdict(tried)["comparisons"]}
    files = {file.name.removesuffix(".svg"): file for file in (tried.root / "drawn").iterdir()}
    assert {"forge.rollout.errors", "forge.rollout.heat"} <= set(files)
    assert len(files) == len(found)
    assert "ROLLBACK" in words(files["forge.rollout.errors"])

    shown = {}
    for file in (tried.root / "results").glob("*-result.json"):
        result = json.loads(file.read_text())
        if result["fullName"] in found:
            [picture] = [one for one in result["attachments"] if one["type"] == "image/svg+xml"]
            shown[result["fullName"]] = words(tried.root / "results" / picture["source"])
    assert {name: found[name].upper() in told for name, told in shown.items()} == dict.fromkeys(found, True)

    kept = tried.run("--replay", "t.jsonl", "--pictures", "again")
    assert kept.code == 1, kept.text
    assert words(tried.root / "again/forge.rollout.errors.svg") == words(files["forge.rollout.errors"])


def test_a_picture_is_of_what_the_verdict_says(tried: Project, pair: tuple[Instance, Instance]) -> None:
    """Judged again tick by tick, every comparison comes to what it came to."""
    pair[1].errors = 0.4
    trial(tried, *DECLARED, "--record", "t.jsonl")
    header, ticks = read((tried.root / "t.jsonl").read_text().splitlines(), "t.jsonl")
    drawn = courses(header, ticks)
    for told in verdict(tried)["comparisons"]:
        course = drawn[told["id"]]
        last = course.moments[-1]
        assert (course.decision, course.reason, len(course.moments)) == (
            *(told["decision"], told["reason"]),
            told["ticks"],
        )
        rounded = [None if one is None else round(one, 6) for one in (last.ratio, last.low, last.high)]
        assert [*rounded, round(last.evidence, 6)] == [told[name] for name in ("ratio", "low", "high", "evidence")]


def test_a_picture_that_cannot_be_written_costs_no_verdict(tried: Project) -> None:
    (tried.root / "drawn").write_text("a file")
    run = trial(tried, *DECLARED, "--pictures", "drawn")
    assert run.code == 13, run.text
    assert "not written: " in run.text
    assert verdict(tried)["decision"] == "pass"


def test_pictures_are_of_a_trial(tried: Project) -> None:
    run = tried.run("checks", "--baseline", "production", "--canary", "staging", "--pictures", "drawn")
    assert run.code == 4
    assert "--pictures" in run.text
    assert "--for 10m" in run.text


def test_a_trial_that_proves_a_canary_worse_asks_for_its_rollback(
    tried: Project, pair: tuple[Instance, Instance]
) -> None:
    pair[1].errors = 0.4
    behave, seen = answering(TAKEN)
    with Hostile(behave) as server:
        assert trial(tried, *DECLARED, "--alertmanager", server.url).code == 1
    told = {one["labels"]["alertname"]: one for post in seen for one in json.loads(post.partition(b"\r\n\r\n")[2])}
    alert = told["healthgate.canary"]
    assert (alert["labels"]["action"], alert["labels"]["environment"]) == ("rollback", "staging")
    assert "forge.rollout.errors: " in alert["annotations"]["summary"]


def test_a_canary_that_was_rolled_back_is_not_tried(tried: Project, pair: tuple[Instance, Instance]) -> None:
    checks = tried.root / "checks/forge/test_forge.py"
    checks.write_text(
        checks.read_text()
        + """

from healthgate import Measured, measure


@measure(STATE)
def trial(answer):
    return Measured(True, "rolled back", rolled_back="the controller says rolled_back")


@check("forge.trial", trial, stays=equals(True), name="the trial of the forge", **TOLD)
def test_rolled_back(verdict):
    assert verdict.healthy, verdict
"""
    )
    run = trial(tried)
    assert run.code == 1, run.text
    assert "rolled back: the controller says rolled_back in " in run.text
    assert pair[1].looks <= 2
    found = verdict(tried)
    assert (found["decision"], found["exit"], found["comparisons"]) == ("rolled_back", 1, [])
    assert found["reason"].startswith("rolled back: the controller says rolled_back in ")
    assert "comparisons: it was not tried: it was rolled back, the controller says rolled_back" in run.text
    assert run.results["run"]["canary"]["decision"] == "rolled_back"
