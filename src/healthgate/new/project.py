"""What a new project holds, as templates that are part of this package, and how it comes to stand in its folder."""

import keyword
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from healthgate.claim.system import Url, convert
from healthgate.environment.reader import TOP_KEYS
from healthgate.printable import printable
from healthgate.version import __version__

DEFAULT = "http://127.0.0.1:8000/health"
TEMPLATE = Path(__file__).with_name("template")
FILES = {
    "README.md": "readme.md",
    "pyproject.toml": "pyproject.toml",
    "conftest.py": "conftest.txt",
    ".gitignore": "gitignore",
    ".github/workflows/health.yml": "workflow.yml",
    "environments/production.yaml": "profile.yaml",
    "checks/__init__.py": "checks.txt",
    "checks/@name@/__init__.py": "system.txt",
    "checks/@name@/test_@name@.py": "claims.txt",
    "docs/runbooks/@name@.md": "runbook.md",
}
"""The files of a project, and the template of each. What stands between two @ is filled in."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
ROUTE = re.compile(r"/[A-Za-z0-9_.~!$&'()*+,;=:@%/?-]*")


class NotMadeError(Exception):
    """There is nothing to make; the text says why, and what to write instead."""


@dataclass(frozen=True)
class Project:
    """A project for one system: its name, the address of it, and the route that is asked."""

    name: str
    address: str
    route: str

    @classmethod
    def of(cls, name: str, url: str) -> "Project":
        """Return the project for a system that answers at `url`; NotMadeError where either cannot be used."""
        if not NAME.fullmatch(name):
            near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:40]
            example = near if NAME.fullmatch(near) else "shop"
            raise NotMadeError(
                f"{printable(name, 60)!r} is no name of a system: small letters, digits and _, as in {example}"
            )
        if keyword.iskeyword(name) or name in TOP_KEYS:
            raise NotMadeError(f"{name!r} means something else in Python or in a profile; call the system otherwise")
        scheme, separator, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        try:
            address = convert(Url, f"{scheme}{separator}{host}")
        except ValueError as problem:
            raise NotMadeError(f"URL {printable(url, 100)!r}: {problem}") from None
        if not ROUTE.fullmatch(slash + path or "/"):
            raise NotMadeError(f"URL {printable(url, 100)!r}: a path may have what addresses may have, and no #")
        return cls(name, address, slash + path or "/")

    def files(self) -> dict[str, str]:
        """Return the text of every file by its path in the project."""
        words = {
            "name": self.name,
            "class": "".join(part.capitalize() for part in self.name.split("_")),
            "address": self.address,
            "route": self.route,
            "version": __version__,
        }
        texts = {path: (TEMPLATE / template).read_text("utf-8") for path, template in FILES.items()}
        return {_filled(path, words): _filled(text, words) for path, text in texts.items()}

    def write(self, folder: Path) -> None:
        """Make the folder with all files, or nothing; NotMadeError where there is something already, OSError else."""
        if os.path.lexists(folder):
            raise NotMadeError(f"{folder} is there already, and nothing is overwritten: choose another name or folder")
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            made = work / folder.name
            for path, text in self.files().items():
                file = made / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, "utf-8")
            made.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@(\w+)@", lambda found: words[found[1]], text)
