"""Runs a job of a workflow on this machine, step by step, as GitHub's runner would.

Shell steps are really run, with the files and variables that a step has. The few actions of GitHub that the workflows
use do what they do there, on folders: the cache, the artifacts and the published site. Any other action, expression
or key is refused. Two things are not as there: the checkout is a copy of this working tree, and steps that install
Python packages are left out, since the interpreter that runs the tests has them.
"""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.workflows import expressions

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLED_ALREADY = "install"
"""Id of the steps that are left out."""

STEP_KEYS = {"name", "id", "if", "uses", "with", "run", "shell", "env", "working-directory"}
SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
NOT_INHERITED = ("GITHUB_", "RUNNER_", "HEALTHGATE_", "PYTEST_", "CI")
"""What this process may have of its own and a step must not inherit, but for where Allure is kept."""


def copy_of_the_repository(folder: Path, files: Mapping[str, str]) -> None:
    """Put this working tree into `folder`, without its tests and what git ignores, and with these `files`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name, text in files.items():
        (folder / name).write_text(text)


class NotLikeThereError(AssertionError):
    """The workflow uses something that this runner does not know, so nothing can be said about it."""


@dataclass
class Step:
    """What one step came to."""

    name: str
    outcome: str
    code: int | None = None
    printed: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    """The variables of a shell step, or the inputs of an action."""


@dataclass
class Job:
    """What one job came to."""

    result: str
    steps: list[Step]
    outputs: dict[str, str]
    workspace: Path
    summary: str
    run_id: str

    def step(self, name: str) -> Step:
        """The one step with that name."""
        (found,) = (step for step in self.steps if step.name == name)
        return found

    @property
    def told(self) -> str:
        """Everything that was printed, and how each step ended."""
        return "\n".join(f"--- {step.name}: {step.outcome} {step.code}\n{step.printed}" for step in self.steps)


class Declared(dict[str, Any]):
    """A context of which all members are known."""

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self:
            raise expressions.ExpressionError(f"{name} is not declared; there is {', '.join(self) or 'nothing'}")
        return self[name]


class Runner:
    """One repository on GitHub: its variables, secrets, cache and artifacts. `folder` holds everything it writes.

    `around` are variables that the machine itself gives each step; `left_out` names steps that a test does not need.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self.folder = folder
        self.variables = dict(variables)
        self.secrets = dict(secrets)
        self.around: dict[str, str] = {}
        self.left_out: set[str] = set()
        self.numbers = itertools.count(1)
        self.cache = folder / "cache"
        self.artifacts = folder / "artifacts"
        self.site = folder / "site"
        self.cache.mkdir(parents=True)

    def run(
        self,
        workflow: str,
        job: str,
        *,
        inputs: Mapping[str, str] | None = None,
        matrix: Mapping[str, str] | None = None,
        run_id: str | None = None,
        files: Mapping[str, str] | None = None,
        packages: Path | None = None,
        content: str | None = None,
    ) -> Job:
        """Run one job of a workflow: the file of that name, or `content`. Its artifacts are those of the run `run_id`.

        `files` are put into the checkout, and so is `packages`, the `bin` of a virtual environment, as make wants it.
        """
        text = (ROOT / ".github/workflows" / workflow).read_text() if content is None else content
        whole = yaml.load(text, yaml.BaseLoader)
        number = next(self.numbers)
        run_id = run_id or str(1000 + number)
        workspace = self.folder / f"work-{number}"
        workspace.mkdir()
        described = whole["jobs"][job]
        github = {
            "run_id": run_id,
            "run_attempt": "1",
            "workspace": str(workspace),
            "repository": "acme/platform",
            "ref": "refs/heads/main",
            "event_name": "workflow_dispatch",
        }
        contexts = {
            "github": Declared(github),
            "vars": self.variables,
            "secrets": self.secrets,
            "matrix": Declared(matrix or {}),
            "job": {"workflow_repository": "acme/healthgate", "workflow_sha": "0" * 40},
            "inputs": Declared(_inputs_of_workflow(whole, inputs or {})),
        }
        running = _Running(self, workspace, run_id, contexts, dict(files or {}), packages)
        condition = described.get("if", "success()")
        if not expressions.truth(running.value(condition)):
            return Job("skipped", [], {}, workspace, "", run_id)
        for key in ("name", "environment", "concurrency"):
            if isinstance(described.get(key), str):
                running.filled(described[key])
        running.steps(described["steps"], {**_texts(whole.get("env", {})), **_texts(described.get("env", {}))})
        outputs = {name: running.filled(text) for name, text in described.get("outputs", {}).items()}
        summary = running.summary.read_text() if running.summary.exists() else ""
        return Job("failure" if running.failed else "success", running.done, outputs, workspace, summary, run_id)


