"""The fault of every check of the market service."""

from healthgate.claim.state import State
from tests.detection.cell import Cell, cell, fault
from tests.detection.gateway import (
    FEED_STANDS_STILL,
    LISTENER_TOLD_STOPPED,
    NO_PRESSURE,
    ONE_BODY,
    ONE_ROUTE,
    QUICK_HEALTH,
    READERS_OF_MESSAGES,
    TWELVE_SILENT,
    UPTIME_TOLD,
)

MISSED, WARNING, CRITICAL, UNKNOWN = State.MISSED, State.WARNING, State.CRITICAL, State.UNKNOWN

COMPREHENSIVE, REDIS_CLUSTER, WEBSOCKET, MARKET_DATA = (
    f"/api/debug/{route}" for route in ("comprehensive", "redis-cluster", "websocket", "market-data")
)

READERS_OF_REDIS = [
    "gateway.consistency.freshness",
    "gateway.consistency.redis_state",
    "market.data.key_pattern",
    "market.data.symbol_age",
    "market.price.redis_vs_api",
    "market.price.sane",
    "market.price.ws_vs_redis",
]
"""What rests on the answers of the Redis nodes themselves."""

STEPS = {
    "tcp": ["market.ws.upstream[handshake]", "market.ws.upstream[ping]", "market.ws.protocol"],
    "handshake": ["market.ws.upstream[ping]", "market.ws.protocol"],
    "ping": [],
}
"""What cannot be tried once a step towards the feed has failed."""

SAMPLE = ("EURUSD", "USDJPY", "XAUUSD", "BTCUSD")

STARTED_WITHOUT_A_VARIABLE = fault("F.mkt.start", broken="environment", ignore_prerequisites=True)
HALF_GARBLED = fault("F.mkt.feed", op="garble", percent=50, to="checker")

ONE_LINE = "the incident itself takes the data with it, and dozens of checks with the data"

ONE_SYMBOL_GONE = fault("F.mkt.symbol_missing", symbols=["NZDCHF"])


def within(path: str, pointer: str, **more: object) -> dict[str, object]:
    return {"service": "market", "path": path, "pointer": pointer, **more}


