"""Two weeks of looks: kept as they were, within a bound, whatever happens to the file meanwhile."""

import multiprocessing
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from healthgate.claim.state import State
from healthgate.memory import history as histories
from healthgate.memory import packs
from healthgate.memory.history import History, HistoryError
from healthgate.memory.reading import reading
from tests.memory.test_history import KEY, VERDICT
from tests.memory.weeks import DAY, END
from tests.parts.project import Project
from tests.parts.target import Target

EDGES = [0.1, 0.3, 80.0, 90.1, 99.99, 1e-7, 123456789.0, 0.0, -5.0]


def kept(path: Path, check: str = "boiler.pressure") -> list[tuple[float, State, float | None]]:
    """Return all looks at a check that a history holds."""
    with reading(path) as opened:
        course = opened.course("works", check, 0, 1e12)
    return list(zip(course.at, course.states, course.values, strict=True))


@pytest.mark.parametrize("every", [pytest.param(30.0, marks=pytest.mark.whole), 60.0])
def test_two_weeks_are_kept_look_by_look_and_small(tmp_path: Path, every: float) -> None:
    """Four checks that never read the same twice: two hundred and fifty of them, and more, stay below the bound."""
    numbers, path, many = random.Random(7), tmp_path / "h.db", 4
    moments = [END - 14 * DAY + n * every + numbers.random() for n in range(int(14 * DAY / every))]
    values = [round(numbers.gauss(40, 5), 3) for _ in moments]
    now = [0.0]
    history = History(path, clock=lambda: now[0])
    for first in range(0, len(moments), 240):
        part = list(zip(moments[first : first + 240], values[first : first + 240], strict=True))
        now[0] = part[-1][0]
        told = replace(VERDICT, samples=tuple(part[:-1]), value=part[-1][1])
        history.record([replace(told, id=f"boiler.x{n}") for n in range(many)], now[0])
    history.close()
    found = kept(path, "boiler.x3")
    assert [value for _, _, value in found] == values
    assert max(abs(at - then) for (at, _, _), then in zip(found, moments, strict=True)) <= 0.051
    assert 254 / many * path.stat().st_size < {30.0: 0.75, 60.0: 0.45}[every] * histories.LARGEST


