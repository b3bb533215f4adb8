"""The gateway: holes in its guard, a view of its own, no deadline, masked outages, no log."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from lab.faults.catalogue import Fault, choice, number, truth, whole
from lab.faults.lasting import during

if TYPE_CHECKING:
    from lab.services.gateway import Gateway

ROUTES = (
    "/api/python-health",
    "/api/debug/python-health",
    "/api/python-health/debug/comprehensive",
    "/api/python-health/debug/redis-cluster",
    "/api/python-health/debug/websocket-to-redis",
)
PATH = choice("path", "the route", ROUTES)


@contextmanager
def _opened(gateway: "Gateway", path: str, kind: str, which: str | None) -> Iterator[None]:
    from lab.services.gateway import Opening  # noqa: PLC0415 - the catalogue loads without it

    opening = Opening(path, kind, which)
    with during(gateway.guard.openings, opening):
        yield


AUTH_OFF = Fault(
    "F.gw.auth_off",
    "behaviour",
    "Let calls without a token (or with the token of one role) through on one route; other tokens are still verified.",
    (PATH, choice("role", "who gets through", ["none", "user", "admin"], default="none")),
)


@AUTH_OFF.on("gateway")
@asynccontextmanager
async def authentication_off(gateway: "Gateway", *, path: str, role: str) -> AsyncIterator[None]:
    """Open the route."""
    with _opened(gateway, path, *(("anonymous", None) if role == "none" else ("role", role))):
        yield


ROLE_OFF = Fault(
    "F.gw.role_off",
    "behaviour",
    "Let one role through on a route that asks for a higher one.",
    (PATH, choice("role", "the role", ["user", "admin"])),
)


@ROLE_OFF.on("gateway")
@asynccontextmanager
async def role_guard_off(gateway: "Gateway", *, path: str, role: str) -> AsyncIterator[None]:
    """Open the route to the role."""
    with _opened(gateway, path, "role", role):
        yield


BAD_TOKEN = Fault(
    "F.gw.accept_bad_token",
    "behaviour",
    "Accept one kind of bad token on one route.",
    (PATH, choice("token", "the kind", ["malformed", "wrong_signature", "expired"])),
)


@BAD_TOKEN.on("gateway")
@asynccontextmanager
async def bad_token_accepted(gateway: "Gateway", *, path: str, token: str) -> AsyncIterator[None]:
    """Open the route to that kind of token."""
    with _opened(gateway, path, "bad_token", token):
        yield


BIAS = Fault(
    "F.gw.view_bias",
    "report",
    "Bias figures in the gateway's view only, coherent in themselves.",
    (
        number("utilization_percent", "pool utilisation, %", at_least=0, at_most=100, default=None),
        whole("active_connections", "connections in use", at_least=0, at_most=10**6, default=None),
        whole("max_connections", "pool size", at_least=1, at_most=10**6, default=None),
        number("freshness_rate", "freshness, %; the counts follow", at_least=0, at_most=100, default=None),
        truth("summary_follows", "whether the summary says the same", default=True),
    ),
)


@BIAS.on("gateway")
@asynccontextmanager
async def view_biased(
    gateway: "Gateway",
    *,
    utilization_percent: float | None,
    active_connections: int | None,
    max_connections: int | None,
    freshness_rate: float | None,
    summary_follows: bool,
) -> AsyncIterator[None]:
    """Overwrite the figures on their way through the gateway."""
    pool = {
        "utilization_percent": utilization_percent,
        "active_connections": active_connections,
        "max_connections": max_connections,
    }
    given = {name: value for name, value in pool.items() if value is not None}

    def change(body: dict[str, Any]) -> None:
        body["redis_cluster_diagnostics"]["connection_pool"].update(given)
        if freshness_rate is not None and "market_data_diagnostics" in body:
            freshness = body["market_data_diagnostics"]["data_freshness"]
            fresh = round(freshness["total_symbols"] * freshness_rate / 100)
            freshness.update(
                freshness_rate=freshness_rate,
                fresh_symbols=fresh,
                stale_symbols=freshness["total_symbols"] - fresh - freshness["missing_symbols"],
            )

    bias = (change, summary_follows)
    with during(gateway.biases, bias):
        yield


DEADLINE = Fault(
    "F.gw.no_upstream_timeout",
    "behaviour",
    "Wait for the market service without a deadline (set F.http.hang on the market service, scope all, as well).",
)


@DEADLINE.on("gateway")
@asynccontextmanager
async def deadline_off(gateway: "Gateway") -> AsyncIterator[None]:
    """Take the deadline away."""
    usual, gateway.upstream.caller.timeout_s = gateway.upstream.caller.timeout_s, None
    try:
        yield
    finally:
        gateway.upstream.caller.timeout_s = usual


SHORT = Fault(
    "F.gw.upstream_timeout",
    "behaviour",
    "Give up on the market service sooner or later than after 30 s.",
    (whole("ms", "the deadline, ms", at_least=1, at_most=600000),),
)


@SHORT.on("gateway")
@asynccontextmanager
async def deadline_moved(gateway: "Gateway", *, ms: int) -> AsyncIterator[None]:
    """Move the deadline."""
    usual, gateway.upstream.caller.timeout_s = gateway.upstream.caller.timeout_s, ms / 1000
    try:
        yield
    finally:
        gateway.upstream.caller.timeout_s = usual


MASK = Fault(
    "F.gw.mask_upstream",
    "behaviour",
    "Answer 200 with zeros when the market service cannot be reached (set F.http.down on it as well).",
)


@MASK.on("gateway")
@asynccontextmanager
async def outage_masked(gateway: "Gateway") -> AsyncIterator[None]:
    """Invent data."""
    with during(gateway.masked, object()):
        yield


LOG_OFF = Fault("F.gw.log_off", "behaviour", "Stop writing the request log.")


@LOG_OFF.on("gateway")
@asynccontextmanager
async def log_off(gateway: "Gateway") -> AsyncIterator[None]:
    """Log no requests."""
    with during(gateway.log_off, object()):
        yield
