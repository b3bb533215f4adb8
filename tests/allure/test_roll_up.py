"""A service's own overall flag, which goes red with whatever else is."""

from pathlib import Path

from tests.allure.world import Left
from tests.parts.project import Project
from tests.parts.target import Target

CHECKS = '''\
"""Is the boiler well?"""

from checks.boiler import STATE
from healthgate import below, check, equals, percent

TOLD = dict(cause="c", action="a", runbook="r")


@check("boiler.pressure", STATE["pressure"], stays=below(80, percent, critical=90), name="pressure", **TOLD)
@check("boiler.summary", STATE["health"], stays=equals("well"), name="summary", sums_up=["boiler.pressure"], **TOLD)
def test_state(verdict):
    """The boiler is well."""
    assert verdict.healthy, verdict
'''


def test_a_roll_up_says_what_it_sums_up_where_that_is_told_too(
    project: Project, target: Target, tmp_path: Path
) -> None:
    project.write("checks/boiler/test_boiler.py", CHECKS)
    text = project.root.joinpath("checks/boiler/__init__.py").read_text()
    project.write("checks/boiler/__init__.py", text.replace(', proven_by="boiler.reachable"', ""))
    target.answers["/state"] = {"pressure": 95, "health": "ill"}
    run = project.check("--alluredir", str(tmp_path / "left"))
    assert run.code == 1, run.text
    summary = Left(tmp_path / "left").results["works boiler.summary"]
    assert summary["labelled"]["echo"] == "boiler.pressure"
    assert "**sums up:** boiler.pressure" in summary["description"]
    assert "works: boiler.summary only sums up boiler.pressure" in run.text
    alone = project.check("--alluredir", str(tmp_path / "alone"), "-k", "summary")
    assert alone.code == 1
    assert "echo" not in Left(tmp_path / "alone").results["works boiler.summary"]["labelled"]
