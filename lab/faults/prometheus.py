"""The Prometheus that scrapes the lab: its jobs, its rules, its configuration, its flags."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from lab.faults.catalogue import BadParametersError, Fault, Place, text
from lab.prometheus import PROCESS, RETENTION, PrometheusServer

if TYPE_CHECKING:
    from lab.control import Infrastructure

PLACE: Final[Place] = "control"
RULE: Final = text("rule", "name of the alert")


def _server(infrastructure: "Infrastructure") -> PrometheusServer:
    if infrastructure.prometheus is None:
        raise BadParametersError("this lab has no Prometheus: install Debian's prometheus and start it again")
    return infrastructure.prometheus


@asynccontextmanager
async def _rules_changed(infrastructure: "Infrastructure", change: Callable[[Any], None]) -> AsyncIterator[None]:
    server = _server(infrastructure)
    await server.change_rules(change)
    try:
        yield
    finally:
        await server.restore()


def _alerts(document: Any) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"] if "alert" in rule}


def _named(document: Any, rule: str) -> dict[str, Any]:
    alerts = _alerts(document)
    if rule not in alerts:
        raise BadParametersError(f"{rule} is no alert; there is {', '.join(alerts)}")
    return alerts[rule]


TARGET_DROP = Fault(
    "F.mp.target_drop",
    "infrastructure",
    "Remove a scrape job.",
    (text("job", "name of the job", default="cryptrade-ws-metrics"),),
)


@TARGET_DROP.on(PLACE)
@asynccontextmanager
async def job_removed(infrastructure: "Infrastructure", *, job: str) -> AsyncIterator[None]:
    """Take it out of the configuration."""

    def remove(document: Any) -> None:
        jobs = document["scrape_configs"]
        if job not in [one["job_name"] for one in jobs]:
            raise BadParametersError(f"{job} is no job; there is {', '.join(one['job_name'] for one in jobs)}")
        document["scrape_configs"] = [one for one in jobs if one["job_name"] != job]

    server = _server(infrastructure)
    await server.change_configuration(remove)
    try:
        yield
    finally:
        await server.restore()


RULE_DROP = Fault("F.mp.rule_drop", "infrastructure", "Remove an alert from the rules that are loaded.", (RULE,))


@RULE_DROP.on(PLACE)
@asynccontextmanager
async def rule_removed(infrastructure: "Infrastructure", *, rule: str) -> AsyncIterator[None]:
    """Take it out of its group."""

    def remove(document: Any) -> None:
        _named(document, rule)
        for group in document["groups"]:
            group["rules"] = [one for one in group["rules"] if one.get("alert") != rule]

    async with _rules_changed(infrastructure, remove):
        yield


RULE_EXPRESSION = Fault(
    "F.mp.rule_expr",
    "infrastructure",
    "Replace the expression of an alert, as by one that never holds.",
    (RULE, text("expr", "the expression", default="vector(0) > 1")),
)


@RULE_EXPRESSION.on(PLACE)
@asynccontextmanager
async def expression_replaced(infrastructure: "Infrastructure", *, rule: str, expr: str) -> AsyncIterator[None]:
    """Replace it."""

    def replace(document: Any) -> None:
        _named(document, rule)["expr"] = expr

    async with _rules_changed(infrastructure, replace):
        yield


FORCE_ALERT = Fault(
    "F.mp.force_alert",
    "infrastructure",
    "Let an alert fire whatever its cause does: its expression always holds, and its time passes as ever.",
    (text("alert", "name of the alert"),),
)


@FORCE_ALERT.on(PLACE)
@asynccontextmanager
async def alert_forced(infrastructure: "Infrastructure", *, alert: str) -> AsyncIterator[None]:
    """Make it hold."""
    async with expression_replaced(infrastructure, rule=alert, expr="vector(1)"):
        yield


BAD_CONFIG = Fault("F.mp.bad_config", "infrastructure", "Put a broken configuration in place and reload.")


@BAD_CONFIG.on(PLACE)
@asynccontextmanager
async def configuration_broken(infrastructure: "Infrastructure") -> AsyncIterator[None]:
    """Break it; what was loaded before stays at work."""
    server = _server(infrastructure)
    await server.spoil_configuration()
    try:
        yield
    finally:
        await server.restore()


RETENTION_FLAG = Fault(
    "F.mp.flag",
    "infrastructure",
    "Start Prometheus anew with another flag.",
    (text("storage.tsdb.retention.time", "how long metrics are kept, as in 15d"),),
)


@RETENTION_FLAG.on(PLACE)
@asynccontextmanager
async def flag_changed(infrastructure: "Infrastructure", **flags: str) -> AsyncIterator[None]:
    """Start it with the flag, and as usual on exit."""
    _server(infrastructure)
    await _restart(infrastructure, {RETENTION: flags["storage.tsdb.retention.time"]})
    try:
        yield
    finally:
        await _restart(infrastructure, {})


async def _restart(infrastructure: "Infrastructure", environment: dict[str, str | None]) -> None:
    await infrastructure.processes.stop(PROCESS)
    await infrastructure.processes.start(PROCESS, environment)
