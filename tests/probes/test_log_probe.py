"""One log, from files that are well to files that are anything but: every line once, bounded, no guess."""

import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.facts import NoData, iso_moment
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import Duration, FilePattern, System
from healthgate.observe.snapshot import Snapshot
from healthgate.probes import log_files as probe
from healthgate.probes.log import Line, Log, LogLines, literal_of
from healthgate.probes.log_files import KEPT_LINES, LogRequest
from healthgate.secret import Redactor, Secret

FOREVER = 20.0
"""Seconds that no reading here may take, however loaded the machine."""

DAY = 86_400.0
TOKEN = "planted-token-0123456789"
KINDS = {
    "start": "Boiler started",
    "heat": r"Heat is (?P<degrees>\d+) degrees(?: in (?P<room>\w+))?",
    "leak": "LEAK:",
}


def request(pattern: Path | str, **options: Any) -> LogRequest:
    """Return one reading, patient where a test says nothing else."""
    kinds = {name: (literal_of(kind), kind) for name, kind in options.pop("kinds", KINDS).items()}
    usual = {"reach": 30 * DAY, "since": None, "deadline": FOREVER}
    return LogRequest("it", FilePattern(pattern), kinds, **{**usual, **options})


def look(pattern: Path | str, **options: Any) -> Observation:
    """Make one reading and return what came of it."""
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    began = time.monotonic()
    observation, kept = request(pattern, **options).make(None, redactor)
    assert kept is None
    assert time.monotonic() - began < FOREVER
    return observation


def read(pattern: Path | str, **options: Any) -> Log:
    """Make one reading of a log that can be read."""
    seen = look(pattern, **options)
    assert seen.status == "answered", seen.error
    return Log(seen)


def stamp(ago: float) -> str:
    """Return the moment so many seconds ago as logs write it."""
    return datetime.fromtimestamp(time.time() - ago, UTC).isoformat(timespec="milliseconds")


def lines(*written: tuple[float, str]) -> str:
    """Return lines, each with how many seconds ago it was written."""
    return "".join(f"{stamp(ago)} INFO {text}\n" for ago, text in written)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log stands."""
    return tmp_path / "boiler.log"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that makes the blocks in which logs are read as small as a test needs them."""

    def of(size: int) -> None:
        monkeypatch.setattr(probe, "FIRST_BLOCK", size)
        monkeypatch.setattr(probe, "LARGEST_BLOCK", size)

    return of


def degrees(log: Log) -> list[str]:
    """Return what the lines of one kind say, the newest first."""
    return [line.groups["degrees"] for line in log.lines("heat")]


def test_lines_are_found_by_kind_with_their_groups_and_moments(path: Path) -> None:
    """The newest first; a group that did not take part is left out; other lines are none of the kind."""
    path.write_text(
        "2026-03-02T09:15:00Z INFO Boiler started\n"
        "2026-03-02T10:15:01.250+01:00 INFO Heat is 20 degrees in cellar\n"
        "2026-03-02T09:15:02Z INFO Heat is unknown\n"
        "2026-03-02T09:15:03Z INFO Heat is 21 degrees\n"
    )
    log = read(path, reach=10**9)

    assert log.lines("heat") == [
        Line(1772442903.0, {"degrees": "21"}),
        Line(1772442901.25, {"degrees": "20", "room": "cellar"}),
    ]
    assert log.lines("start") == [Line(1772442900.0, {})]
    assert (log.count("heat"), log.count("start"), log.count("leak"), log.lines("leak")) == (2, 1, 0, [])
    assert (log.oldest, log.newest) == (1772442900.0, 1772442903.0)


def test_a_line_that_says_it_twice_is_one_line(path: Path) -> None:
    """Lines are counted, not words; and one line may be of two kinds."""
    path.write_text(lines((5, "LEAK: LEAK: LEAK: Heat is 7 degrees, Heat is 8 degrees")))
    log = read(path)

    assert (log.count("leak"), log.count("heat"), degrees(log)) == (1, 1, ["7"])


def test_the_last_line_may_lack_its_end(path: Path) -> None:
    """And lines may end as on Windows."""
    path.write_bytes(lines((9, "Heat is 1 degrees")).replace("\n", "\r\n").encode() + f"{stamp(5)} LEAK:".encode())
    log = read(path)

    assert (log.count("heat"), log.count("leak")) == (1, 1)
    assert log.at - log.newest < 8


