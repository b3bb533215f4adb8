"""Counters over a time: from what earlier runs saw and what this one sees, no time twice, no fall unexplained."""

import re
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from healthgate import Exposition, NoData, System, Url, counter, get, together
from healthgate.claim.observation import AGAIN, Observation
from healthgate.claim.source import Scene
from healthgate.claim.state import State
from healthgate.claim.tally import Tally, chosen, grown
from healthgate.memory import counters
from healthgate.memory.history import History
from healthgate.readings import Growth
from tests.memory.test_history import VERDICT
from tests.parts.project import Outcome, Project
from tests.parts.target import Hostile, Peer, Target
from tests.probes.test_exposition import CLASSIC, pages

START = 500.0


def looks(*readings: tuple[float, float] | tuple[float, float, float | None], **more: Any) -> list[Tally]:
    """Return looks of moment, value and, where it is another than at first, the start of the process."""
    return [Tally(at, value, *(rest or (START,)), **more) for at, value, *rest in readings]


# -- from look to look ----------------------------------------------------------------------------------------


def test_a_counter_grows_by_what_it_grew_by_from_look_to_look() -> None:
    found = grown("n", looks((1000, 10), (1030, 22), (1090, 58)), 120, 1)

    assert (found.increase, found.seconds, found.rate, found.restarted) == (48, 90, 48 / 90, False)
    assert str(found) == "48 in 90 s of 2 m"


def test_rates_are_told_by_the_second_of_production() -> None:
    found = grown("n", looks((1000, 10), (1002, 58)), 120, 60)

    assert (found.per_second, found.rate, found.covered) == (24, 0.4, 120)
    assert str(found) == "48 in 2 m of 2 m"


@pytest.mark.parametrize(
    ("through", "increase"),
    [
        (looks((1000, 10), (1030, 22), (1060, 3, 1045), (1090, 9, 1045)), 21),  # what came before the end is lost
        (looks((1000, 10), (1060, 40, 1045)), 40),  # it began anew and has overtaken what it was
        (looks((1000, 10), (1030, 4, 1015), (1060, 2, 1045)), 6),  # twice
        (looks((1000, 10, None), (1030, 12, None)), 2),
        (looks((1000, 10), (1030, 12, 501.5)), 2),  # one process, told with a second's difference
    ],
)
def test_a_counter_that_begins_anew_counts_from_nothing(through: list[Tally], increase: float) -> None:
    assert grown("n", through, 120, 1).increase == increase


@pytest.mark.parametrize(
    ("through", "reason"),
    [
        (looks((1000, 10), (1030, 3), (1060, 9)), "n fell from 10 to 3 without a restart, 30 s ago"),
        (looks((1000, 10), (1030, 3)), "n fell from 10 to 3 without a restart"),
        (looks((1000, 10, None), (1030, 3, None)), "does not say whether its process began anew"),
        (looks((1000, 10), (1030, 12, 400), (1060, 14)), "two processes answer in turn"),
        (looks((1000, 10), (1030, 12, 700)), "another process answered: it began at 700.000"),
        (looks((1000, 10), (1000, 12)), "no time between the two looks"),
        (looks((1000, 10)), "there is one look at n and none to compare it with"),
        (looks((1000, 10), (1030, 10), told=7.0), "something on the way keeps it"),
        ([Tally(1000, 10, clock=50), Tally(1030, 12, clock=55)], "the clock was set by 25 s between the two looks"),
        ([Tally(1000, 10, clock=50), Tally(990, 12, clock=55)], "or the clock was set back"),
        ([Tally(1000, 10, START, 2), Tally(1030, 12, START, 1)], "1 of the series of n are gone without a restart"),
    ],
)
def test_a_step_that_cannot_be_told_is_no_data_for_the_whole(through: list[Tally], reason: str) -> None:
    with pytest.raises(NoData) as nothing:
        grown("n", through, 120, 1)
    assert reason in str(nothing.value)


def moments(own: list[Tally], earlier: list[Tally], window: float) -> list[float]:
    return [tally.at for tally in chosen(own, earlier, window)]


