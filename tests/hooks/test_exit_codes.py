"""One exit code for a whole run, the same with and without workers."""

from typing import Any

import pytest

from tests.parts.project import Outcome, Project
from tests.parts.target import Target, closed_port

BURSTING = {"/state": {"pressure": 95, "purity": 99}}
HOT = {"/state": {"pressure": 85, "purity": 99}}
FOUL = {"/state": {"pressure": 50, "purity": 95}}
EMPTY_TANK = {"/fuel": {"tank": {"level": 5}}}
NO_FUEL_DATA = {"/fuel": {"tank": None}}
SILENT = {"/state": None}

MATRIX: dict[str, tuple[int, dict[str, Any], list[str]]] = {
    "all well": (0, {}, []),
    "an objective missed": (10, FOUL, []),
    "an objective missed below the floor": (0, FOUL, ["--fail-on", "warning"]),
    "a warning": (10, HOT, []),
    "a warning at its floor": (10, HOT, ["--fail-on", "warning"]),
    "a warning below the floor": (0, HOT, ["--fail-on", "critical"]),
    "a critical": (1, BURSTING, []),
    "a critical at the highest floor": (1, BURSTING, ["--fail-on", "critical"]),
    "an unknown": (11, NO_FUEL_DATA, []),
    "an unknown at the highest floor": (11, NO_FUEL_DATA, ["--fail-on", "critical"]),
    "unknown and warning": (11, HOT | NO_FUEL_DATA, []),
    "critical and unknown": (1, BURSTING | NO_FUEL_DATA, []),
    "critical, unknown and warning": (1, BURSTING | NO_FUEL_DATA | {"/private": {"number": 12}}, []),
    "a root unknown, its dependants blocked": (11, SILENT, []),
    "blocked, its root deselected": (11, SILENT, ["-k", "fuel"]),
    "stopped by -x at a warning, the rest not judged": (11, HOT | EMPTY_TANK, ["-x"]),
    "stopped by -x at a critical": (1, BURSTING | EMPTY_TANK, ["-x"]),
    "stopped by --maxfail, the rest not judged": (11, HOT | EMPTY_TANK, ["--maxfail=1"]),
    "as many failures as --maxfail allows": (10, HOT, ["--maxfail=2"]),
    "nothing selected": (5, {}, ["-k", "nothing_is_called_so"]),
    "results cannot be written": (13, {}, ["--results", "/dev/null/results.json"]),
    "results cannot be written and a warning": (10, HOT, ["--results", "/dev/null/results.json"]),
}
WITH_WORKERS = {
    "all well",
    "an objective missed below the floor",
    "a warning",
    "critical and unknown",
    "blocked, its root deselected",
    "stopped by -x at a critical",
    "as many failures as --maxfail allows",
    "nothing selected",
    "results cannot be written",
}
"""Rows that take another way through the code when there are workers.

They run with `--setup-show` as well, which makes each check run in pytest's three steps instead of one.
"""


@pytest.fixture
def works(project: Project, target: Target) -> Project:
    """The environment `works` with everything present."""
    project.environment("works", boiler={"url": target.url, "token": "${TOKEN}"})
    return project


def run(works: Project, *arguments: str) -> Outcome:
    """Run the checks of `works`."""
    return works.check("-p", "no:cacheprovider", *arguments, TOKEN="planted-token-0123456789")


@pytest.mark.parametrize("what", MATRIX)
def test_every_row_of_the_table_has_its_code(works: Project, target: Target, what: str) -> None:
    """As documented, and results.json says the same."""
    code, answers, arguments = MATRIX[what]
    target.answers.update(answers)

    outcome = run(works, *arguments)

    assert outcome.code == code, outcome.text
    assert "Traceback" not in outcome.text
    assert "INTERNALERROR" not in outcome.text
    if code not in {5, 13} and "--results" not in arguments:
        assert outcome.results["run"]["exit_code"] == code
    if what in WITH_WORKERS:
        distributed = run(works, *arguments, "-n", "2", "--setup-show")
        assert distributed.code == code, distributed.text
        assert "INTERNALERROR" not in distributed.text


