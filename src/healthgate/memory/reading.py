"""A history that is only read: by a command that looks back, beside runs that go on writing, or from a copy."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from healthgate.judge.past import Course
from healthgate.memory import packs
from healthgate.memory.history import SCHEMA, HistoryError

WAIT = 10.0
"""Seconds to wait for a run that is writing."""


class Kept:
    """What a history at `path` holds. Every method may raise HistoryError."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._numbers: dict[tuple[str, str], int] = {}
        self._seen: dict[str, float] = {}
        with self._said():
            for number, environment, check, seen in connection.execute(
                'SELECT number, environment, "check", seen FROM series'
            ):
                self._numbers[environment, check] = number
                self._seen[environment] = max(seen, self._seen.get(environment, seen))

    @property
    def environments(self) -> list[str]:
        """The environments there are looks of."""
        return sorted(self._seen)

    def newest(self, environment: str) -> float | None:
        """Return when any check of an environment was last seen, in seconds since 1970; None where none was."""
        return self._seen.get(environment)

    def course(self, environment: str, check: str, since: float, until: float) -> Course:
        """Return the looks at a check from `since` up to and with `until`, the oldest first."""
        number = self._numbers.get((environment, check))
        if number is None:
            return Course([], [], [])
        with self._said():
            return packs.looks(self._connection, number, since, until + 0.001)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HistoryError(f"{self.path}: {error}") from None


@contextmanager
def reading(path: Path) -> Iterator[Kept]:
    """Open the history at `path` and change nothing in it. HistoryError says what is wrong with it."""
    if not path.is_file():
        raise HistoryError(f"{path}: there is no such file; runs with --history {path} make one")
    connection = _opened(path)
    try:
        yield Kept(path, connection)
    finally:
        with suppress(sqlite3.Error):
            connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    place = f"file:{quote(str(path.absolute()))}?mode=ro"
    journal = path.with_name(f"{path.name}-wal")
    settled = not journal.exists() or journal.stat().st_size == 0
    trouble = ""
    for address in (place, f"{place}&immutable=1")[: 2 if settled else 1]:  # a folder that nothing can be written to
        connection = sqlite3.connect(address, uri=True, timeout=WAIT, isolation_level=None)
        try:
            _refuse_others(path, connection)
        except sqlite3.Error as error:
            connection.close()
            trouble = str(error)
        except HistoryError:
            connection.close()
            raise
        else:
            return connection
    raise HistoryError(f"{path} cannot be read as a history: {trouble}")


def _refuse_others(path: Path, connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version not in {0, SCHEMA} and "series" in tables:
        raise HistoryError(f"{path} has schema {version}; this version of healthgate reads {SCHEMA}: use the newer one")
    if version != SCHEMA or not {"series", "look"} <= tables:
        raise HistoryError(f"{path} is no history; name the file that runs are given with --history")
    if "pack" not in tables:  # of an earlier version: it has packed nothing
        connection.execute('CREATE TEMP TABLE pack (series, "first", "last", content)')
