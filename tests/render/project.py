"""A copy of what the files are rendered from, in which a test may change something."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ = ("checks", "environments", "tests/checks/spec_rows.yaml")
WRITTEN = ("monitoring/alerts.yaml", "monitoring/dashboard.json", "docs/checks.md")


@dataclass(frozen=True)
class Done:
    """How the command ended, and what it said."""

    code: int
    out: str
    err: str


class Project:
    """The sources of everything rendered, and what is committed of it, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*READ, *WRITTEN):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, folder / name)

    def replace(self, name: str, old: str, new: str) -> None:
        """Change one place of a file."""
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))

    def render(self, *arguments: str, flags: tuple[str, ...] = ()) -> Done:
        """Run `healthgate render` here."""
        command = [sys.executable, "-B", *flags, "-m", "healthgate", "render", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)
        return Done(done.returncode, done.stdout, done.stderr)
