"""Fixtures of the tests of the outputs."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.parts.project import Project
from tests.parts.target import Target
from tests.tell.world import ANSWERS, Told, everything, profile, told

ALONE_AND_WITH_WORKERS: list[tuple[str, ...]] = [(), ("-n", "2", "--setup-show")]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Told]]:
    """A function that returns what one run that shows everything has told, which is run once for each `arguments`."""
    target = Target()
    target.answers.update(ANSWERS)

    @cache
    def made(*arguments: str) -> Told:
        project = Project(tmp_path_factory.mktemp("everything"))
        everything(project)
        profile(project, target.url)
        return told(project, *arguments)

    yield made
    target.close()


@pytest.fixture(params=ALONE_AND_WITH_WORKERS, ids=["alone", "with workers"])
def run(request: pytest.FixtureRequest, runs: Callable[..., Told]) -> Told:
    """One run that shows everything; with workers each check runs in pytest's three steps instead of one."""
    return runs(*request.param)
