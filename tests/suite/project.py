"""A small project with this suite's plugins and tests of its own, run by pytest as a process."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN_S = 120.0
PLUGINS = "-p xdist -p pytest_timeout"
"""Those that its runs need; to load all others too would double their time."""
MACHINE_TELLS = ("CI", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT")
"""Variables that would change what the project's own run does."""


class SmallProject:
    """Tests in a folder of their own, and the plugins of this suite that they are run with."""

    def __init__(self, root: Path, *plugins: str) -> None:
        self.root = root
        self.write("pytest.ini", f"[pytest]\naddopts = --import-mode=importlib {PLUGINS}\n")
        self.write("conftest.py", f"pytest_plugins = {list(plugins)}\n")

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run its tests with these variables; returns the exit code and what was printed."""
        usual = {name: text for name, text in os.environ.items() if name not in MACHINE_TELLS}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.root,
            env=usual | {"PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        return done.returncode, done.stdout
