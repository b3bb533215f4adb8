"""The canary instance as an environment of its own: what its labels say there stands in its profile."""

from healthgate.claim.here import Here
from healthgate.claim.state import State
from tests.checks import websocket_manager as well
from tests.checks.instances import of_instance, said
from tests.checks.websocket_manager import AGAIN, DEFAULT, JSON, METRICS, SETTINGS
from tests.checks.world import CATALOGUE, World

OK, CRITICAL = State.OK, State.CRITICAL
HERE = Here(values={"environment": {"production": "staging"}})

FIGURES = ("prometheus.valid", "streams.balance", "hwm.bounds", "counters.monotonic", "connections.leak")
FAMILIES = [f"prometheus.families[{name}]" for name in ("active_connections", "retry_count_total")]


def alone(here: Here, page_of: str = "staging") -> World:
    """An environment whose only instance is a canary."""
    world = World()
    settings = {name: SETTINGS[name] for name in ("url", "prometheus_url")}
    world.systems["wsmanager"] = CATALOGUE.systems["wsmanager"](**settings, here=here)
    of_instance(METRICS, page_of, well.STAGING_FIGURES, {}, {}, well.BEGAN, world)
    for request in (JSON, DEFAULT):
        world.observations[request].facts["json"] = well.json_body(page_of, well.STAGING_FIGURES)
    return world


def test_a_canary_that_is_an_environment_of_its_own_is_read_by_what_its_profile_says_of_labels():
    world = alone(HERE)
    for name in (*FIGURES, *FAMILIES, "consistency.json_vs_prometheus"):
        said(world, f"wsmanager.{name}", OK)
    assert 'environment="staging"' in world.verdict("wsmanager.connections.leak").where


def test_without_such_a_line_its_page_is_of_somebody_else():
    world = alone(Here())
    said(world, f"wsmanager.{FAMILIES[0]}", CRITICAL, "is of environment 'staging', not of production")


def test_a_page_of_production_is_of_somebody_else_there():
    world = alone(HERE, "production")
    said(world, f"wsmanager.{FAMILIES[0]}", CRITICAL, "is of environment 'production', not of staging")
    said(world, "wsmanager.streams.balance", State.UNKNOWN, "is missing; there is")
    said(world, "wsmanager.consistency.json_vs_prometheus", State.WARNING, "is of 'production', not of staging")


def test_the_json_of_another_instance_contradicts_the_page():
    world = alone(HERE)
    for suffix in ("", AGAIN):
        if JSON + suffix in world.observations:
            world.observations[JSON + suffix].facts["json"]["environment"] = "production"
    said(world, "wsmanager.consistency.json_vs_prometheus", State.WARNING, "is of 'production', not of staging")
