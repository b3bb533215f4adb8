"""The share of cleanups that fail, of those in a time."""

from checks.sse import FALLING, METRICS
from healthgate import Measured, NotYet, Source, measure, share, together
from healthgate.readings import Growth

ERRORS, CLEANUPS = "sse_cleanup_errors_total", "sse_cleanup_total"
"""The counters on the metrics page, which says when the process began that counts."""


FEWEST = 20
"""Cleanups of which a share is told: of fewer, a single failure looks like an outage."""


def failing(over: str, fewest: int = FEWEST, chance: int = 0) -> Source:
    """Return the percent of at least so many cleanups that failed over a time; of `chance` failures, none."""

    @measure(together(METRICS[ERRORS], METRICS[CLEANUPS], over=over, explained_by=FALLING))
    def counted(grown: tuple[Growth, Growth]) -> Measured:
        errors, cleanups = grown
        when = str(cleanups).partition(" ")[2]
        if 0 < errors.increase <= chance and cleanups.increase >= fewest:
            return Measured(0.0, f"{errors.increase:.3g} of {cleanups.increase:.6g} cleanups {when}, which is chance")
        return told(errors.increase, cleanups.increase, when, fewest)

    return counted


def told(errors: float, cleanups: float, when: str, fewest: int = FEWEST) -> Measured:
    """Return the percent of cleanups that failed; NotYet where there were fewer than a share is told of."""
    if round(cleanups) < fewest:
        raise NotYet(f"{errors:.3g} of {cleanups:.3g} cleanups failed {when}, and a share is told of {fewest} at least")
    return share(errors, cleanups, f"cleanups {when}")
