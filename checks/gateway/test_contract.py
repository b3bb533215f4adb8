"""Do the gateway's bodies look as their readers expect?"""

from checks.bodies import gateway as bodies
from checks.contract import kept
from checks.gateway import COMPREHENSIVE, REDIS_CLUSTER, SUMMARY, WEBSOCKET_TO_REDIS
from healthgate import Unit, check, each, none

deviations = Unit("deviations")


@each(
    check(
        f"gateway.contract.{name}",
        kept(probe.at(""), shape),
        stays=none(deviations, critical=0),
        name=f"Shape of the {name.replace('_', '-')} body",
        cause="the market service, the gateway and the monitors no longer agree on the body",
        action="find the deploy that changed it; shell monitors put 0 for a missing figure and hide this",
        runbook="broken-contract",
        every="5m",
        requires=("gateway.reachable",),
    )
    for name, probe, shape in (
        ("redis_cluster", REDIS_CLUSTER, bodies.REDIS_CLUSTER),
        ("comprehensive", COMPREHENSIVE, bodies.COMPREHENSIVE),
        ("websocket_to_redis", WEBSOCKET_TO_REDIS, bodies.WEBSOCKET_TO_REDIS),
    )
)
def test_debug_bodies(verdict):
    """The debug bodies hold every member with its type and range."""
    assert verdict.healthy, verdict


@check(
    "gateway.contract.summary",
    kept(SUMMARY.at(""), bodies.SUMMARY),
    stays=none(deviations, warning=0),
    name="Shape of the summary",
    cause="the formatting changed, which breaks dashboards that read these texts",
    action="restore the format, or give the endpoint a new version",
    runbook="broken-contract",
    every="5m",
    requires=("gateway.reachable",),
)
def test_summary(verdict):
    """The summary has its six members, figures with their unit attached."""
    assert verdict.healthy, verdict
