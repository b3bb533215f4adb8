"""The service around the connection manager: its routes, the streams it serves, its start and its end."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lab.host import Host, quiet, run_until_done, stop_signal
from lab.log import Log
from lab.resp import ReplyError
from lab.services.sse.configuration import Configuration
from lab.services.sse.connections import Wire
from lab.services.sse.figures import CONTENT_TYPE, page
from lab.services.sse.manager import Manager
from lab.services.sse.publisher import Publisher
from lab.settings import Settings
from lab.tokens import role_of

STREAM: Final = "/api/sse/stream"
HEARTBEAT: Final = "/api/sse/heartbeat"
MONITORING: Final = "/api/sse/monitoring"
METRICS: Final = "/api/sse/metrics"
DATED: Final = "X-Lab-Dated"
"""Header by which a client of the lab says how old its connection is to be: `age_s=25000&idle_s=0`."""
RETRY_MS: Final = 3000
"""Milliseconds of production after which clients are to come back."""
LARGEST_BATCH: Final = 10_000
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Service:
    """The service, and everything a fault may change about it."""

    host: Host

    def __init__(self, settings: Settings) -> None:
        environment = os.environ
        self.log = Log(Path(environment["SSE_LOG"]))
        self.configuration = Configuration.of(environment)
        self.manager = Manager(self.configuration, environment["REDIS_URL"], self.log, settings.time_scale)
        self.publisher = Publisher(self.manager, self.log, settings.time_scale)
        self.full: list[object] = []
        """Faults under which streams of callers from outside are refused."""
        self._retry_ms = round(settings.time_scale.window(RETRY_MS))
        self._secret = environment["JWT_SECRET"]

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the service call its own routes."""
        return []

    def validate(self) -> None:
        """Log what is wrong with the configuration, or that nothing is; it does not keep the service from starting."""
        one = self.configuration
        if one.rules == "none":
            return
        if complaints := one.complaints():
            self.log.write("WARN", "sse.config", f"SSE configuration validation warnings: {'; '.join(complaints)}")
            return
        words = (
            f"SSE configuration validated successfully: cleanup_interval={one.cleanup_interval_s}s, "
            f"batch_size={one.batch_size}, stale_threshold={one.stale_after_s}s, ping_interval={one.ping_interval_s}s"
        )
        self.log.write("INFO", "sse.config", words)

    def routes(self) -> Starlette:
        """Every route of the service."""
        return Starlette(
            routes=[
                Route(STREAM, self._stream, methods=["GET"]),
                Route(HEARTBEAT, self._heartbeat, methods=["POST"]),
                Route(MONITORING, self._monitoring, methods=["GET"]),
                Route("/api/sse/health", self._health, methods=["GET"]),
                Route(METRICS, self._metrics, methods=["GET"]),
                Route("/api/sse/cleanup", self._clean_up, methods=["POST"]),
            ]
        )

    async def _stream(self, request: Request) -> Response:
        is_outside = not self.host.traffic.is_internal(request.scope)
        is_full = len(self.manager.connections) >= self.configuration.most_connections
        if is_full or (is_outside and self.full):
            return JSONResponse({"detail": "no more connections"}, 503, {"Retry-After": "30"})
        if request.method == "HEAD":
            return Response(headers=HEADERS, media_type="text/event-stream")
        return EventStream(self, is_outside=is_outside)

    async def _heartbeat(self, request: Request) -> Response:
        try:
            ids = (await request.json())["connections"]
            known = await self.manager.heard_from([str(one) for one in ids])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"detail": 'expected {"connections": ["…"]}'}, 422)
        except (OSError, ReplyError) as error:
            return _unreadable(error, 503)
        return JSONResponse({"known": known})

    async def _monitoring(self, _request: Request) -> Response:
        try:
            return JSONResponse(await self.manager.monitoring())
        except (OSError, ReplyError) as error:
            return _unreadable(error, 500)

    async def _health(self, _request: Request) -> Response:
        try:
            level = (await self.manager.monitoring())["health_indicators"]["overall_health"]
        except (OSError, ReplyError):
            return JSONResponse({"healthy": False, "overall_health": "unhealthy"}, 503)
        healthy = level in {"healthy", "degraded"}
        return JSONResponse({"healthy": healthy, "overall_health": level}, 200 if healthy else 503)

    async def _metrics(self, _request: Request) -> Response:
        try:
            text = page(await self.manager.monitoring(), self.host.started_at)
        except (OSError, ReplyError) as error:
            return _unreadable(error, 500)
        return PlainTextResponse(text, headers={"Content-Type": CONTENT_TYPE})

    async def _clean_up(self, request: Request) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            role = role_of(self._secret, token)
        except jwt.InvalidTokenError:
            return JSONResponse({"detail": "an admin token is required"}, 401)
        if role not in {"admin", "superadmin"}:
            return JSONResponse({"detail": "admin role required"}, 403)
        try:
            wanted = json.loads(await request.body() or b"{}").get("batch_size", self.configuration.batch_size)
        except (ValueError, AttributeError):
            wanted = None
        if isinstance(wanted, bool) or not isinstance(wanted, int) or not 1 <= wanted <= LARGEST_BATCH:
            return JSONResponse({"detail": f"expected batch_size, 1 to {LARGEST_BATCH}"}, 422)
        cleaned = await self.manager.clean_up_by_force(wanted)
        if cleaned is None:
            return JSONResponse({"detail": "the cleanup failed"}, 500)
        return JSONResponse({"cleaned": cleaned})

    def refuses(self, _scope: Scope) -> bool:
        """Turn nobody away: what an admin may do alone says so itself."""
        return False

    def opening(self, connection_id: str, last_event_id: str) -> bytes:
        """Return the first event of a stream, and after it those that the client has missed."""
        manager = self.manager
        seen = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else None
        data: dict[str, Any] = {
            "connection": connection_id,
            "ping_interval_seconds": self.configuration.ping_interval_s,
        }
        if seen is not None:
            data["resumed_after"] = seen
        position = manager.last_event if seen is None else min(seen, manager.last_event)
        first = f"retry: {self._retry_ms}\nid: {position}\nevent: connected\ndata: {json.dumps(data)}\n\n".encode()
        return first + (b"" if seen is None else manager.missed_since(seen))


