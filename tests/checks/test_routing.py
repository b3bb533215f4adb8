"""Whom an Alertmanager tells is found as the Alertmanager itself finds it."""

import json
import subprocess
from typing import Any

import pytest

from checks.wsmanager.routing import integrations, receivers
from healthgate import Facts, NoData
from tests.tools import program

LABELS = {"alertname": "Leak", "severity": "critical", "environment": "production"}

TREES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["root"]),
    ({"routes": [{"receiver": "a", "match": {"severity": "critical"}}]}, ["a"]),
    ({"routes": [{"receiver": "a", "match": {"severity": "warning"}}]}, ["root"]),
    ({"routes": [{"receiver": "a", "match_re": {"severity": "crit.*|x"}}]}, ["a"]),
    ({"routes": [{"receiver": "a", "match_re": {"severity": "crit"}}]}, ["root"]),
    ({"routes": [{"receiver": "a", "matchers": ['severity="critical"']}]}, ["a"]),
    ({"routes": [{"receiver": "a", "matchers": ["severity = critical", 'environment!~"stag.*"']}]}, ["a"]),
    ({"routes": [{"receiver": "a", "matchers": ['severity="critical"', "team=x"]}]}, ["root"]),
    ({"routes": [{"receiver": "a", "matchers": ['{severity="critical",environment=~"p.*"}']}]}, ["a"]),
    ({"routes": [{"receiver": "a", "matchers": ['team=""']}]}, ["a"]),
    ({"routes": [{"receiver": "a", "matchers": ["severity!=critical"]}, {"receiver": "b"}]}, ["b"]),
    ({"routes": [{"receiver": "a"}, {"receiver": "b"}]}, ["a"]),
    ({"routes": [{"receiver": "a", "continue": True}, {"receiver": "b"}]}, ["a", "b"]),
    (
        {"routes": [{"receiver": "a", "routes": [{"receiver": "b", "match": {"severity": "critical"}}]}]},
        ["b"],
    ),
    ({"routes": [{"receiver": "a", "routes": [{"receiver": "b", "match": {"severity": "none"}}]}]}, ["a"]),
    ({"routes": [{"match": {"severity": "critical"}, "routes": [{"receiver": "b", "match": {"x": "y"}}]}]}, ["root"]),
]


def configuration(route: dict[str, Any]) -> dict[str, Any]:
    return {"route": {"receiver": "root", **route}, "receivers": [{"name": name} for name in ("root", "a", "b")]}


every_tree = pytest.mark.parametrize(("route", "told"), TREES, ids=[json.dumps(route) for route, _ in TREES])


@every_tree
def test_routes_are_followed(route, told):
    assert receivers(Facts(configuration(route)), LABELS) == told


@every_tree
def test_a_real_alertmanager_follows_them_alike(route, told, tmp_path):
    amtool = program("amtool")
    file = tmp_path / "alertmanager.yml"
    file.write_text(json.dumps(configuration(route)))
    labels = [f"{name}={value}" for name, value in LABELS.items()]
    command = [amtool, "config", "routes", "test", f"--config.file={file}", *labels]
    seen = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert seen.strip().split(",") == told


def test_integrations_of_all_who_are_told_are_found():
    node = Facts(
        {
            "receivers": [
                {"name": "a", "pagerduty_configs": [{"routing_key": "x"}]},
                {"name": "b", "slack_configs": [{"channel": "#alerts"}]},
                {"name": "c", "pagerduty_configs": [{"routing_key": "y"}]},
            ]
        }
    )
    assert [one.text("routing_key") for one in integrations(node, ["a", "b"], "pagerduty_configs")] == ["x"]
    assert integrations(node, ["b"], "pagerduty_configs") == []


def nested(levels: int) -> dict[str, Any]:
    return {"receiver": "a", "routes": [nested(levels - 1)]} if levels else {"receiver": "a"}


@pytest.mark.parametrize(
    "route",
    [
        {"receiver": 7},
        {"routes": "a"},
        {"routes": [7]},
        {"routes": [{"matchers": [7]}]},
        {"routes": [{"matchers": ["severity"]}]},
        {"routes": [{"matchers": ['a="b" c="d']}]},
        {"routes": [{"match_re": {"severity": "("}}]},
        {"routes": [{"continue": "yes"}]},
        {"routes": [nested(30)]},
    ],
    ids=lambda route: json.dumps(route)[:60],
)
def test_what_cannot_be_followed_is_no_data(route):
    with pytest.raises(NoData):
        receivers(Facts(configuration(route)), LABELS)
