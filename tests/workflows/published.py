"""The workflows, the action and the page about running, as their readers see them."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import check_jsonschema
import yaml
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent.parent
ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PAGE = ROOT / "docs/running.md"
ROLLOUTS = ROOT / "docs/rollouts.md"


@dataclass(frozen=True)
class Snippet:
    """One block of code of the page; `file` is the name that its first comment gives it."""

    language: str
    file: str
    text: str


@cache
def snippets(page: Path = PAGE) -> tuple[Snippet, ...]:
    """Every block of code of a page, in its order."""
    found = []
    for language, text in re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", page.read_text()):
        named = re.match(r"(?:#!.*\n)?(?:#|//) ([^\s:]+)", text)
        found.append(Snippet(language, named[1] if named else "", text))
    return tuple(found)


def snippet(file: str, page: Path = PAGE) -> str:
    """The text of the one block that gives itself this name."""
    (found,) = (one.text for one in snippets(page) if one.file == file)
    return found


def read(path: Path) -> Any:
    """A YAML file, every scalar a text, as `on` is no truth value for GitHub either."""
    return yaml.load(path.read_text(), yaml.BaseLoader)


def by_schema(name: str, *files: Path) -> tuple[int, str]:
    """Run `check-jsonschema` in this process, which need not import it each time; return its code and what it says."""
    done = CliRunner().invoke(check_jsonschema.main, ["--builtin-schema", name, *map(str, files)])
    return done.exit_code, done.output


def steps(described: Any) -> list[dict[str, Any]]:
    """Every step of a workflow or of an action."""
    jobs = described["jobs"].values() if "jobs" in described else [described["runs"]]
    return [step for job in jobs for step in job["steps"]]
