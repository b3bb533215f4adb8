"""A file of checks that cannot be imported is named with its line and its check, wherever checks are read."""

import subprocess
import sys

import pytest

from tests.parts.project import Project
from tests.parts.target import Target

HEAD = """\
from checks.boiler import FUEL
from healthgate import below, check, each, equals, percent

TOLD = dict(name="n", cause="c", action="a", runbook="r")
"""
TEST = """
def test_x(verdict):
    assert verdict
"""
OF_ALL = "the checks cannot be imported: "
OF_ONE = "boiler.x cannot be declared: "

WRONG = {
    "a syntax error": ("def test_x(:\n", 5, f"{OF_ALL}invalid syntax; correct this line", "def test_x(:"),
    "a bracket left open": ("x = below(\n", 5, f"{OF_ALL}'(' was never closed", "x = below("),
    "a module there is not": (
        "import nothing_is_called_so\n",
        5,
        f"{OF_ALL}there is no module nothing_is_called_so; correct the name, or install what has it",
        "import nothing_is_called_so",
    ),
    "a public name there is not": (
        "from healthgate import belov\n",
        5,
        f"{OF_ALL}healthgate has no belov; did you mean below?",
        "from healthgate import belov",
    ),
    "another way to it": (
        "import healthgate\n\nx = healthgate.belov(3)\n",
        7,
        f"{OF_ALL}healthgate has no belov; did you mean below?",
        "x = healthgate.belov(3)",
    ),
    "a name of the checks there is not": (
        "from checks.boiler import FULE\n",
        5,
        f"{OF_ALL}checks.boiler has no FULE; did you mean FUEL?",
        "from checks.boiler import FULE",
    ),
    "a name that is not defined": (
        f'@check("boiler.x", FUEL, stays=at_most(3), **TOLD){TEST}',
        5,
        f"{OF_ONE}name 'at_most' is not defined",
        '@check("boiler.x", FUEL, stays=at_most(3), **TOLD)',
    ),
    "a name of the file that is misspelt": (
        f'@check("boiler.x", FUEL, stays=below(3), **TOLT){TEST}',
        5,
        f"{OF_ONE}name 'TOLT' is not defined; did you mean TOLD?",
        '@check("boiler.x", FUEL, stays=below(3), **TOLT)',
    ),
    "an inverted limit in the middle of a declaration": (
        f'@check(\n    "boiler.x",\n    FUEL["level"],\n    stays=below(5, warning=3),\n    **TOLD,\n){TEST}',
        8,
        f"{OF_ONE}warning 3 lies on the healthy side of objective 5; put it above",
        "stays=below(5, warning=3),",
    ),
    "an id that is none": (
        f'@check("Boiler X", FUEL, stays=below(5), **TOLD){TEST}',
        5,
        "Boiler X cannot be declared: 'Boiler X' is not a check id; write system.area.claim",
        '@check("Boiler X", FUEL, stays=below(5), **TOLD)',
    ),
    "one of a family": (
        f'@each(\n    check(f"boiler.x[{{i}}]", FUEL.at(f"tanks[{{i}}"), stays=below(5)) for i in (1, 2)\n){TEST}',
        6,
        "f\"boiler.x[{i}]\" cannot be declared: 'tanks[1' is no path: character 6",
        'check(f"boiler.x[{i}]", FUEL.at(f"tanks[{i}"), stays=below(5)) for i in (1, 2)',
    ),
    "a cadence that is no duration": (
        f'@check("boiler.x", FUEL, stays=below(5), every="often", **TOLD){TEST}',
        5,
        f"{OF_ONE}'often' is not a duration; write a number and its unit",
        '@check("boiler.x", FUEL, stays=below(5), every="often", **TOLD)',
    ),
    "an argument that is forgotten": (
        f'@check("boiler.x", FUEL, stays=below(5), name="n", cause="c", action="a"){TEST}',
        5,
        f"{OF_ONE}TypeError: check() missing 1 required keyword-only argument: 'runbook'; correct this line",
        '@check("boiler.x", FUEL',
    ),
    "a function where a source is wanted": (
        f'@check("boiler.x", len, stays=below(5), **TOLD){TEST}',
        5,
        f"{OF_ONE}boiler.x reads <built-in function len>, which is no source; write @measure(…) above a function",
        '@check("boiler.x", len',
    ),
    "a number where a limit is wanted": (
        f'@check("boiler.x", FUEL, stays=5, **TOLD){TEST}',
        5,
        f"{OF_ONE}boiler.x stays 5, which is no limit; write equals(…), below(…), at_most(…)",
        '@check("boiler.x", FUEL, stays=5',
    ),
    "a word where a list is wanted": (
        f'@check("boiler.x", FUEL, stays=below(5), requires="boiler.fuel", **TOLD){TEST}',
        5,
        f"{OF_ONE}boiler.x names other checks in a list: requires=[…], sums_up=[…]",
        '@check("boiler.x", FUEL',
    ),
    "any other error": ('x = {}["a"]\n', 5, f"{OF_ALL}KeyError: 'a'; correct this line", 'x = {}["a"]'),
    "a value that is none": (
        'x = int("five")\n',
        5,
        f"{OF_ALL}ValueError: invalid literal for int()",
        'x = int("five")',
    ),
    "terminal escapes": (
        'raise RuntimeError("\\x1b[31mred")\n',
        5,
        f"{OF_ALL}RuntimeError: \\x1b[31mred",
        'raise RuntimeError("\\x1b[31mred")',
    ),
    "an end of the process": (
        "raise SystemExit(3)\n",
        5,
        f"{OF_ALL}it ends the import with SystemExit: 3; a file of checks declares them, and that is all",
        "raise SystemExit(3)",
    ),
    "a file that skips itself": (
        'import pytest\n\npytest.skip("not here", allow_module_level=True)\n',
        7,
        f"{OF_ALL}it ends the import with Skipped: not here",
        'pytest.skip("not here", allow_module_level=True)',
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_line_the_check_and_the_reason_are_said(project: Project, target: Target, what: str) -> None:
    """And nothing of how it came about; nothing is asked."""
    text, line, words, code = WRONG[what]
    project.write("checks/boiler/test_wrong.py", HEAD + text)

    outcome = project.check()

    assert outcome.code == 4, outcome.text
    said, shown = outcome.err.strip().splitlines()
    assert said.startswith(f"ERROR: checks/boiler/test_wrong.py:{line}: {words}"), said
    assert shown.startswith(f"    {code}"), shown
    assert not target.asked


def test_what_a_file_asks_another_for_is_said_of_the_check_and_of_the_line_that_is_wrong(project: Project) -> None:
    project.write(
        "checks/boiler/lines.py", "from healthgate import below\n\n\ndef tight(n):\n    return below(n, warning=1)\n"
    )
    wrong = f'from checks.boiler.lines import tight\n\n@check("boiler.x", FUEL, stays=tight(5), **TOLD){TEST}'
    project.write("checks/boiler/test_wrong.py", HEAD + wrong)

    said = project.check().err

    assert "ERROR: checks/boiler/lines.py:5: boiler.x cannot be declared: warning 1 lies on the healthy side" in said


def test_a_function_that_takes_no_verdict_is_refused(project: Project) -> None:
    """Else each check on it would fail for an argument that nobody knows."""
    wrong = '@check("boiler.x", FUEL, stays=below(5), **TOLD)\ndef test_x():\n    """X."""\n'
    project.write("checks/boiler/test_wrong.py", HEAD + wrong)

    outcome = project.check()

    assert outcome.code == 4
    assert "test_wrong.py:5: test_x declares boiler.x and takes no verdict; write def test_x(verdict)" in outcome.err


def test_workers_and_nagios_say_the_same(project: Project) -> None:
    project.write("checks/boiler/test_wrong.py", "import nothing_is_called_so\n")
    words = "checks/boiler/test_wrong.py:1: the checks cannot be imported: there is no module nothing_is_called_so"

    assert words in project.check("-n", "2").err
    line = project.check("--nagios-plugin").out.splitlines()[0]
    assert "UNKNOWN" in line
    assert words in line


@pytest.mark.parametrize("command", ["schema", "render"])
def test_every_command_that_reads_checks_says_the_same(project: Project, command: str) -> None:
    project.write("checks/boiler/test_wrong.py", "import nothing_is_called_so\n")
    words = (
        "ERROR: checks/boiler/test_wrong.py:1: the checks cannot be imported: there is no module nothing_is_called_so"
    )

    done = subprocess.run(
        [sys.executable, "-m", "healthgate", command], cwd=project.root, capture_output=True, text=True, check=False
    )

    assert done.returncode == 4
    assert done.stderr.startswith(words)
    assert "Traceback" not in done.stderr
