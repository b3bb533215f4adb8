"""Is a new version of the WebSocket manager no worse than the one that runs? Both read at the same ticks (spec 4.9)."""

from checks.wsmanager import CREATED, ERRORS, METRICS, RETRIES, SERVER
from healthgate import Recorded, Unit, compare, events, no_more

ALLOWED = 0.01
"""Retries and errors for each new stream that nobody minds: the percentage point that the canary may have on top."""

RECORDED = Recorded(SERVER, "environment")


@compare(
    "wsmanager.rollout.retries",
    events(METRICS[RETRIES], of=METRICS[CREATED]),
    stays=no_more(Unit("retries"), allowed=ALLOWED),
    name="Retries for each new stream",
    cause="the new version reconnects more: a regression",
    action="roll back: weight 0 and USE_NEW_WS_MANAGER=false; compare the logs of both",
    runbook="canary",
    recorded=RECORDED,
)
@compare(
    "wsmanager.rollout.errors",
    events(METRICS[ERRORS], of=METRICS[CREATED]),
    stays=no_more(Unit("errors"), allowed=ALLOWED),
    name="Errors of new streams",
    cause="the new version fails more often",
    action="roll back: weight 0 and USE_NEW_WS_MANAGER=false; compare the kinds of errors",
    runbook="canary",
    recorded=RECORDED,
)
def test_rollout(verdict):
    """The new version neither retries nor fails more often."""
    assert verdict.healthy, verdict
