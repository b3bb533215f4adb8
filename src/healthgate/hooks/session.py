"""The pytest hooks of a run with at least one environment."""

import json
import os
import shutil
import signal
import tempfile
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from healthgate import duration
from healthgate.claim import catalogue as catalogues
from healthgate.claim.check import Check, declared_on
from healthgate.claim.state import Floor, State
from healthgate.claim.window import reach
from healthgate.environment import profile, reader
from healthgate.hooks import protocol
from healthgate.hooks.failure import HealthFailedError, HealthUnknownError, as_longrepr
from healthgate.judge import outcome
from healthgate.judge.past import Past
from healthgate.judge.verdict import Verdict
from healthgate.nearest import hint
from healthgate.observe.plan import left_out
from healthgate.observe.snapshot import Snapshot, SnapshotError
from healthgate.run.run import Run
from healthgate.tell import results, terminal
from healthgate.version import __version__

if TYPE_CHECKING:
    from healthgate.hooks.allure_run import AllureRun
    from healthgate.judge.canary import Comparison
    from healthgate.memory.history import History
    from healthgate.tell.account import Account
    from healthgate.tell.github import Commands

MUTED = ("muted", "M", ("MAINTENANCE", {"yellow": True}))
"""How a failing check that is in maintenance is shown, whatever its state."""

WORDS = {
    State.WARNING: ("warned", "W", ("WARNING", {"yellow": True})),
    State.MISSED: ("missed", "m", ("MISSED", {"yellow": True})),
    State.PENDING: ("pending", "p", ("PENDING", {"yellow": True})),
    State.BLOCKED: ("blocked", "B", ("BLOCKED", {"yellow": True})),
}


