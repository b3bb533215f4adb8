"""What a handshake shows of servers that are well, of those that are not, and of those that are none."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import healthgate
from healthgate import Address, FilePath, NoData, System, Tls, Url
from healthgate.claim.observation import Observation
from healthgate.claim.source import Absent, Scene
from healthgate.readings import Handshake
from healthgate.secret import Redactor, Secret
from healthgate.wire import certificate
from tests.parts.certificates import Authority, Certificate
from tests.parts.project import Project
from tests.parts.target import Hostile, Peer, closed_port
from tests.tools import needs

pytestmark = needs("openssl")

SCHEMA = json.loads((Path(healthgate.__file__).parent / "tell/results.schema.json").read_text())
FOREVER = 20.0
DAY = 86_400.0
LOCAL = "IP:127.0.0.1,DNS:localhost"


class Works(System):
    """A system with a front."""

    name = "works"
    public_url: Url | None = None
    door: Address | None = None
    public_ca: FilePath | None = None
    deadline = FOREVER  # type: ignore[assignment]


FRONT = Tls(Works, explained_by="works.front")


@dataclass(frozen=True)
class Trust:
    """An authority, one below it, and one that nobody knows."""

    root: Authority
    below: Authority
    stranger: Authority


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    folder = tmp_path_factory.mktemp("authorities")
    root = Authority(folder, "root")
    return Trust(root, root.below("below"), Authority(folder, "stranger"))


def look(url: str, ca: Path | None, deadline: float = FOREVER) -> Observation:
    """Look once and return what came of it."""
    works = Works(public_url=Url(url), deadline=deadline, **({"public_ca": FilePath(ca)} if ca else {}))
    (request,) = FRONT.requests(works)
    began = time.monotonic()
    observation, kept = request.make(None, Redactor())
    assert (time.monotonic() - began < FOREVER, kept) == (True, None)
    json.dumps(observation.as_record(), allow_nan=False)
    return observation


def shown(url: str, ca: Path | None) -> Handshake:
    """Return a handshake that must have been possible."""
    seen = look(url, ca)
    works = Works(public_url=Url(url))
    found = FRONT.value(Scene("here", {"works": works}, {seen.id: seen}))
    assert seen.status == "answered", seen.error
    return found


def silent(peer: Peer) -> None:
    """Wait for the client to hang up."""
    while peer.sock.recv(1000):
        pass


@pytest.fixture
def front(hostile: Callable[..., Hostile]) -> Callable[..., str]:
    """A function that starts a server with a certificate and returns its address."""

    def start(shows: Certificate, host: str = "127.0.0.1", oldest: Any = None, newest: Any = None) -> str:
        context = shows.context()
        if newest is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = oldest, newest
        server = hostile(silent, wrap=lambda sock: context.wrap_socket(sock, server_side=True))
        return f"https://{host}:{server.port}"

    return start


# -- what is well, and what is wrong with one thing alone ---------------------------------------------------


def test_a_front_that_is_well_shows_it(trust: Trust, front: Callable[..., str]) -> None:
    """By its address and by its name, with a certificate from an authority below the one that is trusted."""
    shows = trust.below.issue(LOCAL, "well", ends=30)
    for host in ("127.0.0.1", "localhost", "LOCALHOST"):
        found = shown(front(shows, host), trust.root.file)

        assert (found.version, found.chain, found.name) == ("TLSv1.3", "", "")
        assert found.at_least("TLSv1.2")
        assert found.days_left == pytest.approx(30, abs=0.01)
        assert found.expires - found.begins == pytest.approx(31 * DAY, abs=2)
        assert (found.subject, found.issuer) == ("O=Works, CN=well", "CN=below")


def test_what_is_an_address_and_a_port_is_looked_at_as_well(trust: Trust, front: Callable[..., str]) -> None:
    """Without a scheme, or with that of a stream."""
    address = front(trust.root.issue(LOCAL, "door")).removeprefix("https://")
    probe = Tls(Works, url="door", trust=None)
    (request,) = probe.requests(Works(door=Address(address)))
    seen, _ = request.make(None, Redactor())

    assert (seen.id, seen.facts["version"], request.host) == ("works tls door", "TLSv1.3", f"tls://{address}")
    assert "unable to get local issuer certificate" in seen.facts["chain"]
    assert shown(f"wss://{address}/stream", trust.root.file).chain == ""


WRONG: dict[str, tuple[Callable[[Trust], Certificate], str, bool, float]] = {
    "expired": (lambda t: t.root.issue(LOCAL, "expired", -9, -3), "certificate has expired", True, -3),
    "not yet valid": (lambda t: t.root.issue(LOCAL, "early", 1, 9), "certificate is not yet valid", True, 9),
    "for another host": (lambda t: t.root.issue("DNS:a.example.com", "another"), "", False, 2),
    "for no host": (lambda t: t.root.issue("", "127.0.0.1"), "", False, 2),
    "of somebody unknown": (
        lambda t: t.stranger.issue(LOCAL, "strange", ends=5),
        "unable to get local issuer",
        True,
        5,
    ),
    "self-signed": (lambda t: Certificate(_self_signed(t)), "self-signed certificate", True, 2),
    "without what links it": (
        lambda t: Certificate(_without_chain(t)),
        "unable to get local issuer certificate (it is issued by CN=below)",
        True,
        2,
    ),
    "by somebody whose time is up": (
        lambda t: t.root.below("worn", -9, -3).issue(LOCAL, "under-worn", ends=4),
        "certificate has expired",
        True,
        4,
    ),
    "wrong in every way": (
        lambda t: t.stranger.issue("DNS:a.example.com", "worst", -9, -3),
        "unable to get local issuer certificate (it is issued by CN=stranger)",
        False,
        -3,
    ),
}


def _self_signed(trust: Trust) -> Path:
    from tests.parts.certificates import made_for

    return made_for(LOCAL, trust.root.folder, "self", days=2).file


def _without_chain(trust: Trust) -> Path:
    whole = trust.below.issue(LOCAL, "unlinked").file.read_text()
    file = trust.below.folder / "alone.pem"
    file.write_text(whole.removesuffix(trust.below.sent))
    assert file.read_text() != whole
    return file


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_one_thing_hides_no_other(trust: Trust, front: Callable[..., str], what: str) -> None:
    make, chain, fits, days = WRONG[what]
    found = shown(front(make(trust)), trust.root.file)

    assert (found.version, found.chain.startswith(chain), found.name == "") == ("TLSv1.3", True, fits), found.facts
    assert (found.chain == "") is (chain == "")
    assert found.days_left == pytest.approx(days, abs=0.01)
    if not fits:
        known = "no host" if what == "for no host" else "a.example.com"
        assert found.name == f"the certificate is for {known}, not for 127.0.0.1"


def test_without_a_file_the_authorities_of_the_machine_are_asked(trust: Trust, front: Callable[..., str]) -> None:
    """Which know none of ours."""
    url = front(trust.root.issue(LOCAL, "ours"))
    assert "unable to get local issuer certificate" in shown(url, None).chain
    assert shown(url, trust.root.file).chain == ""


def can_speak(version: ssl.TLSVersion) -> bool:
    """Whether a server and a client of this version understand each other here."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in (client, server):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for side in (ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as problem:
            return problem.reason == "NO_SHARED_CIPHER"  # it has come as far as the certificate it has not got
    return True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("newest", "version", "is_spoken"),
    [("TLSv1", "TLSv1", False), ("TLSv1_1", "TLSv1.1", False), ("TLSv1_2", "TLSv1.2", True)],
)
def test_an_old_protocol_is_named_and_hides_nothing(
    trust: Trust, front: Callable[..., str], newest: str, version: str, is_spoken: bool
) -> None:
    """Although no client of today would speak it."""
    newest_version = ssl.TLSVersion[newest]
    if not can_speak(newest_version):
        pytest.skip(f"the OpenSSL of this machine speaks no {version}")
    oldest = ssl.TLSVersion.MINIMUM_SUPPORTED
    good = shown(front(trust.root.issue(LOCAL, "old", ends=6), "127.0.0.1", oldest, newest_version), trust.root.file)
    bad = shown(front(trust.stranger.issue(LOCAL, "old", -9, -3), "127.0.0.1", oldest, newest_version), trust.root.file)

    assert (good.version, good.chain, good.name, good.at_least("TLSv1.2")) == (version, "", "", is_spoken)
    assert good.days_left == pytest.approx(6, abs=0.01)
    assert (bad.version, "unable to get local issuer" in bad.chain, bad.name) == (version, True, "")
    assert bad.days_left == pytest.approx(-3, abs=0.01)


