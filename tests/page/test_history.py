"""What earlier pages showed is kept in one file, whatever befalls it, and several may write it at once."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from healthgate.page.history import KEPT, SHOWN, History, sound


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a row as Allure writes it."""
    result = {
        "id": "i",
        "name": "a",
        "historyId": "h",
        "fullName": "a.b",
        "environment": "works",
        "status": "passed",
        "message": "[ok]",
        "trace": "long",
        "labels": [{"name": "a", "value": "b"}],
        "start": 1,
        "stop": 2,
        "duration": 1,
        "url": "",
    }
    return {
        "uuid": f"u{number}",
        "name": "n",
        "timestamp": 1000 + number,
        "knownTestCaseIds": ["t"],
        "testResults": {"h": result},
        "metrics": {},
        "url": "",
    } | more


def moments(path: Path) -> list[int]:
    return [json.loads(line)["timestamp"] for line in path.read_text().splitlines()]


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "kept/history.jsonl")


def test_a_row_keeps_what_a_page_needs_and_nothing_else() -> None:
    kept = sound(row() | {"strange": 1})
    assert kept is not None
    assert "strange" not in kept
    assert kept["testResults"]["h"] == {
        "id": "i",
        "name": "a",
        "historyId": "h",
        "status": "passed",
        "environment": "works",
        "start": 1,
        "stop": 2,
        "duration": 1,
        "url": "",
        "reportLinks": [],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        row(uuid=None),
        row(uuid="../../etc/passwd"),
        row(timestamp="soon"),
        row(timestamp=True),
        row(timestamp=1e300),
        row(testResults=[]),
        row(testResults={"h": 3}),
        row(testResults={"h": {"status": "odd", "id": "i", "name": "n", "historyId": "h"}}),
        row(testResults={"h": {"status": "passed", "id": None, "name": "n", "historyId": "h"}}),
        row(knownTestCaseIds=None),
    ],
)
def test_what_is_no_row_is_none(wrong: Any) -> None:
    assert sound(wrong) is None


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://ci.example/9/", "https://ci.example/9/index.html"),
        ("http://ci:8080", "http://ci:8080"),
        ("not an address", ""),
        ("http://[", ""),
        ("javascript:alert(1)", ""),
        (7, ""),
    ],
)
def test_an_address_that_allure_could_not_parse_is_dropped(address: Any, kept: str) -> None:
    told = sound(row(url=address))
    assert told is not None
    assert told["url"] == kept


def test_the_same_run_rendered_again_replaces_its_point(history: History) -> None:
    for run, started in (("one", 1), ("two", 2), ("one", 1), ("two", 2)):
        assert history.add(row(), run, started) == []
    assert moments(history.path) == [1, 2]


def test_a_page_shows_only_runs_before_its_own(history: History) -> None:
    for number in range(1, SHOWN + 11):
        history.add(row(number), f"run {number}", number)
    before = history.before("run 60", SHOWN + 10)
    assert [one["timestamp"] for one in before] == list(range(10, SHOWN + 10))
    assert [one["timestamp"] for one in history.before("run 5", 5)] == [1, 2, 3, 4]


def test_it_is_bounded(history: History) -> None:
    for number in range(1, KEPT + 6):
        history.add(row(number), f"run {number}", number)
    assert moments(history.path) == list(range(6, KEPT + 6))


def test_lines_that_are_no_rows_are_set_aside_and_said(history: History) -> None:
    history.add(row(), "one", 1)
    whole = history.path.read_bytes()
    history.path.write_bytes(whole + b"\xff\xfe\n" + b"[" * 9000 + b"\n\n" + whole[:100])
    (note,) = history.add(row(), "two", 2)
    (aside,) = history.path.parent.glob("*.corrupt-*")
    assert note == f"history: {history.path}: 3 lines are no rows; set aside in {aside.name}"
    assert aside.read_bytes() == b"\xff\xfe\n" + b"[" * 9000 + b"\n" + whole[:100] + b"\n"
    assert moments(history.path) == [1, 2]
    assert history.add(row(), "three", 3) == []


def test_a_file_that_is_all_wrong_costs_no_page(history: History) -> None:
    history.path.parent.mkdir()
    history.path.write_bytes(bytes(range(256)) * 40)
    assert history.before("one", 1) == []
    assert "set aside" in history.add(row(), "one", 1)[0]
    assert moments(history.path) == [1]


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (note,) = History(tmp_path / "file/below/history.jsonl").add(row(), "one", 1)
    assert (
        note == f"history: not kept: {tmp_path}/file/below/history.jsonl: Not a directory; the page is as it should be"
    )
    (note,) = History(tmp_path / "history.jsonl").add({}, "one", 1)
    assert "Allure wrote no row of this run" in note
    assert not (tmp_path / "history.jsonl").exists()


def test_what_is_no_file_keeps_nothing() -> None:
    nothing = History(Path("/dev/null"))
    assert nothing.add(row(), "one", 1) == []
    assert nothing.before("two", 2) == []
    assert Path("/dev/null").is_char_device()


def test_many_at_once_lose_nothing(history: History) -> None:
    start = multiprocessing.get_context("fork")
    several = [start.Process(target=_add_ten, args=(history.path, first)) for first in range(0, 40, 10)]
    for one in several:
        one.start()
    for one in several:
        one.join(120)
    assert [one.exitcode for one in several] == [0] * 4
    assert moments(history.path) == list(range(1, 41))


def _add_ten(path: Path, first: int) -> None:
    for number in range(first + 1, first + 11):
        if History(path).add(row(number), f"run {number}", number):
            raise SystemExit(1)
