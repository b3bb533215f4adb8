"""Does the gateway answer, and does every route serve its caller?"""

from checks.gateway import COMPREHENSIVE, QUICK_HEALTH, REDIS_CLUSTER, SUMMARY, WEBSOCKET_TO_REDIS
from checks.market import MARKET_SERVICE
from healthgate import (
    Facts,
    LeftOut,
    Measured,
    NoData,
    Source,
    Violated,
    answered,
    below,
    check,
    each,
    equals,
    measure,
    ms,
    reaching,
    served,
)
from healthgate.readings import Answer

GIVES_UP_AFTER = 30_000
"""Milliseconds after which the gateway itself gives up on the market service (spec 1.1)."""


@measure(SUMMARY.outcome)
def response_time(answer: Answer) -> float:
    """Time until some HTTP answer was complete, in ms."""
    waited_in_vain = answer.status == "late" and answer.elapsed_ms >= GIVES_UP_AFTER
    if "code" in answer.facts or waited_in_vain:
        return answer.elapsed_ms
    return answered(answer).elapsed_ms


@check(
    "gateway.reachable",
    response_time,
    stays=below(GIVES_UP_AFTER, ms, critical=reaching(GIVES_UP_AFTER)),
    name="Gateway response",
    cause="the gateway has stopped, its port is not published, or its event loop is blocked",
    action="see that it runs and listens, save its request log, and only then restart it",
    runbook="gateway-down",
    every="30s",
)
def test_gateway(verdict):
    """The gateway answers at all, within the time it allows itself."""
    assert verdict.healthy, verdict


def diagnostics(route: Source) -> Source:
    """Return whether a debug route serves a JSON body with something in its `data`."""

    @measure(route)
    def serves(answer: Answer) -> Measured:
        data = served(answer, behind=MARKET_SERVICE).raw
        found = data.get("data") if isinstance(data, dict) else None
        if not isinstance(found, dict) or not found:
            raise Violated("it answered 200 without an object with members in data")
        return Measured(True, "answered 200 with data")

    return serves


@each(
    check(
        f"gateway.endpoint.debug[{name}]",
        diagnostics(probe.outcome),
        stays=equals(True),
        name=f"Debug route {probe.path.rpartition('/')[2]}",
        cause="the route went missing in a deploy, the token is refused, or the market service behind it fails",
        action="repeat the call by hand as superadmin, then ask the market service directly: that shows the broken hop",
        runbook="access",
        every="60s",
        requires=("gateway.reachable",),
    )
    for name, probe in {
        "comprehensive": COMPREHENSIVE,
        "redis_cluster": REDIS_CLUSTER,
        "websocket_to_redis": WEBSOCKET_TO_REDIS,
    }.items()
)
def test_debug_routes(verdict):
    """A superadmin gets the diagnostics."""
    assert verdict.healthy, verdict


def required(answer: Answer, *paths: str) -> None:
    """Pass if something other than null stands at every path of the body; Violated names those where nothing does."""
    body = served(answer, behind=MARKET_SERVICE)
    absent = [path for path in paths if _is_missing(body, path)]
    if absent:
        raise Violated(f"it answered 200 without {', '.join(absent)}")


def _is_missing(body: Facts, path: str) -> bool:
    try:
        return body.at(path).raw is None
    except LeftOut:
        return False
    except NoData:
        return True


@measure(SUMMARY.outcome)
def summary_code(answer: Answer) -> int:
    """The status code of a summary that has its overall health."""
    required(answer, "data.system_health")
    return answer.code


@measure(QUICK_HEALTH.outcome)
def quick_health(answer: Answer) -> Measured:
    """Whether the four first-look indicators are there."""
    required(
        answer,
        "data.redis.connected",
        "data.websocket.is_running",
        "data.market_data.missing_data_symbols",
        "data.market_data.freshness_rate",
    )
    return Measured(True, "answered 200 with all four indicators")


@check(
    "gateway.endpoint.summary",
    summary_code,
    stays=equals(200),
    name="Summary route",
    cause="putting the summary together fails, or its role check is too strict",
    action="call the comprehensive route as superadmin to see whether only the summary is broken",
    runbook="access",
    every="60s",
    requires=("gateway.reachable",),
)
@check(
    "gateway.endpoint.quick_health",
    quick_health,
    stays=equals(True),
    name="Quick health route",
    cause="the gateway's connection to the market service is broken",
    action="begin the price-mismatch triage: this route first, then the comprehensive one, within two minutes",
    runbook="price-mismatch",
    every="60s",
    requires=("gateway.reachable",),
)
def test_admin_routes(verdict):
    """An admin gets the summary and the first-look indicators."""
    assert verdict.healthy, verdict
