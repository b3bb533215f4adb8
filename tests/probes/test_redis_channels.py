"""Channels of a Redis: what is published while we listen, for as long and as much as was said."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import Address, Duration, System
from healthgate.probes.redis_channels import LONGEST, Published, RedisChannels
from healthgate.secret import Redactor, Secret
from tests.parts.redis_server import say, serving
from tests.parts.target import Hostile, Peer, closed_port
from tests.tools import needs

FOREVER = 20.0
PASSWORD = "planted-password-012345"
SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nbell\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$4\r\nhorn\r\n:2\r\n"

needs_server = needs("redis-server")


class Depot(System):
    """A system that rings where something is wrong."""

    name = "depot"
    store: Address
    patience: Duration = Duration(0.3)
    store_password: Secret | None = None


RINGS = RedisChannels(
    Depot, node="store", channels=("bell", "horn"), listen="patience", most=3, password="store_password",
    explained_by="depot.store",
)  # fmt: skip


def hear(address: str, probe: RedisChannels = RINGS, **more: Any) -> Published:
    """Listen once; return how it went in any case."""
    depot = Depot(store=Address(address), **more)
    (request,) = probe.requests(depot)
    redactor = Redactor()
    redactor.learn([Secret(PASSWORD)])
    began = time.monotonic()
    observation, kept = request.make(None, redactor)
    assert kept is None
    assert time.monotonic() - began < FOREVER
    assert PASSWORD not in json.dumps(observation.as_record(), allow_nan=False)
    found: Published = probe.outcome.value(Scene("works", {"depot": depot}, {probe.id: observation}))
    return found


def message(text: bytes, channel: bytes = b"bell") -> bytes:
    """Return what a Redis sends for a message."""
    return b"*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(channel), channel, len(text), text)


def saying(*data: bytes, then: Callable[[Peer], object] = Peer.hang) -> Callable[[Peer], None]:
    """Behave by confirming both channels, sending `data`, then doing `then`."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(SUBSCRIBED + b"".join(data))
        then(peer)

    return behave


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one."""
    with serving(tmp_path_factory.mktemp("redis")) as address:
        yield address


@needs_server
def test_silence_is_heard_for_as_long_as_was_said(server: str) -> None:
    """And no longer; the subscription ends with it."""
    heard = hear(server)

    assert (heard.status, heard.ended, heard.messages) == ("answered", "time", [])
    assert heard.listened_s == pytest.approx(0.3, abs=0.2)
    assert (heard.on("bell"), heard.on("horn")) == ([], [])
    assert b"sub=2" not in say(server, "CLIENT", "LIST")


@needs_server
def test_what_is_published_meanwhile_is_heard_with_its_channel(server: str) -> None:
    """As JSON where it is some; enough of them end it before the time."""
    done = threading.Event()

    def ring() -> None:
        while not done.is_set() and say(server, "PUBLISH", "bell", '{"value": 86}').startswith(b":0"):
            pass
        say(server, "PUBLISH", "horn", "no JSON")
        say(server, "PUBLISH", "bell", '{"value": 1e999}')

    ringer = threading.Thread(target=ring)
    ringer.start()
    heard = hear(server, patience=Duration(FOREVER))
    done.set()
    ringer.join()

    assert (heard.ended, heard.ending) == ("most", "3 messages had come")
    assert [one.channel for one in heard.messages] == ["bell", "horn", "bell"]
    first, last = heard.on("bell")
    assert first.json().number("value") == 86
    assert time.time() - FOREVER < first.at <= time.time()
    with pytest.raises(NoData, match="not a number"):
        last.json().number("value")
    with pytest.raises(NoData, match=r"^the message is not JSON: "):
        heard.on("horn")[0].json()


@needs_server
def test_a_node_that_wants_a_password_is_given_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without it the node refuses, which is no silence."""
    with serving(tmp_path_factory.mktemp("guarded"), "--requirepass", PASSWORD) as address:
        assert hear(address, store_password=Secret(PASSWORD)).ended == "time"
        refused = hear(address)

    assert (refused.status, "uthentication required" in refused.error) == ("refused", True)


CUT_SHORT: dict[str, tuple[Callable[[Peer], None], str, str]] = {
    "closed": (saying(then=lambda _: None), "closed", "the server closed the connection"),
    "reset": (saying(then=Peer.reset), "closed", "the server closed the connection"),
    "garbage": (saying(b"hello\r\n"), "malformed", "not Redis protocol"),
    "another reply": (saying(b":5\r\n"), "malformed", "another form"),
    "another kind of message": (saying(b"*3\r\n$4\r\ngong\r\n$1\r\na\r\n$1\r\nb\r\n"), "malformed", "another form"),
    "a message without text": (saying(b"*2\r\n$7\r\nmessage\r\n$4\r\nbell\r\n"), "malformed", "another form"),
    "a number for text": (saying(b"*3\r\n$7\r\nmessage\r\n$4\r\nbell\r\n:5\r\n"), "malformed", "another form"),
    "an error": (saying(b"-ERR go away\r\n"), "refused", "go away"),
    "too much at once": (saying(b"*3\r\n$7\r\nmessage\r\n$4\r\nbell\r\n$90000\r\n" + b"x" * 90_000), "oversized", ""),
}


