"""A file that is read whole: a regular one of bounded size, and why it cannot be."""

import errno
import os
import stat

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
