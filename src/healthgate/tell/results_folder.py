"""A folder of Allure results that belongs to one run: nothing of an earlier one in it, and no other run beside it."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ALLURE_FILE = re.compile(
    r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}-(?:(?:result|container|globals)\.json|attachment(?:\.\w+)?)"
    r"|healthgate-run\.json"
)
"""What a run leaves; anything else in the folder was put there by somebody."""


class ResultsFolder:
    """The folder at `path`, held until `release`, or until the process ends.

    What cannot be written is counted and told by `trouble`: one full disk is one line.
    """

    def __init__(self, path: Path) -> None:
        """Create the folder and hold it; OSError where that is impossible, BlockingIOError where a run holds it."""
        self.path = path
        self.written = 0
        self.refused = 0
        self.reason = ""
        path.mkdir(parents=True, exist_ok=True)
        self._held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._held)
            raise
        except OSError:
            pass  # a file system that cannot lock: nobody is told apart there
        self._earlier: dict[str, Path] = {}

    def release(self) -> None:
        """Let other runs use the folder."""
        with suppress(OSError):
            os.close(self._held)

    def set_aside_results(self) -> None:
        """Take the files that earlier runs left for those that `clear` removes."""
        self._earlier = {path.name: path for path in self._found() if ALLURE_FILE.fullmatch(path.name)}

    def set_aside_everything(self) -> None:
        """Take all that is there for what `clear` removes."""
        self._earlier = {path.name: path for path in self._found()}

    def clear(self) -> None:
        """Remove what was set aside and has not been written anew: at the end, when there is something else to see."""
        for path in self._earlier.values():
            try:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                self._refuse(error)

    @property
    def earlier_results(self) -> int:
        """How many results of an earlier run are there that have not been written anew."""
        return sum(name.endswith("-result.json") for name in self._earlier)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; what goes wrong is counted and told by `trouble`."""
        path = f"{self.path}{os.sep}{name}"
        try:
            try:
                _write(path, content)
            except FileNotFoundError:  # somebody removed the folder
                self.path.mkdir(parents=True, exist_ok=True)
                _write(path, content)
            self.written += 1
            self._earlier.pop(name, None)
        except OSError as error:
            self._refuse(error)

    def write_again(self, original: str, name: str, content: bytes) -> None:
        """Write a file whose content `original` has too, without taking room a second time where that is possible."""
        if self._earlier.get(name) is None:
            try:
                os.link(f"{self.path}{os.sep}{original}", f"{self.path}{os.sep}{name}")
            except OSError:
                pass  # no such thing on this file system, too many, or the original is not there
            else:
                self.written += 1
                return
        self.write(name, content)

    def trouble(self) -> str | None:
        """Say what could not be written, or None."""
        if not self.refused:
            return None
        return f"not written: {self.path}: {self.reason} ({self.refused} of {self.written + self.refused} files)"

    def _refuse(self, error: OSError) -> None:
        self.refused += 1
        self.reason = self.reason or str(error.strerror)

    def _found(self) -> Iterator[Path]:
        try:
            yield from self.path.iterdir()
        except OSError as error:
            self._refuse(error)


def _write(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        while content:
            content = content[os.write(handle, content) :]
    except BaseException:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 (a path object for each of a thousand files costs more than the file)
        raise
    finally:
        os.close(handle)