def test_reading_stops_where_it_reached_far_enough(path: Path) -> None:
    """A day of a log that goes back ten; the rest is not read."""
    text = "".join(lines((seconds, "x" * 400)) for seconds in range(10 * int(DAY), 0, -60))
    path.write_text(text)
    seen = look(path, reach=DAY)
    log = Log(seen)

    assert DAY < log.at - log.oldest < 10 * DAY
    assert seen.bytes <= 3 * probe.LARGEST_BLOCK < len(text)
    log.reaches(log.at - DAY)
    with pytest.raises(NoData, match="does not reach back 10 d"):
        log.reaches(log.at - 10 * DAY)


def test_reading_goes_on_until_the_line_that_is_wanted_was_found(path: Path, small_blocks: Callable[..., None]) -> None:
    """Further than the reach, but no further than that line."""
    older = [(DAY * 9 - i, f"Heat is {i} degrees") for i in range(1000)]
    path.write_text(
        lines(*older, (DAY * 5, "Boiler started"), (DAY * 4, "x" * 5000), (DAY * 2, "Heat is 7 degrees"), (5, "x"))
    )
    small_blocks(1000)
    far, near = look(path, reach=DAY, since="start"), look(path, reach=DAY)

    assert Log(far).count("start") == 1
    assert Log(near).count("start") == 0
    assert near.bytes < far.bytes < 9_000 < path.stat().st_size


def test_reading_does_not_stop_before_its_reach_where_the_line_was_found(path: Path) -> None:
    """Both must be: a start a minute ago does not hide the leak of an hour ago."""
    path.write_text(lines((3600, "LEAK:"), (60, "Boiler started"), (5, "x")))

    assert read(path, reach=DAY, since="start").count("leak") == 1


def rotated(folder: Path) -> Iterator[Path]:
    """Write three files of one log, each rotated an hour after the other; yield them, the newest first."""
    for i, name in enumerate(("boiler.log", "boiler.log.1", "boiler.log.2")):
        file = folder / name
        file.write_text(lines(*(((i + 1) * 3600 - j, f"Heat is {i}{j} degrees") for j in range(3))))
        os.utime(file, (time.time() - i * 3600,) * 2)
        yield file


def test_rotated_files_are_read_as_one_log_the_newest_first(tmp_path: Path) -> None:
    """By when they were last written, whatever they are called."""
    newest, *_ = rotated(tmp_path)
    newest.rename(tmp_path / "boiler.log.9")
    log = read(tmp_path / "boiler.log*")

    assert degrees(log) == ["02", "01", "00", "12", "11", "10", "22", "21", "20"]
    assert [line.at for line in log.lines("heat")] == sorted((x.at for x in log.lines("heat")), reverse=True)


def test_files_behind_the_reach_are_not_read(tmp_path: Path) -> None:
    """The bytes of the first two."""
    sizes = [file.stat().st_size for file in rotated(tmp_path)]
    seen = look(tmp_path / "boiler.log*", reach=4000)

    assert Log(seen).count("heat") == 6
    assert seen.bytes == sum(sizes[:2])


def during(monkeypatch: pytest.MonkeyPatch, step: str, what: Callable[[], object]) -> None:
    """Let `what` happen once, at the end of a step of the reading: what others do to the files meanwhile."""
    real, happened = getattr(probe, step), []

    def stepping(*arguments: Any) -> Any:
        result = real(*arguments)
        result = list(result) if isinstance(result, Iterator) else result
        if not happened:
            happened.append(True)
            what()
        return result

    monkeypatch.setattr(probe, step, stepping)


def test_a_file_that_is_rotated_between_two_looks_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was seen under its first name already when it turns up under the next."""
    first, second, third = rotated(tmp_path)

    def rotate() -> None:
        third.unlink()
        second.rename(third)
        first.rename(second)

    during(monkeypatch, "extents", rotate)
    found = degrees(read(tmp_path / "boiler.log*"))

    assert len(found) == len(set(found))
    assert found[:3] == ["02", "01", "00"]


@pytest.mark.parametrize("gone", ["boiler.log", "boiler.log.1", "boiler.log.2"])
def test_a_file_that_is_rotated_away_before_it_is_opened_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """The others are read."""
    list(rotated(tmp_path))
    during(monkeypatch, "files_of", (tmp_path / gone).unlink)

    assert read(tmp_path / "boiler.log*").count("heat") == 6


def test_a_file_that_is_removed_while_it_is_read_is_read_to_its_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is open."""
    path.write_text(lines((9, "LEAK:"), (5, "LEAK:")))
    during(monkeypatch, "extents", path.unlink)

    assert read(path).count("leak") == 2


