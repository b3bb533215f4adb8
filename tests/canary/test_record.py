"""A trial as JSON Lines: what is written is read again, and what cannot be is refused by its line."""

import json
from dataclasses import replace
from typing import Any

import pytest

from healthgate.canary.record import Header, RecordError, Series, Tick, header, line, read, with_usual

ERRORS = Series("forge.errors", "count", "errors", "Errors of streams", allowed=0.02)
HEAT = Series("forge.heat", "gauge", "%", "Heat", worse_by=1.5, tolerates=2.0, worse="lower")
TRIAL = Header("production", "staging", 1764540000.0, 5.0, 600.0, {one.id: one for one in (ERRORS, HEAT)})
TICKS = [
    Tick(5.0, "forge.errors", 3, 1, of=40),
    Tick(5.0, "forge.heat", [50.5, 49.0], 51.25),
    Tick(10.0, "forge.errors", None, 2, note="counter went back"),
    Tick(10.0, "forge.heat", 50.0, 0),
]


def lines(*ticks: Tick, trial: Header = TRIAL) -> list[str]:
    return [header(trial), *map(line, ticks)]


def test_what_is_written_is_read_again() -> None:
    trial, ticks = read(lines(*TICKS), "trial.jsonl")
    assert trial == TRIAL
    assert list(ticks) == TICKS


def test_a_file_says_no_more_than_it_has_to() -> None:
    """What a hand writes by the documents is read as well: `of`, `note`, `worse`, `within_s` may be left out."""
    plain = {
        "healthgate": "canary",
        "version": 1,
        "baseline": "old",
        "canary": "new",
        "started_at": 0,
        "every_s": 5,
        "comparisons": {"a.b": {"kind": "count", "unit": "u", "title": "t", "worse_by": 1.25, "tolerates": 1.5}},
    }
    trial, ticks = read([json.dumps(plain), "", '{"at": 5, "id": "a.b", "baseline": 1, "canary": 0}'], "f")
    assert (trial.within_s, trial.series["a.b"]) == (600.0, Series("a.b", "count", "u", "t"))
    assert list(ticks) == [Tick(5, "a.b", 1, 0)]


def test_a_gap_is_missing_ticks_and_never_nothing() -> None:
    _, ticks = read(lines(replace(TICKS[0], at=5.0), replace(TICKS[0], at=30.0)), "f")
    found = list(ticks)
    assert [(tick.at, tick.baseline, tick.canary) for tick in found] == [
        (5.0, 3, 1),
        *((at, None, None) for at in (10.0, 15.0, 20.0, 25.0)),
        (30.0, 3, 1),
    ]
    assert found[1].note == "no tick for 25 s, where one is due every 5 s"


def test_what_begins_late_is_missing_until_then() -> None:
    _, ticks = read(lines(replace(TICKS[0], at=20.0)), "f")
    assert [tick.baseline for tick in ticks] == [None, None, None, 3]


def head(**members: Any) -> str:
    return json.dumps({**json.loads(header(TRIAL)), **members})


def told(**members: Any) -> str:
    return json.dumps({"at": 5, "id": "forge.errors", "baseline": 1, "canary": 1, **members})


