"""The checks say what the specification says: every row, with its numbers, and nothing else."""

from collections.abc import Iterator
from typing import Any

import yaml

from healthgate.claim.limit import in_time
from healthgate.claim.state import State
from tests.checks.world import CATALOGUE, ROOT, World

ROWS: list[dict[str, Any]] = yaml.load((ROOT / "tests/checks/spec_rows.yaml").read_text(), yaml.CSafeLoader)
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


def test_every_row_is_checked_and_nothing_else_is():
    assert sorted(CATALOGUE.checks) == sorted(IDS)


def test_severity_and_cadence_are_the_specified_ones():
    checks = CATALOGUE.checks
    said = {name: (checks[name].stays.severity, checks[name].cadence) for name in IDS}
    assert said == {name: (row["severity"], row["cadence_s"]) for name, row in EACH}


def test_every_line_with_a_value_is_the_specified_one():
    said, specified = {}, {}
    for name, row in EACH:
        if row["id"] in JUDGED_AS_TRUTH:
            continue
        tiers = CATALOGUE.checks[name].stays.tiers()
        valued = {line: tier for line, tier in row["tiers"].items() if "op" in tier}
        specified[name] = {line: (tier["op"], _bound(tier["value"])) for line, tier in valued.items()}
        said[name] = {line: (tier.op, tier.value) for line, tier in tiers.items() if line in valued}
    assert said == specified


def _bound(value):
    return tuple(value) if isinstance(value, list) else value


def test_every_check_has_the_lines_that_are_specified_and_no_others():
    said = {name: sorted(CATALOGUE.checks[name].stays.tiers()) for name in IDS}
    assert said == {name: sorted(row["tiers"]) for name, row in EACH}


def test_every_line_needs_the_time_that_is_specified():
    said = {name: {line: tier.sustained for line, tier in CATALOGUE.checks[name].stays.tiers().items()} for name in IDS}
    specified = {name: {line: tier.get("for_s", 0) for line, tier in row["tiers"].items()} for name, row in EACH}
    assert said == specified


def examples() -> Iterator[tuple[str, Any, State, State]]:
    for check_id, row in EACH:
        for example in row.get("evaluator_examples", ()):
            alone = STATES[example.get("state") or example["single_sample"]]
            all_along = STATES[example.get("state") or example["sustained"]]
            yield check_id, example["value"], alone, all_along


def test_values_around_each_edge_are_judged_as_specified():
    wrong = []
    for check_id, value, alone, all_along in examples():
        limit = CATALOGUE.checks[check_id].stays
        judged = limit.judge(value), limit.judge(value, in_time)
        if judged != (alone, all_along):
            wrong.append(f"{check_id}: {value} should be {alone}, {all_along} in time, and is {judged}")
    assert wrong == []
    assert len(list(examples())) > 300


SYSTEMS = World().systems


def all_required(check_id: str) -> set[str]:
    found: set[str] = set()
    todo = [check_id]
    while todo:
        for name in CATALOGUE.checks[todo.pop()].required(SYSTEMS):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


def test_a_check_is_blocked_by_everything_the_row_requires():
    missing = {name: set(row.get("requires", ())) - all_required(name) for name, row in EACH}
    assert {name: which for name, which in missing.items() if which} == {}


def test_no_check_requires_itself():
    assert [name for name in IDS if name in all_required(name)] == []


def test_the_runbook_is_the_one_of_the_row():
    assert {name: CATALOGUE.checks[name].runbook for name in IDS} == {name: PAGES[row["runbook"]] for name, row in EACH}


def test_name_cause_and_action_are_short_and_end_as_parts_of_a_sentence():
    texts = [(name, text) for name in IDS for text in _texts(CATALOGUE.checks[name])]
    assert [one for one in texts if not 3 < len(one[1]) <= 120 or one[1] != one[1].strip() or one[1][-1] == "."] == []


def _texts(check):
    return check.name, check.cause, check.action


def test_names_are_unique():
    names = [check.name for check in CATALOGUE.checks.values()]
    assert sorted({name for name in names if names.count(name) > 1}) == []
