"""What docs/running.md offers to copy is valid where it is pasted, and what it says of codes and names is so."""

import re
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from croniter import croniter

from healthgate import duration
from healthgate.judge import outcome
from tests.tools import needs
from tests.workflows.declarative import OutlineError, mistakes, outline
from tests.workflows.published import ACTION, PAGE, ROOT, WORKFLOWS, by_schema, read, snippet, snippets, steps

BIN = Path(sys.executable).parent
SHELL = [one for one in snippets() if one.language == "sh"]
JENKINSFILE = snippet("Jenkinsfile")
MANIFEST = snippet("healthgate.yaml")
CRONTAB = snippet("/etc/cron.d/healthgate")

OPTIONS_OF_OTHERS = {
    "pytest": {"--junitxml"},  # its help calls it by its other name
    "kubectl": {"--from", "--from-env-file", "--dry-run"},
    "jq": {"--args"},
    "systemctl": {"--now", "--failed"},
    "git": {"--exit-code"},
}
"""Options on the page that the help of our commands does not list."""


def said(*command: object, given: str | None = None) -> tuple[int, str]:
    done = subprocess.run([*map(str, command)], input=given, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def longest_gap(line: str) -> timedelta:
    """The longest time between two runs of a day."""
    times = croniter(line, datetime(2026, 11, 23, tzinfo=UTC))
    fires = [times.get_next(datetime) for _ in range(200)]
    return max(after - before for before, after in pairwise(fires))


def test_every_block_is_one_that_a_test_knows() -> None:
    files = {one.file for one in snippets() if one.language != "sh"}
    assert files == {
        ".github/workflows/deploy.yml",
        ".github/workflows/release.yml",
        ".gitlab-ci.yml",
        "Jenkinsfile",
        "/etc/cron.d/healthgate",
        "/etc/systemd/system/healthgate@.service",
        "/etc/systemd/system/healthgate@.timer",
        "Containerfile",
        "healthgate.yaml",
    }


# ---- GitLab


def test_gitlab_takes_the_pipeline(tmp_path: Path) -> None:
    def check(text: str) -> tuple[int, str]:
        file = written(tmp_path, ".gitlab-ci.yml", text)
        return by_schema("vendor.gitlab-ci", file)

    text = snippet(".gitlab-ci.yml")
    assert check(text)[0] == 0, check(text)
    assert check(text.replace("action: access", "action: look"))[0] == 1


def test_the_jobs_of_gitlab_refer_to_what_there_is() -> None:
    jobs = yaml.safe_load(snippet(".gitlab-ci.yml"))
    stages = jobs.pop("stages")
    assert {jobs[job["extends"]]["stage"] for job in jobs.values() if "extends" in job} <= set(stages)
    assert {needed for job in jobs.values() for needed in job.get("needs", ())} <= set(jobs)
    history = jobs["scheduled"]["cache"]
    assert (history["when"], history["key"]) == ("always", jobs["scheduled"]["resource_group"])
    assert all("cache" not in job for name, job in jobs.items() if name != "scheduled")
    for job in jobs.values():
        for line in (*job.get("script", ()), *job.get("after_script", ())):
            assert said("bash", "-n", "-c", line)[0] == 0, line


# ---- Jenkins


def test_the_jenkinsfile_is_groovy() -> None:
    assert mistakes(JENKINSFILE) == []
    for before, after in ((", defaultValue: ''", " defaultValue: ''"), ("stages {", "stages"), ('${code}"', "${code}")):
        assert mistakes(JENKINSFILE.replace(before, after, 1)) != []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("agent { label 'health' }", ""),
        ("  stages {", "  stagess {"),
        ("      steps {", "      step {"),
        ("    always {", "    ever {"),
        ("  post {", "  }\n  post {"),
    ],
)
def test_the_jenkinsfile_is_a_declarative_pipeline(before: str, after: str) -> None:
    assert [block.name for block in outline(JENKINSFILE).only("pipeline").only("stages").within] == ["stage", "stage"]
    with pytest.raises(OutlineError):
        outline(JENKINSFILE.replace(before, after, 1))


