"""Does the JSON body look as its readers expect?"""

from checks.contract import Shape, kept, number, one_of, under, utc, whole
from checks.wsmanager import JSON, PRODUCTION, STAGING
from healthgate import Unit, check, none

deviations = Unit("deviations")

METRICS: Shape = {
    "activeConnections": whole(0),
    "retryCount": whole(0),
    "streamCreations": whole(0),
    "streamCleanups": whole(0),
    "activeConnectionsHwm": whole(0),
    "errors": whole(0),
    "uptimeSeconds": number(0),
}

BODY: Shape = {
    "status": one_of("healthy", "degraded", "unhealthy"),
    "timestamp": utc,
    "environment": one_of(PRODUCTION, STAGING),
    **under("metrics", METRICS),
}


@check(
    "wsmanager.contract.json",
    kept(JSON.at(""), BODY),
    stays=none(deviations, critical=0),
    name="Shape of the manager's JSON metrics",
    cause="the body changed without its readers",
    action="compare the body with the contract; shell monitors put 0 for a missing figure and hide this",
    runbook="broken-contract",
    every="5m",
)
def test_json_body(verdict):
    """The JSON body holds every metric with its type and range."""
    assert verdict.healthy, verdict
