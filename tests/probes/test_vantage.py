"""From where a request is made, whose certificates it trusts, and what a HEAD brings."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from healthgate import Exposition, FilePath, IpAddress, NoData, System, Url, bearer, get, head
from healthgate.claim.observation import Observation
from healthgate.claim.source import Absent, Probe, Scene
from healthgate.observe.observer import Observer, Task
from healthgate.probes.http import STRAY, STRAY_WITHIN, HttpRequest
from healthgate.readings import Answer
from healthgate.secret import Redactor, Secret
from healthgate.wire import bounded
from tests.parts.certificates import Certificate, made_for
from tests.parts.project import Project
from tests.parts.target import Hostile, Peer, Target, then, told

FOREVER = 20.0
TOKEN = "planted-token-0123456789"
OUTSIDE = "127.0.0.9"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"


class Works(System):
    """A system that is reached in two ways, also from outside, and has certificates of its own."""

    name = "works"
    url: Url
    staging_url: Url | None = None
    outside_address: IpAddress | None = None
    public_ca: FilePath | None = None
    token: Secret | None = None


def made(probe: Probe, **settings: Any) -> Observation:
    """Make the request of a probe and return what came of it."""
    works = Works(**settings)
    (request,) = probe.requests(works)
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    observation, connection = request.make(None, redactor)
    if connection is not None:
        connection.close()
    assert probe.ids(works) == [observation.id]
    return observation


def has_ipv6() -> bool:
    """Whether there is an IPv6 loopback."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def whence(peer: Peer) -> None:
    """Answer with the address that asks."""
    while peer.read_request():
        body = json.dumps({"from": peer.sock.getpeername()[0]}).encode()
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + body)


# -- from where ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", [get(Works, "/", source="outside_address"), get(Works, "/")])
def test_a_request_is_made_from_the_address_in_the_setting(hostile: Callable[..., Hostile], probe: Probe) -> None:
    seen = made(probe, url=Url(hostile(whence).url), outside_address=IpAddress(OUTSIDE))

    assert Answer(seen).body().text("from") == (OUTSIDE if "from" in seen.id else "127.0.0.1")


def test_a_name_is_reached_at_the_address_that_suits(hostile: Callable[..., Hostile]) -> None:
    """Of localhost, which has one of each kind."""
    probe = get(Works, "/", source="outside_address")
    seen = made(probe, url=Url(f"http://localhost:{hostile(whence).port}"), outside_address=IpAddress(OUTSIDE))

    assert Answer(seen).body().text("from") == OUTSIDE


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("192.0.2.7", "no connection can be made from 192.0.2.7, which is no address here"),
        ("2001:db8::7", "it has no address that could be reached from 2001:db8::7"),
        ("::1", "it has no address that could be reached from ::1"),
    ],
)
def test_an_address_that_no_request_can_be_made_from_says_nothing_of_the_server(
    hostile: Callable[..., Hostile], source: str, words: str
) -> None:
    """It is no proof that the server refuses: neither refused nor reset."""
    server = hostile(whence)
    seen = made(get(Works, "/", source="outside_address"), url=Url(server.url), outside_address=IpAddress(source))

    assert (seen.status, words in str(seen.error)) == ("unreachable", True), seen.error
    assert server.connections == 0


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_an_ipv6_address_is_a_vantage_as_well() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        sock = bounded.connect("::1", listener.getsockname()[1], FOREVER, 0, "::1")
        with sock, listener.accept()[0] as other:
            assert other.getpeername()[0] == "::1"


def test_connections_are_shared_only_by_requests_that_agree(
    hostile: Callable[..., Hostile], own_certificate: Certificate
) -> None:
    """On where they are made from; each answer is that to its own vantage."""
    server = hostile(whence)
    both = [HttpRequest("it", "GET", Url(server.url), "/", None, FOREVER, 1000, source=s) for s in ("", OUTSIDE)]
    connection = None
    told_by = []
    for request in (both[0], both[0], both[1], both[1], both[0]):
        seen, connection = request.make(connection, Redactor())
        told_by.append((Answer(seen).body().text("from"), seen.connections))
    connection.close()

    assert told_by == [("127.0.0.1", 1), ("127.0.0.1", 0), (OUTSIDE, 1), (OUTSIDE, 0), ("127.0.0.1", 1)]


