"""A push that fails costs the push: a bounded time, one clear line, exit 13 where all else is fine."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from healthgate.tell import pushgateway
from healthgate.wire import bounded
from tests.parts.project import Project
from tests.parts.target import CUT_OFF, Hostile, Peer, Target, closed_port, then, told
from tests.tell.world import account, verdict

HTML = b"HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n<!doctype html><html>hello</html>"
LOGIN = b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 21\r\n\r\npushed metrics are \x1b[1m"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

ANSWERS: dict[str, tuple[Callable[[Peer], None], str, int]] = {
    "a page of HTML": (told(HTML), "it answered 200 with a page of HTML; is this a Pushgateway?", 1),
    "a redirect to a login": (told(LOGIN), "it answered 302", 1),
    "a refusal": (told(REFUSED), "it answered 400: pushed metrics are", 1),
    "a failure": (told(FAILED), "it answered 500", 3),
    "a reset": (Peer.reset, "closed the connection without a complete answer", 3),
    "garbage": (told(b"\x1b]0;owned\x07\xff\r\n\r\n"), "the answer is not HTTP: it begins with ", 3),
    "silence": (Peer.hang, "no complete answer within", 3),
    "a trickle": (then(b"HTTP/1.1 200 OK\r\n", lambda peer: peer.trickle(b"x")), "no complete answer within", 3),
    "a flood": (then(b"HTTP/1.1 200 OK\r\n\r\n", lambda peer: peer.flood(b"x" * 9000)), "it answered 200: xxx", 1),
}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the patience."""
    monkeypatch.setattr(pushgateway, "DEADLINE", 3.0)
    monkeypatch.setattr(pushgateway, "ATTEMPT", 0.5)
    monkeypatch.setattr(pushgateway, "PAUSES", (0.02, 0.08))


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("what", ANSWERS)
def test_whatever_answers_the_push_ends_with_one_line(what: str) -> None:
    behave, words, attempts = ANSWERS[what]
    with Hostile(behave) as server:
        began = time.monotonic()
        trouble = pushgateway.push(server.url, account([verdict()]), {})

    assert trouble is not None
    assert trouble.startswith(f"not pushed: {server.url}: ")
    assert words in trouble
    assert trouble.isprintable()
    assert len(trouble) < 400
    assert server.connections <= attempts
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("answer", [TAKEN, ACCEPTED], ids=["200", "202"])
def test_a_push_that_failed_once_is_tried_again(answer: bytes) -> None:
    answers = [FAILED, answer]
    seen: list[bytes] = []

    def behave(peer: Peer) -> None:
        seen.append(peer.read_request())
        peer.send(answers[len(seen) - 1])

    with Hostile(behave) as server:
        trouble = pushgateway.push(f"{server.url}/behind/a/proxy/", account([verdict(environment="a/b")]), {})

    assert trouble is None
    assert len(seen) == 2
    assert seen[1].startswith(b"PUT /behind/a/proxy/metrics/job/healthgate/environment@base64/YS9i HTTP/1.1\r\n")
    assert b"Authorization" not in seen[1]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("where", CUT_OFF)
def test_an_answer_that_was_cut_off_is_no_delivery(where: str) -> None:
    with Hostile(told(CUT_OFF[where])) as server:
        trouble = pushgateway.push(server.url, account([verdict()]), {})

    assert re.search("closed the connection (before the answer was|without a) complete", str(trouble))
    assert server.connections == 3


@pytest.mark.usefixtures("hurried")
def test_all_environments_share_one_deadline_and_each_gets_its_push() -> None:
    paths: list[str] = []

    def behave(peer: Peer) -> None:
        paths.append(peer.read_request().split()[1].decode())
        peer.send(REFUSED if "/one" in paths[-1] else TAKEN)

    several = [verdict(environment=name) for name in ("one", "two", "three")]
    with Hostile(behave) as server:
        trouble = pushgateway.push(server.url, account(several, selection="cadence=30s"), {})
    assert "it answered 400" in str(trouble)
    assert [path.split("/environment/")[1] for path in paths] == [
        f"{name}/selection/cadence=30s" for name in ("one", "two", "three")
    ]

    with Hostile(Peer.hang) as server:
        began = time.monotonic()
        assert pushgateway.push(server.url, account([verdict(environment=str(i)) for i in range(50)]), {})
        assert time.monotonic() - began < 20


