"""What the tests of everything rendered share: the tools that read it, and a copy of the project to change."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.render.project import Project
from tests.render.prometheus import Prometheus, Promtool
from tests.tools import program


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of everything this repository renders from."""
    return Project(tmp_path / "project")


@pytest.fixture
def promtool(tmp_path: Path) -> Promtool:
    """Prometheus' own tool, and a folder for its files."""
    program("promtool")
    folder = tmp_path / "rules"
    folder.mkdir()
    return Promtool(folder)


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """A function that starts a Prometheus on loopback with these rules; it ends with the test."""
    program("prometheus")
    started: list[Prometheus] = []

    def start(**rules: str) -> Prometheus:
        started.append(Prometheus(tmp_path / f"prometheus-{len(started)}", rules))
        return started[-1]

    yield start
    for one in started:
        one.close()
        shutil.rmtree(one.folder, ignore_errors=True)
