"""Can the metrics page be believed: is it whole, are the metrics there, do they agree with each other?"""

from checks.findings import Findings
from checks.wsmanager import ACTIVE, CLEANED, CREATED, HIGH_WATER, JSON, METRICS, PRODUCTION, RETRIES
from healthgate import WARNING, Measured, NoData, Source, Unit, check, each, equals, fallen, measure, none
from healthgate.readings import Answer, Page

deviations = Unit("deviations")

TYPES = {ACTIVE: "gauge", RETRIES: "counter", CREATED: "counter", CLEANED: "counter", HIGH_WATER: "gauge"}
"""The documented metrics and what they are (spec 4.3)."""

COUNTED = (RETRIES, CREATED, CLEANED)
"""The metrics that only grow, but for a restart."""

RACING = 2
"""Streams that may be opened and not counted yet while the page is written."""


@check(
    "wsmanager.prometheus.valid",
    METRICS.sound,
    stays=equals(True),
    name="The manager's metrics page is sound",
    cause="a defect of the exporter: a Prometheus loses the whole scrape, or reads it differently",
    action="run promtool check metrics on the page, and fix what it names",
    runbook="monitoring-chain",
    every="60s",
    requires=("wsmanager.endpoint.formats[prometheus]",),
)
def test_page(verdict):
    """The page is valid text exposition: typed, finite, nothing twice, not cut off."""
    assert verdict.healthy, verdict


def declared(name: str, kind: str) -> Source:
    """Return whether the page has a metric of the instance that is asked, with its type."""

    @measure(METRICS, METRICS.typed(name, kind))
    def there(page: Page, found: Measured) -> Measured:
        if not found.value:
            return found
        mine = page.called("environment", PRODUCTION)
        environments = {sample.labels.get("environment", mine) for sample in page.series(name)}
        if mine not in environments:
            return Measured(False, f"{name} is of environment {', '.join(sorted(environments))!r}, not of {mine}")
        return found

    return there


@each(
    check(
        f"wsmanager.prometheus.families[{name.removeprefix('ws_manager_')}]",
        declared(name, kind),
        stays=equals(True),
        name=f"Metric {name}",
        cause="the metric was renamed or retyped, so that its alert can never fire; or another instance answers",
        action="compare the page with the rules file",
        runbook="monitoring-chain",
        every="5m",
    )
    for name, kind in TYPES.items()
)
def test_families(verdict):
    """The five documented metrics are there, with their types."""
    assert verdict.healthy, verdict


MEMBERS = {
    "activeConnections": ACTIVE,
    "retryCount": RETRIES,
    "streamCreations": CREATED,
    "streamCleanups": CLEANED,
    "activeConnectionsHwm": HIGH_WATER,
}


@measure(JSON, METRICS)
def view_deviations(answer: Answer, page: Page) -> Measured:
    """How many figures differ between JSON and text: counters by more than 5 and 1 %, gauges by more than 3."""
    found = Findings()
    body = answer.body()
    if body.has("environment"):
        with found.examining():
            where, mine = body.text("environment"), page.called("environment", PRODUCTION)
            found.expect(where == mine, f"the JSON is of {where!r}, not of {mine}")
    for member, name in MEMBERS.items():
        with found.examining():
            said, told = body.number(f"metrics.{member}"), page.number(name, environment=PRODUCTION)
            tolerated = 3 if TYPES[name] == "gauge" else max(5, 0.01 * max(said, told))
            words = f"{member} is {said:g} in the JSON, {told:g} on the metrics page"
            found.expect(abs(said - told) <= tolerated, words)
    return found.measured()


@check(
    "wsmanager.consistency.json_vs_prometheus",
    view_deviations,
    stays=none(deviations, warning=0),
    name="Figures of the manager, JSON against Prometheus text",
    cause="the two are computed in two places, or two instances answer behind one address",
    action="compare the instance both come from; ask several times",
    runbook="monitoring-chain",
    every="5m",
    attempts=3,
)
def test_views(verdict):
    """Both forms carry the same numbers."""
    assert verdict.healthy, verdict


@measure(METRICS, METRICS.again)
def counters_only_grow(first: Page, second: Page) -> Measured:
    """Whether no counter fell between two looks without a restart."""
    found = fallen(first, second, *COUNTED)
    return Measured(not found, "; ".join(found))


@measure(METRICS)
def streams_balance(page: Page) -> Measured:
    """Whether what was created covers what was cleaned up and what is open."""
    created, cleaned, active = (page.number(name, environment=PRODUCTION) for name in (CREATED, CLEANED, ACTIVE))
    said = f"{created:g} created, {cleaned:g} cleaned up, {active:g} open"
    if cleaned > created:
        return Measured(False, f"{said}: more cleaned up than were created")
    covered = created - cleaned >= active - RACING
    return Measured(covered, said if covered else f"{said}: more open than were created and not cleaned up")


@measure(METRICS, METRICS.again)
def mark_holds(first: Page, second: Page) -> Measured:
    """Whether the high-water mark is above what is open, and stays where it is while the process lives."""
    marks = [page.number(HIGH_WATER, environment=PRODUCTION) for page in (first, second)]
    for page, mark in zip((first, second), marks, strict=True):
        active = page.number(ACTIVE, environment=PRODUCTION)
        if mark < active:
            return Measured(False, f"the mark is {mark:g} while {active:g} connections are open")
    if marks[1] < marks[0] and not restarted(first, second):
        return Measured(False, f"the mark fell from {marks[0]:g} to {marks[1]:g} without a restart")
    return Measured(True, f"the mark is {marks[1]:g}")


def restarted(first: Page, second: Page) -> bool:
    """Whether the process began anew between two looks; NoData where the page does not say when it began."""
    begun = [page.started(page.one(HIGH_WATER, environment=PRODUCTION)) for page in (first, second)]
    if None in begun:
        raise NoData("the page does not say when the process began, so that a fall cannot be told from a restart")
    return begun[0] != begun[1]


@check(
    "wsmanager.counters.monotonic",
    counters_only_grow,
    stays=equals(True, otherwise=WARNING),
    name="The manager's counters only grow",
    cause="a counter is handled as a gauge; every rate of it is wrong",
    action="fix the exporter; believe no rate until then",
    runbook="monitoring-chain",
    every="60s",
    requires=[f"wsmanager.prometheus.families[{name.removeprefix('ws_manager_')}]" for name in COUNTED],
)
@check(
    "wsmanager.streams.balance",
    streams_balance,
    stays=equals(True, otherwise=WARNING),
    name="Arithmetic of streams",
    cause="streams are cleaned up twice, or opened without being counted",
    action="review where a stream is opened, closed and cleaned up",
    runbook="cleanup-lag",
    every="60s",
)
@check(
    "wsmanager.hwm.bounds",
    mark_holds,
    stays=equals(True, otherwise=WARNING),
    name="High-water mark of the connections",
    cause="the mark is not kept up to date, or is reset",
    action="fix it; until then it says nothing of how many connections there were",
    runbook="connection-leak",
    every="60s",
)
def test_arithmetic(verdict):
    """What the page counts can be true."""
    assert verdict.healthy, verdict