CELLS: dict[str, Cell] = {
    **{
        f"market.endpoint.debug[{name}]": cell(
            fault("F.http.status", service="market", path=path, status=500),
            turns=CRITICAL,
            blocked=blocked,
            why=ONE_ROUTE,
        )
        for name, path, blocked in (
            (
                "comprehensive",
                COMPREHENSIVE,
                ["market.contract.comprehensive", "market.services.*", "market.system.*", "market.system_health"],
            ),
            (
                "redis_cluster",
                REDIS_CLUSTER,
                [
                    "gateway.consistency.pool",
                    "gateway.consistency.redis_state",
                    "market.contract.redis_cluster",
                    "market.redis.c*",
                    "market.redis.nodes_healthy",
                    "market.redis.ping_*",
                ],
            ),
            (
                "websocket",
                WEBSOCKET,
                [
                    "gateway.consistency.websocket",
                    "market.contract.websocket",
                    "market.log.message_errors",
                    "market.ws.connection_failures",
                    "market.ws.history_arithmetic",
                    "market.ws.last_message_age",
                    "market.ws.listeners",
                    "market.ws.message_rate",
                    "market.ws.parse_error_rate",
                    "market.ws.running",
                    "market.ws.success_rate",
                    "market.ws.uptime",
                ],
            ),
            (
                "market_data",
                MARKET_DATA,
                ["gateway.consistency.freshness", "market.contract.market_data", "market.data.*"],
            ),
        )
    },
    "market.contract.redis_cluster": cell(
        fault("F.json.drop", **within(REDIS_CLUSTER, "/cluster_health/known_nodes")), turns=CRITICAL, why=ONE_BODY
    ),
    "market.contract.websocket": cell(
        fault("F.json.drop", **within(WEBSOCKET, "/connection_status/connected_since")), turns=CRITICAL, why=ONE_BODY
    ),
    "market.contract.market_data": cell(
        fault("F.json.drop", **within(MARKET_DATA, "/data_freshness/fresh_threshold_seconds")),
        turns=CRITICAL,
        why=ONE_BODY,
    ),
    "market.contract.comprehensive": cell(
        fault("F.json.drop", **within(COMPREHENSIVE, "/service")), turns=CRITICAL, why=ONE_BODY
    ),
    "market.contract.quick_health": cell(
        fault(
            "F.json.set",
            service="gateway",
            path=QUICK_HEALTH,
            pointer="/data/python_service/response_time_ms",
            value="fast",
        ),
        turns=WARNING,
        why=ONE_BODY,
    ),
    "market.system_health": cell(
        fault("F.json.set", **within(COMPREHENSIVE, "/system_health", value="degraded")),
        turns=WARNING,
        why="a roll-up: it really follows the figures that trip checks of their own",
    ),
    "market.redis.connected": cell(
        fault("F.mkt.redis_flag", fields=["connected"]),
        turns=CRITICAL,
        collateral={"gateway.quick_health.connected": CRITICAL, "gateway.redis.reachable": CRITICAL},
        rollup=CRITICAL,
        why="a cluster that is really lost takes the data with it: that is scenario SC-01",
    ),
    "market.redis.cluster_state": cell(
        fault("F.mkt.redis_state", cluster_state="fail"),
        turns=CRITICAL,
        collateral={"market.redis.direct_nodes": CRITICAL},
        rollup=CRITICAL,
        blocked=READERS_OF_REDIS,
        why="slots that are really lost take the data with them: that is scenario SC-01",
    ),
    "market.redis.ping_success": cell(
        fault("F.mkt.redis_flag", fields=["ping_success"]),
        turns=CRITICAL,
        collateral={"gateway.redis.reachable": CRITICAL},
        rollup=CRITICAL,
        why="a cluster that is really lost takes the data with it: that is scenario SC-01",
    ),
    "market.redis.ping_time": cell(fault("F.mkt.redis_latency", scope="ping", ms=70), turns=WARNING),
    "market.redis.nodes_healthy": cell(
        fault("F.mkt.redis_node_flag", node="redis-node-2"),
        turns=WARNING,
        why="a node that is really down takes its share of the data with it: that is scenario SC-01",
    ),
    "market.redis.direct_nodes": cell(
        fault("F.mkt.redis_node_refuse", node="redis-node-3"), turns=CRITICAL, blocked=READERS_OF_REDIS
    ),
    "market.ws.running": cell(
        LISTENER_TOLD_STOPPED,
        turns=CRITICAL,
        collateral={"gateway.quick_health.running": CRITICAL, "gateway.websocket.running": CRITICAL},
        rollup=CRITICAL,
        why="listeners that really stop take the data with them: that is scenario SC-02",
    ),
    "market.ws.listeners": cell(fault("F.mkt.listener_stop", which="json"), turns=CRITICAL),
    "market.ws.last_message_age": cell(
        fault("F.json.set", **within(WEBSOCKET, "/connection_status/last_message_age", value=48.0)),
        turns=CRITICAL,
        why="a feed that is really silent takes the data with it: that is scenario SC-03",
    ),
    "market.ws.success_rate": cell(
        fault("F.mkt.ws_history", attempts=200, successes=180, failures_last_hour=0),
        turns=WARNING,
        why="attempts that really fail count as failures of this hour as well",
    ),
    "market.ws.connection_failures": cell(
        fault("F.mkt.ws_history", attempts=1000, successes=994, failures_last_hour=6),
        turns=WARNING,
        why="attempts that really fail lower the rate of success of a young service as well",
    ),
    "market.ws.uptime": cell(
        UPTIME_TOLD,
        turns=WARNING,
        collateral={"gateway.websocket.uptime": WARNING},
        why="uptime over a day falls under 99 % only after minutes without a connection",
    ),
    "market.ws.parse_error_rate": cell(
        fault("F.mkt.feed", op="garble", percent=7, to="service", log=False),
        turns=WARNING,
        collateral={"gateway.websocket.parse_error_rate": WARNING},
    ),
    "market.ws.message_rate": cell(fault("F.mkt.feed", op="throttle", rate=70), turns=WARNING),
    "market.ws.history_arithmetic": cell(
        fault("F.json.offset", **within(WEBSOCKET, "/error_categories/other", add=3)),
        turns=WARNING,
        why="figures that contradict each other are a defect of reporting",
    ),
    "market.data.freshness_rate": cell(
        TWELVE_SILENT,
        turns=WARNING,
        collateral={"gateway.market.freshness": WARNING, "market.data.stale_symbols": WARNING},
        rollup=WARNING,
    ),
    "market.data.fresh_symbols": cell(
        fault("F.json.set", **within(MARKET_DATA, "/data_freshness/fresh_symbols", value=0)),
        turns=CRITICAL,
        collateral={"market.data.arithmetic": WARNING, "market.data.key_pattern": WARNING},
        why="no symbol is fresh only once the whole feed is silent: that is scenario SC-03; one altered count"
        " contradicts the rate beside it and the keys in Redis",
    ),
    "market.data.missing_symbols": cell(
        ONE_SYMBOL_GONE,
        turns=WARNING,
        collateral={"gateway.quick_health.missing_symbols": WARNING, "market.data.missing_data_symbols": WARNING},
    ),
    "market.data.missing_data_symbols": cell(
        ONE_SYMBOL_GONE,
        turns=WARNING,
        collateral={"gateway.quick_health.missing_symbols": WARNING, "market.data.missing_symbols": WARNING},
    ),
    "market.data.stale_symbols": cell(fault("F.mkt.feed", op="stop_symbols", count=2), turns=WARNING),
    "market.data.universe": cell(fault("F.mkt.universe", remove=["AVAXUSD"]), turns=WARNING),
    "market.data.arithmetic": cell(
        fault("F.json.offset", **within(MARKET_DATA, "/data_freshness/total_symbols", add=1)),
        turns=WARNING,
        why="figures that contradict each other are a defect of reporting",
    ),
    "market.data.symbol_age": cell(fault("F.mkt.redis_stuck", symbols=["GBPNZD"]), turns=CRITICAL),
    "market.data.key_pattern": cell(fault("F.redis.key", op="set", key="market:STRAYXX"), turns=WARNING),
    "market.data.reported_consistency": cell(
        fault("F.mkt.price_skew", leg="redis", symbols=["GBPCHF"], bps=12), turns=CRITICAL
    ),
    "market.price.sane": cell(fault("F.mkt.bad_tick", symbols=["CADCHF"], kind="crossed"), turns=CRITICAL),
    "market.system.memory_percent": cell(fault("F.mkt.resource", memory_percent=84), turns=WARNING, why=NO_PRESSURE),
    "market.system.memory_rss": cell(
        fault("F.mkt.resource", memory_mb=1100),
        turns=WARNING,
        collateral={"gateway.system.memory": WARNING},
        why=NO_PRESSURE,
    ),
    "market.system.cpu": cell(
        fault("F.mkt.resource", cpu_percent=86),
        turns=WARNING,
        collateral={"gateway.system.cpu": WARNING},
        why=NO_PRESSURE,
    ),
    "market.system.connection_count": cell(
        fault("F.mkt.resource", connection_count=260), turns=WARNING, why=NO_PRESSURE
    ),
    "market.services.running": cell(
        fault("F.mkt.service_crash", name="provider_pending_monitor", no_restart=True), turns=WARNING
    ),
    "market.ws.upstream[dns]": cell(
        given={"LAB_FEED_BINARY_URL": "ws://feed.invalid:9001/binary"},
        turns=CRITICAL,
        blocked=["market.ws.upstream", "market.ws.protocol[binary]"],
        why="names are resolved on this side, so this side is given one that does not resolve",
    ),
    **{
        f"market.ws.upstream[{step}]": cell(fault("F.mkt.feed_refuse", step=step), turns=CRITICAL, blocked=blocked)
        for step, blocked in STEPS.items()
    },
    "market.ws.protocol[binary]": cell(HALF_GARBLED, turns=CRITICAL, collateral={"market.ws.protocol[json]": CRITICAL}),
    "market.ws.protocol[json]": cell(HALF_GARBLED, turns=CRITICAL, collateral={"market.ws.protocol[binary]": CRITICAL}),
    "market.ws.client_stream": cell(fault("F.mkt.client_mute", symbols=["NZDCAD"]), turns=CRITICAL),
    "market.price.ws_vs_redis": cell(
        fault("F.mkt.price_skew", leg="ws", symbols=["EURUSD"], bps=12),
        turns=WARNING,
        collateral={"market.price.ws_vs_api": WARNING},
        why="the stream stands against both other places",
    ),
    "market.price.redis_vs_api": cell(
        fault("F.mkt.price_skew", leg="redis", symbols=["USDJPY", "BTCUSD"], bps=12),
        turns=WARNING,
        collateral={"market.price.ws_vs_redis": WARNING, "market.data.reported_consistency": CRITICAL},
        why="Redis stands against both other places, and the service's own comparison sees it too",
    ),
    "market.price.ws_vs_api": cell(
        fault("F.mkt.price_skew", leg="api", symbols=["XAUUSD"], bps=12),
        turns=WARNING,
        collateral={"market.price.redis_vs_api": WARNING},
        why="the API stands against both other places",
    ),
    "market.startup.sequence": cell(
        STARTED_WITHOUT_A_VARIABLE,
        turns=WARNING,
        collateral={"market.startup.prerequisites": CRITICAL},
        why="a prerequisite that is not met is a line that is missing and a share below 100 %",
    ),
    "market.startup.prerequisites": cell(
        STARTED_WITHOUT_A_VARIABLE, turns=CRITICAL, collateral={"market.startup.sequence": WARNING}
    ),
    "market.startup.services_count": cell(
        fault("F.log.rewrite", pattern="Running 7 background", with_="Running 6 background"),
        turns=CRITICAL,
        why="the lab's start stops at a service that does not start, so that there is no such line at all",
    ),
    "market.health_monitor.cadence": cell(fault("F.mkt.monitor_pause"), turns=WARNING),
    "market.log.connection_stable": cell(
        FEED_STANDS_STILL,
        turns=WARNING,
        collateral={
            "gateway.websocket.messages_progress": WARNING,
            "market.ws.client_stream": CRITICAL,
            "market.ws.message_rate": WARNING,
        },
        blocked=READERS_OF_MESSAGES,
    ),
    "market.log.warmup_success": cell(
        fault("F.log.emit", line="🔌 WebSocket connection closed (code=1006)", age_s=10),
        turns=WARNING,
        why="a connection that really breaks is tried again and again, which other checks count; that the warm-up"
        " follows is proven by market.warmup.after_reconnect",
    ),
    "market.log.no_redis_failed": cell(
        fault("F.log.emit", line="❌ Redis cluster connectivity: FAILED"), turns=CRITICAL, why=ONE_LINE
    ),
    "market.log.no_listener_critical": cell(
        fault("F.log.emit", line="❌ Critical error starting market listeners"), turns=CRITICAL, why=ONE_LINE
    ),
    "market.log.no_redis_critical": cell(
        fault("F.log.emit", line="🚨 CRITICAL: Redis cluster is not responding!"), turns=CRITICAL, why=ONE_LINE
    ),
    "market.log.no_fresh_data": cell(
        fault("F.log.emit", line="🚨 CRITICAL: No fresh market data available!"), turns=CRITICAL, why=ONE_LINE
    ),
    "market.log.ws_closed": cell(
        fault("F.log.emit", line="🔌 WebSocket connection closed (code=1006)", times=6, followed_by_warmup=True),
        turns=WARNING,
        why="connections that really break this often lower uptime and rate of success as well",
    ),
    "market.log.message_errors": cell(
        fault("F.mkt.feed", op="garble", percent=3, to="service"),
        turns=WARNING,
        collateral={"gateway.websocket.parse_error_rate": WARNING, "market.ws.parse_error_rate": MISSED},
        why="the same frames, counted by the service and by the lines in its log",
    ),
    **{
        f"market.log.retention[{kind}]": cell(
            fault("F.file.age", **{"class": kind, "remove_older_than_days": 3}), turns=WARNING
        )
        for kind in ("detail", "summary")
    },
    "market.log.size": cell(fault("F.file.grow", mb=600), turns=WARNING),
}
