"""Debian's node_exporter, which reads this machine, but for how much memory there is."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Server, Watch
from tests.tools import program

HOUR = 3600


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[Server]:
    (folder / "proc").mkdir()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() and entry.name != "meminfo":
            (folder / "proc" / entry.name).symlink_to(entry)
    (folder / "texts").mkdir()
    memory(folder, available_kb=6_000_000)
    backup(folder, HOUR)

    def command(port: int) -> list[str]:
        return [
            program("prometheus-node-exporter"),
            f"--web.listen-address=127.0.0.1:{port}",
            "--path.procfs=proc",
            "--collector.textfile.directory=texts",
        ]

    with Server(folder, command, "/metrics") as server:
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, node: Server) -> Watch:
    return Watch("node_exporter", folder, {"NODE_EXPORTER_URL": node.url})


def memory(folder: Path, available_kb: int) -> None:
    """Let the kernel say that so much of 8 GB can be had."""
    (folder / "proc/meminfo").write_text(f"MemTotal: 8000000 kB\nMemFree: 1000 kB\nMemAvailable: {available_kb} kB\n")


def backup(folder: Path, age: float) -> None:
    """Let the backup have succeeded so many seconds ago."""
    name = "backup_last_success_timestamp_seconds"
    (folder / "texts/backup.prom").write_text(f"# TYPE {name} gauge\n{name} {time.time() - age}\n")


def test_all_is_well(watch: Watch) -> None:
    look = watch.look()
    assert look.all_is_well, look
    assert look.said["node.memory.used"] == "ok: 25 %"


def test_a_killed_node_exporter_is_one_incident(node: Server, watch: Watch) -> None:
    with node.killed():
        look = watch.look()
    assert look.code == 1, look
    assert look.roots == {"node.answers": f"critical: connection refused: nothing listens on {node.url}"}
    assert look.blocked_by == {"node.answers, which is critical"}
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_full_memory_and_an_old_backup_are_reported_by_their_figures(folder: Path, watch: Watch) -> None:
    memory(folder, available_kb=160_000)
    backup(folder, 49.5 * HOUR)
    look = watch.look()
    memory(folder, available_kb=6_000_000)
    backup(folder, HOUR)
    assert look.code == 1, look
    assert look.ill == {
        "node.memory.used": "critical: 98 %; it should stay below 90 %, warning above 90 %, critical above 97 %",
        "node.backup.age": "critical: 49.5 h; it should stay at most 26 h, critical above 26 h",
    }
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_file_that_is_no_metric_blocks_what_it_should_have_said(folder: Path, watch: Watch) -> None:
    """What a script wrote in place, half of it."""
    (folder / "texts/backup.prom").write_text("backup_last_success_timest")
    look = watch.look()
    backup(folder, HOUR)
    assert look.code == 1, look
    assert look.ill == {
        "node.textfile.errors": "critical: 1; it should stay 0, critical other than 0",
        "node.backup.age": "blocked: blocked by node.textfile.errors, which is critical",
    }
    assert watch.look().all_is_well
