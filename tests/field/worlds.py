"""Small servers that serve what the documents print, and nothing else: no member, metric or route of our choosing."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.parts.target import Target

TOKENS = {"superadmin": "world-superadmin-1", "admin": "world-admin-token-1", "user": "world-user-token-1"}
"""What each role sends."""


def now() -> str:
    """Return this moment as the documents write moments."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class World:
    """One server. `bodies` stand by their path; `roles` say who may read them (nobody named: everybody)."""

    target: Target
    roles: dict[str, set[str]] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    documented: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.time)

    @property
    def url(self) -> str:
        """The address of the server."""
        return self.target.url

    def age(self) -> float:
        """Return the seconds since the world began."""
        return time.time() - self.began

    def serve(self, route: str, body: Any, *roles: str) -> None:
        """Serve a body that a test may change: JSON, text of a metrics page, or a function that returns one of them."""
        self.bodies[route] = body
        self.roles[route] = set(roles)
        self.target.answers[route] = lambda handler, route=route: self._answer(handler, route)
        self.target.heads[route] = lambda handler, route=route: self._answer(handler, route)

    def differ(self, rule: "Rule") -> None:
        """Serve everything under the paths, and in the form, that a rule gives it."""
        for route, body in list(self.bodies.items()):
            self.target.answers.pop(route), self.target.heads.pop(route)
            self.serve(
                rule.route(route), lambda body=body: rule.body(body() if callable(body) else body), *self.roles[route]
            )
            self.documented[rule.route(route)] = route

    @contextmanager
    def changed(self, route: str, change: Callable[[Any], object]) -> Iterator[None]:
        """Serve a body of a route as `change` leaves it, as long as the block lasts."""
        served = self.bodies[route]

        def other() -> Any:
            body = deepcopy(served() if callable(served) else served)
            change(body)
            return body

        self.bodies[route] = other
        try:
            yield
        finally:
            self.bodies[route] = served

    def _answer(self, handler: Any, route: str) -> None:
        sent = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        role = next((name for name, token in TOKENS.items() if token == sent), None)
        if self.roles[route] and role is None:
            return _send(handler, 401, {"error": "who are you"})
        if self.roles[route] and role not in self.roles[route]:
            return _send(handler, 403, {"error": "not you"})
        body = self.bodies[route]
        return _send(handler, 200, body() if callable(body) else body)


def _send(handler: Any, code: int, body: Any) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    handler.send_response(code)
    handler.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
    handler.send_header("Content-Length", "0" if handler.command == "HEAD" else str(len(text.encode())))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(text.encode())


@dataclass(frozen=True)
class Rule:
    """How a place differs from the documents: in its paths, in the names and figures of members, and on its pages."""

    route: Callable[[str], str] = str
    member: Callable[[str, Any], tuple[str, Any]] = lambda name, value: (name, value)
    page: Callable[[str], str] = str
    outer: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)

    def body(self, body: Any) -> Any:
        """Return a body as this place has it."""
        if isinstance(body, str):
            return self.page(body)
        return {self.outer: self._within(body)} if self.outer else self._within(body)

    def _within(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._within(one) for one in node]
        if not isinstance(node, dict):
            return node
        return dict(self.member(name, self._within(value)) for name, value in node.items())

    def profile(self, of: World) -> dict[str, Any]:
        """Return what people have to say of it, since nothing could guess it: the paths, and the labels."""
        routes = {route: path for path, route in of.documented.items() if path != route}
        return {**({"routes": routes} if routes else {}), **deepcopy(dict(self.said))}


AS_PRINTED = Rule()


@contextmanager
def world() -> Iterator[World]:
    """Start a server without routes; it ends with the block."""
    target = Target()
    try:
        yield World(target)
    finally:
        target.close()


ADMIN, SUPERADMIN = ("admin", "superadmin"), ("superadmin",)
DEBUG = "/api/python-health/debug/"


