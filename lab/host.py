"""The shell of a lab service process: its ports, its /__lab routes, its end."""

import asyncio
import gc
import hmac
import json
import logging
import os
import signal
import socket
import ssl
import struct
import time
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from lab.clock import iso, now
from lab.desk import Desk
from lab.faults.catalogue import BadParametersError, UnknownFaultError
from lab.ports import HOST
from lab.settings import Settings
from lab.traffic import Traffic

T = TypeVar("T")
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
RENEW: Final = "/__lab/renew"
"""Route on which a service that shows measurements made earlier makes them anew, where it has one."""
FORGET: Final = "/__lab/forget"
"""Route on which a service drops the history that faults caused since a moment (seconds since 1970)."""
SECRETS: Final = ("JWT_SECRET", "AWS_SECRET_ACCESS_KEY")


class Target(Protocol):
    """What faults act on in a service."""

    host: "Host"

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the service call its own routes."""

    def refuses(self, scope: Scope) -> bool:
        """Whether the service turns this caller away, whatever else may be wrong."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process handles its signals itself: it runs several servers

    async def main_loop(self) -> None:
        # uvicorn's own wakes up ten times a second, to date its answers and to see whether it is told to end.
        await self._told.wait()

    def end(self) -> None:
        """End at once, with whoever is connected."""
        self.should_exit = self.force_exit = True
        self._told.set()


@lru_cache(maxsize=1)
def _date(second: int) -> list[tuple[bytes, bytes]]:
    """Return the header that dates what is answered in a second (since 1970)."""
    return [(b"date", formatdate(second, usegmt=True).encode())]


class WebSockets(WebSocketsSansIOProtocol):
    """As uvicorn's, but for an answer that refuses the upgrade, which it takes for none and complains about."""

    async def send(self, message: Any) -> None:
        """Send what the application says, and know that a refusal ends the handshake as well."""
        await super().send(message)
        if self.close_sent:
            self.handshake_complete = True


class ListeningPort:
    """One loopback port that can be shut (connection refused) and opened again."""

    def __init__(
        self,
        app: ASGIApp,
        port: int,
        address: str = HOST,
        websockets: type[WebSockets] = WebSockets,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.app = app
        self.port = port
        self.address = address
        self.transports: dict[tuple[str, int], asyncio.Transport] = {}
        self._websockets = websockets
        self._tls = tls
        self._refusals: list[object] = []
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    def _protocols(self) -> "tuple[type[HttpToolsProtocol], type[WebSockets]]":
        """Return the protocols that keep the books of what is connected; an upgraded connection ends as a WebSocket."""
        transports = self.transports

        class Tracked(HttpToolsProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self.peer = transport.get_extra_info("peername")[:2]  # of a TLS connection it is not known at the end
                transports[self.peer] = transport
                super().connection_made(transport)

            def on_message_begin(self) -> None:
                self.server_state.default_headers = _date(int(time.time()))
                super().on_message_begin()

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.peer, None)
                super().connection_lost(exc)

        class TrackedWebSockets(self._websockets):  # type: ignore[name-defined,misc]
            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.client, None)
                super().connection_lost(exc)

        return Tracked, TrackedWebSockets

    async def refuse(self, reason: object) -> None:
        """Shut the port until `reason` is withdrawn."""
        self._refusals.append(reason)
        await self.shut()

    async def admit(self, reason: object) -> None:
        """Withdraw one reason for refusing; with none left the port opens."""
        if reason in self._refusals:
            self._refusals.remove(reason)
        await self.open()

    async def open(self) -> None:
        """Bind, listen and serve; does nothing when already open, or while there is a reason for refusing."""
        if self._server is not None or self._refusals:
            return
        # The protocol is named because asyncio turns Nagle's delay off only for sockets that say TCP.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
        http, websockets = self._protocols()
        config = uvicorn.Config(
            self.app,
            http=http,
            ws=websockets,
            ws_per_message_deflate=False,
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = self._tls
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.001)

    async def shut(self) -> None:
        """Close the listening socket and drop every open connection."""
        server, serving = self._server, self._serving
        if server is None or serving is None:
            return
        self._server = self._serving = None
        for listener in server.servers:
            listener.close()
        for transport in list(self.transports.values()):
            transport.abort()
        self.transports.clear()
        server.end()
        await serving

    def reset_connection(self, client: tuple[str, int]) -> None:
        """Cut one client's connection off with a TCP reset."""
        transport = self.transports.get(client)
        if transport is None:
            return
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()


