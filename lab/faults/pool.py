"""The market service's Redis pool: too few connections, too many in use, failing tests, slow answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

from lab.faults.catalogue import Fault, Values, choice, number, whole
from lab.faults.lasting import during
from lab.services.market.pool import Delay

if TYPE_CHECKING:
    from lab.services.market.pool import Borrowed, Pool
    from lab.services.market.service import Market

BIASES = {"utilization": 6.0, "success_rate": -3.0, "average": 4.0}
BIASED = {
    "utilization": "+utilization_percent",
    "success_rate": "+connection_success_rate",
    "average": "+avg_response_time_ms",
}


def _fits(values: Values) -> str | None:
    if values["active"] > values["max_connections"]:
        return f"active ({values['active']}) must not be more than max_connections ({values['max_connections']})"
    return None


POOL = Fault(
    "F.mkt.pool",
    "behaviour",
    "Resize the service's Redis pool and really borrow connections until `active` of them are in use.",
    (
        whole("max_connections", "size of the pool, connections", at_least=1, at_most=500, default=50),
        whole(
            "active",
            "connections in use, the service's own included (it needs 9; fewer cannot be had)",
            at_least=0,
            at_most=500,
            default=47,
        ),
    ),
    _fits,
)


@POOL.on("market")
@asynccontextmanager
async def connections_borrowed(market: "Market", *, max_connections: int, active: int) -> AsyncIterator[None]:
    """Hold connections; all are given back on exit and the pool gets its old size."""
    usual = market.pool.max_connections
    held: list[Borrowed] = []
    market.pool.resize(max_connections)
    try:
        nodes = cycle(market.nodes)
        while (lacking := active - await _least_in_use(market.pool)) > 0:
            for _ in range(lacking):
                held.append(await market.pool.acquire(next(nodes), "data", wait_s=5.0))  # noqa: PERF401 (kept one by one)
        yield
    finally:
        for borrowed in held:
            market.pool.release(borrowed)
        market.pool.resize(usual)


async def _least_in_use(pool: "Pool") -> int:
    """Return how many connections stay in use: what is only passing through does not count."""
    least = pool.in_use
    for _ in range(10):
        await asyncio.sleep(0.02)
        least = min(least, pool.in_use)
    return least


BIAS = Fault(
    "F.mkt.pool_report_bias",
    "report",
    "Report one pool figure a little off the counters it derives from, inside every objective.",
    (choice("formula", "the figure: +6 points, -3 points, or +4 ms", list(BIASES)),),
)


@BIAS.on("market")
@asynccontextmanager
async def pool_figure_off(market: "Market", *, formula: str) -> AsyncIterator[None]:
    """Bias one derived figure in every view."""

    def change(body: dict[str, Any]) -> None:
        body[BIASED[formula]] = BIASES[formula]

    with during(market.diagnostics.reported.connection_pool, change):
        yield


TESTS = Fault(
    "F.mkt.conn_test",
    "report",
    "Let connection tests fail, or find no data. Only the tests' results change; the data stay right.",
    (
        whole("fail", "how many of the 25 tests fail", at_least=0, at_most=25, default=0),
        whole("nodata", "how many of the 25 tests find no data", at_least=0, at_most=25, default=0),
    ),
    lambda values: None if values["fail"] or values["nodata"] else "give fail or nodata, above 0",
)


@TESTS.on("market")
@asynccontextmanager
async def tests_failing(market: "Market", *, fail: int, nodata: int) -> AsyncIterator[None]:
    """Change the results of the first tests in every view."""

    def change(body: dict[str, Any]) -> None:
        for test in body["connection_tests"][:fail]:
            test.update(success=False, response_time_ms=None)
        for test in body["connection_tests"][fail : fail + nodata]:
            test["data_found"] = False

    with during(market.diagnostics.reported.connection_pool, change):
        yield


LATENCY = Fault(
    "F.mkt.redis_latency",
    "behaviour",
    "Put a real delay into the service's path to Redis.",
    (
        choice(
            "scope",
            "what is slowed: connection tests, health pings, or everything",
            ["pool", "ping", "all"],
            default="all",
        ),
        number("ms", "delay of each answer, ms", at_least=0, at_most=1500),
    ),
)


@LATENCY.on("market")
@asynccontextmanager
async def redis_slow(market: "Market", *, scope: str, ms: float) -> AsyncIterator[None]:
    """Delay answers of Redis for one kind of use or for all."""
    delay = Delay(scope, ms)
    with during(market.pool.delays, delay):
        yield
