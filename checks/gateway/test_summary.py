"""Does the summary say healthy, and does it say what the details say?"""

import re

from checks.gateway import COMPREHENSIVE, REDIS_CLUSTER, SUMMARY, WEBSOCKET_TO_REDIS
from checks.market.closed import health_of_what_trades
from healthgate import (
    WARNING,
    Facts,
    Measured,
    NoData,
    Source,
    Tier,
    Unit,
    at_most,
    check,
    each,
    equals,
    exactly,
    measure,
    shown,
)

POOL = REDIS_CLUSTER.at("data.connection_pool")

points = Unit("points")

VIEWS = ("gateway.endpoint.summary", *(f"gateway.endpoint.debug[{probe}]" for probe in
         ("comprehensive", "redis_cluster", "websocket_to_redis")))  # fmt: skip


def figure(node: Facts, unit: str) -> float:
    """Return the number of a text such as 18% or 18 %, whose format the contract judges; NoData for others."""
    match = re.fullmatch(rf"\s*(\d{{1,9}}(?:\.\d{{1,9}})?)\s*{unit}\s*", node.text())
    if match is None:
        raise NoData(f"{node.path} is {shown(node.raw)}, not a number followed by {unit}")
    return float(match[1])


@measure(SUMMARY.at("data.market_data_freshness"))
def freshness(text: Facts) -> float:
    """The freshness in the summary, in percent."""
    return figure(text, "%")


@check(
    "gateway.summary.system_health",
    health_of_what_trades(SUMMARY.at("data.system_health"), freshness, SUMMARY),
    stays=equals("healthy", warning=exactly("degraded"), critical=Tier("not in", ("healthy", "degraded"))),
    name="Overall health in the summary",
    cause="some subsystem is below its line",
    action="open the comprehensive body and find the block that fails",
    runbook="price-mismatch",
    every="60s",
    sums_up=[
        "gateway.pool",
        "gateway.redis",
        "gateway.websocket",
        "gateway.market",
        "market.redis",
        "market.ws",
        "market.data",
    ],
)
def test_overall_health(verdict):
    """The summary calls the platform healthy."""
    assert verdict.healthy, verdict


def gap(summary: str, detail: Source) -> Source:
    """Return how many points a percentage in the summary is away from its detailed figure."""

    @measure(SUMMARY.at("data")[summary], detail)
    def apart(text: Facts, node: Facts) -> Measured:
        said, found = figure(text, "%"), node.number()
        return Measured(round(abs(said - found), 6), f"{said:g} % in the summary, {found:g} % in detail")

    return apart


@measure(SUMMARY.at("data.redis_response_time"), POOL["avg_response_time_ms"])
def redis_time_agrees(text: Facts, detail: Facts) -> Measured:
    """Whether the Redis response times agree within 5 ms or half of the detailed one."""
    said, found = figure(text, "ms"), detail.number()
    agrees = round(abs(said - found), 6) <= max(5, 0.5 * found)
    words = f"{said:g} ms in the summary, {found:g} ms in detail"
    return Measured(agrees, words if agrees else f"{words}: more than 5 ms and 50 % apart")


@each(
    check(
        f"gateway.summary.matches_detail[{name}]",
        reading,
        stays=limit,
        name=title,
        cause="the summary is built from a stale cache",
        action="check last_updated and the cache of the gateway",
        runbook="broken-contract",
        every="5m",
        requires=VIEWS,
        attempts=3,
    )
    for name, title, reading, limit in (
        (
            "utilization",
            "Pool utilisation, summary against detail",
            gap("connection_pool_utilization", POOL["utilization_percent"]),
            at_most(5, points, warning=5),
        ),
        (
            "freshness",
            "Freshness, summary against detail",
            gap(
                "market_data_freshness",
                COMPREHENSIVE.at("data.market_data_diagnostics.data_freshness.freshness_rate"),
            ),
            at_most(2, points, warning=2),
        ),
        (
            "uptime",
            "WebSocket uptime, summary against detail",
            gap("websocket_uptime", WEBSOCKET_TO_REDIS.at("data.websocket_status.uptime_percent")),
            at_most(0.1, points, warning=0.1),
        ),
        (
            "redis_time",
            "Redis response, summary against detail",
            redis_time_agrees,
            equals(True, otherwise=WARNING),
        ),
    )
)
def test_agreement(verdict):
    """The summary gives the figures of the detailed bodies."""
    assert verdict.healthy, verdict
