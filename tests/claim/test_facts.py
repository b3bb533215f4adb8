"""Facts never stand in for what is missing."""

import math
from typing import Any

import pytest

from healthgate.claim.facts import Facts, NoData, iso_moment

BODY = Facts(
    {
        "pool": {"used": 3, "rate": 0.5, "full": False, "name": "a", "none": None, "nan": math.nan, "huge": 10**400},
        "nodes": [{"id": "x", "lag": 1}, {"id": "y", "lag": 2}],
        "when": "2026-03-02T09:15:00Z",
    }
)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda: BODY.number("pool.free"), "pool.free is missing"),
        (lambda: BODY.number("pool.used.deep"), "pool.used.deep is missing, since pool.used is 3"),
        (lambda: BODY["nodes"][7], "nodes[7] is missing"),
        (lambda: BODY["nodes"]["id"], "nodes.id is missing, since nodes is a list"),
        (lambda: BODY["pool"][0], "pool[0] is missing, since pool is an object"),
        (lambda: BODY.number("pool.none"), "pool.none is null, not a number"),
        (lambda: BODY.number("pool.full"), "pool.full is false, not a number"),
        (lambda: BODY.number("pool.name"), 'pool.name is "a", not a number'),
        (lambda: BODY.number("pool.nan"), "pool.nan is nan, not a finite number"),
        (lambda: BODY.number("pool.huge"), "which is too large to be a number"),
        (lambda: BODY.integer("pool.huge"), "which is too large to be a whole number"),
        (lambda: BODY.integer("pool.rate"), "pool.rate is 0.5, not a whole number"),
        (lambda: BODY.integer("pool.full"), "pool.full is false, not a whole number"),
        (lambda: BODY.boolean("pool.used"), "pool.used is 3, not true or false"),
        (lambda: BODY.text("pool.used"), "pool.used is 3, not text"),
        (lambda: BODY.elements("pool"), "pool is an object, not a list"),
        (lambda: BODY.members("nodes"), "nodes is a list, not an object"),
        (lambda: BODY.moment("pool.name"), 'pool.name is "a", not a time such as'),
        (lambda: Facts([]).number(), "the body is a list, not a number"),
        (lambda: Facts(None)["a"], "a is missing, since the body is null"),
    ],
)
def test_what_is_not_there_as_promised_is_no_data_by_name(read: Any, said: str) -> None:
    """Missing, null, of another type, not finite: the path and what stands there instead."""
    with pytest.raises(NoData) as nothing:
        read()
    assert said in str(nothing.value)


def test_what_is_there_is_read_as_promised() -> None:
    """Plain values of the promised type."""
    assert BODY.number("pool.used") == 3.0
    assert BODY.integer("pool.used") == 3
    assert BODY.boolean("pool.full") is False
    assert BODY.text("pool.name") == "a"
    assert [node.text("id") for node in BODY.elements("nodes")] == ["x", "y"]
    assert BODY.members("pool")["used"].number() == 3
    assert [node.path for node in BODY.matches("nodes.*.lag")] == ["nodes[0].lag", "nodes[1].lag"]
    assert BODY.has("pool.none")
    assert not BODY.has("pool.free")


@pytest.mark.parametrize("text", ["2026-03-02T09:15:00", "09:15", "yesterday", "", "2026-13-02T09:15:00Z", "9" * 5000])
def test_a_time_without_zone_or_sense_is_no_time(text: str) -> None:
    """Guessing a zone would make stale data fresh."""
    assert iso_moment(text) is None


def test_times_of_different_zones_are_the_same_moment() -> None:
    """Seconds since 1970."""
    assert iso_moment("2026-03-02T09:15:00Z") == iso_moment("2026-03-02T10:15:00+01:00") == 1772442900
    assert iso_moment("0001-01-01T00:00:00+23:59") is None


def test_facts_do_not_print_their_contents() -> None:
    """A crash shows where they stand, not what they hold."""
    assert repr(BODY["pool"]) == "<facts at pool>"
