"""Do the market service's bodies look as their readers expect?"""

from checks.contract import (
    Shape,
    boolean,
    elements,
    kept,
    members,
    number,
    one_of,
    or_null,
    text,
    under,
    utc,
    whole,
)
from checks.gateway import QUICK_HEALTH
from checks.market import COMPREHENSIVE, MARKET_DATA_DIAGNOSTICS, REDIS_DIAGNOSTICS, WEBSOCKET_DIAGNOSTICS
from healthgate import Unit, check, each, none

deviations = Unit("deviations")

SHARE = number(0, 100)
HEALTH = one_of("healthy", "degraded", "unhealthy")

REDIS_CLUSTER: Shape = {
    "cluster_health.connected": boolean,
    "cluster_health.cluster_state": text(),
    "cluster_health.ping_success": boolean,
    "cluster_health.ping_time_ms": number(0),
    "cluster_health.known_nodes": whole(3),
    "cluster_health.slots_assigned": whole(0, 16384),
    "cluster_health.nodes": elements(3),
    "cluster_health.nodes.*.name": text(r"redis-node-\d+"),
    "cluster_health.nodes.*.healthy": boolean,
    "cluster_health.nodes.*.ping_time_ms": or_null(number(0)),
    "performance": members(),
    "timestamp": utc,
}

WEBSOCKET: Shape = {
    "connection_status.is_running": boolean,
    "connection_status.connected": boolean,
    "connection_status.connected_since": utc,
    "connection_status.uptime_percent": SHARE,
    "connection_status.last_message_age": number(0),
    "connection_status.listeners.binary.is_running": boolean,
    "connection_status.listeners.json.is_running": boolean,
    "connection_history.success_rate": SHARE,
    "connection_history.connection_attempts": whole(0),
    "connection_history.successful_connections": whole(0),
    "connection_history.connection_failures": whole(0),
    "connection_history.connection_failures_total": whole(0),
    "performance.messages_processed": whole(0),
    "performance.message_rate_per_sec": number(0),
    "performance.parse_errors": whole(0),
    "performance.parse_error_rate": SHARE,
    "error_categories": members(of=whole(0)),
}

MARKET_DATA: Shape = {
    "data_freshness.freshness_rate": SHARE,
    "data_freshness.fresh_symbols": whole(0),
    "data_freshness.stale_symbols": whole(0),
    "data_freshness.missing_symbols": whole(0),
    "data_freshness.total_symbols": whole(1),
    "data_freshness.fresh_threshold_seconds": number(above=0),
    "missing_data_symbols": elements(of=text()),
    "symbol_analysis": members(),
    "symbol_analysis.*.status": one_of("fresh", "stale", "missing"),
    "symbol_analysis.*.bid": or_null(number(above=0)),
    "symbol_analysis.*.ask": or_null(number(above=0)),
    "symbol_analysis.*.age_seconds": or_null(number(0)),
    "symbol_analysis.*.source": one_of("binary", "json"),
    "symbol_analysis.*.redis_key": text("market:[A-Z0-9]+"),
    "price_consistency.inconsistent_symbols": elements(of=text()),
    "price_consistency.max_deviation_bps": number(0),
    "redis_key_patterns": members(of=whole(0)),
}

EVERYTHING: Shape = {
    "service": text(),
    "system_health": HEALTH,
    "redis_cluster_diagnostics": members(),
    **under("redis_cluster_diagnostics", REDIS_CLUSTER),
    "websocket_diagnostics": members(),
    **under("websocket_diagnostics", WEBSOCKET),
    "market_data_diagnostics": members(),
    **under("market_data_diagnostics", MARKET_DATA),
    "system_resources": members(),
    "service_status.services": members(count=7),
    "timestamp": utc,
}

QUICK: Shape = {
    "status": HEALTH,
    "python_service.reachable": boolean,
    "python_service.response_time_ms": number(0),
    "redis.connected": boolean,
    "websocket.is_running": boolean,
    "market_data.freshness_rate": SHARE,
    "market_data.missing_data_symbols": elements(of=text()),
}


@each(
    check(
        f"market.contract.{name}",
        kept(body.at(""), shape),
        stays=none(deviations, critical=0),
        name=f"Shape of the service's {name.replace('_', '-')} body",
        cause=cause,
        action="compare the body with the contract; shell monitors put 0 for a missing figure and hide this",
        runbook="broken-contract",
        every="5m",
    )
    for name, body, shape, cause in (
        ("redis_cluster", REDIS_DIAGNOSTICS, REDIS_CLUSTER, "the body changed without its readers"),
        ("websocket", WEBSOCKET_DIAGNOSTICS, WEBSOCKET, "the body changed without its readers"),
        ("market_data", MARKET_DATA_DIAGNOSTICS, MARKET_DATA, "the body changed without its readers"),
        ("comprehensive", COMPREHENSIVE, EVERYTHING, "the body changed, or one block fails and is silently left out"),
    )
)
def test_diagnostic_bodies(verdict):
    """The diagnostic bodies hold every member with its type and range."""
    assert verdict.healthy, verdict


@check(
    "market.contract.quick_health",
    kept(QUICK_HEALTH.at("data"), QUICK),
    stays=none(deviations, warning=0),
    name="Shape of the quick health body",
    cause="the body changed without its readers",
    action="compare the body with the contract",
    runbook="broken-contract",
    every="5m",
)
def test_quick_health(verdict):
    """The first-look indicators have the right types."""
    assert verdict.healthy, verdict
