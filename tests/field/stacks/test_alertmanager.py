"""Debian's Alertmanager, with one receiver."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerting.servers import Webhook
from tests.field.stacks.stack import Server, Watch, asked, until
from tests.tools import program

WATCHDOG = json.dumps([{"labels": {"alertname": "Watchdog", "severity": "none"}}]).encode()


@pytest.fixture(scope="module")
def people() -> Iterator[Webhook]:
    people = Webhook()
    yield people
    people.close()


@pytest.fixture(scope="module")
def configuration(folder: Path, people: Webhook) -> str:
    route = {"receiver": "people", "group_wait": "50ms", "group_interval": "50ms", "repeat_interval": "1h"}
    receivers = [{"name": "people", "webhook_configs": [{"url": people.url}]}]
    return json.dumps({"route": route, "receivers": receivers})


@pytest.fixture(scope="module")
def alertmanager(folder: Path, configuration: str) -> Iterator[Server]:
    (folder / "alertmanager.yml").write_text(configuration)

    def command(port: int) -> list[str]:
        return [
            program("prometheus-alertmanager"),
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]

    with Server(folder, command, "/-/ready") as server:
        hears(server, WATCHDOG)
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, alertmanager: Server) -> Watch:
    return Watch("alertmanager", folder, {"ALERTMANAGER_URL": alertmanager.url})


def hears(alertmanager: Server, alerts: bytes) -> None:
    """Send it alerts, as a Prometheus does."""
    url = f"{alertmanager.url}/api/v2/alerts"
    assert asked(url, alerts, content_type="application/json")[0] == 200


def counted(alertmanager: Server, name: str) -> float:
    lines = asked(f"{alertmanager.url}/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_all_is_well(watch: Watch) -> None:
    look = watch.look()
    assert look.all_is_well, look
    assert look.said["alertmanager.watchdog"] == "ok: it is one of 1 alerts"


def test_a_killed_alertmanager_is_one_incident_and_has_forgotten_its_alerts(alertmanager: Server, watch: Watch) -> None:
    with alertmanager.killed():
        dead = watch.look()
    forgetful = watch.look()
    hears(alertmanager, WATCHDOG)
    assert dead.code == forgetful.code == 1, (dead, forgetful)
    refused = f"critical: connection refused: nothing listens on {alertmanager.url}"
    assert dead.roots == {"alertmanager.answers": refused}
    assert dead.blocked_by == {"alertmanager.answers, which is critical"}
    assert forgetful.ill == {"alertmanager.watchdog": "critical: it is none of 0 alerts"}
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_configuration_that_cannot_be_loaded_is_reported_while_the_old_one_works(
    folder: Path, configuration: str, alertmanager: Server, watch: Watch
) -> None:
    (folder / "alertmanager.yml").write_text("route: {")
    alertmanager.reload()
    until(lambda: counted(alertmanager, "alertmanager_config_last_reload_successful") == 0, alertmanager.said)
    look = watch.look()
    (folder / "alertmanager.yml").write_text(configuration)
    alertmanager.reload()
    until(lambda: counted(alertmanager, "alertmanager_config_last_reload_successful") == 1, alertmanager.said)
    assert look.code == 1, look
    assert look.ill == {"alertmanager.config.loaded": "critical: 0; it should stay 1, critical other than 1"}
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_receiver_that_refuses_is_reported_until_it_takes_what_it_is_sent(
    people: Webhook, alertmanager: Server, watch: Watch
) -> None:
    people.answers = [404] * 100_000
    hears(alertmanager, json.dumps([{"labels": {"alertname": "Fire"}}]).encode())
    until(lambda: counted(alertmanager, "alertmanager_notifications_failed_total"), alertmanager.said)
    look = watch.look()
    people.answers = []
    people.until(1)
    assert look.code == 1, look
    assert list(look.ill) == ["alertmanager.notifications.failed"]
    assert "failures/s" in look.ill["alertmanager.notifications.failed"]
    assert watch.look().all_is_well
