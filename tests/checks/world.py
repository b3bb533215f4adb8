"""A small platform in which everything is well, as one run would observe it; tests make one thing ill."""

import base64
import copy
import json
import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from healthgate.claim.catalogue import Catalogue, load
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.state import Floor
from healthgate.claim.tally import Tally
from healthgate.claim.window import Sample
from healthgate.environment.profile import Profile
from healthgate.judge.judge import Judge
from healthgate.judge.verdict import Verdict
from healthgate.secret import Secret
from tests.checks import event_stream_service, websocket_manager

if TYPE_CHECKING:
    from healthgate.claim.system import System

ROOT = Path(__file__).parents[2]
CATALOGUE: Catalogue = load(ROOT / "checks", ROOT)

NOW = 1772442900.0
"""2026-03-02T09:15:00Z, when every answer was complete; second reads were two seconds later."""

STAMP = "2026-03-02T09:14:59.800Z"
STAMP_MS = int(NOW * 1000) - 400
SYMBOLS = ["EURUSD", "USDJPY", "XAUUSD", "BTCUSD"]
NODES = ["redis-node-1", "redis-node-2", "redis-node-3"]

G, M = "gateway GET /api/", "market GET /api/debug/"
SUMMARY = f"{G}python-health (admin)"
QUICK = f"{G}debug/python-health (admin)"
GATEWAY_ALL = f"{G}python-health/debug/comprehensive (superadmin)"
GATEWAY_REDIS = f"{G}python-health/debug/redis-cluster (superadmin)"
FLOW = f"{G}python-health/debug/websocket-to-redis (superadmin)"
ALL, REDIS, WEBSOCKET, MARKET_DATA = (f"{M}{r}" for r in ("comprehensive", "redis-cluster", "websocket", "market-data"))
NODE_1, NODE_2, NODE_3 = (f"market redis {node}" for node in NODES)
AGAIN = " (again)"
STREAM, FEED_BINARY, FEED_JSON = "market stream", "market feed_binary", "market feed_json"
MARKET_LOG, GATEWAY_LOG = "market logs", "gateway log"
LOG_FILES, ARCHIVES, OUTSIDE = "market files of logs", "market files of log_archives", "market port outside"
CLAIMS = "gateway claims of superadmin_token"
OTHER_CLAIMS = [f"gateway claims of {role}_token" for role in ("admin", "user", "expired")]
"""Tokens that are opaque in this world."""
PRICES = {symbol: f"market GET /api/market/price/{symbol}" for symbol in SYMBOLS}

MISSING = object()
"""Stands for a member that is not there."""


def _redis_body() -> dict[str, Any]:
    return {
        "timestamp": STAMP,
        "cluster_health": {
            "connected": True,
            "cluster_state": "ok",
            "ping_success": True,
            "ping_time_ms": 0.9,
            "known_nodes": 3,
            "slots_assigned": 16384,
            "nodes": [{"name": name, "healthy": True, "ping_time_ms": 0.8} for name in NODES],
        },
        "connection_pool": {
            "active_connections": 9,
            "max_connections": 50,
            "utilization_percent": 18.0,
            "connection_success_rate": 100.0,
            "avg_response_time_ms": 1.8,
            "connection_tests": [
                {"symbol": symbol, "success": True, "response_time_ms": time, "data_found": True}
                for symbol, time in zip(SYMBOLS, (1.6, 1.7, 1.9, 2.0), strict=True)
            ],
            "tests_run": 4,
        },
        "performance": {"ops_per_sec": 1630},
    }


def _websocket_body(messages: int) -> dict[str, Any]:
    return {
        "timestamp": STAMP,
        "connection_status": {
            "is_running": True,
            "connected": True,
            "connected_since": "2026-03-02T03:02:11Z",
            "uptime_percent": 99.97,
            "last_message_age": 0.4,
            "listeners": {"binary": {"is_running": True}, "json": {"is_running": True}},
        },
        "connection_history": {
            "success_rate": 99.2,
            "connection_attempts": 126,
            "successful_connections": 125,
            "connection_failures": 1,
            "connection_failures_total": 1,
        },
        "performance": {
            "messages_processed": messages,
            "message_rate_per_sec": 151.4,
            "parse_errors": 96,
            "parse_error_rate": 0.02,
        },
        "error_categories": {"connect": 0, "dns": 0, "timeout": 1, "closed_by_server": 0, "parse": 96, "other": 0},
    }


