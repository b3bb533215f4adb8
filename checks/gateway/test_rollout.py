"""Does a new version of the gateway use Redis as sparingly as the one that runs? Both read at the same ticks."""

from checks.gateway import REDIS_CLUSTER
from healthgate import compare, no_more, percent

ALLOWED = 40.0
"""Percent of the pool that may be in use whatever the old version needs: half of what warns."""


@compare(
    "gateway.rollout.pool_utilization",
    REDIS_CLUSTER.at("data.connection_pool.utilization_percent"),
    stays=no_more(percent, allowed=ALLOWED),
    name="Redis pool utilisation",
    cause="the new version leaks connections, or holds them for longer",
    action="roll back; list what holds connections",
    runbook="redis-pool",
)
def test_rollout(verdict):
    """The new version takes no larger part of the pool."""
    assert verdict.healthy, verdict
