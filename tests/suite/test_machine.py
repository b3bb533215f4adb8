"""A machine on which the whole suite cannot succeed is told so in a sentence, before anything is started."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import ports
from tests import machine
from tests.suite.project import SmallProject

WELL = "def test_well():\n    pass\n"
WORKERS = pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.whole), "2"])


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    project = SmallProject(tmp_path / "project", "tests.machine")
    project.write("pytest.ini", (project.root / "pytest.ini").read_text() + "testpaths = tests\n")
    project.write("tests/engine/test_well.py", WELL)
    return project


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a few files."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False)
    if not done or done.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@WORKERS
def test_too_little_disk_ends_the_whole_suite_at_once_with_one_sentence(
    small: SmallProject, small_disk: Path, workers: str
) -> None:
    code, told = small.run("-n", workers, TMPDIR=str(small_disk))

    assert code == 4, told
    assert told.strip() == (
        f"ERROR: 0.0 GB are free in {small_disk}, and the whole suite needs 2 GB: "
        "delete something there, or set TMPDIR to a folder on another disk"
    )


def test_part_of_the_suite_is_run_all_the_same(small: SmallProject, small_disk: Path) -> None:
    code, told = small.run("-n", "0", "tests/engine", TMPDIR=str(small_disk))
    assert (code, "1 passed" in told) == (0, True), told


def test_a_machine_on_which_it_can_succeed_is_told_nothing(small: SmallProject) -> None:
    code, told = small.run("-n", "0")
    assert (code, "1 passed" in told, "ERROR" in told) == (0, True, False), told


def test_one_core_is_only_told(small: SmallProject) -> None:
    small.write(
        "conftest.py",
        "import os\n\nos.sched_getaffinity = lambda _: {0}\n" + (small.root / "conftest.py").read_text(),
    )
    code, told = small.run("-n", "0")
    assert (code, "one core only: nothing is wrong with that" in told) == (0, True), told


def test_no_temporary_folder_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert machine.temporary_folder().startswith("no temporary folder can be written (No usable temporary directory")


def test_reports_that_cannot_be_written_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.reports(tmp_path) == machine.reports(tmp_path / "absent") == ""
    monkeypatch.setattr("os.access", lambda *_: False)
    assert machine.reports(tmp_path) == (
        f"{tmp_path} cannot be written: let this user write there (chmod, chown), or work on a copy of the repository"
    )


def test_ports_that_are_all_taken_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range with one block, in which somebody listens."""
    assert machine.lab_ports() == ""
    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", port)
        monkeypatch.setattr(ports, "LAST", port + ports.BLOCK)
        assert machine.lab_ports() == (
            f"no block of {ports.BLOCK} free ports between {port} and {port + ports.BLOCK} on 127.0.0.1: "
            "end labs that still run, or what else listens there (ss -ltnp says what)"
        )
