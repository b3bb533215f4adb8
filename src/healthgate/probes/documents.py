"""Documents on this machine, read whole: JSON, YAML or plain text by the end of their names.

What they hold is kept like an answer, so what looks like a secret of theirs is not: the values of names that say so,
and credentials within addresses.
"""

import re
import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healthgate.claim.facts import Facts, NoData
from healthgate.claim.source import Field, Measured, Observation, Probe, Request, Scene, Source
from healthgate.claim.system import FilePath, System
from healthgate.duration import spoken
from healthgate.printable import printable
from healthgate.secret import Redactor, Secret
from healthgate.wire.notation import NestedError, from_json, from_yaml
from healthgate.wire.whole import NotRegularError, contents, unreadable

MOST_BYTES = 2_000_000
"""Bytes a document may have."""

MOST_DOCUMENTS = 50
"""Documents of a folder that are read; those that are asked for by name come first."""

MOST_NAMES = 1_000
"""Files of a folder that are listed."""

SKEW = 60.0
"""Seconds a file may have been written from now, as another clock has it."""

WRONG = frozenset({"missing", "empty", "malformed"})
"""What proves that a document is not as it should be; anything else keeps us from telling."""

MASK = "<secret>"
SECRET_NAME = re.compile(
    r"\bpass$|pass(?:word|wd|phrase)$|secret$|token$|credentials?$|(?:api|service|routing|user|access|private|secret)_?key$"
    r"|api_?url$|webhook_?url$|authorization$",
    re.IGNORECASE,
)
USER_INFO = re.compile(r"(?<=://)[^/@\s\"']*:[^/@\s\"']*(?=@)")


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

    def __getitem__(self, name: str) -> Field:
        return Field(self, name)

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


class Document(OneDocument, Probe):
    """The document at the path in a setting. `explained_by` is the check that tells best that it cannot be had."""

    def __init__(self, system: type[System], *, path: str, explained_by: str | None = None) -> None:
        super().__init__(system, None)
        self.path = path
        self.explained_by = explained_by

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.path,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} document {self.path}"

    def ids(self, settings: System) -> list[str]:  # noqa: ARG002
        return [self.id]

    def requests(self, settings: Any) -> list[Request]:
        return [DocumentRequest(self.id, getattr(settings, self.path), settings.deadline)]

    def read(self, scene: Scene) -> "DocumentReading":
        observation = scene.observation(self.id)
        if "document" in observation.facts:
            return DocumentReading(observation.at, **observation.facts["document"])
        return DocumentReading(observation.at, "", observation.status, observation.error or "")

    def where(self, systems: Mapping[str, System]) -> str:
        return f"file {getattr(self.settings(systems), self.path)}"


class Documents(Probe):
    """The documents in the folder at the path in a setting, not those further below; `names` lists all files there."""

    def __init__(self, system: type[System], *, folder: str, explained_by: str | None = None) -> None:
        super().__init__(system, None)
        self.path = folder
        self.explained_by = explained_by
        self._asked: dict[str, None] = {}

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.path,)

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        return f"{self.system.name} documents {self.path}"

    def ids(self, settings: System) -> list[str]:  # noqa: ARG002
        return [self.id]

    def requests(self, settings: Any) -> list[Request]:
        return [FolderRequest(self.id, getattr(settings, self.path), tuple(self._asked), settings.deadline)]

    def value(self, scene: Scene) -> "DocumentFolder":
        observation = scene.observation(self.id)
        if observation.status != "answered":
            raise NoData(observation.error or "", self.explained_by)
        return DocumentFolder(observation)

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

    def where(self, systems: Mapping[str, System]) -> str:
        return f"files in {getattr(self.settings(systems), self.path)}"


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


@dataclass(frozen=True)
class DocumentRequest:
    """One reading of one document; `deadline` in seconds."""

    id: str
    path: FilePath
    deadline: float

    @property
    def host(self) -> str:
        """Nowhere: it is read on this machine."""
        return ""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Nothing is sent."""
        return ()

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Read the document."""
        began = time.monotonic()
        size, record = read_document(Path(self.path), redactor, began + self.deadline)
        facts = {"document": record}
        elapsed = round((time.monotonic() - began) * 1000, 3)
        status, error = record["status"], record["error"] or None
        return Observation(self.id, status, time.time(), elapsed, size, error, facts), None


