"""The gateway: verifies tokens, forwards to the market service with a deadline, adds an envelope."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from lab.calls import Caller, LateError, NoAnswerError
from lab.clock import iso, now
from lab.host import RENEW, Host, quiet, run_until_done, stop_signal
from lab.log import Log
from lab.services.lines import system_health
from lab.settings import Settings
from lab.tokens import ROLES, mint, role_of
from lab.traffic import INTERNAL_HEADER

SUMMARY: Final = "/api/python-health"
QUICK_HEALTH: Final = "/api/debug/python-health"
DEBUG: Final = {
    "/api/python-health/debug/comprehensive": "/api/debug/comprehensive",
    "/api/python-health/debug/redis-cluster": "/api/debug/redis-cluster",
    "/api/python-health/debug/websocket-to-redis": "/api/debug/websocket-to-redis",
}
Body = dict[str, Any]


class RefusedError(Exception):
    """A request that is answered with an error envelope."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def success(data: Body) -> Body:
    """Wrap data in the success envelope."""
    return {"success": True, "data": data, "timestamp": iso(now())}


def failure(code: str, message: str) -> Body:
    """Wrap an error in the error envelope."""
    return {
        "success": False,
        "error": {"code": code, "message": message},
        "timestamp": iso(now()),
    }


@dataclass(frozen=True, eq=False)
class Opening:
    """A hole in the guard of one route: what gets through that should not."""

    path: str
    kind: str
    """`anonymous`, `role` or `bad_token`."""
    which: str | None = None
    """The role let through (`role`), or the kind of bad token (`bad_token`)."""


class Guard:
    """Who may call a route."""

    def __init__(self, secret: str) -> None:
        self.openings: list[Opening] = []
        self._secret = secret

    def admit(self, request: Request, needed: str) -> str:
        """Role of the caller; raises RefusedError (401 or 403) when the route is not for them."""
        path = request.url.path
        header = request.headers.get("Authorization")
        if header is None:
            if self._open(path, "anonymous"):
                return "anonymous"
            raise RefusedError(401, "UNAUTHENTICATED", "a bearer token is required")
        scheme, _, token = header.partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise jwt.DecodeError("not a bearer token")
            role = role_of(self._secret, token.strip())
        except jwt.InvalidTokenError as error:
            if self._open(path, "bad_token", _kind_of_bad(error)):
                return "unverified"
            raise RefusedError(401, "UNAUTHENTICATED", f"the token is not valid: {error}") from None
        if role not in ROLES or ROLES.index(role) < ROLES.index(needed):
            if self._open(path, "role", role):
                return role
            raise RefusedError(403, "FORBIDDEN", f"{needed} role required")
        return role

    def _open(self, path: str, kind: str, which: str | None = None) -> bool:
        return any(
            opening.path == path and opening.kind == kind and opening.which in (None, which)
            for opening in self.openings
        )


def _kind_of_bad(error: jwt.InvalidTokenError) -> str:
    if isinstance(error, jwt.InvalidSignatureError):
        return "wrong_signature"
    return "expired" if isinstance(error, jwt.ExpiredSignatureError) else "malformed"


class Upstream:
    """Calls to the market service: one deadline for the whole answer, one limit for its size."""

    def __init__(self, base_url: str, timeout_s: float, internal_key: str) -> None:
        self.caller = Caller(urlsplit(base_url).port or 80, {INTERNAL_HEADER: internal_key}, timeout_s)

    async def get(self, path: str) -> Body:
        """Fetch a JSON object, or raise RefusedError (502 or 504)."""
        try:
            answer = await self.caller.ask("GET", path)
        except LateError as error:
            raise RefusedError(504, "UPSTREAM_TIMEOUT", f"the market service is late: {error}") from None
        except NoAnswerError as error:
            raise RefusedError(502, "UPSTREAM_UNAVAILABLE", f"the market service cannot be reached: {error}") from None
        if answer.status != 200:
            raise RefusedError(502, "UPSTREAM_UNAVAILABLE", f"the market service answered {answer.status}")
        return self._read(answer.body)

    @staticmethod
    def _read(raw: bytes) -> Body:
        try:
            body = json.loads(raw, parse_constant=_no_such_number)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise RefusedError(502, "UPSTREAM_UNAVAILABLE", "the market service did not answer with JSON")
        return body


