"""The exchange's market data: one WebSocket a stream, a candle on each every two seconds."""

import asyncio
import itertools
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab.clock import now_ms

NAME: Final = re.compile(r"[a-z0-9]{5,12}@kline_1m")
ENVIRONMENT_HEADER: Final = "X-Environment"
CANDLE_S: Final = 2.0
SERVICE_RESTART: Final = 1012
STEP_S: Final = 0.01


class Exchange:
    """Who listens to what, by the environment that a listener says it is of."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._listeners: dict[str, list[tuple[str, WebSocket]]] = {}
        self._turns = itertools.count()

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one stream until its listener leaves; a name that there is not is refused with 400."""
        name = websocket.path_params["name"]
        if NAME.fullmatch(name) is None:
            await websocket.send_denial_response(JSONResponse({"code": -1121, "msg": f"no stream {name[:40]}"}, 400))
            return
        await websocket.accept()
        listeners = self._listeners.setdefault(websocket.headers.get(ENVIRONMENT_HEADER, "production"), [])
        listeners.append((name, websocket))
        try:
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
        except (WebSocketDisconnect, RuntimeError):  # cut off by us
            pass
        finally:
            listeners.remove((name, websocket))

    async def tell(self) -> None:
        """Send candles for ever."""
        while True:
            for name, websocket in [one for several in self._listeners.values() for one in several]:
                close = round(100 + self._rng.gauss(0, 1), 4)
                with suppress(WebSocketDisconnect, RuntimeError):
                    await websocket.send_text(json.dumps({"e": "kline", "s": name, "E": now_ms(), "c": close}))
            await asyncio.sleep(CANDLE_S)

    @asynccontextmanager
    async def cutting(self, per_second: dict[str, float]) -> AsyncIterator[None]:
        """Cut that many streams a second off, evenly, in each environment."""
        cutting = [asyncio.create_task(self._cut(*one)) for one in per_second.items() if one[1]]
        try:
            yield
        finally:
            for task in cutting:
                task.cancel()

    async def _cut(self, environment: str, per_second: float) -> None:
        loop = asyncio.get_running_loop()
        last, owed = loop.time(), 0.0
        while True:
            await asyncio.sleep(STEP_S)
            moment = loop.time()
            owed, last = min(owed + (moment - last) * per_second, per_second), moment
            while owed >= 1:
                owed -= 1
                if listeners := self._listeners.get(environment):
                    _, websocket = listeners[next(self._turns) % len(listeners)]
                    with suppress(WebSocketDisconnect, RuntimeError):
                        await websocket.close(SERVICE_RESTART)
