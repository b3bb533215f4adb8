"""The faults at work in one process: causing them, lifting them, telling which there are."""

import asyncio
import inspect
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from lab.faults import catalogue
from lab.faults.catalogue import Action, Values


@dataclass
class ActiveFault:
    """A fault at work and what undoes it."""

    id: str
    params: Values
    stack: AsyncExitStack


class Desk:
    """Causes and lifts faults on one process's target object."""

    def __init__(self, process: str, target: Any) -> None:
        self.process = process
        self.target = target
        self.active: dict[str, ActiveFault] = {}
        self._issued = 0
        self._expiries: set[asyncio.Task[None]] = set()

    async def inject(self, fault_id: str, params: Values, handle: str | None = None, ttl_s: float | None = None) -> str:
        """Cause a fault here; returns its handle. Lifts itself after `ttl_s` seconds if given."""
        fault = catalogue.find(fault_id)
        values = fault.values(params)
        actions = fault.actions_in(self.process, values)
        if not actions:
            raise catalogue.BadParametersError(
                f"{fault_id} acts in {', '.join(fault.places(values))}, not in {self.process}"
            )
        if handle is None:
            self._issued += 1
            handle = f"{self.process}-{self._issued}"
        async with AsyncExitStack() as attempt:
            for action in actions:
                await attempt.enter_async_context(action(self.target, **_wanted(action, values)))
            self.active[handle] = ActiveFault(fault_id, values, attempt.pop_all())
        if ttl_s is not None:
            expiry = asyncio.create_task(self._lift_after(handle, ttl_s))
            self._expiries.add(expiry)
            expiry.add_done_callback(self._expiries.discard)
        return handle

    async def _lift_after(self, handle: str, ttl_s: float) -> None:
        await asyncio.sleep(ttl_s)
        await self.lift(handle)

    async def lift(self, handle: str) -> bool:
        """Undo one fault; False when there is none with that handle."""
        fault = self.active.pop(handle, None)
        if fault is None:
            return False
        await fault.stack.aclose()
        return True

    async def reset(self) -> None:
        """Undo every fault, the newest first."""
        for handle in reversed(list(self.active)):
            await self.lift(handle)

    def listing(self) -> list[dict[str, Any]]:
        """Faults at work, as shown by /__lab/state."""
        return [{"handle": handle, "id": fault.id, "params": fault.params} for handle, fault in self.active.items()]


def _wanted(action: Action, values: Values) -> Values:
    # Each part of a fault takes the parameters it has a use for.
    named = inspect.signature(action).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in named.values())
    arguments = catalogue.as_arguments(values)
    return {name: value for name, value in arguments.items() if takes_all or name in named}
