"""A Python of its own in which the package is installed, with what it requires and nothing else: no repository."""

import shutil
import sys
import sysconfig
import tomllib
import venv
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

import healthgate

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """\
#!{python}
from healthgate.__main__ import main

main()
"""


def required() -> set[str]:
    """Return the names of all packages that the package requires, by way of others too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    todo, found = [Requirement(one) for one in project["dependencies"]], set()
    while todo:
        wanted = todo.pop()
        if wanted.name not in found and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            found.add(wanted.name)
            todo += [Requirement(one) for one in distribution(wanted.name).requires or ()]
    return found


def install(folder: Path) -> None:
    """Make the virtual environment `folder`, as `pip install healthgate` leaves one, without asking an index."""
    venv.EnvBuilder(symlinks=True).create(folder)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    for name in required():
        package = distribution(name)
        for top in {file.parts[0] for file in package.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            (site / top).symlink_to(str(package.locate_file(top)))
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(healthgate.__file__).parent, site / "healthgate", ignore=unwanted)
    script = folder / "bin/healthgate"
    script.write_text(SCRIPT.format(python=folder / "bin/python"))
    script.chmod(0o755)
    assert Path(sys.executable).parent != folder / "bin"
