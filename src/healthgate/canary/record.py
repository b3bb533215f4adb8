"""A trial as JSON Lines: what is compared, then what each tick brought. Pure; strict in what is read.

The first line is a header, each other line what one tick brought to one comparison (docs/contract.md has an example).
What is read is refused with the number of the line; a tick that should have come and did not is missing, never nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from healthgate.canary.usual import LEAST_S
from healthgate.duration import roughly
from healthgate.printable import finite, printable

VERSION = 1

KINDS = ("count", "gauge")
WORSE = ("higher", "lower")

WITHIN = 600.0
"""Seconds that a trial may take whose header does not say."""

FEWEST = 8
"""Ticks without which nothing is decided."""

LATE = 2.5
"""Ticks after which the next one is late: those between are missing."""

SHORTEST_GAP = 5.0
"""Seconds that are no gap, however short a tick is."""

MOST_MISSING = 100_000
"""Ticks that a gap may lack; a longer one is a file of two trials."""


class RecordError(Exception):
    """The file is no recorded trial; the text says which line, what was seen, what was expected."""


@dataclass(frozen=True)
class Series:
    """One comparison. `worse` is the direction in which it gets worse: `higher` or `lower`.

    `unit` is what is counted or measured. A canary that is `worse_by` times as bad is rolled back; one that is proven
    to be less than `tolerates` times as bad passes. `allowed` is what nobody minds, whatever the baseline has: of
    counts how many events for each of what they are counted of (above 0, below 1), of gauges a value; None: nothing.
    `spoilt` says why nothing can be concluded from it, whatever comes; empty where something can.
    """

    id: str
    kind: Literal["count", "gauge"]
    unit: str
    title: str
    worse_by: float = 1.25
    tolerates: float = 1.5
    worse: Literal["higher", "lower"] = "higher"
    allowed: float | None = None
    spoilt: str = ""


@dataclass(frozen=True)
class Tick:
    """What one tick brought to one comparison: `at` in seconds since the trial began, None for what is missing.

    Of counters the events of the tick, of gauges the value. `of` is of how many requests, streams, … either count is;
    None where that is not known. `note` says why something is missing.
    """

    at: float
    id: str
    baseline: float | list[float] | None
    canary: float | None
    of: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Header:
    """What is known before the first tick.

    `started_at` in seconds since 1970, `every_s` the seconds of a tick, `within_s` those that the trial may take.
    `usual` is what both sides did on one version, by comparison; it is no part of the file.
    """

    baseline: str
    canary: str
    started_at: float
    every_s: float
    within_s: float
    series: Mapping[str, Series] = field(default_factory=dict)
    usual: Mapping[str, Sequence[Tick]] = field(default_factory=dict)


def header(trial: Header) -> str:
    """Return the first line."""
    told = {
        "healthgate": "canary",
        "version": VERSION,
        "baseline": trial.baseline,
        "canary": trial.canary,
        "started_at": round(trial.started_at, 3),
        "every_s": trial.every_s,
        "within_s": trial.within_s,
        "comparisons": {name: _told(one) for name, one in trial.series.items()},
    }
    return json.dumps(told, ensure_ascii=False, allow_nan=False)


def _told(series: Series) -> dict[str, Any]:
    found = {name: value for name, value in vars(series).items() if name != "id" and value is not None}
    usual = {"worse": "higher", "spoilt": ""}
    return {name: value for name, value in found.items() if value != usual.get(name)}


def line(tick: Tick) -> str:
    """Return the line of a tick."""
    told: dict[str, Any] = {"at": round(tick.at, 3), "id": tick.id, "baseline": tick.baseline, "canary": tick.canary}
    if tick.of is not None:
        told["of"] = tick.of
    if tick.note:
        told["note"] = tick.note
    return json.dumps(told, ensure_ascii=False, allow_nan=False)


def read(lines: Iterable[str], name: str) -> tuple[Header, Iterator[Tick]]:
    """Return the header of the file `name`, and its ticks in the order of time; RecordError, also while they are read.

    What is missing within a gap comes as ticks without values.
    """
    numbered = enumerate(lines, start=1)
    first = next(numbered, None)
    if first is None or not first[1].strip():
        raise RecordError(f"{name}: it is empty; the first line is the header that --record writes")
    trial = _header(_object(first[1], f"{name}:1"), f"{name}:1")
    return trial, _ticks(numbered, trial, name)


def with_usual(trial: Header, past: Header, ticks: Iterable[Tick], name: str) -> Header:
    """Return a trial that knows what both sides did on one version, as the file `name` has it.

    RecordError where that says nothing of this trial: other ticks, no comparison of it, or less than 20 minutes.
    """
    if past.every_s != trial.every_s:
        words = f"its ticks take {past.every_s:g} s, those of this trial {trial.every_s:g} s"
        raise RecordError(f"{name}: {words}; tick alike: --every {past.every_s:g}s")
    found: dict[str, list[Tick]] = {}
    for tick in ticks:
        here = trial.series.get(tick.id)
        if here is not None and here.kind == past.series[tick.id].kind:
            found.setdefault(tick.id, []).append(tick)
    if not found:
        raise RecordError(f"{name}: it has none of the comparisons of this trial; it has {', '.join(past.series)}")
    both = [sum(None not in (one.baseline, one.canary) for one in several) for several in found.values()]
    known_s = max(both) * past.every_s
    if known_s < LEAST_S:
        words = f"{roughly(known_s)} of both sides"
        raise RecordError(f"{name}: it has {words}, expected {roughly(LEAST_S)} at least; --learn for an hour")
    return replace(trial, usual=found)


def _ticks(numbered: Iterable[tuple[int, str]], trial: Header, name: str) -> Iterator[Tick]:
    last: dict[str, float] = {}
    newest = 0.0
    seen = False
    for number, text in numbered:
        place = f"{name}:{number}"
        if not text.strip():
            continue
        tick = _tick(_object(text, place), trial.series, place)
        if tick.at < newest:
            raise RecordError(f"{place}: at is {tick.at:g}, before {newest:g} of a line above; order the lines by time")
        if last.get(tick.id) == tick.at:
            raise RecordError(f"{place}: {tick.id} has two lines at {tick.at:g}; one tick brings one of each")
        yield from missing_before(tick, last.get(tick.id, 0.0), trial.every_s, place)
        last[tick.id] = newest = tick.at
        seen = True
        yield tick
    if not seen:
        raise RecordError(f"{name}: there is no tick below the header; a line has at, id, baseline and canary")


def missing_before(tick: Tick, last: float, every: float, place: str = "") -> Iterator[Tick]:
    """Yield what is missing between the tick at `last` and this one, where it is late."""
    gap = tick.at - last
    if gap <= max(LATE * every, SHORTEST_GAP):
        return
    lacking = round(gap / every) - 1
    if lacking > MOST_MISSING:
        raise RecordError(f"{place}: {lacking} ticks are missing before this one; is this one trial?")
    words = f"no tick for {gap:.0f} s, where one is due every {every:g} s"
    for number in range(1, lacking + 1):
        yield Tick(round(last + number * gap / (lacking + 1), 3), tick.id, None, None, note=words)


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _object(text: str, place: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise RecordError(f"{place}: {printable(text.strip(), 60)} is not JSON: {printable(problem)}") from None
    if not isinstance(found, dict):
        raise RecordError(f"{place}: {printable(text.strip(), 60)} is no JSON object; a line is {{…}}")
    return found


def _members(found: Mapping[str, Any], needed: Iterable[str], optional: Iterable[str], place: str) -> None:
    needed, known = list(needed), [*needed, *optional]
    if lacking := [name for name in needed if name not in found]:
        raise RecordError(f"{place}: {lacking[0]} is missing; expected {', '.join(needed)}")
    if strange := [name for name in found if name not in known]:
        raise RecordError(f"{place}: {printable(strange[0], 60)} is no member; there are {', '.join(known)}")


def _header(found: Mapping[str, Any], place: str) -> Header:
    if found.get("healthgate") != "canary":
        raise RecordError(f'{place}: it is no recorded trial; the first line begins {{"healthgate": "canary"')
    if found.get("version") != VERSION:
        raise RecordError(f"{place}: version is {printable(found.get('version'), 20)}; this one reads {VERSION}")
    names = ("healthgate", "version", "baseline", "canary", "started_at", "every_s", "comparisons")
    _members(found, names, ("within_s",), place)
    every, within = _number(found, "every_s", place), _number({"within_s": WITHIN, **found}, "within_s", place)
    if every <= 0:
        raise RecordError(f"{place}: every_s is {every:g}; expected the seconds of a tick, more than nothing")
    if within < FEWEST * every:
        words = f"in {within:g} s there are no {FEWEST} ticks of {every:g} s"
        raise RecordError(f"{place}: {words}; a trial that takes as long decides nothing")
    declared = found["comparisons"]
    if not isinstance(declared, dict) or not declared:
        raise RecordError(f"{place}: comparisons is {_seen(declared)}; expected what is compared, by its id")
    series = {name: _series(name, one, f"{place}: comparisons.{printable(name, 60)}") for name, one in declared.items()}
    sides = [_text(found, name, place) for name in ("baseline", "canary")]
    return Header(sides[0], sides[1], _number(found, "started_at", place), every, within, series)


def _series(name: str, found: Any, place: str) -> Series:
    if not isinstance(found, dict):
        raise RecordError(f"{place} is {_seen(found)}; expected an object")
    _members(found, ("kind", "unit", "title", "worse_by", "tolerates"), ("worse", "allowed", "spoilt"), place)
    if found["kind"] not in KINDS:
        raise RecordError(f"{place}: kind is {_seen(found['kind'])}; expected {' or '.join(KINDS)}")
    if found.get("worse", "higher") not in WORSE:
        raise RecordError(f"{place}: worse is {_seen(found['worse'])}; expected {' or '.join(WORSE)}")
    factors = {key: _number(found, key, place) for key in ("worse_by", "tolerates")}
    if not 1 <= factors["worse_by"] < factors["tolerates"]:
        words = f"worse_by is {factors['worse_by']:g} and tolerates {factors['tolerates']:g}"
        raise RecordError(f"{place}: {words}; expected 1 ≤ worse_by < tolerates")
    allowed = _number(found, "allowed", place) if found.get("allowed") is not None else None
    if allowed is not None and (allowed <= 0 or (found["kind"] == "count" and allowed >= 1)):
        words = "a share between 0 and 1" if found["kind"] == "count" else "a value above 0"
        raise RecordError(f"{place}: allowed is {allowed:g}; expected {words}")
    unit, title, worse = _text(found, "unit", place), _text(found, "title", place), found.get("worse", "higher")
    spoilt = _text(found, "spoilt", place) if "spoilt" in found else ""
    return Series(name, found["kind"], unit, title, **factors, worse=worse, allowed=allowed, spoilt=spoilt)


def _tick(found: Mapping[str, Any], known: Mapping[str, Series], place: str) -> Tick:
    _members(found, ("at", "id", "baseline", "canary"), ("of", "note"), place)
    series = known.get(str(found["id"]))
    if series is None:
        raise RecordError(f"{place}: id is {_seen(found['id'])}, which the header does not have")
    at = _number(found, "at", place)
    if at < 0:
        raise RecordError(f"{place}: at is {at:g}; expected seconds since the trial began")
    baseline, canary = found["baseline"], found["canary"]
    if isinstance(baseline, list):
        if not baseline:
            raise RecordError(f"{place}: baseline is an empty list; write null for what is missing")
        baseline = [_value(one, series, "baseline", place) for one in baseline]
    elif baseline is not None:
        baseline = _value(baseline, series, "baseline", place)
    if canary is not None:
        canary = _value(canary, series, "canary", place)
    of = _number(found, "of", place) if found.get("of") is not None else None
    if of is not None and of < 0:
        raise RecordError(f"{place}: of is {of:g}; expected how many there were, none or more")
    return Tick(at, series.id, baseline, canary, of, printable(found.get("note", "")))


def _value(value: Any, series: Series, name: str, place: str) -> float:
    found = _number({name: value}, name, place)
    if problem := unfit(found, series.kind):
        raise RecordError(f"{place}: {name} {problem}")
    return found


def unfit(value: float, kind: str) -> str | None:
    """Say why a number can be no event count or no gauge of a tick; None where it can."""
    if kind == "gauge":
        return None if value >= 0 else f"is {value:g}; a gauge is compared by its ratio, and is 0 or more"
    if value < 0:
        return f"is {value:g}; a counter never goes back: write null for a tick in which it was reset"
    if abs(value - round(value)) > 1e-6:
        return f"is {value:g}, which is no count of events: is it a rate()? write how many came in the tick"
    return None


def _number(found: Mapping[str, Any], name: str, place: str) -> float:
    value = found[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not finite(value):
        raise RecordError(f"{place}: {name} is {_seen(value)}; expected a finite number")
    return value


def _text(found: Mapping[str, Any], name: str, place: str) -> str:
    if not isinstance(found[name], str):
        raise RecordError(f"{place}: {name} is {_seen(found[name])}; expected text")
    return printable(found[name])


def _seen(value: Any) -> str:
    return f'"{printable(value, 40)}"' if isinstance(value, str) else printable(json.dumps(value), 40)
