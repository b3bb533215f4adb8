"""What both sides do on one version is kept, and not held against a canary afterwards."""

import random
from collections.abc import Iterator

import pytest

from healthgate.canary.record import Header, Series, Tick, header, line, read
from tests.parts.instances import Instance, chance, forge, two
from tests.parts.project import Outcome, Project
from tests.run.test_trial import DECLARED

SIDES = ("--baseline", "production", "--canary", "staging")
BUILD = '# TYPE forge_build_info gauge\nforge_build_info{version="1.7"} 1\n'


@pytest.fixture
def pair() -> Iterator[tuple[Instance, Instance]]:
    with two() as both:
        yield both


@pytest.fixture
def tried(bare_project: Project, pair: tuple[Instance, Instance]) -> Project:
    for one in pair:
        one.lines = BUILD
    return forge(bare_project, *pair)


def learn(project: Project, *arguments: str, where: str = "kept/usual.jsonl") -> Outcome:
    words = (*SIDES, *DECLARED, "--for", "1s", "--every", "50ms", "--learn", where)
    return project.run("checks", *words, *arguments)


def test_every_tick_is_kept_and_nothing_is_judged(tried: Project, pair: tuple[Instance, Instance]) -> None:
    """Also where one has four times the errors, which is a rollback, and both are one build, which is no canary."""
    pair[1].errors = 0.4
    run = learn(tried)
    assert run.code == 0, run.text
    assert "learned 3 comparisons: kept/usual.jsonl; try canaries with --usual and this file" in run.text
    assert not (tried.root / "reports/canary.json").exists()
    with (tried.root / "kept/usual.jsonl").open() as lines:
        trial, ticks = read(lines, "usual.jsonl")
        came = list(ticks)
    assert {one.spoilt for one in trial.series.values()} == {""}
    assert max(one.at for one in came) == pytest.approx(1.0, abs=0.5)


def test_two_versions_are_not_learned_from(tried: Project, pair: tuple[Instance, Instance]) -> None:
    pair[1].lines = BUILD.replace("1.7", "1.8")
    run = learn(tried)
    assert run.code == 4, run.text
    assert "--learn: production runs forge of version 1.7 and staging runs forge of version 1.8; both" in run.text


def test_a_file_that_cannot_be_written_is_said(tried: Project) -> None:
    (tried.root / "taken").write_text("")
    run = learn(tried, where="taken/usual.jsonl")
    assert run.code == 13, run.text
    assert "nothing is learned" in run.text


def test_a_trial_refuses_what_tells_it_nothing(tried: Project) -> None:
    assert learn(tried).code == 0
    run = tried.run("checks", *SIDES, *DECLARED, "--for", "10s", "--every", "50ms", "--usual", "kept/usual.jsonl")
    assert run.code == 4, run.text
    assert "--usual kept/usual.jsonl: it has 1 s of both sides, expected 20 m at least" in run.text
    missing = tried.run("checks", *SIDES, "--for", "10s", "--every", "50ms", "--usual", "nowhere.jsonl")
    assert (missing.code, "--usual nowhere.jsonl cannot be read" in missing.text) == (4, True)
    both = learn(tried, "--record", "trial.jsonl")
    assert (both.code, "--learn keeps every tick and judges none: leave --record out" in both.text) == (4, True)
    alone = tried.run("checks", "--env", "production", "--usual", "kept/usual.jsonl")
    assert (alone.code, "say how long it takes, as in --for 10m" in alone.text) == (4, True)


def test_what_is_usual_is_not_held_against_a_canary_that_is_judged_again(tried: Project) -> None:
    lot = random.Random(7)
    sides = {"baseline": "old", "canary": "new", "started_at": 0.0, "every_s": 5.0}
    errors = Series("forge.errors", "count", "errors", "Errors", worse_by=1.1, tolerates=2.0)
    for name, many in (("trial", 120), ("usual", 720)):
        several = [Tick(5.0 * n, errors.id, chance(100, lot), chance(130, lot)) for n in range(1, many + 1)]
        trial = Header(**sides, within_s=5.0 * many, series={errors.id: errors})
        tried.write(f"{name}.jsonl", "\n".join([header(trial), *map(line, several)]))

    alone, informed = (tried.run("--replay", "trial.jsonl", *words) for words in ((), ("--usual", "usual.jsonl")))

    assert (alone.code, informed.code) == (1, 0), (alone.text, informed.text)
