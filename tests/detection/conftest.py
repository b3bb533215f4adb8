"""Everything the lab has to show, gathered once a session, whatever the number of workers."""

import fcntl
import os

import pytest

from tests.detection.edges import EDGES
from tests.detection.evidence import Evidence, gather, load, save
from tests.detection.scenario import SCENARIOS
from tests.spent import account_of

WHOLE = "whole"
"""Mark of the tests that need values at the lines and whole incidents, which take longer than everything else."""


@pytest.fixture(scope="session")
def evidence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Return the evidence; of several workers the first to come here gathers it."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = folder / "detection-evidence.pickle"
    is_whole = any(item.get_closest_marker(WHOLE) for item in request.session.items)
    with (folder / "detection-evidence.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return load(kept)
        found = gather(EDGES, SCENARIOS.values()) if is_whole else gather([], [])
        save(found, kept)
        account_of(request.config).all.parts |= found.took()
        return found
