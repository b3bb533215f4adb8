"""What cannot be told yet, in words: how much of the time it takes was seen, and which look would end the waiting.

Lines and windows are spoken of in seconds of production. When to look again, and for how long, is of this machine's
clock, of which each second is `scale` seconds of production.
"""

import math
from collections.abc import Sequence

from healthgate.claim.limit import Tier
from healthgate.claim.tally import LONGEST, NotYet
from healthgate.claim.window import WIDEST_GAP, Held, Sample, followed, held, interval, lacking, missing
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


def so_far(tier: Tier, samples: Sequence[Sample], cadence: float, scale: float, needs: str) -> str:
    """Return how much of what `tier` asks for the last of `samples` and those before it make up, and how to end it.

    `cadence` is how often the check is meant to be run, in seconds of the samples' clock.
    """
    left = lacking(tier, samples, cadence, scale) or 0.0
    if tier.rises:
        known, asked = f"{_about(followed(samples, cadence) * scale)}", spoken(tier.rises * tier.each)
        within, alone = interval(tier, cadence, scale), tier.rises * tier.each / scale
    else:
        found = held(tier, samples, cadence)
        known, asked = _about(found.seconds * scale), spoken(tier.sustained)
        if not tier.sustained:
            known, asked = f"{found.samples}", f"{tier.samples} samples in a row"
        within, alone = WIDEST_GAP * cadence, missing(tier, Held(0.0, 1), cadence, scale)
    sample = option(alone if needs else left)
    return f"{known} of {asked} so far: look again within {_about(within)}{needs}, or run with --sample {sample}"


def option(seconds: float) -> str:
    """Return a duration as an option takes it, no shorter than `seconds`."""
    return spoken(max(1.0, float(math.ceil(round(seconds, 3))))).replace(" ", "")


def _about(seconds: float) -> str:
    """Return seconds as people say them: whole ones above ten, and none as 0 s."""
    return spoken(float(round(seconds)) if seconds >= 10 else round(seconds, 1)) if seconds >= 0.05 else "0 s"
