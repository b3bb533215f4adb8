"""What one Alertmanager is to be sent: the difference between what it should hold and what it holds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from healthgate.claim.state import State
from healthgate.judge.series import bounded
from healthgate.tell.alerting import alert as alerts
from healthgate.tell.alerting.alert import FAR, RENEWED, Alert, Links
from healthgate.tell.alerting.concern import RUNS, Concern


class Parcel(NamedTuple):
    """What is sent together or not at all: all about one check, so that nothing is silent between two alerts of it."""

    fired: tuple[Alert, ...] = ()
    over: tuple[Alert, ...] = ()

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Everything in it."""
        return (*self.fired, *self.over)

    @property
    def name(self) -> str:
        """What it is about, in a line about it."""
        first = self.alerts[0]
        state = str(first.labels.get("state", "")) if self.fired else "resolved"
        return f"{first.name} [{state}]"


class Holding(NamedTuple):
    """What one Alertmanager is believed to hold of ours.

    `told` is what it was told and is not over; `held` what it says itself it holds, None where it could not be asked.
    Where both are known they differ after it was restarted: it then has to be told again.
    """

    told: Iterable[Alert]
    held: Iterable[Alert] | None

    @property
    def open(self) -> list[Alert]:
        """Everything that may still fire there, or that somebody may still believe in."""
        return list({one.key: one for one in (*self.told, *(self.held or ()))}.values())

    @property
    def there(self) -> dict[frozenset[tuple[str, str]], Alert]:
        """What it need not be told again while its end is far."""
        return {one.key: one for one in (self.told if self.held is None else self.held)}


def parcels(
    concerns: Iterable[Concern], vanished: Iterable[str], holding: Holding, now: float, links: Links
) -> Iterator[Parcel]:
    """Yield what is to be sent at `now` (seconds since 1970).

    In the environments `vanished` every check there is has a concern: what has none no longer exists there.
    """
    open_ones: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    for one in holding.open:
        open_ones[one.labels.get("environment", ""), one.labels.get("alertname", "")].append(one)
    there = holding.there
    for concern in concerns:
        environment, name = concern.key
        mine = open_ones.pop((bounded(environment), bounded(name)), [])
        if found := _about(concern, mine, there, now, links):
            yield found
    gone = {bounded(environment) for environment in vanished}
    for (environment, name), several in open_ones.items():
        if environment in gone and not name.startswith(f"{RUNS}.") and name == several[0].labels.get("check"):
            said = {"summary": f"[gone] {name} is no longer checked in {environment}"}
            yield Parcel(over=tuple(one.resolved(now, said, links.run) for one in several))


def _about(
    concern: Concern, mine: list[Alert], there: Mapping[frozenset[tuple[str, str]], Alert], now: float, links: Links
) -> Parcel | None:
    if concern.state is None and not mine:
        return None
    wanted = alerts.of(concern, now, links) if concern.state is not None else None
    over = [one for one in mine if (wanted is None or one.key != wanted.key) and _is_over(one, concern)]
    kept = [one for one in mine if one not in over and (wanted is None or one.key != wanted.key)]
    if concern.state is State.PENDING and kept:
        wanted = None  # a worse one fires, and what is pending does not say that it is over
    said = alerts.annotations(concern, links)
    again = [replace(one, annotations=one.annotations or said).renewed(now) for one in kept]
    fired = [one for one in ([wanted] if wanted else []) + again if _is_needed(one, there, now)]
    if not fired and not over:
        return None
    return Parcel(tuple(fired), tuple(one.resolved(now, said, links.run) for one in over))


def _is_over(one: Alert, concern: Concern) -> bool:
    told = one.labels.get("state", "")
    if concern.state is not None and told == concern.state:
        return True  # of the same state under other labels: what it is told by now takes its place
    try:
        return concern.settles(State(told))
    except ValueError:
        return concern.settles(State.OK)


def _is_needed(one: Alert, there: Mapping[frozenset[tuple[str, str]], Alert], now: float) -> bool:
    known = there.get(one.key)
    return known is None or known.ends < now + FAR - RENEWED
