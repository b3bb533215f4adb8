"""How long a run was kept from going on when it was due: measured where it waits anyway, so that it costs nothing.

A machine that has no time for a run wakes it late. What was asked meanwhile may have been answered in time, and nobody
here could see it.
"""

from dataclasses import replace

from healthgate.claim.observation import Observation
from healthgate.scarce import STARVED

TICK = 0.05
"""Seconds after which a waiting run wakes at the latest, to see how late it is woken: a thousandth of one core."""

PUNCTUAL = 0.01
"""Seconds by which a waking may be late on a machine that has time: a turn of the scheduler, or of the interpreter."""

TOO_LONG = 0.2
"""Share of its deadline for which a late request may have been held up here: more, and it proves nothing of its target.

One whose target had four fifths of the deadline and more is as late as its target made it.
"""

NOTICED = 0.25
"""Seconds for which a request may be held up without a word of it: as much as it may be late before it is given up."""


class HeldUp:
    """The moments (monotonic seconds) at which a run was due and not yet running."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []

    def note(self, due: float, woken: float) -> None:
        """Take down that a run that was due at one moment was woken at another."""
        if woken - due > PUNCTUAL:
            self._spans.append((due, woken))

    def between(self, began: float, ended: float) -> float:
        """Return for how many seconds of a time the run was held up."""
        return sum(max(0.0, min(ended, woken) - max(began, due)) for due, woken in reversed(self._spans))

    def told(self, observation: Observation, began: float, ended: float, deadline: float) -> Observation:
        """Return an observation with how long it was held up here; one that is late for that is `starved`."""
        held = self.between(began, ended)
        if held <= NOTICED:
            return observation
        seen = replace(observation, held_up_ms=round(held * 1000, 3))
        if observation.status != "late" or held <= TOO_LONG * deadline:
            return seen
        return replace(seen, status=STARVED, error=f"{seen.held_up} ({observation.error})")
