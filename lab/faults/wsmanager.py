"""The WebSocket manager: streams leaked, broken off, lost or counted wrongly; the canary; the front."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from lab.faults.catalogue import Fault, choice, number, truth, whole
from lab.faults.lasting import during
from lab.settings import INSTANCES

if TYPE_CHECKING:
    from lab.control import Infrastructure
    from lab.services.feed import Feed
    from lab.services.ingress import Ingress
    from lab.services.wsmanager.app import Manager

CANARY_SHARE: Final = 0.1
USUAL_WEIGHT: Final = 10
"""What the manifest gives the canary, in percent of the clients."""
SERVES_WITHIN_S: Final = 8.0

UNHEALTHY = Fault(
    "F.wsm.unhealthy",
    "behaviour",
    "Stop the manager's sweep, without which it calls itself unhealthy: HEAD answers 503, GET goes on answering.",
)


@UNHEALTHY.on("wsmanager")
@asynccontextmanager
async def unswept(manager: "Manager") -> AsyncIterator[None]:
    """Sweep no more; sweep again on exit."""
    manager.streams.stop_sweeping()
    try:
        yield
    finally:
        manager.streams.start_sweeping()


STUCK = Fault("F.wsm.head_stuck_200", "report", "HEAD answers 200 whatever the state is.")


@STUCK.on("wsmanager")
@asynccontextmanager
async def head_stuck(manager: "Manager") -> AsyncIterator[None]:
    """Tell balancers that all is well."""
    with during(manager.stuck, object()):
        yield


LEAK = Fault(
    "F.wsm.leak",
    "behaviour",
    "Let clients come to production that open a stream each and never leave.",
    (whole("connections", "how many", at_least=1, at_most=2000, default=120),),
)


@LEAK.on("ingress")
@asynccontextmanager
async def clients_that_stay(ingress: "Ingress", *, connections: int) -> AsyncIterator[None]:
    """Let them come; they leave on exit."""
    with ingress.clients.that_stay(connections):
        yield


NO_CLIENTS = Fault(
    "F.wsm.no_clients", "behaviour", "Nobody comes: only the streams that the manager keeps open for itself remain."
)


@NO_CLIENTS.on("ingress")
@asynccontextmanager
async def nobody_comes(ingress: "Ingress") -> AsyncIterator[None]:
    """Let those who are there leave after their time, and nobody else come."""
    with during(ingress.clients.away, object()):
        yield


RETRY = Fault(
    "F.wsm.retry",
    "infrastructure",
    "The exchange cuts streams off, so that they have to connect again: so many a second of production in production,"
    " and a tenth of it on staging, which has a tenth of the streams.",
    (
        number("per_second", "streams cut off a second of production", at_least=0.01, at_most=5),
        truth("log", "whether the manager logs that it tries again", default=True),
    ),
)


@RETRY.on("feed")
@asynccontextmanager
async def streams_cut_everywhere(feed: "Feed", *, per_second: float) -> AsyncIterator[None]:
    """Cut streams off, as often for their number in both environments."""
    rate = per_second * feed.host.settings.time_scale.factor
    async with feed.exchange.cutting({"production": rate, "staging": rate * CANARY_SHARE}):
        yield


async def _unlogged(manager: "Manager", *, log: bool) -> AsyncIterator[None]:
    fault = object()
    if not log:
        manager.streams.silent.append(fault)
    try:
        yield
    finally:
        if not log:
            manager.streams.silent.remove(fault)


for instance in INSTANCES:
    RETRY.on(instance)(asynccontextmanager(_unlogged))  # type: ignore[arg-type]


CLEANUP_SKIP = Fault(
    "F.wsm.cleanup_skip",
    "behaviour",
    "Open streams that break off, and that no sweep finds until this is healed.",
    (whole("streams", "how many", at_least=1, at_most=1000, default=30),),
)


@CLEANUP_SKIP.on("wsmanager")
@asynccontextmanager
async def streams_left_behind(manager: "Manager", *, streams: int) -> AsyncIterator[None]:
    """Leave them; the next sweep after exit finds them."""
    async with manager.streams.left_behind(streams):
        yield


DOUBLE_CLEANUP = Fault(
    "F.wsm.double_cleanup",
    "behaviour",
    "Clean streams up twice. A counter takes nothing back: healing starts the manager anew.",
    (whole("streams", "how many", at_least=1, at_most=10000, default=60),),
)


@DOUBLE_CLEANUP.on("wsmanager")
@asynccontextmanager
async def cleaned_twice(manager: "Manager", *, streams: int) -> AsyncIterator[None]:
    """Count the second time as well."""
    async with manager.streams.counted_twice(streams):
        yield


@DOUBLE_CLEANUP.on("control")
@asynccontextmanager
async def started_anew_on_exit(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    """Start the manager anew on exit."""
    yield
    await _restart(infrastructure, "wsmanager", {})


NO_COUNT = Fault("F.wsm.no_count", "report", "Streams of callers from outside are opened and not counted.")


@NO_COUNT.on("wsmanager")
@asynccontextmanager
async def outside_uncounted(manager: "Manager") -> AsyncIterator[None]:
    """Count only the streams of the lab's own clients."""
    with during(manager.streams.uncounted, object()):
        yield


LIMIT_OFF = Fault("F.wsm.limit_off", "behaviour", "Nobody is limited in how many requests they may send.")


@LIMIT_OFF.on("wsmanager")
@asynccontextmanager
async def unlimited(manager: "Manager") -> AsyncIterator[None]:
    """Let every request through."""
    with during(manager.limiter.off, object()):
        yield


