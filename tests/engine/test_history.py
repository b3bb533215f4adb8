"""What runs before this one found: kept in one file that nothing wrong with it can turn into a lost verdict."""

import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from healthgate import history as histories
from healthgate.history import History, HistoryError
from healthgate.past import Past
from healthgate.state import Floor, State
from healthgate.verdict import Verdict
from tests.engine.project import Project
from tests.engine.target import Target

VERDICT = Verdict(
    id="boiler.pressure", environment="works", system="boiler", name="pressure", state=State.OK, severity="critical",
    value=50, unit="%", limit="below 80 %", reason="50 %", floor=Floor.OBJECTIVE, cause="c", action="a", runbook="r",
    change="checks/x.py:1", where="GET /state",
)  # fmt: skip
KEY = ("works", "boiler.pressure")
NOW = time.time()


def kept(path: Path) -> Past:
    history = History(path)
    try:
        return history.past(["works"])[KEY]
    finally:
        history.close()


def looked(path: Path, *states: State, first: float = NOW) -> None:
    history = History(path)
    for number, state in enumerate(states):
        history.record([replace(VERDICT, state=state, value=float(number))], first + number)
    history.close()


def test_a_state_is_kept_since_it_was_first_seen_without_another_in_between(tmp_path: Path) -> None:
    looked(tmp_path / "h.db", State.OK, State.CRITICAL, State.CRITICAL, State.OK, State.CRITICAL, State.CRITICAL)
    past = kept(tmp_path / "h.db")
    assert (past.state, past.since) == (State.CRITICAL, NOW + 4)
    assert [look.value for look in past.looks] == [0, 1, 2, 3, 4, 5]
    assert past.since_when(State.CRITICAL, NOW + 9) == NOW + 4
    assert past.since_when(State.OK, NOW + 9) == NOW + 9


def test_a_run_that_ends_after_a_later_one_changes_nothing_that_is_newer(tmp_path: Path) -> None:
    looked(tmp_path / "h.db", State.CRITICAL, first=NOW)
    looked(tmp_path / "h.db", State.OK, first=NOW - 60)
    past = kept(tmp_path / "h.db")
    assert (past.state, past.since) == (State.CRITICAL, NOW)
    assert [look.state for look in past.looks] == [State.OK, State.CRITICAL]


