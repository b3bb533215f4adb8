"""The share of cleanups that fail, of those in a time."""

from checks.sse import FALLING, METRICS
from healthgate import Measured, Source, measure, share, together
from healthgate.readings import Growth

ERRORS, CLEANUPS = "sse_cleanup_errors_total", "sse_cleanup_total"
"""The counters on the metrics page, which says when the process began that counts."""


def failing(over: str) -> Source:
    """Return the percent of cleanups that failed over a time, as far as this run and those before it have seen them."""

    @measure(together(METRICS[ERRORS], METRICS[CLEANUPS], over=over, explained_by=FALLING))
    def counted(grown: tuple[Growth, Growth]) -> Measured:
        errors, cleanups = grown
        when = str(cleanups).partition(" ")[2]
        return share(errors.increase, cleanups.increase, f"cleanups {when}", of_nothing=0)

    return counted