def test_one_run_asks_from_both_sides_at_once(hostile: Callable[..., Hostile]) -> None:
    server = hostile(whence)
    works = Works(url=Url(server.url), outside_address=IpAddress(OUTSIDE))
    probes = [get(Works, "/"), get(Works, "/", source="outside_address")] * 4
    tasks = [Task("here", request) for probe in probes for request in probe.requests(works)]
    observer = Observer(Redactor(), lambda _ended, _total: None)
    observer.run(tasks)
    observer.close()

    found = [Answer(task.observation).body().text("from") for task in tasks if task.observation]
    assert found == ["127.0.0.1", OUTSIDE] * 4


def test_requests_that_differ_have_different_names() -> None:
    """In the address they go to, in where they are made from, in who asks."""
    probes = {
        "works GET /m?a=1": get(Works, "/m?a=1"),
        "works HEAD /m": head(Works, "/m"),
        "works staging GET /m": get(Works, "/m", url="staging_url"),
        "works GET /m from outside": get(Works, "/m", source="outside_address", trust="public_ca"),
        "works staging GET /m (admin) from outside": Exposition(
            Works, "/m", url="staging_url", source="outside_address", credential=bearer("admin_token")
        ),
    }

    assert [probe.id for probe in probes.values()] == list(probes)
    systems = {"works": Works(url=Url("http://a"), outside_address=IpAddress(OUTSIDE))}
    assert probes["works GET /m from outside"].where(systems) == f"GET http://a/m from {OUTSIDE}"


def test_a_vantage_that_is_not_set_leaves_the_request_out_and_trust_does_not() -> None:
    """Asking from where everybody may ask would say nothing; the machine's own authorities are as good as any."""
    with pytest.raises(Absent, match=r"works\.outside_address"):
        get(Works, "/", source="outside_address").probes({"works": Works(url=Url("http://a"))})
    assert get(Works, "/", trust="public_ca").probes({"works": Works(url=Url("https://a"))})


# -- whom to trust ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for the same host."""
    return made_for("IP:127.0.0.1", tmp_path_factory.mktemp("another"), "another")


def test_the_certificates_in_the_file_are_trusted_and_no_others(
    hostile: Callable[..., Hostile], own_certificate: Certificate, another: Certificate, tmp_path: Path
) -> None:
    """A file with several, with keys and words among them, is as good."""
    server = hostile(told(GOOD), wrap=own_certificate.server_side())
    url = Url(f"https://{server.address}")
    several = tmp_path / "several.pem"
    several.write_bytes("# première\n".encode() + another.file.read_bytes() + own_certificate.file.read_bytes())

    for file, status in ((own_certificate.file, "answered"), (several, "answered"), (another.file, "tls")):
        assert made(get(Works, "/", trust="public_ca"), url=url, public_ca=FilePath(file)).status == status
        page = made(Exposition(Works, "/", trust="public_ca"), url=url, public_ca=FilePath(file))
        assert page.status == status
    assert made(get(Works, "/", trust="public_ca"), url=url).status == "tls"


def test_a_name_that_does_not_fit_is_refused_whoever_vouches(
    hostile: Callable[..., Hostile], own_certificate: Certificate
) -> None:
    server = hostile(told(GOOD), wrap=own_certificate.server_side())
    url = Url(f"https://127.0.0.2:{server.port}")
    seen = made(get(Works, "/", trust="public_ca"), url=url, public_ca=FilePath(own_certificate.file))

    assert seen.status in {"tls", "refused"}


def test_requests_that_trust_others_do_not_share_a_connection(
    hostile: Callable[..., Hostile], own_certificate: Certificate, another: Certificate
) -> None:
    """What was let in by one is not let in by the other."""
    server = hostile(whence, wrap=own_certificate.server_side())
    url = Url(f"https://{server.address}")
    ours, others = (
        HttpRequest("it", "GET", url, "/", None, FOREVER, 1000, trust=str(one.file))
        for one in (own_certificate, another)
    )
    first, connection = ours.make(None, Redactor())
    second, connection = others.make(connection, Redactor())

    assert (first.status, second.status, connection) == ("answered", "tls", None)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def broken(path: Path) -> None:
    path.write_text("-----BEGIN CERTIFICATE-----\nMIIB8DCCAZagAwIB\n-----END CERTIFICATE-----\n")


UNTRUSTED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "nothing": (lambda _: None, "missing", "there is no file {path}"),
    "an empty file": (lambda path: path.touch(), "malformed", "{path} holds no certificate in PEM form"),
    "words": (lambda path: path.write_text("trust me"), "malformed", "{path} holds no certificate in PEM form"),
    "bytes": (lambda path: path.write_bytes(bytes(range(256))), "malformed", "{path} holds no certificate in PEM"),
    "a broken certificate": (broken, "malformed", "{path} holds a certificate that is broken"),
    "a folder": (lambda path: path.mkdir(), "unreadable", "{path} cannot be read: it is a folder"),
    "a pipe": (a_pipe, "unreadable", "{path} cannot be read: it is no regular file"),
    "a loop": (lambda path: path.symlink_to(path), "unreadable", "{path} cannot be read: Too many levels of symbolic"),
    "too much": (
        lambda path: path.write_bytes(b"x" * (bounded.LARGEST_TRUST + 1)),
        "unreadable",
        "it is larger than the 4000000 bytes that are read",
    ),
}


