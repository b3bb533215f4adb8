"""The lab's processes as the control plane handles them: ended, started another way, waited for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psutil

from lab.calls import Caller, NoAnswerError
from lab.link import SupervisorLink
from lab.settings import Settings

POLL_S: Final = 0.02
END_WITHIN_S: Final = 20.0
ANSWERS_WITHIN_S: Final = 20.0
CONNECTIONS_GONE_WITHIN_S: Final = 0.5
Environment = Mapping[str, str | None]
"""Variables set otherwise than usual for one start of a service; None: not set at all."""
Connection = frozenset[tuple[str, int]]
"""The addresses of both ends."""


class NoEndError(RuntimeError):
    """A process that was told to end went on."""


@dataclass(frozen=True)
class Ending:
    """How a process ended after SIGTERM."""

    elapsed_s: float
    exit_code: int
    left_connections: int
    """Connections the process had that were still established, at either end, half a second after it ended."""


class Processes:
    """Ends and starts the services' processes through the supervisor."""

    def __init__(self, link: SupervisorLink, settings: Settings) -> None:
        self._link = link
        self._settings = settings

    async def row(self, name: str) -> dict[str, Any]:
        """Row of one process in the supervisor's table."""
        table = (await self._link.order("table"))["processes"]
        return next(row for row in table if row["name"] == name)

    async def terminate(self, name: str) -> Ending:
        """End a process with SIGTERM and wait until it is gone; raises NoEndError when it is not within 20 s."""
        loop = asyncio.get_running_loop()
        row = await self.row(name)
        had = _established(row["pid"])
        started = loop.time()
        await self._link.order("signal", name=name, signal="TERM")
        if not await self.has_ended(name, END_WITHIN_S):
            raise NoEndError(f"{name} still runs {END_WITHIN_S:g} s after SIGTERM")
        elapsed = loop.time() - started
        left = had & _established()
        while left and loop.time() < started + elapsed + CONNECTIONS_GONE_WITHIN_S:
            await asyncio.sleep(POLL_S)
            left = had & _established()
        return Ending(round(elapsed, 3), (await self.row(name))["exit_code"], len(left))

    async def has_ended(self, name: str, within_s: float) -> bool:
        """Wait until a process has ended, up to `within_s` seconds."""
        deadline = asyncio.get_running_loop().time() + within_s
        while (await self.row(name))["state"] == "running":
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def stop(self, name: str) -> None:
        """End a process if it runs: kindly, else by force."""
        if (await self.row(name))["state"] == "running":
            try:
                await self.terminate(name)
            except NoEndError:
                await self._link.order("kill", name=name)

    async def start(self, name: str, environment: Environment | None = None) -> None:
        """Start a process that does not run, with some variables set otherwise (None: not at all)."""
        await self._link.order("start", name=name, environment=dict(environment or {}))

    async def is_serving(self, name: str, within_s: float) -> bool:
        """Wait until a service takes callers; False when it has ended, or has not come so far in `within_s` seconds."""
        deadline = asyncio.get_running_loop().time() + within_s
        caller = Caller(self._settings.ports[name], timeout_s=ANSWERS_WITHIN_S)
        while asyncio.get_running_loop().time() < deadline:
            try:
                await caller.ask("GET", "/__lab/state")
            except NoAnswerError:
                if (await self.row(name))["state"] != "running":
                    return False
                await asyncio.sleep(POLL_S)
            else:
                return True
        return False


def _established(pid: int | None = None) -> set[Connection]:
    """Established TCP connections of one process, or of the whole machine."""
    try:
        found = (psutil.Process(pid) if pid else psutil).net_connections("tcp4")
    except psutil.NoSuchProcess:
        return set()
    return {frozenset((tuple(one.laddr), tuple(one.raddr))) for one in found if one.status == psutil.CONN_ESTABLISHED}
