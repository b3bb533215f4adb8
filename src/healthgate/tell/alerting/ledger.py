"""What people were told, kept in the history: a run says what is new, and what could not be said is said by the next.

It holds names, states and times, and no text from a server.
"""

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from healthgate.claim.state import State
from healthgate.duration import spoken
from healthgate.memory.history import History, HistoryError
from healthgate.tell.alerting.alert import Alert

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS told_alert (
        receiver TEXT NOT NULL, labels TEXT NOT NULL, starts REAL NOT NULL, ends REAL NOT NULL,
        PRIMARY KEY (receiver, labels)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS told_notice (
        target TEXT NOT NULL, environment TEXT NOT NULL, "check" TEXT NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (target, environment, "check")
    ) WITHOUT ROWID
    """,
    "CREATE TABLE IF NOT EXISTS told_target (target TEXT PRIMARY KEY) WITHOUT ROWID",
)

PATIENCE = 30.0
"""Seconds to wait for other runs that are telling."""


class Ledger:
    """The ledger in a history. Every method may raise HistoryError."""

    def __init__(self, history: History) -> None:
        self.history = history
        with history.writing() as connection:
            for table in TABLES:
                connection.execute(table)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs from telling meanwhile: what one of them told, the next of them knows."""
        path = self.history.path.with_name(f"{self.history.path.name}.telling")
        try:
            file = path.open("w")
        except OSError as error:
            raise HistoryError(f"{path}: {error.strerror}") from None
        with file:
            ends = time.monotonic() + PATIENCE
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > ends:
                        waited = f"other runs are still telling, after {spoken(PATIENCE)}"
                        raise HistoryError(f"{path}: {waited}") from None
                    time.sleep(0.02)
            yield

    def newest(self, environments: Iterable[str]) -> Mapping[tuple[str, str], float]:
        """Return when each check was last seen by any run, in seconds since 1970."""
        rows = self._read('SELECT environment, "check", seen FROM series')
        wanted = set(environments)
        return {(environment, check): seen for environment, check, seen in rows if environment in wanted}

    def alerts(self, receiver: str) -> list[Alert]:
        """Return the alerts a receiver was told and that are not over."""
        rows = self._read("SELECT labels, starts, ends FROM told_alert WHERE receiver = ?", receiver.rstrip("/"))
        return [Alert(json.loads(labels), starts, ends) for labels, starts, ends in rows]

    def keep(self, receiver: str, told: Iterable[Alert], over: Iterable[Alert]) -> None:
        """Remember which alerts a receiver was told, and which are over."""
        receiver = receiver.rstrip("/")
        with self.history.writing() as connection:
            connection.execute("DELETE FROM told_alert WHERE ends < ?", (time.time(),))
            connection.executemany(
                "DELETE FROM told_alert WHERE receiver = ? AND labels = ?", [(receiver, _line(one)) for one in over]
            )
            connection.executemany(
                "INSERT OR REPLACE INTO told_alert VALUES (?, ?, ?, ?)",
                [(receiver, _line(one), one.starts, one.ends) for one in told],
            )

    def known_targets(self) -> set[str]:
        """Return the targets of messages that were found to be ones."""
        return {target for (target,) in self._read("SELECT target FROM told_target")}

    def notices(self, target: str) -> dict[tuple[str, str], State]:
        """Return the state each check was last told to a target to be in, of those that were not well."""
        rows = self._read('SELECT environment, "check", state FROM told_notice WHERE target = ?', target)
        return {(environment, check): State(state) for environment, check, state in rows}

    def keep_notices(self, target: str, told: Mapping[tuple[str, str], State | None]) -> None:
        """Remember what a target was told of checks: the state each is in, None for those that are well."""
        with self.history.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO told_target VALUES (?)", (target,))
            for (environment, check), state in told.items():
                if state is None:
                    connection.execute(
                        'DELETE FROM told_notice WHERE target = ? AND environment = ? AND "check" = ?',
                        (target, environment, check),
                    )
                else:
                    connection.execute(
                        "INSERT OR REPLACE INTO told_notice VALUES (?, ?, ?, ?)",
                        (target, environment, check, state.value),
                    )

    def _read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            return self.history.connection.execute(query, values).fetchall()
        except (sqlite3.Error, ValueError) as error:
            raise HistoryError(f"{self.history.path}: {error}") from None


def _line(alert: Alert) -> str:
    return json.dumps(dict(alert.labels), sort_keys=True)
