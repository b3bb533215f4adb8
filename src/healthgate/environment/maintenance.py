"""When an environment may be ill without anybody being woken, and what is known to be broken in it.

Both name checks by a system, by a row with all its parameters, or by one check; naming none means every check.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from healthgate.week import moment_at

LONGEST = timedelta(days=31)
"""The longest window that happens once: what is longer is no maintenance."""


def concerns(names: frozenset[str], check_id: str) -> bool:
    """Whether `names` (systems, rows, checks; none for all) mean the check."""
    row = check_id.partition("[")[0]
    return not names or not names.isdisjoint({check_id, row, row.partition(".")[0]})


@dataclass(frozen=True)
class Once:
    """A window that happens once, from `begins` to `ends` (with their offsets)."""

    begins: datetime
    ends: datetime
    because: str
    names: frozenset[str] = frozenset()

    def end(self, at: float) -> str | None:
        """Return in words when the window ends that `at` (seconds since 1970) lies in; None where it does not."""
        if not self.begins.timestamp() <= at < self.ends.timestamp():
            return None
        return f"{self.ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Weekly:
    """A window on some days of every week, by a clock in `zone`; one that ends no later than it begins, ends next day.

    `days` are numbers from 0, Monday.
    """

    days: frozenset[int]
    begins: time
    ends: time
    zone: tzinfo
    because: str
    names: frozenset[str] = frozenset()

    def end(self, at: float) -> str | None:
        """Return in words when the window ends that `at` (seconds since 1970) lies in; None where it does not."""
        today = datetime.fromtimestamp(at, self.zone).date()
        over_midnight = timedelta(days=1 if self.ends <= self.begins else 0)
        for day in (today - timedelta(days=1), today):
            begins = moment_at(day, self.begins, self.zone)
            ends = moment_at(day + over_midnight, self.ends, self.zone)
            if day.weekday() in self.days and begins <= at < ends:
                return f"{datetime.fromtimestamp(ends, self.zone):%Y-%m-%d %H:%M} {self.zone}"
        return None


Window = Once | Weekly


@dataclass(frozen=True)
class KnownIssue:
    """Something that is known to be broken: the name of its issue, where that stands, until when it may be known."""

    issue: str
    because: str
    until: date
    link: str = ""
    names: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{' '.join(filter(None, (self.issue, self.link)))}: {self.because}"


def window_at(windows: Iterable[Window], check_id: str, at: float) -> str | None:
    """Say until when and why a check is in maintenance at `at` (seconds since 1970); None where it is not."""
    for window in windows:
        if concerns(window.names, check_id) and (end := window.end(at)) is not None:
            return f"until {end}, because {window.because}"
    return None


def issue_at(issues: Iterable[KnownIssue], check_id: str, at: float) -> str | None:
    """Say which issue is known of a check at `at` (seconds since 1970); None where none is, or no longer may be."""
    today = datetime.fromtimestamp(at, UTC).date()
    return next((str(one) for one in issues if concerns(one.names, check_id) and today <= one.until), None)


def moment(text: str) -> datetime:
    """Return the moment `text` stands for; ValueError says how one is written."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError("expected a moment with its offset, as in 2026-03-02T22:00Z or 2026-03-02 23:00+01:00")
    return found


def once(begins: datetime, ends: datetime, because: str, names: frozenset[str]) -> Once:
    """Return a window; ValueError where it ends before it begins, or is too long to be maintenance."""
    if ends <= begins:
        raise ValueError("it ends before it begins")
    if ends - begins > LONGEST:
        raise ValueError(f"it lasts longer than {LONGEST.days} days; that is no maintenance")
    return Once(begins, ends, because, names)
