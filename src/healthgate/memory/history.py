"""What runs before this one found: one SQLite file that any number of runs may read and write at the same time.

It holds no text from a server: ids, states, numbers and times, and counters under the names that checks give them.
What is wrong with the file never costs a verdict: a file that is no history is set aside under another name and a new
one is begun, and both are said.
"""

import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from healthgate.claim.state import State
from healthgate.claim.tally import Tally
from healthgate.judge.growth import Growth
from healthgate.judge.past import Look, Past
from healthgate.judge.verdict import Verdict
from healthgate.memory import counters, days, packs

SCHEMA = 1

KEPT = 2000
"""Looks at one check or counter in one environment that are kept as they came, the newest."""

SPARE = 200
"""Looks above those that gather before the oldest are packed: one check's in this run, another's in the next."""

LARGEST = 100_000_000
"""Bytes the file may have. Where what is kept would come near, all that has most is kept for a shorter time."""

FULL = 0.9
"""Share of that from which on less is kept: what one run adds fits into the rest."""

LARGEST_JOURNAL = 8_000_000
"""Bytes that are left in the file beside it (-wal) once its content has been taken over."""

FORGOTTEN = 90 * 86400.0
"""Seconds after which a check that no run has seen is forgotten with all its looks."""

WAIT = 10.0
"""Seconds to wait for other runs that are writing."""

SHOWN = 30
"""Looks that are drawn or listed."""

TABLES = (
    """
    CREATE TABLE series (
        number INTEGER PRIMARY KEY, environment TEXT NOT NULL, "check" TEXT NOT NULL,
        state INTEGER NOT NULL, since REAL NOT NULL, seen REAL NOT NULL, looks INTEGER NOT NULL,
        UNIQUE (environment, "check")
    )
    """,
    """
    CREATE TABLE look (
        series INTEGER NOT NULL REFERENCES series (number) ON DELETE CASCADE,
        at REAL NOT NULL, state INTEGER NOT NULL, value REAL,
        PRIMARY KEY (series, at)
    ) WITHOUT ROWID
    """,
)
"""What every history has."""

LATER = (*counters.TABLES, *packs.TABLES, *days.TABLES)
"""Made by whoever writes where they are missing: files of the same schema that are older have none."""

COLUMNS = {
    "series": "number, looks",
    "look": "series, value",
    "counter": "number, looks",
    "tally": "counter, booted",
    "pack": "series, content",
    "day": "series, most",
    "growth": "series, high_a_day",
}
"""Columns by which a table is known to be ours; those of `TABLES` must be there."""


@dataclass(frozen=True)
class _Kept:
    """The statements for what has looks: of whom there are how many, who was not seen since, and what to leave out."""

    counts: str
    old: str
    empty: str
    forget: str
    thin: str
    count: str


KEPT_IN = (
    _Kept(
        "SELECT looks, number FROM series",
        "SELECT number FROM series WHERE seen < ?",
        "DELETE FROM look WHERE series = ?",
        "DELETE FROM series WHERE number = ?",
        "DELETE FROM look WHERE series = ?1 AND at < "
        "(SELECT at FROM look WHERE series = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2 - 1)",
        "UPDATE series SET looks = min(looks, ?2) WHERE number = ?1",
    ),
    _Kept(
        "SELECT looks, number FROM counter",
        "SELECT number FROM counter WHERE seen < ?",
        "DELETE FROM tally WHERE counter = ?",
        "DELETE FROM counter WHERE number = ?",
        "DELETE FROM tally WHERE counter = ?1 AND at < "
        "(SELECT at FROM tally WHERE counter = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2 - 1)",
        "UPDATE counter SET looks = min(looks, ?2) WHERE number = ?1",
    ),
)
"""Checks with their looks, and counters with theirs."""


class HistoryError(Exception):
    """The history cannot be read or written; the text says what was seen."""


