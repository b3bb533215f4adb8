"""Does the feed arrive, steadily and whole? As the market service reports it."""

from checks.findings import Findings
from checks.gateway import COMPREHENSIVE_LATER as GATEWAY_COMPREHENSIVE_LATER
from checks.market import HOURS, WEBSOCKET_DIAGNOSTICS, WEBSOCKET_LATER, WEBSOCKET_SEEN, quiet
from checks.market.closed import heard_of_what_trades
from checks.market.hours import Hours
from healthgate import (
    CRITICAL,
    Facts,
    Measured,
    NoData,
    NotExpected,
    Unit,
    above,
    below,
    check,
    equals,
    measure,
    moment,
    none,
    percent,
    reaching,
    seconds,
    stated,
    unless,
)

STATUS = WEBSOCKET_DIAGNOSTICS.at("connection_status")
HISTORY = WEBSOCKET_DIAGNOSTICS.at("connection_history")
PERFORMANCE = WEBSOCKET_DIAGNOSTICS.at("performance")
WEBSOCKET_SEEN_LATER = WEBSOCKET_LATER.otherwise(GATEWAY_COMPREHENSIVE_LATER)
PERFORMANCE_LATER = WEBSOCKET_LATER.at("performance").otherwise(
    GATEWAY_COMPREHENSIVE_LATER.at("data.websocket_diagnostics.performance")
)

listeners = Unit("listeners")
failures = Unit("failures/h")
rate = Unit("messages/s")
deviations = Unit("deviations")


@measure(STATUS["listeners"])
def stopped_listeners(status: Facts) -> Measured:
    """How many of the two listeners do not run."""
    found = Findings()
    for name in ("binary", "json"):
        with found.examining():
            found.expect(status.boolean(f"{name}.is_running"), f"the {name} listener does not run")
    return found.measured("both run")


@check(
    "market.ws.running",
    stated(STATUS["is_running"], true="the listener is running", false="the listener is reported stopped"),
    stays=equals(True, otherwise=CRITICAL),
    name="WebSocket listener",
    cause="the listener is down",
    action="read its status, then its history; restart the market service if it does not bring it back itself",
    runbook="listeners",
    every="30s",
)
@check(
    "market.ws.listeners",
    stopped_listeners,
    stays=none(listeners, critical=0),
    name="Stopped market listeners",
    cause="one of the two listeners stopped; the overall flag may still be true",
    action="check the start-up lines of both listeners and the age of their last message",
    runbook="listeners",
    every="30s",
)
@check(
    "market.ws.last_message_age",
    heard_of_what_trades(STATUS["last_message_age"], WEBSOCKET_SEEN),
    stays=below(30, seconds, critical=reaching(30)),
    name="Age of the last feed message",
    cause="the feed is connected but silent",
    action="check the upstream feed; where markets close, give the profile its market_hours",
    runbook="listeners",
    every="30s",
)
def test_listeners(verdict):
    """Both listeners run and hear something."""
    assert verdict.healthy, verdict


@check(
    "market.ws.success_rate",
    HISTORY["success_rate"],
    stays=above(95, percent, warning=95, critical=80),
    name="WebSocket connection attempts that succeed",
    cause="frequent disconnections",
    action="check ping and pong and the network path",
    runbook="unstable-connection",
    every="60s",
)
@check(
    "market.ws.connection_failures",
    HISTORY["connection_failures"],
    stays=below(5, failures, warning=reaching(5)),
    name="WebSocket connection failures",
    cause="the WebSocket server has problems",
    action="check network and name resolution towards the feed",
    runbook="unstable-connection",
    every="60s",
)
@check(
    "market.ws.uptime",
    STATUS["uptime_percent"],
    stays=above(99, percent, warning=reaching(99)),
    name="WebSocket connection uptime over a day",
    cause="repeated disconnects",
    action="read the connection history",
    runbook="unstable-connection",
    every="60s",
)
def test_connection(verdict):
    """The connection to the feed holds."""
    assert verdict.healthy, verdict


