"""What runs before this one found: kept in one file that nothing wrong with it can turn into a lost verdict."""

import multiprocessing
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from healthgate.claim.state import Floor, State
from healthgate.claim.tally import Tally
from healthgate.judge.past import Past
from healthgate.judge.verdict import Verdict
from healthgate.memory import history as histories
from healthgate.memory.history import History, HistoryError
from tests.parts.project import Project
from tests.parts.target import Target

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
    assert max(sizes) == 51
    assert min(sizes[51:]) == 42
    assert history.past(["works"], 100)[KEY].looks[-1].at == NOW + 499


RUNS = 60 * 86_400 // 30
"""Runs in sixty days of one every half a minute."""


@pytest.mark.whole
def test_the_file_stays_small_for_sixty_days_of_a_run_every_half_a_minute(tmp_path: Path) -> None:
    """Two checks and two counters: two hundred of each take a hundred times as much, and stay below the bound."""
    path = tmp_path / "h.db"
    checks = [replace(VERDICT, id=f"boiler.x{n}") for n in range(2)]
    first = NOW - RUNS * 30
    now = [first]
    history = History(path, clock=lambda: now[0])
    sizes, batch = [], 960  # a run that took as many samples: what is kept is the same, and the days pass faster
    for run in range(0, RUNS, batch):
        moments = [first + (run + n) * 30 for n in range(batch)]
        now[0] = moments[-1]
        taken = tuple((at, 50.0) for at in moments[:-1])
        tallies = {f"boiler GET /metrics · n{n}_total{{}}": [Tally(at, at) for at in moments] for n in range(2)}
        history.record([replace(check, samples=taken) for check in checks], moments[-1], {"works": tallies})
        sizes.append(path.stat().st_size)
        assert Path(f"{path}-wal").stat().st_size <= histories.LARGEST_JOURNAL
    assert max(sizes[len(sizes) // 2 :]) <= max(sizes[: len(sizes) // 2]) * 1.05, "it has stopped to grow"
    assert 100 * max(sizes) < histories.LARGEST
    assert len(history.past(["works"], 5000)["works", "boiler.x0"].looks) >= histories.KEPT
    history.close()


def test_no_number_of_checks_makes_the_file_larger_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has most looks loses the oldest of them; what has few keeps all."""
    monkeypatch.setattr(histories, "LARGEST", 600_000)
    monkeypatch.setattr(histories, "LARGEST_JOURNAL", 100_000)
    path = tmp_path / "h.db"
    history = History(path)
    sizes = []
    for run in range(400):
        at = NOW - (400 - run) * 30
        several = [replace(VERDICT, id=f"boiler.x{n}") for n in range(40)]
        tallies = {f"page · n{n}_total{{}}": [Tally(at, run, 5.0, 1, 0.01, at)] for n in range(40)}
        few = [replace(VERDICT, id="boiler.rare")] if run % 20 == 0 else []
        history.record([*several, *few], at, {"works": tallies})
        sizes.append(path.stat().st_size)
    assert 400_000 < max(sizes) <= 600_000
    past = history.past(["works"], 5000)
    assert len(past["works", "boiler.rare"].looks) == 20
    several = [len(past["works", f"boiler.x{n}"].looks) for n in range(40)]
    assert min(several) >= 20
    assert max(several) < 400
    newest = history.tallies("works", {"page · n7_total{}": 100_000.0})["page · n7_total{}"]
    assert (newest[-1].value, len(newest) >= 20) == (399, True)
    history.close()


def test_a_file_that_was_larger_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "h.db"
    history = History(path)
    for n in range(40):
        taken = tuple((NOW - 1000 + second, 50.0) for second in range(900))
        history.record([replace(VERDICT, id=f"boiler.x{n}", samples=taken)], NOW)
    history.close()
    assert path.stat().st_size > 600_000
    monkeypatch.setattr(histories, "LARGEST", 300_000)
    history = History(path)
    history.record([VERDICT], NOW)
    history.close()
    assert path.stat().st_size <= 300_000


def test_what_no_run_has_seen_for_long_is_forgotten(tmp_path: Path) -> None:
    history = History(tmp_path / "h.db")
    history.record([], NOW, {"works": {"old": [Tally(NOW - histories.FORGOTTEN - 60, 1)], "new": [Tally(NOW, 1)]}})
    history.record([VERDICT], NOW - histories.FORGOTTEN - 60)
    history.record([replace(VERDICT, id="boiler.purity")], NOW)
    assert set(history.past(["works"])) == {("works", "boiler.purity")}
    assert history.connection.execute("SELECT count(*) FROM look").fetchone() == (1,)
    assert history.connection.execute("SELECT name FROM counter").fetchall() == [("new",)]
    assert history.connection.execute("SELECT count(*) FROM tally").fetchone() == (1,)


def write(path: Path, number: int) -> None:
    for run in range(10):
        history = History(path)
        history.past(["works"])
        history.tallies("works", {f"n{n}": 300.0 for n in range(20)})
        at = number * 100 + run + time.time()
        counters = {f"n{n}": [Tally(at, run), Tally(at + 0.5, run)] for n in range(20)}
        history.record([replace(VERDICT, id=f"boiler.x{n}") for n in range(20)], at, {"works": counters})
        assert not history.notes
        history.close()


def test_many_runs_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    forked = multiprocessing.get_context("fork")
    running = [forked.Process(target=write, args=(tmp_path / "h.db", number)) for number in range(20)]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0] * 20
    history = History(tmp_path / "h.db")
    assert not history.notes
    assert history.connection.execute("SELECT count(*), sum(looks) FROM series").fetchone() == (20, 4000)
    assert history.connection.execute("SELECT count(*) FROM look").fetchone() == (4000,)
    assert history.connection.execute("SELECT count(*), sum(looks) FROM counter").fetchone() == (20, 8000)
    assert history.connection.execute("SELECT count(*) FROM tally").fetchone() == (8000,)


def test_reading_two_hundred_windows_of_a_full_history_takes_little(tmp_path: Path) -> None:
    """Checks and counters, five minutes back, of as much as is ever kept."""
    history = History(tmp_path / "h.db")
    now = time.time()
    several = [replace(VERDICT, id=f"boiler.x{n}") for n in range(200)]
    tallies = {f"n{n}": [Tally(now, 1)] for n in range(200)}
    history.record(several, now, {"works": tallies})
    with history.writing() as connection:
        numbers = f"""(
            WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < {histories.KEPT}) SELECT n FROM i
        )"""
        oldest = now - 30 * (histories.KEPT + 1)  # first, as they come: in another order they take twice as long
        connection.execute(f"INSERT INTO look SELECT number, {oldest} + 30 * n, 0, 50 FROM series, {numbers}")
        connection.execute(
            "INSERT INTO tally (counter, at, value, series, took, machine) "
            f"SELECT number, {oldest} + 30 * n, n, 1, 0.1, 7 FROM counter, {numbers}"
        )
    back = {check.id: 360.0 for check in several}
    since = dict.fromkeys(tallies, 360.0)

    assert quickest(lambda: history.past(["works"], back=back)) < 0.05
    assert quickest(lambda: history.tallies("works", since)) < 0.05
    assert len(history.past(["works"], back=back)["works", "boiler.x7"].looks) == 30
    counted = history.tallies("works", since)
    assert (len(counted), len(counted["n7"]) >= 9) == (200, True)


def quickest(read: Callable[[], object]) -> float:
    """Return the CPU seconds that the quickest of several tries took."""
    took = []
    for _ in range(5):
        began = time.process_time()
        read()
        took.append(time.process_time() - began)
    return min(took)


def corrupt(path: Path, what: str) -> None:
    looked(path, *[State.OK] * 200)
    data = path.read_bytes()
    if what == "of a column less":
        path.unlink()
        with sqlite3.connect(path) as made:
            made.executescript("CREATE TABLE series (number); PRAGMA user_version = 1")
    else:
        path.write_bytes({"text": b"no database " * 500, "cut off": data[:5000], "zeroes": bytes(9000)}[what])


@pytest.mark.parametrize("what", ["text", "cut off", "of a column less", "zeroes"])
def test_a_corrupt_file_is_set_aside_with_a_line_and_a_new_one_is_begun(tmp_path: Path, what: str) -> None:
    path = tmp_path / "h.db"
    corrupt(path, what)
    notes = []
    for at in (NOW + 1000, NOW + 1030):
        history = History(path)
        history.past(["works"])
        history.record([VERDICT], at)
        history.close()
        notes.append(len(history.notes))
    assert notes == [1, 0]
    assert len(list(tmp_path.glob("h.db.corrupt-*"))) == 1
    assert len(kept(path).looks) == 2


def test_a_corrupt_file_costs_no_verdict(project: Project) -> None:
    path = project.root / "h.db"
    corrupt(path, "cut off")
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
