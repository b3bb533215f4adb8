"""An output that cannot be written costs that output: a clear line each, exit 13 where all else is fine."""

import os
import resource
import subprocess
from pathlib import Path

import pytest

from tests.parts.project import Outcome, Project
from tests.parts.target import Target

LIMIT = 600
"""Bytes a file may have on a disk that is as good as full."""


@pytest.fixture
def places(project: Project) -> Project:
    """A repository with places where nothing can be written."""
    (project.root / "folder.prom").mkdir()
    project.write("file", "")
    return project


def check(project: Project, *arguments: str, **variables: str) -> Outcome:
    """Run with every output, each at a place that cannot be written."""
    return project.check(*arguments, "--github", GITHUB_STEP_SUMMARY="file/summary.md", **variables)


WRONG = ("--metrics", "folder.prom", "--junitxml=file/junit.xml", "--results", "file/results.json")
LINES = (
    "folder.prom: Is a directory",
    "file/junit.xml: File exists",
    "file/results.json: File exists",
    "file/summary.md: Not a directory",
)


def not_written(outcome: Outcome) -> list[str]:
    """Return the lines that say what was not written."""
    lines = [line for line in outcome.out.splitlines() if line.startswith("not written: ")]
    assert all(line.endswith("; the verdicts above stand") for line in lines)
    return lines


def test_a_place_that_cannot_be_written_is_named_once_and_the_verdicts_stand(places: Project) -> None:
    """All four at once: a folder, a file for a folder."""
    outcome = check(places, *WRONG, "-n", "2")

    assert outcome.code == 13, outcome.text
    told = not_written(outcome)
    assert len(told) == len(LINES), outcome.out
    for line in LINES:
        assert sum(line in one for one in told) == 1, line
    assert "4 ok · 4 selected, 4 executed" in outcome.out
    assert "Traceback" not in outcome.text
    assert [path.name for path in places.root.iterdir() if path.name.startswith(".")] == []


def test_a_check_that_fails_decides_the_code(places: Project, target: Target) -> None:
    target.answers["/state"] = {"pressure": 95, "purity": 99}

    outcome = check(places, *WRONG)

    assert outcome.code == 1
    assert len(not_written(outcome)) == len(LINES)


def test_junit_alone_is_exit_13_and_the_results_say_so(places: Project) -> None:
    outcome = places.check(*WRONG[2:3])

    assert outcome.code == outcome.results["run"]["exit_code"] == 13, outcome.text


def test_a_full_disk_leaves_no_half_file_and_the_last_whole_one(project: Project) -> None:
    """No file of this run may have more than a few hundred bytes."""
    project.write("a.prom", "as it was")
    done = subprocess.run(
        project.command("checks", "--env", "works", "--metrics", "a.prom", "-p", "no:cacheprovider"),
        cwd=project.root,
        env=project.variables({}),
        capture_output=True,
        check=False,
        timeout=90,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )
    said = done.stdout.decode()

    assert done.returncode == 13, said + done.stderr.decode()
    assert "a.prom: File too large; the verdicts above stand" in said
    assert "results.json: File too large; the verdicts above stand" in said
    assert "4 ok" in said
    assert (project.root / "a.prom").read_text() == "as it was"
    assert not list(project.root.glob(".a.prom*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_devices_are_written_to_and_never_replaced(project: Project) -> None:
    """As root, replacing one would take it from everybody; /dev/stdout is a good place to look at a page."""
    outcome = project.check(
        *("--metrics", "/dev/full", "--github", "--junitxml=/dev/full"), GITHUB_STEP_SUMMARY="/dev/full"
    )
    shown = project.check("--metrics", "/dev/stdout")

    assert outcome.code == 13
    assert not_written(outcome) == 3 * ["not written: /dev/full: No space left on device; the verdicts above stand"]
    assert Path("/dev/full").is_char_device()
    assert shown.code == 0
    assert "# TYPE healthgate_state gauge" in shown.out


def test_a_link_to_what_is_printed_is_written_to_and_stays_when_that_goes_into_a_file(project: Project) -> None:
    """As /dev/stdout is one: root would take it from everybody."""
    link, printed = project.root / "stdout", project.root / "printed.txt"
    link.symlink_to("/dev/stdout")
    with printed.open("w") as out:
        out.write("before\n")
        out.flush()
        subprocess.run(
            project.command("checks", "--env", "works", "--metrics", "stdout"),
            cwd=project.root,
            env=project.variables({}),
            stdout=out,
            check=True,
        )

    text = printed.read_text()
    assert text.startswith("before\n")
    assert "# TYPE healthgate_state gauge" in text
    assert "4 ok" in text
    assert link.is_symlink()
    assert not printed.is_symlink()
    assert Path("/dev/stdout").is_symlink()


def test_a_link_to_a_file_stays_one(project: Project) -> None:
    link, page = project.root / "a.prom", project.root / "pages" / "of-today.prom"
    page.parent.mkdir()
    page.write_text("as it was")
    link.symlink_to("pages/of-today.prom")
    assert project.check("--metrics", "a.prom").code == 0

    assert link.is_symlink()
    assert "# TYPE healthgate_state gauge" in page.read_text()
    assert [path.name for path in page.parent.iterdir()] == [page.name]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights(project: Project) -> None:
    folder = project.root / "locked"
    folder.mkdir(0o500)

    outcome = project.check("--metrics", "locked/a.prom")

    assert outcome.code == 13
    assert "locked/a.prom: Permission denied" in outcome.out
