"""Runs that stop are told by Alertmanager alone, once, and once that they run again; and no run tells by itself."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from healthgate.tell.alerting import heartbeat
from healthgate.tell.alerting.alert import Alert
from healthgate.tell.alerting.plan import Holding
from tests.alerting.servers import EXAMPLE, Alertmanager, Webhook, until
from tests.alerting.telling import CRITICAL, OK, UNKNOWN, tell, verdict
from tests.parts.project import Project
from tests.tell import world

STOPPED = "HealthgateRunsStopped unknown"


def armed(alertmanager: Alertmanager) -> str:
    """Return since when the one pair that is held is armed."""
    pairs = {one["labels"]["armed"] for one in alertmanager.api("alerts") if "armed" in one["labels"]}
    assert len(pairs) == 1
    return str(pairs.pop())


@pytest.mark.parametrize("with_history", [True, False], ids=["with a history", "without one"])
def test_runs_that_stop_are_told_once_and_once_that_they_run_again(
    with_history: bool, alertmanager: Alertmanager, webhook: Webhook, tmp_path: Path
) -> None:
    history = tmp_path / "h" if with_history else None
    ran = tell(alertmanager.url, verdict(OK), history=history, heartbeat="1s")
    assert ran.troubles == ran.notes == []
    before = armed(alertmanager)
    assert webhook.until(1) == [("firing", STOPPED)]
    said = webhook.came[0]["alerts"][0]
    assert said["annotations"]["summary"] == "[unknown] the checks of works no longer run"
    assert "there should be one every 1 s" in said["annotations"]["description"]
    assert (said["labels"]["environment"], said["labels"]["selection"]) == ("works", "all")
    assert webhook.came[0]["path"] == "/pager"

    tell(alertmanager.url, verdict(OK), history=history, heartbeat="1h")
    assert webhook.until(2)[1] == ("resolved", STOPPED)
    after = armed(alertmanager)
    assert after > before
    for _ in range(2):
        assert tell(alertmanager.url, verdict(OK), history=history, heartbeat="1h").notes == []
    assert armed(alertmanager) == after
    held = alertmanager.alerts()
    assert held[STOPPED]["status"]["inhibitedBy"] == [held["HealthgateHeartbeat"]["fingerprint"]]
    assert len(webhook.said()) == 2


def test_a_restarted_alertmanager_goes_on_with_the_same_pair(
    start_alertmanager: Callable[[], Alertmanager], webhook: Webhook, tmp_path: Path
) -> None:
    """So does one of a cluster, and whoever was told that runs stopped is told by the next run that they do not."""
    one, other = start_alertmanager(), start_alertmanager()
    history, urls = tmp_path / "h", [one.url, other.url]
    tell(urls, verdict(OK), history=history, heartbeat="1h")
    before = armed(one)
    other.stop()
    other.start()
    tell(urls, verdict(OK), heartbeat="1h")
    assert armed(other) == armed(one) == before
    other.stop()
    other.start()
    tell([other.url], verdict(OK), history=history, heartbeat="1h")
    assert armed(other) == before

    tell([other.url], verdict(OK, environment="depot"), history=history, heartbeat="1s")
    webhook.until(1)
    other.settle()
    other.stop()
    other.start()
    tell([other.url], verdict(OK, environment="depot"), history=history, heartbeat="1h")
    assert webhook.until(2)[1] == ("resolved", STOPPED)


def test_every_environment_and_selection_has_a_pair_of_its_own(alertmanager: Alertmanager, webhook: Webhook) -> None:
    several = [verdict(OK), verdict(CRITICAL, environment="depot")]
    tell(alertmanager.url, *several, heartbeat="1h", selection="cadence=30s")
    tell(alertmanager.url, several[0], heartbeat="1h")
    tell(alertmanager.url, several[1], heartbeat="1s")
    assert ("firing", STOPPED) in webhook.until(2)
    stopped = [
        n["alerts"][0]["labels"] for n in webhook.came if n["alerts"][0]["labels"]["alertname"].endswith("Stopped")
    ]
    assert [(labels["environment"], labels["selection"]) for labels in stopped] == [("depot", "all")]
    assert len([one for one in alertmanager.api("alerts") if "armed" in one["labels"]]) == 7


def test_a_run_by_hand_is_not_missed_and_one_that_was_interrupted_is_none(
    alertmanager: Alertmanager, project: Project
) -> None:
    outcome = project.check("--alertmanager", alertmanager.url, "--heartbeat", "1h", "-k", "pressure")
    assert outcome.code == 0
    assert outcome.out.count("no heartbeat: its checks were picked by hand") == 1
    assert alertmanager.alerts() == {}
    facts = replace(world.account([verdict(OK)]).facts, exit_code=2)
    tell(alertmanager.url, verdict(OK), heartbeat="1h", facts=facts, lost=["a"], selected={"works": 2})
    assert alertmanager.received() == 0


def test_a_missing_inhibit_rule_is_said(alertmanager: Alertmanager, webhook: Webhook) -> None:
    path = alertmanager.folder / "alertmanager.yaml"
    config = yaml.safe_load(path.read_text())
    del config["inhibit_rules"]
    alertmanager.stop()
    path.write_text(yaml.safe_dump(config))
    alertmanager.start()

    assert tell(alertmanager.url, verdict(OK), heartbeat="1h").notes == []
    assert webhook.until(1) == [("firing", STOPPED)]
    (note,) = tell(alertmanager.url, verdict(OK), heartbeat="1h").notes
    assert note == (
        f"{alertmanager.url} tells HealthgateRunsStopped although runs go on: "
        "it needs the inhibit rule HealthgateHeartbeat of monitoring/alertmanager.yaml"
    )


def pair(armed: str, ends: float) -> list[Alert]:
    """Return a heartbeat that ends then, and what it holds back."""
    (parcel,) = heartbeat.parcel("works", "all", 100.0, [Holding([], [])], 0.0)
    beat, stopped = (Alert({**one.labels, "armed": armed}, 0.0, ends) for one in parcel.fired)
    return [beat, replace(stopped, ends=ends + 1e6)]


def armed_at(*holdings: Holding, now: float = 1000.0) -> tuple[set[str], list[int]]:
    """Return since when the pairs that are sent are armed, and how many old ones are resolved."""
    parcels = heartbeat.parcel("works", "all", 100.0, holdings, now)
    return {one.labels["armed"] for parcel in parcels for one in parcel.fired}, [len(one.over) for one in parcels]


ANEW = "1970-01-01T00:16:40.000Z"


def test_a_pair_goes_on_only_where_it_lives_wherever_it_is_held() -> None:
    alive, dead = pair("a", 1050), pair("a", 1000)[1:]
    assert armed_at(Holding([], [])) == ({ANEW}, [0])
    assert armed_at(Holding([], alive)) == ({"a"}, [0])
    assert armed_at(Holding([], dead)) == ({ANEW}, [1])
    assert armed_at(Holding([], pair("a", 1001))) == ({ANEW}, [1])  # by the time it is renewed it may have ended
    assert armed_at(Holding([], pair("a", 5000))) == ({ANEW}, [1])  # of a longer duration, or of a clock gone wrong
    assert armed_at(Holding(alive, [])) == ({"a"}, [0])  # restarted
    assert armed_at(Holding(alive, None)) == ({"a"}, [0])  # not to be asked
    assert armed_at(Holding(pair("a", 900), [])) == ({ANEW}, [1])
    assert armed_at(Holding(alive, dead)) == ({ANEW}, [1])  # it knows best
    assert armed_at(Holding([], alive), Holding([], [])) == ({"a"}, [0, 0])
    assert armed_at(Holding([], alive), Holding([], dead)) == ({ANEW}, [1, 1])
    assert armed_at(Holding([], [*dead, *pair("b", 1050)])) == ({"b"}, [1])


def test_what_is_armed_lasts_longer_than_the_heartbeat() -> None:
    (parcel,) = heartbeat.parcel("works", "all", 365 * 86400.0, [Holding([], [])], time.time())
    beat, stopped = parcel.fired
    assert stopped.ends > beat.ends + 86400
    assert heartbeat.problem("366d") == "366d: expected more than nothing and at most 365d"


def test_the_example_holds_back_exactly_that_pair() -> None:
    config = yaml.safe_load(EXAMPLE.read_text())
    (rule,) = config["inhibit_rules"]
    assert rule["source_matchers"] == [f'alertname="{heartbeat.HEARTBEAT}"']
    assert rule["target_matchers"] == [f'alertname="{heartbeat.STOPPED}"']
    assert rule["equal"] == ["environment", "selection", "armed"]


def test_a_run_that_lost_results_is_told(alertmanager: Alertmanager, webhook: Webhook) -> None:
    selected = {"works": 3}
    tell(alertmanager.url, verdict(OK), selected=selected, lost=["checks/a.py::test_a", "checks/a.py::test_b"])
    assert webhook.until(1) == [("firing", "healthgate.results_lost unknown")]
    summary = webhook.came[0]["alerts"][0]["annotations"]["summary"]
    assert summary.endswith("in works: 2 of 3 brought none: checks/a.py::test_a, checks/a.py::test_b")
    tell(alertmanager.url, verdict(UNKNOWN))
    assert ("resolved", "healthgate.results_lost unknown") in webhook.until(3)
    until(lambda: set(alertmanager.alerts()) == {"boiler.pressure unknown"}, "that alone is left")
