"""What else an answer says than the JSON of a 200: a plain page, what is ill with a 503, headers."""

import json
from collections.abc import Callable, Mapping

import pytest

from healthgate import NoData, Source, System, Url, get, head
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.probes.http import HttpProbe
from healthgate.probes.http_answer import LONGEST_HEADER, MOST_HEADERS, MOST_TEXT, Answer
from healthgate.secret import Redactor, Secret
from tests.parts.project import Project
from tests.parts.target import Hostile, Target, told

TOKEN = "planted-token-0123456789"


class Boiler(System):
    """A boiler."""

    name = "boiler"
    url: Url


PING = get(Boiler, "/ping")
HEALTH = get(Boiler, "/health", codes=(200, 503), proven_by="boiler.serves")
STRICT = get(Boiler, "/health")


class Asked:
    """A boiler that was asked once, by its probe."""

    def __init__(self, url: str, probe: HttpProbe) -> None:
        settings = Boiler(url=Url(url))
        redactor = Redactor()
        redactor.learn([Secret(TOKEN)])
        (request,) = probe.requests(settings)
        self.seen, connection = request.make(None, redactor)
        if connection is not None:
            connection.close()
        self.scene = Scene("here", {"boiler": settings}, {probe.id: self.seen})

    def read(self, source: Source) -> object:
        value = source.value(self.scene)
        return getattr(value, "raw", getattr(value, "value", value))

    def refuses(self, source: Source, words: str) -> None:
        with pytest.raises(NoData) as nothing:
            source.value(self.scene)
        assert words in str(nothing.value)
        assert str(nothing.value).isprintable()


Ask = Callable[..., Asked]


@pytest.fixture
def ask(hostile: Callable[..., Hostile]) -> Ask:
    """A function that asks a server with one answer."""

    def asked(body: bytes, code: int = 200, probe: HttpProbe = PING, **headers: str) -> Asked:
        lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        return Asked(hostile(told(data)).url, probe)

    return asked


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"OK", "text/plain", "OK"),
        (b"OK\n", "text/plain; charset=utf-8", "OK"),
        (b"\r\n  pong\tpong \n", "text/html", "pong\tpong"),
        ("süß\n".encode(), "application/octet-stream", "süß"),
        (b"", "text/plain", ""),
        (b"oops", "application/json", "oops"),
        (b"x" * MOST_TEXT, "text/plain", "x" * MOST_TEXT),
        (f"token {TOKEN}".encode(), "text/plain", "token [redacted]"),
    ],
)
def test_a_plain_page_is_read_as_text(ask: Ask, body: bytes, kind: str, said: str) -> None:
    assert ask(body, Content_Type=kind).read(PING.text) == said


@pytest.mark.parametrize(
    ("body", "code", "kind", "words"),
    [
        (b"OK", 500, "text/plain", "it answered 500, not 200"),
        (b"", 302, "text/plain", "it answered 302"),
        (b'"OK"', 200, "application/json", "the answer is JSON, which is read by its members"),
        (b"caf\xe9", 200, "text/plain", "the answer is not UTF-8 text (byte 3)"),
        (b"x" * (MOST_TEXT + 1), 200, "text/plain", f"has {MOST_TEXT + 1} characters, more than the {MOST_TEXT} that"),
    ],
)
def test_what_is_no_whole_page_is_no_text(ask: Ask, body: bytes, code: int, kind: str, words: str) -> None:
    """A page of which only the beginning is kept could say the contrary further down."""
    asked = ask(body, code, Content_Type=kind)

    asked.refuses(PING.text, words)
    assert len(str(asked.seen.facts.get("text", ""))) <= MOST_TEXT


def test_a_503_that_says_what_is_ill_is_read_where_that_is_declared(ask: Ask) -> None:
    """As the health routes of many frameworks answer; elsewhere it stays no data, from the same request."""
    asked = ask(b'{"status": "DOWN"}', 503, HEALTH, Content_Type="application/json")

    assert asked.read(HEALTH["status"]) == "DOWN"
    assert asked.read(HEALTH.serves) is True
    assert asked.read(HEALTH.code) == 503
    assert HEALTH.id == STRICT.id
    asked.refuses(STRICT["status"], "it answered 503, not 200")
    asked.refuses(STRICT.serves, "it answered 503, not 200")


def test_every_other_code_is_named_with_those_that_are_read(ask: Ask) -> None:
    asked = ask(b"{}", 500, HEALTH, Content_Type="application/json")

    asked.refuses(HEALTH["status"], "it answered 500, not 200 or 503")
    asked.refuses(HEALTH.serves, "it answered 500, not 200 or 503")
    for codes in ((), (100,), (99,), (600,)):
        with pytest.raises(ValueError, match="are no status codes of answers; write them as in"):
            get(Boiler, "/health", codes=codes)


