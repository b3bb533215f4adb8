"""A report replaces a report, in one piece, and touches nothing else."""

from pathlib import Path

import pytest

from healthgate.page import NotRenderedError
from healthgate.page.folder import MANIFEST, ReportFolder


def publish(path: Path, **files: str) -> int:
    """Publish files, whose names have `_` for the dot and `__` for the slash."""
    folder = ReportFolder(path)
    with folder.drawing() as drawing:
        for name, text in files.items():
            file = drawing / name.replace("__", "/").replace("_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return folder.publish(drawing)


def there(path: Path) -> dict[str, str]:
    """Return the text of every file in a folder but the list of what a report put there."""
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    return {name: file.read_text() for name, file in files.items() if name != MANIFEST}


@pytest.fixture
def html(tmp_path: Path) -> Path:
    return tmp_path / "reports/html"


def test_a_later_report_replaces_an_earlier_one_whole(html: Path) -> None:
    assert publish(html, index_html="one", data__a_json="1", data__deep__b_json="2", old__c_json="3") == 6
    publish(html, index_html="two", data__a_json="4")
    assert there(html) == {"index.html": "two", "data/a.json": "4"}
    assert sorted(path.name for path in html.iterdir()) == [MANIFEST, "data", "index.html"]


def test_what_no_report_put_there_stays(html: Path) -> None:
    publish(html, index_html="one", data__a_json="1")
    (html / "notes.txt").write_text("mine")
    (html / "data/mine.json").write_text("mine too")
    publish(html, index_html="two")
    assert there(html) == {"index.html": "two", "notes.txt": "mine", "data/mine.json": "mine too"}


def test_a_file_in_the_way_stops_everything_before_it_begins(html: Path) -> None:
    publish(html, index_html="one")
    (html / "data").mkdir()
    (html / "data/a.json").write_text("mine")
    with pytest.raises(NotRenderedError, match=r"data/a\.json is there and no report put it there; move it away"):
        publish(html, index_html="two", data__a_json="1", data__b_json="2")
    assert there(html) == {"index.html": "one", "data/a.json": "mine"}


@pytest.mark.parametrize(
    "manifest", [None, "", "[]", '{"files": 3}', '{"files": ["../../etc/passwd"]}', '{"files": ["/etc/passwd"]}']
)
def test_a_folder_that_is_not_known_to_be_ours_is_refused(html: Path, manifest: str | None) -> None:
    html.mkdir(parents=True)
    (html / "index.html").write_text("somebody's")
    if manifest is not None:
        (html / MANIFEST).write_text(manifest)
    with pytest.raises(NotRenderedError, match="holds something else than a report"):
        publish(html, index_html="one")
    assert there(html) == {"index.html": "somebody's"}


def test_what_a_killed_one_left_is_cleared_away_and_what_a_running_one_draws_is_not(html: Path) -> None:
    html.mkdir(parents=True)
    (html / ".healthgate-drawing-dead/data").mkdir(parents=True)
    first, second = ReportFolder(html), ReportFolder(html)
    with first.drawing() as one:
        assert not (html / ".healthgate-drawing-dead").exists()
        (one / "index.html").write_text("one")
        with second.drawing() as other:
            (other / "index.html").write_text("other")
            second.publish(other)
        assert one.is_dir()
        first.publish(one)
    assert there(html) == {"index.html": "one"}


def test_a_failure_leaves_the_earlier_report(html: Path) -> None:
    publish(html, index_html="one")

    def fail() -> None:
        with ReportFolder(html).drawing() as drawing:
            (drawing / "index.html").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert there(html) == {"index.html": "one"}
    assert sorted(path.name for path in html.iterdir()) == [MANIFEST, "index.html"]
