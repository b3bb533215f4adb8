"""Each test finds the running lab healthy, with no fault in it, whatever was done to it before."""

import pytest

from tests.lab_process import RunningLab, wait_until


@pytest.fixture
def lab(running_lab: RunningLab) -> RunningLab:
    """Hand out the lab, healthy; every fault is lifted before, whoever caused it."""
    state = running_lab.control("GET", "/__lab/state")
    if state["faults"]:
        running_lab.reset()
    if state["faults"] or not state["healthy"]:
        wait_until(running_lab.is_healthy, 90, "the lab is healthy")
    return running_lab
