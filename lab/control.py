"""The lab's control plane: one place to cause and lift faults anywhere, and to see what goes on."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lab.calls import Answer, Caller, NoAnswerError
from lab.clock import iso, now
from lab.desk import Desk
from lab.disturbance import LONGEST_PAUSE_S, SHORTEST_PAUSE_S, Disturbance
from lab.doors import BufferingProxy, Door
from lab.faults import catalogue
from lab.faults.catalogue import Values
from lab.health import Health
from lab.host import FORGET, RENEW, ListeningPort, injected, key_is_right, quiet, run_until_done, stop_signal
from lab.link import SupervisorLink
from lab.processes import Environment, NoEndError, Processes
from lab.prometheus import PROCESS, PrometheusServer, binary
from lab.redis_cluster import mend
from lab.settings import NODES, SERVERS, SERVICES, SSE_REDIS, Settings

READY_WITHIN_S: Final = 40.0
POLL_S: Final = 0.05
APART: Final = frozenset({"wsmanager", "wsmanager_staging", "ingress", "sse", "sse_clients", "cloudwatch"})
"""Processes whose faults change nothing about what the market service and the gateway say, or remember."""
ANSWERS_WITHIN_S: Final = 20.0
SERVING_WITHIN_S: Final = 8.0
SETTLED_WITHIN_S: Final = 3.0
CALL_TIMEOUT_S: Final = 20.0


@dataclass
class Injected:
    """A fault caused through the control plane."""

    id: str
    params: Values
    places: list[str]
    since: float
    expiry: asyncio.Task[None] | None = None


class Infrastructure:
    """What infrastructure faults act on: processes, the Redis nodes' doors, files."""

    def __init__(
        self,
        link: SupervisorLink,
        settings: Settings,
        processes: Processes,
        is_well: Callable[[float], Awaitable[bool]],
        prometheus: PrometheusServer | None,
    ) -> None:
        self.link = link
        self.settings = settings
        self.processes = processes
        self.is_well = is_well
        """Waits up to some seconds until everything is up, and says whether it is."""
        self.prometheus = prometheus
        self.doors = {
            name: Door(door, port)
            for name, door, port in zip(NODES, settings.ports.doors, settings.ports.redis, strict=True)
        } | {SSE_REDIS: Door(settings.ports[f"{SSE_REDIS} door"], settings.ports[SSE_REDIS])}
        self.proxy = BufferingProxy(settings.ports["sse proxy"], settings.ports["sse"])
        """Where callers from outside find the event streams."""
        self.environments: dict[str, list[Environment]] = {}
        """Variables set otherwise than usual for a service, one set per fault; a newer one goes before an older one."""

    async def restart(self, name: str) -> None:
        """Start a service anew, with the variables that faults have set for it, and wait until it serves."""
        environment = {key: value for one in self.environments.get(name, []) for key, value in one.items()}
        await self.processes.stop(name)
        await self.processes.start(name, environment)
        await self.processes.is_serving(name, SERVING_WITHIN_S)


