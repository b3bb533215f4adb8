"""A baseline as people read it in a terminal: eighty columns, a line for each check that moved, and what it means."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from healthgate.baseline.figures import Figures, Frame, Line, times
from healthgate.baseline.proposal import Proposal
from healthgate.claim.state import State
from healthgate.duration import roughly
from healthgate.judge.growth import LEAST_DAYS, WITHIN
from healthgate.judge.verdict import spoken_moment

WIDTH = 80
NAME = 25

ILL = 20
"""Checks outside of the table that are named with how they were ill."""

HEAD = f"{'':<{NAME}}{'p5':>8}{'median':>8}{'p95':>8}{'p99':>8}{'extreme':>8}  when (UTC)"


def lines(environment: str, found: Sequence[tuple[Figures, Proposal | str]], frame: Frame) -> Iterator[str]:
    """Yield the lines of the whole table."""
    yield f"baseline of {environment}: {roughly(frame.until - frame.since)} to {spoken_moment(frame.until)}"
    yield from _wrapped(_looks([figures for figures, _ in found]), "")
    moved = [pair for pair in found if pair[0].usual is not None and pair[0].usual.moved]
    for system in dict.fromkeys(figures.check.system for figures, _ in moved):
        yield ""
        yield f"{system:<{NAME}}{HEAD[NAME:]}"
        for figures, proposed in moved:
            if figures.check.system == system:
                yield from _row(figures)
                for text in _notes(figures, proposed, frame):
                    yield from _wrapped(text, "    ")
    yield ""
    yield from _wrapped(_rest([figures for figures, _ in found]), "")
    if moved:
        yield from _wrapped("p99 and extreme are those on the side of its lines: where less is worse, the lowest.", "")


def whole_days(found: Sequence[Figures]) -> int:
    """Return how many whole days there are of the check that was seen most."""
    return max((figures.days for figures in found), default=0)


def _looks(found: Sequence[Figures]) -> str:
    most = max(found, key=lambda figures: figures.looks, default=None)
    if most is None or not most.looks:
        return f"no looks: runs with --history keep them; {LEAST_DAYS} days are needed, {WITHIN} are better"
    looks = f"{most.looks} looks, {roughly(most.rhythm)} apart" if most.looks > 1 else "1 look"
    text = f"{looks}, {most.days} whole days"
    if most.days < LEAST_DAYS:
        text += f": too little to say what is usual, which takes {LEAST_DAYS}, better {WITHIN}"
    if not most.gaps:
        return f"{text}; no gaps"
    begins, ends = max(most.gaps, key=lambda gap: gap[1] - gap[0])
    several = f"{len(most.gaps)} gaps" if len(most.gaps) > 1 else "1 gap"
    lasted = roughly(sum(after - before for before, after in most.gaps))
    longest = f"the longest {roughly(ends - begins)} from {spoken_moment(begins)}"
    return f"{text}; {several}, {lasted} in all, {longest}"


def _row(figures: Figures) -> Iterator[str]:
    usual = figures.usual
    assert usual is not None
    name = figures.check.id.partition(".")[2]
    if figures.limit.unit.symbol:
        name += f" ({figures.limit.unit.symbol})"
    far, extreme = (0.99, usual.highest) if figures.upward else (0.01, usual.lowest)
    values = [*(usual.quantiles[share] for share in (0.05, 0.5, 0.95, far)), extreme[1]]
    if len(name) + 2 > NAME - 1:
        yield f"  {name}"
        name = ""
    when = f"{datetime.fromtimestamp(extreme[0], UTC):%m-%d %H:%M}"
    yield f"{f'  {name}':<{NAME}}{''.join(f'{short(value):>8}' for value in values)}  {when}"


def _notes(figures: Figures, proposed: Proposal | str, frame: Frame) -> Iterator[str]:
    for line in figures.lines:
        if line.name != "objective" or (line.episodes and not _same_as_warning(line, figures)):
            text = _crossed(line, figures, frame)
            if text:
                yield text
    missing = 1 - figures.valued / figures.looks
    if missing >= 0.001:
        yield f"no value in {missing:.1%} of its looks".replace("%", " %")
    usual = figures.usual
    if usual is not None and usual.varies:
        known = [(value, hour) for hour, value in enumerate(usual.hours) if value is not None]
        (low, least), (high, most) = min(known), max(known)
        yield f"highest about {most:02d}:00 {frame.zone} ({short(high)}), lowest about {least:02d}:00 ({short(low)})"
    if figures.ahead is not None:
        yield figures.ahead.words(figures.limit)
    if isinstance(proposed, Proposal):
        new = ", ".join(f"{name} {value:g}" for name, value in proposed.values.items())
        yield f"proposed: {new}; that would have been crossed {proposed.would}"


def _same_as_warning(line: Line, figures: Figures) -> bool:
    return any(other.name != "objective" and other.tier.value == line.tier.value for other in figures.lines)


def _crossed(line: Line, figures: Figures, frame: Frame) -> str:
    say = f"{line.name} {figures.limit.say(line.tier)}"
    if not line.known:
        return f"{say}: looks {roughly(figures.rhythm)} apart cannot tell"
    if not line.episodes:
        return ""
    only = f", only {line.hours[0]:02d}:00–{(line.hours[1] + 1) % 24:02d}:00 {frame.zone}" if line.hours else ""
    return f"{say}: {line}{only}"


def _rest(found: Sequence[Figures]) -> str:
    kinds: Counter[str] = Counter()
    for figures in found:
        if not figures.looks:
            kinds["not seen"] += 1
        elif not figures.numeric:
            kinds["without a number"] += 1
        elif figures.usual is None:
            kinds["without a value"] += 1
        elif not figures.usual.moved:
            kinds["always the same"] += 1
    ill = [
        f"{figures.check.id} was {state} {times(figures.judged[state][0])}, {roughly(figures.judged[state][1])} in all"
        for figures in found
        for state in (State.CRITICAL, State.UNKNOWN)
        if state in figures.judged and (figures.usual is None or not figures.usual.moved)
    ]
    several = [f"{kind}: {number}" for kind, number in kinds.items()]
    counted = f"other checks: {', '.join(several)}" if several else ""
    more = [f"and {len(ill) - ILL} more"] if len(ill) > ILL else []
    return "; ".join(filter(None, (counted, *ill[:ILL], *more)))


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ") if text else []


def short(value: float) -> str:
    """Return a number in seven characters at most."""
    for least, symbol in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e5, "k")):
        if abs(value) >= least:
            scale = 1e3 if symbol == "k" else least
            return f"{value / scale:.4g}{symbol}"
    text = f"{value:.4g}"
    return text if len(text) <= 7 else f"{value:.1e}"
