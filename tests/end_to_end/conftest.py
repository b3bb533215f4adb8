"""One running lab, and the suite run against it as a user runs it."""

from pathlib import Path

import pytest

from tests.end_to_end.suite import HEALTHY_WITHIN_S, Suite
from tests.lab_process import RunningLab, wait_until


@pytest.fixture
def lab(running_lab: RunningLab) -> RunningLab:
    return running_lab


@pytest.fixture
def suite(lab: RunningLab, tmp_path: Path) -> Suite:
    lab.reset()
    wait_until(lab.is_healthy, HEALTHY_WITHIN_S, "the lab is healthy")
    return Suite(tmp_path, lab)