SERIES = {"kind": "count", "unit": "u", "title": "t", "worse_by": 1.25, "tolerates": 1.5}
BROKEN: list[tuple[list[str], str]] = [
    ([], "f: it is empty; the first line is the header that --record writes"),
    (["no"], "f:1: no is not JSON: Expecting value"),
    (["[1]"], r"f:1: [1] is no JSON object; a line is {…}"),
    (["{}"], 'f:1: it is no recorded trial; the first line begins {"healthgate": "canary"'),
    ([head(version=2)], "f:1: version is 2; this one reads 1"),
    ([head(speed=1)], "f:1: speed is no member; there are healthgate, version"),
    ([head(every_s=0)], "f:1: every_s is 0; expected the seconds of a tick, more than nothing"),
    ([head(within_s=30)], "f:1: in 30 s there are no 8 ticks of 5 s; a trial that takes as long decides nothing"),
    ([head(comparisons={})], "f:1: comparisons is {}; expected what is compared, by its id"),
    ([head(comparisons={"a.b": 1})], "f:1: comparisons.a.b is 1; expected an object"),
    ([head(comparisons={"a.b": {**SERIES, "kind": "rate"}})], 'kind is "rate"; expected count or gauge'),
    ([head(comparisons={"a.b": {**SERIES, "tolerates": 1.25}})], "worse_by is 1.25 and tolerates 1.25; expected 1 ≤ "),
    ([head(comparisons={"a.b": {**SERIES, "allowed": 2}})], "allowed is 2; expected a share between 0 and 1"),
    ([head(comparisons={"a.b": {**SERIES, "worse": "up"}})], 'worse is "up"; expected higher or lower'),
    ([head()], "f: there is no tick below the header; a line has at, id, baseline and canary"),
    ([head(), told(), told(canary=1)], "f:3: forge.errors has two lines at 5; one tick brings one of each"),
    ([head(), told(at=10), told(at=5, id="forge.heat")], "f:3: at is 5, before 10 of a line above; order the lines"),
    ([head(), told(at=-1)], "f:2: at is -1; expected seconds since the trial began"),
    ([head(), told().replace("1}", "NaN}")], "is not JSON: NaN is no number"),
    ([head(), told(canary="3")], 'f:2: canary is "3"; expected a finite number'),
    ([head(), told(canary=True)], "f:2: canary is true; expected a finite number"),
    ([head(), told(canary=10**400)], "f:2: canary is 1000"),
    ([head(), told(canary=-1)], "f:2: canary is -1; a counter never goes back: write null for a tick in which it was"),
    ([head(), told(baseline=0.35)], "f:2: baseline is 0.35, which is no count of events: is it a rate()?"),
    ([head(), told(baseline=[])], "f:2: baseline is an empty list; write null for what is missing"),
    ([head(), told(baseline=[1, "2"])], 'f:2: baseline is "2"; expected a finite number'),
    ([head(), told(of=-1)], "f:2: of is -1; expected how many there were, none or more"),
    ([head(), told(id="forge.soot")], 'f:2: id is "forge.soot", which the header does not have'),
    ([head(), told(id="forge.heat", canary=-2)], "canary is -2; a gauge is compared by its ratio, and is 0 or more"),
    ([head(), '{"at": 5, "id": "forge.errors", "baseline": 1}'], "f:2: canary is missing; expected at, id, baseline"),
    ([head(), told(speed=1)], "f:2: speed is no member; there are at, id, baseline, canary, of, note"),
    ([head(), told(), told(at=1e9)], "ticks are missing before this one; is this one trial?"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_recorded_trial_is_refused_by_its_line(text: list[str], message: str) -> None:
    with pytest.raises(RecordError) as found:
        list(read(text, "f")[1])
    assert message in str(found.value)


def an_hour(**values: Any) -> list[Tick]:
    return [Tick(5.0 * number, **values) for number in range(1, 721)]


def test_what_is_usual_is_known_by_comparison() -> None:
    errors = an_hour(id="forge.errors", baseline=1, canary=2)
    other = an_hour(id="forge.other", baseline=1, canary=2)
    past = replace(TRIAL, series={**TRIAL.series, "forge.other": replace(ERRORS, id="forge.other")})
    assert with_usual(TRIAL, past, [*errors, *other], "usual.jsonl").usual == {"forge.errors": errors}


@pytest.mark.parametrize(
    ("past", "ticks", "message"),
    [
        (
            replace(TRIAL, every_s=1.0),
            an_hour(id="forge.heat", baseline=1, canary=1),
            "take 1 s, those of this trial 5",
        ),
        (
            replace(TRIAL, series={"forge.heat": replace(HEAT, kind="count")}),
            an_hour(id="forge.heat", baseline=1, canary=1),
            "it has none of the comparisons of this trial; it has forge.heat",
        ),
        (
            TRIAL,
            an_hour(id="forge.heat", baseline=1, canary=1)[:120],
            "it has 10 m of both sides, expected 20 m at least",
        ),
        (TRIAL, an_hour(id="forge.heat", baseline=1, canary=None), "it has 0 s of both sides"),
    ],
)
def test_what_says_nothing_of_a_trial_is_not_its_usual(past: Header, ticks: list[Tick], message: str) -> None:
    with pytest.raises(RecordError) as refused:
        with_usual(TRIAL, past, ticks, "usual.jsonl")
    assert str(refused.value).startswith("usual.jsonl: ")
    assert message in str(refused.value)
