"""The picture of a check as SVG: its value on the scale of its limit, and what it was in its last looks.

No background, scripts or styles: everything is legible on white and on black. What is coloured is asked of the limit
itself, so that a picture cannot disagree with a verdict.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import Any

from healthgate.claim.limit import DOWNWARD, UPWARD, Limit, Tier, in_time
from healthgate.claim.state import WORST_FIRST, State
from healthgate.duration import roughly
from healthgate.judge.past import Look
from healthgate.printable import finite, shown

COLOUR = {
    State.OK: "#3fa45b",
    State.MISSED: "#c9a227",
    State.PENDING: "#4a90d9",
    State.WARNING: "#e07b1a",
    State.CRITICAL: "#dc4a4a",
    State.UNKNOWN: "#9a6fd0",
    State.BLOCKED: "#8b929c",
}
"""A colour for each state that stands out from white and from black."""

INK = "#78808c"
"""Of words and lines: as far from white as from black."""

WIDTH, MARGIN = 640, 12
LETTER, BOLD = 6.6, 8.4
"""The width of a letter in words and in what stands out, more or less: fonts differ."""

BAR, CURVE, STRIP = 14, 76, 12
"""Heights: of the scale of a limit, of the curve of the values, of the strip of states."""

CUT = 5
"""A pause between two looks is drawn at most this many times as long as usual."""

DIRECTED = UPWARD | DOWNWARD | {"between", "outside"}
"""Comparisons that make a scale of the numbers."""


def picture(limit: Limit, value: object, state: State, looks: Sequence[Look]) -> str | None:
    """Return `value`, judged to be `state`, on the scale of `limit`, and below it `looks`, the oldest first.

    None where there is neither: no scale, since no line of the limit is a number that values lie above, below, within
    or outside; and no looks. Time is drawn to scale, but long pauses are cut and say how long they were. The curve has
    a gap where there was no value; where values are no numbers there is the strip of the states alone.
    """
    drawings = [drawing for drawing in (_scale(limit, value, state), _history(limit, looks)) if drawing is not None]
    if not drawings:
        return None
    height, parts = 0.0, []
    for drawing in drawings:
        parts.append(f'<g transform="translate(0 {height:g})">{"".join(drawing.parts)}</g>')
        height += drawing.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
        f'height="{height:g}" font-family="system-ui, sans-serif" font-size="12" fill="{INK}" role="img">'
        f"<title>{escape('; '.join(drawing.title for drawing in drawings))}</title>{''.join(parts)}</svg>\n"
    )


def has_scale(limit: Limit) -> bool:
    """Whether there is a scale to draw: a line of the limit that numbers lie above, below, within or outside."""
    return bool(_lines(limit))


@dataclass
class _Drawing:
    """A part of the picture, with all that is in it in words."""

    title: str
    height: float
    parts: list[str]


def _scale(limit: Limit, value: object, state: State) -> _Drawing | None:
    lines = _lines(limit)
    if not lines:
        return None
    number = _number(value) if _is_number(value) else None
    scale = _Scale(limit, lines, number)
    top = 34
    seen, parts = _zones(limit, scale, lines, top)
    parts += _ticks(limit, scale, lines, top + BAR)
    for benchmark in _values(limit.expected) if limit.expected else ():
        x = scale.at(_number(benchmark))
        parts.append(f'<path d="M{x:.1f} {top - 7}v7m0 {BAR}v7" stroke="{INK}"/>')
        parts.append(f'<path d="M{x:.1f} {top}v{BAR}" stroke="#fff" stroke-dasharray="3 2"/>')
    told = "no value" if number is None else limit.speak(value)
    parts += _marker(scale, number, told, state, top)
    legend, bottom = _legend(_meanings(limit, seen), top + BAR + 46)
    return _Drawing(f"{told}, {state}; {limit}", bottom + 8, [*parts, *legend])


def _history(limit: Limit, looks: Sequence[Look]) -> _Drawing | None:
    if not looks:
        return None
    numeric = not isinstance(limit.objective.value, str | bool)
    values = [look.value if numeric and look.value is not None and finite(look.value) else None for look in looks]
    moments = [look.at for look in looks]
    parts: list[str] = []
    if any(value is not None for value in values):
        curve = _Curve(limit, looks, values)
        places = _places(moments, curve.left, curve.right)
        parts += curve.drawn(places)
        top = CURVE + 24
    else:
        places = _places(moments, MARGIN, WIDTH - MARGIN)
        top = 4
    for look, place in zip(looks, places, strict=True):
        parts.append(_box(place.begins, top, max(place.ends - place.begins - 1, 1.5), STRIP, COLOUR[look.state]))
        if place.pause:
            room = place.next - place.ends > len(place.pause) * LETTER
            parts.append(_words((place.ends + place.next) / 2, top + 10, place.pause if room else "…", "middle"))
    first, last = _moment(looks[0].at), _moment(looks[-1].at)
    below = top + STRIP + 17
    left, right = places[0].begins, places[-1].ends
    if len(looks) == 1:
        parts.append(_words(left, below, f"seen once, at {first}"))
    else:
        parts += [_words(left, below, first), _words(right, below, last, "end")]
    counts = Counter(look.state for look in looks)
    named = [(COLOUR[state], f"{counts[state]} {state}") for state in WORST_FIRST if counts[state]]
    legend, bottom = _legend(named, below + 20, left)
    told = ", ".join(words for _, words in named)
    return _Drawing(f"{len(looks)} looks from {first} to {last}: {told}", bottom, [*parts, *legend])


class _Scale:
    """From numbers to places: all lines of a limit, the value unless it is far off, and some room on both sides."""

    def __init__(self, limit: Limit, lines: list[float], value: float | None) -> None:
        inner: list[float] = [*lines, *(map(_number, _values(limit.expected)) if limit.expected else ())]
        low, high = min(inner), max(inner)
        span = (high - low) or abs(high) or 1.0
        if value is not None and low - 4 * span <= value <= high + 4 * span:
            low, high = min(low, value), max(high, value)
        pad = 0.35 * ((high - low) or span)
        self.low, self.high = low - pad, high + pad
        floor = limit.floor
        if floor is not None and low >= floor:
            self.low = floor if low - floor <= 2 * span else max(self.low, floor)
        if limit.unit.symbol == "%" and high <= 100:
            self.high = min(self.high, 100.0)

    def at(self, number: float) -> float:
        """Return where a number stands; what lies beyond the scale stands at its end."""
        return MARGIN + min(max(_share(number, self.low, self.high), 0.0), 1.0) * (WIDTH - 2 * MARGIN)


def _lines(limit: Limit) -> list[float]:
    """Return the numbers at which the state changes; nothing where none of them gives a direction."""
    tiers = [tier for tier in (limit.objective, limit.warning, limit.critical) if tier is not None]
    if not any(tier.op in DIRECTED and all(map(_is_number, _values(tier))) for tier in tiers):
        return []
    return sorted({_number(value) for tier in tiers for value in _values(tier) if _is_number(value)})


def _values(tier: Tier) -> tuple[Any, ...]:
    return tier.value if isinstance(tier.value, tuple) else (tier.value,)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and finite(value)


def _number(value: Any) -> float:
    return float(value)


def _share(number: float, low: float, high: float) -> float:
    """Return how far `number` lies from `low` to `high`, also where their distance is more than a float can hold."""
    return (number / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5


def _state(limit: Limit, number: float) -> State:
    """Return the state of a number that has been there for long enough."""
    return limit.judge(number, in_time)


def _short(limit: Limit, number: float) -> str:
    """Return a number with its unit, without it where the unit is a phrase."""
    whole = int(number) if number == int(number) else number
    return limit.speak(whole) if len(limit.unit.symbol) <= 8 else shown(whole)


def _zones(limit: Limit, scale: _Scale, lines: list[float], top: float) -> tuple[set[State], list[str]]:
    """Return the states on the scale, and the bar of them; a state of one number alone is a mark on it."""
    edges = [scale.low, *(line for line in lines if scale.low < line < scale.high), scale.high]
    zones = [(ends, _state(limit, (begins + ends) / 2)) for begins, ends in pairwise(edges)]
    parts: list[str] = []
    left = scale.at(scale.low)
    for index, (ends, state) in enumerate(zones):
        if index + 1 == len(zones) or zones[index + 1][1] is not state:
            right = scale.at(ends)
            parts.append(_box(left, top, max(right - left - 1, 1), BAR, COLOUR[state]))
            left = right
    seen = {state for _, state in zones}
    for line in lines:
        state = _state(limit, line)
        if state not in {*seen, State.MISSED}:
            seen.add(state)
            parts.append(_box(scale.at(line) - 4, top - 2, 7, BAR + 4, COLOUR[state]))
    return seen, parts


def _ticks(limit: Limit, scale: _Scale, lines: list[float], top: float) -> list[str]:
    """Return the numbers below the bar; those that would overlap stand in a second row, or nowhere."""
    parts: list[str] = []
    taken = [float(-WIDTH), float(-WIDTH)]
    for line in lines:
        words = _short(limit, line)
        half = len(words) * LETTER / 2
        x = scale.at(line)
        middle = min(max(x, MARGIN + half), WIDTH - MARGIN - half)
        row = next((row for row in (0, 1) if middle - half > taken[row] + LETTER), None)
        if row is not None:
            taken[row] = middle + half
            parts.append(f'<path d="M{x:.1f} {top}v{4 + 13 * row}" stroke="{INK}"/>')
            parts.append(_words(middle, top + 16 + 13 * row, words, "middle"))
    return parts


def _marker(scale: _Scale, number: float | None, told: str, state: State, top: float) -> list[str]:
    """Return the value above the bar, with an arrow to where it stands or in the direction in which it lies."""
    words = f'{escape(told)}<tspan dx="7" fill="{COLOUR[state]}">{state}</tspan>'
    if number is None:
        return [_marked(MARGIN, top - 14, words, "start")]
    x = scale.at(number)
    arrow = f"M{x:.1f} {top - 2}l-5 -8h10z"
    if number > scale.high:
        arrow = f"M{x:.1f} {top - 7}l-8 -5v10z"
    elif number < scale.low:
        arrow = f"M{x:.1f} {top - 7}l8 -5v10z"
    half = (len(told) + len(state) + 1) * BOLD / 2
    middle = min(max(x, MARGIN + half), WIDTH - MARGIN - half)
    return [f'<path d="{arrow}" fill="{COLOUR[state]}"/>', _marked(middle, top - 14, words, "middle")]


def _meanings(limit: Limit, seen: set[State]) -> list[tuple[str, str]]:
    """Return what the colours of a scale mean, by the words of the limit; the mark without a colour is a benchmark."""
    named = [(COLOUR[State.OK], f"healthy {limit.say(limit.objective)}")]
    if State.MISSED in seen:
        named.append((COLOUR[State.MISSED], "else missed"))
    for state, tier in ((State.WARNING, limit.warning), (State.CRITICAL, limit.critical)):
        if tier is not None:
            named.append((COLOUR[state], f"{state} {limit.say(tier)}"))
    if limit.expected is not None:
        named.append(("", f"expected {limit.say(limit.expected)}"))
    return named


@dataclass
class _Place:
    """Where a look stands, how far its state is drawn, and how long the pause after it was, where that was cut."""

    begins: float
    ends: float
    next: float
    pause: str = ""

    @property
    def middle(self) -> float:
        return (self.begins + self.ends) / 2


def _places(moments: Sequence[float], left: float, right: float) -> list[_Place]:
    gaps = [max(after - before, 0.001) for before, after in pairwise(moments)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 1.0
    drawn = [*(min(gap, CUT * usual) for gap in gaps), usual]
    unit = (right - left) / sum(drawn)
    places: list[_Place] = []
    x = left
    for gap, width in zip([*gaps, usual], drawn, strict=True):
        following = x + width * unit
        if gap > CUT * usual:
            places.append(_Place(x, x + usual * unit, following, roughly(gap)))
        else:
            places.append(_Place(x, following, following))
        x = following
    return places


class _Curve:
    """The values between the lines of the limit that are near; `left` and `right` are where they begin and end.

    On the left stand the numbers of the lines, on the right stands the last value.
    """

    def __init__(self, limit: Limit, looks: Sequence[Look], values: Sequence[float | None]) -> None:
        self.limit, self.looks, self.values = limit, looks, values
        known = [value for value in values if value is not None]
        low, high = min(known), max(known)
        reach = max(high - low, abs(high) * 0.75) or 1.0
        self.lines = [line for line in _lines(limit) if low - reach <= line <= high + reach]
        self.low, self.high = min([low, *self.lines]), max([high, *self.lines])
        last = values[-1]
        self.last = looks[-1].state.value if last is None else _short(limit, _rounded(last))
        names = [_short(limit, line) for line in self.lines]
        self.left = MARGIN + max((len(name) * LETTER + 6 for name in names), default=0.0)
        self.right = WIDTH - MARGIN - len(self.last) * BOLD - 8

    def drawn(self, places: Sequence[_Place]) -> Iterator[str]:
        """Yield the lines, the curve, its points in the colours of their states, and the last value in words."""
        lowest = 0.0
        for line in reversed(self.lines):
            beside = [_state(self.limit, line + side * (abs(line) or 1) * 1e-6) for side in (-1, 0, 1)]
            colour = COLOUR[min(beside, key=WORST_FIRST.index)]
            y = self._y(line)
            yield f'<path d="M{self.left:.1f} {y:.1f}H{self.right:.1f}" stroke="{colour}" stroke-dasharray="4 4"/>'
            lowest = max(y + 4, lowest + 13)
            yield _words(self.left - 6, lowest, _short(self.limit, line), "end")
        path, dots, pen = "", [], "M"
        for look, value, place in zip(self.looks, self.values, places, strict=True):
            if value is None:
                pen = "M"
                continue
            x, y = place.middle, self._y(value)
            path += f"{pen}{x:.1f} {y:.1f}"
            pen = "M" if place.pause else "L"
            dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{COLOUR[look.state]}"/>')
        yield f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.5" stroke-linejoin="round"/>'
        yield from dots
        last, state = self.values[-1], self.looks[-1].state
        y = CURVE + 12 if last is None else self._y(last)
        if last is not None:
            yield dots[-1].replace('r="2.6"', 'r="4.5"')
        told = f'<tspan fill="{COLOUR[state]}">{escape(self.last)}</tspan>'
        yield _marked(self.right + 8, y + 5, told, "start")

    def _y(self, value: float) -> float:
        return 10 + (1 - _share(value, self.low, self.high)) * CURVE


def _rounded(value: float) -> float:
    """Return a value with four digits, or without a fraction where it has more."""
    if abs(value) >= 1000:
        return int(value)
    return float(f"{value:.4g}")


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _legend(named: list[tuple[str, str]], top: float, left: float = MARGIN) -> tuple[list[str], float]:
    """Return coloured squares with their meaning in as many lines as it takes, and where the last of them ends."""
    parts: list[str] = []
    x, y = left, top
    for colour, words in named:
        width = 14 + len(words) * LETTER
        if x > left and x + width > WIDTH - MARGIN:
            x, y = left, y + 18
        if colour:
            parts.append(_box(x, y - 9, 9, 9, colour))
        else:
            parts.append(f'<path d="M{x + 4} {y - 11}v13" stroke="{INK}" stroke-dasharray="3 2"/>')
        parts.append(_words(x + 14, y, words))
        x += width + 16
    return parts, y + 8


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{height:g}" rx="2" fill="{colour}"/>'


def _words(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _marked(x: float, y: float, markup: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="14" font-weight="600">{markup}</text>'
