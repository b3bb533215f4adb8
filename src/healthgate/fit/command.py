"""`healthgate fit`: reads an environment once, says how it differs from the documents, and proposes profile lines."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from healthgate.claim import catalogue as catalogues
from healthgate.claim.catalogue import Catalogue
from healthgate.claim.check import Check
from healthgate.claim.facts import LeftOut
from healthgate.claim.here import Here
from healthgate.claim.state import Floor, State
from healthgate.command_line import USAGE, Parser
from healthgate.environment import profile as profiles
from healthgate.environment import reader
from healthgate.environment.profile import Profile, ProfileError
from healthgate.fit.comparison import Route, compared
from healthgate.fit.proposal import UNANSWERED, UNREADABLE, lines, proposed, without
from healthgate.observe.plan import left_out
from healthgate.run.run import Run

if TYPE_CHECKING:
    from healthgate.claim.system import System
    from healthgate.judge.verdict import Verdict

FITS, DIFFERS = 0, 1
"""Exit codes: nothing is left to decide; something is; nothing could be compared."""

SHOWN = 8
"""Names that are listed in a line before the rest is counted."""

DOUBTED = frozenset({State.UNKNOWN, State.BLOCKED})
"""States in which a check could not say what it is about."""


@dataclass
class Fitting:
    """One environment: what it answered, and the differences that are proposed of each of its systems."""

    run: Run
    profile: Profile
    routes: dict[str, list[Route]]
    here: dict[str, Here]

    @property
    def changed(self) -> list[str]:
        """The systems of which lines are proposed."""
        return [name for name, here in self.here.items() if here is not self.profile.here_of(name)]


def main(arguments: list[str]) -> int:
    """Compare one environment with the documents and print what differs; return the exit code."""
    options = _parser().parse_args(arguments)
    root = Path.cwd()
    try:
        catalogue = catalogues.load(root / "checks", root)
        path = profiles.find(options.env, root / "environments", root)
        profile = reader.read(path, catalogue, os.path.relpath(path, root), os.environ)
        fitting = fitted(Run(root, None, catalogue, {profile.name: profile}, Floor.OBJECTIVE, 2.0, ""), profile)
    except (catalogues.CatalogueError, ProfileError) as error:
        print("\n".join(f"ERROR: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return USAGE
    doubted = report(fitting)
    undecided = any(route.undecided for routes in fitting.routes.values() for route in routes)
    return DIFFERS if undecided or fitting.changed or doubted else FITS


def fitted(run: Run, profile: Profile) -> Fitting:
    """Read an environment once and work out how it differs; ProfileError where it cannot be read."""
    run.resolve()
    checks = _present(run.catalogue, profile)
    run.observe({profile.name: checks}, lambda _ended, _total: None)
    assert run.snapshot is not None
    seen = run.snapshot.observations.get(profile.name, {})
    routes, here = {}, {}
    for name, settings in profile.systems.items():
        routes[name] = compared(profile.declared[name], settings, seen)
        here[name] = proposed(settings.here, routes[name])
        settings.here = here[name]  # type: ignore[misc]  # what follows is judged as if the lines stood there
    run.judges = {profile.name: run.judge(profile.name)}
    for name in profile.systems:
        here[name] = _without_checks(run, profile, name, routes, here[name])
    return Fitting(run, profile, routes, here)


def _without_checks(run: Run, profile: Profile, name: str, routes: Mapping[str, list[Route]], here: Here) -> Here:
    """Return the differences of a system with the checks left out that read what is not there."""
    chosen = [r.probe for several in routes.values() for r in several if r.unanswered and r.probe.origin == "chosen"]
    unreadable, unanswered = [], []
    for check in run.catalogue.checks.values():
        if check.system != name or left_out(check, profile.systems) is not None:
            continue
        if set(check.probes(profile.systems)) & set(chosen):
            unanswered.append(check.id)
            continue
        with suppress(Exception):  # no data, not expected now, or a broken check: what it says stands in a run
            try:
                check.reading.value(run.judges[profile.name].scene)
            except LeftOut:
                unreadable.append(check.id)
    return without(without(here, unreadable, UNREADABLE), unanswered, UNANSWERED)


def _present(catalogue: Catalogue, profile: Profile) -> list[Check]:
    present: Mapping[str, System] = profile.systems or profile.present()
    return [check for check in catalogue.checks.values() if left_out(check, present) is None]


def report(fitting: Fitting) -> list["Verdict"]:
    """Print how an environment differs, and the lines that say so; return what nobody could judge even then."""
    for name, routes in fitting.routes.items():
        if routes:
            print(f"\n{name}")
        for route in routes:
            _say(route)
    for name in fitting.changed:
        print(f"\nIn {fitting.profile.path.name}, under {name}, in the place of these keys:\n")
        print("\n".join(f"  {line}" for line in lines(name, fitting.here[name]).splitlines()[1:]))
    doubted = _doubted(fitting)
    if doubted:
        print("\nStill unknown, with these lines:")
        for verdict in doubted:
            print(f"  {verdict.id}: {verdict.reason}")
    if not fitting.changed and not doubted:
        print("\nNothing is left to decide." if not _undecided(fitting) else "")
    return doubted


def _undecided(fitting: Fitting) -> bool:
    return any(route.undecided for routes in fitting.routes.values() for route in routes)


def _say(route: Route) -> None:
    there = f"{route.fits} as documented" if route.has_figures else "answered"
    print(f"  {route.asked}: {route.unanswered or there}")
    for documented, place in route.moved.items():
        print(f"    elsewhere  {documented} stands at {place}")
    rows = (
        ("absent", route.absent, "no document prints it"),
        ("missing", route.missing, "documented, and nothing here is like it: say where it stands"),
        ("odd", route.odd, ""),
        ("needless", route.needless, "called absent, and it is here: take it out"),
    )
    for word, names, why in rows:
        for group in [names] if why else [[one] for one in names]:
            if group:
                more = f" and {len(group) - SHOWN} more" if len(group) > SHOWN else ""
                print(f"    {word:<9}  {', '.join(group[:SHOWN])}{more}{f' ({why})' if why else ''}")


def _doubted(fitting: Fitting) -> list["Verdict"]:
    """Return the verdicts that are no verdicts, as they would be with the proposed lines."""
    for name, here in fitting.here.items():
        fitting.profile.systems[name].here = here  # type: ignore[misc]
    judge = fitting.run.judge(fitting.profile.name)
    found = []
    for check in _present(fitting.run.catalogue, fitting.profile):
        with suppress(Exception):  # a broken check: its own test says so in a run
            verdict = judge.verdict(check.id)
            if verdict.state in DOUBTED and not verdict.roots:
                found.append(verdict)
    return found


def _parser() -> Parser:
    parser = Parser(prog="healthgate fit", description=__doc__)
    parser.add_argument("--env", required=True, metavar="NAME", help="the environment to read, or the path of its file")
    return parser
