"""results.json says what was found, for machines, in a form that is documented."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.parts.project import Outcome, Project
from tests.parts.target import Target

SCHEMA = json.loads(files("healthgate").joinpath("tell/results.schema.json").read_text())


def validated(outcome: Outcome) -> dict[str, Any]:
    """Return the results after holding them against their schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(outcome.results)
    json.dumps(outcome.results, allow_nan=False)
    return outcome.results


@pytest.fixture
def mixed(project: Project, target: Target) -> Project:
    """Every state that a single run can show."""
    project.add_kiln()
    project.write(
        "checks/boiler/test_more.py",
        """\
        from checks.boiler import FUEL
        from healthgate import check, equals

        TOLD = dict(cause="c", action="a", runbook="r", name="more")

        @check("boiler.gauge", FUEL["missing"], stays=equals(True), **TOLD)
        def test_gauge(verdict):
            '''Missing.'''
            assert verdict.healthy, verdict

        @check("boiler.after_gauge", FUEL.at("tank.level"), stays=equals(70), requires=["boiler.gauge"], **TOLD)
        def test_after_gauge(verdict):
            '''Blocked.'''
            assert verdict.healthy, verdict
        """,
    )
    target.answers["/state"] = {"pressure": 85, "purity": 95}
    target.answers["/heat"] = {"degrees": 600, "doors": {"left": "shut", "right": "\x1b[31m\ud800" + "x" * 500}}
    override = {"boiler.fuel": {"objective": 60, "because": "a small tank"}}
    project.environment(
        "works", boiler={"url": target.url}, kiln={"url": target.url}, thresholds=override, labels={"team": "heat"}
    )
    return project


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_results_keep_to_their_schema_whatever_was_found(mixed: Project, arguments: tuple[str, ...]) -> None:
    """Every state, with its reason; values of passes too; the numbers of the run add up."""
    outcome = mixed.check(*arguments)
    found = validated(outcome)
    by_id = {check["id"]: check for check in found["checks"]}

    assert outcome.code == found["run"]["exit_code"] == 1
    assert outcome.states == {
        "boiler.reachable": "ok",
        "boiler.pressure": "warning",
        "boiler.purity": "missed",
        "boiler.fuel": "ok",
        "boiler.gauge": "unknown",
        "boiler.after_gauge": "blocked",
        "kiln.heat": "critical",
        "kiln.door[left]": "ok",
        "kiln.door[right]": "critical",
    }
    assert by_id["boiler.fuel"]["value"] == 70
    assert by_id["boiler.fuel"]["unit"] == "%"
    assert by_id["boiler.fuel"]["limit"].startswith("above 60 %")
    assert "a small tank" in by_id["boiler.fuel"]["override"]
    assert by_id["boiler.gauge"]["value"] is None
    assert by_id["boiler.after_gauge"]["blocked_by"] == "boiler.gauge"
    assert by_id["kiln.door[left]"]["value"] == "shut"
    assert by_id["kiln.door[right]"]["value"].startswith("\\x1b[31m\\ud800xxx")
    assert by_id["boiler.reachable"]["value"] is True
    assert all(check["reason"] and check["probe"] and check["observed_at"] for check in found["checks"])
    ran = found["run"]
    assert ran["selected"] == ran["executed"] == len(found["checks"]) == 9
    assert ran["requests"] == len(found["probes"]) == 3
    assert {probe["status"] for probe in found["probes"]} == {"answered"}


def test_results_are_written_where_they_are_asked_for(project: Project) -> None:
    """Folders are made; the default file is not touched."""
    outcome = project.check("--results", "deep/down/found.json")

    assert outcome.code == 0
    assert json.loads((project.root / "deep/down/found.json").read_text())["run"]["exit_code"] == 0
    assert not outcome.results_file.exists()


def test_results_are_replaced_whole(project: Project) -> None:
    """Nothing of an earlier run remains, and no half-written file either."""
    (project.root / "reports").mkdir()
    (project.root / "reports/results.json").write_text("x" * 1_000_000)

    outcome = project.check()

    validated(outcome)
    assert [path.name for path in (project.root / "reports").iterdir()] == ["results.json"]


def test_a_file_that_cannot_be_written_is_named_and_the_verdicts_stand(project: Project) -> None:
    """Exit 13, in plain words, with the table on the terminal."""
    for option in ("--results", "--snapshot-out"):
        outcome = project.check(option, "/dev/null/file.json")
        assert outcome.code == 13, outcome.text
        assert "not written: /dev/null" in outcome.out
        assert "4 ok" in outcome.out
        assert "Traceback" not in outcome.text


def test_what_is_no_file_is_written_to_and_never_replaced(project: Project, tmp_path: Path) -> None:
    """A run as root must not put a file in the place of a device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        outcome = project.check("--results", str(pipe))
        found = json.loads(read.result(30))

    assert (outcome.code, len(found["checks"])) == (0, 4), outcome.text
    assert pipe.is_fifo()


def test_two_runs_have_two_ids(project: Project) -> None:
    """And the same verdicts."""
    first, second = project.check().results, project.check().results

    assert first["run"]["id"] != second["run"]["id"]
    assert [check["state"] for check in first["checks"]] == [check["state"] for check in second["checks"]]


def test_no_folder_is_left_behind(project: Project, tmp_path: Path) -> None:
    """What the processes of a run share is removed, also after a wrong profile."""
    places = tmp_path / "places"
    places.mkdir()
    project.write("environments/broken.yaml", "boiler: 5\n")
    for arguments in ((), ("-n", "2"), ("--collect-only",), ("--env", "broken")):
        project.check(*arguments, TMPDIR=str(places))
        assert list(places.glob("healthgate-*")) == [], arguments
