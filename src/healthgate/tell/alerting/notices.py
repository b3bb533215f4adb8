"""Messages for those without an Alertmanager: one a run that has news, to whatever address Apprise knows.

Apprise is loaded when there is something to say, and by the first run that has an address: it alone knows which
addresses there are, and loading it takes half a second.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, NamedTuple

from healthgate.claim.state import WORST_FIRST, State
from healthgate.memory.history import HistoryError
from healthgate.printable import printable
from healthgate.secret import Secret
from healthgate.tell import exchange
from healthgate.tell.account import Account, told
from healthgate.tell.alerting.concern import (
    RUNS,
    SEVERITY,
    Concern,
    Key,
    concerns,
    is_whole,
    listed,
    muted,
    passed_over,
    seen_later,
)
from healthgate.tell.alerting.ledger import Ledger
from healthgate.tell.alerting.told import Told
from healthgate.tell.exchange import ExchangeError
from healthgate.tell.run_link import report_link, run_link

DEADLINE = 15.0
"""Seconds in which every message must have been taken, retries included."""

PAUSES = (0.5, 2.0)
"""Seconds between attempts: there is one more attempt than there are pauses."""

URLS = "HEALTHGATE_NOTIFY_URLS"
"""The variable that holds the addresses, separated by blanks. They hold tokens and are told to nobody."""

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://\S+")

TOLD = 20
"""Checks that a message tells at length, and as many that are healed; the others are counted."""

LONGEST = 500
"""Characters of one line of a message."""


def problems(variables: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the addresses, and whether there is anything to send messages with."""
    found = []
    if find_spec("apprise") is None:
        found.append("messages are sent with apprise: pip install 'healthgate[notify]'")
    words = variables.get(URLS, "").split()
    if not words:
        found.append(f"{URLS} is to hold the addresses, separated by blanks, as in mailto://…; it is empty")
    found += [
        f"address {number} of {URLS} is not one; write SCHEME://…"
        for number, word in enumerate(words, 1)
        if not ADDRESS.fullmatch(word)
    ]
    return found


def secrets(variables: Mapping[str, str]) -> list[Secret]:
    """Return what must not be printed of the addresses: anything in them may be a token."""
    words = variables.get(URLS, "").split()
    return [Secret(part) for word in words for part in (word, word.partition("://")[2]) if part]


