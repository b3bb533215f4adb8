"""What the bodies of the gateway look like (spec 1.3); what no document prints is marked as chosen."""

from checks.bodies import market
from healthgate.shapes import (
    Shape,
    boolean,
    chosen,
    members,
    number,
    one_of,
    only,
    text,
    true,
    under,
    utc,
    utc_with_z,
    whole,
)

SHARE = number(0, 100)

REDIS_CLUSTER: Shape = {
    "success": chosen(true),
    "timestamp": chosen(utc),
    **under("data.connection_pool", market.POOL),
    "data.cluster_health.cluster_state": chosen(text()),
    "data.cluster_health.ping_success": chosen(boolean),
    "data.cluster_health.ping_time_ms": chosen(number(0)),
}

COMPREHENSIVE: Shape = {
    "data.redis_cluster_diagnostics": chosen(members()),
    "data.websocket_diagnostics": chosen(members()),
    "data.market_data_diagnostics.data_freshness.freshness_rate": SHARE,
    "data.market_data_diagnostics.data_freshness.fresh_symbols": whole(0),
    "data.system_resources.memory_mb": chosen(number(above=0)),
    "data.system_resources.memory_percent": chosen(SHARE),
    "data.system_resources.cpu_percent": chosen(SHARE),
    "data.system_resources.connection_count": chosen(whole(0)),
    "data.service_status.running_count": chosen(whole(0, 7)),
    "data.service_status.expected_count": chosen(whole(7, 7)),
    "data.timestamp": chosen(utc),
}

EVERYTHING: Shape = {**under("data", market.EVERYTHING), **COMPREHENSIVE}
"""The comprehensive body with what only readers of the market service look at."""

REDIS_CLUSTER_WITH_AGE: Shape = {**REDIS_CLUSTER, "data.timestamp": chosen(utc)}

QUICK_HEALTH: Shape = under("data", market.QUICK)

WEBSOCKET_TO_REDIS: Shape = {
    "data.websocket_status.is_running": boolean,
    "data.websocket_status.messages_processed": whole(0),
    "data.websocket_status.uptime_percent": chosen(SHARE),
    "data.websocket_status.parse_error_rate": chosen(SHARE),
    "data.redis_status.connected": chosen(boolean),
    "data.redis_status.writes_total": chosen(whole(0)),
    "data.redis_status.write_errors": chosen(whole(0)),
    "data.redis_status.last_write_age_seconds": chosen(number(0)),
    "data.flow.lag_ms_p95": chosen(number(0)),
    "data.flow.dropped": chosen(whole(0)),
    "data.flow.delivery_ratio_percent": chosen(SHARE),
}

WEBSOCKET_TO_REDIS_WITH_AGE: Shape = {**WEBSOCKET_TO_REDIS, "data.timestamp": chosen(utc)}

PERCENTAGE = text(r"\d{1,3}(\.\d+)?%")

SUMMARY_DATA: Shape = {
    "system_health": one_of("healthy", "degraded", "unhealthy"),
    "connection_pool_utilization": PERCENTAGE,
    "market_data_freshness": PERCENTAGE,
    "websocket_uptime": PERCENTAGE,
    "redis_response_time": text(r"\d+(\.\d+)?ms"),
    "last_updated": utc_with_z,
}

SUMMARY: Shape = {"data": only(*SUMMARY_DATA), **under("data", SUMMARY_DATA)}
