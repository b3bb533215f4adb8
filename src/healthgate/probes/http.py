"""HTTP: one GET or HEAD, read to the end or to its bounds, redirects not followed."""

import functools
import re
import secrets
import select
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, Unpack

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation, Request
from healthgate.claim.path import joined
from healthgate.claim.shape import Shape
from healthgate.claim.source import Derived, Field, Later, Member, Probe, Scene, Source
from healthgate.claim.system import System, Url
from healthgate.printable import printable
from healthgate.probes.availability import serves, status_code
from healthgate.probes.http_answer import Answer, kept_headers, last_of, media_type, parsed
from healthgate.probes.request import Bearing
from healthgate.secret import Redactor, Secret
from healthgate.version import __version__

if TYPE_CHECKING:
    from healthgate.wire.connection import Response

Origin = Literal["documented", "chosen"]
"""Whether a path stands in the documents of a system, or was chosen because they have none."""

METHODS = frozenset({"GET", "HEAD"})
"""Requests that change nothing. There is no way to send any other."""

MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
"""One that is declared, in small letters and without parameters."""

HEADERS_BUDGET = 256_000
"""Bytes of status line and headers that are read, beside the body."""

STRAY_WITHIN = 0.25
"""Seconds that are waited, at most, for what must not follow the answer to a HEAD: its end is asked for."""

STRAY = 65_536
"""Bytes that are read, at most, of what must not follow the answer to a HEAD."""


@dataclass(frozen=True)
class Credential:
    """What a request identifies itself with: a label for people, and how to make the token from the settings."""

    label: str
    needs: tuple[str, ...]
    make: Callable[[Any], Secret]


def bearer(setting: str) -> Credential:
    """Return the credential held in a setting, labelled by its name without `_token`."""
    return Credential(setting.removesuffix("_token"), (setting,), lambda settings: getattr(settings, setting))


class Exchange(Probe):
    """A request over HTTP to a system whose settings have an address under `url`, whatever the answer is read as.

    `source` names the setting with the address of this machine that it is made from, as from outside. `trust` names
    the one with the file of certificates that are trusted instead of the machine's, where the profile sets it. `body`
    is what the documents say of the members of the answer, `origin` whether they have the path at all: where a chosen
    one is not answered, `healthgate fit` proposes to leave out what reads it. `explained_by` is the check that tells
    best that nothing answers: what has no data for that is blocked by it.
    """

    codes: Collection[int] = (200,)
    """The status codes whose body is read."""

    types: Collection[str] = ()
    """Media types beside JSON's own whose body is read as JSON."""

    def __init__(
        self,
        system: type[System],
        path: str,
        *,
        credential: Credential | None = None,
        proven_by: str | None = None,
        alongside: Probe | None = None,
        method: str = "GET",
        url: str = "url",
        source: str | None = None,
        trust: str | None = None,
        body: Shape | None = None,
        origin: Origin = "documented",
        explained_by: str | None = None,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"a check may not send {method}; only {' and '.join(sorted(METHODS))} change nothing")
        super().__init__(system, proven_by, alongside)
        self.route = self.path = path
        self.shape = body or {}
        self.origin = origin
        self.explained_by = explained_by
        self.credential = credential
        self.method = method
        self.url = url
        self.source = source
        self.trust = trust

    @property
    def needs(self) -> tuple[str, ...]:
        source = (self.source,) if self.source else ()
        return (self.url, *source, *(self.credential.needs if self.credential else ()))

    @property
    def id(self) -> str:
        """The name of this request within an environment."""
        which = "" if self.url == "url" else f" {self.url.removesuffix('_url')}"
        who = f" ({self.credential.label})" if self.credential else ""
        whence = f" from {self.source.removesuffix('_address')}" if self.source else ""
        return f"{self.system.name}{which} {self.method} {self.path}{who}{whence}"

    def request(self, kind: type["HttpRequest"], settings: Any) -> "HttpRequest":
        """Return the one request that is made with these settings, to be read as `kind` reads it."""
        secret = self.credential.make(settings) if self.credential else None
        address, deadline, most = getattr(settings, self.url), settings.deadline, settings.body_limit
        source = getattr(settings, self.source) if self.source else ""
        trust = getattr(settings, self.trust, None) if self.trust else None
        path, deadline = settings.here.path(self.path), settings.here.deadlines.get(self.path, deadline)
        return kind(self.id, self.method, address, path, secret, deadline, most, source=source, trust=str(trust or ""))

    def where(self, systems: Mapping[str, System]) -> str:
        settings = self.settings(systems)
        who = f" as {self.credential.label}" if self.credential else ""
        whence = f" from {getattr(settings, self.source)}" if self.source else ""
        return f"{self.method} {getattr(settings, self.url)}{settings.here.path(self.path)}{who}{whence}"

    @functools.cached_property
    def again(self) -> Later:
        """The second look at the answer, in the same run."""
        return Later(self)

    @property
    def outcome(self) -> Source:
        """How the request ended, answered or not: an Answer in any case."""
        return Answered(self, lambda answer: answer)

    @property
    def code(self) -> Source:
        """The status code that came, whatever it is; where nothing serves, any claim about it is violated."""
        return Answered(self, status_code)

    def answer(self, scene: Scene) -> Answer:
        """Return how the request ended, its body as documented."""
        return Answer(scene.observation(self.id), self.codes, self.settings(scene.systems).here, self.path, self.types)

    def member(self, path: str, systems: Mapping[str, System]) -> Member | None:  # noqa: ARG002
        return Member(self, self.path, path)