Change = Callable[[Body], None]


class Gateway:
    """Routes, summary cache and everything a fault may change about them."""

    host: Host

    def __init__(self, settings: Settings) -> None:
        environment = os.environ
        self.log = Log(settings.logs / "gateway.log")
        self.guard = Guard(environment["JWT_SECRET"])
        self.upstream = Upstream(
            environment["PYTHON_SERVICE_URL"],
            float(environment["UPSTREAM_TIMEOUT_MS"]) / 1000,
            settings.internal_key,
        )
        self.biases: list[tuple[Change, bool]] = []
        """Changes to comprehensive bodies in the gateway's view, and whether the summary follows."""
        self.masked: list[object] = []
        """Faults under which an unreachable market service is answered with zeros."""
        self.log_off: list[object] = []
        """Faults under which requests are not logged."""
        self._secret = environment["JWT_SECRET"]
        self._cache_s = settings.time_scale.window(float(environment["SUMMARY_CACHE_SECONDS"]))
        self._public_quick_health = environment["QUICK_HEALTH_PUBLIC"] == "true"
        self._summary: tuple[float, Body] | None = None
        self._summarising = asyncio.Lock()

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the gateway call its own routes."""
        return [(b"authorization", f"Bearer {mint(self._secret, 'superadmin', 60)}".encode())]

    def routes(self) -> Starlette:
        """Every route of the gateway."""
        return Starlette(
            routes=[
                Route(SUMMARY, self._answer("admin", self._fresh_summary), methods=["GET"]),
                Route(QUICK_HEALTH, self._answer("admin", self._quick_health), methods=["GET"]),
                *(Route(path, self._answer("superadmin", self._forward), methods=["GET"]) for path in DEBUG),
                Route("/api/auth/token", self._mint, methods=["POST"]),
            ],
            exception_handlers={404: self._not_found, 405: self._not_allowed},
        )

    def _answer(
        self, needed: str, produce: Callable[[Request], Awaitable[Body]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            role = "-"
            try:
                if not (request.url.path == QUICK_HEALTH and self._public_quick_health):
                    role = self.guard.admit(request, needed)
                response = JSONResponse(success(await produce(request)))
            except RefusedError as error:
                if error.status in (502, 504) and self.masked:
                    response = JSONResponse(success(zeros(request.url.path)))
                else:
                    response = JSONResponse(failure(error.code, str(error)), error.status)
            self._log_request(request, response, time.perf_counter() - started, role)
            return response

        return endpoint

    def _log_request(self, request: Request, response: Response, elapsed_s: float, role: str) -> None:
        if self.log_off:
            return
        self.log.write(
            "INFO",
            "gateway",
            f"{request.method} {request.url.path} {response.status_code} {elapsed_s * 1000:.1f} ms"
            f" req={request.headers.get('X-Request-Id', '-')} role={role}",
        )

    async def _not_found(self, request: Request, _error: Exception) -> Response:
        response = JSONResponse(failure("NOT_FOUND", f"no route {request.url.path}"), 404)
        self._log_request(request, response, 0.0, "-")
        return response

    async def _not_allowed(self, request: Request, _error: Exception) -> Response:
        response = JSONResponse(failure("METHOD_NOT_ALLOWED", f"{request.method} is not allowed"), 405)
        self._log_request(request, response, 0.0, "-")
        return response

    async def _mint(self, request: Request) -> Response:
        try:
            wanted = await request.json()
            role, ttl_s = str(wanted["role"]), int(wanted.get("ttl_s", 900))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return JSONResponse(failure("BAD_REQUEST", "expected role and ttl_s, in seconds"), 422)
        if role not in ROLES:
            return JSONResponse(failure("BAD_REQUEST", f"role must be one of {', '.join(ROLES)}"), 422)
        return JSONResponse({"token": mint(self._secret, role, ttl_s)})

    async def _comprehensive(self, *, for_summary: bool) -> tuple[Body, float]:
        started = time.perf_counter()
        body = await self.upstream.get("/api/debug/comprehensive")
        elapsed_ms = (time.perf_counter() - started) * 1000
        for change, summary_follows in self.biases:
            if summary_follows or not for_summary:
                change(body)
        return body, elapsed_ms

    async def _forward(self, request: Request) -> Body:
        target = DEBUG[request.url.path]
        if target == "/api/debug/comprehensive":
            return (await self._comprehensive(for_summary=False))[0]
        body = await self.upstream.get(target)
        if target == "/api/debug/redis-cluster":
            view = {"redis_cluster_diagnostics": body}
            for change, _ in self.biases:
                change(view)
        return body

    async def _fresh_summary(self, _request: Request) -> Body:
        async with self._summarising:
            if self._summary is None or time.monotonic() - self._summary[0] >= self._cache_s:
                body, _ = await self._comprehensive(for_summary=True)
                self._summary = (time.monotonic(), summarise(body))
            return self._summary[1]

    async def _quick_health(self, _request: Request) -> Body:
        body, elapsed_ms = await self._comprehensive(for_summary=False)
        try:
            data = body["market_data_diagnostics"]
            return {
                "status": system_health(body),
                "python_service": {"reachable": True, "response_time_ms": round(elapsed_ms, 1)},
                "redis": {"connected": body["redis_cluster_diagnostics"]["cluster_health"]["connected"]},
                "websocket": {"is_running": body["websocket_diagnostics"]["connection_status"]["is_running"]},
                "market_data": {
                    "freshness_rate": data["data_freshness"]["freshness_rate"],
                    "missing_data_symbols": data["missing_data_symbols"],
                },
                "timestamp": body["timestamp"],
            }
        except (KeyError, TypeError) as error:
            raise _incomplete(error) from None

    def refuses(self, scope: Scope) -> bool:
        """Whether the guard turns this caller away."""
        request = Request(scope)
        needed = "superadmin" if request.url.path in DEBUG else "admin"
        if request.url.path == QUICK_HEALTH and self._public_quick_health:
            return False
        try:
            self.guard.admit(request, needed)
        except RefusedError:
            return request.url.path in {SUMMARY, QUICK_HEALTH, *DEBUG}
        return False

    async def renew(self, _request: Request) -> Response:
        """Drop the cached summary."""
        self._summary = None
        return Response(status_code=204)


def _no_such_number(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _incomplete(error: Exception) -> RefusedError:
    return RefusedError(502, "UPSTREAM_UNAVAILABLE", f"the market service's answer lacks a member: {error}")


def summarise(comprehensive: Body) -> Body:
    """Condense a comprehensive body into the six members of the summary."""
    try:
        pool = comprehensive["redis_cluster_diagnostics"]["connection_pool"]
        freshness = comprehensive["market_data_diagnostics"]["data_freshness"]["freshness_rate"]
        uptime = comprehensive["websocket_diagnostics"]["connection_status"]["uptime_percent"]
        response = pool["avg_response_time_ms"]
        return {
            "system_health": system_health(comprehensive),
            "connection_pool_utilization": f"{pool['utilization_percent']:g}%",
            "market_data_freshness": f"{freshness:g}%",
            "websocket_uptime": f"{uptime:g}%",
            # No test succeeded, so there is no response time: a zero here would read as "instant".
            "redis_response_time": None if response is None else f"{response:g}ms",
            "last_updated": comprehensive["timestamp"],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(error) from None


def zeros(path: str) -> Body:
    """Default data that a careless gateway would invent for an unreachable service."""
    if path == SUMMARY:
        return {
            "system_health": "healthy",
            "connection_pool_utilization": "0%",
            "market_data_freshness": "0%",
            "websocket_uptime": "0%",
            "redis_response_time": "0ms",
            "last_updated": iso(now()),
        }
    return {"timestamp": iso(now()), "connection_pool": {"utilization_percent": 0, "active_connections": 0}}


async def serve(settings: Settings) -> None:
    """Run the gateway until told to stop."""
    gateway = Gateway(settings)
    host = Host("gateway", gateway.routes(), gateway, settings, [Route(RENEW, gateway.renew, methods=["POST"])])
    await host.private.open()
    await host.public.open()
    await stop_signal()
    await asyncio.gather(host.public.shut(), host.private.shut())
    gateway.log.close()


def run(settings: Settings) -> None:
    """Process body of the gateway."""
    quiet()
    run_until_done(serve(settings))
