"""Runs tell a real Alertmanager, which notifies a real receiver: once when something falls ill, once when it heals."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from healthgate.tell.alerting import alert as alerts
from healthgate.tell.alerting.alertmanager import Receiver
from tests.alerting.servers import Alertmanager, Webhook, until
from tests.alerting.telling import BLOCKED, CRITICAL, OK, UNKNOWN, WARNING, tell, verdict
from tests.parts.project import Project
from tests.parts.target import Target, closed_port


def test_a_fault_in_the_second_to_fourth_of_five_runs_is_told_once_and_once_that_it_is_over(
    project: Project, target: Target, alertmanager: Alertmanager, webhook: Webhook
) -> None:
    """Its value changes meanwhile, and the fourth run has workers."""
    well = target.answers["/state"]
    codes = []
    for pressure, *more in ((50,), (95,), (96,), (97, "-n", "2"), (50,)):
        target.answers["/state"] = well | {"pressure": pressure}
        outcome = project.check("--alertmanager", alertmanager.url, "--history", "history.db", *map(str, more))
        assert "not alerted" not in outcome.text, outcome.text
        codes.append(outcome.code)
        if outcome.code:
            webhook.until(1)

    assert codes == [0, 1, 1, 1, 0]
    assert webhook.until(2) == [("firing", "boiler.pressure critical"), ("resolved", "boiler.pressure critical")]
    assert alertmanager.received() == 2
    fired, over = (notification["alerts"][0] for notification in webhook.came)
    assert fired["labels"] == over["labels"] == {
        "alertname": "boiler.pressure",
        "check": "boiler.pressure",
        "environment": "works",
        "job": "healthgate",
        "root": "boiler.pressure",
        "severity": "critical",
        "state": "critical",
        "system": "boiler",
    }  # fmt: skip
    said = fired["annotations"]
    limit = "below 80 %, warning above 80 %, critical above 90 %"
    assert said["summary"] == f"[critical] pressure in works: 95 %; it should stay {limit}"
    assert (said["value"], said["limit"]) == ("95 %", limit)
    assert (said["cause"], said["action"]) == ("the stoker sleeps", "wake the stoker")
    assert said["runbook"] == "docs/runbooks/boiler.md"
    assert over["annotations"]["summary"].startswith("[ok] pressure in works: 50 %")
    assert {notification["path"] for notification in webhook.came} == {"/pager"}


def test_without_a_history_what_alertmanager_holds_is_what_was_told(
    alertmanager: Alertmanager, webhook: Webhook
) -> None:
    for state in (OK, CRITICAL, CRITICAL, OK, OK):
        assert tell(alertmanager.url, verdict(state)).troubles == []
        if state is CRITICAL:
            webhook.until(1)

    assert webhook.until(2) == [("firing", "boiler.pressure critical"), ("resolved", "boiler.pressure critical")]
    assert alertmanager.received() == 2


def test_what_grows_worse_fires_anew_and_nothing_is_silent_in_between(
    alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path
) -> None:
    tell(alertmanager.url, verdict(WARNING), history=tmp_path / "h")
    webhook.until(1)
    tell(alertmanager.url, verdict(CRITICAL), history=tmp_path / "h")

    assert set(alertmanager.alerts()) == {"boiler.pressure critical"}
    assert sorted(webhook.until(3)[1:]) == [
        ("firing", "boiler.pressure critical"),
        ("resolved", "boiler.pressure warning"),
    ]


def test_a_restarted_alertmanager_is_told_again_and_told_what_is_over(
    alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path
) -> None:
    """It forgets its alerts. It notifies again only where it forgot whom it had notified, too."""
    history, valve = tmp_path / "h", verdict(CRITICAL, "boiler.valve")
    tell(alertmanager.url, verdict(CRITICAL), valve, history=history)
    webhook.until(2)
    alertmanager.settle()

    alertmanager.stop()
    alertmanager.start()
    assert alertmanager.alerts() == {}
    tell(alertmanager.url, verdict(CRITICAL), verdict(OK, "boiler.valve"), history=history)
    assert set(alertmanager.alerts()) == {"boiler.pressure critical"}
    assert webhook.until(3)[2] == ("resolved", "boiler.valve critical")

    alertmanager.stop()
    alertmanager.forget()
    alertmanager.start()
    tell(alertmanager.url, verdict(CRITICAL), history=history)
    assert webhook.until(4)[3] == ("firing", "boiler.pressure critical")


def test_a_resolve_that_did_not_arrive_is_sent_by_the_next_run(
    alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path, project: Project
) -> None:
    history = tmp_path / "h"
    tell(alertmanager.url, verdict(CRITICAL), history=history)
    webhook.until(1)
    alertmanager.settle()
    alertmanager.stop()

    (trouble,) = tell(alertmanager.url, verdict(OK), history=history).troubles
    assert trouble.startswith(
        f"not alerted: {alertmanager.url}: its current alerts could not be read: connection refused"
    )
    assert "1 not taken: works boiler.pressure [resolved]" in trouble
    alertmanager.start()
    assert tell(alertmanager.url, verdict(OK), history=history).troubles == []
    assert webhook.until(2)[1] == ("resolved", "boiler.pressure critical")
    received = alertmanager.received()
    tell(alertmanager.url, verdict(OK), history=history)
    assert alertmanager.received() == received


def test_one_dead_root_is_one_notification(alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path) -> None:
    """What rests on it is named in its alert; where it is not part of the run, they are told together."""
    dead = (("boiler.reachable", CRITICAL),)
    doors = [verdict(BLOCKED, f"kiln.door[{side}]", roots=dead) for side in ("left", "right")]
    tell(alertmanager.url, verdict(CRITICAL, "boiler.reachable"), *doors, history=tmp_path / "h")
    assert webhook.until(1) == [("firing", "boiler.reachable critical")]
    assert webhook.came[0]["alerts"][0]["annotations"]["blocked"] == "2: kiln.door[left], kiln.door[right]"

    elsewhere = [verdict(BLOCKED, one.id, "depot", roots=dead) for one in doors]
    tell(alertmanager.url, *elsewhere, history=tmp_path / "h", selection="system=kiln")
    assert set(webhook.until(3)[1:]) == {("firing", f"{one.id} blocked") for one in doors}
    assert webhook.came[1]["groupLabels"] == {"environment": "depot", "root": "boiler.reachable"}
    assert webhook.came[1]["commonLabels"]["severity"] == "critical"
    assert len(webhook.came) == 2

    tell(alertmanager.url, *(verdict(OK, one.id, "depot") for one in doors), history=tmp_path / "h")
    assert set(webhook.until(5)[3:]) == {("resolved", f"{one.id} blocked") for one in doors}


def test_what_is_silenced_is_told_to_nobody(alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path) -> None:
    alertmanager.silence(check="boiler.pressure")
    pressure, valve = verdict(CRITICAL), verdict(CRITICAL, "boiler.valve")
    for _ in range(2):
        tell(alertmanager.url, pressure, history=tmp_path / "h")
    tell(alertmanager.url, pressure, valve, history=tmp_path / "h")

    assert webhook.until(1) == [("firing", "boiler.valve critical")]
    assert alertmanager.alerts()["boiler.pressure critical"]["status"]["state"] == "suppressed"
    assert alertmanager.received() == 2


def test_runs_at_the_same_time_tell_once(
    alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that saw the check earlier than another run did has nothing to say, though it comes later."""
    send = Receiver.tell

    def send_slowly(one: Receiver) -> object:
        time.sleep(0.1)  # all of them have asked by then what is held, if nothing keeps them from it
        return send(one)

    monkeypatch.setattr(Receiver, "tell", send_slowly)
    history = tmp_path / "h"
    tell(alertmanager.url, verdict(OK), history=history)
    before = verdict(CRITICAL)
    several = [verdict(CRITICAL) for _ in range(4)]
    troubles: list[str] = []
    start = threading.Barrier(len(several))

    def run(one: object) -> None:
        start.wait()
        troubles.extend(tell(alertmanager.url, one, history=history).troubles)  # type: ignore[arg-type]

    threads = [threading.Thread(target=run, args=(one,)) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert alertmanager.received() == 1
    assert webhook.until(1) == [("firing", "boiler.pressure critical")]

    tell(alertmanager.url, verdict(OK), history=history)
    (note,) = tell(alertmanager.url, before, history=history).notes
    assert note == "no news of works boiler.pressure: another run has looked since, and told what it saw"
    assert alertmanager.received() == 2
    assert alertmanager.alerts() == {}


def test_a_clock_that_once_was_wrong_silences_nobody(alertmanager: Alertmanager, tmp_path: Path) -> None:
    """A run in the far future looked later than every run to come."""
    tell(alertmanager.url, verdict(OK, observed_at=time.time() + 1e9), history=tmp_path / "h")
    tell(alertmanager.url, verdict(CRITICAL), history=tmp_path / "h")
    assert set(alertmanager.alerts()) == {"boiler.pressure critical"}


@pytest.mark.parametrize("how", ["refused alone", "refused with all others"])
def test_one_alert_of_twenty_that_is_refused_costs_itself_only(
    how: str, alertmanager: Alertmanager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager takes the others with some mistakes, and nothing at all with others."""
    several = [verdict(CRITICAL, f"boiler.valve[{number}]") for number in range(20)]
    sound = alerts.Alert.record

    def record(one: alerts.Alert) -> dict[str, object]:
        wrong = {"annotations": {"no name": "x"}} if how == "refused alone" else {"generatorURL": "no address"}
        return sound(one) | (wrong if one.labels["check"] == "boiler.valve[13]" else {})

    with monkeypatch.context() as patched:
        patched.setattr(alerts.Alert, "record", record)
        (trouble,) = tell(alertmanager.url, *several, history=tmp_path / "h").troubles
    assert len(alertmanager.alerts()) == 19
    assert "1 not taken: works boiler.valve[13] [critical]" in trouble
    assert "it answered 4" in trouble

    received = alertmanager.received()
    assert tell(alertmanager.url, *several, history=tmp_path / "h").troubles == []
    assert alertmanager.received() == received + 1
    assert len(alertmanager.alerts()) == 20


def test_every_alertmanager_of_a_cluster_is_told_and_one_is_enough(
    start_alertmanager: Callable[[], Alertmanager], tmp_path: Path
) -> None:
    one, other = start_alertmanager(), start_alertmanager()
    urls, history = [one.url, other.url, f"http://127.0.0.1:{closed_port()}"], tmp_path / "h"
    other.stop()

    told = tell(urls, verdict(CRITICAL), history=history)
    assert told.troubles == []
    assert [note.rpartition("; ")[2] for note in told.notes] == 2 * ["another Alertmanager took everything"]
    assert set(one.alerts()) == {"boiler.pressure critical"}

    other.start()
    received = one.received()
    tell(urls, verdict(CRITICAL), history=history)
    assert set(other.alerts()) == {"boiler.pressure critical"}
    tell(urls, verdict(OK), history=history)
    assert one.alerts() == other.alerts() == {}
    assert one.received() == received + 1


def test_an_alertmanager_that_is_down_is_exit_13_only_if_all_is_well(project: Project, target: Target) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    outcome = project.check("--alertmanager", url, "--heartbeat", "1h", "--history", "history.db")
    assert outcome.code == outcome.results["run"]["exit_code"] == 13, outcome.text
    assert outcome.out.count(f"not alerted: {url}: its current alerts could not be read: connection refused: ") == 1
    assert "1 not taken: works HealthgateHeartbeat" in outcome.out
    assert set(outcome.states.values()) == {"ok"}

    target.answers["/state"] = {"pressure": 85, "purity": 99}
    outcome = project.check("--alertmanager", url)
    assert outcome.code == 10
    assert "1 not taken: works boiler.pressure [warning]; the verdicts above stand" in outcome.out
    assert "Traceback" not in outcome.text


def test_links_stand_where_people_look_for_them(alertmanager: Alertmanager, webhook: Webhook) -> None:
    run, report = "https://ci.example/run/7?a=b", "https://reports.example/works/"
    variables = {"HEALTHGATE_RUN_URL": run, "HEALTHGATE_REPORT_URL": report}
    tell(alertmanager.url, verdict(UNKNOWN, issue="OPS-77 https://tracker.example/OPS-77: known"), variables=variables)
    webhook.until(1)
    (said,) = webhook.came[0]["alerts"]
    assert said["generatorURL"] == said["annotations"]["run"] == run
    assert said["annotations"]["report"] == report
    assert said["annotations"]["known_issue"] == "OPS-77 https://tracker.example/OPS-77: known"
    assert "cause" not in said["annotations"]


HOSTILE = 'a "b" {{ template }} \\ \x1b[31m\n::error:: <script> ünïcode \ud800 ' + 3000 * "x"


def test_the_worst_texts_arrive_on_one_line_and_cut(alertmanager: Alertmanager, tmp_path: Path) -> None:
    told = verdict(CRITICAL, environment='ki"l\\n ö ' + 300 * "o", reason=HOSTILE, action=HOSTILE)
    for _ in range(2):
        assert tell(alertmanager.url, told, history=tmp_path / "h").troubles == []
    ((alert),) = alertmanager.alerts().values()
    assert all(len(text) <= 2001 and text.isprintable() for text in alert["annotations"].values())
    assert alertmanager.received() == 1
    assert tell(alertmanager.url, verdict(OK, environment=told.environment), history=tmp_path / "h").troubles == []
    assert alertmanager.alerts() == {}


def test_a_thousand_alerts_are_told(alertmanager: Alertmanager, tmp_path: Path) -> None:
    """In several requests, each within its bound; silenced, since each would be notified by itself, to nobody's use."""
    alertmanager.silence(environment="works")
    several = [verdict(CRITICAL, f"boiler.valve[{number}]") for number in range(1000)]
    for _ in range(2):
        assert tell(alertmanager.url, *several, history=tmp_path / "h").troubles == []
        assert alertmanager.received() == 1000


def test_each_alert_goes_to_whom_the_example_sends_it(alertmanager: Alertmanager) -> None:
    tell(alertmanager.url, verdict(CRITICAL), heartbeat="1h")
    expected = {("boiler.pressure", "pager"), ("HealthgateRunsStopped", "pager"), ("HealthgateHeartbeat", "nobody")}

    def by_receiver() -> set[tuple[str, str]]:
        with urlopen(f"{alertmanager.url}/api/v2/alerts/groups") as answer:
            groups = json.load(answer)
        return {
            (alert["labels"]["alertname"], receiver["name"])
            for group in groups
            for alert in group["alerts"]
            for receiver in alert["receivers"]
        }

    until(lambda: len(by_receiver()) >= len(expected), "all are grouped")  # which takes it a moment each
    assert by_receiver() == expected
    until(lambda: alertmanager.alerts()["HealthgateRunsStopped unknown"]["status"]["inhibitedBy"], "it is held back")
