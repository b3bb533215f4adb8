"""The XML of --junitxml: valid, every fact of every check once, and never in the way of the verdicts."""

import xml.etree.ElementTree as ET
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.parts.project import Project
from tests.parts.target import Target
from tests.tell.world import HOSTILE, STATES, TOKEN, Told

FACTS = [
    *("check", "environment", "state", "severity", "value", "unit", "limit", "reason", "runbook", "blocked_by"),
    "observed_at",
]
OUTCOMES = {"ok": None, "unknown": "error", "blocked": "skipped"}
"""The element a state becomes; every other is a failure."""


@cache
def schema() -> Any:
    """Return the schema that CI servers publish; reading it takes a second, which is left to whoever needs it."""
    import xmlschema

    return xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def cases(file: Path) -> dict[str, ET.Element]:
    """Return the test cases of a valid file by check id."""
    schema().validate(file)
    found = list(ET.parse(file).getroot().iter("testcase"))
    named = {case.find("properties/property[@name='check']").get("value"): case for case in found}  # type: ignore[union-attr]
    assert len(named) == len(found)
    return named


def properties(case: ET.Element) -> dict[str, str]:
    return {one.get("name", ""): one.get("value", "") for one in case.iter("property")}


def test_every_check_says_every_fact_exactly_once(run: Told) -> None:
    found = cases(run.junit)

    assert set(found) == set(STATES)
    for check_id, case in found.items():
        names = [one.get("name") for one in case.iter("property")]
        assert names == FACTS
        said, known = properties(case), run.checks[check_id]
        value = known["value"]
        assert said["state"] == STATES[check_id]
        assert said["value"] == ("" if value is None else str(value).lower() if value in (True, False) else str(value))
        for name in ("environment", "severity", "unit", "limit", "reason", "runbook"):
            assert said[name] == known[name]
        assert said["blocked_by"] == (known["blocked_by"] or "")
        assert said["observed_at"] == known["observed_at"]


def test_states_become_outcomes_as_the_contract_says(run: Told) -> None:
    for check_id, case in cases(run.junit).items():
        kinds = [one.tag for one in case if one.tag in {"failure", "error", "skipped"}]
        expected = OUTCOMES.get(STATES[check_id], "failure")
        assert kinds == ([expected] if expected else []), check_id


def test_the_numbers_of_the_suite_add_up(run: Told) -> None:
    suite = next(ET.parse(run.junit).getroot().iter("testsuite"))
    kinds = Counter(OUTCOMES.get(state, "failure") for state in STATES.values())

    assert int(suite.get("tests", "")) == len(STATES)
    assert int(suite.get("failures", "")) == kinds["failure"]
    assert int(suite.get("errors", "")) == kinds["error"]
    assert int(suite.get("skipped", "")) == kinds["skipped"]


def test_a_hostile_value_is_text_and_no_secret_is_in_the_file(run: Told) -> None:
    said = properties(cases(run.junit)["kiln.door[right]"])["value"]

    assert said.startswith(HOSTILE[:3])
    assert "\n" not in said
    assert "<script>" in said
    assert TOKEN not in run.junit.read_text()


def test_the_schema_refuses_what_is_no_report() -> None:
    """So that it means something to satisfy it."""
    suite = "<testsuite name='x' tests='1' errors='0' failures='0'>{}</testsuite>"
    once = "<property name='x' value='1'/>"
    assert schema().is_valid(suite.format(f"<testcase name='x'><properties>{once}</properties></testcase>"))
    for wrong in (
        "<testsuite/>",
        suite.format("<testcase time='0'/>"),
        suite.format("<testcase name='x'><properties><property name='x'/></properties></testcase>"),
        suite.format(f"<testcase name='x'><properties>{once}{once}</properties></testcase>"),
    ):
        assert not schema().is_valid(wrong)


@pytest.mark.parametrize("arguments", [("-x", "-o", "junit_family=xunit1"), ("--maxfail=1", "-n", "2")], ids=" ".join)
def test_a_run_that_stops_early_still_says_each_fact_once(
    project: Project, target: Target, arguments: tuple[str, ...]
) -> None:
    target.answers["/state"] = {"pressure": 95, "purity": 99}

    outcome = project.check("--junitxml=junit.xml", *arguments)

    assert outcome.code == 1
    for case in ET.parse(project.root / "junit.xml").getroot().iter("testcase"):
        names = [one.get("name") for one in case.iter("property")]
        assert names in (FACTS, []), ET.tostring(case)


def test_without_the_option_nothing_of_it_is_loaded(project: Project) -> None:
    """Nor of any other output: start-up time is what a run is made of."""
    project.write(
        "conftest.py",
        "import sys\n\ndef pytest_unconfigure():\n"
        "    names = [n for n in sys.modules if n.startswith('healthgate.tell.')]\n"
        "    print('loaded', *sorted(n.rpartition('.')[2] for n in names))\n",
    )

    outcome = project.check("-s")

    assert "loaded results terminal\n" in outcome.out
