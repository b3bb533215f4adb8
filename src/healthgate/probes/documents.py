"""Documents on this machine, read whole: JSON, YAML or plain text by the end of their names.

What they hold is kept like an answer, so what looks like a secret of theirs is not: the values of names that say so,
and credentials within addresses.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.path import joined
from healthgate.claim.source import Field, Measured, Probe, Scene, Source
from healthgate.claim.system import System
from healthgate.duration import spoken
from healthgate.printable import printable
from healthgate.probes.at_path import AtPath
from healthgate.probes.document_files import MOST_DOCUMENTS, DocumentRequest, FolderRequest

SKEW = 60.0
"""Seconds a file may have been written from now, as another clock has it."""

WRONG = frozenset({"missing", "empty", "malformed"})
"""What proves that a document is not as it should be; anything else keeps us from telling."""


class OneDocument(Source):
    """One document: the Facts of what it holds, a list of them where YAML has several documents in one file."""

    explained_by: str | None

    @abstractmethod
    def read(self, scene: Scene) -> "DocumentReading":
        """Return how reading the document went."""

    def value(self, scene: Scene) -> Facts:
        found = self.read(scene)
        if found.status != "answered":
            raise NoData(found.error, self.explained_by)
        return Facts(found.content, found.name)

    def at(self, path: str) -> Field:
        """Return a member of what the document holds."""
        return Field(self, path)

    def __getitem__(self, step: str | int) -> Field:
        return Field(self, joined("", step))

    @property
    def sound(self) -> Source:
        """Whether the document is there, holds something, and can be read as what it is; says why not.

        NoData where that cannot be told: it may not be read, or there is not even its folder.
        """
        return SoundDocument(self)

    @property
    def days_old(self) -> Source:
        """How many days ago the document was last written."""
        return DaysOld(self)


class Document(OneDocument, AtPath):
    """The document at the path in a setting. `explained_by` is the check that tells best that it cannot be had."""

    asks_for = "document"
    noun = "file"

    def requests(self, settings: Any) -> list[Request]:
        return [DocumentRequest(self.id, getattr(settings, self.path), settings.deadline)]

    def read(self, scene: Scene) -> "DocumentReading":
        observation = scene.observation(self.id)
        if "document" in observation.facts:
            return DocumentReading(observation.at, **observation.facts["document"])
        return DocumentReading(observation.at, "", observation.status, observation.error or "")


class Documents(AtPath):
    """The documents in the folder at the path in a setting, not those further below; `names` lists all files there."""

    asks_for = "documents"
    noun = "files in"

    def __init__(self, system: type[System], *, folder: str, explained_by: str | None = None) -> None:
        super().__init__(system, path=folder, explained_by=explained_by)
        self._asked: dict[str, None] = {}

    def requests(self, settings: Any) -> list[Request]:
        return [FolderRequest(self.id, getattr(settings, self.path), tuple(self._asked), settings.deadline)]

    def value(self, scene: Scene) -> "DocumentFolder":
        return DocumentFolder(self.answered(scene))

    def file(self, name: str, explained_by: str | None = None) -> "FolderDocument":
        """Return one document of the folder; `explained_by` is the check on it, where there is one of its own."""
        if not name or "/" in name or name in {".", ".."}:
            raise ValueError(f"{name!r} is not the name of a file in a folder")
        self._asked[name] = None
        return FolderDocument(self, name, explained_by or self.explained_by)

    def __getitem__(self, name: str) -> "FolderDocument":
        return self.file(name)

    @property
    def names(self) -> Source:
        """The names of all files in the folder, in alphabetical order."""
        return Names(self)


class FolderDocument(OneDocument):
    """One document of a folder."""

    def __init__(self, folder: Documents, name: str, explained_by: str | None) -> None:
        self.folder = folder
        self.name = name
        self.explained_by = explained_by

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.folder.probes(systems)

    def read(self, scene: Scene) -> "DocumentReading":
        try:
            return self.folder.value(scene).read(self.name)
        except NoData as nothing:
            raise NoData(str(nothing), nothing.explained_by or self.explained_by) from None

    def where(self, systems: Mapping[str, System]) -> str:
        return f"file {getattr(self.folder.settings(systems), self.folder.path)}/{self.name}"


class Names(Source):
    """The names of the files in a folder."""

    def __init__(self, folder: Documents) -> None:
        self.folder = folder

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.folder.probes(systems)

    def value(self, scene: Scene) -> list[str]:
        return self.folder.value(scene).names

    def where(self, systems: Mapping[str, System]) -> str:
        return self.folder.where(systems)


class AboutDocument(Source):
    """Something about a document beside what it holds."""

    def __init__(self, document: OneDocument) -> None:
        self.document = document

    def probes(self, systems: Mapping[str, System]) -> tuple[Probe, ...]:
        return self.document.probes(systems)

    def where(self, systems: Mapping[str, System]) -> str:
        return self.document.where(systems)


class SoundDocument(AboutDocument):
    """Whether a document is as it should be."""

    def value(self, scene: Scene) -> Measured:
        found = self.document.read(scene)
        if found.status == "answered":
            return Measured(True)
        if found.status in WRONG:
            return Measured(False, found.error)
        raise NoData(found.error, self.document.explained_by)


class DaysOld(AboutDocument):
    """How long ago a document was written."""

    def value(self, scene: Scene) -> float:
        found = self.document.read(scene)
        try:
            return found.days_old
        except NoData as nothing:
            raise NoData(str(nothing), self.document.explained_by) from None


@dataclass(frozen=True)
class DocumentReading:
    """How reading one document at a time (seconds since 1970) went.

    `status` is answered, or one word for why nothing could be read: missing, empty, malformed (all three proven),
    forbidden, unreadable, oversized, late. `written` is when, in seconds since 1970, None where that is not known.
    """

    at: float
    name: str
    status: str
    error: str = ""
    written: float | None = None
    content: Any = None

    @property
    def days_old(self) -> float:
        """How many days ago it was last written; NoData where it is not there, or from the future."""
        if self.written is None:
            raise NoData(self.error)
        if self.written > self.at + SKEW:
            ahead = spoken(round(self.written - self.at))
            raise NoData(f"{printable(self.name, 100)} was written {ahead} from now: its clock or ours is wrong")
        return (self.at - self.written) / 86_400


class DocumentFolder:
    """The documents of a folder as they were read; `names` are those of all files in it."""

    def __init__(self, observation: Observation) -> None:
        self.at = observation.at
        self.path = str(observation.facts["folder"])
        self.names: list[str] = list(observation.facts["names"])
        self._read = observation.facts["read"]

    def read(self, name: str) -> DocumentReading:
        """Return how reading one of them went."""
        if name in self._read:
            return DocumentReading(self.at, **self._read[name])
        if name in self.names:
            much = f"one of {len(self.names)} files, more than the {MOST_DOCUMENTS} that are read"
            return DocumentReading(self.at, name, "oversized", f"{printable(name, 100)} is {much}")
        return DocumentReading(self.at, name, "missing", f"there is no file {printable(f'{self.path}/{name}', 200)}")

    def __getitem__(self, name: str) -> Facts:
        """Return what one of them holds; NoData says why there is nothing."""
        found = self.read(name)
        if found.status != "answered":
            raise NoData(found.error)
        return Facts(found.content, found.name)