def test_a_front_that_clients_of_today_cannot_speak_to_is_not_called_well(
    trust: Trust, front: Callable[..., str]
) -> None:
    """New enough, and with nothing but ciphers that are refused: what reads certificates would accept them."""
    shows = trust.root.issue(LOCAL, "weak")
    context = shows.context()
    context.set_ciphers("NULL-SHA256:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Hostile(silent, wrap=lambda sock: context.wrap_socket(sock, server_side=True)) as server:
        seen = look(f"https://{server.address}", trust.root.file)

    assert (seen.status, "TLS failed: " in str(seen.error), seen.facts) == ("tls", True, {})


# -- what is no TLS -----------------------------------------------------------------------------------------

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
NONE: dict[str, tuple[Callable[[Peer], None], str, str]] = {
    "answers in plain text": (
        lambda peer: (peer.sock.recv(1000), peer.send(PLAIN), peer.hang()),
        "plain",
        "does not speak TLS",
    ),
    "speaks first, and something else": (
        lambda peer: (peer.send(b"SSH-2.0-x\r\n"), peer.hang()),
        "plain",
        "does not speak",
    ),
    "says nothing": (Peer.hang, "late", "no complete answer within 400 ms"),
    "says a byte now and then": (
        lambda peer: peer.trickle(b"\x16\x03\x03\x40\x00" + b"x" * 9000),
        "late",
        "no complete answer",
    ),
    "closes at once": (lambda peer: peer.sock.close(), "reset", "closed the connection without a complete answer"),
    "resets at once": (Peer.reset, "reset", "closed the connection without a complete answer"),
    "closes after the greeting": (lambda peer: peer.sock.recv(1000), "reset", "closed the connection"),
    "breaks off": (
        lambda peer: (peer.sock.recv(1000), peer.send(b"\x16\x03\x03\x00\x50\x02")),
        "reset",
        "closed the connection",
    ),
    "refuses": (lambda peer: (peer.sock.recv(1000), peer.send(ALERT)), "tls", "handshake failure"),
    "sends what is no handshake": (
        lambda peer: (peer.sock.recv(1000), peer.send(b"\x16\x03\x03\x00\x04aaaa")),
        "tls",
        "TLS failed: ",
    ),
    "floods": (lambda peer: peer.flood(b"\x16\x03\x03\x40\x00\x0b\x00\xff\xff" + b"x" * 16_379), "", ""),
}


@pytest.mark.parametrize("what", NONE)
def test_what_is_no_tls_is_told_as_what_it_is(hostile: Callable[..., Hostile], trust: Trust, what: str) -> None:
    """No data, explained by whom the declaration names; the outcome is there for whoever asks for that."""
    behave, status, words = NONE[what]
    server = hostile(behave)
    deadline = 0.4 if status == "late" else FOREVER
    seen = look(f"https://{server.address}", trust.root.file, deadline)
    scene = Scene("here", {"works": Works(public_url=Url(server.url))}, {seen.id: seen})

    if status:
        assert (seen.status, words in str(seen.error)) == (status, True), seen.error
    else:
        assert seen.status in {"tls", "oversized", "reset"}, seen.error
    with pytest.raises(NoData) as nothing:
        FRONT.value(scene)
    assert (str(nothing.value), nothing.value.explained_by) == (seen.error, "works.front")
    outcome = FRONT.outcome.value(scene)
    assert outcome.status == seen.status
    for read in (lambda: outcome.version, lambda: outcome.at_least("TLSv1.2"), lambda: outcome.days_left):
        with pytest.raises(NoData):
            read()


def test_what_cannot_be_reached_is_told_as_everywhere(trust: Trust, tmp_path: Path) -> None:
    port = closed_port()
    for url, status, words in (
        (f"https://127.0.0.1:{port}", "refused", f"connection refused: nothing listens on tls://127.0.0.1:{port}"),
        ("https://boiler.invalid", "unresolved", "the name of tls://boiler.invalid cannot be resolved"),
        (
            "http://127.0.0.1:80",
            "malformed",
            "http://127.0.0.1:80 is no address of TLS; expected https:// or host:port",
        ),
    ):
        seen = look(url, trust.root.file)
        assert (seen.status, seen.error) == (status, words)
    seen = look(f"https://127.0.0.1:{port}", tmp_path / "nowhere.pem")
    assert (seen.status, str(seen.error)[:25]) == ("missing", "no certificates to trust:")


def test_an_address_that_is_not_set_leaves_the_handshake_out() -> None:
    with pytest.raises(Absent, match=r"works\.public_url"):
        FRONT.probes({"works": Works()})
    assert FRONT.where({"works": Works(public_url=Url("https://a"))}) == "TLS handshake with https://a"


def test_no_part_of_a_secret_is_kept(trust: Trust, front: Callable[..., str]) -> None:
    """Were it in a certificate."""
    redactor = Redactor()
    redactor.learn([Secret("planted-token")])
    (request,) = FRONT.requests(Works(public_url=Url(front(trust.root.issue(LOCAL, "planted-token")))))
    seen, _ = request.make(None, redactor)

    assert seen.facts["subject"] == "O=Works, CN=[redacted]"


# -- certificates -------------------------------------------------------------------------------------------


def met(shows: Certificate, ca: Path, host: str | None) -> Any:
    """Shake hands in memory as every client does; return the client's end, None where it refuses the host alone."""
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = host is not None
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there, server_hostname=host)
    server = shows.context().wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as refusal:
                return None if refusal.verify_code in {62, 64} else refusal
            except ssl.SSLError:
                continue  # the server is told of the refusal
    return client


