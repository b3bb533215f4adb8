"""A counter from one look to the next: by how much it grew, and when nobody can tell. Pure.

What a counter grew by in a time is summed from look to look, in the order of time, so that no time counts twice. A
counter that falls counts from nothing where its process began anew in between; else there is no telling.

A growth over a window is judged between two looks that span it: nine tenths of the window at least, twice the window at
most. Of a shorter time nobody knows what the rest of the window brings, in either direction: that is `NotYet`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from healthgate.claim.facts import NoData
from healthgate.duration import spoken

SKEW = 60.0
"""Seconds by which the clock of a server may differ from ours."""

JUMP = 1.0
"""Seconds by which our own clock may be set between two looks."""

JITTER = 2.0
"""Seconds by which the start of one and the same process may be told differently from look to look."""

KEPT_FOR = 2.0
"""Seconds after which two answers cannot be of the same moment, which servers tell in whole seconds."""

SHORTEST, LONGEST = 0.9, 2.0
"""Windows that must at least, and may at most, lie between the looks a growth over a window is judged by: runs come a
little early or late, and every second one may be lost."""


@dataclass(frozen=True)
class Tally:
    """A counter, or several together, at one look; all times in seconds, moments since 1970.

    `at` is when the answer was complete, or when it says itself that it was taken; it took `took`. `started` is when
    the process began that counts, None where nobody says so. `series` is how many counters were added up. `told` is
    the moment the server gave its answer. `clock` is `at` by a clock that nobody sets, known within one run only.
    """

    at: float
    value: float
    started: float | None = None
    series: int = 1
    took: float = 0.0
    told: float | None = None
    clock: float | None = None


@dataclass(frozen=True)
class Growth:
    """By how much a counter grew in how many seconds; `restarted`: its process began anew in that time.

    `seconds` are those of this machine's clock, of which each is `scale` seconds of production; `window` is what was
    asked for, in seconds of production (None: whatever lies between two looks).
    """

    increase: float
    seconds: float
    restarted: bool = False
    window: float | None = None
    scale: float = 1.0

    @property
    def per_second(self) -> float:
        """By how much it grew in a second of this machine's clock."""
        return self.increase / self.seconds

    @property
    def covered(self) -> float:
        """The seconds of production in which it grew: how much of the window was seen."""
        return self.seconds * self.scale

    @property
    def rate(self) -> float:
        """By how much it grew in a second of production."""
        return self.increase / self.covered

    @property
    def lacking(self) -> float:
        """The seconds of this machine's clock that are missing before the looks span the window; 0 if they do."""
        if self.window is None:
            return 0.0
        return max(0.0, SHORTEST * self.window / self.scale - self.seconds)

    def __str__(self) -> str:
        words = f"{self.increase:.6g} in {spoken(round(self.covered, 1))}"
        if self.window is not None:
            words += f" of {spoken(self.window)}"
        return f"{words}, after a restart" if self.restarted else words


class NotYet(NoData):
    """What cannot be known yet: the looks do not span the time it is about, or too few events came in it.

    `grown` is what was seen of the counters until now. `lacking` is the seconds of this machine's clock after which
    looks may span it (0: time alone settles nothing).
    """

    def __init__(self, reason: str, lacking: float = 0.0, grown: "tuple[Growth, ...]" = ()) -> None:
        super().__init__(reason)
        self.lacking = lacking
        self.grown = grown


def seconds_between(before: Tally, after: Tally) -> float:
    """Return the seconds between two looks; NoData where they are one, or where the clock was set between them."""
    told = after.at - before.at
    seconds = told if before.clock is None or after.clock is None else after.clock - before.clock
    if told <= 0 or seconds <= 0:
        raise NoData("there is no time between the two looks, or the clock was set back between them")
    if abs(told - seconds) > JUMP:
        raise NoData(f"the clock was set by {spoken(round(abs(told - seconds), 1))} between the two looks")
    return seconds


