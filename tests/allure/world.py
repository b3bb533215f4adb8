"""One run that shows everything there is to tell Allure, and how its folder is read."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from healthgate.claim.state import State
from healthgate.memory.history import History
from tests.parts.project import Outcome, Project
from tests.tell.world import TOKEN, everything, verdict

FOLDER = "left/allure"
DASHBOARD = "https://grafana.example/d/x?var-environment={environment}&system={system}&check={check}&viewPanel={panel}"
RUN_URL = "https://ci.example/runs/7"
REPORT_URL = "https://reports.example/7/"
LOOKS = 30
EVERY = 300.0
"""Seconds between two looks of the history."""

ISSUE = {"checks": ["kiln.heat"], "issue": "OPS-77", "link": "https://tracker.example/OPS-77", "because": "a new door"}
BECAUSE = "the *left* hinge"
"""Why there is maintenance, with marks that Markdown would take for its own."""


@dataclass(frozen=True)
class Left:
    """A folder of results."""

    folder: Path

    @cached_property
    def results(self) -> dict[str, dict[str, Any]]:
        """The results of checks by `environment check`, those of ordinary tests by their full name."""
        found: dict[str, dict[str, Any]] = {}
        for path in self.folder.glob("*-result.json"):
            result = json.loads(path.read_text())
            labels = {label["name"]: label["value"] for label in result["labels"]}
            name = f"{labels['env']} {labels['check_id']}" if "check_id" in labels else result["fullName"]
            assert name not in found, f"two results of {name}"
            found[name] = result | {"labelled": labels}
        return found

    @property
    def statuses(self) -> dict[str, str]:
        return {name: result["status"] for name, result in self.results.items()}

    @property
    def kinds(self) -> Counter[str]:
        """How many files there are of each kind."""
        return Counter(path.name.partition("-attachment")[2] or path.name[-14:] for path in self.folder.iterdir())

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    def errors(self) -> list[dict[str, Any]]:
        """What went wrong with the run as a whole."""
        return [
            error for path in self.folder.glob("*-globals.json") for error in json.loads(path.read_text())["errors"]
        ]

    def attached(self, name: str) -> dict[str, str]:
        """The texts attached to a result, by their titles."""
        return {one["name"]: (self.folder / one["source"]).read_text() for one in self.results[name]["attachments"]}


@dataclass(frozen=True)
class Told:
    """A run and what it left."""

    outcome: Outcome
    left: Left
    project: Project

    @cached_property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The checks of results.json by `environment check`."""
        return {f"{check['environment']} {check['id']}": check for check in self.outcome.results["checks"]}


def told_everything(project: Project, url: str, *arguments: str) -> Told:
    """Run all checks in two environments, with a history, a maintenance window, a known issue and an override."""
    everything(project)
    project.write("docs/checks.md", "# All checks\n\n## boiler\n\n## kiln\n")
    now = datetime.now(UTC)
    before, after = (f"{now + timedelta(days=days):%Y-%m-%dT%H:%MZ}" for days in (-1, 1))
    project.environment(
        "works",
        description="the works",
        labels={"stage": "production"},
        boiler={"url": url, "token": "${TOKEN}"},
        kiln={"url": url},
        thresholds={"boiler.fuel": {"objective": 60, "because": "a small | tank"}},
        maintenance=[{"from": before, "until": after, "because": BECAUSE, "checks": ["kiln.door"]}],
        known_issues=[ISSUE | {"until": f"{now + timedelta(days=1):%Y-%m-%d}"}],
    )
    project.environment("spare", boiler={"url": url, "token": "${TOKEN}"}, kiln="absent")
    remembered(project.root / "history.db")
    outcome = project.check(
        *("--env", "spare", "--history", "history.db", f"--alluredir={FOLDER}"),
        *("-o", f"healthgate_dashboard={DASHBOARD}", *arguments),
        TOKEN=TOKEN,
        HEALTHGATE_RUN_URL=RUN_URL,
        HEALTHGATE_REPORT_URL=REPORT_URL,
    )
    return Told(outcome, Left(project.root / FOLDER), project)


def remembered(path: Path) -> None:
    """Write a history in which the pressure of `works` rose, and was not known twice."""
    history = History(path)
    began = time.time() - LOOKS * EVERY
    for number in range(LOOKS):
        unknown = number in {10, 11}
        state = State.UNKNOWN if unknown else State.WARNING if number > 25 else State.OK
        value = None if unknown else 40 + number * 1.5
        known = {"id": "boiler.pressure", "environment": "works", "system": "boiler", "unit": "%"}
        look = verdict(**known, state=state, value=value, observed_at=began + number * EVERY)
        history.record([look], look.observed_at or 0.0)
    history.close()
