"""Allure within a run: what is gathered for it on the way, and the one place where its results are written.

allure-pytest reports tests; a check is more than its test. Ordinary tests stay with allure-pytest. What it makes of a
check is dropped, and at the end of the run the verdicts themselves are written, once, by the process that owns the
outcome: no worker can crash with a result in its hands, and no name of a test gets into an identity.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import allure_commons
import pytest
from allure_commons.logger import AllureFileLogger

from healthgate.claim.check import Check
from healthgate.claim.state import WORST_FIRST, State
from healthgate.claim.system import System
from healthgate.judge.past import Past
from healthgate.judge.verdict import Verdict
from healthgate.printable import printable
from healthgate.run.run import Run
from healthgate.secret import Redactor
from healthgate.tell.account import Account
from healthgate.tell.allure import Crash, Finding, Links, Telling, unknown_place
from healthgate.tell.results_folder import ResultsFolder
from healthgate.tell.run_link import report_link, run_link

if TYPE_CHECKING:
    from healthgate.tell.trial_picture import Course

CATALOGUE = "docs/checks.md"
"""Where `healthgate render` writes the list of all checks."""

LONGEST = 1000
"""Characters of a reason that are told in one sentence."""


class AllureRun:
    """A pytest plugin of one process of a run with `--alluredir`; `named` tells checks from ordinary tests."""

    def __init__(
        self, config: pytest.Config, run: Run, named: Callable[[pytest.Item], tuple[str, Check] | None]
    ) -> None:
        self.config = config
        self.run = run
        self.named = named
        self.owns_outcome = not hasattr(config, "workerinput")
        self.troubles: list[str] = []
        self.folder: ResultsFolder | None = None
        self.notes: list[str] = []
        self._on_check = False
        self._errors: list[tuple[str, str]] = []
        self._crashes: dict[str, dict[str, Any]] = {}
        self._skipped: dict[str, str] = {}
        self._output: dict[str, list[tuple[str, str]]] = {}
        self.courses: Mapping[str, Course] = {}
        self._dashboard = str(config.getini("healthgate_dashboard"))
        if problem := unknown_place(self._dashboard):
            raise pytest.UsageError(f"healthgate_dashboard: {problem}")
        self._path = Path(config.option.allure_report_dir).absolute()
        if self.owns_outcome:
            self._take_folder()
        elif not config.workerinput.get("healthgate_allure"):  # type: ignore[attr-defined]
            config.option.allure_report_dir = None
        config.option.clean_alluredir = False  # each process would empty the folder, also one that replaces another

    def _take_folder(self) -> None:
        option = self.config.option
        try:
            self.folder = ResultsFolder(self._path)
        except BlockingIOError:
            self.troubles.append(f"not written: {self._path}: another run is writing there")
        except OSError as error:
            self.troubles.append(f"not written: {self._path}: {error.strerror}")
        if self.folder is None:
            option.allure_report_dir = None  # nobody else shall try
        elif option.clean_alluredir:
            self.folder.set_aside_everything()
        else:
            self.folder.set_aside_results()

    # -- in every process -----------------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        """Stand between allure-pytest and its files until the run is over."""
        manager = allure_commons.plugin_manager
        for files in [one for one in manager.get_plugins() if isinstance(one, AllureFileLogger)]:
            ordinary = OrdinaryTests(files, lambda: self._on_check, self.run.redactor, self._refused)
            manager.unregister(files)
            manager.register(ordinary)
            self.config.add_cleanup(partial(manager.register, files))  # who brought it, takes it away
            self.config.add_cleanup(partial(manager.unregister, ordinary))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Know whether what allure-pytest reports next is about a check."""
        self._on_check = self.named(item) is not None
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep what there is to know of a check whose test failed for a reason of its own."""
        report: pytest.TestReport = yield
        if report.failed and call.excinfo is not None and not hasattr(report, "healthgate"):
            named = self.named(item)
            if named is not None:
                own = isinstance(call.excinfo.value, AssertionError | pytest.fail.Exception)
                judge = self.run.judges.get(named[0])
                verdict = judge.reached(named[1].id) if judge is not None else None
                report.healthgate_crash = {  # type: ignore[attr-defined]
                    "status": "failed" if own else "broken",
                    "message": self.run.redactor.text(call.excinfo.exconly()),
                    "trace": self.run.redactor.text(report.longreprtext),
                    "verdict": verdict.as_record() if verdict is not None else None,
                    "probes": _requests(named[1], judge.scene.systems) if judge is not None else [],
                }
        return report

    def _refused(self, error: OSError) -> None:
        line = f"not written: {self._path}: {error.strerror}"
        if line not in self.troubles:
            self.troubles.append(line)

    def pytest_sessionfinish(self) -> None:
        """Let the process that owns the outcome know what a worker could not write."""
        if not self.owns_outcome:
            self.config.workeroutput["healthgate_allure"] = self.troubles  # type: ignore[attr-defined]

    # -- where the outcome is -------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker whether there is a folder to write to."""
        node.workerinput["healthgate_allure"] = self.folder is not None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Hear what a worker could not write."""
        said = getattr(node, "workeroutput", {}).get("healthgate_allure", [])
        self.troubles += [line for line in said if line not in self.troubles]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the verdict of a check does not say."""
        if not self.owns_outcome:
            return
        crash: dict[str, Any] | None = getattr(report, "healthgate_crash", None)
        if crash is None and str(report.when) == "???":
            crash = {"status": "broken", "message": str(report.longrepr), "trace": "", "verdict": None, "probes": []}
        if crash is not None:
            self._crashes.setdefault(report.nodeid, crash)
        told = hasattr(report, "healthgate")
        if report.skipped and not told:
            self._skipped[report.nodeid] = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else "")
        if (told or crash) and report.sections and getattr(self.config.option, "attach_capture", True):
            self._output[report.nodeid] = report.sections

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected."""
        if self.owns_outcome and report.failed:
            trace = report.longreprtext
            last = next((line for line in reversed(trace.splitlines()) if line.strip()), "")
            said = printable(last.removeprefix("E").strip(), LONGEST)
            self._errors.append((f"{report.nodeid or 'the checks'} cannot be collected: {said}", trace))

    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep what made pytest itself give up."""
        if self.owns_outcome:
            self._errors.append((f"internal error: {printable(excinfo.exconly(), LONGEST)}", str(excrepr)))

    def deliver(
        self,
        account: Account,
        verdicts: Mapping[str, Verdict],
        selected: Mapping[str, tuple[str, str]],
        usage: str | None,
        variables: Mapping[str, str],
    ) -> list[str]:
        """Write everything there is to tell and return a line for each thing that could not be written.

        `verdicts` are by node id; `selected` has the environment and the check id of every selected node id, `usage`
        is why nothing could be observed.
        """
        folder = self.folder
        if folder is not None:
            if earlier := folder.earlier_results:
                self.notes.append(f"allure: {folder.path} held {earlier} results of an earlier run, which are gone now")
            catalogue = CATALOGUE if (self.run.root / CATALOGUE).is_file() else None
            links = Links(catalogue, self._dashboard, run_link(variables), report_link(variables))
            seen = self.run.snapshot.observations if self.run.snapshot is not None else {}
            telling = Telling(account, folder, seen, self.run.redactor, links)
            telling.write_run({name: profile.description for name, profile in self.run.profiles.items()})
            for message, trace in self._all_errors(selected, usage):
                telling.write_error(message, trace)
            findings = [self._finding(nodeid, verdicts.get(nodeid), *selected[nodeid], usage) for nodeid in selected]
            for finding in sorted(findings, key=_badness):
                telling.write(finding)
            folder.clear()
            folder.release()
            if (trouble := folder.trouble()) is not None:
                self.troubles.append(trouble)
        return [f"{trouble}; the verdicts above stand" for trouble in self.troubles]

    def _all_errors(self, selected: Mapping[str, object], usage: str | None) -> Iterator[tuple[str, str]]:
        yield from self._errors
        if usage:
            yield usage.partition("\n")[0], usage
        for nodeid, crash in self._crashes.items():
            if nodeid not in selected:
                yield crash["message"], crash["trace"]

    def _finding(
        self, nodeid: str, verdict: Verdict | None, environment: str, check_id: str, usage: str | None
    ) -> Finding:
        run, check = self.run, self.run.catalogue.find(check_id)
        assert check is not None
        crash = self._crashes.get(nodeid)
        trace = ""
        if verdict is None and crash is not None and crash["verdict"] is not None:
            verdict = Verdict.from_record(crash["verdict"])
        if verdict is None:
            trace = crash["trace"] if crash is not None else ""
            probes = crash["probes"] if crash is not None else ()
            verdict = self._lost(environment, check, self._why_lost(nodeid, usage), probes)
        own = Crash(crash["status"], crash["message"], crash["trace"]) if crash and verdict.healthy else None
        limit = run.profiles[environment].limit_of(check.id, check.stays)
        past = None if run.past is None else run.past.get((environment, check.id), Past())
        return Finding(verdict, limit, past, own, trace, self._output.get(nodeid, ()), self.courses.get(check_id))

    def _why_lost(self, nodeid: str, usage: str | None) -> str:
        crash = self._crashes.get(nodeid)
        if crash is not None and crash["trace"]:
            return f"it crashed: {crash['message']}"
        if crash is not None:
            return f"it brought no result: {crash['message']}"
        if nodeid in self._skipped:
            return f"it brought no result: {self._skipped[nodeid]}"
        return f"it brought no result: {usage or 'the run ended before it'}"

    def _lost(self, environment: str, check: Check, reason: str, probes: Iterable[str]) -> Verdict:
        """Return what can be said of a check that nothing was found out about."""
        run, profile = self.run, self.run.profiles[environment]
        limit = profile.limit_of(check.id, check.stays)
        return Verdict(
            id=check.id,
            environment=environment,
            system=check.system,
            name=check.name,
            state=State.UNKNOWN,
            severity=limit.severity,
            value=None,
            unit=limit.unit.symbol,
            limit=str(limit),
            reason=printable(reason, LONGEST),
            floor=run.floor_of(environment),
            cause=check.cause,
            action=check.action,
            runbook=run.runbooks.replace("{name}", check.runbook),
            change=f"{check.file.removeprefix(f'{run.root}{os.sep}')}:{check.line}",
            where="",
            probes=tuple(probes),
        )


