"""Do the gateway's bodies look as their readers expect?"""

from checks.contract import (
    Shape,
    boolean,
    both,
    elements,
    kept,
    members,
    null_only_if_false,
    number,
    one_of,
    only,
    or_null,
    text,
    true,
    under,
    unique,
    utc,
    utc_with_z,
    whole,
)
from checks.gateway import COMPREHENSIVE, REDIS_CLUSTER, SUMMARY, WEBSOCKET_TO_REDIS
from healthgate import Unit, check, each, none

deviations = Unit("deviations")

SHARE = number(0, 100)

POOL: Shape = {
    "active_connections": whole(0),
    "max_connections": whole(1),
    "utilization_percent": SHARE,
    "connection_success_rate": SHARE,
    "avg_response_time_ms": number(0),
    "connection_tests": both(elements(1), unique("symbol")),
    "connection_tests.*": null_only_if_false("success", "response_time_ms"),
    "connection_tests.*.symbol": text("[A-Z0-9]{3,12}"),
    "connection_tests.*.success": boolean,
    "connection_tests.*.response_time_ms": or_null(number(0)),
    "connection_tests.*.data_found": boolean,
}

REDIS_CLUSTER_BODY: Shape = {
    "success": true,
    "timestamp": utc,
    **under("data.connection_pool", POOL),
    "data.cluster_health.cluster_state": text(),
    "data.cluster_health.ping_success": boolean,
    "data.cluster_health.ping_time_ms": number(0),
}

COMPREHENSIVE_BODY: Shape = {
    "data.redis_cluster_diagnostics": members(),
    "data.websocket_diagnostics": members(),
    "data.market_data_diagnostics.data_freshness.freshness_rate": SHARE,
    "data.market_data_diagnostics.data_freshness.fresh_symbols": whole(0),
    "data.system_resources.memory_mb": number(above=0),
    "data.system_resources.memory_percent": SHARE,
    "data.system_resources.cpu_percent": SHARE,
    "data.system_resources.connection_count": whole(0),
    "data.service_status.running_count": whole(0, 7),
    "data.service_status.expected_count": whole(7, 7),
    "data.timestamp": utc,
}

WEBSOCKET_TO_REDIS_BODY: Shape = {
    "data.websocket_status.is_running": boolean,
    "data.websocket_status.messages_processed": whole(0),
    "data.websocket_status.uptime_percent": SHARE,
    "data.websocket_status.parse_error_rate": SHARE,
    "data.redis_status.connected": boolean,
    "data.redis_status.writes_total": whole(0),
    "data.redis_status.write_errors": whole(0),
    "data.redis_status.last_write_age_seconds": number(0),
    "data.flow.lag_ms_p95": number(0),
    "data.flow.dropped": whole(0),
    "data.flow.delivery_ratio_percent": SHARE,
}

PERCENTAGE = text(r"\d{1,3}(\.\d+)?%")

SUMMARY_DATA: Shape = {
    "system_health": one_of("healthy", "degraded", "unhealthy"),
    "connection_pool_utilization": PERCENTAGE,
    "market_data_freshness": PERCENTAGE,
    "websocket_uptime": PERCENTAGE,
    "redis_response_time": text(r"\d+(\.\d+)?ms"),
    "last_updated": utc_with_z,
}

SUMMARY_BODY: Shape = {"data": only(*SUMMARY_DATA), **under("data", SUMMARY_DATA)}


@each(
    check(
        f"gateway.contract.{name}",
        kept(probe.at(""), shape),
        stays=none(deviations, critical=0),
        name=f"Shape of the {name.replace('_', '-')} body",
        cause="the market service, the gateway and the monitors no longer agree on the body",
        action="find the deploy that changed it; shell monitors put 0 for a missing figure and hide this",
        runbook="broken-contract",
        every="5m",
        requires=("gateway.reachable",),
    )
    for name, probe, shape in (
        ("redis_cluster", REDIS_CLUSTER, REDIS_CLUSTER_BODY),
        ("comprehensive", COMPREHENSIVE, COMPREHENSIVE_BODY),
        ("websocket_to_redis", WEBSOCKET_TO_REDIS, WEBSOCKET_TO_REDIS_BODY),
    )
)
def test_debug_bodies(verdict):
    """The debug bodies hold every member with its type and range."""
    assert verdict.healthy, verdict


@check(
    "gateway.contract.summary",
    kept(SUMMARY.at(""), SUMMARY_BODY),
    stays=none(deviations, warning=0),
    name="Shape of the summary",
    cause="the formatting changed, which breaks dashboards that read these texts",
    action="restore the format, or give the endpoint a new version",
    runbook="broken-contract",
    every="5m",
    requires=("gateway.reachable",),
)
def test_summary(verdict):
    """The summary has its six members, figures with their unit attached."""
    assert verdict.healthy, verdict
