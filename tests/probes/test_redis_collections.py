"""Lists and sorted sets of a Redis, what is asked of each key, and JSON under one: bounded, and read as what it is."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from healthgate.claim.facts import LeftOut, NoData
from healthgate.claim.here import Absence, Here, Place
from healthgate.claim.observation import Observation
from healthgate.claim.readings import age
from healthgate.claim.source import Scene
from healthgate.claim.system import Address, System
from healthgate.probes.redis import RedisNodes, allowed
from healthgate.probes.redis_answers import NodeAnswer, Replies
from healthgate.probes.redis_document import RedisDocument
from healthgate.secret import Redactor, Secret
from healthgate.shapes import chosen, number
from tests.parts.redis_server import say, serving
from tests.parts.target import Hostile, Peer, closed_port
from tests.tools import needs

FOREVER = 20.0
PASSWORD = "planted-password-012345"

needs_server = needs("redis-server")


class Depot(System):
    """A system that keeps figures in a Redis."""

    name = "depot"
    store: Address
    store_password: Secret | None = None
    store_database: int | None = None


COMMANDS = (
    "TYPE crates", "ZCARD crates", "ZRANGE crates 0 0 WITHSCORES", "ZRANGE crates -1 -1 WITHSCORES",
    "ZRANGE crates 0 1 REV", "ZSCORE crates c", "ZSCORE crates nobody", "LLEN looks", "LRANGE looks -2 -1",
    "LRANGE nothing 0 9", "TTL crates", "TTL looks", "TTL nothing", "DBSIZE", "ZCARD looks",
)  # fmt: skip
OF_EACH = ("TYPE", "TTL", "ZCARD", "ZRANGE 0 0 WITHSCORES", "ZRANGE -1 -1 WITHSCORES")
STORE = RedisNodes(Depot, nodes="store", commands=COMMANDS, keys="figures:*", of_each=OF_EACH)
BOARD = RedisDocument(
    Depot, "board", node="store", database="store_database", password="store_password",
    body={"room.heat": number(0), "room.light": chosen(number(0))}, proven_by="depot.board",
)  # fmt: skip


def look(probe: Any, address: str, **more: Any) -> tuple[Any, Scene]:
    """Ask once; return the probe's value, or the NoData itself, and the scene."""
    depot = Depot(store=Address(address), **more)
    (request,) = probe.requests(depot)
    redactor = Redactor()
    redactor.learn([Secret(PASSWORD)])
    observation, _ = request.make(None, redactor)
    json.dumps(observation.as_record(), allow_nan=False)
    scene = Scene("works", {"depot": depot}, {probe.ids(depot)[0]: observation})
    try:
        return probe.value(scene), scene
    except NoData as nothing:
        return nothing, scene


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one with a sorted set, a list, three keys of figures, of which one is none."""
    with serving(tmp_path_factory.mktemp("redis")) as address:
        say(address, "ZADD", "crates", "1.5", "a", "2", "b", "1772442900.25", "c")
        say(address, "EXPIRE", "crates", "3600")
        say(address, "RPUSH", "looks", "one", "two", "three")
        for name in ("heat", "light"):
            say(address, "ZADD", f"figures:{name}", "10", '{"v":1}', "20", '{"v":2}')
        say(address, "SET", "figures:odd", "text")
        yield address


@needs_server
def test_lists_and_sorted_sets_are_read_as_what_they_are(server: str) -> None:
    """Members with their scores, the length, what is left of their time; an error is that of one command."""
    answer = look(STORE, server)[0]["store"]

    assert answer.text("TYPE crates") == "zset"
    assert (answer.whole("ZCARD crates"), answer.whole("LLEN looks"), answer.whole("DBSIZE")) == (3, 3, 5)
    assert answer.scored("ZRANGE crates 0 0 WITHSCORES") == [("a", 1.5)]
    assert answer.scored("ZRANGE crates -1 -1 WITHSCORES") == [("c", 1_772_442_900.25)]
    assert answer.elements("ZRANGE crates 0 1 REV") == ["c", "b"]
    assert answer.number("ZSCORE crates c") == 1_772_442_900.25
    assert (answer.elements("LRANGE looks -2 -1"), answer.elements("LRANGE nothing 0 9")) == (["two", "three"], [])
    assert 0 < answer.whole("TTL crates") <= 3600
    assert (answer.whole("TTL looks"), answer.whole("TTL nothing")) == (-1, -2)
    with pytest.raises(NoData, match=r"^store has nothing to answer ZSCORE crates nobody with$"):
        answer.number("ZSCORE crates nobody")
    with pytest.raises(NoData, match=r"^store answered ZCARD looks with the error WRONGTYPE"):
        answer.whole("ZCARD looks")


@needs_server
def test_of_each_key_the_same_is_asked(server: str) -> None:
    """One of another kind is told by its own errors, and hides none beside it."""
    keys = look(STORE, server)[0]["store"].keys()

    assert sorted(keys) == ["figures:heat", "figures:light", "figures:odd"]
    for name in ("heat", "light"):
        found = keys[f"figures:{name}"]
        assert (found.text("TYPE"), found.whole("TTL"), found.whole("ZCARD")) == ("zset", -1, 2)
        assert found.scored("ZRANGE 0 0 WITHSCORES") == [('{"v":1}', 10.0)]
        assert found.scored("ZRANGE -1 -1 WITHSCORES") == [('{"v":2}', 20.0)]
    assert keys["figures:odd"].text("TYPE") == "string"
    with pytest.raises(NoData, match=r"^figures:odd answered ZCARD with the error WRONGTYPE"):
        keys["figures:odd"].whole("ZCARD")


@needs_server
def test_no_key_under_a_pattern_is_an_empty_answer(server: str) -> None:
    """Not an error, and not missing data: what it means is the check's matter."""
    probe = RedisNodes(Depot, nodes="store", commands=(), keys="nowhere:*", of_each=OF_EACH)

    assert look(probe, server)[0]["store"].keys() == {}