def test_looks_of_the_window_count_and_each_once() -> None:
    earlier = looks((865, 1), (890, 2), (940, 3), (970, 4))
    own = looks((1000, 5), (1002, 6))

    assert moments(own, earlier, 120) == [890, 940, 970, 1000, 1002]
    assert moments(own, [*earlier, *own], 120) == [890, 940, 970, 1000, 1002]  # a look that is kept already
    assert moments(own, [*earlier, *looks((1001, 5), (9999, 1))], 120) == [890, 940, 970, 1000, 1002]
    assert moments(own, earlier, 10) == [1000, 1002]
    assert moments(own, earlier, 1) == [1000, 1002]  # two looks of one run, however far apart
    assert moments(own[:1], earlier, 1) == [1000]
    late = looks((1000, 5), (1003, 6), (1004.5, 7))
    assert moments(late, earlier, 2) == [1000, 1003, 1004.5]  # the later two do not span it
    assert moments(late, earlier, 1) == [1003, 1004.5]


@pytest.mark.parametrize(
    ("ago", "seconds"),
    [
        ((120,), 120),
        ((107,), 107),  # spans it not: the oldest there is, for what it is worth
        ((108, 40), 108),
        ((133,), 133),
        ((240,), 240),
        ((241,), None),  # of another time
        ((110, 118, 131, 240), 118),  # the one that spans it best
        ((60, 200), 200),
        ((20, 60), 60),
    ],
)
def test_a_window_is_spanned_by_the_look_that_fits_best(ago: tuple[float, ...], seconds: float | None) -> None:
    earlier = looks(*((1000.0 - one, 1) for one in sorted(ago, reverse=True)))
    through = chosen(looks((1000, 2)), earlier, 120)
    assert through[-1].at - through[0].at == (seconds or 0)
    if seconds is not None:
        growth = grown("n", through, 120)
        assert (growth.lacking == 0) is (108 <= seconds <= 240)
        assert growth.lacking == pytest.approx(max(0, 108 - seconds))


def test_of_two_looks_under_way_at_once_one_counts() -> None:
    """The slower one may hold the lower count and end later."""
    earlier = [Tally(900, 10), Tally(999.5, 12), Tally(999.9, 11, took=1.5)]

    assert moments([Tally(1000.1, 12, took=0.3), Tally(1002, 13, took=0.1)], earlier, 120) == [900, 999.5, 1000.1, 1002]
    assert moments([Tally(1002, 13, took=0.1)], earlier, 120) == [900, 999.9, 1002]


# -- as sources ---------------------------------------------------------------------------------------------


class Works(System):
    """A page somewhere."""

    name = "works"
    url: Url


METRICS = Exposition(Works, "/metrics")
STATE = get(Works, "/state")
SYSTEMS = {"works": Works(url=Url("http://127.0.0.1"))}


def exposed(mark: str, at: float, text: str, date: str = "") -> Observation:
    facts = {"code": 200, "type": "text/plain", "form": CLASSIC, "date": date, "clock": at - 100, "text": text}
    return Observation(METRICS.id + mark, "answered", at, 1, 1, None, facts)


def scene(*seen: Observation, scale: float = 1.0, **tallies: list[Tally]) -> Scene:
    kept = {f"{METRICS.id} · {name}{{}}": several for name, several in tallies.items()}
    return Scene("here", SYSTEMS, {one.id: one for one in seen}, time_scale=scale, tallies=kept)


TWO = "# TYPE a_total counter\na_total {}\n# TYPE b_total counter\nb_total {}\n"


def test_counters_are_followed_together_through_looks_that_saw_both() -> None:
    now = (exposed("", 1000, TWO.format(50, 10)), exposed(AGAIN, 1002, TWO.format(51, 10)))
    both = together(METRICS["a_total"], METRICS["b_total"], over="2m")
    a, b = both.value(
        scene(
            *now,
            a_total=looks((880, 11, None), (890, 31, None)),
            b_total=looks((890, 6, None)),
        )
    )
    assert (a.increase, b.increase, a.seconds, b.seconds) == (20, 4, 112, 112)
    assert METRICS["a_total"].growth(over="2m").value(scene(*now, a_total=looks((880, 11, None)))).increase == 40
    with pytest.raises(ValueError, match="must be on one page"):
        together(METRICS["a_total"], Exposition(Works, "/other")["a_total"], over="2m")
    with pytest.raises(ValueError, match="is not a duration"):
        METRICS["a_total"].per_second(over="two minutes")


