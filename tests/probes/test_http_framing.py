"""What stands between the requests and the bodies: interim answers, lengths, codings, types, and how TLS ends."""

import gzip
import socket
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import StreamUrl, System, Url
from healthgate.probes.exposition import ExpositionRequest, page_of
from healthgate.probes.following import EventStreamRequest
from healthgate.probes.http import HttpProbe, HttpRequest, get
from healthgate.probes.http_answer import Answer
from healthgate.probes.listening import StreamRequest
from healthgate.probes.staying import never
from healthgate.secret import Redactor, Secret
from healthgate.tell.exchange import Request, TransientError, exchange
from tests.parts.certificates import Certificate
from tests.parts.target import Hostile, Peer, then, told

FOREVER = 20.0
LIMIT = 10_000
INTERPRETER = (
    "Error",
    "Incomplete",
    "Exception",
    "invalid literal",
    "bytes read",
    "NoneType",
    "codec",
    "BadStatusLine",
)
"""What the words of an interpreter have in them."""


def request(url: str, path: str = "/state", kind: type[HttpRequest] = HttpRequest) -> HttpRequest:
    return kind("it", "GET", Url(url), path, None, FOREVER, LIMIT)


def ask(url: str, connection: Any = None, path: str = "/state") -> tuple[Observation, Any]:
    """Make one request and return what came of it, and the connection that is kept."""
    seen, kept = request(url, path).make(connection, Redactor())
    assert not any(word in str(seen.error) for word in INTERPRETER), seen.error
    return seen, kept


def one(url: str) -> Observation:
    """Make one request on a connection of its own."""
    seen, kept = ask(url)
    if kept is not None:
        kept.close()
    return seen


