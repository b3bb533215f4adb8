"""Who may import whom, read from the source."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import healthgate

ROOT = Path(__file__).parents[2]
ENGINE = Path(healthgate.__file__).parent
LAB = ROOT / "lab"
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


def test_the_engine_has_no_import_cycle() -> None:
    """Neither at the top of modules nor within functions; what is imported for type checking alone counts too."""
    names = {module_name(path, ENGINE.parent): path for path in modules(ENGINE)}
    edges = {name: imported_by(path, ENGINE.parent) & set(names) - {name} for name, path in names.items()}
    edges["healthgate"] = set()  # the public names are imported when they are used
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> None:
        assert name not in way, " imports ".join([*way[way.index(name) :], name])
        if name not in done:
            for target in sorted(edges[name]):
                walk(target, [*way, name])
            done.add(name)

    for name in names:
        walk(name, [])
    assert len(done) == len(names) > 25


def test_every_module_below_knows_nothing_of_those_above() -> None:
    """Limits know no checks; probes know no judge; nothing but the hooks and the reports knows pytest."""
    allowed_pytest = {"plugin", "session", "protocol", "without_environment", "__main__"}
    for path in modules(ENGINE):
        seen = imported_by(path, ENGINE.parent)
        home = path.relative_to(ENGINE).with_suffix("").as_posix()
        if home not in allowed_pytest and not home.startswith("report/"):
            assert not {name for name in seen if name.split(".")[0] in {"pytest", "_pytest"}}, home
        if home.startswith("probes/"):
            above = {"judge", "verdict", "session", "run", "plan", "claim", "profile", "catalogue", "report", "limit"}
            assert not {
                name for name in seen if name.split(".")[:1] == ["healthgate"] and set(name.split(".")) & above
            }, home


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


def test_every_public_name_resolves() -> None:
    """And what is no public name says so."""
    for name in healthgate.__all__:
        assert getattr(healthgate, name) is not None
    assert len(set(healthgate.__all__)) == len(healthgate.__all__) > 30
    with pytest.raises(AttributeError, match="has no attribute 'nothing_is_called_so'"):
        _ = healthgate.nothing_is_called_so
