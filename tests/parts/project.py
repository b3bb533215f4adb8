"""A small repository that uses healthgate, made for one test: its checks, its environments, its runs."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.parts import warm

PATIENCE = 90
"""Seconds a run may take on a loaded machine before a test gives it up."""

INI = """\
[pytest]
addopts = --import-mode=importlib
"""

BOILER = '''\
"""A boiler, and how its answers are read."""

from healthgate import Duration, NoData, Secret, System, Url, bearer, get, measure


class Boiler(System):
    """What a profile says of the boiler."""

    name = "boiler"
    url: Url
    token: Secret | None = None
    deadline: Duration = Duration(2)
    body_limit: int = 100_000


STATE = get(Boiler, "/state", proven_by="boiler.reachable")
FUEL = get(Boiler, "/fuel", proven_by="boiler.reachable")
PRIVATE = get(Boiler, "/private", credential=bearer("token"))


@measure(STATE.outcome)
def answers(answer):
    """Whether the state can be read; NoData where it cannot."""
    answer.body()
    return True
'''

BOILER_CHECKS = '''\
"""Is the boiler well?"""

from checks.boiler import FUEL, PRIVATE, STATE, answers
from healthgate import above, below, check, equals, percent

TOLD = dict(cause="the stoker sleeps", action="wake the stoker", runbook="boiler")


@check("boiler.reachable", answers, stays=equals(True), name="the boiler answers", **TOLD)
def test_reachable(verdict):
    """The boiler answers."""
    assert verdict.healthy, verdict


@check(
    "boiler.pressure", STATE["pressure"],
    stays=below(80, percent, warning=80, critical=90), name="pressure", every="30s", **TOLD,
)
@check("boiler.purity", STATE["purity"], stays=above(95, percent), name="purity", **TOLD)
def test_state(verdict):
    """The boiler is neither bursting nor foul."""
    assert verdict.healthy, verdict


@check("boiler.fuel", FUEL.at("tank.level"), stays=above(20, percent, warning=20), name="fuel", **TOLD)
def test_fuel(verdict):
    """There is fuel."""
    assert verdict.healthy, verdict


@check("boiler.private", PRIVATE["number"], stays=below(10), name="a private figure", **TOLD)
def test_private(verdict):
    """What only the stoker may see."""
    assert verdict.healthy, verdict
'''

KILN = '''\
"""A kiln that is fired by the boiler."""

from healthgate import System, Url, get


class Kiln(System):
    """What a profile says of the kiln."""

    name = "kiln"
    url: Url


HEAT = get(Kiln, "/heat", proven_by="boiler.reachable")
'''

KILN_CHECKS = '''\
"""Is the kiln hot?"""

from checks.kiln import HEAT
from healthgate import above, check, each, equals

TOLD = dict(cause="the boiler is cold", action="see to the boiler", runbook="kiln", requires=["boiler.reachable"])


@check("kiln.heat", HEAT["degrees"], stays=above(900, warning=900, critical=700), name="heat", **TOLD)
def test_heat(verdict):
    """It is hot."""
    assert verdict.healthy, verdict


@each(
    check(f"kiln.door[{side}]", HEAT.at(f"doors.{side}"), stays=equals("shut"), name=f"the {side} door", **TOLD)
    for side in ("left", "right")
)
def test_doors(verdict):
    """Both doors are shut."""
    assert verdict.healthy, verdict
'''

WELL = {
    "/state": {"pressure": 50, "purity": 99.5},
    "/fuel": {"tank": {"level": 70}},
    "/private": {"number": 7},
    "/heat": {"degrees": 950, "doors": {"left": "shut", "right": "shut"}},
}
"""The answers of a healthy target, by path."""


@dataclass(frozen=True)
class Outcome:
    """What a run left behind."""

    code: int
    out: str
    err: str
    results_file: Path

    @property
    def text(self) -> str:
        """Everything the run printed."""
        return self.out + self.err

    @cached_property
    def results(self) -> dict[str, Any]:
        """The parsed results.json."""
        found: dict[str, Any] = json.loads(self.results_file.read_text())
        return found

    @property
    def states(self) -> dict[str, str]:
        """The state of every check, by id (with `environment:` before it where there are several)."""
        several = len(self.results["run"]["environments"]) > 1
        return {(f"{c['environment']}:" if several else "") + c["id"]: c["state"] for c in self.results["checks"]}


class Project:
    """The repository in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("pytest.ini", INI)
        self.write("checks/__init__.py", '"""All checks."""\n')
        self.write("checks/boiler/__init__.py", BOILER)
        self.write("checks/boiler/test_boiler.py", BOILER_CHECKS)

    def write(self, path: str, text: str) -> Path:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return file

    def add_kiln(self) -> None:
        """Add the second system, whose checks rest on one of the first."""
        self.write("checks/kiln/__init__.py", KILN)
        self.write("checks/kiln/test_kiln.py", KILN_CHECKS)

    def environment(self, name: str = "works", **systems: object) -> Path:
        """Write a profile; each keyword is a top-level key, its value YAML or JSON data."""
        lines = [f"{key}: {json.dumps(value)}" for key, value in systems.items()]
        return self.write(f"environments/{name}.yaml", "\n".join(lines) + "\n")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a run."""
        return [sys.executable, "-m", "pytest", *self.words(*arguments)]

    def words(self, *arguments: str) -> list[str]:
        """Return the arguments of a run with the plugins that it needs: each costs start-up time."""
        wanted = {"healthgate.plugin": True, "xdist.plugin": "-n" in arguments, "allure_pytest.plugin": False}
        wanted["allure_pytest.plugin"] = any(word.startswith("--alluredir") for word in arguments)
        plugins = [word for name, needed in wanted.items() if needed for word in ("-p", name)]
        return [*plugins, *arguments]

    def variables(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a run: this process's without what an outer pytest set in it."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CI", "HEALTHGATE"))}
        fixed = {"COLUMNS": "240", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return {**kept, **fixed, **extra}

    def run(self, *arguments: str, within: str = "", **variables: str) -> Outcome:
        """Run pytest in the project (`within` a folder of it) and wait for its end."""
        results = self.root / within / "reports/results.json"
        results.unlink(missing_ok=True)
        done = warm.run(self.words(*arguments), self.root / within, self.variables(variables), PATIENCE)
        return Outcome(done.code, done.out.decode(), done.err.decode(), results)

    def check(self, *arguments: str, env: str = "works", **variables: str) -> Outcome:
        """Run the checks against one environment."""
        return self.run("checks", "--env", env, *arguments, **variables)

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start pytest in the project and return while it runs; its output goes to `out.txt`."""
        with (self.root / "out.txt").open("w") as out:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=self.root,
                env=self.variables(variables),
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )

    def fork(self, *arguments: str, **variables: str) -> warm.Forked:
        """Do as `start`, without the time it takes to import pytest."""
        with (self.root / "out.txt").open("w") as out:
            return warm.start(self.words(*arguments), self.root, self.variables(variables), out.fileno(), out.fileno())

    def ended(self, process: "subprocess.Popen[str] | warm.Forked") -> Outcome:
        """Wait for a started run."""
        try:
            code = process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return Outcome(code, (self.root / "out.txt").read_text(), "", self.root / "reports/results.json")
