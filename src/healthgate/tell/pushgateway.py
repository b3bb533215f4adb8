"""The Prometheus text of a run, pushed to a Pushgateway: one group for each environment, within one deadline."""

import base64
import re
import time
from collections.abc import Mapping

from healthgate.secret import Secret
from healthgate.tell import exchange, metrics
from healthgate.tell.account import ALL, Account
from healthgate.tell.exchange import Answer, ExchangeError, Patience, Request

DEADLINE = 10.0
"""Seconds in which everything must have been pushed, retries included."""

ATTEMPT = 3.0
"""Seconds one attempt may take."""

PAUSES = (0.2, 0.8)
"""Seconds between attempts: there is one more attempt than there are pauses."""

JOB = "healthgate"
AUTHORIZATION = "HEALTHGATE_PUSHGATEWAY_AUTHORIZATION"
"""The variable that holds the whole Authorization header, where a Pushgateway wants one."""

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,=-]*")


def problem(url: str) -> str | None:
    """Say what is wrong with the address of a Pushgateway, or None."""
    return exchange.problem(url, AUTHORIZATION)


def unsendable(variables: Mapping[str, str]) -> str | None:
    """Say what is wrong with what a push is to be authorized with, or None."""
    return exchange.unsendable(AUTHORIZATION, variables)


def secrets(variables: Mapping[str, str]) -> list[Secret]:
    """Return what must not be printed of what a push is authorized with."""
    return exchange.secrets(AUTHORIZATION, variables)


def push(url: str, account: Account, variables: Mapping[str, str]) -> str | None:
    """Push what there is to tell; return what went wrong. Takes no longer than DEADLINE whatever happens."""
    authorization = exchange.authorization(AUTHORIZATION, variables)
    (trouble,) = exchange.within(DEADLINE, lambda: _push(url, account, authorization))
    return None if trouble is None else f"not pushed: {url}: {trouble}"


def _push(url: str, account: Account, authorization: Mapping[str, str]) -> ExchangeError | None:
    ends, patience = time.monotonic() + DEADLINE, Patience(DEADLINE, ATTEMPT, PAUSES)
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", **authorization}
    first: ExchangeError | None = None
    for environment in account.facts.environments:
        page = metrics.text(account, [environment]).encode()
        try:
            request = Request("PUT", url, group(environment, account.selection), headers, page)
            exchange.persist(request, _taken, ends, patience)
        except ExchangeError as error:
            first = first or error
    return first


def _taken(answer: Answer) -> None:
    """Raise ExchangeError unless a Pushgateway took what it was sent: it then answers 200 or 202, with nothing."""
    if answer.status not in {200, 202} or answer.body.strip():
        raise answer.refused("a Pushgateway")


def group(environment: str, selection: str) -> str:
    """Return the path of a group. What is confined to some checks has one of its own: a push replaces a group whole."""
    labels = {"job": JOB, "environment": environment} | ({} if selection == ALL else {"selection": selection})
    return "/metrics" + "".join(_part(name, value) for name, value in labels.items())


def _part(name: str, value: str) -> str:
    if PLAIN.fullmatch(value):
        return f"/{name}/{value}"
    return f"/{name}@base64/{base64.urlsafe_b64encode(value.encode(errors='backslashreplace')).decode()}"
