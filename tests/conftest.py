"""What all tests share: one running lab a worker, and which worker does what."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab_process import RunningLab


@pytest.fixture(scope="session")
def running_lab() -> Iterator[RunningLab]:
    """Run a lab for the whole session; whoever uses it resets it first, since others leave it broken."""
    with RunningLab("--seed", "7") as lab:
        yield lab


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all tests of the detection matrix to one worker: they share what takes minutes to gather."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "tests/detection" if file.startswith("tests/detection/") else file

    return ByFile(config, log)
