"""A repository whose one run shows every state, every kind of value and the worst texts, and the outputs of runs."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from healthgate import Limit, below, percent
from healthgate.claim.state import Floor, State
from healthgate.judge.verdict import Verdict
from healthgate.tell.account import Account
from healthgate.tell.results import RunFacts
from healthgate.week import DAYS
from tests.parts.project import Outcome, Project

HOSTILE = (
    "a|b\n::error::no ##[error]neither <script>alert(1)</script> `x` **b** [l](http://evil.example) "
    '\\| %0A::warning::y\r\n\x1b[31m www.evil.example {"q"} $x$ :tada: ~~s~~ "quoted" ünïcode \ud800'
)

MORE = '''\
"""Checks for what the first few do not show."""

from checks.boiler import FUEL
from healthgate import Limit, Tier, Unit, at_least, check, equals, none, percent

TOLD = dict(cause="c", action="a", runbook="boiler")
VALVES = Unit("valves")


@check("boiler.gauge", FUEL["gauge"], stays=equals(True), name="the gauge", **TOLD)
def test_gauge(verdict):
    """Missing."""
    assert verdict.healthy, verdict


@check("boiler.after", FUEL["after"], stays=equals(7), requires=["boiler.gauge"], name="after the gauge", **TOLD)
def test_after(verdict):
    """Blocked."""
    assert verdict.healthy, verdict


@check(
    "boiler.steam", FUEL["steam"], name="steam",
    stays=Limit(Tier("<", 50), percent, warning=Tier(">", 60, sustained=300)), **TOLD,
)
def test_steam(verdict):
    """Above its line, for how long is not known."""
    assert verdict.healthy, verdict


@check("boiler.valves[a-b.c]", FUEL["valves"], stays=none(VALVES, warning=5), name="open valves", **TOLD)
def test_valves(verdict):
    """None, as a whole number."""
    assert verdict.healthy, verdict


@check(
    "boiler.draught", FUEL["draught"], name="draught",
    stays=Limit(Tier("between", (-1.5, 2.5)), critical=Tier("outside", (-3, 4))), **TOLD,
)
def test_draught(verdict):
    """Between two numbers."""
    assert verdict.healthy, verdict


@check("boiler.tiny", FUEL["tiny"], stays=at_least(0.00000001), name="a tiny number", **TOLD)
def test_tiny(verdict):
    """Which Python writes with an exponent."""
    assert verdict.healthy, verdict
'''

ANSWERS: dict[str, Any] = {
    "/state": {"pressure": 85, "purity": 95},
    "/fuel": {"tank": {"level": 70}, "steam": 70, "valves": 0, "after": 7, "draught": 0.25, "tiny": 1.5e-07},
    "/private": {"number": 12345678901234567890},
    "/heat": {"degrees": 600, "doors": {"left": "shut", "right": HOSTILE}},
}

STATES = {
    "boiler.reachable": "ok",
    "boiler.pressure": "warning",
    "boiler.purity": "missed",
    "boiler.fuel": "ok",
    "boiler.private": "missed",
    "boiler.gauge": "unknown",
    "boiler.after": "blocked",
    "boiler.steam": "pending",
    "boiler.valves[a-b.c]": "ok",
    "boiler.draught": "ok",
    "boiler.tiny": "ok",
    "kiln.heat": "critical",
    "kiln.door[left]": "ok",
    "kiln.door[right]": "critical",
}

TOKEN = "planted-T0ken-0123456789abcdef"

GITHUB = {
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "heat/works",
    "GITHUB_SHA": "0123abcd",
}


@dataclass(frozen=True)
class Told:
    """One run of everything, and what it wrote."""

    outcome: Outcome
    metrics: str
    junit: Path
    summary: str
    root: Path

    @cached_property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The checks of results.json by id: what every output must agree with."""
        return {check["id"]: check for check in self.outcome.results["checks"]}

    @property
    def annotations(self) -> str:
        """Everything the run printed."""
        return self.outcome.out


def everything(project: Project) -> None:
    """Add all checks there are."""
    project.add_kiln()
    project.write("checks/boiler/test_more.py", MORE)


def profile(project: Project, url: str, name: str = "works", **more: Any) -> Path:
    """Write a profile of both systems, with an override and a check in maintenance."""
    override = {"boiler.fuel": {"objective": 60, "because": "a small | tank"}}
    boiler = {"url": url, "token": "${TOKEN}"}
    always = {"days": [*DAYS], "from": "00:00", "until": "00:00", "because": "it rests", "checks": ["boiler.tiny"]}
    settings = {"boiler": boiler, "kiln": {"url": url}, "thresholds": override, "maintenance": [always]}
    return project.environment(name, **settings | more)


def told(project: Project, *arguments: str) -> Told:
    """Run everything with every output that goes together."""
    outcome = project.check(
        *("--metrics", "out/health.prom", "--github", "--junitxml=out/junit.xml", *arguments),
        TOKEN=TOKEN,
        GITHUB_STEP_SUMMARY=str(project.root / "summary.md"),
        GITHUB_WORKSPACE=str(project.root.parent),
        **GITHUB,
    )
    out = project.root / "out"
    summary = (project.root / "summary.md").read_text()
    return Told(outcome, (out / "health.prom").read_text(), out / "junit.xml", summary, project.root)


def verdict(**more: Any) -> Verdict:
    """Return a verdict that is well unless `more` says otherwise."""
    known: dict[str, Any] = dict.fromkeys(
        ("name", "limit", "reason", "cause", "action", "runbook", "change", "where"), "x"
    )
    known |= {"id": "a.b", "environment": "e", "system": "a", "state": State.OK, "severity": "critical", "value": 1}
    return Verdict(**known | {"unit": "%", "floor": Floor.OBJECTIVE} | more)


FIVE = below(5, percent)


def account(verdicts: list[Verdict], limit: Limit = FIVE, **more: Any) -> Account:
    """Return the account of a run that came to `verdicts`."""
    environments = list(dict.fromkeys(v.environment for v in verdicts))
    facts = RunFacts("0" * 8, 1.0, 2.0, environments, "objective", 0, len(verdicts), len(verdicts), 0, {}, "0")
    known: dict[str, Any] = {
        "facts": facts,
        "verdicts": verdicts,
        "limit_of": lambda _: limit,
        "floors": dict.fromkeys(environments, Floor.OBJECTIVE),
        "selection": "all",
        "selected": dict.fromkeys(environments, len(verdicts)),
        "seen": 3.0,
        "left_out": [],
        "lost": [],
        "undelivered": [],
        "cost": "",
        "root": "/",
    }
    return Account(**known | more)
