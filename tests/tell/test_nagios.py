"""One status line as the guidelines of Monitoring Plugins describe it, and the code that goes with it."""

import re
import subprocess
import sys
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from healthgate import (
    Limit,
    Tier,
    above,
    at_least,
    at_most,
    below,
    equals,
    exactly,
    megabytes,
    ms,
    none,
    over,
    percent,
    reaching,
    seconds,
)
from healthgate.claim.limit import Unit, bare
from healthgate.claim.state import Floor, State
from healthgate.judge.outcome import NAGIOS, code_of
from healthgate.tell import nagios
from tests.parts.project import Outcome, Project
from tests.parts.target import Target
from tests.tell.guideline import CODES, range_of, read
from tests.tell.world import ANSWERS, STATES, TOKEN, account, everything, profile, verdict

WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])


def check(project: Project, *arguments: str) -> Outcome:
    """Run as Nagios would."""
    return project.check("--nagios-plugin", *arguments, TOKEN=TOKEN)


@pytest.fixture
def works(project: Project, target: Target) -> Project:
    """Everything at once."""
    everything(project)
    profile(project, target.url)
    target.answers.update(ANSWERS)
    return project


@WORKERS
def test_one_line_says_the_worst_first_and_every_number(works: Project, workers: tuple[str, ...]) -> None:
    """Whatever a server said: it has no power over the line."""
    outcome = check(works, *workers)
    told = read(outcome.out)

    assert (outcome.code, told.service, told.status, told.longer) == (2, "HEALTHGATE", "CRITICAL", [])
    assert outcome.err == ""
    assert told.text.startswith("2 critical, 1 unknown, 1 warning, 2 missed, 1 pending, 1 blocked, 6 ok in works; ")
    states = re.findall(r"; \[([a-z]+)\]", told.text)
    assert states[:5] == ["critical", "critical", "unknown", "warning", "missed"]
    assert "blocked" not in states  # its root is told
    numbers = {c["id"]: c["value"] for c in outcome.results["checks"] if not isinstance(c["value"], str)}
    assert {label: one.value for label, one in told.data.items()} == {
        label: None if value is None else float(value) for label, value in numbers.items()
    }
    assert told.data["boiler.pressure"].unit == "%"
    assert told.data["boiler.valves[a-b.c]"].unit == ""
    assert told.data["boiler.valves[a-b.c]"].least == 0
    assert outcome.results["run"]["exit_code"] == 1
    assert '"a/b\\n::error::no ##[error]neither \u2039script\u203a' in told.text
    assert not set("<>\x1b\r") & set(outcome.out)
    assert TOKEN not in outcome.out


NEVER_OK: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing selected": (("-k", "nothing_is_called_so"), "no checks were selected"),
    "a wrong system": (("--system", "boilr"), "--system boilr: there is no such system; did you mean boiler?"),
    "an output that cannot be written": (("--results", "/dev/null/x"), "4 ok in works; not written: /dev/null/x"),
    "both outputs": (("--github",), "--nagios-plugin prints one line and --github prints several"),
}


@pytest.mark.parametrize("what", NEVER_OK)
def test_whatever_is_wrong_is_one_line_and_unknown(project: Project, what: str) -> None:
    arguments, words = NEVER_OK[what]
    workers = ("-n", "2") if what == "nothing selected" else ()

    outcome = check(project, *arguments, *workers)
    told = read(outcome.out)

    assert (outcome.code, told.status, told.longer) == (3, "UNKNOWN", [])
    assert words in told.text


def test_an_environment_that_needs_a_variable_and_a_missing_environment(project: Project, target: Target) -> None:
    profile(project, target.url)

    for outcome in (project.check("--nagios-plugin"), project.run("checks", "--nagios-plugin")):
        told = read(outcome.out)
        assert (outcome.code, told.status) == (3, "UNKNOWN")
        assert "ERROR: " in outcome.err
    assert "health checks need an environment" in told.text


