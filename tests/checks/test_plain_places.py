"""A place whose series name no environment is read as well; where some do and some do not, nothing is guessed."""

import re

import pytest

from healthgate.claim.state import State
from tests.checks import websocket_manager as well
from tests.checks.instances import said, spanning
from tests.checks.websocket_manager import AGAIN, CANARY, JSON, METRICS
from tests.checks.world import CATALOGUE, MISSING, World

OK, WARNING, UNKNOWN = State.OK, State.WARNING, State.UNKNOWN

NEEDS_THE_MEMBER = {"wsmanager.contract.json"}
"""Checks that want `environment` in the JSON, which is another matter."""


def plain() -> World:
    """A world in which no series, no target and no JSON says of which environment it is."""
    world = World().put(JSON, "environment", MISSING)
    for page, environment in ((METRICS, "production"), (CANARY, "staging")):
        for name in (page, page + AGAIN):
            facts = world.observations[name].facts
            facts["text"] = facts["text"].replace(f'{{environment="{environment}"}}', "")
    targets = [well.target("production", "app:3000"), well.target("staging", "canary:3000")]
    for one in targets:
        del one["labels"]["environment"]
    world.observations[well.TARGETS].facts = well.of_prometheus({"activeTargets": targets})
    for query in (well.CREATED, well.FAILED, *well.RECORDED_RATES.values()):
        world.observations[query].facts = well.of_prometheus({"resultType": "vector", "result": []})
    return world


OF_THE_MANAGER = sorted(name for name in CATALOGUE.checks if name.startswith("wsmanager.")
                        and name not in NEEDS_THE_MEMBER)  # fmt: skip


def test_every_check_can_be_judged_where_nothing_names_its_environment():
    world = spanning(plain(), 3600)
    verdicts = {name: world.verdict(name) for name in OF_THE_MANAGER}
    reasons = {name: told.reason for name, told in verdicts.items() if told.state is not OK}
    assert list(reasons) == ["wsmanager.canary.error_rate"], reasons
    assert "in an hour, and errors are compared where both have 10 at least" in reasons["wsmanager.canary.error_rate"]


def test_what_is_wrong_there_is_said_as_everywhere():
    world = plain()
    for name in (METRICS, METRICS + AGAIN):
        facts = world.observations[name].facts
        facts["text"] = facts["text"].replace("ws_manager_active_connections 37", "ws_manager_active_connections 120")
    said(world, "wsmanager.connections.leak", WARNING, "120 connections")


@pytest.mark.parametrize("labels", ['{environment="production"}', '{environment="staging"}'])
def test_two_series_that_differ_only_in_their_environment_are_no_data(labels):
    world = plain()
    for name in (METRICS, METRICS + AGAIN):
        facts = world.observations[name].facts
        facts["text"] = re.sub(r"(?m)^(ws_manager_(?:active_connections|retry_count_total)) (\d+)$",
                               rf"\1 \2\n\1{labels} \2", facts["text"])  # fmt: skip
    for check_id in ("connections.leak", "retry.rate", "cleanup.lag", "streams.balance"):
        said(world, f"wsmanager.{check_id}", UNKNOWN, "differ in nothing but environment")