class OrdinaryTests:
    """An allure-commons plugin that writes what allure-pytest tells of ordinary tests, and nothing of checks.

    `refused` is called with what could not be written; it never ends a run.
    """

    def __init__(
        self,
        files: AllureFileLogger,
        on_check: Callable[[], bool],
        redactor: Redactor,
        refused: Callable[[OSError], None],
    ) -> None:
        self.files = files
        self.on_check = on_check
        self.redactor = redactor
        self.refused = refused

    @allure_commons.hookimpl
    def report_result(self, result: Any) -> None:
        """Write the result of an ordinary test."""
        if not self.on_check():
            self._redact(result.statusDetails)
            self._write(self.files.report_result, result)

    @allure_commons.hookimpl
    def report_container(self, container: Any) -> None:
        """Write what fixtures did, unless it was for one check alone."""
        if not self.on_check() or len(container.children) > 1:
            for fixture in (*container.befores, *container.afters):
                self._redact(fixture.statusDetails)
            self._write(self.files.report_container, container)

    @allure_commons.hookimpl
    def report_attached_file(self, source: Any, file_name: str) -> None:
        """Copy a file that an ordinary test attached."""
        if not self.on_check():
            self._write(self.files.report_attached_file, source, file_name)

    @allure_commons.hookimpl
    def report_attached_data(self, body: Any, file_name: str) -> None:
        """Write what an ordinary test attached."""
        if not self.on_check():
            clean = self.redactor.text(body) if isinstance(body, str) else self.redactor.bytes(body)
            self._write(self.files.report_attached_data, clean, file_name)

    @allure_commons.hookimpl
    def report_globals(self, globals_item: Any) -> None:
        """Write what a test said of the run as a whole."""
        self._write(self.files.report_globals, globals_item)

    def _redact(self, details: Any) -> None:
        if details is not None:
            details.message = self.redactor.text(details.message or "")
            details.trace = self.redactor.text(details.trace or "")

    def _write(self, write: Callable[..., None], *what: Any) -> None:
        try:
            write(*what)
        except OSError as error:
            self.refused(error)


def _requests(check: Check, systems: Mapping[str, System]) -> list[str]:
    """Return the names of the requests a check is read from."""
    return list(
        dict.fromkeys(name for probe in check.probes(systems) for name in probe.ids(systems[probe.system.name]))
    )


def _badness(finding: Finding) -> tuple[bool, int]:
    return finding.crash is None, WORST_FIRST.index(finding.verdict.state)