NAMES = "DNS:www.example.com,DNS:*.works.example.com,DNS:*.com,DNS:w*.example.org,DNS:xn--kotl-fra.example.com"
HOSTS = {
    **dict.fromkeys(("www.example.com", "WWW.Example.com", "a.works.example.com", "xn--kotl-fra.example.com"), True),
    **dict.fromkeys(
        ("example.com", "a.b.works.example.com", "works.example.com", "www.example.org", "127.0.0.1"), False
    ),
    **dict.fromkeys(("127.0.0.9", "::1", "www.example.com.evil.org", "xn--a.works.example.com"), None),
}


def test_names_fit_as_they_do_for_every_client(trust: Trust) -> None:
    """As OpenSSL has it, which does the same in clients: wildcards stand for one part, addresses are no names."""
    shows = trust.root.issue(f"{NAMES},IP:127.0.0.9,IP:::1", "names")
    found = certificate.read(met(shows, trust.root.file, None).getpeercert(binary_form=True))

    for host, fits in HOSTS.items():
        assert (found.misfit(host) == "") is (met(shows, trust.root.file, host) is not None), host
        if fits is not None:
            assert (found.misfit(host) == "") is fits
    told = "www.example.com, *.works.example.com, *.com, w*.example.org, xn--kotl-fra.example.com and 2 more"
    assert found.misfit("b") == f"the certificate is for {told}, not for b"


