"""From a recorded trial to the course of each comparison: what was known after every tick, judged again."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from healthgate.canary.record import Header, Series, Tick
from healthgate.canary.standing import Standing, Standings
from healthgate.tell.trial_picture import Course, Moment, picture
from healthgate.wire.whole import write_whole


def courses(header: Header, ticks: Iterable[Tick]) -> dict[str, Course]:
    """Return the course of every comparison of a trial until it was decided, by id; ticks are in the order of time.

    Judged again, they come to what they came to: nothing in it is drawn by lot.
    """
    standings = Standings(header)
    moments: dict[str, list[Moment]] = {name: [] for name in header.series}
    for _, several in groupby(ticks, key=lambda tick: tick.at):
        found = list(several)
        if standings.decision != "undecided":
            break
        standings.take(found)
        for tick in found:
            moments[tick.id].append(_known(_came(tick), standings.all[tick.id].record()))
    standings.finish()
    for name, one in standings.all.items():  # what all comparisons prove together is known of each only then
        moments[name][-1:] = [_known(last, one.record()) for last in moments[name][-1:]]
    return {name: _course(one, moments[name]) for name, one in standings.all.items()}


def save(several: Mapping[str, Course], folder: Path) -> None:
    """Write the picture of every comparison into a folder, called by its id; OSError where that is impossible."""
    for name, course in several.items():
        write_whole(folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('-.')}.svg", picture(course))


def _course(standing: Standing, moments: list[Moment]) -> Course:
    series = standing.series
    return Course(
        title=series.title,
        kind=series.kind,
        unit=series.unit,
        decision=standing.decision,
        reason=standing.reason,
        proof=1 / standing.trial.alpha,
        lines=_lines(series),
        moments=moments,
    )


def _lines(series: Series) -> list[tuple[float, str]]:
    """Return the ratios that matter; where less is worse, they lie below the baseline's."""
    worse_by, tolerates, side = series.worse_by, series.tolerates, "more"
    if series.worse == "lower":
        worse_by, tolerates, side = 1 / worse_by, 1 / tolerates, "less"
    return [(worse_by, f"that or {side}, proven worse, is rolled back"), (tolerates, "proven better, it passes")]


def _came(tick: Tick) -> Moment:
    """Return what came in a tick, of several instances their mean; nothing is known yet."""
    baseline = tick.baseline
    if isinstance(baseline, list):
        baseline = sum(baseline) / len(baseline)
    return Moment(tick.at, baseline, tick.canary, None, None, None, 0.0)


def _known(moment: Moment, record: Mapping[str, float | None]) -> Moment:
    ratio, low, high = record["ratio"], record["low"], record["high"]
    return replace(moment, ratio=ratio, low=low, high=high, evidence=record["evidence"] or 0.0)
