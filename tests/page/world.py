"""A small platform whose production and staging are ill in known ways, three runs of its checks, and their pages."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.parts.project import PATIENCE, WELL, Project
from tests.parts.target import Target

ROOT = Path(__file__).parents[2]
TRACKER = "https://tracker.example/OPS-77"

BOILER_PAGE = """\
# The boiler is too hot, or silent

## Meaning

It bursts above 100 %. See [the kiln](kiln.md#mitigation), [the stoker](https://stoker.example/),
[the code](../../checks/boiler/test_boiler.py) and <script>window.pwned = "a runbook"</script>.

## Mitigation

| sign | do |
|---|---|
| whistling | open the `valve` |
"""

KILN_PAGE = """\
# The kiln is cold

## Mitigation

Light it.
"""


@dataclass(frozen=True)
class Answer:
    """What `healthgate report` came to."""

    code: int
    out: str
    err: str


def report(folder: Path, *arguments: str | Path, **variables: str) -> Answer:
    """Run `healthgate report` in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "healthgate", "report", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 4,  # the first on a machine installs Allure
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class World:
    """The repository, and for each run its results, and what rendering them came to."""

    root: Path
    answers: list[Answer]

    @property
    def page(self) -> Path:
        """The folder of the page of the last run."""
        return self.root / "reports/html"


def three_runs(root: Path) -> World:
    """Run the checks three times, as production and staging fall ill, and render each run."""
    project = Project(root)
    project.add_kiln()
    project.write("docs/runbooks/boiler.md", BOILER_PAGE)
    project.write("docs/runbooks/kiln.md", KILN_PAGE)
    rows = "".join(f"| `boiler.{name}` | [page](runbooks/boiler.md) |\n" for name in ("fuel", "pressure", "purity"))
    project.write("docs/checks.md", f"# All checks\n\n## boiler\n\n| check | runbook |\n|---|---|\n{rows}")
    production, staging = Target(), Target()
    try:
        now = datetime.now(UTC)
        window = {
            "from": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%MZ}",
            "until": f"{now + timedelta(days=1):%Y-%m-%dT%H:%MZ}",
            "because": "the kiln is being rebuilt",
            "checks": ["kiln"],
        }
        issue = {"issue": "OPS-77", "because": "old fuel", "until": f"{now + timedelta(days=9):%Y-%m-%d}"}
        project.environment(
            "production",
            boiler={"url": production.url},
            kiln={"url": production.url},
            maintenance=[window],
            known_issues=[issue | {"link": TRACKER, "checks": ["boiler.purity"]}],
        )
        project.environment("staging", boiler={"url": staging.url}, kiln={"url": staging.url})
        both = ("checks", "--env", "production", "--env", "staging", "--history", "reports/history.db")
        answers = []
        for number, ail in enumerate((_well, _worse, _ill)):
            ail(production, staging)
            folder = f"reports/results-{number}"
            where = f"https://reports.example/{number}"
            run = project.run(*both, f"--alluredir={folder}", HEALTHGATE_REPORT_URL=where)
            assert (root / folder).is_dir(), run.text
            answers.append(report(root, folder))
            assert answers[-1].code == 0, answers[-1].err
        return World(root, answers)
    finally:
        production.close()
        staging.close()


def _well(production: Target, staging: Target) -> None:
    production.answers.update(copy.deepcopy(WELL))
    staging.answers.update(copy.deepcopy(WELL))


def _worse(production: Target, staging: Target) -> None:
    production.answers["/state"] = {"pressure": 85, "purity": 99.5}
    staging.answers["/state"] = lambda handler: handler.reply(500, {"error": "no fire"})


def _ill(production: Target, staging: Target) -> None:
    production.answers["/state"] = {"pressure": 95, "purity": 91}
    production.answers["/fuel"] = {"tank": {"level": 15}}
    production.answers["/heat"] = {"degrees": 600, "doors": {"left": "shut", "right": "shut"}}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; yields its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def written(folder: Path, *results: dict[str, Any], started: str = "2026-11-22T10:00:00Z", **more: Any) -> Path:
    """Write a results folder by hand; environments and how many results each should have are counted from `results`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [label["value"] for one in results for label in one["labels"] if label["name"] == "env"]
    environments = [
        {"name": name, "stage": name, "description": "", "expected": names.count(name)} for name in dict.fromkeys(names)
    ]
    run = {"schema": 1, "run": f"run of {started}", "started": started, "environments": environments, "link": None}
    (folder / "healthgate-run.json").write_text(json.dumps(run | more))
    for one in results:
        (folder / f"{one['uuid']}-result.json").write_text(json.dumps(one))
    return folder


def result(check: str, state: str = "ok", env: str = "production", message: str = "", **more: Any) -> dict[str, Any]:
    """Return the result of one check as a run writes it."""
    status = {"ok": "passed", "unknown": "broken", "blocked": "skipped"}.get(state, "failed")
    labels = {"epic": "boiler", "feature": "heat", "env": env, "stage": env, "state": state, "check_id": check}
    return {
        "uuid": str(uuid5(NAMESPACE_URL, ascii(f"{check}|{env}"))),
        "testCaseId": str(uuid5(NAMESPACE_URL, check)),
        "name": check,
        "fullName": check,
        "status": status,
        "statusDetails": {"message": message or f"[{state}] {check} in {env}: 7", "trace": ""},
        "parameters": [{"name": "environment", "value": env}],
        "labels": [{"name": name, "value": value} for name, value in labels.items()],
        "links": [],
        "start": 1795341600000,
        "stop": 1795341600001,
    } | more
