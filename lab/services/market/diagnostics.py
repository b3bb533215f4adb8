"""The bodies of the diagnostic routes: measured figures, put together the same way for every view."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from lab.clock import iso, now
from lab.services.lines import system_health
from lab.services.market.listeners import CATEGORIES
from lab.services.market.prices import Quote, age_s, mid_deviation_bps
from lab.universe import HOME_CHANNEL, redis_key

if TYPE_CHECKING:
    from lab.services.market.listeners import History, Listener, Traffic
    from lab.services.market.prices import Prices, Writer
    from lab.services.market.sampler import Sampler
    from lab.services.market.supervision import Service

TOLERANCE_BPS: Final = 5.0
Body = dict[str, Any]


@dataclass
class Reported:
    """Changes that faults make to measured figures before any view shows them, newest last."""

    cluster_health: list[Callable[[Body], None]] = field(default_factory=list)
    connection_pool: list[Callable[[Body], None]] = field(default_factory=list)
    websocket: list[Callable[[Body], None]] = field(default_factory=list)
    market_data: list[Callable[[Body], None]] = field(default_factory=list)
    resources: list[Callable[[Body], None]] = field(default_factory=list)


def _changed(body: Body, changes: Iterable[Callable[[Body], None]]) -> Body:
    for change in changes:
        change(body)
    return body


class NoSampleError(RuntimeError):
    """Nothing has been measured yet."""


class Measured(Protocol):
    """The market service as far as it is measured."""

    started_at: float
    last_health_check: float
    fresh_threshold_s: float
    prices: "Prices"
    writer: "Writer"
    traffic: "Traffic"
    history: "History"
    listeners: "dict[str, Listener]"
    sampler: "Sampler"
    services: "list[Service]"


class Diagnostics:
    """Builds every diagnostic body from the latest sample and the counters of the moment."""

    def __init__(self, market: Measured) -> None:
        self._market = market
        self.reported = Reported()

    def measured_cluster_health(self) -> Body:
        """`cluster_health` as measured, before faults that only change what is reported."""
        sample = self._market.sampler.latest
        if sample is None:
            raise NoSampleError("no measurement of Redis yet")
        answering = [node for node in sample.nodes if node.healthy]
        states = {node.cluster.get("cluster_state", "unknown") for node in answering}
        pings = [node.ping_ms if node.ping_ms is not None else node.failed_after_ms for node in sample.nodes]
        return {
            # More than half of the masters must answer: fewer cannot serve a cluster.
            "connected": len(answering) * 2 > len(sample.nodes),
            "cluster_state": "ok" if states == {"ok"} else "fail",
            "ping_success": len(answering) == len(sample.nodes),
            "ping_time_ms": round(sum(pings) / len(pings), 2),
            "known_nodes": max(
                [int(node.cluster["cluster_known_nodes"]) for node in answering], default=len(sample.nodes)
            ),
            "slots_assigned": min([int(node.cluster["cluster_slots_assigned"]) for node in answering], default=0),
            "nodes": [
                {
                    "name": node.name,
                    "host": node.address[0],
                    "port": node.address[1],
                    "role": node.role,
                    "healthy": node.healthy,
                    "ping_time_ms": None if node.ping_ms is None else round(node.ping_ms, 2),
                }
                for node in sample.nodes
            ],
        }

    def cluster_health(self) -> Body:
        """`cluster_health` as reported."""
        return _changed(self.measured_cluster_health(), self.reported.cluster_health)

    def connection_pool(self) -> Body:
        """`connection_pool`: use of the pool and the tests of the first symbols."""
        sample = self._market.sampler.latest
        if sample is None:
            raise NoSampleError("no measurement of the pool yet")
        body: Body = {
            "active_connections": sample.in_use,
            "max_connections": sample.max_connections,
            "connection_tests": [
                {
                    "symbol": test.symbol,
                    "success": test.success,
                    "response_time_ms": None if test.response_ms is None else round(test.response_ms, 2),
                    "data_found": test.data_found,
                }
                for test in sample.tests
            ],
        }
        tests = _changed(body, self.reported.connection_pool)["connection_tests"]
        times = [test["response_time_ms"] for test in tests if test["success"]]
        figures: Body = {
            "utilization_percent": round(100 * body["active_connections"] / body["max_connections"], 2),
            "connection_success_rate": round(100 * sum(test["success"] for test in tests) / len(tests), 2),
            "avg_response_time_ms": round(sum(times) / len(times), 2) if times else None,
        }
        biased = {name: value + body.pop(f"+{name}", 0) for name, value in figures.items() if value is not None}
        return {
            "active_connections": body["active_connections"],
            "max_connections": body["max_connections"],
            **figures,
            **biased,
            "connection_tests": tests,
            "tests_run": len(sample.tests),
        }

    def redis_cluster(self) -> Body:
        """Body of /api/debug/redis-cluster."""
        sample = self._market.sampler.latest
        if sample is None:
            raise NoSampleError("no measurement of Redis yet")
        infos = [node.info for node in sample.nodes if node.healthy]

        def total(name: str) -> float:
            return sum(float(info.get(name, 0)) for info in infos)

        lookups = total("keyspace_hits") + total("keyspace_misses")
        return {
            "timestamp": iso(now()),
            "cluster_health": self.cluster_health(),
            "connection_pool": self.connection_pool(),
            "performance": {
                "ops_per_sec": int(total("instantaneous_ops_per_sec")),
                "used_memory_mb": round(total("used_memory") / 2**20, 2),
                "hit_rate_percent": round(100 * total("keyspace_hits") / lookups, 2) if lookups else None,
            },
        }

    def websocket(self) -> Body:
        """Body of /api/debug/websocket."""
        market = self._market
        listeners, traffic, history = market.listeners.values(), market.traffic, market.history
        moment = now()
        failures = history.by_category()
        failed = sum(failures.values())
        attempts = history.successes + failed
        body: Body = {
            "timestamp": iso(moment),
            "connection_status": {
                "is_running": any(listener.is_running for listener in listeners),
                "connected": any(listener.connected for listener in listeners),
                "connected_since": iso(min(listener.connected_since for listener in listeners)),
                "uptime_percent": round(traffic.uptime.percent(), 2),
                "last_message_age": round(max(0.0, moment - traffic.last_message), 3),
                "listeners": {
                    listener.kind: {
                        "is_running": listener.is_running,
                        "connected": listener.connected,
                        "last_message_age": round(max(0.0, moment - listener.last_message), 3),
                    }
                    for listener in listeners
                },
            },
            "connection_history": {
                "success_rate": round(100 * history.successes / attempts, 2) if attempts else 0.0,
                "connection_attempts": attempts,
                "successful_connections": history.successes,
                "connection_failures": history.failures_last_hour(),
                "connection_failures_total": failed,
                "recent": history.recent,
            },
            "performance": {
                "messages_processed": traffic.messages.total,
                "message_rate_per_sec": round(traffic.message_rate(), 1),
                "parse_errors": traffic.parse_errors.total,
                "parse_error_rate": round(traffic.parse_error_percent(), 2),
            },
            "error_categories": {kind: failures[kind] for kind in CATEGORIES} | {"parse": traffic.parse_errors.total},
        }
        return _changed(body, self.reported.websocket)

    def market_data(self) -> Body:
        """Body of /api/debug/market-data."""
        market = self._market
        sample = market.sampler.latest
        if sample is None:
            raise NoSampleError("no measurement of prices yet")
        stored, threshold = sample.stored, market.fresh_threshold_s
        analysis = {symbol: self._analysed(symbol, stored.get(symbol)) for symbol in market.prices.symbols}
        statuses = [entry["status"] for entry in analysis.values()]
        fresh, stale = statuses.count("fresh"), statuses.count("stale")
        missing = [symbol for symbol, entry in analysis.items() if entry["status"] == "missing"]
        deviations = {
            symbol: self._deviation_bps(quote)
            for symbol, quote in stored.items()
            if quote is not None and symbol in analysis
        }
        body: Body = {
            "timestamp": iso(now()),
            "data_freshness": {
                "freshness_rate": round(100 * fresh / len(analysis), 2),
                "fresh_symbols": fresh,
                "stale_symbols": stale,
                "missing_symbols": len(missing),
                "total_symbols": len(analysis),
                "fresh_threshold_seconds": threshold,
            },
            "missing_data_symbols": missing,
            "symbol_analysis": analysis,
            "price_consistency": {
                "checked_symbols": len(deviations),
                "inconsistent_symbols": [
                    symbol for symbol, deviation in deviations.items() if deviation > TOLERANCE_BPS
                ],
                "max_deviation_bps": round(max(deviations.values(), default=0.0), 2),
            },
            "redis_key_patterns": {redis_key("*"): sum(node.keys for node in sample.nodes)},
        }
        return _changed(body, self.reported.market_data)

    def _analysed(self, symbol: str, stored: Quote | None) -> Body:
        entry: Body = {
            "status": "missing",
            "bid": None,
            "ask": None,
            "age_seconds": None,
            "source": HOME_CHANNEL[symbol],
            "seq": None,
            "redis_key": redis_key(symbol),
        }
        written = self._market.writer.written.get(symbol)
        if stored is None or written is None:
            return entry
        age = age_s(written)
        return entry | {
            "status": "fresh" if age <= self._market.fresh_threshold_s else "stale",
            "bid": written.bid,
            "ask": written.ask,
            "age_seconds": round(age, 3),
            "source": written.source,
            "seq": written.seq,
        }

    def _deviation_bps(self, stored: Quote) -> float:
        """Distance between what Redis holds and the same quote in memory (else the newest one), in bps."""
        remembered = self._market.prices.recent[stored.symbol]
        same = next((quote for quote in reversed(remembered) if quote.seq == stored.seq), None)
        other = same or self._market.prices.newest.get(stored.symbol)
        return mid_deviation_bps(stored, other) if other else 0.0

    def websocket_to_redis(self) -> Body:
        """Body of /api/debug/websocket-to-redis."""
        writer, websocket = self._market.writer, self.websocket()
        lag_p50, lag_p95 = writer.lag_ms.percentiles(50, 95)
        return {
            "timestamp": iso(now()),
            "websocket_status": {
                "is_running": websocket["connection_status"]["is_running"],
                "messages_processed": websocket["performance"]["messages_processed"],
                "uptime_percent": websocket["connection_status"]["uptime_percent"],
                "parse_error_rate": websocket["performance"]["parse_error_rate"],
            },
            "redis_status": {
                "connected": self.cluster_health()["connected"],
                "writes_total": writer.writes.total,
                "write_errors": writer.errors.total,
                "last_write_age_seconds": round(max(0.0, now() - writer.last_write), 3),
            },
            "flow": {
                "lag_ms_p50": round(lag_p50, 2),
                "lag_ms_p95": round(lag_p95, 2),
                "dropped": writer.dropped.total,
                "delivery_ratio_percent": round(writer.delivery_percent(), 2),
            },
        }

    def resources(self) -> Body:
        """`system_resources`: memory, CPU and sockets of this process."""
        sample = self._market.sampler.latest
        if sample is None:
            raise NoSampleError("no measurement of the process yet")
        body = {
            "memory_mb": round(sample.memory_bytes / 2**20, 1),
            "memory_percent": round(sample.memory_percent, 2),
            "cpu_percent": round(sample.cpu_percent, 1),
            "connection_count": sample.sockets,
        }
        return _changed(body, self.reported.resources)

    def service_status(self) -> Body:
        """`service_status`: the seven background services."""
        market = self._market
        services = {service.name: service.as_dict() for service in market.services}
        return {
            "expected_count": len(services),
            "running_count": sum(service["state"] == "running" for service in services.values()),
            "started_at": iso(market.started_at),
            "last_health_check": iso(market.last_health_check),
            "services": services,
        }

    def comprehensive(self) -> Body:
        """Body of /api/debug/comprehensive."""
        body: Body = {
            "timestamp": iso(now()),
            "service": "python-market-service",
            "system_health": "unhealthy",
            "redis_cluster_diagnostics": self.redis_cluster(),
            "websocket_diagnostics": self.websocket(),
            "market_data_diagnostics": self.market_data(),
            "system_resources": self.resources(),
            "service_status": self.service_status(),
        }
        return body | {"system_health": system_health(body)}
