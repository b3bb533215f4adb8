"""The folder a report is published in: what a report put there is replaced, nothing else is ever touched."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from healthgate.page import NotRenderedError
from healthgate.page.lock import held

MANIFEST = ".healthgate-report.json"
"""Lists the files that a report consists of; a folder without it is not ours."""

DRAWING = ".healthgate-drawing-"
"""How the folder is called in which a report is drawn before it is published."""

FRONT = "index.html"
WAIT = 60.0
"""Seconds to wait for another process that publishes to the same folder."""


class ReportFolder:
    """The folder at `path`, empty, not there yet, or with an earlier report in it: NotRenderedError if it is not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise NotRenderedError(f"{path} is no folder; name one with --output")
        try:
            self._files()
        except OSError as error:
            raise NotRenderedError(f"{path}: {error.strerror}; name another folder with --output") from None

    @contextmanager
    def drawing(self) -> Iterator[Path]:
        """Yield an empty folder beside the published files, which is gone afterwards. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as drawing:
            with held(self.path, WAIT):
                for left in self.path.glob(f"{DRAWING}*"):
                    with suppress(NotRenderedError, OSError), held(left, 0):  # else somebody is drawing in it
                        shutil.rmtree(left, ignore_errors=True)
                fresh = Path(tempfile.mkdtemp(prefix=DRAWING, dir=self.path))
                drawing.enter_context(held(fresh, 0))
            drawing.callback(shutil.rmtree, fresh, ignore_errors=True)
            yield fresh

    def publish(self, drawn: Path) -> int:
        """Put every file of `drawn` in the place of the earlier report's; return how many bytes they have together.

        Raises OSError and NotRenderedError.
        The page itself comes last, so that what it leads to is there. What no report put there stays, and a file
        that would have to be replaced although no report put it there stops everything before it begins.
        """
        sizes = {path.relative_to(drawn).as_posix(): path.stat().st_size for path in drawn.rglob("*") if path.is_file()}
        new = set(sizes)
        with held(self.path, WAIT):
            old = self._files()
            for name in sorted(new - old):
                if os.path.lexists(self.path / name):
                    raise NotRenderedError(f"{self.path / name} is there and no report put it there; move it away")
            self._list(old | new)
            for parent in {str(Path(name).parent) for name in new}:
                (self.path / parent).mkdir(parents=True, exist_ok=True)
            for name in sorted(new - {FRONT}, key=lambda name: (name in old, name)):
                if name in old:  # else the file system writes the new file out before it forgets the old one
                    (self.path / name).unlink(missing_ok=True)
                (drawn / name).replace(self.path / name)
            (drawn / FRONT).replace(self.path / FRONT)
            for name in old - new:
                (self.path / name).unlink(missing_ok=True)
            for parent in sorted({str(Path(name).parent) for name in old - new}, reverse=True):
                folder = Path(parent)
                while folder != Path():
                    with suppress(OSError):  # something else is in it
                        (self.path / folder).rmdir()
                    folder = folder.parent
            self._list(new)
        return sum(sizes.values())

    def _files(self) -> set[str]:
        """Return the files that earlier reports put here. NotRenderedError if there are others and no list of them."""
        names = (
            [path.name for path in self.path.iterdir() if not path.name.startswith(DRAWING)]
            if self.path.exists()
            else []
        )
        if not names:
            return set()
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            listed = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))["files"]
            if isinstance(listed, list) and all(isinstance(name, str) and _is_within(name) for name in listed):
                return set(listed)
        first = next(iter(sorted(names)))
        raise NotRenderedError(
            f"{self.path} holds something else than a report, {first} for one; name another folder with --output"
        )

    def _list(self, files: set[str]) -> None:
        fresh = self.path / f"{MANIFEST}.new"
        fresh.write_text(json.dumps({"files": sorted(files)}, indent=0) + "\n", encoding="utf-8")
        fresh.replace(self.path / MANIFEST)


def _is_within(name: str) -> bool:
    return bool(name) and not name.startswith("/") and ".." not in name.split("/")
