"""What the machine lacks is said at the end of a run, with what was therefore not proven."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.suite.project import REPOSITORY, SmallProject
from tests.tools import BY_FIXTURE, TOOLS, counted, path_of

ASKS = """\
import pytest
from tests.tools import needs, program

@pytest.mark.parametrize("number", range(3))
@needs("chromium")
def test_draws(number):
    raise AssertionError("it must not come to this")

@pytest.fixture(scope="module")
def promtool():
    return program("promtool")

def test_rules(promtool):
    raise AssertionError("it must not come to this")

def test_more_rules(promtool):
    raise AssertionError("it must not come to this")

@needs("curl", "jq")
def test_commands():
    raise AssertionError("it must not come to this")
"""
WELL = "def test_well():\n    pass\n"
WORKERS = pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.whole), "2"])


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A PATH on which there is no tool."""
    (tmp_path / "bin").mkdir()
    return str(tmp_path / "bin")


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    project = SmallProject(tmp_path / "project", "tests.tools")
    project.write("tests/engine/test_well.py", WELL)
    return project


def section(told: str) -> list[str]:
    """The lines that the run ends with."""
    return re.split("=+", told.partition("= not proven =")[2].lstrip("="))[0].strip().splitlines()


LACKING = [
    "no chromium: not proven that the pages draw (3 tests of tests/page); apt-get install chromium",
    "no curl: not proven that the commands on the pages work (1 test of tests/page); apt-get install curl",
    "no jq: not proven that the commands on the pages work (1 test of tests/page); apt-get install jq",
    f"no promtool: not proven {TOOLS['promtool'].proves} (2 tests of tests/page); apt-get install prometheus",
]


@WORKERS
def test_a_line_for_each_missing_tool_says_what_is_not_proven_and_what_to_install(
    small: SmallProject, bare: str, workers: str
) -> None:
    small.write("tests/page/test_it.py", ASKS)

    code, told = small.run("-n", workers, PATH=bare)

    assert (code, section(told)) == (0, LACKING), told


@WORKERS
def test_in_ci_a_proof_that_did_not_run_is_red(small: SmallProject, bare: str, workers: str) -> None:
    small.write("tests/page/test_it.py", ASKS)

    code, told = small.run("-n", workers, PATH=bare, CI="true")

    assert code == 7, told
    assert section(told) == [*LACKING, "CI is red without it (exit 7): a proof that did not run is no proof"]


def test_what_failed_stays_red_in_ci_and_is_not_tried_again_beside_a_missing_proof(tmp_path: Path, bare: str) -> None:
    small = SmallProject(tmp_path / "project", "tests.once_more", "tests.tools")
    small.write("tests/page/test_it.py", ASKS)
    small.write("tests/lab/test_it.py", "def test_fails():\n    assert False\n")

    code, told = small.run("-n", "0", PATH=bare, CI="true")

    assert code == 7, told
    assert "once more: nothing is tried again: the run ended with 7 in any case" in told


def test_where_nothing_is_missing_nothing_is_said(small: SmallProject) -> None:
    code, told = small.run("-n", "0", CI="true")
    assert (code, "not proven" in told) == (0, False), told


def test_another_reason_to_skip_is_told_and_reddens_nothing(small: SmallProject) -> None:
    skips = "import pytest\n\ndef test_it():\n    pytest.skip('everything may be read here')\n"
    small.write("tests/engine/test_it.py", skips)

    code, told = small.run("-n", "0", CI="true")

    assert (code, section(told)) == (0, ["everything may be read here: 1 test of tests/engine did not run"]), told


def test_a_test_that_needs_a_lab_is_not_started_where_no_lab_can_be(small: SmallProject, bare: str) -> None:
    small.write(
        "tests/end_to_end/test_it.py",
        "import pytest\n\n@pytest.fixture\ndef running_lab():\n    assert False, 'it must not come to this'\n\n"
        "def test_it(running_lab):\n    pass\n",
    )

    code, told = small.run("-n", "0", PATH=bare)

    assert (code, "1 skipped" in told) == (0, True), told
    assert any(line.startswith("no prometheus: not proven that ") for line in section(told))


def test_a_mark_for_a_tool_that_the_table_does_not_know_is_refused(small: SmallProject) -> None:
    small.write(
        "tests/page/test_it.py", "from tests.tools import needs\n\n@needs('hammer')\ndef test_it():\n    pass\n"
    )

    code, told = small.run("-n", "0")

    assert (code, "not in tools.txt: {'hammer'}" in told) == (2, True), told


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_had_by_what_sets_up_a_fresh_machine(name: str) -> None:
    """By `make test`, or by what any Debian has."""
    makefile = (REPOSITORY / "Makefile").read_text()
    had = TOOLS[name].had
    if had.startswith("apt-get install "):
        package = had.removeprefix("apt-get install ")
        assert package == "openssl" or re.search(rf"(?m)^\t.*\s{package}(\s|$)", makefile), had
    elif had.startswith("npm"):
        assert "npm ci --ignore-scripts" in makefile
    else:
        assert had.rpartition(" ")[2] in (REPOSITORY / "pyproject.toml").read_text()


def test_no_test_looks_for_a_tool_by_itself() -> None:
    """Otherwise what it could not prove would not be told at the end."""
    by_itself = re.compile(r"which\(\W*(%s)\b|/usr/bin/(%s)\b" % (("|".join(TOOLS),) * 2))
    files = [file for file in (REPOSITORY / "tests").rglob("*.py") if "node_modules" not in file.parts]
    found = [file.name for file in files if by_itself.search(file.read_text())]
    assert sorted(found) == ["tools.py"]


@pytest.mark.parametrize("name", ["redis-server", "node"])
def test_what_a_package_of_the_development_extra_brings_is_found_without_a_path(
    name: str, monkeypatch: pytest.MonkeyPatch, bare: str
) -> None:
    monkeypatch.setenv("PATH", bare)
    found = path_of(name)
    assert found, f"{name} is not found"
    assert os.access(found, os.X_OK)
    assert shutil.which(name) is None


@pytest.mark.parametrize(("folder", "fixture"), BY_FIXTURE)
def test_every_fixture_that_needs_tools_is_one(folder: str, fixture: str) -> None:
    conftests = (
        (REPOSITORY / folder).rglob("conftest.py")
        if folder == "tests/"
        else [REPOSITORY / "tests/conftest.py", REPOSITORY / folder / "conftest.py"]
    )
    assert any(f"def {fixture}(" in file.read_text() for file in conftests)


def test_tests_are_counted_by_folder() -> None:
    names = ["tests/page/test_a.py::test_a[1]", "tests/page/test_a.py::test_a[b/c::d]", "tests/lab/test_b.py::test_b"]
    assert counted(names) == "1 test of tests/lab, 2 tests of tests/page"
