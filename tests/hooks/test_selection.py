"""Selecting, distributing and replaying never change a verdict, and ask nothing that is not needed."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.parts.project import Outcome, Project
from tests.parts.target import Target

ALL = {"/state": 1, "/fuel": 1, "/heat": 1}


@pytest.fixture
def works(project: Project, target: Target) -> Project:
    """Two systems on one target; the kiln's checks rest on the boiler's."""
    project.add_kiln()
    project.environment("works", description="the works", boiler={"url": target.url}, kiln={"url": target.url})
    return project


def verdicts(outcome: Outcome) -> list[dict[str, Any]]:
    """Return what was found without what differs from run to run."""
    changing = {"observed_at", "elapsed_ms"}
    found = [{k: v for k, v in check.items() if k not in changing} for check in outcome.results["checks"]]
    return sorted(found, key=lambda check: str(check["nodeid"]))


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("-n", "2", "--dist", "loadgroup")], ids=" ".join)
def test_every_endpoint_is_asked_exactly_once(works: Project, target: Target, arguments: tuple[str, ...]) -> None:
    """However many checks read it and however many processes judge them."""
    outcome = works.check(*arguments)

    assert outcome.code == 0
    assert target.counts() == ALL
    assert outcome.results["run"]["requests"] == 3
    assert len(outcome.results["checks"]) == 7


def test_collecting_asks_nothing_and_writes_nothing(works: Project, target: Target) -> None:
    """Nor does it need the secrets."""
    works.environment("works", boiler={"url": "${URL}", "token": "${TOKEN}"}, kiln={"url": target.url})

    outcome = works.check("--collect-only", "-q")

    assert outcome.code == 0, outcome.text
    assert "8 tests collected" in outcome.out
    assert not target.counts()
    assert not outcome.results_file.exists()


def test_selecting_one_system_asks_only_for_it_and_what_it_rests_on(works: Project, target: Target) -> None:
    """By -k, -m, --system or a path; with and without workers; the verdicts are those of the whole run."""
    whole = {check["nodeid"]: check for check in verdicts(works.check())}
    ways = [
        ("-k", "kiln"),
        ("-m", "health(system='kiln')"),
        ("--system", "kiln"),
        ("-k", "kiln", "-n", "2"),
    ]
    for way in ways:
        target.asked.clear()
        outcome = works.check(*way)
        assert outcome.code == 0, outcome.text
        assert target.counts() == {"/heat": 1, "/state": 1}, way
        assert {check["system"] for check in outcome.results["checks"]} == {"kiln"}
        assert len(outcome.results["checks"]) == 3
        assert verdicts(outcome) == [whole[check["nodeid"]] for check in verdicts(outcome)]


def test_selecting_one_system_that_rests_on_nothing_asks_nobody_else(works: Project, target: Target) -> None:
    """The kiln's server is left alone."""
    outcome = works.check("-k", "boiler")

    assert outcome.code == 0
    assert target.counts() == {"/state": 1, "/fuel": 1}


def test_exact_node_ids_select_single_checks(works: Project, target: Target) -> None:
    """In pieces or together, the same verdicts as in the whole run."""
    whole = {check["nodeid"]: check for check in verdicts(works.check())}
    chosen = [
        "checks/boiler/test_boiler.py::test_state[works-pressure]",
        "checks/kiln/test_kiln.py::test_doors[works-door-left]",
    ]
    target.asked.clear()

    outcome = works.run(*chosen, "--env", "works")

    assert [check["nodeid"] for check in outcome.results["checks"]] == chosen
    assert verdicts(outcome) == [whole[name] for name in chosen]
    assert target.counts() == {"/state": 1, "/heat": 1}


def test_a_single_file_is_blocked_by_a_check_of_another_file(works: Project, target: Target) -> None:
    """The required check is judged although it was not selected, and named as the root; alone and with workers."""
    target.answers["/state"] = None
    for arguments in ((), ("-n", "2")):
        outcome = works.run("checks/kiln/test_kiln.py", "--env", "works", *arguments)

        assert outcome.code == 11, outcome.text
        assert set(outcome.states.values()) == {"blocked"}
        assert {check["blocked_by"] for check in outcome.results["checks"]} == {"boiler.reachable"}
        assert "works: 3 blocked by boiler.reachable, which is unknown" in outcome.out