# ---- cron and systemd


def test_cron_takes_every_line_and_starts_what_the_page_has(tmp_path: Path) -> None:
    lines = [line for line in CRONTAB.splitlines() if line and not line.startswith("#")]
    jobs = [line.split(None, 7) for line in lines if not re.match(r"[A-Z]+=", line)]
    assert len(jobs) == 2
    for *fields, user, program, rest in jobs:
        assert croniter.is_valid(" ".join(fields))
        assert (user, program) == ("healthgate", "flock")
        *locked, script, environment = shlex.split(rest)
        code, printed = said("flock", *(word.replace("/var/lib/healthgate", str(tmp_path)) for word in locked), "true")
        assert code == 0, printed
        assert script in {one.file for one in SHELL}
        assert (ROOT / "environments" / f"{environment}.yaml").exists()


@needs("systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` says what it would ignore, and still ends with 0: what it says is what counts."""
    program = tmp_path / ".venv/bin/healthgate"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    service, timer = (snippet(f"/etc/systemd/system/healthgate@.{kind}") for kind in ("service", "timer"))
    service = service.replace("/opt/healthgate", str(tmp_path))
    files = [written(tmp_path, "healthgate@.service", service), written(tmp_path, "healthgate@.timer", timer)]

    assert said("systemd-analyze", "verify", "--man=no", *files) == (0, "")
    code, judged = said("systemd-analyze", "security", "--offline=true", "--threshold=20", files[0])
    assert code == 0, judged

    written(tmp_path, "healthgate@.service", service.replace("Type=oneshot", "Type=onshot"))
    written(tmp_path, "healthgate@.timer", timer.replace("*:7/15", "*:7/15:x"))
    _, printed = said("systemd-analyze", "verify", "--man=no", *files)
    assert "service type" in printed
    assert "calendar" in printed


# ---- Kubernetes


def test_kubernetes_takes_the_manifest() -> None:
    documents = list(yaml.safe_load_all(MANIFEST))
    assert [one["kind"] for one in documents] == ["PersistentVolumeClaim", "CronJob"]
    for version in ("1.31", kubernetes_validate.latest_version()):
        for one in documents:
            kubernetes_validate.validate(one, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            yaml.safe_load(MANIFEST.partition("---")[2].replace("schedule:", "shedule:")), version, strict=True
        )


def test_the_manifest_holds_together() -> None:
    claim, cronjob = yaml.safe_load_all(MANIFEST)
    job = cronjob["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert croniter.is_valid(cronjob["spec"]["schedule"])
    assert {one["name"] for one in pod["volumes"]} == {one["name"] for one in container["volumeMounts"]}
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    mounts = [one["mountPath"] for one in container["volumeMounts"]]
    for option in container["args"]:
        name, _, value = option.partition("=")
        if name in {"--history", "--results"}:
            assert any(value.startswith(f"{mount}/") for mount in mounts), "the root file system is read-only"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    rules = [rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert {rule["containerName"] for rule in rules} == {container["name"]}
    assert all(rule["values"] == sorted(set(rule["values"])) for rule in rules), "Kubernetes wants them in order"
    assert sorted(code for rule in rules for code in rule["values"]) == sorted(CODES - {0})


def test_the_image_is_built_from_what_there_is() -> None:
    for sources in re.findall(r"(?m)^COPY (.+) \S+$", snippet("Containerfile")):
        for source in sources.split():
            assert (ROOT / source).exists(), source


# ---- what the page says


CODES = {0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13}


def test_every_exit_code_has_a_row_and_every_row_a_cell_for_each_way() -> None:
    table = PAGE.read_text().partition("## What an exit code asks for")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]
    assert rows[0][2:] == ["scheduled", "gate", "canary", "incident"]
    assert {int(code) for row in rows[2:] for code in row[0].split(",")} == CODES
    assert all(len(row) == len(rows[0]) and all(row) for row in rows if "---" not in row[0])
    assert {value for name, value in vars(outcome).items() if name.isupper() and isinstance(value, int)} <= CODES


def test_every_option_is_one() -> None:
    ours = {"run": BIN / "healthgate", "report": BIN / "healthgate"}
    offered = set()
    for word, program in ours.items():
        offered |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said(program, word, "--help")[1]))
    named = set()
    for file in (PAGE, ACTION, *WORKFLOWS):
        text = re.sub(r"(?m)^.*\bpip install\b.*$", "", file.read_text())
        named |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    of_others = set().union(*OPTIONS_OF_OTHERS.values())
    assert named - offered - of_others == set()
    assert of_others <= named


