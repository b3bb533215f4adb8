"""Which line would suit what is usual, and why; only where the looks support it. Pure.

It moves a warning line, with the objective where that goes with it. A critical line is what people have decided, and
what has been critical is no example of what is usual.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from healthgate.baseline.figures import Figures, Frame, Line, line_of
from healthgate.claim.limit import UPWARD, Tier
from healthgate.claim.state import State
from healthgate.judge.growth import DAY, LEAST_DAYS, OPPOSITE

STEPS = (2.0, 3.0, 4.0, 6.0)
"""How many times further from the median than one look of a hundred a line may be put; the nearest that is quiet."""

LOOSE = 5.0
"""How many times further away than the line that would be proposed one must be to say nothing in time."""

OFTEN, LONG = 1 / 7, 0.01
"""How many times a day, and for which share of the time, a line may be crossed by what is usual."""

UNSEEN = 0.01
"""Share of looks that may be unknown or blocked."""


@dataclass(frozen=True)
class Proposal:
    """Lines for an environment, by name, and why; `would` says when the new one would have been crossed."""

    values: Mapping[str, float]
    because: str
    would: Line


def proposal(figures: Figures, frame: Frame, until: str) -> Proposal | str:
    """Return the lines that suit what is usual, or in words why there are none. `until` is the last day, in words."""
    line = next((one for one in figures.lines if one.name == "warning" and _may_move(one.tier)), None)
    line = line or next((one for one in figures.lines if len(figures.lines) == 1 and _may_move(one.tier)), None)
    if line is None or line.name == "critical" or figures.usual is None or figures.seen is None:
        return "no warning line or objective to move"
    if (why := _unfit(figures)) is not None:
        return why
    quantiles = figures.usual.quantiles
    middle, far = quantiles[0.5], quantiles[0.99 if line.tier.op in UPWARD else 0.01]
    here = float(line.tier.value)  # type: ignore[arg-type]
    if middle == far:
        return "what is usual does not vary enough to tell from it"
    noisy = not _quiet(line, figures.days)
    loose = (here - middle) / (_beyond(middle, far, STEPS[2]) - middle) > LOOSE
    if not noisy and not loose:
        return "its lines fit"
    for step in STEPS if noisy else STEPS[2:3]:
        value = _beyond(middle, far, step)
        moved = line_of(line.name, replace(line.tier, value=value), figures.seen, frame)
        if _quiet(moved, figures.days):
            return _moved(figures, line, moved, until)
    return "no line tells what is usual from what is not"


def _may_move(tier: Tier) -> bool:
    return tier.op in OPPOSITE and not isinstance(tier.value, bool) and isinstance(tier.value, int | float)


def _unfit(figures: Figures) -> str | None:
    """Say why these looks are no example of what is usual; None where they are."""
    if figures.days < LEAST_DAYS:
        return f"too little: {figures.days} whole days of {LEAST_DAYS}"
    if State.CRITICAL in figures.judged:
        return "it was critical in that time"
    unseen = sum(figures.judged.get(state, (0, 0.0))[1] for state in (State.UNKNOWN, State.BLOCKED))
    if unseen > UNSEEN * sum(seconds for _, seconds in figures.judged.values()):
        return "it was unknown or blocked for too long in that time"
    if figures.ahead is not None or (figures.growth and (figures.growth.low or figures.growth.high)):
        return "it is going somewhere: what is usual today is not tomorrow"
    return None


def _quiet(line: Line, days: int) -> bool:
    return len(line.episodes) <= OFTEN * days and line.seconds <= LONG * days * DAY


def _beyond(middle: float, far: float, step: float) -> float:
    """Return a line `step` times as far from the middle as `far` is, rounded away from it."""
    unit = 10.0 ** math.floor(math.log10(abs(far - middle)))
    places = (middle + step * (far - middle)) / unit
    whole = math.ceil(places - 1e-9) if far > middle else math.floor(places + 1e-9)
    return round(whole * unit, max(0, -round(math.log10(unit))))


def _moved(figures: Figures, line: Line, moved: Line, until: str) -> Proposal | str:
    here, value = float(line.tier.value), float(moved.tier.value)  # type: ignore[arg-type]
    values = {line.name: value}
    objective = next((one for one in figures.lines if one.name == "objective"), None)
    if objective is not None and objective is not line and _may_move(objective.tier):
        stands = float(objective.tier.value)  # type: ignore[arg-type]
        outside = value < stands if objective.tier.op in UPWARD else value > stands
        if outside or not _quiet(objective, figures.days):
            values = {"objective": value, line.name: value}
    floor = figures.limit.floor
    if floor is not None and value < floor:
        return "a line below the lowest possible value would say nothing"
    try:
        critical = figures.check.stays.moved(values).critical
    except ValueError:
        return "the line that would suit is beyond the critical one"
    if critical is not None and critical.value == value:
        return "the line that would suit is beyond the critical one"
    say, usual = figures.limit.speak, figures.usual
    assert usual is not None
    extreme = usual.highest[1] if figures.upward else usual.lowest[1]
    low, high, worst = (say(float(f"{value:.3g}")) for value in (usual.quantiles[0.05], usual.quantiles[0.95], extreme))
    because = (
        f"in {figures.days} days to {until} usually {low} to {high}, at worst {worst}; "
        f"{say(here)} was crossed {line}, {say(value)} {moved}"
    )
    return Proposal(values, because, moved)
