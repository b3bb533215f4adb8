"""Every workflow's steps, run against reference systems: what they end with, keep, publish and tell."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.alerting.servers import Alertmanager, Webhook
from tests.workflows.conftest import Place
from tests.workflows.published import snippet
from tests.workflows.runner import Job, Runner, copy_of_the_repository

BIN = Path(sys.executable).parent
SUMMARY = "/api/python-health"
FULL_POOL = {"max_connections": 50, "active": 47}
BUSY_POOL = {"max_connections": 50, "active": 42}
TOKENS = {
    f"{environment}_{role}_TOKEN": f"{environment.lower()}-{role.lower()}-is-a-secret"
    for environment in ("STAGING", "PRODUCTION")
    for role in ("SUPERADMIN", "ADMIN", "USER", "EXPIRED")
}
QUICK = "--sample=700ms --system=gateway"
CALM = f"{QUICK} -k 'pool or system_health'"
"""Checks that no load on this machine makes red."""


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    found = Runner(tmp_path / "github", {}, TOKENS)
    found.around["PYTEST_ADDOPTS"] = CALM
    return found


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    webhook = Webhook()
    found = Alertmanager(tmp_path / "alertmanager", webhook.url)
    yield found
    found.stop()
    webhook.close()


def artifact(runner: Runner, run_id: str, name: str) -> Path:
    return runner.artifacts / run_id / name


def states(results: Path) -> dict[str, str]:
    return {check["id"]: check["state"] for check in json.loads(results.read_text())["checks"]}


@pytest.mark.whole
def test_scheduled_runs_keep_one_history_tell_alertmanager_and_publish(
    runner: Runner, place: Place, alertmanager: Alertmanager
) -> None:
    """Of two runs the second finds a full pool. That a run starts the systems itself: the demo, below."""
    runner.variables |= {
        "HEALTHGATE_ALERTMANAGER_URL": alertmanager.url,
        "HEALTHGATE_PAGES_URL": "https://acme.example",
    }
    found: list[Job] = []
    runner.around["PYTEST_ADDOPTS"] = QUICK
    files = {"environments/lab.yaml": place.profile}
    for run_id in ("1", "2"):
        if found:
            place.lab.fault("F.mkt.pool", **FULL_POOL)
        found.append(runner.run("scheduled.yml", "check", matrix={"environment": "lab"}, run_id=run_id, files=files))
        published = runner.run("scheduled.yml", "publish", run_id=run_id)
        assert published.result == "success", published.told
    well, ill = found

    assert (well.step("Check").code, well.result) == (0, "success"), well.told
    assert (ill.step("Check").code, ill.result) == (1, "failure"), ill.told
    assert ill.step("Save the history, of a red run too").outcome == "success"
    assert len(list(runner.cache.glob("health-history-lab-*"))) == 2
    with sqlite3.connect(runner.cache / "health-history-lab-2-1/history/health.db") as history:
        (looks,) = history.execute(
            "SELECT count(*) FROM look JOIN series ON number = series WHERE \"check\" = 'gateway.pool.utilization'"
        ).fetchone()
    assert looks == 2
    rows = (runner.cache / "health-history-lab-2-1/history/report.jsonl").read_text().splitlines()
    assert len(rows) == 2

    alerts = alertmanager.alerts()
    assert {"HealthgateHeartbeat", "gateway.pool.utilization critical"} <= set(alerts)
    assert "https://acme.example/health/2/lab/" in json.dumps(alerts)

    pages = {str(page.relative_to(runner.site)) for page in runner.site.glob("health/*/*/index.html")}
    assert pages == {"health/1/lab/index.html", "health/2/lab/index.html", "health/latest/lab/index.html"}
    assert (runner.site / "health/latest/lab/index.html").read_bytes() == (
        runner.site / "health/2/lab/index.html"
    ).read_bytes()
    kept = artifact(runner, "2", "health-lab")
    assert states(kept / "results.json")["gateway.pool.utilization"] == "critical"
    assert {"junit.xml", "snapshot.json", "report", "allure-results"} <= {file.name for file in kept.iterdir()}
    assert "gateway\\.pool\\.utilization" in ill.summary
    assert "[health-lab](https://github.example/artifacts/health-lab)" in ill.summary


def test_the_reports_of_forty_runs_stay_published(runner: Runner) -> None:
    """And nothing is published by whoever did not ask for it."""
    before = runner.cache / "health-pages-43-1/site/health"
    for number in range(4, 44):
        (before / str(number)).mkdir(parents=True)
    for environment in ("production", "staging"):
        report = artifact(runner, "100", f"health-{environment}") / "report"
        report.mkdir(parents=True)
        (report / "index.html").write_text(environment)
    assert runner.run("scheduled.yml", "publish", run_id="100").result == "skipped"
    runner.variables["HEALTHGATE_PAGES_URL"] = "https://acme.example"
    published = runner.run("scheduled.yml", "publish", run_id="100")
    assert published.result == "success", published.told
    kept = {folder.name for folder in (runner.site / "health").iterdir()}
    assert kept == {"latest", "100", *map(str, range(5, 44))}
    for run in ("latest", "100"):
        assert (runner.site / "health" / run / "staging/index.html").read_text() == "staging"


def test_a_deploy_waits_on_the_gate(runner: Runner, place: Place) -> None:
    """Where something warns it is red, unless it was asked to mind only what is critical."""
    place.lab.fault("F.mkt.pool", **BUSY_POOL)
    inputs = {"environment": "lab", "system": "gateway"}
    files = {"environments/lab.yaml": place.profile}
    red = runner.run("gate.yml", "gate", inputs=inputs, files=files, run_id="1")
    green = runner.run("gate.yml", "gate", inputs={**inputs, "fail-on": "critical"}, files=files, run_id="2")

    assert (red.result, red.step("Check").code, red.outputs) == ("failure", 10, {"exit-code": "10"}), red.told
    assert (green.result, green.outputs) == ("success", {"exit-code": "0"}), green.told
    assert (artifact(runner, "1", "health-gate-lab") / "report/index.html").exists()
    kept = artifact(runner, "2", "health-gate-lab")
    assert not (kept / "report").exists()
    assert {check.partition(".")[0] for check in states(kept / "results.json")} == {"gateway"}
    assert list(runner.cache.iterdir()) == []


@pytest.mark.whole
def test_a_canary_is_red_where_it_is_worse_or_cannot_be_told(runner: Runner, place: Place, canary: Place) -> None:
    files = {"environments/old.yaml": place.profile, "environments/new.yaml": canary.profile}
    runner.left_out.add("Report")

    def compare(code: int) -> Job:
        inputs = {"baseline": "old", "canary": "new", "system": "gateway", "for": ""}
        job = runner.run("canary.yml", "compare", inputs=inputs, files=files)
        assert (job.outputs, job.result) == ({"exit-code": str(code)}, "failure" if code else "success"), job.told
        return job

    place.lab.fault("F.mkt.pool", **BUSY_POOL)
    canary.lab.fault("F.mkt.pool", **BUSY_POOL)
    assert "no worse" in compare(0).step("Check").printed  # as ill as the baseline
    canary.lab.reset()
    canary.lab.fault("F.mkt.pool", **FULL_POOL)
    assert "worse: gateway.pool.utilization: critical in new" in compare(1).step("Check").printed
    canary.lab.reset()
    canary.lab.fault("F.json.drop", service="gateway", path=SUMMARY, pointer="/data/system_health")
    assert "unclear: " in compare(12).step("Check").printed


def test_an_incident_run_keeps_what_was_seen_and_adds_nothing_to_the_history(runner: Runner, place: Place) -> None:
    entry = runner.cache / "health-history-lab-7-1/history"
    entry.mkdir(parents=True)
    (entry / "report.jsonl").write_text("")
    place.lab.fault("F.mkt.pool", **FULL_POOL)
    inputs = {"environment": "lab", "system": "gateway", "expression": "pool and not arithmetic"}
    files = {"environments/lab.yaml": place.profile}
    job = runner.run("incident.yml", "look", inputs=inputs, files=files, run_id="1")

    assert (job.result, job.step("Check").code) == ("failure", 1), job.told
    assert (job.workspace / "history/health.db").exists()
    assert [file.name for file in entry.iterdir()] == ["report.jsonl"]
    assert (entry / "report.jsonl").read_text() == ""
    kept = artifact(runner, "1", "health-incident-lab")
    seen = states(kept / "results.json")
    assert seen["gateway.pool.utilization"] == "critical"
    assert not any("arithmetic" in check or "summary" in check for check in seen)
    assert (kept / "report/index.html").exists()

    place.lab.reset()
    command = [BIN / "healthgate", "run", "--env", "environments/lab.yaml", "--snapshot-in", kept / "snapshot.json"]
    again = subprocess.run(
        [*command, "--results", "again.json", "-k", inputs["expression"], "--system", "gateway"],
        cwd=job.workspace,
        env={**os.environ, **dict.fromkeys(place.lab.variables, "")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1, again.stdout + again.stderr
    assert states(job.workspace / "again.json") == seen


def test_the_demo_of_ci_is_well_and_sees_a_broken_pool(runner: Runner) -> None:
    """With the packages that are there. The other job is `make test`, of which this test is a part."""
    job = runner.run("ci.yml", "demo", packages=BIN)
    assert job.result == "success", job.told
    assert states(job.workspace / "reports/results.json")["gateway.pool.utilization"] == "critical"
    assert (runner.artifacts / job.run_id / "demo/index.html").exists()


def test_no_step_but_the_checks_sees_a_secret(runner: Runner, place: Place) -> None:
    """Nor does anything that is kept, or said, hold one; a broken line of variables is told without its content."""
    notify = "json://127.0.0.1:1/notify-secret"
    runner.secrets["HEALTHGATE_NOTIFY_URLS"] = notify
    runner.left_out.add("Report")
    files = {"environments/lab.yaml": place.profile.replace("${LAB_USER_TOKEN}", "${STAGING_USER_TOKEN}")}
    runner.around["PYTEST_ADDOPTS"] = QUICK
    job = runner.run("scheduled.yml", "check", matrix={"environment": "lab"}, files=files, run_id="1")
    assert job.step("Check").code == 1, job.told
    kept = "".join(file.read_text(errors="replace") for file in artifact(runner, "1", "health-lab").rglob("*.json"))
    for secret in (*TOKENS.values(), notify):
        assert secret in job.step("Check").given["VARIABLES"]
        assert secret not in job.told + job.summary + kept
        for step in job.steps:
            if step.name not in {"Check", "Check, tell whom it concerns, report"}:
                assert secret not in str(step.given), step.name

    runner.secrets["STAGING_USER_TOKEN"] = "two\nlines"
    broken = runner.run("scheduled.yml", "check", matrix={"environment": "lab"}, files=files).step("Check")
    assert (broken.code, broken.printed.count("\n")) == (4, 1)
    assert "a line is not NAME=VALUE" in broken.printed
    assert "lines" not in broken.printed.replace("several lines", "")


@pytest.mark.parametrize("name", ["$(touch pwned)", "x\n--collect-only", "*"])
def test_what_somebody_types_is_one_word(runner: Runner, name: str) -> None:
    """It names an environment, however it is written; there is none of that name."""
    job = runner.run("gate.yml", "gate", inputs={"environment": name.replace("\n", " "), "system": name})
    assert (job.step("Check").code, job.result) == (4, "failure"), job.told
    assert not list(job.workspace.glob("**/pwned"))


# ---- the scripts of docs/running.md


@dataclass
class Machine:
    """One on which the page was followed; `/opt`, `/etc` and `/var/lib` are folders of a test."""

    folder: Path
    place: Place

    def __post_init__(self) -> None:
        self.opt = self.folder / "opt/healthgate"
        copy_of_the_repository(self.opt, {"environments/production.yaml": self.place.profile})
        (self.opt / ".venv").symlink_to(BIN.parent)
        self.variables = self.folder / "etc/healthgate/production.env"
        self.variables.parent.mkdir(parents=True)
        self.variables.write_text("SPOKEN='two words'\n")

    def run(self, file: str, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run one script of the page."""
        text = snippet(file)
        for place in ("/etc/healthgate", "/var/lib/healthgate"):
            text = text.replace(place, f"{self.folder}{place}")
        text = text.replace("http://127.0.0.1:9093", variables.pop("alertmanager", "http://127.0.0.1:9093"))
        script = self.opt / Path(file).name
        script.write_text(text)
        cache = str(Path("~/.cache").expanduser())  # where Allure is kept: the home folder of this machine is new
        done = subprocess.run(
            ["sh", script, *arguments],
            cwd=self.opt,
            env={"XDG_CACHE_HOME": cache, **os.environ, "HOME": str(self.folder), "PYTEST_ADDOPTS": CALM, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def kept(self, pattern: str) -> list[Path]:
        """What is kept in `/var/lib/healthgate`."""
        return list((self.folder / "var/lib/healthgate").glob(pattern))


@pytest.fixture
def machine(tmp_path: Path, place: Place) -> Machine:
    return Machine(tmp_path / "machine", place)


def test_what_cron_starts_is_silent_as_long_as_somebody_else_tells(
    machine: Machine, place: Place, alertmanager: Alertmanager
) -> None:
    script = "/opt/healthgate/scheduled"
    assert machine.run(script, "production", alertmanager=alertmanager.url) == (0, "")
    place.lab.fault("F.mkt.pool", **FULL_POOL)
    assert machine.run(script, "production", alertmanager=alertmanager.url) == (1, "")
    assert "gateway.pool.utilization critical" in alertmanager.alerts()
    assert {file.name for file in machine.kept("production/*")} >= {"health.db", "results.json", "snapshot.json"}
    place.lab.reset()
    alertmanager.stop()
    code, printed = machine.run(script, "production", alertmanager=alertmanager.url)
    assert code == 13
    assert printed.endswith("healthgate in production ended with exit code 13\n")
    assert machine.run(script, "nowhere")[0] == 2


def test_a_deploy_on_a_machine_or_in_jenkins_asks_the_gate(machine: Machine, place: Place) -> None:
    place.lab.fault("F.mkt.pool", **BUSY_POOL)
    assert machine.run("/opt/healthgate/ask", "gate", "production")[0] == 10
    assert len(machine.kept("gate-*/report/index.html")) == 1
    assert machine.run("/opt/healthgate/ask", "look", "production") == (4, "look: expected gate, canary or incident\n")
    asked = {"PLACE": "production", "VARIABLES": str(machine.variables), "SYSTEM": "", "EXPRESSION": ""}
    assert machine.run("ci/jenkins.sh", WAY="look", **asked)[0] == 4
    assert machine.run("ci/jenkins.sh", WAY="gate", **asked)[0] == 10
    assert (machine.opt / "health/production/report/index.html").exists()
    assert not machine.kept("*/health.db")
    assert not (machine.folder / "healthgate").exists()


def test_a_question_to_the_cluster_is_a_job_of_its_own_with_its_own_arguments(tmp_path: Path) -> None:
    """The script is real, and so is jq; kubectl is a stand-in that makes a job of the manifest and keeps it."""
    stand_in = tmp_path / "bin/kubectl"
    stand_in.parent.mkdir()
    stand_in.write_text(KUBECTL)
    stand_in.chmod(0o755)
    manifest, script = tmp_path / "healthgate.yaml", tmp_path / "ask"
    manifest.write_text(snippet("healthgate.yaml"))
    script.write_text(snippet("ask"))
    done = subprocess.run(
        ["sh", script, "--env=production", "--fail-on=warning", "-k=pool and not slow"],
        env={**os.environ, "PATH": f"{stand_in.parent}:{os.environ['PATH']}", "MANIFEST": str(manifest)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 10, done.stderr
    job = yaml.safe_load((tmp_path / "created.json").read_text())
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == [
        *("--env=production", "--fail-on=warning", "-k=pool and not slow", "--results=/tmp/results.json")
    ]
    assert not any("persistentVolumeClaim" in volume for volume in pod["volumes"])
    assert {one["name"] for one in pod["volumes"]} == {one["name"] for one in pod["containers"][0]["volumeMounts"]}
    assert job["spec"]["backoffLimit"] == 0


KUBECTL = f"""\
#!{sys.executable}
import json, os, sys, yaml
words = sys.argv[1:]
FROM = "--from=cronjob/healthgate-production --dry-run=client -o json"
if words[:2] == ["create", "job"] and words[3:] == [*FROM.split()]:
    (cronjob,) = (one for one in yaml.safe_load_all(open(os.environ["MANIFEST"])) if one["kind"] == "CronJob")
    spec = cronjob["spec"]["jobTemplate"]["spec"]
    print(json.dumps({{"apiVersion": "batch/v1", "kind": "Job", "metadata": {{"name": words[2]}}, "spec": spec}}))
elif words == ["create", "-f", "-"]:
    open("created.json", "w").write(sys.stdin.read())
elif words[:2] == ["get", "pods"]:
    print(10, end="")
elif words[0] == "logs":
    print("1 warning")
else:
    sys.exit(f"not expected: {{words}}")
"""
