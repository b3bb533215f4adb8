"""Every node asked by itself, with commands that change nothing, whatever the node is."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import Address, System
from healthgate.probes import redis
from healthgate.probes.redis import RedisNodes, RedisRequest, allowed
from healthgate.probes.redis_answers import NodeAnswer
from healthgate.secret import Redactor, Secret
from tests.parts.redis_server import say, serving
from tests.parts.target import Hostile, Peer, closed_port
from tests.tools import needs

DEADLINE = 0.4
FOREVER = 20.0
PASSWORD = "planted-password-012345"

needs_server = needs("redis-server")


def ask(address: str, deadline: float = FOREVER, **options: Any) -> Observation:
    """Ask one node and return what came of it."""
    password = options.pop("password", None)
    redactor = Redactor()
    redactor.learn([Secret(PASSWORD)])
    request = RedisRequest(
        "it",
        Address(address),
        options.pop("commands", ("PING",)),
        options.pop("hashes", None),
        Secret(password) if password else None,
        deadline,
        options.pop("budget", 100_000),
        options.pop("database", 0),
    )
    began = time.monotonic()
    observation, kept = request.make(None, redactor)
    assert kept is None
    assert time.monotonic() - began < FOREVER
    json.dumps(observation.as_record(), allow_nan=False)
    return observation


def told(data: bytes) -> Callable[[Peer], None]:
    """Behave by answering the first command with `data` and keeping the connection."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(data)
        peer.hang()

    return behave


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with some hashes."""
    with serving(tmp_path_factory.mktemp("redis")) as address:
        for i in range(3):
            say(address, "HSET", f"price:{i}", "bid", str(i), "odd\x1b", "\udcff".encode(errors="replace").decode())
        say(address, "SET", "other", "1")
        yield address


@pytest.fixture(scope="module")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real cluster node that wants a password."""
    folder = tmp_path_factory.mktemp("guarded")
    with serving(folder, "--requirepass", PASSWORD, "--cluster-enabled", "yes") as address:
        yield address


@needs_server
def test_a_node_answers_its_commands_and_gives_its_hashes(server: str) -> None:
    """Only those under the pattern, all of their fields."""
    answer = NodeAnswer("n", ask(server, hashes="price:*"))

    assert answer.reply("PING") == "PONG"
    assert sorted(answer.hashes()) == ["price:0", "price:1", "price:2"]
    assert answer.hashes()["price:2"]["bid"] == "2"


@needs_server
def test_one_key_of_one_database_is_read(server: str) -> None:
    """As text, null where there is none; how long the replies took is told without the connecting."""
    say(server, "SET", "depot:count", "outside")
    with socket.create_connection((server.partition(":")[0], int(server.partition(":")[2])), 10) as sock:
        sock.sendall(b"SELECT 3\r\nSET depot:count 84\r\n")
        received = b""
        while received.count(b"+OK\r\n") < 2:
            received += sock.recv(100)
    commands = ("PING", "GET depot:count", "GET depot:nothing")

    inside = NodeAnswer("a", ask(server, commands=commands, database=3))
    outside = NodeAnswer("a", ask(server, commands=commands))
    say(server, "DEL", "depot:count")

    assert (inside.reply("GET depot:count"), outside.reply("GET depot:count")) == ("84", "outside")
    assert (inside.reply("PING"), inside.reply("GET depot:nothing")) == ("PONG", None)
    assert 0 <= inside.took_ms <= FOREVER * 1000


@needs_server
def test_what_a_server_tells_of_itself_is_read_by_name(server: str) -> None:
    """A part of it, or all; headings between are none."""
    answer = NodeAnswer("a", ask(server, commands=("INFO memory", "INFO")))

    assert int(answer.reply("INFO memory")["used_memory"]) > 0
    assert "redis_version" not in answer.reply("INFO memory")
    assert answer.reply("INFO")["role"] == "master"
    assert not any(name.startswith("#") for name in answer.reply("INFO"))


@needs_server
def test_a_database_there_is_not_and_a_key_of_another_kind_are_told(server: str) -> None:
    """By what the server says of them."""
    nowhere = ask(server, database=99)
    hashed = NodeAnswer("depot", ask(server, commands=("GET price:0",)))

    assert (nowhere.status, "DB index" in str(nowhere.error) or "atabase" in str(nowhere.error)) == ("refused", True)
    with pytest.raises(NoData, match="depot answered GET price:0 with the error WRONGTYPE"):
        hashed.reply("GET price:0")
    with pytest.raises(NoData, match="depot: "):
        _ = NodeAnswer("depot", nowhere).took_ms


