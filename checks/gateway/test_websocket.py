"""Does what comes in over the WebSocket end up in Redis? As the gateway reports it."""

from checks.gateway import COMPREHENSIVE, COMPREHENSIVE_LATER, WEBSOCKET_TO_REDIS, WEBSOCKET_TO_REDIS_LATER
from checks.market import HOURS, quiet
from checks.market.hours import Hours
from healthgate import (
    CRITICAL,
    Facts,
    Measured,
    NotExpected,
    Unit,
    above,
    below,
    check,
    equals,
    exactly,
    measure,
    percent,
    reaching,
    stated,
    unless,
)
from healthgate.readings import Answer

STATUS = WEBSOCKET_TO_REDIS.at("data.websocket_status")

messages = Unit("messages", floor=None)


@measure(WEBSOCKET_TO_REDIS, WEBSOCKET_TO_REDIS_LATER, COMPREHENSIVE, COMPREHENSIVE_LATER)
def progress(first: Answer, second: Answer, service: Answer, service_later: Answer) -> Measured:
    """Messages counted between two reads; a counter that fell in a restart counts from zero."""
    before, after = (read.body().integer("data.websocket_status.messages_processed") for read in (first, second))
    waited = f"in {second.at - first.at:.1f} s"
    if after < before and _restarted(service.body(), service_later.body()):
        return Measured(after, f"{waited}, the market service having restarted")
    return Measured(after - before, waited)


QUIET = quiet(WEBSOCKET_TO_REDIS, WEBSOCKET_TO_REDIS_LATER)


@measure(progress, QUIET, HOURS)
def progress_while_closed(made: Measured, reason: str, hours: Hours) -> Measured:
    """The progress, but where nothing trades: a counter that stands still is then as it should be."""
    if made.value or hours.always:
        return Measured(made.value, f"{made.detail}; {reason}")
    raise NotExpected(f"no messages {made.detail}; none are expected: {reason}")


def _restarted(before: Facts, after: Facts) -> bool:
    path = "data.service_status.started_at"
    return before.has(path) and after.has(path) and before.text(path) != after.text(path)


@check(
    "gateway.websocket.running",
    stated(STATUS["is_running"], true="the listener is running", false="the listener is reported stopped"),
    stays=equals(True, otherwise=CRITICAL),
    name="WebSocket listener as the gateway sees it",
    cause="the WebSocket listener is down",
    action="read its status and history; restart the market service if it does not bring the listeners back itself",
    runbook="listeners",
    every="30s",
)
@check(
    "gateway.websocket.messages_progress",
    unless(progress, QUIET, progress_while_closed),
    stays=above(0, messages, warning=exactly(0), critical=0),
    name="Progress of the message counter",
    cause="the listener is reported running but handles nothing, or the counter was reset unnoticed",
    action="compare with the age of the last message; where markets close, give the profile its market_hours",
    runbook="listeners",
    every="30s",
)
@check(
    "gateway.websocket.uptime",
    STATUS["uptime_percent"],
    stays=above(99, percent, warning=reaching(99)),
    name="WebSocket uptime over a day",
    cause="repeated disconnects",
    action="read the connection history, then check the network and the upstream server",
    runbook="unstable-connection",
    every="30s",
)
@check(
    "gateway.websocket.parse_error_rate",
    STATUS["parse_error_rate"],
    stays=below(1, percent, warning=reaching(1)),
    name="Feed messages that cannot be parsed",
    cause="the message format is drifting, or frames arrive corrupted",
    action="capture a failing frame and compare it with the protocol version",
    runbook="parse-errors",
    every="30s",
)
def test_listener(verdict):
    """Messages come in, steadily, and are understood."""
    assert verdict.healthy, verdict


@measure(WEBSOCKET_TO_REDIS.at("data"), quiet(WEBSOCKET_TO_REDIS), HOURS)
def flow(data: Facts, reason: str | None, hours: Hours) -> Measured:
    """Whether messages are delivered to Redis, delayed on the way, or lost; where nothing comes, a write may be old."""
    delivered = data.number("flow.delivery_ratio_percent")
    lag = data.number("flow.lag_ms_p95")
    age = data.number("redis_status.last_write_age_seconds")
    silent = reason is not None and not hours.always
    state = "delivered" if delivered >= 99 and lag < 100 and (silent or age < 30) else "delayed"
    if delivered < 90 or (age >= 60 and not silent):
        state = "lost"
    said = f"{delivered:g} % arrive, 95 % of them within {lag:g} ms, the last write {age:g} s ago"
    return Measured(state, f"{said}; {reason}" if reason else said)


@check(
    "gateway.websocket.flow",
    flow,
    stays=equals("delivered", warning=exactly("delayed"), critical=exactly("lost")),
    name="Messages on their way to Redis",
    cause="writes to Redis are dropped or queue up: the state in which prices begin to differ",
    action="check the Redis write errors, then compare the prices on the three legs",
    runbook="price-mismatch",
    every="30s",
)
def test_flow(verdict):
    """What comes in over the WebSocket ends up in Redis."""
    assert verdict.healthy, verdict
