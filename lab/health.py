"""Is the lab well? Each system as its own figures tell it, asked by way of the services' own calls."""

from typing import TYPE_CHECKING, Any, Final

from lab.calls import Caller, NoAnswerError
from lab.clock import iso, now
from lab.prometheus import PrometheusServer
from lab.settings import INSTANCES, SERVICES, Settings
from lab.tokens import mint
from lab.traffic import INTERNAL_HEADER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Body = dict[str, Any]
PUBLISHED_WITHIN_S: Final = 5.0
ANSWERS_WITHIN_S: Final = 3.0


class Health:
    """Asks the services how they are. `prometheus` is None where there is none."""

    def __init__(self, settings: Settings, prometheus: PrometheusServer | None) -> None:
        headers = {
            INTERNAL_HEADER: settings.internal_key,
            "Authorization": f"Bearer {mint(settings.jwt_secret, 'superadmin', 86400)}",
        }
        self._callers = {name: Caller(settings.ports[name], headers, ANSWERS_WITHIN_S) for name in SERVICES}
        self._listeners = settings.sse_clients
        self._prometheus = prometheus
        self.parts: dict[str, Callable[[], Awaitable[bool]]] = {
            "prometheus": self._is_scraped,
            "wsmanager": self._manager_is_up,
            "sse": self._streams_are_up,
            "market": self._market_is_up,
        }
        self._down = ""

    async def is_settled(self) -> bool:
        """Whether everything is up, has been, and prices flow to Redis without loss or delay.

        What takes longest after a start is asked for first: nobody is asked for anything in vain.
        """
        if not await self._is_scraped():
            return False
        body = await self._read("market", "/api/debug/websocket-to-redis")
        flow, uptime = body.get("flow", {}), body.get("websocket_status", {}).get("uptime_percent", 0)
        flowing = flow.get("delivery_ratio_percent", 0) > 99.5 and flow.get("lag_ms_p95", 1000) < 80
        return flowing and uptime > 99.5 and await self.is_up("wsmanager", "sse", "market")

    async def is_up(self, *only: str) -> bool:
        """Whether everything is up, or only these parts: prometheus, wsmanager, sse, market (with the gateway).

        What was down when last asked is asked first: while it is, nobody else has to say how it is.
        """
        for part in sorted(only or self.parts, key=lambda name: name != self._down):
            if not await self.parts[part]():
                self._down = part
                return False
        return True

    async def _is_scraped(self) -> bool:
        return self._prometheus is None or await self._prometheus.scrapes()

    async def _market_is_up(self) -> bool:
        market = await self._read("market", "/api/debug/comprehensive")
        summary = (await self._read("gateway", "/api/python-health")).get("data", {})
        try:
            return _market_is_well(market, summary)
        except (KeyError, TypeError):  # one of them did not answer, or not completely
            return False

    async def _manager_is_up(self) -> bool:
        instances = [await self._read(name, "/api/ws/metrics") for name in INSTANCES]
        canary = await self._read("ingress", "/canary")
        try:
            well = all(body["status"] == "healthy" and body["metrics"]["activeConnections"] for body in instances)
        except KeyError:
            return False
        return well and canary.get("state") == "running"

    async def _streams_are_up(self) -> bool:
        told = await self._read("sse", "/api/sse/monitoring")
        published = await self._read("cloudwatch", "/metrics-published")
        try:
            here = told["connection_stats"]["active_connections"]
            in_redis = told["connection_stats"]["redis_connection_counters"]
            well = told["health_indicators"]["overall_health"] == "healthy" and told["cleanup_stats"]["stale"] == 0
            newest = {one["metric"]: one for one in published["metrics"]}
            latest = newest["ActiveConnections"]
        except KeyError:
            return False
        is_published = latest["received_at"] > iso(now() - PUBLISHED_WITHIN_S) and abs(latest["value"] - here) <= 2
        return bool(well and is_published and here == in_redis and here >= self._listeners)

    async def _read(self, service: str, path: str) -> Body:
        try:
            answer = await self._callers[service].ask("GET", path)
            body = answer.json() if answer.status == 200 else {}
        except (NoAnswerError, ValueError):
            return {}
        return body if isinstance(body, dict) else {}


def _market_is_well(market: dict[str, Any], summary: dict[str, Any]) -> bool:
    redis, websocket = market["redis_cluster_diagnostics"], market["websocket_diagnostics"]
    freshness = market["market_data_diagnostics"]["data_freshness"]
    listeners = websocket["connection_status"]["listeners"].values()
    status = market["service_status"]
    return (
        market["system_health"] == summary["system_health"] == "healthy"
        and freshness["fresh_symbols"] == freshness["total_symbols"]
        and all(node["healthy"] for node in redis["cluster_health"]["nodes"])
        and redis["cluster_health"]["cluster_state"] == "ok"
        and all(test["success"] and test["data_found"] for test in redis["connection_pool"]["connection_tests"])
        and all(listener["connected"] for listener in listeners)
        and status["running_count"] == status["expected_count"]
        and status["last_health_check"] > status["started_at"]
        and websocket["performance"]["message_rate_per_sec"] > 120
    )
