"""Places made of small servers, and the profiles that `healthgate fit` proposes for them."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from healthgate.claim.catalogue import Catalogue, load
from healthgate.claim.state import Floor, State
from healthgate.environment import reader
from healthgate.fit import command
from healthgate.judge.verdict import Verdict
from healthgate.observe.plan import left_out
from healthgate.run.run import Run
from tests.field import worlds
from tests.field.worlds import AS_PRINTED, TOKENS, Rule, World

ROOT = Path(__file__).parents[2]
CATALOGUE: Catalogue = load(ROOT / "checks", ROOT)
SYSTEMS: dict[str, tuple[Callable[[World], None], dict[str, Any]]] = {
    "gateway": (worlds.gateway, {f"{role}_token": f"${{WORLD_{role.upper()}}}" for role in TOKENS}),
    "market": (worlds.market, {"symbols": ["EURUSD", "USDJPY"]}),
    "wsmanager": (worlds.wsmanager, {}),
    "sse": (worlds.sse, {}),
}
BLOCK = re.compile(r"(?m)^In \S+, under (\w+), in the place of these keys:\n\n((?:  .*\n)+)")
"""What `fit` proposes for one system."""

WARNING, CRITICAL = State.WARNING, State.CRITICAL

IMPATIENT = 0.2
"""Seconds a run may observe for here; what these worlds count is not judged by how fast it grows."""

READ_TOGETHER = dict.fromkeys(("gateway", "market"), frozenset({"gateway", "market"}))
"""Systems whose checks read each other's answers."""

QUIET = {State.OK, State.MISSED, State.PENDING}


class Place:
    """The four worlds, and a profile of them that has nothing but addresses until `fit` has proposed the rest."""

    def __init__(self, path: Path, stack: ExitStack, rule: Rule = AS_PRINTED) -> None:
        self.path = path
        self.worlds = {name: stack.enter_context(worlds.world()) for name in SYSTEMS}
        self.profile: dict[str, Any] = {"description": "what the documents print"}
        for name, (serve, settings) in SYSTEMS.items():
            serve(self.worlds[name])
            self.worlds[name].differ(rule)
            self.profile[name] = {"url": self.worlds[name].url, **settings, **rule.profile(self.worlds[name])}
        self.usual: tuple[str, ...] | None = None
        self.write()

    def write(self) -> None:
        """Write the profile as it stands."""
        self.path.write_text(yaml.safe_dump(self.profile, sort_keys=False))

    def fit(self, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
        """Run `healthgate fit` and take what it proposes; return its exit code and what it printed."""
        code = command.main(["--env", str(self.path)])
        seen = capsys.readouterr()
        printed = seen.out + seen.err
        for system, lines in BLOCK.findall(printed):
            self.profile[system].update(yaml.safe_load(lines))
        self.write()
        return code, printed

    def fitted(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Take what `fit` proposes, unless that was done."""
        if "absent" not in self.profile["sse"]:
            self.fit(capsys)
        if self.usual is None:
            self.usual = tuple(ill(self.verdicts()))

    def verdicts(self, system: str = "") -> dict[str, Verdict]:
        """Read the worlds once and judge what this place has: of one system and those read with it, or of all."""
        profile = reader.read(self.path, CATALOGUE, self.path.name)
        run = Run(ROOT, None, CATALOGUE, {profile.name: profile}, Floor.OBJECTIVE, IMPATIENT, "{name}")
        run.resolve()
        wanted = READ_TOGETHER.get(system, {system}) if system else {*SYSTEMS}
        checks = [
            check
            for check in CATALOGUE.checks.values()
            if check.system in wanted and left_out(check, profile.systems) is None
        ]
        run.observe({profile.name: checks}, lambda _ended, _total: None)
        judge = run.judge(profile.name)
        return {check.id: judge.verdict(check.id) for check in checks}


def ill(verdicts: dict[str, Verdict]) -> dict[str, str]:
    """Return what is neither ok nor still open, with its state and reason."""
    return {name: f"{v.state}: {v.reason}" for name, v in verdicts.items() if v.state not in QUIET}
