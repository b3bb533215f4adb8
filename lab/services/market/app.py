"""HTTP and WebSocket routes of the market service, and its process body."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from lab.host import FORGET, RENEW, Host, quiet, run_until_done, stop_signal
from lab.services.market.diagnostics import NoSampleError
from lab.services.market.prerequisites import validate
from lab.services.market.service import Market
from lab.settings import Settings


def routes(market: Market) -> Starlette:
    """Every route of the service."""

    def diagnostic(build: Callable[[], dict[str, Any]]) -> Callable[[Request], Any]:
        async def answer(_request: Request) -> Response:
            try:
                return JSONResponse(build())
            except NoSampleError as error:
                return JSONResponse({"detail": str(error)}, 500)

        return answer

    async def price(request: Request) -> Response:
        symbol = request.path_params["symbol"]
        if symbol not in market.prices.symbols:
            return JSONResponse({"detail": f"unknown symbol {symbol}"}, 404)
        quote = market.legs["api"].shown(symbol)
        if quote is None:
            return JSONResponse({"detail": f"no price for {symbol}"}, 503)
        return JSONResponse(quote.as_dict())

    async def not_found(_request: Request, _error: Exception) -> Response:
        return JSONResponse({"detail": "Not Found"}, 404)

    diagnostics = market.diagnostics
    return Starlette(
        routes=[
            Route("/api/debug/comprehensive", diagnostic(diagnostics.comprehensive)),
            Route("/api/debug/redis-cluster", diagnostic(diagnostics.redis_cluster)),
            Route("/api/debug/websocket", diagnostic(diagnostics.websocket)),
            Route("/api/debug/market-data", diagnostic(diagnostics.market_data)),
            Route("/api/debug/websocket-to-redis", diagnostic(diagnostics.websocket_to_redis)),
            Route("/api/market/price/{symbol}", price),
            WebSocketRoute("/ws/prices", market.streams.serve),
        ],
        exception_handlers={404: not_found},
    )


def of_the_control_plane(market: Market) -> list[Route]:
    """Routes by which the control plane lets the service look anew, and forget what a fault has left behind."""

    async def renew(_request: Request) -> Response:
        await market.renew()
        return Response(status_code=204)

    async def forget(request: Request) -> Response:
        market.forget_since(float((await request.json())["since"]))
        return Response(status_code=204)

    return [Route(RENEW, renew, methods=["POST"]), Route(FORGET, forget, methods=["POST"])]


async def serve(settings: Settings) -> int:
    """Run the service until told to stop; returns the exit code."""
    market = Market(settings)
    host = Host("market", routes(market), market, settings, of_the_control_plane(market))
    await host.private.open()
    market.log.write("INFO", "startup", "🚀 Starting Python Market Service")
    if not await validate(market.nodes, market.log) and os.environ["PREREQUISITES"] == "blocking":
        market.log.close()
        return 1
    await market.start()
    await host.public.open()
    await stop_signal()
    await stop(market)
    market.log.close()
    return 0


async def stop(market: Market) -> None:
    """Close every port and stop everything; past the shutdown time-out the process ends on the spot, with code 1."""
    timeout_s = float(os.environ["SHUTDOWN_TIMEOUT"])
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*(port.shut() for port in market.host.ports), market.stop())
            await market.host.private.shut()
    except TimeoutError:
        market.log.write("ERROR", "shutdown", f"Still running {timeout_s:g} s after being told to stop, forcing exit")
        market.log.close()
        os._exit(1)


def run(settings: Settings) -> None:
    """Process body of the market service."""
    quiet()
    sys.exit(run_until_done(serve(settings)))
