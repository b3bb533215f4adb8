"""One run that tells people, made of the verdicts it came to: what happens after the last check was judged."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from healthgate.claim.state import Floor, State
from healthgate.judge.verdict import Verdict
from healthgate.memory.history import History
from healthgate.tell.account import Account
from healthgate.tell.alerting import alertmanager, notices
from healthgate.tell.alerting.told import Told
from tests.tell import world


def verdict(state: State, name: str = "boiler.pressure", environment: str = "works", **more: Any) -> Verdict:
    """Return a verdict that was reached just now."""
    known: dict[str, Any] = {
        "name": name.rpartition(".")[2],
        "system": name.partition(".")[0],
        "value": None if state in {State.UNKNOWN, State.BLOCKED} else 85,
        "limit": "below 80 %, warning above 80 %, critical above 90 %",
        "reason": "85 %; it should stay below 80 %",
        "observed_at": time.time(),
        "runbook": "docs/runbooks/boiler.md",
    }
    return world.verdict(id=name, environment=environment, state=state, **known | more)


@contextmanager
def remembered(path: Path | None) -> Iterator[History | None]:
    """Open a history, where there is to be one."""
    history = None if path is None else History(path)
    yield history
    if history is not None:
        history.close()


def account(verdicts: list[Verdict], history: History | None, **more: Any) -> Account:
    """Return the account of a run of all checks there are."""
    known: dict[str, Any] = {"known": frozenset(one.id for one in verdicts), "seen": time.time(), "history": history}
    known["selected"] = Counter(one.environment for one in verdicts)
    return world.account(verdicts, **known | more)


def tell(
    urls: str | list[str],
    *verdicts: Verdict,
    history: Path | None = None,
    heartbeat: str | None = None,
    variables: dict[str, str] | None = None,
    **more: Any,
) -> Told:
    """Tell Alertmanagers what a run came to, as the run itself does it."""
    option = SimpleNamespace(alertmanager=[urls] if isinstance(urls, str) else urls, heartbeat=heartbeat)
    with remembered(history) as opened:
        if opened is not None:
            opened.record(verdicts, time.time())
        return alertmanager.tell(option, account(list(verdicts), opened, **more), variables or {})


def notify(history: Path, variables: dict[str, str], *verdicts: Verdict, **more: Any) -> Told:
    """Send messages about what a run came to, as the run itself does it."""
    with remembered(history) as opened:
        assert opened is not None
        opened.record(verdicts, time.time())
        return notices.tell(account(list(verdicts), opened, **more), variables)


CRITICAL, WARNING, MISSED, OK = State.CRITICAL, State.WARNING, State.MISSED, State.OK
UNKNOWN, BLOCKED, PENDING = State.UNKNOWN, State.BLOCKED, State.PENDING
AT_WARNING = Floor.WARNING
