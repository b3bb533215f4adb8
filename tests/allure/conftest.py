"""Fixtures of the tests of what a run writes for Allure."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.allure.world import Told, told_everything
from tests.parts.project import Project
from tests.parts.target import Target
from tests.tell.world import ANSWERS

ALONE_AND_WITH_WORKERS: list[tuple[str, ...]] = [(), ("-n", "2")]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Told]]:
    """A function that returns what the run of everything left, which is run once for each `arguments`."""
    target = Target()
    target.answers.update(ANSWERS)

    @cache
    def made(*arguments: str) -> Told:
        return told_everything(Project(tmp_path_factory.mktemp("everything")), target.url, *arguments)

    yield made
    target.close()


@pytest.fixture(params=ALONE_AND_WITH_WORKERS, ids=["alone", "with workers"])
def told(request: pytest.FixtureRequest, runs: Callable[..., Told]) -> Told:
    """One run that shows everything."""
    return runs(*request.param)
