"""Alertmanager's API: what it holds of ours, and what it is sent, each Alertmanager by itself and all side by side."""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from healthgate import duration
from healthgate.judge.series import bounded
from healthgate.memory.history import HistoryError
from healthgate.secret import Secret
from healthgate.tell import exchange
from healthgate.tell.account import Account
from healthgate.tell.alerting import heartbeat
from healthgate.tell.alerting.alert import JOB, Alert, Links
from healthgate.tell.alerting.concern import (
    Key,
    came_to_its_end,
    concerns,
    is_repeated,
    is_whole,
    listed,
    muted,
    passed_over,
    seen_later,
)
from healthgate.tell.alerting.ledger import Ledger
from healthgate.tell.alerting.plan import Holding, Parcel, parcels
from healthgate.tell.alerting.told import Told
from healthgate.tell.exchange import Answer, ExchangeError, Patience, Request, TransientError
from healthgate.tell.run_link import report_link, run_link
from healthgate.wire.notation import from_json

DEADLINE = 10.0
"""Seconds in which every Alertmanager must have been asked and told, retries included."""

ATTEMPT = 3.0
"""Seconds one attempt may take."""

PAUSES = (0.2, 0.8)
"""Seconds between attempts: there is one more attempt than there are pauses."""

AUTHORIZATION = "HEALTHGATE_ALERTMANAGER_AUTHORIZATION"
"""The variable that holds the whole Authorization header, where an Alertmanager wants one."""

PATH = "/api/v2/alerts"
EXPECTED = "an Alertmanager"

LARGEST = 50_000_000
"""Bytes of a list of alerts that are read."""

DIVIDED = frozenset({400, 413, 422})
"""Statuses that may be about one alert among many, or about their number: what is refused so is sent in halves."""

TOGETHER = 200
"""Checks of which everything is sent in one request."""

NAMED = 5
"""Alerts that are named in a line."""


def problem(url: str) -> str | None:
    """Say what is wrong with the address of an Alertmanager, or None."""
    found = exchange.problem(url, AUTHORIZATION)
    return f"leave {PATH} out of the address" if found is None and PATH in url else found


def unsendable(variables: Mapping[str, str]) -> str | None:
    """Say what is wrong with what a delivery is to be authorized with, or None."""
    return exchange.unsendable(AUTHORIZATION, variables)


def secrets(variables: Mapping[str, str]) -> list[Secret]:
    """Return what must not be printed of what a delivery is authorized with."""
    return exchange.secrets(AUTHORIZATION, variables)


@dataclass
class Receiver:
    """One Alertmanager in one run; `holding` is what it is believed to hold, `refused` what it did not take.

    `ends` is when it must have been told, in monotonic seconds; asking it may take half of the time until then.
    """

    url: str
    headers: Mapping[str, str]
    ends: float
    holding: Holding
    unasked: ExchangeError | None = None
    parcels: list[Parcel] = field(default_factory=list)
    refused: list[tuple[Parcel, ExchangeError]] = field(default_factory=list)

    def ask(self) -> list[Alert]:
        """Return the alerts it holds of ours; ExchangeError."""
        path = f"{PATH}?{urlencode({'filter': f'job={json.dumps(JOB)}'})}"
        request = Request("GET", self.url, path, self.headers, longest=LARGEST)
        return exchange.persist(request, _held, self.ends - DEADLINE / 2, _patience())

    def tell(self) -> list[tuple[Parcel, ExchangeError]]:
        """Send all parcels and return those that were not taken, each with the reason."""
        refused: list[tuple[Parcel, ExchangeError]] = []
        for first in range(0, len(self.parcels), TOGETHER):
            refused += self._tell(self.parcels[first : first + TOGETHER])
            if refused and isinstance(refused[-1][1], TransientError):
                refused += [(parcel, refused[-1][1]) for parcel in self.parcels[first + TOGETHER :]]
                break
        return refused

    def _tell(self, several: list[Parcel]) -> list[tuple[Parcel, ExchangeError]]:
        alerts = [one.record() for parcel in several for one in parcel.alerts]
        headers = {"Content-Type": "application/json", **self.headers}
        request = Request("POST", self.url, PATH, headers, json.dumps(alerts).encode())
        try:
            exchange.persist(request, _taken, self.ends, _patience())
        except ExchangeError as error:
            if error.status not in DIVIDED or len(several) == 1:
                return [(parcel, error) for parcel in several]
            middle = len(several) // 2
            return self._tell(several[:middle]) + self._tell(several[middle:])
        return []

    def trouble(self) -> str | None:
        """Return one line about what did not arrive, or None."""
        said = [] if self.unasked is None else [f"its current alerts could not be read: {self.unasked}"]
        reasons: dict[str, list[str]] = {}
        for parcel, error in self.refused:
            reasons.setdefault(str(error), []).append(parcel.name)
        said += [f"{why}: {len(names)} not taken: {listed(names, NAMED)}" for why, names in reasons.items()]
        return f"not alerted: {self.url}: {'; '.join(said)}" if said else None