def test_a_name_look_up_that_never_ends_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushgateway, "DEADLINE", 0.1)
    monkeypatch.setattr(bounded, "resolve", lambda *_: time.sleep(60))

    began = time.monotonic()
    trouble = pushgateway.push("http://sleepy.invalid:9091", account([verdict()]), {})

    assert trouble == "not pushed: http://sleepy.invalid:9091: no complete answer within 100 ms"
    assert time.monotonic() - began < 20


def test_a_gateway_that_is_down_is_exit_13_and_nothing_else_is_lost(project: Project) -> None:
    url = f"http://127.0.0.1:{closed_port()}"

    outcome = project.check("--pushgateway", url, "--metrics", "a.prom", "-n", "2")

    assert outcome.code == outcome.results["run"]["exit_code"] == 13, outcome.text
    line = f"not pushed: {url}: connection refused: nothing listens on 127.0.0.1:"
    assert outcome.out.count(line) == 1
    assert "4 ok" in outcome.out
    assert set(outcome.states.values()) == {"ok"}
    assert 'healthgate_exit_code{environment="works",selection="all"} 13' in (project.root / "a.prom").read_text()
    assert "Traceback" not in outcome.text


def test_a_failing_check_is_worth_more_than_a_failing_push(project: Project, target: Target) -> None:
    target.answers["/state"] = {"pressure": 85, "purity": 99}

    outcome = project.check("--pushgateway", f"http://127.0.0.1:{closed_port()}")

    assert outcome.code == outcome.results["run"]["exit_code"] == 10
    assert outcome.out.count("not pushed: ") == 1


SECRET = "Basic cGxhbnRlZDpwbGFudGVk"


def test_what_a_push_is_authorized_with_is_sent_and_never_shown(project: Project, hostile_echo: Hostile) -> None:
    """Not even where the gateway says it back."""
    outcome = project.check(
        *("--pushgateway", hostile_echo.url, "-vv", "--metrics", "a.prom"), HEALTHGATE_PUSHGATEWAY_AUTHORIZATION=SECRET
    )

    assert outcome.code == 13
    assert "it answered 403: no entry for [redacted]" in outcome.out
    left = outcome.text + "".join(path.read_text() for path in project.root.rglob("*.[pj]*") if path.is_file())
    assert SECRET not in left
    assert SECRET.split()[1] not in left


@pytest.fixture
def hostile_echo() -> Any:
    """A gateway that sends back what it was authorized with."""

    def behave(peer: Peer) -> None:
        sent = peer.read_request().partition(b"Authorization: ")[2].partition(b"\r\n")[0]
        body = b"no entry for " + sent
        assert sent == SECRET.encode()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with Hostile(behave) as server:
        yield server


ADDRESSES = {
    "": "'' is not an address; write http://HOST:PORT",
    "gateway:9091": "'gateway:9091' is not an address; write http://HOST:PORT",
    "ftp://gateway": "'ftp://gateway' is not an address",
    "http://": "'http://' is not an address",
    "http://gateway:0": "is not an address",
    "http://gateway:99999": "is not an address",
    "http://[::1": "is not an address",
    "http://gate way": "is not an address",
    "http://gateway/\n::error::x": "is not an address",
    "http://gateway/?x=1": "has more than scheme, host, port and path",
    "http://me:planted@gateway": "leave user and password out of the address",
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_is_none_is_refused_before_anything_is_asked(url: str) -> None:
    problem = pushgateway.problem(url)

    assert problem is not None
    assert ADDRESSES[url] in problem
    assert "planted" not in problem
    assert problem.isprintable()


def test_a_wrong_address_and_a_wrong_header_are_usage_errors(project: Project, target: Target) -> None:
    outcome = project.check(
        "--pushgateway", "http://me:planted@gateway", HEALTHGATE_PUSHGATEWAY_AUTHORIZATION="Bearer planted\nX: y"
    )

    assert outcome.code == 4
    assert "--pushgateway: leave user and password out of the address" in outcome.text
    assert "--pushgateway: HEALTHGATE_PUSHGATEWAY_AUTHORIZATION is not the value of a header" in outcome.text
    assert "planted" not in outcome.text
    assert not target.asked


@pytest.mark.parametrize(
    "url", ["http://gateway", "https://gateway:9091/behind/", "http://[::1]:9091", "http://10.0.0.1"]
)
def test_addresses_that_are_taken(url: str) -> None:
    assert pushgateway.problem(url) is None