def test_the_same_file_by_two_names_is_read_once(tmp_path: Path) -> None:
    """Links that always show the current one are usual."""
    (tmp_path / "boiler.log").write_text(lines((5, "LEAK:")))
    (tmp_path / "boiler.log.current").symlink_to("boiler.log")
    (tmp_path / "boiler.log.hard").hardlink_to(tmp_path / "boiler.log")

    assert read(tmp_path / "boiler.log*").count("leak") == 1


def test_a_packed_file_of_the_log_does_no_harm(tmp_path: Path) -> None:
    """It is not unpacked, and nothing in it is taken for a line."""
    (tmp_path / "boiler.log").write_text(lines((5, "LEAK:")))
    (tmp_path / "boiler.log.1.gz").write_bytes(gzip.compress(lines(*((DAY, "LEAK:") for _ in range(999))).encode()))

    assert read(tmp_path / "boiler.log*").count("leak") == 1


def test_a_line_without_a_moment_has_that_of_the_line_above(path: Path) -> None:
    """Tracebacks, for example."""
    path.write_text(
        "2026-03-02T09:15:00Z ERROR Traceback (most recent call last):\n"
        '  File "boiler.py", line 7\n'
        "LEAK: in the cellar\n"
        "2026 was a good year. LEAK:\n"
        "2026-03-02T09:15:09Z INFO x\n"
        "LEAK: in the attic\n"
    )

    assert [line.at for line in read(path, reach=10**9).lines("leak")] == [1772442909.0, 1772442900.0, 1772442900.0]


@pytest.mark.parametrize(
    "line",
    [
        "ts=2026-03-02T09:15:09.000Z caller=main.go:1 level=error LEAK: logfmt",
        'time="2026-03-02T09:15:09Z" level=error msg="LEAK:"',
        '{"time":"2026-03-02T09:15:09Z","message":"LEAK:"}',
        '{"@timestamp": "2026-03-02T10:15:09.000000000+01:00", "message": "LEAK:"}',
        "[2026-03-02T09:15:09Z] LEAK:",
        "\t2026-03-02T09:15:09Z LEAK:",
    ],
)
def test_a_moment_may_stand_behind_its_name_or_in_brackets(path: Path, line: str) -> None:
    """As most servers write it that are not written in Python."""
    path.write_text(f"2026-03-02T09:15:00Z x\n{line}\n")

    assert [line.at for line in read(path, reach=10**9).lines("leak")] == [1772442909.0]


@pytest.mark.parametrize(
    "line",
    [
        "2026/03/02 09:15:09 [error] LEAK: nginx",
        "2026-03-02 09:15:09: (server.c.1) LEAK: lighttpd",
        "2026-03-02T09:15:09 LEAK: without a zone",
        "7:M 02 Mar 2026 09:15:09.000 * LEAK: Redis",
        "level=error ts=2026-03-02T09:15:09Z LEAK: further on",
        '{"message":"LEAK: 2026-03-02T09:15:09Z"}',
    ],
)
def test_what_is_no_moment_is_not_taken_for_one(path: Path, line: str) -> None:
    """A time without its zone may be any of twenty-four."""
    path.write_text(f"{line}\n")
    seen = look(path, reach=10**9)

    assert (seen.status, seen.error) == (
        "malformed",
        f"no line of {path} begins with its time and zone, as in 2026-03-02T09:15:00Z",
    )


def test_an_empty_line_has_no_moment_of_its_own(path: Path) -> None:
    path.write_text("2026-03-02T09:15:00Z x\n\nLEAK: one\n2026-03-02T09:15:09Z x\n")

    assert [line.at for line in read(path, reach=10**9).lines("leak")] == [1772442900.0]


def test_a_line_that_is_nothing_but_its_moment_has_it(path: Path) -> None:
    """Whatever follows on the next line, which has the same."""
    path.write_text("2026-03-02T09:15:00Z\nLEAK: one\n2026-03-02T09:15:09Z\nLEAK: two\n")

    assert [line.at for line in read(path, reach=10**9).lines("leak")] == [1772442909.0, 1772442900.0]


@pytest.mark.parametrize("size", [16, 64, 200, 1000, 10**6])
def test_the_line_above_may_stand_in_another_block(path: Path, small_blocks: Callable[..., None], size: int) -> None:
    """Or many blocks away."""
    small_blocks(size)
    path.write_text("2026-03-02T09:15:00Z x\n" + "more\n" * 200 + "LEAK: one\n" + "more\n" * 7 + "LEAK: two\n")

    assert [line.at for line in read(path, reach=10**9).lines("leak")] == [1772442900.0] * 2


