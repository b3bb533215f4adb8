"""The files of the log folder: kept for too short a time, or grown too large."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from lab import archive, artefacts
from lab.clock import now
from lab.faults.catalogue import Fault, Values, choice, number, truth, whole

if TYPE_CHECKING:
    from lab.control import Infrastructure
    from lab.services.market.service import Market

FOLDER = choice("dir", "the folder", ["market_log_dir", "grafana_backup_dir", "sse_log_dir"], default="market_log_dir")
GOES_WITH = {
    "market_log_dir": {"class", "remove_older_than_days"},
    "grafana_backup_dir": {"days"},
    "sse_log_dir": {"remove_older_than_days"},
}
LOGS = choice("dir", "the folder", ["market_log_dir"], default="market_log_dir")


def _misfit(values: Values) -> str | None:
    given = {name for name in ("class", "remove_older_than_days", "days") if values[name] is not None}
    if given == GOES_WITH[values["dir"]]:
        return None
    first, *others = (f"{folder} goes with {' and '.join(sorted(names))}" for folder, names in GOES_WITH.items())
    return ", ".join((first, *(one.replace(" goes with", " with") for one in others)))


AGE = Fault(
    "F.file.age",
    "infrastructure",
    "Remove a class of log files beyond an age, as a rotation that keeps too little, or the exported dashboards of the"
    " last days, as an export that does not run; healing puts them back with their times.",
    (
        FOLDER,
        choice(
            "class", "rotated logs of single days (detail), or archived summaries", ["detail", "summary"], default=None
        ),
        number("remove_older_than_days", "age beyond which logs go, days", at_least=0, at_most=1000, default=None),
        number("days", "age up to which exported dashboards go, days", at_least=0, at_most=1000, default=None),
    ),
    _misfit,
)


@AGE.on("control")
@asynccontextmanager
async def files_gone(
    infrastructure: "Infrastructure",
    *,
    dir: str,  # noqa: A002 - so the parameter is called
    class_: archive.Kind | None,
    remove_older_than_days: float | None,
    days: float | None,
) -> AsyncIterator[None]:
    """Move the files out of the folder, and back on exit."""
    settings = infrastructure.settings
    if remove_older_than_days is not None:
        kind, folder = "streams" if dir == "sse_log_dir" else class_ or "detail", settings.logs
        leaving = archive.files(folder, kind, now() - remove_older_than_days * archive.DAY_S)
    else:
        folder, newest = settings.app / artefacts.BACKUPS, now() - (days or 0) * archive.DAY_S
        leaving = [path for path in folder.iterdir() if path.stat().st_mtime > newest]
    aside = Path(mkdtemp(prefix="removed-", dir=settings.directory))
    for path in leaving:
        path.rename(aside / path.name)
    try:
        yield
    finally:
        for path in aside.iterdir():
            path.rename(folder / path.name)
        aside.rmdir()


GROW = Fault(
    "F.file.grow",
    "infrastructure",
    "Grow the current market.log by a hole before its first line; every line stays readable at its end, and lines"
    " written meanwhile stay when it heals.",
    (
        LOGS,
        whole("mb", "size the file grows to, MB of 2**20 bytes", at_least=1, at_most=100_000),
        truth("sparse", "whether the file takes no room on the disk", default=True),
    ),
    lambda values: None if values["sparse"] else "only sparse=true is offered",
)


@GROW.on("market")
@asynccontextmanager
async def log_grown(market: "Market", *, mb: int) -> AsyncIterator[None]:
    """Put the hole into the file; take it out on exit."""
    with market.log.grown_to(mb * 2**20):
        yield
