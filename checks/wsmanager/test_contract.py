"""Does the JSON body look as its readers expect?"""

from checks.bodies import wsmanager as bodies
from checks.contract import kept
from checks.wsmanager import JSON
from healthgate import Unit, check, none

deviations = Unit("deviations")


@check(
    "wsmanager.contract.json",
    kept(JSON.at(""), bodies.BODY),
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