def test_the_line_above_may_stand_in_another_file(tmp_path: Path) -> None:
    """A rotation between a line and its continuation."""
    (tmp_path / "boiler.log.1").write_text("2026-03-02T09:15:00Z Traceback\n")
    os.utime(tmp_path / "boiler.log.1", (1, 1))
    (tmp_path / "boiler.log").write_text("LEAK: one\n2026-03-02T09:15:09Z x\n")

    assert read(tmp_path / "boiler.log*", reach=10**9).lines("leak") == [Line(1772442900.0, {})]


def test_a_line_with_no_moment_above_it_is_as_old_as_the_oldest_that_has_one(path: Path) -> None:
    """At least."""
    path.write_text("LEAK: one\n2026-03-02T09:15:09Z x\n2026-03-02T09:15:19Z x\n")

    assert read(path, reach=10**9).lines("leak") == [Line(1772442909.0, {})]


def naive(text: str) -> dict[str, list[tuple[float, dict[str, str]]]]:
    """Read a whole log the simple way: every line from the first to the last."""
    found: dict[str, list[tuple[float, dict[str, str]]]] = {name: [] for name in KINDS}
    moments = [iso_moment(line.split(" ")[0]) for line in text.split("\n")]
    last = next(moment for moment in moments if moment is not None)
    for line, moment in zip(text.split("\n"), moments, strict=True):
        last = last if moment is None else moment
        for name, pattern in KINDS.items():
            if match := re.search(pattern, line):
                found[name].insert(0, (last, {k: v for k, v in match.groupdict().items() if v is not None}))
    return found


def written(chance: random.Random) -> str:
    """Return a log of a few dozen lines of every sort."""
    moment, text = 1_700_000_000, ""
    for _ in range(chance.randrange(5, 60)):
        moment += chance.randrange(3)
        at = datetime.fromtimestamp(moment, UTC).isoformat()
        text += chance.choice([
            f"{at} INFO Heat is {chance.randrange(1000)} degrees",
            f"{at} INFO Heat is {chance.randrange(1000)} degrees in room{chance.randrange(9)} LEAK:",
            f"{at} WARNING LEAK: {'drip ' * chance.randrange(40)}",
            f"{at} INFO Boiler started",
            f"{at} {'€' * chance.randrange(80)}",
            "  continued LEAK: ",
            "Heat is 5 degrees",
            "",
            "12",
        ]) + "\n" * chance.choice([1, 1, 1, 2])  # fmt: skip
    end = datetime.fromtimestamp(moment, UTC).isoformat()
    return text + chance.choice(["", f"{end} LEAK: at the end", "Heat is 9 degrees"]) if "T" in text else f"{end} x\n"


@pytest.mark.parametrize("size", [7, 33, 64, 128, 500, 4096])
def test_every_line_is_found_exactly_once_wherever_blocks_cut_it(
    path: Path, small_blocks: Callable[..., None], size: int
) -> None:
    """Random logs, read in small blocks from behind and in whole lines from the front: the same lines."""
    small_blocks(size)
    for seed in range(60):
        text = written(random.Random(seed))
        path.write_text(text)
        log, expected = read(path, reach=10**9), naive(text)
        for name in KINDS:
            assert [(line.at, dict(line.groups)) for line in log.lines(name)] == expected[name], (seed, name)
            assert log.count(name) == len(expected[name])


@pytest.mark.parametrize("size", [64, 333])
def test_every_line_is_found_exactly_once_wherever_rotation_cuts_the_log(
    tmp_path: Path, small_blocks: Callable[..., None], size: int
) -> None:
    """The same for random logs in three files."""
    small_blocks(size)
    for seed in range(30):
        chance = random.Random(seed)
        text = written(chance)
        ends = [0, *sorted(chance.randrange(len(text)) for _ in range(2)), len(text)]
        cuts = [end if end in (0, len(text)) else text.find("\n", end) + 1 or len(text) for end in ends]
        for i in range(3):
            file = tmp_path / f"boiler.log.{i}"
            file.write_text(text[cuts[i] : cuts[i + 1]])
            os.utime(file, (i + 1, i + 1))
        log, expected = read(tmp_path / "boiler.log*", reach=10**9), naive(text)
        for name in KINDS:
            assert [(line.at, dict(line.groups)) for line in log.lines(name)] == expected[name], (seed, name)


