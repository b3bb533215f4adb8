"""A target that a profile starts by itself: its command, the variables it prints, and its certain end."""

import json
import os
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from healthgate.printable import printable

READY_WITHIN = 60.0
"""Seconds a target may take until it prints its line."""

STOPPED_WITHIN = 10.0
"""Seconds a target may take to stop after SIGTERM, before it is killed."""


class LaunchError(Exception):
    """The target did not come up; the text says what was seen and what was expected."""


@contextmanager
def launched(command: str, folder: Path) -> Iterator[Mapping[str, str]]:
    """Run `command` in `folder` and yield the variables it prints as one line of JSON; stop it afterwards.

    `python` as the first word is the interpreter of this run. The target keeps its standard input until this
    process ends, however it ends: a target that stops at end of file leaves nothing behind.
    """
    words = shlex.split(command)
    if words and words[0] in {"python", "python3"}:
        words[0] = sys.executable
    try:
        process = subprocess.Popen(  # noqa: S603 (the profile's own command)
            words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
    except (OSError, IndexError, ValueError) as error:
        raise LaunchError(f"launch: {command!r} cannot be started: {error}") from None
    try:
        yield _variables(process, command)
    finally:
        _stop(process)


def _variables(process: "subprocess.Popen[bytes]", command: str) -> Mapping[str, str]:
    line = _first_line(process, time.monotonic() + READY_WITHIN)
    if line is None:
        raise LaunchError(f"launch: {command!r} printed no line within {READY_WITHIN:g} s; expected one line of JSON")
    if not line:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPPED_WITHIN)
        raise LaunchError(
            f"launch: {command!r} ended with exit code {process.poll()} before it printed its line of JSON"
        )
    try:
        variables = json.loads(line)
    except (ValueError, RecursionError):
        shown = printable(line.decode(errors="replace").rstrip(), 80)
        raise LaunchError(f"launch: {command!r} printed '{shown}'; expected one JSON object of texts") from None
    if not isinstance(variables, dict):
        raise LaunchError(f"launch: {command!r} printed JSON that is no object; expected one JSON object of texts")
    for name, value in variables.items():
        if not isinstance(value, str):
            seen = f"{printable(name, 40)} with a value that is no text"
            raise LaunchError(f"launch: {command!r} printed {seen}; expected one JSON object of texts")
    threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
    return variables


def _drain(output: IO[bytes]) -> None:
    """Read on, so that a target that says more is not held up when the pipe is full."""
    with suppress(OSError, ValueError):
        while os.read(output.fileno(), 65536):
            pass


def _first_line(process: "subprocess.Popen[bytes]", ends: float) -> bytes | None:
    assert process.stdout is not None
    found = b""
    while b"\n" not in found:
        if not select.select([process.stdout], [], [], max(0.0, ends - time.monotonic()))[0]:
            return None
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            return b""
        found += piece
    return found.partition(b"\n")[0]


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for sign, patience in ((signal.SIGTERM, STOPPED_WITHIN), (signal.SIGKILL, STOPPED_WITHIN)):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # what the target itself left behind
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
