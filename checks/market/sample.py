"""Which symbols a run compares between stream, Redis and API: those of the profile, or some drawn anew each run."""

from hashlib import sha256
from typing import Any

from checks.market.hours import Hours

SECONDS_EACH = 1.0
"""Seconds of listening for each symbol that is drawn: so many fit, also where an answer takes long."""


def sample(settings: Any) -> tuple[str, ...]:
    """Return the symbols that the run which began at `settings.run_at` compares.

    They are drawn by that moment, so that a kept snapshot is judged on the symbols it was asked for; while markets are
    closed, of those that always trade, if there are any.
    """
    if settings.price_sample:
        return tuple(settings.price_sample)
    hours = Hours.of(settings.market_hours) if settings.market_hours else Hours()
    trading = hours.trading(settings.symbols, settings.run_at)
    return drawn(trading or settings.symbols, int(settings.stream_listen / SECONDS_EACH) or 1, settings.run_at)


def drawn(names: list[str], number: int, lot: float) -> tuple[str, ...]:
    """Return so many of these names at most, each set as likely as any other, and the same ones for the same lot."""
    return tuple(sorted(names, key=lambda name: sha256(f"{lot!r} {name}".encode()).digest())[:number])
