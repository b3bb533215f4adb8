"""A world in which an instance of the WebSocket manager has other figures, and what is then said of it."""

from collections.abc import Callable

from healthgate.claim.state import State
from tests.checks import websocket_manager as well
from tests.checks.websocket_manager import AGAIN, CANARY, METRICS
from tests.checks.world import World


def said(world: World, check_id: str, state: State, words: str = "") -> None:
    verdict = world.verdict(check_id)
    assert (verdict.state, words in verdict.reason) == (state, True), f"{verdict.state}: {verdict.reason}"


def blocked(world: World, check_id: str, by: str) -> None:
    verdict = world.verdict(check_id)
    assert (verdict.state, verdict.blocked_by) == (State.BLOCKED, by), f"{verdict.state}: {verdict.reason}"


def production(second: dict[str, float] | None = None, began: float | None = well.BEGAN, **first: float) -> World:
    """Production with these figures, in the second look with some more of them, and both looks at it."""
    return of_instance(METRICS, "production", well.PRODUCTION_FIGURES, first, second, began)


def canary(second: dict[str, float] | None = None, world: World | None = None, **first: float) -> World:
    """The canary with these figures, likewise."""
    return of_instance(CANARY, "staging", well.STAGING_FIGURES, first, second, well.BEGAN, world)


def of_instance(
    request: str,
    environment: str,
    figures: dict[str, float],
    first: dict[str, float],
    second: dict[str, float] | None,
    began: float | None,
    world: World | None = None,
) -> World:
    world = world or World()
    before = figures | first
    texts = {request: (before, well.BEGAN), request + AGAIN: (before | (second or {}), began)}
    for name, (values, start) in texts.items():
        world.observations[name].facts["text"] = well.page_text(environment, values, start)
    return world


def spanning(world: World, seconds: float) -> World:
    """Let the second looks at both instances be so long after the first."""
    for request in (METRICS + AGAIN, CANARY + AGAIN):
        seen = world.observations[request]
        seen.at = well.NOW + seconds
        seen.facts["clock"] = 1000.0 + seconds
    return world


def text(world: World, request: str, change: Callable[[str], str]) -> World:
    for name in (request, request + AGAIN):
        world.observations[name].facts["text"] = change(world.observations[name].facts["text"])
    return world