def test_a_second_look_reads_the_same_codes(ask: Ask) -> None:
    asked = ask(b'{"status": "DOWN"}', 503, HEALTH, Content_Type="application/json")
    asked.scene.observations[f"{HEALTH.id} (again)"] = asked.seen

    assert asked.read(HEALTH.again.at("status")) == "DOWN"


def test_a_header_is_read_by_its_name_whatever_the_code(ask: Ask) -> None:
    asked = ask(b"", 404, Cache_Control="no-store", X_Echo=f"Bearer {TOKEN}", age="7", Age="8")

    assert asked.read(PING.header("cache-control")) == "no-store"
    assert asked.read(PING.header("Age")) == "7, 8", "as the standard joins them"
    assert asked.read(PING.header("X-Echo")) == "Bearer [redacted]"
    asked.refuses(PING.header("ETag"), "it answered without a header ETag")


@pytest.mark.parametrize("name", ["Set-Cookie", "X-Auth-Token", "X-Api-Key", "X-Session-Id", "X-Secret"])
def test_what_may_be_a_secret_is_not_kept(ask: Ask, name: str) -> None:
    """One that this run does not know, and can therefore not take out elsewhere."""
    asked = ask(b"", **{name: "another-secret-4711"})

    asked.refuses(PING.header(name), f"what the header {name} says is not kept")
    assert "4711" not in json.dumps(asked.seen.as_record())


def test_headers_are_kept_within_bounds(ask: Ask) -> None:
    many: Mapping[str, str] = {f"X-{number}": "y" for number in range(80)}
    asked = ask(b"", X_Long="z" * 5000, X_Odd="a\x1b[31m", **many)

    assert len(asked.seen.facts["headers"]) == MOST_HEADERS
    assert len(json.dumps(asked.seen.facts["headers"])) < MOST_HEADERS * (LONGEST_HEADER + 70)
    assert asked.read(PING.header("X-Odd")) == "a\\x1b[31m"
    asked.refuses(PING.header("X-Long"), f"has more than the {LONGEST_HEADER} characters that are kept")
    asked.refuses(PING.header("X-79"), f"without a header X-79 among the first {MOST_HEADERS}")


def test_headers_of_a_head_and_of_nothing(target: Target) -> None:
    """A route that cannot be reached has none, and a snapshot of an older version kept none."""

    def reply(handler: object) -> None:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("Strict-Transport-Security", "max-age=3")  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]

    target.heads["/ping"] = reply
    probe = head(Boiler, "/ping")
    assert Asked(target.url, probe).read(probe.header("strict-transport-security")) == "max-age=3"
    for seen, words in (
        (Observation("it", "refused", 0, 1, error="nothing listens"), "nothing listens"),
        (Observation("it", "answered", 0, 1, facts={"code": 200}), "the headers of this answer were not kept"),
    ):
        with pytest.raises(NoData, match=words):
            Answer(seen).header("Age")


CHECKS = '''\
from checks.boiler import Boiler
from healthgate import CRITICAL, check, equals, get

TOLD = dict(name="n", cause="c", action="a", runbook="r")
PING = get(Boiler, "/ping")
HEALTH = get(Boiler, "/health", codes=(200, 503), proven_by="boiler.health.serves")


@check("boiler.ping", PING.text, stays=equals("OK", otherwise=CRITICAL), **TOLD)
@check("boiler.cache", PING.header("Cache-Control"), stays=equals("no-store", otherwise=CRITICAL), **TOLD)
@check("boiler.health.serves", HEALTH.serves, stays=equals(True), **TOLD)
@check("boiler.health.status", HEALTH["status"], stays=equals("UP", otherwise=CRITICAL), **TOLD)
@check("boiler.health.gone", get(Boiler, "/health")["status"], stays=equals("UP"), **TOLD)
def test_answers(verdict):
    """Each kind of answer."""
    assert verdict.healthy, verdict
'''


def test_all_of_it_in_a_run_and_judged_again_from_its_snapshot(project: Project, target: Target) -> None:
    def ping(handler: object) -> None:
        body = b"OK\n"
        handler.send_response(200)  # type: ignore[attr-defined]
        for name, value in (("Content-Type", "text/plain"), ("Cache-Control", "no-store"), ("Content-Length", "3")):
            handler.send_header(name, value)  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.wfile.write(body)  # type: ignore[attr-defined]

    target.answers |= {"/ping": ping, "/health": lambda handler: handler.reply(503, {"status": "DOWN"})}
    project.write("checks/boiler/test_answers.py", CHECKS)

    run = project.check("--snapshot-out", "seen.json", "-k", "test_answers")

    expected = {
        "boiler.ping": "ok",
        "boiler.cache": "ok",
        "boiler.health.serves": "ok",
        "boiler.health.status": "critical",
        "boiler.health.gone": "unknown",
    }
    assert run.states == expected, run.text
    assert project.check("--snapshot-in", "seen.json", "-k", "test_answers").states == expected