def test_selecting_by_severity_and_cadence(works: Project) -> None:
    """--severity takes what can be that bad, --cadence what is meant to run that often."""
    assert set(works.check("--severity", "warning").states) == {"boiler.fuel"}
    assert set(works.check("--cadence", "30s").states) == {"boiler.pressure"}


def test_what_an_environment_leaves_out_is_deselected_and_said(project: Project, target: Target) -> None:
    """An absent system, and a setting that is not given."""
    project.add_kiln()
    project.environment("works", boiler={"url": target.url}, kiln="absent")

    outcome = project.check()

    assert outcome.code == 0
    assert "not in works: boiler.token (1 checks)" in outcome.out
    assert "not in works: kiln (3 checks)" in outcome.out
    assert len(outcome.results["checks"]) == 4
    assert "deselected" in outcome.out


def test_a_kept_snapshot_is_judged_again_without_a_network(works: Project, target: Target, tmp_path: Path) -> None:
    """Nothing is asked, no secret is needed, and the verdicts are the same, alone and with workers."""
    target.answers["/state"] = {"pressure": 85, "purity": 94, "\ud800": "\x1b[31m"}
    target.answers["/fuel"] = {"tank": {"level": None}}
    works.environment("works", boiler={"url": target.url, "token": "${TOKEN}"}, kiln={"url": target.url})
    seen = works.check("--snapshot-out", "kept/seen.json", TOKEN="planted-token-0123456789")
    assert seen.code == 11
    target.asked.clear()

    for arguments in ((), ("-n", "2"), ("-k", "kiln or boiler")):
        again = works.check("--snapshot-in", "kept/seen.json", *arguments)
        assert again.code == seen.code, again.text
        assert verdicts(again) == verdicts(seen)
        assert again.results["run"]["requests"] == 0
        assert "judged from a snapshot; nothing was asked" in again.out
    assert not target.counts()
    assert "planted" not in (tmp_path / "kept/seen.json").read_text()


def test_what_a_snapshot_does_not_hold_is_unknown(works: Project, target: Target) -> None:
    """Kept from a narrower run: nothing is asked to fill the gap, nothing is green."""
    assert works.check("-k", "kiln", "--snapshot-out", "seen.json").code == 0
    target.asked.clear()

    outcome = works.check("--snapshot-in", "seen.json")

    assert outcome.code == 11
    assert outcome.states["boiler.fuel"] == "unknown"
    assert outcome.states["kiln.heat"] == "ok"
    assert "was not asked" in outcome.out
    assert not target.counts()


def test_a_profile_s_thresholds_hold_for_a_replayed_snapshot(works: Project, target: Target) -> None:
    """A limit can be tried against what was seen."""
    assert works.check("--snapshot-out", "seen.json").code == 0
    override = {"kiln.heat": {"objective": 960, "warning": 955, "because": "a trial"}}
    works.environment("works", boiler={"url": target.url}, kiln={"url": target.url}, thresholds=override)

    outcome = works.check("--snapshot-in", "seen.json")

    assert outcome.states["kiln.heat"] == "warning"
    assert "a trial" in outcome.out


def test_ten_environments_are_judged_in_one_run(works: Project, target: Target) -> None:
    """Each endpoint once an environment; every verdict names its own."""
    names = [f"works{i}" for i in range(10)]
    for name in names:
        works.environment(name, boiler={"url": target.url}, kiln={"url": target.url})

    outcome = works.run("checks", *(word for name in names for word in ("--env", name)))

    assert outcome.code == 0, outcome.text
    assert target.counts() == dict.fromkeys(ALL, 10)
    assert Counter(check["environment"] for check in outcome.results["checks"]) == dict.fromkeys(names, 7)
    assert len({check["nodeid"] for check in outcome.results["checks"]}) == 70
    assert outcome.results["run"]["environments"] == names


def test_environments_do_not_see_each_other(works: Project, target: Target) -> None:
    """One is ill, the other well, in one run."""
    target.answers["/ill/state"] = {"pressure": 99, "purity": 99}
    target.answers["/ill/fuel"] = target.answers["/fuel"]
    works.environment("depot", boiler={"url": f"{target.url}/ill"}, kiln="absent")

    outcome = works.check("--env", "depot", "--fail-on", "critical")

    assert outcome.code == 1
    assert outcome.states["works:boiler.pressure"] == "ok"
    assert outcome.states["depot:boiler.pressure"] == "critical"


