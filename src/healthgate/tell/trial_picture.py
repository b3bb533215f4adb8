"""The picture of one comparison of a trial as SVG: the ratio and its band, the evidence, and what both sides did.

It is as wide as a telephone and has no background, scripts or styles: everything is legible on white and on black. What
is told by a colour is told by a form or a word as well.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from healthgate.duration import roughly
from healthgate.printable import finite

WIDTH, MARGIN = 400, 12
LEFT, RIGHT = 54, WIDTH - MARGIN
"""Where the panels begin and end; on the left of them stands what their lines mean."""

HEIGHT, APART = 84, 34
"""Heights: of each panel, and of what stands between two."""

LETTER, ROW = 6.6, 16
"""The width of a letter, more or less, and the height of a line of text."""

MOST = 160
"""Points of a line; of more ticks, neighbours are drawn as one."""

LONGEST = 4
"""Lines of a reason; what is longer stands in the verdict."""

WIDEST = 16.0
"""How many times as much, and as little, the scale of the ratio reaches."""

NONE = 0.1
"""Evidence below which nothing is drawn lower."""

INK, CANARY = "#78808c", "#4a90d9"
WARY, BAD = "#e07b1a", "#dc4a4a"
COLOUR = {"rollback": BAD, "pass": "#3fa45b", "inconclusive": "#9a6fd0"}
"""Colours that stand out from white and from black. That of an open trial is the canary's."""


@dataclass(frozen=True)
class Moment:
    """One tick, `at` in seconds since the trial began, and what was known after it; None for what is missing.

    `baseline` and `canary` are what came in the tick: events of a counter, the value of a gauge, of several baseline
    instances their mean. `ratio` is canary over baseline, and lies between `low` and `high`, of which None is no bound.
    """

    at: float
    baseline: float | None
    canary: float | None
    ratio: float | None
    low: float | None
    high: float | None
    evidence: float


@dataclass(frozen=True)
class Course:
    """One comparison from its first tick to its last.

    `kind` is count or gauge, `proof` the evidence from which on the canary is proven worse. `lines` are the ratios that
    matter, each with what it means. `decision` is rollback, pass, inconclusive or undecided, `reason` one sentence.
    """

    title: str
    kind: str
    unit: str
    decision: str
    reason: str
    proof: float
    lines: Sequence[tuple[float, str]]
    moments: Sequence[Moment]


def picture(course: Course) -> str:
    """Return the course of a comparison as an SVG of its own, 400 wide; one without a tick has words only."""
    panels = [_head(course)]
    if course.moments:
        columns = _columns(course.moments)
        across = _Scale(0.0, columns[-1].at or 1.0, LEFT, RIGHT)
        panels += [draw(course, columns, across) for draw in (_ratio, _evidence, _series)]
    top, parts = 0.0, []
    for panel in panels:
        parts.append(f'<g transform="translate(0 {top:g})">{"".join(panel.parts)}</g>')
        top += panel.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:g}" width="{WIDTH}" height="{top:g}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}" role="img">'
        f"<title>{escape(f'{course.decision}: {course.title}: {course.reason}')}</title>{''.join(parts)}</svg>\n"
    )


@dataclass
class _Panel:
    """A part of the picture, as it stands below the one before."""

    height: float
    parts: list[str]