def test_a_check_that_brought_no_result_and_a_crash(project: Project) -> None:
    file = project.root / "checks/boiler/test_boiler.py"
    file.write_text(file.read_text().replace('"""There is fuel."""', "raise RuntimeError('planted | crash')"))

    told = read((outcome := check(project)).out)

    assert (outcome.code, told.status) == (2, "CRITICAL")
    assert "1 of 4 selected checks brought no result" in told.text

    project.write("conftest.py", "def pytest_collection_finish():\n    raise RuntimeError('planted')\n")
    told = read((outcome := check(project)).out)

    assert (outcome.code, told.status, told.data) == (3, "UNKNOWN", {})


def test_nothing_else_is_printed_unless_it_is_asked_for(project: Project) -> None:
    """Not what checks, plugins or processes print; with -v it follows the line, and begins no performance data."""
    project.write(
        "conftest.py",
        "import os, subprocess\n\ndef pytest_runtest_logreport():\n"
        "    print('printed | 1')\n    os.write(1, b'written\\n')\n    subprocess.run(['echo', 'echoed'])\n",
    )

    quiet = check(project)
    loud = check(project, "-s", "-v")

    assert read(quiet.out).longer == []
    assert (quiet.code, quiet.err) == (0, "")
    said = read(loud.out)
    longer = "\n".join(said.longer)
    for words in ("printed / 1\n", "written\n", "echoed\n", "\n4 ok · 4 selected, 4 executed · fails on objective\n"):
        assert words in longer
    assert "|" not in longer


def test_the_command_says_its_line_too(project: Project) -> None:
    """`healthgate run` ends the process its own way."""
    done = subprocess.run(
        [sys.executable, "-m", "healthgate", "run", "--env", "works", "--nagios-plugin", "--metrics", "checks"],
        cwd=project.root,
        env=project.variables({}),
        capture_output=True,
        check=False,
        timeout=90,
    )
    told = read(done.stdout.decode())

    assert (done.returncode, told.status) == (3, "UNKNOWN")
    assert "checks: Is a directory" in told.text
    assert len(told.data) == 4


UNITS = (percent, ms, seconds, megabytes, Unit("nodes"), bare)
LIMITS = [
    below(80, percent, warning=80, critical=90),
    below(80, percent),
    below(40, ms, warning=reaching(40)),
    at_most(5, seconds, warning=5, critical=reaching(9)),
    at_most(5, bare, critical=7.5),
    above(900, megabytes, warning=900, critical=700),
    above(0, Unit("symbols"), critical=exactly(0)),
    at_least(99.9, percent, warning=99.9, critical=reaching(95)),
    none(Unit("nodes"), warning=0, critical=3),
    none(Unit("nodes")),
    equals(5),
    equals(5, warning=over(5), critical=over(7)),
    equals(True),
    equals(False),
    Limit(Tier("between", (-1.5, 2.5)), warning=Tier("outside", (-2, 3)), critical=Tier("outside", (-3, 4))),
    Limit(Tier("outside", (3, 4)), critical=Tier("between", (3.25, 3.75))),
    Limit(Tier("!=", 3), critical=Tier("==", 3)),
]
EDGES = sorted(
    {
        value
        for limit in LIMITS
        for tier in limit.tiers().values()
        for value in (tier.value if isinstance(tier.value, tuple) else (tier.value,))
        if not isinstance(value, bool | str)
    }
)
VALUES: list[Any] = sorted({v + d for v in EDGES for d in (-0.001, 0, 0.001)} | {-1e9, 1e9, 0.0, 1e-7, 3.5})


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_the_ranges_come_to_the_status_of_the_check(limit: Limit) -> None:
    """On every edge and on both sides of it, at every floor: whoever reads the ranges reads our verdict."""
    judged = 0
    for value, floor in product([*VALUES, True, False], Floor):
        state = limit.judge(value)
        if state is State.UNKNOWN:
            continue
        judged += 1
        one = verdict(value=value, floor=floor, state=state, unit=limit.unit.symbol)
        told = read(nagios.status_line(0, account([one], limit)) + "\n").data["a.b"]
        assert told.code == NAGIOS[code_of(one)], (value, floor, state, told)
        assert told.value == value
    assert judged >= 6


