"""Whole files: a regular one of bounded size that is read, and why it cannot be; one of which nobody sees half."""

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path

from healthgate.printable import printable

BLOCK = 1_000_000


class NotRegularError(OSError):
    """It is a folder, a pipe or a device."""


def contents(path: str, most: int) -> bytes:
    """Return what a file holds, `most` bytes at most; OSError where it is larger, missing, or no regular file.

    A pipe or a device is never waited for.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except NotADirectoryError:
        raise FileNotFoundError(errno.ENOENT, "there is no such file", path) from None
    try:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            what = "it is a folder" if stat.S_ISDIR(kind) else "it is no regular file"
            raise NotRegularError(errno.EINVAL, what, path)
        found = bytearray()
        while piece := os.read(handle, min(most + 1 - len(found), BLOCK)):
            found += piece
            if len(found) > most:
                raise OSError(errno.EFBIG, f"it is larger than the {most} bytes that are read", path)
    finally:
        os.close(handle)
    return bytes(found)


def unreadable(problem: OSError, pattern: str) -> tuple[str, str]:
    """Return one word and one phrase for why files could not be read."""
    path = printable(problem.filename or pattern, 200)
    if isinstance(problem, FileNotFoundError):
        return "missing", f"there is no file {path}"
    if isinstance(problem, PermissionError):
        return "forbidden", f"{path} may not be read by this user"
    return "unreadable", f"{path} cannot be read: {printable(problem.strerror or problem)}"


LINKS = 40
"""Links to links that are followed."""


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader never sees half of it; creates the folder. Raises OSError.

    What is there and is no file (a terminal, /dev/null) is written to, never replaced; nor are links, as that of
    /dev/stdout to what this process has open.
    """
    if (descriptor := _open_as(path)) is not None:
        sys.stdout.flush()
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
            file.write(text)
        return
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _open_as(path: Path) -> int | None:
    """Return the number under which this process has open what a path leads to, such as /dev/stdout; else None."""
    for _ in range(LINKS):
        folder = os.path.realpath(path.parent)
        if folder in (os.path.realpath("/proc/self/fd"), "/dev/fd") and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = folder / path.readlink()
    return None
