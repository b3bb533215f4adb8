"""Who may import whom, read from the source."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import healthgate.readings

ROOT = Path(__file__).parents[2]
ENGINE = Path(healthgate.__file__).parent
LAB = ROOT / "lab"
LARGEST, USUAL = 450, 150
"""Lines of the largest module of the engine or of the lab, and of the median, at most."""
MOST_LEVELS = 8
"""How many rooms of the engine stand on each other at most."""
SYSTEMS = ("gateway", "market", "squeezeflow", "wsmanager", "sse")


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a module below `root`."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path: Path, root: Path) -> set[str]:
    """Return the full names of everything a module imports, at its top and within its functions."""
    found: set[str] = set()
    package = module_name(path, root).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def modules(folder: Path) -> list[Path]:
    """Return the modules below a folder."""
    return sorted(folder.rglob("*.py"))


WORDS = (
    "authority",
    "command_line",
    "duration",
    "lazily",
    "nearest",
    "printable",
    "scarce",
    "secret",
    "version",
    "week",
)
"""Text and numbers as people write them: modules of their own, which know nothing but each other."""

OFFER = ("readings", "shapes")
"""Modules that offer names of others, and import none before somebody asks."""

LEVELS = (
    ("words",),
    ("wire", "claim"),
    ("probes", "environment", "observe", "judge", "canary"),
    ("memory",),
    ("run", "tell"),
    ("render", "page", "fit", "new", "baseline"),
    ("hooks",),
    ("plugin",),
    ("__main__",),
)
"""The rooms of the engine: each may import what is above it in this list, none what stands beside or below it."""

KNOW_PYTEST = {"hooks", "plugin", "__main__"}


def room(module: str) -> str:
    """Return the room of a module of the engine; empty for the package itself."""
    name = module.split(".")[1] if "." in module else ""
    return "words" if name in WORDS else name if name not in OFFER else ""


def arrows(root: Path, package: Path) -> dict[str, set[str]]:
    """Return which modules of a package each of them imports, anywhere; what is only for type checkers counts too."""
    names = {module_name(path, root): path for path in modules(package)}
    found = {}
    for name, path in names.items():
        seen = imported_by(path, root) & set(names) - {name}
        found[name] = {one for one in seen if not any(other.startswith(f"{one}.") for other in seen)}
    return found


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return modules each of which imports the next, and the last the first; empty where there are none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name not in done:
            for target in sorted(edges[name]):
                if found := walk(target, [*way, name]):
                    return found
            done.add(name)
        return []

    return next((found for name in edges if (found := walk(name, []))), [])


def test_no_module_imports_itself_by_way_of_others() -> None:
    for root, package in ((ENGINE.parent, ENGINE), (ROOT, LAB)):
        edges = arrows(root, package)
        assert len(edges) > 25
        assert circle(edges) == []


def test_every_room_knows_only_what_is_below_it() -> None:
    level = {name: number for number, names in enumerate(LEVELS) for name in names}
    edges = arrows(ENGINE.parent, ENGINE)
    rooms = {room(name) for name in edges} - {""}
    assert rooms == set(level)
    upward = [
        f"{name} imports {target}"
        for name, targets in edges.items()
        for target in sorted(targets)
        if room(name) != room(target) and room(name) and room(target) and level[room(name)] <= level[room(target)]
    ]
    assert upward == []


def test_only_what_is_about_pytest_knows_it() -> None:
    for path in modules(ENGINE):
        name = module_name(path, ENGINE.parent)
        if room(name) not in KNOW_PYTEST:
            assert not {
                one for one in imported_by(path, ENGINE.parent) if one.split(".")[0] in {"pytest", "_pytest"}
            }, name


def tower(rooms: dict[str, set[str]], top: str) -> list[str]:
    """Return the longest row of rooms each of which imports the next, from `top` down; there must be no circle."""
    return [top, *max((tower(rooms, below) for below in sorted(rooms.get(top, ()))), key=len, default=[])]


def test_no_more_rooms_stand_on_each_other_than_a_reader_can_keep_in_mind() -> None:
    rooms: dict[str, set[str]] = {}
    for name, targets in arrows(ENGINE.parent, ENGINE).items():
        if room(name):
            rooms.setdefault(room(name), set()).update({room(target) for target in targets} - {room(name), ""})
    highest = max((tower(rooms, top) for top in rooms), key=len)

    assert highest[-1] == "words"
    assert 5 <= len(highest) <= MOST_LEVELS, highest


@pytest.mark.parametrize("package", [ENGINE, LAB], ids=["engine", "lab"])
def test_no_module_is_too_large_to_be_read_at_once(package: Path) -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in modules(package) if path.name != "__init__.py"}
    assert {path.name: size for path, size in sizes.items() if size > LARGEST} == {}
    assert median(sizes.values()) <= USUAL


def test_the_lab_and_the_engine_do_not_know_each_other() -> None:
    """So that the lab cannot share the engine's mistakes."""
    for path in modules(ENGINE):
        assert not {name for name in imported_by(path, ENGINE.parent) if name.split(".")[0] == "lab"}, path
    assert modules(LAB)
    for path in modules(LAB):
        assert not {name for name in imported_by(path, ROOT) if name.split(".")[0] == "healthgate"}, path


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_engine_knows_no_system_by_name(name: str) -> None:
    """Not in code, words, examples or messages."""
    for path in ENGINE.rglob("*"):
        if path.suffix in {".py", ".json"}:
            assert not re.search(rf"\b{name}\b", path.read_text(), re.IGNORECASE), path


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    """A pytest run that has nothing to do with health checks pays for pytest alone."""
    program = (
        "import sys, pytest; before = set(sys.modules); import healthgate.plugin; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["healthgate"]


def test_a_run_without_requests_to_redis_does_not_load_its_client() -> None:
    """Nor does importing every public name open the way to HTTP, TLS or metrics pages."""
    program = (
        "import sys, healthgate; [getattr(healthgate, name) for name in healthgate.__all__]; "
        "heavy = {'redis', 'http.client', 'ssl', 'asyncio', 'httpx', 'allure_commons', 'prometheus_client', 'yaml'}; "
        "print(*(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == []


def test_a_run_loads_nothing_to_calculate_medians_with() -> None:
    """`statistics` brings decimals and fractions, and takes ten milliseconds."""
    program = "import sys, healthgate.hooks.session, healthgate.memory.history; print('statistics' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["False"]


def test_every_public_name_resolves() -> None:
    """And what is no public name says so."""
    for offering in (healthgate, healthgate.readings):
        for name in offering.__all__:
            assert getattr(offering, name) is not None
        with pytest.raises(AttributeError, match="has no attribute 'nothing_is_called_so'"):
            _ = offering.nothing_is_called_so
    assert (
        len({*healthgate.__all__, *healthgate.readings.__all__})
        == len(healthgate.__all__) + len(healthgate.readings.__all__)
        > 90
    )