def _market_data_body() -> dict[str, Any]:
    return {
        "timestamp": STAMP,
        "data_freshness": {
            "freshness_rate": 100.0,
            "fresh_symbols": 4,
            "stale_symbols": 0,
            "missing_symbols": 0,
            "total_symbols": 4,
            "fresh_threshold_seconds": 30,
        },
        "missing_data_symbols": [],
        "symbol_analysis": {
            symbol: {
                "status": "fresh",
                "bid": 1.08412,
                "ask": 1.08424,
                "age_seconds": 0.4,
                "source": "binary",
                "redis_key": f"market:{symbol}",
            }
            for symbol in SYMBOLS
        },
        "price_consistency": {"inconsistent_symbols": [], "max_deviation_bps": 0.0},
        "redis_key_patterns": {"market:*": 4},
    }


def _comprehensive_body(messages: int) -> dict[str, Any]:
    services = [
        "binary_market_listener",
        "json_market_listener",
        "portfolio_calculator_listener",
        "provider_connection_manager",
        "provider_pending_monitor",
        "autocutoff_watcher",
        "health_monitor",
    ]
    return {
        "timestamp": STAMP,
        "service": "python-market-service",
        "system_health": "healthy",
        "redis_cluster_diagnostics": _redis_body(),
        "websocket_diagnostics": _websocket_body(messages),
        "market_data_diagnostics": _market_data_body(),
        "system_resources": {
            "memory_mb": 214.6,
            "memory_percent": 38.4,
            "cpu_percent": 21.7,
            "connection_count": 71,
        },
        "service_status": {
            "expected_count": 7,
            "running_count": 7,
            "started_at": "2026-03-02T03:02:04Z",
            "services": {name: {"state": "running"} for name in services},
        },
    }


def _flow_body(messages: int) -> dict[str, Any]:
    return {
        "timestamp": STAMP,
        "websocket_status": {
            "is_running": True,
            "messages_processed": messages,
            "uptime_percent": 99.97,
            "parse_error_rate": 0.02,
        },
        "redis_status": {
            "connected": True,
            "writes_total": 482150,
            "write_errors": 0,
            "last_write_age_seconds": 0.4,
        },
        "flow": {"lag_ms_p50": 2.1, "lag_ms_p95": 6.8, "dropped": 64, "delivery_ratio_percent": 99.99},
    }


def _bodies() -> dict[str, Any]:
    def enveloped(data: dict[str, Any]) -> dict[str, Any]:
        return {"success": True, "data": data, "timestamp": STAMP}

    return {
        SUMMARY: enveloped(
            {
                "system_health": "healthy",
                "connection_pool_utilization": "18%",
                "market_data_freshness": "100%",
                "websocket_uptime": "99.97%",
                "redis_response_time": "1.8ms",
                "last_updated": "2026-03-02T09:14:48Z",
            }
        ),
        QUICK: enveloped(
            {
                "status": "healthy",
                "python_service": {"reachable": True, "response_time_ms": 11.4},
                "redis": {"connected": True},
                "websocket": {"is_running": True},
                "market_data": {"freshness_rate": 100.0, "missing_data_symbols": []},
            }
        ),
        GATEWAY_ALL: enveloped(_comprehensive_body(1000)),
        GATEWAY_ALL + AGAIN: enveloped(_comprehensive_body(1300)),
        GATEWAY_REDIS: enveloped(_redis_body()),
        FLOW: enveloped(_flow_body(1000)),
        FLOW + AGAIN: enveloped(_flow_body(1300)),
        ALL: _comprehensive_body(1000),
        REDIS: _redis_body(),
        WEBSOCKET: _websocket_body(1000),
        WEBSOCKET + AGAIN: _websocket_body(1310),
        MARKET_DATA: _market_data_body(),
    }