@pytest.mark.parametrize("what", UNTRUSTED)
def test_a_file_that_vouches_for_nobody_is_no_reason_to_trust_anybody(
    hostile: Callable[..., Hostile], own_certificate: Certificate, tmp_path: Path, what: str
) -> None:
    """One clear message; the server is not even asked."""
    put, status, words = UNTRUSTED[what]
    path = tmp_path / "ca.pem"
    put(path)
    server = hostile(told(GOOD), wrap=own_certificate.server_side())
    seen = made(get(Works, "/", trust="public_ca"), url=Url(f"https://{server.address}"), public_ca=FilePath(path))

    assert (seen.status, server.connections) == (status, 0)
    assert str(seen.error).startswith("no certificates to trust: ")
    assert words.format(path=path) in str(seen.error)


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be read here")
def test_a_file_that_may_not_be_read_says_so(own_certificate: Certificate, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(own_certificate.file.read_bytes())
    path.chmod(0)
    seen = made(get(Works, "/", trust="public_ca"), url=Url("https://127.0.0.1:1"), public_ca=FilePath(path))

    assert (seen.status, "may not be read by this user" in str(seen.error)) == ("forbidden", True)


# -- HEAD ---------------------------------------------------------------------------------------------------

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
HEADS: dict[str, tuple[Callable[[Peer], None], int, int]] = {
    "that ends": (told(WHOLE), 200, 0),
    "that stays open": (then(WHOLE, Peer.hang), 200, 0),
    "without a length": (told(b"HTTP/1.1 200 OK\r\n\r\n"), 200, 0),
    "that announces chunks": (told(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 200, 0),
    "that announces more than is read": (told(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"), 200, 0),
    "of an older kind": (told(b"HTTP/1.0 200 OK\r\n\r\n"), 200, 0),
    "that is unavailable": (told(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), 503, 0),
    "without content": (told(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, 0),
    "with a body": (told(WHOLE + b"x" * 5000), 200, 5000),
    "with a body that comes later": (then(WHOLE, lambda peer: (peer.closing.wait(0.05), peer.send(b"{}"))), 200, 2),
    "with a body on a connection that stays open": (then(WHOLE + b"{}", Peer.hang), 200, 2),
    "with a body of an error": (told(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno"), 503, 2),
    "with a flood": (then(WHOLE, lambda peer: peer.flood(b"x" * 5000)), 200, STRAY),
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_head_tells_its_status_and_whether_a_body_came(
    hostile: Callable[..., Hostile], own_certificate: Certificate, kind: str, scheme: str
) -> None:
    """What is announced is no body; what comes is."""
    behave, code, length = HEADS[kind]
    server = hostile(behave, wrap=own_certificate.server_side() if scheme == "https" else None)
    settings = {"url": Url(f"{scheme}://{server.address}"), "public_ca": FilePath(own_certificate.file)}
    seen = made(head(Works, "/m", trust="public_ca"), **settings)
    answer = Answer(seen)

    assert (seen.status, seen.error, answer.code, answer.length) == ("answered", None, code, length)
    with pytest.raises(NoData):
        answer.body()


BROKEN_OFF = [b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\n", WHOLE[:-2], WHOLE[:-20]]


@pytest.mark.parametrize("sent", BROKEN_OFF)
@pytest.mark.parametrize("probe", [head(Works, "/m"), get(Works, "/m")])
def test_headers_that_break_off_are_no_answer(hostile: Callable[..., Hostile], sent: bytes, probe: Probe) -> None:
    seen = made(probe, url=Url(hostile(told(sent)).url))

    assert (seen.status, seen.facts) == ("reset", {})
    with pytest.raises(NoData, match="closed the connection"):
        _ = Answer(seen).length


def test_headers_without_content_that_break_off_are_no_answer(hostile: Callable[..., Hostile]) -> None:
    """They look as if they had come whole."""
    assert made(get(Works, "/m"), url=Url(hostile(told(b"HTTP/1.1 204 No Content\r\n")).url)).status == "reset"


def test_a_head_does_not_wait_for_a_server_that_keeps_the_connection(hostile: Callable[..., Hostile]) -> None:
    """No longer than it takes to notice a body; and its end is asked for."""
    asked: list[bytes] = []

    def behave(peer: Peer) -> None:
        asked.append(peer.read_request())
        peer.send(WHOLE)
        peer.hang()

    seen = made(head(Works, "/m"), url=Url(hostile(behave).url))

    assert 1000 * STRAY_WITHIN * 0.9 <= seen.elapsed_ms < 1000 * Works.deadline
    assert b"HEAD /m HTTP/1.1" in asked[0]
    assert b"Connection: close" in asked[0]


# -- what it says it is -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "whole", "kind"),
    [
        (
            b"Content-Type: Text/Plain; version=0.0.4; charset=utf-8",
            "Text/Plain; version=0.0.4; charset=utf-8",
            "text/plain",
        ),
        (b"Content-Type: application/json", "application/json", "application/json"),
        (b"X-None: 1", "", ""),
        (b"Content-Type: a\x1b[31m", "a\\x1b[31m", "a\\x1b[31m"),
        (f"Content-Type: text/{TOKEN}".encode(), "text/[redacted]", "text/[redacted]"),
        (b"Content-Type: text/" + b"x" * 500, f"text/{'x' * 95}…", f"text/{'x' * 95}…"),
    ],
)
@pytest.mark.parametrize("probe", [head(Works, "/"), get(Works, "/"), Exposition(Works, "/")])
def test_the_type_is_told_as_it_was_sent(
    hostile: Callable[..., Hostile], probe: Any, header: bytes, whole: str, kind: str
) -> None:
    """Whatever the answer is read as."""
    body = b"" if probe.method == "HEAD" else b"{}"
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + header + b"\r\n\r\n" + body
    works = Works(url=Url(hostile(told(data)).url))
    seen = made(probe, **vars(works))
    answer = probe.outcome.value(Scene("here", {"works": works}, {seen.id: seen}))

    assert (answer.content_type, answer.type, answer.length) == (whole, kind, len(body))


def test_no_answer_has_no_type() -> None:
    nothing = Answer(Observation("it", "refused", 1.0, 1.0, error="nobody is there"))
    for read in (lambda: nothing.content_type, lambda: nothing.type, lambda: nothing.length):
        with pytest.raises(NoData, match="nobody is there"):
            read()


CHECKS = '''\
"""Is the boiler shut to those outside, and open to those within?"""

from checks.boiler import Boiler
from healthgate import IpAddress, System, Url, check, equals, get, head, measure


class Fence(System):
    """A system behind a fence."""

    name = "fence"
    url: Url
    outside: IpAddress | None = None


TOLD = dict(cause="c", action="a", runbook="r", name="n")
OUTSIDE, WITHIN = get(Fence, "/state", source="outside"), get(Fence, "/state")
HEAD = head(Fence, "/state")


@measure(OUTSIDE.outcome)
def refused(answer):
    """Whether the door stays shut."""
    return answer.code in {401, 403, 404}


@measure(HEAD.outcome, WITHIN.outcome)
def agree(head, get):
    """Whether both ways to ask say the same, and one of them nothing more."""
    return head.code == get.code and head.length == 0


@check("fence.shut", refused, stays=equals(True), **TOLD)
@check("fence.agree", agree, stays=equals(True), **TOLD)
def test_fence(verdict):
    """It is shut."""
    assert verdict.healthy, verdict
'''


def test_a_run_looks_at_a_fence_from_both_sides(project: Project, target: Target) -> None:
    """With one request each; where there is no way to look from outside, that check is left out by name."""

    def behind_a_fence(handler: Any) -> None:
        handler.reply(200 if handler.client_address[0] == "127.0.0.1" else 403, {})

    def without_a_body(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "2")
        handler.end_headers()

    target.answers["/state"] = behind_a_fence
    target.heads["/state"] = without_a_body
    project.write("checks/boiler/test_boiler.py", CHECKS)
    project.environment("works", boiler="absent", fence={"url": target.url, "outside": OUTSIDE})
    run = project.check()
    assert (run.code, run.states) == (0, {"fence.shut": "ok", "fence.agree": "ok"}), run.text
    assert run.results["run"]["requests"] == 3

    target.answers["/state"] = {}
    assert project.check().states == {"fence.shut": "critical", "fence.agree": "ok"}

    project.environment("works", boiler="absent", fence={"url": target.url})
    run = project.check()
    assert (run.code, run.states) == (0, {"fence.agree": "ok"}), run.text
    assert "fence.outside" in run.text
