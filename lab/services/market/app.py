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

from lab.host import Host, quiet, stop_signal
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
        quote = market.prices.newest.get(symbol)
        if quote is None:
            return JSONResponse({"detail": f"no price for {symbol}"}, 503)
        shown = market.skewed(quote, "api", request.headers.get("X-Lab-Pair", ""))
        return JSONResponse(shown.as_dict())

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


async def serve(settings: Settings) -> int:
    """Run the service until told to stop; returns the exit code."""
    market = Market(settings)
    host = Host("market", routes(market), market, settings)
    await host.private.open()
    market.log.write("INFO", "startup", "🚀 Starting Python Market Service")
    if not await validate(market.nodes, market.log):
        return 1
    await market.start()
    await host.public.open()
    await stop_signal()
    try:
        async with asyncio.timeout(float(os.environ["SHUTDOWN_TIMEOUT"])):
            await asyncio.gather(host.public.shut(), market.stop())
            await host.private.shut()
    except TimeoutError:
        return 1
    return 0


def run(settings: Settings) -> None:
    """Process body of the market service."""
    quiet()
    sys.exit(asyncio.run(serve(settings)))
