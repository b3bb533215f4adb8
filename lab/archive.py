"""What a well rotated installation has left in the log folder by the time the lab starts."""

import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from lab.clock import iso

Kind = Literal["detail", "summary", "streams"]
DAY_S: Final = 86400.0
INSTALLED_DAYS_AGO: Final = 40
OLDEST_AGE_S: Final[dict[Kind, float]] = {"detail": 7.5 * DAY_S, "summary": 30.5 * DAY_S, "streams": 30.5 * DAY_S}
"""Seconds since the last line of the oldest file kept of each kind."""
LINES: Final[dict[Kind, int]] = {"detail": 48, "summary": 24, "streams": 24}
NAMES: Final[dict[Kind, str]] = {
    "detail": "market.log.{day}",
    "summary": "summary-{day}.log",
    "streams": "sse.log.{day}",
}
PATTERNS: Final[dict[Kind, str]] = {"detail": "market.log.*", "summary": "summary-*.log", "streams": "sse.log.*"}


def installed_on(moment: float) -> str:
    """Day (YYYY-MM-DD) since when the installation writes logs, for a lab started at `moment`."""
    return _day(moment - INSTALLED_DAYS_AGO * DAY_S).isoformat()


def write(folder: Path, moment: float, rng: random.Random) -> None:
    """Write the logs rotated and archived before `moment` (seconds since 1970).

    A file is closed every 24 hours, counted from the oldest, so that the age of each is the same whatever time of day
    the lab starts at.
    """
    for kind, age_s in OLDEST_AGE_S.items():
        lines = WRITERS[kind](rng)
        step = DAY_S / LINES[kind]
        for end in (moment - days * DAY_S for days in _days_back(age_s)):
            text = "".join(f"{iso(end - step * back)} {next(lines)}\n" for back in reversed(range(LINES[kind])))
            path = folder / NAMES[kind].format(day=_day(end).isoformat())
            path.write_text(text, "utf-8")
            os.utime(path, (end, end))


def files(folder: Path, kind: Kind, older_than: float) -> list[Path]:
    """Files of one kind last written before `older_than` (seconds since 1970)."""
    return [path for path in sorted(folder.glob(PATTERNS[kind])) if path.stat().st_mtime < older_than]


def _days_back(oldest_s: float) -> Iterator[float]:
    days = oldest_s / DAY_S
    while days > 0:
        yield days
        days -= 1


def _day(moment: float) -> date:
    return datetime.fromtimestamp(moment, UTC).date()


def _detail(rng: random.Random) -> Iterator[str]:
    received = {"binary": rng.randrange(10**6), "json": rng.randrange(10**6)}
    while True:
        yield "INFO health - 💊 Health Check - Redis: ✅ | WebSocket: ✅ | Freshness: 100.0%"
        for listener in ("binary", "json"):
            received[listener] += rng.randrange(100_000, 150_000)
            yield f"INFO listener.{listener} - 📈 Received {received[listener]:,} messages, connection stable"


def _summary(rng: random.Random) -> Iterator[str]:
    while True:
        messages, errors = rng.randrange(520_000, 560_000), rng.randrange(90)
        yield f"INFO summary - {messages:,} messages in one hour, {errors} undecodable, 50 of 50 symbols fresh"


def _streams(rng: random.Random) -> Iterator[str]:
    while True:
        cleaned, left, took_ms = rng.randrange(6), rng.randrange(70, 90), rng.uniform(2, 12)
        yield (
            f"INFO sse.cleanup - SSE cleanup completed: cleaned={cleaned}, failed=0, total_before={left + cleaned}, "
            f"total_after={left}, duration_ms={took_ms:.2f}, efficiency=100.0%, batch_size=10, threshold_seconds=300, "
            f"stale_connections={cleaned}, active_connections={left}, long_lived_connections={rng.randrange(20, 26)}"
        )


WRITERS: Final[dict[Kind, Callable[[random.Random], Iterator[str]]]] = {
    "detail": _detail,
    "summary": _summary,
    "streams": _streams,
}
