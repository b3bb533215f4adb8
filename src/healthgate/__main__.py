"""The `healthgate` command: `healthgate run …` is `pytest checks …` with only the plugins that are asked for.

pytest loads every plugin of its environment, and an environment with parallel runs and reports in it spends
more time on that than on checking. Options, output and exit codes are pytest's own.
"""

import gc
import os
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

PLUGINS = {
    "xdist.plugin": ("-n", "--numprocesses", "--dist"),
    "allure_pytest.plugin": ("--alluredir",),
    "pytest_timeout": ("--timeout",),
}
PACKAGES = {"xdist.plugin": "pytest-xdist", "allure_pytest.plugin": "allure-pytest", "pytest_timeout": "pytest-timeout"}
"""What to install for a plugin."""

UNUSED = (
    "doctest",
    "pastebin",
    "setuponly",
    "setupplan",
    "stepwise",
    "threadexception",
    "unittest",
    "unraisableexception",
)
"""Plugins of pytest itself that health checks have no use for; some do work for every test."""

VALUED = frozenset(
    [
        "--alluredir",
        "--alertmanager",
        "--baseline",
        "--basetemp",
        "--canary",
        "--cadence",
        "--color",
        "--confcutdir",
        "--deselect",
        "--dist",
        "--durations",
        "--env",
        "--every",
        "--exit-codes",
        "--fail-on",
        "--for",
        "--heartbeat",
        "--history",
        "--ignore",
        "--junitxml",
        "--learn",
        "--log-file",
        "--maxfail",
        "--metrics",
        "--numprocesses",
        "--override-ini",
        "--pushgateway",
        "--pictures",
        "--record",
        "--replay",
        "--results",
        "--rootdir",
        "--sample",
        "--severity",
        "--snapshot-in",
        "--snapshot-out",
        "--system",
        "--tb",
        "--timeout",
        "--usual",
        "--verdict",
        "-c",
        "-k",
        "-m",
        "-n",
        "-o",
        "-p",
        "-r",
        "-W",
    ]
)
"""Options whose next word is their value, which may well be the name of a folder too."""

USAGE = """usage: healthgate run --env NAME [pytest options]
       healthgate run --baseline NAME --canary NAME [--for 10m]
       healthgate new NAME [URL]
       healthgate fit --env NAME
       healthgate report [RESULTS] [--single-file] [--gate]
       healthgate baseline --env NAME --history FILE [--since 14d] [--json | --propose]
       healthgate render [--check]
       healthgate schema

Runs the health checks against an environment. `healthgate run --help` lists all options;
`pytest checks --env NAME` does the same with every installed pytest plugin loaded. With --baseline and --canary two
environments are compared; with --for as well the canary is tried, until it is proven worse or well.
`new` makes a project of your own in a new folder: one system, one profile, three checks of URL, a workflow.
`fit` reads an environment once, says how it differs from what the documents have, and prints the lines that say so in
its profile. `report` renders the Allure results of a run (`--alluredir RESULTS`) to a page that people read.
`baseline` says from the history of runs what is normal: usual values, which lines would have been crossed, what grows.
`render` writes alert rules, their tests, a dashboard and the list of all checks from the checks in this folder;
with --check it says which of them are outdated. `schema` prints the JSON Schema of environment profiles, which
editors use."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.argv[1:] == ["schema"]:
        print_schema()
        return
    if sys.argv[1:2] == ["new"]:
        from healthgate.new import command as new  # noqa: PLC0415

        sys.exit(new.main(sys.argv[2:]))
    if sys.argv[1:2] == ["render"]:
        from healthgate.render import command  # noqa: PLC0415

        sys.exit(command.main(sys.argv[2:]))
    if sys.argv[1:2] == ["fit"]:
        from healthgate.fit import command as fit  # noqa: PLC0415

        sys.exit(fit.main(sys.argv[2:]))
    if sys.argv[1:2] == ["report"]:
        from healthgate.page import command as report  # noqa: PLC0415

        sys.exit(report.main(sys.argv[2:]))
    if sys.argv[1:2] == ["baseline"]:
        from healthgate.baseline import command as baseline  # noqa: PLC0415

        sys.exit(baseline.main(sys.argv[2:]))
    if sys.argv[1:2] != ["run"]:
        print(USAGE, file=sys.stdout if sys.argv[1:] in (["-h"], ["--help"]) else sys.stderr)
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 4)
    gc.disable()  # a run is short: collecting what its end frees anyway costs more than it saves
    arguments = sys.argv[2:]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    code = run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    if "xdist.plugin" in wanted(arguments):
        sys.exit(code)
    os._exit(code)  # tearing the interpreter down takes longer than judging; all files are closed by now


def print_schema() -> None:
    """Print the JSON Schema of environment profiles for the checks in this folder."""
    import json  # noqa: PLC0415

    from healthgate.claim import catalogue  # noqa: PLC0415
    from healthgate.environment import schema as profile_schema  # noqa: PLC0415

    try:
        found = catalogue.load(Path("checks").resolve(), Path.cwd())
    except catalogue.CatalogueError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(4)
    print(json.dumps(profile_schema.schema(found), indent=2))


def run(arguments: list[str]) -> int:
    """Run pytest with the plugins `arguments` need and return its exit code."""
    for plugin in wanted(arguments):
        if find_spec(plugin.partition(".")[0]) is None:
            print(
                f"ERROR: {PLUGINS[plugin][0]} needs {PACKAGES[plugin]}: pip install {PACKAGES[plugin]}", file=sys.stderr
            )
            return 4
    import pytest  # noqa: PLC0415 (the variable above must be set before)

    names = ("healthgate.plugin", *wanted(arguments), *(f"no:{name}" for name in UNUSED))
    plugins = [word for name in names for word in ("-p", name)]
    where = [] if names_a_path(arguments) else ["checks"]
    return int(pytest.main([*plugins, "--capture=sys", *joined(arguments), *where]))


def joined(arguments: list[str]) -> list[str]:
    """Return `arguments` with every long option and its value in one word.

    pytest looks for its configuration near every word that is a path, the value of an option too: a profile in
    some other project's folder would otherwise make that project the one whose checks are run.
    """
    words: list[str] = []
    for word in arguments:
        if words and words[-1] in VALUED and words[-1].startswith("--"):
            words[-1] = f"{words[-1]}={word}"
        else:
            words.append(word)
    return words


def wanted(arguments: list[str]) -> list[str]:
    """Return the plugins whose options are among `arguments`."""
    return [
        plugin
        for plugin, options in PLUGINS.items()
        if any(word.partition("=")[0].rstrip("0123456789") in options for word in arguments)
    ]


def names_a_path(arguments: list[str]) -> bool:
    """Whether one of `arguments` is a folder, a test file or a node id, and not the value of an option."""
    return any(
        not word.startswith("-") and before not in VALUED and _holds_tests(Path(word.partition("::")[0]))
        for before, word in pairwise(["", *arguments])
    )


def _holds_tests(path: Path) -> bool:
    return path.is_dir() or (path.suffix == ".py" and path.exists())


if __name__ == "__main__":
    main()
