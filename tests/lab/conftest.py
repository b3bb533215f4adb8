"""Each test finds the running lab healthy and leaves it healed."""

from collections.abc import Iterator

import pytest

from tests.lab_process import RunningLab, wait_until


@pytest.fixture
def lab(running_lab: RunningLab) -> Iterator[RunningLab]:
    """Hand out the lab, healthy; every fault is lifted before, whoever caused it, and afterwards."""
    _mend(running_lab)
    wait_until(running_lab.is_healthy, 90, "the lab is healthy")
    yield running_lab
    _mend(running_lab)


def _mend(lab: RunningLab) -> None:
    if lab.control("GET", "/__lab/state")["faults"]:
        lab.reset()
