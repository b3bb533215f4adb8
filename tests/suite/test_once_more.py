"""In CI a test with a live lab is tried once more, and only such a test, and only if few failed."""

from pathlib import Path

import pytest

from tests.once_more import LIVE, objection
from tests.suite.project import REPOSITORY, SmallProject

WORKERS = pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.whole), "2"])
WELL = "def test_well():\n    pass\n"
FAILS = "def test_fails():\n    assert False, 'as it is made to'\n"
FAILS_ONCE = """\
from pathlib import Path

def test_{name}():
    seen = Path({folder!r}) / "{name}"
    tries = seen.read_text() if seen.exists() else ""
    seen.write_text(tries + "x")
    assert tries, "the first time"
"""


class Runs:
    """A small project whose tests count how often they were tried."""

    def __init__(self, root: Path) -> None:
        self.small = SmallProject(root / "project", "tests.once_more")
        self.small.write("tests/engine/test_well.py", WELL)
        self.seen = root / "seen"
        self.seen.mkdir()

    def fails_once(self, folder: str, name: str) -> None:
        self.small.write(f"tests/{folder}/test_{name}.py", FAILS_ONCE.format(name=name, folder=str(self.seen)))

    def tries(self) -> dict[str, int]:
        return {file.name: len(file.read_text()) for file in sorted(self.seen.iterdir())}

    def end(self, workers: str, **variables: str) -> tuple[int, list[str]]:
        """Run all; returns the exit code and what was said about second tries."""
        code, told = self.small.run("-n", workers, **({"CI": "true"} | variables))
        return code, [line.removeprefix("once more: ") for line in told.splitlines() if line.startswith("once more: ")]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@WORKERS
def test_two_that_pass_the_second_time_leave_the_run_green_and_are_named(runs: Runs, workers: str) -> None:
    runs.fails_once("lab", "one")
    runs.fails_once("workflows", "two")

    code, said = runs.end(workers)

    assert (code, runs.tries()) == (0, {"one": 2, "two": 2}), said
    assert sorted(said[:2]) == [
        "tests/lab/test_one.py::test_one failed, then passed",
        "tests/workflows/test_two.py::test_two failed, then passed",
    ]
    assert said[2:] == ["what failed passed the second time, so this run is green"]


@WORKERS
def test_what_fails_twice_stays_red(runs: Runs, workers: str) -> None:
    runs.small.write("tests/lab/test_it.py", FAILS)
    runs.fails_once("lab", "one")

    code, said = runs.end(workers)

    assert (code, runs.tries()) == (1, {"one": 2})
    assert sorted(said) == [
        "tests/lab/test_it.py::test_fails failed, then failed again",
        "tests/lab/test_one.py::test_one failed, then passed",
        "what fails twice is no accident, so this run is red",
    ]


@WORKERS
def test_of_three_none_is_tried_again(runs: Runs, workers: str) -> None:
    for name in ("one", "two", "three"):
        runs.fails_once("end_to_end", name)

    code, said = runs.end(workers)

    assert (code, runs.tries()) == (1, {"one": 1, "three": 1, "two": 1})
    assert said == ["nothing is tried again: 3 tests with a live lab failed, and at most 2 may be an accident"]


@WORKERS
@pytest.mark.parametrize("folder", ["engine", "detection"])
def test_a_failure_elsewhere_stays_red_and_nothing_is_tried_again(runs: Runs, workers: str, folder: str) -> None:
    runs.fails_once("lab", "one")
    runs.fails_once(folder, "other")

    code, said = runs.end(workers)

    assert (code, runs.tries()) == (1, {"one": 1, "other": 1})
    assert said == [f"nothing is tried again: tests/{folder}/test_other.py::test_other failed, and has no live lab"]


@WORKERS
def test_outside_ci_nothing_is_tried_again(runs: Runs, workers: str) -> None:
    runs.fails_once("lab", "one")

    assert runs.end(workers, CI="") == (1, [])
    assert runs.tries() == {"one": 1}


def test_a_run_that_was_stopped_early_is_not_made_green(runs: Runs) -> None:
    runs.fails_once("lab", "one")

    code, said = runs.small.run("-n", "0", "-x", CI="true")

    assert (code, runs.tries()) == (1, {"one": 1}), said
    assert "once more: nothing is tried again: the run was stopped before its end" in said


def test_a_second_try_that_is_skipped_proves_nothing(runs: Runs) -> None:
    runs.fails_once("lab", "one")
    text = (runs.small.root / "tests/lab/test_one.py").read_text()
    runs.small.write(
        "tests/lab/test_one.py", text.replace("    assert", "    if tries: __import__('pytest').skip()\n    assert")
    )

    code, said = runs.end("0")

    assert (code, said[0]) == (1, "tests/lab/test_one.py::test_one failed, then was skipped")


def test_a_file_that_cannot_be_read_is_a_failure_elsewhere() -> None:
    assert "no live lab" in objection(["tests/lab/test_a.py::test_a", "tests/engine/test_b.py"], stopped=False)


@pytest.mark.parametrize("folder", LIVE)
def test_every_folder_that_is_tried_again_has_tests(folder: str) -> None:
    assert list((REPOSITORY / folder).glob("test_*.py"))
