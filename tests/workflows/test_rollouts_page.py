"""What docs/rollouts.md offers to copy is valid where it is pasted, and a rollout obeys the verdict by it."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from healthgate import duration
from healthgate.environment.reader import read
from healthgate.observe.plan import declared_absent, left_out
from tests.checks.world import CATALOGUE
from tests.tools import needs, program
from tests.workflows.published import ROLLOUTS, ROOT, snippet, snippets

BIN = Path(sys.executable).parent
SCHEMAS = Path(__file__).parent / "schemas"
CODES = {0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13}

GIVEN = {
    "analysistemplate.json": "analysistemplate.yaml",
    "rollout-steps.json": "rollout-steps.yaml",
    "flagger-canary.json": "flagger.yaml",
}
"""The schema of each manifest."""


def given(file: str) -> Any:
    return yaml.safe_load(snippet(file, ROLLOUTS))


def test_every_block_is_one_that_a_test_knows() -> None:
    assert {one.file for one in snippets(ROLLOUTS)} == {
        *GIVEN.values(),
        "environments/primary.yaml",
        "environments/canary.yaml",
        "Containerfile.flagger",
        ".github/workflows/rollout.yml",
        "alertmanager-receiver.yaml",
    }


@pytest.mark.parametrize("schema", GIVEN)
def test_each_manifest_satisfies_its_own_schema(schema: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / schema).read_text()))
    assert list(validator.iter_errors(given(GIVEN[schema]))) == []


@pytest.mark.parametrize(
    ("schema", "before", "after"),
    [
        ("analysistemplate.json", "failureLimit:", "failuresLimit:"),
        ("analysistemplate.json", "provider:", "providers:"),
        ("rollout-steps.json", "setWeight: 10", "setWeight: ten"),
        ("rollout-steps.json", "templateName:", "template:"),
        ("flagger-canary.json", "type: rollback", "type: roll-back"),
        ("flagger-canary.json", "timeout: 11m", "timeout: soon"),
        ("flagger-canary.json", "kind: Deployment", "kind: Deploy"),
    ],
)
def test_a_mistake_in_a_manifest_is_one_to_its_schema(schema: str, before: str, after: str) -> None:
    text = snippet(GIVEN[schema], ROLLOUTS)
    assert before in text
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / schema).read_text()))
    assert list(validator.iter_errors(yaml.safe_load(text.replace(before, after))))


# ---- the environments


def test_both_environments_are_asked_the_same(tmp_path: Path) -> None:
    present = {}
    for name in ("primary", "canary"):
        (tmp_path / f"{name}.yaml").write_text(snippet(f"environments/{name}.yaml", ROLLOUTS))
        present[name] = read(tmp_path / f"{name}.yaml", CATALOGUE, name).present()
    checks = CATALOGUE.checks.values()
    asked = {name: {one.id for one in checks if not left_out(one, systems)} for name, systems in present.items()}
    assert asked["primary"] == asked["canary"]
    assert len(asked["canary"]) > 10
    assert not asked["canary"] & declared_absent(checks, present["canary"])
    assert present["canary"]["wsmanager"].here.called("environment", "production") == "staging"


# ---- Argo Rollouts


def job() -> dict[str, Any]:
    (metric,) = given("analysistemplate.yaml")["spec"]["metrics"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "x"},
        "spec": metric["provider"]["job"]["spec"],
    }


def test_kubernetes_takes_the_job() -> None:
    for version in ("1.31", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(job(), version, strict=True)
    spoilt = yaml.safe_load(yaml.safe_dump(job()).replace("activeDeadlineSeconds", "deadlineSeconds"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, version, strict=True)


def outcome_of(code: int) -> str:
    """What becomes of a job whose pod ended with a code, by its rules: the first that fits is the one."""
    if code == 0:
        return "complete"
    spec = job()["spec"]
    (name,) = (one["name"] for one in spec["template"]["spec"]["containers"])
    for rule in spec["podFailurePolicy"]["rules"]:
        on = rule.get("onExitCodes")
        if on is None or on["containerName"] != name:
            continue
        assert on["values"] == sorted(set(on["values"])), "Kubernetes wants them in order"
        if (code in on["values"]) == (on["operator"] == "In"):
            return str(rule["action"])
    return "Count"


def test_a_job_passes_fails_at_once_or_asks_again_as_the_table_says() -> None:
    assert {code: outcome_of(code) for code in CODES} == {
        0: "complete",
        **dict.fromkeys((1, 10, 3, 4, 5, 6), "FailJob"),
        **dict.fromkeys((2, 11, 12, 13), "Ignore"),
    }
    spec = job()["spec"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    longest = duration.seconds(values()["for"])
    assert spec["activeDeadlineSeconds"] > 3 * longest + 180, "three trials, and the time it takes to begin each"


def values() -> dict[str, str]:
    return {one["name"]: one["value"] for one in given("analysistemplate.yaml")["spec"]["args"]}


def test_every_argument_is_declared_and_every_step_names_what_there_is() -> None:
    (container,) = job()["spec"]["template"]["spec"]["containers"]
    used = set(re.findall(r"\{\{args\.(\w+)\}\}", "".join(container["args"])))
    assert used == set(values())
    weight, analysis = given("rollout-steps.yaml")
    assert weight == {"setWeight": 10}
    [template] = analysis["analysis"]["templates"]
    assert template["templateName"] == given("analysistemplate.yaml")["metadata"]["name"]
    assert {one["name"] for one in analysis["analysis"]["args"]} <= used
    for option in container["args"]:
        name, _, value = option.partition("=")
        if name in {"--results", "--verdict"}:
            assert any(value.startswith(f"{mount['mountPath']}/") for mount in container["volumeMounts"])


# ---- Flagger


def hooks() -> dict[str, dict[str, Any]]:
    return {one["type"]: one for one in given("flagger.yaml")["spec"]["analysis"]["webhooks"]}


def command(kind: str, folder: Path) -> str:
    return str(hooks()[kind]["metadata"]["cmd"]).replace("/tmp/", f"{folder}/")


def called(kind: str, folder: Path, code: int = 0) -> bool:
    """Do as the load tester does when Flagger calls a hook, where a run ends with a code; whether it answers 200."""
    stand_in = folder / "bin/healthgate"
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\nexit {code}\n')
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PATH": f"{stand_in.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command(kind, folder)], env=environment, capture_output=True, check=False)
    return done.returncode == 0


def rolled_out(folder: Path, *codes: int) -> str:
    """What becomes of a canary whose trials end with these codes: an interval each, as Flagger goes through it."""
    threshold, failed = given("flagger.yaml")["spec"]["analysis"]["threshold"], 0
    for code in codes:
        if called("rollback", folder):
            return "rolled back at once"
        if failed >= threshold:
            return "rolled back"
        if called("rollout", folder, code):
            return "promoted"
        failed += 1
    if called("rollback", folder):
        return "rolled back at once"
    return "rolled back" if failed >= threshold else "waiting"


@pytest.mark.parametrize(
    ("codes", "becomes"),
    [
        ((0,), "promoted"),
        ((1,), "rolled back at once"),
        ((10,), "rolled back at once"),
        ((12,), "waiting"),
        ((4,), "waiting"),
        ((12, 12), "rolled back"),
        ((12, 0), "promoted"),
        ((12, 1), "rolled back at once"),
        ((11, 4), "rolled back"),
    ],
)
def test_flagger_promotes_nothing_without_a_pass_and_rolls_back_at_once_what_is_proven_worse(
    tmp_path: Path, codes: tuple[int, ...], becomes: str
) -> None:
    assert rolled_out(tmp_path, *codes) == becomes
    assert rolled_out(tmp_path, 0) == "promoted", "nothing of one rollout is left for the next"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == len(codes) + 1
    assert all("--baseline=primary --canary=canary --for=10m" in line for line in asked)


def test_a_hook_takes_longer_than_the_trial_and_less_than_the_interval() -> None:
    interval = duration.seconds(given("flagger.yaml")["spec"]["analysis"]["interval"])
    (told,) = re.findall(r"--for=(\w+)", hooks()["rollout"]["metadata"]["cmd"])
    assert duration.seconds(told) < duration.seconds(hooks()["rollout"]["timeout"]) < interval
    assert sum(duration.seconds(one["timeout"]) for one in hooks().values()) < interval


def test_shellcheck_finds_nothing_in_what_the_load_tester_runs(tmp_path: Path) -> None:
    for kind in hooks():
        (tmp_path / kind).write_text(hooks()[kind]["metadata"]["cmd"])
        done = subprocess.run(
            [BIN / "shellcheck", "--shell=bash", tmp_path / kind], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


# ---- Alertmanager


@needs("amtool")
def test_alertmanager_takes_the_receiver(tmp_path: Path) -> None:
    whole = yaml.safe_load((ROOT / "monitoring/alertmanager.yaml").read_text())
    names = [one["name"] for one in whole["receivers"]]
    receiver = given("alertmanager-receiver.yaml")
    whole["receivers"][names.index(receiver["name"])] = receiver
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(whole))
    checked = [program("amtool"), "check-config", str(tmp_path / "alertmanager.yaml")]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- what the page says


def test_every_option_is_one() -> None:
    done = subprocess.run([BIN / "healthgate", "run", "--help"], capture_output=True, text=True, check=True)
    offered = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", done.stdout))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ROLLOUTS.read_text())) - {"--from"}
    assert named - offered == set()


def test_the_table_has_a_row_for_every_code() -> None:
    rows = [line for line in ROLLOUTS.read_text().splitlines() if line.startswith("| ")][1:6]
    told: set[int] = set()
    for row in rows:
        for begin, _, end in re.findall(r"(\d+)( to (\d+))?", row.split(" | ")[1]):
            told |= set(range(int(begin), int(end or begin) + 1))
    assert told == CODES
