"""Whether a process is still there."""

import os
import threading
from contextlib import suppress
from pathlib import Path


def is_gone(process: int) -> bool:
    """Whether a process is no more, or merely waits to be buried."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return not Path("/proc").is_dir()
    return True


def until_gone(process: int) -> None:
    """Wait for the end of a process that is not our child."""
    waited = threading.Event()
    for _ in range(3_000):
        if is_gone(process):
            return
        waited.wait(0.01)
    raise AssertionError(f"process {process} is still there")
