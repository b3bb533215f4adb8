"""Is the service well by its own account, and does that account follow from its figures?"""

from checks.findings import listed
from checks.sse import HEALTH, MONITORING, STRICT_LEVELS
from checks.sse.indicators import MADE_OF, SERVING, contradictions, level, unknown_types
from healthgate import (
    WARNING,
    Facts,
    Measured,
    NoData,
    Tier,
    Unit,
    answered,
    check,
    equals,
    exactly,
    measure,
    none,
    shown,
)
from healthgate.readings import Answer

INDICATORS = MONITORING.at("health_indicators")

alerts = Unit("alerts")


@measure(INDICATORS["alerts"])
def listed_alerts(listing: Facts) -> Measured:
    """How many alerts the service lists, and of which types."""
    entries = listing.elements()
    kinds = [entry.text("type") if entry.has("type") else entry.path for entry in entries]
    return Measured(len(entries), listed(kinds))


@check(
    "sse.health.level",
    INDICATORS["overall_health"],
    stays=equals("healthy", warning=exactly("degraded"), critical=Tier("not in", ("healthy", "degraded"))),
    name="Overall health of the SSE service",
    cause="warnings make it degraded, alerts unhealthy",
    action="read the entries of both lists and follow their types",
    runbook="event-stream-service",
    every="60s",
    sums_up=MADE_OF,
)
@check(
    "sse.health.alerts_empty",
    listed_alerts,
    stays=none(alerts, critical=0),
    name="Alerts the SSE service lists",
    cause="connections and counters differ, cleanups fail, or the cleanup does not run",
    action="follow the type of each entry",
    runbook="event-stream-service",
    every="60s",
    sums_up=["sse.connections.mismatch", "sse.cleanup.error_rate", "sse.cleanup.running"],
)
def test_own_account(verdict):
    """The service calls itself healthy and lists no alert."""
    assert verdict.healthy, verdict


@measure(HEALTH.outcome, INDICATORS["overall_health"])
def routes_agree(answer: Answer, overall: Facts) -> Measured:
    """Whether the health route says yes exactly at the levels at which clients may be sent."""
    code = answered(answer).code
    if code not in {200, 503}:
        raise NoData(f"the health route answered {answer.spoken_code}, neither 200 nor 503", "sse.health.endpoint")
    if answer.flaw:
        raise NoData(answer.flaw, "sse.health.endpoint")
    healthy = answer.json.boolean("healthy")
    said = f"the health route answered {code}, healthy {shown(healthy)}; the level is {shown(overall.text())}"
    return Measured(healthy is (overall.text() in SERVING) and code == (200 if healthy else 503), said)


@measure(INDICATORS, STRICT_LEVELS)
def level_follows(indicators: Facts, strict: bool) -> Measured:
    """Whether the level is the one that follows from the lists."""
    said, derived = indicators.text("overall_health"), level(indicators, strict)
    counted = ", ".join(f"{len(indicators.elements(name))} {name}" for name in ("alerts", "warnings"))
    return Measured(said == derived, f"overall_health is {shown(said)}; {counted} make {shown(derived)}")


@measure(MONITORING)
def lists_follow(answer: Answer) -> Measured:
    """Whether the lists hold exactly what the figures ask for."""
    body = answer.body()
    found = contradictions(body)
    unknown = unknown_types(body)
    return Measured(not found, listed(found) or (f"not judged: {listed(unknown)}" if unknown else ""))


@check(
    "sse.health.endpoint_mapping",
    routes_agree,
    stays=equals(True),
    name="Health route and level of the SSE service",
    cause="the two are derived in two places: a balancer keeps or drops the wrong instance",
    action="find which of the two is right, and derive the other from it",
    runbook="event-stream-service",
    every="60s",
    attempts=3,
)
@check(
    "sse.health.level_consistent",
    level_follows,
    stays=equals(True, otherwise=WARNING),
    name="Level of the SSE service against its lists",
    cause="the level is computed elsewhere, or every warning counts there",
    action="fix it; where every listed warning is meant to count, set sse.strict_levels in the profile",
    runbook="event-stream-service",
    every="60s",
)
@check(
    "sse.health.lists_consistent",
    lists_follow,
    stays=equals(True, otherwise=WARNING),
    name="Alerts and warnings against the figures",
    cause="the thresholds in the code are not those of the guide",
    action="compare the constants of the service with the table of conditions",
    runbook="event-stream-service",
    every="60s",
)
def test_account_follows_from_figures(verdict):
    """Level, lists and health route are what the figures ask for."""
    assert verdict.healthy, verdict
