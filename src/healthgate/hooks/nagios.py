"""A run that prints exactly one line: whatever happens (a wrong option, an interruption, a crash of pytest)."""

import os
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from healthgate.judge import outcome
from healthgate.tell.nagios import status_line, unknown

CODE_SAYS = {
    2: "the run was interrupted, or checks could not be collected",
    3: "pytest itself failed",
    4: "the run could not begin",
    5: "no checks were selected",
}


def run(config: pytest.Config) -> Generator[None, Any, int]:
    """Let the command line do its work unseen, then print the one line and return its code."""
    said, code = "", 3
    verbose = config.get_verbosity() > 0
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:  # it holds on to where output goes, which is about to change
        capture.stop_global_capturing()
    with _unseen(verbose) as (visible, hidden):
        if capture is not None:
            capture.start_global_capturing()
            capture.suspend_global_capture()
        try:
            code = int((yield) or 0)
        except pytest.UsageError as error:
            said = "; ".join(" ".join(str(argument).split()) for argument in error.args)
            _complain(str(error))
        except Exception as error:
            said = f"{CODE_SAYS[3]}: {type(error).__name__}"
            _complain(f"{type(error).__name__}: {error}")
        finally:
            if capture is not None:
                capture.stop_global_capturing()
        session = config.pluginmanager.getplugin("healthgate-session")
        ending = getattr(session, "ending", None)
        status, account = getattr(ending, "status", None), getattr(ending, "account", None)
        usage = getattr(ending, "usage", None)
        if said or usage or status is None or account is None:
            why = said or usage or CODE_SAYS.get(code if status is None else status, "nothing was checked")
            code, line = 3, unknown(why)
        else:
            code = outcome.NAGIOS.get(status, 3)
            line = status_line(code, account, CODE_SAYS.get(status, ""))
        _print(visible, f"{line}\n{_long_text(hidden) if verbose else ''}")
    return code


def _complain(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"ERROR: {text}\n")


@contextmanager
def _unseen(kept: bool) -> Iterator[tuple[int, Any]]:
    """Have nothing reach standard output; yield what it was, and a file that holds what was `kept` from it."""
    sys.stdout.flush()
    visible, before = os.dup(1), sys.stdout
    with tempfile.TemporaryFile() if kept else Path(os.devnull).open("r+b") as hidden:
        os.dup2(hidden.fileno(), 1)
        sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
        try:
            yield visible, hidden
        finally:
            sys.stdout = before
            os.dup2(visible, 1)
            os.close(visible)


def _long_text(hidden: Any) -> str:
    sys.stdout.flush()
    hidden.seek(0)
    return str(hidden.read().decode(errors="replace")).replace("|", "/")


def _print(visible: int, text: str) -> None:
    left = text.encode(errors="backslashreplace")
    with suppress(OSError):  # nobody listens any more
        while left:
            left = left[os.write(visible, left) :]
