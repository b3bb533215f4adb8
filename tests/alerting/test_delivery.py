"""Whatever answers in place of an Alertmanager: a bounded time, one line, and the next run tries again."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from healthgate.tell.alerting import alertmanager, options
from healthgate.wire import bounded
from tests.alerting.telling import CRITICAL, OK, tell, verdict
from tests.parts.project import Project
from tests.parts.target import CUT_OFF, Hostile, Peer, Target, closed_port, then, told
from tests.tell.test_pushgateway import ADDRESSES

HTML = b"HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n<!doctype html><html>hello</html>"
LOGIN = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nno \x1b[1m b"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NONE_HELD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
ANOTHER = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n[{"labels": "words"}]'

ANSWERS: dict[str, tuple[Callable[[Peer], None], str]] = {
    "a page of HTML": (told(HTML), "it answered 200 with a page of HTML; is this an Alertmanager?"),
    "a redirect to a login": (told(LOGIN), "it answered 302"),
    "a refusal": (told(FORBIDDEN), "it answered 403: no"),
    "a failure": (told(FAILED), "it answered 500"),
    "a list of something else": (told(ANOTHER), 'it answered 200: [{"labels": "words"}]'),
    "a reset": (Peer.reset, "closed the connection without a complete answer"),
    "garbage": (told(b"\x1b]0;owned\x07\xff\r\n\r\n"), "the answer is not HTTP: it begins with "),
    "silence": (Peer.hang, "no complete answer within"),
    "a trickle": (then(b"HTTP/1.1 200 OK\r\n", lambda peer: peer.trickle(b"x")), "no complete answer within"),
    "a flood": (then(b"HTTP/1.1 200 OK\r\n\r\n", lambda peer: peer.flood(b"x" * 9000)), "it answered 200: xxx"),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the patience, and a small list."""
    monkeypatch.setattr(alertmanager, "DEADLINE", 2.0)
    monkeypatch.setattr(alertmanager, "ATTEMPT", 0.3)
    monkeypatch.setattr(alertmanager, "LARGEST", 30_000)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("what", ANSWERS)
def test_whatever_answers_it_ends_with_one_line(what: str, tmp_path: Path) -> None:
    behave, words = ANSWERS[what]
    with Hostile(behave) as server:
        began = time.monotonic()
        (trouble,) = tell(server.url, verdict(CRITICAL), history=tmp_path / "h").troubles

    assert trouble.startswith(f"not alerted: {server.url}: its current alerts could not be read: ")
    assert words in trouble
    assert "1 not taken: works boiler.pressure [critical]" in trouble
    assert trouble.isprintable()
    assert len(trouble) < 800
    assert server.connections <= 6
    assert time.monotonic() - began < 20


def answering(*posts: bytes, held: bytes = NONE_HELD) -> tuple[Callable[[Peer], None], list[bytes]]:
    """Return a behaviour that gives one answer after the other to what is posted, and what was posted."""
    seen: list[bytes] = []
    left = list(posts)

    def behave(peer: Peer) -> None:
        head = peer.read_request()
        if head.startswith(b"GET"):
            peer.send(held)
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(head.partition(b"\r\n\r\n")[2]) < length:
            head += peer.sock.recv(65536)
        seen.append(head)
        peer.send(left.pop(0) if len(left) > 1 else left[0])

    return behave, seen


@pytest.mark.usefixtures("impatient")
def test_what_failed_once_is_tried_again_at_once_and_what_failed_thrice_by_the_next_run(tmp_path: Path) -> None:
    behave, seen = answering(FAILED, TAKEN)
    with Hostile(behave) as server:
        assert tell(f"{server.url}/behind/a/proxy/", verdict(CRITICAL)).troubles == []
    assert len(seen) == 2
    assert seen[1].startswith(b"POST /behind/a/proxy/api/v2/alerts HTTP/1.1\r\n")
    assert b"Authorization" not in seen[1]

    behave, seen = answering(FAILED, FAILED, FAILED, TAKEN)
    with Hostile(behave) as server:
        (trouble,) = tell(server.url, verdict(CRITICAL), history=tmp_path / "h").troubles
        assert "it answered 500: 1 not taken: works boiler.pressure [critical]" in trouble
        assert tell(server.url, verdict(CRITICAL), history=tmp_path / "h").troubles == []
        assert len(seen) == 4


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("where", CUT_OFF)
def test_an_alert_whose_answer_was_cut_off_counts_as_not_taken_and_comes_with_the_next_run(
    where: str, tmp_path: Path
) -> None:
    behave, seen = answering(*3 * [CUT_OFF[where]], TAKEN)
    with Hostile(behave) as server:
        (trouble,) = tell(server.url, verdict(CRITICAL), history=tmp_path / "h").troubles
        assert "before the answer was complete: 1 not taken: works boiler.pressure [critical]" in trouble
        assert tell(server.url, verdict(CRITICAL), history=tmp_path / "h").troubles == []
        assert len(seen) == 4