def test_a_certificate_says_what_python_says_of_it(trust: Trust) -> None:
    """Which tells it only of certificates it has verified."""
    client = met(trust.below.issue(LOCAL, "fields", -400, 20_000), trust.root.file, None)
    fields = client.getpeercert()
    found = certificate.read(client.getpeercert(binary_form=True))

    assert found.begins == ssl.cert_time_to_seconds(fields["notBefore"])
    assert found.ends == ssl.cert_time_to_seconds(fields["notAfter"])
    assert found.ends - time.time() == pytest.approx(20_000 * DAY, abs=100)
    assert [("DNS", name) for name in found.names] == [one for one in fields["subjectAltName"] if one[0] == "DNS"]
    assert [socket.inet_ntoa(one) for one in found.addresses] == ["127.0.0.1"]


def test_a_certificate_that_is_cut_off_or_garbled_is_none(trust: Trust) -> None:
    """Whatever byte it is: never anything but an explanation, or fields."""
    client = met(trust.root.issue(LOCAL, "whole"), trust.root.file, None)
    der = client.getpeercert(binary_form=True)
    for end in range(len(der)):
        with pytest.raises(ValueError, match="the certificate cannot be read: "):
            certificate.read(der[:end])
    unreadable = 0
    for at in range(len(der)):
        for value in (0x00, 0x30, 0x80, 0x84, 0xFF):
            try:
                certificate.read(der[:at] + bytes([value]) + der[at + 1 :]).misfit("127.0.0.1")
            except ValueError:
                unreadable += 1
    assert unreadable > 100


