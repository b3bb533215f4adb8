"""A server that nobody here wrote, and the small project beside this file that watches it as its users would."""

import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.attempts import ATTEMPTS
from tests.parts.project import Project
from tests.parts.target import Target, closed_port

HERE = Path(__file__).parent
PATIENCE = 60
"""Seconds anything may take on a loaded machine."""


def until(true: Callable[[], Any], what: Callable[[], str]) -> Any:
    """Wait until something holds and return it; `what` says what there is instead."""
    ends = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < ends, what()
        time.sleep(0.02)
    return found


def asked(url: str, body: bytes | None = None, method: str | None = None, content_type: str = "") -> tuple[int, str]:
    """Return code and text of an answer; 0 where there is none."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type or "text/plain"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode(errors="replace")
    except OSError:
        return 0, ""


class Server:
    """A server in a folder of its own, which ends with the block it is in, whatever became of that.

    `command` returns for a port what starts it there, in the foreground. It is ready when it takes connections, or,
    where `ready` is a path, when that answers 200 or 204.
    """

    def __init__(self, folder: Path, command: Callable[[int], Sequence[str]], ready: str = "") -> None:
        self.folder = folder
        self.port = closed_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self._command = [str(word) for word in command(self.port)]
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it is ready; what had its port for a moment is waited for."""
        for _ in range(ATTEMPTS["a start"]):
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            try:
                until(lambda: self._is_ready() or self._has_ended(), self.said)
            except BaseException:
                self.kill()
                raise
            if not self._has_ended():
                return
        raise AssertionError(f"it ended at each of {ATTEMPTS['a start']} starts: {self.said()}")

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _is_ready(self) -> bool:
        if self._ready:
            return asked(self.url + self._ready)[0] in {200, 204}
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False

    def said(self) -> str:
        """Return the end of what it has written."""
        return self.log.read_text(errors="replace")[-2000:]

    def reload(self) -> None:
        """Have it read its configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it as nothing can prevent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Have it dead within the block, and back afterwards."""
        self.kill()
        try:
            yield
        finally:
            self.start()


class Application:
    """What stands behind a proxy: a server that answers /state, and may be gone for a while."""

    def __init__(self) -> None:
        self._target = Target()
        self.port = self._target.port
        self._serve()

    def _serve(self) -> None:
        self._target.answers["/state"] = {"open": True}

    def close(self) -> None:
        """End it."""
        self._target.close()

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Have it dead within the block, and back afterwards."""
        self._target.close()
        try:
            yield
        finally:
            self._target = Target(self.port)
            self._serve()


@dataclass(frozen=True)
class Look:
    """What one run of a project said: its exit code, and state and reason of every check, by id."""

    code: int
    said: dict[str, str]
    text: str

    @property
    def ill(self) -> dict[str, str]:
        """State and reason of every check that is not ok, by id."""
        return {name: words for name, words in self.said.items() if not words.startswith("ok: ")}

    @property
    def roots(self) -> dict[str, str]:
        """State and reason of every check that is ill by itself, by id."""
        return {name: words for name, words in self.ill.items() if not words.startswith("blocked: ")}

    @property
    def blocked_by(self) -> set[str]:
        """What blocks those that are not ill by themselves, with its state."""
        return {words.partition(" by ")[2] for name, words in self.ill.items() if name not in self.roots}

    @property
    def all_is_well(self) -> bool:
        """Whether the run was green, and every check of the project ok."""
        return self.code == 0 and bool(self.said) and not self.ill

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.text}"


class Watch(Project):
    """The project `name` of this folder, copied, and the variables its profile is filled from."""

    def __init__(self, name: str, folder: Path, variables: Mapping[str, object]) -> None:
        self.root = folder / name
        self.filled = {key: str(value) for key, value in variables.items()}
        shutil.copytree(HERE / name, self.root, ignore=shutil.ignore_patterns("__pycache__", "reports"))

    def look(self, *arguments: str, **variables: str) -> Look:
        """Run all its checks, in a third of a second and what they take."""
        words = ("--sample", "300ms", *arguments)
        variables = {**self.filled, "PYTHONDONTWRITEBYTECODE": "", **variables}  # it is run often as it is
        run = self.check(*words, env="production", **variables)
        checks = run.results["checks"] if run.results_file.exists() else []
        return Look(run.code, {check["id"]: f"{check['state']}: {check['reason']}" for check in checks}, run.text)