@pytest.mark.usefixtures("impatient")
def test_one_that_may_not_be_asked_is_told_what_the_history_says_is_new(tmp_path: Path) -> None:
    """Whoever may tell but not ask gets each alert once, and is said to be unknown."""
    behave, seen = answering(TAKEN, held=FORBIDDEN)
    with Hostile(behave) as server:
        for state in (CRITICAL, CRITICAL, OK, OK):
            (trouble,) = tell(server.url, verdict(state), history=tmp_path / "h").troubles
            assert "its current alerts could not be read: it answered 403" in trouble
            assert "not taken" not in trouble
    assert [b"[critical]" in body for body in seen] == [True, False]
    assert b"[ok]" in seen[1]


def test_a_body_that_is_too_large_is_sent_in_parts(tmp_path: Path) -> None:
    """As a proxy in front of an Alertmanager refuses it."""
    sizes = []

    def behave(peer: Peer) -> None:
        head = peer.read_request()
        if head.startswith(b"GET"):
            return peer.send(NONE_HELD)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(head.partition(b"\r\n\r\n")[2]) < length:
            head += peer.sock.recv(65536)
        if length > 20_000:
            return peer.send(b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n")
        sizes.append(length)
        return peer.send(TAKEN)

    several = [verdict(CRITICAL, f"boiler.valve[{number}]") for number in range(100)]
    with Hostile(behave) as server:
        assert tell(server.url, *several).troubles == []
    assert len(sizes) > 2


def test_a_name_look_up_that_never_ends_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanager, "DEADLINE", 0.2)
    monkeypatch.setattr(bounded, "resolve", lambda *_: time.sleep(60))

    began = time.monotonic()
    (trouble,) = tell("http://sleepy.invalid:9093", verdict(CRITICAL)).troubles

    assert "no complete answer within" in trouble
    assert time.monotonic() - began < 20


SECRET = "Bearer planted-T0ken-0123456789abcdef"


def test_what_it_is_authorized_with_is_sent_and_never_shown(project: Project, target: Target) -> None:
    """Not even where it is said back."""

    def behave(peer: Peer) -> None:
        sent = peer.read_request().partition(b"Authorization: ")[2].partition(b"\r\n")[0]
        assert sent == SECRET.encode()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(sent), sent))

    with Hostile(behave) as server:
        outcome = project.check(
            *("--alertmanager", server.url, "--history", "h.db", "-vv"), HEALTHGATE_ALERTMANAGER_AUTHORIZATION=SECRET
        )
    assert outcome.code == 13, outcome.text
    assert "it answered 403: [redacted]" in outcome.out
    left = outcome.text.encode() + b"".join(path.read_bytes() for path in project.root.rglob("*") if path.is_file())
    assert SECRET.split()[1].encode() not in left


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 403 Forbidden\r\n\r\n" + b"x" * 140 + b" %s", b"x" * 60 + b" %s\r\n\r\n"],
    ids=["body", "garbage"],
)
def test_what_it_is_authorized_with_is_not_half_shown_where_words_are_cut(said: bytes) -> None:
    variables = {"HEALTHGATE_ALERTMANAGER_AUTHORIZATION": SECRET}
    with Hostile(told(said % SECRET.encode())) as server:
        (trouble,) = tell(server.url, verdict(CRITICAL), variables=variables).troubles
    assert "planted" not in trouble


