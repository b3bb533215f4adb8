"""What brought no verdict is seen all the same: crashed checks, workers that die, checks that cannot be collected."""

import pytest

from tests.allure.conftest import ALONE_AND_WITH_WORKERS
from tests.allure.world import Left
from tests.parts.project import Outcome, Project
from tests.parts.target import Target

TOKEN = "planted-T0ken-" + "0123456789abcdef" * 4

CRASHING = '''\
"""Checks whose tests do more than they should, and two tests that are no checks."""

import os

import allure
import pytest

from checks.boiler import PRIVATE, STATE
from healthgate import above, below, check, equals, measure

TOLD = dict(cause="c", action="a", runbook="r")


@measure(PRIVATE)
def crashing(answer):
    """Crashes with what it knows."""
    print("printed", os.environ["TOKEN"])
    raise RuntimeError(f"no idea about {os.environ['TOKEN']}")


@check("boiler.crash", crashing, stays=below(5), name="crash", **TOLD)
def test_crash(verdict):
    """Never gets to its verdict."""
    assert verdict.healthy, verdict


@check("boiler.own", STATE["purity"], stays=above(1), name="own", **TOLD)
def test_own(verdict):
    """Is healthy and fails for a reason of its own."""
    print("about to fail")
    assert verdict.value == 3


@check("boiler.error", STATE["purity"], stays=above(1), name="error", **TOLD)
def test_error(verdict):
    """Is healthy and crashes."""
    with allure.step("into the void"):
        raise KeyError("void")


@check("boiler.ill", STATE["purity"], stays=below(1), name="ill", **TOLD)
def test_ill(verdict):
    """Is not healthy, and crashes before it says so."""
    raise KeyError("ill")


@pytest.mark.skip(reason="not today")
@check("boiler.skipped", STATE["purity"], stays=above(1), name="skipped", **TOLD)
def test_skipped(verdict):
    """Is not run."""


def test_ordinary():
    """Is no check."""
    allure.attach("a note of " + os.environ["TOKEN"], "note")


def test_ordinary_failure():
    """Is no check and fails."""
    pytest.fail("saw " + os.environ["TOKEN"])
'''

DYING = '''\
"""A check whose process dies."""

import os

from checks.boiler import STATE
from healthgate import above, check

TOLD = dict(cause="c", action="a", runbook="r")


@check("boiler.dies", STATE["purity"], stays=above(1), name="dies", **TOLD)
def test_dies(verdict):
    """Takes its worker with it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os._exit(1)
'''

HOOKS = """\
def pytest_runtest_logfinish(nodeid):
    raise RuntimeError("a hook that fails")
"""


@pytest.fixture(params=ALONE_AND_WITH_WORKERS, ids=["alone", "with workers"], scope="module")
def crashed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Target) -> Left:
    """What a run with all of these left; with workers also one that dies, into a folder that is to be emptied."""
    server.forget()
    server.answers.update({"/state": {"pressure": 50, "purity": 99}, "/fuel": {"tank": {"level": 70}}})
    server.answers["/private"] = lambda handler: handler.reply(200, {"number": handler.headers["Authorization"]})
    project = Project(tmp_path_factory.mktemp("crashed"))
    project.environment("works", boiler={"url": server.url, "token": "${TOKEN}"})
    project.write("checks/boiler/test_crashing.py", CRASHING)
    if request.param:
        project.write("checks/boiler/test_dying.py", DYING)
        project.write("left/allure/categories.json", "[]")
    outcome = project.check("--alluredir=left/allure", "--clean-alluredir", *request.param, TOKEN=TOKEN)
    assert outcome.code == 1, outcome.text
    return Left(project.root / "left/allure")


def test_every_check_and_every_test_has_exactly_one_result(crashed: Left) -> None:
    statuses = crashed.statuses
    died = statuses.pop("works boiler.dies", None)

    assert died == ("broken" if "dies" in str(crashed.results) else None)
    assert statuses == {
        **{f"works boiler.{name}": "passed" for name in ("reachable", "pressure", "purity", "fuel")},
        "works boiler.private": "broken",
        "works boiler.crash": "broken",
        "works boiler.own": "failed",
        "works boiler.error": "broken",
        "works boiler.ill": "failed",
        "works boiler.skipped": "broken",
        "checks.boiler.test_crashing#test_ordinary": "passed",
        "checks.boiler.test_crashing#test_ordinary_failure": "failed",
    }


