"""Can the next request get a Redis connection? As the gateway reports it."""

from checks.findings import Findings
from checks.gateway import REDIS_CLUSTER
from healthgate import (
    WARNING,
    Facts,
    Measured,
    NoData,
    Source,
    Unit,
    above,
    at_most,
    below,
    check,
    each,
    equals,
    measure,
    ms,
    none,
    percent,
    reaching,
)

POOL = REDIS_CLUSTER.at("data.connection_pool")
CLUSTER = REDIS_CLUSTER.at("data.cluster_health")

connections = Unit("connections")
points = Unit("points")
tests = Unit("tests")


@check(
    "gateway.pool.utilization",
    POOL["utilization_percent"],
    stays=below(80, percent, warning=80, critical=90),
    name="Redis pool utilisation",
    cause="connections leaked or held by slow commands, or the pool is too small",
    action="list what holds connections; raise the limit or restart the leaking consumer before requests queue",
    runbook="redis-pool",
    every="30s",
)
@check(
    "gateway.pool.active_connections",
    POOL["active_connections"],
    stays=below(40, connections, warning=reaching(40)),
    name="Active Redis connections",
    cause="more concurrent use of Redis than planned, or connections that are not given back",
    action="compare with the utilisation and with the client list of Redis itself",
    runbook="redis-pool",
    every="30s",
)
@check(
    "gateway.pool.success_rate",
    POOL["connection_success_rate"],
    stays=above(95, percent, warning=95),
    name="Redis connection tests that succeed",
    cause="a Redis node refuses connections or lets them time out",
    action="see which symbols fail in connection_tests, map them to slots and nodes, check that node",
    runbook="redis-pool",
    every="30s",
)
@check(
    "gateway.redis.response_time",
    POOL["avg_response_time_ms"],
    stays=below(50, ms, expected=10, warning=100),
    name="Average Redis response",
    cause="Redis is overloaded, commands are slow, or the network between service and cluster is",
    action="look at the slow log and the node's CPU; compare with the single ping to tell network from load",
    runbook="redis-pool",
    every="30s",
)
def test_connection_pool(verdict):
    """Requests get a connection, quickly and reliably."""
    assert verdict.healthy, verdict


def failing(flag: str, otherwise: str) -> Source:
    """Return how many connection tests have `flag` false, and for which symbols."""

    @measure(POOL["connection_tests"])
    def counted(node: Facts) -> Measured:
        found = Findings()
        for one in node.elements():
            with found.examining():
                # the symbol only names the test: that it is well formed is for the contract to say
                named = one.has("symbol") and isinstance(one.at("symbol").raw, str)
                found.expect(one.boolean(flag), f"{one.text('symbol') if named else one.path} {otherwise}")
        if not node.elements():
            raise NoData(f"{node.path} is empty")
        return found.measured(f"of {len(node.elements())}")

    return counted


@check(
    "gateway.pool.tests_succeed",
    failing("success", "fails"),
    stays=none(tests, warning=0),
    name="Failing Redis connection tests",
    cause="one slot range or node fails while the average still looks good",
    action="work out the hash slots of the failing symbols and check the node that owns them",
    runbook="redis-pool",
    every="30s",
)
@check(
    "gateway.pool.tests_data_found",
    failing("data_found", "has no data"),
    stays=none(tests, warning=0),
    name="Redis connection tests without data",
    cause="price keys expired or were never written, although Redis answers",
    action="check both market listeners, then warm up",
    runbook="stale-data",
    every="60s",
)
def test_every_tested_symbol(verdict):
    """No tested symbol is left without a connection or without data."""
    assert verdict.healthy, verdict


@measure(CLUSTER["connected"], CLUSTER["ping_success"])
def reachable(connected: Facts, ping: Facts) -> Measured:
    """Whether the service is connected to the cluster and its ping comes back."""
    wrong = [words for node, words in ((connected, "not connected"), (ping, "no ping")) if node.raw is False]
    if wrong:
        return Measured(False, f"the gateway reports: {', '.join(wrong)}")
    return Measured(connected.boolean() and ping.boolean(), "connected, and the ping comes back")


