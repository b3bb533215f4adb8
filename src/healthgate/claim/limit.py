"""What a healthy value looks like: one value that judges a reading, prints itself and can be overridden.

A limit has up to four tiers. `objective` is what good looks like; `expected` is a benchmark that is only
shown; `warning` and `critical` are alert lines. They are judged critical first, then warning, then the
objective, strictly as written: a value on an edge that no tier claims has *missed* its objective.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

from healthgate import duration
from healthgate.claim.state import CRITICAL, WARNING, State
from healthgate.duration import spoken
from healthgate.printable import finite, shown

USUAL: Final = "usual"
"""The floor of a unit that names none."""


@dataclass(frozen=True)
class Unit:
    """A unit of measurement. `floor` is the lowest possible value; below it a reading is nonsense (None: no floor).

    Where none is named it is 0 for limits that too much crosses, and none for those that too little crosses: there are
    never -3 errors, but a certificate that expired three days ago has -3 days left.
    """

    symbol: str
    floor: float | Literal["usual"] | None = USUAL

    def __str__(self) -> str:
        return self.symbol

    def after(self, value: object) -> str:
        """Return `value` with this unit; a unit that is a plural word loses its s after 1."""
        singular = value == 1 and len(self.symbol) > 2 and self.symbol.isalpha()
        symbol = self.symbol.removesuffix("s") if singular else self.symbol
        return f"{shown(value)} {symbol}".rstrip()


percent = Unit("%", floor=0)
ms = Unit("ms")
seconds = Unit("s")
megabytes = Unit("MB", floor=0)
bare = Unit("", floor=None)

Scalar: TypeAlias = float | int | str | bool | tuple[Any, ...]

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda value, allowed: value in allowed,
    "not in": lambda value, allowed: value not in allowed,
    "between": lambda value, edges: edges[0] <= value <= edges[1],
    "outside": lambda value, edges: value < edges[0] or value > edges[1],
}
SPOKEN = {
    "<": "below {}",
    "<=": "at most {}",
    ">": "above {}",
    ">=": "at least {}",
    "==": "{}",
    "!=": "other than {}",
    "in": "one of {}",
    "not in": "none of {}",
    "between": "between {}",
    "outside": "outside {}",
}
UPWARD, DOWNWARD = frozenset({">", ">="}), frozenset({"<", "<="})
ALERTS = ("warning", "critical")


@dataclass(frozen=True)
class Tier:
    """One line of a limit: the values on its far side belong to it.

    `sustained` is how long, in seconds, every sample must lie there before the tier is reached; `samples`
    is how many samples in a row must. Zero and one mean at once. `rises` is in how many windows of `each` seconds, one
    after the other, the value must have risen, and `by` how many times what it was before the first of them.
    """

    op: str
    value: Scalar
    sustained: float = 0.0
    samples: int = 1
    rises: int = 0
    each: float = 0.0
    by: float = 1.0

    def __post_init__(self) -> None:
        if self.op not in COMPARE:
            raise ValueError(f"{self.op!r} is not a comparison; use one of {', '.join(COMPARE)}")

    @property
    def needs_window(self) -> bool:
        """Whether one sample is not enough to reach this tier."""
        return self.sustained > 0 or self.samples > 1 or self.rises > 0

    def holds(self, value: object) -> bool:
        """Whether `value` lies on the far side of this line."""
        return COMPARE[self.op](value, self.value)


def at_once(tier: Tier) -> bool:
    """Whether one sample is enough to reach `tier`."""
    return not tier.needs_window


def in_time(tier: Tier) -> bool | None:
    """Return True, of a value that has been there for as long as any line asks for; such a one does not rise."""
    return None if tier.rises else True


@dataclass(frozen=True)
class Lasting:
    """An alert line that is crossed only by what stays beyond it for `seconds`."""

    line: "float | Reaching | Tier"
    seconds: float


def lasting(line: "float | Reaching | Tier", time: str) -> Lasting:
    """`below(80, warning=lasting(100, "5m"))`: above 100 for five minutes warns. ValueError for what is no duration."""
    return Lasting(line, duration.seconds(time))


@dataclass(frozen=True)
class Rising:
    """An alert line that is crossed only by what lies beyond it and rose in `windows` windows of `seconds` each."""

    line: "float | Reaching | Tier"
    windows: int
    seconds: float
    by: float


def rising(line: "float | Reaching | Tier", windows: int, each: str, by: float = 1.0) -> Rising:
    """`at_least(0, warning=rising(over(1), 3, "10m"))`: above 1, and higher at the end of each of three windows.

    The windows follow each other up to now, each of a time of production: what counts is what was seen at their ends,
    strictly. `by=1.5` asks for half as much again since the first began. A rate over ten minutes that rises in two
    such windows has been higher in each of three. ValueError for no window, a factor below 1, or what is no duration.
    """
    if windows < 1 or by < 1 or duration.seconds(each) <= 0:
        raise ValueError("a trend needs a window at least, longer than nothing, and a factor of 1 or more")
    return Rising(line, windows, duration.seconds(each), by)


@dataclass(frozen=True)
class Reaching:
    """An alert line that its own value already crosses, before the limit it stands in gives it a direction."""

    value: float


def reaching(value: float) -> Reaching:
    """`below(40, warning=reaching(40))`: 40 itself already warns; a plain 40 would warn above 40 only."""
    return Reaching(value)


def exactly(value: Scalar) -> Tier:
    """An alert line at one value only: `above(0, symbols, critical=exactly(0))`."""
    return Tier("==", value)


def over(value: float) -> Tier:
    """An alert line above `value`, for limits whose objective gives no direction."""
    return Tier(">", value)


Line: TypeAlias = float | Reaching | Tier | Lasting | Rising | None


@dataclass(frozen=True)
class Limit:
    """The tiers a reading is judged by, and its unit."""

    objective: Tier
    unit: Unit = bare
    expected: Tier | None = None
    warning: Tier | None = None
    critical: Tier | None = None

    def __post_init__(self) -> None:
        if problem := self.inversion():
            raise ValueError(problem)

    @property
    def severity(self) -> str:
        """The worst this limit can say: critical, warning or objective. Missing data is routed with it."""
        return "critical" if self.critical else "warning" if self.warning else "objective"

    @property
    def worst(self) -> State:
        """The worst state this limit can give."""
        return State.CRITICAL if self.critical else State.WARNING if self.warning else State.MISSED

    @property
    def mildest(self) -> State:
        """The state of the first alert line, or missed where there is none."""
        return State.WARNING if self.warning else self.worst

    @property
    def floor(self) -> float | None:
        """The lowest reading that can be: the unit's; by default 0, and any where too little is the worst there is."""
        if self.unit.floor != USUAL:
            return self.unit.floor
        worst = self.critical or self.warning
        too_little = self.objective.op in UPWARD and (worst is None or worst.op in DOWNWARD)
        return None if too_little else 0.0

    @property
    def windowed(self) -> bool:
        """Whether one sample is not always enough to judge by this limit."""
        return any(tier is not None and tier.needs_window for tier in (self.warning, self.critical))

    def judge(self, value: object, reached: Callable[[Tier], bool | None] = at_once) -> State:
        """Return the state of `value`; `reached` says whether a line that it crosses was crossed for long enough.

        None means that it is known not to be: what is seen by now settles it.
        A value that is missing, not finite, of the wrong type or below its unit's floor is UNKNOWN.
        """
        if self.malformed(value) is not None:
            return State.UNKNOWN
        waiting = False
        for tier, state in ((self.critical, State.CRITICAL), (self.warning, State.WARNING)):
            if tier is None or not tier.holds(value):
                continue
            known = reached(tier)
            if known:
                return state
            waiting = waiting or known is False
        if waiting:
            return State.PENDING
        return State.OK if self.objective.holds(value) else State.MISSED

    def malformed(self, value: object) -> str | None:
        """Say in words why `value` cannot be judged by this limit, or None if it can."""
        if value is None:
            return "is missing"
        wanted = self.objective.value[0] if isinstance(self.objective.value, tuple) else self.objective.value
        if isinstance(wanted, bool):
            return None if isinstance(value, bool) else f"is {shown(value)}, not true or false"
        if isinstance(wanted, str):
            return None if isinstance(value, str) else f"is {shown(value)}, not text"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"is {shown(value)}, not a number"
        if not finite(value):
            return f"is {shown(value)}, not a finite number"
        if self.floor is not None and value < self.floor:
            return f"is {self.speak(value)}, which cannot be (lowest possible: {self.speak(self.floor)})"
        return None

    def inversion(self) -> str | None:
        """Say which two tiers contradict each other, or None; a trend may be told wherever it begins."""
        worse = self._worse()
        lines = [
            (name, tier.value)
            for name, tier in self.tiers().items()
            if isinstance(tier.value, int | float)
            and (tier.op in worse) is (name in ALERTS)
            and tier.op in UPWARD | DOWNWARD
            and not tier.rises
        ]
        for (inner, near), (outer, far) in pairwise(lines):
            wrong = far < near if worse is UPWARD else far > near
            if wrong:
                side = "above" if worse is UPWARD else "below"
                return f"{outer} {far:g} lies on the healthy side of {inner} {near:g}; put it {side}"
        return None

    def _worse(self) -> frozenset[str]:
        """Return the comparisons that point where it gets worse: the way from the first line that has a direction."""
        for name, tier in self.tiers().items():
            if tier.op in UPWARD | DOWNWARD:
                return UPWARD if (tier.op in UPWARD) is (name in ALERTS) else DOWNWARD
        return frozenset()

    def moved(self, values: Mapping[str, float]) -> "Limit":
        """Return this limit with the tiers named in `values` at other values; ValueError says what is wrong."""
        changes = {}
        for name, value in values.items():
            tier: Tier | None = getattr(self, name)
            if tier is None:
                raise ValueError(f"this check has no {name} line; it has {', '.join(self.tiers())}")
            if isinstance(tier.value, bool) or not isinstance(tier.value, int | float):
                raise ValueError(f"the {name} line of this check is not a number and cannot be moved")  # noqa: TRY004
            changes[name] = replace(tier, value=value)
        return replace(self, **changes)  # type: ignore[arg-type]

    def tiers(self) -> dict[str, Tier]:
        """Return the tiers there are, by name."""
        named = {
            "expected": self.expected,
            "objective": self.objective,
            "warning": self.warning,
            "critical": self.critical,
        }
        return {name: tier for name, tier in named.items() if tier is not None}

    def speak(self, value: object) -> str:
        """Return `value` with its unit, as in '85.2 %'."""
        return shown(value) if isinstance(value, str | bool) else self.unit.after(value)

    def say(self, tier: Tier) -> str:
        """Return one tier in words, as in 'above 90 %' or 'above 100 % for 5 m'."""
        values = tier.value if isinstance(tier.value, tuple) else (tier.value,)
        glue = " and " if tier.op in {"between", "outside"} else ", "
        words = SPOKEN[tier.op].format(glue.join(self.speak(value) for value in values))
        if tier.sustained:
            words += f" for {spoken(tier.sustained)}"
        if tier.samples > 1:
            words += f" in {tier.samples} samples in a row"
        if tier.rises:
            several = f"each of {tier.rises} windows" if tier.rises > 1 else "a window"
            words += f" and rising in {several} of {spoken(tier.each)}"
        if tier.by > 1:
            words += f", to {tier.by:g} times what it was"
        return words

    def __str__(self) -> str:
        return self._told

    @cached_property
    def _told(self) -> str:
        lines = [self.say(self.objective)]
        for name, tier in (("warning", self.warning), ("critical", self.critical)):
            if tier is not None and (tier.needs_window or not isinstance(tier.value, bool)):
                lines.append(f"{name} {self.say(tier)}")
        return ", ".join(lines)