def json_of(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    lines = [status, "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
INTERIM = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103": HINT,
    "104": b"HTTP/1.1 104 Upload Resumption Supported\r\nX: 1\r\n\r\n",
    "199 without a reason": b"HTTP/1.1 199\r\n\r\n",
    "103 with a length": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n",
    "several": HINT * 3,
}


def serving_paths(hints: bytes, wait: float = 0.0) -> Callable[[Peer], None]:
    """Behave by answering every request on a connection with its own path, after `hints`."""

    def behave(peer: Peer) -> None:
        while asked := peer.read_request():
            path = asked.split()[1].decode()
            peer.send(hints)
            if wait:
                peer.closing.wait(wait)
            peer.send(json_of(f'{{"path": "{path}"}}'.encode()))

    return behave


@pytest.mark.parametrize("how", INTERIM)
def test_every_path_is_judged_by_its_own_answer_whatever_comes_before_it(
    hostile: Callable[..., Hostile], how: str
) -> None:
    """Forty paths one after another, as a run asks one host; a connection that brought a hint is not kept."""
    server = hostile(serving_paths(INTERIM[how]))
    kept = None
    for number in range(40):
        seen, kept = ask(server.url, kept, f"/{number}")
        assert (seen.status, seen.facts["code"], seen.facts["json"]) == ("answered", 200, {"path": f"/{number}"})
        assert kept is None
    assert server.connections == 40


def test_an_answer_that_comes_a_while_after_its_hint_is_that_of_its_path(hostile: Callable[..., Hostile]) -> None:
    server = hostile(serving_paths(HINT, wait=0.1))
    kept = None
    for path in ("/a", "/b", "/c"):
        seen, kept = ask(server.url, kept, path)
        assert seen.facts["json"] == {"path": path}


def test_a_connection_without_hints_is_kept(hostile: Callable[..., Hostile]) -> None:
    server = hostile(serving_paths(b""))
    kept = None
    for path in ("/a", "/b", "/c"):
        seen, kept = ask(server.url, kept, path)
        assert seen.facts["json"] == {"path": path}
    kept.close()
    assert server.connections == 1


@pytest.mark.parametrize("how", INTERIM)
def test_a_delivery_is_judged_by_the_answer_and_not_by_a_hint(hostile: Callable[..., Hostile], how: str) -> None:
    taken = hostile(told(INTERIM[how] + json_of(b"", status="HTTP/1.1 200 OK")))
    refused = hostile(told(INTERIM[how] + json_of(b"no", status="HTTP/1.1 403 Forbidden")))

    assert exchange(Request("POST", taken.url, "/alerts", {}, b"[]"), FOREVER).status == 200
    assert exchange(Request("POST", refused.url, "/alerts", {}, b"[]"), FOREVER)[:2] == (403, b"no")


@pytest.mark.parametrize("how", INTERIM)
def test_an_event_stream_opens_after_a_hint(hostile: Callable[..., Hostile], how: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    facts = follow(hostile(then(INTERIM[how] + head + b"data: a\n\n", Peer.hang)).url).facts

    assert (facts["code"], facts["count"]) == (200, 1)


def follow(url: str) -> Observation:
    """Follow an event stream until its first event."""
    stream = EventStreamRequest("it", Url(url), "", None, FOREVER, FOREVER, 1, LIMIT, (), never, None)
    return stream.make(None, Redactor())[0]


ODD_FRAMES: dict[str, tuple[bytes, str]] = {
    "a header line without colon": (json_of(b"{}", "GARBAGE LINE"), "a line of its head is no header: 'GARBAGE LINE'"),
    "a header without a name": (json_of(b"{}", ": x"), "a line of its head is no header: ': x'"),
    "a header with a blank in its name": (json_of(b"{}", "X Y: 1"), "a line of its head is no header: 'X Y: 1'"),
    "a fold of nothing": (b"HTTP/1.1 200 OK\r\n folded\r\n\r\n{}", "a line of its head is no header: ' folded'"),
    "two lengths": (json_of(b"{}", "Content-Length: 20"), "it declares two lengths, 2 and 20"),
    "two lengths in one line": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}", "it declares two lengths, 2 and 3"
    ),
    **{
        f"the length {told!r}": (
            b"HTTP/1.1 200 OK\r\nContent-Length: " + told + b"\r\n\r\n{}",
            f"it declares the length {told.decode('latin-1')!r}",
        )
        for told in (b"-2", b"+2", b"2.0", b"0x2", b"2_0", b"\xb2", b"two", b"", b"2;3")
    },
    **{
        f"a chunk of the length {told!r}": (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + told + b"\r\n{}\r\n0\r\n\r\n",
            f"a chunk of it has the length {told.decode('latin-1')!r}",
        )
        for told in (b"-2", b"+2", b"0x2", b"2_0", b"\xb2", b"zz", b"")
    },
    "a chunk that is longer than it says": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
        "a chunk of it is longer than it says",
    ),
    "chunks within another coding": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "it is sent in the codings chunked, gzip, where chunked comes last",
    ),
    "more after 204": (json_of(b"{}", status="HTTP/1.1 204 No Content"), "more follows its head, and 204 says"),
    "more after 304": (json_of(b"{}", status="HTTP/1.1 304 Not Modified"), "more follows its head, and 304 says"),
    "another version": (b"HTTP/2.0 200 OK\r\n\r\n{}", "it begins with 'HTTP/2.0 200 OK'"),
    "a status with a sign": (b"HTTP/1.1 +20 OK\r\n\r\n{}", "it begins with 'HTTP/1.1 +20 OK'"),
    "a status with an underscore": (b"HTTP/1.1 2_0 OK\r\n\r\n{}", "it begins with 'HTTP/1.1 2_0 OK'"),
    "a status in other digits": ("HTTP/1.1 ²00 OK\r\n\r\n{}".encode("latin-1"), "it begins with 'HTTP/1.1 ²00 OK'"),
    "an empty line first": (b"\r\n\r\n", "it begins with an empty line"),
}  # fmt: skip


