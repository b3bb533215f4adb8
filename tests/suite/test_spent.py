"""The end of a run says what took longest, and how busy the machine was."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.spent import cpu_of_family
from tests.suite.project import SmallProject

BUSY = "import time\nwhile time.process_time() < 0.5: pass\n"
AT_ONCE = """import sys

def pytest_configure():
    sys.modules["tests.spent"].WORTH_TELLING_S = 0
"""
SLOW = """import time
from tests.spent import account_of

def test_one(request):
    account_of(request.config).all.parts["half of it"] = 2.0
    ends = time.process_time() + 1.3
    while time.process_time() < ends: pass
"""
SET_BY_AN_HOUR = "real = time.time; time.time = lambda: real() + 3600"
"""What the process sees of a clock that is set; to set the machine's would hurt everything else on it."""


def test_cpu_is_that_of_a_process_of_those_it_started_and_of_those_that_ended() -> None:
    before = cpu_of_family(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BUSY + "print(1, flush=True)\ninput()"], stdin=-1, stdout=-1) as child:
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline() == b"1\n"
        while_it_runs = cpu_of_family(os.getpid()) - before
        child.stdin.write(b"\n")
    after = cpu_of_family(os.getpid()) - before
    assert 0.4 < while_it_runs < 5
    assert while_it_runs <= after < 5


@pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.whole), "2"])
def test_a_run_says_what_took_longest_and_how_busy_the_machine_was(tmp_path: Path, workers: str) -> None:
    project = SmallProject(tmp_path, "tests.spent")
    project.write("conftest.py", f"{(tmp_path / 'conftest.py').read_text()}{AT_ONCE}")
    project.write("quick/test_quick.py", "def test_one(): pass\n")
    project.write("slow/test_slow.py", SLOW)
    code, printed = project.run("-n", workers)
    assert code == 0, printed
    for line in (
        r"longest   slow/test_slow\.py::test_one [1-9]\d* s",
        r"of these  half of it 2 s",
        r"by clock  slow [1-9]\d* s, quick \d+ s",
        r"by CPU    \d+ s: slow [1-9]\d* s, quick 0 s",
        r"machine   \d+ cores, \d+ % busy in \d+ s, \d+ % of it with something else",
    ):
        assert re.search(f"(?m)^{line}$", printed), printed


def test_a_clock_that_was_set_meanwhile_is_told(tmp_path: Path) -> None:
    project = SmallProject(tmp_path, "tests.spent")
    project.write("conftest.py", f"{(tmp_path / 'conftest.py').read_text()}{AT_ONCE}")
    project.write("test_clock.py", f"import time\n\ndef test_one():\n    {SET_BY_AN_HOUR}\n")
    assert re.search(r"(?m)^clock     set by \+3600\.\d s meanwhile", project.run()[1])