@dataclass(frozen=True)
class _Scale:
    """From numbers to places; what lies beyond the scale stands at its end."""

    low: float
    high: float
    begins: float
    ends: float

    def at(self, number: float) -> float:
        share = (number - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.begins + min(max(share, 0.0), 1.0) * (self.ends - self.begins)


@dataclass(frozen=True)
class _Powers(_Scale):
    """The same, where twice as much is always as far."""

    def at(self, number: float) -> float:
        return _Scale(math.log(self.low), math.log(self.high), self.begins, self.ends).at(
            math.log(min(max(number, self.low), self.high))
        )


def _head(course: Course) -> _Panel:
    """Return what was decided about what, and why, in words."""
    colour = COLOUR.get(course.decision, CANARY)
    across = int((RIGHT - MARGIN) / LETTER)
    parts, y = [], 8.0
    for line in wrap(course.title, int(across * 0.8)) or [""]:
        y += ROW + 2
        parts.append(_words(MARGIN, y, line, 'font-size="14" font-weight="600"'))
    y += ROW + 4
    parts.append(_words(MARGIN, y, course.decision.upper(), f'font-weight="600" fill="{colour}"'))
    lines = wrap(course.reason, across)
    for number, line in enumerate(lines[:LONGEST], start=1):
        y += ROW
        cut = " …" if number == LONGEST < len(lines) else ""
        parts.append(_words(MARGIN, y, line + cut))
    return _Panel(y + 6, parts)


def _ratio(course: Course, columns: Sequence[Moment], across: _Scale) -> _Panel:
    """Return the ratio in its band, with the lines that it is held against."""
    top, bottom = APART, APART + HEIGHT
    known = [one.ratio for one in columns if one.ratio is not None and finite(one.ratio) and one.ratio > 0]
    ends = [end for end in (columns[-1].low, columns[-1].high) if end]
    reach = [1.0, *(line for line, _ in course.lines), *known, *ends]
    low, high = max(1 / WIDEST, min(reach) / 1.3), min(WIDEST, max(reach) * 1.3)
    up = _Powers(low, high, bottom, top)
    last = columns[-1]
    told = "not known" if last.ratio is None else f"{_number(last.ratio)} ×{_between(last)}"
    parts = [*_heading("canary over baseline", told, top), *_frame(top, bottom)]
    if band := _band(columns, across, up):
        parts.append(f'<path d="{band}" fill="{CANARY}" fill-opacity="0.25"/>')
    lines = [(1.0, INK, "as much as the baseline")]
    lines += [(at, colour, meaning) for (at, meaning), colour in zip(course.lines, (WARY, BAD), strict=False)]
    parts += _levels([(at, colour, f"{at:.3g} ×") for at, colour, _ in lines], up)
    ratios = _line(columns, lambda one: one.ratio, across, up)
    parts.append(_stroke(ratios, CANARY))
    legend = [
        (_mark("box", CANARY), "the band that it lies in"),
        *((_mark("dashes", colour), f"{at:.3g} ×: {meaning}") for at, colour, meaning in lines),
    ]
    return _with_legend(parts, legend, bottom)


def _between(moment: Moment) -> str:
    if moment.low is None and moment.high is None:
        return ""
    if moment.high is None:
        return f" ({_number(moment.low or 0.0)} or more)"
    return f" ({_number(moment.low or 0.0)} to {_number(moment.high)})"


def _band(columns: Sequence[Moment], across: _Scale, up: _Scale) -> str:
    """Return the outline of the bands; a bound that is not known lies at the edge. Empty where no ratio is known."""
    known = [one for one in columns if one.ratio is not None]
    if not known:
        return ""
    over = [(across.at(one.at), up.at(up.high if one.high is None else one.high)) for one in known]
    under = [(across.at(one.at), up.at(one.low or up.low)) for one in reversed(known)]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*over, *under]) + "z"


def _evidence(course: Course, columns: Sequence[Moment], across: _Scale) -> _Panel:
    """Return the evidence against its threshold."""
    top, bottom = APART, APART + HEIGHT
    most = max(course.proof, *(one.evidence for one in columns if finite(one.evidence)), NONE)
    up = _Powers(NONE, min(most * 4, course.proof * 1e6), bottom, top)
    last = columns[-1].evidence
    told = f"{_number(last)}, proof from {_number(course.proof)}"
    parts = [*_heading("evidence that it is worse", told, top), *_frame(top, bottom)]
    parts += _levels([(1.0, INK, "1"), (course.proof, BAD, _number(course.proof))], up)
    parts.append(_stroke(_line(columns, lambda one: one.evidence, across, up), CANARY))
    legend = [(_mark("dashes", BAD), f"{_number(course.proof)}: chance alone reaches it once in as many trials")]
    return _with_legend(parts, legend, bottom)


def _series(course: Course, columns: Sequence[Moment], across: _Scale) -> _Panel:
    """Return what came from both sides, in gaps nothing, and below it how long it took."""
    top, bottom = APART, APART + HEIGHT
    values = [value for one in columns for value in (one.baseline, one.canary) if value is not None]
    most = max(values, default=0.0)
    up = _Scale(0.0, most or 1.0, bottom, top)
    each = " a tick" if course.kind == "count" else ""
    parts = [*_heading(f"{course.unit}{each}", "", top), *_frame(top, bottom)]
    parts += [_words(LEFT - 5, top + 10, _number(most), 'text-anchor="end"'), _words(LEFT - 5, bottom, "0", END)]
    parts.append(_stroke(_line(columns, lambda one: one.baseline, across, up), INK, "4 3"))
    parts.append(_stroke(_line(columns, lambda one: one.canary, across, up), CANARY))
    legend = [
        (_mark("dashes", INK), f"baseline: {_sum(course, [one.baseline for one in course.moments])}"),
        (_mark("line", CANARY), f"canary: {_sum(course, [one.canary for one in course.moments])}"),
    ]
    parts.append(_words(LEFT, bottom + ROW, "0"))
    parts.append(_words(RIGHT, bottom + ROW, roughly(columns[-1].at), END))
    return _with_legend(parts, legend, bottom + ROW)


