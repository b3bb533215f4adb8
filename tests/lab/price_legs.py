"""Prices as Redis itself holds them, and as WebSockets carry them."""

import asyncio
import json
from typing import Any

from redis import Redis
from redis.exceptions import MovedError
from websockets.asyncio.client import connect

from tests.lab_process import RunningLab


def redis_nodes(lab: RunningLab) -> list[Redis]:
    """One client for each of the three nodes."""
    addresses = [lab.variables[f"LAB_REDIS_NODE_{number}"].split(":") for number in (1, 2, 3)]
    return [Redis(host, int(port), decode_responses=True, socket_timeout=5) for host, port in addresses]


def stored(lab: RunningLab, symbol: str) -> dict[str, str]:
    """Hash of a symbol, from the node that owns it."""
    for node in redis_nodes(lab):
        with node:
            try:
                found: dict[str, str] = node.hgetall(f"market:{symbol}")
            except MovedError:
                continue
            return found
    raise AssertionError(f"no node holds {symbol}")


async def received(url: str, count: int, order: Any = None) -> list[Any]:
    """First `count` messages of a WebSocket, after sending it an order if one is given."""
    async with asyncio.timeout(15):
        async with connect(url, proxy=None) as websocket:
            if order is not None:
                await websocket.send(json.dumps(order))
            return [await websocket.recv() for _ in range(count)]
