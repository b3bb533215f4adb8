"""When the markets are open, and what may be expected of prices while they are not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import combinations
from typing import Any

from healthgate import Amiss, Date, Group, Several, WeekTime, Zone
from healthgate.nearest import hint
from healthgate.week import clock, day_and_clock, moment_at, spoken, zone

FIRST_TICK = 120.0
"""Seconds after an opening within which each symbol has its first tick; until then nothing is expected of it."""

LOOKS_BACK = 15
"""Days for which openings and closings are looked up: longer no market is closed."""

MINUTES_A_WEEK = 7 * 24 * 60


class MarketHours(Group):
    """When the markets are open every week, by the clock of `zone`: from each `open` to the `close` beside it.

    On `holidays`, days of that zone, they are closed from midnight to midnight. The symbols in `always` trade at any
    time.
    """

    zone: Zone
    open: Several[WeekTime]
    close: Several[WeekTime]
    holidays: list[Date] | None = None
    always: list[str] | None = None


@dataclass(frozen=True)
class Hours:
    """The hours of the markets; without `spans` (day and minute of opening and closing) they are always open."""

    zone: tzinfo = UTC
    spans: tuple[tuple[str, str], ...] = ()
    holidays: frozenset[date] = frozenset()
    always: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Hours":
        """Return the hours that a profile gives."""
        return cls(
            zone(given["zone"]),
            tuple(zip(given["open"], given["close"], strict=True)),
            frozenset(date.fromisoformat(day) for day in given.get("holidays") or ()),
            tuple(given.get("always") or ()),
        )

    def quiet(self, at: float, due: float = FIRST_TICK) -> str | None:
        """Say why what does not always trade need have no news at `at`; None where it must.

        It must once the markets have been open for `due` seconds. `at` is in seconds since 1970.
        """
        if not self.spans:
            return None
        changed = self._changed(at)
        if not self._is_open(at):
            return f"markets are closed since {spoken(changed, self.zone)}"
        if at - changed < due:
            return f"markets opened {spoken(changed, self.zone)}, {at - changed:.0f} s before"
        return None

    def trading(self, symbols: Sequence[str], *moments: float) -> list[str]:
        """Return the symbols of which there must be news at all these moments."""
        if all(self.quiet(at) is None for at in moments):
            return list(symbols)
        return [symbol for symbol in symbols if symbol in self.always]

    def judged_on(self, quiet: str) -> str:
        """Say that only what always trades is judged."""
        return f"{quiet}: judged on {len(self.always)} symbols that always trade"

    def _changed(self, at: float) -> float:
        """Return when the markets opened or closed last, before or at `at`."""
        is_open = self._is_open(at)
        since = at
        for edge in sorted(self._edges(at), reverse=True):
            if self._is_open(edge) is not is_open:
                break
            since = edge
            if self._is_open(edge - 1) is not is_open:
                break
        return since

    def _is_open(self, at: float) -> bool:
        today = datetime.fromtimestamp(at, self.zone).date()
        return today not in self.holidays and any(begins <= at < ends for begins, ends in self._sessions(today, 7))

    def _edges(self, at: float) -> Iterator[float]:
        today = datetime.fromtimestamp(at, self.zone).date()
        for session in self._sessions(today, LOOKS_BACK):
            yield from (edge for edge in session if edge <= at)
        for day in self.holidays:
            midnights = (moment_at(one, clock("0:00"), self.zone) for one in (day, day + timedelta(days=1)))
            yield from (edge for edge in midnights if edge <= at and (today - day).days <= LOOKS_BACK)

    def _sessions(self, today: date, back: int) -> Iterator[tuple[float, float]]:
        """Yield when each span opened and closed (or will close) that opened within so many days before `today`."""
        for opens, closes in self.spans:
            (first, begins), (last, ends) = day_and_clock(opens), day_and_clock(closes)
            days = (last - first) % 7 or (7 if ends <= begins else 0)
            for number in range(back + 1):
                day = today - timedelta(days=number)
                if day.weekday() == first:
                    until = moment_at(day + timedelta(days=days), ends, self.zone)
                    yield moment_at(day, begins, self.zone), until


def minute(text: str) -> int:
    """Return the minute of the week that a time of the week begins."""
    day, at = day_and_clock(text)
    return (day * 24 + at.hour) * 60 + at.minute


def amiss(hours: Mapping[str, Any], symbols: Sequence[str] | None) -> Iterator[Amiss]:
    """Yield what is wrong with the hours of a profile, beside the symbols it names (None: not yet known)."""
    opens, closes = hours["open"], hours["close"]
    if len(opens) != len(closes):
        yield Amiss(
            ("market_hours", "close"), f"has {len(closes)}, open has {len(opens)}; expected a close for each open"
        )
        return
    spans = list(zip(opens, closes, strict=True))
    for number, (begins, ends) in enumerate(spans):
        if minute(begins) == minute(ends):
            yield Amiss(("market_hours", "close", number), f"is {ends}, when it opens; expected another time")
    for (_, one), (number, other) in combinations(enumerate(spans), 2):
        if _within(other[0], one) or _within(one[0], other):
            words = f"is {other[0]}: {' to '.join(other)} overlaps with {' to '.join(one)}"
            yield Amiss(("market_hours", "open", number), words)
    for number, symbol in enumerate(hours.get("always") or ()):
        if symbols is not None and symbol not in symbols:
            words = f"has {symbol}, which is none of market.symbols{hint(symbol, symbols)}"
            yield Amiss(("market_hours", "always", number), words)


def _within(at: str, span: tuple[str, str]) -> bool:
    """Whether a time of the week lies in a span, its end left out."""
    begins, ends = map(minute, span)
    return (minute(at) - begins) % MINUTES_A_WEEK < (ends - begins) % MINUTES_A_WEEK
