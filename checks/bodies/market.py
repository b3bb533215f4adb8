"""What the bodies of the market service look like (spec 2.5 to 2.8); what no document prints is marked as chosen.

Where a document prints a name and not its place, the place is chosen, and so is the member.
"""

from healthgate.shapes import (
    Shape,
    all_chosen,
    boolean,
    both,
    chosen,
    elements,
    members,
    null_only_if_false,
    number,
    one_of,
    or_null,
    text,
    under,
    unique,
    utc,
    whole,
)

SHARE = number(0, 100)
HEALTH = one_of("healthy", "degraded", "unhealthy")

REDIS_CLUSTER: Shape = {
    "cluster_health.connected": chosen(boolean),
    "cluster_health.cluster_state": text(),
    "cluster_health.ping_success": chosen(boolean),
    "cluster_health.ping_time_ms": chosen(number(0)),
    "cluster_health.known_nodes": chosen(whole(3)),
    "cluster_health.slots_assigned": chosen(whole(0, 16384)),
    "cluster_health.nodes": chosen(elements(3)),
    "cluster_health.nodes.*.name": chosen(text(r"redis-node-\d+")),
    "cluster_health.nodes.*.healthy": chosen(boolean),
    "cluster_health.nodes.*.ping_time_ms": chosen(or_null(number(0))),
    "performance": chosen(members()),
    "timestamp": chosen(utc),
}

WEBSOCKET: Shape = {
    "connection_status.is_running": boolean,
    "connection_status.connected": chosen(boolean),
    "connection_status.connected_since": chosen(utc),
    "connection_status.uptime_percent": chosen(SHARE),
    "connection_status.last_message_age": chosen(number(0)),
    "connection_status.listeners.binary.is_running": chosen(boolean),
    "connection_status.listeners.json.is_running": chosen(boolean),
    "connection_history.success_rate": SHARE,
    "connection_history.connection_attempts": chosen(whole(0)),
    "connection_history.successful_connections": chosen(whole(0)),
    "connection_history.connection_failures": chosen(whole(0)),
    "connection_history.connection_failures_total": chosen(whole(0)),
    "performance.messages_processed": chosen(whole(0)),
    "performance.message_rate_per_sec": chosen(number(0)),
    "performance.parse_errors": chosen(whole(0)),
    "performance.parse_error_rate": chosen(SHARE),
    "error_categories": chosen(members(of=whole(0))),
}

MARKET_DATA: Shape = {
    "data_freshness.freshness_rate": SHARE,
    "data_freshness.fresh_symbols": whole(0),
    "data_freshness.stale_symbols": chosen(whole(0)),
    "data_freshness.missing_symbols": chosen(whole(0)),
    "data_freshness.total_symbols": chosen(whole(1)),
    "data_freshness.fresh_threshold_seconds": chosen(number(above=0)),
    "missing_data_symbols": chosen(elements(of=text())),
    "symbol_analysis": members(),
    "symbol_analysis.*.status": chosen(one_of("fresh", "stale", "missing")),
    "symbol_analysis.*.bid": chosen(or_null(number(above=0))),
    "symbol_analysis.*.ask": chosen(or_null(number(above=0))),
    "symbol_analysis.*.age_seconds": chosen(or_null(number(0))),
    "symbol_analysis.*.source": chosen(one_of("binary", "json")),
    "symbol_analysis.*.redis_key": chosen(text("market:[A-Z0-9]+")),
    "price_consistency.inconsistent_symbols": chosen(elements(of=text())),
    "price_consistency.max_deviation_bps": chosen(number(0)),
    "redis_key_patterns": chosen(members(of=whole(0))),
}

POOL: Shape = {
    "active_connections": whole(0),
    "max_connections": chosen(whole(1)),
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
"""The pool, which the documents print of the gateway (spec 1.3)."""

REDIS_CLUSTER_WITH_POOL: Shape = {**REDIS_CLUSTER, **under("connection_pool", all_chosen(POOL))}

BLOCKS: Shape = {
    "redis_cluster_diagnostics": members(),
    **under("redis_cluster_diagnostics", REDIS_CLUSTER),
    "websocket_diagnostics": members(),
    **under("websocket_diagnostics", WEBSOCKET),
    "market_data_diagnostics": members(),
    **under("market_data_diagnostics", MARKET_DATA),
}

EVERYTHING: Shape = {
    "service": chosen(text()),
    "system_health": chosen(HEALTH),
    **all_chosen(BLOCKS),
    "market_data_diagnostics.data_freshness.freshness_rate": SHARE,
    "market_data_diagnostics.data_freshness.fresh_symbols": whole(0),
    "system_resources": chosen(members()),
    "service_status.services": chosen(members(count=7)),
    "timestamp": chosen(utc),
}

QUICK: Shape = {
    "status": chosen(HEALTH),
    "python_service.reachable": chosen(boolean),
    "python_service.response_time_ms": chosen(number(0)),
    "redis.connected": chosen(boolean),
    "websocket.is_running": chosen(boolean),
    "market_data.freshness_rate": chosen(SHARE),
    "market_data.missing_data_symbols": chosen(elements(of=text())),
}
