"""One running lab for all of these tests; each test finds it healthy and leaves it healed."""

from collections.abc import Iterator

import pytest

from tests.lab_process import RunningLab, wait_until


@pytest.fixture(scope="session")
def running_lab() -> Iterator[RunningLab]:
    """Run a lab for the whole session."""
    with RunningLab("--seed", "7") as lab:
        yield lab


@pytest.fixture
def lab(running_lab: RunningLab) -> Iterator[RunningLab]:
    """Hand out the lab, healthy; every fault is lifted afterwards."""
    wait_until(running_lab.is_healthy, 90, "the lab is healthy")
    yield running_lab
    if running_lab.control("GET", "/__lab/state")["faults"]:
        running_lab.reset()
