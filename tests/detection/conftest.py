"""Everything the lab has to show, gathered once a session, whatever the number of workers."""

import fcntl
import os

import pytest

from tests.detection.evidence import Evidence, gather, load, save


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
