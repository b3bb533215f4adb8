"""Is the gateway the only way in, and does it keep a record of who came?"""

from checks.gateway import LOG_LATER, SUMMARY
from checks.market import OUTSIDE
from healthgate import Limit, Measured, NoData, Observation, Tier, check, equals, measure
from healthgate.readings import Answer, Log

CLOSED = frozenset({"refused", "late", "reset"})
"""How an attempt ends at a port that is closed, or behind a firewall that drops it."""


@measure(OUTSIDE)
def closed(attempt: Observation) -> Measured:
    """Whether nothing answers where the market service would be exposed."""
    if attempt.status == "answered":
        return Measured(False, "a connection was accepted")
    if attempt.status not in CLOSED:
        raise NoData(attempt.error or "")
    return Measured(True, "refused" if attempt.status != "late" else "nothing answered in 3 s")


@check(
    "gateway.exposure.python_port_closed",
    closed,
    stays=equals(True),
    name="The market service is closed to the outside",
    cause="the service is bound to all interfaces, or a firewall rule was opened; its routes ask for no token",
    action="close the port at the firewall and bind the service to the internal interface",
    runbook="access",
    every="15m",
    requires=("gateway.reachable",),
)
def test_the_only_door(verdict):
    """The diagnostics can be had through the gateway and nowhere else."""
    assert verdict.healthy, verdict


@measure(SUMMARY.outcome, LOG_LATER)
def recorded(answer: Answer, log: Log) -> Measured:
    """Whether the request for the summary stands in the gateway's log."""
    wanted = answer.request_id
    lines = log.lines("request")
    for line in lines:
        if line.groups["id"] == wanted:
            return Measured(True, f"{line.groups['status']} in {line.groups['ms']} ms")
    if log.count("request") > len(lines) and min(line.at for line in lines) > answer.at - answer.elapsed_ms / 1000:
        raise NoData(f"more than {len(lines)} requests were logged meanwhile")
    return Measured(False, f"the request {wanted} of this run does not stand in the log")


@check(
    "gateway.log.requests",
    recorded,
    stays=Limit(objective=Tier("==", True)),
    name="Requests stand in the gateway's log",
    cause="request logging is off: there will be no evidence in an incident",
    action="switch request logging on again",
    runbook="log-hygiene",
    every="1h",
    requires=("gateway.reachable",),
)
def test_record(verdict):
    """Every request leaves a line in the gateway's log."""
    assert verdict.healthy, verdict
