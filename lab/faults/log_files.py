"""The files of the log folder: kept for too short a time, or grown too large."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from lab import archive
from lab.clock import now
from lab.faults.catalogue import Fault, choice, number, truth, whole

if TYPE_CHECKING:
    from lab.control import Infrastructure
    from lab.services.market.service import Market

FOLDER = choice("dir", "the folder", ["market_log_dir"], default="market_log_dir")

AGE = Fault(
    "F.file.age",
    "infrastructure",
    "Remove a class of log files beyond an age, as a rotation that keeps too little; healing puts them back with"
    " their times.",
    (
        FOLDER,
        choice("class", "rotated logs of single days (detail), or archived summaries", ["detail", "summary"]),
        number("remove_older_than_days", "age beyond which files go, days", at_least=0, at_most=1000),
    ),
)


@AGE.on("control")
@asynccontextmanager
async def old_files_gone(
    infrastructure: "Infrastructure", *, class_: archive.Kind, remove_older_than_days: float
) -> AsyncIterator[None]:
    """Move the files out of the folder, and back on exit."""
    logs = infrastructure.settings.logs
    aside = Path(mkdtemp(prefix="removed-", dir=infrastructure.settings.directory))
    for path in archive.files(logs, class_, now() - remove_older_than_days * archive.DAY_S):
        path.rename(aside / path.name)
    try:
        yield
    finally:
        for path in aside.iterdir():
            path.rename(logs / path.name)
        aside.rmdir()


GROW = Fault(
    "F.file.grow",
    "infrastructure",
    "Grow the current market.log by a hole before its first line; every line stays readable at its end, and lines"
    " written meanwhile stay when it heals.",
    (
        FOLDER,
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
