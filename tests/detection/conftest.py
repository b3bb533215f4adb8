"""Everything the lab has to show, gathered once a session, whatever the number of workers."""

import fcntl
import os

import pytest

from tests.detection.evidence import Evidence, gather, load, save


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker: they all look at the same evidence, and the others have enough to do."""
    for item in items:
        if item.nodeid.startswith("tests/detection/"):
            item.add_marker(pytest.mark.xdist_group("detection"))


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Return the evidence; of several workers the first to come here gathers it."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = folder / "detection-evidence.pickle"
    with (folder / "detection-evidence.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return load(kept)
        found = gather()
        save(found, kept)
        return found
