"""What both kinds of streams have in common: how one connection is listened to, and what it brought."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

from healthgate.claim.observation import Observation
from healthgate.claim.system import System
from healthgate.printable import printable
from healthgate.secret import Redactor

CHUNK = 65_536
"""Bytes that are read at a time."""


class BrokenProbeError(Exception):
    """What decides whether enough has come failed; the text says how."""


def never() -> Callable[[Any], bool]:
    """Return what never finds that enough has come."""
    return lambda _: False


def seconds(settings: System, length: float | str) -> float:
    """Return `length` in seconds: a number, or what the setting of that name holds."""
    return float(getattr(settings, length) if isinstance(length, str) else length)


class Course:
    """How one connection is listened to: the steps it took, by what and why it ended."""

    redactor: Redactor
    steps: dict[str, float]
    ended: str
    ending: str

    def is_enough(self, enough: Callable[[Any], bool], came: object) -> bool:
        """Ask a check whether what has come is enough; BrokenProbeError where it cannot say."""
        try:
            return enough(came)
        except Exception as problem:
            words = f"{type(problem).__name__}: {self.redactor.text(printable(problem))}"
            raise BrokenProbeError(f"the probe itself is broken: {words}") from problem

    def reached(self, step: str, began: float) -> None:
        """Note in how many milliseconds a step was done that `began` then."""
        self.steps[step] = round((time.monotonic() - began) * 1000, 3)

    def end(self, ended: str, ending: str) -> None:
        """Note by what listening ended, in one word, and why."""
        self.ended, self.ending = ended, ending


class Brought:
    """What one connection brought. `status` and `error` as in Observation: answered means that it was open."""

    all_steps: ClassVar[tuple[str, ...]] = ()

    def __init__(self, observation: Observation) -> None:
        self.status = observation.status
        self.error = observation.error or ""
        self.facts = observation.facts

    @property
    def steps(self) -> dict[str, float]:
        """Milliseconds each step took that succeeded, in their order."""
        return dict(self.facts.get("steps", {}))

    @property
    def failed_step(self) -> str | None:
        """The first step that did not succeed; None if all did, or if it cannot be told."""
        missing = [step for step in self.all_steps if step not in self.steps]
        return missing[0] if missing and "steps" in self.facts else None

    @property
    def code(self) -> int | None:
        """The HTTP status of the answer, if it was read; of a WebSocket, the one with which it was refused."""
        code = self.facts.get("code")
        return int(code) if code is not None else None

    @property
    def count(self) -> int:
        """How many messages or events came."""
        return int(self.facts.get("count", 0))

    @property
    def listened_s(self) -> float:
        """Seconds between the opening and the end of listening."""
        return float(self.facts.get("listened_s", 0.0))

    @property
    def ended(self) -> str:
        """Why listening ended: enough, time, most, closed (by the server), reset, oversized or malformed."""
        return str(self.facts.get("ended", ""))

    @property
    def ending(self) -> str:
        """Why listening ended, in words."""
        return str(self.facts.get("ending", self.error))

    @property
    def largest_gap_ms(self) -> float | None:
        """The longest silence while listening, the ones before the first and after the last sign included."""
        return self._number("largest_gap_ms")

    def _number(self, name: str) -> float | None:
        found = self.facts.get(name)
        return float(found) if found is not None else None