@pytest.mark.parametrize("what", CUT_SHORT)
def test_silence_that_was_cut_short_proves_nothing(hostile: Callable[..., Hostile], what: str) -> None:
    """What had come until then is heard all the same."""
    behave, ended, words = CUT_SHORT[what]

    heard = hear(hostile(behave).address, patience=Duration(FOREVER), body_limit=50_000)

    assert (heard.status, heard.ended) == ("answered", ended), heard.ending
    with pytest.raises(NoData, match=rf"^nothing came on bell in \d+\.\d s: .*{words}"):
        heard.on("bell")

    def first(peer: Peer) -> None:
        class Late(Peer):
            def send(self, data: bytes) -> None:
                super().send(SUBSCRIBED + message(b"{}") + data.removeprefix(SUBSCRIBED))

        behave(Late(peer.sock, peer.closing))

    again = hear(hostile(first).address, patience=Duration(FOREVER), body_limit=50_000)
    assert [one.content for one in again.on("bell")] == ["{}"] or what == "reset", again.ending


NOT_SUBSCRIBED: dict[str, tuple[Callable[[Peer], object], str]] = {
    "silence": (Peer.hang, "late"),
    "half a confirmation": (lambda peer: (peer.read_request(), peer.send(SUBSCRIBED[:30]), peer.hang()), "late"),
    "hangs up": (lambda peer: peer.read_request(), "reset"),
    "no Redis": (lambda peer: (peer.read_request(), peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "malformed"),
    "another channel": (
        lambda peer: (peer.read_request(), peer.send(SUBSCRIBED.replace(b"bell", b"gong")), peer.hang()), "malformed",
    ),
    "no confirmation": (lambda peer: (peer.read_request(), peer.send(b"+OK\r\n"), peer.hang()), "malformed"),
    "not allowed": (
        lambda peer: (peer.read_request(), peer.send(b"-NOPERM no permissions\r\n"), peer.hang()), "refused",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_SUBSCRIBED)
def test_what_could_not_be_subscribed_to_is_no_data(hostile: Callable[..., Hostile], what: str) -> None:
    """Explained by the check on the Redis."""
    behave, status = NOT_SUBSCRIBED[what]
    depot = Depot(store=Address(hostile(behave).address), deadline=0.4 if status == "late" else FOREVER)
    (request,) = RINGS.requests(depot)
    observation, _ = request.make(None, Redactor())

    assert observation.status == status, observation.error
    with pytest.raises(NoData) as nothing:
        RINGS.value(Scene("works", {"depot": depot}, {RINGS.id: observation}))
    assert (str(nothing.value), nothing.value.explained_by) == (observation.error, "depot.store")


def test_a_flood_ends_it_and_a_long_message_is_cut(hostile: Callable[..., Hostile]) -> None:
    """After as many as are waited for."""
    flooded = hear(hostile(saying(then=lambda peer: peer.flood(message(b"{}")))).address, patience=Duration(FOREVER))
    long = hear(hostile(saying(message(b"x" * 30_000))).address)

    assert (flooded.ended, len(flooded.on("bell"))) == ("most", 3)
    assert len(long.on("bell")[0].content) == LONGEST


def test_a_closed_port_is_refused() -> None:
    """With nothing kept."""
    heard = hear(f"127.0.0.1:{closed_port()}")

    assert (heard.status, heard.messages, "connection refused" in heard.error) == ("refused", [], True)


def test_a_secret_that_is_published_is_not_kept(hostile: Callable[..., Hostile]) -> None:
    """`hear` looks for it in all that is kept."""
    heard = hear(hostile(saying(message(b"the key is " + PASSWORD.encode(), PASSWORD.encode()))).address)

    assert [one.content for one in heard.messages] == ["the key is [redacted]"]


def test_a_request_says_how_long_it_may_take_and_sends_nothing_else(hostile: Callable[..., Hostile]) -> None:
    """The opening and the listening; SUBSCRIBE with both channels, in one packet."""
    received: list[bytes] = []

    def behave(peer: Peer) -> None:
        received.append(peer.read_request())
        peer.send(SUBSCRIBED)
        while piece := peer.sock.recv(1000):
            received.append(piece)

    depot = Depot(store=Address(hostile(behave).address), deadline=FOREVER)
    (request,) = RINGS.requests(depot)
    request.make(None, Redactor())

    assert request.deadline == FOREVER + 0.3
    assert received == [b"*3\r\n$9\r\nSUBSCRIBE\r\n$4\r\nbell\r\n$4\r\nhorn\r\n"]
    assert RINGS.where({"depot": depot}) == f"redis {depot.store} SUBSCRIBE bell horn"
    assert (
        RINGS.value(Scene("works", {"depot": depot}, {RINGS.id: Observation(RINGS.id, "answered", 1.0, 1.0)})).messages
        == []
    )
