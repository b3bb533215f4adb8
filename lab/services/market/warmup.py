"""Reloading last prices from Redis after a feed connection was lost and made again."""

from collections.abc import Callable

from lab.resp import ReplyError
from lab.services.market.pool import Node, Pool
from lab.services.market.prices import Prices, Quote, read_command, stored_quote


async def warmup_after_reconnection(pool: Pool, prices: Prices, owner: Callable[[str], Node]) -> int:
    """Reload the last price of every symbol; returns how many were newer than memory."""
    quotes: list[Quote] = []
    for node in pool.nodes:
        mine = [symbol for symbol in prices.symbols if owner(symbol) == node]
        async with pool.borrow(node, "data") as borrowed:
            replies = await borrowed.call(*map(read_command, mine))
        for symbol, reply in zip(mine, replies, strict=True):
            if isinstance(reply, ReplyError):
                raise reply
            if quote := stored_quote(symbol, reply):
                quotes.append(quote)
    return prices.reload(quotes)