def test_one_environment_knows_nothing_of_another(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    history.record([VERDICT, replace(VERDICT, environment="staging", state=State.CRITICAL)], NOW)
    assert set(history.past(["works"])) == {KEY}
    assert history.past(["works", "staging"])["staging", "boiler.pressure"].state is State.CRITICAL


def test_values_are_kept_as_numbers_and_nothing_of_a_server_is(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    told = [replace(VERDICT, value=value) for value in ("a secret text", True, 3, None)]
    for number, verdict in enumerate(told):
        history.record([replace(verdict, reason="a secret text")], NOW + number)
    assert [look.value for look in history.past(["works"])[KEY].looks] == [None, 1.0, 3.0, None]
    history.close()
    assert b"secret" not in (tmp_path / "h.db").read_bytes()


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "KEPT", 40)
    monkeypatch.setattr(histories, "SPARE", 10)
    history = History(tmp_path / "h.db")
    sizes = []
    for number in range(500):
        history.record([VERDICT], NOW + number)
        (rows,) = history.connection.execute("SELECT count(*) FROM look").fetchone()
        sizes.append(rows)
    assert max(sizes) == 50
    assert history.past(["works"], 100)[KEY].looks[-1].at == NOW + 499


def test_what_no_run_has_seen_for_long_is_forgotten(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    history.record([VERDICT], NOW - histories.FORGOTTEN - 60)
    history.record([replace(VERDICT, id="boiler.purity")], NOW)
    assert set(history.past(["works"])) == {("works", "boiler.purity")}
    assert history.connection.execute("SELECT count(*) FROM look").fetchone() == (1,)


WRITER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from healthgate.history import History
from tests.engine.test_history import VERDICT
number = int(sys.argv[2])
for run in range(10):
    history = History(Path(sys.argv[1]))
    history.past(["works"])
    history.record([replace(VERDICT, id=f"boiler.x{n}") for n in range(20)], number * 100 + run + time.time())
    history.close()
"""


def test_many_runs_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "h.db")]
    running = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE) for n in range(20)]
    assert [process.communicate(timeout=120)[1] for process in running] == [b""] * 20
    history = History(tmp_path / "h.db")
    assert not history.notes
    assert history.connection.execute("SELECT count(*), sum(looks) FROM series").fetchone() == (20, 4000)
    assert history.connection.execute("SELECT count(*) FROM look").fetchone() == (4000,)


def test_reading_two_hundred_checks_takes_little(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    several = [replace(VERDICT, id=f"boiler.x{n}") for n in range(200)]
    for number in range(40):
        history.record(several, NOW + number)
    took = []
    for _ in range(5):
        began = time.process_time()
        assert len(history.past(["works"])) == 200
        took.append(time.process_time() - began)
    assert min(took) < 0.05


@pytest.mark.parametrize("what", ["text", "cut off", "of a column less", "zeroes"])
def test_a_corrupt_file_is_set_aside_with_a_line_and_costs_no_verdict(
    project: Project, target: Target, what: str
) -> None:
    path = project.root / "h.db"
    looked(path, *[State.OK] * 200)
    data = path.read_bytes()
    if what == "of a column less":
        path.unlink()
        with sqlite3.connect(path) as made:
            made.executescript("CREATE TABLE series (number); PRAGMA user_version = 1")
    else:
        path.write_bytes({"text": b"no database " * 500, "cut off": data[:5000], "zeroes": bytes(9000)}[what])
    run = project.check("--history", "h.db")
    assert run.code == 0, run.text
    assert "Traceback" not in run.text
    assert [line for line in run.out.splitlines() if line.startswith("history: ")]
    assert len(list(project.root.glob("h.db.corrupt-*"))) == 1
    again = project.check("--history", "h.db")
    assert again.code == 0
    assert not [line for line in again.out.splitlines() if line.startswith("history: ")]
    assert len(kept(path).looks) == 2


@pytest.mark.parametrize("page", [2, 3, 4, 5])
def test_damage_in_the_middle_is_noticed_when_it_is_read_or_written(tmp_path: Path, page: int) -> None:
    path = tmp_path / "h.db"
    history = History(path)
    for number in range(30):
        history.record([replace(VERDICT, id=f"boiler.x{n}") for n in range(40)], NOW + number)
    history.close()
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    history = History(path)
    history.past(["works"])
    for number in range(60):
        history.record([replace(VERDICT, id=f"boiler.x{n}") for n in range(40)], NOW + 100 + number)
    assert len(history.notes) <= 1
    assert history.past(["works"])["works", "boiler.x0"].looks[-1].at == NOW + 159
    assert not history.notes or list(tmp_path.glob("h.db.corrupt-*"))


def test_the_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE precious (thing)")
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(HistoryError, match="is a database of something else; name another file"):
        History(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_the_history_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "h.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(HistoryError, match="has schema 99; this version of healthgate reads 1"):
        History(tmp_path / "h.db")


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "with workers"])
def test_since_is_when_the_state_was_first_seen(project: Project, target: Target, workers: list[str]) -> None:
    found = []
    for pressure in (50, 95, 95):
        target.answers["/state"] = {"pressure": pressure, "purity": 99}
        run = project.check("--history", "h.db", *workers)
        found.append(run.results["checks"])
    since = [{c["id"]: c["since"] for c in checks} for checks in found]
    seen = {c["id"]: c["observed_at"] for c in found[1]}
    assert since[1]["boiler.purity"] == since[2]["boiler.purity"] == since[0]["boiler.purity"]
    assert since[1]["boiler.pressure"] == since[2]["boiler.pressure"] == seen["boiler.pressure"]
    assert f"since    {seen['boiler.pressure'][:10]} {seen['boiler.pressure'][11:16]} UTC" in run.text
    assert len(kept(project.root / "h.db").looks) == 3


def test_without_a_history_there_is_no_since(project: Project) -> None:
    assert {c["since"] for c in project.check().results["checks"]} == {None}


def test_a_history_that_cannot_be_kept_costs_one_line_and_no_verdict(project: Project, target: Target) -> None:
    project.write("a_file", "")
    well = project.check("--history", "a_file/h.db")
    assert well.code == 13
    assert "no history: " in well.text
    assert "the verdicts above stand" in well.text
    target.answers["/state"] = {"pressure": 95, "purity": 99}
    assert project.check("--history", "a_file/h.db").code == 1
    assert project.check("--history", ".").code == 1


def test_a_snapshot_that_is_judged_again_is_not_what_was_found_now(project: Project) -> None:
    project.check("--snapshot-out", "s.json")
    run = project.check("--snapshot-in", "s.json", "--history", "h.db")
    assert run.code == 4
    assert "leave one out" in run.text
    assert not (project.root / "h.db").exists()


def test_collecting_touches_no_history(project: Project) -> None:
    project.check("--history", "h.db", "--collect-only")
    assert not (project.root / "h.db").exists()
