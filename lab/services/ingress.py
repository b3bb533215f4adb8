"""The ingress in front of the WebSocket manager: HTTPS, who may ask, how much traffic the canary gets, its rollback."""

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope
from websockets.exceptions import InvalidHandshake

from lab.calls import Caller, NoAnswerError
from lab.certificates import Authority, server_context
from lab.clock import TimeScale, iso, now
from lab.host import Host, ListeningPort, quiet, run_until_done, stop_signal
from lab.listening import Listening
from lab.log import Log
from lab.services.wsmanager.app import METRICS, STREAM
from lab.services.wsmanager.streams import SYMBOLS
from lab.settings import Settings
from lab.tokens import mint
from lab.traffic import INTERNAL_HEADER

Instance = Literal["production", "staging"]
WEIGHT: Final = "nginx.ingress.kubernetes.io/canary-weight"
CLIENTS_PER_S: Final = 3.0
CLIENT_STAYS_S: Final = 3.0
ROUND_S: Final = 0.2
BUSY_PER_S: Final = 30.0
BUSY_STAYS_S: Final = 0.8
HIGH_PERCENT: Final = 5.0
"""Share of a canary's streams that fail above which it is rolled back, in percent."""
HIGH_FOR_S: Final = 180.0
"""Seconds of production for which it has to stay above."""
COUNTED_OVER_S: Final = 120.0
"""Seconds of production over which failures are counted."""
LOOK_EVERY_S: Final = 0.75


def declared_weight(manifest: Path) -> int:
    """Weight that the manifest gives the canary, in percent of the traffic."""
    for document in yaml.safe_load_all(manifest.read_text("utf-8")):
        annotations = document.get("metadata", {}).get("annotations", {})
        if WEIGHT in annotations:
            return int(annotations[WEIGHT])
    raise ValueError(f"{manifest.name} gives the canary no weight")


class Clients:
    """People's browsers: each opens a stream, stays for a while and leaves."""

    def __init__(self, canary: "Canary", urls: dict[Instance, str], internal_key: str) -> None:
        self.busy: list[object] = []
        """Faults for whose length there are ten times as many."""
        self.away: list[object] = []
        """Faults for whose length nobody comes."""
        self._canary = canary
        self._urls = urls
        self._headers = {INTERNAL_HEADER: internal_key}
        self._names = itertools.cycle(f"{symbol}@kline_1m" for symbol in SYMBOLS)
        self._there: set[asyncio.Task[None]] = set()

    async def come_and_go(self) -> None:
        """Let clients come for ever, evenly; after a stall those that would have come come at once."""
        loop = asyncio.get_running_loop()
        last, owed = loop.time(), 0.0
        while True:
            await asyncio.sleep(ROUND_S)
            rate, stays = (BUSY_PER_S, BUSY_STAYS_S) if self.busy else (CLIENTS_PER_S, CLIENT_STAYS_S)
            moment = loop.time()
            owed, last = min(owed + (moment - last) * rate, rate), moment
            if self.away:
                owed = 0.0
            while owed >= 1:
                owed -= 1
                self._send(self._canary.next(), stays)

    def _send(self, instance: Instance, stays: float) -> asyncio.Task[None]:
        task = asyncio.create_task(self._visit(instance, stays))
        self._there.add(task)
        task.add_done_callback(self._there.discard)
        return task

    async def _visit(self, instance: Instance, stays: float) -> None:
        url = f"{self._urls[instance].replace('http', 'ws', 1)}{STREAM}?stream={next(self._names)}"
        with suppress(OSError, TimeoutError, InvalidHandshake):
            connection = await Listening.open(url, self._headers)
            try:
                async with asyncio.timeout(stays):
                    async for _ in connection:
                        pass
            finally:
                connection.leave()

    @contextmanager
    def that_stay(self, count: int) -> Iterator[None]:
        """Let so many clients come to production and stay until this ends."""
        staying = [self._send("production", 86_400.0) for _ in range(count)]
        try:
            yield
        finally:
            for task in staying:
                task.cancel()

    async def leave(self) -> None:
        """Let everybody leave."""
        for task in self._there:
            task.cancel()
        await asyncio.gather(*self._there, return_exceptions=True)


