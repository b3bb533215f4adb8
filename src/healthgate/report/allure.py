"""Allure results of the same run: every verdict with its labels, and an identity that survives renaming.

allure-pytest writes the files. Just before each is written, what it derived from test names is replaced by
what the verdict says, so that history joins on the check and the environment and on nothing else.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import allure_commons
import pytest
from allure_commons.model2 import Label, Link, Parameter, StatusDetails

from healthgate.secret import Redactor
from healthgate.state import State
from healthgate.verdict import Verdict

STATUS = {State.UNKNOWN: "broken", State.BLOCKED: "skipped"}
SEVERITY = {"critical": "critical", "warning": "normal", "objective": "minor"}
KEPT_LABELS = frozenset({"framework", "language"})


def register(config: pytest.Config, verdict_of: Callable[[str, str], Verdict | None], redactor: Redactor) -> None:
    """Have every Allure result of this process told by its verdict."""
    told = ToldByVerdict(verdict_of, redactor)
    allure_commons.plugin_manager.register(told)
    config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(told))


class ToldByVerdict:
    """An allure-commons plugin that rewrites results before they are written."""

    def __init__(self, verdict_of: Callable[[str, str], Verdict | None], redactor: Redactor) -> None:
        self.verdict_of = verdict_of
        self.redactor = redactor

    @allure_commons.hookimpl(tryfirst=True)
    def report_result(self, result: Any) -> None:
        """Rewrite one result; an ordinary test's is only kept free of secrets."""
        self._redact(result.statusDetails)
        parameters = {p.name: str(p.value).strip("'") for p in result.parameters}
        check_id, _, environment = parameters.get("verdict", "").partition("|")
        verdict = self.verdict_of(environment, check_id)
        if verdict is not None:
            rewrite(result, verdict)

    @allure_commons.hookimpl(tryfirst=True)
    def report_container(self, container: Any) -> None:
        """Keep secrets out of what fixtures said."""
        for fixture in (*container.befores, *container.afters):
            self._redact(fixture.statusDetails)

    def _redact(self, details: Any) -> None:
        if details is not None:
            details.message = self.redactor.text(details.message or "")
            details.trace = self.redactor.text(details.trace or "")


def rewrite(result: Any, verdict: Verdict) -> None:
    """Make `result` say what `verdict` says, under an identity of check and environment alone."""
    identity = hashlib.md5(f"{verdict.id}|{verdict.environment}".encode(), usedforsecurity=False).hexdigest()
    area = verdict.id.partition("[")[0].split(".")[1]
    result.name = verdict.name
    result.fullName = verdict.id
    result.testCaseId = hashlib.md5(verdict.id.encode(), usedforsecurity=False).hexdigest()
    result.historyId = identity
    result.titlePath = [verdict.system, area]
    result.parameters = [Parameter(name="environment", value=verdict.environment)]
    result.description = "\n\n".join(
        f"**{label}:** {text}"
        for label, text in (
            ("limit", verdict.limit),
            ("where", verdict.where),
            ("cause when it fails", verdict.cause),
            ("do now", verdict.action),
            ("threshold of this environment", verdict.override),
        )
        if text
    )
    labels = {
        "epic": verdict.system,
        "feature": area,
        "story": verdict.id,
        "severity": SEVERITY[verdict.severity],
        "env": verdict.environment,
        "check_id": verdict.id,
        "state": verdict.state.value,
    }
    result.labels = [label for label in result.labels if label.name in KEPT_LABELS]
    result.labels += [Label(name=name, value=value) for name, value in labels.items()]
    result.links = [Link(type="link", url=verdict.runbook, name="runbook")]
    if not _crashed(result, verdict):
        result.status = STATUS.get(verdict.state, "passed" if verdict.healthy else "failed")
        result.statusDetails = StatusDetails(message=verdict.headline, trace=verdict.block())


def _crashed(result: Any, verdict: Verdict) -> bool:
    """Whether the test failed for a reason of its own although the verdict is healthy."""
    return verdict.healthy and result.status in {"failed", "broken"}
