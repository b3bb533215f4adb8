"""Fixtures of the engine's tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.project import WELL, Project
from tests.engine.target import Hostile, Target


@pytest.fixture(scope="session")
def server() -> Iterator[Target]:
    server = Target()
    yield server
    server.close()


@pytest.fixture
def target(server: Target) -> Target:
    """A healthy target; a test changes `answers` to make it ill."""
    server.forget()
    server.answers.update(WELL)
    return server


@pytest.fixture
def bare_project(tmp_path: Path) -> Project:
    """A repository with checks of one system and no environment."""
    return Project(tmp_path)


@pytest.fixture
def project(bare_project: Project, target: Target) -> Project:
    """A repository with checks of one system and the environment `works`, which is the healthy target."""
    bare_project.environment("works", boiler={"url": target.url})
    return bare_project


@pytest.fixture
def hostile() -> Iterator[Callable[..., Hostile]]:
    """A function that starts hostile servers; they end with the test."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> Hostile:
            return stack.enter_context(Hostile(*arguments, **options))

        yield start