ODD: dict[str, tuple[Any, str, str]] = {
    "text for a number": ("many", "whole", 'with "many", not a whole number'),
    "a number without bounds": (10**400, "whole", "not a whole number"),
    "null for a number": (None, "whole", "with null, not a whole number"),
    "a number for text": (7, "text", "with 7, not text"),
    "a list for text": (["a"], "text", "with a list, not text"),
    "words for a score": ("high", "number", 'with "high", not a finite number'),
    "NaN": ("nan", "number", "not a finite number"),
    "infinity": ("-inf", "number", "not a finite number"),
    "more than a float holds": ("1e999", "number", "not a finite number"),
    "text for a list": ("a", "elements", 'with "a", not a list of texts'),
    "a list of lists": ([["a"]], "elements", "not a list of texts"),
    "a list of numbers": ([1], "elements", "not a list of texts"),
    "half a pair": (["a", "1", "b"], "scored", "with 3 texts, not with pairs"),
    "a score that is none": (["a", "\x1b[1m"], "scored", r'the score "\\x1b\[1m", not a finite number'),
    "half of a JSON": ('{"a": {"b', "json", "with text that is not JSON: a text has no end"),
    "no JSON": ("", "json", "is not JSON"),
    "a name twice": ('{"a":1,"a":2}', "json", "gives a twice"),
    "an error": ({"error": "WRONGTYPE Operation"}, "json", "with the error WRONGTYPE Operation"),
}


@pytest.mark.parametrize("what", ODD)
def test_a_reply_of_another_form_is_no_data(what: str) -> None:
    """In words that are harmless on a terminal."""
    reply, reading, words = ODD[what]

    with pytest.raises(NoData, match=words) as nothing:
        getattr(Replies("store", {"ASKED": reply}), reading)("ASKED")

    assert str(nothing.value).startswith("store answered ASKED with ")
    assert str(nothing.value).isprintable()


BOUNDED = ["ZRANGE a 0 0", "ZRANGE a -1000 -1", "LRANGE a 0 999", "ZRANGE a 0 9 WITHSCORES", "ZRANGE a 5 2 REV"]
UNBOUNDED = [
    "ZRANGE a 0 -1", "LRANGE a 0 -1", "LRANGE a 0 1000", "ZRANGE a -1001 -1", "LRANGE a -5 5", "ZRANGE a", "ZRANGE a 0",
    "ZRANGE a -inf +inf BYSCORE", "ZRANGE a 0 9 BYSCORE", "ZRANGE a 0 9 LIMIT 0 1", "ZRANGE a 1.0 2",
]  # fmt: skip


@pytest.mark.parametrize("command", UNBOUNDED)
def test_what_may_be_any_amount_is_refused_where_it_is_declared(command: str) -> None:
    """Also as what is asked of each key; with how it is written instead."""
    for one in BOUNDED:
        allowed(one)
    with pytest.raises(ValueError, match="it asks for who knows how much; say which 1000 at most"):
        allowed(command)
    name, _, rest = command.partition(" a")
    with pytest.raises(ValueError, match="who knows how much"):
        RedisNodes(Depot, nodes="store", commands=(), keys="*", of_each=(f"{name}{rest}",))


@pytest.mark.parametrize("command", ["DEL", "PERSIST", "PING", "SCAN", "INFO", "zcard"])
def test_only_what_reads_a_key_may_be_asked_of_each(command: str) -> None:
    """PING and its like would be sent as often as there are keys."""
    with pytest.raises(ValueError, match=rf"may not ask {command} of each key; allowed are GET, HGETALL, LLEN"):
        RedisNodes(Depot, nodes="store", commands=(), keys="*", of_each=(command,))


