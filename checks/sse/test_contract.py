"""Do the monitoring data look as their readers expect?"""

from checks.bodies import sse as bodies
from checks.contract import kept
from checks.sse import MONITORING
from healthgate import Unit, check, none

deviations = Unit("deviations")


@check(
    "sse.contract.monitoring",
    kept(MONITORING.at(""), bodies.BODY),
    stays=none(deviations, critical=0),
    name="Shape of the SSE monitoring data",
    cause="the body changed without its readers",
    action="compare the body with the contract; shell monitors put 0 for a missing figure and hide this",
    runbook="broken-contract",
    every="5m",
)
def test_monitoring_body(verdict):
    """The monitoring data hold every member with its type and range."""
    assert verdict.healthy, verdict
