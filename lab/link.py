"""Orders from the control plane to the supervisor: one JSON object a line over a socket pair."""

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class SupervisorError(RuntimeError):
    """The supervisor could not carry out an order."""


class SupervisorLink:
    """The control plane's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.on_exit: Callable[[str], object] = lambda _name: None
        """Called with the name of every process that ended."""
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def listen(self) -> None:
        """Read replies and news until the supervisor is gone."""
        while line := await self._reader.readline():
            message = json.loads(line)
            if "exited" in message:
                self.on_exit(message["exited"])
            elif waiting := self._waiting.pop(message["id"], None):
                waiting.set_result(message)

    async def order(self, operation: str, **details: Any) -> dict[str, Any]:
        """Give an order and wait until it is carried out; raises SupervisorError when it failed."""
        number = next(self._numbers)
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        self._writer.write(json.dumps({"id": number, "op": operation, **details}).encode() + b"\n")
        message = await reply
        if error := message.get("error"):
            raise SupervisorError(error)
        return message
