"""Limits made wrong on purpose, to see that the matrix would notice.

What the matrix saw is judged again with one limit of one check changed: a comparison flipped or a bound moved
by a hundredth. A change that no declared expectation contradicts has survived.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.limit import Limit, Tier
from healthgate.claim.state import State
from healthgate.environment import reader
from healthgate.observe.snapshot import Snapshot
from healthgate.run.run import Run
from tests.detection.bench import CATALOGUE, ENVIRONMENT, ROOT, Look
from tests.detection.cell import matches

TIERS = ("objective", "warning", "critical")
FLIPS = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
    "in": ("not in",),
    "not in": ("in",),
    "between": ("outside",),
    "outside": ("between",),
}
RANGES = frozenset({"between", "outside"})
STEP = 0.01
NO_EXACT_MOMENT = "it takes a little time to ask, so that no reading is exactly on the line"
TWO_PER_CENT = "fifty frames are read, and one of them is 2 %"
SAME_TICK = "two prices of the same tick have to be equal to the last digit, which warns whatever the line"
ONE_EVENT = "one event more or less in the time looked at is more than a hundredth of the line"
A_TREND = "what counts of a trend is that it rises: a step that does not is no alarm wherever its line lies"
SCALED = "time runs sixty times as fast here, and a hundredth of the line is less than it takes to ask"

EXPLAINED = {
    "gateway.reachable: critical >= 30000 flipped to >": NO_EXACT_MOMENT,
    "gateway.reachable: * moved *": "how long an answer takes is not known to a hundredth on a machine that is busy",
    "gateway.auth.token_hygiene: warning <= 86400 flipped to <": NO_EXACT_MOMENT,
    "gateway.auth.token_hygiene: critical <= 0 flipped to <": NO_EXACT_MOMENT,
    "gateway.data_age[*]: objective <= 60 flipped to <": NO_EXACT_MOMENT,
    "gateway.data_age[*]: warning > 60 flipped to >=": NO_EXACT_MOMENT,
    "gateway.data_age[*]: critical > 300 flipped to >=": NO_EXACT_MOMENT,
    "market.health_monitor.cadence: objective <= 330 flipped to <": NO_EXACT_MOMENT,
    "market.health_monitor.cadence: warning > 330 flipped to >=": NO_EXACT_MOMENT,
    "market.health_monitor.cadence: critical > 900 flipped to >=": NO_EXACT_MOMENT,
    "market.health_monitor.cadence: * moved *": SCALED,
    "market.log.connection_stable: objective <= 300 flipped to <": NO_EXACT_MOMENT,
    "market.log.connection_stable: warning > 300 flipped to >=": NO_EXACT_MOMENT,
    "market.log.connection_stable: * moved *": SCALED,
    "market.log.message_errors: warning >= 1 flipped to >": "no count of lines is exactly 1 % of the messages",
    "market.log.message_errors: critical > 10 flipped to >=": "no count of lines is exactly 10 % of the messages",
    "market.log.message_errors: * moved *": "one line more or less is more than a hundredth of the line",
    "market.price.*: objective <= 5 flipped to <": SAME_TICK,
    "market.price.*: warning > 5 flipped to >=": SAME_TICK,
    "market.price.*: * 5 moved *": SAME_TICK,
    "market.price.*: critical > 20 flipped to >=": "no two prices are exactly 20 bps apart",
    "market.ws.client_stream: objective >= 1 flipped to >": "ticks come several a second: none has come, or some",
    "market.ws.client_stream: objective >= 1 moved to 2": "ticks come several a second: none has come, or some",
    "market.ws.message_rate: warning <= 100 flipped to <": "no rate counted over 0.7 s or so is exactly 100",
    "market.ws.message_rate: * moved *": "one message more or less in a run is a rate 1.4 higher or lower",
    "market.ws.protocol[*]: warning >= 1 flipped to >": TWO_PER_CENT,
    "market.ws.protocol[*]: critical > 10 flipped to >=": TWO_PER_CENT,
    "market.ws.protocol[*]: * moved *": TWO_PER_CENT,
    "sse.cleanup.error_trend: objective >= 0 flipped to >": A_TREND,
    "sse.cleanup.error_trend: * moved *": A_TREND,
    "sse.cleanup.error_trend: warning > 1 flipped to >=": "no number of errors is exactly 1 % of the cleanups",
    "sse.cloudwatch.published: objective <= 300 flipped to <": NO_EXACT_MOMENT,
    "sse.cloudwatch.published: warning > 300 flipped to >=": NO_EXACT_MOMENT,
    "sse.cloudwatch.published: * moved *": SCALED,
    "sse.log.periodic_cycle: objective <= 2 flipped to <": NO_EXACT_MOMENT,
    "sse.log.periodic_cycle: warning > 2 flipped to >=": NO_EXACT_MOMENT,
    "sse.log.periodic_cycle: critical > 5 flipped to >=": NO_EXACT_MOMENT,
    "sse.log.retention: objective >= 30 flipped to >": NO_EXACT_MOMENT,
    "sse.log.retention: warning < 30 flipped to <=": NO_EXACT_MOMENT,
    "sse.monitoring.age: objective <= 60 flipped to <": NO_EXACT_MOMENT,
    "sse.monitoring.age: warning > 60 flipped to >=": NO_EXACT_MOMENT,
    "sse.monitoring.age: critical > 900 flipped to >=": NO_EXACT_MOMENT,
    "sse.prometheus.error_ratio: * flipped to >=": "no number of errors is exactly 5 or 10 % of the cleanups",
    "sse.prometheus.error_ratio: objective <= 5 flipped to <": "no number of errors is exactly 5 % of the cleanups",
    "sse.prometheus.error_ratio: * moved *": ONE_EVENT,
    "sse.stream.connect: objective <= 5 flipped to <": NO_EXACT_MOMENT,
    "sse.stream.connect: critical > 5 flipped to >=": NO_EXACT_MOMENT,
    "sse.stream.connect: * moved *": "to connect takes a busy machine longer than a hundredth of the line",
    "sse.stream.ping: objective <= 20 flipped to <": NO_EXACT_MOMENT,
    "sse.stream.ping: warning > 20 flipped to >=": NO_EXACT_MOMENT,
    "sse.stream.ping: critical >= 35 flipped to >": NO_EXACT_MOMENT,
    "sse.stream.ping: * moved *": SCALED,
    "wsmanager.retry.rate: * moved *": ONE_EVENT,
    "wsmanager.canary.retry_ratio: * moved *": ONE_EVENT,
    "wsmanager.canary.rollback: objective <= 5 flipped to <": "no number of errors is exactly 5 % of the streams",
    "wsmanager.canary.rollback: critical > 5 flipped to >=": "no number of errors is exactly 5 % of the streams",
    "wsmanager.canary.rollback: * moved *": ONE_EVENT,
    "sse.cleanup.error_trend: objective >= 0 flipped to <=": "where a share of errors does not rise it is 0 most often",
    "wsmanager.tls.expiry: objective >= 21 flipped to >": NO_EXACT_MOMENT,
    "wsmanager.tls.expiry: warning < 21 flipped to <=": NO_EXACT_MOMENT,
    "wsmanager.tls.expiry: critical < 7 flipped to <=": NO_EXACT_MOMENT,
}
"""Changes the matrix may miss, and why. Whether it does is a matter of chance, so they never count as killed."""

CONTINUOUS = frozenset({"%", "ms", "s", "MB", "points", "messages/s", "bps"})
"""Units in which there is always a value between two others; everything else is counted."""


@dataclass(frozen=True)
class Kept:
    """What one run saw of some checks, and the states that were declared of them; all others of these had to be ok."""

    look: Look
    expected: Mapping[str, State]
    all_others_ok: bool

    def declared(self, check: str) -> State | None:
        """Return the state declared of a check, or None if nothing was."""
        if check not in self.look.states or check in self.look.unknown:
            return None
        return self.expected.get(check, State.OK if self.all_others_ok else None)


def counted(limit: Limit) -> bool:
    """Whether the readings of this limit are whole numbers."""
    return limit.unit.symbol not in CONTINUOUS


def changes(limit: Limit) -> Iterator[tuple[str, Callable[[], Limit]]]:
    """Yield every change of this limit in words, and what makes the changed limit (ValueError if it is refused).

    A bound that is the end of one tier and the beginning of the next is moved for each tier alone and for both.
    """
    shared: dict[float, list[str]] = {}
    for name in TIERS:
        tier: Tier | None = getattr(limit, name)
        if tier is None:
            continue
        for op in FLIPS[tier.op]:
            yield f"{name} {_told(tier)} flipped to {op}", partial(replace, limit, **{name: replace(tier, op=op)})
        if tier.op in RANGES:
            yield from _narrowed(limit, name, tier)
        if isinstance(tier.value, bool) or not isinstance(tier.value, int | float):
            continue
        shared.setdefault(tier.value, []).append(name)
        for value in _beside(limit, tier.value):
            yield f"{name} {_told(tier)} moved to {value:g}", partial(limit.moved, {name: value})
    for bound, names in shared.items():
        for value in _beside(limit, bound) if len(names) > 1 else ():
            words = f"{' and '.join(names)} {bound:g} moved together to {value:g}"
            yield words, partial(limit.moved, dict.fromkeys(names, value))


def _narrowed(limit: Limit, name: str, tier: Tier) -> Iterator[tuple[str, Callable[[], Limit]]]:
    low, high = tier.value if isinstance(tier.value, tuple) else (0.0, 0.0)
    for moved in (
        *((value, high) for value in _beside(limit, float(low))),
        *((low, value) for value in _beside(limit, float(high))),
    ):
        words = f"{name} {_told(tier)} moved to {moved}"
        yield words, partial(replace, limit, **{name: replace(tier, value=moved)})


def _beside(limit: Limit, bound: float) -> tuple[float, float]:
    # a hundredth of nothing is nothing: beside zero it is a hundredth of the limit's other bound
    bounds = (bound for tier in limit.tiers().values() for bound in _bounds(tier))
    largest = max(abs(bound) for bound in bounds if isinstance(bound, int | float))
    step = 1 if counted(limit) else STEP * (abs(bound) or largest)
    return round(bound - step, 9), round(bound + step, 9)


def _bounds(tier: Tier) -> tuple[object, ...]:
    return tier.value if isinstance(tier.value, tuple) else (tier.value,)


def _told(tier: Tier) -> str:
    return f"{tier.op} {tier.value:g}" if isinstance(tier.value, float) else f"{tier.op} {tier.value}"


def told_apart(one: Limit, other: Limit) -> bool:
    """Whether any value there can be is judged differently by two limits: tried at, beside and between all bounds."""
    values: list[object] = []
    bounds = {bound for limit in (one, other) for tier in limit.tiers().values() for bound in _bounds(tier)}
    numbers = sorted(b for b in bounds if isinstance(b, int | float) and not isinstance(b, bool))
    if len(numbers) < len(bounds):
        values = [*bounds, "any other text"] if not any(isinstance(b, bool) for b in bounds) else [True, False]
    elif counted(one):
        values = [math.floor(number) + step for number in numbers for step in (-1, 0, 1, 2)]
    else:
        lowest = numbers[0] - 2 if one.floor is None else min(one.floor, numbers[0])
        values = [*numbers, *((low + high) / 2 for low, high in pairwise([lowest, *numbers, numbers[-1] + 2]))]
    return any(one.judge(value) is not other.judge(value) for value in values)


@dataclass
class Mutations:
    """All changes in words, and what became of them.

    Killed: a declared expectation did not hold any more. Refused: the limit contradicts itself, which is an error
    when the checks are imported. Equivalent: no value there can be is judged differently.
    """

    killed: list[str]
    refused: list[str]
    equivalent: list[str]
    survived: list[str]

    @property
    def total(self) -> int:
        """How many were tried."""
        return len(self.killed) + len(self.refused) + len(self.equivalent) + len(self.survived)

    @cached_property
    def explained(self) -> dict[str, str]:
        """Changes that may be missed, and why."""
        every = [*self.killed, *self.survived]
        return {name: why for name in every for pattern, why in EXPLAINED.items() if matches(pattern, name)}

    @property
    def unexplained(self) -> list[str]:
        """Changes that were missed without a reason."""
        return [name for name in self.survived if name not in self.explained]


def mutate(kept: Sequence[Kept]) -> Mutations:
    """Judge what was kept with every changed limit, one at a time."""
    found = Mutations([], [], [], [])
    judged = _Judged(kept)
    for check in CATALOGUE.checks.values():
        for words, make in changes(check.stays):
            name = f"{check.id}: {words}"
            try:
                limit = make()
            except ValueError:  # what contradicts itself is refused when the checks are imported
                found.refused.append(name)
                continue
            if not told_apart(check.stays, limit):
                found.equivalent.append(name)
            elif judged.noticed(check.id, limit):
                found.killed.append(name)
            else:
                found.survived.append(name)
    return found


class _Judged:
    """The kept snapshots, ready to be judged again."""

    def __init__(self, kept: Sequence[Kept]) -> None:
        self.kept = kept
        self.profile = reader.read(ROOT / "environments" / f"{ENVIRONMENT}.yaml", CATALOGUE, ENVIRONMENT)

    def noticed(self, check: str, limit: Limit) -> bool:
        """Whether a declared expectation does not hold any more once a check has this limit.

        Where the two limits agree on the value that was read, there is nothing to judge again.
        """
        checks = dict(CATALOGUE.checks)
        checks[check] = replace(checks[check], stays=limit)
        mutated = Catalogue(CATALOGUE.systems, checks)
        return any(
            self._state(one.look.snapshot, mutated, check) is not one.declared(check)
            for one in self.kept
            if one.declared(check) not in (None, State.BLOCKED)
            and limit.judge(one.look.values[check]) is not CATALOGUE.checks[check].stays.judge(one.look.values[check])
        )

    def _state(self, snapshot: Snapshot, mutated: Catalogue, check: str) -> State:
        run = Run(
            root=ROOT,
            folder=None,
            catalogue=mutated,
            profiles={ENVIRONMENT: self.profile},
            floor=None,
            sample=0.0,
            runbooks="{name}",
            replayed=snapshot,
        )
        run.observe({ENVIRONMENT: [mutated.checks[check]]}, lambda *_: None)
        return run.verdict(ENVIRONMENT, check).state