def test_a_check_that_crashed_says_so_under_its_own_name(crashed: Left) -> None:
    crash, own, error = (crashed.results[f"works boiler.{name}"] for name in ("crash", "own", "error"))

    message = crash["statusDetails"]["message"]
    assert message == "[unknown] crash in works: it crashed: RuntimeError: no idea about [redacted]"
    assert "raise RuntimeError" in crash["statusDetails"]["trace"]
    assert crash["labelled"]["state"] == own["labelled"]["state"] == "unknown", "never counted among what is well"
    assert own["statusDetails"]["message"].startswith("AssertionError: assert 99 == 3")
    assert error["statusDetails"]["message"] == "KeyError: 'void'"
    ill = crashed.results["works boiler.ill"]["statusDetails"]["message"]
    assert ill == "[missed] ill in works: 99; it should stay below 1", "what is ill is told before what crashed"


def test_a_check_that_was_skipped_brought_no_result(crashed: Left) -> None:
    message = crashed.results["works boiler.skipped"]["statusDetails"]["message"]

    assert message.startswith("[unknown] skipped in works: it brought no result: ")
    assert "not today" in message


def test_what_a_test_printed_is_attached_without_secrets(crashed: Left) -> None:
    assert crashed.attached("works boiler.own")["Captured stdout call"] == "about to fail\n"
    crash = crashed.attached("works boiler.crash")
    assert [crash[name] for name in crash if name.startswith("Captured stdout")] == ["printed [redacted]\n"]
    ordinary = "checks.boiler.test_crashing#test_ordinary"
    assert crashed.attached(ordinary)["note"] == "a note of [redacted]"
    facts = crash["boiler GET /private (token)"]
    assert '"number": "Bearer [redacted]"' in facts, "what the server sent back of the token"
    for path in crashed.folder.iterdir():
        assert TOKEN[:16] not in path.read_text(), path.name


@pytest.mark.parametrize("crashed", ALONE_AND_WITH_WORKERS[1:], ids=["with workers"], indirect=True)
def test_a_worker_that_dies_takes_no_result_with_it(crashed: Left) -> None:
    """Not even where the folder was to be emptied, which the worker that replaces it would do again."""
    result = crashed.results["works boiler.dies"]

    message = result["statusDetails"]["message"]
    assert message.startswith("[unknown] dies in works: it brought no result: worker 'gw")
    assert "crashed while running" in message
    assert result["labelled"]["epic"] == "boiler"
    assert not (crashed.folder / "categories.json").exists(), "--clean-alluredir empties the folder once"


def test_what_cannot_be_collected_is_an_error_of_the_run(project: Project) -> None:
    project.write("more/test_broken.py", "import no_such_module\n")

    outcome = project.check("more", "--alluredir=left", "-n", "2")

    assert outcome.code == 1, "with workers the checks are run all the same, but nobody may take that for a success"
    [error] = Left(project.root / "left").errors()
    assert error["message"] == (
        "more/test_broken.py cannot be collected: ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert "import no_such_module" in error["trace"]


def test_what_makes_pytest_give_up_is_an_error_of_the_run(project: Project) -> None:
    project.write("conftest.py", HOOKS)

    outcome = project.check("--alluredir=left")

    left = Left(project.root / "left")
    assert outcome.code == 3
    assert [error["message"] for error in left.errors()] == ["internal error: RuntimeError: a hook that fails"]
    assert set(left.statuses.values()) == {"passed", "broken"}
    assert left.results["works boiler.fuel"]["statusDetails"]["message"].endswith("the run ended before it")
    assert left.json("healthgate-run.json")["environments"][0]["expected"] == 4


def test_a_target_that_does_not_start_is_told_for_every_check(project: Project) -> None:
    project.environment("works", launch="python -c 0", boiler={"url": "http://127.0.0.1:1"})

    outcome = project.check("--alluredir=left")

    left = Left(project.root / "left")
    assert outcome.code == 4
    assert len(left.results) == 4
    assert set(left.statuses.values()) == {"broken"}
    [error] = left.errors()
    assert "ended with exit code 0 before it printed its line of JSON" in error["message"]


def reports(outcome: Outcome) -> list[str]:
    """Return the steps of a test that were reported."""
    return [line.partition("step ")[2] for line in outcome.out.splitlines() if line.startswith("step ")]


def test_a_check_is_still_run_in_one_step(project: Project) -> None:
    """Allure has no part in it: set-up and teardown would be reported too if pytest's own protocol ran."""
    project.write("conftest.py", "def pytest_runtest_logreport(report):\n    print('\\nstep', report.when)\n")

    outcome = project.check("--alluredir=left", "-s", "-k", "fuel")

    assert outcome.code == 0, outcome.text
    assert reports(outcome) == ["call"]
    assert Left(project.root / "left").statuses == {"works boiler.fuel": "passed"}
