"""What cannot be compared proves nothing: inconclusive or a usage error, with the reason and what to do."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.parts.instances import CHECKS, Instance, forge, two
from tests.parts.project import Outcome, Project

COUNTED = ("-k", "errors")


@pytest.fixture
def pair() -> Iterator[tuple[Instance, Instance]]:
    with two() as both:
        yield both


@pytest.fixture
def tried(bare_project: Project, pair: tuple[Instance, Instance]) -> Project:
    return forge(bare_project, *pair)


def trial(project: Project, *arguments: str, within: str = "2s") -> Outcome:
    sides = ("--baseline", "production", "--canary", "staging")
    return project.run("checks", *sides, "--for", within, "--every", "50ms", *arguments)


def reasons(project: Project) -> dict[str, str]:
    found = json.loads((project.root / "reports/canary.json").read_text())
    assert found["decision"] == "inconclusive"
    return {one["id"]: one["reason"] for one in found["comparisons"]}


WRONG: list[tuple[list[str], str]] = [
    (["--for", "10m"], "--for tries a canary: name it, and what it is compared with: --baseline production"),
    (["--record", "x", "--canary", "staging", "--baseline", "production"], "say how long it takes, as in --for 10m"),
    (["--from-prometheus", "--env", "production"], "say how long it takes, as in --for 10m"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=range(len(WRONG)))
def test_options_that_are_no_trial_are_refused(tried: Project, arguments: list[str], message: str) -> None:
    env = [] if "--env" in arguments or "--canary" in arguments else ["--env", "production"]
    run = tried.run("checks", *env, *arguments)
    assert run.code == 4, run.text
    assert message in run.text
    assert "Traceback" not in run.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--for", "soon"), "--for: 'soon' is not a duration"),
        (
            ("--for", "10m", "--every", "2m"),
            "--for 10m --every 2m: a trial takes 8 ticks at least; try longer, or look",
        ),
        (("--for", "10m", "--every", "0s"), "a trial takes 8 ticks at least"),
        (
            ("--for", "9h", "--every", "1s", "--from-prometheus"),
            "Prometheus tells 11000 steps at most; look less often",
        ),
        (("--for", "10m", "--snapshot-in", "s.json"), "--snapshot-in judges what was seen once: leave one out"),
        (("--for", "10m", "-n", "2"), "--for: one process keeps the ticks of a trial; leave -n out"),
    ],
)
def test_a_trial_that_cannot_be_is_refused(tried: Project, words: tuple[str, ...], message: str) -> None:
    run = tried.run("checks", "--baseline", "production", "--canary", "staging", *words)
    assert run.code == 4, run.text
    assert message in run.text
    assert "Traceback" not in run.text


def test_one_instance_is_not_compared_with_itself(tried: Project, pair: tuple[Instance, Instance]) -> None:
    tried.environment("staging", boiler="absent", forge={"url": pair[0].target.url})
    run = trial(tried, *COUNTED)
    assert run.code == 4, run.text
    assert f"--canary staging: production and staging both read GET {pair[0].target.url}/metrics" in run.text


def test_nothing_to_compare_is_refused(tried: Project) -> None:
    run = trial(tried, "-k", "lit and not latency")
    assert run.code == 4, run.text
    assert "--for: there is nothing to compare" in run.text


def test_what_a_run_starts_itself_is_not_tried(tried: Project, pair: tuple[Instance, Instance]) -> None:
    tried.environment("staging", launch="true", boiler="absent", forge={"url": pair[1].target.url})
    run = trial(tried)
    assert run.code == 4, run.text
    assert "--for: staging is started by its run" in run.text


def test_one_build_on_both_sides_is_no_canary(tried: Project, pair: tuple[Instance, Instance]) -> None:
    for one, pod in zip(pair, "ab", strict=True):
        one.lines = f'# TYPE forge_build_info gauge\nforge_build_info{{version="1.7",pod="{pod}"}} 1\n'
    run = trial(tried, *COUNTED)
    assert run.code == 12, run.text
    assert reasons(tried)["forge.rollout.errors"] == (
        "production and staging both run forge of version 1.7: a canary is another build than its baseline"
    )
    assert run.states["staging:forge.rollout.errors"] == "unknown"
    pair[1].lines = pair[1].lines.replace("1.7", "1.8")
    assert trial(tried, *COUNTED, within="20s").code == 0


@pytest.mark.parametrize("worked_on", ["production", "staging"])
def test_a_side_in_maintenance_proves_nothing(tried: Project, pair: tuple[Instance, Instance], worked_on: str) -> None:
    now = datetime.now(UTC)
    window = {
        "from": f"{now - timedelta(minutes=5):%Y-%m-%dT%H:%MZ}",
        "until": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%MZ}",
        "because": "the stoker sweeps",
        "checks": ["forge.rollout.errors"],
    }
    address = pair[worked_on == "staging"].target.url
    tried.environment(worked_on, boiler="absent", forge={"url": address}, maintenance=[window])
    run = trial(tried, *COUNTED)
    assert run.code == 12, run.text
    assert f"{worked_on} is in maintenance until" in reasons(tried)["forge.rollout.errors"]
    assert "because the stoker sweeps; try again when it is over" in run.text


def test_counters_that_are_reset_are_left_out_and_named(tried: Project, pair: tuple[Instance, Instance]) -> None:
    def reset(one: Instance) -> None:
        if one.looks % 3 == 0:
            one.totals = dict.fromkeys(one.totals, 0.0)

    pair[1].at_look = reset
    run = trial(tried, *COUNTED)
    assert run.code == 12, run.text
    assert "× staging: errors_total fell from 1" in reasons(tried)["forge.rollout.errors"]
    assert run.states["staging:forge.rollout.errors"] == "unknown"


def test_one_reset_costs_one_tick(tried: Project, pair: tuple[Instance, Instance]) -> None:
    def reset(one: Instance) -> None:
        if one.looks == 5:
            one.totals = dict.fromkeys(one.totals, 0.0)

    pair[1].at_look = reset
    run = trial(tried, *COUNTED, within="20s")
    assert run.code == 0, run.text
    (one,) = json.loads((tried.root / "reports/canary.json").read_text())["comparisons"]
    assert one["missing"] == 1


def test_a_rate_is_no_count(tried: Project, pair: tuple[Instance, Instance]) -> None:
    def rate(one: Instance) -> None:
        one.totals["errors"] += 0.35

    pair[0].at_look = pair[1].at_look = rate
    run = trial(tried, *COUNTED)
    assert run.code == 12, run.text
    assert "which is no count of events: is it a rate()?" in reasons(tried)["forge.rollout.errors"]


def test_a_gauge_is_no_counter(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[0].kind = pair[1].kind = "gauge"
    trial(tried, *COUNTED)
    assert "errors_total is a gauge, not a counter" in reasons(tried)["forge.rollout.errors"]


def test_two_kinds_of_one_metric_are_not_compared(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].kind = "gauge"
    run = trial(tried, *COUNTED)
    assert run.code == 12, run.text
    words = "errors_total is a counter in production and a gauge in staging: different things cannot be compared"
    assert reasons(tried)["forge.rollout.errors"].startswith(words)


def test_a_thousand_times_as_much_is_another_unit(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].heat = 50_000.0
    run = trial(tried, "-k", "heat")
    assert run.code == 12, run.text
    assert "a thousand times apart: are both told in one unit?" in reasons(tried)["forge.rollout.heat"]


def test_ages_are_not_compared_by_clocks_that_are_apart(tried: Project, pair: tuple[Instance, Instance]) -> None:
    tried.write(
        "checks/forge/test_forge.py",
        CHECKS.replace("no_more(percent)", "no_more(seconds)").replace(", percent", ", seconds"),
    )
    pair[1].clock = -180.0
    run = trial(tried, "-k", "heat")
    assert run.code == 12, run.text
    assert "the clocks of production and staging are 3 m apart" in reasons(tried)["forge.rollout.heat"]
    pair[1].clock = 0.0
    assert trial(tried, "-k", "heat", within="20s").code == 0


def test_a_canary_that_does_not_answer_is_inconclusive(tried: Project, pair: tuple[Instance, Instance]) -> None:
    def ill(one: Instance) -> None:
        one.failing = 503 if one.looks % 2 else 200

    pair[1].at_look = ill
    run = trial(tried, *COUNTED)
    assert run.code == 12, run.text
    assert "× staging: it answered 503, not 200" in reasons(tried)["forge.rollout.errors"]


def test_a_canary_that_hangs_holds_up_no_trial(tried: Project, pair: tuple[Instance, Instance]) -> None:
    """No request takes longer than a tick, or two seconds; what did not come is missing."""
    pair[1].at_look = lambda one: vars(one).update(seconds=8.0 if one.looks > 3 else 0.0)
    began = time.monotonic()
    run = trial(tried, *COUNTED, within="4s")
    assert run.code == 12, run.text
    assert time.monotonic() - began < 20
    assert "× staging: no complete answer within 2 s" in reasons(tried)["forge.rollout.errors"]
    assert run.states["staging:forge.rollout.errors"] == "unknown"


def test_what_reads_a_rate_is_refused_where_it_is_declared(tried: Project) -> None:
    text = CHECKS.replace('STATE["heat"],', 'METRICS["errors_total"].per_second(),')
    tried.write("checks/forge/test_forge.py", text)
    run = trial(tried)
    assert run.code == 4, run.text
    assert (
        "forge.rollout.heat reads what grew between two looks, which is a rate; compare the counter itself" in run.text
    )
    assert "checks/forge/test_forge.py:" in run.text


DECLARED: list[tuple[str, str, str]] = [
    ('events(METRICS["messages_total"])', 'events(STATE["heat"])', "is no counter: events()"),
    ("stays=no_less()", "stays=no_less(worse_by=2)", "worse_by=2, tolerates=1.5: 1 ≤ worse_by < tolerates"),
    (
        "stays=no_less()",
        "stays=no_less(allowed=0.1)",
        "allows 0.1 of nothing; write events(…, of=…), and a share below 1",
    ),
    ("stays=no_less()", "stays=percent", "a comparison stays no_more(…) or no_less(…)"),
    ("forge.rollout.messages", "forge.lit", "forge.lit is already declared at"),
    ("forge.rollout.messages", "kiln.rollout", "kiln.rollout is about kiln, which is no declared system"),
    ("forge.rollout.messages", "messages", "'messages' is not a check id"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), DECLARED, ids=range(len(DECLARED)))
def test_a_comparison_that_is_declared_wrongly_is_refused(tried: Project, right: str, wrong: str, message: str) -> None:
    assert right in CHECKS
    tried.write("checks/forge/test_forge.py", CHECKS.replace(right, wrong))
    run = trial(tried)
    assert run.code == 4, run.text
    assert message in run.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--replay trial.jsonl cannot be read: No such file or directory"),
        (b"", "--replay trial.jsonl: it is empty"),
        (b"\xff\xfe", "is not UTF-8 text; expected the lines that --record and --learn write"),
        (b'{"healthgate": "other"}\n', "--replay trial.jsonl:1: it is no recorded trial"),
    ],
    ids=["none", "empty", "binary", "other"],
)
def test_a_replay_of_something_else_is_refused(tried: Project, content: Any, message: str) -> None:
    if content is not None:
        (tried.root / "trial.jsonl").write_bytes(content)
    run = tried.run("--replay", "trial.jsonl")
    assert run.code == 4, run.text
    assert message in run.text
    assert "Traceback" not in run.text
