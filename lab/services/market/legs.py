"""The ways a price reaches readers (client stream, Redis, API), and how faults bend one of them."""

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from lab.services.market.prices import Prices, Quote
from lab.universe import SYMBOLS

LegName = Literal["ws", "redis", "api"]
LONGEST_DELAY_S: Final = 60.0
GRAIN_S: Final = 0.05


class Past:
    """What each symbol's price was at any moment of the last minute."""

    def __init__(self) -> None:
        self._quotes: dict[str, deque[Quote]] = {symbol: deque() for symbol in SYMBOLS}

    def keep(self, quote: Quote) -> None:
        """Remember a quote that has just arrived."""
        kept = self._quotes[quote.symbol]
        if kept and quote.received - kept[-1].received < GRAIN_S:
            return
        kept.append(quote)
        while len(kept) > 1 and kept[1].received < quote.received - LONGEST_DELAY_S:
            kept.popleft()

    def at(self, symbol: str, ago_s: float) -> Quote | None:
        """Quote that was the newest `ago_s` seconds ago, else the oldest there is."""
        moment = time.monotonic() - ago_s
        kept = self._quotes[symbol]
        return next((quote for quote in reversed(kept) if quote.received <= moment), kept[0] if kept else None)

    def known_for_s(self, symbols: Iterable[str]) -> float:
        """Seconds that the prices of all of some symbols reach back."""
        moment = time.monotonic()
        oldest = [self._quotes[symbol][0].received if self._quotes[symbol] else moment for symbol in symbols]
        return moment - max(oldest, default=moment)

    def between(self, symbol: str, after: float, until: float) -> list[Quote]:
        """Quotes that arrived after one moment and not after another (of our monotonic clock), oldest first."""
        return [quote for quote in self._quotes[symbol] if after < quote.received <= until]


@dataclass(frozen=True, eq=False)
class Skew:
    """Prices of some symbols moved by basis points."""

    symbols: frozenset[str]
    bps: float


@dataclass(frozen=True, eq=False)
class Delay:
    """Prices of some symbols served as they were seconds ago."""

    symbols: frozenset[str]
    seconds: float


@dataclass(frozen=True, eq=False)
class Swap:
    """Two symbols, each served with the other's prices."""

    symbols: tuple[str, str]

    def source(self, symbol: str) -> str:
        """Symbol whose prices `symbol` is served with."""
        one, other = self.symbols
        return {one: other, other: one}.get(symbol, symbol)


Bend = Skew | Delay | Swap


@dataclass(eq=False)
class Leg:
    """One way a price reaches readers."""

    name: LegName
    prices: Prices
    past: Past
    bends: list[Bend] = field(default_factory=list)
    """What faults do to the prices on this leg."""
    _told: dict[str, float] = field(default_factory=dict)
    """Moment up to which late symbols were streamed."""

    def shown(self, symbol: str) -> Quote | None:
        """Quote that readers on this leg get for a symbol now."""
        source, delay_s = self._source(symbol), self._delay_s(symbol)
        quote = self.past.at(source, delay_s) if delay_s else self.prices.newest.get(source)
        return quote and self._dressed(quote, symbol)

    def carried(self, arrived: Quote) -> list[Quote]:
        """Quotes to hand on along this leg because `arrived` did: just that one, unless faults bend the leg."""
        if not self.bends:
            return [arrived]
        return [quote for symbol in self._fed_by(arrived.symbol) if (quote := self.shown(symbol))]

    def streamed(self, arrived: Quote) -> list[Quote]:
        """Like `carried`, where every quote counts: late symbols get all those that are due by now, each once."""
        if not self.bends:
            self._told.clear()
            return [arrived]
        late = {symbol: delay_s for symbol in SYMBOLS if (delay_s := self._delay_s(symbol))}
        due = [quote for symbol in self._fed_by(arrived.symbol) - late.keys() if (quote := self.shown(symbol))]
        moment = time.monotonic()
        self._told = {symbol: self._told.get(symbol, moment - delay_s) for symbol, delay_s in late.items()}
        for symbol, delay_s in late.items():
            quotes = self.past.between(self._source(symbol), self._told[symbol], moment - delay_s)
            due += [self._dressed(quote, symbol) for quote in quotes]
            self._told[symbol] = moment - delay_s
        return due

    def _source(self, symbol: str) -> str:
        for bend in self.bends:
            if isinstance(bend, Swap):
                symbol = bend.source(symbol)
        return symbol

    def _fed_by(self, source: str) -> set[str]:
        swapped = {symbol for bend in self.bends if isinstance(bend, Swap) for symbol in bend.symbols}
        return {symbol for symbol in {source, *swapped} if self._source(symbol) == source}

    def _delay_s(self, symbol: str) -> float:
        return sum(bend.seconds for bend in self.bends if isinstance(bend, Delay) and symbol in bend.symbols)

    def _dressed(self, quote: Quote, symbol: str) -> Quote:
        if quote.symbol != symbol:
            quote = replace(quote, symbol=symbol)
        for bend in self.bends:
            if isinstance(bend, Skew) and symbol in bend.symbols:
                quote = quote.skewed(bend.bps)
        return quote
