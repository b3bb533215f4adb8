"""The log folder: what the installation left there, its rhythm, and faults that alter what is written."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.lab_process import LabError, RunningLab, wait_until, whole_lines

pytestmark = pytest.mark.whole

DAY_S = 86400.0
START = "Starting Python Market Service"


def folder(lab: RunningLab) -> Path:
    return Path(lab.variables["LAB_LOGS"])


def lines(path: Path) -> list[str]:
    return whole_lines(path).splitlines()


def moments(path: Path, text: str) -> list[float]:
    return [datetime.fromisoformat(line.split()[0]).timestamp() for line in lines(path) if text in line]


def ages(lab: RunningLab, pattern: str) -> dict[str, float]:
    return {path.name: (time.time() - path.stat().st_mtime) / DAY_S for path in folder(lab).glob(pattern)}


@pytest.mark.parametrize(("pattern", "oldest"), [("market.log.*", 7.5), ("summary-*.log", 30.5), ("sse.log.*", 30.5)])
def test_rotated_logs_reach_back_one_file_a_day_whatever_time_it_is(
    lab: RunningLab, pattern: str, oldest: float
) -> None:
    found = ages(lab, pattern)
    assert sorted(found.values()) == pytest.approx([0.5 + back for back in range(int(oldest + 0.5))], abs=0.05)
    days = sorted(re.findall(r"\d{4}-\d\d-\d\d", " ".join(found)))
    start = datetime.fromisoformat(days[0]).date()
    assert days == [(start + timedelta(days=number)).isoformat() for number in range(len(days))]
    assert days[-1] <= datetime.now(UTC).date().isoformat()
    for path, day in zip(sorted(folder(lab).glob(pattern)), days, strict=True):
        written = lines(path)
        assert len(written) >= 24
        assert written == sorted(written)
        assert written[-1][:10] == day
        assert {line.split()[1] for line in written} == {"INFO"}
        assert datetime.fromisoformat(written[-1].split()[0]).timestamp() == pytest.approx(path.stat().st_mtime, abs=2)


def test_the_installation_writes_logs_for_forty_days(lab: RunningLab) -> None:
    installed = datetime.fromisoformat(lab.variables["LAB_INSTALLED"]).replace(tzinfo=UTC)
    assert 40 <= (datetime.now(UTC) - installed).days <= 41


@pytest.mark.parametrize(("kind", "pattern"), [("detail", "market.log.*"), ("summary", "summary-*.log")])
def test_old_logs_can_be_removed_and_come_back_with_their_times(lab: RunningLab, kind: str, pattern: str) -> None:
    def times() -> dict[str, float]:
        return {path.name: path.stat().st_mtime for path in folder(lab).iterdir() if path.suffix != ".err"}

    def archived() -> dict[str, float]:
        current = {name for name in times() if name.endswith(".log") and not name.startswith("summary")}
        return {name: moment for name, moment in times().items() if name not in current}

    before = archived()
    handle = lab.fault("F.file.age", dir="market_log_dir", **{"class": kind}, remove_older_than_days=3)
    assert max(ages(lab, pattern).values()) < 3
    others = {name for name in before if not (folder(lab) / name).match(pattern)}
    assert others <= set(archived())
    lab.heal(handle)
    assert archived() == before


def test_the_log_can_grow_and_shrink_again_without_losing_a_line(lab: RunningLab) -> None:
    path = lab.log("market")
    before = lines(path)
    handle = lab.fault("F.file.grow", dir="market_log_dir", mb=600, sparse=True)
    size = path.stat().st_size
    assert 600 * 2**20 <= size < 601 * 2**20
    assert path.stat().st_blocks * 512 < 2**20

    def end() -> list[str]:
        with path.open("rb") as file:
            file.seek(size - 4 * 2**20)
            return file.read().rpartition(b"\0")[2].decode().splitlines()[1:]

    assert end()[: len(before)] == before
    wait_until(lambda: len(end()) > len(before) + 2, 10, "the service goes on writing at the end")
    grown = end()
    lab.heal(handle)
    assert lines(path)[: len(grown)] == grown
    with pytest.raises(LabError, match=r"422.*only sparse=true"):
        lab.fault("F.file.grow", mb=600, sparse=False)


def test_health_checks_keep_their_rhythm(lab: RunningLab) -> None:
    first = time.time()

    def checks() -> list[float]:
        return [moment for moment in moments(lab.log("market"), "Health Check") if moment > first]

    wait_until(lambda: len(checks()) > 2, 20, "three health checks")
    found = checks()
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert max(gaps) < 5.5
    assert found[-1] - found[0] == pytest.approx(5 * len(gaps), abs=0.3)


@pytest.mark.parametrize("kind", ["binary", "json"])
def test_each_listener_says_every_second_that_it_is_stable(lab: RunningLab, kind: str) -> None:
    first = time.time()

    def said() -> list[float]:
        return [moment for moment in moments(lab.log("market"), f"listener.{kind} - ") if moment > first]

    wait_until(lambda: len(said()) > 3, 10, "four times")
    assert max(later - earlier for earlier, later in pairwise(said())) < 1.5


def ask(lab: RunningLab, name: str) -> None:
    headers = {"Authorization": f"Bearer {lab.variables['LAB_ADMIN_TOKEN']}", "X-Request-Id": name}
    lab.send("GET", f"{lab.url('gateway')}/api/python-health", headers)


def test_after_healing_the_log_is_as_if_nothing_had_been(lab: RunningLab) -> None:
    path = lab.log("gateway")
    ask(lab, "one")
    before = lines(path)
    faults = [
        lab.fault("F.log.mute", log="gateway_log", pattern="req=t"),
        lab.fault("F.log.rewrite", log="gateway_log", pattern="role=admin", **{"with": "role=user"}),
        lab.fault("F.log.emit", log="gateway_log", line="GET /planted 200 1.0 ms", times=3),
    ]
    for name in ("two", "other", "three"):
        ask(lab, name)
    altered = "\n".join(lines(path))
    assert "req=other" in altered
    assert "role=admin" not in altered
    assert altered.count("/planted") == 3
    assert "req=two" not in altered
    for handle in (faults[1], faults[2], faults[0]):  # not in the order in which they came
        lab.heal(handle)
    after = lines(path)
    assert after[: len(before)] == before
    named = [line.split("req=")[1] for line in after[len(before) :] if "req=" in line and "req=-" not in line]
    assert named == ["two role=admin", "other role=admin", "three role=admin"]
    assert "/planted" not in "\n".join(after)


def test_a_text_that_was_there_before_is_not_rewritten_by_healing(lab: RunningLab) -> None:
    path = lab.log("market")
    before = [line for line in lines(path) if "listener" in line]
    lab.heal(lab.fault("F.log.rewrite", log="market_log", pattern="JSON", **{"with": "market"}))
    assert [line for line in lines(path) if "listener" in line][: len(before)] == before


def test_whoever_reads_while_lines_change_finds_a_whole_file(lab: RunningLab) -> None:
    path = lab.log("market")
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            with path.open(encoding="utf-8") as file:
                found = file.read()
            if START not in found.partition("\n")[0] or "Startup complete" not in found:
                wrong.append(found)

    with path.open(encoding="utf-8") as held:
        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(10):
            lab.heal(lab.fault("F.log.mute", log="market_log", pattern="connection stable"))
        done.set()
        reader.join()
        assert "Startup complete" in held.read()
    assert wrong == []


def test_faults_on_a_log_end_with_the_process_that_writes_it(lab: RunningLab) -> None:
    lab.fault("F.log.mute", log="market_log", pattern="Memory usage")
    lab.fault("F.file.grow", mb=600)
    assert lab.terminate("market")["exit_code"] == 0
    written = lines(lab.log("market"))
    assert sum("Memory usage" in line for line in written) == sum(START in line for line in written)
    assert lab.log("market").stat().st_size < 2**20
