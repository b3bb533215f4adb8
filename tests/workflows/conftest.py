"""A running lab for every run that need not start its own, another one to compare it with, and their profiles."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab_process import RunningLab
from tests.workflows.published import ROOT


@dataclass
class Place:
    """A running lab, and the profile that reaches it: that of the repository with another command."""

    lab: RunningLab
    profile: str


def _place(lab: RunningLab, folder: Path) -> Place:
    said = folder / "variables.json"
    said.write_text(json.dumps(lab.variables) + "\n")
    text = (ROOT / "environments/lab.yaml").read_text()
    launch = "launch: python -m lab --json --attach\n"
    assert launch in text
    return Place(lab, text.replace(launch, f"launch: cat {said}\n"))


@pytest.fixture(scope="session")
def running_place(running_lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return _place(running_lab, tmp_path_factory.mktemp("place"))


@pytest.fixture
def place(running_place: Place) -> Place:
    """Where all is well, until a test sees to it."""
    running_place.lab.reset()
    return running_place


@pytest.fixture
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Another one of the same kind, which takes a fifth of a core as long as it is there."""
    with RunningLab() as lab:
        yield _place(lab, tmp_path_factory.mktemp("canary"))
