"""A kept snapshot is judged by the settings of its own time, and by what the profile says that it did not say then."""

from tests.parts.project import Project
from tests.parts.target import Target

SYSTEM = '''\
"""A boiler with a season."""

from healthgate import FromProfile, Group, Measured, NotExpected, System, Url, get, measure


class Season(Group):
    """When it is lit."""

    months: list[str]


class Boiler(System):
    """Where it is, and when it is lit."""

    name = "boiler"
    url: Url
    season: Season | None = None


STATE = get(Boiler, "/state")


@measure(STATE["pressure"], FromProfile(Boiler, "season").otherwise(measure()(dict)))
def pressure(told, season):
    """The pressure, in the season."""
    if season.get("months") == ["never"]:
        raise NotExpected(f"{told.number():g} %, out of season")
    return Measured(told.number(), ", ".join(season.get("months", ["all year"])))
'''

CHECKS = '''\
"""Is it well?"""

from checks.boiler import pressure
from healthgate import below, check, percent


@check("boiler.pressure", pressure, stays=below(80, percent), name="p", cause="c", action="a", runbook="r")
def test_pressure(verdict):
    """It is not bursting."""
    assert verdict.healthy, verdict
'''


def test_a_setting_that_came_later_holds_for_what_was_seen_before(project: Project, target: Target) -> None:
    project.write("checks/boiler/__init__.py", SYSTEM)
    project.write("checks/boiler/test_boiler.py", CHECKS)
    project.environment("works", boiler={"url": "${PLACE}"})
    target.answers["/state"] = {"pressure": 95}

    def told(*options: str, **variables: str) -> tuple[str, str]:
        run = project.check(*options, **variables)
        (check,) = run.results["checks"]
        return check["state"], check["reason"]

    assert told("--snapshot-out", "before.json", PLACE=target.url)[0] == "missed"
    project.environment("works", boiler={"url": "${PLACE}", "season": {"months": ["never"]}})
    assert told("--snapshot-in", "before.json") == ("ok", "95 %, out of season")
    assert told("--snapshot-out", "then.json", PLACE=target.url) == ("ok", "95 %, out of season")
    project.environment("works", boiler={"url": "${PLACE}", "season": {"months": ["May"]}})
    assert told("--snapshot-in", "then.json") == ("ok", "95 %, out of season")
