"""A canary of the lab, good or bad by a real fault: the workflow's steps say which, and the lab obeys what they say."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerting.servers import Alertmanager
from tests.lab_process import RunningLab, wait_until
from tests.workflows.runner import Job, Runner

ABSENT = "".join(f"{name}: absent\n" for name in ("gateway", "market", "sse"))
SIDE = """description: {name} of the lab
time_scale: 60
{absent}wsmanager:
  url: {url}
  staging_url: {staging}
  canary_url: {controller}
"""
LABELS = "  labels:\n    environment: {values: {production: staging}}\n"
"""What the page of a canary is labelled, that is an instance of its own."""

HALF = {"weight": 50, "rollback_disabled": True}
"""A canary that gets half of the clients, so that a trial takes seconds; the lab's own line of 5 % ends nothing."""

AS_GOOD = {"error_percent": 20, "usual_error_percent": 20, "retry_factor": 1}
TWICE_THE_ERRORS = {"error_percent": 40, "usual_error_percent": 20}
TWICE_THE_RETRIES = {"retry_factor": 2.2}
"""The manager keeps streams of its own open on production, which are cut off as well: it is twice for each new one."""

WITHIN_S = 60.0


class Trials:
    """The canary of a lab, tried by the workflow."""

    def __init__(self, lab: RunningLab, runner: Runner) -> None:
        self.lab = lab
        self.runner = runner
        names = {"old": "LAB_WSMANAGER_URL", "new": "LAB_WSMANAGER_STAGING_URL"}
        front = lab.variables["LAB_CANARY_URL"]
        self.controller = f"{front}/canary"
        shared = {"absent": ABSENT, "staging": lab.variables[names["new"]], "controller": front}
        self.files = {
            f"environments/{name}.yaml": SIDE.format(name=name, url=lab.variables[url], **shared)
            + LABELS * (name == "new")
            for name, url in names.items()
        }

    def run(self, within: str = "1m", checks: str = "rollout") -> tuple[Job, dict[str, Any]]:
        """Return the job of one trial, and its verdict."""
        self.runner.around["PYTEST_ADDOPTS"] = f"--every=200ms -k '{checks}'"
        inputs = {"baseline": "old", "canary": "new", "for": within}
        job = self.runner.run("canary.yml", "compare", inputs=inputs, files=self.files)
        return job, json.loads((self.kept(job) / "canary.json").read_text())

    def kept(self, job: Job) -> Path:
        """Return what the workflow keeps of a trial."""
        return self.runner.artifacts / job.run_id / "health-canary-new"

    def state(self) -> dict[str, Any]:
        """Return what the canary's controller says."""
        with urllib.request.urlopen(self.controller, timeout=WITHIN_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@pytest.fixture
def trials(running_lab: RunningLab, tmp_path: Path) -> Trials:
    running_lab.reset()
    runner = Runner(tmp_path / "github", {}, {})
    runner.left_out.add("Report")
    return Trials(running_lab, runner)


@pytest.fixture
def obeyed(trials: Trials, tmp_path: Path) -> Iterator[Alertmanager]:
    """An Alertmanager that hands what asks for a rollback to the controller of the lab's canary."""
    found = Alertmanager(tmp_path / "alertmanager", trials.controller)
    yield found
    found.stop()


def decisions(verdict: dict[str, Any]) -> dict[str, str]:
    return {one["id"].rpartition(".")[2]: one["decision"] for one in verdict["comparisons"]}


def test_a_canary_as_good_as_production_passes(trials: Trials) -> None:
    """One in a hundred is rolled back for nothing, as is promised: two in a row are not."""
    trials.lab.fault("F.wsm.staging", **HALF, **AS_GOOD)
    for _ in range(2):
        job, verdict = trials.run()
        if job.outputs["exit-code"] != "1":
            break
    assert (job.outputs, job.result) == ({"exit-code": "0"}, "success"), job.told
    assert decisions(verdict) == {"retries": "pass", "errors": "pass"}
    assert verdict["seconds"] < WITHIN_S
    header, *ticks = (trials.kept(job) / "canary.jsonl").read_text().splitlines()
    assert json.loads(header)["within_s"] == WITHIN_S
    assert len(ticks) > 8
    assert "wsmanager.rollout.errors.svg" in {file.name for file in (trials.kept(job) / "canary").iterdir()}


@pytest.mark.parametrize(("fault", "name"), [(TWICE_THE_ERRORS, "errors"), (TWICE_THE_RETRIES, "retries")])
def test_a_canary_with_twice_as_many_is_rolled_back(trials: Trials, fault: dict[str, float], name: str) -> None:
    trials.lab.fault("F.wsm.staging", **HALF, **fault)
    job, verdict = trials.run()
    assert (job.outputs, job.result) == ({"exit-code": "1"}, "failure"), job.told
    assert (verdict["decision"], decisions(verdict)[name]) == ("rollback", "rollback")


def test_a_canary_that_nobody_comes_to_is_inconclusive(trials: Trials) -> None:
    trials.lab.fault("F.wsm.staging", **HALF | {"weight": 0}, **AS_GOOD)
    job, verdict = trials.run("4s")
    assert (job.outputs, job.result) == ({"exit-code": "12"}, "failure"), job.told
    assert verdict["decision"] == "inconclusive"
    assert "no traffic in new: ws_manager_stream_creations_total did not grow" in job.step("Check").printed


def test_a_bad_canary_is_deployed_tried_rolled_back_and_seen_to_be_so(trials: Trials, obeyed: Alertmanager) -> None:
    trials.runner.variables["HEALTHGATE_ALERTMANAGER_URL"] = obeyed.url
    trials.lab.fault("F.wsm.staging", **HALF, **TWICE_THE_ERRORS)
    assert (trials.state()["state"], trials.state()["weight"]) == ("running", 50)

    job, verdict = trials.run()
    assert (job.outputs, verdict["decision"]) == ({"exit-code": "1"}, "rollback"), job.told
    wait_until(lambda: trials.state()["state"] == "rolled_back", WITHIN_S, "the canary is rolled back")
    after = trials.state()
    assert (after["weight"], after["flag"]["staging"]) == (0, False)

    job, verdict = trials.run(checks="rollout or canary")
    assert (job.outputs, verdict["decision"]) == ({"exit-code": "1"}, "rolled_back"), job.told
    assert re.search(r"it was rolled back, .*weight 0", job.step("Check").printed), job.told
