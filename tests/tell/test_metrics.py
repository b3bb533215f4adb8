"""The Prometheus text says what results.json says, in series that stay the same from run to run."""

import json
import subprocess
from collections.abc import Callable

import pytest

from healthgate import Limit, Tier
from healthgate.claim.state import WORST_FIRST
from healthgate.tell import metrics
from tests.parts.project import Project
from tests.parts.target import Target
from tests.tell.conftest import ALONE_AND_WITH_WORKERS
from tests.tell.exposition import by, named, series
from tests.tell.world import STATES, TOKEN, Told, account, everything, profile, verdict
from tests.tools import program

CODES = {"ok": 0, "blocked": 1, "pending": 2, "missed": 3, "warning": 4, "unknown": 5, "critical": 6}
LABELS = {"check", "environment", "system", "severity", "unit"}


def checked(page: str) -> str:
    """Return a page after Prometheus' own tool has found nothing to say about it."""
    command = [program("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=page.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return page


def test_promtool_has_nothing_to_say(run: Told) -> None:
    checked(run.metrics)
    assert TOKEN not in run.metrics


def test_readings_are_those_of_the_results_and_absent_data_is_no_number(run: Told) -> None:
    read = by(run.metrics, "healthgate_reading", "check")
    numbers = {
        (check_id,): float(check["value"])
        for check_id, check in run.checks.items()
        if isinstance(check["value"], int | float)
    }

    assert read == numbers
    assert read["boiler.reachable",] == 1
    assert read["boiler.private",] == float(12345678901234567890)
    for check_id in ("boiler.gauge", "boiler.after", "kiln.door[left]"):
        assert (check_id,) not in read


def test_every_check_has_one_state_with_the_labels_of_the_contract(run: Told) -> None:
    states = named(run.metrics, "healthgate_state")

    assert {dict(labels)["check"]: value for labels, value in states.items()} == {
        check_id: CODES[state] for check_id, state in STATES.items()
    }
    for labels in states:
        told = dict(labels)
        known = run.checks[told["check"]]
        assert set(told) == LABELS
        assert all(told[name] == known[name] for name in LABELS - {"check"})


def test_the_worse_a_state_is_the_higher_its_number() -> None:
    """So that `max` over checks is the worst of them. WORST_FIRST puts blocked before ok: its root says more."""
    assert {state.value: code for state, code in metrics.CODES.items()} == CODES
    assert [metrics.CODES[state] for state in WORST_FIRST] == sorted(CODES.values(), reverse=True)


def test_limits_are_lines_of_numbers_with_the_side_they_lie_on(run: Told) -> None:
    lines = by(run.metrics, "healthgate_limit", "check", "tier", "comparison")
    told = {(tier, comparison): value for (check, tier, comparison), value in lines.items() if check == "kiln.heat"}
    between = {(t, c): value for (check, t, c), value in lines.items() if check == "boiler.draught"}

    assert told == {("objective", ">"): 900, ("warning", "<"): 900, ("critical", "<"): 700}
    assert between == {
        ("objective", ">="): -1.5,
        ("objective", "<="): 2.5,
        ("critical", "<"): -3,
        ("critical", ">"): 4,
    }
    assert lines["boiler.fuel", "objective", ">"] == 60  # the override of this environment
    assert not {check for check, _, _ in lines} & {"boiler.reachable", "boiler.gauge", "kiln.door[left]"}


def test_counts_and_the_run_itself(run: Told) -> None:
    counted = by(run.metrics, "healthgate_checks", "system", "state")
    ran = run.outcome.results["run"]
    numbers = {
        name: by(run.metrics, f"healthgate_{name}", "environment", "selection")["works", "all"]
        for name in ("selected", "executed", "exit_code", "run_duration_seconds", "last_run_timestamp_seconds")
    }

    assert len(counted) == 2 * len(CODES)
    assert sum(counted.values()) == len(STATES)
    assert counted["kiln", "critical"] == 2
    assert counted["kiln", "unknown"] == 0
    assert numbers["selected"] == numbers["executed"] == len(STATES)
    assert numbers["exit_code"] == ran["exit_code"] == run.outcome.code == 1
    assert numbers["run_duration_seconds"] == ran["duration_s"]
    assert numbers["last_run_timestamp_seconds"] > 1.7e9


def test_workers_change_no_series(runs: Callable[..., Told]) -> None:
    pages = [series(runs(*arguments).metrics) for arguments in ALONE_AND_WITH_WORKERS]
    passing = {
        "healthgate_run_duration_seconds",
        "healthgate_last_run_timestamp_seconds",
        "healthgate_observed_timestamp_seconds",
    }

    alone, together = ({key: value for key, value in page.items() if key[0] not in passing} for page in pages)
    assert alone == together
    assert set(pages[0]) == set(pages[1])


def test_environments_are_told_apart_and_so_are_parts_of_one(project: Project, target: Target) -> None:
    """Files of several runs lie in one folder: no two may hold the same series of a run."""
    everything(project)
    profile(project, target.url)
    profile(project, target.url, "depot")
    arguments = {
        "both": ("--env", "depot"),
        "fast": ("--cadence", "30s", "--severity", "critical", "--system", "kiln", "--system", "boiler"),
        "some": ("-k", "fuel"),
    }
    for name, several in arguments.items():
        project.check("--metrics", f"{name}.prom", *several, TOKEN=TOKEN)
    pages = {name: (project.root / f"{name}.prom").read_text() for name in arguments}

    assert set(by(pages["both"], "healthgate_selected", "environment", "selection")) == {
        ("works", "all"),
        ("depot", "all"),
    }
    assert by(pages["both"], "healthgate_selected", "environment")["depot",] == len(STATES)
    assert by(pages["fast"], "healthgate_selected", "selection") == {
        ("cadence=30s,system=boiler,system=kiln,severity=critical",): 1
    }
    assert by(pages["some"], "healthgate_selected", "selection") == {("part",): 1}
    assert not set(series(pages["fast"])) & set(series(pages["some"]))
    checked(pages["both"])


def test_what_brought_no_result_is_missing_from_the_executed(project: Project) -> None:
    file = project.root / "checks/boiler/test_boiler.py"
    file.write_text(file.read_text().replace('"""There is fuel."""', "raise RuntimeError"))

    assert project.check("--metrics", "a.prom", "-k", "fuel or purity").code == 1

    page = (project.root / "a.prom").read_text()
    assert list(named(page, "healthgate_selected").values()) == [2]
    assert list(named(page, "healthgate_executed").values()) == [1]
    assert list(by(page, "healthgate_state", "check")) == [("boiler.purity",)]


def test_a_snapshot_judged_again_is_as_old_as_it_is(project: Project) -> None:
    """Nobody may take last week's incident for now."""
    project.check("--snapshot-out", "seen.json")
    seen = json.loads((project.root / "seen.json").read_text())
    seen["taken"] = 1_600_000_000.0
    (project.root / "seen.json").write_text(json.dumps(seen))

    project.check("--snapshot-in", "seen.json", "--metrics", "a.prom")

    page = (project.root / "a.prom").read_text()
    assert list(named(page, "healthgate_last_run_timestamp_seconds").values()) == [1_600_000_000.0]


def test_a_wrong_profile_leaves_the_last_file_to_grow_old(project: Project) -> None:
    """Its time stamp says that nothing ran since; a half or empty page would say that nothing is wrong."""
    project.write("a.prom", "as it was")

    assert project.check("--metrics", "a.prom", "--system", "nothing").code == 4
    assert project.check("--metrics", "a.prom", "-k", "nothing_is_called_so").code == 5
    assert (project.root / "a.prom").read_text() == "as it was"
    assert [path.name for path in project.root.iterdir() if "a.prom" in path.name] == ["a.prom"]


def test_labels_survive_whatever_an_environment_is_called() -> None:
    names = ['wor"ks', "wor\\ks", "wor\\nks", "wör ks{a=1}", "#", " ", "-", "a,b=c", "\U0001f525"]

    page = checked(metrics.text(account([verdict(environment=name) for name in names])))

    assert list(by(page, "healthgate_state", "environment")) == [(name,) for name in names]


def test_labels_hold_nothing_unprintable_and_have_an_end() -> None:
    """And are told apart all the same."""
    names = ["a\nb", "a\x00b", "a\ud800b", "a\x1b[31mb", "e" * 5000, "e" * 5001, "\\" * 5000, "\\" * 5001]

    page = checked(metrics.text(account([verdict(environment=name) for name in names])))

    told = [environment for (environment,) in by(page, "healthgate_state", "environment")]
    assert len(set(told)) == len(names)
    assert all(len(one) <= 200 and one.isprintable() for one in told)


def test_numbers_are_told_with_every_digit_they_have() -> None:
    values: list[float] = [0.1, 1 / 3, 1e300, -0.0, 10**30, True, False, 1.5e-7, 2**53 + 2]

    page = checked(metrics.text(account([verdict(id=f"a.b{i}", value=value) for i, value in enumerate(values)])))

    assert list(named(page, "healthgate_reading").values()) == [float(value) for value in values]


@pytest.mark.parametrize(
    "limit",
    [Limit(Tier("in", (1, 2))), Limit(Tier("not in", ("a", "b"))), Limit(Tier("==", True)), Limit(Tier("==", "on"))],
    ids=str,
)
def test_lists_words_and_truths_are_no_lines(limit: Limit) -> None:
    page = metrics.text(account([verdict()], limit))

    assert "healthgate_limit" not in page
    checked(page)
