"""Whole incidents look as they are told, and pass."""

import pytest

from healthgate.claim.state import State
from tests.detection.evidence import Evidence
from tests.detection.scenario import SCENARIOS, unknown_ids


def test_every_list_names_checks_that_there_are() -> None:
    assert unknown_ids() == {}


@pytest.mark.whole
@pytest.mark.parametrize("name", SCENARIOS)
def test_an_incident_trips_what_it_must_and_spares_what_it_must(evidence: Evidence, name: str) -> None:
    if complaints := evidence.complaints_of_scenario(name):
        pytest.fail("; ".join([f"{name} {SCENARIOS[name].title}", *complaints]), pytrace=False)


def test_a_blocked_row_is_neither_green_nor_tripped() -> None:
    one = SCENARIOS["SC-04"]
    well = dict.fromkeys(("gateway.pool.active_connections", "market.ws.running"), State.OK)
    assert one.deviations(well | {"gateway.pool.utilization": State.BLOCKED, "market.ws.running": State.BLOCKED}) == [
        "gateway.pool.active_connections must trip and is ok",
        "gateway.pool.utilization must trip and is blocked",
        "market.ws.running must stay green and is blocked",
    ]


def test_a_trip_that_no_list_names_is_a_deviation() -> None:
    one = SCENARIOS["SC-04"]
    states = dict.fromkeys(one.must_trip, State.WARNING) | {"market.system.cpu": State.WARNING}
    assert one.deviations(states) == ["market.system.cpu is warning, and no list says that it may be"]
