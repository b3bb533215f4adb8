"""How a run ends: what came of it settled to one exit code, and told to everybody who is to know."""

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from healthgate.hooks.options import Options
from healthgate.hooks.selection import Selection
from healthgate.judge import outcome
from healthgate.run.run import Run
from healthgate.tell import results, terminal
from healthgate.version import __version__

if TYPE_CHECKING:
    from healthgate.claim.limit import Limit
    from healthgate.hooks.allure_run import AllureRun
    from healthgate.hooks.trial import CanaryTrial
    from healthgate.judge.canary import Comparison
    from healthgate.judge.verdict import Verdict
    from healthgate.tell.account import Account

DECISIONS = ("rolled_back", "rollback", "inconclusive", "pass")
"""What a comparison of a canary comes to; of several, the first of these counts."""

USAGE, NOTHING_SELECTED = 4, 5
"""pytest's own exit codes of a run that could not begin, and of one that had nothing to do."""


class Began(NamedTuple):
    """When a run began: in seconds since 1970, and by the clock that nobody sets."""

    at: float
    counting: float


class Ending:
    """What the owner of a run's outcome knows at its end. `verdicts` are by node id, in the order of the selection.

    `usage` says why nothing could be observed; `broke` whether something failed that is no check.
    """

    def __init__(self, config: pytest.Config, run: Run, selection: Selection, options: Options, began: Began) -> None:
        self.config = config
        self.option = config.option
        self.run = run
        self.selection = selection
        self.history = options.history
        self.undelivered = options.undelivered
        self.notes: list[str] = []
        self.verdicts: dict[str, Verdict] = {}
        self.usage: str | None = None
        self.broke = False
        self.status: int | None = None
        self.account: Account | None = None
        self.allure: AllureRun | None = None
        self.comparison: Comparison | None = None
        self.trial: CanaryTrial | None = None
        self._began = began

    @property
    def lost(self) -> list[str]:
        """The node ids of chosen checks that brought no verdict."""
        return self.selection.lost(self.verdicts)

    def settle(self, session: pytest.Session, exitstatus: int) -> None:
        """Derive the exit code, deliver everything, and set the code of the session."""
        came = self.verdicts  # in the order the workers brought them
        self.verdicts = {nodeid: came[nodeid] for nodeid in self.selection.nodeids if nodeid in came}
        states = [verdict for verdict in self.verdicts.values() if verdict.id in self.run.catalogue.checks]
        if self.option.canary and (states or self.trial is None):
            from healthgate.judge.canary import compare  # noqa: PLC0415
            from healthgate.observe.plan import declared_absent  # noqa: PLC0415

            baseline, canary = self.run.profiles
            checks, present = self.run.catalogue.checks.values(), self.run.profiles[canary].present()
            self.comparison = compare(states, baseline, canary, declared_absent(checks, present))
        status = int(exitstatus)
        if status == 2 and str(getattr(session, "shouldfail", "")).startswith("stopping after"):
            status = 1  # xdist ends -x and --maxfail as an interruption
        if self.usage:
            status = USAGE
        elif status in {0, 1}:
            status = self._code(status)
        if self.selection.nodeids or status != NOTHING_SELECTED:
            status = self._deliver(status)
        self.status = status
        session.exitstatus = outcome.NAGIOS.get(status, 3) if self.option.exit_codes == "nagios" else status

    def _code(self, status: int) -> int:
        if self.broke:
            return outcome.FAILED if self.verdicts else status
        if not self.selection.nodeids:
            return status
        lost = len(self.lost)
        compared = [one.exit_code for one in (self.trial, self.comparison) if one is not None]
        if compared:
            return outcome.worst([*compared, outcome.exit_code([], lost=lost)])
        return outcome.exit_code(self.verdicts.values(), lost=lost)

    def _deliver(self, status: int) -> int:
        """Write, push and tell everything that is asked for; return the code, which is another where that failed."""
        snapshot, option, base = self.run.snapshot, self.option, self.config.invocation_params.dir

        needless = self.run.needless()
        self.notes += needless

        def code() -> int:
            if needless and status == outcome.PASSED:
                return int(pytest.ExitCode.USAGE_ERROR)
            return outcome.UNDELIVERED if self.undelivered and status == outcome.PASSED else status

        if option.snapshot_out and snapshot is not None:
            self._try_to_write(base / option.snapshot_out, snapshot.save)
        if self.trial is not None:
            self.undelivered += self.trial.write(status, self.comparison)
        self._remember()
        facts = self._facts(code())
        people, files = (option.alertmanager, option.notify), (option.pushgateway, option.metrics)
        if option.github or option.nagios_plugin or any(people) or files != (None, None):
            from healthgate.tell import delivery  # noqa: PLC0415

            self.account = self._account(facts)
            delivered = delivery.deliver(self.account, option, base, os.environ)
            self.undelivered += [self.run.redactor.text(trouble) for trouble in delivered.troubles]
            self.notes += [self.run.redactor.text(note) for note in delivered.notes]
            facts = replace(facts, exit_code=code())
        if self.allure is not None:
            self._tell_allure(self.allure, self.account or self._account(facts))
            facts = replace(facts, exit_code=code())
        comparison = self.comparison.record() if self.comparison else None
        self._try_to_write(
            base / option.results, lambda path: results.write(path, facts, self.verdicts, snapshot, comparison)
        )
        if self.account is not None:
            told = replace(facts, exit_code=code())
            self.account = replace(self.account, facts=told, undelivered=list(self.undelivered))
        return code()

    def _facts(self, code: int) -> results.RunFacts:
        run, nodeids = self.run, self.selection.nodeids
        asked = run.snapshot if not run.replayed else None
        return results.RunFacts(
            id=uuid.uuid4().hex,
            started=self._began.at,
            duration_s=round(time.monotonic() - self._began.counting, 3),
            environments=list(run.profiles),
            fail_on=self.option.fail_on or ",".join(dict.fromkeys(run.floor_of(name) for name in run.profiles)),
            exit_code=code,
            selected=len(nodeids),
            executed=len(nodeids) - len(self.lost),
            requests=asked.requests if asked else 0,
            connections=asked.hosts if asked else {},
            version=__version__,
        )

    def _remember(self) -> None:
        if self.history is None:
            return
        from healthgate.memory.history import HistoryError  # noqa: PLC0415

        seen = self.run.snapshot.taken if self.run.snapshot else self._began.at
        try:
            self.history.record(self.verdicts.values(), seen, self.run.tallies())
        except HistoryError as error:
            self.undelivered.append(f"history not written: {error}; the verdicts above stand")

    def _tell_allure(self, allure: "AllureRun", account: "Account") -> None:
        chosen = self.selection
        allure.courses = self.trial.courses if self.trial is not None else {}
        selected = {nodeid: (chosen.places[nodeid], chosen.claims[nodeid]) for nodeid in chosen.nodeids}
        self.undelivered += allure.deliver(account, self.verdicts, selected, self.usage, os.environ)
        self.notes += allure.notes

    def _account(self, facts: results.RunFacts) -> "Account":
        from healthgate.tell.account import Account, CanaryDecision  # noqa: PLC0415

        run, canary = self.run, None
        if self.option.canary:
            (baseline, name), (decision, why) = run.profiles, self._decision()
            canary = CanaryDecision(baseline, name, decision, why)
        seen = run.replayed.taken if run.replayed else facts.started + facts.duration_s
        return Account(
            facts=facts,
            verdicts=list(self.verdicts.values()),
            limit_of=self._limit_of,
            floors={name: run.floor_of(name) for name in run.profiles},
            selection=self.selection.words(),
            selected=Counter(self.selection.places.values()),
            seen=seen,
            left_out=self.selection.left_out_lines(),
            lost=self.lost,
            undelivered=list(self.undelivered),
            cost=terminal.cost(run.snapshot, run.replayed),
            root=str(run.root),
            stages={name: one.stage for name, one in run.profiles.items()},
            known=frozenset(run.catalogue.checks) | frozenset(run.catalogue.comparisons),
            history=self.history,
            canary=canary,
        )

    def _decision(self) -> tuple[str, str]:
        """Return what the comparison of a canary came to, states and trial together, and why."""
        found = [] if self.comparison is None else [(self.comparison.decision, self.comparison.lines()[0])]
        if self.trial is not None:
            found.append(self.trial.decision)
        return min(found, key=lambda one: DECISIONS.index(one[0]), default=("inconclusive", "nothing was compared"))

    def _limit_of(self, verdict: "Verdict") -> "Limit":
        check = self.run.catalogue.find(verdict.id)
        assert check is not None
        return self.run.profiles[verdict.environment].limit_of(check.id, check.stays)

    def _try_to_write(self, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
        except OSError as error:
            self.undelivered.append(f"not written: {path}: {error.strerror}; the verdicts above stand")

    def show(self, reporter: Any) -> None:
        """Show every check with its value, and what the run left out, lost or could not deliver."""
        if self.usage:
            if self.selection.is_of_workers:  # without workers pytest itself says it
                reporter.write_line(f"ERROR: {self.usage}", red=True)
            return
        run = self.run
        seen = terminal.Summary(
            verdicts=list(self.verdicts.values()),
            environments={name: one.description for name, one in run.profiles.items()},
            floors=list(dict.fromkeys(str(run.floor_of(name)) for name in run.profiles)),
            left_out=self.selection.left_out_lines(),
            selected=len(self.selection.nodeids),
            lost=self.lost,
            undelivered=self.undelivered,
            cost=terminal.cost(run.snapshot, run.replayed),
            results=self.option.results,
            compared=[
                *(self.comparison.lines() if self.comparison else []),
                *(self.trial.lines() if self.trial is not None else []),
            ],
            notes=[*(self.history.notes if self.history else []), *run.forgotten(), *self.notes],
            exit_code=self.status,
        )
        terminal.summary(reporter, seen)