def test_labels_are_part_of_what_names_a_counter() -> None:
    one, other = METRICS["a_total"].labelled(x="1", y="2"), METRICS["a_total"].labelled(y="2").labelled(x="1")

    assert one.key == other.key == 'works GET /metrics · a_total{x="1",y="2"}'
    assert METRICS["a_total"].key == "works GET /metrics · a_total{}"
    long = "x" * 500
    assert METRICS["a_total"].labelled(x=f"{long}1").key != METRICS["a_total"].labelled(x=f"{long}2").key


def test_only_a_newest_look_must_be_readable() -> None:
    rate = METRICS["a_total"].per_second(over="2m", explained_by="works.falls")
    earlier = looks((892, 40, None))
    cut_off = exposed("", 1000, "# TYPE a_total counter\na_total 5")

    found = rate.value(scene(cut_off, exposed(AGAIN, 1002, TWO.format(51, 0)), a_total=earlier))
    assert (found.value, found.detail) == (11 / 110, "11 in 110 s of 2 m")
    with pytest.raises(NoData, match="cut off") as nothing:
        rate.value(scene(exposed("", 1000, TWO.format(50, 0)), replace(cut_off, id=METRICS.id + AGAIN, at=1002)))
    assert nothing.value.explained_by == "works.falls"


def test_counters_of_several_processes_are_told_apart_by_their_labels() -> None:
    text = "".join(
        f'# TYPE {name} {kind}\n{name}{{i="1"}} {one}\n{name}{{i="2"}} {two}\n'
        for name, kind, one, two in (("a_total", "counter", 5, 6), ("process_start_time_seconds", "gauge", 100, 200))
    )
    seen = (exposed("", 1000, text), exposed(AGAIN, 1002, text))

    assert METRICS["a_total"].labelled(i="1").growth(over="2s").value(scene(*seen)).increase == 0
    with pytest.raises(NoData, match="a_total counts in 2 processes of different starts; name one by its labels"):
        METRICS["a_total"].growth(over="2s").value(scene(*seen))


def test_a_sample_is_of_the_moment_it_says_itself() -> None:
    text = "# TYPE a_total counter\na_total {} {}\n"
    fresh = (exposed("", 1000, text.format(5, 990_000)), exposed(AGAIN, 1002, text.format(9, 1_001_000)))
    kept = (exposed("", 1000, text.format(5, 990_000)), exposed(AGAIN, 1002, text.format(5, 990_000)))
    growth = METRICS["a_total"].growth(over="10s")

    assert (growth.value(scene(*fresh)).increase, growth.value(scene(*fresh)).seconds) == (4, 11)
    with pytest.raises(NoData, match="there is one look"):
        growth.value(scene(*kept))
    assert growth.value(scene(*kept, a_total=looks((980, 1, None)))).increase == 4


def told(mark: str, at: float, content: object) -> Observation:
    return Observation(STATE.id + mark, "answered", at, 1, 1, None, {"code": 200, "json": content})


def test_a_member_of_a_json_answer_may_be_a_counter() -> None:
    errors = counter(STATE.at("cleanup.errors"), started=STATE["started"])
    rate = errors.per_second(over="2s")

    def seen(first: int, then: int, began: object = 500) -> Scene:
        several = (
            told("", 1000, {"cleanup": {"errors": first}, "started": 500}),
            told(AGAIN, 1002, {"cleanup": {"errors": then}, "started": began}),
        )
        return scene(*several)

    assert errors.key == "works GET /state · cleanup.errors"
    assert rate.value(seen(5, 6)).value == 0.5
    assert rate.value(seen(5, 3, 1001)).detail == "3 in 2 s of 2 s, after a restart"
    assert rate.value(seen(5, 3, "1970-01-01T00:16:41Z")).value == 1.5
    for scene_seen, reason in (
        (seen(5, 3), "cleanup.errors fell from 5 to 3 without a restart"),
        (seen(5, -1), "cleanup.errors is -1, which no counter can be"),
        (seen(5, 6, None), "started is null, not a number"),
    ):
        with pytest.raises(NoData, match=reason):
            rate.value(scene_seen)
    with pytest.raises(ValueError, match="must be members of one answer"):
        counter(STATE["errors"], started=get(Works, "/other")["started"])


