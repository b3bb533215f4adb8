"""A lab that is short of processors says so, and whoever waits for it waits longer."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab_process import PRIORITY, Patience, RunningLab, Starvation, prefer, wait_until, whole_lines

LOOPS = 4
WITHIN_S = 2.0


def pid_of(lab: RunningLab, name: str) -> int:
    return int(lab.processes()[name]["pid"])


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """Keep a process on one processor, and that one busy with what goes before it."""
    usual = os.sched_getaffinity(pid)
    one = min(usual)
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOOPS)]
    try:
        for loop in loops:
            os.sched_setaffinity(loop.pid, {one})
        os.sched_setaffinity(pid, {one})
        prefer(pid, 19)
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
        os.sched_setaffinity(pid, usual)
        prefer(pid, PRIORITY)


def test_a_starved_lab_says_which_process_waited_and_patience_does_not_run_out_meanwhile(lab: RunningLab) -> None:
    starvation = Starvation(lab)
    with starved(pid_of(lab, "market")):
        told = wait_until(starvation.lately, 20, "starvation is told", longest_pause_s=1.0)
        assert told.endswith(" s for a processor")
        patience = Patience(lab, WITHIN_S)
        began = time.monotonic()
        wait_until(patience.is_over, 30, "patience is over")
        assert time.monotonic() - began > 1.5 * WITHIN_S
    wait_until(lambda: not starvation.lately(), 20, "it is no longer starved")


def test_patience_with_a_lab_that_is_never_fed_runs_out_all_the_same(lab: RunningLab) -> None:
    with starved(pid_of(lab, "market")):
        patience = Patience(lab, 0.5)
        wait_until(patience.is_over, 20, "patience is over", longest_pause_s=0.5)


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    with log.open("w") as file:
        file.write("10:00 whole\n10:01 ha")
        file.flush()
        assert whole_lines(log) == "10:00 whole\n"
        file.write("lf\n")
    assert whole_lines(log) == "10:00 whole\n10:01 half\n"