@dataclass(frozen=True)
class FolderRequest:
    """One reading of the documents in a folder, `asked` first; `deadline` in seconds."""

    id: str
    path: FilePath
    asked: tuple[str, ...]
    deadline: float

    @property
    def host(self) -> str:
        """Nowhere: it is read on this machine."""
        return ""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Nothing is sent."""
        return ()

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """List the folder and read what is in it."""
        began = time.monotonic()
        ends = began + self.deadline
        facts: dict[str, Any] = {}
        status, error, size = "answered", None, 0
        try:
            names = _listed(Path(self.path))
            first = [name for name in self.asked if name in names]
            wanted = [*first, *(name for name in names if name not in first)][:MOST_DOCUMENTS]
            read = {}
            for name in wanted:
                taken, read[redactor.text(name)] = read_document(Path(self.path) / name, redactor, ends)
                size += taken
            clean = [redactor.text(name) for name in names]
            facts = {"folder": redactor.text(str(self.path)), "names": clean, "read": read}
        except OSError as problem:
            status, error = _no_folder(problem, self.path)
        elapsed = round((time.monotonic() - began) * 1000, 3)
        return Observation(self.id, status, time.time(), elapsed, size, error, facts), None


def _listed(folder: Path) -> list[str]:
    """Return the names of the files in a folder; OSError where it has none, or may not be looked into."""
    found = []
    for path in folder.iterdir():
        if not path.is_dir():
            found.append(path.name)
        if len(found) > MOST_NAMES:
            raise OSError(0, f"it has more than the {MOST_NAMES} files that are listed", str(folder))
    if not found:
        raise OSError(0, "there is no file in it, as in a folder that is not mounted", str(folder))
    return sorted(found)


def _no_folder(problem: OSError, path: str) -> tuple[str, str]:
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        return "missing", f"there is no folder {printable(path, 200)}"
    return unreadable(problem, path)


def read_document(path: Path, redactor: Redactor, ends: float) -> tuple[int, dict[str, Any]]:
    """Return the size of a document and the record of its reading; `ends` (monotonic seconds) bounds its parsing."""
    record: dict[str, Any] = {"name": redactor.text(path.name), "status": "answered", "error": "", "written": None}
    size = 0
    try:
        record["written"] = path.stat().st_mtime
        data = contents(str(path), MOST_BYTES)
        size = len(data)
        record["content"] = redactor.content(masked(_parsed_apart(data, redactor, path.suffix.lower(), ends)))
    except NotRegularError as problem:
        record |= {"status": "malformed", "error": unreadable(problem, str(path))[1]}
    except TimeoutError:
        record |= {"status": "late", "error": f"{path.name} could not be parsed in time"}
    except (NestedError, OverflowError) as problem:
        record |= {"status": "oversized", "error": f"{path.name} is not read: {problem}"}
    except EOFError:
        record |= {"status": "empty", "error": f"{path.name} is empty"}
    except ValueError as problem:
        record |= {"status": "malformed", "error": f"{path.name} {problem}"}
    except OSError as problem:
        status, error = unreadable(problem, str(path))
        if status == "missing" and not path.parent.is_dir():
            status, error = "unreadable", f"there is no folder {printable(path.parent, 200)}"
        record |= {"status": status, "error": error}
    record["error"] = printable(redactor.text(record["error"]), 300)
    return size, record


def _parsed_apart(data: bytes, redactor: Redactor, suffix: str, ends: float) -> Any:
    """Return what a document holds, secrets of ours included; no part of them is in what is said against it."""
    clean = redactor.bytes(data)
    try:
        return parsed(data, suffix, ends)
    except ValueError:
        if clean != data:
            parsed(clean, suffix, ends)  # says the same in other words
            raise ValueError("cannot be understood") from None
        raise


def parsed(data: bytes, suffix: str, ends: float) -> Any:
    """Return what a document holds; EOFError where it is empty, ValueError says what is wrong with it."""
    if not data.strip():
        raise EOFError
    if b"\0" in data:
        raise ValueError(f"is damaged: there is a zero byte in it (byte {data.index(0)})")
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        raise ValueError(f"is not UTF-8 text (byte {problem.start})") from None
    if suffix not in {".json", ".yaml", ".yml"}:
        return text
    kind = "JSON" if suffix == ".json" else "YAML"
    try:
        found = [from_json(text)] if suffix == ".json" else from_yaml(text, ends)
    except NestedError:
        raise
    except ValueError as problem:
        raise ValueError(f"is not {kind}: {printable(problem, 200)}") from None
    if not found:
        raise EOFError
    if not all(isinstance(one, dict | list) for one in found):
        raise ValueError(f"holds {kind} that is neither a mapping nor a list")
    return found[0] if len(found) == 1 else found


def masked(value: Any, name: str = "") -> Any:
    """Return a value without what looks like a secret of its own; `name` is that of the member it is."""
    if isinstance(value, str):
        return MASK if value and SECRET_NAME.search(name) else USER_INFO.sub(MASK, value)
    if isinstance(value, list):
        return [masked(element, name) for element in value]
    if isinstance(value, dict):
        named = value.get("name")  # as in the lists of variables of a container: {name: …, value: …}
        about = named if isinstance(named, str) else ""
        return {key: masked(one, about if key == "value" else key) for key, one in value.items()}
    return value