def test_what_is_packed_and_unpacked_lies_on_the_same_side_of_every_line() -> None:
    rows = [(END + 60 * n, n % len(packs.STATES), value) for n, value in enumerate([*EDGES, None])]
    again = packs.unpacked(rows[0][0], packs.packed(rows))
    assert [(state, value) for _, state, value in again] == [(state, value) for _, state, value in rows]
    assert [at for at, _, _ in again] == [at for at, _, _ in rows]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep few looks as they came, so that there are packs soon."""
    monkeypatch.setattr(histories, "KEPT", 20)
    monkeypatch.setattr(histories, "SPARE", 5)


def run(path: Path, first: int, many: int, *others: str) -> None:
    """Look once a minute: the value is the number of the minute."""
    now = [END]
    history = History(path, clock=lambda: now[0])
    for number in range(first, first + many):
        now[0] = END + 60 * number
        history.record([replace(VERDICT, value=number), *(replace(VERDICT, id=one) for one in others)], now[0])
    history.close()


@pytest.mark.usefixtures("few")
def test_a_look_is_in_one_place_and_what_came_late_is_in_its_time(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    run(path, 0, 100)
    late = History(path, clock=lambda: END + 6000)
    late.record([replace(VERDICT, value=7.5)], END + 60 * 7.5)
    late.close()
    run(path, 100, 50)
    assert [value for _, _, value in kept(path)] == sorted([*range(150), 7.5])
    with sqlite3.connect(path) as opened:
        (loose,) = opened.execute("SELECT count(*) FROM look").fetchone()
        (packed,) = opened.execute("SELECT sum(looks) FROM pack").fetchone()
    assert loose + packed == 151
    assert 20 <= loose <= 30


@pytest.mark.usefixtures("few")
def test_packing_is_spread_over_runs(tmp_path: Path) -> None:
    """Of checks that are all seen by every run, each is packed in a run of its own."""
    now = [END]
    history = History(tmp_path / "h.db", clock=lambda: now[0])
    before, most = 0, 0
    for _ in range(100):
        now[0] += 60
        history.record([replace(VERDICT, id=f"boiler.x{n}") for n in range(10)], now[0])
        (packed,) = history.connection.execute("SELECT count(*) FROM pack").fetchone()
        before, most = packed, max(most, packed - before)
    assert before >= 10 * 13
    assert most == 2


@pytest.mark.usefixtures("few")
def test_packs_go_when_they_are_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACKED_FOR", 3600.0)
    run(tmp_path / "h.db", 0, 400)
    values = [value for _, _, value in kept(tmp_path / "h.db")]
    assert values == list(range(int(values[0] or 0), 400))
    assert 60 <= len(values) <= 90


@pytest.mark.usefixtures("few")
def test_packs_go_with_their_check_even_where_an_older_version_forgets_it(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    run(path, 0, 100)
    with sqlite3.connect(path) as older:
        older.execute("DELETE FROM look")
        older.execute("DELETE FROM series")
    with sqlite3.connect(path) as opened:
        assert opened.execute("SELECT count(*) FROM pack").fetchone() == (0,)


@pytest.mark.usefixtures("few")
def test_a_file_of_an_earlier_version_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    run(path, 0, 20)
    with sqlite3.connect(path) as opened:
        opened.executescript("DROP TABLE pack; DROP TABLE counter; DROP TABLE tally")
        for (trigger,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            opened.execute(f"DROP TRIGGER {trigger}")
    before = path.read_bytes()
    assert [value for _, _, value in kept(path)] == list(range(20))
    history = History(path)
    assert [look.value for look in history.past(["works"], 50)[KEY].looks] == list(range(20))
    history.close()
    assert path.read_bytes() == before, "reading changes nothing"
    run(path, 20, 80)
    assert [value for _, _, value in kept(path)] == list(range(100))


@pytest.mark.usefixtures("few")
def test_the_bound_costs_the_oldest_packs_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "LARGEST", 200_000)
    path, sizes, numbers = tmp_path / "h.db", [], random.Random(1)
    now = [END]
    history = History(path, clock=lambda: now[0])
    for _ in range(1500):
        now[0] += 60
        history.record([replace(VERDICT, id=f"boiler.x{n}", value=numbers.random()) for n in range(10)], now[0])
        sizes.append(path.stat().st_size)
    history.close()
    assert max(sizes) <= 200_000
    found = kept(path, "boiler.x3")
    assert found[-1][0] == now[0]
    assert len(found) > 100
    assert max(after[0] - before[0] for before, after in pairwise(found)) < 61, "none in between"


def many_runs(path: Path, number: int) -> None:
    """Look at a check of its own and at one that all share, as one of several runs at a time."""
    run(path, 1000 * number, 40, f"boiler.x{number}")


@pytest.mark.usefixtures("few")
def test_runs_that_pack_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    forked = multiprocessing.get_context("fork")
    running = [forked.Process(target=many_runs, args=(path, number)) for number in range(6)]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0] * 6
    values = [value for _, _, value in kept(path)]
    assert sorted(value for value in values if value is not None) == [1000 * n + k for n in range(6) for k in range(40)]
    assert not list(tmp_path.glob("*.corrupt-*"))


@pytest.mark.usefixtures("few")
def test_a_damaged_pack_is_said_by_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    run(path, 0, 100)
    with sqlite3.connect(path) as opened:
        opened.execute("UPDATE pack SET content = x'00ff' WHERE number = 1")
    with pytest.raises(HistoryError, match=r"h\.db: malformed: packed looks that cannot be read"):
        kept(path)


@pytest.mark.usefixtures("few")
def test_a_damaged_pack_costs_a_run_the_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    run(path, 0, 100)
    with sqlite3.connect(path) as opened:
        opened.execute("UPDATE pack SET content = x'00ff' WHERE number = 1")
    history = History(path, clock=lambda: END + DAY)
    history.record([VERDICT], END + DAY)
    history.close()
    assert len(history.notes) == len(list(tmp_path.glob("h.db.corrupt-*"))) == 1
    assert [at for at, _, _ in kept(path)] == [END + DAY]


def test_what_is_no_history_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database " * 500)
    (tmp_path / "empty").write_bytes(b"")
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE precious (thing)")
    run(tmp_path / "newer", 0, 1)
    with sqlite3.connect(tmp_path / "newer") as newer:
        newer.execute("PRAGMA user_version = 99")
    said = {}
    for name in ("nothing", "text", "empty", "other", "newer"):
        with pytest.raises(HistoryError) as error:
            kept(tmp_path / name)
        said[name] = str(error.value).removeprefix(str(tmp_path / name))
    assert said["nothing"].startswith(": there is no such file; runs with --history ")
    assert said["text"] == " cannot be read as a history: file is not a database"
    assert said["empty"] == said["other"] == " is no history; name the file that runs are given with --history"
    assert said["newer"] == " has schema 99; this version of healthgate reads 1: use the newer one"
    assert not list(tmp_path.glob("*.corrupt-*"))


def test_a_full_file_system_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    run(path, 0, 50)
    history = History(path)
    (pages,) = history.connection.execute("PRAGMA page_count").fetchone()
    history.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(HistoryError, match="database or disk is full"):
        history.record([replace(VERDICT, id=f"boiler.x{n}") for n in range(500)], END + 9000)
    history.close()
    assert [value for _, _, value in kept(path)] == list(range(50))


@pytest.fixture
def disk(project: Project) -> Iterator[Path]:
    """A small disk within the project."""
    folder = project.root / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder], check=False)
    if not done or done.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize("what", ["full", "read-only"])
def test_a_disk_that_takes_nothing_costs_one_line_and_no_verdict(
    project: Project, target: Target, disk: Path, what: str
) -> None:
    """Of a history that has been written once: what it knows is still known, and the windows of checks with it."""
    target.answers["/state"] = {"pressure": 95, "purity": 99}
    first = project.check("--history", "disk/h.db")
    if what == "full":
        fill(disk / "else")
    else:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    again = project.check("--history", "disk/h.db")
    assert first.code == again.code == 1
    lines = [line for line in again.out.splitlines() if "history" in line and "verdicts above stand" in line]
    assert len(lines) == 1, again.text
    assert "Traceback" not in again.text
    assert len(again.results["checks"]) == len(first.results["checks"])
    assert not list(disk.glob("*.corrupt-*"))
    with reading(disk / "h.db") as opened:
        assert opened.course("works", "boiler.pressure", 0, 1e12).values == [95]
