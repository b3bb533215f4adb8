"""Did the service start as it should? As it wrote its last start into its log (spec 2.13)."""

from collections.abc import Mapping, Sequence

from checks.market import LOG
from checks.market.written import STARTED, STARTUP, last_start
from healthgate import Measured, NoData, Tier, Unit, Violated, check, equals, measure, percent
from healthgate.duration import spoken
from healthgate.readings import Line, Log

lines = Unit("lines")
services = Unit("services")

COMPLETE_WITHIN = 60.0
"""Seconds from the first line of a start to the last; real ones, since a start cannot be sped up."""


def of_last_start(log: Log, kind: str) -> Sequence[Line]:
    """Return the lines of a kind written since the last start, the oldest first."""
    return log.since(kind, last_start(log))


def newest_of_last_start(log: Log, kind: str, what: str) -> Line:
    """Return the newest such line; NoData while the start is under way, Violated when it should be there."""
    found = of_last_start(log, kind)
    if found:
        return found[-1]
    running = log.at - last_start(log)
    if running < COMPLETE_WITHIN:
        raise NoData(f"the service was started {spoken(round(running))} ago and has not written {what} yet")
    raise Violated(f"the last start, {spoken(round(running))} ago, did not write {what}")


@measure(LOG)
def startup_lines(log: Log) -> Measured:
    """How many of the fourteen lines of the last start are there, in order, within a minute."""
    began = last_start(log)
    moments = {kind: [line.at for line in of_last_start(log, kind)] for kind in STARTUP}
    in_time = {kind: found[0] for kind, found in moments.items() if found and found[0] <= began + COMPLETE_WITHIN}
    ordered = in_order(in_time)
    missing = [pattern.partition("(?P")[0].strip() for kind, pattern in STARTUP.items() if kind not in ordered]
    if missing and log.at - began < COMPLETE_WITHIN and not moments["startup.14"]:
        raise NoData(f"the service was started {spoken(round(log.at - began))} ago and is not done yet")
    if not missing:
        return Measured(len(ordered), f"in {max(in_time.values()) - began:.1f} s")
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return Measured(len(ordered), f'missing, late or out of order: "{missing[0]}"{more}')


def in_order(moments: Mapping[str, float]) -> Sequence[str]:
    """Return the longest run of names, in the order given, whose moments do not go back."""
    longest: list[list[str]] = []
    for name, at in moments.items():
        before = [run for run in longest if moments[run[-1]] <= at]
        longest.append([*max(before, key=len, default=[]), name])
    return max(longest, key=len, default=[])


@measure(LOG)
def prerequisites(log: Log) -> Measured:
    """The share of prerequisites that were met at the last start, in percent."""
    line = newest_of_last_start(log, "startup.6", "the result of its prerequisites")
    return Measured(float(line.groups["pct"]), f"at the start {spoken(round(log.at - line.at))} ago")


@measure(LOG)
def started_services(log: Log) -> Measured:
    """How many background services the last start announced, and said to have started one by one."""
    line = newest_of_last_start(log, "startup.14", "that it was complete")
    announced = int(line.groups["n"])
    absent = [service for service, kind in STARTED.items() if not of_last_start(log, kind)]
    if announced != len(STARTED) or not absent:
        return Measured(announced, "announced")
    return Measured(len(STARTED) - len(absent), f"{announced} announced, no line for: {', '.join(absent)}")


@check(
    "market.startup.sequence",
    startup_lines,
    stays=equals(14, lines, warning=Tier("<", 14)),
    name="Start-up lines of the last start",
    cause="the service started only in part",
    action="the first missing line names the step that failed",
    runbook="background-services",
    every="1h",
)
@check(
    "market.startup.prerequisites",
    prerequisites,
    stays=equals(100, percent, critical=Tier("<", 100)),
    name="Prerequisites met at the last start",
    cause="Redis unreachable, a variable missing, or memory too full at the start",
    action="read the three lines before it",
    runbook="background-services",
    every="1h",
)
@check(
    "market.startup.services_count",
    started_services,
    stays=equals(7, services, critical=Tier("<", 7)),
    name="Background services started",
    cause="a service did not start, and the start went on without it",
    action="compare the lines of the start with the list of services",
    runbook="background-services",
    every="1h",
)
def test_last_start(verdict):
    """The last start was whole: prerequisites, seven services, in order."""
    assert verdict.healthy, verdict
