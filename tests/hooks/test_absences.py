"""What an environment does not have is left out by its profile's word, and named in every run with the reason."""

from typing import Any

import pytest

from tests.parts.project import Project
from tests.parts.target import Target

REASON = "the old boiler has none"


@pytest.fixture
def absent(project: Project, target: Target) -> Project:
    """A boiler without a purity and without a tank; the kiln rests on a check that is absent."""
    project.add_kiln()
    project.environment(
        "works",
        boiler={
            "url": target.url,
            "absent": [
                {"because": REASON, "members": {"/state": ["purity", "draught"], "/fuel": ["tank"]}},
                {"because": "it answers nobody", "checks": ["boiler.reachable"]},
            ],
        },
        kiln={"url": target.url},
    )
    target.answers |= {"/state": {"pressure": 50}, "/fuel": {"tanks": 0}}
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_what_reads_what_is_absent_is_left_out_by_name_and_with_the_reason(
    absent: Project, workers: tuple[str, ...]
) -> None:
    outcome = absent.check(*workers)

    assert outcome.code == 0, outcome.text
    assert set(outcome.states) == {"boiler.pressure", "kiln.heat", "kiln.door[left]", "kiln.door[right]"}
    lines = [line for line in outcome.out.splitlines() if line.startswith("not in works: ")]
    place = "(environments/works.yaml:1:"
    assert any(
        line.startswith(f"not in works: boiler lacks purity, draught, tank, because {REASON} {place}")
        and line.endswith("(2 checks)")
        for line in lines
    ), lines
    assert any("boiler lacks boiler.reachable, because it answers nobody" in line for line in lines), lines


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_what_is_called_absent_and_comes_is_a_wrong_profile(
    absent: Project, target: Target, workers: tuple[str, ...]
) -> None:
    """The line would hide what reads it; where something else is wrong, that is what the exit code says."""
    target.answers["/state"] = {"pressure": 50, "draught": 3}

    outcome = absent.check(*workers)

    assert outcome.code == 4, outcome.text
    said = "draught is called absent, and it came; take it out, so that what reads it is judged"
    assert "environments/works.yaml:1:" in outcome.out
    assert said in outcome.out
    assert "purity is called absent" not in outcome.out

    target.answers["/state"] = {"pressure": 95, "draught": 3}
    assert absent.check(*workers).code == 1


def test_a_reading_of_what_is_absent_is_unknown_where_nothing_leaves_its_check_out(
    project: Project, target: Target
) -> None:
    """A function that reads a member itself is not seen to read it: never green, and it says what to write."""
    reading = "from checks.boiler import STATE\\nfrom healthgate import check, equals, measure\\n"
    project.write(
        "checks/boiler/test_more.py",
        reading.replace("\\n", "\n")
        + '''

@measure(STATE)
def mode(answer):
    """The mode."""
    return answer.body().text("mode")


@check("boiler.mode", mode, stays=equals("auto"), name="mode", cause="c", action="a", runbook="r")
def test_mode(verdict):
    """The mode."""
    assert verdict.healthy, verdict
''',
    )
    said: dict[str, Any] = {"because": REASON, "members": {"/state": ["mode"]}}
    project.environment("works", boiler={"url": target.url, "absent": [said]})

    outcome = project.check("-k", "test_mode")

    assert (outcome.code, outcome.states["boiler.mode"]) == (11, "unknown"), outcome.text
    assert "mode is absent here (environments/works.yaml:1:" in outcome.text
