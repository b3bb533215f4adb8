"""A claim that breaks the system to be proven: it holds, fails with its fault, holds again."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.attempts import ATTEMPTS
from tests.detection.bench import Bench
from tests.detection.cell import Fault
from tests.lab_process import RunningLab, Starvation, wait_until

UP_WITHIN_S = 90.0
"""Seconds in which a part that a claim before had broken is up again."""


@dataclass(frozen=True)
class Measurement:
    """Whether a claim held, and what was measured, in words."""

    held: bool
    seen: str


Measure = Callable[[RunningLab, Fault | None], Measurement]
"""Puts a claim to the test, with the fault that should make it fail if one is given."""


@dataclass(frozen=True)
class Proof:
    """A claim about a system, its limit in words, how it is put to the test, and the fault that makes it fail."""

    claim: str
    limit: str
    measured: Measure
    fails_with: Fault


@dataclass
class Proven:
    """What came of a proof: as it is, with its fault, and after healing."""

    id: str
    before: Measurement
    with_fault: Measurement
    after: Measurement
    took_s: float = field(compare=False, default=0.0)

    @property
    def complaint(self) -> str:
        """Say what did not come out as it should; empty if all did."""
        wrong = [
            f"{when} it should {'hold' if wanted else 'fail'}: {measurement.seen}"
            for when, wanted, measurement in (
                ("to begin with", True, self.before),
                ("with its fault", False, self.with_fault),
                ("healed", True, self.after),
            )
            if measurement.held is not wanted
        ]
        return "; ".join(wrong)


@dataclass(frozen=True)
class Demonstrations:
    """A job: prove some claims, those about one part one after the other, in a lab nobody looks at meanwhile.

    Parts have nothing to do with each other, and nearly all of the time is waiting: they are done side by side. Some
    lines in the log count for an hour, which is a minute here: these jobs are the last.
    """

    proofs: Mapping[str, Mapping[str, Proof]]

    def __call__(self, bench: Bench) -> list[Proven]:
        """Measure each as it is, with its fault, and healed."""
        bench.settle(bench.turned)
        with ThreadPoolExecutor(len(self.proofs)) as pool:
            parts = [pool.submit(self._all_proven, bench.lab, part) for part in self.proofs]
        found = [one for part in parts for one in part.result()]
        bench.reset()
        return found

    def _all_proven(self, lab: RunningLab, part: str) -> list[Proven]:
        return [self._proven(lab, part, name, proof) for name, proof in self.proofs[part].items()]

    def _proven(self, lab: RunningLab, part: str, name: str, proof: Proof) -> Proven:
        began = time.monotonic()
        before, with_fault, after = (
            self._measured(lab, part, proof, broken) for broken in (None, proof.fails_with, None)
        )
        return Proven(name, before, with_fault, after, time.monotonic() - began)

    def _measured(self, lab: RunningLab, part: str, proof: Proof, broken: Fault | None) -> Measurement:
        """Put it to the test; what a starved lab shows other than it should says nothing, and is measured again."""
        for _ in range(ATTEMPTS["a claim"]):
            wait_until(lambda: lab.is_up(part), UP_WITHIN_S, f"{part} is up")
            starvation = Starvation(lab)
            found = proof.measured(lab, broken)
            if found.held is (broken is None) or not starvation.lately():
                break
        return found


def demonstrations(parts: Mapping[str, Mapping[str, Proof]], jobs: int) -> list[Demonstrations]:
    """Return so many jobs that prove all claims, each a share of those about each part of the platform."""
    return [
        Demonstrations({part: dict(list(proofs.items())[first::jobs]) for part, proofs in parts.items()})
        for first in range(jobs)
    ]


def beside(measured: Callable[[RunningLab], Measurement]) -> Measure:
    """Return what measures while a fault lasts, if one is given."""

    def with_fault(lab: RunningLab, broken: Fault | None) -> Measurement:
        if broken is None:
            return measured(lab)
        handle = lab.fault(broken.id, **broken.parameters)
        try:
            return measured(lab)
        finally:
            lab.heal(handle)

    return with_fault
