"""The Prometheus text of a run, pushed to a Pushgateway: one group for each environment, within one deadline."""

import base64
import re
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from healthgate.duration import spoken
from healthgate.printable import printable
from healthgate.probes import bounded
from healthgate.report import metrics
from healthgate.report.account import ALL, Account
from healthgate.secret import Secret
from healthgate.version import __version__

DEADLINE = 10.0
"""Seconds in which everything must have been pushed, retries included."""

ATTEMPT = 3.0
"""Seconds one attempt may take."""

PAUSES = (0.2, 0.8)
"""Seconds between attempts: there is one more attempt than there are pauses."""

JOB = "healthgate"
AUTHORIZATION = "HEALTHGATE_PUSHGATEWAY_AUTHORIZATION"
"""The variable that holds the whole Authorization header, where a Pushgateway wants one."""

ANSWER = 10_000
"""Bytes of an answer that are read."""

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,=-]*")


class PushError(Exception):
    """What a Pushgateway was sent did not arrive, and trying again will not help."""


class TransientError(PushError):
    """It did not arrive, and it may if it is tried again."""


def problem(url: str) -> str | None:
    """Say what is wrong with the address of a Pushgateway, or None."""
    if "@" in url:
        return f"leave user and password out of the address; {AUTHORIZATION} holds what is sent instead"
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not url.isprintable() or " " in url:
        return f"{printable(url, 80)!r} is not an address; write http://HOST:PORT"
    if "?" in url or "#" in url:
        return f"{printable(url, 80)!r} has more than scheme, host, port and path"
    return None


def unsendable(variables: Mapping[str, str]) -> str | None:
    """Say what is wrong with what a push is to be authorized with, or None."""
    held = variables.get(AUTHORIZATION, "")
    if held.isascii() and held.isprintable():
        return None
    return f"{AUTHORIZATION} is not the value of a header: it holds a line break or something that is not ASCII"


def secrets(variables: Mapping[str, str]) -> list[Secret]:
    """Return what must not be printed of what a push is authorized with."""
    held = variables.get(AUTHORIZATION, "")
    return [Secret(text) for text in (held, held.rpartition(" ")[2]) if text]


def push(url: str, account: Account, variables: Mapping[str, str]) -> str | None:
    """Push what there is to tell; return what went wrong. Takes no longer than DEADLINE whatever happens."""
    result: list[str | None] = []

    def work() -> None:
        try:
            result.append(_push(url, account, variables.get(AUTHORIZATION)))
        except Exception as error:  # whatever it is, the verdicts must not be lost with it
            result.append(f"the push itself is broken: {type(error).__name__}")

    worker = threading.Thread(target=work, daemon=True)  # a name look-up cannot be interrupted
    worker.start()
    worker.join(DEADLINE + 0.5)
    trouble = result[0] if result else f"no complete answer within {spoken(DEADLINE)}"
    return None if trouble is None else f"not pushed: {url}: {trouble}"


def _push(url: str, account: Account, authorization: str | None) -> str | None:
    ends = time.monotonic() + DEADLINE
    first: str | None = None
    for environment in account.facts.environments:
        page = metrics.text(account, [environment]).encode()
        try:
            _persist(url, group(environment, account.selection), page, authorization, ends)
        except PushError as error:
            first = first or str(error)
    return first


def _persist(url: str, path: str, page: bytes, authorization: str | None, ends: float) -> None:
    for pause in (*PAUSES, None):
        try:
            return _put(url, path, page, authorization, min(ATTEMPT, ends - time.monotonic()))
        except TransientError:
            if pause is None or time.monotonic() + pause >= ends:
                raise
            time.sleep(pause)
    return None


def group(environment: str, selection: str) -> str:
    """Return the path of a group. What is confined to some checks has one of its own: a push replaces a group whole."""
    labels = {"job": JOB, "environment": environment} | ({} if selection == ALL else {"selection": selection})
    return "/metrics" + "".join(_part(name, value) for name, value in labels.items())


def _part(name: str, value: str) -> str:
    if PLAIN.fullmatch(value):
        return f"/{name}/{value}"
    return f"/{name}@base64/{base64.urlsafe_b64encode(value.encode(errors='backslashreplace')).decode()}"


def _put(url: str, path: str, page: bytes, authorization: str | None, seconds: float) -> None:
    import http.client  # noqa: PLC0415

    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "User-Agent": f"healthgate/{__version__}"}
    if authorization:
        headers["Authorization"] = authorization
    connection = http.client.HTTPConnection(host, port)
    try:
        sock: bounded.BoundedSocket | bounded.BoundedTLSSocket = bounded.connect(host, port, seconds, 10 * ANSWER)
        connection.sock = sock
        if tls and isinstance(sock, bounded.BoundedSocket):
            connection.sock = bounded.secured(sock, host)
        connection.request("PUT", parts.path.rstrip("/") + path, page, headers)
        response = connection.getresponse()
        answer = response.read(ANSWER)
    except (OSError, EOFError, http.client.HTTPException) as error:
        raise TransientError(bounded.explain(error, f"{host}:{port}", seconds, 10 * ANSWER)[1]) from None
    finally:
        connection.close()
    _judge(response.status, answer)


def _judge(status: int, answer: bytes) -> None:
    """Raise PushError unless a Pushgateway took what it was sent: it then answers 200 or 202, with nothing."""
    text = " ".join(answer.decode(errors="replace").split())
    if status in {200, 202} and not text:
        return
    page = "<html" in text.lower() or "<!doctype" in text.lower()
    said = " with a page of HTML; is this a Pushgateway?" if page else f": {printable(text)}" if text else ""
    raise (TransientError if status in TRANSIENT else PushError)(f"it answered {status}{said}")
