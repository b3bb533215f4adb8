"""A canary is tried by what a real Prometheus has recorded of both sides: raw counters, never rates."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.parts.instances import CHECKS, SYSTEM, chance
from tests.parts.project import Outcome, Project
from tests.parts.prometheus_server import Server, running
from tests.parts.target import Target, closed_port

SCRAPED = 10.0
"""Seconds between two scrapes in these recordings."""

MINUTES = 12

WITH_SERVER = (
    SYSTEM.replace("    url: Url\n", "    url: Url\n    prometheus_url: Url | None = None\n").replace(
        "Exposition, System", "Exposition, Prometheus, System"
    )
    + "SERVER = Prometheus(Forge)\n"
)
RECORDED = CHECKS.replace("import METRICS, STATE", "import METRICS, SERVER, STATE").replace(
    "import Unit, check", "import Recorded, Unit, check"
)
RECORDED = RECORDED.replace('name="Errors of new streams",', 'name="e", recorded=Recorded(SERVER, "environment"),')
RECORDED = RECORDED.replace(
    'stays=no_less(), name="Messages",',
    'stays=no_less(), name="m", recorded=Recorded(SERVER, "environment"),',
)


def past(*instances: Mapping[str, Any], ended: float, seed: int = 3) -> str:
    """Return what was scraped of instances until `ended`, as OpenMetrics with time stamps.

    An instance has its `environment`, its `instance`, and how many `streams`, `errors` and `messages` came in a scrape.
    """
    lot = random.Random(seed)
    found: dict[str, list[str]] = {name: [] for name in ("streams", "errors", "messages")}
    for one in instances:
        labels = f'{{environment="{one["environment"]}",instance="{one.get("instance", "a")}"}}'
        totals = dict.fromkeys(found, 1000.0)
        began = ended - MINUTES * 60 + one.get("offset", 0.0)
        for number in range(int(MINUTES * 60 / SCRAPED)):
            for name, lines in found.items():
                totals[name] += chance(one[name], lot)
                if number == one.get("reset"):
                    totals[name] = 1.0
                lines.append(f"{name}_total{labels} {totals[name]:g} {began + number * SCRAPED:.3f}")
    return "".join(f"# TYPE {name} counter\n" + "\n".join(lines) + "\n" for name, lines in found.items()) + "# EOF\n"


WELL = {"streams": 60.0, "errors": 6.0, "messages": 40.0}
OLD, NEW = WELL | {"environment": "production"}, WELL | {"environment": "staging", "offset": 4.0}
WORSE = NEW | {"errors": 15.0}


@pytest.fixture
def recorded(bare_project: Project, target: Target, tmp_path: Path) -> Iterator[Any]:
    """A function that tries a canary by what a Prometheus has recorded of such instances."""
    with ExitStack() as stack:

        def judge(*instances: Mapping[str, Any], options: tuple[str, ...] = ()) -> Outcome:
            server = stack.enter_context(running(tmp_path / "prometheus", {}, past(*instances, ended=time.time())))
            declared(bare_project, server, target)
            return tried(bare_project, *options)

        yield judge


def declared(project: Project, server: Server, target: Target) -> None:
    project.write("checks/forge/__init__.py", WITH_SERVER)
    project.write("checks/forge/test_forge.py", RECORDED)
    for name in ("production", "staging"):
        forge = {"url": target.url, "prometheus_url": server.url}
        project.environment(name, boiler="absent", forge=forge)


def tried(project: Project, *options: str) -> Outcome:
    words = ("--baseline", "production", "--canary", "staging", "--for", "10m", "--from-prometheus", *options)
    return project.run("checks", *words)


def verdict(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.root / "reports/canary.json").read_text())
    return found


def test_a_worse_canary_is_seen_in_what_was_recorded(recorded: Any, bare_project: Project, target: Target) -> None:
    run = recorded(OLD, WORSE, options=("--record", "trial.jsonl"))
    assert run.code == 1, run.text
    found = verdict(bare_project)
    assert found["reason"].startswith("forge.rollout.errors: ")
    assert [one["id"] for one in found["comparisons"]] == ["forge.rollout.errors", "forge.rollout.messages"]
    assert not target.counts(), "nothing is asked of the sides themselves"
    kept = (bare_project.root / "trial.jsonl").read_text().splitlines()
    assert json.loads(kept[0])["every_s"] == SCRAPED, "a tick has a new sample of both"
    assert all(json.loads(line)["baseline"] is not None for line in kept[2:-2])
    again = bare_project.run("--replay", "trial.jsonl", "--verdict", "again.json")
    assert json.loads((bare_project.root / "again.json").read_text()) == found
    assert again.code == 1


def test_a_healthy_canary_passes_by_what_was_recorded(recorded: Any, bare_project: Project) -> None:
    run = recorded(OLD, NEW)
    assert run.code == 0, run.text
    assert {one["decision"] for one in verdict(bare_project)["comparisons"]} == {"pass"}
    assert run.states == {"staging:forge.rollout.errors": "ok", "staging:forge.rollout.messages": "ok"}


def test_several_instances_of_the_baseline_are_told_one_by_one(recorded: Any, bare_project: Project) -> None:
    several = [OLD | {"instance": name, "streams": 200.0, "errors": 20.0} for name in "abc"]
    run = recorded(*several, WORSE, options=("--record", "trial.jsonl", "-k", "errors"))
    assert run.code == 1, run.text
    kept = [json.loads(line) for line in (bare_project.root / "trial.jsonl").read_text().splitlines()[1:]]
    assert {len(line["baseline"]) for line in kept if line["canary"] is not None} == {3}


def test_a_reset_costs_its_tick(recorded: Any, bare_project: Project) -> None:
    run = recorded(OLD, NEW | {"reset": MINUTES * 3}, options=("-k", "errors"))
    assert run.code == 0, run.text
    assert verdict(bare_project)["comparisons"][0]["missing"] <= 1


def test_a_side_that_was_not_recorded_is_inconclusive(recorded: Any, bare_project: Project) -> None:
    run = recorded(OLD)
    assert run.code == 12, run.text
    assert 'errors_total{environment="staging"} gives no series' in verdict(bare_project)["reason"]


def test_a_prometheus_that_is_gone_or_none_is_inconclusive(bare_project: Project, target: Target) -> None:
    for url, words in (
        (f"http://127.0.0.1:{closed_port()}", "refused"),
        (target.url, "404"),
    ):
        declared(bare_project, Server(url), target)
        run = tried(bare_project)
        assert run.code == 12, run.text
        assert words in verdict(bare_project)["reason"]
        assert "Traceback" not in run.text


def test_a_side_that_names_no_prometheus_is_inconclusive(bare_project: Project, target: Target) -> None:
    declared(bare_project, Server(target.url), target)
    bare_project.environment("staging", boiler="absent", forge={"url": target.url})
    run = tried(bare_project)
    assert run.code == 12, run.text
    assert "staging has no forge.prometheus_url" in verdict(bare_project)["reason"]