STAGING = Fault(
    "F.wsm.staging",
    "behaviour",
    "The new manager on staging is worse: it asks for some streams by a name that the exchange refuses, or its streams"
    " break off more often than production's. Meanwhile ten times as many clients come, so that a second has enough"
    " streams to count.",
    (
        number("error_percent", "streams of staging that fail, %", at_least=0, at_most=100, default=0),
        number("usual_error_percent", "streams of production that fail, %", at_least=0, at_most=100, default=0),
        whole("weight", "share of the clients that staging gets, %", at_least=0, at_most=90, default=10),
        number(
            "retry_factor",
            "how many times as often as in production streams break off, for their number",
            at_least=0,
            at_most=100,
            default=0,
        ),
        truth("rollback_disabled", "whether the automatic rollback is off", default=False),
    ),
)
BREAKS_PER_SECOND: Final = 0.1
"""Streams of production that break off a second of production while staging is compared with it."""


@STAGING.on("feed")
@asynccontextmanager
async def staging_cut_more_often(feed: "Feed", *, retry_factor: float, weight: int) -> AsyncIterator[None]:
    """Cut streams off in both environments, on staging more often for their number."""
    rate = BREAKS_PER_SECOND * feed.host.settings.time_scale.factor if retry_factor else 0.0
    share = CANARY_SHARE * (weight / USUAL_WEIGHT) * (100 - USUAL_WEIGHT) / (100 - weight)
    async with feed.exchange.cutting({"production": rate, "staging": rate * share * retry_factor}):
        yield


@STAGING.on("wsmanager")
@asynccontextmanager
async def usually_failing(manager: "Manager", *, usual_error_percent: float) -> AsyncIterator[None]:
    """Let a share of production's new streams fail."""
    with during(manager.streams.failing, usual_error_percent):
        yield


@STAGING.on("wsmanager_staging")
@asynccontextmanager
async def staging_failing(manager: "Manager", *, error_percent: float) -> AsyncIterator[None]:
    """Let a share of new streams fail."""
    with during(manager.streams.failing, error_percent):
        yield


@STAGING.on("ingress")
@asynccontextmanager
async def busy_hour(ingress: "Ingress", *, rollback_disabled: bool, weight: int) -> AsyncIterator[None]:
    """Let more clients come; begin the trial again on exit."""
    fault = object()
    ingress.clients.busy.append(fault)
    if rollback_disabled:
        ingress.canary.disabled.append(fault)
    usual, ingress.canary.weight = ingress.canary.weight, weight
    try:
        yield
    finally:
        ingress.clients.busy.remove(fault)
        if ingress.canary.state == "running":
            ingress.canary.weight = usual
        if rollback_disabled:
            ingress.canary.disabled.remove(fault)
        await ingress.canary.resume()


FLAG = Fault(
    "F.wsm.flag",
    "infrastructure",
    "Start one instance anew with USE_NEW_WS_MANAGER set otherwise.",
    (
        choice("env", "the instance", list(INSTANCES.values())),
        truth("value", "what the variable says", default=False),
    ),
)


@FLAG.on("control")
@asynccontextmanager
async def flag_set(infrastructure: "Infrastructure", *, env: str, value: bool) -> AsyncIterator[None]:
    """Start it with the variable, and as usual on exit."""
    name = next(instance for instance, environment in INSTANCES.items() if environment == env)
    await _restart(infrastructure, name, {"USE_NEW_WS_MANAGER": "true" if value else "false"})
    try:
        yield
    finally:
        await _restart(infrastructure, name, {})


async def _restart(infrastructure: "Infrastructure", name: str, environment: dict[str, str | None]) -> None:
    await infrastructure.processes.stop(name)
    await infrastructure.processes.start(name, environment)
    await infrastructure.processes.is_serving(name, SERVES_WITHIN_S)


HTTP_PLAIN = Fault("F.wsm.http_plain", "behaviour", "The front serves plain HTTP instead of sending callers to HTTPS.")


@HTTP_PLAIN.on("ingress")
@asynccontextmanager
async def plain_served(ingress: "Ingress") -> AsyncIterator[None]:
    """Serve what is asked for."""
    with during(ingress.plain, object()):
        yield


ACL_OFF = Fault("F.wsm.acl_off", "behaviour", "The metrics route of the front is open to all source addresses.")


@ACL_OFF.on("ingress")
@asynccontextmanager
async def open_to_all(ingress: "Ingress") -> AsyncIterator[None]:
    """Let everybody read."""
    with during(ingress.open_to_all, object()):
        yield


CERTIFICATE = Fault(
    "F.wsm.certificate",
    "behaviour",
    "The front shows another certificate: one that soon ends or has ended, one for another name, or one of an"
    " authority nobody knows.",
    (
        choice("kind", "what is wrong with it", ["ending", "other_name", "other_authority"]),
        number("days", "ending: days until it ends (negative: it has ended)", at_least=-3650, at_most=3650, default=14),
    ),
)


@CERTIFICATE.on("ingress")
@asynccontextmanager
async def other_certificate(ingress: "Ingress", *, kind: str, days: float) -> AsyncIterator[None]:
    """Show the other one; the right one again on exit."""
    match kind:
        case "ending":
            ingress.authority.issue(ingress.tls, days=days)
        case "other_name":
            ingress.authority.issue(ingress.tls, names=("other.example.com",))
        case _:
            ingress.authority.issue_by_another(ingress.tls)
    try:
        yield
    finally:
        ingress.authority.issue(ingress.tls)
