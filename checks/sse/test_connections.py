"""Are connections counted right, and are there as many and as old ones as there may be?"""

from checks.sse import COUNTER, MONITORING, REDIS
from healthgate import DOWN, WARNING, Facts, Measured, NoData, Unit, at_most, check, equals, measure, shown
from healthgate.readings import NodeAnswer

STATS = MONITORING.at("connection_stats")
CLASSES = MONITORING.at("cleanup_stats")

connections = Unit("connections")

PONG_WITHIN = 1000.0
"""Milliseconds in which Redis must have answered."""


@measure(STATS)
def apart(stats: Facts) -> Measured:
    """By how many the connections counted by the service and in Redis differ."""
    here, there = stats.integer("active_connections"), stats.integer("redis_connection_counters")
    return Measured(abs(here - there), f"{here} open at the service, {there} counted in Redis")


@measure(STATS["redis_connection_counters"], REDIS)
def counter_apart(reported: Facts, answers: dict[str, NodeAnswer]) -> Measured:
    """By how many the reported counter is away from the one in Redis; a key that is not there counts nothing."""
    (answer,) = answers.values()
    kept = answer.reply(COUNTER)
    if kept is not None and not (isinstance(kept, str) and kept.removeprefix("-").isdecimal() and len(kept) < 12):
        raise NoData(f"{COUNTER.removeprefix('GET ')} in Redis is {shown(kept)}, not a whole number")
    there = int(kept or 0)
    told = "there is no such key in Redis" if kept is None else f"Redis has {there}"
    return Measured(abs(reported.integer() - there), f"the service reports {reported.integer()}, {told}")


@measure(REDIS)
def redis_answers(answers: dict[str, NodeAnswer]) -> Measured:
    """Whether Redis answers a ping within a second."""
    (answer,) = answers.values()
    if answer.status in DOWN or answer.status == "late":
        return Measured(False, answer.error)
    pong = answer.reply("PING")
    took = f"answered in {answer.took_ms:.1f} ms"
    if pong != "PONG":
        return Measured(False, f"PING was answered with {shown(pong)}")
    return Measured(answer.took_ms <= PONG_WITHIN, took)


@measure(CLASSES, STATS["active_connections"])
def classes_apart(classes: Facts, total: Facts) -> Measured:
    """By how many stale and active connections together differ from all."""
    stale, active = classes.integer("stale"), classes.integer("active")
    return Measured(abs(stale + active - total.integer()), f"{stale} stale and {active} active of {total.integer()}")


@measure(CLASSES, STATS["active_connections"])
def ages_nest(classes: Facts, total: Facts) -> Measured:
    """Whether those older than six hours are among those older than one, and these among all."""
    oldest, old = classes.integer("very_old"), classes.integer("long_lived")
    said = f"{oldest} older than 6 h, {old} older than 1 h, {total.integer()} in all"
    return Measured(oldest <= old <= total.integer(), said)


@check(
    "sse.connections.mismatch",
    apart,
    stays=at_most(10, connections, critical=10),
    name="Connections of the SSE service and their counter in Redis",
    cause="Redis could not be reached for a while, or connections end without being counted down",
    action="check Redis, then compare the counter, then see whether opening and closing one stream moves both",
    runbook="connection-mismatch",
    every="60s",
)
@check(
    "sse.connections.redis_direct",
    counter_apart,
    stays=at_most(2, connections, warning=2),
    name="Reported counter of the connections against Redis",
    cause="the service reports a kept figure, or counts under another key",
    action="compare the key and its value with what the service reads",
    runbook="connection-mismatch",
    every="2m",
    attempts=3,
)
@check(
    "sse.redis.reachable",
    redis_answers,
    stays=equals(True),
    name="The Redis of the SSE service, asked directly",
    cause="Redis is down, or does not let us in",
    action="check the Redis process and its log",
    runbook="connection-mismatch",
    every="60s",
)
@check(
    "sse.connections.count",
    STATS["active_connections"],
    stays=at_most(1000, connections, warning=1000),
    name="Open event streams",
    cause="growth, or connections that are not closed",
    action="compare with the age classes; plan capacity",
    runbook="stale-connections",
    every="60s",
)
def test_connections(verdict):
    """The service and Redis count the same, and not too many."""
    assert verdict.healthy, verdict


@check(
    "sse.connections.stale",
    CLASSES["stale"],
    stays=at_most(50, connections, warning=50),
    name="Stale event streams",
    cause="the cleanup comes too rarely, or its batches are too small",
    action="lower the stale threshold or clean more often",
    runbook="stale-connections",
    every="60s",
)
@check(
    "sse.connections.very_old",
    CLASSES["very_old"],
    stays=at_most(10, connections, warning=10),
    name="Event streams older than six hours",
    cause="clients that never connect anew, or dead peers that are kept",
    action="look at their clients; close them in batches",
    runbook="stale-connections",
    every="60s",
)
@check(
    "sse.connections.partition",
    classes_apart,
    stays=at_most(2, connections, warning=2),
    name="Stale and active event streams against all",
    cause="the classes are counted at another moment or by another rule",
    action="file a bug for this service with both figures",
    runbook="broken-contract",
    every="2m",
)
@check(
    "sse.connections.age_order",
    ages_nest,
    stays=equals(True, otherwise=WARNING),
    name="Age classes of the event streams",
    cause="the ages are computed wrongly",
    action="check the clock and the times at which connections began",
    runbook="broken-contract",
    every="2m",
)
def test_age_classes(verdict):
    """Connections are neither stale nor very old, and their classes add up."""
    assert verdict.healthy, verdict
