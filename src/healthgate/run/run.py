"""One run from profiles to verdicts: select, observe once, judge. Knows pytest only by what it is told."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.check import Check, is_absent
from healthgate.claim.facts import NoData
from healthgate.claim.observation import Repeated, attempt_mark, looks_at, sample_mark
from healthgate.claim.source import Absent, Later, LookBack, Probe, Scene
from healthgate.claim.state import Floor
from healthgate.claim.system import System
from healthgate.claim.tally import LONGEST, Tally
from healthgate.claim.window import Sample, reach
from healthgate.environment.launch import LaunchError, launched
from healthgate.environment.profile import Profile, ProfileError, Samples, Written
from healthgate.judge.judge import Judge
from healthgate.judge.past import Counters, Past
from healthgate.judge.verdict import Verdict
from healthgate.memory import prometheus as samples
from healthgate.memory.prometheus import EARLIER
from healthgate.observe.observer import Observer, Task
from healthgate.observe.plan import Plan, plan
from healthgate.observe.snapshot import Snapshot
from healthgate.run.again import crossed, disagreed, looks_back, worth_waiting
from healthgate.run.needless import needless
from healthgate.secret import Redactor, Secret

Progress = Callable[[int, int], None]

LISTEN_FIRST = 0.6
"""Seconds a stream is listened to before requests are made that are compared with what it brings."""


SECOND_LOOK = 2.0
"""Seconds after which a rate or a counter is looked at again, where the run may observe for that long."""


IN_TIME = 0.5
"""Seconds by which the last look at a window may be late."""


ATTEMPT_AFTER = 0.3
"""Seconds after which sources that disagreed are read once more: what raced then has come to rest."""


@dataclass
class Run:
    """What is run, where, and what came of it. `sample` is how long the run may observe for, in seconds.

    `apart` is the seconds after which a rate or a counter is looked at again; less where `sample` is less.
    `folder` is where several processes of one run share what was seen (None: there is only this one).
    `runbooks` says where a runbook stands, with its name as `{name}`. `past` is what runs before this one found, by
    environment and check id, and `counters` is where they left what counters were; None where no history is kept.
    """

    root: Path
    folder: Path | None
    catalogue: Catalogue
    profiles: dict[str, Profile]
    floor: Floor | None
    sample: float
    runbooks: str
    replayed: Snapshot | None = None
    past: Mapping[tuple[str, str], Past] | None = None
    redactor: Redactor = field(default_factory=Redactor)
    snapshot: Snapshot | None = None
    apart: float = SECOND_LOOK
    counters: Counters | None = None
    judges: dict[str, Judge] = field(default_factory=dict)
    _remembered: dict[str, Mapping[str, Sequence[Sample]]] = field(default_factory=dict)
    _counted: dict[str, dict[tuple[str, str, float], Tally | NoData]] = field(default_factory=dict)

    def floor_of(self, environment: str) -> Floor:
        """Return the floor an environment is judged at: the run's, else the profile's, else objective."""
        return self.floor or self.profiles[environment].fail_on or Floor.OBJECTIVE

    def learn_secrets(self, variables: Mapping[str, str]) -> None:
        """Let the redactor know every secret the profiles name that `variables` hold."""
        for profile in self.profiles.values():
            for settings in profile.written.values():
                for written in settings.values():
                    if written.setting.kind is Secret:
                        held = variables.get(str(written.value)[2:-1])
                        self.redactor.learn([Secret(held)] if held else [])

    def resolve(self) -> None:
        """Fill every profile that launches nothing from the environment; ProfileError lists all problems."""
        problems: list[str] = []
        for profile in self.profiles.values():
            if profile.launch is None:
                try:
                    profile.resolve(os.environ)
                except ProfileError as error:
                    problems += error.problems
        if problems:
            raise ProfileError(problems)

    def observe(self, selected: Mapping[str, Iterable[Check]], progress: Progress) -> None:
        """See to it that there is a snapshot of everything `selected` needs, and judges of it.

        Of the processes that share `folder`, the first to come here asks; the others read what it saw.
        """
        self.snapshot = self.replayed or self._shared(selected, progress)
        for name in selected:
            self.profiles[name].begin(self.snapshot.taken)
            self.judges[name] = self.judge(name, self.snapshot)

    def verdict(self, environment: str, check_id: str) -> Verdict:
        """Return the verdict on a check in an environment."""
        return self.judges[environment].verdict(check_id)

    def _shared(self, selected: Mapping[str, Iterable[Check]], progress: Progress) -> Snapshot:
        if self.folder is None:
            return self._observed(selected, progress)
        path = self.folder / "snapshot.json"
        failure = self.folder / "failure.json"
        with _locked(self.folder / "lock"):
            if path.exists():
                return Snapshot.load(path)
            if failure.exists():
                raise ProfileError(json.loads(failure.read_text()))
            try:
                snapshot = self._observed(selected, progress)
            except ProfileError as error:
                failure.write_text(json.dumps(error.problems))
                raise
            snapshot.save(path)
            return snapshot

    def _observed(self, selected: Mapping[str, Iterable[Check]], progress: Progress) -> Snapshot:
        with ExitStack() as targets:
            self._launch([self.profiles[name] for name in selected], targets)
            began = time.monotonic()
            snapshot = Snapshot(taken=time.time())
            observer = Observer(self.redactor, progress)
            try:
                self._ask(selected, observer, snapshot)
            finally:
                observer.close()
            snapshot.requests = observer.cost.requests
            snapshot.connections = observer.cost.connections
            snapshot.hosts = observer.cost.hosts
            snapshot.duration_s = round(time.monotonic() - began, 3)
        return snapshot

    def _launch(self, profiles: list[Profile], targets: ExitStack) -> None:
        problems: list[str] = []
        for profile in profiles:
            if profile.launch is None or profile.systems:
                continue
            try:
                printed = targets.enter_context(launched(profile.launch, self.root))
                self.learn_secrets(printed)
                profile.resolve({**os.environ, **printed})
            except LaunchError as error:
                problems.append(f"{profile.path.name}: {error}")
            except ProfileError as error:
                problems += error.problems
        if problems:
            raise ProfileError(problems)

    def _ask(self, selected: Mapping[str, Iterable[Check]], observer: Observer, snapshot: Snapshot) -> None:
        plans: dict[str, Plan] = {}
        for name, checks in selected.items():
            profile = self.profiles[name]
            self.redactor.learn(profile.secrets())
            profile.begin(snapshot.taken)
            plans[name] = plan(checks, self.catalogue, profile.systems)
            snapshot.remember_settings(name, profile.systems)
            self._look_back(name, plans[name], snapshot)
        tasks = [task for name, wanted in plans.items() for task in self._tasks(name, wanted, snapshot)]
        observer.run(tasks)
        self._keep(tasks, snapshot)
        for number in range(2, 1 + max((c.attempts for p in plans.values() for c in p.checks.values()), default=1)):
            again = [t for name, p in plans.items() for t in self._repeated(name, p, number, snapshot)]
            if not again:
                break
            observer.run(again)
            self._keep(again, snapshot)
        self._watch(selected, observer, snapshot)

    def _look_back(self, environment: str, wanted: Plan, snapshot: Snapshot) -> None:
        """Keep what earlier runs told of windows in the snapshot: the same verdicts can be told from it later."""
        now, scale = time.time(), self.profiles[environment].time_scale
        looks = {}
        for check in wanted.checks.values():
            past = (self.past or {}).get((environment, check.id), Past())
            since = now - reach(check.stays, check.cadence) / scale
            readings = [Sample(one.at, one.value) for one in past.looks if one.value is not None and one.at >= since]
            if check.stays.windowed and readings:
                looks[check.id] = readings
        back: dict[str, float] = {}
        for probe in wanted.probes:
            if isinstance(probe, LookBack):
                reaching = LONGEST * probe.over / scale + self.sample
                back |= {one.key: max(reaching, back.get(one.key, 0.0)) for one in probe.counters}
        tallies = self.counters.tallies(environment, back) if self.counters is not None and back else {}
        snapshot.looks[environment] = looks
        snapshot.tallies[environment] = {key: list(several) for key, several in tallies.items()}

    def tallies(self) -> Mapping[str, Mapping[str, Sequence[Tally]]]:
        """Return what counters were at the looks of this run, by environment and what names them."""
        found: dict[str, dict[str, list[Tally]]] = {}
        for name, seen in (self.snapshot.observations if self.snapshot else {}).items():
            systems = self._systems(self.profiles[name], self.snapshot) if self.snapshot else {}
            for probe in self._looking_back(systems):
                (request,) = probe.first.ids(systems[probe.system.name])
                for counter in probe.counters:
                    several = found.setdefault(name, {}).setdefault(counter.key, [])
                    for look in [] if several else looks_at(seen, request):
                        with suppress(NoData):
                            several.append(counter.tally(look, systems))
        return found

    def _looking_back(self, systems: Mapping[str, System]) -> Iterator[LookBack]:
        for check in self.catalogue.checks.values():
            with suppress(Absent):
                yield from (probe for probe in check.probes(systems) if isinstance(probe, LookBack))

    def _watch(self, selected: Mapping[str, Iterable[Check]], observer: Observer, snapshot: Snapshot) -> None:
        """Look again at what has crossed a line that needs time, all at once, as long as `sample` allows.

        What cannot be proven in that time is not waited for, and a healthy look ends the waiting. Counters that were
        not seen for as long as their windows are looked at again too.
        """
        several = [
            (name, check)
            for name, checks in selected.items()
            for check in checks
            if check.stays.windowed or looks_back(check, self.profiles[name].systems)
        ]
        looked = time.monotonic()
        self._recall(several, observer, snapshot)
        ends = looked + self.sample + IN_TIME
        for number in count(2):
            judges = {name: self.judge(name, snapshot) for name, _ in several}
            several = [pair for pair in several if worth_waiting(judges[pair[0]], pair[1], ends - looked)]
            if not several:
                return
            looked += min(judges[name].sampling_interval(check.id) for name, check in several)
            time.sleep(max(0.0, looked - time.monotonic()))
            looked = max(looked, time.monotonic() - IN_TIME)  # after one that was late there is no hurry
            tasks = self._samples(several, number)
            observer.run(tasks)
            self._keep(tasks, snapshot)

    def _recall(self, several: Iterable[tuple[str, Check]], observer: Observer, snapshot: Snapshot) -> None:
        """Ask for earlier looks at what has crossed a line that needs time, where a profile says who knows them."""
        judges = {name: self.judge(name, snapshot) for name, _ in several if self._sampled(name)}
        ill: dict[str, list[Check]] = {}
        for name, check in several:
            if name in judges and crossed(judges[name], check):
                ill.setdefault(name, []).append(check)
        if not ill:
            return
        tasks = []
        for name, checks in ill.items():
            settings = self._sampled(name)
            assert settings is not None
            tasks.append(Task(name, samples.request(settings, name, checks, self.profiles[name].time_scale)))
        observer.run(tasks)
        self._keep(tasks, snapshot)

    def _sampled(self, environment: str) -> Samples | None:
        settings = self.profiles[environment].systems.get(Samples.name)
        return settings if isinstance(settings, Samples) else None

    def _looks(self, environment: str, snapshot: Snapshot) -> Mapping[str, Sequence[Sample]]:
        """Return the earlier looks that this run was told of, by check id; none where that brought nothing usable."""
        kept = snapshot.looks.get(environment, {})
        answer = snapshot.observations.get(environment, {}).get(EARLIER)
        if answer is None:
            return kept
        if environment not in self._remembered:
            told: Mapping[str, Sequence[Sample]] = {}
            with suppress(NoData):
                told = samples.by_check(answer, self.catalogue.checks)
            both = {check: [*kept.get(check, ()), *told.get(check, ())] for check in {*kept, *told}}
            self._remembered[environment] = both
        return self._remembered[environment]

    def forgotten(self) -> list[str]:
        """Return a line for each environment whose earlier looks were asked for and cannot be used."""
        found = []
        for name, seen in (self.snapshot.observations if self.snapshot else {}).items():
            if name in self.profiles and EARLIER in seen:
                try:
                    samples.by_check(seen[EARLIER], ())
                except NoData as nothing:
                    found.append(f"{name}: windows were judged without what Prometheus remembers: {nothing}")
        return found

    def needless(self) -> list[str]:
        """Return a line for each member and metric that a profile calls absent, and that this run saw."""
        seen = self.snapshot.observations if self.snapshot else {}
        return [line for name, one in self.profiles.items() for line in needless(one, seen.get(name, {}))]

    def _samples(self, several: Iterable[tuple[str, Check]], number: int) -> list[Task]:
        wanted: dict[tuple[str, Probe], None] = {}
        for name, check in several:
            for probe in check.probes(self.profiles[name].systems):
                wanted[name, probe.first if isinstance(probe, Later) else probe] = None
        return [
            Task(name, Repeated(request, sample_mark(number)))
            for name, probe in wanted
            for request in probe.requests(self.profiles[name].systems[probe.system.name])
        ]

    def _keep(self, tasks: list[Task], snapshot: Snapshot) -> None:
        for task in tasks:
            if task.observation is not None:
                snapshot.observations.setdefault(task.environment, {})[task.observation.id] = task.observation

    def _tasks(self, environment: str, wanted: Plan, snapshot: Snapshot) -> list[Task]:
        made: dict[Probe, list[Task]] = {}
        systems = self.profiles[environment].systems

        began = time.monotonic()

        def make(probe: Probe) -> list[Task]:
            if isinstance(probe, LookBack):
                return [] if self._suffices(environment, probe, snapshot) else make(probe.again)
            if probe not in made:
                requests = probe.requests(systems[probe.system.name])
                self.redactor.learn(secret for request in requests for secret in request.secrets)
                after: list[Task] = []
                if isinstance(probe, Later):
                    before = make(probe.after) if probe.after in wanted.probes else []
                    after = [*make(probe.first), *before]
                start = _start(probe, began, wanted.probes)
                gap = min(self.sample, self.apart) if after else 0.0
                made[probe] = [Task(environment, r, start, after, gap) for r in requests]
            return made[probe]

        for probe in wanted.probes:
            make(probe)
        return [task for tasks in made.values() for task in tasks]

    def _suffices(self, environment: str, probe: LookBack, snapshot: Snapshot) -> bool:
        """Whether earlier runs left a look at each counter that says more than a second look of this run would."""
        profile, now = self.profiles[environment], time.time()
        oldest = now - LONGEST * probe.over / profile.time_scale + profile.systems[probe.system.name].deadline
        known = snapshot.tallies[environment]
        moments = [{look.at for look in known.get(one.key, ())} for one in probe.counters]
        return any(oldest <= at <= now - min(self.sample, self.apart) for at in set.intersection(*moments))

    def _repeated(self, environment: str, wanted: Plan, number: int, snapshot: Snapshot) -> list[Task]:
        systems = self.profiles[environment].systems
        judge = self.judge(environment, snapshot)
        apart = [c for c in wanted.checks.values() if c.attempts >= number and disagreed(judge, c)]
        several = (probe for check in apart for probe in check.probes(systems))
        probes = dict.fromkeys(probe.again if isinstance(probe, LookBack) else probe for probe in several)
        began = time.monotonic() + ATTEMPT_AFTER
        return [
            Task(environment, Repeated(request, attempt_mark(number)), _start(probe, began, probes))
            for probe in probes
            for request in probe.requests(systems[probe.system.name])
        ]

    def judge(self, environment: str, snapshot: Snapshot | None = None) -> Judge:
        """Return a judge of what an environment brought: of this run's own snapshot, if there is one, or of another."""
        snapshot = snapshot or self.snapshot
        assert snapshot is not None
        profile = self.profiles[environment]
        systems = self._systems(profile, snapshot)
        seen = snapshot.observations.get(environment, {})
        scene = Scene(
            environment,
            systems,
            seen,
            time_scale=profile.time_scale,
            tallies=snapshot.tallies.get(environment, {}),
            counted=self._counted.setdefault(environment, {}),
        )
        floor = self.floor_of(environment)
        return Judge(
            environment,
            profile.terms_of,
            {name: one for name, one in self.catalogue.checks.items() if not is_absent(name, systems)},
            scene,
            floor,
            self.runbooks,
            change_from=f"{self.root}{os.sep}",
            at=snapshot.taken,
            past=self.past,
            remembered=self._looks(environment, snapshot),
        )

    def _systems(self, profile: Profile, snapshot: Snapshot) -> Mapping[str, System]:
        if profile.systems:
            return profile.systems
        seen = snapshot.settings.get(profile.name, {})
        return {
            name: profile.declared[name](
                **{key: _known(one) for key, one in settings.items() if key not in seen.get(name, {})},
                **seen.get(name, {}) | {"run_at": snapshot.taken},
                here=profile.here_of(name),
            )
            for name, settings in profile.written.items()
        }


def _start(probe: Probe, began: float, probes: Collection[Probe]) -> float:
    return began + LISTEN_FIRST if probe.alongside in probes else began


def _known(written: Written) -> Any:
    """Return a setting that a snapshot does not have, as the profile gives it, without what it is filled from."""
    return _UNUSED if written.variables() else written.filled({}, [])


_UNUSED = Secret("not needed to judge what was already seen")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