def unusable(folder: Path, what: str) -> Path:
    """Make something that is no log, and return its path."""
    path = folder / "boiler.log"
    if what == "empty":
        path.touch()
    elif what == "a folder":
        path.mkdir()
    elif what == "a dangling link":
        path.symlink_to("nowhere")
    elif what == "a link to itself":
        path.symlink_to(path)
    elif what == "a pipe":
        os.mkfifo(path)
    elif what == "binary":
        path.write_bytes(random.Random(1).randbytes(300_000))
    elif what == "zeros":
        path.write_bytes(bytes(300_000))
    elif what == "no times":
        path.write_text("LEAK: one\n" * 1000)
    elif what == "times without a zone":
        path.write_text("2026-03-02T09:15:00 LEAK: one\n" * 1000)
    elif what == "below a file":
        path.touch()
        path = path / "deeper.log"
    return path


UNUSABLE = {
    "missing": ("missing", "there is no file {}"),
    "a folder": ("missing", "there is no file {}"),
    "a dangling link": ("missing", "there is no file {}"),
    "a pipe": ("missing", "there is no file {}"),
    "below a file": ("missing", "there is no file {}"),
    "empty": ("empty", "{} is empty"),
    "binary": ("malformed", "no line of {} begins with its time and zone, as in 2026-03-02T09:15:00Z"),
    "zeros": ("malformed", "no line of {} begins with its time and zone, as in 2026-03-02T09:15:00Z"),
    "no times": ("malformed", "no line of {} begins with its time and zone, as in 2026-03-02T09:15:00Z"),
    "times without a zone": ("malformed", "no line of {} begins with its time and zone, as in 2026-03-02T09:15:00Z"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_is_no_log_is_told_by_name(tmp_path: Path, what: str) -> None:
    """One word for machines, a phrase for people, nothing found; and nothing is waited for."""
    path = unusable(tmp_path, what)
    status, words = UNUSABLE[what]

    seen = look(path)

    assert (seen.status, seen.error, seen.facts) == (status, words.format(path), {})


def test_a_link_to_itself_is_no_log(tmp_path: Path) -> None:
    """However the system calls it."""
    seen = look(unusable(tmp_path, "a link to itself"))

    assert seen.status in {"missing", "unreadable"}
    assert "boiler.log" in str(seen.error)


def test_an_empty_file_beside_a_written_one_is_no_trouble(tmp_path: Path) -> None:
    """The moment after a rotation."""
    (tmp_path / "boiler.log.1").write_text(lines((9, "LEAK:")))
    (tmp_path / "boiler.log").touch()

    assert read(tmp_path / "boiler.log*").count("leak") == 1


def test_control_characters_in_a_name_are_made_harmless(tmp_path: Path) -> None:
    """The path stands in the message."""
    seen = look(f"{tmp_path}/\x1b[31m.log")

    assert str(seen.error).isprintable()


AS_SOMEBODY = """
import glob, itertools, json, os, sys
from healthgate.probes.log_files import LogRequest
from healthgate.secret import Redactor
from healthgate.claim.system import FilePattern

if os.geteuid() == 0:
    os.seteuid(65534)
seen, _ = LogRequest("it", FilePattern(sys.argv[1]), {}, 3600.0, None, 20.0).make(None, Redactor())
print(json.dumps([seen.status, seen.error]))
"""


@pytest.mark.parametrize(("what", "mode"), [("file", 0o000), ("folder", 0o000), ("folder", 0o704)])
def test_a_log_that_may_not_be_read_is_forbidden_and_not_missing(what: str, mode: int) -> None:
    """Neither the file itself nor what is in a folder that may not be entered: nobody can say it is not there."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "logs"
        folder.mkdir(mode=0o755)
        path = folder / "boiler.log"
        path.write_text(lines((5, "LEAK:")))
        shut = path if what == "file" else folder
        shut.chmod(mode)
        try:
            done = subprocess.run(
                [sys.executable, "-c", AS_SOMEBODY, str(path)], capture_output=True, text=True, timeout=60, check=True
            )
        finally:
            shut.chmod(0o755)

    status, error = json.loads(done.stdout)
    assert status == "forbidden"
    assert str(folder) in error
    assert error.endswith(" may not be read by this user")


GIGABYTE = 1_000_000_000


def sparse(path: Path, how: str) -> None:
    """Make a file of 5 GB that is hardly there: data of a few hundred bytes, and holes."""
    with path.open("wb") as file:
        if how in {"a hole in the middle", "a hole at the end"}:
            file.write(lines((3600, "LEAK: old"), (3000, "Heat is 7 degrees")).encode())
        if how in {"a hole in the middle", "a hole at the start"}:
            file.seek(5 * GIGABYTE)
            file.write(lines((9, "LEAK: new"), (5, "x")).encode())
        file.truncate(max(file.tell(), 5 * GIGABYTE))


@pytest.mark.parametrize(
    ("how", "leaks"), [("a hole at the start", 1), ("a hole in the middle", 2), ("a hole at the end", 1)]
)
def test_a_sparse_file_of_5_gb_is_read_where_it_holds_something(path: Path, how: str, leaks: int) -> None:
    """Holes cost neither time nor memory; the lines around them are found, each with its own moment."""
    sparse(path, how)
    tracemalloc.start()
    try:
        seen = look(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    log = Log(seen)

    assert seen.bytes < 100_000
    assert peak < 10_000_000
    assert log.count("leak") == leaks
    ages = [log.at - line.at for line in log.lines("leak")]
    assert ages == pytest.approx([9, 3600][:leaks] if how != "a hole at the end" else [3600], abs=FOREVER)


def test_a_file_that_is_all_hole_holds_no_line(path: Path) -> None:
    """5 GB of nothing."""
    sparse(path, "nothing else")
    seen = look(path)

    assert (seen.status, seen.bytes) == ("malformed", 0)


@pytest.mark.parametrize("gap", [1, 15, 39, 41, 5000])
def test_a_line_behind_zeros_keeps_its_own_moment(path: Path, gap: int) -> None:
    """A writer that goes on at its old place after the file was cut leaves a gap, wherever that begins and ends."""
    path.write_bytes(b"2026-03-02T09:15:00Z LEAK: old\n" + bytes(gap) + b"2026-03-02T09:15:09Z LEAK: new\n")

    assert [line.at for line in read(path, reach=10**9).lines("leak")] == [1772442909.0, 1772442900.0]


@pytest.mark.parametrize("gap", [4096, 5000, 10_000])
def test_the_first_line_behind_a_gap_at_the_beginning_keeps_its_own_moment(path: Path, gap: int) -> None:
    """What is left of a log that was cut to nothing under a writer that did not notice."""
    with path.open("wb") as file:
        file.seek(gap)
        file.write(b"2026-03-02T09:15:00Z LEAK: one\n")

    assert read(path, reach=10**9).lines("leak") == [Line(1772442900.0, {})]


def test_what_is_written_while_it_is_read_is_left_to_the_next_look(
    path: Path, monkeypatch: pytest.MonkeyPatch, small_blocks: Callable[..., None]
) -> None:
    """What was there is found once, however much comes behind it."""
    small_blocks(64)
    path.write_text(lines(*((9, f"Heat is {i} degrees") for i in range(50))))
    ended = threading.Event()

    def append() -> None:
        with path.open("a") as file:
            while not ended.is_set():
                file.write(lines((0, "LEAK: later")))
                file.flush()

    writer = threading.Thread(target=append)
    during(monkeypatch, "extents", writer.start)
    log = read(path)
    ended.set()
    writer.join()

    assert degrees(log) == [str(i) for i in reversed(range(50))]
    assert log.count("leak") == 0


@pytest.mark.parametrize("left", [0, 100, 1000])
def test_a_file_that_is_cut_while_it_is_read_ends_the_reading_quietly(
    path: Path, monkeypatch: pytest.MonkeyPatch, small_blocks: Callable[..., None], left: int
) -> None:
    """No endless loop, no crash, nothing twice; what is still there is found."""
    small_blocks(64)
    path.write_text(lines(*((9, f"Heat is {i} degrees") for i in range(1000, 1100))))
    during(monkeypatch, "extents", lambda: os.truncate(path, left))
    seen = look(path)

    if left < 60:
        assert seen.status != "answered"
    else:
        found = degrees(Log(seen))
        assert found == sorted(set(found), reverse=True)
        assert len(found) >= left // 60 - 1


def test_a_line_of_5_mb_does_not_hide_its_neighbours(path: Path) -> None:
    """Found by its beginning, once; those before and behind it too; memory stays a few blocks."""
    huge = f"{stamp(9)} LEAK: Heat is 5 degrees {'x' * 5_000_000}\n"
    path.write_text(lines((30, "Heat is 1 degrees")) + huge + lines((5, "Heat is 9 degrees")))
    tracemalloc.start()
    try:
        log = read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert degrees(log) == ["9", "5", "1"]
    assert log.count("leak") == 1
    assert peak < 20_000_000


def test_a_file_of_one_line_without_end_is_bounded(path: Path) -> None:
    """5 MB and no line break: no time, no log."""
    path.write_bytes(b"x" * 5_000_000)

    assert look(path).status == "malformed"


def test_more_lines_of_a_kind_than_are_kept_are_counted(path: Path) -> None:
    """The newest are kept; where all of them are recent enough, the count is that of all."""
    path.write_text(lines(*((DAY - i, f"Heat is {i} degrees") for i in range(KEPT_LINES + 250))))
    log = read(path)

    assert log.count("heat") == KEPT_LINES + 250
    assert degrees(log) == [str(i) for i in range(KEPT_LINES + 249, 249, -1)]
    assert log.within("heat", 2 * DAY) == KEPT_LINES + 250
    assert log.within("heat", DAY - KEPT_LINES - 150) == pytest.approx(100, abs=FOREVER)


@pytest.fixture
def too_much(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log larger than is read of one: the newest part of it goes back an hour."""
    monkeypatch.setattr(probe, "MOST_BYTES", 3_000_000)
    old = f"{stamp(10 * DAY)} LEAK: old {'x' * 900}\n" * 5_000
    path.write_text(old + lines(*((3600 - i / 2, "x" * 900) for i in range(5_000)), (5, "Heat is 7 degrees")))
    return path


def test_a_log_larger_than_is_read_says_so_where_nothing_was_found(too_much: Path) -> None:
    """Nothing found proves nothing beyond what was read."""
    seen = look(too_much)
    log = Log(seen)

    assert seen.bytes <= 4_000_000
    with pytest.raises(NoData, match=r"^only the last 3 MB were read, which does not reach back 5 d$"):
        log.within("leak", 5 * DAY)
    assert log.within("leak", 60) == 0


def test_a_line_that_was_found_is_a_proof_whatever_was_not_read(too_much: Path) -> None:
    """It is there."""
    assert read(too_much).within("heat", 5 * DAY) == 1


def test_a_start_that_was_found_proves_nothing_of_a_log_that_was_not_read_to_its_beginning(too_much: Path) -> None:
    """The line may be the oldest that was read, and yet not the oldest there is."""
    with too_much.open("a") as file:
        file.write(lines((3, "Boiler started")))

    with pytest.raises(NoData, match="only the last 3 MB were read"):
        read(too_much, since="start").within("leak", 5 * DAY)


def test_a_reading_ends_by_its_deadline(path: Path) -> None:
    """And says why nothing is known."""
    path.write_text(lines(*((9, "LEAK:") for _ in range(1000))))
    seen = look(path, deadline=0.0)

    assert seen.status != "answered"
    assert "could be read in 0" in str(seen.error)


def test_nothing_found_is_only_believed_of_a_log_that_reaches_back_far_enough(path: Path) -> None:
    """A log that begins a minute ago says nothing about the hour."""
    path.write_text(lines((60, "x"), (5, "x")))
    log = read(path)

    assert log.within("leak", 50) == 0
    with pytest.raises(NoData, match=r"^the log begins (1 m|6\d s) ago, which does not reach back 1 h$"):
        log.within("leak", 3600)


def test_lines_are_counted_as_far_back_as_is_asked(path: Path) -> None:
    """Edges included."""
    path.write_text(lines((7200, "LEAK:"), (1800, "LEAK:"), (900, "LEAK:"), (5, "x")))
    log = read(path)

    assert [log.within("leak", seconds) for seconds in (600, 1200, 3600)] == [0, 1, 2]
    assert log.within("leak", 3 * 3600) == 3, "found lines are a proof"


def test_a_log_that_begins_with_the_start_of_its_process_holds_all_there_ever_was(path: Path) -> None:
    """Nothing found in it is believed, however far back is asked: there was nothing before."""
    path.write_text(lines((60, "Boiler started"), (5, "x")))

    assert read(path, since="start").within("leak", DAY) == 0
    with pytest.raises(NoData, match="the log begins"):
        read(path).within("leak", DAY)


def test_a_start_in_the_middle_of_a_log_is_not_its_birth(path: Path) -> None:
    """What stands before it is cut off somewhere."""
    path.write_text(lines((90, "x"), (60, "Boiler started"), (5, "x")))

    with pytest.raises(NoData, match="the log begins"):
        read(path, since="start").within("leak", DAY)


def test_a_log_that_nobody_writes_any_more_is_no_data(path: Path) -> None:
    """By its newest line, not by the time of the file."""
    path.write_text(lines((1000, "x")))
    log = read(path)

    log.written_within(1100)
    with pytest.raises(NoData, match=r"^the newest line of the log is .* old: nobody seems to write it any more$"):
        log.written_within(900)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("Boiler started", "Boiler started"),
        (r"Heat is (?P<n>\d+)", "Heat is "),
        (r"GET /(?P<path>\S*)", "GET /"),
        ("Heat isx?", "Heat is"),
        ("Heat isx*", "Heat is"),
        ("Heat isx{0,3}", "Heat is"),
        ("Heat isx+", "Heat isx"),
        ("Heat (?:is|was) high", "Heat "),
        ("Wärme ist (?P<n>.)", "Wärme ist "),
        ("Heat$", "Heat"),
    ],
)
def test_lines_are_looked_for_by_the_plain_text_their_expression_begins_with(pattern: str, literal: str) -> None:
    """All of it, and nothing that may be missing from a line."""
    assert literal_of(pattern) == literal


