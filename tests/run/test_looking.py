"""Both sides are asked at the same ticks, each endpoint once, in an order drawn anew each time."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from healthgate import Exposition, Unit, events, get, no_more
from healthgate.claim.check import declared_on
from healthgate.claim.compared import compare
from healthgate.claim.system import Duration, System, Url
from healthgate.observe.observer import Observer, Task
from healthgate.run.endpoints import Side, compared
from healthgate.run.looking import Looking
from healthgate.secret import Redactor
from tests.parts.instances import Instance, two


class Forge(System):
    """What a profile says of the forge."""

    name = "forge"
    url: Url
    deadline: Duration = Duration(5)


METRICS = Exposition(Forge, "/metrics")
STATE = get(Forge, "/state")


@compare(
    "forge.rollout.errors",
    events(METRICS["errors_total"], of=METRICS["streams_total"]),
    stays=no_more(Unit("errors")),
    name="Errors",
    cause="c",
    action="a",
    runbook="canary",
)
def rollout(verdict: object) -> None:
    """It fails no more often."""


class Noting(Observer):
    """An observer that notes in which order it was asked to make requests."""

    def __init__(self) -> None:
        super().__init__(Redactor(), lambda *_: None)
        self.orders: list[tuple[str, ...]] = []

    def run(self, tasks: "Iterator[Task] | list[Task]") -> None:
        several = list(tasks)
        self.orders.append(tuple(f"{task.environment} {task.request.id}" for task in several))
        super().run(several)


@pytest.fixture
def pair() -> Iterator[tuple[Instance, Instance]]:
    with two() as both:
        yield both


def looking(pair: tuple[Instance, Instance]) -> Looking:
    sides = [
        Side(name, {"forge": Forge(url=Url(one.target.url))})
        for name, one in zip(("production", "staging"), pair, strict=True)
    ]
    declared = {one.id: one for one in declared_on(rollout)}
    found = {**declared, **compared([METRICS, STATE], *sides)}
    return Looking(*sides, found, 5.0, Redactor(), random.Random(3))


def test_each_look_asks_everything_once_on_both_sides_in_another_order(pair: tuple[Instance, Instance]) -> None:
    observer, look = Noting(), looking(pair)
    try:
        for _ in range(12):
            look.ask(observer)
    finally:
        observer.close()
    assert len(set(observer.orders)) > 6
    assert {order[0].partition(" ")[0] for order in observer.orders} == {"production", "staging"}
    wanted = Counter(
        {f"{side} forge GET /{page}": 1 for side in ("production", "staging") for page in ("metrics", "state")}
    )
    assert all(Counter(order) == wanted for order in observer.orders)
    assert [dict(one.target.counts()) for one in pair] == [{"/metrics": 12, "/state": 12}] * 2


def test_a_side_that_misses_a_look_is_counted_over_the_same_time_as_the_other(pair: tuple[Instance, Instance]) -> None:
    """What came while one did not answer is in the next tick of both, or in none."""
    observer, look = Noting(), looking(pair)
    try:
        look.begin(look.ask(observer))
        totals = [dict(one.totals) for one in pair]
        pair[1].failing = 503
        missed = next(tick for tick in look.ticks(look.ask(observer), 5.0) if tick.id == "forge.rollout.errors")
        pair[1].failing = 200
        found = next(tick for tick in look.ticks(look.ask(observer), 10.0) if tick.id == "forge.rollout.errors")
    finally:
        observer.close()
    assert (missed.baseline is None, missed.canary) == (False, None)
    assert missed.note == "staging: it answered 503, not 200"
    grown = [one.totals["streams"] - before["streams"] for one, before in zip(pair, totals, strict=True)]
    assert found.of == min(grown)
    assert None not in (found.baseline, found.canary)


def test_a_failed_request_is_no_latency(pair: tuple[Instance, Instance]) -> None:
    observer, look = Noting(), looking(pair)
    pair[1].failing = 503
    try:
        look.begin(look.ask(observer))
        found = {tick.id: tick for tick in look.ticks(look.ask(observer), 5.0)}
    finally:
        observer.close()
    slow = found["forge.latency[GET_state]"]
    assert isinstance(slow.baseline, float)
    assert (slow.canary, slow.note) == (None, "staging: it answered 503")
    assert (found["forge.requests.failed"].baseline, found["forge.requests.failed"].canary) == (0.0, 2.0)
    assert found["forge.requests.failed"].of == 2.0


def test_what_both_sides_share_is_not_compared(pair: tuple[Instance, Instance]) -> None:
    one = Side("production", {"forge": Forge(url=Url(pair[0].target.url))})
    other = Side("staging", {"forge": Forge(url=Url(pair[0].target.url))})
    assert compared([METRICS, STATE], one, other) == {}


def test_an_endpoint_stands_where_its_system_is_declared(pair: tuple[Instance, Instance]) -> None:
    (first, *_) = looking(pair).comparisons.values()
    latency = looking(pair).comparisons["forge.latency[GET_state]"]
    assert Path(latency.file) == Path(first.file) == Path(__file__)
