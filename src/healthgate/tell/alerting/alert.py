"""One alert as an Alertmanager takes it: labels that say which it is and never change, and all else beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from healthgate.claim.state import State
from healthgate.judge.series import bounded
from healthgate.printable import printable
from healthgate.tell.account import told
from healthgate.tell.alerting.concern import CANARY, Concern, listed
from healthgate.tell.results import moment

JOB = "healthgate"
"""The label `job` of every alert that a run tells: it is how a run finds its own among those of others."""

FAR = 30 * 86400.0
"""Seconds until an alert that is told ends by itself: nobody takes runs that stopped for a check that healed."""

RENEWED = 86400.0
"""Seconds after which an alert that still fires is told again, so that its end stays far."""

LONGEST = 2000
"""Characters of one annotation."""


class Links(NamedTuple):
    """Where the run and its rendered report can be looked at, where anywhere."""

    run: str | None = None
    report: str | None = None


@dataclass(frozen=True)
class Alert:
    """One alert; `starts` and `ends` are in seconds since 1970. What ended is resolved."""

    labels: Mapping[str, str]
    starts: float
    ends: float
    annotations: Mapping[str, str] = field(default_factory=dict)
    link: str | None = None
    inhibited: bool = False

    @property
    def key(self) -> frozenset[tuple[str, str]]:
        """What makes it the same alert as another one, for us and for Alertmanager."""
        return frozenset(self.labels.items())

    @property
    def name(self) -> str:
        """What it is called in a line about it."""
        return f"{self.labels.get('environment', '')} {self.labels.get('alertname', '')}".strip()

    def renewed(self, now: float) -> "Alert":
        """Return the same alert, with its end far ahead."""
        return replace(self, ends=now + FAR)

    def resolved(self, now: float, annotations: Mapping[str, str], link: str | None) -> "Alert":
        """Return the notice that it is over."""
        return replace(self, starts=min(self.starts, now), ends=now, annotations=annotations, link=link)

    def record(self) -> dict[str, Any]:
        """Return it as Alertmanager's API has it."""
        record = {
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": moment(self.starts),
            "endsAt": moment(self.ends),
        }
        return record | ({"generatorURL": self.link} if self.link else {})


def of(concern: Concern, now: float, links: Links) -> Alert:
    """Return the alert for what is to be told: labels as the generated rules have them, with `job` and `root`."""
    verdict = concern.verdict
    labels = {
        "alertname": verdict.id,
        "job": JOB,
        "check": verdict.id,
        "environment": verdict.environment,
        "system": verdict.system,
        "state": str(verdict.state),
        "severity": concern.severity,
        "root": concern.root,
    }
    if verdict.id == CANARY:
        labels["action"] = "rollback"
    starts = min(now, verdict.since or verdict.observed_at or now)
    named = {name: bounded(value) for name, value in labels.items()}
    return Alert(named, starts, now + FAR, annotations(concern, links), links.run)


def annotations(concern: Concern, links: Links) -> dict[str, str]:
    """Return what is said of a check: nothing in here decides which alert it is."""
    verdict = concern.verdict
    unknown = verdict.state is State.UNKNOWN
    value = "" if verdict.value is None else told(verdict)
    again = f'ask again, and read the reason: healthgate run --env {verdict.environment} -k "{verdict.id}"'
    several = listed(list(concern.blocked))
    said = {
        "summary": verdict.headline,
        "description": f"{value or 'nothing can be said'}; it should stay {verdict.limit}",
        "value": value,
        "limit": verdict.limit,
        "threshold": verdict.override,
        "cause": None if unknown else verdict.cause,
        "action": again if unknown else verdict.action,
        "runbook": verdict.runbook,
        "since": moment(verdict.since),
        "blocked": f"{len(concern.blocked)}: {several}" if concern.blocked else None,
        "known_issue": verdict.issue,
        "maintenance": verdict.maintenance,
        "report": links.report,
        "run": links.run,
    }
    return {name: printable(text, LONGEST) for name, text in said.items() if text}
