"""The trial of a canary: both sides read every tick until it is decided, or the time is over."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from healthgate.canary.record import FEWEST, Header, Tick
from healthgate.canary.standing import Standing, Standings
from healthgate.claim.compared import Compared
from healthgate.claim.state import State
from healthgate.environment.profile import Profile
from healthgate.judge.verdict import Verdict
from healthgate.observe.observer import Observer
from healthgate.printable import printable
from healthgate.run import comparable
from healthgate.run.looking import Looking, series
from healthgate.run.recorded import Recording
from healthgate.run.run import Run

Progress = Callable[[Standings], None]


class BuildError(Exception):
    """What both sides usually differ by was to be learned, and they run two versions; the text says which."""


def header(looking: Looking, spoilt: Mapping[str, str], started_at: float, within: float) -> Header:
    """Return what is known before the first tick."""
    told = {name: series(one, spoilt.get(name, "")) for name, one in looking.comparisons.items()}
    sides = (looking.baseline.environment, looking.canary.environment)
    return Header(*sides, started_at, looking.every, within, told)


def watched(
    looking: Looking,
    profiles: Mapping[str, Profile],
    within: float,
    observer: Observer,
    spoilt: Mapping[str, str],
) -> tuple[Header, Iterator[list[Tick]]]:
    """Look once, and return what is then known, and what each tick brings from now on, for `within` seconds.

    Nothing of the first look is judged: on both sides connections were opened, and counters stood somewhere. `spoilt`
    says of what nothing can be concluded, and why, as far as is known before it.
    """
    scenes = looking.ask(observer)
    looking.begin(scenes)
    now = time.time()
    quiet = comparable.in_maintenance(looking.comparisons, profiles, now, now + within)
    spoilt = {**comparable.doubts(looking, scenes), **spoilt, **quiet}
    return header(looking, spoilt, now, within), _ticks(looking, within, observer)


def learned(looking: Looking, within: float, observer: Observer) -> tuple[Header, Iterator[list[Tick]]]:
    """Look once, and return what each tick brings from now on: what both sides do on one version, and is not judged.

    BuildError where they say that they run two.
    """
    scenes = looking.ask(observer)
    looking.begin(scenes)
    if (differing := comparable.two_builds(looking, scenes)) is not None:
        raise BuildError(f"{differing}; both sides must run one version while they are learned from")
    return header(looking, {}, time.time(), within), _ticks(looking, within, observer)


def recalled(
    past: Recording, profiles: Mapping[str, Profile], observer: Observer
) -> tuple[Header, Iterator[list[Tick]]]:
    """Ask for what was recorded of both sides, and return what is then known, and what each tick brought."""
    past.ask(observer)
    quiet = comparable.in_maintenance(past.comparisons, profiles, past.since, past.until)
    spoilt = {**past.trouble, **quiet}
    told = {name: series(one, spoilt.get(name, "")) for name, one in past.comparisons.items()}
    within = max(past.until - past.since, FEWEST * past.every)
    names = [side.environment for side in past.sides]
    return Header(names[0], names[1], past.since, past.every, within, told), past.ticks()


def _ticks(looking: Looking, within: float, observer: Observer) -> Iterator[list[Tick]]:
    began = time.monotonic()
    due = looking.every
    while due <= within:
        time.sleep(max(0.0, began + due - time.monotonic()))
        at = time.monotonic() - began
        yield looking.ticks(looking.ask(observer), round(at, 3))
        due = max(due + looking.every, time.monotonic() - began)


def decide(standings: Standings, ticks: Iterable[list[Tick]], told: Progress) -> None:
    """Judge tick by tick until it is decided; what then is not, is inconclusive."""
    try:
        told(standings)
        for several in ticks if standings.decision == "undecided" else ():
            standings.take(several)
            told(standings)
            if standings.decision != "undecided":
                break
    finally:
        standings.finish()


def verdict(one: Compared, found: Standing | None, run: Run, canary: str, why: str = "") -> Verdict:
    """Return the verdict on a comparison: critical for a rollback, ok for a pass, else that nothing is proven.

    That is `pending` where more ticks would tell, `unknown` where they could not be read or compared. `why` says why it
    was not tried at all.
    """
    profile = run.profiles[canary]
    decision = found.decision if found is not None else "inconclusive"
    ratio = found.record()["ratio"] if found is not None else None
    state = {"rollback": State.CRITICAL, "pass": State.OK}.get(decision, State.PENDING)
    if state is State.PENDING and found is not None and found.is_unsound:
        state = State.UNKNOWN
    return Verdict(
        id=one.id,
        environment=canary,
        system=one.system,
        name=one.name,
        state=state,
        severity=one.stays.severity,
        value=ratio if state in {State.CRITICAL, State.OK} else None,
        unit="times",
        limit=str(one.stays),
        reason=printable(found.reason if found is not None else why, 1000),
        floor=run.floor_of(canary),
        cause=one.cause,
        action=one.action,
        runbook=run.runbooks.replace("{name}", one.runbook),
        change=f"{one.file.removeprefix(f'{run.root}{os.sep}')}:{one.line}",
        where=one.reading.where(profile.systems),
        observed_at=time.time(),
    )
