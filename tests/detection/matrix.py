"""Every declared fault caused in a running lab: healthy, fault, healthy again, and what the checks said."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from healthgate.state import State
from tests.detection import gateway, market, sse, wsmanager
from tests.detection.bench import CATALOGUE, HEALS_WITHIN_S, Bench, Healing, Look, of
from tests.detection.cell import ROLLUP, TRIPPED, Cell, Injection, among

PARTS = (frozenset({"gateway", "market"}), frozenset({"wsmanager"}), frozenset({"sse"}))
"""Systems that have nothing to do with those of another part: what is broken in one part is seen in no other."""

TIMES = 2
"""How often injections are tried at most."""

CELLS: dict[str, Cell] = gateway.CELLS | market.CELLS | wsmanager.CELLS | sse.CELLS


@dataclass
class Round:
    """One injection: what was expected of whom, what was seen while it lasted and after it was lifted.

    `meanwhile` is what was expected of the next injection, where that had been caused when this one was seen healed.
    """

    injection: Injection
    checks: list[str]
    expected: dict[str, State]
    during: Look
    took_s: float = field(compare=False, default=0.0)
    after: Look = field(init=False)
    meanwhile: dict[str, State] = field(init=False, default_factory=dict)

    def see_healed(self, look: Look, meanwhile: Mapping[str, State]) -> None:
        """Keep what was seen once the faults were lifted."""
        self.after, self.meanwhile = look, dict(meanwhile)

    @property
    def unexpected(self) -> dict[str, State]:
        """Alarms that nobody declared, and declared ones in another state."""
        return {
            check: state
            for check, state in self.during.not_ok.items()
            if state in TRIPPED and self.expected.get(check) is not state and check not in self.checks
        }

    @property
    def strays(self) -> dict[str, State]:
        """Checks that are not ok without being an alarm (missed, unknown, blocked), and should not be so."""
        return {
            check: state
            for check, state in self.during.not_ok.items()
            if state not in TRIPPED and self.expected.get(check) is not state and check not in self.checks
        }

    @property
    def absent(self) -> dict[str, State]:
        """What was declared to go with it and did not."""
        told = self.unexpected | self.strays
        return {
            check: state
            for check, state in self.expected.items()
            if check not in self.checks and check not in told and self.during.states.get(check) is not state
        }

    @property
    def healed(self) -> bool:
        """Whether every check was ok again once the fault was lifted, but for what the next one was to bring."""
        return self.after.not_ok == self.meanwhile

    def detected(self, check: str) -> bool:
        """Whether a check came to the state declared for it."""
        return self.during.states.get(check) is self.expected[check]

    @property
    def exact(self) -> bool:
        """Whether all checks together were as declared."""
        return self.during.not_ok == self.expected

    def complaint(self, check: str) -> str:
        """Say in one sentence how this differs from what was declared of a check; empty if it does not."""
        told = [f"{self.injection} should turn {check} {self.expected[check]}"]
        if not self.detected(check):
            seen = self.during.states.get(check)
            told.append(f"it was {seen}: {self.during.reasons[check]}" if seen else "it was not judged")
        for words, found in (
            ("nobody expected that", self.unexpected | self.strays),
            ("missing beside it", self.absent),
        ):
            if found:
                told.append(f"{words}: {_listed(found, self.during.reasons)}")
        if not self.healed:
            left = {
                check: state for check, state in self.after.not_ok.items() if self.meanwhile.get(check) is not state
            }
            told.append(f"healed, it left {_listed(left, self.after.reasons)}")
        return "; ".join(told) if len(told) > 1 else ""


def _listed(found: Mapping[str, State], reasons: Mapping[str, str]) -> str:
    some = [f"{check} is {state} ({reasons.get(check, '')})" for check, state in list(found.items())[:6]]
    return ", ".join(some) + (f" and {len(found) - 6} more" if len(found) > 6 else "")


@dataclass(frozen=True)
class Trial:
    """One injection, and what its cells expect of it."""

    injection: Injection
    checks: tuple[str, ...]
    expected: dict[str, State]
    shows_within_s: float
    passes: bool = False

    @property
    def part(self) -> frozenset[str]:
        """The part of the platform it is about; ValueError where it is about several."""
        systems = {check.partition(".")[0] for check in self.expected}
        for part in PARTS:
            if systems <= part:
                return part
        raise ValueError(f"{self.injection} is expected to be seen in {', '.join(sorted(systems))}")


@dataclass(frozen=True)
class Together:
    """A job: cause one injection in each part of the platform, wait for what is expected of them, lift them.

    Every check is looked at: in each part all have to be as the one injection there has it. That all is well again is
    seen by the next look in which nothing overlaps with it. Where nothing is seen but what is expected, and not all of
    that, a busy machine has missed what passes, and it is tried again.
    """

    trials: tuple[Trial, ...]

    @property
    def expected(self) -> dict[str, State]:
        """What may not be ok, in all parts."""
        return {check: state for one in self.trials for check, state in one.expected.items()}

    def __call__(self, bench: Bench) -> list[Round]:
        """Try them."""
        began = time.monotonic()
        expected = self.expected
        if bench.healing is not None and bench.healing.checks & set(expected):
            bench.settle()
        within_s = max(one.shows_within_s for one in self.trials)
        within_s += HEALS_WITHIN_S if bench.healing is not None else 0.0
        faults = tuple(fault for one in self.trials for fault in one.injection.faults)
        given = {name: value for one in self.trials for name, value in one.injection.given.items()}
        for number in range(1, TIMES + 1):
            with bench.suffering(Injection(faults)):
                during = bench.come_to(expected, within_s, given)
            is_too_late = during.not_ok != expected and during.not_ok.items() <= expected.items()
            if not is_too_late or number == TIMES:
                break
            bench.show_healed(bench.recovered(), {})
        took_s = time.monotonic() - began
        seen = [(systems, self._round(one, during.at(systems), took_s)) for one, systems in self._parts()]

        def see_healed(look: Look, meanwhile: Mapping[str, State]) -> None:
            for systems, one in seen:
                one.see_healed(look.at(systems), of(systems, meanwhile))

        if during.not_ok == expected:
            bench.show_healed(during, expected)
        bench.settle()
        bench.healing = Healing(frozenset(expected), see_healed)
        return [one for _, one in seen]

    def _parts(self) -> list[tuple[Trial, frozenset[str]]]:
        """Return each trial with the systems in which whatever is wrong is laid at its door; the first has the rest."""
        rest = frozenset().union(*PARTS) - frozenset().union(*(one.part for one in self.trials))
        return [(one, one.part | (frozenset() if number else rest)) for number, one in enumerate(self.trials)]

    def _round(self, one: Trial, during: Look, took_s: float) -> Round:
        return Round(one.injection, list(one.checks), one.expected, during, took_s)


def together(several: Iterable[Trial]) -> list[Together]:
    """Return jobs that try these: in each at most one of a part, those that take long with others that do.

    What passes is tried alone.
    """
    several = list(several)
    alone = [Together((one,)) for one in several if one.passes]
    by_part: dict[frozenset[str], list[Trial]] = {part: [] for part in PARTS}
    for one in sorted(several, key=lambda trial: -trial.shows_within_s):
        if not one.passes:
            by_part[one.part].append(one)
    return [*alone, *(Together(tuple(filter(None, some))) for some in zip_longest(*by_part.values()))]


def trials(cells: Mapping[str, Cell]) -> list[Trial]:
    """Return one trial for each different injection; ValueError where two cells contradict each other."""
    found: dict[str, Trial] = {}
    for check, cell in cells.items():
        expected = cell.expected(check, CATALOGUE.checks)
        same = found.get(cell.injection.key)
        if same is not None and same.expected != expected:
            differing = {
                name for name in {**same.expected, **expected} if same.expected.get(name) != expected.get(name)
            }
            raise ValueError(f"{check} and {same.checks[0]} expect different things of the same fault: {differing}")
        checks = (*same.checks, check) if same else (check,)
        found[cell.injection.key] = Trial(cell.injection, checks, expected, cell.shows_within_s, cell.passes)
    return list(found.values())


def undeclared(cells: Mapping[str, Cell]) -> set[str]:
    """Return the checks without a cell."""
    return set(CATALOGUE.checks) - set(cells)


def misnamed(cells: Mapping[str, Cell]) -> set[str]:
    """Return the ids and patterns in cells that mean no check there is."""
    named: set[str] = set()
    for check, cell in cells.items():
        named |= {check, *cell.collateral, *cell.blocked} | ({ROLLUP} if cell.rollup is not State.OK else set())
    return {name for name in named if not among(name, CATALOGUE.checks)}


def by_check(rounds: Iterable[Round]) -> dict[str, Round]:
    """Return the round of every check."""
    return {check: one for one in rounds for check in one.checks}
