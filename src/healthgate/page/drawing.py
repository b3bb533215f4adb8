"""One report as Allure draws it, and what it came to: files in a folder, the gate, a row for the history."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from healthgate.page import NotRenderedError
from healthgate.page.folder import FRONT
from healthgate.page.front import front
from healthgate.page.history import Row
from healthgate.page.node import HERE, Node
from healthgate.page.results import Results

SCRIPTS = ("allurerc.mjs", "render.mjs")
GATE = "quality-gate.json"
SINGLE_FILE_LEAVES_OUT = (GATE, "summary.json", "test-results.json")
METRICS = "widgets/metrics.json"
"""What Allure's page always asks for, and Allure writes only where there are metrics of its own kind."""

ILL = "categories"
"""The part of the page that a report opens with where anything is ill."""

Form = Literal["folder", "single file"]


@dataclass(frozen=True)
class Rule:
    """What one rule of the quality gate came to."""

    name: str
    passed: bool
    message: str


@dataclass(frozen=True)
class Drawn:
    """What there is in a folder: how many results Allure took, the gate's rules, the row to keep of this run.

    `gate` has no rules where Allure did not say what they came to: then nobody knows, and it is not passed.
    """

    taken: int
    gate: list[Rule]
    row: Row


def draw(
    found: Results,
    linked: Mapping[str, str],
    earlier: Sequence[Row],
    form: Form,
    engine: tuple[Node, Path],
    folders: tuple[Path, Path],
) -> Drawn:
    """Draw `found` into the second of `folders` with what is needed for it in the first.

    `linked` are the pages that results link to, by address, `earlier` the runs before this one. `engine` is a Node
    and the folder that holds Allure. Raises NotRenderedError and OSError.
    """
    (program, allure), (work, into) = engine, folders
    for script in SCRIPTS:
        shutil.copyfile(HERE / script, work / script)
    (work / "node_modules").symlink_to(allure / "node_modules", target_is_directory=True)
    history = work / "history.jsonl"
    history.write_text("".join(json.dumps(row) + "\n" for row in earlier), encoding="utf-8")
    told = {
        "title": found.title,
        "output": str(into.absolute()),
        "history": str(history),
        "singleFile": form == "single file",
        "environments": [vars(one) for one in found.environments],
        "folder": str(found.folder.absolute()),
        "beside": found.beside,
        "errors": found.notes,
        "results": found.results,
    }
    (work / "input.json").write_text(json.dumps(told), encoding="utf-8")
    taken = _taken(program.run([str(work / "render.mjs")], work))
    page = into / FRONT
    if not page.is_file():
        raise NotRenderedError(f"Allure wrote no {FRONT}")
    within = linked if form == "single file" else None
    html = front(page.read_text(encoding="utf-8"), ILL if found.ill else "", within)
    page.write_text(html, encoding="utf-8")
    drawn = Drawn(taken, _gate(into / GATE), _last_row(history))
    if form == "single file":
        for name in SINGLE_FILE_LEAVES_OUT:
            (into / name).unlink(missing_ok=True)
    else:
        (into / METRICS).write_text('{"current":[],"history":[]}', encoding="utf-8")
        for address, text in linked.items():
            (into / address).parent.mkdir(parents=True, exist_ok=True)
            (into / address).write_text(text, encoding="utf-8")
    return drawn


def _taken(printed: str) -> int:
    try:
        return int(json.loads(printed.strip().splitlines()[-1])["taken"])
    except (ValueError, IndexError, KeyError, TypeError):
        raise NotRenderedError("Allure did not say how many results it took") from None


def _gate(path: Path) -> list[Rule]:
    try:
        rules: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [Rule(str(rule["rule"]), rule["success"] is True, str(rule["message"])) for rule in rules]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _last_row(path: Path) -> Row:
    try:
        row = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return {}
    return row if isinstance(row, dict) else {}