@pytest.mark.parametrize(
    ("answers", "nagios"),
    [({}, 0), (HOT, 1), (BURSTING, 2), (NO_FUEL_DATA, 3)],
    ids=["ok", "warning", "critical", "unknown"],
)
def test_nagios_codes_on_request(works: Project, target: Target, answers: dict[str, Any], nagios: int) -> None:
    """0, 1, 2, 3 to the caller; results.json keeps the run's own code."""
    target.answers.update(answers)

    outcome = run(works, "--exit-codes", "nagios")

    assert outcome.code == nagios
    assert outcome.results["run"]["exit_code"] == {0: 0, 1: 10, 2: 1, 3: 11}[nagios]


def test_nagios_is_told_unknown_where_nothing_was_checked(works: Project) -> None:
    """Nothing selected, a wrong environment: never OK."""
    assert run(works, "--exit-codes", "nagios", "-k", "nothing_is_called_so").code == 3


BROKEN_CHECK = """\
from checks.boiler import FUEL, STATE
from healthgate import below, check, measure

TOLD = dict(name="broken", cause="c", action="a", runbook="r")

@measure(FUEL)
def broken(answer):
    '''Never gets anywhere.'''
    return answer.body().number("tank.level") / 0

@check("boiler.broken", broken, stays=below(5), attempts={attempts}, **TOLD)
def test_broken(verdict):
    '''It crashes.'''
    assert verdict.healthy, verdict
"""


@pytest.mark.parametrize("how", ["-x", "--maxfail=1"])
def test_what_was_not_judged_because_of_a_stop_is_not_known(works: Project, target: Target, how: str) -> None:
    """With workers it depends on them how much was judged; never does the code say more than that."""
    target.answers.update(HOT | EMPTY_TANK)

    outcome = run(works, how, "-n", "2")

    ran = outcome.results["run"]
    assert ran["executed"] >= 1
    assert outcome.code == (11 if ran["executed"] < ran["selected"] else 10), outcome.text


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("steps", ["--setup-show", "--no-header"], ids=["three steps", "one step"])
def test_a_check_that_crashes_is_a_broken_check_and_all_others_are_judged(
    works: Project, attempts: int, steps: str
) -> None:
    """Exit 1 with a traceback for its author; five others have their verdicts; it is counted and named as lost."""
    works.write("checks/boiler/test_broken.py", BROKEN_CHECK.format(attempts=attempts))

    outcome = run(works, steps)

    assert outcome.code == 1
    assert "INTERNALERROR" not in outcome.text
    assert "ZeroDivisionError" in outcome.text
    assert set(outcome.states.values()) == {"ok"}
    assert len(outcome.states) == 5
    assert (outcome.results["run"]["selected"], outcome.results["run"]["executed"]) == (6, 5)


def test_a_test_that_fails_by_itself_is_a_broken_check(works: Project) -> None:
    """An exception in the body is not mistaken for the verdict."""
    works.write(
        "checks/boiler/test_body.py",
        BROKEN_CHECK.format(attempts=1)
        .replace("/ 0", "/ 1000")
        .replace("assert verdict.healthy, verdict", "raise RuntimeError('the body')"),
    )

    outcome = run(works)

    assert outcome.code == 1
    assert "RuntimeError: the body" in outcome.text


