"""The client stream /ws/prices: open but useless, or not to be had; the other routes stay as they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lab.faults.catalogue import Fault
from lab.faults.lasting import during

if TYPE_CHECKING:
    from lab.services.market.service import Market
    from lab.services.market.streams import Manner

SILENT = Fault(
    "F.stream.silent", "behaviour", "Take subscriptions on the client stream and send no tick of any symbol."
)
CLOSE = Fault("F.stream.close", "behaviour", "Close every new client stream with code 1011 right after it is accepted.")
GARBAGE = Fault("F.stream.garbage", "behaviour", "Send text that is no JSON instead of ticks on the client stream.")
REFUSE = Fault("F.stream.refuse", "behaviour", "Answer the upgrade to the client stream with 503.")


@asynccontextmanager
async def _treated(market: "Market", manner: "Manner") -> AsyncIterator[None]:
    with during(market.streams.manners, manner):
        yield


@SILENT.on("market")
@asynccontextmanager
async def nothing_sent(market: "Market") -> AsyncIterator[None]:
    """Keep every tick back."""
    async with _treated(market, "silent"):
        yield


@CLOSE.on("market")
@asynccontextmanager
async def closed_at_once(market: "Market") -> AsyncIterator[None]:
    """Close what was just accepted."""
    async with _treated(market, "close"):
        yield


@GARBAGE.on("market")
@asynccontextmanager
async def garbage_sent(market: "Market") -> AsyncIterator[None]:
    """Spoil every tick."""
    async with _treated(market, "garbage"):
        yield


@REFUSE.on("market")
@asynccontextmanager
async def upgrade_refused(market: "Market") -> AsyncIterator[None]:
    """Turn clients away before they are accepted."""
    async with _treated(market, "refuse"):
        yield
