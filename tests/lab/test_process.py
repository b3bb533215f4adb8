"""The lab as a process: its one line, its end, its children, its command line."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from lab.prometheus import PROCESS, binary
from lab.settings import SERVERS, SERVICES
from tests.lab_process import REPOSITORY, RunningLab, wait_until

VARIABLES = {
    "LAB_GATEWAY_URL",
    "LAB_MARKET_URL",
    "LAB_MARKET_OUTSIDE",
    "LAB_STREAM_URL",
    "LAB_FEED_BINARY_URL",
    "LAB_FEED_JSON_URL",
    "LAB_REDIS_NODE_1",
    "LAB_REDIS_NODE_2",
    "LAB_REDIS_NODE_3",
    "LAB_SUPERADMIN_TOKEN",
    "LAB_ADMIN_TOKEN",
    "LAB_USER_TOKEN",
    "LAB_EXPIRED_TOKEN",
    "LAB_CONTROL_URL",
    "LAB_KEY",
    "LAB_LOGS",
    "LAB_WSMANAGER_URL",
    "LAB_WSMANAGER_STAGING_URL",
    "LAB_WSMANAGER_STREAM_URL",
    "LAB_WSMANAGER_PUBLIC_URL",
    "LAB_WSMANAGER_PLAIN_URL",
    "LAB_WSMANAGER_CA",
    "LAB_WSMANAGER_OUTSIDE",
    "LAB_CANARY_URL",
    "LAB_PROMETHEUS_URL",
    "LAB_SSE_URL",
    "LAB_SSE_STREAM_URL",
    "LAB_SSE_REDIS",
    "LAB_SSE_LOG",
    "LAB_CLOUDWATCH_URL",
    "LAB_APP",
    "LAB_INSTALLED",
    "LAB_SEED",
    "LAB_PID",
}


def command(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m lab …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *words],
        cwd=REPOSITORY,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_line_holds_every_variable_as_text(running_lab: RunningLab) -> None:
    assert set(running_lab.variables) == VARIABLES
    assert all(isinstance(value, str) and value for value in running_lab.variables.values())
    assert running_lab.variables["LAB_SEED"] == "7"


def test_only_loopback_is_listened_on(running_lab: RunningLab) -> None:
    supervisor = psutil.Process(running_lab.pid)
    listening = [
        connection.laddr.ip
        for process in supervisor.children(recursive=True)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 16
    assert set(listening) == {"127.0.0.1"}


def test_an_idle_lab_leaves_most_of_a_core_alone(running_lab: RunningLab) -> None:
    processes = [psutil.Process(row["pid"]) for row in running_lab.processes().values() if row["pid"]]

    def spent() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    before, writes = spent(), _writes(running_lab)
    wait_until(lambda: _writes(running_lab) > writes + 450, 20, "three seconds of prices")
    assert spent() - before < 1.5


def _writes(lab: RunningLab) -> int:
    return int(lab.get("market", "/api/debug/websocket-to-redis")[1]["redis_status"]["writes_total"])


def test_closing_standard_input_stops_everything_and_leaves_nothing_behind() -> None:
    with RunningLab() as lab:
        children = psutil.Process(lab.pid).children(recursive=True)
        directory = Path(lab.variables["LAB_LOGS"]).parent
        assert directory.stat().st_mode & 0o077 == 0
        took = lab.stop()
        assert lab.process is not None
        assert lab.process.returncode == 0
        assert took < 3
        assert [child for child in children if child.is_running()] == []
        assert not directory.exists()


@pytest.mark.whole
def test_children_die_with_a_parent_killed_with_9_and_the_next_start_sweeps_up(tmp_path: Path) -> None:
    own = {"TMPDIR": str(tmp_path)}  # any other lab that starts meanwhile would sweep up as well
    with RunningLab(environment=own) as lab:
        children = psutil.Process(lab.pid).children(recursive=True)
        assert len(children) == len(SERVERS) + len(SERVICES) + len(["control"]) + len([PROCESS] if binary() else [])
        os.kill(lab.pid, signal.SIGKILL)
        wait_until(lambda: not [one for one in children if one.is_running()], 5, "all children are dead")
        directory = Path(lab.variables["LAB_LOGS"]).parent
        assert directory.exists()
        options = ("--fault", "F.mkt.pool:max_connections=20,active=17", "--time-scale", "30")
        with RunningLab(*options, environment=own) as second:
            assert not directory.exists()
            assert second.control("GET", "/__lab/state")["faults"][0]["id"] == "F.mkt.pool"
            pool = second.get("market", "/api/debug/redis-cluster")[1]["connection_pool"]
            assert pool["utilization_percent"] == 85
            os.kill(second.pid, signal.SIGTERM)
            assert second.process is not None
            assert second.process.wait(5) == 0


@contextmanager
def lab_in_the_foreground(temporary: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run `python -m lab` as somebody at a terminal would."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab"],
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(temporary), "LAB_FAULTS": "F.mkt.conn_test:fail=1;F.mkt.no_warmup"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdout:
            process.stdout.close()


@pytest.mark.whole
def test_a_lab_in_the_foreground_can_be_broken_attached_to_and_mended() -> None:
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        with lab_in_the_foreground(temporary) as process:
            assert process.stdout is not None
            shown = "".join(iter(process.stdout.readline, "All faults:  python -m lab faults\n"))
            assert "gateway" in shown
            assert "pytest checks --env lab" in shown
            state = next(temporary.glob("healthgate-lab-*.json"))
            assert state.stat().st_mode & 0o777 == 0o600

            with RunningLab("--attach", environment={"TMPDIR": name}) as attached:
                assert attached.pid == process.pid
                faults = attached.control("GET", "/__lab/state")["faults"]
                assert [fault["id"] for fault in faults] == ["F.mkt.conn_test", "F.mkt.no_warmup"]
            assert process.poll() is None

            answer = command("fault", "F.mkt.listener_flag:is_running=false", TMPDIR=name)
            assert answer.returncode == 0
            handle = answer.stdout.split()[-1]
            wrong = command("heal", "f-99", TMPDIR=name)
            assert (wrong.returncode, handle in wrong.stderr) == (4, True)
            assert command("heal", handle, TMPDIR=name).returncode == 0
            assert command("heal", TMPDIR=name).returncode == 0
            second = command(TMPDIR=name)
            assert (second.returncode, "already running" in second.stderr) == (4, True)
        assert list(temporary.iterdir()) == []


@pytest.mark.whole
def test_attaching_without_a_running_lab_starts_one() -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        RunningLab("--attach", environment={"TMPDIR": name}) as lab,
    ):
        assert lab.process is not None
        assert lab.pid == lab.process.pid
        assert lab.is_healthy()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fault", "F.mkt.pol"], "F.mkt.pol is not a fault; did you mean F.mkt.pool? It accepts max_connections"),
        (
            ["--fault", "F.mkt.pool:max_conections=3"],
            "max_conections is not a parameter; did you mean max_connections?",
        ),
        (["--fault", "F.redis.kill"], "F.redis.kill: node is missing. It accepts node (redis-node-1 |"),
        (["--fault", "F.mkt.feed:op=stop_symbols,symbols=EURUDS"], "EURUDS is not one, EURUSD is"),
        (["fault", "F.mkt.pool"], "no lab is running; start one with: python -m lab"),
    ],
)
def test_wrong_use_is_one_clear_message_and_exit_code_4(words: list[str], message: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        answer = command(*words, TMPDIR=name)
    assert answer.returncode == 4
    assert answer.stdout == ""
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_taken_ports_are_named(running_lab: RunningLab) -> None:
    base = running_lab.variables["LAB_GATEWAY_URL"].rpartition(":")[2]
    answer = command("--port-base", base)
    assert (answer.returncode, answer.stdout) == (4, "")
    assert f"ports {base} to " in answer.stderr


def test_faults_are_listed_with_their_parameters() -> None:
    listed = command("faults").stdout
    assert "F.mkt.pool  (behaviour)" in listed
    assert "- max_connections: size of the pool, connections [whole number 1..500; default 50]" in listed


@pytest.mark.whole
def test_variables_are_valid_json_on_exactly_one_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lab", "--json"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        line = process.stdout.readline()
        process.stdin.close()
        rest = process.stdout.read()
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert set(json.loads(line)) == VARIABLES
    assert rest == ""
