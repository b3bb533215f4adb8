"""The pytest plugin: options, and the hooks that are worth having before it is known that checks will run.

`healthgate run` loads it, and so does a repository whose conftest.py says `pytest_plugins = ("healthgate.plugin",)`.
Other tests there are run with it too, so that it imports nothing but pytest. What a run of checks needs is in
`healthgate.hooks.session`, imported when there is an `--env`.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

MARK = "__healthgate_checks__"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the contract."""
    group = parser.getgroup("healthgate", "health checks against environments")
    option = group.addoption
    option(
        "--env",
        action="append",
        default=[],
        metavar="NAME|PATH",
        help="environment to check; may be repeated",
    )
    option(
        "--fail-on",
        choices=("objective", "warning", "critical"),
        help="how bad a state must be to fail the run",
    )
    option(
        "--system",
        action="append",
        default=[],
        metavar="NAME",
        help="only checks of this system; may be repeated",
    )
    option("--severity", choices=("critical", "warning", "objective"), help="only checks that can be this bad")
    option("--cadence", metavar="DURATION", help="only checks that are meant to run this often, as in 30s")
    option("--results", default="reports/results.json", metavar="FILE", help="where the verdicts are written")
    option("--snapshot-out", metavar="FILE", help="keep what was seen, to judge it again later")
    option("--snapshot-in", metavar="FILE", help="judge a kept snapshot; nothing is asked over the network")
    option(
        "--sample",
        default="2s",
        metavar="DURATION",
        help="how long this run may observe for rates (default 2s)",
    )
    option("--exit-codes", choices=("pytest", "nagios"), default="pytest", help="whose exit codes to use")
    option(
        "--nagios-plugin",
        action="store_true",
        help="print exactly one status line with performance data, and use the exit codes of nagios",
    )
    option("--metrics", metavar="FILE", help="write the verdicts as Prometheus text, as a textfile collector reads it")
    option("--pushgateway", metavar="URL", help="push the verdicts to a Prometheus Pushgateway")
    option("--github", action="store_true", help="write a summary and annotations for GitHub Actions")
    option(
        "--history",
        metavar="FILE",
        help="read what runs before this one found, and add to it: since when a check is in its state, what changed",
    )
    option(
        "--alertmanager",
        action="append",
        default=[],
        metavar="URL",
        help="tell an Alertmanager what fires and what is over; may be repeated for a cluster",
    )
    option(
        "--heartbeat",
        metavar="DURATION",
        help="have Alertmanager tell when no run has come for this long, as in 15m; goes with --alertmanager",
    )
    option(
        "--notify",
        action="store_true",
        help="send a message where there is news, to the addresses in HEALTHGATE_NOTIFY_URLS; goes with --history",
    )
    option("--baseline", metavar="NAME|PATH", help="environment to compare the canary with; goes with --canary")
    option(
        "--canary",
        metavar="NAME|PATH",
        help="environment to compare with the baseline: the run fails where the canary is in a worse state",
    )
    option(
        "--for",
        dest="trial_for",
        metavar="DURATION",
        help="try the canary for so long at most, as in 10m: both sides are read every tick, until it is decided",
    )
    option(
        "--every", default="5s", metavar="DURATION", help="how often a canary that is tried is looked at (default 5s)"
    )
    option(
        "--from-prometheus",
        action="store_true",
        help="try the canary by what Prometheus has recorded of the last time that --for says, and look at nothing",
    )
    option("--record", metavar="FILE", help="keep what each tick of a trial brought, a line of JSON each")
    option(
        "--learn",
        metavar="FILE",
        help="keep what both sides do on one version for all the time that --for says, and judge no comparison",
    )
    option("--usual", metavar="FILE", help="hold nothing against a canary that --learn has kept as usual")
    option("--replay", metavar="FILE", help="judge a trial that --record has kept, and nothing else")
    option("--pictures", metavar="DIR", help="draw how each comparison of a trial came to its verdict, an SVG each")
    option(
        "--verdict",
        default="reports/canary.json",
        metavar="FILE",
        help="where the verdict of a trial is written (default reports/canary.json)",
    )
    parser.addini("healthgate_checks", "folder of the checks", default="checks")
    parser.addini(
        "healthgate_runbooks", "where a runbook stands; {name} is its name", default="docs/runbooks/{name}.md"
    )
    parser.addini(
        "healthgate_dashboard",
        "address of the dashboard, with {environment}, {system}, {check} and {panel}",
        default="",
    )
    parser.addini("healthgate_environments", "folder of the environment profiles", default="environments")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start a session of checks where an environment is named; a wrong profile ends the run here.

    Before other plugins: allure-pytest empties and creates its folder when it is configured.
    """
    config.addinivalue_line(
        "markers",
        "health(system, environment, severity, check): set on every check; select with -m \"health(system='x')\"",
    )
    option = config.option
    if option.replay:
        from healthgate.hooks.trial import replayed  # noqa: PLC0415

        said, code = replayed(option, config.invocation_params.dir)
        print(*said[:-1], sep="\n")
        pytest.exit(said[-1], returncode=code)
    if option.baseline or option.canary:
        if not (option.baseline and option.canary):
            raise pytest.UsageError("--baseline and --canary go together: a canary is compared with a baseline")
        if option.env and not hasattr(config, "workerinput"):
            raise pytest.UsageError("--baseline and --canary are the environments of a comparison: leave --env out")
        option.env = [option.baseline, option.canary]
    if option.env:
        from healthgate.hooks.session import Session  # noqa: PLC0415

        config.pluginmanager.register(Session(config), "healthgate-session")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> "Generator[None, Any, Any]":
    """Be a Nagios plugin where that is asked for: whatever happens, one line and one of four codes."""
    option = config.option
    if not option.nagios_plugin or option.help or option.version or hasattr(config, "workerinput"):
        return (yield)
    from healthgate.hooks import nagios  # noqa: PLC0415

    return (yield from nagios.run(config))


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> object:
    """The verdict on one check in one environment: `assert verdict.healthy, verdict`."""
    session = request.config.pluginmanager.getplugin("healthgate-session")
    return session.verdict_for(request.node)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without an environment, keep the checks collectable so that one message can say what is missing."""
    if hasattr(metafunc.function, MARK) and not metafunc.config.getoption("env"):
        metafunc.parametrize("verdict", [""], ids=["no-environment"], indirect=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> "Iterator[None]":
    """Refuse to collect checks without an environment, naming those there are."""
    if not config.getoption("env") and any(hasattr(getattr(item, "function", None), MARK) for item in items):
        from healthgate.hooks.without_environment import refuse  # noqa: PLC0415

        refuse(config, items)
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Raise the usage error a worker met, which xdist would lose."""
    message = getattr(node, "workeroutput", {}).get("healthgate_usage")
    if message:
        raise pytest.UsageError(message)