def test_a_setting_may_name_the_only_node_there_is() -> None:
    """By its address alone; the database where the profile names one."""

    class Depot(System):
        name = "depot"
        store: Address
        store_database: int | None = None

    probe = RedisNodes(Depot, nodes="store", database="store_database", commands=("PING", "GET a"))
    plain, third = Depot(store=Address("store:6379")), Depot(store=Address("store:6379"), store_database=3)

    assert [[(r.id, r.address, r.database) for r in probe.requests(s)] for s in (plain, third)] == [
        [("depot store", "store:6379", 0)],
        [("depot store", "store:6379", 3)],
    ]
    assert probe.ids(plain) == ["depot store"]
    assert probe.where({"depot": third}) == "redis store:6379"
    seen = Observation("depot store", "answered", 1.0, 1.0, facts={"replies": {"GET a": "1"}, "took_ms": 0.4})
    (answer,) = probe.value(Scene("works", {"depot": plain}, {"depot store": seen})).values()
    assert (answer.node, answer.reply("GET a"), answer.took_ms) == ("store", "1", 0.4)


@needs_server
def test_an_error_reply_is_no_data_by_name(server: str) -> None:
    """A server without cluster asked about its cluster."""
    answer = NodeAnswer("first", ask(server, commands=("PING", "CLUSTER INFO")))

    assert answer.reply("PING") == "PONG"
    with pytest.raises(NoData, match=r"first answered CLUSTER INFO with the error .*cluster support disabled"):
        answer.reply("CLUSTER INFO")


@needs_server
def test_a_key_of_another_kind_is_a_key_and_no_hash(server: str) -> None:
    """It must not hide the hashes beside it."""
    answer = NodeAnswer("n", ask(server, hashes="*"))

    assert sorted(answer.hashes()) == ["price:0", "price:1", "price:2"]
    assert sorted(answer.key_names()) == ["other", "price:0", "price:1", "price:2"]