@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "no:cacheprovider"),
        ("-p", "no:xdist"),
        ("-p", "no:terminal"),
        ("-p", "no:junitxml", "-p", "no:logging", "-p", "no:capture"),
        ("-p", "no:randomly", "-q", "-q"),
        ("-vv", "--tb=long", "-rA", "--full-trace", "--showlocals"),
        ("--durations=3", "--junitxml=j.xml"),
        ("-s",),
        ("--import-mode=prepend",),
        ("--import-mode=append",),
        ("--lf", "--ff"),
        ("-W", "error"),
    ],
    ids=" ".join,
)
def test_pytest_s_own_options_change_nothing(works: Project, target: Target, arguments: tuple[str, ...]) -> None:
    """Neither the verdicts nor the exit code, nor what is asked."""
    target.answers["/state"] = {"pressure": 85, "purity": 99}

    outcome = works.check(*arguments)

    assert outcome.code == 10, outcome.text
    assert outcome.states["boiler.pressure"] == "warning"
    assert len(outcome.states) == 7
    assert target.counts() == ALL
    assert "Traceback" not in outcome.text


def test_every_installed_plugin_may_be_loaded(works: Project) -> None:
    """As a plain `pytest checks --env works` has it."""
    outcome = works.check(PYTEST_DISABLE_PLUGIN_AUTOLOAD="", PYTEST_ADDOPTS="-p no:anyio")

    assert outcome.code == 0, outcome.text
    assert set(outcome.states.values()) == {"ok"}


def test_a_run_can_be_started_from_another_folder(works: Project, target: Target) -> None:
    """Profiles by name, results where the run was started."""
    (works.root / "elsewhere").mkdir()

    outcome = works.run("../checks", "--env", "works", "--rootdir", "..", "-c", "../pytest.ini", within="elsewhere")

    assert outcome.code == 0, outcome.text
    assert target.counts() == ALL
    assert len(outcome.results["checks"]) == 7


def test_an_environment_can_be_a_path(works: Project, target: Target) -> None:
    """Relative to where the run was started; its name is the file's."""
    works.write("private/mine.yaml", json.dumps({"boiler": {"url": target.url}, "kiln": "absent"}))

    outcome = works.check(env="private/mine.yaml")

    assert outcome.code == 0, outcome.text
    assert outcome.results["run"]["environments"] == ["mine"]


def test_a_profile_in_the_folder_of_another_project_is_a_profile_and_nothing_more(
    works: Project, target: Target, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Pytest takes any word that is a path for a hint to the project; the value of an option is none."""
    other = tmp_path_factory.mktemp("other")
    (other / "pytest.ini").write_text("[pytest]\n")
    (other / "mine.yaml").write_text(json.dumps({"boiler": {"url": target.url}, "kiln": "absent"}))
    command = [sys.executable, "-m", "healthgate", "run", "--env", str(other / "mine.yaml")]

    done = subprocess.run(command, cwd=works.root, env=works.variables({}), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_random_order_changes_no_verdict(works: Project, target: Target) -> None:
    """Dependants before their roots."""
    target.answers["/state"] = None
    forth = works.check()
    works.write("conftest.py", "def pytest_collection_modifyitems(items):\n    items.reverse()\n")
    back = works.check()

    assert (forth.code, back.code) == (11, 11)
    assert verdicts(forth) == verdicts(back)
    assert forth.states["boiler.fuel"] == "blocked"


def test_checks_without_an_environment_name_those_there_are(works: Project, target: Target) -> None:
    """Exit 4, alone and with workers; nothing is asked."""
    for arguments in ((), ("-n", "2")):
        outcome = works.run("checks", *arguments)
        assert outcome.code == 4, outcome.text
        assert "health checks need an environment: give --env NAME; there are: works" in outcome.text
    assert not target.counts()


def test_tests_that_are_no_checks_need_no_environment(works: Project) -> None:
    """The plugin leaves ordinary runs alone."""
    works.write("tests/test_plain.py", "def test_plain():\n    assert True\n")

    outcome = works.run("tests")

    assert outcome.code == 0
    assert "health" not in outcome.out.replace("healthgate", "")
    assert not outcome.results_file.exists()
