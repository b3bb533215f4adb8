"""Is the Redis cluster well? As the market service reports it, and as its nodes say themselves."""

from typing import Any

from checks.findings import Findings
from checks.market import REDIS, REDIS_DIAGNOSTICS
from healthgate import (
    CRITICAL,
    DOWN,
    Facts,
    Measured,
    NoData,
    Unit,
    Violated,
    below,
    check,
    equals,
    measure,
    ms,
    none,
    reaching,
    shown,
    stated,
)
from healthgate.readings import NodeAnswer

CLUSTER = REDIS_DIAGNOSTICS.at("cluster_health")

nodes = Unit("nodes")
faults = Unit("faults")

SLOTS = 16384
"""Hash slots of a Redis cluster; each must be served by some node."""

MASTERS = 3
"""Nodes the cluster has at least (spec 2.1)."""


@check(
    "market.redis.connected",
    stated(CLUSTER["connected"], true="the service is connected", false="the service reports no connection"),
    stays=equals(True, otherwise=CRITICAL),
    name="Redis connection of the market service",
    cause="the Redis cluster is in trouble",
    action="look at the redis-node containers and follow the Redis cluster page",
    runbook="redis-cluster",
    every="30s",
)
@check(
    "market.redis.cluster_state",
    CLUSTER["cluster_state"],
    stays=equals("ok"),
    name="Redis cluster state",
    cause="hash slots are uncovered, or a master is lost",
    action="check the node containers and their logs, restart the three nodes if needed, read the state again",
    runbook="redis-cluster",
    every="30s",
)
@check(
    "market.redis.ping_success",
    stated(CLUSTER["ping_success"], true="the ping came back", false="the service's ping did not come back"),
    stays=equals(True, otherwise=CRITICAL),
    name="Redis ping of the market service",
    cause="the Redis cluster cannot be reached",
    action="check the redis-node containers",
    runbook="redis-cluster",
    every="30s",
)
@check(
    "market.redis.ping_time",
    CLUSTER["ping_time_ms"],
    stays=below(50, ms, expected=10, warning=50, critical=reaching(100)),
    name="Redis ping time",
    cause="network latency, or a node that is overloaded",
    action="compare the ping times of the nodes and check the load of their hosts",
    runbook="redis-pool",
    every="30s",
)
def test_as_reported(verdict):
    """The market service reaches its Redis cluster, and quickly."""
    assert verdict.healthy, verdict


@measure(CLUSTER["nodes"])
def unhealthy_nodes(listing: Facts) -> Measured:
    """How many of the listed nodes are unhealthy; a list of fewer than three is a violation."""
    found = Findings()
    for node in listing.elements():
        with found.examining():
            name = node.text("name") if node.has("name") else node.path
            found.expect(node.boolean("healthy"), f"{name} is unhealthy")
    if len(listing.elements()) < MASTERS:
        raise Violated(f"the service lists {len(listing.elements())} nodes, fewer than {MASTERS}")
    return found.measured(f"of {len(listing.elements())}")


@check(
    "market.redis.nodes_healthy",
    unhealthy_nodes,
    stays=none(nodes, warning=0, critical=reaching(2)),
    name="Unhealthy Redis nodes",
    cause="a node container has stopped while the cluster still answers",
    action="find the stopped redis-node container, read its log, restart it",
    runbook="redis-cluster",
    every="30s",
)
def test_every_node(verdict):
    """Every node of the cluster is healthy, and there are at least three."""
    assert verdict.healthy, verdict


@measure(REDIS)
def direct_faults(answers: dict[str, NodeAnswer]) -> Measured:
    """How many faults the nodes show when asked themselves: no answer to PING, or a cluster that is not whole."""
    found = Findings()
    for node, answer in answers.items():
        if answer.status in DOWN:
            found.offenders.append(f"{node}: {answer.error}")
        elif answer.status != "answered":
            found.doubts.append(f"{node}: {answer.error}")
        else:
            _examine(found, node, answer.facts.get("replies"))
    if len(answers) < MASTERS:
        found.doubts.append(f"the profile names {len(answers)} nodes, fewer than {MASTERS}")
    return found.measured(f"of {len(answers)} nodes")


def _examine(found: Findings, node: str, replies: Any) -> None:
    ping = replies.get("PING") if isinstance(replies, dict) else None
    found.expect(ping == "PONG", f"{node} answered PING with {_said(ping)}")
    info = replies.get("CLUSTER INFO") if isinstance(replies, dict) else None
    if not isinstance(info, dict) or "error" in info:
        found.offenders.append(f"{node} answered CLUSTER INFO with {_said(info)}")
        return
    state = info.get("cluster_state")
    found.expect(state == "ok", f"{node} says that the cluster state is {_said(state)}")
    for name, sound, wanted in (
        ("cluster_slots_ok", lambda slots: slots == SLOTS, f"{SLOTS}"),
        ("cluster_slots_fail", lambda slots: slots == 0, "0"),
        ("cluster_known_nodes", lambda known: known >= MASTERS, f"at least {MASTERS}"),
    ):
        with found.examining():
            count = _count(info, name, node)
            found.expect(sound(count), f"{node} says {name} {count}, not {wanted}")


def _count(info: dict[str, Any], name: str, node: str) -> int:
    text = info.get(name)
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 12:
        raise NoData(f"{name} of {node} is missing or no number")
    return int(text)


def _said(reply: Any) -> str:
    if isinstance(reply, dict) and "error" in reply:
        return f"the error {reply['error']}"
    return "nothing" if reply is None else shown(reply)


@check(
    "market.redis.direct_nodes",
    direct_faults,
    stays=none(faults, critical=0),
    name="Faults of the Redis nodes, asked directly",
    cause="a node is down, or a range of hash slots is served by nobody",
    action="check the containers, read the node's log, restart the nodes, ask for the state again",
    runbook="redis-cluster",
    every="30s",
)
def test_asked_directly(verdict):
    """Each node answers, and together they serve every slot."""
    assert verdict.healthy, verdict
