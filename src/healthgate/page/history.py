"""What earlier reports showed: one line of JSON a run, in a file that several may read and write at the same time."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healthgate.page import NotRenderedError
from healthgate.page.folder import FRONT
from healthgate.page.lock import held
from healthgate.wire.whole import write_whole

KEPT = 100
"""Runs that are kept, the newest."""

SHOWN = 20
"""Earlier runs that a page shows."""

WAIT = 30.0
"""Seconds to wait for others that write the file."""

RUN = "healthgate_run"
"""The member that says which run a row is of; Allure keeps to its own."""

STATUSES = frozenset({"passed", "failed", "broken", "skipped", "unknown"})
WORDS = ("id", "name", "historyId", "status")
NUMBERS = ("start", "stop", "duration")
NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,4})?(/[!-~]*)?")
Row = dict[str, Any]


@dataclass
class History:
    """The file at `path`; what is neither there nor a file (/dev/null) keeps nothing."""

    path: Path

    def before(self, run: str, started: int) -> list[Row]:
        """Return the runs before the one that started at `started` (milliseconds since 1970), oldest first."""
        rows, _ = self._read()
        earlier = [row for row in rows if row.get(RUN) != run and (not started or row["timestamp"] < started)]
        return earlier[-SHOWN:]

    def add(self, row: Mapping[str, Any], run: str, started: int) -> list[str]:
        """Keep the row of a run, in place of one of the same run. Returns lines on what there was to fix or say.

        Lines that are no rows are set aside in a file beside; a row that cannot be kept costs the row alone.
        """
        if self.path.exists() and not self.path.is_file():
            return []
        kept = sound({**row, "timestamp": started or row.get("timestamp"), RUN: run})
        if kept is None:
            return [f"history: not kept: Allure wrote no row of this run for {self.path}"]
        notes = []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with held(self.path.with_name(f"{self.path.name}.lock"), WAIT):
                rows, damaged = self._read()
                if damaged:
                    notes.append(self._set_aside(damaged))
                rows = [other for other in rows if other.get(RUN) != run] + [kept]
                rows.sort(key=lambda one: int(one["timestamp"]))
                lines = [json.dumps(one, separators=(",", ":")) + "\n" for one in rows[-KEPT:]]
                write_whole(self.path, "".join(lines))
        except OSError as error:
            notes.append(f"history: not kept: {self.path}: {error.strerror}; the page is as it should be")
        except NotRenderedError as error:
            notes.append(f"history: not kept: {error}; the page is as it should be")
        return notes

    def _read(self) -> tuple[list[Row], list[bytes]]:
        """Return the rows there are, and the lines that are none."""
        try:
            if not self.path.is_file():
                return [], []
            lines = self.path.read_bytes().splitlines()
        except OSError:
            return [], []
        rows, damaged = [], []
        for line in lines:
            if line.strip():
                row = _parsed(line)
                if row is None:
                    damaged.append(line)
                else:
                    rows.append(row)
        return rows, damaged

    def _set_aside(self, lines: list[bytes]) -> str:
        aside = self.path.with_name(f"{self.path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        with aside.open("ab") as file:
            file.writelines(line + b"\n" for line in lines)
        these = "1 line is no row" if len(lines) == 1 else f"{len(lines)} lines are no rows"
        return f"history: {self.path}: {these}; set aside in {aside.name}"


def sound(row: object) -> Row | None:
    """Return what is kept of a row, with everything in it of the kind that Allure expects; None if it is no row."""
    if not isinstance(row, dict) or not isinstance(row.get("uuid"), str) or not NAME.fullmatch(row["uuid"]):
        return None
    moment, results, known = row.get("timestamp"), row.get("testResults"), row.get("knownTestCaseIds")
    if not _is_number(moment) or not isinstance(results, dict) or not isinstance(known, list):
        return None
    kept = {}
    for name, result in results.items():
        if not isinstance(result, dict) or result.get("status") not in STATUSES:
            return None
        if not all(isinstance(result.get(word), str) for word in WORDS):
            return None
        kept[name] = {word: result[word] for word in WORDS}
        if isinstance(result.get("environment"), str):
            kept[name]["environment"] = result["environment"]
        kept[name] |= {word: result[word] for word in NUMBERS if _is_number(result.get(word))}
        kept[name] |= {"url": _address(result.get("url")), "reportLinks": []}
    told = {RUN: row[RUN]} if isinstance(row.get(RUN), str) else {}
    return told | {
        "uuid": row["uuid"],
        "name": row["name"] if isinstance(row.get("name"), str) else "",
        "timestamp": moment,
        "knownTestCaseIds": [one for one in known if isinstance(one, str)],
        "testResults": kept,
        "metrics": {},
        "url": _address(row.get("url")),
    }


def _parsed(line: bytes) -> Row | None:
    try:
        return sound(json.loads(line, parse_constant=lambda _: None))
    except (ValueError, RecursionError):
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _address(value: object) -> str:
    """Return the address of a report's page if Allure can parse it, else nothing."""
    if not isinstance(value, str) or not ADDRESS.fullmatch(value):
        return ""
    return f"{value}{FRONT}" if value.endswith("/") else value
