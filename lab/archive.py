"""What a well rotated installation has left in the log folder by the time the lab starts."""

import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal

from lab.clock import iso

Kind = Literal["detail", "summary"]
DAY_S: Final = 86400.0
INSTALLED_DAYS_AGO: Final = 40
OLDEST_AGE_S: Final[dict[Kind, float]] = {"detail": 7.5 * DAY_S, "summary": 30.5 * DAY_S}
"""Seconds since the last line of the oldest file kept of each kind."""
LINES: Final[dict[Kind, int]] = {"detail": 48, "summary": 24}
NAMES: Final[dict[Kind, str]] = {"detail": "market.log.{day}", "summary": "summary-{day}.log"}
PATTERNS: Final[dict[Kind, str]] = {"detail": "market.log.*", "summary": "summary-*.log"}


def installed_on(moment: float) -> str:
    """Day (YYYY-MM-DD) since when the installation writes logs, for a lab started at `moment`."""
    return _day(moment - INSTALLED_DAYS_AGO * DAY_S).isoformat()


def write(folder: Path, moment: float, rng: random.Random) -> None:
    """Write the rotated and archived logs of the days before `moment` (seconds since 1970)."""
    for kind, age_s in OLDEST_AGE_S.items():
        first_end = moment - age_s
        day = _day(first_end)
        lines = _detail(rng) if kind == "detail" else _summary(rng)
        while day < _day(moment):
            begin = datetime.combine(day, time(), UTC).timestamp()
            # The oldest file ends where the span that is kept begins, the others with their day.
            end = first_end if day == _day(first_end) else begin + DAY_S - 1
            step = (end - begin) / LINES[kind]
            text = "".join(f"{iso(begin + step * number)} {next(lines)}\n" for number in range(1, LINES[kind] + 1))
            path = folder / NAMES[kind].format(day=day.isoformat())
            path.write_text(text, "utf-8")
            os.utime(path, (end, end))
            day += timedelta(days=1)


def files(folder: Path, kind: Kind, older_than: float) -> list[Path]:
    """Files of one kind last written before `older_than` (seconds since 1970)."""
    return [path for path in sorted(folder.glob(PATTERNS[kind])) if path.stat().st_mtime < older_than]


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
