"""What is to be told of a run, and what is over by it: nothing is resolved that was not seen to be well."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from healthgate.claim.state import Floor, State
from healthgate.judge.verdict import Verdict
from healthgate.tell.account import Account, CanaryDecision
from healthgate.tell.alerting import alert as alerts
from healthgate.tell.alerting.alert import FAR, RENEWED, Alert, Links
from healthgate.tell.alerting.concern import CANARY, concerns, is_whole
from healthgate.tell.alerting.plan import Holding, parcels
from tests.alerting.telling import BLOCKED, CRITICAL, MISSED, OK, PENDING, UNKNOWN, WARNING, account, verdict

NOW = 1_800_000_000.0
NAME = "boiler.pressure"
NOTHING: set[str] = set()


def sent(run: Account, holding: Holding, now: float = NOW) -> tuple[set[str], set[str]]:
    """Return the states of the alerts of the check that are fired and resolved."""
    vanished = run.facts.environments if is_whole(run) else []
    found = list(parcels(concerns(run), vanished, holding, now, Links()))
    assert len(found) <= 1, "what is about one check is sent together"
    fired = {one.labels["state"] for parcel in found for one in parcel.fired}
    over = {one.labels["state"] for parcel in found for one in parcel.over}
    assert all(one.ends == now for parcel in found for one in parcel.over)
    assert all(one.ends == now + FAR for parcel in found for one in parcel.fired)
    return fired, over


def run(*verdicts: Verdict, **more: Any) -> Account:
    """Return the account of a run."""
    return account(list(verdicts), None, **more)


def told(*states: State, ends: float = NOW + FAR) -> list[Alert]:
    """Return alerts about the check, told by a run that found it in each of these states."""
    found = []
    for state in states:
        roots = (("boiler.reachable", CRITICAL),) if state is BLOCKED else ()
        (concern, _) = concerns(run(verdict(state, roots=roots)))
        found.append(alerts.of(concern, NOW, Links()))
    return [Alert(one.labels, one.starts, ends, one.annotations) for one in found]


def holding(held: Iterable[Alert]) -> Holding:
    """Return what is held where nothing is remembered."""
    return Holding([], list(held))


TRANSITIONS: dict[tuple[State | None, State], tuple[set[str], set[str]]] = {
    (None, OK): (NOTHING, NOTHING),
    (None, MISSED): ({"missed"}, NOTHING),
    (None, WARNING): ({"warning"}, NOTHING),
    (None, CRITICAL): ({"critical"}, NOTHING),
    (None, UNKNOWN): ({"unknown"}, NOTHING),
    (None, PENDING): ({"pending"}, NOTHING),
    (WARNING, WARNING): (NOTHING, NOTHING),
    (WARNING, CRITICAL): ({"critical"}, {"warning"}),
    (CRITICAL, WARNING): ({"warning"}, {"critical"}),
    (CRITICAL, MISSED): ({"missed"}, {"critical"}),
    (CRITICAL, OK): (NOTHING, {"critical"}),
    (MISSED, OK): (NOTHING, {"missed"}),
    (PENDING, WARNING): ({"warning"}, {"pending"}),
    (PENDING, OK): (NOTHING, {"pending"}),
    # what cannot be seen settles nothing
    (CRITICAL, UNKNOWN): ({"unknown"}, NOTHING),
    (UNKNOWN, CRITICAL): ({"critical"}, {"unknown"}),
    (UNKNOWN, OK): (NOTHING, {"unknown"}),
    (CRITICAL, PENDING): (NOTHING, NOTHING),
    (UNKNOWN, PENDING): ({"pending"}, {"unknown"}),
    (BLOCKED, OK): (NOTHING, {"blocked"}),
    (BLOCKED, UNKNOWN): ({"unknown"}, NOTHING),
}


@pytest.mark.parametrize(("before", "after"), TRANSITIONS)
def test_what_is_sent_when_a_check_was_told_to_be_in_one_state_and_is_in_another(
    before: State | None, after: State
) -> None:
    held = [] if before is None else told(before)
    assert sent(run(verdict(after)), holding(held)) == TRANSITIONS[before, after]
    assert sent(run(verdict(after)), Holding(held, None)) == TRANSITIONS[before, after]


def test_a_check_that_was_seen_again_settles_everything_that_was_told_of_it() -> None:
    assert sent(run(verdict(OK)), holding(told(CRITICAL, UNKNOWN))) == (NOTHING, {"critical", "unknown"})
    assert sent(run(verdict(CRITICAL)), holding(told(CRITICAL, UNKNOWN))) == (NOTHING, {"unknown"})


def test_a_blocked_check_is_told_by_its_root_or_under_it() -> None:
    dead, blocked = verdict(CRITICAL, "boiler.reachable"), verdict(BLOCKED, roots=(("boiler.reachable", CRITICAL),))
    whole = concerns(run(dead, blocked))
    assert [one.state for one in whole] == [CRITICAL, None, None]
    assert whole[0].blocked == (NAME,)

    (alone, _) = concerns(run(blocked, selection="system=boiler"))
    labels = alerts.of(alone, NOW, Links()).labels
    assert (labels["state"], labels["root"], labels["severity"]) == ("blocked", "boiler.reachable", "critical")
    assert sent(run(blocked), holding(told(WARNING))) == ({"blocked"}, NOTHING)

    several = (("boiler.gauge", WARNING), ("boiler.fire", UNKNOWN))
    (alone, _) = concerns(run(verdict(BLOCKED, roots=several, severity="warning")))
    assert (alone.root, alone.severity) == ("boiler.fire", "warning")


def test_a_roll_up_is_told_by_the_part_that_fails_as_badly_and_else_by_itself() -> None:
    part = verdict(CRITICAL, "boiler.reachable")
    echo = verdict(CRITICAL, echoes=("boiler.reachable",))
    held = holding(told(CRITICAL))
    about = [one for one in concerns(run(echo, part)) if one.state is not None]
    assert [one.verdict.id for one in about] == ["boiler.reachable"]
    assert sent(run(echo), holding([])) == ({"critical"}, NOTHING)  # the part has no verdict in this run
    (over,) = [
        parcel
        for parcel in parcels(concerns(run(echo, part)), [], held, NOW, Links())
        if parcel.alerts[0].labels["alertname"] == NAME
    ]
    assert (over.fired, [one.labels["state"] for one in over.over]) == ((), ["critical"])


def test_a_check_without_a_verdict_changes_nothing_unless_it_is_gone() -> None:
    """It is gone where a whole run has no verdict on it."""
    other = verdict(OK, "boiler.other")
    for more in (
        {"selection": "part"},
        {"selection": "cadence=30s"},
        {"lost": ["checks/test_boiler.py::test_pressure"], "selected": {"works": 2}},
    ):
        found = parcels(concerns(run(other, **more)), [], holding(told(CRITICAL)), NOW, Links())
        assert not [one for parcel in found for one in parcel.over]
        assert not is_whole(run(other, **more))
    assert sent(run(other), holding(told(CRITICAL))) == (NOTHING, {"critical"})
    assert sent(run(verdict(OK, "boiler.other", "depot")), holding(told(CRITICAL))) == (NOTHING, NOTHING)


def test_a_lower_floor_tells_less_and_resolves_nothing_that_is_so() -> None:
    low = verdict(WARNING, floor=Floor.CRITICAL)
    assert sent(run(low), holding([])) == (NOTHING, NOTHING)
    assert sent(run(low), holding(told(WARNING))) == (NOTHING, NOTHING)
    assert sent(run(low), holding(told(CRITICAL))) == (NOTHING, {"critical"})


def test_maintenance_mutes_what_is_new_and_leaves_what_fires() -> None:
    window = {"maintenance": "until 2026-11-23 04:00 UTC, because of an upgrade"}
    assert sent(run(verdict(CRITICAL, **window)), holding([])) == (NOTHING, NOTHING)
    assert sent(run(verdict(CRITICAL, **window)), holding(told(WARNING))) == (NOTHING, NOTHING)
    assert sent(run(verdict(WARNING, **window)), holding(told(CRITICAL))) == (NOTHING, NOTHING)
    assert sent(run(verdict(OK, **window)), holding(told(CRITICAL))) == (NOTHING, {"critical"})


def test_a_restarted_alertmanager_is_told_again_whatever_still_holds() -> None:
    """What it was told and no longer holds; even about what nothing can be said now."""
    assert sent(run(verdict(CRITICAL)), Holding(told(CRITICAL), [])) == ({"critical"}, NOTHING)
    assert sent(run(verdict(UNKNOWN)), Holding(told(CRITICAL), [])) == ({"critical", "unknown"}, NOTHING)
    assert sent(run(verdict(OK)), Holding(told(CRITICAL), [])) == (NOTHING, {"critical"})


def test_an_alert_is_renewed_long_before_it_would_end_by_itself() -> None:
    assert RENEWED < FAR / 10
    assert sent(run(verdict(CRITICAL)), holding(told(CRITICAL)), NOW + RENEWED - 1) == (NOTHING, NOTHING)
    later = NOW + RENEWED + 1
    assert sent(run(verdict(CRITICAL)), holding(told(CRITICAL)), later) == ({"critical"}, NOTHING)
    assert sent(run(verdict(UNKNOWN)), holding(told(CRITICAL)), later) == ({"critical", "unknown"}, NOTHING)


def test_what_changes_with_every_run_is_no_label() -> None:
    one, other = (
        alerts.of(
            concerns(run(verdict(CRITICAL, value=value, reason=f"{value}", since=since)))[0], NOW, Links(link, link)
        )
        for value, since, link in ((91, 1.0, None), (97, time.time(), "https://ci.example/2"))
    )
    assert one.key == other.key
    assert one.annotations != other.annotations
    assert one.starts == 1.0


def test_the_severity_is_that_of_the_state() -> None:
    severities = {}
    for state in (CRITICAL, WARNING, MISSED, PENDING, UNKNOWN):
        severities[state] = concerns(run(verdict(state, severity="warning")))[0].severity
    assert list(severities.values()) == ["critical", "warning", "objective", "objective", "warning"]


def test_results_that_a_run_lost_are_told_and_healed_by_a_run_that_lost_none() -> None:
    def lost(selected: int, **more: Any) -> list[tuple[str, State | None]]:
        found = concerns(run(verdict(OK), selected={"works": selected}, **more))[1:]
        return [(one.verdict.id, one.state) for one in found]

    assert lost(3, lost=["a", "b"]) == [("healthgate.results_lost", UNKNOWN)]
    assert lost(1) == [("healthgate.results_lost", None)]
    assert lost(3, selection="cadence=30s") == [("healthgate.results_lost[cadence=30s]", UNKNOWN)]
    assert lost(3, selection="system=boiler,part") == []


def canary(decision: str, **more: Any) -> Account:
    """Return the account of a run that compared a canary."""
    found = CanaryDecision("production", "works", decision, "worse: boiler.pressure: critical in works")
    return run(verdict(OK), canary=found, **more)


@pytest.mark.parametrize(
    ("decision", "held", "sent"),
    [
        ("rollback", False, ({"critical"}, NOTHING)),
        ("rollback", True, (NOTHING, NOTHING)),
        ("inconclusive", False, (NOTHING, NOTHING)),
        ("inconclusive", True, (NOTHING, NOTHING)),
        ("pass", True, (NOTHING, {"critical"})),
        ("rolled_back", True, (NOTHING, {"critical"})),
        ("pass", False, (NOTHING, NOTHING)),
    ],
)
def test_a_canary_that_is_worse_asks_for_its_rollback_until_it_passes_or_was_rolled_back(
    decision: str, held: bool, sent: tuple[set[str], set[str]]
) -> None:
    (concern,) = (one for one in concerns(canary("rollback")) if one.verdict.id == CANARY)
    fires = alerts.of(concern, NOW, Links())
    assert (fires.labels["action"], fires.labels["severity"], fires.labels["environment"]) == (
        *("rollback", "critical"),
        "works",
    )
    assert "worse: boiler.pressure" in fires.annotations["summary"]

    found = list(parcels(concerns(canary(decision)), ["works"], holding([fires] if held else []), NOW, Links()))
    told = [one for parcel in found for one in parcel.alerts if one.labels["alertname"] == CANARY]
    fired = {one.labels["state"] for one in told if one.ends > NOW}
    over = {one.labels["state"] for one in told if one.ends == NOW}
    assert (fired, over) == sent


def test_only_what_a_comparison_asks_for_has_an_action() -> None:
    assert "action" not in alerts.of(concerns(run(verdict(CRITICAL)))[0], NOW, Links()).labels
    interrupted = canary("rollback")
    stopped = replace(interrupted, facts=replace(interrupted.facts, exit_code=2))
    assert CANARY not in {one.verdict.id for one in concerns(stopped)}