def _line(written: Line, beyond: str, reaches: str) -> Tier | None:
    if written is None or isinstance(written, Tier):
        return written
    if isinstance(written, Lasting):
        line = _line(written.line, beyond, reaches)
        return replace(line, sustained=written.seconds) if line else None
    if isinstance(written, Rising):
        line = _line(written.line, beyond, reaches)
        return replace(line, rises=written.windows, each=written.seconds, by=written.by) if line else None
    if isinstance(written, Reaching):
        return Tier(reaches, written.value)
    return Tier(beyond, written)


def _numeric(op: str, value: float, unit: Unit, warning: Line, critical: Line, expected: float | None) -> Limit:
    beyond, reaches = (">", ">=") if op in DOWNWARD else ("<", "<=")
    return Limit(
        objective=Tier(op, value),
        unit=unit,
        expected=None if expected is None else Tier(op, expected),
        warning=_line(warning, beyond, reaches),
        critical=_line(critical, beyond, reaches),
    )


def below(
    value: float, unit: Unit = bare, *, warning: Line = None, critical: Line = None, expected: float | None = None
) -> Limit:
    """Healthy strictly below `value`. A plain number for an alert line means *above* that number."""
    return _numeric("<", value, unit, warning, critical, expected)


def at_most(
    value: float, unit: Unit = bare, *, warning: Line = None, critical: Line = None, expected: float | None = None
) -> Limit:
    """Healthy at `value` or below. A plain number for an alert line means *above* that number."""
    return _numeric("<=", value, unit, warning, critical, expected)


