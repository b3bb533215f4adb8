"""Is the service configured within the rules, and is what it runs with what it was given? (spec 5.7)."""

from collections.abc import Mapping

from checks.findings import Findings, listed
from checks.sse import DECLARED, LOG, METRICS, MONITORING
from checks.sse.streaks import WRITTEN
from checks.sse.written import VALIDATED_WITHIN, last_start, valid
from healthgate import (
    WARNING,
    Facts,
    Measured,
    NoData,
    Unit,
    at_least,
    between,
    check,
    equals,
    measure,
    none,
    seconds,
    tried,
)
from healthgate.duration import roughly
from healthgate.readings import Answer, Log, Page

CONFIGURATION = MONITORING.at("configuration")

connections = Unit("connections", floor=None)
intervals = Unit("intervals")
lines = Unit("lines")

PING = "ping_interval_seconds"
LOGGED = {
    "cleanup_interval_seconds": "interval",
    "cleanup_batch_size": "batch",
    "stale_threshold_seconds": "stale",
    PING: "ping",
}
"""Where the settings stand in the line of the validation."""

CLEANED_WITH = {"cleanup_batch_size": "batch", "stale_threshold_seconds": "thr"}
"""Where settings stand in the line of a cleanup."""


@measure(CONFIGURATION)
def threshold_in_intervals(configuration: Facts) -> Measured:
    """The stale threshold, in cleanup intervals."""
    interval = "cleanup_interval_seconds"
    return _in(interval, configuration.number(interval), configuration)


@measure(CONFIGURATION, WRITTEN, DECLARED)
def threshold_in_pings(configuration: Facts, log: Log | NoData, declared: Mapping[str, int] | None) -> Measured:
    """The stale threshold, in intervals between pings: as reported, else as logged at the start, else as declared."""
    if configuration.has(PING):
        return _in(PING, configuration.number(PING), configuration)
    if isinstance(log, Log) and (validated_with := log.lines("config.ok")):
        return _in(f"the logged {PING}", float(validated_with[0].groups["ping"]), configuration)
    if declared and PING in declared:
        return _in(f"the declared {PING}", float(declared[PING]), configuration)
    try:
        return _in(PING, configuration.number(PING), configuration)
    except NoData as nothing:
        raise type(nothing)(f"{nothing}, and neither log nor profile say how often is pinged") from None


def _in(interval: str, length: float, configuration: Facts) -> Measured:
    threshold = configuration.number("stale_threshold_seconds")
    if length <= 0:
        raise NoData(f"{interval} is {length:g}, which is no interval")
    return Measured(threshold / length, f"{threshold:g} s, {interval} is {length:g}")


@check(
    "sse.config.cleanup_interval",
    CONFIGURATION["cleanup_interval_seconds"],
    stays=between(10, 300, seconds, otherwise=WARNING),
    name="Interval of the cleanup",
    cause="the setting does not suit",
    action="set CLEANUP_INTERVAL_SECONDS within the rule; the runbook has settings for high and low traffic",
    runbook="event-stream-configuration",
    every="1h",
)
@check(
    "sse.config.batch_size",
    CONFIGURATION["cleanup_batch_size"],
    stays=between(1, 100, connections, otherwise=WARNING),
    name="Batch size of the cleanup",
    cause="the setting does not suit",
    action="set CLEANUP_BATCH_SIZE within the rule; the runbook has settings for high and low traffic",
    runbook="event-stream-configuration",
    every="1h",
)
@check(
    "sse.config.stale_vs_interval",
    threshold_in_intervals,
    stays=at_least(2, intervals, warning=2),
    name="Stale threshold in cleanup intervals",
    cause="the setting does not suit: connections are called stale before a cleanup could have seen them",
    action="set STALE_CONNECTION_THRESHOLD_SECONDS to twice the cleanup interval or more",
    runbook="event-stream-configuration",
    every="1h",
)
@check(
    "sse.config.stale_vs_ping",
    threshold_in_pings,
    stays=at_least(3, intervals, warning=3),
    name="Stale threshold in intervals between pings",
    cause="the setting does not suit: connections are called stale that merely missed a ping or two",
    action="set STALE_CONNECTION_THRESHOLD_SECONDS to three times the ping interval or more",
    runbook="event-stream-configuration",
    every="1h",
)
def test_rules(verdict):
    """Interval, batch size and thresholds are within the rules."""
    assert verdict.healthy, verdict


