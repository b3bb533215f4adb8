"""A lab that finds no room says so in one sentence that says what to do, and leaves nothing behind."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab_process import REPOSITORY, LabError, RunningLab

CURE = "set TMPDIR to a folder on another disk"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A function that makes a disk of that size."""
    mount = shutil.which("mount")
    folder = tmp_path / "small"
    folder.mkdir()

    def make(size: str) -> Path:
        done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False)
        if not done or done.returncode:
            pytest.skip("only root can mount a small disk")
        return folder

    yield make
    if folder.is_mount():
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    ("size", "code"), [("64k", 4), ("520k", 1)], ids=["before anything is started", "while servers start"]
)
def test_a_full_disk_is_one_sentence(small_disk: Callable[[str], Path], size: str, code: int) -> None:
    folder = small_disk(size)

    with pytest.raises(LabError) as refused, RunningLab(environment={"TMPDIR": str(folder)}):
        pass

    assert str(refused.value) == (
        f"the lab did not start (exit {code}): lab: no space left in {folder}, where a lab needs 100 MB: "
        f"delete something there, or {CURE}"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (0, "no temporary folder can be written (tried TMPDIR, /tmp and /var/tmp): free some space, or "),
        (1000, "no space left in {folder}, where a lab needs 100 MB: delete something there, or "),
    ],
    ids=["nothing can be written", "no file of some size can be written"],
)
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, most: int, words: str) -> None:
    """As files are limited for a user, in bytes, rather than the disk."""
    limited = (
        f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most})); "
        "sys.argv[1:] = ['--json']; runpy.run_module('lab', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == f"lab: {words.format(folder=tmp_path)}{CURE}\n"
    assert list(tmp_path.iterdir()) == []


def test_ports_that_are_taken_are_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] - 3
        with pytest.raises(LabError) as refused, RunningLab("--port-base", str(port)):
            pass
    assert str(refused.value).startswith(f"the lab did not start (exit 4): lab: ports {port} to ")
    assert str(refused.value).endswith(" are not all free on 127.0.0.1: choose another --port-base")
