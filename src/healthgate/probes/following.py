"""An event stream while it is followed: opened step by step, read until it is enough."""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim.observation import Observation
from healthgate.claim.system import Url
from healthgate.printable import printable
from healthgate.probes.event_format import Comment, Event, Parser, TooLargeError
from healthgate.probes.http import HEADERS_BUDGET
from healthgate.probes.http_answer import media_type
from healthgate.probes.request import Bearing
from healthgate.probes.staying import CHUNK, BrokenProbeError, Course, never
from healthgate.secret import Redactor, Secret
from healthgate.version import __version__

STEPS = ("resolve", "connect", "answer", "event")
"""What it takes to get an event, in this order; TLS is part of the connection."""


MEDIA_TYPE = "text/event-stream"


LONGEST_COMMENT = 200
"""Characters of a comment that are kept."""


LONGEST_ID = 8_000
"""Bytes of an id that is sent as Last-Event-ID: servers refuse longer headers."""


OWN_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "cache-control", "connection", "content-length", "host"}
    | {"last-event-id", "transfer-encoding", "user-agent", "x-request-id"}
)
"""Headers this probe sends itself, or never."""


Enough = Callable[[Event | Comment], bool]
"""Told every event and comment as it comes; says whether what has come is enough."""


class RefusedError(Exception):
    """The answer is no event stream: one word and one phrase for what it is instead."""

    def __init__(self, status: str, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@dataclass(frozen=True)
class EventStreamRequest(Bearing):
    """One stream with everything it needs; times in seconds, `budget` in bytes of the body.

    `source` is the address it is made from, `trust` the path of the certificates to trust; empty: as usual here.
    """

    id: str
    url: Url
    path: str
    secret: Secret | None
    open_within: float
    listen: float
    most: int
    budget: int
    headers: tuple[tuple[str, str], ...]
    enough: Callable[[], Enough]
    resume: float | None
    source: str = field(default="", kw_only=True)
    trust: str = field(default="", kw_only=True)

    @property
    def deadline(self) -> float:
        """Seconds from the first step to the closing, those of resuming included."""
        again = self.open_within + self.resume if self.resume is not None else 0.0
        return self.open_within + self.listen + again

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:
        """Connect, follow and close, once more where it is to be resumed; `connection` stays with its owner."""
        began = time.monotonic()
        first = _Following(self, redactor, self.listen, self.most, self.enough)
        status, error = first.run()
        facts, received, opened = first.facts(), first.received, first.connections
        if self.resume is not None and status == "answered":
            second = _Following(self, redactor, self.resume, 1, never, first.parser.last_id)
            facts["resumed"] = second.resumed()
            received += second.received
            opened += second.connections
        elapsed = round((time.monotonic() - began) * 1000, 3)
        return Observation(self.id, status, time.time(), elapsed, received, error, facts, opened), connection


@dataclass
class _Following(Course):
    request: EventStreamRequest
    redactor: Redactor
    seconds: float
    most: int
    enough: Callable[[], Enough]
    after: str = ""
    parser: Parser = field(default_factory=Parser)
    steps: dict[str, float] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    comment_count: int = 0
    kept: int = 0
    sock: Any = None
    response: Any = None
    opened: float = 0.0
    opened_at: float = 0.0
    first_sign: float | None = None
    gap: float = 0.0
    listened: float = 0.0
    ended: str = ""
    ending: str = ""
    received: int = 0

    @property
    def connections(self) -> int:
        return int(self.sock is not None)

    def run(self) -> tuple[str, str | None]:
        """Open, follow and close; return one word for how it went, and a phrase where it was not open."""
        try:
            self.open(time.monotonic())
            self.follow()
        except Exception as problem:
            return self.explain(problem)
        finally:
            self.close()
        return "answered", None

    def resumed(self) -> dict[str, Any]:
        """Ask to go on after an id, and return what came as plain JSON values."""
        told = {"after": self.redactor.text(self.after)}
        if not self.after:
            return told | {"status": "missing", "error": "no event had an id to resume after"}
        if len(self.after.encode()) > LONGEST_ID:
            return {"status": "oversized", "error": f"the last id is longer than {LONGEST_ID} bytes"}
        status, error = self.run()
        return told | self.facts() | {"status": status, "error": error}

    def open(self, began: float) -> None:
        """Take the steps to an open stream one by one; the error of the first that fails is raised."""
        from healthgate.wire import bounded, connection  # noqa: PLC0415 (only a run that needs it pays for it)

        ends = began + self.request.open_within
        began = time.monotonic()  # importing the library is no step of the server's
        addresses = bounded.resolve(*connection.address(self.request.url))
        self.reached("resolve", began)
        began = time.monotonic()
        self.sock = bounded.connect_to(addresses, ends, self.request.budget + HEADERS_BUDGET, self.request.source)
        opened = connection.over(self.sock, self.request.url, self.request.trust)
        self.sock = opened.sock
        self.reached("connect", began)
        began = time.monotonic()
        opened.request("GET", self._target(), headers=self._headers())
        self.response = connection.answered(opened)
        self.reached("answer", began)
        self._look_at_the_answer()

    def follow(self) -> None:
        """Listen until it is enough; whatever ends it, what was heard stays."""
        import http.client  # noqa: PLC0415

        from healthgate.wire import bounded  # noqa: PLC0415
        from healthgate.wire.head import MalformedError  # noqa: PLC0415

        self.opened, self.opened_at = time.monotonic(), time.time()
        self.sock.ends = self.opened + self.seconds
        enough, last = self.enough(), self.opened
        announced = self.response.length
        read = 0
        try:
            while not self.ended:
                data = self.response.read1(CHUNK) if announced is None or read < announced else b""
                read += len(data)
                now = time.monotonic()
                for sign in self.parser.feed(data, self.opened_at + (now - self.opened)):
                    self._keep(sign, enough, now - last)
                    last = now
                    if self.ended:
                        break
                if not data and not self.ended:
                    whole = announced is None or read >= announced
                    self.end(*(("closed", "the server ended the stream") if whole else ("reset", _CUT_OFF)))
        except TooLargeError as problem:
            self.end("oversized", str(problem))
        except bounded.OversizedError:
            self.end("oversized", f"more than {self.request.budget} bytes came")
        except TimeoutError:
            self.end("time", "the time was up")
        except OSError as problem:
            self.end("reset", bounded.explain(problem, self.request.host, self.seconds)[1])
        except http.client.IncompleteRead:
            self.end("reset", _CUT_OFF)
        except (http.client.HTTPException, MalformedError) as problem:
            words = printable(self.redactor.text(str(problem)), 100)
            self.end("malformed", f"what came is not HTTP: {words}")
        finally:
            self.listened = time.monotonic() - self.opened
            self.gap = max(self.gap, self.opened + self.listened - last)

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        if self.sock is None:
            return
        import socket  # noqa: PLC0415

        self.received = self.sock.taken
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)  # the server is told, whoever else may still hold the socket
        with suppress(Exception):  # what is being thrown away may fail as it likes
            if self.response is not None:
                self.response.close()
        self.sock.close()

    def facts(self) -> dict[str, Any]:
        """Return what was found, as plain JSON values."""
        found: dict[str, Any] = {"steps": self.steps} | self.answer
        if not self.opened:
            return found
        unfinished = self.parser.unfinished and self.ended in {"time", "closed", "reset"}
        return found | {
            "opened_at": self.opened_at,
            "ended": self.ended,
            "ending": self.ending + (" in the middle of an event" if unfinished else ""),
            "unfinished": unfinished,
            "listened_s": round(self.listened, 3),
            "first_sign_ms": self.first_sign,
            "largest_gap_ms": round(self.gap * 1000, 3),
            "last_id": self.redactor.text(self.parser.last_id),
            "retry_ms": self.parser.retry,
            "count": len(self.events),
            "events": [vars(event) for event in self.events],
            "comment_count": self.comment_count,
            "comments": [vars(comment) for comment in self.comments],
        }

    def explain(self, problem: Exception) -> tuple[str, str]:
        """Return one word and one phrase for why there was no open stream."""
        from healthgate.wire import bounded, connection  # noqa: PLC0415 (only a run that needs it pays for it)

        if isinstance(problem, BrokenProbeError):
            return "broken", str(problem)
        if isinstance(problem, RefusedError):
            return problem.status, problem.words
        if isinstance(problem, bounded.OversizedError):
            return "oversized", f"the answer is larger than {self.request.budget} bytes"
        received = getattr(self.sock, "taken", 0)
        return connection.explain(problem, self.request.host, self.request.open_within, received, self.redactor.text)

    def _target(self) -> str:
        base = self.request.url.partition("://")[2].partition("/")[2]
        return (f"/{base}" if base else "") + self.request.path or "/"

    def _headers(self) -> dict[str, str | bytes]:
        self.answer["request_id"] = secrets.token_hex(8)
        headers: dict[str, str | bytes] = {
            **dict(self.request.headers),
            "Accept": MEDIA_TYPE,
            "Accept-Encoding": "identity",
            "Cache-Control": "no-store",
            "User-Agent": f"healthgate/{__version__}",
            "X-Request-Id": self.answer["request_id"],
        }
        if self.request.secret is not None:
            headers["Authorization"] = f"Bearer {self.request.secret.reveal()}"
        if self.after:
            headers["Last-Event-ID"] = self.after.encode()
        return headers

    def _look_at_the_answer(self) -> None:
        clean = self.redactor.text
        code, kind = self.response.status, media_type(clean(self.response.getheader("Content-Type") or ""))
        self.answer |= {"code": code, "type": printable(kind, 60)}
        if code != 200:
            location = self.response.getheader("Location")
            target = f" (a redirect to {printable(clean(location), 80)}, not followed)" if location else ""
            never = ", which tells clients not to come again" if code == 204 else ""
            raise RefusedError("refused", f"the stream was answered with {code}{target}, not 200{never}")
        if kind != MEDIA_TYPE:
            seen = f"the answer is {printable(kind, 60)}" if kind else "the answer has no content type"
            raise RefusedError("malformed", f"{seen}, not {MEDIA_TYPE}")
        if self.response.codings:
            used = printable(clean(", ".join(self.response.codings)), 60)
            raise RefusedError("malformed", f"the answer is encoded as {used}, which was not asked for")

    def _keep(self, sign: Event | Comment, enough: Enough, gap: float) -> None:
        clean = self.redactor.text
        since = round((sign.at - self.opened_at) * 1000, 3)
        self.gap = max(self.gap, gap)
        if self.first_sign is None:
            self.first_sign = since
        if isinstance(sign, Comment):
            sign = Comment(sign.at, clean(sign.text)[:LONGEST_COMMENT])
            self.comment_count += 1
            if len(self.comments) < self.most:
                self.comments.append(sign)
        else:
            self.steps.setdefault("event", since)
            self.kept += len(sign.id) + len(sign.event) + len(sign.data)  # an id comes once and goes with every event
            if self.kept > self.request.budget:
                self.end("oversized", f"more than {self.request.budget} bytes came with the ids of events")
                return
            sign = Event(sign.at, clean(sign.id), clean(sign.event), self._clean_data(sign.data), sign.retry)
            self.events.append(sign)
        if self.is_enough(enough, sign):
            self.end("enough", "enough had come")
        elif len(self.events) >= self.most:
            self.end("most", "enough had come")

    def _clean_data(self, data: str) -> str:
        clean = self.redactor.text(data)
        if "\\" not in clean:
            return clean
        try:  # JSON may write a secret in other letters
            content = json.loads(clean, parse_constant=str)
            redacted = self.redactor.content(content)
        except (ValueError, RecursionError):
            return clean
        return clean if redacted == content else json.dumps(redacted, ensure_ascii=False)


_CUT_OFF = "the server cut the connection off without ending the stream"
