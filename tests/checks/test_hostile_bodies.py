"""Whatever a server puts into its answers, a reading is taken or there is no data; nothing else is raised."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from healthgate.facts import NoData
from tests.checks.world import CATALOGUE, World

HOSTILE = [None, True, -1, 2**70, 10**400, 1e308, "", "NaN", "9" * 5000, "\ud800", [], [[]], {}, {"*": None}]


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, below in members:
        yield from leaves(below, (*path, step))


def with_value(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(body)
    changed[path[0]] = with_value(body[path[0]], path[1:], value)
    return changed


READ = sorted(
    {
        (name, check.id)
        for check in CATALOGUE.checks.values()
        for probe in check.probes(World().systems)
        for name in probe.ids(World().systems[probe.system.name])
    }
)


@pytest.mark.parametrize("request_id", sorted({name for name, _ in READ}))
def test_any_member_may_be_anything(request_id):
    world = World()
    readers = [CATALOGUE.checks[check_id] for name, check_id in READ if name == request_id]
    facts = world.observations[request_id].facts
    whole = facts.get("json", facts)
    for path in leaves(whole):
        if whole is facts and path in {(), ("replies",), ("hashes",), ("others",)}:
            continue  # these are the probe's own words, not the server's
        for value in HOSTILE:
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
