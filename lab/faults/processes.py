"""A service's process: ended, and started again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from lab.faults.catalogue import Fault, choice
from lab.settings import INSTANCES

if TYPE_CHECKING:
    from lab.control import Infrastructure

SERVES_WITHIN_S: Final = 8.0

STOP = Fault(
    "F.process.stop",
    "infrastructure",
    "End a service's process; healing starts it again, with its counters at nothing.",
    (choice("service", "the service", [*INSTANCES, "ingress", "gateway"]),),
)


@STOP.on("control")
@asynccontextmanager
async def process_ended(infrastructure: "Infrastructure", *, service: str) -> AsyncIterator[None]:
    """End it; start it on exit."""
    await infrastructure.processes.stop(service)
    try:
        yield
    finally:
        await infrastructure.processes.start(service)
        await infrastructure.processes.is_serving(service, SERVES_WITHIN_S)