@pytest.mark.parametrize("how", ODD_FRAMES)
def test_an_answer_that_can_be_meant_in_two_ways_is_none(hostile: Callable[..., Hostile], how: str) -> None:
    """Malformed, in words; the connection is closed, and the next path is asked on another."""
    data, words = ODD_FRAMES[how]
    served: list[bytes] = []

    def behave(peer: Peer) -> None:
        while asked := peer.read_request():
            served.append(asked.split()[1])
            peer.send(data if served == [b"/a"] else json_of(b'{"b": 1}'))

    server = hostile(behave)
    seen, kept = ask(server.url, None, "/a")
    following, left = ask(server.url, kept, "/b")

    assert (seen.status, kept) == ("malformed", None)
    assert f"the answer is not HTTP: {words}" in str(seen.error)
    assert following.facts["json"] == {"b": 1}
    left.close()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_what_comes_late_after_an_answer_without_a_body_is_never_taken_for_the_next(
    hostile: Callable[..., Hostile], status: bytes
) -> None:
    """The connection is not kept after one."""
    answered = threading.Event()

    def behave(peer: Peer) -> None:
        asked = peer.read_request()
        if asked.split()[1] == b"/b":
            peer.send(json_of(b'{"b": 1}'))
            return
        peer.send(b"HTTP/1.1 " + status + b"\r\n\r\n")
        answered.wait(FOREVER)
        peer.send(json_of(b'{"stray": 1}'))
        peer.hang()

    server = hostile(behave)
    seen, kept = ask(server.url, None, "/a")
    answered.set()
    following, _ = ask(server.url, kept, "/b")

    assert (seen.status, seen.facts["code"], kept) == ("answered", int(status[:3]), None)
    assert following.facts["json"] == {"b": 1}


def test_a_connection_with_more_than_its_answer_is_not_kept(hostile: Callable[..., Hostile]) -> None:
    seen, kept = ask(hostile(then(json_of(b"{}") + json_of(b'{"stray": 1}'), Peer.hang)).url)

    assert (seen.facts["json"], kept) == ({}, None)


TOLERATED = {
    "one length twice": json_of(b"{}", "Content-Length: 2"),
    "one length with zeros": json_of(b"{}", "Content-Length: 002"),
    "a blank before the colon": json_of(b"{}", "X-Odd : 1"),
    "a folded header": json_of(b"{}", "X-Long: one", "\ttwo"),
    "line feeds alone": json_of(b"{}").replace(b"\r\n", b"\n"),
    "no reason phrase": json_of(b"{}", status="HTTP/1.1 200"),
    "HTTP/1.0": json_of(b"{}", status="HTTP/1.0 200 OK"),
    "many headers": json_of(b"{}", *(f"X-{number}: 1" for number in range(150))),
    "chunks with extensions and trailers": (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"1;a=b\r\n{\r\n1 \r\n}\r\n0\r\nX: 1\r\n\r\n"
    ),
}


@pytest.mark.parametrize("how", TOLERATED)
def test_what_is_odd_and_can_be_meant_in_one_way_is_read(hostile: Callable[..., Hostile], how: str) -> None:
    assert one(hostile(told(TOLERATED[how])).url).facts["json"] == {}


PLAIN = ("none", "identity", "", "NONE", "Identity", "identity, none", "none,,identity")


@pytest.mark.parametrize("header", ["Content-Encoding", "Transfer-Encoding"])
@pytest.mark.parametrize("value", PLAIN)
def test_words_for_no_coding_mean_no_coding(hostile: Callable[..., Hostile], header: str, value: str) -> None:
    """For JSON, metrics pages and event streams."""
    line = f"{header}: {value}"
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n" + line.encode() + b"\r\n\r\na 1\n"
    events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + line.encode() + b"\r\n\r\ndata: x\n\n"

    assert one(hostile(told(json_of(b'{"a": 1}', line))).url).facts["json"] == {"a": 1}
    seen = request(hostile(told(page)).url, "/metrics", ExpositionRequest).make(None, Redactor())[0]
    assert page_of(seen).number("a") == 1
    followed = follow(hostile(then(events, Peer.hang)).url)
    assert (followed.status, followed.facts["count"]) == ("answered", 1)


