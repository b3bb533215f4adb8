"""A service's log file: one event a line, `2026-03-02T09:15:00.120Z LEVEL component - message`."""

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lab.clock import iso, now

if TYPE_CHECKING:
    import re
from collections.abc import Callable


class Log:
    """Appends events to one file; lines can be muted by pattern while a fault lasts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.muted: list[re.Pattern[str]] = []
        self.rewritten: list[tuple[str, str]] = []
        self._file: TextIO = path.open("a", encoding="utf-8", buffering=1)

    def write(self, level: str, component: str, message: str, *, age_s: float = 0.0) -> None:
        """Append one event, dated `age_s` seconds ago; muted ones are dropped."""
        if any(pattern.search(message) for pattern in self.muted):
            return
        for old, new in self.rewritten:
            message = message.replace(old, new)
        self._file.write(f"{iso(now() - age_s)} {level} {component} - {message}\n")

    def edit(self, change: Callable[[str], str]) -> None:
        """Rewrite the whole file so far."""
        self._file.close()
        self.path.write_text(change(self.path.read_text("utf-8")), "utf-8")
        self._file = self.path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()
