"""One event stream, from servers that are well to servers that do everything wrong: always bounded, always closed."""

import gzip
import inspect
import json
import queue
import signal
import time
import tracemalloc
import warnings
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import Duration, FilePath, IpAddress, System, Url
from healthgate.observe.observer import Observer, Task
from healthgate.observe.snapshot import Snapshot
from healthgate.probes.event_format import Comment, Event
from healthgate.probes.event_stream import EventStream, Followed
from healthgate.probes.following import Enough, EventStreamRequest
from healthgate.probes.http import HttpRequest, bearer
from healthgate.secret import Redactor, Secret
from tests.parts.certificates import Certificate
from tests.parts.event_server import GRANTED, Announced, chunk
from tests.parts.project import Project
from tests.parts.target import Hostile, Peer, Target, closed_port, then, told

FOREVER = 20.0
"""Seconds that nothing here may take, however loaded the machine."""

DEADLINE = 0.4
BUDGET = 1_000_000
TOKEN = "planted-token-0123456789"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SCHEMA = json.loads(files("healthgate").joinpath("tell/results.schema.json").read_text())


def never() -> Enough:
    """Let nothing be enough."""
    return lambda _: False


def after(number: int) -> Callable[[], Enough]:
    """Let so many events and comments be enough."""

    def counting() -> Enough:
        seen: list[Event | Comment] = []

        def enough(sign: Event | Comment) -> bool:
            seen.append(sign)
            return len(seen) >= number

        return enough

    return counting


def request(url: str, **options: Any) -> EventStreamRequest:
    """Return one stream to follow, patient and modest where a test says nothing else."""
    usual: dict[str, Any] = {
        "path": "/events", "secret": None, "open_within": FOREVER, "listen": FOREVER, "most": 1000, "budget": BUDGET,
        "headers": (), "enough": never, "resume": None,
    }  # fmt: skip
    return EventStreamRequest("it", Url(url), **{**usual, **options})


def observe(url: str, **options: Any) -> Observation:
    """Follow one stream and return what came of it."""
    redactor = Redactor()
    redactor.learn([Secret(TOKEN)])
    began = time.monotonic()
    observation, kept = request(url, **options).make(None, redactor)
    assert kept is None
    assert time.monotonic() - began < 2 * FOREVER
    return observation


def follow(url: str, **options: Any) -> Followed:
    """Follow one stream and return what was heard."""
    return Followed(observe(url, **options))


def says(*pieces: bytes) -> Announced:
    """Behave by granting the stream and sending these pieces, as chunks, without an end."""
    return Announced(lambda peer: [peer.send(chunk(piece)) for piece in pieces], CHUNKED)


FRAMINGS = {
    "in chunks": (lambda data: chunk(data) + b"0\r\n\r\n", CHUNKED),
    "with a trailer": (lambda data: chunk(data) + b"0\r\nX-Count: 2\r\n\r\n", CHUNKED),
    "with its length": (lambda data: data, b"Content-Length: %d\r\n"),
    "until the end of the connection": (lambda data: data, b"Connection: close\r\n"),
}
EVENTS = b'\xef\xbb\xbfretry: 3000\nid: 1\nevent: connected\ndata: {"warm": 20}\n\n: ping\n\ndata: a\r\ndata: b\r\n\r\n'


@pytest.mark.parametrize("how", FRAMINGS)
@pytest.mark.parametrize("size", [1000, 1], ids=["at once", "byte by byte"])
def test_events_and_comments_are_told_however_they_are_sent(
    hostile: Callable[..., Hostile], how: str, size: int
) -> None:
    """Id, type, data, reconnection time and moment of each, in their order, until the server ends the stream."""
    framed, headers = FRAMINGS[how]
    sent = framed(EVENTS)

    def say(peer: Peer) -> None:
        for start in range(0, len(sent), size):
            peer.send(sent[start : start + size])
        if how.startswith("until"):
            peer.sock.close()

    behave = Announced(say, headers % len(EVENTS) if b"%" in headers else headers)
    began = time.time()
    followed = follow(hostile(behave).url)

    assert (followed.status, followed.ended, followed.ending) == ("answered", "closed", "the server ended the stream")
    first, second = followed.events
    assert (first.id, first.event, first.data, first.retry) == ("1", "connected", '{"warm": 20}', 3000)
    assert (second.id, second.event, second.data, second.retry) == ("1", "message", "a\nb", None)
    assert [comment.text for comment in followed.comments] == ["ping"]
    assert (followed.count, followed.comment_count, followed.last_id, followed.retry_ms) == (2, 1, "1", 3000)
    assert followed.opened_at is not None
    assert began - 0.1 <= followed.opened_at <= first.at <= followed.comments[0].at <= second.at <= time.time() + 0.1
    assert not followed.unfinished
    assert followed.bytes >= len(EVENTS)
    behave.wait_until_open(0)


def test_every_step_is_measured(hostile: Callable[..., Hostile]) -> None:
    """Name, connection, answer, first event: in this order, in ms, none of them failed."""
    followed = follow(hostile(says(b"data: a\n\n")).url, most=1)

    assert list(followed.steps) == ["resolve", "connect", "answer", "event"]
    assert all(0 <= taken < FOREVER * 1000 for taken in followed.steps.values())
    assert followed.failed_step is None
    assert (followed.code, followed.content_type, followed.ended) == (200, "text/event-stream", "most")