@measure(MONITORING, LOG, tried(METRICS), DECLARED)
def settings_agree(answer: Answer, log: Log, page: Page | NoData, declared: Mapping[str, int] | None) -> Measured:
    """Whether the settings are the same where they are reported, logged and declared."""
    reported = answer.body().at("configuration")
    told: dict[str, Mapping[str, float]] = {"declared": declared} if declared else {}
    moment = last_start(log, page)
    for kind, where, names in (("config.ok", "validated", LOGGED), ("cleanup", "cleaned with", CLEANED_WITH)):
        if written := valid(log, moment) if kind == "config.ok" else log.since(kind, moment):
            told[where] = {setting: float(written[-1].groups[group]) for setting, group in names.items()}
    if not told:
        raise NoData("neither log nor profile say what the settings should be", "sse.log.config_validated")
    found = Findings()
    for where, settings in told.items():
        for name, value in settings.items():
            if name == PING and not reported.has(name):
                continue  # no document has it among what is reported
            with found.examining():
                said = reported.number(name)
                found.expect(said == value, f"{name} is reported as {said:g}, {where} {value:g}")
    if found.doubts and not found.offenders:
        raise NoData(listed(found.doubts))
    return Measured(not found.offenders, listed(found.offenders) or f"as {listed(list(told))}")


@measure(LOG, tried(METRICS))
def validated(log: Log, page: Page | NoData) -> Measured:
    """Whether the last start logged that its configuration is valid."""
    moment = last_start(log, page)
    if found := valid(log, moment):
        return Measured(True, f"validated {roughly(log.at - found[-1].at)} ago")
    ago = log.at - moment
    if log.since("config.warning", moment):
        return Measured(False, f"the last start, {roughly(ago)} ago, logged warnings instead")
    if ago < VALIDATED_WITHIN:
        raise NoData(f"the service was started {roughly(ago)} ago and has not written of its configuration yet")
    log.reaches(moment)
    return Measured(False, f"the last start, {roughly(ago)} ago, did not log a valid configuration")


@measure(LOG, tried(METRICS))
def warnings(log: Log, page: Page | NoData) -> Measured:
    """How many warnings of the validation were logged since the last start; those before a later start do not count."""
    moment = last_start(log, page)
    validations = valid(log, moment)
    found = [one for one in log.since("config.warning", moment) if not validations or one.at >= validations[-1].at]
    if not found:
        log.reaches(moment)
    return Measured(len(found), f"since the start {roughly(log.at - moment)} ago")


@check(
    "sse.config.declared",
    settings_agree,
    stays=equals(True, otherwise=WARNING),
    name="Configuration as reported, logged and declared",
    cause="a setting was changed while the service ran, or its environment was not applied",
    action="restart the service with the configuration that is wanted",
    runbook="event-stream-configuration",
    every="1h",
)
@check(
    "sse.log.config_validated",
    validated,
    stays=equals(True, otherwise=WARNING),
    name="Validation of the configuration at the last start",
    cause="the validation was skipped, or ended with warnings",
    action="read what the service logged at its start",
    runbook="event-stream-configuration",
    every="1h",
)
@check(
    "sse.log.config_warning",
    warnings,
    stays=none(lines, warning=0),
    name="Warnings of the validation since the last start",
    cause="a rule of the configuration is broken",
    action="read the line, it names the rule; fix the setting and restart",
    runbook="event-stream-configuration",
    every="1h",
)
def test_start(verdict):
    """The service was started with a valid configuration, and runs with that."""
    assert verdict.healthy, verdict