@pytest.mark.parametrize(
    "pattern",
    [
        "", "abc", ".*started", r"\d+ degrees", "(Heat|Cold) is", "[Hh]eat is", "^Heat is", "Heat is|Cold is",
        "Heat?ing", "(?i)heat is", r"\bHeat is", "Heat (is)|(was) high", "Heat is high|Cold (is|was) high",
    ],
)  # fmt: skip
def test_an_expression_that_does_not_begin_with_plain_text_is_refused(pattern: str) -> None:
    """Or that another alternative could match without it: lines would be missed in silence."""
    with pytest.raises(ValueError, match="does not begin with plain text that lines could be found by"):
        literal_of(pattern)


def test_an_expression_that_is_none_is_refused() -> None:
    """At the declaration, not in the run."""
    with pytest.raises(re.error):
        literal_of("Heat is (")


def test_bytes_that_are_no_utf_8_cost_neither_their_line_nor_others(path: Path) -> None:
    """They are replaced."""
    path.write_bytes(
        b"\xff\xfe\xff 2026-03-02T09:14:00Z x\n2026-03-02T09:15:00Z Heat is 5 degrees in caf\xe9 LEAK: \xff\n"
        b"2026-03-02T09:15:01Z Heat is 6 degrees\n2026-03-02T09:15:02\xff+00:00 LEAK:\n"
    )
    log = read(path, reach=10**9)

    assert (log.count("leak"), degrees(log)) == (2, ["6", "5"])
    json.dumps(look(path, reach=10**9).as_record()).encode()