def began_anew(name: str, before: Tally, after: Tally) -> bool:
    """Whether the process of a counter began between two looks; NoData where its values cannot be explained."""
    first, then = before.started, after.started
    fell = after.value < before.value
    change = f"{name} fell from {before.value:g} to {after.value:g}"
    if first is None or then is None:
        if fell:
            raise NoData(f"{change}, and the page does not say whether its process began anew")
        return False
    if then == first and fell:
        raise NoData(f"{change} without a restart")
    if then < first - (0 if fell else JITTER):
        raise NoData(f"two processes answer in turn: the start of the process went back from {first:.3f} to {then:.3f}")
    if not fell and then - first <= JITTER:
        return False
    if not before.at - SKEW <= then <= after.at + SKEW:
        raise NoData(f"another process answered: it began at {then:.3f}, which is not between the looks")
    return True


def increase(name: str, before: Tally, after: Tally) -> tuple[float, bool]:
    """Return by how much a counter grew between two looks, and whether its process began anew; NoData as above."""
    seconds = seconds_between(before, after)
    if before.told is not None and before.told == after.told and seconds >= KEPT_FOR:
        raise NoData("both looks got the same answer, of the same moment: something on the way keeps it")
    anew = began_anew(name, before, after)
    if after.series < before.series and not anew:
        raise NoData(f"{before.series - after.series} of the series of {name} are gone without a restart")
    return (after.value if anew else after.value - before.value), anew


def chosen(own: Sequence[Tally], earlier: Sequence[Tally], window: float) -> list[Tally]:
    """Return the looks a counter is followed through, the oldest first: from the one that best spans `window` seconds.

    `own` are those of this run, `earlier` those of others, each the oldest first. Where none spans it, those there are.
    Looks of this run count however far apart they are, where no later ones span it: the machine may have been too busy
    to take them in time. Of two that were under way at the same time nobody knows which came first: one of them counts.
    """
    newest = own[-1]
    kept = [newest]
    begun = own[0].at - own[0].took
    before = [tally for tally in earlier if newest.at - tally.at <= window * LONGEST and tally.at < begun]
    for tally in reversed([*before, *own[:-1]]):
        near, spanned = newest.at - tally.at <= window * LONGEST, newest.at - kept[-1].at >= window * SHORTEST
        if tally.at < kept[-1].at - kept[-1].took and (near or not spanned):
            kept.append(tally)
    spanning = [tally for tally in kept if newest.at - tally.at >= window * SHORTEST]
    if spanning:
        best = min(spanning, key=lambda tally: abs(newest.at - tally.at - window))
        kept = [tally for tally in kept if tally.at >= best.at]
    return kept[::-1]


def fallen(name: str, looks: Sequence[Tally]) -> list[str]:
    """Return in words where a counter fell from one of these looks to the next although its process went on."""
    found = []
    for before, after in pairwise(looks):
        seconds_between(before, after)
        unknown = before.started is None or after.started is None
        if after.value < before.value and (unknown or before.started == after.started):
            ago = looks[-1].at - after.at
            words = f"{name} fell from {before.value:g} to {after.value:g}"
            found.append(f"{words}, {spoken(round(ago, 1))} ago" if ago >= 0.05 else words)
    return found


def grown(name: str, looks: Sequence[Tally], window: float, scale: float = 1.0) -> Growth:
    """Return the growth of a counter through these looks, the oldest first; NoData where any step cannot be told.

    `window` is what was asked for, in seconds of production, of which `scale` pass in one of this clock.
    """
    if len(looks) < 2:
        raise NoData(f"there is one look at {name} and none to compare it with")
    newest = looks[-1]
    total, restarted, seconds = 0.0, False, 0.0
    for before, after in pairwise(looks):
        try:
            more, anew = increase(name, before, after)
        except NoData as nothing:
            ago = newest.at - after.at
            raise NoData(f"{nothing}, {spoken(round(ago, 1))} ago" if ago >= 0.05 else str(nothing)) from None
        total += more
        restarted = restarted or anew
        seconds += seconds_between(before, after)
    return Growth(total, seconds, restarted, window, scale)
