"""The trial of a canary within a run of pytest: its options, its items, its progress, its files."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from healthgate import duration
from healthgate.canary import record
from healthgate.canary.standing import Standings
from healthgate.claim.check import Check, declared_on
from healthgate.claim.compared import Compared
from healthgate.hooks.failure import HealthFailedError
from healthgate.judge.canary import compare
from healthgate.judge.outcome import INCONCLUSIVE, PASSED, UNDELIVERED
from healthgate.observe.observer import Cost, Observer
from healthgate.observe.plan import left_out, plan
from healthgate.run import comparable, trial
from healthgate.run.endpoints import Side, compared
from healthgate.run.looking import Looking, RateError
from healthgate.run.recorded import MOST_STEPS, Recording, is_recorded
from healthgate.run.run import Run
from healthgate.wire.whole import write_whole

if TYPE_CHECKING:
    from healthgate.judge.canary import Comparison
    from healthgate.judge.verdict import Verdict
    from healthgate.tell.trial_picture import Course

WORST = "it was not tried: a check is in a worse state already, which is decided at once"

BLOCKS = 10
"""How often, over the time of a trial, every comparison is told; what is decided is told at once."""


class CanaryTrial:
    """What a run tries a canary by. `standings` is how it stands, None before it began; `trouble` what was not kept.

    `comparisons` are those of this run by id, those of endpoints too.
    """

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self.config = config
        self.option = config.option
        self.run = run
        self.baseline, self.canary = run.profiles
        if started := [name for name, profile in run.profiles.items() if profile.launch is not None]:
            words = "a trial looks at what runs anyway; start it, and leave `launch` out of its profile"
            raise pytest.UsageError(
                f"--for: {started[0]} is started by its run, and stopped before the first tick: {words}"
            )
        self.within = duration.seconds(self.option.trial_for)
        self.every = duration.seconds(self.option.every)
        self.comparisons: dict[str, Compared] = {}
        self.standings: Standings | None = None
        self.ticks: list[record.Tick] = []
        self.trouble: list[str] = []
        self.note = "it was not tried: the run ended before"
        self.learned = 0
        self.cost = Cost()
        self._kept: Any = None

    # -- collecting -----------------------------------------------------------------------------------------

    def sets(self, function: object) -> list[Any]:
        """Return a parameter set for every comparison that is declared on a test function, and can be judged."""
        return [
            pytest.param(f"{one.id}|{self.canary}", id=f"{self.canary}-{one.slug}", marks=_mark(one, self.canary))
            for one in declared_on(function)
            if isinstance(one, Compared) and (is_recorded(one) or not self.option.from_prometheus)
        ]

    def endpoints(self, session: pytest.Session, checks: Iterable[Check]) -> list[pytest.Item]:
        """Return an item for every endpoint that both sides have, where `checks` are made."""
        sides = self._sides()
        plans = [
            plan(
                (one for one in checks if left_out(one, side.systems) is None), self.run.catalogue, side.systems
            ).probes
            for side in sides
        ]
        both = [probe for probe in plans[0] if probe in plans[1]]
        found = compared(both, *sides)
        self.run.catalogue.comparisons |= found
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            vars(reporter)["_numcollected"] += len(found)  # what it counts as collected was so by files
        return [Endpoint.of(session, one, self.canary) for one in found.values()]

    def _sides(self) -> tuple[Side, Side]:
        one, other = (Side(name, profile.systems, profile.time_scale) for name, profile in self.run.profiles.items())
        return one, other

    # -- trying ---------------------------------------------------------------------------------------------

    def observe(self, selected: Mapping[str, Iterable[Check]], comparisons: Iterable[Check]) -> None:
        """Try the canary, where no check is in a worse state already. UsageError where nothing can be compared."""
        self.comparisons = {one.id: self.run.catalogue.comparisons[one.id] for one in comparisons}
        if not self.comparisons:
            raise pytest.UsageError(
                "--for: there is nothing to compare; declare @compare, or select what both sides have"
            )
        judged = (self.run.verdict(name, one.id) for name, several in selected.items() for one in several)
        states = compare(judged, self.baseline, self.canary)
        if states.rolled_back:
            self.note = f"it was not tried: it was rolled back, {states.rolled_back[0].rolled_back}"
            return
        if states.worse:
            self.note = f"{WORST}: {states.worse[0].id}"
            return
        sides = self._sides()
        same = {} if self.option.from_prometheus else comparable.themselves(self.comparisons, *sides)
        if len(same) == len(self.comparisons):
            raise pytest.UsageError(f"--canary {self.canary}: {next(iter(same.values()))}")
        usual = recorded("--usual", self.option.usual, self._place(self.option.usual)) if self.option.usual else None
        observer = Observer(self.run.redactor, lambda *_: None)
        live = self._learned if self.option.learn else self._watched
        try:
            header, ticks = (self._recalled if self.option.from_prometheus else live)(sides, same, observer)
            header = header if usual is None else record.with_usual(header, *usual, f"--usual {self.option.usual}")
            self._keep(record.header(header))
            if self.option.learn:
                self._learn(header, ticks)
            else:
                self.standings = Standings(header)
                trial.decide(self.standings, map(self._kept_too, ticks), Told(self.config).show)
        except (RateError, record.RecordError) as error:
            raise pytest.UsageError(str(error)) from None
        except trial.BuildError as error:
            raise pytest.UsageError(f"--learn: {error}") from None
        finally:
            observer.close()
            self.cost = observer.cost
            if self._kept is not None:
                self._kept.close()

    def _watched(
        self, sides: tuple[Side, Side], same: Mapping[str, str], observer: Observer
    ) -> tuple[record.Header, Iterator[list[record.Tick]]]:
        looking = Looking(*sides, self.comparisons, self.every, self.run.redactor)
        return trial.watched(looking, self.run.profiles, self.within, observer, same)

    def _recalled(
        self, sides: tuple[Side, Side], _: Mapping[str, str], observer: Observer
    ) -> tuple[record.Header, Iterator[list[record.Tick]]]:
        until = round(time.time(), 3)
        stages = {name: profile.stage for name, profile in self.run.profiles.items()}
        since = round(until - self.within, 3)
        past = Recording(sides, stages, self.comparisons, since, until, self.every, self.run.redactor)
        return trial.recalled(past, self.run.profiles, observer)

    def _learned(
        self, sides: tuple[Side, Side], _: Mapping[str, str], observer: Observer
    ) -> tuple[record.Header, Iterator[list[record.Tick]]]:
        looking = Looking(*sides, self.comparisons, self.every, self.run.redactor)
        return trial.learned(looking, self.within, observer)

    def _learn(self, header: record.Header, ticks: Iterable[list[record.Tick]]) -> None:
        """Keep every tick; nothing is judged."""
        told = Told(self.config)
        for several in ticks:
            self._kept_too(several)
            told.learns(header, several[-1].at)
        self.learned = len(header.series)
        self.note = "nothing is judged while it is learned what both sides do on one version"

    def _kept_too(self, ticks: list[record.Tick]) -> list[record.Tick]:
        self.ticks += ticks
        for tick in ticks:
            self._keep(record.line(tick))
        return ticks

    def _keep(self, line: str) -> None:
        """Add a line to the file that was asked for; a trial goes on without it."""
        name = self.option.record or self.option.learn
        if not name or self.trouble:
            return
        path = self._place(name)
        try:
            if self._kept is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._kept = path.open("w", encoding="utf-8")
            self._kept.write(f"{self.run.redactor.text(line)}\n")
            self._kept.flush()
        except OSError as error:
            words = "nothing is learned" if self.option.learn else "the verdict stands"
            self.trouble.append(f"--{'learn' if self.option.learn else 'record'} {path}: {error.strerror}; {words}")

    def _place(self, name: str) -> Path:
        return self.config.invocation_params.dir / str(name)

    # -- telling --------------------------------------------------------------------------------------------

    def verdict(self, check_id: str) -> "Verdict":
        """Return the verdict on a comparison."""
        one = self.run.catalogue.comparisons[check_id]
        found = self.standings.all.get(one.id) if self.standings is not None else None
        return trial.verdict(one, found, self.run, self.canary, self.note)

    @property
    def exit_code(self) -> int:
        """0, 1 or 12, as the comparisons have it together."""
        if self.learned:
            return PASSED
        return self.standings.exit_code if self.standings is not None else INCONCLUSIVE

    @property
    def decision(self) -> tuple[str, str]:
        """`rollback`, `pass` or `inconclusive`, and why."""
        if self.standings is None:
            return "inconclusive", self.note
        return self.standings.decision, self.standings.reason

    def lines(self) -> list[str]:
        """Return a line for each comparison, then the decision."""
        if self.learned:
            return [f"learned {self.learned} comparisons: {self.option.learn}; try canaries with --usual and this file"]
        if self.standings is None:
            return [f"comparisons: {self.note}"]
        asked = f"tried with {self.cost.requests} requests over {self.cost.connections} connections"
        return [*self.standings.lines(), asked]

    @cached_property
    def courses(self) -> "Mapping[str, Course]":
        """How each comparison came to its verdict, by id; nothing where none was tried."""
        if self.standings is None:
            return {}
        from healthgate.tell.trial_course import courses  # noqa: PLC0415

        return courses(self.standings.header, self.ticks)

    def write(self, exit_code: int, states: "Comparison | None") -> list[str]:
        """Write the verdict file, and pictures where they are asked for; return what was not kept or written.

        `exit_code` is that of the run; where that is not the trial's, what comparing states found says why.
        """
        if self.option.learn:
            return self.trouble
        found = self.standings.record() if self.standings is not None else self._untried()
        if exit_code != found["exit"]:
            reason = states.lines()[0] if states else found["reason"]
            decision = DECISIONS.get(exit_code, "inconclusive")
            if decision == "rollback" and states and states.rolled_back:
                decision = states.decision
            found |= {"exit": exit_code, "decision": decision, "reason": reason}
        trouble = [_write(self._place(self.option.verdict), found)]
        if self.option.pictures:
            trouble.append(_draw(self._place(self.option.pictures), self.courses))
        return [*self.trouble, *filter(None, trouble)]

    def _untried(self) -> dict[str, Any]:
        looking = record.Header(self.baseline, self.canary, time.time(), self.every, self.within)
        return Standings(looking).record() | {"reason": self.note}


DECISIONS = {0: "pass", 1: "rollback", 10: "rollback"}
"""What the exit code of a run comes to: a check that is in a worse state is a reason to roll back, too."""


def _mark(one: Compared, canary: str) -> pytest.MarkDecorator:
    return pytest.mark.health(system=one.system, environment=canary, severity=one.stays.severity, check=one.id)


class Endpoint(pytest.Item):
    """A comparison that nobody declared: an endpoint that both sides have."""

    about = ""

    @classmethod
    def of(cls, session: pytest.Session, one: Compared, canary: str) -> "Endpoint":
        """Return the item of a comparison."""
        name = f"{canary}-{one.id}"
        item: Endpoint = cls.from_parent(session, name=name, nodeid=f"endpoints::{name}")
        item.about = f"{one.id}|{canary}"
        item.add_marker(_mark(one, canary))
        return item

    def setup(self) -> None:
        """Take the verdict."""
        session: Any = self.config.pluginmanager.getplugin("healthgate-session")
        self.verdict = session.verdict_for(self)

    def runtest(self) -> None:
        """Fail where it is not healthy."""
        if not self.verdict.healthy:
            raise HealthFailedError(self.verdict.headline)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        """Return where it stands: nowhere in the project."""
        return self.path, None, self.name


class Told:
    """How a trial stands, while it lasts: what is decided at once, all ten times, on a terminal a line in place."""

    def __init__(self, config: pytest.Config) -> None:
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        self._live = self._reporter is not None and getattr(self._reporter, "isatty", False)
        self._decided: dict[str, str] = {}
        self._next = 0.0

    def show(self, standings: Standings) -> None:
        """Say what is new."""
        if self._reporter is None:
            return
        every = max(standings.header.every_s, standings.header.within_s / BLOCKS)
        all_of_them = standings.seconds >= (self._next or every)
        if all_of_them:
            self._next = standings.seconds + every
        now = f"{standings.seconds:.0f} s of {duration.spoken(standings.header.within_s)}"
        for name, one in standings.all.items():
            if all_of_them or one.decision != self._decided.get(name, "undecided"):
                self._line(f"{now}  {one.line()}")
            self._decided[name] = one.decision
        if self._live:
            told = ", ".join(f"{number} {decision}" for decision, number in Counter(self._decided.values()).items())
            self._reporter.rewrite(f"{now}: {told}", erase=True)

    def learns(self, header: record.Header, at: float) -> None:
        """Say how much is learned."""
        if self._reporter is not None and at >= self._next:
            self._next = at + max(header.every_s, header.within_s / BLOCKS)
            self._line(f"{at:.0f} s of {duration.spoken(header.within_s)} are learned from")

    def _line(self, text: str) -> None:
        if self._live:
            self._reporter.rewrite("", erase=True)
        self._reporter.write_line(text)


def problems(option: Any) -> Iterator[str]:
    """Yield what is wrong with the options of a trial."""
    if not option.trial_for:
        words = "--record, --learn, --usual, --pictures and --from-prometheus are about a trial"
        yield f"{words}: say how long it takes, as in --for 10m"
        return
    if option.learn:
        others = [name for name in ("record", "usual", "pictures") if getattr(option, name)]
        if others:
            yield f"--learn keeps every tick and judges none: leave --{others[0]} out"
    seconds = {}
    for name, text in (("--for", option.trial_for), ("--every", option.every)):
        try:
            seconds[name] = duration.seconds(text)
        except ValueError as error:
            yield f"{name}: {error}"
    if len(seconds) < 2:
        pass
    elif seconds["--every"] <= 0 or seconds["--for"] < record.FEWEST * seconds["--every"]:
        yield (
            f"--for {option.trial_for} --every {option.every}: a trial takes {record.FEWEST} ticks at least;"
            " try longer, or look more often"
        )
    elif option.from_prometheus and seconds["--for"] > MOST_STEPS * seconds["--every"]:
        words = f"Prometheus tells {MOST_STEPS} steps at most; look less often"
        yield f"--for {option.trial_for} --every {option.every}: {words}"
    if not option.canary:
        yield "--for tries a canary: name it, and what it is compared with: --baseline production --canary staging"
    if option.snapshot_in:
        yield "--for looks again and again; --snapshot-in judges what was seen once: leave one out"
    if getattr(option, "numprocesses", None):
        yield "--for: one process keeps the ticks of a trial; leave -n out"


def replayed(option: Any, folder: Path) -> tuple[list[str], int]:
    """Judge a recorded trial and write its verdict file; return what to say, and the exit code.

    UsageError for a file that is no recorded trial: all of it is read, also what came after it was decided.
    """
    header, ticks = recorded("--replay", option.replay, folder / option.replay)
    if option.usual:
        past = recorded("--usual", option.usual, folder / option.usual)
        try:
            header = record.with_usual(header, *past, f"--usual {option.usual}")
        except record.RecordError as error:
            raise pytest.UsageError(str(error)) from None
    standings, taken = Standings(header), list[record.Tick]()
    for _, several in groupby(ticks, key=lambda tick: tick.at):
        found = list(several)
        if standings.decision == "undecided":
            standings.take(found)
            taken += found
    standings.finish()
    code, said = standings.exit_code, standings.lines()
    trouble = [_write(folder / option.verdict, standings.record())]
    if option.pictures:
        from healthgate.tell.trial_course import courses  # noqa: PLC0415

        trouble.append(_draw(folder / option.pictures, courses(header, taken)))
    if any(trouble):
        code, said = code or UNDELIVERED, [*filter(None, trouble), *said]
    return said, code


def recorded(option: str, name: str, place: Path) -> tuple[record.Header, list[record.Tick]]:
    """Return the header and all ticks of the file that an option names; UsageError where it is no recorded trial."""
    try:
        with place.open(encoding="utf-8") as lines:
            header, ticks = record.read(lines, name)
            return header, list(ticks)
    except OSError as error:
        raise pytest.UsageError(f"{option} {name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        words = "is not UTF-8 text; expected the lines that --record and --learn write"
        raise pytest.UsageError(f"{option} {name} {words}") from None
    except record.RecordError as error:
        raise pytest.UsageError(f"{option} {error}") from None


def _draw(folder: Path, several: "Mapping[str, Course]") -> str:
    """Write the pictures of all comparisons; return why that was not possible, else nothing."""
    from healthgate.tell.trial_course import save  # noqa: PLC0415

    try:
        save(several, folder)
    except OSError as error:
        return f"not written: {folder}: {error.strerror}; the verdict above stands"
    return ""


def _write(path: Path, found: Mapping[str, Any]) -> str:
    """Write a verdict file; return why that was not possible, else nothing."""
    try:
        write_whole(path, json.dumps(found, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        return f"not written: {path}: {error.strerror}; the verdict above stands"
    return ""
