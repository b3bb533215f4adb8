"""What has no data because nothing answers is told once, by the check that is about that."""

from tests.parts.project import Project
from tests.parts.target import Target, closed_port

CHECKS = '''\
"""A boiler with a health route, a page of details and a metrics page."""

from checks.boiler import Boiler
from healthgate import Exposition, above, below, check, equals, get

HEALTH = get(Boiler, "/health", codes=(200, 503))
DETAILS = get(Boiler, "/details", explained_by="boiler.alive")
METRICS = Exposition(Boiler, "/metrics", explained_by="boiler.alive")
TOLD = dict(cause="c", action="a", runbook="r", name="n")


@check("boiler.alive", HEALTH.serves, stays=equals(True), **TOLD)
@check("boiler.heat", DETAILS["heat"], stays=below(80), **TOLD)
@check("boiler.falls", METRICS["falls"], stays=above(0), **TOLD)
def test_boiler(verdict):
    """It is well."""
    assert verdict.healthy, verdict
'''


def test_one_dead_service_is_one_finding(project: Project) -> None:
    """Without a request of its own having to be proven, which an ill service would block as a dead one does."""
    project.write("checks/boiler/test_boiler.py", CHECKS)
    project.environment("works", boiler={"url": f"http://127.0.0.1:{closed_port()}"})

    run = project.check()

    expected = {"boiler.alive": "critical", "boiler.heat": "blocked", "boiler.falls": "blocked"}
    assert (run.code, run.states) == (1, expected), run.text
    found = {one["id"]: one["blocked_by"] for one in run.results["checks"]}
    assert (found["boiler.heat"], found["boiler.falls"]) == ("boiler.alive", "boiler.alive")


def test_a_service_that_answers_explains_nothing(project: Project, target: Target) -> None:
    """What is missing in its answers is missing there."""
    project.write("checks/boiler/test_boiler.py", CHECKS)
    project.environment("works", boiler={"url": target.url})
    target.answers["/health"], target.answers["/details"] = {"status": "fine"}, {}

    run = project.check()

    assert run.states == {"boiler.alive": "ok", "boiler.heat": "unknown", "boiler.falls": "unknown"}, run.text
