"""Alertmanager: it answers, took its last configuration, hears from Prometheus, and reaches people."""

from healthgate import (
    Exposition,
    Measured,
    System,
    Unit,
    Url,
    check,
    equals,
    get,
    measure,
    none,
)
from healthgate.readings import Answer


class Alertmanager(System):
    """`url` is its address, or that of one of its cluster."""

    name = "alertmanager"
    url: Url


STATUS = get(Alertmanager, "/api/v2/status")
ALERTS = get(Alertmanager, "/api/v2/alerts?active=true", proven_by="alertmanager.answers")
METRICS = Exposition(Alertmanager, "/metrics", proven_by="alertmanager.answers")

failures = Unit("failures/s")


@measure(ALERTS)
def watchdog(answer: Answer) -> Measured:
    """Whether the alert that always fires is there: it shows that alerts arrive at all."""
    names = [alert.text("labels.alertname") for alert in answer.body().elements()]
    if "Watchdog" not in names:
        return Measured(False, f"it is none of {len(names)} alerts")
    return Measured(True, f"it is one of {len(names)} alerts")


@check(
    "alertmanager.answers",
    STATUS.serves,
    stays=equals(True),
    name="Alertmanager",
    cause="it was stopped, or does not start with its configuration",
    action="amtool check-config alertmanager.yml; until it runs nobody is woken: look at the alerts of Prometheus",
    runbook="alertmanager",
    every="30s",
)
@check(
    "alertmanager.config.loaded",
    METRICS["alertmanager_config_last_reload_successful"],
    stays=equals(1),
    name="Configuration as it was loaded last",
    cause="the last reload found a mistake: what was loaded before still runs",
    action="amtool check-config alertmanager.yml names it; correct it and reload",
    runbook="alertmanager",
)
@check(
    "alertmanager.watchdog",
    watchdog,
    stays=equals(True),
    name="The alert that always fires",
    cause="Prometheus does not reach this Alertmanager, or lost the rule",
    action="/status of Prometheus lists the Alertmanagers it sends to; look there first",
    runbook="alertmanager",
)
def test_it_hears(verdict):
    """It runs as it should, and alerts arrive."""
    assert verdict.healthy, verdict


@check(
    "alertmanager.notifications.failed",
    METRICS["alertmanager_notifications_failed_total"].total().per_second(),
    stays=none(failures, critical=0),
    name="Notifications that fail",
    cause="the receiver does not answer, or refuses what it is sent",
    action="the log names the receiver and what it answered",
    runbook="alertmanager",
)
def test_it_reaches_people(verdict):
    """What it tells arrives."""
    assert verdict.healthy, verdict