@pytest.mark.parametrize("steps", ["--setup-show", "--no-header"], ids=["three steps", "one step"])
def test_a_test_that_does_not_assert_fails_all_the_same(works: Project, target: Target, steps: str) -> None:
    """Forgetting the assertion makes nothing green."""
    target.answers.update(BURSTING)
    file = works.root / "checks/boiler/test_boiler.py"
    file.write_text(file.read_text().replace("assert verdict.healthy, verdict", "pass"))

    outcome = run(works, steps)

    assert outcome.code == 1
    assert outcome.states["boiler.pressure"] == "critical"


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_a_run_in_which_everything_was_skipped_is_not_green(works: Project, workers: tuple[str, ...]) -> None:
    """Somebody else's skip marks: nothing was executed, and every check is named."""
    works.write(
        "conftest.py",
        "import pytest\n\ndef pytest_collection_modifyitems(items):\n"
        "    for item in items:\n        item.add_marker(pytest.mark.skip(reason='not today'))\n",
    )

    outcome = run(works, *workers)

    assert outcome.code == 11, outcome.text
    assert (outcome.results["run"]["selected"], outcome.results["run"]["executed"]) == (5, 0)
    assert "checks/boiler/test_boiler.py::test_state[works-pressure] was selected and did not bring one" in outcome.out


def test_one_skipped_check_is_not_green_either(works: Project) -> None:
    """Nor one that is expected to fail."""
    file = works.root / "checks/boiler/test_boiler.py"
    file.write_text(
        file.read_text().replace('@check("boiler.fuel"', '@__import__("pytest").mark.skip\n@check("boiler.fuel"')
    )

    outcome = run(works)

    assert outcome.code == 11
    assert "test_fuel[works-fuel] was selected and did not bring one" in outcome.out


def test_an_expected_failure_hides_no_outage(works: Project, target: Target) -> None:
    """An xfail mark on a check does not turn a critical green."""
    target.answers.update(BURSTING)
    file = works.root / "checks/boiler/test_boiler.py"
    text = file.read_text().replace(
        '@check(\n    "boiler.pressure"', "@__import__('pytest').mark.xfail\n@check(\n    \"boiler.pressure\""
    )
    file.write_text(text)

    outcome = run(works)

    assert outcome.code == 1, outcome.text


def test_a_killed_worker_is_not_green_and_the_lost_check_is_named(works: Project) -> None:
    """os._exit in the middle of a check."""
    file = works.root / "checks/boiler/test_boiler.py"
    file.write_text(
        file.read_text().replace('    """There is fuel."""', '    """There is fuel."""\n    __import__("os")._exit(0)')
    )

    outcome = run(works, "-n", "2")

    assert outcome.code not in {0, 5, 10}
    assert "no result: checks/boiler/test_boiler.py::test_fuel[works-fuel] was selected" in outcome.out
    assert outcome.results["run"]["executed"] < outcome.results["run"]["selected"] == 5


def test_a_collection_error_is_not_masked(works: Project) -> None:
    """A checks module that cannot be imported: usage, and the error is shown."""
    works.write("checks/boiler/test_torn.py", "import nothing_is_called_so\n")

    outcome = run(works)

    assert outcome.code == 4
    assert "nothing_is_called_so" in outcome.text
    assert "INTERNALERROR" not in outcome.text


def test_a_foreign_test_beside_the_checks_counts_as_well(works: Project) -> None:
    """A plain test in the same run that fails makes the run fail; one that passes changes nothing."""
    works.write("checks/test_plain.py", "def test_plain():\n    assert True\n")
    assert run(works).code == 0
    works.write("checks/test_plain.py", "def test_plain():\n    assert False\n")
    assert run(works).code == 1


def test_the_floor_of_the_profile_is_used_unless_the_run_gives_one(works: Project, target: Target) -> None:
    """fail_on in the file; --fail-on above it."""
    target.answers.update(HOT)
    works.environment("works", boiler={"url": target.url}, fail_on="critical")

    assert run(works).code == 0
    assert run(works, "--fail-on", "warning").code == 10


def test_all_environments_share_one_code(works: Project, target: Target) -> None:
    """One of them is down: the other's verdicts stand, the code is that of the worse."""
    works.environment("depot", boiler={"url": f"http://127.0.0.1:{closed_port()}"})

    outcome = run(works, "--env", "depot")

    assert outcome.code == 11
    assert outcome.states["works:boiler.fuel"] == "ok"
    assert outcome.states["depot:boiler.reachable"] == "unknown"
    assert outcome.states["depot:boiler.fuel"] == "blocked"