def _node_facts(symbols: list[str]) -> dict[str, Any]:
    info = {
        "cluster_state": "ok",
        "cluster_slots_ok": "16384",
        "cluster_slots_fail": "0",
        "cluster_known_nodes": "3",
    }
    prices = {f"market:{symbol}": price_of(SYMBOLS.index(symbol)) for symbol in symbols}
    return {
        "replies": {"PING": "PONG", "CLUSTER INFO": info},
        "hashes": {key: {name: str(value) for name, value in price.items()} for key, price in prices.items()},
        "others": [],
    }


def price_of(number: int) -> dict[str, Any]:
    """The tick of a symbol, by the symbol's place in the list: five of them, each a different price."""
    bid = (1.08412, 154.321, 2411.55, 64250.0, 0.81234)[number]
    ask = (1.08424, 154.339, 2411.85, 64260.0, 0.81246)[number]
    return {"bid": bid, "ask": ask, "timestamp_ms": STAMP_MS, "seq": 900 + number}


def heard(messages: list[dict[str, Any]], **facts: Any) -> dict[str, Any]:
    """What a stream that is well brought."""
    return {
        "steps": {"resolve": 0.3, "connect": 0.2, "upgrade": 4.1, "ping": 0.6},
        "ended": "enough",
        "ending": "enough had come",
        "count": len(messages),
        "listened_s": 1.1,
        "first_message_ms": 40.0,
        "largest_gap_ms": 210.0,
        "messages": [{"at": NOW, **message} for message in messages],
        **facts,
    }


def ticks() -> list[dict[str, Any]]:
    """Two ticks of every symbol of the client stream, the second of them the one Redis and the API have."""
    found = []
    for back in (1, 0):
        for number, symbol in enumerate([*SYMBOLS, "NZDCAD"]):
            one = price_of(number)
            one |= {"seq": one["seq"] - back, "bid": round(one["bid"] * (1 - back * 0.00002), 6)}
            found.append({"text": json.dumps({"type": "tick", "symbol": symbol, **one})})
    return found


def binary_frames() -> list[dict[str, Any]]:
    """Ten frames of the binary feed, one of them a heartbeat."""
    frame = struct.pack(">4sHQIdd", b"TICK", 1, STAMP_MS, 900, 1.084, 1.0842)
    frames = [*[frame] * 9, struct.pack(">4sQ", b"BEAT", STAMP_MS)]
    return [{"binary": base64.b64encode(one).decode()} for one in frames]


def json_frames() -> list[dict[str, Any]]:
    """Ten frames of the JSON feed, one of them a heartbeat."""
    frame = {"type": "tick", "symbol": "USDJPY", **price_of(1)}
    frames = [*[frame] * 9, {"type": "heartbeat", "timestamp_ms": STAMP_MS}]
    return [{"text": json.dumps(one)} for one in frames]


def log_facts(**kinds: list[tuple[float, dict[str, str]]]) -> dict[str, Any]:
    """What a log of a service started an hour ago holds; `kinds` are lines by kind, as seconds ago and groups."""
    start = 3600.0
    lines: dict[str, list[tuple[float, dict[str, str]]]] = {
        f"startup.{number}": [(start - number / 10, {})] for number in range(1, 15)
    }
    lines["startup.5"] = [(start - 0.5, {"pct": "38.4"})]
    lines["startup.6"] = [(start - 0.6, {"pct": "100.0"})]
    lines["startup.14"] = [(start - 1.4, {"n": "7"})]
    lines |= {
        "ok.health": [(120.0, {"r": "✅"}), (420.0, {"r": "✅"})],
        "ok.stable": [(30.0, {"n": "241,000"})],
        "ok.warmup": [],
    }
    lines |= {f"error.{name}": [] for name in ("redis_start", "listeners", "redis", "nodata", "closed", "message")}
    lines |= {name.replace("__", "."): found for name, found in kinds.items()}
    return {
        "newest": NOW - 1,
        "oldest": NOW - 90_000,
        "from_birth": False,
        "stopped": None,
        "kinds": {
            name: {"count": len(found), "lines": [[NOW - ago, groups] for ago, groups in found]}
            for name, found in lines.items()
        },
    }