@dataclass
class News:
    """What a target has not been told yet; `states` are those it will have been told, None for what is well."""

    new: list[Concern] = field(default_factory=list)
    worse: list[tuple[Concern, State]] = field(default_factory=list)
    eased: list[tuple[Concern, State]] = field(default_factory=list)
    healed: list[Concern] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)
    states: dict[Key, State | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is reason to send a message. What has eased is told along with other news only."""
        return bool(self.new or self.worse or self.healed or self.gone)

    @property
    def ill(self) -> list[Concern]:
        """Everything it tells that is not well."""
        return [*self.new, *(concern for concern, _ in (*self.worse, *self.eased))]


class Target(NamedTuple):
    """One address; `name` is its number and scheme, which is all of it that is ever shown or kept."""

    name: str
    address: Secret


def targets(variables: Mapping[str, str]) -> list[Target]:
    """Return the addresses."""
    words = variables.get(URLS, "").split()
    return [
        Target(f"{number} ({word.partition('://')[0].lower()})", Secret(word)) for number, word in enumerate(words, 1)
    ]


def tell(account: Account, variables: Mapping[str, str]) -> Told:
    """Send every target one message with what is news to it; return what was not taken.

    Takes no longer than DEADLINE and the time to wait for other runs that tell.
    """
    found = Told([], [])
    if account.history is None:
        found.troubles.append("not notified: what was told before is not known, since the history cannot be used")
        return found
    try:
        ledger = Ledger(account.history)
        with ledger.alone():
            _tell(account, variables, ledger, found)
    except HistoryError as error:
        found.troubles.append(f"not notified: what was told before is not known: {error}")
    return found


def _tell(account: Account, variables: Mapping[str, str], ledger: Ledger, found: Told) -> None:
    every = concerns(account)
    later = seen_later(every, ledger.newest(account.facts.environments), account)
    current = [one for one in every if one.key not in later]
    vanished = set(account.facts.environments) if is_whole(account) and not later else set()
    known = ledger.known_targets()
    several = {one: news(current, ledger.notices(one.name), vanished) for one in targets(variables)}
    wanted = {one: said for one, said in several.items() if said or one.name not in known}
    if wanted:
        sendings = [_sending(one, said, account, variables) for one, said in wanted.items()]
        with _unlogged():
            results = exchange.within(DEADLINE, *sendings)
        for (target, said), result in zip(wanted.items(), results, strict=True):
            if isinstance(result, ExchangeError):
                found.troubles.append(f"not notified: address {target.name} of {URLS}: {result}")
            else:
                ledger.keep_notices(target.name, said.states if said else {})
    found.notes.extend([*passed_over(later), *muted(current)])


def news(current: list[Concern], known: Mapping[Key, State], vanished: set[str]) -> News:
    """Return what is news to somebody who was told that checks are in the states `known`."""
    found = News()
    for concern in current:
        was, state = known.get(concern.key), concern.state
        if state is None:
            if was is not None and concern.settles(was):
                found.healed.append(concern)
                found.states[concern.key] = None
            continue
        if was is None:
            found.new.append(concern)
        elif _rank(concern) < WORST_FIRST.index(was):
            found.worse.append((concern, was))
        elif was is not state and concern.settles(was):
            found.eased.append((concern, was))
        else:
            continue
        found.states[concern.key] = state
    there = {concern.key for concern in current}
    for key in known:
        if key[0] in vanished and key not in there and not key[1].startswith(f"{RUNS}."):
            found.gone.append(key)
            found.states[key] = None
    return found


def _rank(concern: Concern) -> int:
    """Return how bad it is, the worse the lower; what is blocked is as bad as its root."""
    state = concern.verdict.state
    if state is State.BLOCKED:
        return min(WORST_FIRST.index(one) for one, severity in SEVERITY.items() if severity == concern.severity)
    return WORST_FIRST.index(state)


def _sending(target: Target, said: News, account: Account, variables: Mapping[str, str]) -> Callable[[], None]:
    """Return what sends a message, to be done in a thread of its own; it raises ExchangeError."""
    ends = time.monotonic() + DEADLINE

    def send() -> None:
        import apprise  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415

        asset = apprise.AppriseAsset(async_mode=False)
        service: Any = apprise.Apprise.instantiate(target.address.reveal(), asset=asset)
        if service is None:
            raise ExchangeError("apprise knows no such address, or something in it is missing")
        if not said:
            return
        message = {"title": title(said, account), "body": body(said, variables), "body_format": "text"}
        for pause in (*PAUSES, None):
            if service.notify(notify_type="failure" if said.new or said.worse else "success", **message):
                return
            if pause is None or time.monotonic() + pause >= ends:
                break
            time.sleep(pause)
        raise ExchangeError("the message was not taken")

    return send


def title(said: News, account: Account) -> str:
    """Return the first line of a message: how many are how ill, and how many are healed."""
    ill = said.ill
    counted = [(word, sum(one.severity == word for one in ill)) for word in dict.fromkeys(SEVERITY.values())]
    counted.append(("healed", len(said.healed)))
    counted.append(("no longer checked", len(said.gone)))
    words = ", ".join(f"{number} {word}" for word, number in counted if number)
    return printable(f"{', '.join(account.facts.environments)}: {words}", LONGEST)


def body(said: News, variables: Mapping[str, str]) -> str:
    """Return a message: what is ill by severity and root, the worst first, then what is healed, then links."""
    was = {concern.key: state for concern, state in (*said.worse, *said.eased)}
    order = list(SEVERITY.values())
    ill = sorted(
        said.ill, key=lambda one: (order.index(one.severity), one.verdict.environment, one.root, one.verdict.id)
    )
    paragraphs = []
    for root in dict.fromkeys((one.severity, one.verdict.environment, one.root) for one in ill[:TOLD]):
        several = [one for one in ill[:TOLD] if (one.severity, one.verdict.environment, one.root) == root]
        paragraphs.append("\n".join(_under(root[2], several, was)))
    if len(ill) > TOLD:
        paragraphs.append(f"and {len(ill) - TOLD} more: {listed([one.verdict.id for one in ill[TOLD:]], TOLD)}")
    over = [f"healed: {printable(one.verdict.headline, LONGEST)}" for one in said.healed]
    over += [f"no longer checked: {printable(' '.join(key), LONGEST)}" for key in said.gone]
    paragraphs += ["\n".join([*over[:TOLD], *([f"and {len(over) - TOLD} more"] if len(over) > TOLD else [])])]
    link = run_link(variables)
    links = {"report": report_link(variables), "run": link[1] if link else None}
    paragraphs += ["\n".join(f"{name}: {address}" for name, address in links.items() if address)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _under(root: str, several: list[Concern], was: Mapping[Key, State]) -> Iterator[str]:
    if any(one.root != one.verdict.id for one in several):
        yield f"{several[0].severity}: blocked by {root}:"
    for one in several:
        verdict = one.verdict
        before = was.get(one.key)
        yield printable(verdict.headline, LONGEST) + (f" (was {before})" if before else "")
        said = {
            "check": verdict.id,
            "value": None if verdict.value is None else told(verdict),
            "limit": verdict.limit,
            "blocks": f"{len(one.blocked)}: {listed(list(one.blocked), 5)}" if one.blocked else None,
            "known issue": verdict.issue,
            "do now": verdict.action,
            "runbook": verdict.runbook,
        }
        yield from (f"  {label}: {printable(text, LONGEST)}" for label, text in said.items() if text)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep everything from being logged: libraries log the addresses they send to, tokens included."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
