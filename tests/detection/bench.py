"""One lab and the checks run against it, in this process; and several of these side by side."""

import gc
import re
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any, Generic, TypeVar

from healthgate.claim import catalogue
from healthgate.claim.catalogue import Catalogue
from healthgate.claim.check import Check
from healthgate.claim.source import LookBack
from healthgate.claim.state import State
from healthgate.claim.tally import Tally
from healthgate.environment import reader
from healthgate.environment.profile import Profile
from healthgate.judge import past
from healthgate.judge.judge import Judge
from healthgate.judge.past import Past
from healthgate.judge.verdict import Verdict
from healthgate.observe.observer import Observer
from healthgate.observe.plan import left_out
from healthgate.observe.snapshot import Snapshot
from healthgate.run.again import looks_back
from healthgate.run.run import Run
from tests.attempts import ATTEMPTS
from tests.detection.cell import Given, Injection, Token
from tests.lab_process import LabError, Patience, RefusedError, RunningLab

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE: Catalogue = catalogue.load(ROOT / "checks", ROOT)

ENVIRONMENT = "lab"
DEADLINE = "LAB_DEADLINE"
"""Variable that says how long a request may take."""

MOST_TALLIES = 1000
"""Looks at a counter that are kept: more than there are in two of the longest windows."""

APART_S = 0.7
"""Seconds between the two looks of a rate."""
SOON_S = 3.0
"""Seconds for which a look waits until counters were seen for long enough: windows of two minutes are 2 s here."""
SAMPLE_S = 25.0
"""Seconds for which a run may watch a line that has been crossed: a quarter of an hour of production is 15 s here, and
looks may be late on a machine that is busy."""
HEALS_WITHIN_S = 90.0
"""Seconds in which everything is well again: what is counted over an hour of production is counted over a minute."""
PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
"""How much longer each pause between two looks is than the one before, and how long at most: what takes a minute to
heal need not be looked at forty times."""
WINDOW_PAUSE_S = 4.0
"""How long a pause may be where windows of a quarter of an hour and more, 15 s here, have to pass first."""
LABS = 3
"""Labs that are looked at side by side: each needs a tenth of a core although nobody looks, so that more of them slow
each other down."""

T = TypeVar("T")
Known = Mapping[tuple[str, str], Past]
"""What looks before this one saw, by environment and check."""


@dataclass
class Look:
    """What one run of all checks saw: state, reason and value of every check, and what they were judged from.

    `known` is what it leaves to the next look: the readings of lines that have to be crossed for some time. `unknown`
    are checks of counters that were not seen for long enough, which are neither well nor ill.
    """

    states: dict[str, State]
    reasons: dict[str, str]
    values: dict[str, object]
    snapshot: Snapshot = field(repr=False)
    known: Known = field(repr=False, default_factory=dict)
    unknown: frozenset[str] = frozenset()

    @property
    def not_ok(self) -> dict[str, State]:
        """State by check, of those that are not ok and of which something is known."""
        return {name: one for name, one in self.states.items() if one is not State.OK and name not in self.unknown}

    def shows(self, expected: Mapping[str, State]) -> bool:
        """Whether these checks are in these states, and all others ok of which something is known."""
        awaited = {name: self.states[name] for name in self.unknown & set(expected)}
        return self.not_ok | awaited == expected


class Glance(Run):
    """A run that waits for lines that are crossed, and not for what is known only once counters were seen for long.

    Whoever looks has something else to do meanwhile.
    """

    def _watch(self, selected: Mapping[str, Iterable[Check]], observer: Observer, snapshot: Snapshot) -> None:
        several = {}
        for name, checks in selected.items():
            judge, systems = self.judge(name, snapshot), self.profiles[name].systems
            several[name] = [one for one in checks if not looks_back(one, systems) or soon_known(judge, one)]
        super()._watch(several, observer, snapshot)


def soon_known(judge: Judge, check: Check) -> bool:
    """Whether something is known of a check, or will be within `SOON_S`."""
    return not judge.verdict(check.id).is_early or (judge.undecided(check.id) or SOON_S) < SOON_S


def profile_text() -> str:
    """Return the lab's own profile for a lab that is already there, with the deadline left open."""
    text = (ROOT / "environments" / "lab.yaml").read_text()
    text = re.sub(r"(?m)^launch:.*\n", "", text)
    return re.sub(r"(?m)^(\s+)deadline:.*$", rf"\1deadline: ${{{DEADLINE}}}", text)


