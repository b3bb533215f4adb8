"""All systems and checks there are, read from the checks folder. Opens no connection."""

import inspect
import sys
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from healthgate.claim.check import Check, declared_on
from healthgate.claim.system import DIFFERENCES, System, settings_of

if TYPE_CHECKING:
    from healthgate.claim.compared import Compared

TAKEN = frozenset({"name", "time_scale", "here", "asked", *DIFFERENCES})
"""What every system has without being told it as a setting."""


class CatalogueError(Exception):
    """The checks folder contradicts itself; the text says where."""


@dataclass
class Catalogue:
    """Systems by name, checks by id, and what a canary is compared by, by id."""

    systems: dict[str, type[System]] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    comparisons: dict[str, "Compared"] = field(default_factory=dict)

    @property
    def rows(self) -> set[str]:
        """The ids without parameters."""
        return {check.row for check in self.checks.values()}

    def find(self, check_id: str) -> Check | None:
        """Return a check or a comparison by its id; None where there is none."""
        return self.checks.get(check_id) or self.comparisons.get(check_id)


def load(folder: Path, root: Path) -> Catalogue:
    """Import every package and `test_*.py` below `folder` and return what they declare.

    `root` is the folder their module names are relative to. CatalogueError names a file that cannot be imported and
    why, a duplicate id, a claim of an undeclared system, a requirement on a check there is not, a setting whose name is
    taken, or a test function that cannot tell its checks apart.
    """
    if not folder.is_dir():
        words = f"there is no folder {folder} with checks; the ini option healthgate_checks names it"
        if root != Path.cwd():
            words += f". pytest took {root} for the project: start it in the project's folder, and write --env=PATH"
        raise CatalogueError(words)
    catalogue = Catalogue()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    for path in sorted(folder.rglob("*.py")):
        if path.name != "__init__.py" and not path.name.startswith("test_"):
            continue
        module = _imported(path, root)
        for value in list(vars(module).values()):
            if inspect.isclass(value) and issubclass(value, System) and value is not System:
                known = catalogue.systems.setdefault(value.name, value)
                if known is not value:
                    raise CatalogueError(f"{path}: there are two systems named {value.name}")
                for taken in TAKEN & settings_of(value).keys():
                    raise CatalogueError(
                        f"{path}: {value.__name__} declares {taken} as a setting, but every system has one already"
                        " that no environment gives; call the setting otherwise"
                    )
            elif inspect.isfunction(value) and value.__module__ == module.__name__:
                _refuse_unclear(value)
                for check in declared_on(value):
                    _add(catalogue, check)
    for check in (*catalogue.checks.values(), *catalogue.comparisons.values()):
        if check.system not in catalogue.systems:
            raise CatalogueError(
                f"{check.file}:{check.line}: {check.id} is about {check.system}, which is no declared system"
            )
        for required in check.requires:
            if required not in catalogue.checks:
                raise CatalogueError(f"{check.file}:{check.line}: {check.id} requires {required}, which is no check")
        for part in check.sums_up:
            alone = replace(check, sums_up=(part,))
            if not any(alone.covers(name) for name in catalogue.checks):
                raise CatalogueError(f"{check.file}:{check.line}: {check.id} sums up {part}, which begins no check")
    _refuse_circles(catalogue)
    return catalogue


def _imported(path: Path, root: Path) -> ModuleType:
    try:
        return import_module(_module_name(path, root))
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # also what ends the process, or skips the file as pytest has it
        from healthgate.claim import unimportable  # noqa: PLC0415 (only a wrong file pays for it)

        raise CatalogueError(unimportable.explained(problem, path, root)) from None


def _refuse_unclear(function: FunctionType) -> None:
    checks = declared_on(function)
    if not checks:
        return
    place, name = f"{checks[0].file}:{checks[0].line}", function.__name__
    if "verdict" not in function.__code__.co_varnames:
        raise CatalogueError(f"{place}: {name} declares {checks[0].id} and takes no verdict; write def {name}(verdict)")
    slugs = [check.slug for check in checks]
    doubled = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if doubled:
        raise CatalogueError(
            f"{place}: two checks on {name} end in {doubled[0]}; "
            "put them on different functions, so that each has a name of its own"
        )


def _refuse_circles(catalogue: Catalogue) -> None:
    for check in catalogue.checks.values():
        reached: dict[str, str] = {}  # check -> the one that requires it
        todo = [check.id]
        while todo:
            name = todo.pop()
            for required in catalogue.checks[name].requires:
                if required == check.id:
                    raise CatalogueError(f"{check.file}:{check.line}: {check.id} requires itself, by way of {name}")
                if required not in reached:
                    reached[required] = name
                    todo.append(required)


def _add(catalogue: Catalogue, check: Check) -> None:
    other = catalogue.checks.get(check.id) or catalogue.comparisons.get(check.id)
    several: dict[str, Any] = catalogue.comparisons if check.is_comparison else catalogue.checks
    several.setdefault(check.id, check)
    if other is not None and other is not check:
        raise CatalogueError(f"{check.file}:{check.line}: {check.id} is already declared at {other.file}:{other.line}")


def _module_name(path: Path, root: Path) -> str:
    relative = path.relative_to(root).with_suffix("")
    parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
    return ".".join(parts)
