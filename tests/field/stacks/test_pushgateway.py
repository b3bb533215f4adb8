"""Debian's Pushgateway, to which a backup pushes."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Server, Watch, asked
from tests.tools import program

HOUR = 3600


@pytest.fixture(scope="module")
def pushgateway(folder: Path) -> Iterator[Server]:
    def command(port: int) -> list[str]:
        # Debian's keeps what was pushed in a file of the machine unless it is given another
        words = [f"--web.listen-address=127.0.0.1:{port}", "--persistence.file="]
        return [program("prometheus-pushgateway"), *words]

    with Server(folder, command, "/-/ready") as server:
        backup_pushes(server)
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, pushgateway: Server) -> Watch:
    return Watch("pushgateway", folder, {"PUSHGATEWAY_URL": pushgateway.url})


def push(pushgateway: Server, job: str, text: str) -> int:
    return asked(f"{pushgateway.url}/metrics/job/{job}", text.encode())[0]


def backup_pushes(pushgateway: Server, age: float = HOUR, files: int = 12) -> None:
    """Push what a backup says that succeeded so many seconds ago: its kinds are left out, as shell scripts do."""
    text = f"backup_files {files}\nbackup_last_success_timestamp_seconds {time.time() - age}\n"
    assert push(pushgateway, "backup", text) == 200


def test_all_is_well(watch: Watch) -> None:
    look = watch.look()
    assert look.all_is_well, look
    assert look.said["pushgateway.backup.files"] == "ok: 12 files"


def test_a_killed_pushgateway_is_one_incident_and_has_forgotten_what_was_pushed(
    pushgateway: Server, watch: Watch
) -> None:
    with pushgateway.killed():
        dead = watch.look()
    forgetful = watch.look()
    backup_pushes(pushgateway)
    assert dead.code == 1, dead
    refused = f"critical: connection refused: nothing listens on {pushgateway.url}"
    assert dead.roots == {"pushgateway.ready": refused}
    assert dead.blocked_by == {"pushgateway.ready, which is critical"}
    assert forgetful.code == 11, forgetful
    assert forgetful.ill["pushgateway.backup.files"] == "unknown: no data: backup_files is missing"
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_backup_that_runs_and_saves_nothing_is_reported(pushgateway: Server, watch: Watch) -> None:
    backup_pushes(pushgateway, age=50 * HOUR, files=0)
    look = watch.look()
    backup_pushes(pushgateway)
    assert look.code == 1, look
    assert look.ill == {
        "pushgateway.backup.succeeded": "critical: 50 h; it should stay at most 26 h, critical above 26 h",
        "pushgateway.backup.files": "critical: 0 files; it should stay above 0 files, critical 0 files",
    }
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_push_that_was_refused_is_reported_by_its_job(pushgateway: Server, watch: Watch) -> None:
    assert push(pushgateway, "copy", "# TYPE backup_files counter\nbackup_files 7\n") == 400
    look = watch.look()
    assert asked(f"{pushgateway.url}/metrics/job/copy", method="DELETE")[0] == 202
    assert look.code == 10, look
    assert look.ill == {
        "pushgateway.refused": "warning: 1 job (copy); it should stay 0 jobs, warning above 0 jobs",
    }
    assert watch.look().all_is_well
