"""docs/detection.svg: checks down, faults across, and what each fault turned each check into."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.sax.saxutils import escape

from healthgate.claim.state import State
from tests.detection.bench import CATALOGUE, ROOT
from tests.detection.cell import ROLLUPS, TRIPPED
from tests.detection.evidence import Evidence
from tests.detection.matrix import CELLS, Round

DRAWING = ROOT / "docs" / "detection.svg"

SIDE = 12
LABELS = 340
HEAD = 172
MARGIN = 20
RIGHT = 84
"""Room for the last leaning names."""

LEGEND = 92
LEAN = 64
"""Degrees by which the names of the faults lean."""

TITLES = {
    "gateway": "Faults of the checks of the gateway",
    "market": "Faults of the checks of the market service",
    "wsmanager": "Faults of the checks of the WebSocket manager",
    "sse": "Faults of the checks of the SSE service",
}

STYLE = """\
:root { --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d8dee4; --band: #f6f8fa;
  --critical: #cf222e; --warning: #d4870b; --calm: #6e7781; --alien: #8250df }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1; --line: #30363d;
  --band: #161b22; --critical: #ff6a69; --warning: #e3b341; --calm: #8b949e; --alien: #d2a8ff } }
text { font: 9.5px ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink) }
.title { font: 600 15px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif }
.said { font: 11.5px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: var(--soft) }
.soft { fill: var(--soft) }
.paper { fill: var(--paper) } .band { fill: var(--band) }
.line { stroke: var(--line); stroke-width: 1 } .faint { stroke: var(--line); stroke-width: .5 }
.critical { fill: var(--critical); color: var(--critical) } .warning { fill: var(--warning); color: var(--warning) }
.calm { fill: var(--calm); color: var(--calm) }
.hollow { fill: var(--paper); stroke: currentColor; stroke-width: 1.3 }
.alien { fill: none; stroke: var(--alien); stroke-width: 2 }"""


def drawn(evidence: Evidence) -> str:
    """Return the drawing."""
    panels = [Panel(evidence, system) for system in TITLES]
    width = max(panel.width for panel in panels) + MARGIN + RIGHT
    height = LEGEND + sum(panel.height for panel in panels) + MARGIN
    size = f'width="{width}" height="{height}"'
    named = f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="t"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named}>',
        '<title id="t">Which fault turns which checks red</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" {size}/>',
        *_legend(evidence),
    ]
    top = LEGEND
    for panel in panels:
        parts += [f'<g transform="translate({MARGIN} {top})">', *panel.drawn(), "</g>"]
        top += panel.height
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(evidence: Evidence) -> Iterator[str]:
    figures = evidence.figures()
    yield f'<text class="title" x="{MARGIN}" y="28">Checks down, faults across</text>'
    said = (
        f"{figures['checks detected']}; {figures['unexpected trips']} unexpected, {figures['missed heals']} not healed"
    )
    yield f'<text class="said" x="{MARGIN}" y="46">Detected: {said}</text>'
    x = MARGIN
    for words, wide, drawing in (
        ("its own fault: critical", 152, own(State.CRITICAL)),
        ("warning", 76, own(State.WARNING)),
        ("missed", 72, own(State.MISSED)),
        ("goes with it by logic", 144, beside(State.CRITICAL)),
        ("roll-up", 74, rollup(State.CRITICAL)),
        ("not ok, and no alarm", 144, calm()),
        ("blocked", 78, blocked()),
        ("declared, not seen", 132, absent()),
        ("unexpected", 90, alien()),
    ):
        yield f'<g transform="translate({x} 62)">{drawing}</g>'
        yield f'<text class="said" x="{x + SIDE + 4}" y="72">{words}</text>'
        x += wide


class Panel:
    """The faults of one system's checks, and every check that any of them touches."""

    def __init__(self, evidence: Evidence, system: str) -> None:
        own_checks = [check for check in CATALOGUE.checks if check.startswith(f"{system}.") and check in CELLS]
        rounds: dict[int, Round] = {id(evidence.of_check[check]): evidence.of_check[check] for check in own_checks}
        self.title = TITLES[system]
        self.columns = list(rounds.values())
        self.own = set(own_checks)
        touched = {name for one in self.columns for name in {**one.expected, **one.not_ok}}
        mine = [check for check in CATALOGUE.checks if check in self.own]
        self.rows = [*mine, *(check for check in CATALOGUE.checks if check in touched - self.own)]
        self.width = LABELS + SIDE * len(self.columns)
        self.height = HEAD + SIDE * len(self.rows) + 28

    def drawn(self) -> Iterator[str]:
        """Yield everything in the panel."""
        yield f'<text class="title" x="0" y="22">{self.title}</text>'
        yield from self._bands()
        yield from self._heads()
        for row, check in enumerate(self.rows):
            style = "" if check in self.own else ' class="soft"'
            y = HEAD + SIDE * row
            yield f'<text{style} x="{LABELS - 6}" y="{y + 9.5}" text-anchor="end">{check}</text>'
            for column, one in enumerate(self.columns):
                if mark := self._mark(one, check):
                    yield f'<g transform="translate({LABELS + SIDE * column} {y})">{mark}</g>'

    def _bands(self) -> Iterator[str]:
        areas = [
            (key, len(list(names)))
            for key, names in groupby(self.rows, key=lambda check: (check in self.own, *check.split(".")[:2]))
        ]
        row = 0
        for number, (_, count) in enumerate(areas):
            y = HEAD + SIDE * row
            if number % 2 == 0:
                yield f'<rect class="band" x="0" y="{y}" width="{self.width}" height="{SIDE * count}"/>'
            row += count
        bottom = HEAD + SIDE * len(self.rows)
        for _, first, count in _runs(self.columns):
            x = LABELS + SIDE * first
            yield f'<line class="faint" x1="{x}" y1="{HEAD}" x2="{x}" y2="{bottom}"/>'
            yield f'<line class="line" x1="{x + 2}" y1="{HEAD - 3}" x2="{x + SIDE * count - 2}" y2="{HEAD - 3}"/>'

    def _heads(self) -> Iterator[str]:
        for name, first, count in _runs(self.columns):
            x = LABELS + SIDE * (first + count / 2) + 3
            yield f'<text transform="translate({x:g} {HEAD - 8}) rotate(-{LEAN})">{escape(name)}</text>'

    def _mark(self, one: Round, check: str) -> str:
        if check in one.beside:
            return ""
        expected, seen = one.expected.get(check, State.OK), one.during.states.get(check)
        if seen is not expected:
            return alien() if seen in TRIPPED else absent()
        if seen is State.OK:
            return ""
        if check in one.checks:
            return own(seen)
        if seen is State.BLOCKED:
            return blocked()
        if seen not in TRIPPED:
            return calm()
        return rollup(seen) if check in ROLLUPS else beside(seen)


