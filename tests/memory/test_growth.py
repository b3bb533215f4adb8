"""What a run says of the days before: from a history, in one row a check, and at no cost that is noticed."""

import time
from pathlib import Path

import pytest

from healthgate.claim.limit import below, percent
from healthgate.judge.growth import Growth, ahead
from healthgate.memory import days as closing
from healthgate.memory.history import History
from tests.memory.weeks import DAY, END, daily, growing, sawtooth, step, weeks
from tests.parts.project import Project
from tests.parts.target import Target

LIMIT = below(80, percent, warning=80, critical=90)
SHAPES = {
    "boiler.linear": growing(1, 2.0, level=32),
    "boiler.flat": daily(2),
    "boiler.step": step(3, at=7, by=20),
    "boiler.sawtooth": sawtooth(4, per_day=6, every=3),
}


def growths(path: Path, now: float = END) -> dict[str, Growth]:
    history = History(path, clock=lambda: now)
    try:
        return {check: past.growth for (_, check), past in history.past(["works"]).items() if past.growth}
    finally:
        history.close()


def test_two_weeks_of_runs_say_when_the_line_is_reached_and_of_which_check(tmp_path: Path) -> None:
    """It grows by 2 a day beneath a cycle of 12; a twentieth of its values are above 80 some 7 days after the end."""
    weeks(tmp_path / "h.db", SHAPES)
    found = growths(tmp_path / "h.db")
    assert list(found) == ["boiler.linear"]
    told = ahead(found["boiler.linear"], LIMIT, 60, END)
    assert told is not None
    assert 0.9 * 7 <= told.seconds / DAY <= 1.1 * 7


def test_days_are_closed_a_few_checks_a_run_and_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "AT_ONCE", 100)
    path, read = tmp_path / "h.db", []
    weeks(path, {f"boiler.x{n}": daily(n) for n in range(6)}, days=1.2, every=1200)
    looks = closing.packs.looks
    monkeypatch.setattr(closing.packs, "looks", lambda *words: read.append(words[1]) or looks(*words))
    now = [END + DAY]
    history = History(path, clock=lambda: now[0])
    for _ in range(12):
        history.record([], now[0])
    assert sorted(read) == sorted(set(read)), "none twice"
    assert len(read) == 6
    history.close()


def test_a_day_is_closed_an_hour_after_its_end(tmp_path: Path) -> None:
    midnight = END - 6 * 3600
    for hours, days in ((0.9, 0), (1.1, 1)):
        path = tmp_path / f"{hours}.db"
        weeks(path, {"boiler.x": daily(1)}, days=1 + hours / 24, end=midnight + hours * 3600)
        history = History(path)
        assert history.connection.execute("SELECT count(*) FROM day").fetchone() == (days,)
        history.close()


def test_a_run_says_it_in_the_sentence_and_reads_no_look_for_it(project: Project, target: Target) -> None:
    path = project.root / "h.db"
    weeks(
        path, {"boiler.pressure": growing(1, 2.0, level=32), "boiler.purity": daily(2, 98, 0.2, 0.1)}, end=time.time()
    )
    target.answers["/state"] = {"pressure": 64, "purity": 98}

    run = project.check("--history", "h.db")

    assert run.code == 0, run.text
    said = {one["id"]: (one["reason"], one["outlook"]) for one in run.results["checks"]}
    assert said["boiler.pressure"][0].startswith("64 %; at this rate above 80 % in ")
    assert said["boiler.pressure"][0] == f"64 %; {said['boiler.pressure'][1]}"
    assert said["boiler.purity"] == ("98 %", None)
    assert f"outlook: works boiler.pressure: {said['boiler.pressure'][1]}" in run.out
    target.answers["/state"] = {"pressure": 95, "purity": 98}
    assert "at this rate" not in project.check("--history", "h.db").text


def test_reading_where_two_hundred_checks_are_going_takes_little(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    weeks(path, {"boiler.x0": growing(1, 2.0)}, every=3600)
    history = History(path)
    with history.writing() as connection:
        for number in range(2, 255):
            connection.execute(
                f"INSERT INTO series SELECT {number}, environment, 'boiler.x{number}', state, since, seen, 1 "
                "FROM series WHERE number = 1"
            )
            connection.execute(f"INSERT INTO growth SELECT {number}, closed, last, days, low, low_a_day, high, "
                               "high_a_day FROM growth WHERE series = 1")  # fmt: skip
            connection.execute(
                f"INSERT INTO day SELECT {number}, number, hours, least, low, high, most FROM day WHERE series = 1"
            )
    began = time.process_time()
    found = closing.growths(history.connection, "works")
    assert time.process_time() - began < 0.05
    assert len(found) == 254
    history.close()
