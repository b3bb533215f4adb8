"""The pytest hooks of a run with at least one environment."""

import json
import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from healthgate.claim.check import Check, declared_on
from healthgate.claim.state import State
from healthgate.environment import profile
from healthgate.hooks import protocol
from healthgate.hooks.ending import Began, Ending
from healthgate.hooks.failure import HealthFailedError, HealthUnknownError, as_longrepr
from healthgate.hooks.options import Options
from healthgate.hooks.selection import Selection
from healthgate.judge.verdict import Verdict
from healthgate.observe.snapshot import Snapshot

if TYPE_CHECKING:
    from healthgate.hooks.trial import CanaryTrial
    from healthgate.tell.github import Commands

TOLD = "healthgate"
"""The attribute of a report that holds the verdict it tells."""

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
        began = Began(time.time(), time.monotonic())
        worker = getattr(config, "workerinput", None)
        self.owns_outcome = worker is None
        self.folder = Path(worker["healthgate_folder"] if worker else os.devnull)
        options = Options(config)
        self.run = options.prepare(self.folder if worker else None)
        self.selection = Selection(self.run, config.option, options.cadence)
        self.ending = Ending(config, self.run, self.selection, options, began)
        self.trial = self.ending.trial = self._trial()
        self.commands: Commands | None = None
        self.one_step = False
        self._old_handler: Any = None
        config.option.showlocals = False  # a shortened local could hold part of a secret that no redactor knows
        self._register_allure()

    def _trial(self) -> "CanaryTrial | None":
        if not self.config.option.trial_for:
            return None
        from healthgate.hooks.trial import CanaryTrial  # noqa: PLC0415

        return CanaryTrial(self.config, self.run)

    def _register_allure(self) -> None:
        option = self.config.option
        if getattr(option, "allure_report_dir", None) and option.collectonly:
            option.allure_report_dir = None  # there will be nothing to tell, and what is there shall stay
        elif getattr(option, "allure_report_dir", None):
            from healthgate.hooks.allure_run import AllureRun  # noqa: PLC0415

            self.ending.allure = AllureRun(self.config, self.run, self.selection.named)
            self.config.pluginmanager.register(self.ending.allure, "healthgate-allure")

    # -- collecting -----------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give a test function one parameter set for every environment and check."""
        checks = self._checks(metafunc.function)
        compared = self.trial.sets(metafunc.function) if self.trial is not None else []
        if not (checks or compared):
            return
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
        metafunc.parametrize("verdict", [*sets, *compared], indirect=True)

    def _checks(self, function: object) -> list[Check]:
        """Return the checks on a test function that this run makes: none where it judges what was recorded."""
        if self.config.option.from_prometheus:
            return []
        return [check for check in declared_on(function) if check.id in self.run.catalogue.checks]

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, obj: object) -> list[pytest.Item] | None:
        """Collect no function that this run has no check for: comparisons are of a trial."""
        if not declared_on(obj) or self._checks(obj) or (self.trial is not None and self.trial.sets(obj)):
            return None
        return []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect what an environment leaves out and what the options exclude."""
        keep, drop = self.selection.confine(items)
        if self.trial is not None:
            checks = dict.fromkeys(named[1] for item in keep if (named := self.selection.named(item)))
            keep += self.trial.endpoints(items[0].session, checks) if items else []
            items[:] = keep
        if drop:
            items[:] = keep
            self.config.hook.pytest_deselected(items=drop)

    def pytest_report_collectionfinish(self) -> list[str]:
        """Say what is not checked, and why."""
        return self.selection.left_out_lines() if self.config.option.collectonly else []

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
        named = [(item, *found) for item in getattr(session, "items", []) if (found := self.selection.named(item))]
        if named and not option.collectonly and not stopped:
            self.selection.choose(named)
            self.one_step = protocol.may_be_one_step(self.config, session.items)
            if self.one_step:
                protocol.share_locations(session.items)
            if not self.owns_outcome:
                self.selection.save(self.folder)
            wanted: dict[str, list[Check]] = {}
            for _, environment, check in named:
                if check.id in self.run.catalogue.checks:
                    wanted.setdefault(environment, []).append(check)
            try:
                self.run.observe(wanted, Progress(self.config).show)
                if self.trial is not None:
                    self.trial.observe(wanted, [one for _, _, one in named if one.is_comparison])
            except profile.ProfileError as error:
                self.ending.usage = str(error)
                if self.owns_outcome:
                    raise pytest.UsageError(str(error)) from None
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Run a check in one step where that is the same; not at all where nothing could be observed."""
        if self.ending.usage and self.selection.named(item):
            return True
        if not self.one_step:
            return None
        protocol.run(cast("pytest.Function", item), self.verdict_for)
        return True

    def verdict_for(self, item: pytest.Item) -> Verdict:
        """Return the verdict for a test; raise as pytest understands it where there is nothing to assert."""
        named = self.selection.named(item)
        if named is None:
            raise pytest.UsageError("`verdict` is for test functions that declare checks with @check")
        if self.trial is not None and named[1].is_comparison:
            verdict = self.trial.verdict(named[1].id)
        else:
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
            report.healthgate = verdict  # type: ignore[attr-defined]
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
        verdict = getattr(report, TOLD, None)
        if verdict is not None:
            self.ending.verdicts[report.nodeid] = verdict
        elif report.failed:
            self.ending.broke = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count what cannot be collected as broken: with workers pytest runs what else there is."""
        if report.failed:
            self.ending.broke = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Any:
        """Give the states that neither pass nor fail a letter and a summary of their own."""
        verdict = getattr(report, TOLD, None)
        if verdict is None:
            return None
        state = verdict.state
        if verdict.maintenance and report.skipped:
            return MUTED
        if state is State.UNKNOWN:
            return "error", "U", ("UNKNOWN", {"red": True})
        if (report.passed and state is not State.OK) or state is State.BLOCKED:
            return WORDS[state]
        if report.failed and state in WORDS:
            return "failed", WORDS[state][1], WORDS[state][2]
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
        """Let a verdict leave this process as plain JSON values."""
        data = yield
        if data is not None and (verdict := data.get(TOLD)) is not None:
            data[TOLD] = verdict.as_record()
        return data

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self, data: dict[str, Any]) -> Generator[None, Any, Any]:
        """Make a verdict of what another process has told."""
        if data.get(TOLD) is not None:
            data[TOLD] = Verdict.from_record(data[TOLD])
        return (yield)

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
            self.ending.undelivered.append(f"not written: {path}: {error.strerror}; the verdicts above stand")
        finally:
            if self.owns_outcome and not self.config.option.collectonly:
                self._collect_from_workers()
                self.ending.settle(session, exitstatus)

    def _collect_from_workers(self) -> None:
        self.selection.load(self.folder)
        with suppress(OSError, ValueError):
            self.ending.usage = "\n".join(json.loads((self.folder / "failure.json").read_text()))
        if self.run.snapshot is None and (self.folder / "snapshot.json").exists():
            self.run.snapshot = Snapshot.load(self.folder / "snapshot.json")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show every check with its value, and what the run left out, lost or could not deliver."""
        if not self.config.option.collectonly:
            self.ending.show(terminalreporter)

    def _line(self, line: str) -> None:
        reporter: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Put the signal handler back and remove the run's folder; annotate when all else has been printed."""
        if self.commands is not None:
            self.commands.resume()
            if self.ending.account is not None:
                from healthgate.tell import github  # noqa: PLC0415

                for line in github.annotations(self.ending.account, os.environ):
                    self._line(line)
        if self._old_handler is not None:
            with suppress(ValueError):
                signal.signal(signal.SIGTERM, self._old_handler)
        if self.ending.history is not None:
            self.ending.history.close()
        if self.owns_outcome:
            shutil.rmtree(self.folder, ignore_errors=True)


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


class Progress:
    """How many requests have ended: rewritten in place on a terminal, one line elsewhere."""

    def __init__(self, config: pytest.Config) -> None:
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        self._live = self._reporter is not None and getattr(self._reporter, "isatty", False)
        self._said = -1

    def show(self, ended: int, total: int) -> None:
        """Say that `ended` of `total` requests have ended."""
        if self._reporter is None or ended == self._said:
            return
        self._said = ended
        if self._live:
            self._reporter.rewrite(f"observing: {ended} of {total} requests", erase=True)
            if ended == total:
                self._reporter.write("\n")
        elif ended == total:
            self._reporter.write_line(f"observed: {total} requests")