class Host:
    """Runs one service: public port, private control port, faults, request counters.

    `own` are routes of the control plane that only this service has.
    """

    def __init__(self, name: str, app: ASGIApp, target: Target, settings: Settings, own: Iterable[Route] = ()) -> None:
        self.name = name
        self.settings = settings
        self.started_at = now()
        self.traffic = Traffic(app, settings.internal_key, target.refuses)
        self.desk = Desk(name, target)
        self.target = target
        target.host = self
        self._control = Starlette(
            routes=[
                Route("/__lab/state", self._state),
                Route("/__lab/config", self._config),
                Route("/__lab/faults", self._inject, methods=["POST"]),
                Route("/__lab/faults/{handle}", self._lift, methods=["DELETE"]),
                Route("/__lab/reset", self._reset, methods=["POST"]),
                Route("/__lab/requests", self._requests),
                Route("/__lab/requests/reset", self._reset_requests, methods=["POST"]),
                *own,
            ]
        )
        self.public = ListeningPort(self.dispatch, settings.ports[name])
        self.private = ListeningPort(self.dispatch, settings.ports.private(name))
        self.ports = [self.public]
        """Every port on which callers reach the service; the private one is the control plane's."""

    async def dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry: the service, and behind the lab's key what the control plane needs."""
        if not scope["path"].startswith("/__lab/"):
            await self.traffic(scope, receive, send)
        elif scope["type"] == "http" and not key_is_right(scope, self.settings.control_key):
            await JSONResponse({"error": "X-Lab-Key is missing or wrong"}, 401)(scope, receive, send)
        else:
            await self._control(scope, receive, send)

    def transport_of(self, scope: Scope) -> asyncio.Transport | None:
        """Return the connection a request came by; None when it is gone already."""
        client = tuple(scope["client"])
        ports = (self.private, *self.ports)
        return next((port.transports[client] for port in ports if client in port.transports), None)

    async def _state(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "process": self.name,
                "pid": os.getpid(),
                "started_at": iso(self.started_at),
                "time_scale": self.settings.time_scale.factor,
                "faults": self.desk.listing(),
            }
        )

    async def _config(self, _request: Request) -> Response:
        wanted = self.settings.environment(self.name)
        return JSONResponse({name: "(secret)" if name in SECRETS else os.environ.get(name, "") for name in wanted})

    async def _inject(self, request: Request) -> Response:
        return await injected(request, self.desk)

    async def _lift(self, request: Request) -> Response:
        found = await self.desk.lift(request.path_params["handle"])
        return Response(status_code=204) if found else JSONResponse({"error": "no such handle"}, 404)

    async def _reset(self, _request: Request) -> Response:
        await self.desk.reset()
        return Response(status_code=204)

    async def _requests(self, _request: Request) -> Response:
        return JSONResponse({"outside": self.traffic.outside, "internal": self.traffic.internal})

    async def _reset_requests(self, _request: Request) -> Response:
        self.traffic.outside.clear()
        self.traffic.internal.clear()
        return Response(status_code=204)


def key_is_right(scope: Scope, key: str) -> bool:
    """Whether a request carries the lab's key in X-Lab-Key."""
    given = next((value for name, value in scope["headers"] if name == b"x-lab-key"), b"")
    return hmac.compare_digest(given, key.encode())


async def injected(request: Request, desk: Any) -> Response:
    """Answer a request to cause a fault: 201 with its handle, 404 unknown fault, 422 bad parameters."""
    try:
        wanted = await request.json()
        fault_id, params, ttl_s = wanted["id"], wanted.get("params") or {}, wanted.get("ttl_s")
        if ttl_s is not None and (isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float) or ttl_s <= 0):
            raise BadParametersError("ttl_s must be a number of seconds above 0")
        handle = await desk.inject(str(fault_id), params, wanted.get("handle"), ttl_s)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return JSONResponse({"error": 'expected {"id": "F.…", "params": {…}, "ttl_s": …}'}, 422)
    except UnknownFaultError as error:
        return JSONResponse({"error": str(error)}, 404)
    except BadParametersError as error:
        return JSONResponse({"error": str(error)}, 422)
    return JSONResponse({"handle": handle}, 201)


def run_until_done(main: Coroutine[Any, Any, T]) -> T:
    """Run a process's body on the fast event loop, which sends in one go what is written one after the other."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def stop_signal() -> None:
    """Wait for SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def quiet() -> None:
    """Keep libraries from logging anything but errors; those go to the process's own error file.

    Garbage is looked for seldom: next to nothing is left in circles here, and what was imported stays.
    """
    logging.basicConfig(level=logging.ERROR)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