def test_the_first_event_the_first_sign_and_the_largest_gap_are_measured(hostile: Callable[..., Hostile]) -> None:
    """A comment is a sign of life, and no event."""

    def say(peer: Peer) -> None:
        peer.send(chunk(b": ping\n"))
        peer.closing.wait(0.3)
        peer.send(chunk(b"data: a\n\n"))

    followed = follow(hostile(Announced(say, CHUNKED)).url, most=1)

    assert followed.first_sign_ms is not None
    assert followed.first_event_ms is not None
    assert followed.largest_gap_ms is not None
    assert followed.first_event_ms - followed.first_sign_ms >= 290
    assert 290 <= followed.largest_gap_ms <= followed.first_event_ms
    assert followed.events[0].at - followed.comments[0].at == pytest.approx(followed.largest_gap_ms / 1000, abs=0.002)
    assert followed.steps["event"] == followed.first_event_ms


def test_the_silence_before_the_end_is_a_gap_as_well(hostile: Callable[..., Hostile]) -> None:
    """One comment and then nothing: the longer of the two silences around it."""
    followed = follow(hostile(says(b": ping\n")).url, listen=0.3)

    assert (followed.status, followed.ended, followed.ending) == ("answered", "time", "the time was up")
    assert (followed.failed_step, followed.first_event_ms) == ("event", None)
    assert followed.first_sign_ms is not None
    before, behind = followed.first_sign_ms, followed.listened_s * 1000 - followed.first_sign_ms
    assert followed.largest_gap_ms == pytest.approx(max(before, behind), abs=2)
    assert 0.29 <= followed.listened_s < FOREVER


def test_a_server_that_says_nothing_is_open_and_silent(hostile: Callable[..., Hostile]) -> None:
    """For as long as is listened, and then the server sees the client leave."""
    behave = Announced()
    followed = follow(hostile(behave).url, listen=0.2)

    assert (followed.status, followed.ended, followed.count, followed.comments) == ("answered", "time", 0, [])
    assert (followed.first_sign_ms, followed.failed_step) == (None, "event")
    assert followed.largest_gap_ms == pytest.approx(followed.listened_s * 1000, abs=2)
    behave.wait_until_open(0)


def test_enough_ends_the_listening_early(hostile: Callable[..., Hostile]) -> None:
    """It is told events and comments; what decides is made anew for every stream."""
    server = hostile(says(b"data: a\n\n: ping\n\ndata: b\n\ndata: c\n\n"))
    thrice = request(server.url, enough=after(3))

    for _ in range(2):
        observation, _ = thrice.make(None, Redactor())
        followed = Followed(observation)
        assert (followed.ended, followed.count, followed.comment_count) == ("enough", 2, 1)
        assert followed.listened_s < FOREVER / 2


def test_no_more_than_the_most_events_are_kept(hostile: Callable[..., Hostile]) -> None:
    """Also where more of them come in one piece; comments are counted beyond that, and not kept."""
    burst = b"".join(b": ping\n" * 5 + b"data: %d\n\n" % i for i in range(100))
    followed = follow(hostile(says(burst)).url, most=7)

    assert (followed.ended, followed.count) == ("most", 7)
    assert [event.data for event in followed.events] == [str(i) for i in range(7)]
    assert (followed.comment_count, len(followed.comments)) == (35, 7)


def test_what_is_asked_is_a_plain_request_that_changes_nothing(hostile: Callable[..., Hostile]) -> None:
    """GET, no compression, nothing kept in between, who it is, its token, what the check adds, and nothing else."""
    behave = says(b"data: a\n\n")
    server = hostile(behave)

    follow(f"{server.url}/base", most=1, secret=Secret("its-own-token"), headers=(("X-Tenant", "blue"),))

    line, *headers = behave.requests.get(timeout=FOREVER).removesuffix("\r\n\r\n").split("\r\n")
    assert line == "GET /base/events HTTP/1.1"
    found = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
    assert found.pop("user-agent").startswith("healthgate/")
    assert len(found.pop("x-request-id")) == 16
    assert found == {
        "host": server.address, "accept": "text/event-stream", "accept-encoding": "identity",
        "cache-control": "no-store", "authorization": "Bearer its-own-token", "x-tenant": "blue",
    }  # fmt: skip


def resuming(first: bytes, second: Callable[[Peer], Any]) -> Announced:
    """Behave by saying `first` to who has no last id, and by doing `second` for who has one."""

    def speak(peer: Peer) -> None:
        asked = behave.requests.get(timeout=FOREVER)
        behave.requests.put(asked)
        if "last-event-id:" in asked.lower():
            second(peer)
        else:
            behave.requests.get(timeout=FOREVER)
            peer.send(chunk(first))

    behave = Announced(speak, CHUNKED)
    return behave


def test_a_stream_is_resumed_after_the_last_id(hostile: Callable[..., Hostile]) -> None:
    """By a second connection, once the first is closed; its first event is told."""
    behave = resuming(
        "id: 41\ndata: a\n\nid: é 42\ndata: b\n\n".encode(), lambda peer: peer.send(chunk(b"id: 43\ndata: c\n\n"))
    )
    server = hostile(behave)
    seen = observe(server.url, most=2, resume=FOREVER)
    followed = Followed(seen)

    assert (followed.count, followed.last_id, seen.connections) == (2, "é 42", 2)
    assert followed.resumed is not None
    assert (followed.resumed.status, followed.resumed.error, followed.resumed.code) == ("answered", "", 200)
    assert followed.resumed.after == "é 42"
    assert followed.resumed.event is not None
    assert (followed.resumed.event.id, followed.resumed.event.data) == ("43", "c")
    assert followed.resumed.first_event_ms is not None
    assert "Last-Event-ID: é 42\r\n" in behave.requests.get(timeout=FOREVER)
    behave.wait_until_open(0)
    assert server.connections == 2


NOT_RESUMED: dict[str, tuple[bytes, Callable[[Peer], Any], str, str, int]] = {
    "no id": (b"data: a\n\n", Peer.hang, "missing", "no event had an id to resume after", 1),
    "an id that is too long": (
        b"id: " + b"x" * 8001 + b"\ndata: a\n\n", Peer.hang, "oversized", "the last id is longer than 8000 bytes", 1,
    ),
    "silence": (b"id: 1\ndata: a\n\n", Peer.hang, "answered", "", 2),
}  # fmt: skip