def test_more_keys_than_are_read_is_said(hostile: Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not silently a part of them."""
    monkeypatch.setattr(redis, "MOST_KEYS", 1)

    def behave(peer: Peer) -> None:
        while peer.read_request():
            peer.send(b"*2\r\n$1\r\n7\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n")

    with pytest.raises(NoData, match=r"too many keys to read all under price:\*"):
        NodeAnswer("n", ask(hostile(behave).address, hashes="price:*", commands=())).hashes()


@needs_server
def test_a_node_with_a_password_answers_who_knows_it(guarded_server: str) -> None:
    """The cluster's state is read line by line."""
    answer = NodeAnswer("n", ask(guarded_server, password=PASSWORD, commands=("CLUSTER INFO",)))

    assert answer.reply("CLUSTER INFO")["cluster_state"] in {"fail", "ok"}
    assert answer.reply("CLUSTER INFO")["cluster_known_nodes"] == "1"


@needs_server
@pytest.mark.parametrize("password", [None, "another-password-0123"])
def test_a_node_that_does_not_let_us_in_is_refused(guarded_server: str, password: str | None) -> None:
    """Told apart from a node that is down; the password is not told at all."""
    seen = ask(guarded_server, password=password)

    assert seen.status == "refused"
    assert str(seen.error).startswith("the node refused the connection: ")
    assert "another-password" not in str(seen.error)


@needs_server
def test_no_connection_is_left_behind(server: str) -> None:
    """Answered or not, it is closed."""
    ask(server, hashes="*")
    ask(server, commands=("CLUSTER INFO",))

    clients = say(server, "CLIENT", "LIST").decode()

    assert clients.count(" laddr=") == 1


BROKEN = {
    "silence": (Peer.hang, "late", "no complete answer within 400 ms"),
    "drops": (lambda peer: peer.trickle(b"+" + b"x" * 1000), "late", "no complete answer within 400 ms"),
    "drops of a bulk": (
        lambda peer: (peer.send(b"$9000\r\n"), peer.trickle(b"x")),
        "late",
        "no complete answer within",
    ),
    "garbage": (told(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "malformed", "the answer is not Redis protocol"),
    "binary garbage": (told(bytes(range(128, 256)) + b"\r\n"), "malformed", "the answer is not Redis protocol"),
    "loading": (told(b"-LOADING Redis is loading the dataset in memory\r\n"), "refused", "loading"),
    "full": (told(b"-ERR max number of clients reached\r\n"), "refused", "max number of clients reached"),
    "password wanted": (told(b"-NOAUTH Authentication required.\r\n"), "refused", "Authentication required"),
    "protected": (told(b"-DENIED Redis is running in protected mode\r\n"), "answered", None),
    "huge bulk": (told(b"$999999999999\r\n" + b"x" * 200_000), "oversized", "larger than 100000 bytes"),
    "huge array": (told(b"*99999\r\n" + b"$4\r\nabcd\r\n" * 20_000), "oversized", "larger than 100000 bytes"),
    "endless line": (lambda peer: peer.flood(b"+" + b"x" * 5000), "oversized", "larger than 100000 bytes"),
    "hangs up": (lambda peer: peer.read_request(), "reset", "closed the connection without a complete answer"),
    "hangs up at once": (lambda peer: peer.sock.close(), "reset", "closed the connection without a complete answer"),
    "resets": (lambda peer: (peer.read_request(), peer.reset()), "reset", "closed the connection without a complete"),
    "half an answer": (lambda peer: (peer.read_request(), peer.send(b"$5\r\nab")), "reset", "closed the connection"),
    "deep array": (told(b"*1\r\n" * 20_000), "malformed", "another form than"),
    "length that is no number": (told(b"$x\r\n"), "malformed", ""),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_node_that_is_none_is_told_apart(hostile: Callable[..., Hostile], how: str) -> None:
    """Each with a word for machines and a phrase for people, within the deadline."""
    behave, status, words = BROKEN[how]

    seen = ask(hostile(behave).address, DEADLINE if status == "late" else FOREVER)

    assert seen.status == status, seen.error
    assert (words or "") in str(seen.error)
    assert seen.error is None or seen.error.isprintable()


ODD = {
    "array for a word": (b"*2\r\n$1\r\na\r\n*1\r\n:5\r\n", "PING", ["a", [5]]),
    "null": (b"$-1\r\n", "PING", None),
    "number": (b":7\r\n", "PING", 7),
    "not utf-8": (b"$2\r\n\xff\xfe\r\n", "PING", "\ufffd\ufffd"),
}


@pytest.mark.parametrize("how", ODD)
def test_an_odd_reply_is_plain_data_all_the_same(hostile: Callable[..., Hostile], how: str) -> None:
    """It can be kept in a snapshot; what a check makes of it is the check's matter."""
    data, command, plain = ODD[how]

    assert NodeAnswer("n", ask(hostile(told(data)).address)).reply(command) == plain


def test_replies_in_a_form_nobody_promised_are_malformed(hostile: Callable[..., Hostile]) -> None:
    """SCAN with a number, SCAN with no keys, HGETALL with half a pair: in plain words."""

    def answering(*replies: bytes) -> Callable[[Peer], None]:
        def behave(peer: Peer) -> None:
            for reply in replies:
                peer.read_request()
                peer.send(reply)
            peer.hang()

        return behave

    keys = b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"
    for replies in (
        (b":5\r\n",),
        (b"*0\r\n",),
        (b"*2\r\n$1\r\n0\r\n:3\r\n",),
        (keys, b"*1\r\n$1\r\na\r\n"),
        (keys, b":1\r\n"),
    ):
        seen = ask(hostile(answering(*replies)).address, commands=(), hashes="*")
        assert (seen.status, seen.facts) == ("malformed", {})
        assert seen.error == "the answer has another form than the command promises"


def test_a_scan_that_never_ends_is_given_up(hostile: Callable[..., Hostile]) -> None:
    """A cursor that never returns to zero."""

    def behave(peer: Peer) -> None:
        while peer.read_request():
            peer.send(b"*2\r\n$1\r\n7\r\n*0\r\n")

    answer = NodeAnswer("n", ask(hostile(behave).address, commands=(), hashes="price:*"))

    with pytest.raises(NoData, match="too many keys"):
        answer.hashes()


def test_a_closed_port_is_refused_and_named() -> None:
    """By its address."""
    port = closed_port()

    assert ask(f"127.0.0.1:{port}").error == f"connection refused: nothing listens on 127.0.0.1:{port}"


def test_a_name_that_does_not_exist_is_unresolved() -> None:
    """The reserved top-level domain never resolves."""
    assert ask("node.invalid:6379").status == "unresolved"


def test_an_echoed_password_is_removed_from_everything_that_is_kept(hostile: Callable[..., Hostile]) -> None:
    """In replies, errors and hashes, also where the words are cut."""
    for reply in (
        f"-ERR you said {PASSWORD}\r\n",
        f"-ERR {'x' * 60}{PASSWORD}\r\n",
        f"-NOAUTH {'x' * 60}{PASSWORD}\r\n",
        f"+{PASSWORD}\r\n",
        f"${len(PASSWORD)}\r\n{PASSWORD}\r\n",
        f"*1\r\n+{PASSWORD}\r\n",
        f"{'x' * 60}{PASSWORD}\r\n",
    ):
        kept = json.dumps(ask(hostile(told(reply.encode())).address).as_record())
        assert PASSWORD not in kept
        assert PASSWORD[:16] not in kept


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "SET a b",
        "GETDEL a",
        "GETSET a b",
        "SELECT 1",
        "CONFIG GET *",
        "CLUSTER RESET",
        "cluster info",
        "DEBUG SLEEP 5",
        "KEYS *",
        "DEL a",
        "ZADD a 1 b",
        "LPUSH a b",
        "ZRANGESTORE a b 0 1",
        "EXPIRE a 1",
        "PUBLISH a b",
        "EVAL return 0",
    ],
)
def test_any_other_command_is_refused_before_it_can_be_sent(command: str) -> None:
    """At the declaration already, with what may be sent."""

    class Boiler(System):
        name = "boiler"
        nodes: dict[str, Address]

    listed = "CLUSTER INFO, DBSIZE, GET, HGETALL, INFO, LLEN, LRANGE, PING, SCAN, TTL, TYPE, ZCARD, ZRANGE, ZSCORE"
    with pytest.raises(ValueError, match=rf"may not send .*; allowed are {listed}$"):
        allowed(command)
    with pytest.raises(ValueError, match="may not send"):
        RedisNodes(Boiler, nodes="nodes", commands=("PING", command))


def test_a_request_that_was_made_past_the_declaration_sends_nothing(hostile: Callable[..., Hostile]) -> None:
    """The list is held to once more where the bytes leave."""
    received: list[bytes] = []
    server = hostile(lambda peer: received.append(peer.read_request()))

    assert ask(server.address, commands=("PING", "FLUSHALL")).status != "answered"
    assert b"".join(received) == b""


def test_a_pattern_cannot_smuggle_a_command(hostile: Callable[..., Hostile]) -> None:
    """It travels as one argument, line breaks and all."""
    received: list[bytes] = []

    def behave(peer: Peer) -> None:
        received.append(peer.read_request())
        peer.send(b"*2\r\n$1\r\n0\r\n*0\r\n")
        peer.hang()

    ask(hostile(behave).address, commands=(), hashes="a\r\nFLUSHALL\r\n")

    pattern = b"$13\r\na\r\nFLUSHALL\r\n\r\n"
    assert received == [b"*6\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nMATCH\r\n" + pattern + b"$5\r\nCOUNT\r\n$4\r\n1000\r\n"]


IMPORTERS = """
import sys, threading
from healthgate.probes.redis import RedisRequest
from healthgate.secret import Redactor
from healthgate.claim.system import Address

def ask(address):
    request = RedisRequest("x", Address(address), ("PING",), None, None, 15.0, 10_000)
    found.append(request.make(None, Redactor())[0].status)

found, addresses = [], sys.argv[1:] * 3
threads = [threading.Thread(target=ask, args=(address,)) for address in addresses]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(found))
"""


@needs_server
def test_threads_that_need_the_library_at_once_do_not_wait_for_each_other(server: str) -> None:
    """The library's modules import each other in circles: an answer and a refusal used to enter at two of them."""
    for _ in range(6):
        done = subprocess.run(
            [sys.executable, "-c", IMPORTERS, server, f"127.0.0.1:{closed_port()}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout.strip(), done.stderr) == (
            "['answered', 'answered', 'answered', 'refused', 'refused', 'refused']",
            "",
        )


def node_with(replies: dict[bytes, bytes]) -> Callable[[Peer], None]:
    """Behave as a node whose SCAN finds the keys, and whose HGETALL of each is answered so."""
    listed = b"*%d\r\n" % len(replies) + b"".join(b"$%d\r\n%s\r\n" % (len(key), key) for key in replies)

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"*2\r\n$1\r\n0\r\n" + listed)
        asked = b""
        while asked.count(b"HGETALL") < len(replies):
            asked += peer.sock.recv(65_536)
        words = [part for part in asked.split(b"\r\n") if part in replies]
        peer.send(b"".join(replies[key] for key in words))
        peer.hang()

    return behave


HASH = b"*2\r\n$3\r\nbid\r\n$1\r\n1\r\n"
ELSEWHERE = {
    "MOVED": b"-MOVED 866 10.0.0.1:6379\r\n",
    "MOVED to a name": b"-MOVED 866 node-3.example.com:6379\r\n",
    "ASK": b"-ASK 866 10.0.0.1:6379\r\n",
    "TRYAGAIN": b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
}


@pytest.mark.parametrize("how", ELSEWHERE)
def test_a_key_that_is_elsewhere_costs_that_key_and_keeps_its_code(hostile: Callable[..., Hostile], how: str) -> None:
    replies = {b"price:a": HASH, b"price:b": ELSEWHERE[how], b"price:c": HASH}
    answer = NodeAnswer("n", ask(hostile(node_with(replies)).address, commands=(), hashes="price:*"))

    assert answer.hashes() == {"price:a": {"bid": "1"}, "price:c": {"bid": "1"}}
    assert answer.elsewhere() == {"price:b": ELSEWHERE[how][1:-2].decode()}
    assert answer.key_names() == ["price:a", "price:c"]


@pytest.mark.parametrize("how", ["MOVED", "ASK"])
def test_a_node_that_gives_none_of_its_keys_is_named_as_a_replica(hostile: Callable[..., Hostile], how: str) -> None:
    replies = {b"price:a": ELSEWHERE[how], b"price:b": ELSEWHERE[how]}
    answer = NodeAnswer("n", ask(hostile(node_with(replies)).address, commands=(), hashes="price:*"))

    with pytest.raises(NoData) as nothing:
        answer.hashes()
    said = ELSEWHERE[how][1:-2].decode()
    assert str(nothing.value) == f"n: it sends whoever asks for its keys to another node ({said}), as a replica does"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"-MOVED 866 10.0.0.1:6379\r\n", "MOVED 866 10.0.0.1:6379"),
        (b"-CLUSTERDOWN Hash slot not served\r\n", "CLUSTERDOWN Hash slot not served"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "MASTERDOWN Link with MASTER is down"),
        (b"-READONLY You can't write\r\n", "READONLY You can't write"),
    ],
)
def test_an_error_keeps_the_code_that_says_what_is_wrong(
    hostile: Callable[..., Hostile], reply: bytes, words: str
) -> None:
    answer = NodeAnswer("n", ask(hostile(told(reply)).address))

    with pytest.raises(NoData) as nothing:
        answer.reply("PING")
    assert str(nothing.value) == f"n answered PING with the error {words}"


