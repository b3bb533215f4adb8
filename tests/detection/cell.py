"""What is broken on purpose, and what the checks have to say about it: one cell a check.

A cell is exact: every check it does not mention has to stay `ok` while its fault lasts.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim.state import State

ROLLUPS = frozenset({"gateway.summary.system_health", "market.system_health"})
"""The checks that follow whatever is wrong with the platform, so that they may trip beside any other."""

TRIPPED = frozenset({State.WARNING, State.CRITICAL})
"""States that are an alarm; the others (missed, unknown, blocked) are declared as well, and are none."""

SHOWS_WITHIN_S = 20.0
"""Seconds within which a fault usually shows; what must last for some time takes longer."""

PROFILE = "profile"
"""Layer of an injection that changes no system, only what the run is given."""


@dataclass(frozen=True)
class Fault:
    """A fault of the lab with its parameters."""

    id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """What it acts on: a figure of a service, a line of a log, else whatever all faults of its kind act on."""
        given = self.parameters
        if "pointer" in given or "family" in given:
            return " ".join(str(given.get(name, "")) for name in ("service", "path", "pointer", "family"))
        return f"{self.id} {given['line']}" if "line" in given else self.id

    def __str__(self) -> str:
        given = self.parameters.items()
        told = ", ".join(f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given)
        return f"{self.id}({told})" if told else self.id


def fault(name: str, /, **parameters: Any) -> Fault:
    """Return a fault of the lab; a parameter that Python reserves is written with a trailing underscore."""
    return Fault(name, {key.rstrip("_"): value for key, value in parameters.items()})


@dataclass(frozen=True)
class Token:
    """A token the lab's gateway is asked for: a role, and how long it holds in seconds."""

    role: str
    holds_s: float

    def __str__(self) -> str:
        return f"a token of {self.role} that ends in {self.holds_s / 3600:g} h"


Given = Mapping[str, "str | Token"]


@dataclass(frozen=True)
class Injection:
    """Faults that are caused together, and variables the run is given instead of the lab's."""

    faults: tuple[Fault, ...] = ()
    given: Given = field(default_factory=dict)

    @property
    def touches(self) -> set[str]:
        """What it acts on: figures, logs, certificates, variables of the run."""
        return {one.place for one in self.faults} | set(self.given)

    def __str__(self) -> str:
        return " + ".join([*map(str, self.faults), *(f"{name} is {value}" for name, value in self.given.items())])

    @property
    def key(self) -> str:
        """What is the same for the same injection and for no other."""
        return json.dumps([[one.id, one.parameters] for one in self.faults] + sorted(map(str, self.given.items())))


@dataclass(frozen=True)
class Cell:
    """The fault that has to trip a check, the state that is then expected of it, and what goes with it.

    `collateral` is what follows by logic: other views of the same fact. `rollup` is what summaries then say.
    `blocked` are patterns of the checks that rest on one that trips. `why` says why nothing more real than a
    report or an answer is altered, where that is so, or what else a reader should know. What `passes` is seen for a
    short time only, and is lost in a look that waits for something else.
    """

    injection: Injection
    state: State
    collateral: Mapping[str, State] = field(default_factory=dict)
    rollup: State = State.OK
    blocked: tuple[str, ...] = ()
    why: str = ""
    shows_within_s: float = SHOWS_WITHIN_S
    passes: bool = False

    def expected(self, check_id: str, known: Collection[str]) -> dict[str, State]:
        """Return the state of every check that may not be ok, by id."""
        found = {check_id: self.state, **self.collateral}
        if self.rollup is not State.OK:
            found = dict.fromkeys(ROLLUPS, self.rollup) | found
        rests = {name for pattern in self.blocked for name in among(pattern, known)}
        return dict.fromkeys(rests - set(found), State.BLOCKED) | found


def cell(
    *faults: Fault,
    turns: State,
    given: Given | None = None,
    collateral: Mapping[str, State] | None = None,
    rollup: State = State.OK,
    blocked: Iterable[str] = (),
    why: str = "",
    shows_within_s: float = SHOWS_WITHIN_S,
    passes: bool = False,
) -> Cell:
    """Return a cell: these faults together turn the check to a state, within so many seconds."""
    return Cell(
        Injection(faults, given or {}), turns, collateral or {}, rollup, tuple(blocked), why, shows_within_s, passes
    )


def matches(pattern: str, name: str) -> bool:
    """Whether a name is meant by a pattern, in which `*` stands for any text."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None


def among(pattern: str, known: Iterable[str]) -> set[str]:
    """Return the checks a pattern means; a row means all its parameters."""
    return {check for check in known if matches(pattern, check) or matches(pattern, check.partition("[")[0])}