# -- kept ---------------------------------------------------------------------------------------------------

NOW = time.time()


def kept(path: Path, back: float = 1000, environment: str = "works") -> list[tuple[float, float]]:
    history = History(path)
    try:
        since = back + time.time() - NOW
        found = history.tallies(environment, {"n": since, "m": since})
        return [(round(tally.at - NOW), tally.value) for tally in found.get("n", ())]
    finally:
        history.close()


def keep(path: Path, *several: Tally, environment: str = "works", name: str = "n") -> None:
    history = History(path)
    history.record([], NOW, {environment: {name: several}})
    history.close()


def test_looks_at_counters_are_kept_for_their_environment(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    keep(path, *looks((NOW - 100, 1), (NOW - 40, 7)))
    keep(path, *looks((NOW - 70, 4), (NOW - 40, 7)))

    assert kept(path) == [(-100, 1), (-70, 4), (-40, 7)]
    assert kept(path, back=80) == [(-70, 4), (-40, 7)]
    assert kept(path, environment="elsewhere") == []


def test_looks_from_before_the_clock_was_set_are_left_out(tmp_path: Path) -> None:
    path, clock = tmp_path / "h.db", time.monotonic() - (time.time() - NOW)
    right = [Tally(NOW - ago, 100 - ago, clock=clock - ago) for ago in (90, 10)]
    keep(path, *right, Tally(NOW - 50, 40, clock=clock - 20), Tally(NOW + 86_400, 95, clock=clock - 5))
    assert kept(path) == [(-90, 10), (-10, 90)]
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tally SET machine = machine + 1")  # nothing is known of the clocks of another
    assert kept(path) == [(-90, 10), (-50, 40), (-10, 90)]


def test_of_very_many_looks_some_are_told_and_none_of_the_growth_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "MOST_TALLIES", 10)
    keep(tmp_path / "h.db", *looks(*((NOW - 960 + n, n) for n in range(950))))
    found = kept(tmp_path / "h.db")
    assert len(found) <= 11
    assert (found[0][1], found[-1][1]) == (0, 949)
    assert found == sorted(found)


def test_a_history_from_before_counters_were_kept_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    History(path).close()
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TABLE tally; DROP TABLE counter")
    keep(path, *looks((NOW - 10, 1)))
    assert kept(path) == [(-10, 1)]


# -- in a run -----------------------------------------------------------------------------------------------

CHECKS = '''\
"""What a boiler tells of its counters."""

from checks.boiler import Boiler
from healthgate import Exposition, Measured, NoData, at_most, below, check, fallen, falling, lasting, measure, together

METRICS = Exposition(Boiler, "/metrics")
TOLD = dict(cause="c", action="a", runbook="r", name="n", every="30s")


@measure(METRICS, METRICS.again)
def falls(before, after):
    """Counters that fell."""
    found = fallen(before, after, "retries_total", "errors_total")
    return Measured(len(found), "; ".join(found))


@measure(together(METRICS["retries_total"], METRICS["errors_total"], over="2m", explained_by="boiler.falls"))
def share(grown):
    """Retries for each error."""
    retries, errors = grown
    if not errors.increase:
        raise NoData("no error to compare retries with")
    return Measured(retries.increase / errors.increase, str(retries))


RETRIES = METRICS["retries_total"].per_second("boiler.falls", over="2m")


@check("boiler.retries", RETRIES, stays=at_most(0.5, warning=0.5), **TOLD)
@check("boiler.lasting", RETRIES, stays=at_most(0.5, warning=lasting(0.5, "2m")), **TOLD)
@check("boiler.share", share, stays=below(10), **TOLD)
@check("boiler.active", METRICS["active"].total(), stays=below(9, critical=lasting(9, "2m")), **TOLD)
def test_counters(verdict):
    """They grow slowly."""
    assert verdict.healthy, verdict


FALLING = falling(METRICS["retries_total"], METRICS["errors_total"], over="2m")


@check("boiler.falling", FALLING, stays=at_most(0), **TOLD)
@check("boiler.falls", falls, stays=at_most(0), **TOLD)
def test_falls(verdict):
    """None falls."""
    assert verdict.healthy, verdict
'''
KEY = "boiler GET /metrics · {}{{}}"
BEGAN = 1_000_000_000.0


