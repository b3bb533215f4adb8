"""Do the market service's bodies look as their readers expect?"""

from checks.bodies import market as bodies
from checks.contract import kept
from checks.gateway import QUICK_HEALTH
from checks.market import COMPREHENSIVE, MARKET_DATA_DIAGNOSTICS, REDIS_DIAGNOSTICS, WEBSOCKET_DIAGNOSTICS
from healthgate import Unit, check, each, none

deviations = Unit("deviations")


@each(
    check(
        f"market.contract.{name}",
        kept(body.at(""), shape),
        stays=none(deviations, critical=0),
        name=f"Shape of the service's {name.replace('_', '-')} body",
        cause=cause,
        action="compare the body with the contract; shell monitors put 0 for a missing figure and hide this",
        runbook="broken-contract",
        every="5m",
    )
    for name, body, shape, cause in (
        ("redis_cluster", REDIS_DIAGNOSTICS, bodies.REDIS_CLUSTER, "the body changed without its readers"),
        ("websocket", WEBSOCKET_DIAGNOSTICS, bodies.WEBSOCKET, "the body changed without its readers"),
        ("market_data", MARKET_DATA_DIAGNOSTICS, bodies.MARKET_DATA, "the body changed without its readers"),
        (
            "comprehensive",
            COMPREHENSIVE,
            bodies.EVERYTHING,
            "the body changed, or one block fails and is silently left out",
        ),
    )
)
def test_diagnostic_bodies(verdict):
    """The diagnostic bodies hold every member with its type and range."""
    assert verdict.healthy, verdict


@check(
    "market.contract.quick_health",
    kept(QUICK_HEALTH.at("data"), bodies.QUICK),
    stays=none(deviations, warning=0),
    name="Shape of the quick health body",
    cause="the body changed without its readers",
    action="compare the body with the contract",
    runbook="broken-contract",
    every="5m",
)
def test_quick_health(verdict):
    """The first-look indicators have the right types."""
    assert verdict.healthy, verdict