def _runs(columns: Sequence[Round]) -> Iterator[tuple[str, int, int]]:
    """Yield every fault with its first column and how many columns it has side by side."""
    first = 0
    for name, rounds in groupby(columns, key=_name):
        count = len(list(rounds))
        yield name, first, count
        first += count


def _name(one: Round) -> str:
    faults: Iterable[str] = dict.fromkeys(fault.id for fault in one.injection.faults)
    return " + ".join(faults) or "given to the run"


def _style(state: State) -> str:
    return str(state) if state in TRIPPED else "calm"


def own(state: State) -> str:
    """A check turned by its own fault."""
    return f'<rect class="{_style(state)}" x="1" y="1" width="10" height="10" rx="1.5"/>'


def beside(state: State) -> str:
    """An alarm that follows by logic."""
    return f'<circle class="{_style(state)}" cx="6" cy="6" r="3.2"/>'


def rollup(state: State) -> str:
    """An alarm that follows whatever is wrong."""
    return f'<path class="{_style(state)}" d="M6 1.6 10.4 6 6 10.4 1.6 6z"/>'


def calm() -> str:
    """Not ok, and no alarm."""
    return '<g class="calm"><circle class="hollow" cx="6" cy="6" r="2.8"/></g>'


def blocked() -> str:
    """Blocked by a check that tripped."""
    return '<circle class="calm" cx="6" cy="6" r="1.3"/>'


def absent() -> str:
    """Declared, and not seen."""
    return '<g class="critical"><rect class="hollow" x="1.7" y="1.7" width="8.6" height="8.6"/></g>'


def alien() -> str:
    """Seen, and not declared."""
    return '<path class="alien" d="M2 2 10 10M10 2 2 10"/>'