def above(
    value: float, unit: Unit = bare, *, warning: Line = None, critical: Line = None, expected: float | None = None
) -> Limit:
    """Healthy strictly above `value`. A plain number for an alert line means *below* that number."""
    return _numeric(">", value, unit, warning, critical, expected)


def at_least(
    value: float, unit: Unit = bare, *, warning: Line = None, critical: Line = None, expected: float | None = None
) -> Limit:
    """Healthy at `value` or above. A plain number for an alert line means *below* that number."""
    return _numeric(">=", value, unit, warning, critical, expected)


def between(
    least: float,
    most: float,
    unit: Unit = bare,
    *,
    otherwise: State = CRITICAL,
) -> Limit:
    """Healthy from `least` to `most`, both included; anything else is what `otherwise` says, WARNING or CRITICAL.

    ValueError where `otherwise` is another state, or `most` is below `least`.
    """
    if otherwise not in {WARNING, CRITICAL}:
        raise ValueError(f"otherwise is {otherwise}; expected WARNING or CRITICAL")
    if most < least:
        raise ValueError(f"between {least:g} and {most:g} there is nothing; give the lower edge first")
    outside = Tier("outside", (least, most))
    lines = (outside, None) if otherwise is WARNING else (None, outside)
    return Limit(Tier("between", (least, most)), unit, None, *lines)