@pytest.mark.parametrize("state", [State.UNKNOWN, State.BLOCKED])
def test_what_is_not_known_is_u_and_never_a_number(state: State) -> None:
    told = nagios.status_line(3, account([verdict(value=None, state=state)]))

    assert told.endswith("|a.b=U")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1e300, "1" + 300 * "0"),
        (1.5e-7, "0.00000015"),
        (-0.5, "-0.5"),
        (10**30, "1" + 30 * "0"),
        (70.0, "70"),
        (True, "1"),
    ],
)
def test_numbers_have_no_exponent(value: float, told: str) -> None:
    assert nagios.number(value) == told


def test_limits_no_range_can_say_are_left_out() -> None:
    """A list of numbers, say: no range is better than a wrong one."""
    listed = Limit(Tier("in", (1, 2, 5)), critical=Tier("not in", (1, 2, 3, 5)))

    assert nagios.status_line(0, account([verdict(value=3)], listed)).endswith("|a.b=3%")
    assert nagios.status_line(0, account([verdict(value="on")], equals("on"))).endswith("in e")


def test_the_line_has_an_end_and_no_half_measurement() -> None:
    """Nagios reads 8191 bytes. The numbers of the same checks are left out in an incident as on a quiet day."""
    many = [verdict(id=f"a.check_{i:03}", environment="ü" * 20, value=float(i)) for i in range(400)]
    ill = [replace(v, state=State.CRITICAL, reason="|ö" * 400) for v in many]

    quiet, loud = (nagios.status_line(0, account(verdicts)) for verdicts in (many, ill))

    for line in (quiet, loud):
        assert len(line.encode()) <= 8150
        assert len(read(line + "\n").data) > 100
    assert list(read(quiet + "\n").data) == list(read(loud + "\n").data)
    assert len(read(loud + "\n").text.encode()) <= 1000 + len("HEALTHGATE CRITICAL - ")


@pytest.mark.parametrize("name", ["it's=a|b c", "a\nb", "ü", "a\x00"])
def test_labels_are_quoted_and_hold_nothing_that_ends_them(name: str) -> None:
    """Several environments in one run are told apart by their names."""
    both = [verdict(environment=name), verdict(environment="other")]

    labels = list(read(nagios.status_line(0, account(both)) + "\n").data)

    assert len(labels) == 2
    assert labels[1] == "other/a.b"


def test_the_reader_reads_the_examples_of_the_guidelines() -> None:
    """So that its judgement is theirs."""
    inside = {"10": (0, 10), "10:": (10, 1e9), "~:10": (-1e9, 10), "10:20": (10, 20)}
    for text, values in inside.items():
        found = range_of(text)
        assert found is not None
        assert not any(found.alerts(value) for value in values)
        assert found.alerts(values[0] - 0.1 if values[0] > -1e9 else values[1] + 0.1)
    at = range_of("@10:20")
    assert at is not None
    assert [at.alerts(value) for value in (9.9, 10, 20, 20.1)] == [False, True, True, False]
    one = read(
        "PING OK - Packet loss = 0%, RTA = 12.44 ms|rta=12.445000ms;100.000000;200.000000;0.000000 pl=0%;5;15;0\n"
    )
    assert one.data["rta"].value == 12.445
    for wrong in ("no status\n", "X OK - a|b\n", "X OK - a|b=1e5\n", "X OK - a|'b=1\n", "X OK - a|b=1;20:10\n"):
        with pytest.raises(AssertionError):
            read(wrong)
    assert set(CODES.values()) == {0, 1, 2, 3}
    assert len(STATES) == 14