@dataclass(frozen=True)
class Healing:
    """Checks of a fault that was lifted, and whom to tell the first look that shows whether they are well again.

    Told as well is what was expected of that look: the next fault may have been caused already.
    """

    checks: frozenset[str]
    told: Callable[[Look, Mapping[str, State]], None]


class Counters:
    """What counters were at the looks at one lab, as a history keeps them."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Tally]] = {}

    def keep(self, found: Mapping[str, Sequence[Tally]]) -> None:
        """Keep what one look saw."""
        for name, several in found.items():
            self._kept[name] = [*self._kept.get(name, ()), *several][-MOST_TALLIES:]

    def forget(self, names: Collection[str]) -> None:
        """Begin anew with some counters."""
        self._kept = {name: several for name, several in self._kept.items() if name not in names}

    def tallies(self, environment: str, back: Mapping[str, float]) -> Mapping[str, Sequence[Tally]]:
        """Return the looks of the last so many seconds, by what names the counters."""
        now, kept = time.time(), self._kept
        return {name: [one for one in kept.get(name, ()) if one.at >= now - since] for name, since in back.items()}


class Bench:
    """A running lab, and looks at it."""

    def __init__(self, lab: RunningLab, folder: Path) -> None:
        self.lab = lab
        self.path = folder / f"{ENVIRONMENT}.yaml"
        self.path.write_text(profile_text())
        self._usual = self._profile({})
        self.healing: list[Healing] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Know nothing of any counter: what is looked at was started anew."""
        self._counters = Counters()
        self._counted = {name: counters for name in CATALOGUE.checks if (counters := self._counters_of(name))}
        self.unknown = set(self._counted)

    def _counters_of(self, check: str) -> set[str]:
        probes = CATALOGUE.checks[check].probes(self._usual.systems)
        return {counter.key for probe in probes if isinstance(probe, LookBack) for counter in probe.counters}

    def forget(self, turned: Mapping[str, State]) -> None:
        """Begin anew with the counters of checks that a fault, which was lifted, had turned to these states.

        What it added to them would count for as long as their windows. Until these have passed again nothing is known
        of the checks, and other faults can be caused.
        """
        names = {
            counter
            for check, one in turned.items()
            if one is not State.BLOCKED
            for counter in self._counted.get(check, ())
        }
        self._counters.forget(names)
        self.unknown |= {check for check, counters in self._counted.items() if counters & names}

    def look(self, given: Given | None = None, known: Known | None = None, only: Collection[str] | None = None) -> Look:
        """Run every check once, or `only` these, as `healthgate run` would after runs that left what is `known`."""
        run = Glance(
            root=ROOT,
            folder=None,
            catalogue=CATALOGUE,
            profiles={ENVIRONMENT: self._profile(given) if given else self._usual},
            floor=None,
            sample=SAMPLE_S,
            apart=APART_S,
            runbooks="docs/runbooks/{name}.md",
            past=known or {},
            counters=self._counters,
        )
        systems = run.profiles[ENVIRONMENT].systems
        asked_for = CATALOGUE.checks.values() if only is None else [CATALOGUE.checks[name] for name in sorted(only)]
        selected = [check for check in asked_for if left_out(check, systems) is None]
        run.observe({ENVIRONMENT: selected}, lambda *_: None)
        verdicts = {check.id: run.verdict(ENVIRONMENT, check.id) for check in selected}
        assert run.snapshot is not None
        self._counters.keep(run.tallies().get(ENVIRONMENT, {}))
        unknown = frozenset(name for name in verdicts if name in self._counted and verdicts[name].is_early)
        self.unknown = (self.unknown - set(verdicts)) | unknown
        return Look(
            {name: verdict.state for name, verdict in verdicts.items()},
            {name: verdict.reason for name, verdict in verdicts.items()},
            {name: verdict.value for name, verdict in verdicts.items()},
            run.snapshot,
            _left({check.id: verdicts[check.id] for check in selected if check.stays.windowed}, known or {}),
            unknown,
        )

    def _profile(self, given: Given) -> Profile:
        found = reader.read(self.path, CATALOGUE, self.path.name)
        mine = {name: self._mint(value) if isinstance(value, Token) else value for name, value in given.items()}
        found.resolve({DEADLINE: "3s", **self.lab.variables, **mine})
        return found

    def _mint(self, token: Token) -> str:
        status, answer = self.lab.send(
            "POST", f"{self.lab.url('gateway')}/api/auth/token", body={"role": token.role, "ttl_s": token.holds_s}
        )
        assert status == 200, answer
        return str(answer["token"])

    def until(
        self,
        wanted: Callable[[Look], bool],
        patience: Patience,
        given: Given | None = None,
        before: Callable[[], None] = lambda: None,
        known: Known | None = None,
        only: Collection[str] | None = None,
        longest: float = LONGEST_PAUSE_S,
    ) -> Look:
        """Look until it is as wanted, or the time is up; return the last look. `before` is called before each.

        Looks at every check, or `only` at these. What has to last goes on lasting from one look to the next, as it
        does from run to run.
        """
        known = {} if known is None else known
        for number in count():
            time.sleep(min(number * PAUSE_S, longest))
            before()
            look = self.look(given, known, only)
            known = look.known
            if wanted(look) or patience.is_over():
                break
        return look

    def patience(self, within_s: float) -> Patience:
        """Return so many seconds, in which the lab is not starved."""
        return Patience(self.lab, within_s)

    def come_to(
        self,
        expected: Mapping[str, State],
        patience: Patience,
        given: Given | None = None,
        healing: Collection[str] = (),
        needed: Collection[str] = (),
    ) -> Look:
        """Look until these checks are in these states and all others are ok, or the time is up; return the last look.

        Of those that are `needed` something has to be known. Until what is not yet as expected is so, that alone is
        looked at, and what is `healing`: it is sooner done.
        """
        look: Look | None = None
        while look is None or ((not look.shows(expected) or look.unknown & set(needed)) and not patience.is_over()):
            wanted = {
                name: expected.get(name, State.OK)
                for name in {
                    *expected,
                    *(self._counted.keys() & set(needed)),
                    *(set(look.not_ok if look else healing) - self.unknown),
                }
                if CATALOGUE.checks[name].attempts == 1
            }
            known: Known = look.known if look else {}
            if wanted and (look is None or not _as_told(wanted, look)):
                time.sleep(PAUSE_S)
                longest = WINDOW_PAUSE_S if self.unknown & set(needed) else LONGEST_PAUSE_S
                until = partial(_as_told, wanted)
                known = self.until(until, patience, given, known=known, only=wanted, longest=longest).known
            look = self.look(given, known)
        return look

    @property
    def turned(self) -> set[str]:
        """Checks that faults had turned, which were lifted, and that nobody has seen healed yet."""
        return {check for one in self.healing for check in one.checks}

    @contextmanager
    def suffering(self, injection: Injection) -> Iterator[None]:
        """Cause the faults for the length of a block."""
        handles: list[str] = []
        try:
            for one in injection.faults:
                handles.append(self.lab.fault(one.id, **one.parameters))  # noqa: PERF401 (what was caused is lifted)
            yield
        finally:
            for handle in reversed(handles):
                self.lab.heal(handle)

    def recovered(self, patience: Patience | None = None, needed: Collection[str] = ()) -> Look:
        """Look until every check is ok again, and something is known of those that are `needed`.

        A lab that does not recover is reset for whoever comes next.
        """
        look = self.come_to({}, patience or self.patience(HEALS_WITHIN_S), healing=self.turned, needed=needed)
        if look.not_ok:
            self.reset()
        return look

    def reset(self) -> None:
        """Start the lab anew."""
        self.lab.reset()
        self.begin_anew()

    def settle(self, needed: Collection[str]) -> None:
        """See to it that nothing is ill, and that something is known of these; show what has healed."""
        if self.healing or self.unknown & set(needed):
            look = self.recovered(needed=needed)
            self.show_healed(look, {})
            if look.not_ok:
                self.healing = []  # nobody will see them heal: the lab was reset

    def show_healed(self, look: Look, meanwhile: Mapping[str, State]) -> None:
        """Tell whoever waits for something to heal of a look, which was expected to see nothing but `meanwhile`.

        Those go on waiting of whose checks one is not known yet.
        """
        waiting = [one for one in self.healing if one.checks & look.unknown]
        for one in self.healing:
            if one not in waiting:
                one.told(look, meanwhile)
        self.healing = waiting


