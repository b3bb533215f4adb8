"""What the lab says of a temporary folder that is full or may not be written."""

import errno
import shutil
from pathlib import Path
from typing import Final

NEEDED_MB: Final = 100
"""Megabytes that a lab should find free: it starts with two, and its logs and its Prometheus grow."""
LITTLE: Final = 1_000_000
"""Bytes left on a disk that is as good as full."""
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CURE: Final = "set TMPDIR to a folder on another disk"


def complaint(folder: Path, error: OSError) -> str:
    """Say what is wrong with the folder in which something could not be written, and what to do."""
    if error.errno in NO_ROOM:
        return full(folder)
    return f"nothing can be written in {folder} ({error.strerror or error}): {CURE}"


def full(folder: Path) -> str:
    """Say that there is no room in a folder, and what to do."""
    return f"no space left in {folder}, where a lab needs {NEEDED_MB} MB: delete something there, or {CURE}"


def is_full(folder: Path) -> bool:
    """Whether nothing can be written there any more."""
    try:
        return shutil.disk_usage(folder).free < LITTLE
    except OSError:
        return False
