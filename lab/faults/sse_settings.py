"""The service of the event streams started with other settings, or without looking at them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lab.faults.catalogue import Fault, truth, whole

if TYPE_CHECKING:
    from lab.control import Infrastructure


def _setting(name: str, at_most: int, at_least: int = 1) -> Any:
    return whole(name, "the variable of that name", at_least=at_least, at_most=at_most, default=None)


CONFIG = Fault(
    "F.sse.config",
    "infrastructure",
    "Start the service anew with settings set otherwise, times in seconds of production; healing starts it as usual.",
    (
        _setting("CLEANUP_INTERVAL_SECONDS", 3600),
        _setting("CLEANUP_BATCH_SIZE", 10_000, at_least=0),
        _setting("STALE_CONNECTION_THRESHOLD_SECONDS", 86_400),
        _setting("PING_INTERVAL_SECONDS", 3600),
        truth("PERIODIC_CLEANUP_ENABLED", "the variable of that name", default=None),
    ),
    lambda values: "give at least one setting" if all(value is None for value in values.values()) else None,
)


@CONFIG.on("control")
@asynccontextmanager
async def configured_otherwise(infrastructure: "Infrastructure", **settings: Any) -> AsyncIterator[None]:
    """Start it so, and as usual on exit."""
    spelt: dict[str, str | None] = {name: str(value).lower() for name, value in settings.items() if value is not None}
    async with _with_variables(infrastructure, spelt):
        yield


@asynccontextmanager
async def _with_variables(infrastructure: "Infrastructure", variables: dict[str, str | None]) -> AsyncIterator[None]:
    environments = infrastructure.environments.setdefault("sse", [])
    environments.append(variables)
    try:
        await infrastructure.restart("sse")
        yield
    finally:
        environments.remove(variables)
        await infrastructure.restart("sse")


NO_VALIDATION = Fault(
    "F.sse.no_validation",
    "behaviour",
    "Start the service anew without a look at its settings, and so each time it is started until this is healed.",
)
STRICT = Fault(
    "F.sse.validation_strict",
    "behaviour",
    "Start the service anew with narrower limits than documented (interval 60 s and more, batch 10 and more), and so"
    " each time it is started until this is healed.",
)


@NO_VALIDATION.on("control")
@asynccontextmanager
async def unvalidated(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    """Start it so, and as usual on exit."""
    async with _with_variables(infrastructure, {"CONFIG_VALIDATION": "none"}):
        yield


@STRICT.on("control")
@asynccontextmanager
async def validated_strictly(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    """Start it so, and as usual on exit."""
    async with _with_variables(infrastructure, {"CONFIG_VALIDATION": "strict"}):
        yield
