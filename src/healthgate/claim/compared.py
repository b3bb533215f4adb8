"""A comparison: one sentence about a canary beside its baseline, as data. Declaring one reads nothing.

It stands beside the checks, in the same form. What it reads is read in two environments at the same ticks, and judged
by `healthgate.canary`, for as long as a trial takes.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict, Unpack

from healthgate.claim.check import ID, MARK, Check, Function, declared_on
from healthgate.claim.limit import Limit, Tier, Unit, bare
from healthgate.claim.source import Counter, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.claim.tally import Tally
from healthgate.printable import printable, shown


class Events(Source):
    """How many events a counter counted in a tick, of how many another one did (None: of nobody knows how many)."""

    def __init__(self, counter: Counter, of: Counter | None) -> None:
        self.counter = counter
        self.of = of
        self.counters = (counter,) if of is None else (counter, of)

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        """Return the requests whose answers have the counters."""
        found = (probe for one in self.counters for probe in one.again.first.probes(systems))
        return tuple(dict.fromkeys(found))

    def where(self, systems: Mapping[str, System]) -> str:
        """Return where the counters are read."""
        return ", ".join(one.where(systems) for one in self.counters)

    def value(self, scene: Scene) -> tuple[Tally, ...]:
        """Return the counters as one look saw them; NoData where that cannot be told."""
        return tuple(_tally(one, scene) for one in self.counters)


def _tally(counter: Counter, scene: Scene) -> Tally:
    page = counter.again.first
    (request,) = page.ids(page.settings(scene.systems))
    return counter.tally(scene.observation(request), scene.systems)


def events(counter: Counter, *, of: Counter | None = None) -> Events:
    """`events(METRICS["errors_total"], of=METRICS["requests_total"])`: what came in each tick, and of how many.

    Both are counters that only grow: of a metrics page, or members of a JSON answer by `counter(…)`. TypeError for what
    is none, be it a rate or a gauge.
    """
    for one in (counter,) if of is None else (counter, of):
        if not hasattr(one, "tally"):
            raise TypeError(
                f"{printable(one, 60)} is no counter: events() counts what METRICS['…'] or counter(…) reads"
            )
    return Events(counter, of)


times = Unit("times")


class Terms(TypedDict, total=False):
    """What is said of a comparison beside its unit, as `no_more` takes it."""

    worse_by: float
    tolerates: float
    allowed: float | None
    cushion: float


class NoWorse(Limit):
    """What the canary may do beside the baseline, as a limit of the ratio; made by `no_more` and `no_less`."""

    worse: Literal["higher", "lower"]
    reads: Unit
    worse_by: float
    tolerates: float
    allowed: float | None
    cushion: float

    def __init__(self, worse: Literal["higher", "lower"], reads: Unit, **terms: Unpack[Terms]) -> None:
        by, tolerates = terms.get("worse_by", 1.25), terms.get("tolerates", 1.5)
        allowed, cushion = terms.get("allowed"), terms.get("cushion", 0.0)
        if not 1 <= by < tolerates:
            raise ValueError(f"worse_by={by:g}, tolerates={tolerates:g}: 1 ≤ worse_by < tolerates")
        if allowed is not None and allowed <= 0:
            raise ValueError(f"allowed={allowed:g} allows nothing; leave it out, or name what nobody minds")
        if cushion < 0:
            raise ValueError(f"cushion={cushion:g} is below nothing")
        objective, critical = (
            (Tier("<", by), Tier(">=", by)) if worse == "higher" else (Tier(">", 1 / by), Tier("<=", 1 / by))
        )
        super().__init__(objective, times, critical=critical)
        vars(self).update(worse=worse, reads=reads, worse_by=by, tolerates=tolerates, allowed=allowed, cushion=cushion)

    def __str__(self) -> str:
        direction = "more" if self.worse == "higher" else "less"
        allowed = f", {shown(self.allowed)} allowed" if self.allowed is not None else ""
        lines = f"critical {self.worse_by:g} times, proven below {self.tolerates:g}"
        return f"no {direction} than the baseline, {lines}{allowed}"


def no_more(unit: Unit = bare, **terms: Unpack[Terms]) -> NoWorse:
    """Healthy where the canary has no more than the baseline, of what is read in `unit`.

    A canary that is proven worse, and has `worse_by` times as much (1.25) or more, is critical; one that is proven to
    have less than `tolerates` times as much (1.5) is ok. `allowed` is what nobody minds whatever the baseline has: of
    events how many there may be for each of those they are counted of (0.01: one in a hundred), of anything else a
    value in `unit`. `cushion` is added to both sides, in `unit`, so that trifles do not count: with 10 ms, 3 ms are not
    three times 1 ms. ValueError where they contradict each other.
    """
    return NoWorse("higher", unit, **terms)


def no_less(unit: Unit = bare, **terms: Unpack[Terms]) -> NoWorse:
    """Healthy where the canary has no less than the baseline: as `no_more`, the other way round."""
    return NoWorse("lower", unit, **terms)


class Compared(Check):
    """One comparison. `recorded` says which Prometheus has recorded what it reads, and by which label sides differ."""

    recorded: "Recorded | None" = None
    is_comparison = True

    @property
    def margin(self) -> NoWorse:
        """What the canary may do."""
        assert isinstance(self.stays, NoWorse)
        return self.stays


class Recorded:
    """A Prometheus that scrapes both sides: `label` says what each is, and holds the stage of its profile.

    `server` is one that a system declares; what it is asked is asked for the counters as they are, never for a rate.
    """

    def __init__(self, server: Any, label: str) -> None:
        self.server = server
        self.label = label


def compare(
    id: str,  # noqa: A002
    reading: Source,
    *,
    stays: NoWorse,
    name: str,
    cause: str,
    action: str,
    runbook: str,
    recorded: Recorded | None = None,
) -> Callable[[Function], Function]:
    """Declare a comparison on the test function below; ValueError or TypeError if the declaration is wrong.

    `reading` is `events(…)`, or any source of a number. It is only read where a canary is tried: `--for`.
    """
    if not ID.fullmatch(id):
        raise ValueError(f"{id!r} is not a check id; write system.area.claim, with a parameter in brackets if any")
    if not isinstance(reading, Source):
        raise TypeError(f"{id} reads {printable(reading, 60)}, which is no source; write events(…), or a reading")
    if not isinstance(stays, NoWorse):
        raise TypeError(f"{id} stays {printable(stays, 60)}; a comparison stays no_more(…) or no_less(…)")
    if isinstance(reading, Events) and stays.allowed is not None and not (reading.of and stays.allowed < 1):
        raise ValueError(f"{id} allows {stays.allowed:g} of nothing; write events(…, of=…), and a share below 1")
    frame = sys._getframe(1)  # noqa: SLF001 (the line of the claim is what a failure points at)
    declared = Compared(
        id=id,
        reading=reading,
        stays=stays,
        name=name,
        cause=cause,
        action=action,
        runbook=runbook,
        cadence=0.0,
        requires=(),
        attempts=1,
        file=frame.f_code.co_filename,
        line=frame.f_lineno,
    )
    vars(declared)["recorded"] = recorded

    def declare(function: Function) -> Function:
        setattr(function, MARK, [declared, *declared_on(function)])
        return function

    return declare
