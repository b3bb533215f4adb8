"""Whatever a server puts into its answers, a reading is taken or there is no data; nothing else is raised."""

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from healthgate.claim.facts import NoData
from tests.checks import event_stream_service, websocket_manager
from tests.checks.world import (
    AGAIN,
    ARCHIVES,
    CATALOGUE,
    CLAIMS,
    FEED_BINARY,
    FEED_JSON,
    GATEWAY_LOG,
    LOG_FILES,
    MARKET_LOG,
    OTHER_CLAIMS,
    OUTSIDE,
    STREAM,
    World,
    ticks,
)

HOSTILE = [None, True, -1, 2**70, 10**400, 1e308, "", "NaN", "9" * 5000, "\ud800", [], [[]], {}, {"*": None}]


def every(entries: list[Any]) -> Iterable[int]:
    return range(len(entries))


def first_and_last(entries: list[Any]) -> Iterable[int]:
    return sorted({0, len(entries) - 1}) if entries else ()


ENTRIES = [first_and_last, pytest.param(every, marks=pytest.mark.whole)]
"""Which entries of a list are changed: those between are read by the same lines, and are left to `make detection`."""
EACH = 3
"""Of how many values a member of the first and last entries gets one: its neighbours get others, all of which are tried
on every member by `make detection`."""