class _Running:
    """One job, or one composite action within it."""

    def __init__(
        self,
        runner: Runner,
        workspace: Path,
        run_id: str,
        contexts: dict[str, Any],
        files: Mapping[str, str],
        packages: Path | None = None,
    ) -> None:
        self.runner = runner
        self.workspace = workspace
        self.run_id = run_id
        self.files = files
        self.packages = packages
        self.done: list[Step] = []
        self.failed = False
        self.by_id: dict[str, dict[str, Any]] = {}
        self.contexts = {**contexts, "steps": self.by_id}
        self.summary = runner.folder / f"summary-{workspace.name}.md"
        self.functions = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "success": lambda: not self.failed,
            "failure": lambda: self.failed,
            "hashFiles": lambda *patterns: "f00d" if any(self._found(pattern) for pattern in patterns) else "",
        }

    def _found(self, pattern: str) -> bool:
        pattern = f"{pattern}/*" if pattern.endswith("**") else pattern  # there, `**` at the end means files too
        return any(hit.is_file() for hit in self.workspace.glob(pattern))

    def value(self, text: str) -> Any:
        text = text.strip()
        if text.startswith("${{") and text.endswith("}}"):
            text = text[3:-2]
        return expressions.value(text, self.contexts, self.functions)

    def filled(self, text: str) -> str:
        return expressions.filled(text, self.contexts, self.functions)

    def all_filled(self, described: Mapping[str, str]) -> dict[str, str]:
        return {name: self.filled(text) for name, text in described.items()}

    def steps(self, described: list[dict[str, Any]], variables: dict[str, str]) -> None:
        for step in described:
            if unknown := set(step) - STEP_KEYS:
                raise NotLikeThereError(f"keys of a step that this runner does not know: {unknown}")
            condition = step.get("if", "success()")
            if not any(f"{status}()" in condition for status in ("always", "cancelled", "success", "failure")):
                raise NotLikeThereError(f"a condition that leaves the status out: {condition}")
            wanted = expressions.truth(self.value(condition))
            name = step.get("name") or step.get("uses") or step["run"]
            if not wanted or step.get("id") == INSTALLED_ALREADY or name in self.runner.left_out:
                record, outputs = Step(name, "skipped"), {}
            elif "run" in step:
                record, outputs = self._shell(name, step, {**variables, **self.all_filled(step.get("env", {}))})
            else:
                record, outputs = self._action(name, step, {**variables, **self.all_filled(step.get("env", {}))})
            self.done.append(record)
            self.failed = self.failed or record.outcome == "failure"
            if "id" in step:
                self.by_id[step["id"]] = {"outcome": record.outcome, "outputs": outputs}

    def _shell(self, name: str, step: dict[str, Any], variables: dict[str, str]) -> tuple[Step, dict[str, str]]:
        if "${{" in step["run"]:
            raise NotLikeThereError(f"{name}: an expression within a shell script")
        script = self.runner.folder / "step.sh"
        script.write_text(step["run"])
        output = self.runner.folder / "step.output"
        output.write_text("")
        where = Path(self.filled(step.get("working-directory", "")) or ".")
        github = self.contexts["github"]
        done = subprocess.run(
            [*SHELLS[step.get("shell")], str(script)],
            cwd=self.workspace / where,
            env={
                **{
                    key: text
                    for key, text in os.environ.items()
                    if key == "HEALTHGATE_CACHE" or not key.startswith(NOT_INHERITED)
                },
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                **self.runner.around,
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(github.get("action_path")) if "action_path" in github else "",
                "GITHUB_OUTPUT": str(output),
                "GITHUB_REPOSITORY": github["repository"],
                "GITHUB_RUN_ID": self.run_id,
                "GITHUB_SERVER_URL": "https://github.example",
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.runner.folder),
                **variables,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        outcome = "failure" if done.returncode else "success"
        return Step(name, outcome, done.returncode, done.stdout, variables), outputs

    def _action(self, name: str, step: dict[str, Any], variables: dict[str, str]) -> tuple[Step, dict[str, str]]:
        given = self.all_filled(step.get("with", {}))
        if step["uses"] == "./":
            return self._composite(name, given, variables)
        action = ACTIONS.get(step["uses"].partition("@")[0])
        if action is None:
            raise NotLikeThereError(f"{step['uses']}: an action that this runner does not know")
        try:
            return Step(name, "success", given=given), action(
                self, **{k.replace("-", "_"): v for k, v in given.items()}
            )
        except FileNotFoundError as error:
            return Step(name, "failure", printed=str(error), given=given), {}

    def _composite(self, name: str, given: dict[str, str], variables: dict[str, str]) -> tuple[Step, dict[str, str]]:
        described = yaml.load((self.workspace / "action.yml").read_text(), yaml.BaseLoader)
        if unknown := set(given) - set(described["inputs"]):
            raise NotLikeThereError(f"action.yml has no input {unknown}")
        inputs = {key: given.get(key, one["default"]) for key, one in described["inputs"].items()}
        here = {"github": Declared({**self.contexts["github"], "action_path": str(self.workspace)})}
        contexts = {**here, "inputs": Declared(inputs), "job": {"status": "success"}}
        within = _Running(self.runner, self.workspace, self.run_id, contexts, {})
        within.steps(described["runs"]["steps"], variables)
        self.done.extend(within.done)
        outputs = {key: within.filled(one["value"]) for key, one in described["outputs"].items()}
        return Step(name, "failure" if within.failed else "success", given=given), outputs

    def checkout(self, *, persist_credentials: str, repository: str = "", ref: str = "") -> dict[str, str]:
        if persist_credentials != "false" or (repository and (repository, ref) != ("acme/healthgate", "0" * 40)):
            raise NotLikeThereError(f"a checkout of {repository}@{ref} with credentials: {persist_credentials}")
        copy_of_the_repository(self.workspace, self.files)
        if self.packages is not None:
            (self.workspace / ".venv").mkdir()
            (self.workspace / ".venv/bin").symlink_to(self.packages)
            (self.workspace / ".venv/.demo").touch()
        return {}

    def restore(self, *, path: str, key: str, restore_keys: str = "") -> dict[str, str]:
        kept = sorted(self.runner.cache.iterdir(), key=lambda one: one.stat().st_mtime_ns, reverse=True)
        for prefix in (key, *restore_keys.split()):
            for one in kept:
                if one.name.startswith(prefix):
                    shutil.copytree(one / path, self.workspace / path, dirs_exist_ok=True)
                    return {"cache-matched-key": one.name}
        return {}

    def save(self, *, path: str, key: str) -> dict[str, str]:
        where = self.runner.cache / key
        if not where.exists():  # an entry is never replaced
            where.mkdir()
            shutil.copytree(self.workspace / path, where / path)
        return {}

    def upload(self, *, name: str, path: str, overwrite: str, retention_days: str = "") -> dict[str, str]:
        where = self.runner.artifacts / self.run_id / name
        if overwrite != "true" or set('":<>|*?/\\') & set(name):
            raise NotLikeThereError(f"an artifact {name} that cannot be kept, or not twice")
        shutil.rmtree(where, ignore_errors=True)
        if not any((self.workspace / path).glob("*")):
            return {}
        shutil.copytree(self.workspace / path, where)
        return {"artifact-url": f"https://github.example/artifacts/{name}"}

    def download(self, *, pattern: str, path: str) -> dict[str, str]:
        for one in (self.runner.artifacts / self.run_id).glob(pattern):
            shutil.copytree(one, self.workspace / path / one.name)
        return {}

    def upload_pages(self, *, path: str) -> dict[str, str]:
        shutil.rmtree(self.runner.site, ignore_errors=True)
        shutil.copytree(self.workspace / path, self.runner.site)
        return {}


ACTIONS = {
    "actions/checkout": _Running.checkout,
    "actions/setup-python": lambda _running, **_given: {},
    "actions/cache/restore": _Running.restore,
    "actions/cache/save": _Running.save,
    "actions/upload-artifact": _Running.upload,
    "actions/download-artifact": _Running.download,
    "actions/upload-pages-artifact": _Running.upload_pages,
    "actions/deploy-pages": lambda _running: {"page_url": "https://acme.example/"},
}


def _inputs_of_workflow(content: dict[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    declared: dict[str, dict[str, Any]] = {}
    for event in content["on"].values() if isinstance(content["on"], dict) else ():
        declared |= (event or {}).get("inputs", {}) if isinstance(event, dict) else {}
    if unknown := set(given) - set(declared):
        raise NotLikeThereError(f"the workflow has no input {unknown}")
    missing = {name for name, one in declared.items() if one.get("required") == "true"} - set(given)
    if missing:
        raise NotLikeThereError(f"the workflow needs {missing}")
    return {name: given.get(name, one.get("default", "")) for name, one in declared.items()}


def _texts(described: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(text) for name, text in described.items()}
