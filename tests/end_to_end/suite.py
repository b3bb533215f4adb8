"""The suite as a process of its own, against a lab that is already running."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.attempts import ATTEMPTS
from tests.lab_process import STARVED_S, Patience, RunningLab, Starvation, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE = "3s"
WITHIN_S = 30.0
HEALTHY_WITHIN_S = 90.0
SAMPLE = ("--sample", "700ms")
LOOKS_EVERY_S = 0.2
"""Seconds between two looks at how long a run waits for a processor."""


@dataclass
class Outcome:
    """What one run came to; `waited_s` is the longest that one of its threads waited for a processor."""

    code: int
    output: str
    results: dict[str, Any]
    waited_s: float = 0.0

    @property
    def states(self) -> dict[str, str]:
        """State by check id."""
        return {check["id"]: check["state"] for check in self.results.get("checks", [])}

    @property
    def not_ok(self) -> dict[str, str]:
        """State by check id, of those that are neither ok nor blocked, nor what a first run cannot know yet."""
        well = {"ok", "blocked"}
        return {check: state for check, state in self.states.items() if state not in well and check not in self.early}

    @property
    def early(self) -> set[str]:
        """The checks that cannot be known yet, such as a share of what a first run has seen too little of."""
        checks = self.results.get("checks", [])
        return {one["id"] for one in checks if (one["state"], one["value"]) == ("pending", None)}

    @property
    def blocked_by(self) -> dict[str, set[str]]:
        """Blocked checks by their root."""
        found: dict[str, set[str]] = {}
        for check in self.results.get("checks", []):
            if check["state"] == "blocked":
                found.setdefault(check["blocked_by"], set()).add(check["id"])
        return found

    def reason(self, check_id: str) -> str:
        """The reason of one verdict."""
        return next(str(check["reason"]) for check in self.results["checks"] if check["id"] == check_id)


class Suite:
    """Runs the checks; the profile is the lab's own without its `launch`, with a short deadline."""

    def __init__(self, folder: Path, lab: RunningLab) -> None:
        self.folder = folder
        self.lab = lab
        self.results = folder / "results.json"
        self.command = [sys.executable, "-m", "healthgate", "run"]
        self.variables = dict(lab.variables)
        profile = (ROOT / "environments" / "lab.yaml").read_text()
        profile = re.sub(r"(?m)^launch:.*\n", "", profile)
        profile = re.sub(r"(?m)^(\s+)deadline:.*$", rf"\1deadline: {DEADLINE}", profile)
        self.time_scale = float(re.findall(r"(?m)^time_scale: (\S+)$", profile)[0])
        self.profile = folder / "lab.yaml"
        self.profile.write_text(profile)

    def words(self, *options: str) -> list[str | Path]:
        """Return the command line of a run."""
        return [*self.command, "-p", "no:cacheprovider", "--env", self.profile, "--results", self.results, *options]

    def surroundings(self, **variables: str) -> dict[str, Any]:
        """Return where a run works, and its variables, as `subprocess` takes them."""
        return {"cwd": ROOT, "env": {**os.environ, **self.variables, **variables}}

    def run(self, *options: str, **variables: str) -> Outcome:
        """Run and return what it came to.

        What is found wrong while the lab or the run was starved says nothing about the lab: the run is made again.
        """
        for _ in range(ATTEMPTS["a run of the suite"]):
            starvation = Starvation(self.lab)
            outcome = self.once(*options, **variables)
            if not outcome.not_ok or not (starvation.lately() or outcome.waited_s > STARVED_S):
                break
            wait_until(self.lab.is_healthy, HEALTHY_WITHIN_S, "the lab is healthy")
            self.lab.reset_requests()  # nobody is left whom a starved service has not yet answered
        return outcome

    def once(self, *options: str, **variables: str) -> Outcome:
        """Run once and return what it came to."""
        self.results.unlink(missing_ok=True)
        waited: dict[str, float] = {}
        with subprocess.Popen(
            self.words(*SAMPLE, *options),
            **self.surroundings(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            while True:
                try:
                    out, err = process.communicate(timeout=LOOKS_EVERY_S)
                    break
                except subprocess.TimeoutExpired:
                    waited |= _waits(process.pid)
        found = json.loads(self.results.read_text()) if self.results.exists() else {}
        return Outcome(process.returncode, out + err, found, max(waited.values(), default=0.0))

    def until(self, condition: Callable[[Outcome], bool], *options: str) -> Outcome:
        """Run until `condition` holds, since a fault may take a moment to show; return the last run."""
        patience = Patience(self.lab, WITHIN_S)
        while True:
            outcome = self.once(*options)
            if condition(outcome) or patience.is_over():
                return outcome


def _waits(pid: int) -> dict[str, float]:
    """Return the seconds that each thread of a process has waited for a processor so far."""
    found = {}
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that ended meanwhile
            found[path.parent.name] = int(path.read_text().split()[1]) / 1e9
    return found
