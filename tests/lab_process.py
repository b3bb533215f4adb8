"""A reference lab running as its own process, as tests see it: over its sockets only."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

REPOSITORY = Path(__file__).resolve().parent.parent
START_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
CALL_TIMEOUT_S = 30.0
PRIORITY = -5
STARVED_S = 0.25
"""Seconds that one of the lab's processes has waited for a processor while it was looked at, above which what was seen
says nothing about it: on two idle cores it is a fifth of that at most."""
MOST_PATIENCE = 2.0
"""How many times as long as it takes a lab that is not starved a starved one is waited for at most."""
T = TypeVar("T")


class LabError(RuntimeError):
    """The lab did not start, or its control plane could not do what it was asked."""


class RefusedError(LabError):
    """The control plane says that what it was asked cannot be done."""


def prefer(pid: int, niceness: int) -> None:
    """Let a process, and those it starts, go before others or after them, where that may be asked for.

    Linux may share processors between sessions first, and only then between the processes of each.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness))


class RunningLab:
    """Runs `python -m lab --json` for the length of a `with` block, and talks to its control plane."""

    def __init__(self, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.variables: dict[str, str] = {}
        self.options = options
        self.environment = dict(environment or {})
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab", "--json", *self.options],
            cwd=REPOSITORY,
            env=os.environ | self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        # It goes before what waits for it, where that may be asked for: a starved lab is ill, and waited for.
        prefer(self.process.pid, PRIORITY)
        # The lab gives up by itself well before this; a hanging one must not hang the tests.
        watchdog = _Watchdog(self.process, START_WITHIN_S)
        with watchdog:
            line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            _, errors = self.process.communicate()
            raise LabError(f"the lab did not start (exit {self.process.returncode}): {errors.strip()}")
        self.variables = json.loads(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> float:
        """Close the lab's standard input, as a parent that ends does; returns the seconds it took to stop."""
        process = self.process
        if process is None:
            return 0.0
        started = time.monotonic()
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        return time.monotonic() - started

    @property
    def pid(self) -> int:
        """Process id of the lab's supervisor."""
        return int(self.variables["LAB_PID"])

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the control plane; returns its JSON answer (None when empty).

        Raises RefusedError where it cannot do what it is asked, LabError where it fails to.
        """
        status, answer = self.send(
            method,
            self.variables["LAB_CONTROL_URL"] + path,
            headers={"X-Lab-Key": self.variables["LAB_KEY"]},
            body=body,
        )
        if status in {404, 409, 422}:
            raise RefusedError(f"{method} {path} -> {status}: {answer}")
        if status >= 400 or isinstance(answer, str):  # what is no JSON was cut off
            raise LabError(f"{method} {path} -> {status}: {answer}")
        return answer

    def fault(self, fault_id: str, /, **params: Any) -> str:
        """Cause a fault; returns its handle."""
        return str(self.control("POST", "/__lab/faults", {"id": fault_id, "params": params})["handle"])

    def heal(self, handle: str) -> None:
        """Lift one fault."""
        self.control("DELETE", f"/__lab/faults/{handle}")

    def reset(self) -> None:
        """Lift every fault, restart dead processes, fix the cluster."""
        self.control("POST", "/__lab/reset")

    def terminate(self, process: str) -> dict[str, Any]:
        """End a service with SIGTERM and start it again; returns elapsed_s, exit_code and left_connections."""
        ending: dict[str, Any] = self.control("POST", f"/__lab/processes/{process}/terminate")
        return ending

    def processes(self) -> dict[str, dict[str, Any]]:
        """Row of the process table by name of the process."""
        return {row["name"]: row for row in self.control("GET", "/__lab/processes")}

    def token(self, role: str, ttl_s: int) -> str:
        """Mint a token for `role` that expires in `ttl_s` seconds."""
        body = {"role": role, "ttl_s": ttl_s}
        return str(self.send("POST", f"{self.url('gateway')}/api/auth/token", body=body)[1]["token"])

    def logged(self, service: str) -> str:
        """Return the whole lines of a log."""
        return whole_lines(self.log(service))

    def log(self, service: str) -> Path:
        """Path of the log of `market`, `gateway`, `ingress`, `app` (WebSocket manager) or `sse` (event streams)."""
        return Path(self.variables["LAB_LOGS"]) / f"{service}.log"

    def requests(self) -> dict[str, Any]:
        """Requests counted per service and route, from outside callers only; see also `internal`."""
        counted: dict[str, Any] = self.control("GET", "/__lab/requests")
        return counted

    def reset_requests(self) -> None:
        """Start counting requests anew."""
        self.control("POST", "/__lab/requests/reset")

    def is_healthy(self) -> bool:
        """Whether the lab itself finds everything up: fresh, connected, summary healthy."""
        return bool(self.control("GET", "/__lab/state")["healthy"])

    def is_up(self, part: str) -> bool:
        """Whether a part of the lab is up: `market` (with the gateway), `wsmanager`, `sse`, `prometheus`."""
        return bool(self.control("GET", f"/__lab/up/{part}")["up"])

    def url(self, service: str) -> str:
        """Base URL of a service or of `control`."""
        return self.variables[f"LAB_{service.upper()}_URL"]

    def get(self, service: str, path: str, role: str | None = None) -> tuple[int, Any]:
        """GET a route with the token of `role` (user, admin, superadmin, expired); returns status and JSON."""
        headers = {"Authorization": f"Bearer {self.variables[f'LAB_{role.upper()}_TOKEN']}"} if role else {}
        return self.send("GET", self.url(service) + path, headers=headers)

    @staticmethod
    def send(method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, Any]:
        """Send a request without following redirects; returns status and JSON (text when it is not JSON)."""
        request = urllib.request.Request(
            url,
            method=method,
            headers=dict(headers or {}),
            data=None if body is None else json.dumps(body).encode(),
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        try:
            with opener.open(request, timeout=CALL_TIMEOUT_S) as answer:
                status, raw = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, raw = error.code, error.read()
        try:
            return status, json.loads(raw) if raw else None
        except ValueError:
            return status, raw.decode("utf-8", "replace")


def whole_lines(path: Path) -> str:
    """Return what a file holds but for a last line that is still being written."""
    text = path.read_text("utf-8", "replace")
    return text[: text.rfind("\n") + 1]


class Starvation:
    """How long the processes of a lab waited for a processor since this was made, or last asked."""

    def __init__(self, lab: RunningLab) -> None:
        self._lab = lab
        self._asked, self._before = time.monotonic(), lab.processes()

    def lately(self) -> str:
        """Say in words which one waited too long since this was last asked; empty if none did."""
        asked, before = self._asked, self._before
        self._asked, self._before = time.monotonic(), self._lab.processes()
        waits = {name: _waited_s(before.get(name, row), row, self._asked - asked) for name, row in self._before.items()}
        name, waited = max(waits.items(), key=lambda one: one[1])
        return f"{name} waited {waited:.1f} s for a processor" if waited > STARVED_S else ""


def _waited_s(before: dict[str, Any], after: dict[str, Any], between_s: float) -> float:
    """Seconds a process waited between two looks at its row; a wait that goes on is not counted by the system yet."""
    if before["pid"] != after["pid"]:
        return float(after["waited_s"])
    if before["is_ready"] and after["is_ready"] and before["ran_s"] == after["ran_s"]:
        return between_s
    return float(after["waited_s"] - before["waited_s"])


class Patience:
    """Seconds that pass while a lab is not starved; where it is, `MOST_PATIENCE` times as many by the clock."""

    def __init__(self, lab: RunningLab, within_s: float) -> None:
        self.within_s = within_s
        self.passed_s = 0.0
        self._starvation = Starvation(lab)
        self._began = self._asked = time.monotonic()

    def is_over(self) -> bool:
        """Count what has passed since it was last counted; whether there is none left."""
        moment = time.monotonic()
        lasted_s = moment - self._asked
        if lasted_s < 2 * STARVED_S and self.passed_s + lasted_s <= self.within_s:
            return False  # nobody can have waited for long in so short a time: it is counted with what follows
        if not self._starvation.lately() or moment - self._began > MOST_PATIENCE * self.within_s:
            self.passed_s += lasted_s
        self._asked = moment
        return self.passed_s > self.within_s


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Watchdog:
    """Kills a process that is still busy with a block after some seconds."""

    def __init__(self, process: subprocess.Popen[str], seconds: float) -> None:
        self._timer = threading.Timer(seconds, process.kill)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def wait_until(condition: Callable[[], T], within_s: float, what: str, longest_pause_s: float = 0.25) -> T:
    """Ask until the condition holds and return its value; fails, naming `what`, after `within_s` seconds.

    Pauses between two questions grow: a lab that is asked all the time how it is has little time to get well.
    """
    deadline = time.monotonic() + within_s
    pause_s = 0.02
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s:g} s (last: {value!r})")
        time.sleep(min(pause_s, longest_pause_s))
        pause_s *= 1.3
