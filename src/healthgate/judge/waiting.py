"""What cannot be told yet, in words: how much of the time it takes was seen, and which look would end the waiting."""

import math

from healthgate.claim.tally import LONGEST, NotYet
from healthgate.duration import spoken

KEPT, NOT_KEPT = "", " with --history FILE"
"""What a later run needs beside being in time, where this one kept a history and where it did not."""


def not_known(nothing: NotYet, needs: str) -> str:
    """Return why there is nothing to say yet, and what would settle it; `needs` is `KEPT` or `NOT_KEPT`."""
    words = f"not known yet: {nothing}"
    if not nothing.lacking or not nothing.grown:
        return words
    growth = nothing.grown[0]
    window = (growth.window or 0.0) / growth.scale
    soonest, latest = _about(nothing.lacking), _about(window * LONGEST)
    return f"{words}; look again in {soonest} to {latest}{needs}, or run with --sample {option(window)}"


def option(seconds: float) -> str:
    """Return a duration as an option takes it, no shorter than `seconds`."""
    return spoken(max(1.0, float(math.ceil(round(seconds, 3))))).replace(" ", "")


def _about(seconds: float) -> str:
    """Return seconds as people say them: whole ones above ten, and none as 0 s."""
    return spoken(float(round(seconds)) if seconds >= 10 else round(seconds, 1)) if seconds >= 0.05 else "0 s"
