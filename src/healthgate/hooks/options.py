"""What a command line asks for, checked before anything is asked: one usage error for all that is wrong with it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from healthgate import duration
from healthgate.claim import catalogue as catalogues
from healthgate.claim.state import Floor
from healthgate.claim.window import reach
from healthgate.environment import profile, reader
from healthgate.judge.past import Past
from healthgate.nearest import hint
from healthgate.observe.snapshot import Snapshot, SnapshotError
from healthgate.run.run import Run

if TYPE_CHECKING:
    from healthgate.memory.history import History


class Options:
    """The options of one pytest process. `history` is open once a run is prepared that keeps one.

    `cadence` is that of the only checks that are wanted, in seconds; `undelivered` says what cannot be used.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.option = config.option
        self.problems: list[str] = []
        self.undelivered: list[str] = []
        self.cadence: float | None = None
        self.history: History | None = None

    def prepare(self, folder: Path | None) -> Run:
        """Return the run that is asked for, which keeps what it sees in `folder`; UsageError with all that is wrong."""
        option, root, problems = self.option, self.config.rootpath, self.problems
        try:
            catalogue = catalogues.load(root / str(self.config.getini("healthgate_checks")), root)
        except catalogues.CatalogueError as error:
            raise pytest.UsageError(str(error)) from None
        profiles = self._profiles(catalogue)
        problems += [
            f"--system {name}: there is no such system{hint(name, catalogue.systems)}"
            for name in option.system
            if name not in catalogue.systems
        ]
        sample = self._duration("--sample", option.sample)
        self.cadence = self._duration("--cadence", option.cadence) if option.cadence else None
        known = {check.cadence for check in catalogue.checks.values()}
        if self.cadence is not None and self.cadence not in known:
            valid = ", ".join(duration.spoken(cadence) for cadence in sorted(known))
            problems.append(f"--cadence {option.cadence}: no check is meant to run that often; there are {valid}")
        self._check_outputs()
        replayed = self._replayed(profiles)
        floor = Floor(option.fail_on) if option.fail_on else None
        runbooks = str(self.config.getini("healthgate_runbooks"))
        past = None if problems else self._past(profiles, catalogue)
        run = Run(
            root, folder, catalogue, profiles, floor, sample, runbooks, replayed, past=past, counters=self.history
        )
        run.learn_secrets(os.environ)
        if option.pushgateway is not None:
            from healthgate.tell import pushgateway  # noqa: PLC0415

            run.redactor.learn(pushgateway.secrets(os.environ))
        if option.alertmanager or option.notify:
            from healthgate.tell.alerting import options  # noqa: PLC0415

            run.redactor.learn(options.secrets(option, os.environ))
        if not replayed and not option.collectonly:
            try:
                run.resolve()
            except profile.ProfileError as error:
                problems += error.problems
        if problems:
            raise pytest.UsageError("\n".join(problems))
        return run

    def _past(self, profiles: Iterable[str], catalogue: catalogues.Catalogue) -> Mapping[tuple[str, str], Past] | None:
        """Open the history and return what it knows; without one, or where it cannot be used, None."""
        option = self.option
        if not option.history or option.collectonly:
            return None
        from healthgate.memory.history import History, HistoryError  # noqa: PLC0415

        try:
            self.history = History(self.config.invocation_params.dir / option.history)
            return self.history.past(profiles, back=_windows(catalogue))
        except HistoryError as error:
            self.undelivered.append(f"no history: {error}; the verdicts above stand")
            self.history = None
            return None

    def _check_outputs(self) -> None:
        option, problems = self.option, self.problems
        if any((option.trial_for, option.record, option.learn, option.usual, option.pictures, option.from_prometheus)):
            from healthgate.hooks import trial  # noqa: PLC0415

            problems += trial.problems(option)
        if option.snapshot_in and option.history:
            problems.append("--snapshot-in judges what was seen before; --history is for runs that look: leave one out")
        if option.nagios_plugin and option.github:
            problems.append("--nagios-plugin prints one line and --github prints several: give one of them")
        if option.pushgateway is not None:
            from healthgate.tell import pushgateway  # noqa: PLC0415

            found = (pushgateway.problem(option.pushgateway), pushgateway.unsendable(os.environ))
            problems += [f"--pushgateway: {problem}" for problem in found if problem]
        if option.alertmanager or option.heartbeat is not None or option.notify:
            from healthgate.tell.alerting import options  # noqa: PLC0415

            problems += options.problems(option, os.environ)

    def _profiles(self, catalogue: catalogues.Catalogue) -> dict[str, profile.Profile]:
        root = self.config.rootpath
        folder = root / str(self.config.getini("healthgate_environments"))
        found: dict[str, profile.Profile] = {}
        variables = None if self.option.collectonly or self.option.snapshot_in else os.environ
        for name in self.option.env:
            try:
                path = profile.find(name, folder, self.config.invocation_params.dir)
                label = os.path.relpath(path, self.config.invocation_params.dir)
                one = reader.read(path, catalogue, label, variables)
                if found.setdefault(one.name, one) is not one:
                    self.problems.append(f"--env {name}: the environment {one.name} is named twice")
            except profile.ProfileError as error:
                self.problems += error.problems
        return found

    def _duration(self, option: str, text: str) -> float:
        try:
            found = duration.seconds(text)
        except ValueError as error:
            self.problems.append(f"{option}: {error}")
            return 1.0
        if found <= 0:
            self.problems.append(f"{option} {text}: expected more than nothing")
        return found

    def _replayed(self, profiles: dict[str, profile.Profile]) -> Snapshot | None:
        path = self.option.snapshot_in
        if not path:
            return None
        try:
            snapshot = Snapshot.load(self.config.invocation_params.dir / path)
        except SnapshotError as error:
            self.problems.append(f"--snapshot-in: {error}")
            return None
        self.problems += [
            f"--snapshot-in {path}: it holds nothing of {name}{hint(name, snapshot.observations)}"
            for name in profiles
            if name not in snapshot.observations
        ]
        return snapshot


def _windows(catalogue: catalogues.Catalogue) -> dict[str, float]:
    """Return how far back, in seconds, each check with a window needs its looks: its window, and a gap on top."""
    return {check.id: reach(check.stays, check.cadence) for check in catalogue.checks.values() if check.stays.windowed}