SQUEEZED = gzip.compress(b'{"a": 1}')
ZIPPED = {
    "gzip": (SQUEEZED, "Content-Encoding: gzip"),
    "x-gzip": (SQUEEZED, "Content-Encoding: X-GZIP"),
    "in a list": (SQUEEZED, "Content-Encoding: identity, gzip"),
    "twice": (gzip.compress(SQUEEZED), "Content-Encoding: gzip, gzip"),
    "in two parts": (gzip.compress(b'{"a":') + gzip.compress(b" 1}"), "Content-Encoding: gzip"),
    "on the way": (SQUEEZED, "Transfer-Encoding: gzip"),
}


@pytest.mark.parametrize("how", ZIPPED)
def test_a_body_that_is_zipped_unasked_is_read(hostile: Callable[..., Hostile], how: str) -> None:
    body, header = ZIPPED[how]
    assert one(hostile(told(json_of(body, header))).url).facts["json"] == {"a": 1}


def test_a_zipped_metrics_page_is_read(hostile: Callable[..., Hostile]) -> None:
    body = gzip.compress(b"a 1\n")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}"
    server = hostile(told(head.encode() + b"\r\n\r\n" + body))
    seen = request(server.url, "/metrics", ExpositionRequest).make(None, Redactor())[0]

    assert page_of(seen).number("a") == 1


@pytest.mark.parametrize(
    ("body", "header", "words"),
    [
        (b"{}", "br", "the answer is encoded as br, which was not asked for"),
        (zlib.compress(b"{}"), "deflate", "the answer is encoded as deflate, which was not asked for"),
        (b"{}", "gzip, zstd", "the answer is encoded as zstd, which was not asked for"),
        (b"{}", "gzip", "the answer is said to be encoded as gzip, and is not"),
        (SQUEEZED[:-4], "gzip", "the answer is encoded as gzip and cut off"),
    ],
)
def test_another_coding_is_named_as_it_is(
    hostile: Callable[..., Hostile], body: bytes, header: str, words: str
) -> None:
    seen = one(hostile(told(json_of(body, f"Content-Encoding: {header}"))).url)

    assert (seen.status, seen.facts["flaw"]) == ("answered", words)


def test_a_body_that_swells_is_larger_than_what_is_read(hostile: Callable[..., Hostile]) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    assert len(bomb) < LIMIT

    seen = one(hostile(told(json_of(bomb, "Content-Encoding: gzip"))).url)

    assert (seen.status, seen.error) == ("oversized", f"the answer is larger than {LIMIT} bytes")


TYPES = (
    "application/health+json",
    "application/problem+json; charset=utf-8",
    "application/vnd.spring-boot.actuator.v3+json",
    "Application/Health+JSON",
    "text/html, application/json",
    'text/plain; note="a, b", application/json; charset=utf-8',
    "text/plain\r\nContent-Type: application/json; charset=utf-8",
)


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_json_by_its_type_is_read_as_json_and_the_last_type_counts(
    hostile: Callable[..., Hostile], kind: str
) -> None:
    data = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 8\r\n\r\n".encode() + b'{"a": 1}'
    assert one(hostile(told(data)).url).facts["json"] == {"a": 1}


@pytest.mark.parametrize("kind", ["application/json, text/html", "text/x+json", "application/json-seq", "model/+json"])
def test_what_is_no_json_by_its_type_is_none(hostile: Callable[..., Hostile], kind: str) -> None:
    data = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    with pytest.raises(NoData, match="not JSON"):
        Answer(one(hostile(told(data)).url)).body()


def test_an_ill_service_that_says_so_in_json_of_its_own_type_is_read(hostile: Callable[..., Hostile]) -> None:
    data = b"HTTP/1.1 503 Busy\r\nContent-Type: application/health+json\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}'
    answer = Answer(one(hostile(told(data)).url), codes=(200, 503))

    assert answer.body().number("a") == 1


class Boiler(System):
    """A system whose health route says text, and means JSON."""

    name = "boiler"
    url: Url


