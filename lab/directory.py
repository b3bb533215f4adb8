"""The lab's private temporary directory: made, locked while the lab lives, and swept away after one that was killed."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from lab import disk
from lab.settings import SERVERS

PREFIX: Final = "healthgate-lab-"


class StartError(RuntimeError):
    """The lab could not be started."""


def make_directory() -> tuple[Path, int]:
    """Make the lab's private temporary directory; returns it and the lock that marks it as in use.

    StartError if there is no temporary folder with room for it.
    """
    try:
        _sweep_leftovers()
        # Under another name until it is locked: what has the prefix and no lock is swept away by the next lab.
        unnamed = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
    except FileNotFoundError:
        tried = "TMPDIR, /tmp and /var/tmp"
        raise StartError(
            f"no temporary folder can be written (tried {tried}): free some space, or {disk.CURE}"
        ) from None
    except OSError as error:
        raise StartError(disk.complaint(Path(tempfile.gettempdir()), error)) from error
    try:
        lock = os.open(unnamed / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (unnamed / "logs").mkdir()
        for server in SERVERS:
            (unnamed / server).mkdir()
        return unnamed.rename(unnamed.with_name(unnamed.name.removeprefix("."))), lock
    except OSError as error:
        shutil.rmtree(unnamed, ignore_errors=True)
        raise StartError(disk.complaint(unnamed.parent, error)) from error


def _sweep_leftovers() -> None:
    # A lab killed with -9 cannot remove its directory; its lock, however, died with it.
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock_file = directory / "lock"
        try:
            if directory.is_symlink() or directory.stat().st_uid != os.getuid():
                continue
            lock = os.open(lock_file, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(lock)
