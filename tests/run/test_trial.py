"""A canary is tried beside its baseline: two real servers, read at the same ticks, until it is decided."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from healthgate.canary.record import read
from tests.parts.instances import Instance, forge, two
from tests.parts.project import Outcome, Project

QUICKLY = ("--for", "20s", "--every", "50ms")
DECLARED = ("-k", "rollout or lit")
"""Without what depends on how fast this machine happens to answer."""


@pytest.fixture
def pair() -> Iterator[tuple[Instance, Instance]]:
    with two() as both:
        yield both


@pytest.fixture
def tried(bare_project: Project, pair: tuple[Instance, Instance]) -> Project:
    return forge(bare_project, *pair)


def trial(project: Project, *arguments: str, **variables: str) -> Outcome:
    words = arguments if "--for" in arguments else (*QUICKLY, *arguments)
    return project.run("checks", "--baseline", "production", "--canary", "staging", *words, **variables)


def verdict(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.root / "reports/canary.json").read_text())
    return found


def decisions(project: Project) -> dict[str, str]:
    return {one["id"]: one["decision"] for one in verdict(project)["comparisons"]}


def test_a_canary_as_good_as_its_baseline_passes_early(tried: Project, pair: tuple[Instance, Instance]) -> None:
    run = trial(tried, *DECLARED)
    assert run.code == 0, run.text
    found = verdict(tried)
    assert (found["decision"], found["exit"], found["baseline"], found["canary"]) == (
        "pass",
        0,
        "production",
        "staging",
    )
    assert set(decisions(tried).values()) == {"pass"}
    assert found["seconds"] < 20
    assert "PASS: canary staging against production in" in run.text
    assert run.states["staging:forge.rollout.errors"] == "ok"
    assert "production:forge.rollout.errors" not in run.states
    looks = [one.looks for one in pair]
    assert looks[0] == looks[1], "one read of a page feeds all comparisons, on both sides alike"
    (errors,) = [one for one in found["comparisons"] if one["id"] == "forge.rollout.errors"]
    assert errors["ticks"] == looks[0] - 1


@pytest.mark.parametrize(
    ("fault", "name"),
    [({"errors": 0.4}, "errors"), ({"heat": 90.0}, "heat"), ({"messages": 10.0}, "messages")],
    ids=["more errors", "hotter", "fewer messages"],
)
def test_a_worse_canary_is_rolled_back_at_once(
    tried: Project, pair: tuple[Instance, Instance], fault: dict[str, float], name: str
) -> None:
    vars(pair[1]).update(fault)
    run = trial(tried, *DECLARED)
    assert run.code == 1, run.text
    found = verdict(tried)
    assert (found["decision"], found["exit"]) == ("rollback", 1)
    assert found["reason"].startswith(f"forge.rollout.{name}: ")
    assert found["seconds"] < 15
    assert run.states[f"staging:forge.rollout.{name}"] == "critical"
    assert "ROLLBACK: canary staging against production" in run.text
    assert f"rollback     forge.rollout.{name}: " in run.text, "told while it lasts"


def test_a_canary_with_a_tenth_of_the_traffic_is_compared_by_what_it_got(
    tried: Project, pair: tuple[Instance, Instance]
) -> None:
    pair[0].streams, pair[1].streams = 400.0, 40.0
    assert trial(tried, "-k", "errors").code == 0
    pair[1].errors = 0.4
    assert trial(tried, "-k", "errors").code == 1


def test_a_silent_canary_is_inconclusive_and_says_what_to_do(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].streams = 0.0
    run = trial(tried, "-k", "errors", "--for", "3s", "--every", "50ms")
    assert run.code == 12, run.text
    assert "there was no traffic on both sides at once, so nothing to count of; drive some" in run.text
    assert "no traffic in staging: streams_total did not grow" in run.text
    assert run.states["staging:forge.rollout.errors"] == "pending"


def test_a_baseline_without_traffic_is_inconclusive(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[0].streams = 0.0
    run = trial(tried, "-k", "errors", "--for", "3s", "--every", "50ms")
    assert run.code == 12, run.text
    assert "no traffic in production: streams_total did not grow" in run.text


def test_errors_that_neither_side_has_are_proven_to_be_few(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[0].errors = pair[1].errors = 0.0
    run = trial(tried, "-k", "errors")
    assert run.code == 0, run.text
    assert "in the canary: proven to be below the 2 % allowed" in run.text


def test_a_canary_that_is_worse_at_once_is_not_tried(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].lit = False
    run = trial(tried)
    assert run.code in {1, 10}, run.text
    assert "it was not tried: a check is in a worse state already, which is decided at once: forge.lit" in run.text
    found = verdict(tried)
    assert (found["decision"], found["exit"], found["comparisons"]) == ("rollback", run.code, [])
    assert pair[1].looks <= 1


def test_endpoints_are_compared_without_being_declared(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].seconds = 0.15
    run = trial(tried)
    assert run.code == 1, run.text
    found = decisions(tried)
    assert {"forge.latency[GET_state]", "forge.latency[GET_metrics]", "forge.requests.failed"} <= set(found)
    assert "rollback" in {found["forge.latency[GET_state]"], found["forge.latency[GET_metrics]"]}
    assert any(state == "critical" for name, state in run.states.items() if "latency" in name)


def test_requests_that_fail_are_compared_too(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].at_look = lambda one: vars(one).update(failing=503 if one.looks % 2 else 200)
    run = trial(tried, "-k", "failed or lit")
    assert run.code == 1, run.text
    assert verdict(tried)["reason"].startswith("forge.requests.failed: ")


def test_what_is_recorded_is_judged_again_alike(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].errors = 0.4
    first = trial(tried, *DECLARED, "--record", "kept/trial.jsonl")
    assert first.code == 1, first.text
    before = verdict(tried)
    with (tried.root / "kept/trial.jsonl").open() as lines:
        header, ticks = read(lines, "trial.jsonl")
        assert len(list(ticks)) == sum(one["ticks"] for one in before["comparisons"])
    assert header.series["forge.rollout.errors"].unit == "errors"
    again = tried.run("--replay", "kept/trial.jsonl", "--verdict", "again.json")
    assert again.code == 1, again.text
    assert json.loads((tried.root / "again.json").read_text()) == before
    assert "ROLLBACK: canary staging against production" in again.text


def test_a_record_that_cannot_be_kept_loses_no_verdict(tried: Project) -> None:
    (tried.root / "taken").write_text("")
    run = trial(tried, "-k", "messages", "--record", "taken/trial.jsonl")
    assert run.code == 13, run.text
    assert verdict(tried)["decision"] == "pass"
    assert "--record" in run.text
    assert "the verdict stands" in run.text


def test_every_output_knows_comparisons(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].errors = 0.4
    summary = tried.write("summary.md", "")
    told = ("--alluredir", "allure", "--metrics", "m.prom", "--junitxml", "j.xml", "--history", "h.db", "--github")
    run = trial(tried, *told, GITHUB_STEP_SUMMARY=str(summary))
    assert run.code == 1, run.text
    assert "::error file=checks/forge/test_forge.py," in run.text
    assert str(tried.root) not in run.text.partition("::error")[2]
    assert "times | no more than the baseline, critical 1\\.25 times" in summary.read_text()
    assert 'check="forge.rollout.errors"' in (tried.root / "m.prom").read_text()
    named = [json.loads(one.read_text())["name"] for one in (tried.root / "allure").glob("*-result.json")]
    assert len(named) == 8
    (check,) = [one for one in run.results["checks"] if one["id"] == "forge.latency[GET_state]"]
    assert check["nodeid"] == "endpoints::staging-forge.latency[GET_state]"


def test_what_states_leave_unclear_outweighs_a_trial_that_passes(
    tried: Project, pair: tuple[Instance, Instance]
) -> None:
    pair[1].lit = "who knows"
    run = trial(tried, *DECLARED)
    assert run.code == 12, run.text
    found = verdict(tried)
    assert (found["decision"], found["exit"]) == ("inconclusive", 12)
    assert found["reason"].startswith("unclear: forge.lit: unknown in staging")
    assert {one["decision"] for one in found["comparisons"]} == {"pass"}


def test_a_run_without_a_trial_knows_nothing_of_comparisons(tried: Project) -> None:
    run = tried.run("checks", "--env", "production")
    assert run.code == 0, run.text
    assert list(run.states) == ["forge.lit"]
    assert "1 passed" in run.out
    compared = tried.run("checks", "--baseline", "production", "--canary", "staging")
    assert compared.code == 0, compared.text
    assert not (tried.root / "reports/canary.json").exists()


def test_an_interrupted_trial_leaves_a_verdict(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[0].errors = pair[1].errors = 0.001
    process = tried.fork("checks", "--baseline", "production", "--canary", "staging", "--for", "5m", "--every", "100ms")
    pair[1].target.wait_for_requests(20)
    process.send_signal(signal.SIGTERM)
    ended = tried.ended(process)
    assert ended.code == 2, ended.text
    assert verdict(tried)["decision"] == "inconclusive"