@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=utf-8", "application/octet-stream"])
@pytest.mark.parametrize("body", [b'{"a": 1}', b'\n {"a": 1}\n', b'\xef\xbb\xbf{"a": 1}'])
def test_json_under_another_name_is_read_where_the_check_asks_for_it(
    hostile: Callable[..., Hostile], kind: str, body: bytes
) -> None:
    """Whoever does not ask for it sees the type that came; text stays text."""
    data = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    seen = one(hostile(told(data)).url)

    def scene(probe: HttpProbe) -> Scene:
        return Scene("works", {"boiler": Boiler(url=Url("http://boiler"))}, {probe.id: seen})

    asking, other = (get(Boiler, "/state", types=types) for types in ((kind.partition(";")[0],), ("text/css",)))
    seen = replace(seen, id=asking.id)
    assert asking["a"].value(scene(asking)).number() == 1
    assert asking.text.value(scene(asking)) == body.decode().strip()
    with pytest.raises(NoData, match="not JSON"):
        other["a"].value(scene(other)).number()


@pytest.mark.parametrize("kind", ["Text/Plain", "text", "text/plain; charset=utf-8", ""])
def test_a_type_that_is_none_is_refused_where_it_is_declared(kind: str) -> None:
    with pytest.raises(ValueError, match="are no media types; write them as in types="):
        get(Boiler, "/state", types=(kind,))


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"a": 1}', b'\xef\xbb\xbf \n{"a": 1}'])
def test_a_byte_order_mark_before_json_means_nothing(hostile: Callable[..., Hostile], body: bytes) -> None:
    assert one(hostile(told(json_of(body))).url).facts["json"] == {"a": 1}


@pytest.mark.parametrize("end", ["closed", "cut"])
@pytest.mark.parametrize("body", [b"{}", b""])
def test_an_answer_without_length_is_whole_only_where_tls_says_that_it_ended(
    hostile: Callable[..., Hostile],
    own_certificate: Certificate,
    trusting: Callable[[Path], None],
    end: str,
    body: bytes,
) -> None:
    """Anybody on the way can cut a connection; only the server can say that it is done."""
    trusting(own_certificate.file)

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body)
        if end == "closed":
            peer.sock.unwrap()  # type: ignore[attr-defined]
        else:
            peer.sock.shutdown(socket.SHUT_WR)

    seen = one(f"https://{hostile(behave, wrap=own_certificate.server_side()).address}")

    assert seen.status == ("answered" if end == "closed" and body else "reset")


def test_an_answer_with_a_length_is_whole_however_tls_ends(
    hostile: Callable[..., Hostile], own_certificate: Certificate, trusting: Callable[[Path], None]
) -> None:
    trusting(own_certificate.file)
    behave = then(json_of(b"{}", "Connection: close"), lambda peer: peer.sock.shutdown(socket.SHUT_WR))

    assert one(f"https://{hostile(behave, wrap=own_certificate.server_side()).address}").facts["json"] == {}


@pytest.mark.parametrize(("scheme", "stream"), [("HTTPS", "WSS"), ("Https", "Wss"), ("hTTpS", "wSs")])
def test_a_scheme_in_capitals_never_sends_a_secret_in_clear_text(
    hostile: Callable[..., Hostile], scheme: str, stream: str
) -> None:
    """What arrives at a server is the beginning of a handshake, and nothing of the token."""
    came: list[bytes] = []

    def behave(peer: Peer) -> None:
        came.append(peer.sock.recv(65_536))

    address = hostile(behave).address
    url, token = Url(f"{scheme}://{address}"), Secret("planted-token-0123456789")
    HttpRequest("it", "GET", url, "/", token, FOREVER, LIMIT).make(None, Redactor())
    EventStreamRequest("it", url, "", token, FOREVER, FOREVER, 1, LIMIT, (), never, None).make(None, Redactor())
    StreamRequest("it", StreamUrl(f"{stream}://{address}"), FOREVER, FOREVER, 1, LIMIT, (token.reveal(),), never).make(
        None, Redactor()
    )
    with pytest.raises(TransientError):
        exchange(Request("POST", url, "/", {"Authorization": f"Bearer {token.reveal()}"}), FOREVER)

    assert len(came) == 4
    assert {data[0] for data in came} == {0x16}
    assert not any(b"planted" in data or b"GET" in data for data in came)