def test_a_secret_in_a_line_is_removed(path: Path) -> None:
    """Whoever writes tokens into a log should not have them in the snapshot as well."""
    path.write_text(lines((5, f"User {TOKEN} at work")))
    seen = look(path, kinds={"user": r"User (?P<who>\S+)"})

    assert TOKEN not in json.dumps(seen.as_record())
    assert Log(seen).lines("user")[0].groups == {"who": "[redacted]"}


def test_what_was_read_survives_a_snapshot(path: Path, tmp_path: Path) -> None:
    """Judged again, it says the same."""
    path.write_text(lines((60, "Boiler started"), (40, "Heat is 7 degrees in caf€"), (5, "x")))
    first = look(path, since="start")

    Snapshot(taken=time.time(), observations={"works": {"it": first}}).save(tmp_path / "seen.json")
    copy = Log(Snapshot.load(tmp_path / "seen.json").observations["works"]["it"])

    log = Log(first)
    assert (copy.newest, copy.oldest, copy.at, copy.status) == (log.newest, log.oldest, log.at, log.status)
    for kind in KINDS:
        assert copy.lines(kind) == log.lines(kind)
        assert copy.within(kind, DAY) == log.within(kind, DAY)


class Boiler(System):
    """A system with a log."""

    name = "boiler"
    log: FilePattern
    deadline: Duration = Duration(3)


