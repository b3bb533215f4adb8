"""One instance of the WebSocket manager: its routes, its clients, its limit of requests."""

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import Final

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab.clock import TimeScale
from lab.host import Host, ListeningPort, quiet, run_until_done, stop_signal
from lab.log import Log
from lab.services.exchange import ENVIRONMENT_HEADER, NAME
from lab.services.wsmanager.exposition import CONTENT_TYPE, body, page
from lab.services.wsmanager.streams import COMPONENT, SYMBOLS, Streams
from lab.settings import Settings
from lab.tokens import role_of
from lab.traffic import INTERNAL_HEADER

METRICS: Final = "/api/ws/metrics"
STREAM: Final = "/api/ws/stream"
REQUESTS: Final = 30
WITHIN_S: Final = 10.0
"""Seconds of production in which a client may send `REQUESTS` requests."""
SHORTEST_S: Final = 0.5
"""Seconds below which that time is not shortened: callers do not run faster because the lab's clocks do."""
OWN_STREAMS: Final = {"production": 6, "staging": 2}
"""Streams an instance keeps open for itself."""
CLEAN: Final = frozenset({1000, 1001})
FAILED: Final = 1011


class Limiter:
    """Counts requests by client."""

    def __init__(self, scale: TimeScale) -> None:
        self.off: list[object] = []
        """Faults under which nobody is limited."""
        self._within_s = max(SHORTEST_S, scale.window(WITHIN_S))
        self._seen: dict[str, deque[float]] = {}

    def admits(self, client: str) -> bool:
        """Whether a client may send one more request now."""
        moment = asyncio.get_running_loop().time()
        seen = self._seen.setdefault(client, deque())
        while seen and seen[0] < moment - self._within_s:
            seen.popleft()
        if len(seen) >= REQUESTS and not self.off:
            return False
        seen.append(moment)
        return True


class Manager:
    """One instance, and everything a fault may change about it."""

    host: Host

    def __init__(self, settings: Settings) -> None:
        environment = os.environ
        self.environment = environment["ENVIRONMENT"]
        self.is_new = environment["USE_NEW_WS_MANAGER"] == "true"
        self.log = Log(Path(environment["APP_LOG"]))
        headers = {ENVIRONMENT_HEADER: self.environment, INTERNAL_HEADER: settings.internal_key}
        self.streams = Streams(environment["EXCHANGE_WS_URL"], headers, self.log, settings.time_scale)
        self.limiter = Limiter(settings.time_scale)
        self.stuck: list[object] = []
        """Faults under which HEAD answers 200 whatever the state is."""
        self._secret = environment["JWT_SECRET"]

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the instance call its own routes."""
        return []

    @property
    def status(self) -> str:
        """Whether the manager is well: without its sweep, streams that break off pile up."""
        return "healthy" if self.streams.is_swept else "unhealthy"

    def routes(self) -> Starlette:
        """Every route of the instance."""
        return Starlette(
            routes=[
                Route(METRICS, self._metrics, methods=["GET", "HEAD"]),
                Route("/api/ws/admin/cleanup", self._clean_up, methods=["POST"]),
                Route("/api/ws/admin/flag", self._set_flag, methods=["POST"]),
                WebSocketRoute(STREAM, self._serve_client),
            ]
        )

    async def _metrics(self, request: Request) -> Response:
        client = request.client.host if request.client else ""
        if not self.host.traffic.is_internal(request.scope) and not self.limiter.admits(client):
            words = f"more than {REQUESTS} requests in {WITHIN_S:g} s"
            return JSONResponse({"detail": words}, 429, {"Retry-After": f"{WITHIN_S:g}"})
        if request.method == "HEAD":
            return Response(status_code=200 if self.status == "healthy" or self.stuck else 503)
        match request.query_params.get("format", "json"):
            case "prometheus":
                text = page(self.streams, self.environment, self.host.started_at)
                return PlainTextResponse(text, headers={"Content-Type": CONTENT_TYPE})
            case "json":
                return JSONResponse(
                    body(self.streams, self.environment, self.host.started_at, status=self.status, is_new=self.is_new)
                )
            case other:
                return JSONResponse({"detail": f"format is prometheus or json, not {other[:40]}"}, 400)

    async def _clean_up(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        found = self.streams.close_idle()
        self.log.write("INFO", COMPONENT, f"forced cleanup: {found} idle streams")
        return JSONResponse({"cleaned": found})

    async def _set_flag(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        wanted = (await request.json()).get("useNewWsManager")
        if not isinstance(wanted, bool):
            return JSONResponse({"detail": "expected useNewWsManager, true or false"}, 422)
        self.is_new = wanted
        return JSONResponse({"useNewWsManager": wanted})

    def _refusal(self, request: Request) -> Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            role = role_of(self._secret, token)
        except jwt.InvalidTokenError:
            return JSONResponse({"detail": "an admin token is required"}, 401)
        return None if role in {"admin", "superadmin"} else JSONResponse({"detail": "admin role required"}, 403)

    async def _serve_client(self, websocket: WebSocket) -> None:
        name = websocket.query_params.get("stream", f"{SYMBOLS[0]}@kline_1m")
        if NAME.fullmatch(name) is None:
            await websocket.send_denial_response(JSONResponse({"detail": f"no stream {name[:40]}"}, 400))
            return
        await websocket.accept()
        outside = not self.host.traffic.is_internal(websocket.scope)
        stream = self.streams.open(name, websocket.send_text, outside=outside)
        leaving = asyncio.create_task(_code_of_the_end(websocket))
        failing = asyncio.create_task(stream.ended.wait())
        try:
            await asyncio.wait({leaving, failing}, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                self.streams.close(stream)
                await websocket.close(FAILED)
            elif leaving.result() in CLEAN:
                self.streams.close(stream)
        except RuntimeError:  # the client left while it was told to
            pass
        finally:
            self.streams.lose(stream)  # unless it was closed
            leaving.cancel()
            failing.cancel()

    def refuses(self, _scope: Scope) -> bool:
        """Turn nobody away: what is open to whom is the ingress's business."""
        return False


async def _code_of_the_end(websocket: WebSocket) -> int:
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1006)
    except (WebSocketDisconnect, RuntimeError):
        return 1006


async def serve(name: str, settings: Settings) -> None:
    """Run one instance until told to stop."""
    manager = Manager(settings)
    host = Host(name, manager.routes(), manager, settings)
    scraped = ListeningPort(host.dispatch, settings.ports[f"{name} scrape"])
    host.traffic.inside_ports.add(scraped.port)
    host.ports.append(scraped)
    for port in (host.private, scraped, host.public):
        await port.open()
    manager.streams.start_sweeping()
    for number in range(OWN_STREAMS[manager.environment]):
        manager.streams.open(f"{SYMBOLS[number % len(SYMBOLS)]}@kline_1m")
    telling = asyncio.create_task(manager.streams.tell())
    await stop_signal()
    telling.cancel()
    await manager.streams.shut()
    await asyncio.gather(*(port.shut() for port in (host.public, scraped, host.private)))
    manager.log.close()


def run(name: str, settings: Settings) -> None:
    """Process body of one instance."""
    quiet()
    run_until_done(serve(name, settings))