class Control:
    """Routes faults to the processes they act in, and keeps the books."""

    def __init__(self, settings: Settings, link: SupervisorLink) -> None:
        self.settings = settings
        self.link = link
        self.active: dict[str, Injected] = {}
        self.started_at = now()
        self._issued = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._dead_doors: set[str] = set()
        headers = {"X-Lab-Key": settings.control_key}
        self._callers = {name: Caller(settings.ports.private(name), headers, CALL_TIMEOUT_S) for name in SERVICES}
        self.processes = Processes(link, settings)
        prometheus = PrometheusServer(settings) if binary() else None
        self.health = Health(settings, prometheus)
        self._disturbance = Disturbance(self._forget_since, partial(self.health.is_up, "market"))
        self.infrastructure = Infrastructure(link, settings, self.processes, self.wait_until_healthy, prometheus)
        self.desk = Desk("control", self.infrastructure)
        self._app = self.routes()
        link.on_exit = lambda name: self._spawn(self._shut_door_of(name))

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _shut_door_of(self, name: str) -> None:
        if name in SERVERS and name not in self._dead_doors:
            self._dead_doors.add(name)
            await self.infrastructure.doors[name].refuse("node is dead")

    async def _call(self, service: str, method: str, path: str, body: Any = None) -> Answer:
        return await self._callers[service].ask(method, path, body)

    async def inject(
        self, fault_id: str, params: Values, _handle: str | None = None, ttl_s: float | None = None
    ) -> str:
        """Cause a fault in every process it acts in; returns its handle."""
        fault = catalogue.find(fault_id)
        values = fault.values(params)
        self._issued += 1
        handle = f"f-{self._issued}"
        done: list[str] = []
        places = fault.places(values)
        if _concerns_the_market(places):
            self._disturbance.begin(handle)
        try:
            for place in places:
                await self._inject_at(place, handle, fault_id, values)
                done.append(place)
        except Exception:
            await self._lift_at(done, handle)
            await self._disturbance.end(handle)
            raise
        self.active[handle] = Injected(fault_id, values, done, now())
        if ttl_s is not None:
            self.active[handle].expiry = asyncio.create_task(self._lift_after(handle, ttl_s))
        if _concerns_the_market(done):
            await self._renew()
        return handle

    async def _inject_at(self, place: str, handle: str, fault_id: str, values: Values) -> None:
        if place == "control":
            await self.desk.inject(fault_id, values, handle)
            return
        try:
            answer = await self._call(
                place, "POST", "/__lab/faults", {"id": fault_id, "params": values, "handle": handle}
            )
        except NoAnswerError as error:
            raise catalogue.BadParametersError(
                f"{fault_id}: the {place} process does not answer ({error}); reset the lab first"
            ) from None
        if answer.status != 201:
            reason = answer.json()["error"] if answer.status == 422 else f"failed in {place}"
            raise catalogue.BadParametersError(reason)

    async def _lift_at(self, places: list[str], handle: str) -> None:
        for place in reversed(places):
            if place == "control":
                await self.desk.lift(handle)
            else:
                with suppress(NoAnswerError):  # a process that died took its faults along
                    await self._call(place, "DELETE", f"/__lab/faults/{handle}")

    async def _lift_after(self, handle: str, ttl_s: float) -> None:
        await asyncio.sleep(ttl_s)
        self.active[handle].expiry = None
        await self.lift(handle)

    async def lift(self, handle: str) -> bool:
        """Undo a fault everywhere; False when there is none with that handle."""
        fault = self.active.pop(handle, None)
        if fault is None:
            return False
        if fault.expiry is not None:
            fault.expiry.cancel()
        await self._lift_at(fault.places, handle)
        await self._revive_doors()
        await self._disturbance.end(handle)
        if _concerns_the_market(fault.places):
            await self._renew()
        return True

    async def reset(self) -> None:
        """Undo everything: lift faults, restart dead processes, fix the cluster."""
        for handle in reversed(list(self.active)):
            await self.lift(handle)
        await self.desk.reset()
        await self._run(SERVERS)
        if self.infrastructure.prometheus is not None:
            await self._run([PROCESS])
        await self._revive_doors()
        await mend(self.settings.ports)  # before the services start, which end where they find no cluster
        await self._run(SERVICES)
        for service in SERVICES:
            await self._when_answering(service)
            await self._call(service, "POST", "/__lab/reset")
        await self._disturbance.end_all()
        await self._renew()

    async def _run(self, names: Iterable[str]) -> None:
        for name in names:
            await self.link.order("start", name=name)
            await self.link.order("signal", name=name, signal="CONT")

    async def _when_answering(self, service: str) -> None:
        deadline = asyncio.get_running_loop().time() + ANSWERS_WITHIN_S
        while True:
            try:
                await self._call(service, "GET", "/__lab/state")
            except NoAnswerError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(POLL_S)
                await self.link.order(
                    "start", name=service
                )  # one that found no cluster when it started has ended since
            else:
                return

    async def _revive_doors(self) -> None:
        table = (await self.link.order("table"))["processes"]
        for process in table:
            if process["name"] in self._dead_doors and process["state"] == "running":
                self._dead_doors.discard(process["name"])
                await self.infrastructure.doors[process["name"]].admit("node is dead")

    async def _forget_since(self, since: float) -> None:
        with suppress(NoAnswerError):
            await self._call("market", "POST", FORGET, {"since": since})

    async def _renew(self) -> None:
        for service in ("market", "gateway"):  # in this order: the gateway repeats the market's figures
            with suppress(NoAnswerError):
                await self._call(service, "POST", RENEW)

    async def is_healthy(self) -> bool:
        """Whether everything is up, has been, and prices flow to Redis without loss or delay."""
        return await self.health.is_settled()

    async def wait_until_healthy(self, within_s: float) -> bool:
        """Wait up to `within_s` seconds for everything to be up."""
        deadline = asyncio.get_running_loop().time() + within_s
        pause_s = SHORTEST_PAUSE_S
        while not await self.is_healthy():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.3, LONGEST_PAUSE_S)
        return True

    def routes(self) -> Starlette:
        """Every route of the control plane."""
        return Starlette(
            routes=[
                Route("/__lab/state", self._state),
                Route("/__lab/up/{part}", self._up),
                Route("/__lab/config", self._config),
                Route("/__lab/processes", self._processes),
                Route("/__lab/canary", self._canary),
                Route("/__lab/processes/{name}/terminate", self._terminate, methods=["POST"]),
                Route("/__lab/faults", self._inject, methods=["POST"]),
                Route("/__lab/faults", self._catalogue, methods=["GET"]),
                Route("/__lab/faults/{handle}", self._lift, methods=["DELETE"]),
                Route("/__lab/reset", self._reset, methods=["POST"]),
                Route("/__lab/requests", self._requests),
                Route("/__lab/requests/reset", self._reset_requests, methods=["POST"]),
            ]
        )

    async def guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry: the routes, behind the lab's key."""
        if scope["type"] == "http" and not key_is_right(scope, self.settings.control_key):
            await JSONResponse({"error": "X-Lab-Key is missing or wrong"}, 401)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _state(self, _request: Request) -> Response:
        faults = [
            {"handle": handle, "id": fault.id, "params": fault.params, "since": iso(fault.since)}
            for handle, fault in self.active.items()
        ]
        return JSONResponse(
            {
                "process": "control",
                "pid": os.getpid(),
                "started_at": iso(self.started_at),
                "time_scale": self.settings.time_scale.factor,
                "faults": faults,
                "healthy": await self.is_healthy(),
            }
        )

    async def _up(self, request: Request) -> Response:
        part = request.path_params["part"]
        if part not in self.health.parts:
            return JSONResponse({"error": f"{part} is no part, only {', '.join(self.health.parts)} are"}, 404)
        return JSONResponse({"up": await self.health.is_up(part)})

    async def _config(self, _request: Request) -> Response:
        found: dict[str, Any] = {}
        for service in SERVICES:
            try:
                found[service] = (await self._call(service, "GET", "/__lab/config")).json()
            except NoAnswerError:
                found[service] = None
        return JSONResponse(found)

    async def _processes(self, _request: Request) -> Response:
        return JSONResponse((await self.link.order("table"))["processes"])

    async def _canary(self, _request: Request) -> Response:
        answer = await Caller(self.settings.ports["ingress"]).ask("GET", "/canary")
        return JSONResponse(answer.json())

    async def _terminate(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in SERVICES:
            return JSONResponse({"error": f"{name} cannot be ended here, only {', '.join(SERVICES)}"}, 404)
        if (await self.processes.row(name))["state"] != "running":
            return JSONResponse({"error": f"{name} does not run"}, 409)
        try:
            ending = await self.processes.terminate(name)
        except NoEndError as error:
            return JSONResponse({"error": str(error)}, 500)
        await self.processes.start(name)
        if await self.processes.is_serving(name, SERVING_WITHIN_S):
            await self.wait_until_healthy(SETTLED_WITHIN_S)
        return JSONResponse(asdict(ending))

    async def _catalogue(self, _request: Request) -> Response:
        return JSONResponse(catalogue.listing())

    async def _inject(self, request: Request) -> Response:
        return await injected(request, self)

    async def _lift(self, request: Request) -> Response:
        found = await self.lift(request.path_params["handle"])
        return Response(status_code=204) if found else JSONResponse({"error": "no such handle"}, 404)

    async def _reset(self, _request: Request) -> Response:
        await self.reset()
        return Response(status_code=204)

    async def _requests(self, _request: Request) -> Response:
        counted: dict[str, Any] = {}
        internal: dict[str, Any] = {}
        for service in SERVICES:
            try:
                answer = (await self._call(service, "GET", "/__lab/requests")).json()
            except NoAnswerError:
                answer = {"outside": {}, "internal": {}}
            counted[service], internal[service] = answer["outside"], answer["internal"]
        doors = self.infrastructure.doors
        counted["redis"] = {name: doors[name].connections for name in NODES}
        counted[SSE_REDIS] = {SSE_REDIS: doors[SSE_REDIS].connections}
        return JSONResponse(counted | {"internal": internal})

    async def _reset_requests(self, _request: Request) -> Response:
        for service in SERVICES:
            with suppress(NoAnswerError):
                await self._call(service, "POST", "/__lab/requests/reset")
        for door in self.infrastructure.doors.values():
            door.connections = 0
        return Response(status_code=204)


def _concerns_the_market(places: Iterable[str]) -> bool:
    return not APART.issuperset(places)


async def serve(settings: Settings, supervisor_end: socket.socket, faults: list[tuple[str, Values]]) -> None:
    """Run the control plane until told to stop; report to the supervisor once the lab is ready."""
    link = SupervisorLink(*await asyncio.open_connection(sock=supervisor_end))
    listening = asyncio.create_task(link.listen())
    control = Control(settings, link)
    port = ListeningPort(control.guarded, settings.ports["control"])
    await port.open()
    for door in (*control.infrastructure.doors.values(), control.infrastructure.proxy):
        await door.admit()
    preparing = asyncio.create_task(_prepare(control, faults))
    await stop_signal()
    preparing.cancel()
    listening.cancel()
    await port.shut()


async def _prepare(control: Control, faults: list[tuple[str, Values]]) -> None:
    if not await control.wait_until_healthy(READY_WITHIN_S):
        await control.link.order("failed", message=f"the lab was not healthy within {READY_WITHIN_S:g} s")
        return
    await control.link.order("healthy")
    try:
        for fault_id, params in faults:
            await control.inject(fault_id, params)
    except catalogue.BadParametersError as error:
        await control.link.order("failed", message=str(error))
        return
    await control.link.order("ready")


def run(settings: Settings, supervisor_end: socket.socket, faults: list[tuple[str, Values]]) -> None:
    """Process body of the control plane."""
    quiet()
    run_until_done(serve(settings, supervisor_end, faults))
