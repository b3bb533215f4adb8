"""What the market service remembers of faults (failed attempts, gaps), from the first one to when all is well again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from lab.clock import now

SETTLED_WITHIN_S: Final = 30.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 0.5
"""Between two questions whether all is well: each costs everybody who answers it."""
STEADY: Final = 3
"""Looks in a row after which it is believed to be well: it may not have noticed yet that it has lost something."""
Forget = Callable[[float], Awaitable[None]]
"""Lets the service forget what it has seen since a moment (seconds since 1970)."""


class Disturbance:
    """One at a time: a fault that comes before all is well again goes on with the one before it."""

    def __init__(self, forget: Forget, is_well: Callable[[], Awaitable[bool]]) -> None:
        self._forget = forget
        self._is_well = is_well
        self._since: float | None = None
        self._by: set[str] = set()
        """Handles of the faults that disturb, those that are still being caused included."""
        self._settling: asyncio.Task[None] | None = None

    def begin(self, handle: str) -> None:
        """Note that a fault begins, before anything of it is caused."""
        self._by.add(handle)
        self._stop_settling()
        if self._since is None:
            self._since = now()

    async def end(self, handle: str) -> None:
        """Note that a fault is lifted; after the last one the service is made to forget, at once and once all is well.

        Between lifting a fault and recovery attempts may still fail on its account: what is caused meanwhile belongs to
        the same disturbance.
        """
        if handle in self._by:
            self._by.remove(handle)
            await self._settle()

    async def end_all(self) -> None:
        """Note that no fault is left; whatever the service remembers is on account of some."""
        self._by.clear()
        self._stop_settling()
        self._since = 0.0
        await self._settle()

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    async def _settle(self) -> None:
        since = self._since
        if self._by or since is None:
            return
        await self._forget(since)
        if not self._by and (self._settling is None or self._settling.done()):
            self._settling = asyncio.create_task(self._forget_once_well(since))

    async def _forget_once_well(self, since: float) -> None:
        deadline = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
        looks, pause_s = 0, SHORTEST_PAUSE_S
        while looks < STEADY and asyncio.get_running_loop().time() < deadline:
            looks = looks + 1 if await self._is_well() else 0
            pause_s = SHORTEST_PAUSE_S if looks else min(pause_s * 1.3, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)
        if looks == STEADY:
            await self._forget(since)
            self._since = None
