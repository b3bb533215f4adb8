"""Finding the lab that `python -m lab` started, and talking to its control plane."""

import hashlib
import json
import os
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

TIMEOUT_S = 30.0


class NoLabError(RuntimeError):
    """No lab is running for this repository and user."""


class RefusedError(RuntimeError):
    """The control plane refused a request; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def state_file() -> Path:
    """Where a lab started by `python -m lab` leaves its variables, readable by its user only."""
    repository = Path(__file__).resolve().parent.parent
    name = hashlib.sha256(str(repository).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"healthgate-lab-{os.getuid()}-{name}.json"


def leave(variables: dict[str, str]) -> None:
    """Write the state file, replacing one left by a lab that was killed."""
    forget()
    descriptor = os.open(state_file(), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(variables, file)


def forget() -> None:
    """Remove the state file."""
    state_file().unlink(missing_ok=True)


def call(variables: dict[str, str], method: str, path: str, body: Any = None) -> Any:
    """Ask the control plane; returns its JSON answer (None when empty), raises RefusedError or OSError."""
    request = urllib.request.Request(
        variables["LAB_CONTROL_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Lab-Key": variables["LAB_KEY"], "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            raw = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise RefusedError(error.code, json.loads(error.read() or b"{}").get("error", "")) from None
    return json.loads(raw) if raw else None


def variables_of_running_lab() -> dict[str, str]:
    """Variables of the running lab, or NoLabError."""
    path = state_file()
    try:
        if path.stat().st_uid != os.getuid() or path.is_symlink():
            raise NoLabError(f"{path} belongs to somebody else")
        variables: dict[str, str] = json.loads(path.read_text("utf-8"))
        os.kill(int(variables["LAB_PID"]), 0)
        call(variables, "GET", "/__lab/processes")
    except (OSError, ValueError, KeyError, RefusedError, HTTPException):
        raise NoLabError("no lab is running; start one with: python -m lab") from None
    return variables
