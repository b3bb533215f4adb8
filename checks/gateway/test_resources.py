"""Does the market service have room to work in? As the gateway reports it.

512 MB are planned for every service. The gateway's own process has no check: no route of it tells its memory.
"""

from checks.gateway import COMPREHENSIVE
from healthgate import below, check, megabytes, percent, reaching

RESOURCES = COMPREHENSIVE.at("data.system_resources")


@check(
    "gateway.system.memory",
    RESOURCES["memory_mb"],
    stays=below(512, megabytes, warning=reaching(512)),
    name="Memory of the market service",
    cause="memory grows or leaks",
    action="look at the trend since the start, take a heap snapshot, plan a restart",
    runbook="resources",
    every="5m",
)
@check(
    "gateway.system.cpu",
    RESOURCES["cpu_percent"],
    stays=below(70, percent, warning=reaching(70)),
    name="CPU of the market service",
    cause="a storm of messages, a hot loop, or too few cores",
    action="profile it and compare with the message rate",
    runbook="resources",
    every="5m",
)
def test_resources(verdict):
    """Memory and CPU of the market service stay within plan."""
    assert verdict.healthy, verdict
