"""Does the market service have room to work in? As it reports itself."""

from checks.market import DIAGNOSTICS
from healthgate import Unit, below, check, megabytes, percent, reaching

RESOURCES = DIAGNOSTICS.at("system_resources")

connections = Unit("connections")


@check(
    "market.system.memory_percent",
    RESOURCES["memory_percent"],
    stays=below(80, percent, warning=reaching(80)),
    name="Memory in use where the service runs",
    cause="host or container is short of memory",
    action="find the largest process; compare with the memory of the service",
    runbook="resources",
    every="5m",
)
@check(
    "market.system.memory_rss",
    RESOURCES["memory_mb"],
    stays=below(512, megabytes, warning=1024),
    name="Resident memory of the service",
    cause="memory leaks",
    action="look at the trend since the start, take a heap snapshot, plan a restart",
    runbook="resources",
    every="5m",
)
@check(
    "market.system.cpu",
    RESOURCES["cpu_percent"],
    stays=below(70, percent, warning=80),
    name="CPU of the service",
    cause="a storm of messages, or a hot loop",
    action="profile it and compare with the message rate",
    runbook="resources",
    every="5m",
)
@check(
    "market.system.connection_count",
    RESOURCES["connection_count"],
    stays=below(200, connections, warning=reaching(200)),
    name="Open connections of the service",
    cause="sockets are leaked",
    action="list the open sockets by peer",
    runbook="resources",
    every="5m",
)
def test_resources(verdict):
    """Memory, CPU and sockets stay within plan."""
    assert verdict.healthy, verdict
