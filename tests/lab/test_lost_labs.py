"""A lab that dies costs the job it was at, and no other."""

import os
import signal
from dataclasses import dataclass, field

import pytest

from tests.detection.bench import Bench, Job, Lost, carry_out
from tests.lab_process import RunningLab


@dataclass
class Deadly:
    """A job in which so many labs die."""

    times: int
    labs: list[RunningLab] = field(default_factory=list)

    def __call__(self, bench: Bench) -> str:
        self.labs.append(bench.lab)
        if len(self.labs) <= self.times:
            os.kill(bench.lab.pid, signal.SIGKILL)
        return asked(bench)


def asked(bench: Bench) -> str:
    return str(bench.lab.control("GET", "/__lab/state")["process"])


def test_a_job_whose_lab_dies_is_done_in_another_and_one_that_no_lab_can_do_is_lost_alone() -> None:
    labs: list[RunningLab] = []

    def refused(bench: Bench) -> str:
        labs.append(bench.lab)
        return bench.lab.fault("F.mkt.pool", active="many")

    once, always = Deadly(1), Deadly(99)
    jobs: list[Job[str]] = [refused, once, asked, always]
    first, second, third, fourth = carry_out(jobs, labs=1)
    assert isinstance(first, Lost)
    assert "active" in first.why
    assert (second, third) == ("control", "control")
    assert [lab is labs[0] for lab in (*labs, *once.labs)] == [True, True, True, False]
    assert isinstance(fourth, Lost)
    assert fourth.job is always
    assert len(always.labs) == 2


def test_what_is_wrong_with_a_job_itself_ends_the_others_at_once() -> None:
    done: list[str] = []

    def broken(_: Bench) -> str:
        raise ZeroDivisionError("this job")

    jobs: list[Job[str]] = [broken, *[lambda bench: done.append(asked(bench)) or ""] * 3]
    with pytest.raises(ZeroDivisionError, match="this job"):
        carry_out(jobs, labs=1)
    assert done == []
