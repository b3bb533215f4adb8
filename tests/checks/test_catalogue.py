"""The checks say what the specification says: every row, with its numbers, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from healthgate.limit import in_time
from healthgate.state import State
from tests.checks.world import CATALOGUE, ROOT, World

ROWS: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/checks/spec_rows.yaml").read_text())
STATES = {
    "PASS": State.OK,
    "OBJECTIVE_MISS": State.MISSED,
    "WARNING": State.WARNING,
    "CRITICAL": State.CRITICAL,
    "PENDING": State.PENDING,
}

JUDGED_AS_TRUTH = {
    "gateway.auth.quick_health_protected": "the profile decides which status code is the right one",
    "wsmanager.canary.staging_up": "one that is out of reach has no status code, and must be a value for a window",
}
"""Rows with a number that are judged as true or false instead, and why."""

PAGES = {
    "RB-01": "price-mismatch",
    "RB-02": "redis-cluster",
    "RB-03": "listeners",
    "RB-04": "stale-data",
    "RB-05": "redis-pool",
    "RB-06": "parse-errors",
    "RB-07": "unstable-connection",
    "RB-08": "background-services",
    "RB-09": "resources",
    "RB-10": "access",
    "RB-11": "gateway-down",
    "RB-12": "broken-contract",
    "RB-13": "log-hygiene",
    "RB-30": "websocket-manager-down",
    "RB-31": "connection-leak",
    "RB-32": "retry-rate",
    "RB-33": "cleanup-lag",
    "RB-34": "canary",
    "RB-35": "monitoring-chain",
    "RB-36": "exposure",
    "RB-40": "connection-mismatch",
    "RB-41": "cleanup-errors",
    "RB-42": "cleanup-stopped",
    "RB-43": "stale-connections",
    "RB-44": "slow-cleanup",
    "RB-45": "event-stream-configuration",
    "RB-46": "event-stream-service",
}


def instances(row: dict[str, Any]) -> list[str]:
    return [f"{row['id']}[{name}]" for name in row["params"]] if "params" in row else [row["id"]]


EACH = [(check_id, row) for row in ROWS for check_id in instances(row)]
IDS = [check_id for check_id, _ in EACH]
every_instance = pytest.mark.parametrize(("check_id", "row"), EACH, ids=IDS)


def test_every_row_is_checked_and_nothing_else_is():
    assert sorted(CATALOGUE.checks) == sorted(IDS)


@every_instance
def test_severity_and_cadence_are_the_specified_ones(check_id, row):
    check = CATALOGUE.checks[check_id]
    assert check.stays.severity == row["severity"]
    assert check.cadence == row["cadence_s"]


@every_instance
def test_every_line_with_a_value_is_the_specified_one(check_id, row):
    if row["id"] in JUDGED_AS_TRUTH:
        return
    tiers = CATALOGUE.checks[check_id].stays.tiers()
    valued = {name: tier for name, tier in row["tiers"].items() if "op" in tier}
    for name, tier in valued.items():
        value = tuple(tier["value"]) if isinstance(tier["value"], list) else tier["value"]
        assert (tiers[name].op, tiers[name].value) == (tier["op"], value), name
    if len(valued) == len(row["tiers"]):
        assert set(tiers) == set(valued), "a line that is not specified"


@every_instance
def test_a_row_without_values_has_the_lines_that_are_specified(check_id, row):
    tiers = CATALOGUE.checks[check_id].stays.tiers()
    assert set(tiers) == set(row["tiers"])


@every_instance
def test_every_line_needs_the_time_that_is_specified(check_id, row):
    tiers = CATALOGUE.checks[check_id].stays.tiers()
    assert {name: tier.sustained for name, tier in tiers.items()} == {
        name: tier.get("for_s", 0) for name, tier in row["tiers"].items()
    }


def examples() -> Iterator[Any]:
    for check_id, row in EACH:
        for example in row.get("evaluator_examples", ()):
            alone = STATES[example.get("state") or example["single_sample"]]
            all_along = STATES[example.get("state") or example["sustained"]]
            yield pytest.param(check_id, example["value"], alone, all_along, id=f"{check_id}-{example['value']}")


@pytest.mark.parametrize(("check_id", "value", "alone", "all_along"), list(examples()))
def test_values_around_each_edge_are_judged_as_specified(check_id, value, alone, all_along):
    limit = CATALOGUE.checks[check_id].stays
    assert limit.judge(value) is alone
    assert limit.judge(value, in_time) is all_along


def all_required(check_id: str) -> set[str]:
    systems = World().systems
    found: set[str] = set()
    todo = [check_id]
    while todo:
        for name in CATALOGUE.checks[todo.pop()].required(systems):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


@every_instance
def test_a_check_is_blocked_by_everything_the_row_requires(check_id, row):
    assert set(row.get("requires", ())) <= all_required(check_id)


@pytest.mark.parametrize("check_id", IDS)
def test_no_check_requires_itself(check_id):
    assert check_id not in all_required(check_id)


@every_instance
def test_the_runbook_is_the_one_of_the_row(check_id, row):
    assert CATALOGUE.checks[check_id].runbook == PAGES[row["runbook"]]


@pytest.mark.parametrize("check_id", IDS)
def test_name_cause_and_action_are_short_and_end_as_parts_of_a_sentence(check_id):
    check = CATALOGUE.checks[check_id]
    for text in (check.name, check.cause, check.action):
        assert 3 < len(text) <= 120
        assert text == text.strip()
        assert not text.endswith(".")


def test_names_are_unique():
    names = [check.name for check in CATALOGUE.checks.values()]
    assert sorted({name for name in names if names.count(name) > 1}) == []