class Session:
    """One pytest process of a run: the only one, the controller of several workers, or one of those."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.began = time.time()
        self.began_counting = time.monotonic()
        self.worker_input = getattr(config, "workerinput", None)
        self.owns_outcome = self.worker_input is None
        self.verdicts: dict[str, Verdict] = {}
        self.selected: list[str] = []
        self.places: dict[str, str] = {}
        self.claims: dict[str, str] = {}
        self.account: Account | None = None
        self.commands: Commands | None = None
        self.selected_by_workers = False
        self.left_out: dict[str, list[str]] = {}
        self.ordinary_failure = False
        self.exit_status: int | None = None
        self.usage: str | None = None
        self.undelivered: list[str] = []
        self.notes: list[str] = []
        self.one_step = False
        self.history: History | None = None
        self.comparison: Comparison | None = None
        self.allure: AllureRun | None = None
        self._old_handler: Any = None
        self.folder = Path(self.worker_input["healthgate_folder"] if self.worker_input else os.devnull)
        self.run = self._prepare()
        config.option.showlocals = False  # a shortened local could hold part of a secret that no redactor knows
        self._register_allure()

    def _prepare(self) -> Run:
        option, root = self.config.option, self.config.rootpath
        problems: list[str] = []
        try:
            catalogue = catalogues.load(root / str(self.config.getini("healthgate_checks")), root)
        except catalogues.CatalogueError as error:
            raise pytest.UsageError(str(error)) from None
        except Exception as error:
            raise pytest.UsageError(f"the checks cannot be imported: {type(error).__name__}: {error}") from error
        profiles = self._profiles(catalogue, problems)
        problems += [
            f"--system {name}: there is no such system{hint(name, catalogue.systems)}"
            for name in option.system
            if name not in catalogue.systems
        ]
        sample = self._duration("--sample", option.sample, problems)
        self.cadence = self._duration("--cadence", option.cadence, problems) if option.cadence else None
        known = {check.cadence for check in catalogue.checks.values()}
        if self.cadence is not None and self.cadence not in known:
            valid = ", ".join(duration.spoken(cadence) for cadence in sorted(known))
            problems.append(f"--cadence {option.cadence}: no check is meant to run that often; there are {valid}")
        self._check_outputs(problems)
        replayed = self._replayed(profiles, problems)
        floor = Floor(option.fail_on) if option.fail_on else None
        runbooks = str(self.config.getini("healthgate_runbooks"))
        folder = None if self.owns_outcome else self.folder
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
        option = self.config.option
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

    @property
    def past(self) -> Mapping[tuple[str, str], Past]:
        """What runs before this one found, by environment and check id; empty where no history is kept."""
        return self.run.past or {}

    def _check_outputs(self, problems: list[str]) -> None:
        option = self.config.option
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

    def _profiles(self, catalogue: catalogues.Catalogue, problems: list[str]) -> dict[str, profile.Profile]:
        root = self.config.rootpath
        folder = root / str(self.config.getini("healthgate_environments"))
        found: dict[str, profile.Profile] = {}
        variables = None if self.config.option.collectonly or self.config.option.snapshot_in else os.environ
        for name in self.config.option.env:
            try:
                path = profile.find(name, folder, self.config.invocation_params.dir)
                label = os.path.relpath(path, self.config.invocation_params.dir)
                one = reader.read(path, catalogue, label, variables)
                if found.setdefault(one.name, one) is not one:
                    problems.append(f"--env {name}: the environment {one.name} is named twice")
            except profile.ProfileError as error:
                problems += error.problems
        return found

    def _duration(self, option: str, text: str, problems: list[str]) -> float:
        try:
            found = duration.seconds(text)
        except ValueError as error:
            problems.append(f"{option}: {error}")
            return 1.0
        if found <= 0:
            problems.append(f"{option} {text}: expected more than nothing")
        return found

    def _replayed(self, profiles: dict[str, profile.Profile], problems: list[str]) -> Snapshot | None:
        path = self.config.option.snapshot_in
        if not path:
            return None
        try:
            snapshot = Snapshot.load(self.config.invocation_params.dir / path)
        except SnapshotError as error:
            problems.append(f"--snapshot-in: {error}")
            return None
        problems += [
            f"--snapshot-in {path}: it holds nothing of {name}{hint(name, snapshot.observations)}"
            for name in profiles
            if name not in snapshot.observations
        ]
        return snapshot

    def _register_allure(self) -> None:
        option = self.config.option
        if getattr(option, "allure_report_dir", None) and option.collectonly:
            option.allure_report_dir = None  # there will be nothing to tell, and what is there shall stay
        elif getattr(option, "allure_report_dir", None):
            from healthgate.hooks.allure_run import AllureRun  # noqa: PLC0415

            self.allure = AllureRun(self.config, self.run, self.named)
            self.config.pluginmanager.register(self.allure, "healthgate-allure")

    # -- collecting -----------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a test function one parameter set for every environment and check."""
        checks = declared_on(metafunc.function)
        if not checks:
            return
        slugs = [check.slug for check in checks]
        doubled = sorted({slug for slug in slugs if slugs.count(slug) > 1})
        if doubled:
            raise pytest.UsageError(
                f"{checks[0].file}:{checks[0].line}: two checks on {metafunc.function.__name__} end in {doubled[0]}; "
                "put them on different functions, so that each has a name of its own"
            )
        sets = [
            pytest.param(
                f"{check.id}|{name}",
                id=f"{name}-{check.slug}",
                marks=pytest.mark.health(
                    system=check.system, environment=name, severity=check.stays.severity, check=check.id
                ),
            )
            for name in self.run.profiles
            for check in checks
        ]
        metafunc.parametrize("verdict", sets, indirect=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect what an environment leaves out and what the options exclude."""
        present = {name: one.present() for name, one in self.run.profiles.items()}
        keep: list[pytest.Item] = []
        drop: list[pytest.Item] = []
        for item in items:
            named = self.named(item)
            if named is None:
                keep.append(item)
                continue
            environment, check = named
            item.extra_keyword_matches.update({check.system, environment, check.id, check.row})
            missing = left_out(check, present[environment])
            if missing:
                self.left_out.setdefault(f"{environment}: {missing}", []).append(check.id)
            (drop if missing or self._excluded(check) else keep).append(item)
        if drop:
            items[:] = keep
            self.config.hook.pytest_deselected(items=drop)

    def _excluded(self, check: Check) -> bool:
        option = self.config.option
        return bool(
            (option.system and check.system not in option.system)
            or (option.severity and check.stays.severity != option.severity)
            or (self.cadence is not None and check.cadence != self.cadence)
        )

    def named(self, item: pytest.Item) -> tuple[str, Check] | None:
        """Return the environment and the check an item is about, or None for an ordinary test."""
        params = getattr(getattr(item, "callspec", None), "params", {})
        check_id, _, environment = str(params.get("verdict", "")).partition("|")
        check = self.run.catalogue.checks.get(check_id)
        return (environment, check) if check is not None else None

    def pytest_report_collectionfinish(self) -> list[str]:
        """Say what is not checked, and why."""
        return self.left_out_lines() if self.config.option.collectonly else []

    def left_out_lines(self) -> list[str]:
        """Return a line for everything an environment leaves out."""
        return [f"not in {what} ({len(ids)} checks)" for what, ids in sorted(self.left_out.items())]

    # -- observing and judging ------------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        """Make SIGTERM end the run as Ctrl-C does: with everything judged so far written down."""
        if self.config.option.github and self.owns_outcome and not self.config.option.collectonly:
            from healthgate.tell.github import Commands  # noqa: PLC0415

            self.commands = Commands(self._line)
            self.commands.stop()
        with suppress(ValueError):  # not in the main thread: somebody else's signals
            self._old_handler = signal.signal(signal.SIGTERM, _interrupt)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Observe everything the selected checks need, once, before the first of them is judged."""
        option = self.config.option
        stopped = session.testsfailed and not option.continue_on_collection_errors and self.owns_outcome
        named = [(item, *found) for item in getattr(session, "items", []) if (found := self.named(item))]
        if named and not option.collectonly and not stopped:
            self.selected = [item.nodeid for item, _, _ in named]
            self.places = {item.nodeid: environment for item, environment, _ in named}
            self.claims = {item.nodeid: check.id for item, _, check in named}
            self.one_step = protocol.may_be_one_step(self.config, session.items)
            if self.one_step:
                protocol.share_locations(session.items)
            if not self.owns_outcome:
                told = {"selected": self.selected, "places": self.places, "claims": self.claims}
                (self.folder / "selected.json").write_text(json.dumps(told | {"left_out": self.left_out}))
            wanted: dict[str, list[Check]] = {}
            for _, environment, check in named:
                wanted.setdefault(environment, []).append(check)
            try:
                self.run.observe(wanted, terminal.Progress(self.config).show)
            except profile.ProfileError as error:
                self.usage = str(error)
                if self.owns_outcome:
                    raise pytest.UsageError(self.usage) from None
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run a check in one step where that is the same; not at all where nothing could be observed."""
        if self.usage and self.named(item):
            return True
        if not self.one_step:
            return None
        protocol.run(cast("pytest.Function", item), self.verdict_for)
        return True

    def verdict_for(self, item: pytest.Item) -> Verdict:
        """Return the verdict for a test; raise as pytest understands it where there is nothing to assert."""
        named = self.named(item)
        if named is None:
            raise pytest.UsageError("`verdict` is for test functions that declare checks with @check")
        verdict = self.run.verdict(named[0], named[1].id)
        item.stash[VERDICT] = verdict
        if getattr(self.config.option, "xmlpath", None):
            from healthgate.tell import junit  # noqa: PLC0415

            item.user_properties += junit.properties(verdict)
        if verdict.muted:
            pytest.skip(f"maintenance {verdict.maintenance}: {verdict.headline}")
        if verdict.state is State.BLOCKED:
            pytest.skip(verdict.reason)
        if verdict.state is State.UNKNOWN:
            raise HealthUnknownError(verdict.headline)
        return verdict

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Fail a test that did not assert on a verdict that is not healthy."""
        result = yield
        verdict = pyfuncitem.stash.get(VERDICT, None)
        if verdict is not None and not verdict.healthy:
            raise HealthFailedError(verdict.headline)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Tell a verdict as a sentence, never as a traceback; keep secrets out of everything told."""
        report: pytest.TestReport = yield
        verdict = item.stash.get(VERDICT, None)
        told = verdict is not None and call.when != "teardown" and _is_told(report, call, verdict)
        if told and verdict is not None:
            report.healthgate = verdict.as_record()  # type: ignore[attr-defined]
            if report.failed:
                report.longrepr = as_longrepr(verdict)
            elif report.skipped:
                path, _, line = verdict.change.rpartition(":")
                report.longrepr = (path, int(line), str(call.excinfo.value) if call.excinfo else verdict.reason)
        elif report.failed and report.longrepr is not None:
            plain = str(report.longrepr)
            clean = self.run.redactor.text(plain)
            if clean != plain:
                report.longrepr = clean
        report.sections = [(title, self.run.redactor.text(text)) for title, text in report.sections]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Keep secrets out of the summary of warnings."""
        plain = str(warning_message.message)
        clean = self.run.redactor.text(plain)
        if clean != plain:
            warning_message.message = clean

    # -- telling --------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect verdicts where the run's outcome is decided."""
        record = getattr(report, "healthgate", None)
        if record is not None:
            self.verdicts[report.nodeid] = Verdict.from_record(record)
        elif report.failed:
            self.ordinary_failure = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count what cannot be collected as broken: with workers pytest runs what else there is."""
        if report.failed:
            self.ordinary_failure = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Any:
        """Give the states that neither pass nor fail a letter and a summary of their own."""
        record = getattr(report, "healthgate", None)
        if record is None:
            return None
        state = State(record["state"])
        if record["maintenance"] and report.skipped:
            return MUTED
        if state is State.UNKNOWN:
            return "error", "U", ("UNKNOWN", {"red": True})
        if (report.passed and state is not State.OK) or state is State.BLOCKED:
            return WORDS[state]
        if report.failed and state in WORDS:
            return "failed", WORDS[state][1], WORDS[state][2]
        return None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell every worker where the run keeps what was observed."""
        if not self.folder.is_dir():
            self.folder = Path(tempfile.mkdtemp(prefix="healthgate-"))
        node.workerinput["healthgate_folder"] = str(self.folder)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """Write what was found and settle the exit code, after every other output and whatever became of those."""
        try:
            return (yield)
        except OSError as error:  # a report of pytest or of another plugin; the verdicts must not be lost with it
            if not self.owns_outcome:
                raise
            path, xml = str(error.filename or ""), getattr(self.config.option, "xmlpath", None) or "a report"
            path = xml if str(Path(xml).absolute()).startswith(path) else path
            self.undelivered.append(f"not written: {path}: {error.strerror}; the verdicts above stand")
        finally:
            if self.owns_outcome and not self.config.option.collectonly:
                self._finish(session, exitstatus)

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        self._collect_from_workers()
        if self.config.option.canary:
            from healthgate.judge.canary import compare  # noqa: PLC0415

            baseline, canary = self.run.profiles
            self.comparison = compare(self.verdicts.values(), baseline, canary)
        status = int(exitstatus)
        if status == 2 and str(getattr(session, "shouldfail", "")).startswith("stopping after"):
            status = 1  # xdist ends -x and --maxfail as an interruption
        if self.usage:
            status = 4
        elif status in {0, 1}:
            status = self._settled(status)
        if self.selected or status != 5:
            status = self._deliver(status)
        self.exit_status = status
        session.exitstatus = self._spoken(status)

    def _settled(self, status: int) -> int:
        if self.ordinary_failure and not self.verdicts:
            return status
        if self.ordinary_failure:
            return outcome.FAILED
        if not self.selected:
            return status
        if self.comparison is not None:
            return outcome.worst([self.comparison.exit_code, outcome.exit_code([], lost=len(self.lost()))])
        return outcome.exit_code(self.verdicts.values(), lost=len(self.lost()))

    def _spoken(self, status: int) -> int:
        if self.config.option.exit_codes == "nagios":
            return outcome.NAGIOS.get(status, 3)
        return status

    def lost(self) -> list[str]:
        """Return the node ids of selected checks that brought no verdict."""
        return [nodeid for nodeid in self.selected if nodeid not in self.verdicts]

    def _collect_from_workers(self) -> None:
        folder = self.folder
        with suppress(OSError, ValueError):
            found = json.loads((folder / "selected.json").read_text())
            self.selected, self.places, self.left_out = found["selected"], found["places"], found["left_out"]
            self.claims = found["claims"]
            self.selected_by_workers = True
        with suppress(OSError, ValueError):
            self.usage = "\n".join(json.loads((folder / "failure.json").read_text()))
        if self.run.snapshot is None and (folder / "snapshot.json").exists():
            self.run.snapshot = Snapshot.load(folder / "snapshot.json")
        came = self.verdicts  # in the order the workers brought them
        self.verdicts = {nodeid: came[nodeid] for nodeid in self.selected if nodeid in came}

    def _deliver(self, status: int) -> int:
        snapshot, option, base = self.run.snapshot, self.config.option, self.config.invocation_params.dir
        if option.snapshot_out and snapshot is not None:
            self._try_to_write(base / option.snapshot_out, snapshot.save)
        self._remember()
        passed = status == outcome.PASSED
        status = outcome.UNDELIVERED if self.undelivered and passed else status
        facts = results.RunFacts(
            id=uuid.uuid4().hex,
            started=self.began,
            duration_s=round(time.monotonic() - self.began_counting, 3),
            environments=list(self.run.profiles),
            fail_on=option.fail_on or ",".join(dict.fromkeys(self.run.floor_of(name) for name in self.run.profiles)),
            exit_code=status,
            selected=len(self.selected),
            executed=len(self.selected) - len(self.lost()),
            requests=snapshot.requests if snapshot and not self.run.replayed else 0,
            connections=snapshot.hosts if snapshot and not self.run.replayed else {},
            version=__version__,
        )
        people, files = (option.alertmanager, option.notify), (option.pushgateway, option.metrics)
        if option.github or option.nagios_plugin or any(people) or files != (None, None):
            from healthgate.tell import delivery  # noqa: PLC0415

            self.account = self._account(facts)
            delivered = delivery.deliver(self.account, option, base, os.environ)
            self.undelivered += [self.run.redactor.text(trouble) for trouble in delivered.troubles]
            self.notes += [self.run.redactor.text(note) for note in delivered.notes]
            facts = replace(facts, exit_code=outcome.UNDELIVERED if self.undelivered and passed else status)
        if self.allure is not None:
            self._tell_allure(self.allure, self.account or self._account(facts))
            facts = replace(facts, exit_code=outcome.UNDELIVERED if self.undelivered and passed else status)
        self._try_to_write(base / option.results, lambda path: self._write_results(path, facts))
        status = outcome.UNDELIVERED if self.undelivered and passed else status
        if self.account is not None:
            told = replace(facts, exit_code=status)
            self.account = replace(self.account, facts=told, undelivered=list(self.undelivered))
        return status

    def _remember(self) -> None:
        if self.history is None:
            return
        from healthgate.memory.history import HistoryError  # noqa: PLC0415

        seen = self.run.snapshot.taken if self.run.snapshot else self.began
        try:
            self.history.record(self.verdicts.values(), seen, self.run.tallies())
        except HistoryError as error:
            self.undelivered.append(f"history not written: {error}; the verdicts above stand")

    def _tell_allure(self, allure: "AllureRun", account: "Account") -> None:
        selected = {nodeid: (self.places[nodeid], self.claims[nodeid]) for nodeid in self.selected}
        self.undelivered += allure.deliver(account, self.verdicts, selected, self.usage, os.environ)
        self.notes += allure.notes

    def _account(self, facts: results.RunFacts) -> "Account":
        from healthgate.tell.account import Account  # noqa: PLC0415

        run = self.run
        seen = run.replayed.taken if run.replayed else facts.started + facts.duration_s
        return Account(
            facts=facts,
            verdicts=list(self.verdicts.values()),
            limit_of=lambda v: run.profiles[v.environment].limit_of(v.id, run.catalogue.checks[v.id].stays),
            floors={name: run.floor_of(name) for name in run.profiles},
            selection=self._selection(),
            selected=Counter(self.places.values()),
            seen=seen,
            left_out=self.left_out_lines(),
            lost=self.lost(),
            undelivered=list(self.undelivered),
            cost=terminal.cost(run.snapshot, run.replayed),
            root=str(run.root),
            stages={name: one.stage for name, one in run.profiles.items()},
            known=frozenset(run.catalogue.checks),
            history=self.history,
        )

    def _selection(self) -> str:
        """Return what confined this run, as in `cadence=30s,system=boiler`; `all` where nothing did."""
        option, checks = self.config.option, self.run.catalogue.checks
        words = [f"cadence={self.cadence:g}s"] if self.cadence is not None else []
        words += [f"system={name}" for name in sorted(option.system)]
        words += [f"severity={option.severity}"] if option.severity else []
        there = len(self.run.profiles) * sum(not self._excluded(check) for check in checks.values())
        absent = sum(not self._excluded(checks[name]) for several in self.left_out.values() for name in several)
        return ",".join([*words, *(["part"] if len(self.selected) < there - absent else [])]) or "all"

    def _write_results(self, path: Path, facts: results.RunFacts) -> None:
        comparison = self.comparison.record() if self.comparison else None
        results.write(path, facts, self.verdicts, self.run.snapshot, comparison)

    def _try_to_write(self, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
        except OSError as error:
            self.undelivered.append(f"not written: {path}: {error.strerror}; the verdicts above stand")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show every check with its value, and what the run left out, lost or could not deliver."""
        if self.config.option.collectonly:
            return
        if self.usage:
            if self.selected_by_workers:  # without workers pytest itself says it
                terminalreporter.write_line(f"ERROR: {self.usage}", red=True)
            return
        run = self.run
        ending = terminal.Ending(
            verdicts=list(self.verdicts.values()),
            environments={name: one.description for name, one in run.profiles.items()},
            floors=list(dict.fromkeys(str(run.floor_of(name)) for name in run.profiles)),
            left_out=self.left_out_lines(),
            selected=len(self.selected),
            lost=self.lost(),
            undelivered=self.undelivered,
            cost=terminal.cost(run.snapshot, run.replayed),
            results=self.config.option.results,
            compared=self.comparison.lines() if self.comparison else [],
            notes=[*(self.history.notes if self.history else []), *run.forgotten(), *self.notes],
            exit_code=self.exit_status,
        )
        terminal.summary(terminalreporter, ending)

    def _line(self, line: str) -> None:
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Put the signal handler back and remove the run's folder; annotate when all else has been printed."""
        if self.commands is not None:
            self.commands.resume()
            if self.account is not None:
                from healthgate.tell import github  # noqa: PLC0415

                for line in github.annotations(self.account, os.environ):
                    self._line(line)
        if self._old_handler is not None:
            with suppress(ValueError):
                signal.signal(signal.SIGTERM, self._old_handler)
        if self.history is not None:
            self.history.close()
        if self.owns_outcome:
            shutil.rmtree(self.folder, ignore_errors=True)


def _windows(catalogue: catalogues.Catalogue) -> dict[str, float]:
    """Return how far back, in seconds, each check with a window needs its looks: its window, and a gap on top."""
    return {check.id: reach(check.stays, check.cadence) for check in catalogue.checks.values() if check.stays.windowed}


VERDICT: pytest.StashKey[Verdict] = pytest.StashKey()


def _is_told(report: pytest.TestReport, call: "pytest.CallInfo[None]", verdict: Verdict) -> bool:
    """Whether this report is the verdict's own: it passed, or failed for no other reason than the verdict."""
    error = call.excinfo.value if call.excinfo else None
    if report.when == "setup":
        skipped = report.skipped and (verdict.muted or verdict.state is State.BLOCKED)
        return isinstance(error, HealthUnknownError) or skipped
    if error is None:
        return verdict.healthy
    return not verdict.healthy and isinstance(error, HealthFailedError | AssertionError)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
