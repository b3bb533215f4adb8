"""Looks that are no longer among the newest of a check: packed some hundred at a time, as they were.

A look is in the table of looks or in one pack, never in both, so that nothing is lost or counted twice. Moments are
kept to a tenth of a second and values to nine digits: with those, a line or a window is judged as it was then.
"""

import json
import sqlite3
import zlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import itemgetter

from healthgate.claim.state import State
from healthgate.judge.past import Course

PACKED_FOR = 28 * 86400.0
"""Seconds after which packed looks are dropped, where the bound of the file does not ask for it earlier."""

DIGITS = 9
"""Digits of a value that are kept: enough to tell it from any line that people write."""

STATES = tuple(State)
"""States by the number they are kept as: only ever appended to."""

BY_NUMBER: Mapping[object, State] = dict(enumerate(STATES))

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS pack (
        number INTEGER PRIMARY KEY, series INTEGER NOT NULL, "first" REAL NOT NULL, "last" REAL NOT NULL,
        looks INTEGER NOT NULL, content BLOB NOT NULL
    )
    """,
    'CREATE INDEX IF NOT EXISTS pack_in_time ON pack (series, "last")',
    """
    CREATE TRIGGER IF NOT EXISTS pack_without_series AFTER DELETE ON series
    BEGIN DELETE FROM pack WHERE series = old.number; END
    """,
)
"""The trigger keeps packs of a check that is forgotten from becoming those of another one with its number."""

Row = tuple[float, int, float | None]
"""A look as it is kept: when, the number of its state, its value."""


def state_of(number: object) -> State:
    """Return the state that is kept as `number`; sqlite3.DatabaseError where there is none."""
    try:
        return BY_NUMBER[number]
    except (KeyError, TypeError):
        raise sqlite3.DatabaseError("malformed: a state that there is not") from None


def pack(connection: sqlite3.Connection, series: int, many: int, now: float) -> None:
    """Pack the oldest looks of a check, `many` of them, and drop its packs that are too old `now`."""
    rows: list[Row] = connection.execute(
        "SELECT at, state, value FROM look WHERE series = ? ORDER BY at LIMIT ?", (series, many)
    ).fetchall()
    if not rows:
        return
    connection.execute(
        'INSERT INTO pack (series, "first", "last", looks, content) VALUES (?, ?, ?, ?, ?)',
        (series, rows[0][0], rows[-1][0], len(rows), packed(rows)),
    )
    connection.execute("DELETE FROM look WHERE series = ? AND at <= ?", (series, rows[-1][0]))
    connection.execute('DELETE FROM pack WHERE series = ? AND "last" < ?', (series, now - PACKED_FOR))


def drop_oldest(connection: sqlite3.Connection) -> bool:
    """Drop the oldest packs, one of twenty of all checks; return whether there were any."""
    (many,) = connection.execute("SELECT count(*) FROM pack").fetchone()
    connection.execute(
        'DELETE FROM pack WHERE number IN (SELECT number FROM pack ORDER BY "last" LIMIT ?)', (-(-many // 20),)
    )
    return bool(many)


def packed(rows: Sequence[Row]) -> bytes:
    """Return looks, the oldest first, as the content of a pack."""
    tenths = [round((at - rows[0][0]) * 10) for at, _, _ in rows]
    steps = [after - before for before, after in pairwise(tenths)]
    values = [None if value is None else float(f"{value:.{DIGITS}g}") for _, _, value in rows]
    content = [steps, [state for _, state, _ in rows], values]
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode())


def unpacked(first: float, content: bytes) -> list[Row]:
    """Return the looks of a pack whose first is of `first`; sqlite3.DatabaseError where it holds something else."""
    try:
        steps, states, values = json.loads(zlib.decompress(content))
        moments, tenths = [first], 0
        for step in steps:
            tenths += step
            moments.append(first + tenths / 10)
        return list(zip(moments, states, values, strict=True))
    except (zlib.error, ValueError, TypeError) as error:
        raise sqlite3.DatabaseError(f"malformed: packed looks that cannot be read ({error})") from None


def looks(connection: sqlite3.Connection, series: int, since: float, until: float) -> Course:
    """Return the looks at a check from `since` to before `until`, packed or not, the oldest first."""
    several = connection.execute(
        'SELECT "first", content FROM pack WHERE series = ? AND "last" >= ? AND "first" < ? ORDER BY "last"',
        (series, since, until),
    )
    pieces = [unpacked(first, content) for first, content in several]
    pieces.append(
        connection.execute(
            "SELECT at, state, value FROM look WHERE series = ? AND at >= ? AND at < ? ORDER BY at",
            (series, since, until),
        ).fetchall()
    )
    rows = [row for piece in pieces for row in piece]
    filled = [piece for piece in pieces if piece]
    if any(after[0][0] < before[-1][0] for before, after in pairwise(filled)):
        rows.sort(key=itemgetter(0))  # a run that came late brought what is older than the end of a pack
    at = [row[0] for row in rows]
    first, end = bisect_left(at, since), bisect_left(at, until)
    rows = rows[first:end]
    known = {number: state_of(number) for number in {row[1] for row in rows}}
    return Course(at[first:end], [known[row[1]] for row in rows], [row[2] for row in rows])
