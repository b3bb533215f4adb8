"""The tutorial, block by block, as a stranger runs it: in an empty folder, with the installed package alone."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.field.installed import ROOT, install
from tests.parts.target import closed_port
from tests.tools import needs, program

PAGE = ROOT / "docs/tutorial.md"
PORTS = ("8000", "6390", "9193", "8060")
"""What listens where on the page; others may listen there on this machine."""

PATIENCE = 60
"""Seconds one block may take, and what a command shows may take to be as on the page."""

STATES = ("ok", "missed", "warning", "critical", "unknown", "blocked", "pending")
END = "== that was it =="


@dataclass(frozen=True)
class Block:
    """A block of the page: its language, the line it begins at, its text."""

    language: str
    line: int
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Yield every block of the page, in its order."""
    for found in re.finditer(r"(?ms)^```(\w+)\n(.*?)^```$", page):
        yield Block(found[1], page.count("\n", 0, found.start()) + 1, found[2])


class Terminal:
    """A shell that stays open from block to block."""

    def __init__(self, folder: Path, path: str) -> None:
        self.home = folder
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "COLUMNS": "200"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def type(self, text: str) -> tuple[str, int]:
        """Run what is typed and return what it shows, and the code of its last command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{text}\nprintf '\\n{END} %s %s\\n' $? \"$PWD\"\n".encode())
        self._process.stdin.flush()
        shown, ends = b"", time.monotonic() + PATIENCE
        while not (done := re.search(rf"\n{END} (\d+) (.*)\n$".encode(), shown)):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, ends - time.monotonic()))
            assert ready, f"{text}\nhas not ended in {PATIENCE} s, and showed\n{shown.decode()}"
            piece = os.read(self._process.stdout.fileno(), 65536)
            assert piece, f"{text}\nended the shell, and showed\n{shown.decode()}"
            shown += piece
        self.folder = Path(done[2].decode())
        return shown[: done.start()].decode(), int(done[1])

    def close(self) -> None:
        """End it, and everything it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def gist(line: str) -> tuple[str, ...]:
    """Return what of a line is the same in every run: figures that were measured are not."""
    if line.startswith("["):
        return (re.sub(r"\d+", "#", line),)
    parts = re.split(r" {2,}", line.strip())
    if parts[0] in STATES and len(parts) == 4:
        parts[2] = re.sub(r"[\d.]+", "#", parts[2]).removesuffix("s")
    return tuple(parts)


def shows(terminal: Terminal, block: Block) -> None:
    """Type the command of a block until it shows what the page shows; what is left out there may stand between."""
    prompt, *lines = block.text.splitlines()
    ends = time.monotonic() + PATIENCE
    while True:
        shown, _ = terminal.type(prompt.removeprefix("$ "))
        there = [gist(line) for line in shown.splitlines()]
        missing = [line for line in lines if gist(line) not in there]
        if not missing:
            return
        assert time.monotonic() < ends, f"line {block.line}: {missing} is not in\n{shown}"
        time.sleep(0.1)


@pytest.mark.whole
@pytest.mark.timeout(900)
@needs("curl", "redis-server", "prometheus-alertmanager")
def test_every_block_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    """Green, red by real faults, delivered to a real Alertmanager; nothing of it comes from this repository."""
    text = PAGE.read_text()
    for port in PORTS:
        text = re.sub(rf"\b{port}\b", str(closed_port()), text)
    install(tmp_path / ".venv")
    (tmp_path / "tools").mkdir()
    for name in ("redis-server", "prometheus-alertmanager"):
        (tmp_path / "tools" / name).symlink_to(program(name))
    terminal = Terminal(tmp_path, f"{tmp_path / 'tools'}:/usr/bin:/bin")
    terminal.folder = tmp_path
    try:
        for block in blocks(text):
            if block.language == "console":
                shows(terminal, block)
            elif block.language == "sh":
                typed = re.sub(r"(?m)^(python3 -m venv|pip install) .*\n", "", block.text)  # as above, without an index
                shown, code = terminal.type(typed)
                assert code == 0, f"line {block.line}: {shown}"
            else:
                name = re.match(r"# (\S+)\n", block.text)
                assert name, f"line {block.line}: a file without its name"
                assert (terminal.folder / name[1]).parent.is_dir(), f"line {block.line}: no folder for {name[1]}"
                (terminal.folder / name[1]).write_text(block.text)
        where, _ = terminal.type("python -c 'import healthgate; print(healthgate.__file__)'")
        assert where.strip().startswith(str(tmp_path))
    finally:
        terminal.close()


def test_the_tutorial_leaves_little_to_the_reader() -> None:
    """Few commands to the first green run, and one place on the page for each file."""
    text = PAGE.read_text()
    found = list(blocks(text))
    first = next(number for number, block in enumerate(found) if "exit code 0" in block.text)
    typed = [line for block in found[:first] if block.language == "sh" for line in block.text.splitlines()]
    assert len([line for line in typed if not line.startswith(("echo", "curl"))]) <= 8
    names = [block.text.splitlines()[0] for block in found if block.language in {"python", "yaml"}]
    assert len(names) == len(set(names)) == 7
    assert {block.language for block in found} == {"sh", "console", "python", "yaml"}