class EventStream(Response):
    """The answer that goes on until its client leaves or is made to."""

    def __init__(self, service: Service, *, is_outside: bool) -> None:
        super().__init__(headers=HEADERS, media_type="text/event-stream")
        self._service = service
        self._is_outside = is_outside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Register the connection, send the first event, and wait for the end."""
        manager, headers = self._service.manager, dict(scope["headers"])
        connection = await manager.open(is_outside=self._is_outside, **self._dates(headers))
        try:
            kept = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": kept})
            last_event_id = headers.get(b"last-event-id", b"").decode("latin-1")
            first = self._service.opening(connection.id, last_event_id)
            await send({"type": "http.response.body", "body": first, "more_body": True})
            if (transport := self._service.host.transport_of(scope)) is not None:
                connection.wire = Wire(transport, is_chunked=scope["http_version"] == "1.1")
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            await manager.leave(connection)

    def _dates(self, headers: dict[bytes, bytes]) -> dict[str, float]:
        if self._is_outside:
            return {}
        given = parse_qs(headers.get(DATED.lower().encode(), b"").decode())
        return {name: float(values[0]) for name, values in given.items()}


def _unreadable(error: Exception, status: int) -> Response:
    return JSONResponse({"detail": f"the counters cannot be read: {type(error).__name__}: {error}"}, status)


async def serve(settings: Settings) -> None:
    """Run the service until told to stop."""
    service = Service(settings)
    host = Host("sse", service.routes(), service, settings)
    service.validate()
    manager = service.manager
    await manager.synchronise()  # nobody is there: whoever an earlier process left counted is gone
    for port in (host.private, host.public):
        await port.open()
    manager.start_cleaning()
    work = (manager.ping_for_ever(), manager.tell_for_ever(), service.publisher.publish_for_ever())
    running = [asyncio.create_task(one) for one in work]
    await stop_signal()
    for task in running:
        task.cancel()
    await manager.shut()
    await asyncio.gather(*(port.shut() for port in (host.public, host.private)))
    service.log.close()


def run(settings: Settings) -> None:
    """Process body of the service."""
    quiet()
    run_until_done(serve(settings))
