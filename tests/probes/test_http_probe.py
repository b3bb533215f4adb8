"""One GET against servers that do everything wrong: an answer within the deadline, in plain words, always."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.system import System, Url
from healthgate.probes.http import HttpProbe, HttpRequest
from healthgate.probes.http_answer import Answer
from healthgate.secret import Redactor, Secret
from tests.parts.certificates import Certificate, made_for
from tests.parts.target import Hostile, Peer, closed_port, then, told

DEADLINE = 0.4
FOREVER = 20.0
"""Seconds that no exchange with such a deadline may take, however loaded the machine."""

LIMIT = 10_000
TOKEN = "planted-token-0123456789"


def ask(url: str, deadline: float = FOREVER, path: str = "/state", **options: Any) -> Observation:
    """Make one request and return what came of it."""
    request = HttpRequest("it", "GET", Url(url), path, options.pop("secret", None), deadline, LIMIT)
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    began = time.monotonic()
    observation, connection = request.make(options.pop("connection", None), redactor)
    if connection is not None:
        connection.close()
    assert time.monotonic() - began < FOREVER
    return observation


def answer(body: bytes, head: str = "HTTP/1.1 200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """Return a whole answer with its true length."""
    lines = [head, f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SLOW = {
    "silence before the request is read": lambda peer: peer.hang(),
    "silence before the headers": then(b"", Peer.hang),
    "silence within the status line": then(b"HTTP/1.", Peer.hang),
    "silence within the headers": then(HEAD, Peer.hang),
    "silence after the headers": then(HEAD + b"Content-Length: 5\r\n\r\n", Peer.hang),
    "silence within the body": then(HEAD + b"Content-Length: 5\r\n\r\n{}", Peer.hang),
    "status line in drops": then(b"", lambda peer: peer.trickle(b"HTTP/1.1 200 OK" + b" " * 5000)),
    "headers in drops": then(HEAD, lambda peer: peer.trickle(b"X-More: 1\r\n")),
    "body in drops": then(HEAD + b"Content-Length: 9000\r\n\r\n", lambda peer: peer.trickle(b" ")),
    "body in drops without length": then(HEAD + b"\r\n", lambda peer: peer.trickle(b" ")),
    "chunks in drops": then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", lambda peer: peer.trickle(b"1\r\n \r\n")),
    "early hints for ever": then(b"", lambda peer: peer.trickle(b"HTTP/1.1 100 Continue\r\n\r\n", every=0.005)),
}


@pytest.mark.parametrize("how", SLOW)
def test_a_server_that_takes_for_ever_is_late(hostile: Callable[..., Hostile], how: str) -> None:
    """Whatever keeps it: one deadline covers the whole exchange."""
    seen = ask(hostile(SLOW[how]).url, DEADLINE)

    assert (seen.status, seen.facts) == ("late", {})
    assert str(seen.error).startswith("no complete answer within 400 ms")
    assert seen.elapsed_ms >= 390


BROKEN = {
    "hangs up at once": (lambda peer: peer.sock.close(), "reset", "closed the connection without a complete answer"),
    "resets at once": (Peer.reset, "reset", "closed the connection without a complete answer"),
    "hangs up after the request": (told(b""), "reset", "closed the connection without a complete answer"),
    "resets after the request": (then(b"", Peer.reset), "reset", "closed the connection without a complete answer"),
    "sends less than declared": (
        told(HEAD + b"Content-Length: 500\r\n\r\n{}"),
        "reset",
        "before the answer was complete",
    ),
    "resets within the body": (
        then(HEAD + b"Content-Length: 500\r\n\r\n{}", Peer.reset),
        "reset",
        "closed the connection",
    ),
    "hangs up within the headers": (told(HEAD), "reset", "before the answer was complete"),
    "hangs up within the headers of a refusal": (
        told(b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"),
        "reset",
        "before the answer was complete",
    ),
    "hangs up within a chunk": (
        told(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{}"),
        "reset",
        "before the answer was complete",
    ),
    "sends a chunk without length": (
        told(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
        "malformed",
        "a chunk of it has the length 'zz'",
    ),
    "speaks something else": (
        told(b"SSH-2.0-OpenSSH_9.6\r\n"),
        "malformed",
        "HTTP: it begins with 'SSH-2.0-OpenSSH_9.6'",
    ),
    "speaks a binary protocol": (told(bytes(range(256)) + b"\r\n"), "malformed", "the answer is not HTTP"),
    "has a status that is no number": (told(b"HTTP/1.1 abc OK\r\n\r\n"), "malformed", "the answer is not HTTP"),
    "has an endless status line": (
        told(b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n"),
        "malformed",
        "the answer is not HTTP",
    ),
    "has a huge header": (
        told(HEAD + b"X-Big: " + b"x" * 70_000 + b"\r\n\r\n{}"),
        "malformed",
        "the answer is not HTTP",
    ),
    "has too many headers": (told(HEAD + b"X-Many: 1\r\n" * 500 + b"\r\n{}"), "malformed", "the answer is not HTTP"),
    "answers TLS on a plain port": (told(b"\x15\x03\x03\x00\x02\x02\x46"), "malformed", "the answer is not HTTP"),
    "declares 200 MB": (
        then(HEAD + b"Content-Length: 200000000\r\n\r\n", Peer.hang),
        "oversized",
        "larger than 10000 bytes",
    ),
    "sends more than is read": (told(answer(b" " * 20_000)), "oversized", "larger than 10000 bytes"),
    "floods the body": (
        then(HEAD + b"\r\n", lambda peer: peer.flood(b" " * 5000)),
        "oversized",
        "larger than 10000 bytes",
    ),
    "floods chunks": (
        then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", lambda peer: peer.flood(b"3e8\r\n" + b" " * 1000 + b"\r\n")),
        "oversized",
        "larger than 10000 bytes",
    ),
    "floods early hints": (
        then(b"", lambda peer: peer.flood(b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 500 + b"\r\n\r\n")),
        "oversized",
        "larger than 10000 bytes",
    ),
    "floods trailers": (
        then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", lambda peer: peer.flood(b"X: " + b"x" * 500 + b"\r\n")),
        "oversized",
        "larger than 10000 bytes",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_server_that_breaks_off_or_floods_is_told_apart(hostile: Callable[..., Hostile], how: str) -> None:
    """Each with a word for machines and a phrase for people; nothing of it is taken for an answer."""
    behave, status, words = BROKEN[how]

    seen = ask(hostile(behave).url)

    assert (seen.status, words in str(seen.error)) == (status, True), seen.error
    with pytest.raises(NoData):
        Answer(seen).body()
    assert seen.bytes < 1_000_000 or "200 MB" in how


FLAWED = {
    "500": (answer(b"{}", "HTTP/1.1 500 Internal Server Error"), "it answered 500, not 200"),
    "401": (answer(b"{}", "HTTP/1.1 401 Unauthorized"), "it answered 401, not 200"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", "it answered 204, not 200"),
    "206": (answer(b"{}", "HTTP/1.1 206 Partial Content"), "it answered 206, not 200"),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", "it answered 304, not 200"),
    "999": (answer(b"{}", "HTTP/1.1 999 Whatever"), "it answered 999, not 200"),
    "redirect": (
        answer(b"", "HTTP/1.1 302 Found", Location="/state"),
        "it answered 302 (a redirect to /state, not followed)",
    ),
    "html": (answer(b"<html>", kind="text/html"), "the answer is text/html, not JSON"),
    "no type": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "the answer is text/plain, not JSON"),
    "empty": (answer(b""), "the answer is not JSON"),
    "half": (answer(b'{"a": '), "the answer is not JSON"),
    "two": (answer(b"{} {}"), "the answer is not JSON"),
    "not utf-8": (answer(b'{"a": "caf\xe9"}'), "the answer is not UTF-8 text (byte 10)"),
    "utf-16": (answer('{"a": 1}'.encode("utf-16")), "the answer is not UTF-8 text"),
    "gzip": (
        answer(b"\x1f\x8b\x08", Content_Encoding="gzip"),
        "the answer is encoded as gzip and cut off",
    ),
    "deep lists": (answer(b"[" * 4000 + b"]" * 4000), "the answer is nested deeper than 100 levels"),
    "deep objects": (answer(b'{"a":' * 1500 + b"1" + b"}" * 1500), "the answer is nested deeper than 100 levels"),
}


@pytest.mark.parametrize("what", FLAWED)
def test_an_answer_that_is_no_data_says_what_came_instead(hostile: Callable[..., Hostile], what: str) -> None:
    """The server answered; what it said cannot be read as the JSON of a 200."""
    data, words = FLAWED[what]

    seen = ask(hostile(told(data)).url)

    assert seen.status == "answered"
    with pytest.raises(NoData) as nothing:
        Answer(seen).body()
    assert words in str(nothing.value)
    assert str(nothing.value).isprintable()


ODD = {
    "NaN": (b'{"a": NaN}', 'a is "NaN", not a number'),
    "Infinity": (b'{"a": -Infinity}', 'a is "-Infinity", not a number'),
    "1e999": (b'{"a": 1e999}', 'a is "1e999", not a number'),
    "huge integer": (b'{"a": 1' + b"0" * 400 + b"}", "a is 1000"),
    "lone surrogate": (b'{"a": "\\ud800"}', 'a is "\\ud800", not a number'),
    "escape": (b'{"a": "\\u001b[31m"}', 'a is "\\x1b[31m", not a number'),
    "null": (b'{"a": null}', "a is null, not a number"),
    "prototype": (b'{"__proto__": {"a": 1}}', "a is missing"),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_number_is_no_number(hostile: Callable[..., Hostile], what: str) -> None:
    """Neither crash nor default, and the words are harmless."""
    body, words = ODD[what]
    seen = ask(hostile(told(answer(body))).url)

    with pytest.raises(NoData) as nothing:
        Answer(seen).body().number("a")

    assert words in str(nothing.value)
    assert str(nothing.value).isprintable()
    json.dumps(seen.as_record(), allow_nan=False).encode()


def test_a_member_given_twice_is_a_flaw(hostile: Callable[..., Hostile]) -> None:
    """Two values for one name: which of them is true is not known."""
    seen = ask(hostile(told(answer(b'{"a": 1, "b": {"c": 1, "c": 2}}'))).url)

    with pytest.raises(NoData, match="it gives c twice"):
        Answer(seen).body()


def test_brackets_within_text_are_not_nesting(hostile: Callable[..., Hostile]) -> None:
    """A log line full of brackets is an ordinary answer."""
    text = "[{" * 300 + '\\"'
    seen = ask(hostile(told(answer(json.dumps({"a": text}).encode()))).url)

    assert Answer(seen).body().text("a") == text


def test_what_comes_unasked_is_no_answer_to_the_next_request(hostile: Callable[..., Hostile]) -> None:
    """A server that sends two answers to one request: the second is not taken for that to the next request."""
    true = answer(b'{"a": 1}')
    forged = answer(json.dumps({"a": 2, "padding": "x" * 9_000}).encode())
    server = hostile(then(true + forged, Peer.hang))
    request = HttpRequest("it", "GET", Url(server.url), "/x", None, FOREVER, LIMIT)

    first, connection = request.make(None, Redactor())
    second, connection = request.make(connection, Redactor())
    if connection is not None:
        connection.close()

    assert Answer(first).body().number("a") == 1
    assert Answer(second).body().number("a") == 1
    assert server.connections == 2


def test_many_headers_are_an_ordinary_answer(hostile: Callable[..., Hostile]) -> None:
    """Ninety of them."""
    many = b"".join(b"X-%d: 1\r\n" % i for i in range(90))

    assert ask(hostile(told(HEAD + many + b"Content-Length: 2\r\n\r\n{}")).url).facts["json"] == {}


def test_a_redirect_loop_is_one_request(hostile: Callable[..., Hostile]) -> None:
    """Redirects are reported, not followed."""
    server = hostile(told(answer(b"", "HTTP/1.1 307 Temporary Redirect", Location="/state")))

    ask(server.url)

    assert server.connections == 1


def test_a_closed_port_is_refused() -> None:
    """Told apart from a server that is merely slow."""
    port = closed_port()
    seen = ask(f"http://127.0.0.1:{port}")

    assert seen.status == "refused"
    assert seen.error == f"connection refused: nothing listens on http://127.0.0.1:{port}"


def test_a_name_that_does_not_exist_is_unresolved() -> None:
    """The reserved top-level domain never resolves."""
    seen = ask("http://boiler.invalid")

    assert seen.status == "unresolved"
    assert seen.error == "the name of http://boiler.invalid cannot be resolved"


@pytest.mark.parametrize("name", ["a" * 70 + ".invalid", "xn--.invalid", "..", "a..b"])
def test_a_name_that_cannot_exist_is_unresolved(name: str) -> None:
    """Labels that are too long or empty make no traceback."""
    assert ask(f"http://{name}").status == "unresolved"


def test_a_connection_the_server_closed_meanwhile_is_opened_anew(hostile: Callable[..., Hostile]) -> None:
    """Not counted as a failure: the server had every right to."""
    server = hostile(told(answer(b'{"a": 1}')))
    request = HttpRequest("it", "GET", Url(server.url), "/x", None, FOREVER, LIMIT)

    first, connection = request.make(None, Redactor())
    assert connection is not None
    assert connection.sock.recv(1) == b""  # wait for the server's end
    second, connection = request.make(connection, Redactor())
    if connection is not None:
        connection.close()

    assert (first.status, second.status) == ("answered", "answered")
    assert second.connections == 1
    assert server.connections == 2


def test_a_request_is_never_sent_twice_when_an_answer_began(hostile: Callable[..., Hostile]) -> None:
    """A kept connection that breaks within the answer is reported."""
    data = answer(b'{"a": 1}')

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(data)
        peer.read_request()
        peer.send(data[:-3])

    server = hostile(behave)
    request = HttpRequest("it", "GET", Url(server.url), "/x", None, FOREVER, LIMIT)
    _, connection = request.make(None, Redactor())
    second, connection = request.make(connection, Redactor())

    assert (second.status, connection) == ("reset", None)
    assert server.connections == 1


def test_only_get_and_head_can_be_sent() -> None:
    """There is no way to change anything."""

    class Boiler(System):
        name = "boiler"
        url: Url

    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"):
        with pytest.raises(ValueError, match="a check may not send"):
            HttpProbe(Boiler, "/", method=method)


def test_an_echoed_token_is_removed_from_everything_that_is_kept(hostile: Callable[..., Hostile]) -> None:
    """Body, headers, status line, redirect target: also when the answer is broken."""
    shouting = f"Bearer {TOKEN}"
    for data in (
        answer(json.dumps({"you": shouting}).encode()),
        answer(shouting.encode(), kind="text/plain"),
        answer(shouting.encode()),
        answer(b"{}", f"HTTP/1.1 500 {TOKEN}", X_Echo=shouting),
        answer(b"{}", "HTTP/1.1 302 Found", Location=f"https://example.com/?token={TOKEN}"),
        answer(b"{}", "HTTP/1.1 302 Found", Location=f"https://example.com/{'x' * 35}?token={TOKEN}"),
        answer(b"{}", kind=f"application/{TOKEN}"),
        answer(b"{}", Content_Encoding=TOKEN),
        f"{shouting} HTTP/1.1\r\n\r\n".encode(),
        f"HTTP/1.1 {TOKEN} OK\r\n\r\n".encode(),
        ("x" * 60 + TOKEN).encode() + b"\r\n\r\n",
    ):
        seen = ask(hostile(told(data)).url, secret=Secret(TOKEN))
        kept = json.dumps(seen.as_record())
        assert TOKEN not in kept
        assert TOKEN[:16] not in kept, "a part of a token is a leak as well"


@pytest.mark.parametrize("body", ["escaped", "within an escape"])
def test_a_token_echoed_in_json_escapes_is_removed_as_well(hostile: Callable[..., Hostile], body: str) -> None:
    """A server may write any letter as backslash-u."""
    escaped = "".join(f"\\u{ord(c):04x}" for c in TOKEN) if body == "escaped" else TOKEN.replace("-", "\\u002d")
    seen = ask(hostile(told(answer(f'{{"you": "{escaped}", "{escaped}": 1}}'.encode()))).url, secret=Secret(TOKEN))

    assert TOKEN not in json.dumps(seen.as_record())


@pytest.fixture(scope="session")
def foreign_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for another host."""
    return made_for("DNS:elsewhere.example.com", tmp_path_factory.mktemp("tls"), "foreign")