def _as_told(states: Mapping[str, State], look: Look) -> bool:
    return all(look.states[name] is state for name, state in states.items())


def _left(verdicts: Mapping[str, Verdict], known: Known) -> Known:
    """Return the numbers that were read of each of these checks, those of earlier looks first; and what was known."""
    found = dict(known)
    for name, verdict in verdicts.items():
        readings = [*verdict.samples, (verdict.observed_at, verdict.value)]
        numbers = [(at, value) for at, value in readings if at is not None and isinstance(value, int | float)]
        looks = [past.Look(at, State.PENDING, value) for at, value in numbers]
        found[ENVIRONMENT, name] = Past((*known.get((ENVIRONMENT, name), Past()).looks, *looks))
    return found


@dataclass(frozen=True)
class Lost:
    """A job that was not done, though another lab was tried, and why."""

    job: "Job[Any]"
    why: str


Job = Callable[[Bench], T]


class Waiting(Generic[T]):
    """Jobs by their number, and which of them nobody has taken yet; for several threads."""

    def __init__(self, jobs: Sequence[Job[T]]) -> None:
        self.jobs = list(jobs)
        self._numbers = list(range(len(jobs)))
        self._one_at_a_time = threading.Lock()
        self._is_over = False

    def take(self, unsettled: Collection[str] = ()) -> int | None:
        """Return the number of the next job; None where there is none.

        One that would have to wait for checks which are `unsettled`, unknown or not seen healed yet, is left for later.
        """
        with self._one_at_a_time:
            numbers = [] if self._is_over else self._numbers
            ready = (one for one in numbers if set(unsettled).isdisjoint(getattr(self.jobs[one], "expected", ())))
            number = next(ready, numbers[0] if numbers else None)
            if number is not None:
                self._numbers.remove(number)
            return number

    def follow(self, jobs: Sequence[Job[T]]) -> None:
        """Add jobs that are next."""
        with self._one_at_a_time:
            for job in jobs:
                self._numbers.insert(0, len(self.jobs))
                self.jobs.append(job)

    def stop(self) -> None:
        """Let nobody take any more."""
        self._is_over = True


