"""One stream, from servers that are well to servers that do everything wrong: always bounded, always closed."""

import inspect
import json
import queue
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import Duration, StreamUrl, System, Url
from healthgate.observe.observer import Observer, Task
from healthgate.observe.snapshot import Snapshot
from healthgate.probes.http import HttpRequest
from healthgate.probes.listening import Enough, Message, StreamRequest
from healthgate.probes.stream import Heard, Stream
from healthgate.secret import Redactor, Secret
from tests.parts.certificates import Certificate
from tests.parts.stream_server import BINARY, CLOSE, PING, PONG, TEXT, Speaker, Upgraded, closing_frame, frame
from tests.parts.target import Hostile, Peer, Target, closed_port, then, told

FOREVER = 20.0
"""Seconds that nothing here may take, however loaded the machine."""

DEADLINE = 0.4
BUDGET = 1_000_000
TOKEN = "planted-token-0123456789"
ANSWER = frame(PONG, b"healthgate")
"""The answer to the ping that is sent at once, where a test is not about it: it is waited for otherwise."""


def never() -> Enough:
    """Let nothing be enough."""
    return lambda _: False


def after(number: int) -> Callable[[], Enough]:
    """Let so many messages be enough."""

    def counting() -> Enough:
        seen: list[Message] = []

        def enough(message: Message) -> bool:
            seen.append(message)
            return len(seen) >= number

        return enough

    return counting


def request(url: str, **options: Any) -> StreamRequest:
    """Return one connection to make, patient and modest where a test says nothing else."""
    usual = {"open_within": FOREVER, "listen": FOREVER, "most": 1000, "budget": BUDGET, "opening": (), "enough": never}
    return StreamRequest("it", StreamUrl(url), **{**usual, **options})


def listen(url: str, **options: Any) -> Observation:
    """Make one connection and return what came of it."""
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    began = time.monotonic()
    observation, kept = request(url, **options).make(None, redactor)
    assert kept is None
    assert time.monotonic() - began < FOREVER
    return observation


def hear(url: str, **options: Any) -> Heard:
    """Make one connection and return what was heard."""
    return Heard(listen(url, **options))


def stream_of(server: Hostile) -> str:
    """Return the address of a hostile server as a stream."""
    return f"ws://{server.address}"


def say(*messages: str | bytes) -> Callable[[Any], None]:
    """Speak by sending these messages."""

    def speak(connection: Any) -> None:
        for message in messages:
            connection.send(message)

    return speak


def test_messages_are_kept_in_the_order_in_which_they_came(speaker: Callable[..., Speaker]) -> None:
    """Texts and bytes as they were sent, one by one or in parts; each with a time that does not run backward."""
    sent = ["one", b"\x00\xff\x00", "drei €", "", b"", "x" * 70_000]

    def speak(connection: Any) -> None:
        for message in sent:
            connection.send(message)
        connection.send(["in ", "three ", "parts"])

    began = time.time()
    heard = hear(speaker(speak).url, enough=after(7))

    assert [message.content for message in heard.messages] == [*sent, "in three parts"]
    assert (heard.status, heard.ended, heard.count) == ("answered", "enough", 7)
    moments = [message.at for message in heard.messages]
    assert moments == sorted(moments)
    assert began <= moments[0] <= moments[-1] <= time.time()


def test_every_step_is_measured(speaker: Callable[..., Speaker]) -> None:
    """Name, connection, upgrade, ping: in this order, in ms, none of them failed."""
    heard = hear(speaker(say("one")).url, most=1)

    assert list(heard.steps) == ["resolve", "connect", "upgrade", "ping"]
    assert all(0 <= taken < FOREVER * 1000 for taken in heard.steps.values())
    assert heard.failed_step is None
    assert heard.code is None