def boiler(retries: int, errors: int, began: float = BEGAN) -> str:
    return (
        f"# TYPE active gauge\nactive 30\n# TYPE retries_total counter\nretries_total {retries}\n"
        f"# TYPE errors_total counter\nerrors_total {errors}\n"
        f"# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {began}\n"
    )


@pytest.fixture
def counting(project: Project) -> Project:
    project.write("checks/boiler/test_boiler.py", CHECKS)
    text = project.root.joinpath("checks/boiler/__init__.py").read_text().replace(', proven_by="boiler.reachable"', "")
    project.write("checks/boiler/__init__.py", text)
    return project


def earlier(project: Project, *readings: tuple[float, float, float], began: float = BEGAN, of: str = "works") -> None:
    """Let earlier runs have seen retries and errors so many seconds ago."""
    history = History(project.root / "h.db")
    now = time.time()
    names = [KEY.format("retries_total"), KEY.format("errors_total")]
    for ago, *values in readings:
        several = {name: [Tally(now - ago, value, began)] for name, value in zip(names, values, strict=True)}
        history.record([], now - ago, {of: several})
    history.close()


def detail(run: Outcome, check: str) -> str:
    (found,) = [one["reason"] for one in run.results["checks"] if one["id"] == check]
    return str(found)


def test_a_rate_reaches_back_to_what_earlier_runs_saw_and_needs_no_second_look(
    counting: Project, target: Target
) -> None:
    earlier(counting, (300, 0, 0), (118, 94, 2), (30, 104, 2))
    target.answers["/metrics"] = pages(boiler(118, 4))
    run = counting.check("--history", "h.db", "-k", "counters")

    assert run.states == {
        "boiler.retries": "ok",
        "boiler.lasting": "ok",
        "boiler.share": "missed",
        "boiler.active": "pending",
    }, run.text
    assert re.fullmatch(r"0\.[12]\d* \(24 in (2 m|\d+(\.\d)? s) of 2 m\)", detail(run, "boiler.retries"))
    assert detail(run, "boiler.share").startswith("12 (24 in ")
    assert target.counts()["/metrics"] == 1
    assert run.results["run"]["requests"] == 1
    assert kept_in(counting) == 8


def kept_in(project: Project) -> int:
    with sqlite3.connect(project.root / "h.db") as connection:
        (rows,) = connection.execute("SELECT count(*) FROM tally").fetchone()
    return int(rows)


@pytest.mark.parametrize("retries", [100, 103, 900])
def test_looks_that_do_not_span_the_time_prove_nothing_in_either_direction(
    counting: Project, target: Target, retries: int
) -> None:
    """Neither few nor many: what is not known yet fails no run, is not ok, and says what would settle it."""
    earlier(counting, (30, 0, 0), of="elsewhere")
    earlier(counting, (500, 0, 0))
    target.answers["/metrics"] = pages(boiler(100, 2), boiler(retries, 3))
    run = counting.check("--history", "h.db", "--sample", "300ms", "-k", "retries or lasting or share")

    assert (run.code, set(run.states.values())) == (0, {"pending"}), run.text
    (found,) = [one for one in run.results["checks"] if one["id"] == "boiler.retries"]
    assert found["value"] is None
    told = (
        rf"not known yet: {retries - 100} in \d+(\.\d)?( m)?s of 2 m; "
        r"look again in 10[78] s to 4 m, or run with --sample 2m"
    )
    assert re.fullmatch(told, found["reason"]), found["reason"]
    assert f"works boiler.retries: not known yet: {retries - 100} in " in run.text
    assert target.counts()["/metrics"] == 2
    target.forget()
    target.answers["/metrics"] = pages(boiler(retries, 3))
    again = counting.check("--history", "h.db", "--sample", "300ms", "-k", "retries or lasting")
    assert target.counts()["/metrics"] == 1
    assert set(again.states.values()) == {"pending"}