def test_every_extra_that_is_installed_is_one() -> None:
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    installed = re.findall(r"'\.\[([a-z,]+)\]'", ACTION.read_text() + PAGE.read_text())
    assert len(installed) >= 4
    assert {extra for several in installed for extra in several.split(",")} <= declared


def test_every_secret_and_variable_of_the_workflows_is_in_the_tables_and_the_other_way_round() -> None:
    texts = "".join(file.read_text() for file in WORKFLOWS)
    section = PAGE.read_text().partition("### What to set")[2].partition("\n## ")[0]
    tables = section.split("\n\n|")[1:]
    for kind, table in zip(("secrets", "vars"), tables, strict=True):
        used = set(re.findall(rf"\b{kind}\.([A-Z_]+)", texts))
        rows = [line.split(" | ")[0] for line in table.splitlines()[1:]]
        assert {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)} == used


def test_every_variable_that_a_profile_asks_for_is_handed_to_the_checks() -> None:
    for file in WORKFLOWS:
        for step in steps(read(file)):
            if step.get("uses") == "./":
                handed = set(re.findall(r"(?m)^(\w+)=", step["with"]["variables"]))
                for environment in ("staging", "production"):
                    text = (ROOT / "environments" / f"{environment}.yaml").read_text()
                    assert set(re.findall(r"(?m)^[^#]*\$\{(\w+)\}", text)) <= handed


def test_a_heartbeat_outlasts_the_longest_pause_between_two_runs() -> None:
    """By what a run looks for, and five minutes more."""
    scheduled = (ROOT / ".github/workflows/scheduled.yml").read_text()
    schedules = [
        (scheduled, re.findall(r'cron: "(.+)"', scheduled)),
        (snippet("/opt/healthgate/scheduled"), [" ".join(line.split()[:5]) for line in CRONTAB.splitlines()[3:]]),
        (MANIFEST, re.findall(r'schedule: "(.+)"', MANIFEST)),
        (snippet("ci/jenkins.sh"), ["*/15 * * * *"]),
        (snippet("/etc/systemd/system/healthgate@.service"), ["7/15 * * * *"]),
        (snippet(".gitlab-ci.yml"), ["*/15 * * * *"]),
    ]
    for text, lines in schedules:
        (told,) = set(re.findall(r"--heartbeat[ =](\w+)", text))
        assert lines
        for line in lines:
            (sample,) = set(re.findall(r"--sample[ =](\w+)", text))
            looks = timedelta(seconds=duration.seconds(sample), minutes=5)
            assert timedelta(seconds=duration.seconds(told)) >= longest_gap(line) + looks, line


def test_shellcheck_finds_nothing_in_the_scripts(tmp_path: Path) -> None:
    assert SHELL
    files = [written(tmp_path, f"{number}.sh", one.text) for number, one in enumerate(SHELL)]
    code, printed = said(BIN / "shellcheck", "--shell=sh", "--exclude=SC1090,SC1091", *files)
    assert code == 0, printed
    assert {file.name: said("sh", "-n", file) for file in files} == dict.fromkeys((f.name for f in files), (0, ""))
