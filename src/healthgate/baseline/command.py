"""`healthgate baseline`: what is normal in an environment, as the history of its runs has it."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path

from healthgate import duration, week
from healthgate.baseline import record, table, thresholds
from healthgate.baseline.figures import QUARTER, Figures, Frame, figures
from healthgate.baseline.proposal import Proposal, proposal
from healthgate.claim import catalogue as catalogues
from healthgate.claim.catalogue import Catalogue
from healthgate.command_line import USAGE, Parser
from healthgate.environment import maintenance, profile, reader
from healthgate.environment.profile import Profile
from healthgate.judge.growth import LEAST_DAYS
from healthgate.memory.history import HistoryError
from healthgate.memory.reading import Kept, reading
from healthgate.nearest import hint

TOO_LITTLE = 11
"""Exit codes: nothing could be said; it was said, and there are too few days to call anything usual."""

MINUTE = 60
"""Seconds in which no maintenance begins or ends."""


class BaselineError(Exception):
    """Nothing can be said; the text says why."""


def main(arguments: list[str]) -> int:
    """Print what is usual, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        root = Path.cwd()
        catalogue = catalogues.load(root / "checks", root)
        place = profile.find(options.env, root / "environments", root)
        here = reader.read(place, catalogue, os.path.relpath(place))
        back, zone = _since(options.since), _zone(options.zone)
        with reading(Path(options.history)) as kept:
            frame = _frame(here, kept, back, zone, options.zone)
            found = [both(one, frame) for one in looked_at(here, catalogue, kept, frame)]
    except (BaselineError, HistoryError, profile.ProfileError, catalogues.CatalogueError) as error:
        print("\n".join(f"ERROR: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return USAGE
    if options.form == "json":
        lines: Iterable[str] = [json.dumps(record.record(here.name, found, frame), allow_nan=False)]
    elif options.form == "profile":
        lines = thresholds.lines(here, found)
    else:
        lines = table.lines(here.name, found, frame)
    _print("\n".join(lines))
    return 0 if table.whole_days([one for one, _ in found]) >= LEAST_DAYS else TOO_LITTLE


def looked_at(here: Profile, catalogue: Catalogue, kept: Kept, frame: Frame) -> Iterable[Figures]:
    """Yield what is known of each check of the systems that an environment has."""
    for check in catalogue.checks.values():
        if check.system in here.written:
            course = kept.course(here.name, check.id, frame.since, frame.until)
            yield figures(check, here.limit_of(check.id, check.stays), course, frame)


def both(one: Figures, frame: Frame) -> tuple[Figures, Proposal | str]:
    """Return what is known of a check, and what may be proposed for it."""
    return one, proposal(one, frame, f"{datetime.fromtimestamp(frame.until, UTC):%Y-%m-%d}")


def _since(text: str) -> float:
    try:
        found = duration.seconds(text)
    except ValueError as error:
        raise BaselineError(f"--since: {error}") from None
    if found <= 0:
        raise BaselineError(f"--since {text}: expected more than nothing")
    return found


def _zone(text: str) -> tzinfo:
    try:
        return week.zone(text)
    except ValueError as error:
        raise BaselineError(f"--zone {text}: {error}") from None


def _frame(here: Profile, kept: Kept, back: float, zone: tzinfo, called: str) -> Frame:
    until = kept.newest(here.name)
    if until is None:
        raise BaselineError(f"{kept.path} holds no looks at {here.name}{hint(here.name, kept.environments)}")

    @cache
    def hour(quarter: int) -> int:
        return datetime.fromtimestamp(quarter * QUARTER, zone).hour

    @cache
    def within(place: int, minute: int) -> bool:
        return here.maintenance[place].end(minute * MINUTE) is not None

    def quiet(check_id: str) -> Callable[[float], bool] | None:
        mine = [n for n, one in enumerate(here.maintenance) if maintenance.concerns(one.names, check_id)]
        return (lambda at: any(within(n, int(at // MINUTE)) for n in mine)) if mine else None

    return Frame(until - back, until, lambda at: hour(int(at // QUARTER)), called, quiet, here.time_scale)


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> Parser:
    parser = Parser(
        prog="healthgate baseline",
        description="Says what is normal in an environment, from what its runs kept with --history.",
        epilog=f"Exit codes: 0 said; 4 wrong command line, profile or history; 11 said, from fewer than {LEAST_DAYS} "
        "whole days. Nothing is written, and nothing is asked of anybody.",
    )
    add = parser.add_argument
    add("--env", required=True, metavar="NAME|PATH", help="environment: a name in environments/, or a YAML file")
    add("--history", required=True, metavar="FILE", help="what its runs are given with --history")
    add("--since", default="14d", metavar="14d", help="how far back from the newest look (%(default)s)")
    add("--zone", default="UTC", metavar="ZONE", help="whose hours of the day, as in Europe/Berlin (%(default)s)")
    forms = parser.add_mutually_exclusive_group()
    form = forms.add_argument
    form("--json", dest="form", action="store_const", const="json", help="all of it, for machines")
    profile_lines = "print `thresholds:` for the profile, with `because`, where the looks support other lines"
    form("--propose", dest="form", action="store_const", const="profile", help=profile_lines)
    return parser
