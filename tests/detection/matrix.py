"""Every declared fault caused in a running lab: healthy, fault, healthy again, and what the checks said."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from healthgate.claim.state import State
from tests.attempts import ATTEMPTS
from tests.detection import gateway, market, sse, wsmanager
from tests.detection.bench import CATALOGUE, HEALS_WITHIN_S, Bench, Healing, Look
from tests.detection.cell import ROLLUPS, TRIPPED, Cell, Given, Injection, among
from tests.lab_process import Patience

PARTS = (frozenset({"gateway", "market"}), frozenset({"wsmanager"}), frozenset({"sse"}))
"""Systems that have nothing to do with those of another part: what is broken in one part is seen in no other."""

MOST_OF_A_PART = 3
"""Injections of one part that are caused at the same time."""

UPSETTING = ("F.json.", "F.mkt.feed", "F.mkt.start", "F.mp.flag", "F.sse.config", "F.wsm.flag", "F.wsm.unhealthy")
"""Faults beside which nothing else is caused in their part: those that start a process anew, whose other faults would
be gone; that alter a body in which others would show; of whose cause more follows the longer it lasts."""

LASTING = frozenset({"F.wsm.unhealthy"})
"""Faults under which what an earlier one left behind does not heal."""

CLASHING = (
    frozenset({"F.wsm.retry", "F.wsm.staging"}),
    frozenset({"F.gw.view_bias", "F.mkt.symbol_missing"}),
    frozenset({"F.gw.accept_bad_token", "LAB_EXPIRED_TOKEN"}),
    frozenset({"F.mkt.pool", "F.mkt.redis_latency"}),
    frozenset({"F.sse.ghosts", "F.sse.counter_back"}),
)
"""Faults, and variables of a run, that move the same figure, each to another place, or that hide one another."""

CELLS: dict[str, Cell] = gateway.CELLS | market.CELLS | wsmanager.CELLS | sse.CELLS


@dataclass
class Round:
    """One injection: what was expected of whom, what was seen while it lasted and after it was lifted.

    `beside` are checks of which another injection, caused at the same time, was expected to be seen. `meanwhile` is
    what was expected of the next injections, where they had been caused when this one was seen healed.
    """

    injection: Injection
    checks: list[str]
    expected: dict[str, State]
    during: Look
    beside: frozenset[str] = frozenset()
    took_s: float = field(compare=False, default=0.0)
    after: Look | None = field(init=False, default=None)
    meanwhile: dict[str, State] = field(init=False, default_factory=dict)

    def see_healed(self, look: Look, meanwhile: Mapping[str, State]) -> None:
        """Keep what was seen once the faults were lifted."""
        self.after, self.meanwhile = look, dict(meanwhile)

    @property
    def not_ok(self) -> dict[str, State]:
        """State by check, of those that were not ok on account of this injection, or of nobody knows what."""
        during = self.during
        seen = during.not_ok | {check: during.states[check] for check in during.unknown & set(self.expected)}
        return {check: state for check, state in seen.items() if check not in self.beside}

    @property
    def unexpected(self) -> dict[str, State]:
        """Alarms that nobody declared, and declared ones in another state."""
        return {check: state for check, state in self._undeclared() if state in TRIPPED}

    @property
    def strays(self) -> dict[str, State]:
        """Checks that are not ok without being an alarm (missed, unknown, blocked), and should not be so."""
        return {check: state for check, state in self._undeclared() if state not in TRIPPED}

    def _undeclared(self) -> Iterator[tuple[str, State]]:
        for check, state in self.not_ok.items():
            if self.expected.get(check) is not state and check not in self.checks:
                yield check, state

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
        """Whether every check was ok again once the fault was lifted, but for what the next ones were to bring."""
        return self.after is not None and self.after.shows(self.meanwhile)

    def detected(self, check: str) -> bool:
        """Whether a check came to the state declared for it."""
        return self.during.states.get(check) is self.expected[check]

    @property
    def exact(self) -> bool:
        """Whether all checks together were as declared, and well afterwards."""
        return self.not_ok == self.expected and self.healed

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
        if self.after is None:
            told.append("it was not seen healed, since the lab was lost")
        elif not self.healed:
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

    @property
    def is_upsetting(self) -> bool:
        """Whether nothing else can be caused in its part meanwhile, or be seen there."""
        blocks = State.BLOCKED in self.expected.values()
        return blocks or any(one.id.startswith(UPSETTING) for one in self.injection.faults)

    def goes_with(self, other: "Trial") -> bool:
        """Whether both can be caused at the same time and each be seen by what is expected of it alone.

        Both may be expected to bring the summaries of everything to the same state.
        """
        if self.passes or other.passes or (self.part == other.part and (self.is_upsetting or other.is_upsetting)):
            return False
        both = set(self.expected) & set(other.expected)
        ids, others = ({*(fault.id for fault in one.injection.faults), *one.injection.given} for one in (self, other))
        return (
            not any(ids & clash and others & clash for clash in CLASHING)
            and both <= ROLLUPS
            and all(self.expected[check] is other.expected[check] for check in both)
            and not self.injection.touches & other.injection.touches
        )


@dataclass(frozen=True)
class Together:
    """A job: cause injections that have nothing to do with each other, wait for what is expected of them, lift them.

    Every check is looked at: all have to be as the injections have them. That all is well again is seen by the next
    look in which nothing overlaps with it. Of an injection that is caused alone and of which nothing is seen but what
    is expected, and not all of that, a busy machine has missed what passes, and it is tried again.
    """

    trials: tuple[Trial, ...]

    @property
    def expected(self) -> dict[str, State]:
        """What may not be ok."""
        return {check: state for one in self.trials for check, state in one.expected.items()}

    @property
    def shows_within_s(self) -> float:
        """Seconds within which all of it usually shows."""
        return max(one.shows_within_s for one in self.trials)

    def __call__(self, bench: Bench) -> list[Round]:
        """Try them."""
        began = time.monotonic()
        expected = self.expected
        ids = {fault.id for one in self.trials for fault in one.injection.faults}
        apart = ids & LASTING or any(one.passes for one in self.trials)
        if (bench.turned | bench.unknown) & set(expected) or apart:
            bench.settle(bench.turned | set(expected) if apart else expected)
        within_s = self.shows_within_s
        within_s += HEALS_WITHIN_S if bench.healing else 0.0
        injection = Injection(
            tuple(fault for one in self.trials for fault in one.injection.faults),
            {name: value for one in self.trials for name, value in one.injection.given.items()},
        )
        for attempt in range(1, ATTEMPTS["an injection"] + 1):
            with bench.suffering(injection):
                during = self._seen(bench, expected, bench.patience(within_s), injection.given)
            bench.forget(expected)
            is_too_late = not during.shows(expected) and during.not_ok.items() <= expected.items()
            if not is_too_late or len(self.trials) > 1 or attempt == ATTEMPTS["an injection"]:
                break
            bench.settle(expected)
        if during.shows(expected):
            bench.show_healed(during, expected)
        else:
            bench.settle(())
        rounds = self._rounds(during, time.monotonic() - began)

        def see_healed(look: Look, meanwhile: Mapping[str, State]) -> None:
            for one in rounds:
                one.see_healed(look, meanwhile)

        bench.healing.append(Healing(frozenset(expected), see_healed))
        return rounds

    def _seen(self, bench: Bench, expected: dict[str, State], patience: Patience, given: Given) -> Look:
        if any(one.passes for one in self.trials):  # it may be over before everything has been looked at as well
            return bench.until(lambda look: look.shows(expected), patience, given)
        return bench.come_to(expected, patience, given)

    def _rounds(self, during: Look, took_s: float) -> list[Round]:
        every = set(self.expected)
        return [
            Round(one.injection, list(one.checks), one.expected, during, frozenset(every - set(one.expected)), took_s)
            for one in self.trials
        ]


def together(several: Iterable[Trial]) -> list[Together]:
    """Return few jobs that try these: those that take long, and those of which much is expected, first."""
    jobs: list[list[Trial]] = []
    for one in sorted(several, key=lambda trial: (-trial.shows_within_s, -len(trial.expected))):
        company = next((some for some in jobs if _has_room(some, one)), None)
        if company is None:
            jobs.append([one])
        else:
            company.append(one)
    return [Together(tuple(some)) for some in jobs]


def _has_room(some: list[Trial], one: Trial) -> bool:
    return sum(other.part == one.part for other in some) < MOST_OF_A_PART and all(map(one.goes_with, some))


def doubtful(rounds: Iterable[Round]) -> list[Together]:
    """Return jobs that try, each alone, what was caused in company and is not as declared while it lasts."""
    return alone(one for one in rounds if one.beside and one.not_ok != one.expected)


def unhealed(rounds: Iterable[Round]) -> list[Together]:
    """Return jobs that try, each alone, what was caused in company and not well afterwards, or was not seen healed."""
    return alone(one for one in rounds if (one.beside and not one.healed) or one.after is None)


def split(jobs: Iterable[object]) -> list[Together]:
    """Return jobs that try alone what was to be caused in company: one fault there may be in the way of another."""
    groups = [job.trials for job in jobs if isinstance(job, Together) and len(job.trials) > 1]
    return [Together((one,)) for group in groups for one in group]


def alone(rounds: Iterable[Round]) -> list[Together]:
    """Return jobs that try the injections of these rounds, each alone."""
    names = {one.injection.key for one in rounds}
    return [Together((one,)) for one in trials(CELLS) if one.injection.key in names] if names else []


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
        named |= {check, *cell.collateral, *cell.blocked} | (ROLLUPS if cell.rollup is not State.OK else set())
    return {name for name in named if not among(name, CATALOGUE.checks)}


def by_check(rounds: Iterable[Round]) -> dict[str, Round]:
    """Return the round of every check."""
    return {check: one for one in rounds for check in one.checks}