def _local_facts() -> dict[str, Any]:
    day = 86_400
    request = {"path": "/api/python-health", "status": "200", "ms": "12.4", "id": "0123456789abcdef"}
    requests = {"request": {"count": 1, "lines": [[NOW, request]]}}
    log = {"newest": NOW, "oldest": NOW - 90, "from_birth": False, "stopped": None, "kinds": requests}
    details = [
        ["market.log", 2_000_000, NOW],
        *([f"market.log.{n}", 9_000_000, NOW - (n + 0.4) * day] for n in range(1, 8)),
    ]
    archives = [[f"summary-{n}.log", 40_000, NOW - (n + 0.5) * day] for n in range(1, 31)]
    return {
        STREAM: heard(ticks()),
        FEED_BINARY: heard(binary_frames()),
        FEED_JSON: heard(json_frames()),
        MARKET_LOG: log_facts(),
        GATEWAY_LOG: log,
        GATEWAY_LOG + AGAIN: log,
        LOG_FILES: {"files": details, "folder_size": 70_000_000},
        ARCHIVES: {"files": archives, "folder_size": 70_000_000},
        CLAIMS: {"placeholder": False, "claims": {"role": "superadmin", "exp": NOW + 30 * day}},
        **{name: {"placeholder": False, "claims": None} for name in OTHER_CLAIMS},
    }


def _refusals() -> dict[str, int]:
    routes = [f"python-health/debug/{name}" for name in ("comprehensive", "redis-cluster", "websocket-to-redis")]
    labels = ("malformed token", "wrong signature", "expired token")
    return (
        {f"{G}{route}": 401 for route in [*routes, "python-health", "debug/python-health"]}
        | {f"{G}{route} ({role})": 403 for route in routes for role in ("admin", "user")}
        | {f"{G}{route} ({label})": 401 for route in [*routes, "python-health"] for label in labels}
        | {f"{G}python-health (user)": 403}
    )


def _answer(name: str, code: int, body: Any) -> Observation:
    at = NOW + 2 if name.endswith(AGAIN) else NOW
    facts = {
        "code": code,
        "type": "application/json",
        "request_id": "0123456789abcdef",
        "json": body,
    }
    return Observation(name, "answered", at, 12.5, facts=facts)


@cache
def _observations() -> bytes:
    """Return what each look brought, to be read once for each world: which takes a quarter of making it anew."""
    found = {name: _answer(name, 200, body) for name, body in _bodies().items()}
    refused = {"success": False, "error": {"code": "UNAUTHENTICATED"}, "timestamp": STAMP}
    found |= {name: _answer(name, code, dict(refused)) for name, code in _refusals().items()}
    for name, symbols in ((NODE_1, SYMBOLS[:2]), (NODE_2, SYMBOLS[2:3]), (NODE_3, SYMBOLS[3:])):
        found[name] = Observation(name, "answered", NOW, 1.0, facts=_node_facts(symbols))
    for number, (symbol, name) in enumerate(PRICES.items()):
        found[name] = _answer(name, 200, {"symbol": symbol, **price_of(number)})
    for name, facts in _local_facts().items():
        found[name] = Observation(name, "answered", NOW, 1.0, facts=facts)
    found[OUTSIDE] = Observation(OUTSIDE, "refused", NOW, 0.2, error="connection refused")
    found |= websocket_manager.observations()
    found |= event_stream_service.observations()
    return pickle.dumps({name: copy.deepcopy(one) for name, one in found.items()})


