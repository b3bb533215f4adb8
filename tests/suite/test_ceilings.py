"""A test that hangs costs itself and not the run."""

import threading
from pathlib import Path

import pytest

from tests.ceilings import CEILINGS_S, sentence
from tests.suite.project import SmallProject

ROOT = Path(__file__).resolve().parents[2]

HANGS = """\
import threading

def test_hangs():
    threading.Event().wait()

def test_comes_after_it():
    pass
"""
HANGS_IN_A_POOL = """\
import threading
from concurrent.futures import ThreadPoolExecutor

def test_hangs():
    free = threading.Event()
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(free.wait).result()
    finally:
        free.set()

def test_comes_after_it():
    pass
"""
HANGS_IN_A_FIXTURE = """\
import threading
import pytest

@pytest.fixture
def never_ready():
    threading.Event().wait()

def test_hangs(never_ready):
    pass

def test_comes_after_it():
    pass
"""
HANGS_CLEANING_UP = """\
import threading
import pytest

@pytest.fixture
def never_done():
    yield
    threading.Event().wait()

def test_fails(never_done):
    assert False, "as it is made to"

def test_comes_after_it():
    pass
"""
SHORT = """
def pytest_configure():
    from tests import ceilings

    ceilings.CEILINGS_S["tests/lab/"] = 1.5
    ceilings.AGAIN_S = 1.0
"""


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    small = SmallProject(tmp_path, "tests.ceilings")
    with (tmp_path / "conftest.py").open("a") as conftest:
        conftest.write(SHORT)
    return small


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_test_that_hangs_fails_with_its_ceiling_and_the_next_one_still_runs(
    project: SmallProject, workers: str
) -> None:
    project.write("tests/lab/test_it.py", HANGS)

    code, told = project.run("-n", workers)

    assert (code, "1 failed, 1 passed" in told) == (1, True), told
    assert "Failed: took longer than its ceiling of 1.5 s" in told
    assert "tests/ceilings.py sets the ceiling of tests of tests/lab/" in told
    assert "threading.Event().wait()" in told


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (HANGS_IN_A_POOL, "1 failed, 1 passed"),
        (HANGS_IN_A_FIXTURE, "1 passed, 1 error"),
        (HANGS_CLEANING_UP, "1 failed, 1 passed, 1 error"),
    ],
    ids=["waiting for its own threads", "in a fixture", "cleaning up after a failure"],
)
def test_it_does_so_wherever_it_hangs(project: SmallProject, text: str, outcome: str) -> None:
    project.write("tests/lab/test_it.py", text)

    code, told = project.run("-n", "0")

    assert (code, outcome in told) == (1, True), told
    assert "took longer than its ceiling of 1.5 s" in told


def test_a_run_that_a_test_starts_has_no_ceiling_of_ours(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    small.write(
        "test_it.py",
        "import signal\n\ndef test_alarm(request):\n"
        "    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0\n"
        "    assert request.node.get_closest_marker('timeout') is None\n",
    )

    code, told = small.run("-n", "0")

    assert code == 0, told


def test_every_collected_test_has_a_ceiling(request: pytest.FixtureRequest) -> None:
    marks = {item.nodeid: item.get_closest_marker("timeout") for item in request.session.items}
    assert [name for name, mark in marks.items() if mark is None or not mark.args[0] > 0] == []
    assert {mark.kwargs["method"] for mark in marks.values() if mark} == {"signal"}


def test_tests_run_in_the_main_thread_where_alone_a_signal_can_end_them() -> None:
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize("folder", [folder for folder in CEILINGS_S if folder])
def test_every_folder_of_the_table_has_tests(folder: str) -> None:
    assert list((ROOT / folder).glob("test_*.py"))


def test_the_first_test_of_the_matrix_may_take_the_time_that_gathering_takes() -> None:
    assert CEILINGS_S["tests/detection/"] >= 3 * 15 * 60
    assert "2700 s" in sentence("tests/detection/test_matrix.py::test_it", CEILINGS_S["tests/detection/"])