def test_a_log_is_read_as_its_declaration_and_settings_say(path: Path) -> None:
    """And where it cannot be read, another check is named that explains it."""
    lines_of = LogLines(Boiler, path="log", kinds=KINDS, reach=60, since="start", explained_by="boiler.writes")
    boiler = Boiler(log=FilePattern(path))
    (asked,) = lines_of.requests(boiler)
    seen, _ = asked.make(None, Redactor())
    scene = Scene("works", {"boiler": boiler}, {seen.id: seen})

    assert [asked.id] == lines_of.ids(boiler)
    assert (asked.host, asked.secrets, asked.deadline) == ("", (), 3)
    assert lines_of.where({"boiler": boiler}) == f"log {path}"
    with pytest.raises(NoData, match="there is no file") as nothing:
        lines_of.value(scene)
    assert nothing.value.explained_by == "boiler.writes"
    path.write_text(lines((5, "LEAK:")))
    scene.observations[seen.id], _ = asked.make(None, Redactor())
    assert lines_of.value(scene).count("leak") == 1


def test_an_expression_that_cannot_be_looked_for_is_refused_at_the_declaration() -> None:
    """By its text."""
    with pytest.raises(ValueError, match=r"'\.\*x' does not begin with plain text"):
        LogLines(Boiler, path="log", kinds={"any": ".*x"}, reach=60)