class Answered(Derived):
    """How a request over HTTP ended, answered or not, in the form that `form` gives its Answer.

    It does not require what the answer is proven by: it is what the proof reads.
    """

    def __init__(self, exchange: Exchange, form: Callable[[Answer], Any]) -> None:
        super().__init__(form, (exchange,))
        self.exchange = exchange

    def proofs(self, systems: Mapping[str, System]) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def value(self, scene: Scene) -> Any:
        return self.function(self.exchange.answer(scene))


class HttpProbe(Exchange):
    """A GET (or HEAD) of one path of a system, answered with JSON or text; `codes` are those whose body is read.

    `types` are media types beside JSON's own whose body is read as JSON, such as text/plain.
    """

    def __init__(
        self,
        system: type[System],
        path: str,
        *,
        codes: Iterable[int] = (200,),
        types: Iterable[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(system, path, **options)
        self.codes = frozenset(codes)
        self.types = frozenset(types)
        if wrong := [kind for kind in self.types if not MEDIA_TYPE.fullmatch(kind)]:
            raise ValueError(f"types={sorted(wrong)!r} are no media types; write them as in types=('text/plain',)")
        if not self.codes or not self.codes <= set(range(200, 600)):
            raise ValueError(f"codes={codes!r} are no status codes of answers; write them as in codes=(200, 503)")

    def requests(self, settings: Any) -> list[Request]:
        return [self.request(HttpRequest, settings)]

    def value(self, scene: Scene) -> "Answer":
        answer = self.answer(scene)
        if answer.status != "answered":
            raise NoData(answer.error, self.explained_by)
        return answer

    @property
    def serves(self) -> Source:
        """Whether JSON came with one of the codes; any other answer, or none where nothing serves, is a violation."""
        return Answered(self, serves)

    @functools.cached_property
    def text(self) -> Source:
        """The body of a page that is no JSON, without blanks around it."""
        return Derived(Answer.text, (self,))

    def header(self, name: str) -> Source:
        """Return what a header of the answer says, whatever its code; one that did not come is no data."""
        return Derived(methodcaller("header", name), (self,))

    @functools.cached_property
    def elapsed_ms(self) -> Source:
        """Milliseconds from the name look-up to the last byte of an answer, whatever its code."""
        return Derived(attrgetter("elapsed_ms"), (self,))

    def at(self, path: str) -> Field:
        """Return a member of the JSON body."""
        return Field(self, path)

    def __getitem__(self, step: str | int) -> Field:
        return Field(self, joined("", step))


class Options(TypedDict, total=False):
    """What is said of a request beside its system and its path, as `HttpProbe` takes it."""

    credential: Credential | None
    proven_by: str | None
    alongside: Probe | None
    url: str
    source: str | None
    trust: str | None
    codes: Iterable[int]
    types: Iterable[str]
    body: Shape | None
    origin: Origin
    explained_by: str | None


def get(system: type[System], path: str, **options: Unpack[Options]) -> HttpProbe:
    """Return a GET of `path`; `proven_by` and `alongside` as for every Probe, the others as for every Exchange.

    `codes` are those whose body is read: `codes=(200, 503)` where a health route says with a 503 what is ill. `types`
    are media types beside JSON's own whose body is JSON all the same: `types=("text/plain",)`.
    """
    return HttpProbe(system, path, **options)


def head(system: type[System], path: str, **options: Unpack[Options]) -> HttpProbe:
    """Return a HEAD of `path`, as `get` returns a GET: status and headers; `length` of its Answer should be 0."""
    return HttpProbe(system, path, method="HEAD", **options)


@dataclass(frozen=True)
class HttpRequest(Bearing):
    """One request with everything it needs; times in seconds, `body_limit` in bytes.

    `source` is the address it is made from, `trust` the path of the certificates to trust; empty: as usual here.
    """

    id: str
    method: str
    url: Url
    path: str
    secret: Secret | None
    deadline: float
    body_limit: int
    source: str = field(default="", kw_only=True)
    trust: str = field(default="", kw_only=True)

    accept: ClassVar[str] = "application/json"

    def target(self) -> str:
        """Return path and query as they are asked for now."""
        return self.path

    def authorization(self) -> str:
        """Return what the Authorization header says, for the one place that sends it; empty where there is none."""
        return f"Bearer {self.secret.reveal()}" if self.secret is not None else ""

    def read(self, body: bytes, response: "Response", redactor: Redactor) -> dict[str, Any]:
        """Return facts of an answer that came whole: its content, or why it has none, without any known secret."""
        return parsed(body, media_type(redactor.text(response.getheader("Content-Type") or "text/plain")), redactor)

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:
        """Make the request within its deadline, on a kept connection if there is one."""
        began = time.monotonic()
        opened, received = 0, 0
        facts: dict[str, Any] = {}
        if connection is not None and (connection.opened_for != self._terms or _has_something_to_say(connection)):
            _close(connection)  # it was closed meanwhile, or what comes is no answer to what is asked next
            connection = None
        reused = connection is not None
        while True:
            try:
                if connection is None:
                    opened += 1
                    connection = self._open(began)
                else:
                    connection.sock.bound(self._left(began), self.body_limit + HEADERS_BUDGET)
                facts, received = self._exchange(connection, redactor, began)
                status, error = "answered", None
                if received > self.body_limit:
                    status, error = "oversized", f"the answer is larger than {self.body_limit} bytes"
            except Exception as problem:
                received = getattr(getattr(connection, "sock", None), "taken", 0)
                _close(connection)
                connection = None
                if reused and isinstance(problem, ConnectionError) and not received:
                    reused = False  # the server had closed the kept connection; that is no answer
                    continue
                status, error = _explain(problem, self, received, redactor)
            break
        if connection is not None and (connection.sock is None or status != "answered"):
            _close(connection)
            connection = None
        elapsed = (time.monotonic() - began) * 1000
        seen = Observation(self.id, status, time.time(), round(elapsed, 3), received, error, facts, opened)
        return seen, connection

    @property
    def _terms(self) -> tuple[str, str]:
        return self.source, self.trust

    def _left(self, began: float) -> float:
        return max(0.001, self.deadline - (time.monotonic() - began))

    def _open(self, began: float) -> Any:
        from healthgate.wire import bounded, connection  # noqa: PLC0415 (only a run that needs it pays for it)

        budget = self.body_limit + HEADERS_BUDGET
        if bounded.scheme(self.url) == "https":
            bounded.tls_context(self.trust)  # whom to trust has to be known before anybody is asked
        sock = bounded.connect(*connection.address(self.url), self._left(began), budget, self.source)
        opened: Any = connection.over(sock, self.url, self.trust)
        opened.opened_for = self._terms
        return opened

    def _exchange(self, connection: Any, redactor: Redactor, began: float) -> tuple[dict[str, Any], int]:
        from healthgate.wire.connection import CodedError, answered, body, decoded  # noqa: PLC0415

        request_id = secrets.token_hex(8)
        headers = {
            "Accept": self.accept,
            "Accept-Encoding": "identity",
            "User-Agent": f"healthgate/{__version__}",
            "X-Request-Id": request_id,
        }
        if self.method == "HEAD":
            headers["Connection"] = "close"  # so that what comes after the headers ends
        if authorization := self.authorization():
            headers["Authorization"] = authorization
        base = self.url.partition("://")[2].partition("/")[2]
        sock = connection.sock
        connection.request(self.method, (f"/{base}" if base else "") + self.target(), headers=headers)
        response = answered(connection)
        content_type = last_of(redactor.text(response.getheader("Content-Type") or ""))
        facts = {
            "code": response.status,
            "type": media_type(content_type or "text/plain"),
            "content_type": printable(content_type, 100),
            "request_id": request_id,
            "headers": kept_headers(response.getheaders(), redactor),
        }
        if location := response.getheader("Location"):
            facts["location"] = printable(redactor.text(location), 80)
        if self.method == "HEAD":
            with response:
                stray = _stray(sock, response.fp, self._left(began))
            connection.close()
            return facts | {"flaw": "the answer to a HEAD has no body to read"}, stray
        if response.length is not None and response.length > self.body_limit:
            connection.close()
            return facts, response.length
        content = body(response, self.body_limit + 1)
        received = len(content)
        if response.surplus or received > self.body_limit:
            connection.close()
        if received > self.body_limit:
            return facts, received
        try:
            content = decoded(content, response.codings, self.body_limit + 1)
        except CodedError as problem:
            return facts | {"flaw": redactor.text(str(problem))}, received
        if len(content) > self.body_limit:
            return facts, len(content)
        return facts | self.read(content, response, redactor), received


def _has_something_to_say(connection: Any) -> bool:
    listener = select.poll()
    listener.register(connection.sock, select.POLLIN)
    return bool(listener.poll(0))


def _stray(sock: Any, stream: Any, left: float) -> int:
    """Return how many bytes follow headers that should be all there is."""
    sock.bound(min(STRAY_WITHIN, left), STRAY + HEADERS_BUDGET)
    found = 0
    with suppress(OSError):
        while found < STRAY and (piece := stream.read1(STRAY - found)):
            found += len(piece)
    return found


def _close(connection: Any) -> None:
    if connection is not None:
        connection.close()


def _explain(problem: BaseException, request: HttpRequest, received: int, redactor: Redactor) -> tuple[str, str]:
    from healthgate.wire.bounded import OversizedError  # noqa: PLC0415
    from healthgate.wire.connection import explain  # noqa: PLC0415

    if isinstance(problem, OversizedError):
        return "oversized", f"the answer is larger than {request.body_limit} bytes"
    return explain(problem, request.host, request.deadline, received, redactor.text)
