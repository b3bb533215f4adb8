"""Does a new version of the SSE service clean up as well as the one that runs? Both read at the same ticks."""

from checks.sse import METRICS
from checks.sse.failures import CLEANUPS, ERRORS
from healthgate import Unit, compare, events, no_more

ALLOWED = 0.05
"""Cleanups that may fail: the share below which the error rate is healthy: what warns is above it."""


@compare(
    "sse.rollout.cleanup_errors",
    events(METRICS[ERRORS], of=METRICS[CLEANUPS]),
    stays=no_more(Unit("errors"), allowed=ALLOWED),
    name="Cleanups that fail",
    cause="the new version closes connections or counts them in Redis otherwise",
    action="roll back; read the error lines and their pattern",
    runbook="cleanup-errors",
)
def test_rollout(verdict):
    """The cleanup of the new version fails no more often."""
    assert verdict.healthy, verdict
