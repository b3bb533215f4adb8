"""What is wrong with a command line, a checks folder or a kept snapshot ends the run before anything is asked."""

import json

import pytest

from tests.parts.project import Project
from tests.parts.target import Target

OPTIONS = {
    "an unknown environment": (
        ("--env", "stagin"),
        "--env stagin: there is no such environment; did you mean staging?",
    ),
    "an environment far from any": (("--env", "zzz"), "--env zzz: there is no such environment; valid: staging, works"),
    "a path that does not exist": (
        ("--env", "environments/no.yaml"),
        "--env environments/no.yaml: there is no such file",
    ),
    "a path that is a folder": (("--env", "./environments"), "--env ./environments: there is no such file"),
    "a name that climbs": (("--env", ".."), "--env ..: there is no such environment"),
    "terminal escapes in a name": (("--env", "a\x1b[31m"), "--env a\\x1b[31m: there is no such environment"),
    "the same environment twice": (("--env", "works"), "--env works: the environment works is named twice"),
    "the same environment by its path": (
        ("--env", "environments/works.yaml"),
        "--env environments/works.yaml: the environment works is named twice",
    ),
    "an unknown system": (("--system", "boilr"), "--system boilr: there is no such system; did you mean boiler?"),
    "a cadence that is no duration": (("--cadence", "often"), "--cadence: 'often' is not a duration; write a number"),
    "a cadence nothing has": (
        ("--cadence", "7s"),
        "--cadence 7s: no check is meant to run that often; there are 30 s, 1 m",
    ),
    "a sample that is no duration": (("--sample", "2"), "--sample: '2' is not a duration"),
    "a sample of nothing": (("--sample", "0s"), "--sample 0s: expected more than nothing"),
    "an unknown floor": (("--fail-on", "critcal"), "invalid choice: 'critcal'"),
    "an unknown severity": (("--severity", "bad"), "invalid choice: 'bad'"),
    "unknown exit codes": (("--exit-codes", "icinga"), "invalid choice: 'icinga'"),
    "a snapshot that is not there": (("--snapshot-in", "no.json"), "no.json cannot be read: No such file or directory"),
    "a snapshot that is none": (
        ("--snapshot-in", "pytest.ini"),
        "pytest.ini is not a snapshot written by --snapshot-out",
    ),
    "a snapshot of another version": (
        ("--snapshot-in", "newer.json"),
        "newer.json has schema 99; this version reads 1",
    ),
    "a snapshot of another environment": (
        ("--snapshot-in", "other.json"),
        "--snapshot-in other.json: it holds nothing of works; valid: depot",
    ),
    "a snapshot that is a list": (
        ("--snapshot-in", "list.json"),
        "list.json is not a snapshot written by --snapshot-out",
    ),
    "a snapshot of nesting": (("--snapshot-in", "deep.json"), "deep.json is not a snapshot written by --snapshot-out"),
}


@pytest.fixture
def works(project: Project, target: Target) -> Project:
    """Two environments, and files that are no snapshots."""
    project.environment("staging", boiler={"url": target.url})
    empty = {"taken": 0, "requests": 0, "connections": 0, "duration_s": 0, "settings": {}}
    project.write("newer.json", json.dumps({"schema": 99}))
    project.write("other.json", json.dumps({"schema": 1, **empty, "observations": {"depot": []}}))
    project.write("list.json", "[1, 2]")
    project.write("deep.json", "[" * 100_000)
    return project


@pytest.mark.parametrize("what", OPTIONS)
def test_a_wrong_option_ends_the_run_with_one_clear_message(works: Project, target: Target, what: str) -> None:
    """Exit 4, what was seen and what is valid; no request, no traceback."""
    arguments, words = OPTIONS[what]

    outcome = works.check(*arguments)

    assert outcome.code == 4, outcome.text
    assert words in outcome.text
    assert "Traceback" not in outcome.text
    assert "\x1b" not in outcome.text
    assert not target.asked
    assert not outcome.results_file.exists()


