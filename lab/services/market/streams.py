"""The client stream /ws/prices: subscribe to symbols, receive their ticks."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from lab.services.market.prices import KNOWN, Quote

if TYPE_CHECKING:
    from lab.services.market.service import Market

QUEUE_TICKS: Final = 1000


@dataclass(eq=False)
class Client:
    """One open client stream."""

    pair: str
    """Value of the header X-Lab-Pair: which price comparison this reader serves."""
    symbols: set[str] = field(default_factory=set)
    ticks: "deque[str]" = field(default_factory=lambda: deque(maxlen=QUEUE_TICKS))
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, text: str) -> None:
        """Queue a message."""
        self.ticks.append(text)
        self.ready.set()


class Streams:
    """All open client streams."""

    def __init__(self, market: "Market") -> None:
        self.muted: list[frozenset[str]] = []
        """Sets of symbols not sent to clients, one per fault."""
        self._market = market
        self._clients: list[Client] = []
        market.prices.listeners.append(self.spread)

    def spread(self, quote: Quote) -> None:
        """Queue a tick for every client that subscribed to its symbol."""
        if any(quote.symbol in muted for muted in self.muted):
            return
        for client in self._clients:
            if quote.symbol in client.symbols:
                shown = self._market.skewed(quote, "ws", client.pair)
                client.push(json.dumps({"type": "tick", **shown.as_dict()}))

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one client until it leaves."""
        await websocket.accept()
        client = Client(websocket.headers.get("X-Lab-Pair", ""))
        self._clients.append(client)
        sending = asyncio.create_task(_send_ticks(websocket, client))
        try:
            while True:
                self._obey(client, await websocket.receive_text())
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass
        finally:
            self._clients.remove(client)
            sending.cancel()

    def _obey(self, client: Client, text: str) -> None:
        try:
            order = json.loads(text)
            operation, symbols = order["op"], set(order["symbols"])
        except (ValueError, KeyError, TypeError):
            client.push(json.dumps({"type": "error", "message": "expected op and symbols"}))
            return
        if unknown := sorted(symbols - KNOWN):
            client.push(json.dumps({"type": "error", "message": f"unknown symbols: {', '.join(unknown)}"}))
        if operation == "subscribe":
            client.symbols |= symbols & KNOWN
        elif operation == "unsubscribe":
            client.symbols -= symbols
        else:
            client.push(json.dumps({"type": "error", "message": f"unknown op {operation!r}"}))


async def _send_ticks(websocket: WebSocket, client: Client) -> None:
    try:
        while True:
            await client.ready.wait()
            client.ready.clear()
            while client.ticks:
                await websocket.send_text(client.ticks.popleft())
    except (WebSocketDisconnect, RuntimeError):
        return  # the client has gone; its receiving side notices and cleans up