@measure(PERFORMANCE, moment(WEBSOCKET_SEEN), PERFORMANCE_LATER, moment(WEBSOCKET_SEEN_LATER))
def message_rate(first: Facts, began: float, second: Facts, ended: float) -> Measured:
    """Messages processed a second, counted between two reads."""
    before, after = first.integer("messages_processed"), second.integer("messages_processed")
    if ended <= began:
        raise NoData("the two reads are not one after the other")
    if after < before:
        raise NoData(f"the message counter fell from {before} to {after} between the reads")
    reported = second.at("message_rate_per_sec").raw if second.has("message_rate_per_sec") else None
    said = f"{reported:g}/s" if isinstance(reported, float) else "no such rate"
    return Measured(
        round((after - before) / (ended - began), 1), f"over {ended - began:.1f} s; the service reports {said}"
    )


QUIET = quiet(WEBSOCKET_SEEN, WEBSOCKET_SEEN_LATER)


@measure(message_rate, QUIET, HOURS)
def message_rate_while_closed(rate: Measured, reason: str, hours: Hours) -> Measured:
    """The rate where nothing comes although something always trades; how many come is not judged."""
    if not rate.value and hours.always:
        return Measured(rate.value, f"{rate.detail}; {hours.judged_on(reason)}")
    raise NotExpected(f"{rate.value:g} messages/s, {rate.detail}; 100 are not expected: {reason}")


@check(
    "market.ws.parse_error_rate",
    PERFORMANCE["parse_error_rate"],
    stays=below(1, percent, warning=5, critical=10),
    name="Feed messages the service cannot parse",
    cause="the message format changed",
    action="check the version of the WebSocket protocol against the feed",
    runbook="parse-errors",
    every="60s",
)
@check(
    "market.ws.message_rate",
    unless(message_rate, QUIET, message_rate_while_closed),
    stays=above(100, rate, warning=reaching(100)),
    name="Messages processed",
    cause="the feed is throttled, or processing is too slow",
    action="compare with the side of the feed; check CPU",
    runbook="listeners",
    every="60s",
)
def test_messages(verdict):
    """Messages are understood, and come as fast as they should."""
    assert verdict.healthy, verdict


@measure(HISTORY, WEBSOCKET_DIAGNOSTICS.at("error_categories"))
def history_deviations(history: Facts, categories: Facts) -> Measured:
    """In how many ways the connection history contradicts itself."""
    found = Findings()
    attempts, successes = history.integer("connection_attempts"), history.integer("successful_connections")
    with found.examining():
        said = history.number("success_rate")
        if attempts <= 0:
            raise NoData(f"{history.path}.connection_attempts is {attempts}, so there is no rate")
        share = 100 * successes / attempts
        found.expect(
            round(abs(said - share), 6) <= 0.1, f"success_rate is {said:g}, {successes} of {attempts} is {share:.5g}"
        )
    with found.examining():
        total = history.integer("connection_failures_total")
        found.expect(
            total == attempts - successes,
            f"connection_failures_total is {total}, attempts without success are {attempts - successes}",
        )
        recent = history.integer("connection_failures")
        found.expect(recent <= total, f"connection_failures of an hour are {recent}, of all time {total}")
        summed = sum(node.integer() for name, node in categories.members().items() if name != "parse")
        found.expect(summed == total, f"error_categories sum up to {summed}, connection_failures_total is {total}")
    return found.measured()


@check(
    "market.ws.history_arithmetic",
    history_deviations,
    stays=none(deviations, warning=0),
    name="Contradictions in the connection history",
    cause="a defect in counting",
    action="file a bug for this service with both figures",
    runbook="broken-contract",
    every="5m",
)
def test_arithmetic(verdict):
    """The connection history agrees with itself."""
    assert verdict.healthy, verdict
