"""One lab and the checks run against it, in this process; and several of these side by side."""

import gc
import re
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from healthgate.claim import catalogue
from healthgate.claim.catalogue import Catalogue
from healthgate.claim.state import State
from healthgate.claim.tally import Tally
from healthgate.environment import reader
from healthgate.environment.profile import Profile
from healthgate.judge import past
from healthgate.judge.past import Past
from healthgate.judge.verdict import Verdict
from healthgate.observe.plan import left_out
from healthgate.observe.snapshot import Snapshot
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
SAMPLE_S = 25.0
"""Seconds for which a run may watch a line that has been crossed: a quarter of an hour of production is 15 s here, and
looks may be late on a machine that is busy."""
HEALS_WITHIN_S = 90.0
"""Seconds in which everything is well again: what is counted over an hour of production is counted over a minute."""
PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0
"""How much longer each pause between two looks is than the one before, and how long at most: what takes a minute to
heal need not be looked at forty times."""
LABS = 3
"""Labs that are looked at side by side: each needs a tenth of a core although nobody looks, so that more of them slow
each other down."""

T = TypeVar("T")
Known = Mapping[tuple[str, str], Past]
"""What looks before this one saw, by environment and check."""


@dataclass
class Look:
    """What one run of all checks saw: state, reason and value of every check, and what they were judged from.

    `known` is what it leaves to the next look: the readings of lines that have to be crossed for some time.
    """

    states: dict[str, State]
    reasons: dict[str, str]
    values: dict[str, object]
    snapshot: Snapshot = field(repr=False)
    known: Known = field(repr=False, default_factory=dict)

    @property
    def not_ok(self) -> dict[str, State]:
        """State by check, of those that are not ok."""
        return {check: state for check, state in self.states.items() if state is not State.OK}


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
        self._counters = Counters()
        self.healing: Healing | None = None

    def look(self, given: Given | None = None, known: Known | None = None, only: Collection[str] | None = None) -> Look:
        """Run every check once, or `only` these, as `healthgate run` would after runs that left what is `known`."""
        run = Run(
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
        return Look(
            {name: verdict.state for name, verdict in verdicts.items()},
            {name: verdict.reason for name, verdict in verdicts.items()},
            {name: verdict.value for name, verdict in verdicts.items()},
            run.snapshot,
            _left({check.id: verdicts[check.id] for check in selected if check.stays.windowed}, known or {}),
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
    ) -> Look:
        """Look until it is as wanted, or the time is up; return the last look. `before` is called before each.

        Looks at every check, or `only` at these. What has to last goes on lasting from one look to the next, as it
        does from run to run.
        """
        known = {} if known is None else known
        for number in count():
            time.sleep(min(number * PAUSE_S, LONGEST_PAUSE_S))
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
    ) -> Look:
        """Look until these checks are in these states and all others are ok, or the time is up; return the last look.

        Until what is not yet as expected is so, that alone is looked at, and what is `healing`: it is sooner done.
        """
        look: Look | None = None
        while look is None or (look.not_ok != expected and not patience.is_over()):
            wanted = {
                name: expected.get(name, State.OK)
                for name in {*expected, *(look.not_ok if look else healing)}
                if CATALOGUE.checks[name].attempts == 1
            }
            known: Known = look.known if look else {}
            if wanted and (look is None or not _as_told(wanted, look)):
                time.sleep(PAUSE_S)
                known = self.until(partial(_as_told, wanted), patience, given, known=known, only=wanted).known
            look = self.look(given, known)
        return look

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

    def recovered(self, patience: Patience | None = None) -> Look:
        """Look until every check is ok again; a lab that does not recover is reset for whoever comes next."""
        healing = self.healing.checks if self.healing else ()
        look = self.come_to({}, patience or self.patience(HEALS_WITHIN_S), healing=healing)
        if look.not_ok:
            self.lab.reset()
        return look

    def settle(self) -> None:
        """See to it that whoever waits for something to heal is told."""
        if self.healing is not None:
            self.show_healed(self.recovered(), {})

    def show_healed(self, look: Look, meanwhile: Mapping[str, State]) -> None:
        """Tell whoever waits for something to heal of a look, which was expected to see nothing but `meanwhile`."""
        if self.healing is not None:
            self.healing.told(look, meanwhile)
        self.healing = None


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


def carry_out(
    several: Sequence[Job[T]],
    labs: int = LABS,
    told: Callable[[str], object] = lambda _: None,
    more: Callable[[T], Sequence[Job[T]]] = lambda _: (),
) -> list[T | Lost]:
    """Do every job on one of several labs, in this order; return what they came to, in the same order.

    `more` says which jobs follow from what a job came to: they are next, and their results are at the end. A lab that
    dies costs the job it was at, which is tried again in another; one that refuses what a job asks is reset. What is
    wrong with a job itself is raised at once, and ends the others.
    """
    jobs = list(several)
    waiting = deque(range(len(jobs)))
    done: dict[int, T | Lost] = {}
    one_at_a_time, starting = threading.Lock(), threading.Lock()
    stopped = threading.Event()

    def next_one() -> int | None:
        try:
            return None if stopped.is_set() else waiting.popleft()
        except IndexError:
            return None

    def follow(result: T) -> None:
        with one_at_a_time:
            for job in more(result):
                jobs.append(job)
                waiting.appendleft(len(jobs) - 1)

    def worker(_: int) -> None:
        number, attempt = next_one(), 1
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
                            lab.reset()
                            if attempt < ATTEMPTS["a job"]:
                                attempt += 1
                                continue
                            done[number] = Lost(jobs[number], f"{type(error).__name__}: {error}")
                        else:
                            follow(result)
                            gc.freeze()  # what was seen is kept to the end, and need not be gone through again
                        told(f"{len(done)} of {len(jobs)}")
                        number, attempt = next_one(), 1
                    bench.settle()
                except (LabError, OSError, HTTPException, AssertionError) as error:
                    if number is not None and attempt == ATTEMPTS["a job"]:
                        done[number] = Lost(jobs[number], f"{type(error).__name__}: {error}")
                        number, attempt = next_one(), 1
                    else:
                        attempt += 1
                except BaseException:
                    stopped.set()
                    raise

    with ThreadPoolExecutor(min(labs, len(jobs)) or 1) as pool:
        list(pool.map(worker, range(min(labs, len(jobs)))))
    return [done[number] for number in range(len(jobs))]
