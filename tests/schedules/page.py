"""docs/windows.md: what each schedule that is shipped can see, computed from the checks; and a month of each."""

import re
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from healthgate.duration import roughly, spoken
from tests.schedules.month import EACH, KINDS, LOST, Month, month
from tests.schedules.shipped import Schedule, schedules
from tests.schedules.sight import lines
from tests.workflows.published import ROOT

PAGE = ROOT / "docs/windows.md"
SIGHT, MONTH = "sight", "month"


def block(name: str, text: str) -> str:
    """Return what stands between the marks of a generated part of a page."""
    (found,) = re.findall(rf"(?s)<!-- {name} -->\n(.*?)<!-- /{name} -->", text)
    return str(found)


def written(name: str, text: str, block_text: str) -> str:
    """Return a page with a generated part renewed."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    return text.partition(begin)[0] + begin + block_text + end + text.partition(end)[2]


def alike() -> list[list[Schedule]]:
    """Return the schedules, those together whose runs come and look alike."""

    def key(one: Schedule) -> tuple[float, float, float]:
        return one.interval, -one.late, one.sample

    return [list(several) for _, several in groupby(sorted(schedules(), key=key), key)]


def names(several: Sequence[Schedule]) -> str:
    """Return what several schedules are called."""
    return ", ".join(one.name for one in several)


def sight() -> str:
    """Return the table of what can be seen, and what a run is like on each schedule."""
    groups = alike()
    rows = [
        f"| {names(several)} | {spoken(one.interval)}, up to {spoken(one.late)} late | {spoken(one.sample)} "
        f"| {within(one.grain)} |"
        for several in groups
        for one in several[:1]
    ]
    head = "| schedule | a run every | looks for at most | grain |\n|---|---|---|---|\n"
    found = [head + "\n".join(rows)]
    rows = []
    for line in lines():
        cells = [within(line.within(several[0])) for several in groups]
        over = f", counted over {spoken(line.over)}" if line.over else ""
        rows.append(f"| `{line.check.id}` | {line.name} {line.words}{over} | {' | '.join(cells)} |")
    columns = " | ".join(names(several) for several in groups)
    head = f"| check | line | {columns} |\n|---|---|{'---|' * len(groups)}\n"
    return "\n\n".join([*found, head + "\n".join(rows)]) + "\n"


def within(seconds: float | None) -> str:
    """Return in words within how long a line is crossed."""
    return "**never**" if seconds is None else f"{seconds / 60:.0f} m" if seconds < 7200 else roughly(seconds)


@cache
def simulated(days: float = 30) -> tuple[tuple[str, Month], ...]:
    """Return a month of every schedule; of those that are alike, one."""
    found = []
    for several in alike():
        with tempfile.TemporaryDirectory() as folder:
            found.append((names(several), month(several[0], Path(folder), days)))
    return tuple(found)


def months(found: Sequence[tuple[str, Month]]) -> str:
    """Return the table of a month of every schedule."""
    rows = []
    for called, one in found:
        healthy, flapping = (one.kinds[kind] for kind in KINDS[:2])
        cells = [
            f"{sum(kind.runs for kind in one.kinds.values())} ({one.lost} lost)",
            f"{healthy.runs} runs, {healthy.false} false",
            f"{flapping.runs} runs, {flapping.false} false",
            *(judged(one, kind) for kind in KINDS[2:]),
        ]
        rows.append(f"| {called} | {' | '.join(cells)} |")
    head = f"| schedule | runs | {' | '.join(KINDS)} |\n|---|---|{'---|' * len(KINDS)}\n"
    said = f"One run in {1 / LOST:.0f} is lost by chance; everything goes wrong {EACH} times. Late is after the grain\n"
    said += "and after what the table above says, with an interval more for each run that was lost meanwhile.\n\n"
    return said + head + "\n".join(rows) + "\n"


def judged(one: Month, kind: str) -> str:
    """Return what became of a kind of illness, in words."""
    seen = one.kinds[kind]
    never = f", {seen.never} never, as said above" if seen.never else ""
    slowest = f"; the slowest after {seen.longest / 60:.0f} m"
    return f"{seen.crossed} lines crossed, {seen.late} late{never}, {seen.false} false{slowest}"