def _sum(course: Course, values: Sequence[float | None]) -> str:
    """Return what one side came to, in words."""
    known = [value for value in values if value is not None]
    lost = len(values) - len(known)
    missing = f", missing in {lost} of {len(values)} ticks" if lost else ""
    if not known:
        return f"nothing in {len(values)} ticks"
    if course.kind == "count":
        return f"{_number(math.fsum(known))} in all{missing}"
    return f"{_number(math.fsum(known) / len(known))} on average{missing}"


def _columns(moments: Sequence[Moment]) -> list[Moment]:
    """Return moments as they are drawn: of many, each stands for several, with what was known after the last."""
    every = -(-len(moments) // MOST)
    found = []
    for begin in range(0, len(moments), every):
        several = moments[begin : begin + every]
        last = several[-1]
        baseline, canary = (_mean([getattr(one, side) for one in several]) for side in ("baseline", "canary"))
        found.append(Moment(last.at, baseline, canary, last.ratio, last.low, last.high, last.evidence))
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


# ---- what panels are made of

END = 'text-anchor="end"'


def _heading(left: str, right: str, top: float) -> list[str]:
    """Return what a panel is about, cut where it is too long, and what it came to."""
    room = int((RIGHT - MARGIN) / LETTER - len(right) * 1.1) - 1
    left = left if len(left) <= room else f"{left[: max(room - 1, 0)]}…"
    return [_words(MARGIN, top - 8, left), _words(RIGHT, top - 8, right, f'{END} font-weight="600"')]


def _frame(top: float, bottom: float) -> list[str]:
    return [f'<path d="M{LEFT} {top:g}V{bottom:g}H{RIGHT}" fill="none" stroke="{INK}" stroke-opacity="0.5"/>']


def _levels(levels: Sequence[tuple[float, str, str]], up: _Scale) -> Iterator[str]:
    """Yield dashed lines with their numbers on the left, none of which lies upon another."""
    lowest = 0.0
    for number, colour, told in sorted(levels, key=lambda one: -one[0]):
        y = up.at(number)
        yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{colour}" stroke-dasharray="4 4"/>'
        lowest = max(y + 4, lowest + 13)
        yield _words(LEFT - 5, lowest, told, END)


def _line(columns: Sequence[Moment], of: Callable[[Moment], float | None], across: _Scale, up: _Scale) -> str:
    """Return a line through what is known; one tick between gaps is a point."""
    path, pen = "", "M"
    for one in columns:
        value = of(one)
        if value is None:
            pen = "M"
            continue
        path += f"{pen}{across.at(one.at):.1f} {up.at(value):.1f}" + ("h.01" if pen == "M" else "")
        pen = "L"
    return path


def _stroke(path: str, colour: str, dashes: str = "") -> str:
    if not path:
        return ""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round" '
        f'stroke-linecap="round"{dashed}/>'
    )


def _mark(form: str, colour: str) -> str:
    """Return how something looks in a panel, as it stands beside its meaning."""
    if form == "box":
        return f'<rect y="-9" width="18" height="9" fill="{colour}" fill-opacity="0.25"/>'
    dashed = ' stroke-dasharray="4 3"' if form == "dashes" else ""
    return f'<path d="M0 -4h18" stroke="{colour}" stroke-width="1.8"{dashed}/>'


def _with_legend(parts: list[str], legend: Sequence[tuple[str, str]], bottom: float) -> _Panel:
    """Return a panel with what its marks mean, a line each."""
    y = bottom + 4
    for mark, meaning in legend:
        for number, line in enumerate(wrap(meaning, int((RIGHT - MARGIN - 26) / LETTER))):
            y += ROW
            parts += [f'<g transform="translate({MARGIN} {y:g})">{mark}</g>'] if number == 0 else []
            parts.append(_words(MARGIN + 26, y, line))
    return _Panel(y + 4, parts)


def _words(x: float, y: float, words: str, further: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{" " if further else ""}{further}>{escape(words)}</text>'


def _number(value: float) -> str:
    """Return a number with three digits, and a large one whole."""
    if not finite(value):
        return "∞"
    return f"{value:,.0f}".replace(",", " ") if 1000 <= value < 1e6 else f"{value:.3g}"
