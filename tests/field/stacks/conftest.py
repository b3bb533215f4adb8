"""Fixtures of the tests that start servers of others."""

from pathlib import Path

import pytest

collect_ignore = [path.name for path in Path(__file__).parent.iterdir() if path.is_dir()]
"""The projects: each is run by itself, as its users would run it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers of one stack live, and the project that watches them."""
    return tmp_path_factory.mktemp("stack")