def none(unit: Unit, *, warning: Line = None, critical: Line = None) -> Limit:
    """Healthy at exactly zero. A plain number for an alert line means *above* that number."""
    return Limit(Tier("==", 0), unit, None, _line(warning, ">", ">="), _line(critical, ">", ">="))


def equals(
    value: Scalar,
    unit: Unit = bare,
    *,
    otherwise: State | None = None,
    warning: Tier | Lasting | None = None,
    critical: Tier | Lasting | None = None,
) -> Limit:
    """Healthy at exactly `value` (text, number or truth).

    Anything else is what `otherwise` says, WARNING or CRITICAL; critical where neither that nor a line is given. A
    plain number in `lasting` means other than that number. ValueError where `otherwise` is another state, or stands
    beside a line.
    """
    if otherwise is None and warning is None and critical is None:
        otherwise, other = CRITICAL, Tier("!=", value)
    else:
        other = exactly(not value) if isinstance(value, bool) else Tier("!=", value)
    if otherwise is not None:
        if otherwise not in {WARNING, CRITICAL}:
            raise ValueError(f"otherwise is {otherwise}; expected WARNING or CRITICAL")
        if warning is not None or critical is not None:
            raise ValueError("give `otherwise` for anything else, or lines of your own, not both")
        warning, critical = (other, None) if otherwise is WARNING else (None, other)
    return Limit(Tier("==", value), unit, None, _line(warning, "!=", "=="), _line(critical, "!=", "=="))