@check(
    "gateway.redis.reachable",
    reachable,
    stays=equals(True),
    name="Redis cluster as the gateway sees it",
    cause="the cluster cannot be reached: containers stopped, network or name resolution broken",
    action="check the redis-node containers and their logs, restart the nodes, verify the cluster state",
    runbook="redis-cluster",
    every="30s",
)
def test_redis_cluster(verdict):
    """The service behind the gateway reaches its Redis cluster."""
    assert verdict.healthy, verdict


@measure(POOL)
def utilization_gap(pool: Facts) -> Measured:
    """Points between the reported utilisation and active over maximum connections."""
    reported, active = pool.number("utilization_percent"), pool.number("active_connections")
    most = pool.number("max_connections")
    if most <= 0:
        raise NoData(f"{pool.path}.max_connections is {most:g}, so there is no share of it")
    computed = 100 * active / most
    return Measured(_apart(reported, computed), f"{reported:g} % reported, {active:g} of {most:g} is {computed:.4g} %")


def all_listed(pool: Facts) -> bool:
    """Whether the list holds every connection test: only the body can say so, with how many were run (`tests_run`)."""
    return pool.has("tests_run") and pool.integer("tests_run") == len(pool.elements("connection_tests"))


@measure(POOL)
def success_gap(pool: Facts) -> Measured:
    """Points between the reported success rate and the share of tests that succeeded.

    Of a list that may be cut, only that it has what cannot be at 100 % or at 0 % is told.
    """
    outcomes = [one.boolean("success") for one in pool.elements("connection_tests")]
    if not outcomes:
        raise NoData(f"{pool.path}.connection_tests is empty")
    reported, computed = pool.number("connection_success_rate"), 100 * sum(outcomes) / len(outcomes)
    words = f"{reported:g} % reported, {sum(outcomes)} of {len(outcomes)} tests is {computed:.4g} %"
    impossible = (reported >= 100 and not all(outcomes)) or (reported <= 0 and any(outcomes))
    if not all_listed(pool) and not impossible:
        return Measured(0.0, f"{words}; these may not be all tests, so nothing contradicts")
    return Measured(_apart(reported, computed), words)


@measure(POOL)
def average_agrees(pool: Facts) -> Measured:
    """Whether the reported average is the mean of the successful tests, within 0.2 ms or 10 %, where all are listed."""
    times = [one.number("response_time_ms") for one in pool.elements("connection_tests") if one.boolean("success")]
    if not times:
        raise NoData(f"no test in {pool.path}.connection_tests succeeded")
    reported, mean = pool.number("avg_response_time_ms"), sum(times) / len(times)
    words = f"{reported:g} ms reported, the mean of {len(times)} tests is {mean:.4g} ms"
    if not all_listed(pool):
        return Measured(True, f"{words}; these may not be all tests, so nothing contradicts")
    agrees = _apart(reported, mean) <= max(0.2, 0.1 * mean)
    return Measured(agrees, words if agrees else f"{words}: more than 0.2 ms and 10 % apart")


def _apart(one: float, other: float) -> float:
    # without the noise of binary fractions, so that a difference that is allowed in print is allowed here
    return round(abs(one - other), 6)


@each(
    check(
        f"gateway.pool.arithmetic[{figure}]",
        reading,
        stays=limit,
        name=name,
        cause="the figures are of different moments or computed wrongly: thresholds then judge a wrong number",
        action="compare with the raw counters in the service and file a bug for this service with both figures",
        runbook="broken-contract",
        every="5m",
    )
    for figure, name, reading, limit in (
        ("utilization", "Gap in the pool utilisation", utilization_gap, at_most(0.5, points, warning=0.5)),
        ("success_rate", "Gap in the connection success rate", success_gap, at_most(0.5, points, warning=0.5)),
        ("average", "Average Redis response recomputed", average_agrees, equals(True, otherwise=WARNING)),
    )
)
def test_arithmetic(verdict):
    """The pool figures agree with each other."""
    assert verdict.healthy, verdict