class History:
    """The file at `path`. `notes` are lines about what had to be fixed when it was opened.

    `connection` is open to whoever keeps something of their own in the file, in tables of their own, within
    `writing`. `clock` says what time it is, in seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Open or create the file; HistoryError where neither is possible."""
        self.path = path
        self.clock = clock
        self.notes: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HistoryError(f"{path}: {error.strerror}") from None
        try:
            self.connection = self._opened()
        except sqlite3.DatabaseError as error:
            self.connection = self._begun_anew(error)

    def close(self) -> None:
        """Close the file; what was written stays."""
        with suppress(sqlite3.Error, AttributeError):
            self.connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for writing; everything done within is kept, or nothing. HistoryError where it cannot be.

        Do nothing slow within: other runs wait for its end.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
            raise HistoryError(f"{self.path}: {error}") from None

    def past(
        self, environments: Iterable[str], shown: int = SHOWN, back: Mapping[str, float] = MappingProxyType({})
    ) -> Mapping[tuple[str, str], Past]:
        """Return what is known of every check of `environments`, by environment and check id, `shown` looks each.

        `back` says of some checks, by id, how far back in seconds all looks are wanted, however many there are.
        """
        named = list(environments)
        try:
            return self._past(named, shown, back)
        except sqlite3.DatabaseError as error:
            self.connection = self._begun_anew(error)
            return self._past(named, shown, back)

    def _past(self, environments: list[str], shown: int, back: Mapping[str, float]) -> Mapping[tuple[str, str], Past]:
        now = self.clock()
        found: dict[tuple[str, str], Past] = {}
        for environment in environments:
            going = self._growths(environment)
            rows = self.connection.execute(
                'SELECT number, "check", state, since FROM series WHERE environment = ?', (environment,)
            ).fetchall()
            for number, check, state, since in rows:
                looks = self.connection.execute(
                    "SELECT at, state, value FROM look WHERE series = ? ORDER BY at DESC LIMIT "
                    "max(?, (SELECT count(*) FROM look WHERE series = ? AND at >= ?))",
                    (number, shown, number, now - back[check] if check in back else math.inf),
                ).fetchall()
                told = tuple([Look(at, packs.state_of(kept), value) for at, kept, value in reversed(looks)])
                found[environment, check] = Past(told, packs.state_of(state), since, going.get(check))
        return MappingProxyType(found)

    def _growths(self, environment: str) -> Mapping[str, Growth]:
        try:
            return days.growths(self.connection, environment)
        except sqlite3.OperationalError:  # a file of an earlier version: this run makes the tables when it writes
            return {}

    def tallies(self, environment: str, back: Mapping[str, float]) -> Mapping[str, Sequence[Tally]]:
        """Return the looks at counters, by what names them, as many seconds back as `back` says, the oldest first.

        What cannot be read is not there: whoever writes next will tell why.
        """
        return counters.earlier(self.connection, environment, back)

    def record(
        self,
        verdicts: Iterable[Verdict],
        at: float,
        counted: Mapping[str, Mapping[str, Sequence[Tally]]] = MappingProxyType({}),
    ) -> None:
        """Keep what a run found; `at` stands in for the time of a verdict without one. HistoryError if it cannot.

        `counted` has the looks at counters, by environment and what names them.
        """
        told = list(verdicts)
        try:
            self._record_all(told, at, counted)
        except HistoryError as error:
            if not isinstance(error.__context__, sqlite3.DatabaseError):
                raise
            self.connection = self._begun_anew(error.__context__)
            self._record_all(told, at, counted)

    def _record_all(
        self, verdicts: list[Verdict], at: float, counted: Mapping[str, Mapping[str, Sequence[Tally]]]
    ) -> None:
        with self.writing() as connection:
            for statement in LATER:
                connection.execute(statement)
            for verdict in verdicts:
                self._record(connection, verdict, verdict.observed_at or at)
            for environment, several in counted.items():
                for name, looks in several.items():
                    number, kept = counters.keep(connection, environment, name, looks) if looks else (0, 0)
                    if kept > KEPT + SPARE:
                        self._keep_newest(connection, KEPT_IN[1], number, KEPT)
            for of in KEPT_IN:
                for (number,) in connection.execute(of.old, (self.clock() - FORGOTTEN,)).fetchall():
                    connection.execute(of.empty, (number,))
                    connection.execute(of.forget, (number,))
            days.close(connection, self.clock())
            self._confine(connection)
        self._shrink()

    def _record(self, connection: sqlite3.Connection, verdict: Verdict, at: float) -> None:
        state = packs.STATES.index(verdict.state)
        earlier = [(when, State.PENDING, value) for when, value in verdict.samples]
        looked = [*earlier, (at, verdict.state, verdict.value)]
        number, looks = connection.execute(
            """
            INSERT INTO series (environment, "check", state, since, seen, looks) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (environment, "check") DO UPDATE SET
                since = CASE WHEN excluded.seen < seen OR state = excluded.state THEN since ELSE excluded.since END,
                state = CASE WHEN excluded.seen < seen THEN state ELSE excluded.state END,
                seen = max(seen, excluded.seen),
                looks = looks + excluded.looks
            RETURNING number, looks
            """,
            (verdict.environment, verdict.id, state, at, at, len(looked)),
        ).fetchone()
        connection.executemany(
            "INSERT OR REPLACE INTO look VALUES (?, ?, ?, ?)",
            [(number, when, packs.STATES.index(kept), _plain(value)) for when, kept, value in looked],
        )
        if looks > KEPT + SPARE + number % SPARE:
            packs.pack(connection, number, (looks - KEPT) // SPARE * SPARE, self.clock())
            connection.execute(
                "UPDATE series SET looks = (SELECT count(*) FROM look WHERE series = ?1) WHERE number = ?1", (number,)
            )

    def _keep_newest(self, connection: sqlite3.Connection, of: _Kept, number: int, most: int) -> None:
        connection.execute(of.thin, (number, most))
        connection.execute(of.count, (number, most))

    def _confine(self, connection: sqlite3.Connection) -> None:
        """Keep less until the file will stay below its bound: what is packed goes first, then of all that has most."""
        while _bytes_used(connection) > FULL * LARGEST:
            if packs.drop_oldest(connection):
                continue
            counts = [(looks, of, number) for of in KEPT_IN for looks, number in connection.execute(of.counts)]
            most = max((looks for looks, _, _ in counts), default=0) * 3 // 4
            if most < 1:
                return
            for looks, of, number in counts:
                if looks > most:
                    self._keep_newest(connection, of, number, most)

    def _shrink(self) -> None:
        """Give back what a file of an earlier version has beyond its bound; where others are busy, another time."""
        with suppress(sqlite3.Error):
            if _bytes(self.connection) > LARGEST:
                self.connection.execute("VACUUM")
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA busy_timeout = 10000")
            if self._version(connection) == 0:
                connection.execute("BEGIN IMMEDIATE")  # of several that begin the file, one does
                if self._version(connection) == 0:
                    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                        raise HistoryError(f"{self.path} is a database of something else; name another file")
                    for statement in (*TABLES, *LATER, f"PRAGMA user_version = {SCHEMA}"):
                        connection.execute(statement)
                connection.execute("COMMIT")
            with suppress(sqlite3.OperationalError):  # another run is switching it on, or it is on
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {LARGEST_JOURNAL}")
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table, columns in COLUMNS.items():
                if table in there or table in {"series", "look"}:
                    connection.execute(f"SELECT {columns} FROM {table} LIMIT 1").fetchone()  # noqa: S608
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version not in {0, SCHEMA}:
            raise HistoryError(
                f"{self.path} has schema {version}; this version of healthgate reads {SCHEMA}: "
                "use the newer version, or name another file"
            )
        return version

    def _begun_anew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Set a file that is no history aside and begin another; HistoryError where something else is wrong."""
        if not _is_no_history(error):
            raise HistoryError(f"{self.path}: {error}") from None
        self.close()
        self._set_aside(str(error))
        try:
            return self._opened()
        except sqlite3.DatabaseError as again:
            raise HistoryError(f"{self.path}: {again}") from None

    def _set_aside(self, why: str) -> None:
        aside = self.path.with_name(f"{self.path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        try:
            self.path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise HistoryError(f"{self.path} is no history ({why}) and cannot be set aside: {error.strerror}") from None
        self.notes.append(f"history: {self.path} was no history ({why}); it is now {aside.name}, and a new one begins")


def _bytes(connection: sqlite3.Connection) -> int:
    return _pragma(connection, "page_size") * _pragma(connection, "page_count")


def _bytes_used(connection: sqlite3.Connection) -> int:
    return _bytes(connection) - _pragma(connection, "page_size") * _pragma(connection, "freelist_count")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _is_no_history(error: sqlite3.DatabaseError) -> bool:
    words = str(error)
    return any(told in words for told in ("not a database", "malformed", "no such table", "no such column", "corrupt"))


def _plain(value: object) -> float | None:
    return float(value) if isinstance(value, bool | int | float) else None