def test_without_a_history_it_is_said_to_need_one(counting: Project, target: Target) -> None:
    target.answers["/metrics"] = pages(boiler(100, 2), boiler(103, 3))
    run = counting.check("--sample", "300ms", "-k", "retries")
    assert "to 4 m with --history FILE, or run with --sample 2m" in detail(run, "boiler.retries")


def test_runs_three_minutes_apart_judge_two_minutes_by_three(counting: Project, target: Target) -> None:
    """A healthy counter of runs 133 to 240 s apart was held against the two seconds of a run."""
    earlier(counting, (200, 40, 0))
    target.answers["/metrics"] = pages(boiler(100, 0))
    run = counting.check("--history", "h.db", "--sample", "300ms", "-k", "retries")
    assert run.states == {"boiler.retries": "ok"}, run.text
    assert re.match(r"0\.\d+ \(60 in (200|20\d\.\d|20\d) s of 2 m\)", detail(run, "boiler.retries"))


@pytest.mark.parametrize(("step", "state"), [(10, "ok"), (80, "warning")])
def test_a_run_that_may_look_for_as_long_settles_it_alone(
    counting: Project, target: Target, step: int, state: str
) -> None:
    counting.environment("works", boiler={"url": target.url}, time_scale=60)
    began = time.monotonic()

    def answer(handler: Any) -> None:
        pages(boiler(int(step * (time.monotonic() - began)), 0))(handler)

    target.answers["/metrics"] = answer
    run = counting.check("--sample", "2s", "-k", "retries", "--snapshot-out", "s.json")
    assert run.states == {"boiler.retries": state}, run.text
    assert counting.check("--snapshot-in", "s.json", "-k", "retries").states == run.states


def test_a_run_that_waits_for_a_window_looks_once_more_when_it_is_over(counting: Project, target: Target) -> None:
    counting.environment("works", boiler={"url": target.url}, time_scale=24)  # five seconds
    target.answers["/metrics"] = pages(boiler(0, 0))
    run = counting.check("--sample", "5s", "-k", "retries")
    assert run.states == {"boiler.retries": "ok"}, run.text
    assert target.counts()["/metrics"] == 3, "the first two, and one when the time is up"


def test_time_that_a_slow_prometheus_takes_is_not_taken_from_what_a_run_may_watch_for(
    counting: Project, target: Target
) -> None:
    """The window needs two seconds between looks, of which those pass too in which earlier looks are asked for."""

    def late(peer: Peer) -> None:
        peer.read_request()
        peer.closing.wait(1.8)
        body = b'{"status": "success", "data": {"resultType": "matrix", "result": []}}'
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    target.answers["/metrics"] = pages(boiler(0, 0))
    with Hostile(late) as slow:
        samples = {"prometheus": slow.url}
        counting.environment("works", boiler={"url": target.url}, time_scale=60, samples=samples)
        run = counting.check("--sample", "1s", "-k", "lasting")

    assert run.states == {"boiler.lasting": "ok"}, run.text
    assert (slow.connections, target.counts()["/metrics"]) == (1, 3)


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "with workers"])
def test_a_snapshot_holds_what_earlier_runs_told(counting: Project, target: Target, workers: list[str]) -> None:
    earlier(counting, *((ago, 1000 - ago, 1000 - ago) for ago in (120, 90, 60, 30)))
    history = History(counting.root / "h.db")

    for ago in (121, 90, 60, 30):
        found = [
            replace(VERDICT, id=name, state=State.PENDING, value=30) for name in ("boiler.active", "boiler.lasting")
        ]
        history.record(found, time.time() - ago)
    history.close()
    target.answers["/metrics"] = pages(boiler(1000, 1000))
    first = counting.check("--history", "h.db", "--snapshot-out", "s.json", "-k", "counters", *workers)
    again = counting.check("--snapshot-in", "s.json", "-k", "counters")

    assert first.states == {
        "boiler.retries": "warning",
        "boiler.lasting": "warning",
        "boiler.share": "ok",
        "boiler.active": "critical",
    }, first.text
    assert again.states == first.states
    for check in first.states:
        assert detail(again, check) == detail(first, check)
    assert kept_in(counting) == 10


