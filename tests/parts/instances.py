"""Two instances of one service on loopback, whose counters grow as a test says: by chance, and by each look at them."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from tests.parts.project import Project
from tests.parts.target import Target

SYSTEM = '''\
"""A forge that opens streams."""

from healthgate import Duration, Exposition, System, Url, get


class Forge(System):
    """What a profile says of the forge."""

    name = "forge"
    url: Url
    deadline: Duration = Duration(5)


METRICS = Exposition(Forge, "/metrics")
STATE = get(Forge, "/state")
'''

CHECKS = '''\
"""Is the new forge no worse?"""

from checks.forge import METRICS, STATE
from healthgate import Unit, check, compare, equals, events, no_less, no_more, percent

TOLD = dict(cause="the new forge is hotter", action="roll back", runbook="canary")


@check("forge.lit", STATE["lit"], stays=equals(True), name="the forge is lit", **TOLD)
def test_lit(verdict):
    """It is lit."""
    assert verdict.healthy, verdict


@compare(
    "forge.rollout.errors",
    events(METRICS["errors_total"], of=METRICS["streams_total"]),
    stays=no_more(Unit("errors"), allowed=0.02),
    name="Errors of new streams",
    **TOLD,
)
@compare(
    "forge.rollout.heat",
    STATE["heat"],
    stays=no_more(percent),
    name="Heat",
    **TOLD,
)
def test_rollout(verdict):
    """The new forge fails no more often, and is not hotter."""
    assert verdict.healthy, verdict


@compare("forge.rollout.messages", events(METRICS["messages_total"]), stays=no_less(), name="Messages", **TOLD)
def test_messages(verdict):
    """The new forge brings as many messages."""
    assert verdict.healthy, verdict
'''


@dataclass
class Instance:
    """One instance: what happens between two looks at its page, on average, and what its other page says.

    `errors` are of each of `streams`. `lines` are added to its page, `clock` seconds to its clock, `seconds` to the
    time each answer takes. `looks` is how often its page was read.
    """

    target: Target
    streams: float = 40.0
    errors: float = 0.1
    messages: float = 30.0
    heat: float = 50.0
    lit: Any = True
    lines: str = ""
    clock: float = 0.0
    seconds: float = 0.0
    kind: str = "counter"
    failing: int = 200
    looks: int = 0
    lot: random.Random = field(default_factory=lambda: random.Random(7))
    totals: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("errors", "messages", "streams"), 1000.0))
    at_look: Any = None

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.target.answers["/metrics"] = self.page
        self.target.answers["/state"] = self.state

    def page(self, handler: Any) -> None:
        """Answer with the page, after what happened since the last look."""
        with self.lock:
            self.looks += 1
            if self.at_look is not None:
                self.at_look(self)
            streams = chance(self.streams, self.lot)
            self.totals["streams"] += streams
            self.totals["errors"] += chance(streams * self.errors, self.lot)
            self.totals["messages"] += chance(self.messages, self.lot)
            text = "".join(
                f"# TYPE {name}_total {self.kind}\n{name}_total {value:g}\n" for name, value in self.totals.items()
            )
        time.sleep(self.seconds)
        self._send(handler, text + self.lines, "text/plain; version=0.0.4")

    def state(self, handler: Any) -> None:
        """Answer how it is."""
        time.sleep(self.seconds)
        heat = self.heat * self.lot.lognormvariate(0.0, 0.05) if self.heat else 0.0
        self._send(handler, json.dumps({"lit": self.lit, "heat": heat}), "application/json")

    def _send(self, handler: Any, text: str, kind: str) -> None:
        body = text.encode()
        handler.send_response_only(self.failing)
        handler.send_header("Date", formatdate(time.time() + self.clock, usegmt=True))
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def chance(mean: float, lot: random.Random) -> int:
    """Return how many events came where `mean` do on average (Poisson)."""
    many, passed = 0, lot.expovariate(1.0)
    while passed < mean:
        many += 1
        passed += lot.expovariate(1.0)
    return many


@contextmanager
def two() -> Iterator[tuple[Instance, Instance]]:
    """Start two instances that are alike but for chance."""
    targets = Target(), Target()
    try:
        yield Instance(targets[0]), Instance(targets[1], lot=random.Random(8))
    finally:
        for target in targets:
            target.close()


def forge(project: Project, baseline: Instance, canary: Instance) -> Project:
    """Let a project be about the two instances: its environments are production and staging."""
    project.write("checks/forge/__init__.py", SYSTEM)
    project.write("checks/forge/test_forge.py", CHECKS)
    for name, instance in (("production", baseline), ("staging", canary)):
        project.environment(name, boiler="absent", forge={"url": instance.target.url})
    return project