CHECKS = '''\
"""Is the front shown as it should be?"""

from healthgate import FilePath, NoData, System, Tls, Url, Violated, at_least, check, equals, measure


class Shop(System):
    """A shop with a front."""

    name = "shop"
    public_url: Url
    public_ca: FilePath | None = None


TOLD = dict(cause="c", action="a", runbook="r", name="n")
FRONT = Tls(Shop, explained_by="shop.https")


@measure(FRONT.outcome)
def https(front):
    """Whether TLS is spoken at all, and by the right one."""
    if front.status in {"plain", "refused", "reset"}:
        raise Violated(front.error)
    return front.at_least("TLSv1.2") and not front.chain and not front.name


@measure(FRONT)
def days_left(front):
    """How long the certificate is valid."""
    return front.days_left


@check("shop.https", https, stays=equals(True), **TOLD)
@check("shop.expiry", days_left, stays=at_least(21, warning=21, critical=7), **TOLD)
def test_front(verdict):
    """It is."""
    assert verdict.healthy, verdict
'''


def test_a_run_tells_what_is_wrong_with_a_front(
    bare_project: Project, trust: Trust, front: Callable[..., str], hostile: Callable[..., Hostile]
) -> None:
    bare_project.write("checks/shop/__init__.py", '"""A shop."""\n')
    bare_project.write("checks/shop/test_shop.py", CHECKS)
    ca = str(trust.root.file)
    urls = {
        front(trust.root.issue(LOCAL, "run", ends=90)): {"shop.https": "ok", "shop.expiry": "ok"},
        front(trust.root.issue(LOCAL, "soon", ends=20)): {"shop.https": "ok", "shop.expiry": "warning"},
        front(trust.root.issue(LOCAL, "over", -9, -1)): {"shop.https": "critical", "shop.expiry": "critical"},
        "https" + hostile(NONE["answers in plain text"][0]).url.removeprefix("http"): {
            "shop.https": "critical",
            "shop.expiry": "blocked",
        },
    }
    for url, states in urls.items():
        bare_project.environment("works", boiler="absent", shop={"public_url": url, "public_ca": ca})
        run = bare_project.check()
        assert run.states == states, run.text
        jsonschema.validate(run.results, SCHEMA)
