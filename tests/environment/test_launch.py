"""A profile may start its target, which is gone again when the run is over, however it ends."""

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from healthgate.environment import launch
from healthgate.environment.launch import LaunchError, launched
from tests.parts.processes import is_gone, until_gone
from tests.parts.project import Project
from tests.parts.target import Target

TARGET = '''\
"""A target: notes that it started, prints its variables, and stays until it is told to go."""

import json
import os
import sys
from pathlib import Path

with Path("started").open("a") as started:
    started.write(f"{os.getpid()}\\n")
print(json.dumps({"BOILER_URL": sys.argv[1], "BOILER_TOKEN": "printed-token-0123456789"}), flush=True)
sys.stdin.read()
'''
STUBBORN = TARGET.replace("import json", "import json\nimport signal").replace(
    "print(", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint("
)


@pytest.fixture
def works(bare_project: Project, target: Target) -> Project:
    """An environment that starts its own target."""
    bare_project.write("target.py", TARGET)
    bare_project.environment(
        "works", launch=f"python target.py {target.url}", boiler={"url": "${BOILER_URL}", "token": "${BOILER_TOKEN}"}
    )
    return bare_project


def starts(works: Project) -> list[int]:
    """Return the process id of every start of the target."""
    file = works.root / "started"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_a_target_is_started_once_filled_in_and_stopped(
    works: Project, target: Target, arguments: tuple[str, ...]
) -> None:
    """What it prints fills the profile; its token is sent and shown nowhere."""
    target.answers["/private"] = lambda handler: handler.reply(
        200, {"number": 1, "you": handler.headers["Authorization"]}
    )

    outcome = works.check(*arguments, "--snapshot-out", "seen.json")

    assert outcome.code == 0, outcome.text
    assert len(outcome.states) == 5
    (process,) = starts(works)
    assert is_gone(process)
    assert any(headers.get("Authorization") == "Bearer printed-token-0123456789" for headers in target.headers)
    assert "printed-token" not in outcome.text + (works.root / "seen.json").read_text()


def test_a_target_is_not_started_where_nothing_is_asked(works: Project) -> None:
    """Collecting, replaying, selecting nothing or another environment."""
    assert works.check("--snapshot-out", "seen.json").code == 0
    works.environment("depot", boiler="absent")
    (works.root / "started").unlink()

    assert works.check("--collect-only").code == 0
    assert works.check("--snapshot-in", "seen.json").code == 0
    assert works.check("-k", "nothing_is_called_so").code == 5
    assert works.check("--no-such-option").code == 4

    assert starts(works) == []


@pytest.mark.parametrize(
    ("sign", "program"),
    [(signal.SIGINT, TARGET), (signal.SIGTERM, TARGET), (signal.SIGTERM, STUBBORN)],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM, stubborn target"],
)
def test_an_interrupted_run_stops_its_target(
    works: Project, target: Target, sign: signal.Signals, program: str
) -> None:
    """While it is being observed; also a target that takes no notice of SIGTERM."""
    works.write("target.py", program)
    works.write("conftest.py", "from healthgate.environment import launch\n\nlaunch.STOPPED_WITHIN = 0.5\n")
    asked, done = threading.Event(), threading.Event()

    def hang(_: Any) -> None:
        asked.set()
        done.wait()

    target.answers["/fuel"] = hang
    run = works.fork("checks", "--env", "works")
    assert asked.wait(60)

    run.send_signal(sign)
    outcome = works.ended(run)
    done.set()

    assert outcome.code == 2, outcome.text
    (process,) = starts(works)
    assert is_gone(process)


def test_a_run_that_is_killed_leaves_no_target_behind(works: Project, target: Target) -> None:
    """Nobody is left to stop it: it notices that its standard input has ended."""
    asked, done = threading.Event(), threading.Event()

    def hang(_: Any) -> None:
        asked.set()
        done.wait()

    target.answers["/fuel"] = hang
    run = works.start("checks", "--env", "works")
    assert asked.wait(60)

    run.kill()
    works.ended(run)
    done.set()

    (process,) = starts(works)
    until_gone(process)


SILENT = {
    "prints nothing": ("import sys; sys.exit(3)", "ended with exit code 3 before it printed its line of JSON"),
    "prints garbage": ("print('hello'); input()", "printed 'hello'; expected one JSON object of texts"),
    "prints a list": ("print('[1, 2]'); input()", "printed JSON that is no object; expected one JSON object of texts"),
    "prints numbers": (
        'print(\'{"TOKEN": "in-the-clear", "PORT": 7}\'); input()',
        "printed PORT with a value that is no text",
    ),
    "prints half a line": (
        "import sys; print('{', end='')",
        "ended with exit code 0 before it printed its line of JSON",
    ),
    "prints bytes": ("import sys; sys.stdout.buffer.write(b'\\xff\\x1b[31m\\n')", "expected one JSON object of texts"),
    "prints nesting": ("print('[' * 100000); input()", "expected one JSON object of texts"),
}
USELESS = {
    "prints garbage": SILENT["prints garbage"],
    "prints numbers": SILENT["prints numbers"],
    "prints too little": (
        "print('{}'); input()",
        "boiler.url needs the environment variable BOILER_URL, which is not set",
    ),
    "fills in nonsense": (
        'print(\'{"BOILER_URL": "nonsense", "BOILER_TOKEN": "012345678"}\'); input()',
        "expected an address such as",
    ),
}
"""What a run is ended by; how else a target may fail to come up ends it in the same way."""


@pytest.mark.parametrize("how", SILENT)
def test_a_target_that_does_not_come_up_is_told_in_one_harmless_line(tmp_path: Path, how: str) -> None:
    program, words = SILENT[how]
    (tmp_path / "target.py").write_text(program)

    with pytest.raises(LaunchError) as raised, launched("python target.py", tmp_path):
        pass

    said = str(raised.value)
    assert said.count(words) == 1
    assert "in-the-clear" not in said
    assert said.isprintable()


@pytest.mark.parametrize("how", USELESS)
def test_a_target_that_is_of_no_use_ends_the_run(works: Project, target: Target, how: str) -> None:
    """Exit 4 and one message; nothing is asked."""
    program, words = USELESS[how]
    works.write("target.py", program)

    outcome = works.check()

    assert outcome.code == 4, outcome.text
    assert outcome.text.count(words) == 1, outcome.text
    assert outcome.text.count("ERROR") == 1
    assert "no result" not in outcome.text
    assert "in-the-clear" not in outcome.text
    assert "\x1b" not in outcome.text
    assert not target.asked


def test_a_target_that_does_not_come_up_ends_a_run_with_workers_too(works: Project, target: Target) -> None:
    """The same code and the message once."""
    works.write("target.py", SILENT["prints garbage"][0])

    outcome = works.check("-n", "2")

    assert outcome.code == 4, outcome.text
    assert outcome.text.count("printed 'hello'; expected one JSON object of texts") == 1
    assert "no result" not in outcome.text
    assert not target.asked


def test_a_command_that_does_not_exist_ends_the_run(works: Project) -> None:
    """With its name."""
    works.environment("works", launch="no-such-command --now", boiler={"url": "${BOILER_URL}"})

    outcome = works.check()

    assert outcome.code == 4
    assert "launch: 'no-such-command --now' cannot be started" in outcome.text


def test_a_target_that_says_nothing_is_given_up_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time it has to come up."""
    monkeypatch.setattr(launch, "READY_WITHIN", 0.5)
    (tmp_path / "target.py").write_text(TARGET.replace("print(", "repr(").replace(", flush=True", ""))

    expected = r"printed no line within 0\.5 s; expected one line of JSON"
    with pytest.raises(LaunchError, match=expected), launched("python target.py x", tmp_path):
        pass

    assert is_gone(int((tmp_path / "started").read_text()))


def test_a_target_that_ignores_being_asked_is_made_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything it has started."""
    monkeypatch.setattr(launch, "STOPPED_WITHIN", 0.3)
    child = "import subprocess\nchild = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
    note = "Path('child').write_text(str(child.pid))\n"
    (tmp_path / "target.py").write_text(
        STUBBORN.replace("print(", child + note + "print(").replace("sys.stdin.read()", "while True: signal.pause()")
    )

    with launched("python target.py x", tmp_path) as variables:
        assert variables["BOILER_URL"] == "x"

    assert is_gone(int((tmp_path / "started").read_text()))
    until_gone(int((tmp_path / "child").read_text()))


def test_what_a_target_leaves_behind_is_stopped_as_well(tmp_path: Path) -> None:
    """A target that goes when asked, but whose child takes no notice."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    child = f"import subprocess\nchild = subprocess.Popen([sys.executable, '-c', {deaf!r}], stdout=subprocess.PIPE)\n"
    note = "child.stdout.readline()\nPath('child').write_text(str(child.pid))\n"
    (tmp_path / "target.py").write_text(TARGET.replace("print(", child + note + "print("))

    with launched("python target.py x", tmp_path):
        assert not is_gone(int((tmp_path / "child").read_text()))

    assert is_gone(int((tmp_path / "started").read_text()))
    until_gone(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("after", ["\\n", "\\nand more", "\\n" + "more\\n" * 3])
def test_the_line_is_what_comes_before_the_first_line_break(tmp_path: Path, after: str) -> None:
    """Whatever was written together with it."""
    written = f'import sys\nsys.stdout.write(\'{{"A": "1"}}{after}\')\nsys.stdout.flush()\nsys.stdin.read()\n'
    (tmp_path / "target.py").write_text(written)
    with launched("python target.py", tmp_path) as variables:
        assert variables == {"A": "1"}


def test_a_target_s_chatter_after_its_line_does_not_stop_it(works: Project, target: Target) -> None:
    """More output than a pipe holds must not make it hang while it is observed."""
    chatter = "\nsys.stdout.write('x' * 1_000_000)\nsys.stdout.flush()\nPath('done').touch()\n"
    works.write("target.py", TARGET.replace("\nsys.stdin.read()", chatter + "sys.stdin.read()"))
    chattered = works.root / "done"

    def answer(handler: Any) -> None:
        waited = threading.Event()
        for _ in range(1_000):
            if chattered.exists():
                break
            waited.wait(0.01)
        handler.reply(200, {"tank": {"level": 70 if chattered.exists() else 0}})

    target.answers["/fuel"] = answer
    works.environment(
        "works", launch=f"python target.py {target.url}", boiler={"url": "${BOILER_URL}", "deadline": "30s"}
    )

    outcome = works.check("-k", "fuel")

    assert outcome.code == 0, outcome.text