ODD_KEYS = (b"price:caf\xe9", b"price:\xff\x00", "price:€".encode(), b"price:a b", b"price:\xfe")


def test_keys_that_are_not_utf_8_are_asked_for_as_they_are(hostile: Callable[..., Hostile]) -> None:
    """Each of them, though they may look alike to people."""
    answer = NodeAnswer(
        "n", ask(hostile(node_with(dict.fromkeys(ODD_KEYS, HASH))).address, commands=(), hashes="price:*")
    )

    names = [r"price:caf\xe9", "price:\\xff\0", "price:€", "price:a b", r"price:\xfe"]
    assert answer.hashes() == {key: {"bid": "1"} for key in names}


@needs_server
def test_a_real_server_finds_its_keys_that_are_not_utf_8(server: str) -> None:
    host, _, port = server.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        for key in ODD_KEYS:
            odd = key.replace(b"price:", b"odd:")
            sock.sendall(b"*4\r\n$4\r\nHSET\r\n$%d\r\n%s\r\n$3\r\nbid\r\n$1\r\n1\r\n" % (len(odd), odd))
            assert sock.recv(100).startswith(b":")

    found = NodeAnswer("n", ask(server, commands=(), hashes="odd:*")).hashes()

    assert len(found) == len(ODD_KEYS)
    assert all(fields == {"bid": "1"} for fields in found.values())
