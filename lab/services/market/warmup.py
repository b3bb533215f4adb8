"""Reloading last prices from Redis after a feed connection was lost and made again."""

from typing import TYPE_CHECKING

from lab.resp import ReplyError
from lab.services.market.prices import Quote, read_command, stored_quote

if TYPE_CHECKING:
    from lab.services.market.service import Market


async def warmup_after_reconnection(market: "Market") -> int:
    """Reload the last price of every symbol; returns how many were newer than memory."""
    quotes: list[Quote] = []
    for node in market.pool.nodes:
        mine = [symbol for symbol in market.prices.symbols if market.owner(symbol) == node]
        async with market.pool.borrow(node, "data") as borrowed:
            replies = await borrowed.call(*map(read_command, mine))
        for symbol, reply in zip(mine, replies, strict=True):
            if isinstance(reply, ReplyError):
                raise reply
            if quote := stored_quote(symbol, reply):
                quotes.append(quote)
    return market.prices.reload(quotes)
