"""A check: one sentence about a system, as data. Declaring one reads nothing."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from healthgate import duration
from healthgate.claim.limit import Limit
from healthgate.claim.source import Later, Probe, Source
from healthgate.claim.system import System
from healthgate.printable import printable

ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+(\[[A-Za-z0-9_.-]+\])?")
MARK = "__healthgate_checks__"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Check:
    """One claim. `cadence` is in seconds; `file` and `line` say where the claim stands.

    `attempts` is how often sources that race against each other may be read until they agree. `sums_up` names what a
    roll-up is made of: check ids, rows, or what they begin with. `is_comparison`: a canary is compared by it.
    """

    id: str
    reading: Source
    stays: Limit
    name: str
    cause: str
    action: str
    runbook: str
    cadence: float
    requires: tuple[str, ...]
    attempts: int
    file: str
    line: int
    sums_up: tuple[str, ...] = ()
    is_comparison = False

    @property
    def system(self) -> str:
        """The system the claim is about: the first part of its id."""
        return self.id.partition(".")[0]

    @property
    def row(self) -> str:
        """The id without its parameter: `boiler.valve.opening[left]` is of row `boiler.valve.opening`."""
        return self.id.partition("[")[0]

    @property
    def slug(self) -> str:
        """What names the check within its test function: the id's last part, with its parameter."""
        row, _, parameter = self.id.rstrip("]").partition("[")
        last = row.rpartition(".")[2]
        return f"{last}-{parameter}" if parameter else last

    def covers(self, check_id: str) -> bool:
        """Whether this check is a roll-up that follows from the check called `check_id` among others."""
        return check_id != self.id and any(
            check_id == name or check_id.startswith((f"{name}.", f"{name}[")) for name in self.sums_up
        )

    def required(self, systems: Mapping[str, System]) -> tuple[str, ...]:
        """Return the checks that must be ok before this one says anything, where `systems` are present."""
        proofs = self.reading.proofs(systems)
        wanted = dict.fromkeys(name for name in (*self.requires, *proofs) if name != self.id)
        return tuple(name for name in wanted if not is_absent(name, systems))

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        """Return the probes this check reads; Absent names what the environment leaves out."""
        found: dict[Probe, None] = {}
        for probe in self.reading.probes(systems):
            if isinstance(probe, Later):
                found[probe.first] = None
            found[probe] = None
        return tuple(found)


def is_absent(check_id: str, systems: Mapping[str, System]) -> bool:
    """Whether the profile says that a check is not made where these systems are."""
    system = systems.get(check_id.partition(".")[0])
    return system is not None and system.here.lacks_check(check_id) is not None


@dataclass(frozen=True)
class Terms:
    """What one environment says of a check at some moment: by which limit it is judged there.

    In words: why that is another limit than the check's own, until when and why it is in maintenance, its known issue.
    """

    limit: Limit
    override: str | None = None
    maintenance: str | None = None
    issue: str | None = None


def check(
    id: str,  # noqa: A002
    reading: Source,
    *,
    stays: Limit,
    name: str,
    cause: str,
    action: str,
    runbook: str,
    every: str = "60s",
    requires: Iterable[str] = (),
    attempts: int = 1,
    sums_up: Iterable[str] = (),
) -> Callable[[Function], Function]:
    """Declare a check on the test function below; ValueError or TypeError if the declaration is wrong.

    `every` is how often the check is meant to be run, as a duration. `requires` adds checks that must be ok
    first to those that prove the requests the reading is taken from. `sums_up` says of a roll-up what it is made of:
    where a part fails as badly, the roll-up is red too, and is told as the echo it is. `runbook` is the name of a
    page in `docs/runbooks/`.
    """
    if not ID.fullmatch(id):
        raise ValueError(f"{id!r} is not a check id; write system.area.claim, with a parameter in brackets if any")
    if not isinstance(reading, Source):
        raise TypeError(f"{id} reads {printable(reading, 60)}, which is no source; write @measure(…) above a function")
    if not isinstance(stays, Limit):
        raise TypeError(f"{id} stays {printable(stays, 60)}, which is no limit; write equals(…), below(…), at_most(…)")
    if isinstance(requires, str) or isinstance(sums_up, str):
        raise TypeError(f"{id} names other checks in a list: requires=[…], sums_up=[…]")
    frame = sys._getframe(1)  # noqa: SLF001 (the line of the claim is what a failure points at)
    declared = Check(
        id=id,
        reading=reading,
        stays=stays,
        name=name,
        cause=cause,
        action=action,
        runbook=runbook,
        cadence=duration.seconds(every),
        requires=tuple(requires),
        attempts=attempts,
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
        sums_up=tuple(sums_up),
    )

    def declare(function: Function) -> Function:
        setattr(function, MARK, [declared, *declared_on(function)])
        return function

    return declare


def each(checks: Iterable[Callable[[Function], Function]]) -> Callable[[Function], Function]:
    """Declare several checks on one test function, as in `@each(check(…) for route in ROUTES)`."""
    several = list(checks)

    def declare(function: Function) -> Function:
        for one in reversed(several):
            function = one(function)
        return function

    return declare


def declared_on(function: object) -> list[Check]:
    """Return the checks declared on a test function, in order."""
    found: list[Check] = getattr(function, MARK, [])
    return found
