"""The fault of every check of the gateway."""

from healthgate.claim.state import State
from tests.detection.cell import Cell, Token, cell, fault

MISSED, WARNING, CRITICAL, UNKNOWN = State.MISSED, State.WARNING, State.CRITICAL, State.UNKNOWN

SUMMARY = "/api/python-health"
QUICK_HEALTH = "/api/debug/python-health"
ROUTES = {
    "comprehensive": "/api/python-health/debug/comprehensive",
    "redis_cluster": "/api/python-health/debug/redis-cluster",
    "websocket_to_redis": "/api/python-health/debug/websocket-to-redis",
}

POOL_NEARLY_FULL = fault("F.mkt.pool", max_connections=20, active=17)
TWELVE_SILENT = fault("F.mkt.feed", op="stop_symbols", count=12)
UPTIME_TOLD = fault("F.mkt.ws_history", uptime_percent=97.5)
FEED_STANDS_STILL = fault("F.mkt.feed", op="throttle", rate=0)
LISTENER_TOLD_STOPPED = fault("F.mkt.listener_flag", is_running=False)

RESTS_ON_GATEWAY = [
    "gateway.auth.anonymous",
    "gateway.auth.bad_token",
    "gateway.auth.insufficient_role",
    "gateway.auth.quick_health_protected",
    "gateway.auth.summary_protected",
    "gateway.consistency.*",
    "gateway.contract.*",
    "gateway.data_age",
    "gateway.endpoint.*",
    "gateway.exposure.*",
    "gateway.log.*",
    "gateway.market.*",
    "gateway.pool.*",
    "gateway.quick_health.*",
    "gateway.redis.*",
    "gateway.summary.*",
    "gateway.system.*",
    "gateway.websocket.*",
    "market.contract.quick_health",
]
"""Everything that needs the gateway; only the token itself is looked at without it."""

READERS = {
    "comprehensive": [
        "gateway.consistency.freshness",
        "gateway.contract.comprehensive",
        "gateway.data_age[comprehensive]",
        "gateway.market.*",
        "gateway.quick_health.agrees",
        "gateway.summary.matches_detail",
        "gateway.system.*",
        "gateway.websocket.messages_progress",
    ],
    "redis_cluster": [
        "gateway.consistency.pool",
        "gateway.consistency.redis_state",
        "gateway.contract.redis_cluster",
        "gateway.data_age[redis_cluster]",
        "gateway.pool.*",
        "gateway.redis.*",
        "gateway.summary.matches_detail",
    ],
    "websocket_to_redis": [
        "gateway.consistency.websocket",
        "gateway.contract.websocket_to_redis",
        "gateway.data_age[websocket_to_redis]",
        "gateway.summary.matches_detail",
        "gateway.websocket.*",
    ],
}
"""What rests on each debug route."""

READERS_OF_MESSAGES = ["market.log.message_errors", "market.price.ws_*"]
"""What can say nothing while no message comes."""

ONE_ROUTE = "the lab has no cause that spoils one route alone"
ONE_BODY = "bodies of the lab are whole, so a member has to be taken out or altered on its way"
ONE_VIEW = "the lab's gateway keeps no second copy of a figure that could really fall behind"
NO_PRESSURE = "really using that much would burden the machine the tests run on"


def answered(path: str, status: int) -> Cell:
    return cell(fault("F.http.status", service="gateway", path=path, status=status), turns=CRITICAL)


def altered(path: str, pointer: str, value: object) -> dict[str, object]:
    return {"service": "gateway", "path": path, "pointer": pointer, "value": value}


