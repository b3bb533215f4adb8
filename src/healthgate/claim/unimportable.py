"""Why a file of checks cannot be imported, in one message: the line of that file, the check, what was seen."""

import ast
import builtins
import linecache
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from healthgate.nearest import hint
from healthgate.printable import printable

PACKAGE = Path(__file__).parents[1]
NO_NAME = re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)' \(")
DECLARING = "check"
"""The function whose first argument is the id of a check."""


def explained(problem: BaseException, path: Path, root: Path) -> str:
    """Return what is wrong with the file at `path` below `root`, or with one there that it imports.

    Two lines: place, check and reason, and the line of code. Places are written from `root`.
    """
    if isinstance(problem, SyntaxError) and problem.filename and Path(problem.filename).is_relative_to(root):
        where, line = Path(problem.filename), problem.lineno or 1
        return _message(where, line, root, "the checks cannot be imported", f"{problem.msg}; correct this line")
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if _is_own(frame.filename, root)]
    places = [(Path(frame.filename), frame.lineno or 1) for frame in reversed(frames)] or [(path, 1)]
    declared = next(filter(None, (_declared(*place) for place in places)), None)
    what = f"{declared} cannot be declared" if declared else "the checks cannot be imported"
    return _message(*places[0], root, what, _reason(problem, places[0][0]))


def _message(path: Path, line: int, root: Path, what: str, reason: str) -> str:
    place = path.relative_to(root) if path.is_relative_to(root) else path
    code = linecache.getline(str(path), line).strip()
    return f"{place}:{line}: {what}: {reason}" + (f"\n    {printable(code, 120)}" if code else "")


def _is_own(filename: str, root: Path) -> bool:
    path = Path(filename)
    return path.is_relative_to(root) and not path.is_relative_to(PACKAGE) and "site-packages" not in path.parts


def _declared(path: Path, line: int) -> str | None:
    """Return the id of the check whose declaration spans a line, as it is written there."""
    try:
        source = path.read_text("utf-8")
        tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args and _calls_check(node)]
    spanning = [call for call in calls if call.lineno <= line <= (call.end_lineno or call.lineno)]
    if not spanning:
        return None
    first = max(spanning, key=lambda call: call.lineno).args[0]
    written = first.value if isinstance(first, ast.Constant) else ast.get_source_segment(source, first)
    return printable(written, 80)


def _calls_check(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name == DECLARING


def _reason(problem: BaseException, path: Path) -> str:
    words = printable(problem, 300)
    if isinstance(problem, ModuleNotFoundError):
        return f"there is no module {problem.name}; correct the name, or install what has it where the checks run"
    if isinstance(problem, ImportError) and (wrong := NO_NAME.search(str(problem))):
        there = dir(sys.modules.get(wrong["module"], builtins))
        return f"{wrong['module']} has no {wrong['name']}{_near(wrong['name'], there)}"
    if isinstance(problem, NameError) and problem.name:
        return f"{words}{_near(problem.name, {*dir(builtins), *_bound(path), *dir(sys.modules[PACKAGE.name])})}"
    if isinstance(problem, AttributeError) and problem.name and isinstance(problem.obj, ModuleType):
        return f"{problem.obj.__name__} has no {problem.name}{_near(problem.name, dir(problem.obj))}"
    if isinstance(problem, ValueError | TypeError) and _is_ours(problem):
        return words
    if isinstance(problem, Exception):
        return f"{type(problem).__name__}: {words}; correct this line"
    return f"it ends the import with {type(problem).__name__}: {words}; a file of checks declares them, and that is all"


def _is_ours(problem: BaseException) -> bool:
    """Whether the engine itself refused something, in a sentence of its own."""
    frames = traceback.extract_tb(problem.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(PACKAGE)


def _near(name: str, there: Iterable[str]) -> str:
    words = hint(name, (one for one in there if not one.startswith("_")))
    return words if "did you mean" in words else ""


def _bound(path: Path) -> Iterator[str]:
    """Yield the names that a file gives anything."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
