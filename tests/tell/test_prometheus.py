"""What Prometheus itself makes of the text: through a textfile collector, as OpenMetrics, and pushed."""

from collections.abc import Callable, Iterator

import pytest

from tests.parts.project import Project
from tests.parts.target import Target
from tests.tell.exposition import series
from tests.tell.monitoring import PROGRAMS, Monitoring, serving, text
from tests.tell.world import STATES, TOKEN, Told, everything, profile
from tests.tools import program

CODES = {"ok": 0, "blocked": 1, "pending": 2, "missed": 3, "warning": 4, "unknown": 5, "critical": 6}


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    for name in PROGRAMS:
        program(name)
    with serving(tmp_path_factory.mktemp("monitoring")) as servers:
        yield servers


def test_prometheus_takes_every_series_by_every_way(
    monitoring: Monitoring, runs: Callable[..., Told], project: Project, target: Target
) -> None:
    """As a file of node_exporter, as OpenMetrics and through a Pushgateway, and answers questions about them."""
    told = runs()
    (monitoring.textfiles / "healthgate.prom").write_text(told.metrics)
    monitoring.serve(told.metrics)
    everything(project)
    target.answers["/heat"] = {"degrees": 600, "doors": {"left": "shut", "right": "shut"}}
    for name in ("works", 'ki"l\\n ö'):
        profile(project, target.url, name)
    outcome = project.check(
        *("--env", 'environments/ki"l\\n ö.yaml', "--pushgateway", monitoring.gateway, "-n", "2"), TOKEN=TOKEN
    )
    assert outcome.code == 1, outcome.text
    assert "not pushed" not in outcome.out

    for job in ("textfile", "served"):
        found = monitoring.until(f'healthgate_state{{job="{job}"}}', len(STATES))
        assert {one["metric"]["check"]: float(one["value"][1]) for one in found} == {
            check: CODES[state] for check, state in STATES.items()
        }
        for (name, labels), value in series(told.metrics).items():
            if name == "healthgate_reading":
                inside = ",".join(f'{label}="{content}"' for label, content in sorted(labels))
                (one,) = monitoring.query(f'{name}{{job="{job}",{inside}}}')
                assert float(one["value"][1]) == value
    assert [one["value"][1] for one in monitoring.query("node_textfile_scrape_error")] == ["0"]
    assert {one["value"][1] for one in monitoring.query("up")} == {"1"}

    found = monitoring.until('healthgate_state{job="healthgate", check="kiln.heat"}', 2)
    assert {(one["metric"]["environment"], one["value"][1]) for one in found} == {("works", "6"), ('ki"l\\n ö', "6")}
    crossed = monitoring.query(
        'healthgate_reading{job="textfile"} < ignoring(tier, comparison)'
        ' healthgate_limit{tier="critical", comparison="<", check="kiln.heat"}'
    )
    assert [one["metric"]["check"] for one in crossed] == ["kiln.heat"]
    worst = monitoring.query('max by (system) (healthgate_state{job="textfile"})')
    assert {(one["metric"]["system"], one["value"][1]) for one in worst} == {("boiler", "5"), ("kiln", "6")}


def test_a_push_replaces_what_the_last_one_of_its_kind_said(monitoring: Monitoring, project: Project) -> None:
    """A check that is gone is gone; a run of some checks leaves those of all alone."""
    project.environment("depot", boiler=project_url(project))
    for more in ((), ("--cadence", "30s"), ()):
        assert project.check("--pushgateway", f"{monitoring.gateway}/", *more, env="depot").code == 0
    file = project.root / "checks/boiler/test_boiler.py"
    file.write_text(file.read_text().replace('"boiler.fuel"', '"boiler.wood"'))
    assert project.check("--pushgateway", monitoring.gateway, env="depot").code == 0

    page = text(f"{monitoring.gateway}/metrics")
    mine = "\n".join(line for line in page.splitlines() if line.startswith("healthgate_") and "depot" in line)
    assert 'check="boiler.wood"' in mine
    assert 'check="boiler.fuel"' not in mine
    assert mine.count('healthgate_state{check="boiler.pressure"') == 2
    assert 'environment="depot",instance="",job="healthgate",selection="cadence=30s"' in mine


def project_url(project: Project) -> dict[str, str]:
    """Return the settings of the boiler in `works`."""
    written = (project.root / "environments/works.yaml").read_text()
    return {"url": written.partition('"url": "')[2].partition('"')[0]}
