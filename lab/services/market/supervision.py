"""Background services under supervision: started in order, restarted when they crash."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from lab.clock import TimeScale

LONGEST_PAUSE_S: Final = 30.0


class CrashError(RuntimeError):
    """A fault made a service crash."""


@dataclass(eq=False)
class Service:
    """One background service: its body, its state, and how often it was restarted."""

    name: str
    title: str
    body: Callable[[], Awaitable[None]]
    scale: TimeScale
    state: str = "stopped"
    restarts: int = 0
    last_error: str | None = None
    left_down: list[object] = field(default_factory=list)
    """Faults on whose behalf a crash is not followed by a restart."""
    deaf_for_s: list[float] = field(default_factory=list)
    """Seconds for which the body goes on after it was cancelled, one per fault."""
    _supervising: asyncio.Task[None] | None = None
    _running: asyncio.Task[None] | None = None
    _crash: BaseException | None = None

    def start(self) -> None:
        """Start the service under supervision; does nothing while it is supervised."""
        if self._supervising is None or self._supervising.done():
            self.state = "starting"
            self._supervising = asyncio.create_task(self._supervise())

    async def _supervise(self) -> None:
        pause = 1.0
        while True:
            started = asyncio.get_running_loop().time()
            self._running = asyncio.ensure_future(self._run())
            self.state = "running"
            try:
                await asyncio.wait({self._running})
            except asyncio.CancelledError:
                self._running.cancel()
                await asyncio.wait({self._running})
                self.state = "stopped"
                raise
            self.last_error = self._reason(self._running)
            if self.left_down:
                self.state = "stopped" if self.last_error is None else "failed"
                return
            self.state = "restarting"
            if asyncio.get_running_loop().time() - started > self.scale.window(60):
                pause = 1.0
            await asyncio.sleep(self.scale.window(pause))
            pause = min(pause * 2, LONGEST_PAUSE_S)
            self.restarts += 1

    async def _run(self) -> None:
        try:
            await self.body()
        except asyncio.CancelledError:
            deadline = asyncio.get_running_loop().time() + sum(self.deaf_for_s)
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(left)
            raise

    def _reason(self, ended: "asyncio.Future[Any]") -> str | None:
        crash, self._crash = self._crash, None
        if crash is None and not ended.cancelled():
            crash = ended.exception()
        return f"{type(crash).__name__}: {crash}" if crash else None

    def crash(self, reason: str) -> None:
        """End the running body as if it had raised an error."""
        if self._running is not None and not self._running.done():
            self._crash = CrashError(reason)
            self._running.cancel()

    def cancel(self) -> None:
        """End the running body without an error."""
        if self._running is not None:
            self._running.cancel()

    async def stop(self) -> None:
        """Stop the service and its supervision."""
        if self._supervising is not None:
            self._supervising.cancel()
            await asyncio.wait({self._supervising})

    def as_dict(self) -> dict[str, Any]:
        """State as shown by the diagnostics."""
        return {"state": self.state, "restarts": self.restarts, "last_error": self.last_error}
