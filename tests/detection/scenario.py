"""Whole incidents played in a running lab, and judged by their lists."""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from healthgate.claim.state import State
from tests.attempts import ATTEMPTS
from tests.detection.bench import CATALOGUE, Bench, Look
from tests.detection.cell import ROLLUPS, SHOWS_WITHIN_S, TRIPPED, Fault, Injection, among

LOOK_S = 7.0
"""The longest a single look and the pause before it may take, so that a recovery just in time is seen."""


@dataclass(frozen=True)
class Scenario:
    """One incident: patterns of what must trip, may trip, must stay green, and what deviates from these and why."""

    id: str
    title: str
    injection: Injection
    must_trip: tuple[str, ...]
    may_trip: tuple[str, ...]
    must_stay_green: tuple[str, ...]
    recovers_within_s: float
    recovery: str
    shows_within_s: float = SHOWS_WITHIN_S
    also: Mapping[str, str] = field(default_factory=dict)
    otherwise: Mapping[str, tuple[State, str]] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Scenario":
        """Read one entry of the file."""
        faults = [Fault(one.pop("id"), one) for one in map(dict, record["inject"])]
        return cls(
            id=record["id"],
            title=record["title"],
            injection=Injection(tuple(faults)),
            must_trip=tuple(record["must_trip"]),
            may_trip=tuple(record["may_trip"]),
            must_stay_green=tuple(record["must_stay_green"]),
            recovers_within_s=record["recovery"]["within_s"],
            recovery=record["recovery"]["words"],
            shows_within_s=record.get("shows_within_s", SHOWS_WITHIN_S),
            also=record.get("also", {}),
            otherwise={check: (State(one["state"]), one["why"]) for check, one in record.get("otherwise", {}).items()},
        )

    @property
    def patterns(self) -> list[str]:
        """Every pattern the lists hold."""
        return [*self.must_trip, *self.may_trip, *self.must_stay_green, *self.also, *self.otherwise]

    def deviations(self, states: Mapping[str, State]) -> list[str]:
        """Say in words how these states differ from what the lists ask for."""
        return list(self._differing(states))

    def _differing(self, states: Mapping[str, State]) -> Iterator[str]:
        must, green = _all(self.must_trip, states), _all(self.must_stay_green, states)
        allowed = must | _all(self.may_trip, states) | _all(self.also, states) | ROLLUPS
        for check, state in sorted(states.items()):
            wanted = self.otherwise.get(check, (None, ""))[0]
            if wanted:
                if state is not wanted:
                    yield f"{check} must be {wanted} and is {state}"
            elif check in must and state not in TRIPPED:
                yield f"{check} must trip and is {state}"
            elif check in green and state is not State.OK:
                yield f"{check} must stay green and is {state}"
            elif check not in allowed and state in TRIPPED:
                yield f"{check} is {state}, and no list says that it may be"


def _all(patterns: Collection[str], known: Collection[str]) -> set[str]:
    return {check for pattern in patterns for check in among(pattern, known)}


SCENARIOS: dict[str, Scenario] = {
    record["id"]: Scenario.from_record(record)
    for record in yaml.load(Path(__file__).with_name("scenarios.yaml").read_text("utf-8"), yaml.CSafeLoader)
}


@dataclass
class Played:
    """What came of a scenario."""

    scenario: Scenario
    during: Look
    after: Look
    recovered_s: float
    took_s: float = field(compare=False, default=0.0)

    @property
    def recovered(self) -> bool:
        """Whether all was well in the time stated."""
        return not self.after.not_ok and self.recovered_s <= self.scenario.recovers_within_s + LOOK_S

    @property
    def complaints(self) -> list[str]:
        """Say what was not as the lists ask for, a sentence each."""
        left = ", ".join(f"{check} is {state}" for check, state in self.after.not_ok.items())
        late = f"recovery took {self.recovered_s:.0f} s, not {self.scenario.recovers_within_s:g} s; {left}"
        return [*self.deviations, *([] if self.recovered else [late])]

    @property
    def deviations(self) -> list[str]:
        """How the incident looked other than its lists ask for."""
        found = self.scenario.deviations(self.during.states)
        return [f"{words}: {self.during.reasons[words.partition(' ')[0]]}" for words in found]


@dataclass(frozen=True)
class Play:
    """A job: play one scenario."""

    scenario: Scenario

    def __call__(self, bench: Bench) -> Played:
        """Cause the incident, wait until it looks as it should, end it, wait for the recovery; again if it did not."""
        began = time.monotonic()
        one = self.scenario
        bench.settle(bench.unknown)
        for _ in range(ATTEMPTS["a scenario"]):
            with bench.suffering(one.injection):
                during = bench.until(lambda look: not one.deviations(look.states), bench.patience(one.shows_within_s))
            patience = bench.patience(one.recovers_within_s)
            after = bench.recovered(patience, bench.unknown)
            played = Played(one, during, after, patience.passed_s, time.monotonic() - began)
            if not played.deviations:
                break
        return played


def unknown_ids() -> dict[str, list[str]]:
    """Return, by scenario, the patterns that mean no check there is."""
    found = {
        one.id: [pattern for pattern in one.patterns if not among(pattern, CATALOGUE.checks)]
        for one in SCENARIOS.values()
    }
    return {name: patterns for name, patterns in found.items() if patterns}