def gateway(of: World) -> None:
    """Serve what document 000 prints of the gateway, and the first look of document 001."""
    of.serve(
        "/api/python-health",
        lambda: {
            "data": {
                "system_health": "healthy",
                "connection_pool_utilization": "24%",
                "market_data_freshness": "98%",
                "websocket_uptime": "99.9%",
                "redis_response_time": "3.2ms",
                "last_updated": now(),
            }
        },
        *ADMIN,
    )
    of.serve(
        f"{DEBUG}redis-cluster",
        {
            "data": {
                "connection_pool": {
                    "active_connections": 12,
                    "utilization_percent": 24.0,
                    "connection_success_rate": 98.5,
                    "avg_response_time_ms": 3.2,
                    "connection_tests": [
                        {"symbol": "EURUSD", "success": True, "response_time_ms": 2.1, "data_found": True}
                    ],
                }
            }
        },
        *SUPERADMIN,
    )
    freshness = {"freshness_rate": 98.0, "fresh_symbols": 49}
    of.serve(f"{DEBUG}comprehensive", {"data": {"market_data_diagnostics": {"data_freshness": freshness}}}, *SUPERADMIN)
    of.serve(
        f"{DEBUG}websocket-to-redis",
        lambda: {"data": {"websocket_status": {"is_running": True, "messages_processed": int(150 * of.age()) + 9000}}},
        *SUPERADMIN,
    )
    of.serve(
        "/api/debug/python-health",
        {
            "data": {
                "redis": {"connected": True},
                "websocket": {"is_running": True},
                "market_data": {"freshness_rate": 98.0, "missing_data_symbols": []},
            }
        },
        *ADMIN,
    )


def market(of: World) -> None:
    """Serve what document 001 prints of the market service."""
    freshness = {"freshness_rate": 98.0, "fresh_symbols": 49}
    analysis = {"EURUSD": {}, "USDJPY": {}}
    health = {"cluster_state": "ok", "ping_success": True, "ping_time_ms": 5.2}
    listener = {"is_running": True, "last_message_age": 0.4}
    of.serve("/api/debug/redis-cluster", {"cluster_health": health})
    of.serve("/api/debug/websocket", {"connection_status": listener, "connection_history": {"success_rate": 99.2}})
    of.serve("/api/debug/market-data", {"data_freshness": freshness, "symbol_analysis": analysis})
    of.serve("/api/debug/comprehensive", {"market_data_diagnostics": {"data_freshness": freshness}})


METRICS = """\
ws_manager_active_connections 37
ws_manager_retry_count_total 214
ws_manager_stream_creations_total 5120
ws_manager_stream_cleanups_total 5081
ws_manager_active_connections_hwm 64
"""


def wsmanager(of: World) -> None:
    """Serve what document 003 prints of the WebSocket manager."""
    of.serve("/api/ws/metrics", {"metrics": {"activeConnections": 37}})
    of.serve("/api/ws/metrics?format=json", {"metrics": {"activeConnections": 37}})
    of.serve("/api/ws/metrics?format=prometheus", METRICS)


MONITORING: dict[str, Any] = {
    "service_name": "sse_connection_manager",
    "connection_stats": {"active_connections": 84, "redis_connection_counters": 83, "cleanup_task_running": True},
    "cleanup_stats": {
        "total_cleanups": 120,
        "total_connections_cleaned": 312,
        "cleanup_errors": 2,
        "failed_connections": 6,
        "error_rate": 1.7,
        "connection_failure_rate": 1.9,
        "last_cleanup_duration_ms": 8.4,
        "connections_per_cleanup": 2.6,
        "stale": 1,
        "active": 83,
        "long_lived": 22,
        "very_old": 2,
    },
    "health_indicators": {"overall_health": "healthy", "alerts": [], "warnings": []},
    "performance_metrics": {
        "avg_cleanup_duration_ms": 7.9,
        "cleanup_efficiency_rate": 98.1,
        "cleanup_error_rate": 1.7,
        "connections_cleaned_per_operation": 2.6,
    },
    "configuration": {
        "cleanup_interval_seconds": 60,
        "cleanup_batch_size": 10,
        "stale_threshold_seconds": 300,
        "periodic_cleanup_enabled": True,
    },
}
PAGE = """\
sse_active_connections 84
sse_cleanup_error_rate 1.7
sse_health_alerts 0
sse_total_connections_cleaned 312
sse_cleanup_total 120
sse_cleanup_errors_total 2
sse_stale_connections 1
sse_long_lived_connections 22
sse_very_old_connections 2
sse_health_status 0"""


def sse(of: World) -> None:
    """Serve what document 004 prints of the SSE connection manager: monitoring data, and the sample of its exporter."""
    of.serve("/api/sse/monitoring", lambda: {"timestamp": now(), **MONITORING})
    of.serve("/api/sse/metrics", PAGE)
