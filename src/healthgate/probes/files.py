"""Files on this machine: which there are, how large and how old. Nothing in them is read."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from healthgate.claim.observation import Observation, Request
from healthgate.claim.source import Scene
from healthgate.claim.system import FilePattern
from healthgate.probes.at_path import AtPath
from healthgate.probes.log_files import files_of
from healthgate.probes.request import Local
from healthgate.secret import Redactor
from healthgate.wire.whole import unreadable


class Files(AtPath):
    """The files at the path in a setting."""

    asks_for = "files of"
    noun = "files"

    def requests(self, settings: Any) -> list[Request]:
        return [FilesRequest(self.id, getattr(settings, self.path), settings.deadline)]

    def value(self, scene: Scene) -> "Listing":
        return Listing(self.answered(scene))


@dataclass(frozen=True)
class FileFact:
    """One file: its name, its size in bytes, and when it was last written, in seconds since 1970."""

    name: str
    size: int
    written: float


class Listing:
    """The files there are, the newest first, and what all files of their folder come to, in bytes."""

    def __init__(self, observation: Observation) -> None:
        self.at = observation.at
        self.files = [FileFact(*one) for one in observation.facts["files"]]
        self.folder_size = int(observation.facts["folder_size"])

    def days_old(self, file: FileFact) -> float:
        """Return how many days ago a file was last written."""
        return (self.at - file.written) / 86_400

    def days_since(self, day: str) -> float:
        """Return how many days ago a day (2026-03-02, as a setting of kind Date) began, in UTC; negative if it will."""
        return (self.at - datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) / 86_400


@dataclass(frozen=True)
class FilesRequest(Local):
    """One look; `deadline` in seconds."""

    id: str
    pattern: FilePattern
    deadline: float

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Look at the files and at the folders they are in."""
        began = time.monotonic()
        facts: dict[str, Any] = {}
        status, error = "answered", None
        try:
            paths = files_of(self.pattern)
            files = [[path.name, found.st_size, found.st_mtime] for path in paths if (found := _look(path))]
            folders = {path.parent for path in paths}
            sizes = [found.st_size for folder in folders for path in folder.iterdir() if (found := _look(path))]
            facts = redactor.content({"files": files, "folder_size": sum(sizes)})
        except OSError as problem:
            status, error = unreadable(problem, self.pattern)
        elapsed = round((time.monotonic() - began) * 1000, 3)
        return Observation(self.id, status, time.time(), elapsed, 0, error, facts), None


def _look(path: Path) -> Any:
    try:
        return path.stat() if path.is_file() else None
    except FileNotFoundError:
        return None  # rotated away meanwhile
