"""A claim that breaks the system to be proven: it holds, fails with its fault, holds again."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.detection.bench import Bench
from tests.detection.cell import Fault
from tests.lab_process import RunningLab, Starvation, wait_until

TIMES = 3
"""How often a claim is put to the test at most, where the lab is starved meanwhile."""
AT_A_TIME = 3
"""Claims that are proven in one job: most of them wait for something for half a minute."""
RECOVERS_WITHIN_S = 90.0
"""Some lines in the log count for an hour, which is a minute here."""


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
    """A job: prove some claims, one after the other, in a lab that nobody looks at until all are proven."""

    proofs: Mapping[str, Proof]

    def __call__(self, bench: Bench) -> list[Proven]:
        """Measure each as it is, with its fault, and healed."""
        found = [self._proven(bench.lab, name, proof) for name, proof in self.proofs.items()]
        bench.recovered(bench.patience(RECOVERS_WITHIN_S))
        return found

    def _proven(self, lab: RunningLab, name: str, proof: Proof) -> Proven:
        began = time.monotonic()
        before, with_fault, after = (self._measured(lab, proof, broken) for broken in (None, proof.fails_with, None))
        return Proven(name, before, with_fault, after, time.monotonic() - began)

    def _measured(self, lab: RunningLab, proof: Proof, broken: Fault | None) -> Measurement:
        """Put it to the test; what a starved lab shows other than it should says nothing, and is measured again."""
        for _ in range(TIMES):
            wait_until(lab.is_healthy, RECOVERS_WITHIN_S, "the lab is healthy")
            starvation = Starvation(lab)
            found = proof.measured(lab, broken)
            if found.held is (broken is None) or not starvation.lately():
                break
        return found


def demonstrations(parts: Iterable[Mapping[str, Proof]]) -> list[Demonstrations]:
    """Return jobs that prove all claims, a few at a time, those about one part of the platform together."""
    lists = (list(proofs.items()) for proofs in parts)
    return [
        Demonstrations(dict(every[first : first + AT_A_TIME]))
        for every in lists
        for first in range(0, len(every), AT_A_TIME)
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
