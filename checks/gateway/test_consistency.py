"""Does the gateway tell what the market service and Redis tell when they are asked directly?"""

from checks.findings import Findings
from checks.gateway import COMPREHENSIVE, REDIS_CLUSTER, WEBSOCKET_TO_REDIS_LATER
from checks.market import MARKET_DATA, REDIS, SYMBOLS, WEBSOCKET, WEBSOCKET_LATER
from checks.market import REDIS_CLUSTER as SERVICE_REDIS_CLUSTER
from checks.market.stored import FRESH_WITHIN, prices
from healthgate import CRITICAL, Facts, Measured, NoData, Unit, at_most, check, equals, measure, none, shown
from healthgate.readings import Answer, NodeAnswer

deviations = Unit("deviations")
points = Unit("points")

TOLERATED = {"utilization_percent": 5, "active_connections": 3, "connection_success_rate": 5}
"""How far two views of a pool figure may be apart: points for percentages, else a count."""


@measure(REDIS_CLUSTER.at("data.connection_pool"), SERVICE_REDIS_CLUSTER.at("connection_pool"))
def pool_deviations(seen: Facts, told: Facts) -> Measured:
    """How many pool figures differ between gateway and service."""
    found = Findings()
    for name, tolerance in TOLERATED.items():
        with found.examining():
            here, there = seen.number(name), told.number(name)
            words = f"{name} is {here:g} at the gateway, {there:g} at the service"
            found.expect(round(abs(here - there), 6) <= tolerance, words)
    return found.measured()


@measure(
    COMPREHENSIVE.at("data.market_data_diagnostics.data_freshness.freshness_rate"),
    MARKET_DATA.at("data_freshness.freshness_rate"),
    REDIS,
    SYMBOLS,
)
def freshness_spread(seen: Facts, told: Facts, answers: dict[str, NodeAnswer], symbols: list[str]) -> Measured:
    """Points between the highest and the lowest freshness: gateway, service, recomputed from Redis."""
    stored = prices(answers)
    fresh = sum(stored[symbol].age <= FRESH_WITHIN for symbol in symbols if symbol in stored)
    if not symbols:
        raise NoData("the profile names no symbols")
    rates = {"gateway": seen.number(), "service": told.number(), "Redis": 100 * fresh / len(symbols)}
    words = ", ".join(f"{where} {rate:.4g} %" for where, rate in rates.items())
    return Measured(round(max(rates.values()) - min(rates.values()), 6), words)


@measure(WEBSOCKET, WEBSOCKET_TO_REDIS_LATER.at("data.websocket_status"), WEBSOCKET_LATER)
def listener_deviations(before: Answer, gateway: Facts, after: Answer) -> Measured:
    """In how many ways gateway and service disagree on the listener; the service is read before and after."""
    found = Findings()
    with found.examining():
        running = {read.body().boolean("connection_status.is_running") for read in (before, after)}
        seen = gateway.boolean("is_running")
        words = f"the gateway says is_running {shown(seen)}, the service {shown(not seen)}"
        found.expect(seen in running, words)
    with found.examining():
        low, high = (read.body().integer("performance.messages_processed") for read in (before, after))
        count = gateway.integer("messages_processed")
        words = f"the gateway counts {count} messages, the service {low} before and {high} after"
        found.expect(low <= count <= high, words)
    return found.measured()


@measure(
    REDIS_CLUSTER.at("data.cluster_health.cluster_state"),
    SERVICE_REDIS_CLUSTER.at("cluster_health.cluster_state"),
    REDIS,
)
def states_agree(seen: Facts, told: Facts, answers: dict[str, NodeAnswer]) -> Measured:
    """Whether gateway, service and every node give the same cluster state."""
    states = {"gateway": seen.text(), "service": told.text()}
    for node, answer in answers.items():
        info = answer.reply("CLUSTER INFO")
        state = info.get("cluster_state") if isinstance(info, dict) else None
        if not isinstance(state, str):
            raise NoData(f"{node} gives no cluster_state")
        states[node] = state
    same = len(set(states.values())) == 1
    words = f"all say {shown(seen.text())}" if same else ", ".join(f"{who} {shown(s)}" for who, s in states.items())
    return Measured(same, words)


@check(
    "gateway.consistency.pool",
    pool_deviations,
    stays=none(deviations, warning=0),
    name="Pool figures, gateway against service",
    cause="a cache in the gateway, a wrong upstream, or an error in converting units",
    action="compare instances and timestamps of the two bodies",
    runbook="broken-contract",
    every="5m",
    requires=("gateway.reachable",),
    attempts=3,
)
@check(
    "gateway.consistency.freshness",
    freshness_spread,
    stays=at_most(5, points, warning=5, critical=20),
    name="Freshness, gateway and service against Redis",
    cause="diagnostics are computed from memory while Redis holds old prices, which hides a price mismatch",
    action="believe the figure from Redis, and compare the prices on the three legs",
    runbook="price-mismatch",
    every="2m",
    requires=("gateway.reachable",),
    attempts=3,
)
@check(
    "gateway.consistency.websocket",
    listener_deviations,
    stays=none(deviations, warning=0),
    name="Listener, gateway against service",
    cause="a cache in the gateway, or it talks to another instance",
    action="compare instances and timestamps of the two bodies",
    runbook="broken-contract",
    every="5m",
    requires=("gateway.reachable",),
)
@check(
    "gateway.consistency.redis_state",
    states_agree,
    stays=equals(True, otherwise=CRITICAL),
    name="Redis cluster state, gateway and service against Redis",
    cause="diagnostics report a cached state while the cluster is in another",
    action="believe the direct answer, and follow the Redis cluster page",
    runbook="redis-cluster",
    every="60s",
    requires=("gateway.reachable",),
)
def test_views(verdict):
    """What the gateway tells is what is."""
    assert verdict.healthy, verdict
