"""What all tests share: one running lab a worker, for as long as it is needed, and which worker does what."""

import gc
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab_process import RunningLab

pytest_plugins = [
    "tests.ceilings",
    "tests.machine",
    "tests.once_more",
    "tests.spent",
    "tests.tools",
    "tests.parts.fixtures",
]

TOGETHER = {
    "tests/detection/": "the detection matrix",
    "tests/lab/test_sse": "a lab, for streams",
    "tests/lab/test_wsmanager": "a lab, for streams",
    "tests/lab/": "a lab, for all else",
    "tests/end_to_end/": "a lab, for all else",
    "tests/workflows/test_canaries.py": "a lab, for streams",
    "tests/workflows/test_runs.py": "a lab, for all else",
}
"""What tests share whose names begin so, the first that fits: one worker does them all, one after the other."""


LABS = pytest.StashKey[list[RunningLab]]()


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what is to run in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS"):  # tests read what programs print, which has no colours
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def labs(pytestconfig: pytest.Config) -> list[RunningLab]:
    """The labs that several tests share, which are stopped when nobody needs them any more."""
    return pytestconfig.stash.setdefault(LABS, [])


@pytest.fixture(scope="session")
def running_lab(labs: list[RunningLab]) -> Iterator[RunningLab]:
    """Run a lab for all tests that share one; whoever uses it resets it first, since others leave it broken."""
    with RunningLab("--seed", "7") as lab:
        labs.append(lab)
        yield lab


def shared(nodeid: str) -> str:
    """Return what a test shares with others: what its folder does, else its file."""
    return next((what for folder, what in TOGETHER.items() if nodeid.startswith(folder)), nodeid.partition("::")[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that share something follow each other, those with a lab first.

    They wait most of the time: beside each other they leave no core idle, and what only computes is divided evenly.
    """
    names = list(dict.fromkeys(shared(item.nodeid) for item in items))
    labs = list(dict.fromkeys(TOGETHER.values()))
    names.sort(key=lambda name: labs.index(name) if name in labs else len(labs))
    places = {name: place for place, name in enumerate(names)}
    items.sort(key=lambda item: places[shared(item.nodeid)])


def pytest_collection_finish() -> None:
    """Leave what was collected alone when garbage is looked for, which is seldom: it is there until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Stop the labs after the last test that needs one: each takes a tenth of a core although nobody asks it."""
    yield
    if nextitem is None or shared(nextitem.nodeid) not in TOGETHER.values():
        for lab in item.config.stash.get(LABS, []):
            lab.stop()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all tests that share something to one worker, in the order they are in."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByWhatIsShared(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return shared(nodeid)

    config.option.loadscopereorder = False
    return ByWhatIsShared(config, log)