@pytest.mark.parametrize("how", NOT_RESUMED)
def test_what_cannot_be_resumed_says_why(hostile: Callable[..., Hostile], how: str) -> None:
    """And the first connection is told as it was."""
    first, second, status, error, connections = NOT_RESUMED[how]
    behave = resuming(first, second)
    server = hostile(behave)
    followed = follow(server.url, most=1, resume=0.2)

    assert followed.count == 1
    assert followed.resumed is not None
    assert (followed.resumed.status, followed.resumed.error) == (status, error)
    assert (followed.resumed.event, followed.resumed.first_event_ms) == (None, None)
    assert server.connections == connections


def test_a_stream_that_is_refused_when_resumed_says_so(hostile: Callable[..., Hostile]) -> None:
    """With its HTTP status; one that was never open is not resumed."""
    asked: list[bytes] = []

    def once(peer: Peer) -> None:
        asked.append(peer.read_request())
        if len(asked) == 1:
            peer.send(GRANTED + b"\r\nid: 1\ndata: a\n\n")
            peer.sock.recv(1)
        else:
            peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    followed = follow(hostile(once).url, most=1, resume=FOREVER)

    assert followed.resumed is not None
    assert (followed.resumed.status, followed.resumed.code, followed.resumed.event) == ("refused", 204, None)
    assert "204" in followed.resumed.error
    busy = hostile(told(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"))
    assert follow(busy.url, resume=FOREVER).resumed is None
    assert busy.connections == 1


def broken() -> Enough:
    """Fail as a defect in a check would."""

    def enough(sign: Event | Comment) -> bool:
        raise ZeroDivisionError("the check itself is broken")

    return enough


MANY = b"".join(b"data: %s\n\n" % (b"x" * 50_000) for _ in range(40))

ENDINGS: dict[str, tuple[bytes, bytes, dict[str, Any], str, str]] = {
    "enough": (CHUNKED, chunk(b"data: a\n\n"), {"enough": after(1)}, "enough", "enough had come"),
    "time": (CHUNKED, chunk(b"data: a\n\n"), {"listen": 0.1}, "time", "the time was up"),
    "time within an event": (CHUNKED, chunk(b"data: a\n\ndata: b\n"), {"listen": 0.1}, "time",
                             "the time was up in the middle of an event"),
    "most": (CHUNKED, chunk(b"data: a\n\n"), {"most": 1}, "most", "enough had come"),
    "a predicate that fails": (CHUNKED, chunk(b"data: a\n\n"), {"enough": broken}, "", ""),
    "more than is read": (b"", MANY, {}, "oversized", "more than 1000000 bytes came"),
    "a gigantic line": (b"", b"data: " + b"x" * 1_100_000, {"budget": 5 * BUDGET}, "oversized",
                        "a line is larger than 1000000 bytes"),
    "an event without end": (b"", b"data: xxxxx\n" * 100_000, {"budget": 5 * BUDGET}, "oversized",
                             "an event is larger than 1000000 bytes"),
    "ids that swell": (b"", b"id: " + b"x" * 400_000 + b"\ndata: a\n\n" + b"data: a\n\n" * 9, {}, "oversized",
                       "more than 1000000 bytes came with the ids of events"),
    "chunks that are none": (CHUNKED, chunk(b"data: a\n\n") + b"HELLO\r\n" + b"no chunk " * 9, {}, "malformed",
                             "what came is not HTTP: a chunk of it has the length 'HELLO'"),
    "a chunk without a size": (CHUNKED, b"\r\ndata: a\r\n\r\n", {}, "malformed",
                               "what came is not HTTP: a chunk of it has the length ''"),
    "a size without end": (CHUNKED, b"1" * 70_000, {}, "malformed",
                           "what came is not HTTP: a line of it is longer than 65536 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDINGS)
def test_the_stream_is_closed_in_every_outcome(hostile: Callable[..., Hostile], how: str) -> None:
    """The server sees the client leave, whatever made it leave; why is told, in a word and a phrase."""
    headers, data, options, ended, ending = ENDINGS[how]
    behave = Announced(lambda peer: peer.send(data), headers)

    followed = follow(hostile(behave).url, **options)

    assert (followed.ended, followed.ending[: len(ending)]) == (ended, ending)
    assert followed.ending.isprintable()
    assert followed.unfinished == ("within" in how)
    assert (followed.status == "broken") == (how == "a predicate that fails")
    behave.wait_until_open(0)


def test_a_predicate_that_fails_is_told_as_a_defect_of_the_suite_not_of_the_server(
    hostile: Callable[..., Hostile],
) -> None:
    """`broken` is the word for a probe whose own code failed; the server has answered perfectly well."""
    seen = observe(hostile(says(b"data: a\n\n")).url, enough=broken)

    assert (seen.status, "the check itself is broken" in str(seen.error)) == ("broken", True)


BROKEN_OFF: dict[str, tuple[bytes, bytes, Callable[[Peer], None], str, str, bool]] = {
    "a clean end within an event": (CHUNKED, chunk(b"data: a\n\ndata: b\n") + b"0\r\n\r\n", lambda _: None, "closed",
                                    "the server ended the stream in the middle of an event", True),
    "the end of the connection within an event": (
        b"", b"data: a\n\ndata: b\n", lambda peer: peer.sock.close(), "closed",
        "the server ended the stream in the middle of an event", True,
    ),
    "the end of the connection between chunks": (
        CHUNKED, chunk(b"data: a\n\n"), lambda peer: peer.sock.close(), "reset",
        "the server cut the connection off without ending the stream", False,
    ),
    "the end of the connection within a chunk": (
        CHUNKED, b"99\r\ndata: a\n\ndata: b", lambda peer: peer.sock.close(), "reset",
        "the server cut the connection off without ending the stream in the middle of an event", True,
    ),
    "less than was announced": (b"Content-Length: 99\r\n", b"data: a\n\n", lambda peer: peer.sock.close(), "reset",
                                "the server cut the connection off without ending the stream", False),
    "a reset": (CHUNKED, chunk(b"data: a\n\ndata: b\n"), Peer.reset, "reset",
                "the server closed the connection without a complete answer in the middle of an event", True),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN_OFF)
def test_a_stream_that_breaks_off_keeps_what_was_heard(hostile: Callable[..., Hostile], how: str) -> None:
    """Half an event is none."""
    headers, data, what, ended, ending, unfinished = BROKEN_OFF[how]

    def break_off(peer: Peer) -> None:
        peer.send(data)
        heard.get(timeout=FOREVER)
        what(peer)

    heard: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def watching() -> Enough:
        return lambda _: bool(heard.put(True))

    followed = follow(hostile(Announced(break_off, headers)).url, enough=watching)

    assert (followed.status, followed.ended, followed.ending) == ("answered", ended, ending)
    assert [event.data for event in followed.events] == ["a"]
    assert followed.unfinished == unfinished


def test_a_server_that_drops_its_clients_is_seen_doing_so(hostile: Callable[..., Hostile]) -> None:
    """The stream ends long before the time is up; nobody connects again unasked."""

    def drop(peer: Peer) -> None:
        peer.send(b"data: a\n\n")
        peer.closing.wait(0.2)
        peer.sock.close()

    server = hostile(Announced(drop))
    followed = follow(server.url)

    assert (followed.ended, followed.count, server.connections) == ("closed", 1, 1)
    assert 0.19 <= followed.listened_s < FOREVER / 2


UNOPENED = {
    "silence": Peer.hang,
    "silence after the request": then(b"", Peer.hang),
    "headers that never end": then(GRANTED, lambda peer: peer.trickle(b"X: 1\r\n")),
    "one header that never ends": then(GRANTED + b"X-Long: ", lambda peer: peer.trickle(b"x")),
    "promises": then(b"", lambda peer: peer.trickle(b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001)),
}


@pytest.mark.parametrize("how", UNOPENED)
def test_a_stream_that_is_never_granted_is_late(hostile: Callable[..., Hostile], how: str) -> None:
    """By the deadline for opening, however long would have been listened."""
    seen = observe(hostile(UNOPENED[how]).url, open_within=DEADLINE)

    assert seen.status == "late"
    assert str(seen.error).startswith("no complete answer within 400 ms")
    assert seen.elapsed_ms >= 390
    followed = Followed(seen)
    assert (followed.failed_step, list(followed.steps), followed.events) == ("answer", ["resolve", "connect"], [])
    assert followed.ending == seen.error


HUNG_UP = "the server closed the connection without a complete answer"
CUT_OFF = "the server closed the connection before the answer was complete"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
REFUSALS: dict[str, tuple[Callable[[Peer], None], str, str, int | None]] = {
    "204": (
        told(b"HTTP/1.1 204 No Content\r\n\r\n"), "refused",
        "the stream was answered with 204, not 200, which tells clients not to come again", 204,
    ),
    "503": (
        told(b"HTTP/1.1 503 Busy\r\nContent-Type: text/event-stream\r\n\r\ndata: no\n\n"), "refused",
        "the stream was answered with 503, not 200", 503,
    ),
    "401": (told(b"HTTP/1.1 401 Unauthorized\r\n\r\n"), "refused", "the stream was answered with 401, not 200", 401),
    "a redirect": (
        told(b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/\x1b[31m\r\n\r\n"), "refused",
        "the stream was answered with 307 (a redirect to http://127.0.0.1:9/\\x1b[31m, not followed), not 200", 307,
    ),
    "a page": (
        told(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), "malformed",
        "the answer is text/html, not text/event-stream", 200,
    ),
    "JSON": (
        told(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"), "malformed",
        "the answer is application/json, not text/event-stream", 200,
    ),
    "no type": (
        told(b"HTTP/1.1 200 OK\r\n\r\ndata: a\n\n"), "malformed",
        "the answer has no content type, not text/event-stream", 200,
    ),
    "compressed": (
        told(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"data: a\n\n")), "malformed",
        "the answer is encoded as gzip, which was not asked for", 200,
    ),
    "compressed on the way": (
        told(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n"), "malformed",
        "the answer is encoded as gzip, which was not asked for", 200,
    ),
    "garbage": (told(b"\x1b]0;owned\x07\xff\xfe\r\n\r\n"), "malformed", "the answer is not HTTP: ", None),
    "another protocol": (told(b"-ERR unknown command 'GET'\r\n"), "malformed", "the answer is not HTTP: ", None),
    "a status line without end": (
        told(b"x" * 70_000), "malformed", "the answer is not HTTP: a line of it is longer than 65536 bytes", None,
    ),
    "a flood of headers": (
        then(OK, lambda peer: peer.flood(b"X-Many: 1\r\n" * 100)), "malformed", "the answer is not HTTP: ", None,
    ),
    "the end": (told(b""), "reset", HUNG_UP, None),
    "the end within a line": (told(b"HTTP/1.1 200 O"), "reset", CUT_OFF, None),
    "the end within the headers": (told(OK), "reset", CUT_OFF, None),
    "a reset": (then(b"", Peer.reset), "reset", HUNG_UP, None),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSALS)
def test_an_answer_that_is_no_event_stream_says_what_it_is(hostile: Callable[..., Hostile], how: str) -> None:
    """With a word for machines, a harmless phrase for people, and the HTTP status where there is one."""
    behave, status, words, code = REFUSALS[how]

    seen = observe(hostile(behave).url)
    followed = Followed(seen)

    assert (seen.status, words in str(seen.error)) == (status, True), seen.error
    assert str(seen.error).isprintable()
    assert (followed.code, followed.count, followed.opened_at) == (code, 0, None)
    assert followed.failed_step == ("answer" if code is None else "event")
    assert seen.elapsed_ms < FOREVER * 1000 / 2


FLOODS: dict[str, tuple[bytes, dict[str, Any], set[str]]] = {
    "events": (b"data: " + b"x" * 100 + b"\n\n", {"most": 50, "listen": 1.0}, {"oversized", "most"}),
    "events without most": (b"data: a\n\n" * 1000, {"most": 10**9}, {"oversized", "time"}),
    "large events": (b"data: " + b"x" * 900_000 + b"\n\n", {"budget": 5 * BUDGET, "listen": FOREVER}, {"oversized"}),
    "comments": (b": ping\n" * 1000, {}, {"oversized", "time"}),
    "empty comments": (b":\n" * 1000, {}, {"oversized", "time"}),
    "blank lines": (b"\n" * 1000, {}, {"oversized", "time"}),
    "one line": (b"x" * 1000, {"budget": 5 * BUDGET, "listen": FOREVER}, {"oversized"}),
    "one event": (b"data: x\n" * 1000, {"budget": 5 * BUDGET}, {"oversized", "time"}),
    "NULs": (b"\0" * 1000, {"budget": 5 * BUDGET, "listen": FOREVER}, {"oversized"}),
    "reconnection times": (b"retry: 1\n\n" * 1000, {}, {"oversized", "time"}),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_is_bounded_in_time_and_memory(hostile: Callable[..., Hostile], what: str) -> None:
    """By the number of events, the size of one, the bytes read in all, or the time; the server sees the end."""
    data, options, ended = FLOODS[what]
    behave = Announced(lambda peer: peer.flood(data))
    server = hostile(behave)
    follow(server.url, most=1, budget=10_000)  # what is imported once is no memory of a flood
    tracemalloc.start()
    try:
        followed = follow(server.url, **{"listen": 0.3, **options})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert followed.ended in ended, followed.ending
    assert followed.count <= 50 or what == "events without most"
    assert peak < 60_000_000
    behave.wait_until_open(0)


def test_a_line_in_drops_does_not_prolong_the_listening(hostile: Callable[..., Hostile]) -> None:
    """It is no event until it is whole."""
    followed = follow(hostile(Announced(lambda peer: peer.trickle(b"x", every=0.02))).url, listen=0.5)

    assert (followed.status, followed.ended, followed.count) == ("answered", "time", 0)
    assert followed.unfinished
    assert 0.49 <= followed.listened_s < FOREVER


def test_a_flood_does_not_delay_other_requests_of_its_run(hostile: Callable[..., Hostile], target: Target) -> None:
    """They are answered while it goes on."""
    target.answers["/state"] = {"pressure": 50}
    flooding = hostile(Announced(lambda peer: peer.flood(b": ping\n" * 10_000)))
    flood = Task("works", request(flooding.url, listen=1.5, budget=10**9))
    others = [
        Task("works", HttpRequest(f"GET /state {i}", "GET", Url(target.url), "/state", None, FOREVER, 10_000))
        for i in range(5)
    ]
    observer = Observer(Redactor(), lambda _ended, _total: None)

    observer.run([flood, *others])
    observer.close()

    assert flood.observation is not None
    assert (flood.observation.status, Followed(flood.observation).ended) == ("answered", "time")
    for other in others:
        assert other.observation is not None
        assert other.observation.status == "answered"
        assert other.observation.at < flood.observation.at


def test_a_connection_that_is_kept_for_other_requests_stays_theirs(
    target: Target, hostile: Callable[..., Hostile]
) -> None:
    """The stream takes one of its own, and gives back what it was handed."""
    kept = object()
    behave = says(b"data: a\n\n")

    observation, returned = request(hostile(behave).url, most=1).make(kept, Redactor())

    assert (observation.status, observation.connections) == ("answered", 1)
    assert returned is kept


def test_an_observer_does_not_give_up_a_stream_that_keeps_its_time(hostile: Callable[..., Hostile]) -> None:
    """Its deadline holds the opening and the listening, twice where it is resumed."""
    behave = resuming(b"id: 1\ndata: a\n\n", Peer.hang)
    task = Task("works", request(hostile(behave).url, open_within=5, listen=0.2, resume=0.3))
    observer = Observer(Redactor(), lambda _ended, _total: None)

    observer.run([task])
    observer.close()

    assert task.observation is not None
    followed = Followed(task.observation)
    assert (followed.status, followed.ended) == ("answered", "time")
    assert followed.resumed is not None
    assert followed.resumed.status == "answered"
    assert task.request.deadline == pytest.approx(5 + 0.2 + 5 + 0.3)
    assert request("http://127.0.0.1", open_within=5, listen=0.2).deadline == pytest.approx(5.2)


def test_a_closed_port_is_refused() -> None:
    """The step that failed is the connection."""
    port = closed_port()
    seen = observe(f"http://127.0.0.1:{port}")

    assert (seen.status, seen.error) == ("refused", f"connection refused: nothing listens on http://127.0.0.1:{port}")
    assert (Followed(seen).failed_step, seen.connections) == ("connect", 0)


@pytest.mark.parametrize("name", ["boiler.invalid", "a" * 70 + ".invalid", "a..b"])
def test_a_name_that_does_not_exist_is_unresolved(name: str) -> None:
    """The step that failed is the first."""
    seen = observe(f"http://{name}/base")

    assert (seen.status, seen.error) == ("unresolved", f"the name of http://{name} cannot be resolved")
    assert (Followed(seen).failed_step, Followed(seen).steps) == ("resolve", {})


def test_failures_of_tls_are_told_and_no_socket_is_left(
    hostile: Callable[..., Hostile], own_certificate: Certificate
) -> None:
    """A plain server, a certificate nobody vouches for, a handshake that hangs."""
    plain = hostile(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    unknown = hostile(Announced(), wrap=own_certificate.server_side())

    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        seen = observe(f"https://{plain.address}")
        distrusted = observe(f"https://{unknown.address}")
        hanging = observe(f"https://{hostile(Peer.hang).address}", open_within=DEADLINE)

    assert (seen.status, Followed(seen).failed_step) == ("tls", "connect")
    assert str(seen.error).startswith("TLS failed: ")
    assert (distrusted.status, "self-signed certificate" in str(distrusted.error)) == ("tls", True)
    assert hanging.status == "late"
    assert [str(warning.message) for warning in left if warning.category is ResourceWarning] == []


def test_a_good_certificate_is_no_obstacle(
    hostile: Callable[..., Hostile], own_certificate: Certificate, trusting: Callable[[Path], None]
) -> None:
    """Events, budget, time and closing hold within TLS as well."""
    trusting(own_certificate.file)
    wrap = own_certificate.server_side()
    well, silent = says(b"id: 1\ndata: a\n\n"), Announced()
    much = Announced(lambda peer: peer.flood(b"data: a\n\n" * 1000))

    followed = follow(f"https://localhost:{hostile(well, wrap=wrap).port}", most=1)

    assert (followed.ended, followed.events[0].data, followed.failed_step) == ("most", "a", None)
    assert follow(f"https://{hostile(silent, wrap=wrap).address}", listen=0.1).ended == "time"
    assert follow(f"https://{hostile(much, wrap=wrap).address}", most=10**6).ended == "oversized"
    for behave in (well, silent, much):
        behave.wait_until_open(0)


def test_a_stream_is_opened_from_the_address_and_trusting_the_file_that_are_asked_for(
    hostile: Callable[..., Hostile], own_certificate: Certificate
) -> None:
    """As every other request over HTTP."""
    callers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def note(peer: Peer) -> None:
        callers.put(peer.sock.getpeername()[0])
        peer.send(b"data: a\n\n")

    server = hostile(Announced(note), wrap=own_certificate.server_side())
    address = f"https://localhost:{server.port}"

    followed = follow(address, most=1, source="127.0.0.9", trust=str(own_certificate.file))

    assert (followed.ended, callers.get(timeout=FOREVER)) == ("most", "127.0.0.9")
    assert (
        follow(address, most=1, trust="/nowhere/ca.pem").error
        == "no certificates to trust: there is no file /nowhere/ca.pem"
    )


def test_no_socket_is_left_to_the_garbage_collector(hostile: Callable[..., Hostile]) -> None:
    """Neither of streams that are read to their end nor of those that are left or refused."""
    servers = [
        hostile(says(b"data: a\n\n")),
        hostile(Announced(lambda peer: peer.send(b"data: a\n\n"))),
        hostile(Announced(lambda peer: peer.send(chunk(b"data: a\n\n") + b"0\r\n\r\n"), CHUNKED)),
        *(hostile(REFUSALS[how][0]) for how in ("204", "a page", "garbage", "the end within the headers")),
    ]

    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        for server in servers:
            observe(server.url, most=1)

    assert [str(warning.message) for warning in left if warning.category is ResourceWarning] == []


ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)
ECHOES: dict[str, Callable[[Peer], None]] = {
    "data": says(f"data: you are {TOKEN}\n\n".encode()),
    "data in two pieces": says(b"data: you are " + TOKEN[:9].encode(), TOKEN[9:].encode() + b"\n\n"),
    "data that are JSON": says(f'data: {{"who": "{ESCAPED}", "n": 1}}\n\n'.encode()),
    "a type": says(f"event: {TOKEN}\ndata: a\n\n".encode()),
    "an id": says(f"id: {TOKEN}\ndata: a\n\n".encode()),
    "a comment": says(f": {'x' * 190}{TOKEN}\ndata: a\n\n".encode()),
    "a comment in two pieces": says(f": {TOKEN[:5]}".encode(), f"{TOKEN[5:]}\ndata: a\n\n".encode()),
    "the type of the answer": told(f"HTTP/1.1 200 OK\r\nContent-Type: {'x' * 50}{TOKEN}\r\n\r\n".encode()),
    "the encoding": told(OK + f"Content-Encoding: {'x' * 50}{TOKEN}\r\n\r\n".encode()),
    "a redirect": told(f"HTTP/1.1 302 Found\r\nLocation: http://other/{'x' * 60}{TOKEN}\r\n\r\n".encode()),
    "garbage": told(f"{TOKEN} {TOKEN}\r\n\r\n".encode()),
}


@pytest.mark.parametrize("where", ECHOES)
def test_an_echoed_secret_is_removed_from_everything_that_is_kept(hostile: Callable[..., Hostile], where: str) -> None:
    """Data, types, ids, comments and errors; also where a piece or a cut would part it."""
    seen = observe(hostile(ECHOES[where]).url, most=1, resume=0.1)

    kept = json.dumps(seen.as_record())
    assert TOKEN not in kept
    assert TOKEN[:16] not in kept, "a part of a token is a leak as well"
    assert ESCAPED not in kept.replace("\\\\", "\\")
    followed = Followed(seen)
    if where.startswith("data"):
        assert "[redacted]" in followed.events[0].data
    if where == "data that are JSON":
        assert followed.events[0].json().integer("n") == 1
    if where == "an id":
        assert (followed.last_id, followed.events[0].id) == ("[redacted]", "[redacted]")
        assert followed.resumed is not None
        assert followed.resumed.after == "[redacted]"


def test_data_without_a_secret_stay_as_they_were_written(hostile: Callable[..., Hostile]) -> None:
    """Letter by letter, escapes and all."""
    written = '{"a":  "\\u00e9\\n", "b": [1.50, NaN]}'

    (event,) = follow(hostile(says(f"data: {written}\n\n".encode())).url, most=1).events

    assert event.data == written


@pytest.mark.parametrize("how", ["followed", "resumed", "closed", "refused", "unresolved"])
def test_what_was_heard_survives_a_snapshot(hostile: Callable[..., Hostile], tmp_path: Path, how: str) -> None:
    """Every property says the same of the copy: what is judged again is judged alike."""
    odd = "id: é\nretry: 5\ndata: € \x1b[31m \u2028\n\n: ping\0\n\ndata: caf".encode() + b"\xe9\n\n"
    behave: Callable[[Peer], None] = says(odd)
    if how == "resumed":
        behave = resuming(odd, lambda peer: peer.send(chunk(b"id: 2\ndata: c\n\n")))
    if how == "closed":
        behave = Announced(lambda peer: peer.send(chunk(odd + b"data") + b"0\r\n\r\n"), CHUNKED)
    if how == "refused":
        behave = REFUSALS["503"][0]
    url = "http://boiler.invalid" if how == "unresolved" else hostile(behave).url
    first = observe(url, most=2 if how != "closed" else 9, resume=5.0 if how == "resumed" else None)
    snapshot = Snapshot(taken=time.time(), observations={"works": {first.id: first}})

    snapshot.save(tmp_path / "seen.json")
    copy = Snapshot.load(tmp_path / "seen.json").observations["works"]["it"]

    assert copy == first
    names = [name for name, member in inspect.getmembers(Followed) if isinstance(member, property)]
    assert len(names) > 15
    for name in ("status", "error", "bytes", *names):
        if name != "resumed":
            assert getattr(Followed(copy), name) == getattr(Followed(first), name), name
    if how in {"followed", "closed"}:
        assert [event.data for event in Followed(copy).events] == ["€ \x1b[31m \u2028", "caf�"]
    if how == "resumed":
        resumed = Followed(copy).resumed
        assert resumed is not None
        assert (resumed.after, resumed.code) == ("é", 200)
        assert resumed.event is not None
        assert resumed.event.data == "c"


class Boiler(System):
    """A system with events."""

    name = "boiler"
    url: Url
    events_url: Url
    patience: Duration = Duration(3)
    token: Secret | None = None
    outside: IpAddress | None = None
    vouched: FilePath | None = None


EVENTS_OF = EventStream(
    Boiler, "/events", listen="patience", most=9, headers=(("X-Tenant", "blue"),), credential=bearer("token"),
    resume="patience", explained_by="boiler.events",
)  # fmt: skip
BOILER = Boiler(
    url=Url("http://boiler.example.com/base"), events_url=Url("http://events.example.com"), body_limit=77,
    deadline=Duration(4), token=Secret(TOKEN), outside=IpAddress("127.0.0.9"), vouched=FilePath("/etc/ca.pem"),
)  # fmt: skip


def test_a_stream_is_asked_for_as_its_declaration_and_settings_say() -> None:
    """The time to listen from a setting or as a number; the address from any setting; the limits every system has."""
    (asked,) = EVENTS_OF.requests(BOILER)
    other = EventStream(Boiler, url="events_url", listen=0.5, most=1, source="outside", trust="vouched")
    (brief,) = other.requests(BOILER)

    assert isinstance(asked, EventStreamRequest)
    assert isinstance(brief, EventStreamRequest)
    assert [asked.id] == EVENTS_OF.ids(BOILER) == ["boiler events /events (token)"]
    assert EVENTS_OF.needs == ("url", "token")
    assert (asked.open_within, asked.listen, asked.most, asked.budget, asked.resume) == (4, 3, 9, 77, 3)
    assert (asked.url, asked.path, asked.headers) == (BOILER.url, "/events", (("X-Tenant", "blue"),))
    assert [secret.reveal() for secret in asked.secrets] == [TOKEN]
    assert (asked.host, asked.deadline) == ("http://boiler.example.com", pytest.approx(4 + 3 + 4 + 3))
    assert (brief.url, brief.path, brief.listen, brief.resume, brief.secrets) == (BOILER.events_url, "", 0.5, None, ())
    assert brief.enough()(Event(0, "", "message", "")) is False
    assert other.ids(BOILER) == ["boiler events events from outside"]
    assert (brief.source, brief.trust, asked.source, asked.trust) == ("127.0.0.9", "/etc/ca.pem", "", "")
    assert EVENTS_OF.where({"boiler": BOILER}) == "events http://boiler.example.com/base/events as token"
    assert TOKEN not in repr(asked)


@pytest.mark.parametrize("header", [("Accept", "*/*"), ("last-event-id", "1"), ("X-A", "a\r\nX-B: b"), ("X-É", "é")])
def test_headers_that_are_not_the_checks_to_set_are_refused(header: tuple[str, str]) -> None:
    """When the check is imported, by name."""
    with pytest.raises(ValueError, match="a check may not send the header"):
        EventStream(Boiler, listen=1, most=1, headers=(header,))


def test_a_stream_that_was_not_open_is_no_data_by_name_and_its_outcome_can_still_be_read() -> None:
    """The proof reads how it went; everybody else is told which check explains it."""
    seen = Observation(EVENTS_OF.id, "refused", 1.0, 5.0, error="nothing listens", facts={"steps": {"resolve": 1.0}})
    scene = Scene("works", {"boiler": BOILER}, {EVENTS_OF.id: seen})

    with pytest.raises(NoData, match="nothing listens") as nothing:
        EVENTS_OF.value(scene)

    assert nothing.value.explained_by == "boiler.events"
    assert EVENTS_OF.outcome.value(scene).failed_step == "connect"
    assert EVENTS_OF.outcome.proofs({"boiler": BOILER}) == ()
    with pytest.raises(NoData, match="was not asked"):
        EVENTS_OF.value(Scene("works", {"boiler": BOILER}, {}))


def test_how_far_a_stream_got_cannot_be_told_of_one_that_was_given_up() -> None:
    """An observer that gave it up knows no steps."""
    followed = Followed(Observation("it", "late", 1.0, 5.0, error="no complete answer within 1 s"))

    assert (followed.failed_step, followed.steps, followed.count, followed.events) == (None, {}, 0, [])
    assert (followed.code, followed.content_type, followed.opened_at, followed.resumed) == (None, None, None, None)
    assert followed.ending == "no complete answer within 1 s"


PLANT = '''\
"""A system that sends events."""

from healthgate import Duration, EventStream, Secret, System, Url, bearer, get, measure
from healthgate.readings import Comment


class Plant(System):
    """What a profile says of the plant."""

    name = "plant"
    url: Url
    events_url: Url
    listen: Duration = Duration(20)
    token: Secret | None = None
    deadline: Duration = Duration(20)


def _two_pings():
    """Two pings are enough."""
    pings = []

    def enough(sign):
        pings.extend([sign] if isinstance(sign, Comment) else [])
        return len(pings) >= 2

    return enough


EVENTS = EventStream(
    Plant, "/events", url="events_url", listen="listen", most=9, credential=bearer("token"), enough=_two_pings,
    explained_by="plant.open",
)
STATE = get(Plant, "/state", alongside=EVENTS)


@measure(EVENTS.outcome)
def opens(followed):
    """Whether it was open."""
    return followed.status == "answered"


@measure(EVENTS)
def pings(followed):
    """How many pings came."""
    return followed.comment_count


@measure(EVENTS)
def gap(followed):
    """The largest gap, in seconds."""
    return followed.largest_gap_ms / 1000
'''
PLANT_CHECKS = '''\
"""Does the plant send events?"""

from checks import plant
from healthgate import at_least, below, check, equals

TOLD = dict(cause="c", action="a", runbook="r", name="n")


@check("plant.open", plant.opens, stays=equals(True), **TOLD)
@check("plant.pings", plant.pings, stays=at_least(2), **TOLD)
@check("plant.gap", plant.gap, stays=below(20), **TOLD)
@check("plant.state", plant.STATE["pressure"], stays=at_least(0), **TOLD)
def test_plant(verdict):
    """It does."""
    assert verdict.healthy, verdict
'''


@pytest.fixture
def plant(bare_project: Project) -> Project:
    """A repository whose only system sends events."""
    bare_project.write("checks/plant/__init__.py", PLANT)
    bare_project.write("checks/plant/test_plant.py", PLANT_CHECKS)
    return bare_project


def settings(target: Target, events: Hostile, **more: object) -> dict[str, object]:
    """Return what a profile says of the plant."""
    return {"url": target.url, "events_url": events.url, "token": "${TOKEN}", **more}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_one_connection_feeds_every_check_of_a_run(
    plant: Project, target: Target, hostile: Callable[..., Hostile], workers: tuple[str, ...]
) -> None:
    """It is closed when the run ends, what it cost is told, and a second judging costs nothing."""
    behave = says(f": ping {TOKEN}\n\ndata: a\n\n: ping\n\n".encode())
    server = hostile(behave)
    plant.environment("works", boiler="absent", plant=settings(target, server))

    outcome = plant.check("-vv", "--snapshot-out", "seen.json", *workers, TOKEN=TOKEN)

    assert outcome.code == 0, outcome.text
    assert set(outcome.states.values()) == {"ok"}
    assert server.connections == 1
    assert outcome.results["run"]["connections"] == {"works": {server.url: 1, target.url: 1}}
    behave.wait_until_open(0)
    jsonschema.Draft202012Validator(SCHEMA).validate(outcome.results)
    for kept in (outcome.text, outcome.results_file.read_text(), (plant.root / "seen.json").read_text()):
        assert TOKEN[:16] not in kept
    again = plant.check("--snapshot-in", "seen.json", TOKEN=TOKEN)
    assert again.states == outcome.states
    assert server.connections == 1


def test_a_stream_that_cannot_be_had_is_told_once(
    plant: Project, target: Target, hostile: Callable[..., Hostile]
) -> None:
    """By the check that explains it; what reads it is blocked by that, what does not is judged."""
    plant.environment("works", boiler="absent", plant=settings(target, hostile(REFUSALS["a page"][0])))

    outcome = plant.check(TOKEN=TOKEN)

    blocked = dict.fromkeys(("plant.pings", "plant.gap"), "blocked")
    assert outcome.states == {"plant.open": "critical", **blocked, "plant.state": "ok"}
    jsonschema.Draft202012Validator(SCHEMA).validate(outcome.results)


def test_no_connection_is_left_where_a_run_is_killed(
    plant: Project, target: Target, hostile: Callable[..., Hostile]
) -> None:
    """In the middle of listening, by what no program can catch."""
    behave = says(b": ping\n\n")
    plant.environment("works", boiler="absent", plant=settings(target, hostile(behave), listen="10m"))
    run = plant.start("checks", "--env", "works", TOKEN=TOKEN)
    try:
        behave.wait_until_open(1)
        run.send_signal(signal.SIGKILL)
        behave.wait_until_open(0)
    finally:
        run.kill()
        run.wait()
