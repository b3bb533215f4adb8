"""Can the SSE service be asked, and would a load balancer send it clients?"""

from checks.sse import HEALTH, MONITORING
from healthgate import Measured, Violated, age, answered, at_most, check, equals, measure, seconds_old, served
from healthgate.readings import Answer


@measure(MONITORING.outcome)
def monitoring_code(answer: Answer) -> int:
    """The status code of monitoring data that are a JSON object."""
    body = served(answer)
    if not isinstance(body.raw, dict):
        raise Violated("it answered 200 without a JSON object")
    return answer.code


@measure(HEALTH.outcome)
def health_code(answer: Answer) -> Measured:
    """The status code of the health route; a 200 that does not say healthy is a violation."""
    code = answered(answer).code
    if code != 200:
        return Measured(code, answer.spoken_code)
    body = served(answer)
    if not isinstance(body.raw, dict) or body.raw.get("healthy") is not True:
        raise Violated("it answered 200 without saying healthy")
    return Measured(code)


@check(
    "sse.endpoint.monitoring",
    monitoring_code,
    stays=equals(200),
    name="Monitoring route of the SSE service",
    cause="the connection manager is not initialised, or its access to Redis fails",
    action="call the health route, then read the log of the service",
    runbook="event-stream-service",
    every="60s",
)
@check(
    "sse.health.endpoint",
    health_code,
    stays=equals(200),
    name="SSE service, as a load balancer asks it",
    cause="a critical alert is present, or the service cannot read its own figures",
    action="read health_indicators.alerts of the monitoring route and follow the type of each entry",
    runbook="event-stream-service",
    every="30s",
    sums_up=[
        "sse.endpoint.monitoring",
        "sse.connections",
        "sse.cleanup",
        "sse.redis",
        "sse.health.level",
        "sse.health.alerts_empty",
    ],
)
@check(
    "sse.monitoring.age",
    age(MONITORING["timestamp"]),
    stays=at_most(60, seconds_old, warning=60, critical=900),
    name="Age of the SSE monitoring data",
    cause="something serves a kept answer, or the loop that collects the figures has died",
    action="restart the collector, and distrust every green result since that time",
    runbook="event-stream-service",
    every="60s",
)
def test_service(verdict):
    """The service tells about itself, and that of now."""
    assert verdict.healthy, verdict