@pytest.mark.parametrize("url", [*ADDRESSES, "http://alertmanager:9093/api/v2/alerts"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    problem = alertmanager.problem(url)
    assert problem is not None
    assert "planted" not in problem
    assert problem.isprintable()


def test_wrong_options_are_all_named_before_anything_is_asked(project: Project, target: Target) -> None:
    outcome = project.check(
        *("--alertmanager", "http://me:planted@host", "--heartbeat", "5", "--notify", "--snapshot-in", "no.json"),
        HEALTHGATE_ALERTMANAGER_AUTHORIZATION="Bearer planted\nX: y",
        HEALTHGATE_NOTIFY_URLS="json://host planted-word",
    )
    assert outcome.code == 4
    for line in (
        "--alertmanager: leave user and password out of the address; HEALTHGATE_ALERTMANAGER_AUTHORIZATION holds",
        "--alertmanager: HEALTHGATE_ALERTMANAGER_AUTHORIZATION is not the value of a header",
        "--heartbeat: '5' is not a duration; write a number and its unit, as in 500ms, 2s, 5m or 1h",
        "--notify: address 2 of HEALTHGATE_NOTIFY_URLS is not one; write SCHEME://…",
        "--notify tells what is new since the last run, which --history FILE remembers: give both",
        "--snapshot-in judges what was seen before; --alertmanager tells what is so now: leave one out",
        "--snapshot-in judges what was seen before; --notify tells what is so now: leave one out",
    ):
        assert line in outcome.text
    assert "planted" not in outcome.text
    assert not target.asked


def test_options_that_do_not_go_together_are_named() -> None:
    given = {"alertmanager": [], "heartbeat": "0s", "notify": True, "history": None, "snapshot_in": None}
    empty = "HEALTHGATE_NOTIFY_URLS is to hold the addresses, separated by blanks, as in mailto://…; it is empty"
    assert options.problems(SimpleNamespace(**given), {"HEALTHGATE_NOTIFY_URLS": "  "}) == [
        "--heartbeat: 0s: expected more than nothing and at most 365d",
        "--heartbeat is told to an Alertmanager: name one with --alertmanager",
        f"--notify: {empty}",
        "--notify tells what is new since the last run, which --history FILE remembers: give both",
    ]
    twice = {"alertmanager": ["http://am:9093", "http://am:9093/"], "heartbeat": "5m", "notify": False}
    assert options.problems(SimpleNamespace(**given | twice), {}) == ["--alertmanager: one address is given twice"]


def test_a_history_that_cannot_be_used_costs_no_alert(tmp_path: Path, project: Project, target: Target) -> None:
    """What Alertmanager holds is enough to tell what is new."""
    behave, seen = answering(TAKEN)
    target.answers["/state"] = {"pressure": 95, "purity": 99}
    project.write("folder/file", "")
    with Hostile(behave) as server:
        outcome = project.check("--alertmanager", server.url, "--history", "folder")
    assert outcome.code == 1
    assert "no history: " in outcome.out
    assert len(seen) == 1
    assert b'"alertname": "boiler.pressure"' in seen[0]


def test_a_run_without_the_options_loads_nothing_of_this(project: Project) -> None:
    """Nor does one with them load what only the other needs."""
    project.write(
        "conftest.py",
        """
        import sys

        def pytest_unconfigure():
            names = ("healthgate.tell.alerting", "healthgate.tell.exchange", "apprise", "sqlite3")
            print("loaded:", *sorted(n for n in sys.modules if n.startswith(names)))
        """,
    )
    assert "loaded:\n" in project.check().out
    loaded = project.check("--alertmanager", f"http://127.0.0.1:{closed_port()}").out.rpartition("loaded: ")[2]
    assert "healthgate.tell.alerting.alertmanager" in loaded
    assert "notices" not in loaded
    assert "apprise" not in loaded


def test_a_run_that_finds_a_canary_worse_sends_an_alert_that_asks_for_its_rollback(
    project: Project, target: Target
) -> None:
    """Baseline and canary are one target, and the baseline may have more."""
    target.answers["/state"] = {"pressure": 95, "purity": 99}
    milder = {"boiler.pressure": {"objective": 97, "warning": 98, "critical": 99, "because": "it is the old one"}}
    project.environment("works", boiler={"url": target.url}, thresholds=milder)
    project.environment("next", boiler={"url": target.url})
    behave, seen = answering(TAKEN)
    with Hostile(behave) as server:
        pair = ("--baseline", "works", "--canary", "next")
        outcome = project.run("checks", *pair, "--alertmanager", server.url)
        assert outcome.code == 1, outcome.text
        assert outcome.results["run"]["canary"]["decision"] == "rollback"
        told = {one["labels"]["alertname"]: one for post in seen for one in json.loads(post.partition(b"\r\n\r\n")[2])}
        seen.clear()
        target.answers["/state"] = {"pressure": 50, "purity": 99}
        assert project.run("checks", *pair, "--alertmanager", server.url).code == 0

    labels = told["healthgate.canary"]["labels"]
    assert (labels["action"], labels["environment"], labels["severity"]) == ("rollback", "next", "critical")
    assert "worse: boiler.pressure: critical in next" in told["healthgate.canary"]["annotations"]["summary"]
    assert "action" not in told["boiler.pressure"]["labels"]
    assert seen == []