class World:
    """What one run observed, and the verdicts on it."""

    time_scale = 1.0
    at = NOW
    tallies: Mapping[str, Sequence[Tally]] = MappingProxyType({})

    def __init__(self, *, direct: bool = True, **gateway: Any) -> None:
        self.observations: dict[str, Observation] = pickle.loads(_observations())
        token = Secret("a.b.c-of-some-length")
        tokens = dict.fromkeys(("superadmin_token", "admin_token", "user_token", "expired_token"), token)
        self.systems: dict[str, System] = {
            "gateway": CATALOGUE.systems["gateway"](url="https://gateway.example.com", **tokens, **gateway),
            "market": CATALOGUE.systems["market"](symbols=list(SYMBOLS)),
            "wsmanager": CATALOGUE.systems["wsmanager"](**websocket_manager.SETTINGS),
            "sse": CATALOGUE.systems["sse"](**event_stream_service.SETTINGS),
        }
        if direct:
            self.systems["gateway"] = CATALOGUE.systems["gateway"](
                url="https://gateway.example.com",
                **tokens,
                superadmin_role="superadmin",
                log="/var/log/gateway.log",
                **gateway,
            )
            self.systems["market"] = CATALOGUE.systems["market"](
                symbols=list(SYMBOLS),
                url="http://market.example.com:8000",
                redis_nodes={node: f"{node}.example.com:6379" for node in NODES},
                stream_url="ws://market.example.com:8000/ws/prices",
                price_sample=list(SYMBOLS),
                feed_binary_url="ws://feed.example.com:9100/binary",
                feed_json_url="ws://feed.example.com:9100/json",
                outside="market.example.com:8000",
                logs="/var/log/market.log*",
                log_archives="/var/log/summary-*.log",
                installed="2025-11-01",
            )

    def json(self, request: str) -> Any:
        """Return the body of an answer, to be changed in place."""
        return self.observations[request].facts["json"]

    def put(self, request: str, path: str, value: Any) -> "World":
        """Set what stands at a dotted path of a body (or of what a node said); MISSING removes it."""
        facts = self.observations[request].facts
        node, steps = facts.get("json", facts), path.split("/")
        for step in steps[:-1]:
            node = node[int(step)] if isinstance(node, list) else node[step]
        last: Any = int(steps[-1]) if isinstance(node, list) else steps[-1]
        if value is MISSING:
            del node[last]
        else:
            node[last] = value
        return self

    def fail(self, request: str, status: str, error: str, *, elapsed_ms: float = 5.0, **facts: Any) -> "World":
        """Let a request end without an answer."""
        ended = replace(self.observations[request], status=status, error=error, elapsed_ms=elapsed_ms, facts=facts)
        self.observations[request] = ended
        return self

    def answer(self, request: str, code: int, body: Any = None, **facts: Any) -> "World":
        """Let a request be answered like this."""
        told = {"code": code, "type": "application/json", **facts}
        if body is not None:
            told["json"] = body
        self.observations[request] = replace(self.observations[request], facts=told)
        return self

    def again(self, number: int) -> "World":
        """Add attempt `number`, which saw what the first has seen so far."""
        mark = f" (attempt {number})"
        self.observations |= {
            name + mark: replace(copy.deepcopy(seen), id=name + mark)
            for name, seen in self.observations.items()
            if "(attempt" not in name
        }
        return self

    @property
    def scene(self) -> Scene:
        """What the checks read."""
        return Scene("scene", self.systems, self.observations, time_scale=self.time_scale, tallies=self.tallies)

    def verdict(self, check_id: str) -> Verdict:
        """Return the verdict on one check."""
        return self._judge({}).verdict(check_id)

    def verdict_after(self, check_id: str, value: float | str | bool, seconds: float) -> Verdict:
        """Return the verdict on one check that has brought the same value at every look of so many seconds before."""
        cadence = CATALOGUE.checks[check_id].cadence
        looks, now = range(round(seconds / cadence), 0, -1), self.verdict(check_id).observed_at or NOW
        taken = [Sample(now - number * cadence, value) for number in looks]
        return self._judge({check_id: taken}).verdict(check_id)

    def verdict_seen(self, check_id: str, *looks: tuple[float, float]) -> Verdict:
        """Return the verdict on one check that brought these values so many seconds before."""
        return self._judge({check_id: [Sample(NOW - ago, value) for ago, value in looks]}).verdict(check_id)

    def _judge(self, remembered: dict[str, list[Sample]]) -> Judge:
        terms_of = Profile("scene", ROOT / "scene.yaml").terms_of
        return Judge("scene", terms_of, CATALOGUE.checks, self.scene, Floor.OBJECTIVE, "{name}", remembered=remembered)
