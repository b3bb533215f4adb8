"""The folder belongs to one run, and where it cannot be written the verdicts stand: one line, exit 13."""

import fcntl
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.allure.world import Left
from tests.parts.project import Outcome, Project
from tests.parts.target import Target

ALLURE = "--alluredir=left"
EARLIER = "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"

ORDINARY = '''\
"""Tests that are no checks."""

import shutil

import pytest


@pytest.mark.parametrize("number", range(3))
def test_ordinary(number):
    """Is no check; the second one removes the folder."""
    if number == 1:
        shutil.rmtree("left")
'''


def not_written(outcome: Outcome) -> list[str]:
    """Return the lines that say what was not written."""
    assert "Traceback" not in outcome.text
    assert "INTERNALERROR" not in outcome.text
    return [line for line in outcome.out.splitlines() if line.startswith("not written: ")]


def test_what_an_earlier_run_left_is_gone_and_what_it_did_not_leave_stays(project: Project) -> None:
    mine = ["mine-result.json", "categories.json", f"{EARLIER}-result.json.bak"]
    for name in (*mine, f"{EARLIER}-result.json", f"{EARLIER}-container.json", f"{EARLIER}-attachment.txt"):
        project.write(f"left/{name}", "{}")
    first = project.check(ALLURE)
    names = {path.name for path in (project.root / "left").iterdir()}

    second = project.check(ALLURE, "-k", "fuel")

    left = project.root / "left"
    assert first.code == second.code == 0
    assert f"allure: {left} held 1 results of an earlier run, which are gone now" in first.out
    assert f"allure: {left} held 4 results of an earlier run, which are gone now" in second.out
    assert {name for name in names if name.startswith(EARLIER)} == {mine[2]}
    (left / mine[0]).unlink()
    assert Left(left).statuses == {"works boiler.fuel": "passed"}
    assert {*mine[1:]} < {path.name for path in left.iterdir()}
    assert len(list(left.glob("*-attachment.*"))) == len(Left(left).results["works boiler.fuel"]["attachments"])


@pytest.mark.parametrize("arguments", [("--collect-only",), ("-k", "nothing")], ids=" ".join)
def test_a_run_that_does_not_begin_leaves_the_folder_as_it_was(project: Project, arguments: tuple[str, ...]) -> None:
    project.write(f"left/{EARLIER}-result.json", "{}")

    project.check(ALLURE, "--clean-alluredir", *arguments)

    assert [path.name for path in (project.root / "left").iterdir()] == [f"{EARLIER}-result.json"]


def test_a_second_run_does_not_write_among_the_results_of_the_first(project: Project) -> None:
    left = project.root / "left"
    left.mkdir()
    held = os.open(left, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        outcome = project.check(ALLURE)
    finally:
        os.close(held)

    assert outcome.code == 13, outcome.text
    assert not_written(outcome) == [f"not written: {left}: another run is writing there; the verdicts above stand"]
    assert list(left.iterdir()) == []
    assert "4 ok · 4 selected, 4 executed" in outcome.out


def test_a_place_where_no_folder_can_be_is_named_and_the_verdicts_stand(project: Project) -> None:
    project.write("file", "")

    outcome = project.check("--alluredir=file/left", "-n", "2")

    assert outcome.code == outcome.results["run"]["exit_code"] == 13, outcome.text
    assert len(not_written(outcome)) == 1
    assert "/file/left: Not a directory; the verdicts above stand" in outcome.out
    assert outcome.results["run"]["executed"] == 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is full after a few files."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], check=False)
    if not done or done.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_costs_the_report_one_line(project: Project, target: Target, small_disk: Path) -> None:
    """What is ill is written first, and nothing by half; the check that fails decides the code."""
    target.answers["/fuel"] = {"tank": {"level": 2}}

    outcome = project.check(f"--alluredir={small_disk}")

    assert outcome.code == 10, outcome.text
    [line] = not_written(outcome)
    assert line.startswith(f"not written: {small_disk}: No space left on device (")
    assert line.endswith(" files); the verdicts above stand")
    statuses = Left(small_disk).statuses
    assert statuses["works boiler.fuel"] == "failed"
    assert len(statuses) < 4
    assert all(path.stat().st_size for path in small_disk.iterdir())


def test_files_that_may_not_be_large_cost_those_files(project: Project) -> None:
    """No file of this run may have more than a few hundred bytes: what is said of the run fits, results do not."""
    project.write(
        "checks/boiler/test_ordinary.py", '"""No check."""\n\n\ndef test_ordinary():\n    """Is no check."""\n'
    )
    done = subprocess.run(
        project.command("checks", "--env", "works", ALLURE, "--results=/dev/null", "-p", "no:cacheprovider"),
        cwd=project.root,
        env=project.variables({}),
        capture_output=True,
        check=False,
        timeout=90,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)),
    )
    said = done.stdout.decode()

    assert done.returncode == 13, said + done.stderr.decode()
    lines = [line for line in said.splitlines() if line.startswith("not written: ")]
    left = project.root / "left"
    assert lines[0] == f"not written: {left}: File too large; the verdicts above stand"
    assert lines[1].startswith(f"not written: {left}: File too large (")
    assert len(lines) == 2
    assert "INTERNALERROR" not in said
    assert list(left.glob("*-result.json")) == []
    assert (left / "healthgate-run.json").exists()


def test_a_folder_that_is_removed_meanwhile_costs_no_check_its_result(project: Project) -> None:
    """Checks are told at the end, into a new folder; what of ordinary tests could not be written is said."""
    project.write("checks/boiler/test_ordinary.py", ORDINARY)

    outcome = project.check(ALLURE, "-n", "2", "--dist=loadfile")

    assert outcome.code == 13, outcome.text
    assert not_written(outcome) == [
        f"not written: {project.root / 'left'}: No such file or directory; the verdicts above stand"
    ]
    checks = {name for name in Left(project.root / "left").results if name.startswith("works")}
    assert checks == {f"works boiler.{name}" for name in ("reachable", "pressure", "purity", "fuel")}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights(project: Project) -> None:
    (project.root / "left").mkdir(0o500)

    outcome = project.check(ALLURE)

    assert outcome.code == 13
    assert len(not_written(outcome)) == 1
    assert "left: Permission denied (" in outcome.out
