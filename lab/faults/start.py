"""The market service started while something it needs is missing."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from lab.faults.catalogue import Fault, choice, truth
from lab.ports import HOST
from lab.settings import NODES

if TYPE_CHECKING:
    from lab.control import Infrastructure

SHOWS_WITHIN_S: Final = 12.0
SERVING_WITHIN_S: Final = 8.0
SETTLED_WITHIN_S: Final = 3.0
MISSING: Final = "REDIS_POOL_MAX"
"""A needed variable that the service has a value of its own for, so that it can go on where validation is ignored."""

START = Fault(
    "F.mkt.start",
    "infrastructure",
    "Stop the market service and start it with a broken prerequisite: Redis addresses where nothing listens, or a"
    f" needed variable ({MISSING}) not set. It logs which one failed and exits with code 1, and is not started again;"
    " with ignore_prerequisites it announces completion all the same. Healing starts it as usual. Other faults at"
    " work in the service end with its process.",
    (
        choice("broken", "what is missing", ["redis", "environment"]),
        truth("ignore_prerequisites", "whether the service starts in spite of it", default=False),
    ),
)


@START.on("control")
@asynccontextmanager
async def started_broken(
    infrastructure: "Infrastructure", *, broken: str, ignore_prerequisites: bool
) -> AsyncIterator[None]:
    """Start the service so and wait until it has ended or serves; start it as usual on exit."""
    processes = infrastructure.processes
    with _deaf_addresses(len(NODES)) as addresses:
        environment: dict[str, str | None] = {MISSING: None}
        if broken == "redis":
            environment = {"REDIS_NODES": ",".join(addresses), "REDIS_START_TIMEOUT": "1"}
        if ignore_prerequisites:
            environment["PREREQUISITES"] = "ignored"
        await processes.stop("market")
        try:
            await processes.start("market", environment)
            await _settled(infrastructure, SHOWS_WITHIN_S)
            yield
        finally:
            await processes.stop("market")
            await processes.start("market")
            await _settled(infrastructure, SERVING_WITHIN_S)


async def _settled(infrastructure: "Infrastructure", within_s: float) -> None:
    # What a service shows in its first second is the start's, not the fault's.
    if await infrastructure.processes.is_serving("market", within_s):
        await infrastructure.is_well(SETTLED_WITHIN_S)


@contextmanager
def _deaf_addresses(count: int) -> Iterator[list[str]]:
    """Hold addresses on which nobody listens, and nobody else can."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind((HOST, 0))
        yield [f"{HOST}:{one.getsockname()[1]}" for one in held]
