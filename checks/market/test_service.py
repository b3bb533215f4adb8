"""Does the market service answer, and does everything in it run?"""

from checks import gateway
from checks.findings import listed
from checks.market import COMPREHENSIVE, DIAGNOSTICS, MARKET_DATA, MARKET_SERVICE, REDIS_CLUSTER, WEBSOCKET
from checks.market.closed import health_of_what_trades
from healthgate import (
    Facts,
    Measured,
    Source,
    Tier,
    Unit,
    Violated,
    answered,
    check,
    each,
    equals,
    exactly,
    measure,
    served,
    shown,
)
from healthgate.readings import Answer

services = Unit("services")

LISTENERS = ("binary_market_listener", "json_market_listener")
SERVICES = (
    *LISTENERS,
    "portfolio_calculator_listener",
    "provider_connection_manager",
    "provider_pending_monitor",
    "autocutoff_watcher",
    "health_monitor",
)
"""The background services, in the order in which they are started (spec 2.1)."""


def code(probe: Source) -> Source:
    """Return the status code of a route; a 200 that is no JSON object is a violation."""

    @measure(probe)
    def coded(answer: Answer) -> int:
        if answered(answer, MARKET_SERVICE).code == 200 and not isinstance(served(answer).raw, dict):
            raise Violated("it answered 200 without a JSON object")
        return answer.code

    return coded


@each(
    check(
        f"market.endpoint.debug[{name}]",
        code(probe.outcome),
        stays=equals(200),
        name=f"Diagnostic route {probe.path.rpartition('/')[2]}",
        cause="the service is down, its start failed, or one diagnostic raises an error",
        action="read the start-up log; call the other routes to see whether one block is broken or all",
        runbook="background-services",
        every="60s",
    )
    for name, probe in {
        "comprehensive": COMPREHENSIVE,
        "redis_cluster": REDIS_CLUSTER,
        "websocket": WEBSOCKET,
        "market_data": MARKET_DATA,
    }.items()
)
def test_diagnostic_routes(verdict):
    """Every diagnostic route answers."""
    assert verdict.healthy, verdict


@check(
    "market.system_health",
    health_of_what_trades(
        DIAGNOSTICS.at("system_health"),
        DIAGNOSTICS.at("market_data_diagnostics.data_freshness.freshness_rate"),
        COMPREHENSIVE.otherwise(gateway.COMPREHENSIVE),
    ),
    stays=equals("healthy", warning=exactly("degraded"), critical=Tier("not in", ("healthy", "degraded"))),
    name="Overall health as the market service tells it",
    cause="some part of the service is below its line",
    action="open the comprehensive body and find the block that fails",
    runbook="price-mismatch",
    every="60s",
    sums_up=["gateway.pool", "market.redis", "market.ws", "market.data", "market.services", "market.system"],
)
def test_overall_health(verdict):
    """The service calls itself healthy."""
    assert verdict.healthy, verdict


@measure(DIAGNOSTICS.at("service_status"))
def running(status: Facts) -> Measured:
    """How many of the seven background services run; a market listener that does not is a violation."""
    listed_services = status.members("services")
    states = {name: listed_services[name].text("state") for name in SERVICES if name in listed_services}
    states |= {name: "not listed" for name in SERVICES if name not in states}
    ill = [f"{name} is {shown(state)}" for name, state in states.items() if state != "running"]
    if any(states[name] != "running" for name in LISTENERS):
        raise Violated(f"a market listener does not run: {listed(ill)}")
    if ill:
        return Measured(len(SERVICES) - len(ill), listed(ill))
    counted = status.integer("running_count")
    return Measured(counted, "all states are running" if counted == len(SERVICES) else "while all states are running")


@check(
    "market.services.running",
    running,
    stays=equals(7, services, warning=Tier("!=", 7), critical=Tier("<=", 5)),
    name="Running background services",
    cause="a background service crashed and was not restarted",
    action="read its last_error, restart it through the service, and if that fails the process",
    runbook="background-services",
    every="60s",
)
def test_background_services(verdict):
    """All seven background services run."""
    assert verdict.healthy, verdict