def tell(option: Any, account: Account, variables: Mapping[str, str]) -> Told:
    """Tell every Alertmanager that is asked for what is new; return what did not arrive anywhere.

    Takes no longer than DEADLINE and the time to wait for other runs that tell.
    """
    told = Told([], [])
    with ExitStack() as stack:
        remembered = _remembered(option.alertmanager, account, stack, told)
        headers, ends = exchange.authorization(AUTHORIZATION, variables), time.monotonic() + DEADLINE
        receivers = [Receiver(url, headers, ends, Holding(known, None)) for url, known in remembered.alerts.items()]
        _ask(receivers)
        now, link = time.time(), run_link(variables)
        links = Links(link[1] if link else None, report_link(variables))
        every = concerns(account)
        later = seen_later(every, remembered.newest, account)
        current = [one for one in every if one.key not in later]
        vanished = account.facts.environments if is_whole(account) and not later else []
        for receiver in receivers:
            receiver.parcels += parcels(current, vanished, receiver.holding, now, links)
        if option.heartbeat is not None:
            told.notes.extend(_arm(receivers, account, duration.seconds(option.heartbeat), now))
        _send(receivers, ends)
        try:
            _keep(receivers, account, remembered.ledger)
        except HistoryError as error:
            told.troubles.append(f"alerts: what was told is not remembered: {error}")
    _report(receivers, told)
    told.notes.extend([*passed_over(later), *muted(current)])
    return told


class Remembered(NamedTuple):
    """What the ledger says: when each check was last seen by any run, and what each Alertmanager was told."""

    ledger: Ledger | None
    newest: Mapping[Key, float]
    alerts: Mapping[str, list[Alert]]


def _remembered(urls: list[str], account: Account, stack: ExitStack, told: Told) -> Remembered:
    if account.history is not None:
        try:
            ledger = Ledger(account.history)
            stack.enter_context(ledger.alone())
            newest = ledger.newest(account.facts.environments)
            return Remembered(ledger, newest, {url: ledger.alerts(url) for url in urls})
        except HistoryError as error:
            told.troubles.append(f"alerts: what was told before is not known: {error}")
    return Remembered(None, {}, {url: [] for url in urls})


def _ask(receivers: list[Receiver]) -> None:
    answers = exchange.within(DEADLINE / 2, *(one.ask for one in receivers))
    for receiver, held in zip(receivers, answers, strict=True):
        if isinstance(held, ExchangeError):
            receiver.unasked = held
        else:
            receiver.holding = Holding(receiver.holding.told, held)


def _arm(receivers: list[Receiver], account: Account, lasting: float, now: float) -> list[str]:
    """Have the heartbeats of this run sent; return the line that says why none is."""
    if not is_repeated(account.selection):
        return ["no heartbeat: its checks were picked by hand (-k, -m or a path): the next run is not watched for"]
    if came_to_its_end(account):
        holdings = [one.holding for one in receivers]
        for environment in dict.fromkeys(verdict.environment for verdict in account.verdicts):
            pairs = heartbeat.parcel(environment, account.selection, lasting, holdings, now)
            for receiver, pair in zip(receivers, pairs, strict=True):
                receiver.parcels.append(pair)
    return []


def _send(receivers: list[Receiver], ends: float) -> None:
    answers = exchange.within(max(0.0, ends - time.monotonic()), *(one.tell for one in receivers))
    for receiver, refused in zip(receivers, answers, strict=True):
        if isinstance(refused, ExchangeError):
            receiver.refused = [(parcel, refused) for parcel in receiver.parcels]
        else:
            receiver.refused = refused


def _keep(receivers: list[Receiver], account: Account, ledger: Ledger | None) -> None:
    if ledger is None:
        return
    environments = {bounded(name) for name in account.facts.environments}
    for receiver in receivers:
        refused = [id(parcel) for parcel, _ in receiver.refused]
        taken = [parcel for parcel in receiver.parcels if id(parcel) not in refused]
        known = {one.key for one in receiver.holding.told}
        held = [one for one in receiver.holding.held or () if one.labels.get("environment") in environments]
        over = [one for parcel in taken for one in parcel.over]
        ended = {one.key for one in over}
        found = [one for one in held if one.key not in ended and one.key not in known]
        found += [one for parcel in taken for one in parcel.fired]
        if found or ended:
            ledger.keep(receiver.url, found, over)


def _report(receivers: list[Receiver], told: Told) -> None:
    lines = {receiver.url: line for receiver in receivers if (line := receiver.trouble())}
    if len(lines) == len(receivers):
        told.troubles.extend(lines.values())
    else:
        told.notes.extend(f"{line}; another Alertmanager took everything" for line in lines.values())
    for receiver in receivers:
        if any(heartbeat.held_back(receiver.holding.held or ())):
            told.notes.append(f"{receiver.url} tells {heartbeat.STOPPED} although runs go on: {heartbeat.CURE}")


def _patience() -> Patience:
    return Patience(DEADLINE, ATTEMPT, PAUSES)


def _taken(answer: Answer) -> None:
    """Raise ExchangeError unless an Alertmanager took what it was sent: it then answers 200, with nothing."""
    if answer.status != 200 or answer.body.strip():
        raise answer.refused(EXPECTED)


def _held(answer: Answer) -> list[Alert]:
    """Return the alerts of an answer; ExchangeError where it is no list of alerts."""
    if answer.status != 200:
        raise answer.refused(EXPECTED)
    try:
        return [_alert(one) for one in from_json(answer.body.decode())]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise answer.refused(EXPECTED) from None


def _alert(record: Mapping[str, Any]) -> Alert:
    return Alert(
        labels={str(name): str(value) for name, value in record["labels"].items()},
        starts=datetime.fromisoformat(record["startsAt"]).timestamp(),
        ends=datetime.fromisoformat(record["endsAt"]).timestamp(),
        annotations={str(name): str(value) for name, value in record["annotations"].items()},
        inhibited=bool(record["status"]["inhibitedBy"]),
    )