def test_a_ping_is_measured_until_its_answer(hostile: Callable[..., Hostile]) -> None:
    """A server that thinks before it answers is seen thinking."""

    def slowly(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.closing.wait(0.3)
        peer.send(frame(TEXT, b"one") + ANSWER)

    heard = hear(stream_of(hostile(Upgraded(slowly))), most=1)

    assert 290 <= heard.steps["ping"] < FOREVER * 1000
    assert heard.count == 1


def test_the_first_message_and_the_largest_gap_are_measured(speaker: Callable[..., Speaker]) -> None:
    """From the opening to the first, and the longest silence between any two."""

    def speak(connection: Any) -> None:
        connection.send("one")
        server.ending.wait(0.3)
        connection.send("two")

    server = speaker(speak)
    heard = hear(server.url, enough=after(2))

    assert heard.first_message_ms is not None
    assert heard.largest_gap_ms is not None
    assert heard.largest_gap_ms >= 290
    assert 0 <= heard.first_message_ms <= heard.largest_gap_ms
    assert heard.listened_s * 1000 >= heard.largest_gap_ms - 1


def test_the_silence_before_the_end_is_a_gap_as_well(speaker: Callable[..., Speaker]) -> None:
    """One message and then nothing: the longer of the two silences around it."""
    heard = hear(speaker(say("one")).url, listen=0.3)

    assert heard.ended == "time"
    assert heard.first_message_ms is not None
    before, behind = heard.first_message_ms, heard.listened_s * 1000 - heard.first_message_ms
    assert heard.largest_gap_ms == pytest.approx(max(before, behind), abs=2)


def test_enough_ends_the_listening_early(speaker: Callable[..., Speaker]) -> None:
    """The rest of the time is not spent."""
    heard = hear(speaker(say("one", "two", "three")).url, enough=after(3))

    assert (heard.ended, heard.count) == ("enough", 3)
    assert heard.listened_s < FOREVER / 2


def test_the_predicate_is_made_anew_for_every_connection(speaker: Callable[..., Speaker]) -> None:
    """What it has counted on one does not make another one enough."""
    server = speaker(say("one", "two", "three"))
    twice = request(server.url, enough=after(3))

    for _ in range(2):
        observation, _ = twice.make(None, Redactor())
        assert Heard(observation).count == 3


def test_no_more_than_the_most_messages_are_kept(hostile: Callable[..., Hostile]) -> None:
    """Also where more of them come in one piece."""
    burst = b"".join(frame(TEXT, b"%d" % i) for i in range(100))
    heard = hear(stream_of(hostile(Upgraded(lambda peer: peer.send(ANSWER + burst)))), most=7)

    assert (heard.ended, heard.count) == ("most", 7)
    assert [message.content for message in heard.messages] == [str(i) for i in range(7)]


def test_time_ends_the_listening_to_a_stream_that_goes_on(speaker: Callable[..., Speaker]) -> None:
    """What had come until then stays."""

    def speak(connection: Any) -> None:
        while not server.ending.wait(0.01):
            connection.send("more")

    server = speaker(speak)
    heard = hear(server.url, listen=0.3)

    assert (heard.status, heard.ended, heard.ending) == ("answered", "time", "the time was up")
    assert heard.count >= 1
    assert 0.29 <= heard.listened_s < FOREVER


def test_opening_messages_are_sent_in_order(speaker: Callable[..., Speaker]) -> None:
    """As text, and who it is that asks."""
    server = speaker(lambda connection: connection.send(f"{connection.recv()} {connection.recv()}"))

    heard = hear(server.url, opening=("subscribe €", "to all"), most=1)

    assert heard.messages[0].content == "subscribe € to all"
    assert server.agents.get(timeout=FOREVER).startswith("healthgate/")
    assert server.closed.get(timeout=FOREVER) == 1000
    assert server.heard.empty()


def test_the_path_of_the_address_is_asked_for(hostile: Callable[..., Hostile]) -> None:
    """And nothing else: no origin, no cookies, no compression."""
    asked: list[bytes] = []

    def note(peer: Peer) -> None:
        asked.append(peer.read_request())

    listen(f"{stream_of(hostile(note))}/prices/all", open_within=FOREVER)

    line, *headers = asked[0].decode().split("\r\n")
    assert line == "GET /prices/all HTTP/1.1"
    assert {header.partition(":")[0].lower() for header in headers if header} == {
        "host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "user-agent",
    }  # fmt: skip


def test_messages_that_come_in_one_piece_with_the_upgrade_are_kept(hostile: Callable[..., Hostile]) -> None:
    """Servers that speak at once."""
    server = hostile(Upgraded(with_answer=frame(TEXT, b"one") + frame(BINARY, b"two") + ANSWER))

    assert [message.content for message in hear(stream_of(server), most=2).messages] == ["one", b"two"]


def test_a_ping_of_the_server_is_answered(hostile: Callable[..., Hostile]) -> None:
    """With what it holds, so that the server does not take the listener for dead."""
    answered: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ping(peer: Peer) -> None:
        peer.send(frame(PING, b""))
        data = b""
        while b"\x8a\x80" not in data:  # an empty pong, masked
            data += peer.sock.recv(1000)
        answered.put(True)
        peer.send(ANSWER + frame(TEXT, b"thanks"))

    hear(stream_of(hostile(Upgraded(ping))), most=1)

    assert answered.get(timeout=FOREVER)


def broken() -> Enough:
    """Fail as a defect in a check would."""

    def enough(message: Message) -> bool:
        raise ZeroDivisionError("the check itself is broken")

    return enough


MANY = frame(TEXT, b"x" * 50_000) * 21
"""A little more than the budget, so little that the closing may read the rest of it."""

CLOSINGS: dict[str, tuple[bytes, dict[str, Any], str, int]] = {
    "enough": (frame(TEXT, b"one"), {"enough": after(1)}, "enough", 1000),
    "time": (frame(TEXT, b"one"), {"listen": 0.1}, "time", 1000),
    "most": (frame(TEXT, b"one"), {"most": 1}, "most", 1000),
    "a predicate that fails": (frame(TEXT, b"one"), {"enough": broken}, "", 1000),
    "more than is read": (MANY, {}, "oversized", 1000),
    "too large a message": (TEXT + b"\x7f" + (50_000_000).to_bytes(8, "big"), {}, "oversized", 1009),
    "garbage": (b"HELLO, this is no WebSocket. " * 9, {}, "malformed", 1002),
}
"""What is sent, what is asked for, how it ends, and the code of RFC 6455 that says so."""


@pytest.mark.parametrize("how", CLOSINGS)
def test_the_stream_is_closed_in_every_outcome_and_the_server_is_told(
    hostile: Callable[..., Hostile], how: str
) -> None:
    """Never merely dropped: the server sees the closing frame before the end of the connection."""
    data, options, ended, code = CLOSINGS[how]
    behave = Upgraded(lambda peer: peer.send(ANSWER + data))

    heard = hear(stream_of(hostile(behave)), **options)

    assert heard.ended == ended
    assert behave.closed.get(timeout=FOREVER) == code


def test_a_predicate_that_fails_is_told_as_a_defect_of_the_suite_not_of_the_server(
    speaker: Callable[..., Speaker],
) -> None:
    """`broken` is the word for a probe whose own code failed; the server has answered perfectly well."""
    seen = listen(speaker(say("one")).url, enough=broken)

    assert "the check itself is broken" in str(seen.error)
    assert seen.status == "broken"


def test_every_byte_that_came_is_counted(hostile: Callable[..., Hostile]) -> None:
    """Those of the upgrade and of the messages, not merely those of the closing."""
    seen = listen(stream_of(hostile(Upgraded(lambda peer: peer.send(ANSWER + frame(TEXT, b"x" * 10_000))))), most=1)

    assert 10_000 < seen.bytes < 11_000


def test_a_server_that_says_nothing_is_open_and_silent(hostile: Callable[..., Hostile]) -> None:
    """For as long as is listened: no message, one gap, and no answer to the ping."""
    behave = Upgraded()
    heard = hear(stream_of(hostile(behave)), listen=0.2)

    assert (heard.status, heard.ended, heard.count, heard.messages) == ("answered", "time", 0, [])
    assert heard.first_message_ms is None
    assert heard.largest_gap_ms == pytest.approx(heard.listened_s * 1000, abs=2)
    assert heard.failed_step == "ping"
    assert behave.closed.get(timeout=FOREVER) == 1000


def test_a_ping_that_is_never_answered_is_waited_for_and_told(hostile: Callable[..., Hostile]) -> None:
    """A second at least, also where enough has come before; the messages stay."""
    heard = hear(stream_of(hostile(Upgraded(lambda peer: peer.send(frame(TEXT, b"one"))))), enough=after(1))

    assert (heard.status, heard.ended, heard.count) == ("answered", "enough", 1)
    assert "ping" not in heard.steps
    assert heard.failed_step == "ping"
    assert 0.99 <= heard.listened_s < FOREVER


def test_a_pong_that_answers_no_ping_is_no_answer(hostile: Callable[..., Hostile]) -> None:
    """Servers may send them unasked as a heartbeat, with other content than the ping had."""
    heard = hear(stream_of(hostile(Upgraded(lambda peer: peer.send(frame(PONG, b"heartbeat"))))), listen=0.1)

    assert "ping" not in heard.steps


UNOPENED = {
    "silence": Peer.hang,
    "silence after the request": then(b"", Peer.hang),
    "silence within the headers": then(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade:", Peer.hang),
    "an answer in drops": then(b"HTTP/1.1 101 Switching Protocols\r\n", lambda peer: peer.trickle(b"X: 1\r\n")),
    "early hints and nothing else": then(b"HTTP/1.1 103 Early Hints\r\n\r\n", Peer.hang),
    "the answer without its end": then(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", Peer.hang),
}


@pytest.mark.parametrize("how", UNOPENED)
def test_an_upgrade_that_is_never_granted_is_late(hostile: Callable[..., Hostile], how: str) -> None:
    """By the deadline for opening, however long would have been listened."""
    seen = listen(stream_of(hostile(UNOPENED[how])), open_within=DEADLINE)

    assert seen.status == "late"
    assert str(seen.error).startswith("no complete answer within 400 ms")
    assert seen.elapsed_ms >= 390
    heard = Heard(seen)
    assert (heard.failed_step, list(heard.steps), heard.messages) == ("upgrade", ["resolve", "connect"], [])
    assert heard.ending == seen.error


ACCEPT = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NOT_GRANTED = "the upgrade to a stream was not answered as WebSocket asks for: "
HUNG_UP = "the server closed the connection without a complete answer"
REFUSALS: dict[str, tuple[Callable[[Peer], None], str, str, int | None]] = {
    "503": (
        told(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"),
        "refused", "the upgrade to a stream was answered with 503", 503,
    ),
    "503 in chunks": (
        told(b"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n"),
        "refused", "the upgrade to a stream was answered with 503", 503,
    ),
    "401": (
        told(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
        "refused", "the upgrade to a stream was answered with 401", 401,
    ),
    "a page": (
        told(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
        "refused", "the upgrade to a stream was answered with 200", 200,
    ),
    "a redirect": (
        told(b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
        "refused", "the upgrade to a stream was answered with 301", 301,
    ),
    "garbage": (told(b"\x1b]0;owned\x07\xff\xfe\r\n\r\n"), "malformed", NOT_GRANTED, None),
    "another protocol": (told(b"-ERR unknown command 'GET'\r\n"), "malformed", NOT_GRANTED, None),
    "an endless line": (told(b"x" * 20_000), "malformed", NOT_GRANTED, None),
    "a flood of headers": (
        then(b"HTTP/1.1 101 OK\r\n", lambda peer: peer.flood(b"X-Many: 1\r\n" * 100)), "malformed", NOT_GRANTED, None,
    ),
    "a wrong key": (
        told(ACCEPT + b"Sec-WebSocket-Accept: d3Jvbmc=\r\n\r\n"),
        "malformed", NOT_GRANTED + "invalid Sec-WebSocket", None,
    ),
    "no key": (told(ACCEPT + b"\r\n"), "malformed", NOT_GRANTED + "missing Sec-WebSocket", None),
    "the end": (told(b""), "reset", HUNG_UP, None),
    "the end within a line": (told(b"HTTP/1.1 101 Switch"), "reset", HUNG_UP, None),
    "the end within the headers": (told(ACCEPT), "reset", HUNG_UP, None),
    "a reset": (then(b"", Peer.reset), "reset", HUNG_UP, None),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSALS)
def test_an_upgrade_that_is_answered_otherwise_says_how(hostile: Callable[..., Hostile], how: str) -> None:
    """With a word for machines, a harmless phrase for people, and the HTTP status where there is one."""
    behave, status, words, code = REFUSALS[how]

    seen = listen(stream_of(hostile(behave)))
    heard = Heard(seen)

    assert (seen.status, words in str(seen.error)) == (status, True), seen.error
    assert str(seen.error).isprintable()
    assert heard.code == code
    assert heard.failed_step == "upgrade"


def test_hints_larger_than_the_budget_name_the_budget(hostile: Callable[..., Hostile]) -> None:
    """They are not larger than nothing, but than what is read."""
    hints = b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 30_000 + b"\r\n\r\n"

    seen = listen(stream_of(hostile(told(hints * 9))), budget=100_000)

    assert (seen.status, seen.error) == ("oversized", "the answer is larger than 100000 bytes")


REFUSED: dict[str, tuple[bytes, int]] = {
    "a body that never ends": (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n\r\n", 401),
    "a body that is shorter than declared": (b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\nno", 503),
    "a large body": (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000, 502),
    "chunks that are none": (b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 500),
    "a coding": (b"HTTP/1.1 403 No\r\nTransfer-Encoding: gzip\r\n\r\n\x1f\x8b", 403),
    "HTTP/1.0": (b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n<html>", 503),
    "no reason phrase": (b"HTTP/1.1 429\r\nRetry-After: 5\r\n\r\n", 429),
    "no reason phrase, and a blank": (b"HTTP/1.1 404 \r\n\r\n", 404),
    "a reason in another script": ("HTTP/1.1 403 запрещено\r\n\r\n".encode(), 403),
    "a folded header": (b"HTTP/1.1 401 No\r\nX-Why: one\r\n two\r\n\r\n", 401),
    "many headers": (b"HTTP/1.1 503 Busy\r\n" + b"X-Many: 1\r\n" * 400 + b"\r\n", 503),
    "a line that is no header": (b"HTTP/1.1 503 Busy\r\nGARBAGE\r\n\r\n", 503),
    "a redirect": (b"HTTP/1.1 308 Permanent Redirect\r\nLocation: /v2\r\n\r\n", 308),
    "success": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200),
    "hints before": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 401 No\r\n\r\n", 401),
    "line feeds alone": (b"HTTP/1.1 503 Busy\nX: 1\n\n", 503),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_refused_upgrade_is_known_by_its_status_whatever_comes_with_it(
    hostile: Callable[..., Hostile], how: str
) -> None:
    """As soon as the status has come: nothing else of the answer is waited for."""
    data, code = REFUSED[how]

    seen = listen(stream_of(hostile(then(data, Peer.hang))))

    assert (seen.status, seen.facts["code"]) == ("refused", code), seen.error
    assert seen.error == f"the upgrade to a stream was answered with {code}"


HINTS = {
    "one": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    "several": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Odd\r\nX: 1\r\n\r\n",
}


@pytest.mark.parametrize("how", HINTS)
def test_a_stream_opens_after_interim_answers(hostile: Callable[..., Hostile], how: str) -> None:
    """They say nothing of the upgrade, and nothing of what follows it is lost."""
    behave = Upgraded(with_answer=frame(TEXT, b"one") + ANSWER, hints=HINTS[how])

    heard = hear(stream_of(hostile(behave)), enough=after(1))

    assert (heard.status, [message.content for message in heard.messages]) == ("answered", ["one"])


NO_TEXT = {
    "in one frame": frame(TEXT, b"caf\xe9"),
    "in parts": b"\x01" + frame(TEXT, b"caf\xc3")[1:] + b"\x80\x01x",
    "a surrogate": frame(TEXT, b"\xed\xa0\x80"),
    "longer than it has to be": frame(TEXT, b"\xc0\xaf"),
    "cut off": frame(TEXT, "€".encode()[:2]),
}


@pytest.mark.parametrize("what", NO_TEXT)
def test_a_text_that_is_not_utf_8_ends_the_stream_and_is_no_message(hostile: Callable[..., Hostile], what: str) -> None:
    """What came before stays; the server gets the code for it."""
    behave = Upgraded(with_answer=frame(TEXT, b"one") + NO_TEXT[what] + frame(TEXT, b"two") + ANSWER)

    heard = hear(stream_of(hostile(behave)))

    assert ([message.content for message in heard.messages], heard.ended) == (["one"], "malformed")
    assert heard.ending.startswith("what came is not WebSocket: a text is not UTF-8 (byte ")
    assert behave.closed.get(timeout=FOREVER) == 1007


def test_a_reason_for_closing_that_is_not_utf_8_is_told_in_words(hostile: Callable[..., Hostile]) -> None:
    """Not in those of an interpreter."""
    heard = hear(stream_of(hostile(Upgraded(with_answer=frame(CLOSE, b"\x03\xe8\xff")))))

    assert (heard.ended, heard.ending) == (
        "malformed",
        "what came is not WebSocket: the reason it is closed for is not UTF-8",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"p": 1, "p": 2}', "it gives p twice"),
        ('{"a": {"b": 1, "b": 1}}', "it gives b twice"),
        ("[" * 200 + "]" * 200, "it is nested deeper than 100 levels"),
        (b'{"p": "\xff"}', r"it is not UTF-8 text \(byte 7\)"),
        ('{"a": 1} {"a": 2}', r"something follows the value \(column 10\)"),
        ("", r"there is no value where one is expected \(column 1\)"),
    ],
)
def test_a_message_is_read_as_strictly_as_any_json(content: str | bytes, reason: str) -> None:
    with pytest.raises(NoData, match=f"^the message is not JSON: {reason}$"):
        Message(0.0, content).json()


@pytest.mark.parametrize("content", ['\ufeff{"p": 1}', b'\xef\xbb\xbf{"p": 1}'])
def test_a_byte_order_mark_before_a_message_means_nothing(content: str | bytes) -> None:
    assert Message(0.0, content).json().number("p") == 1


GARBAGE = {
    "text": b"HELLO, this is no WebSocket. " * 9,
    "ones": b"\xff" * 50,
    "HTTP": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"x" * 99,
    "a masked frame": b"\x81\x83abcdef",
    "compressed, which was not agreed": b"\xc1\x01x",
    "a continuation of nothing": b"\x80\x01x",
    "a long ping": b"\x89\x7e\x00\xff" + b"x" * 255,
    "a closing that is too short": b"\x88\x01x",
    "a closing with a code that is none": closing_frame(5),
}


@pytest.mark.parametrize("opening", [(), ("subscribe",)], ids=["listening", "speaking"])
@pytest.mark.parametrize("where", ["after the upgrade", "with the upgrade"])
@pytest.mark.parametrize("what", GARBAGE)
def test_bytes_that_are_no_websocket_end_a_stream_that_was_open(
    hostile: Callable[..., Hostile], what: str, where: str, opening: tuple[str, ...]
) -> None:
    """The same wherever they come: it was opened, and what came cannot be understood."""
    data = frame(TEXT, b"one") + GARBAGE[what]
    behave = Upgraded(with_answer=data) if where == "with the upgrade" else Upgraded(lambda peer: peer.send(data))

    heard = hear(stream_of(hostile(behave)), opening=opening)

    assert (heard.status, heard.ended, heard.count) == ("answered", "malformed", 1)
    assert heard.ending.startswith("what came is not WebSocket: ")
    assert heard.ending.isprintable()


@pytest.mark.parametrize("opening", [(), ("subscribe", "to all")], ids=["listening", "speaking"])
@pytest.mark.parametrize("where", ["after the upgrade", "with the upgrade"])
def test_a_server_that_closes_at_once_is_heard_saying_why(
    hostile: Callable[..., Hostile], where: str, opening: tuple[str, ...]
) -> None:
    """Code and reason, whether or not there was something to say to it."""
    data = closing_frame(1011, "no backend\x1b[31m")
    behave = Upgraded(with_answer=data) if where == "with the upgrade" else Upgraded(lambda peer: peer.send(data))

    heard = hear(stream_of(hostile(behave)), opening=opening)

    assert (heard.status, heard.ended) == ("answered", "closed")
    assert heard.ending == "the server closed the stream (1011: no backend\\x1b[31m)"
    assert heard.count == 0


@pytest.mark.parametrize("attempt", range(5))
def test_a_server_that_is_gone_before_its_closing_can_be_answered_is_heard_all_the_same(
    hostile: Callable[..., Hostile], attempt: int
) -> None:
    """It says something, closes the stream and hangs up at once: that the answer gets nowhere is no news."""

    def leave(peer: Peer) -> None:
        peer.sock.recv(1)  # the rest of the ping stays unread, so that the connection is reset
        peer.send(frame(TEXT, b"one") + frame(PING, b"x") + closing_frame(1011, "no backend"))
        peer.sock.close()

    heard = hear(stream_of(hostile(Upgraded(leave))))

    assert (heard.ended, heard.ending) == ("closed", "the server closed the stream (1011: no backend)")
    assert [message.content for message in heard.messages] == ["one"]


def test_what_was_said_before_the_closing_stays(speaker: Callable[..., Speaker]) -> None:
    """Also where the server closes without giving a reason."""

    def speak(connection: Any) -> None:
        connection.send("one")
        connection.close()

    heard = hear(speaker(speak).url)

    assert (heard.ended, heard.ending) == ("closed", "the server closed the stream (1000)")
    assert [message.content for message in heard.messages] == ["one"]


@pytest.mark.parametrize("how", ["reset", "hangs up"])
def test_a_connection_that_breaks_keeps_what_was_heard(hostile: Callable[..., Hostile], how: str) -> None:
    """In the middle of a message."""

    def break_off(peer: Peer) -> None:
        peer.sock.recv(1000)  # the ping
        peer.send(frame(TEXT, b"one") + TEXT + b"\x05ab")
        if how == "reset":
            peer.reset()
        else:
            peer.sock.close()

    heard = hear(stream_of(hostile(Upgraded(break_off))))

    assert (heard.status, heard.ended) == ("answered", "reset")
    assert heard.ending
    assert [message.content for message in heard.messages] == ["one"]


FLOODS: dict[str, tuple[bytes, dict[str, Any], set[str]]] = {
    "messages": (frame(TEXT, b"x" * 100) * 100, {"most": 50}, {"oversized", "most"}),
    "tiny messages": (frame(TEXT, b"x" * 6) * 1000, {"most": 50}, {"oversized", "most"}),
    "large messages": (frame(BINARY, b"x" * 900_000), {"budget": 5 * BUDGET}, {"oversized"}),
    "pings": (frame(PING, b"x" * 100) * 100, {}, {"oversized", "time"}),
    "bytes after a message that is too large": (TEXT + b"\x7f" + (50_000_000).to_bytes(8, "big"), {}, {"oversized"}),
    "fragments": (b"\x00\x64" + b"x" * 100, {"budget": 5 * BUDGET}, {"oversized", "time"}),
    "tiny fragments": ((b"\x00\x06" + b"x" * 6) * 1000, {"budget": 200_000}, {"oversized", "time"}),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_is_bounded_in_time_and_memory(hostile: Callable[..., Hostile], what: str) -> None:
    """By the number of messages, the size of one, the bytes read in all, or the time; the server sees the end."""
    data, options, ended = FLOODS[what]

    def flood(peer: Peer) -> None:
        peer.send(ANSWER + (b"\x01\x00" if "fragments" in what else b""))
        peer.flood(data)

    behave = Upgraded(flood)
    server = hostile(behave)
    hear(stream_of(server), most=1, budget=10_000)  # what is imported once is no memory of a flood
    tracemalloc.start()
    try:
        heard = hear(stream_of(server), **{"listen": 0.3, **options})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert heard.ended in ended, heard.ending
    assert heard.count <= 50
    assert peak < 30_000_000
    for _ in range(server.connections):
        behave.closed.get(timeout=FOREVER)  # the flood has ended


def test_one_huge_message_is_refused_by_its_announcement(hostile: Callable[..., Hostile]) -> None:
    """50 MB are not waited for."""
    heard = hear(stream_of(hostile(Upgraded(lambda peer: peer.send(TEXT + b"\x7f" + (50_000_000).to_bytes(8, "big"))))))

    assert (heard.status, heard.ended) == ("answered", "oversized")
    assert heard.ending == "a message is larger than 1000000 bytes"


def test_a_message_byte_by_byte_is_none_until_it_is_whole(hostile: Callable[..., Hostile]) -> None:
    """The time to listen is not prolonged by drops."""
    drops = Upgraded(lambda peer: peer.trickle(ANSWER + frame(TEXT, b"x" * 100), every=0.02))

    heard = hear(stream_of(hostile(drops)), listen=1.2)

    assert (heard.status, heard.ended, heard.count) == ("answered", "time", 0)
    assert 1.19 <= heard.listened_s < FOREVER


def test_a_flood_does_not_delay_other_requests_of_its_run(hostile: Callable[..., Hostile], target: Target) -> None:
    """They are answered while it goes on."""
    target.answers["/state"] = {"pressure": 50}
    flooding = hostile(Upgraded(lambda peer: peer.flood(frame(PONG, b"x") * 10_000)))
    flood = Task("works", request(stream_of(flooding), listen=1.5, budget=10**9))
    others = [
        Task("works", HttpRequest(f"GET /state {i}", "GET", Url(target.url), "/state", None, FOREVER, 10_000))
        for i in range(5)
    ]
    observer = Observer(Redactor(), lambda _ended, _total: None)

    observer.run([flood, *others])
    observer.close()

    assert flood.observation is not None
    assert (flood.observation.status, Heard(flood.observation).ended) == ("answered", "time")
    for other in others:
        assert other.observation is not None
        assert other.observation.status == "answered"
        assert other.observation.at < flood.observation.at


def test_an_observer_does_not_give_up_a_stream_that_keeps_its_time(hostile: Callable[..., Hostile]) -> None:
    """Its deadline holds the opening, the listening, the ping and a server that never answers the closing."""
    task = Task("works", request(stream_of(hostile(Upgraded(Peer.hang))), open_within=5, listen=0.1))
    observer = Observer(Redactor(), lambda _ended, _total: None)

    observer.run([task])
    observer.close()

    assert task.observation is not None
    assert (task.observation.status, Heard(task.observation).ended) == ("answered", "time")
    assert task.request.deadline == pytest.approx(5 + 1 + 0.25)


def test_a_closed_port_is_refused() -> None:
    """The step that failed is the connection."""
    port = closed_port()
    seen = listen(f"ws://127.0.0.1:{port}")

    assert (seen.status, seen.error) == ("refused", f"connection refused: nothing listens on ws://127.0.0.1:{port}")
    assert (Heard(seen).failed_step, seen.connections) == ("connect", 0)


@pytest.mark.parametrize("name", ["boiler.invalid", "a" * 70 + ".invalid", "a..b"])
def test_a_name_that_does_not_exist_is_unresolved(name: str) -> None:
    """The step that failed is the first."""
    seen = listen(f"ws://{name}/stream")

    assert (seen.status, seen.error) == ("unresolved", f"the name of ws://{name} cannot be resolved")
    assert (Heard(seen).failed_step, Heard(seen).steps) == ("resolve", {})


def test_a_plain_server_on_a_tls_port_is_a_tls_failure_and_the_connection_is_closed(
    hostile: Callable[..., Hostile],
) -> None:
    """The step that failed is the upgrade; no socket is left to the garbage collector."""
    server = hostile(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))

    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        seen = listen(f"wss://{server.address}")

    assert (seen.status, Heard(seen).failed_step) == ("tls", "upgrade")
    assert str(seen.error).startswith("TLS failed: ")
    assert [str(warning.message) for warning in left if warning.category is ResourceWarning] == []


def test_a_certificate_nobody_vouches_for_is_a_tls_failure(
    hostile: Callable[..., Hostile], own_certificate: Certificate
) -> None:
    """Self-signed."""
    server = hostile(Upgraded(), wrap=own_certificate.server_side())

    seen = listen(f"wss://{server.address}")

    assert seen.status == "tls"
    assert "self-signed certificate" in str(seen.error)


def test_a_tls_handshake_that_hangs_is_late(hostile: Callable[..., Hostile]) -> None:
    """The deadline for opening covers it."""
    assert listen(f"wss://{hostile(Peer.hang).address}", open_within=DEADLINE).status == "late"


def test_a_good_certificate_is_no_obstacle(
    hostile: Callable[..., Hostile], own_certificate: Certificate, trusting: Callable[[Path], None]
) -> None:
    """Messages, budget, time and closing hold within TLS as well."""
    trusting(own_certificate.file)
    wrap = own_certificate.server_side()
    one = ANSWER + frame(TEXT, b"one")
    well, silent = Upgraded(lambda peer: peer.send(one)), Upgraded(lambda peer: peer.send(ANSWER))
    much = Upgraded(lambda peer: peer.flood(one * 1000))

    heard = hear(f"wss://localhost:{hostile(well, wrap=wrap).port}", most=1)

    assert (heard.ended, heard.messages[0].content, heard.failed_step) == ("most", "one", None)
    assert well.closed.get(timeout=FOREVER) == 1000
    assert hear(f"wss://{hostile(silent, wrap=wrap).address}", listen=0.1).ended == "time"
    assert hear(f"wss://{hostile(much, wrap=wrap).address}", most=10**6).ended == "oversized"


ECHOES: dict[str, Callable[[Peer], None]] = {
    "a text": Upgraded(lambda peer: peer.send(ANSWER + frame(TEXT, b"you are " + TOKEN.encode()))),
    "bytes": Upgraded(lambda peer: peer.send(ANSWER + frame(BINARY, b"\xff" + TOKEN.encode() + b"\x00"))),
    "parts of a message": Upgraded(
        lambda peer: peer.send(ANSWER + frame(b"\x01", TOKEN[:9].encode()) + frame(b"\x80", TOKEN[9:].encode()))
    ),
    "the reason of a closing": Upgraded(
        lambda peer: peer.send(frame(TEXT, b"one") + closing_frame(1008, f"{'x' * 50}{TOKEN}"))
    ),
    "the answer to the upgrade": told(ACCEPT + f"Sec-WebSocket-Accept: {'x' * 40}{TOKEN}\r\n\r\n".encode()),
    "a refusal": told(f"HTTP/1.1 503 {TOKEN}\r\nX-Echo: {TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()),
    "garbage": told(f"{TOKEN} {TOKEN}\r\n\r\n".encode()),
}


@pytest.mark.parametrize("where", ECHOES)
def test_an_echoed_secret_is_removed_from_everything_that_is_kept(hostile: Callable[..., Hostile], where: str) -> None:
    """Texts, bytes, reasons and errors; also where a message would cut it."""
    seen = listen(stream_of(hostile(ECHOES[where])), most=1)
    heard = Heard(seen)

    contents = [m.content if isinstance(m.content, bytes) else m.content.encode() for m in heard.messages]
    for kept in (json.dumps(seen.as_record()), *(content.decode(errors="replace") for content in contents)):
        assert TOKEN not in kept
        assert TOKEN[:16] not in kept, "a part of a token is a leak as well"
    if where in {"a text", "bytes", "parts of a message"}:
        assert b"[redacted]" in contents[0]


@pytest.mark.parametrize("how", ["heard", "closed", "refused", "unresolved"])
def test_what_was_heard_survives_a_snapshot(hostile: Callable[..., Hostile], tmp_path: Path, how: str) -> None:
    """Every property says the same of the copy: what is judged again is judged alike."""
    odd = frame(TEXT, "€ \x1b[31m \u2028".encode()) + frame(TEXT, "café".encode()) + frame(BINARY, bytes(range(256)))
    behave: Callable[[Peer], None] = Upgraded(
        with_answer=odd + ANSWER + (closing_frame(1011, "€") if how == "closed" else b"")
    )
    if how == "refused":
        behave = REFUSALS["503"][0]
    url = "ws://boiler.invalid" if how == "unresolved" else stream_of(hostile(behave))
    first = listen(url, most=3)
    snapshot = Snapshot(taken=time.time(), observations={"works": {first.id: first}})

    snapshot.save(tmp_path / "seen.json")
    copy = Snapshot.load(tmp_path / "seen.json").observations["works"]["it"]

    assert copy == first
    names = [name for name, member in inspect.getmembers(Heard) if isinstance(member, property)]
    assert len(names) > 8
    for name in ("status", "error", *names):
        assert getattr(Heard(copy), name) == getattr(Heard(first), name), name
    if how == "heard":
        assert [m.content for m in Heard(copy).messages] == ["€ \x1b[31m \u2028", "café", bytes(range(256))]


class Boiler(System):
    """A system with a stream."""

    name = "boiler"
    stream_url: StreamUrl
    patience: Duration = Duration(3)


STREAM = Stream(
    Boiler, url="stream_url", listen="patience", most=9, opening=lambda _: ("a",), explained_by="boiler.stream"
)
BOILER = Boiler(stream_url=StreamUrl("ws://boiler.example.com/stream"), body_limit=77, deadline=Duration(4))


def test_a_stream_is_asked_for_as_its_declaration_and_settings_say() -> None:
    """The time to listen from a setting or as a number; the limits every system has."""
    (asked,) = STREAM.requests(BOILER)
    (brief,) = Stream(Boiler, url="stream_url", listen=0.5, most=1).requests(BOILER)

    assert [asked.id] == STREAM.ids(BOILER)
    assert asked.id.startswith("boiler ")
    assert (asked.open_within, asked.listen, asked.most, asked.budget, asked.opening) == (4, 3, 9, 77, ("a",))
    assert (asked.host, asked.deadline) == ("ws://boiler.example.com", pytest.approx(4 + 3 + 0.25))
    assert (brief.listen, brief.opening, brief.enough()(Message(0, ""))) == (0.5, (), False)
    assert STREAM.where({"boiler": BOILER}) == "stream ws://boiler.example.com/stream"


def test_a_stream_that_was_not_open_is_no_data_by_name_and_its_outcome_can_still_be_read() -> None:
    """The proof reads how it went; everybody else is told which check explains it."""
    seen = Observation(STREAM.id, "refused", 1.0, 5.0, error="nothing listens", facts={"steps": {"resolve": 1.0}})
    scene = Scene("works", {"boiler": BOILER}, {STREAM.id: seen})

    with pytest.raises(NoData, match="nothing listens") as nothing:
        STREAM.value(scene)

    assert nothing.value.explained_by == "boiler.stream"
    assert STREAM.outcome.value(scene).failed_step == "connect"
    assert STREAM.outcome.proofs({"boiler": BOILER}) == ()
    with pytest.raises(NoData, match="was not asked"):
        STREAM.value(Scene("works", {"boiler": BOILER}, {}))


def test_how_far_a_stream_got_cannot_be_told_of_one_that_was_given_up() -> None:
    """An observer that gave it up knows no steps."""
    heard = Heard(Observation("it", "late", 1.0, 5.0, error="no complete answer within 1 s"))

    assert (heard.failed_step, heard.steps, heard.count, heard.messages) == (None, {}, 0, [])
    assert heard.ending == "no complete answer within 1 s"


@pytest.mark.parametrize("content", ["{", "", b"\xff", "[" * 100_000], ids=["half", "nothing", "not text", "deep"])
def test_a_message_that_is_not_json_is_no_data(content: str | bytes) -> None:
    """Neither crash nor default."""
    with pytest.raises(NoData, match="the message is not JSON"):
        Message(0, content).json()


def test_a_message_is_read_as_json() -> None:
    """Bytes as well as text; a number that is none stays one that is none."""
    assert Message(0, '{"a": 1}').json().number("a") == 1
    assert Message(0, b'{"a": "\xe2\x82\xac"}').json().text("a") == "€"
    with pytest.raises(NoData, match=r'a is "NaN", not a number'):
        Message(0, '{"a": NaN}').json().number("a")
