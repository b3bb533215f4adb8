"""`healthgate baseline`, as people and machines use it."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from healthgate.claim.state import State
from tests.memory.weeks import DAY, END, daily, growing, weeks
from tests.parts.project import Project
from tests.parts.target import Target

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What the command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document it printed."""
        return json.loads(self.out)


def baseline(project: Project, *arguments: str, env: str = "works", history: str = "h.db") -> Said:
    words = [sys.executable, "-m", "healthgate", "baseline", "--env", env, "--history", history, *arguments]
    done = subprocess.run(
        words, cwd=project.root, env=project.variables({}), capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def judged(value: float | None) -> State:
    """Return what a pressure is."""
    return State.UNKNOWN if value is None else State.WARNING if value > 80 else State.OK


@pytest.fixture(scope="session")
def two_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of a pressure that is close to its line, of a purity that falls, and of fuel that stays the same."""
    path = tmp_path_factory.mktemp("weeks") / "h.db"
    readings = {
        "boiler.pressure": daily(1, level=74, cycle=5),
        "boiler.purity": lambda day: 110 - day + 0.2 * (daily(2, 0, 1, 0.1)(day) or 0),
        "boiler.fuel": lambda day: None if 6 <= day < 6.3 else 70.0,
    }
    weeks(path, readings, every=900, judged=judged)
    return path


@pytest.fixture
def known(project: Project, two_weeks: Path) -> Project:
    """A project whose runs have kept those."""
    (project.root / "h.db").write_bytes(two_weeks.read_bytes())
    return project


def test_the_table_fits_a_terminal_and_says_what_is_usual(known: Project) -> None:
    said = baseline(known)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == "baseline of works: 14 d to 2026-03-16 06:00 UTC"
    assert lines[1] == "1345 looks, 15 m apart, 14 whole days; no gaps"
    assert max(map(len, lines)) <= 80
    place = lines.index(next(line for line in lines if line.startswith("  pressure (%)")))
    assert [round(float(word)) for word in lines[place].split()[2:7]] == [69, 74, 80, 80, 82]
    assert lines[place + 1 : place + 4] == [
        "    warning above 80 %: 24 times, 7 h in all, only 04:00–08:00 UTC",
        "    highest about 06:00 UTC (79.03), lowest about 16:00 (69.17)",
        "    proposed: objective 87, warning 87; that would have been crossed never",
    ]
    assert "    at this rate at most 95 % in 7 h" in lines
    assert "other checks: not seen: 2, always the same: 1; boiler.fuel was unknown once, 7 h" in said.out


def test_the_page_shows_what_the_command_says(known: Project) -> None:
    page = (ROOT / "docs/baseline.md").read_text()
    table = page.partition("```console\n")[2].partition("```")[0]
    assert table in baseline(known).out
    lines = page.partition("```yaml\n")[2].partition("```")[0]
    assert lines in baseline(known, "--propose").out


def test_machines_get_all_of_it(known: Project) -> None:
    said = baseline(known, "--json")
    assert said.code == 0
    told = said.json
    assert (told["schema"], told["environment"], told["days"], told["enough"]) == (1, "works", 14, True)
    checks = {one["id"]: one for one in told["checks"]}
    assert set(checks) == {"boiler.reachable", "boiler.pressure", "boiler.purity", "boiler.fuel", "boiler.private"}
    pressure = checks["boiler.pressure"]
    assert pressure["usual"]["p5"] < pressure["usual"]["p50"] < pressure["usual"]["p95"] < pressure["usual"]["p99"]
    assert pressure["usual"]["highest"]["at"].endswith("Z")
    warning = next(line for line in pressure["lines"] if line["name"] == "warning")
    assert warning["times"] == len(warning["episodes"]) > 10
    assert pressure["judged"]["warning"]["times"] == warning["times"], "as it was judged then, by the same line"
    assert pressure["proposal"]["values"] == {"objective": 87, "warning": 87}
    assert checks["boiler.fuel"]["no_proposal"] == "it was unknown or blocked for too long in that time"
    assert checks["boiler.private"]["looks"] == 0


def test_what_is_proposed_can_be_taken_over_and_nothing_was_written(known: Project, target: Target) -> None:
    profile = known.root / "environments/works.yaml"
    before, history = profile.read_bytes(), (known.root / "h.db").read_bytes()
    said = baseline(known, "--propose")
    assert said.code == 0
    assert (profile.read_bytes(), (known.root / "h.db").read_bytes()) == (before, history)
    [(check, entry)] = yaml.safe_load(said.out)["thresholds"].items()
    assert (check, entry["warning"]) == ("boiler.pressure", 87)
    assert entry["because"].startswith("in 14 days to 2026-03-16 usually ")
    profile.write_bytes(before + said.out.encode())
    target.answers["/state"] = {"pressure": 86, "purity": 99}
    run = known.check()
    assert run.code == 0, run.text
    assert "override: works boiler.pressure: here objective 87, warning 87, because in 14 days" in run.out
    again = baseline(known, "--propose")
    assert "thresholds:" not in again.out, "its lines fit now"
    assert "# not proposed, 1 of them: its lines fit" in again.out


def test_a_threshold_that_stands_there_is_named(known: Project) -> None:
    url = yaml.safe_load((known.root / "environments/works.yaml").read_text())
    known.environment(**url, thresholds={"boiler.pressure": {"warning": 79, "objective": 78, "because": "it is old"}})
    said = baseline(known, "--propose")
    assert "  # instead of environments/works.yaml:" in said.out
    assert "here warning 79, objective 78, because it is old" in said.out


def test_too_little_is_said_with_what_there_is_and_what_is_needed(project: Project) -> None:
    weeks(project.root / "h.db", {"boiler.pressure": daily(1, 74, 5)}, days=3.25, every=900, judged=judged)
    said = baseline(project)
    assert said.code == 11
    words = " ".join(said.out.split())
    assert "3 whole days: too little to say what is usual, which takes 7, better 14" in words
    assert "pressure (%)" in said.out
    assert "proposed" not in said.out
    proposed = baseline(project, "--propose")
    assert proposed.code == 11
    assert "# not proposed, 1 of them: too little: 3 whole days of 7" in proposed.out
    assert yaml.safe_load(proposed.out) is None


def test_one_look_is_not_apart_from_any(project: Project) -> None:
    project.check("--history", "h.db")
    said = baseline(project)
    assert (said.code, said.out.splitlines()[1][:22]) == (11, "1 look, 0 whole days: ")


def test_what_runs_kept_is_what_it_says(project: Project, target: Target) -> None:
    for pressure in (50, 95, 95):
        target.answers["/state"] = {"pressure": pressure, "purity": 99}
        project.check("--history", "h.db")
    said = baseline(project, "--json")
    pressure = next(one for one in said.json["checks"] if one["id"] == "boiler.pressure")
    assert (said.code, pressure["looks"], pressure["days"]) == (11, 3, 0)
    assert {state: one["times"] for state, one in pressure["judged"].items()} == {"ok": 1, "critical": 1}
    assert (pressure["usual"]["lowest"]["value"], pressure["usual"]["highest"]["value"]) == (50, 95)


def test_growth_is_said(project: Project) -> None:
    weeks(project.root / "h.db", {"boiler.pressure": growing(1, 2, 32)}, every=900)
    said = baseline(project)
    [line] = [line for line in said.out.splitlines() if "at this rate" in line]
    assert line.strip() in {"at this rate above 80 % in 7 d", "at this rate above 80 % in 6 d"}
    outlook = next(one for one in baseline(project, "--json").json["checks"] if one["id"] == "boiler.pressure")
    assert abs(outlook["outlook"]["days"] - 7) < 0.7
    assert outlook["growth"]["high_a_day"] == pytest.approx(2, rel=0.05)


def test_maintenance_hours_and_time_zones_are_those_of_the_profile_and_of_the_reader(known: Project) -> None:
    """A quarter of a day later where the clocks are six hours ahead; looks in a weekly window are left out."""
    url = yaml.safe_load((known.root / "environments/works.yaml").read_text())
    known.environment(**url, maintenance=[{"days": ["sun"], "from": "00:00", "until": "00:00", "because": "rest"}])
    pressure = next(o for o in baseline(known, "--json").json["checks"] if o["id"] == "boiler.pressure")
    assert (pressure["looks"], len(pressure["gaps"])) == (1345 - 2 * 96, 2)
    there = baseline(known, "--zone", "Asia/Dhaka")
    assert "highest about 11:00 Asia/Dhaka" in there.out or "highest about 12:00 Asia/Dhaka" in there.out


def test_less_may_be_looked_at(known: Project) -> None:
    said = baseline(known, "--since", "8d", "--json").json
    assert (said["since"], said["days"]) == ("2026-03-08T06:00:00Z", 8)


def test_it_needs_no_secret_and_no_network(known: Project) -> None:
    known.environment(boiler={"url": "http://127.0.0.1:1", "token": "${BOILER_TOKEN}"})
    assert baseline(known).code == 0


def test_it_reads_while_a_run_writes_and_of_a_folder_that_takes_nothing(known: Project) -> None:
    with sqlite3.connect(known.root / "h.db", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE series SET looks = 1")
        assert baseline(known).code == 0
        writer.execute("ROLLBACK")


def test_whoever_has_read_enough_gets_no_traceback(known: Project) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "healthgate", "baseline", "--env", "works", "--history", "h.db", "--json"],
        cwd=known.root, env=known.variables({}), stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "env", "history", "words"),
    [
        ((), "work", "h.db", "--env work: there is no such environment; did you mean works?"),
        ((), "works", "g.db", "g.db: there is no such file; runs with --history g.db make one"),
        ((), "works", "pytest.ini", "pytest.ini cannot be read as a history: file is not a database"),
        (("--since", "soon"), "works", "h.db", "--since: 'soon' is not a duration; write a number and its unit"),
        (("--since", "0d"), "works", "h.db", "--since 0d: expected more than nothing"),
        (("--zone", "Mars"), "works", "h.db", "--zone Mars: expected a time zone such as Europe/Berlin"),
        (("--json", "--propose"), "works", "h.db", "--propose: not allowed with argument --json"),
        ((), "other", "h.db", "h.db holds no looks at other"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    known: Project, arguments: tuple[str, ...], env: str, history: str, words: str
) -> None:
    known.environment("other", **yaml.safe_load((known.root / "environments/works.yaml").read_text()))
    said = baseline(known, *arguments, env=env, history=history)
    assert (said.code, said.out) == (4, "")
    [line] = [line for line in said.err.splitlines() if line.startswith("ERROR: ")]
    assert words in line


def test_a_profile_or_checks_that_are_wrong_are_said_as_ever(known: Project) -> None:
    known.environment(boiler={"ulr": "http://x"})
    said = baseline(known)
    assert said.code == 4
    assert "environments/works.yaml:1:10: boiler.ulr is not a setting; did you mean url?" in said.err
    known.write("checks/boiler/test_broken.py", "import nothing_is_called_so\n")
    said = baseline(known)
    assert (said.code, said.out) == (4, "")
    assert said.err.startswith("ERROR: checks/boiler/test_broken.py:1")
    assert "nothing_is_called_so" in said.err


def test_it_says_what_happened_until_the_last_look_and_not_until_now(known: Project) -> None:
    assert END % DAY == 6 * 3600
    assert baseline(known, "--json").json["until"] == "2026-03-16T06:00:00Z"
