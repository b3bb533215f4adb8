"""Installed, the plugin takes part in no run of pytest that did not ask for it."""

import os
import subprocess
import sys
from pathlib import Path

OWN = """\
import pytest


def pytest_addoption(parser):
    for name in ("--env", "--system", "--history", "--severity"):
        parser.addoption(name)


@pytest.fixture
def verdict(request):
    return request.config.getoption("--env")
"""
TEST = """\
def test_of_its_own(verdict):
    assert verdict == "mine"
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with every plugin that is installed."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_project_with_options_of_the_same_names_runs_its_own_tests(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(OWN)
    (tmp_path / "test_own.py").write_text(TEST)

    done = run(tmp_path, "--env", "mine")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_project_that_asks_for_it_in_its_conftest_has_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ("healthgate.plugin",)\n')
    (tmp_path / "test_own.py").write_text("def test_of_its_own():\n    pass\n")

    assert "--snapshot-out" in run(tmp_path, "--help").stdout
    assert "1 passed" in run(tmp_path).stdout