def test_a_certificate_nobody_vouches_for_is_a_tls_failure(
    hostile: Callable[..., Hostile], own_certificate: Certificate
) -> None:
    """Self-signed."""
    server = hostile(told(answer(b"{}")), wrap=own_certificate.server_side())

    seen = ask(f"https://{server.address}")

    assert seen.status == "tls"
    assert "self-signed certificate" in str(seen.error)


def test_a_certificate_for_another_host_is_a_tls_failure(
    hostile: Callable[..., Hostile], foreign_certificate: Certificate, trusting: Callable[[Path], None]
) -> None:
    """Trusted, but not for this name."""
    trusting(foreign_certificate.file)
    server = hostile(told(answer(b"{}")), wrap=foreign_certificate.server_side())

    seen = ask(f"https://{server.address}")

    assert seen.status == "tls"
    assert "127.0.0.1" in str(seen.error)


def test_a_good_certificate_is_no_obstacle(
    hostile: Callable[..., Hostile], own_certificate: Certificate, trusting: Callable[[Path], None]
) -> None:
    """And the deadline and the cap hold within TLS as well."""
    trusting(own_certificate.file)
    wrap = own_certificate.server_side()
    well = hostile(told(answer(b'{"a": 1}')), wrap=wrap)
    slow = hostile(then(HEAD + b"\r\n", lambda peer: peer.trickle(b" ")), wrap=wrap)
    much = hostile(then(HEAD + b"\r\n", lambda peer: peer.flood(b" " * 5000)), wrap=wrap)

    assert ask(f"https://localhost:{well.port}").facts["json"] == {"a": 1}
    assert ask(f"https://{slow.address}", 1.0).status == "late"
    assert ask(f"https://{much.address}").status == "oversized"


def test_a_plain_server_on_a_tls_port_is_a_tls_failure(hostile: Callable[..., Hostile]) -> None:
    """It answers the handshake with HTTP."""
    seen = ask(f"https://{hostile(lambda peer: peer.send(answer(b'{}'))).address}")

    assert seen.status in {"tls", "reset"}
    assert "TLS failed" in str(seen.error) or "closed the connection" in str(seen.error)


def test_a_tls_handshake_that_hangs_is_late(hostile: Callable[..., Hostile]) -> None:
    """The deadline covers it."""
    assert ask(f"https://{hostile(Peer.hang).address}", DEADLINE).status == "late"