def leaves(
    node: Any, entries: Callable[[list[Any]], Iterable[int]] = every, path: tuple[Any, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    yield path
    steps = node if isinstance(node, dict) else entries(node) if isinstance(node, list) else ()
    for step in steps:
        yield from leaves(node[step], entries, (*path, step))


def changes(whole: Any, entries: Callable[[list[Any]], Iterable[int]]) -> Iterator[tuple[tuple[Any, ...], object]]:
    """Yield a path and what is put there."""
    for number, path in enumerate(leaves(whole, entries)):
        values = HOSTILE if entries is every else HOSTILE[number % EACH :: EACH]
        yield from ((path, value) for value in values)


def with_value(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(body)
    changed[path[0]] = with_value(body[path[0]], path[1:], value)
    return changed


PAGES = (websocket_manager.METRICS, websocket_manager.CANARY, websocket_manager.OWN_PAGE)
DOCUMENTS = (websocket_manager.MANIFEST, websocket_manager.ALERTMANAGER, websocket_manager.MONITORING)
OURS = (
    *(STREAM, FEED_BINARY, FEED_JSON, MARKET_LOG, GATEWAY_LOG, LOG_FILES, ARCHIVES, OUTSIDE, CLAIMS),
    *OTHER_CLAIMS,
    *(websocket_manager.HEALTH, websocket_manager.CANARY_HEALTH, websocket_manager.PLAIN),
    *(websocket_manager.LOG, websocket_manager.TLS),
    *(*PAGES, *DOCUMENTS, websocket_manager.BACKUPS),
    *(event_stream_service.STREAM, event_stream_service.LOG, event_stream_service.LOG_FILES),
    *(event_stream_service.METRICS, event_stream_service.CONNECTIONS, event_stream_service.ERROR_RATE),
)
"""Readings whose facts are the probe's own words; what others may put into them is tried by name below."""


READ = sorted(
    {
        (name, check.id)
        for check in CATALOGUE.checks.values()
        for probe in check.probes(World().systems)
        for name in probe.ids(World().systems[probe.system.name])
        if not name.startswith(OURS)
    }
)


@pytest.mark.parametrize("entries", ENTRIES)
@pytest.mark.parametrize("request_id", sorted({name for name, _ in READ}))
def test_any_member_may_be_anything(request_id, entries):
    world = World()
    readers = [CATALOGUE.checks[check_id] for name, check_id in READ if name == request_id]
    facts = world.observations[request_id].facts
    whole = facts.get("json", facts)
    for path, value in changes(whole, entries):
        if whole is facts and path in {(), ("replies",), ("hashes",), ("others",), ("took_ms",)}:
            continue  # these are the probe's own words, not the server's
        if whole is facts and path[0] == "hashes" and not (len(path) == 3 and isinstance(value, str)):
            continue  # Redis gives texts only
        changed = with_value(whole, path, value)
        world.observations[request_id].facts = changed if whole is facts else {**facts, "json": changed}
        for check in readers:
            with suppress(NoData):
                found = check.reading.value(world.scene)
                found = getattr(found, "value", getattr(found, "raw", found))
                check.stays.malformed(found)
                check.stays.judge(found)


def judged(world: World, checks: list[str]) -> None:
    for check_id in checks:
        check = CATALOGUE.checks[check_id]
        with suppress(NoData):
            found = check.reading.value(world.scene)
            check.stays.judge(getattr(found, "value", found))


def readers_of(request_id: str) -> list[str]:
    systems = World().systems
    return sorted(
        check.id
        for check in CATALOGUE.checks.values()
        if request_id in [name for probe in check.probes(systems) for name in probe.ids(systems[probe.system.name])]
    )


@pytest.mark.parametrize("request_id", [STREAM, FEED_BINARY, FEED_JSON])
def test_any_message_may_be_anything(request_id):
    readers = readers_of(request_id)
    tick = json.loads(ticks()[0]["text"])
    bodies = [*HOSTILE, *(with_value(tick, path, value) for path in leaves(tick) for value in HOSTILE)]
    texts = ["", "{", "\x00", "[" * 3000, *(json.dumps(body) for body in bodies)]
    world = World()
    for one in [*({"text": text} for text in texts), {"binary": ""}, {"binary": "VElDSw=="}, {"binary": "AA" * 500}]:
        world.observations[request_id].facts["messages"] = [{"at": 0.0, **one}] * 3
        judged(world, readers)


@pytest.mark.parametrize("value", HOSTILE)
def test_any_claim_of_a_token_may_be_anything(value):
    for name in ("exp", "role"):
        world = World()
        world.observations[CLAIMS].facts["claims"][name] = value
        judged(world, ["gateway.auth.token_hygiene"])


NAMES = ("ws_manager_active_connections", "ws_manager_stream_creations_total", "process_start_time_seconds")
VALUES = ("NaN", "+Inf", "-Inf", "-1", "1e308", "1e999", "9" * 4000, "x", "", "1 1", "1 99999999999999")
LABELS = ("", "{}", '{environment=""}', '{environment="staging"}', '{environment="production",a="b"}', '{a="\\u0000"}')


def hostile_pages() -> Iterator[str]:
    yield from ("", "\n", "\x00\n", "{\n", "# TYPE\n", "<html>\n", "a 1", "a" * 9000 + " 1\n")
    whole = websocket_manager.page_text("production", websocket_manager.PRODUCTION_FIGURES)
    for name in NAMES:
        line = next(line for line in whole.splitlines() if line.startswith(name))
        yield whole.replace(line + "\n", "")
        yield whole.replace(f"# TYPE {name}", "# TYPE other")
        for value in VALUES:
            yield whole.replace(line, f"{line.rpartition(' ')[0]} {value}")
        for labels in LABELS:
            yield whole.replace(line, f"{name}{labels} 1")
            yield whole.replace(line, f"{line}\n{name}{labels} 1")


@pytest.mark.parametrize("request_id", PAGES)
def test_any_metrics_page_may_be_anything(request_id):
    readers = readers_of(request_id)
    assert readers
    judged_with_any_page(request_id, hostile_pages(), readers)


def judged_with_any_page(request_id: str, texts: Iterable[str], readers: list[str]) -> None:
    """Judge with each of the texts at the first look, at the second and at both."""
    world = World()
    both = (request_id, request_id + AGAIN)
    pages = {name: world.observations[name].facts for name in both if name in world.observations}
    well = {name: facts["text"] for name, facts in pages.items()}
    for text in texts:
        for looks in (both[:1], both[1:], both):
            for name, facts in pages.items():
                facts["text"] = text if name in looks else well[name]
            judged(world, readers)


@pytest.mark.parametrize("entries", ENTRIES)
@pytest.mark.parametrize("request_id", DOCUMENTS)
def test_any_member_of_a_document_may_be_anything(request_id, entries):
    readers = readers_of(request_id)
    assert readers
    world = World()
    facts = world.observations[request_id].facts
    records = facts["read"].values() if "read" in facts else [facts["document"]]
    for record in records:
        whole = record["content"]
        for path, value in changes(whole, entries):
            record["content"] = with_value(whole, path, value)
            judged(world, readers)
        record["content"] = whole
