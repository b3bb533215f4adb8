"""One running lab, and the suite run against it as a user runs it."""

from pathlib import Path

import pytest

from tests.end_to_end.suite import Suite
from tests.lab_process import RunningLab


@pytest.fixture
def lab(running_lab: RunningLab) -> RunningLab:
    return running_lab


@pytest.fixture
def suite(lab: RunningLab, tmp_path: Path) -> Suite:
    lab.reset()
    return Suite(tmp_path, lab)
