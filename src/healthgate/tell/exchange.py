"""HTTP to those who are told of a run: one deadline for everything, a few attempts, answers of bounded size."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from healthgate import authority
from healthgate.duration import spoken
from healthgate.printable import printable
from healthgate.secret import Redactor, Secret
from healthgate.version import __version__
from healthgate.wire import bounded

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which it may help to try again."""

ANSWER = 10_000
"""Bytes of an answer that are read, where no more is expected than a few words."""

GRACE = 0.5
"""Seconds after a deadline in which work that keeps to it by itself may still end."""

Result = TypeVar("Result")


class ExchangeError(Exception):
    """What was sent did not arrive, and trying again will not help. `status` is that of the answer, 0 without one."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class TransientError(ExchangeError):
    """It did not arrive, and it may if it is tried again."""


class Patience(NamedTuple):
    """Seconds for everything, seconds for one attempt, and the seconds between attempts (one more than pauses)."""

    deadline: float
    attempt: float
    pauses: tuple[float, ...]


class Request(NamedTuple):
    """One request below the address `url`; at most `longest` bytes of its answer are read."""

    method: str
    url: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    longest: int = ANSWER


class Answer(NamedTuple):
    """A status and what came with it; `clean` takes out of its words what the request was authorized with."""

    status: int
    body: bytes
    clean: Callable[[str], str] = str

    def refused(self, expected: str) -> ExchangeError:
        """Return the error to raise for this answer; `expected` is what should have answered, as in `a Pushgateway`."""
        text = self.clean(" ".join(self.body[:ANSWER].decode(errors="replace").split()))
        page = "<html" in text.lower() or "<!doctype" in text.lower()
        said = f" with a page of HTML; is this {expected}?" if page else f": {printable(text)}" if text else ""
        kind = TransientError if self.status in TRANSIENT else ExchangeError
        return kind(f"it answered {self.status}{said}", self.status)


def problem(url: str, variable: str) -> str | None:
    """Say what is wrong with an address, or None; `variable` holds what is sent for user and password."""
    if "@" in url:
        return f"leave user and password out of the address; {variable} holds what is sent instead"
    if "?" in url or "#" in url:
        return f"{printable(url, 80)!r} has more than scheme, host, port and path"
    scheme, separator, rest = url.partition("://")
    reason = authority.flaw(rest.partition("/")[0])
    if scheme.lower() not in {"http", "https"} or not separator or not rest or not url.isprintable() or " " in url:
        return f"{printable(url, 80)!r} is not an address; write http://HOST:PORT"
    return f"{printable(url, 80)!r} is not an address ({reason}); write http://HOST:PORT" if reason else None


def unsendable(variable: str, variables: Mapping[str, str]) -> str | None:
    """Say what is wrong with the Authorization header that `variable` holds, or None."""
    held = variables.get(variable, "")
    if held.isascii() and held.isprintable():
        return None
    return f"{variable} is not the value of a header: it holds a line break or something that is not ASCII"


def secrets(variable: str, variables: Mapping[str, str]) -> list[Secret]:
    """Return what must not be printed of the Authorization header that `variable` holds."""
    return _parts(variables.get(variable, ""))


def _parts(held: str) -> list[Secret]:
    return [Secret(text) for text in (held, held.rpartition(" ")[2]) if text]


def authorization(variable: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the Authorization header that `variable` holds; nothing where it is empty."""
    held = variables.get(variable)
    return {"Authorization": held} if held else {}


def persist(request: Request, read: Callable[[Answer], Result], ends: float, patience: Patience) -> Result:
    """Send a request until `read` takes its answer, and return what it made of it.

    `ends` is in monotonic seconds. ExchangeError says why there is no such answer.
    """
    for pause in (*patience.pauses, None):
        try:
            return read(exchange(request, min(patience.attempt, ends - time.monotonic())))
        except TransientError:
            if pause is None or time.monotonic() + pause >= ends:
                raise
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def exchange(request: Request, seconds: float) -> Answer:
    """Send one request and return its answer; TransientError where none came within `seconds`."""
    from http.client import HTTPException  # noqa: PLC0415 (a run that delivers nothing must not pay for it)

    from healthgate.wire import connection  # noqa: PLC0415
    from healthgate.wire.head import MalformedError  # noqa: PLC0415

    host, port = connection.address(request.url)
    budget = 10 * request.longest
    headers = {"User-Agent": f"healthgate/{__version__}", **request.headers}
    redactor = Redactor()  # before anything is cut: half a secret is one that no redactor knows
    redactor.learn(_parts(request.headers.get("Authorization", "")))
    try:
        opened = connection.over(bounded.connect(host, port, seconds, budget), request.url)
        with closing(opened):
            opened.request(request.method, urlsplit(request.url).path.rstrip("/") + request.path, request.body, headers)
            response = connection.answered(opened)
            return Answer(response.status, connection.body(response, request.longest), redactor.text)
    except (OSError, EOFError, HTTPException, MalformedError) as error:
        received = budget if isinstance(error, bounded.OversizedError) else 0
        why = connection.explain(error, f"{host}:{port}", max(seconds, 0), received, redactor.text)[1]
        raise TransientError(why) from None


def within(seconds: float, *works: Callable[[], Result]) -> list[Result | ExchangeError]:
    """Do several things side by side and return what came of each; an ExchangeError for what did not end in time.

    Nothing can hold this up, not even a name look-up that never ends: that is left behind.
    """
    found: dict[int, Result | ExchangeError] = {}

    def do(place: int, work: Callable[[], Result]) -> None:
        try:
            found[place] = work()
        except ExchangeError as error:
            found[place] = error
        except Exception as error:  # whatever it is, the verdicts must not be lost with it
            found[place] = ExchangeError(f"the delivery itself is broken: {type(error).__name__}")

    workers = [threading.Thread(target=do, args=each, daemon=True) for each in enumerate(works)]
    for worker in workers:
        worker.start()
    ends = time.monotonic() + seconds + GRACE
    for worker in workers:
        worker.join(max(0.0, ends - time.monotonic()))
    late = ExchangeError(f"no complete answer within {spoken(seconds)}")
    return [found.get(place, late) for place in range(len(works))]