def carry_out(
    several: Sequence[Job[T]],
    labs: int = LABS,
    told: Callable[[str], object] = lambda _: None,
    more: Callable[[T], Sequence[Job[T]]] = lambda _: (),
) -> list[T | Lost]:
    """Do every job on one of several labs, about in this order; return what they came to, in the same order.

    `more` says which jobs follow from what a job came to: they are next, and their results are at the end. A lab that
    dies costs the job it was at, which is tried again in another; one that refuses what a job asks is reset. What is
    wrong with a job itself is raised at once, and ends the others.
    """
    waiting = Waiting(several)
    jobs = waiting.jobs
    done: dict[int, T | Lost] = {}
    starting = threading.Lock()

    def worker(_: int) -> None:
        number, attempt = waiting.take(), 1
        while number is not None:
            with ExitStack() as stack:
                try:
                    folder = stack.enter_context(tempfile.TemporaryDirectory())
                    with starting:
                        lab = stack.enter_context(RunningLab())
                    bench = Bench(lab, Path(folder))
                    bench.recovered()
                    while number is not None:
                        try:
                            done[number] = result = jobs[number](bench)
                        except RefusedError as error:  # it is the job's doing, or an earlier one's
                            bench.reset()
                            if attempt < ATTEMPTS["a job"]:
                                attempt += 1
                                continue
                            done[number] = Lost(jobs[number], f"{type(error).__name__}: {error}")
                        else:
                            waiting.follow(more(result))
                            gc.freeze()  # what was seen is kept to the end, and need not be gone through again
                        told(f"{len(done)} of {len(jobs)}")
                        number, attempt = waiting.take(bench.unknown | bench.turned), 1
                    bench.settle(bench.turned)
                except (LabError, OSError, HTTPException, AssertionError) as error:
                    if number is not None and attempt == ATTEMPTS["a job"]:
                        done[number] = Lost(jobs[number], f"{type(error).__name__}: {error}")
                        number, attempt = waiting.take(), 1
                    else:
                        attempt += 1
                except BaseException:
                    waiting.stop()
                    raise

    with ThreadPoolExecutor(min(labs, len(jobs)) or 1) as pool:
        list(pool.map(worker, range(min(labs, len(jobs)))))
    return [done[number] for number in range(len(jobs))]
