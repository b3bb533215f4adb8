"""A file that only one process at a time may hold."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from healthgate.page import NotRenderedError

PAUSE = 0.05
"""Seconds between two tries."""


@contextmanager
def held(path: Path, patience: float) -> Iterator[None]:
    """Hold the file or folder at `path`, which is created as a file where it is not there.

    Waits at most `patience` seconds for whoever holds it: NotRenderedError. Raises OSError where it cannot be opened.
    What holds it may end in any way: the system lets go of it.
    """
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        ends = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise NotRenderedError(f"{path} was held by another process for {patience:g} s") from None
                time.sleep(PAUSE)
            else:
                break
        yield
    finally:
        os.close(handle)