class Canary:
    """Which instance a client gets, and the end of the trial when too many of the canary's streams fail."""

    def __init__(self, manifest: Path, scale: TimeScale, log: Log, staging: Caller, secret: str) -> None:
        self.state = "running"
        self.weight = declared_weight(manifest)
        self.since = now()
        self.disabled: list[object] = []
        """Faults under which nothing is rolled back."""
        self._manifest = manifest
        self._scale = scale
        self._log = log
        self._staging = staging
        self._secret = secret
        self._owed = 0.0
        self._counts: deque[tuple[float, int, int]] = deque()
        """Moment, errors and creations of the canary, the oldest first."""
        self._high_since: float | None = None
        self._one_change_at_a_time = asyncio.Lock()

    def next(self) -> Instance:
        """Return the instance the next client gets, so that shares are exact over any hundred clients."""
        self._owed += self.weight / 100
        if self._owed >= 1:
            self._owed -= 1
            return "staging"
        return "production"

    async def watch(self) -> None:
        """Count failures for ever, and roll back once too many fail for too long."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            share = await self._failing_percent()
            moment = asyncio.get_running_loop().time()
            if share is None or share <= HIGH_PERCENT:
                self._high_since = None
            elif self._high_since is None:
                self._high_since = moment
            elif self.state == "running" and not self.disabled:
                lasted = (moment - self._high_since) * self._scale.factor
                if lasted >= HIGH_FOR_S:
                    await self.roll_back(f"error rate {share:.1f}% for {lasted:.0f}s")

    async def _failing_percent(self) -> float | None:
        told = await self._asked("GET", METRICS)
        try:
            count = (asyncio.get_running_loop().time(), told["metrics"]["errors"], told["metrics"]["streamCreations"])
        except (KeyError, TypeError):
            return None
        counts = self._counts
        if counts and count[2] < counts[-1][2]:  # it was started anew
            counts.clear()
        counts.append(count)
        while len(counts) > 1 and counts[1][0] < count[0] - self._scale.window(COUNTED_OVER_S):
            counts.popleft()
        errors, creations = count[1] - counts[0][1], count[2] - counts[0][2]
        return 100 * errors / creations if creations else None

    async def _asked(self, method: str, path: str, body: Any = None) -> Any:
        try:
            headers = {"Authorization": f"Bearer {mint(self._secret, 'admin', 60)}"}
            return (await self._staging.ask(method, path, body, headers)).json()
        except (NoAnswerError, ValueError):
            return None

    async def roll_back(self, why: str) -> None:
        """End the trial: no more traffic for the canary, and its flag off."""
        async with self._one_change_at_a_time:
            if self.state == "running":
                self.state, self.weight, self.since = "rolled_back", 0, now()
                self._log.write("WARN", "Canary", f"WSManager canary rolled back: {why}")
                await self._set_flag(to=False)

    async def resume(self) -> None:
        """Begin the trial again, with the weight of the manifest."""
        async with self._one_change_at_a_time:
            self._counts.clear()
            self._high_since = None
            if self.state != "running":
                self.state, self.weight, self.since = "running", declared_weight(self._manifest), now()
                await self._set_flag(to=True)

    async def _set_flag(self, *, to: bool) -> None:
        await self._asked("POST", "/api/ws/admin/flag", {"useNewWsManager": to})


class Ingress:
    """The front, the router and everything a fault may change about them."""

    host: Host

    def __init__(self, settings: Settings) -> None:
        environment = os.environ
        self.log = Log(Path(environment["INGRESS_LOG"]))
        self.authority = Authority(Path(environment["CERTIFICATES"]))
        self.tls = server_context()
        self.authority.issue(self.tls)
        self.plain: list[object] = []
        """Faults under which plain HTTP is served instead of sent to HTTPS."""
        self.open_to_all: list[object] = []
        """Faults under which everybody may read the metrics."""
        urls: dict[Instance, str] = {
            "production": environment["PRODUCTION_URL"],
            "staging": environment["STAGING_URL"],
        }
        self._instances = {
            name: Caller(urlsplit(url).port or 80, {INTERNAL_HEADER: settings.internal_key})
            for name, url in urls.items()
        }
        manifest = Path(environment["CANARY_MANIFEST"])
        self.canary = Canary(manifest, settings.time_scale, self.log, self._instances["staging"], settings.jwt_secret)
        self.clients = Clients(self.canary, urls, settings.internal_key)
        self._allowed = environment["ALLOWED_CLIENTS"].split(",")
        self._https = settings.ports.url("ingress https", "https")

    @property
    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that let the ingress call its own routes."""
        return []

    def routes(self) -> Starlette:
        """Routes for whoever watches the canary, and for what decides about it."""
        return Starlette(
            routes=[
                Route("/canary", self._canary, methods=["GET"]),
                Route("/canary/rollback", self._obey, methods=["POST"]),
            ]
        )

    def front(self) -> Starlette:
        """What callers from outside reach over HTTPS."""
        return Starlette(routes=[Route("/{path:path}", self._forward, methods=["GET", "HEAD"])])

    def door(self) -> Starlette:
        """What callers from outside reach over plain HTTP."""
        return Starlette(routes=[Route("/{path:path}", self._send_to_https, methods=["GET", "HEAD"])])

    async def _canary(self, _request: Request) -> Response:
        canary = self.canary
        flags = {name: await _flag(client) for name, client in self._instances.items()}
        return JSONResponse({"state": canary.state, "weight": canary.weight, "flag": flags, "since": iso(canary.since)})

    async def _obey(self, request: Request) -> Response:
        """Roll back where an Alertmanager says that a comparison asks for it."""
        alerts = (await request.json())["alerts"]
        for labels in (one["labels"] for one in alerts if one["status"] == "firing"):
            if labels.get("action") == "rollback":
                await self.canary.roll_back(f"{labels['alertname']} asked for it")
        return JSONResponse({"state": self.canary.state})

    async def _forward(self, request: Request) -> Response:
        client = request.client.host if request.client else ""
        if request.url.path == METRICS and request.method == "GET" and not self._may_read(client):
            return JSONResponse({"detail": "not from this network"}, 403)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        try:
            answer = await self._instances["production"].ask(request.method, target)
        except NoAnswerError as error:
            return JSONResponse({"detail": f"no answer: {error}"}, 502)
        kept = {"Content-Type": answer.content_type} if answer.content_type else {}
        return Response(answer.body, answer.status, kept)

    def _may_read(self, client: str) -> bool:
        return client in self._allowed or bool(self.open_to_all)

    async def _send_to_https(self, request: Request) -> Response:
        if self.plain:
            return await self._forward(request)
        return RedirectResponse(f"{self._https}{request.url.path}", 308)

    def refuses(self, _scope: Scope) -> bool:
        """Turn nobody away here: the front has its own rule."""
        return False


async def _flag(caller: Caller) -> bool | None:
    """Return what an instance says of its feature flag; None where it does not answer."""
    try:
        return bool((await caller.ask("GET", METRICS)).json()["config"]["useNewWsManager"])
    except (NoAnswerError, ValueError, KeyError, TypeError):
        return None


async def serve(settings: Settings) -> None:
    """Run the ingress until told to stop."""
    ingress = Ingress(settings)
    host = Host("ingress", ingress.routes(), ingress, settings)
    ports = settings.ports
    host.ports += [
        ListeningPort(ingress.front(), ports["ingress https"], tls=ingress.tls),
        ListeningPort(ingress.door(), ports["ingress http"]),
    ]
    for port in (host.private, *host.ports):
        await port.open()
    work = [asyncio.create_task(one) for one in (ingress.clients.come_and_go(), ingress.canary.watch())]
    await stop_signal()
    for task in work:
        task.cancel()
    await ingress.clients.leave()
    await asyncio.gather(*(port.shut() for port in (*host.ports, host.private)))
    ingress.log.close()


def run(settings: Settings) -> None:
    """Process body of the ingress."""
    quiet()
    run_until_done(serve(settings))