def test_a_lab_that_is_faster_tells_rates_of_production(counting: Project, target: Target) -> None:
    counting.environment("works", boiler={"url": target.url}, time_scale=2)
    earlier(counting, (57, 60, 0))
    target.answers["/metrics"] = pages(boiler(90, 0))
    run = counting.check("--history", "h.db", "-k", "retries")

    told = re.fullmatch(r"([\d.]+) \(30 in ([\d.]+) s of 2 m\)", detail(run, "boiler.retries"))
    assert told is not None, run.text
    assert float(told[1]) == pytest.approx(30 / float(told[2]), rel=0.01)
    assert 110 <= float(told[2]) < 130


def test_a_fall_among_earlier_looks_is_no_data_and_so_is_one_now(counting: Project, target: Target) -> None:
    earlier(counting, (90, 100, 0), (60, 20, 0), (30, 30, 0))
    target.answers["/metrics"] = pages(boiler(40, 0))
    run = counting.check("--history", "h.db", "--sample", "300ms", "-k", "retries or lasting")
    assert set(run.states.values()) == {"unknown"}
    assert re.search(r"no data: retries_total fell from 100 to 20 without a restart, \d+(\.\d)? s ago", run.text)
    run = counting.check("--history", "h.db", "-k", "retries or falling")
    assert run.states == {"boiler.retries": "unknown", "boiler.falling": "missed"}, run.text
    assert re.match(r"1 \(retries_total fell from 100 to 20, [6-9]\d(\.\d)? s ago\)", detail(run, "boiler.falling"))

    (counting.root / "h.db").unlink()
    earlier(counting, (30, 30, 0))
    target.answers["/metrics"] = pages(boiler(40, 0), boiler(7, 0))
    run = counting.check("--history", "h.db", "--sample", "300ms", "-k", "retries or lasting or test_falls")
    falls = {"boiler.falls": "missed", "boiler.falling": "missed"}
    assert run.states == {"boiler.retries": "blocked", "boiler.lasting": "blocked"} | falls


def test_a_restart_between_runs_is_counted_from_nothing(counting: Project, target: Target) -> None:
    earlier(counting, (118, 100, 0), (60, 110, 0))
    target.answers["/metrics"] = pages(boiler(5, 0, began=time.time() - 40))
    run = counting.check("--history", "h.db", "-k", "retries")
    assert re.search(r"\(15 in 1[12]\d(\.\d)? s of 2 m, after a restart\)", detail(run, "boiler.retries")), run.text


def test_windows_within_a_run_go_with_the_looks_of_the_run(counting: Project, target: Target) -> None:
    """Each look of the watching is judged by what came before it, however many came after it."""
    counting.environment("works", boiler={"url": target.url}, time_scale=60)
    count = [0]

    def answer(handler: Any) -> None:
        count[0] += 200
        pages(boiler(count[0], 0))(handler)

    target.answers["/metrics"] = answer
    run = counting.check("--history", "h.db", "--sample", "4s", "--snapshot-out", "s.json", "-k", "lasting")
    assert run.states == {"boiler.lasting": "warning"}, run.text
    assert counting.check("--snapshot-in", "s.json", "-k", "lasting").states == run.states
    assert kept_in(counting) == 2 * target.counts()["/metrics"]


def test_growth_is_a_public_name_that_says_what_it_is() -> None:
    assert str(Growth(3, 2)) == "3 in 2 s"
    assert str(Growth(3, 119, window=120)) == "3 in 119 s of 2 m"
