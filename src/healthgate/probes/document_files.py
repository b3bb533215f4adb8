"""Documents on this machine as they are read: whole, parsed, and without what is nobody's business."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healthgate.claim.observation import Observation
from healthgate.claim.system import FilePath
from healthgate.printable import printable
from healthgate.probes.request import Local
from healthgate.secret import Redactor
from healthgate.wire.notation import NestedError, from_json, from_yaml
from healthgate.wire.whole import NotRegularError, contents, unreadable

MOST_BYTES = 2_000_000
"""Bytes a document may have."""


MOST_DOCUMENTS = 50
"""Documents of a folder that are read; those that are asked for by name come first."""


MOST_NAMES = 1_000
"""Files of a folder that are listed."""


MASK = "<secret>"


SECRET_NAME = re.compile(
    r"\bpass$|pass(?:word|wd|phrase)$|secret$|token$|credentials?$|(?:api|service|routing|user|access|private|secret)_?key$"
    r"|api_?url$|webhook_?url$|authorization$",
    re.IGNORECASE,
)


USER_INFO = re.compile(r"(?<=://)[^/@\s\"']*:[^/@\s\"']*(?=@)")


@dataclass(frozen=True)
class DocumentRequest(Local):
    """One reading of one document; `deadline` in seconds."""

    id: str
    path: FilePath
    deadline: float

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:  # noqa: ARG002
        """Read the document."""
        began = time.monotonic()
        size, record = read_document(Path(self.path), redactor, began + self.deadline)
        facts = {"document": record}
        elapsed = round((time.monotonic() - began) * 1000, 3)
        status, error = record["status"], record["error"] or None
        return Observation(self.id, status, time.time(), elapsed, size, error, facts), None


@dataclass(frozen=True)
class FolderRequest(Local):
    """One reading of the documents in a folder, `asked` first; `deadline` in seconds."""

    id: str
    path: FilePath
    asked: tuple[str, ...]
    deadline: float

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
