"""What counters were when earlier runs looked, in the history: so that a rate can be told from two runs."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from healthgate.claim.tally import JUMP, Tally

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS counter (
        number INTEGER PRIMARY KEY, environment TEXT NOT NULL, name TEXT NOT NULL,
        seen REAL NOT NULL, looks INTEGER NOT NULL,
        UNIQUE (environment, name)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS tally (
        counter INTEGER NOT NULL, at REAL NOT NULL, value REAL NOT NULL, started REAL, series INTEGER NOT NULL,
        took REAL NOT NULL, told REAL, machine INTEGER NOT NULL, booted REAL,
        PRIMARY KEY (counter, at)
    ) WITHOUT ROWID
    """,
)

MOST_TALLIES = 200
"""Looks at a counter that one run is told of: of more, some between the oldest and the newest are left out."""

DRIFT = 0.001
"""Seconds a second by which the clocks of a machine may drift apart while one of them is being corrected."""


def earlier(
    connection: sqlite3.Connection, environment: str, back: Mapping[str, float]
) -> Mapping[str, Sequence[Tally]]:
    """Return the looks at counters, by what names them, as many seconds back as `back` says, the oldest first.

    Looks of this machine from before its clock was set are left out: their moments are of another clock. What
    cannot be read is not there: whoever writes next will tell why.
    """
    wanted: dict[float, set[str]] = {}
    for name, since in back.items():
        wanted.setdefault(since, set()).add(name)
    found: dict[str, list[Tally]] = {}
    with suppress(sqlite3.Error):
        for since, names in wanted.items():
            _read(connection, found, environment, names, since)
    return {name: _thinned(several) for name, several in found.items()}


def _read(
    connection: sqlite3.Connection, found: dict[str, list[Tally]], environment: str, names: set[str], back: float
) -> None:
    now = time.time()
    booted, machine = now - time.monotonic(), _machine()
    rows = connection.execute(
        "SELECT name, at, value, started, series, took, told, machine, booted FROM counter JOIN tally "
        "ON counter = number AND at BETWEEN ? AND ? WHERE environment = ? ORDER BY number, at",
        (now - back, now, environment),
    )
    for name, at, value, started, series, took, told, where, began in rows:
        same_clock = began is None or where != machine or abs(began - booted) <= JUMP + DRIFT * (now - at)
        if name in names and same_clock:
            found.setdefault(name, []).append(Tally(at, value, started, series, took, told))


def keep(connection: sqlite3.Connection, environment: str, name: str, looks: Sequence[Tally]) -> tuple[int, int]:
    """Add looks at a counter; return its number, and how many looks there are by now."""
    number, kept = connection.execute(
        """
        INSERT INTO counter (environment, name, seen, looks) VALUES (?, ?, ?, ?)
        ON CONFLICT (environment, name) DO UPDATE SET
            seen = max(seen, excluded.seen), looks = looks + excluded.looks
        RETURNING number, looks
        """,
        (environment, name, max(one.at for one in looks), len(looks)),
    ).fetchone()
    machine = _machine()
    connection.executemany(
        "INSERT OR REPLACE INTO tally VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (number, t.at, t.value, t.started, t.series, t.took, t.told, machine,
             None if t.clock is None else t.at - t.clock)
            for t in looks
        ],
    )  # fmt: skip
    return number, kept


def _thinned(looks: list[Tally]) -> list[Tally]:
    """Return no more looks than a run is told of: the oldest, the newest, and some between them."""
    step = -(-len(looks) // MOST_TALLIES)
    return [looks[0], *looks[:0:-step][::-1]]


@lru_cache(maxsize=1)
def _machine() -> int:
    """Return a number for this machine since it was started, whose clocks go together; 0 where it has none."""
    try:
        return int(Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:12], 16)
    except (OSError, ValueError):
        return 0