def test_all_that_is_wrong_is_said_at_once(works: Project, target: Target) -> None:
    """Options, an unknown environment and the profiles of two others; the same with workers."""
    works.write("environments/one.yaml", "boiler:\n  url: ${ONE_URL}\n")
    works.write("environments/two.yaml", "boiler:\n  urll: x\n")
    wrong = ("--env", "one", "--env", "two", "--env", "three", "--system", "kiln", "--sample", "long")

    for workers in ((), ("-n", "2")):
        outcome = works.check(*wrong, *workers)
        assert outcome.code == 4, outcome.text
        for words in (
            "environments/one.yaml:2:8: boiler.url needs the environment variable ONE_URL, which is not set",
            "environments/two.yaml:2:3: boiler.urll is not a setting; did you mean url?",
            "--env three: there is no such environment",
            "--system kiln: there is no such system",
            "--sample: 'long' is not a duration",
        ):
            assert outcome.text.count(words) == 1, words
    assert not target.asked


TEST = """
def test_x(verdict):
    '''X.'''
    assert verdict
"""

CHECKS = {
    "two checks of one id": (
        f'@check("boiler.fuel", FUEL, stays=below(5), **TOLD){TEST}',
        "boiler.fuel is already declared at",
    ),
    "a claim about an undeclared system": (
        f'@check("kiln.heat", FUEL, stays=below(5), **TOLD){TEST}',
        "kiln.heat is about kiln, which is no declared system",
    ),
    "a requirement on no check": (
        f'@check("boiler.x", FUEL, stays=below(5), requires=["boiler.fule"], **TOLD){TEST}',
        "boiler.x requires boiler.fule, which is no check",
    ),
    "checks that require each other": (
        f"""
@check("boiler.x", FUEL, stays=below(5), requires=["boiler.y"], **TOLD)
@check("boiler.y", FUEL, stays=below(5), requires=["boiler.x"], **TOLD){TEST}""",
        "boiler.x requires itself, by way of boiler.y",
    ),
    "a roll-up of nothing": (
        f'@check("boiler.x", FUEL, stays=below(5), sums_up=["boiler.fu"], **TOLD){TEST}',
        "boiler.x sums up boiler.fu, which begins no check",
    ),
    "a setting that every system has already": (
        """from healthgate import System

class Kiln(System):
    name = "kiln"
    time_scale: float
""",
        "test_wrong.py: Kiln declares time_scale as a setting, but every system has one already",
    ),
    "an inverted limit": (
        f'@check("boiler.x", FUEL, stays=below(5, warning=3), **TOLD){TEST}',
        "warning 3 lies on the healthy side of objective 5; put it above",
    ),
    "an id that is none": (
        f'@check("Boiler X", FUEL, stays=below(5), **TOLD){TEST}',
        "'Boiler X' is not a check id; write system.area.claim",
    ),
    "two checks of one name on one function": (
        f"""
@check("boiler.a.x", FUEL, stays=below(5), **TOLD)
@check("boiler.b.x", FUEL, stays=below(5), **TOLD){TEST}""",
        "two checks on test_x end in x; put them on different functions",
    ),
}


@pytest.mark.parametrize("what", CHECKS)
def test_checks_that_contradict_themselves_end_the_run(works: Project, target: Target, what: str) -> None:
    """Not a traceback of the engine, but the place and what to change; nothing is asked."""
    text, words = CHECKS[what]
    head = "from checks.boiler import FUEL\nfrom healthgate import below, check\n\n"
    head += 'TOLD = dict(name="n", cause="c", action="a", runbook="r")\n\n'
    works.write("checks/boiler/test_wrong.py", head + text)

    outcome = works.check()

    assert outcome.code == 4, outcome.text
    assert words in outcome.text
    assert "INTERNALERROR" not in outcome.text
    assert "Traceback" not in outcome.text
    assert not target.asked


def test_a_run_without_a_checks_folder_says_so(works: Project) -> None:
    """Not that there are no systems."""
    works.write("elsewhere/test_x.py", "def test_x():\n    pass\n")

    outcome = works.run("elsewhere", "--env", "works", "-o", "healthgate_checks=no_such_folder")

    assert outcome.code == 4, outcome.text
    assert "no_such_folder" in outcome.text
