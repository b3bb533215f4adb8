"""What must be there before the market service starts: Redis, its variables, memory."""

import asyncio
import os
from collections.abc import Mapping
from typing import Final

import psutil

from lab.log import Log
from lab.redis_cluster import state_of
from lab.services.market.pool import Node

VARIABLES: Final = ("REDIS_NODES", "MARKET_WS_BINARY_URL", "MARKET_WS_JSON_URL", "PORT", "REDIS_POOL_MAX")


async def redis_is_up(nodes: tuple[Node, ...], patience_s: float) -> bool:
    """Wait up to `patience_s` seconds until every node says the cluster is ok."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while loop.time() < deadline:
        try:
            states = await asyncio.gather(*(state_of(node.port) for node in nodes))
        except (OSError, TimeoutError):
            states = []
        if states and all(state["cluster_state"] == "ok" for state in states):
            return True
        await asyncio.sleep(0.03)
    return False


def missing_variables(environment: Mapping[str, str]) -> list[str]:
    """Names of required variables that are not set."""
    return [name for name in VARIABLES if not environment.get(name)]


async def validate(nodes: tuple[Node, ...], log: Log) -> bool:
    """Check every prerequisite and log each result; False when one is not met."""
    log.write("INFO", "startup", "🔍 Validating startup prerequisites")
    redis = await redis_is_up(nodes, float(os.environ["REDIS_START_TIMEOUT"]))
    log.write(*_line("Redis cluster connectivity", met=redis))
    variables = not missing_variables(os.environ)
    log.write(*_line("Environment variables", met=variables))
    memory = psutil.Process().memory_percent()
    log.write("INFO", "startup", f"✅ Memory usage: {memory:.1f}%")
    met = [redis, variables, memory < 90]
    log.write("INFO", "startup", f"📋 Prerequisites validation: {100 * sum(met) / len(met):.1f}% passed")
    return all(met)


def _line(subject: str, *, met: bool) -> tuple[str, str, str]:
    return ("INFO", "startup", f"✅ {subject}: OK") if met else ("ERROR", "startup", f"❌ {subject}: FAILED")
