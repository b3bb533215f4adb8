"""The client stream /ws/prices: subscribe to symbols, receive their ticks."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab.services.market.legs import Leg
from lab.services.market.prices import KNOWN, Prices, Quote

QUEUE_TICKS: Final = 1000
INTERNAL_ERROR: Final = 1011
GARBAGE: Final = "tick EURUSD 1.08"
"""Text that is no JSON."""
Manner = Literal["silent", "close", "garbage", "refuse"]


@dataclass(eq=False)
class Client:
    """One open client stream."""

    symbols: set[str] = field(default_factory=set)
    ticks: "deque[str]" = field(default_factory=lambda: deque(maxlen=QUEUE_TICKS))
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def push(self, text: str) -> None:
        """Queue a message."""
        self.ticks.append(text)
        self.ready.set()


class Streams:
    """All open client streams."""

    def __init__(self, prices: Prices, leg: Leg) -> None:
        self.muted: list[frozenset[str]] = []
        """Sets of symbols not sent to clients, one per fault."""
        self.manners: list[Manner] = []
        """How clients are treated instead of well, one per fault; the newest holds."""
        self._leg = leg
        self._clients: list[Client] = []
        prices.listeners.append(self.spread)

    def spread(self, quote: Quote) -> None:
        """Queue a tick for every client that subscribed to its symbol."""
        for shown in self._leg.streamed(quote):
            if "silent" in self.manners[-1:] or any(shown.symbol in muted for muted in self.muted):
                continue
            takers = [client for client in self._clients if shown.symbol in client.symbols]
            if not takers:
                continue
            text = GARBAGE if "garbage" in self.manners[-1:] else json.dumps({"type": "tick", **shown.as_dict()})
            for client in takers:
                client.push(text)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one client until it leaves."""
        if "refuse" in self.manners[-1:]:
            await websocket.send_denial_response(JSONResponse({"detail": "the stream takes no clients"}, 503))
            return
        await websocket.accept()
        if "close" in self.manners[-1:]:
            await websocket.close(INTERNAL_ERROR)
            return
        client = Client()
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
