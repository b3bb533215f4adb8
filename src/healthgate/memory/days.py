"""Days of the history that are over: what each check's values lay between, and where they are going.

They are summed up once, some checks a run, so that a run that wants to know reads one row a check and no looks.
"""

import sqlite3
from collections.abc import Mapping

from healthgate.judge.growth import DAY, WITHIN, Day, Growth, Straight, day_of, growth
from healthgate.memory import packs

LATE = 3600.0
"""Seconds after its end for which a day is kept open for runs that come late."""

AT_ONCE = 3_000
"""Looks that one run reads to close days with, at most; the next run goes on."""

DAYS = 35
"""Days that are kept."""

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS day (
        series INTEGER NOT NULL, number INTEGER NOT NULL, hours INTEGER NOT NULL,
        least REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, most REAL NOT NULL,
        PRIMARY KEY (series, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS growth (
        series INTEGER PRIMARY KEY, closed INTEGER NOT NULL, last INTEGER, days INTEGER,
        low REAL, low_a_day REAL, high REAL, high_a_day REAL
    )
    """,
    """
    CREATE TRIGGER IF NOT EXISTS days_without_series AFTER DELETE ON series
    BEGIN DELETE FROM day WHERE series = old.number; DELETE FROM growth WHERE series = old.number; END
    """,
)
"""`growth` says up to which day a check is done; `last` is NULL where its values are not known to go anywhere."""


def growths(connection: sqlite3.Connection, environment: str) -> Mapping[str, Growth]:
    """Return where the values of checks were going when their last day was over, by check id."""
    rows = connection.execute(
        'SELECT "check", days, growth.low, low_a_day, growth.high, high_a_day, '
        "day.number, hours, least, day.low, day.high, most "
        "FROM series JOIN growth ON growth.series = series.number "
        "JOIN day ON day.series = series.number AND day.number = growth.last "
        "WHERE environment = ?",
        (environment,),
    )
    return {
        check: Growth(
            days,
            Day(number, hours, least, p5, p95, most),
            None if low is None else Straight(low, low_a_day),
            None if high is None else Straight(high, high_a_day),
        )
        for check, days, low, low_a_day, high, high_a_day, number, hours, least, p5, p95, most in rows
    }


def close(connection: sqlite3.Connection, now: float) -> None:
    """Close the days that are over `now`, of as many checks as one run may."""
    last = int((now - LATE) // DAY) - 1
    todo = connection.execute(
        "SELECT number, closed FROM series LEFT JOIN growth ON growth.series = number "
        "WHERE closed IS NULL OR closed < ? ORDER BY closed",
        (last,),
    ).fetchall()
    left = AT_ONCE
    for series, closed in todo:
        if left <= 0:
            return
        left -= _close(connection, series, closed, last)


def _close(connection: sqlite3.Connection, series: int, closed: int | None, last: int) -> int:
    """Close the days of a check up to `last`; return how many looks that took."""
    first = last + 1 - WITHIN if closed is None else max(closed + 1, last + 1 - WITHIN)
    course = packs.looks(connection, series, first * DAY, (last + 1) * DAY)
    several: dict[int, list[tuple[float, float]]] = {}
    for at, value in zip(course.at, course.values, strict=True):
        if value is not None:
            several.setdefault(int(at // DAY), []).append((at, value))
    for number, pairs in several.items():
        day = day_of(number, [at for at, _ in pairs], [value for _, value in pairs])
        connection.execute(
            "INSERT OR REPLACE INTO day VALUES (?, ?, ?, ?, ?, ?, ?)",
            (series, day.number, day.hours, day.least, day.low, day.high, day.most),
        )
    connection.execute("DELETE FROM day WHERE series = ? AND number <= ?", (series, last - DAYS))
    rows = connection.execute(
        "SELECT number, hours, least, low, high, most FROM day WHERE series = ? ORDER BY number", (series,)
    )
    days = [Day(*row) for row in rows]
    found = growth(days) if days else None
    low, high = (found.low, found.high) if found else (None, None)
    connection.execute(
        "INSERT OR REPLACE INTO growth VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (series, last, found and found.last.number, found and found.days, low and low.level, low and low.per_day,
         high and high.level, high and high.per_day),
    )  # fmt: skip
    return len(course.at) + 50