def test_too_many_keys_and_a_scan_that_fails_are_said(hostile: Callable[..., Hostile]) -> None:
    """And a node that does not answer."""
    probe = RedisNodes(Depot, nodes="store", commands=(), keys="*", of_each=("TTL",))

    def endless(peer: Peer) -> None:
        while peer.read_request():
            peer.send(b"*2\r\n$1\r\n7\r\n*0\r\n")

    def refusing(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"-NOPERM no permissions\r\n")
        peer.hang()

    for address, words in (
        (hostile(endless).address, "^store: there are too many keys to read all under"),
        (hostile(refusing).address, "^store: SCAN answered with the error .*no permissions"),
        (f"127.0.0.1:{closed_port()}", "^store: connection refused"),
    ):
        with pytest.raises(NoData, match=words):
            look(probe, address, deadline=FOREVER)[0]["store"].keys()


@needs_server
def test_json_under_a_key_is_read_by_its_members(server: str) -> None:
    """Where the documents have them, or where the profile says that they stand; its age by a time in it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    say(server, "SET", "board", json.dumps({"room": {"heat": 17.5, "light": 3}, "hall": {"warm": 175}, "at": now}))
    _, scene = look(BOARD, server)

    assert BOARD.at("room.heat").value(scene).number() == 17.5
    assert BOARD.sound.value(scene).value is True
    assert age(BOARD["at"]).value(scene).value == pytest.approx(0.5, abs=FOREVER)
    assert BOARD.where(scene.systems) == f"redis {server} GET board"

    away = Here(
        members={"board": {"room.heat": Place("hall.warm", 0.1)}},
        absent=[Absence("no lamp", "here:1", members={"board": ["room.light"]})],
    )
    scene.systems["depot"].here = away  # type: ignore[misc]
    assert BOARD.at("room.heat").value(scene).number() == 17.5
    assert BOARD.at("room.heat").where(scene.systems) == (
        f"redis {server} GET board · room.heat (here hall.warm times 0.1)"
    )
    say(server, "SET", "board", json.dumps({"hall": {"warm": 175}}))
    _, scene = look(BOARD, server)
    scene.systems["depot"].here = away  # type: ignore[misc]
    with pytest.raises(LeftOut, match="absent here"):
        BOARD.value(scene).at("room.light")


NO_BOARD = {
    "nothing": (("DEL", "board"), "there is nothing under board"),
    "another kind": (("RPUSH", "board", "{}"), "GET board was answered with the error WRONGTYPE"),
    "half of it": (("SET", "board", '{"room": {"he'), "board holds no JSON: a text has no end"),
    "words": (("SET", "board", "hot"), "board holds no JSON: there is no value where one is expected"),
    "a list": (("SET", "board", "[1]"), "board holds JSON that is no object"),
    "nesting": (("SET", "board", "[" * 200), "board holds no JSON: it is nested deeper than 100 levels"),
}


@needs_server
@pytest.mark.parametrize("what", NO_BOARD)
def test_what_is_under_the_key_instead_is_said(server: str, what: str) -> None:
    """The claim that it is there is wrong; what reads a member of it has no data."""
    command, words = NO_BOARD[what]
    say(server, "DEL", "board")
    say(server, *command)

    nothing, scene = look(BOARD, server)

    said = BOARD.sound.value(scene)
    assert (said.value, said.detail[: len(words)]) == (False, words)
    with pytest.raises(NoData) as missing:
        BOARD.at("room.heat").value(scene)
    if what != "a list":
        assert str(nothing) == str(missing.value)


def test_a_redis_that_does_not_answer_says_nothing_of_the_key() -> None:
    """Neither that it is there nor that it is not."""
    port = closed_port()
    nothing, scene = look(BOARD, f"127.0.0.1:{port}")

    for reading in (BOARD, BOARD.sound):
        with pytest.raises(NoData, match="connection refused"):
            reading.value(scene)
    assert isinstance(nothing, NoData)
    assert BOARD.sound.proofs(scene.systems) == ("depot.board",)


def test_a_secret_in_the_json_is_not_kept(hostile: Callable[..., Hostile]) -> None:
    """In whichever letters it is written."""
    for spelt in (PASSWORD, "".join(f"\\u{ord(letter):04x}" for letter in PASSWORD)):
        body = f'{{"said":"{spelt}","{spelt}":1}}'.encode()

        def behave(peer: Peer, body: bytes = body) -> None:
            peer.read_request()
            peer.send(b"$%d\r\n%s\r\n" % (len(body), body))
            peer.hang()

        found, scene = look(BOARD, hostile(behave).address)
        assert found.text("said") == "[redacted]"
        assert PASSWORD not in json.dumps([one.as_record() for one in scene.observations.values()])


def test_a_key_that_cannot_be_asked_for_is_refused() -> None:
    """Blanks would make it two words."""
    for key in ("a b", "", "a\r\nFLUSHALL", " a"):
        with pytest.raises(ValueError, match="is no key that can be asked for"):
            RedisDocument(Depot, key, node="store")


def test_an_answer_without_replies_is_told_by_its_error() -> None:
    """As of a node that is down."""
    answer = NodeAnswer("store", Observation("it", "late", 1.0, 1.0, error="no complete answer within 1 s"))

    for reading in (lambda: answer.whole("DBSIZE"), answer.keys, answer.hashes, lambda: answer.took_ms):
        with pytest.raises(NoData, match=r"^store: no complete answer within 1 s$"):
            reading()