CELLS: dict[str, Cell] = {
    "gateway.reachable": cell(
        fault("F.http.down", service="gateway"),
        turns=CRITICAL,
        blocked=RESTS_ON_GATEWAY,
    ),
    **{
        f"gateway.endpoint.debug[{name}]": cell(
            fault("F.http.status", service="gateway", path=route, status=500),
            turns=CRITICAL,
            blocked=READERS[name],
            why=ONE_ROUTE,
        )
        for name, route in ROUTES.items()
    },
    "gateway.endpoint.summary": cell(
        fault("F.http.status", service="gateway", path=SUMMARY, status=500),
        turns=CRITICAL,
        collateral={"gateway.log.requests": MISSED},
        blocked=["gateway.contract.summary", "gateway.data_age[summary]", "gateway.summary.*"],
        why=f"{ONE_ROUTE}; what answers instead of the route writes no log",
    ),
    "gateway.endpoint.quick_health": cell(
        fault("F.http.status", service="gateway", path=QUICK_HEALTH, status=502),
        turns=CRITICAL,
        blocked=["gateway.quick_health.*", "market.contract.quick_health"],
        why=ONE_ROUTE,
    ),
    **{
        f"gateway.auth.anonymous[{name}]": cell(fault("F.gw.auth_off", path=route), turns=CRITICAL)
        for name, route in ROUTES.items()
    },
    **{
        f"gateway.auth.insufficient_role[{name}-{role}]": cell(
            fault("F.gw.role_off", path=route, role=role), turns=CRITICAL
        )
        for name, route in ROUTES.items()
        for role in ("admin", "user")
    },
    **{
        f"gateway.auth.bad_token[{name}-{token}]": cell(
            fault("F.gw.accept_bad_token", path=route, token=token), turns=CRITICAL
        )
        for name, route in (ROUTES | {"summary": SUMMARY}).items()
        for token in ("malformed", "wrong_signature", "expired")
    },
    "gateway.auth.summary_protected[anonymous]": cell(
        fault("F.gw.auth_off", path=SUMMARY, role="none"), turns=CRITICAL
    ),
    "gateway.auth.summary_protected[user]": cell(fault("F.gw.auth_off", path=SUMMARY, role="user"), turns=CRITICAL),
    "gateway.auth.quick_health_protected": cell(fault("F.gw.auth_off", path=QUICK_HEALTH), turns=WARNING),
    "gateway.auth.token_hygiene": cell(
        given={"LAB_SUPERADMIN_TOKEN": Token("superadmin", 12 * 3600)},
        turns=WARNING,
        why="what is checked is what the run is given",
    ),
    "gateway.auth.token_placeholder": cell(
        given={"LAB_EXPIRED_TOKEN": "your_admin_token_here"},
        turns=CRITICAL,
        why="what is checked is what the run is given; a placeholder is refused as an expired token is, so that nothing"
        " else tells it",
    ),
    "gateway.exposure.python_port_closed": cell(fault("F.mkt.bind_all"), turns=CRITICAL),
    "gateway.contract.redis_cluster": cell(
        fault("F.json.set", **altered(ROUTES["redis_cluster"], "/data/connection_pool/connection_tests/0/symbol", 42)),
        turns=CRITICAL,
        why=ONE_BODY,
    ),
    "gateway.contract.comprehensive": cell(
        fault(
            "F.json.drop",
            service="gateway",
            path=ROUTES["comprehensive"],
            pointer="/data/service_status/expected_count",
        ),
        turns=CRITICAL,
        why=ONE_BODY,
    ),
    "gateway.contract.websocket_to_redis": cell(
        fault(
            "F.json.drop",
            service="gateway",
            path=ROUTES["websocket_to_redis"],
            pointer="/data/redis_status/write_errors",
        ),
        turns=CRITICAL,
        why=ONE_BODY,
    ),
    "gateway.contract.summary": cell(
        fault("F.json.set", **altered(SUMMARY, "/data/websocket_uptime", "99.97 %")),
        turns=WARNING,
        why=ONE_BODY,
    ),
    "gateway.pool.utilization": cell(POOL_NEARLY_FULL, turns=WARNING, rollup=WARNING),
    "gateway.pool.active_connections": cell(fault("F.mkt.pool", max_connections=100, active=45), turns=WARNING),
    "gateway.pool.success_rate": cell(
        fault("F.mkt.conn_test", fail=3),
        turns=WARNING,
        collateral={"gateway.pool.tests_succeed": WARNING},
        rollup=WARNING,
        why="a connection that really fails takes data with it, and a dozen other checks with the data",
    ),
    "gateway.pool.tests_succeed": cell(
        fault("F.mkt.conn_test", fail=1),
        turns=WARNING,
        why="a connection that really fails takes data with it, and a dozen other checks with the data",
    ),
    "gateway.pool.tests_data_found": cell(
        fault("F.mkt.symbol_missing", symbols=["EURGBP"]),
        turns=WARNING,
        collateral={
            "gateway.quick_health.missing_symbols": WARNING,
            "market.data.missing_data_symbols": WARNING,
            "market.data.missing_symbols": WARNING,
        },
        why="the key of a symbol that is tested is really gone, so the service counts it as missing as well",
    ),
    **{
        f"gateway.pool.arithmetic[{figure}]": cell(
            fault("F.mkt.pool_report_bias", formula=figure),
            turns=WARNING,
            why="figures that contradict each other are a defect of reporting",
        )
        for figure in ("utilization", "success_rate", "average")
    },
    "gateway.redis.response_time": cell(
        fault("F.mkt.redis_latency", scope="pool", ms=140), turns=WARNING, rollup=WARNING
    ),
    "gateway.redis.reachable": cell(
        fault("F.mkt.redis_flag", fields=["connected", "ping_success"]),
        turns=CRITICAL,
        collateral={
            "gateway.quick_health.connected": CRITICAL,
            "market.redis.connected": CRITICAL,
            "market.redis.ping_success": CRITICAL,
        },
        rollup=CRITICAL,
        why="a cluster that is really lost takes the data with it: that is scenario SC-01",
    ),
    "gateway.market.freshness": cell(
        TWELVE_SILENT,
        turns=WARNING,
        collateral={"market.data.freshness_rate": WARNING, "market.data.stale_symbols": WARNING},
        rollup=WARNING,
    ),
    "gateway.market.fresh_symbols": cell(
        fault(
            "F.json.set",
            **altered(ROUTES["comprehensive"], "/data/market_data_diagnostics/data_freshness/fresh_symbols", 0),
        ),
        turns=CRITICAL,
        why="no symbol is fresh only once the whole feed is silent: that is scenario SC-03",
    ),
    "gateway.websocket.running": cell(
        LISTENER_TOLD_STOPPED,
        turns=CRITICAL,
        collateral={"gateway.quick_health.running": CRITICAL, "market.ws.running": CRITICAL},
        rollup=CRITICAL,
        why="listeners that really stop take the data with them: that is scenario SC-02",
    ),
    "gateway.websocket.messages_progress": cell(
        FEED_STANDS_STILL,
        turns=WARNING,
        collateral={
            "market.log.connection_stable": WARNING,
            "market.ws.client_stream": CRITICAL,
            "market.ws.message_rate": WARNING,
        },
        blocked=READERS_OF_MESSAGES,
        why="four views of a feed that sends nothing; prices grow old only half a minute later",
    ),
    "gateway.websocket.uptime": cell(
        UPTIME_TOLD,
        turns=WARNING,
        collateral={"market.ws.uptime": WARNING},
        why="uptime over a day falls under 99 % only after minutes without a connection",
    ),
    "gateway.websocket.parse_error_rate": cell(
        fault("F.mkt.feed", op="garble", percent=2.5, to="service", log=False),
        turns=WARNING,
        collateral={"market.ws.parse_error_rate": MISSED},
        why="the market's own row warns only above 5 %, so there the objective is missed and nothing trips",
    ),
    "gateway.websocket.flow": cell(fault("F.mkt.redis_write_drop", percent=5), turns=WARNING),
    "gateway.system.memory": cell(
        fault("F.mkt.resource", memory_mb=640),
        turns=WARNING,
        collateral={"market.system.memory_rss": MISSED},
        why=f"{NO_PRESSURE}; the market's own row warns only above 1024 MB",
    ),
    "gateway.system.cpu": cell(
        fault("F.mkt.resource", cpu_percent=75),
        turns=WARNING,
        collateral={"market.system.cpu": MISSED},
        why=f"{NO_PRESSURE}; the market's own row warns only above 80 %",
    ),
    "gateway.summary.system_health": cell(
        POOL_NEARLY_FULL,
        turns=WARNING,
        collateral={"gateway.pool.utilization": WARNING},
        rollup=WARNING,
        why="a roll-up: it really follows the figure that trips its own check",
    ),
    **{
        f"gateway.quick_health.{sign}": cell(
            fault("F.json.set", **altered(QUICK_HEALTH, f"/data/{member}", told)),
            turns=state,
            collateral={"gateway.quick_health.agrees": WARNING},
            why="one altered sign contradicts its detail; that it follows that is proven by the fault of the detail",
        )
        for sign, member, told, state in (
            ("connected", "redis/connected", False, CRITICAL),
            ("running", "websocket/is_running", False, CRITICAL),
            ("missing_symbols", "market_data/missing_data_symbols", ["EURGBP"], WARNING),
            ("freshness", "market_data/freshness_rate", 49.5, CRITICAL),
        )
    },
    "gateway.quick_health.agrees": cell(
        fault("F.json.set", **altered(QUICK_HEALTH, "/data/market_data/freshness_rate", 97.0)),
        turns=WARNING,
        why=ONE_VIEW,
    ),
    **{
        f"gateway.summary.matches_detail[{figure}]": cell(
            fault("F.json.set", **altered(SUMMARY, f"/data/{member}", told)), turns=WARNING, why=ONE_VIEW
        )
        for figure, member, told in (
            ("utilization", "connection_pool_utilization", "40%"),
            ("freshness", "market_data_freshness", "97%"),
            ("uptime", "websocket_uptime", "99.5%"),
            ("redis_time", "redis_response_time", "60ms"),
        )
    },
    **{
        f"gateway.data_age[{name}]": cell(
            fault("F.json.set", **altered(route, f"/data/{member}", "now - 90")),
            turns=WARNING,
            why="a body that is really frozen is old only after a minute: that is scenario SC-17",
        )
        for name, route, member in (
            ("summary", SUMMARY, "last_updated"),
            *((name, route, "timestamp") for name, route in ROUTES.items()),
        )
    },
    "gateway.consistency.pool": cell(
        fault("F.gw.view_bias", utilization_percent=60.8, active_connections=31, max_connections=51),
        turns=WARNING,
        why=ONE_VIEW,
    ),
    "gateway.consistency.freshness": cell(
        fault("F.gw.view_bias", freshness_rate=94.0),
        turns=WARNING,
        collateral={"gateway.market.freshness": MISSED},
        why=f"{ONE_VIEW}; 94 % misses the objective of freshness and crosses none of its lines",
    ),
    "gateway.consistency.websocket": cell(
        fault(
            "F.json.offset",
            service="gateway",
            path=ROUTES["websocket_to_redis"],
            pointer="/data/websocket_status/messages_processed",
            add=5_000_000,
        ),
        turns=WARNING,
        why=ONE_VIEW,
    ),
    "gateway.consistency.redis_state": cell(
        fault("F.json.set", **altered(ROUTES["redis_cluster"], "/data/cluster_health/cluster_state", "unknown")),
        turns=CRITICAL,
        why=ONE_VIEW,
    ),
    "gateway.log.requests": cell(
        fault("F.gw.log_off"), turns=MISSED, why="the row has an objective and no alert line, so it trips nothing"
    ),
}
