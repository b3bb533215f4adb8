"""One metric of a CloudWatch: signed as its own library signs, and believed only where the answer is one."""

import json
import queue
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from healthgate.claim.facts import NoData
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import Duration, System, Url
from healthgate.probes.cloudwatch import CloudWatchMetric, Datum, MetricData, data_in, signed
from healthgate.secret import Redactor, Secret
from tests.parts.project import Project
from tests.parts.target import Hostile, Peer

FOREVER = 20.0
NOW = 1772442900.0
"""2026-03-02T09:15:00Z."""

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
QUERY = (
    "Action=GetMetricStatistics&Version=2010-08-01&Namespace=Depot%2FStore%20A&MetricName=Open&Period=60"
    "&Statistics.member.1=Average&StartTime=2026-03-02T08%3A15%3A00Z&EndTime=2026-03-02T09%3A15%3A01Z"
)
AWS, GATE = ("monitoring.eu-central-1.amazonaws.com", "/"), ("gate.example.com:8443", "/base/")
SIGNATURES = {
    (AWS, ""): "afc46d0770faf1c53f48073a6bb871d7b943e6c45d069c8fd2bba04caa03ceca",
    (GATE, ""): "5e8649286aca6f195a506c745156392998a9a7f8a262d201ab5eb90fb506fce6",
    (AWS, "session/token+1=="): "7c17920741fb8bd173c29be1a9167fcff8e113f05eefafd714371b6fad20bc78",
    (GATE, "session/token+1=="): "b47df3fde1f157eb11a2c2c3dd15e17337ee368c80e9583dfe05c828947c48c2",
}
"""What botocore 1.42 (SigV4QueryAuth) makes of the same request, key and moment."""


class Depot(System):
    """A system that publishes a metric."""

    name = "depot"
    cloudwatch_url: Url
    cloudwatch_region: str | None = None
    cloudwatch_key_id: Secret | None = None
    cloudwatch_key: Secret | None = None
    cloudwatch_session: Secret | None = None
    rhythm: Duration = Duration(60)


OPEN = CloudWatchMetric(Depot, namespace="Depot/Store A", metric="Open", period="rhythm")
CREDENTIALS = {
    "cloudwatch_region": "eu-central-1", "cloudwatch_key_id": Secret("AKIDEXAMPLE"), "cloudwatch_key": Secret(KEY),
}  # fmt: skip


def answer_of(*data: tuple[str, str, str]) -> str:
    """Return what CloudWatch answers where there are these data."""
    members = "".join(
        f"<member><Timestamp>{at}</Timestamp><Average>{value}</Average><Unit>{unit}</Unit></member>"
        for at, value, unit in data
    )
    return (
        '<GetMetricStatisticsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">'
        f"<GetMetricStatisticsResult><Datapoints>{members}</Datapoints><Label>Open</Label></GetMetricStatisticsResult>"
        "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetMetricStatisticsResponse>"
    )


WHOLE = answer_of(("2026-03-02T09:13:00Z", "83.5", "Count"), ("2026-03-02T09:14:00Z", "84.0", "Count"))


def answering(text: str, code: int = 200, headers: str = "") -> tuple[Callable[[Peer], None], "queue.SimpleQueue[str]"]:
    """Return a behaviour that answers once with this body, and where the request line goes."""
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    body = text.encode()

    def behave(peer: Peer) -> None:
        asked.put(peer.read_request().decode())
        peer.send(f"HTTP/1.1 {code} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return behave, asked


def ask(url: str, **settings: Any) -> Observation:
    """Ask for the metric and return what came of it."""
    depot = Depot(cloudwatch_url=Url(url), **settings)
    (request,) = OPEN.requests(depot)
    redactor = Redactor()
    redactor.learn(request.secrets)
    observation, connection = request.make(None, redactor)
    if connection is not None:
        connection.close()
    return observation


def read(observation: Observation) -> MetricData:
    """Return what a check reads of an observation."""
    depot = Depot(cloudwatch_url=Url("http://unused"))
    return OPEN.value(Scene("works", {"depot": depot}, {OPEN.id: observation}))


@pytest.mark.parametrize(("to", "session"), SIGNATURES)
def test_a_request_is_signed_as_the_library_of_the_provider_signs_it(to: tuple[str, str], session: str) -> None:
    """For every host and path, with and without a session."""
    token = Secret(session) if session else None

    query = signed(*to, QUERY, "eu-central-1", Secret("AKIDEXAMPLE"), Secret(KEY), token, NOW)

    assert parse_qs(query)["X-Amz-Signature"] == [SIGNATURES[to, session]]
    assert KEY not in query


def test_the_newest_data_are_asked_for_and_read(hostile: Callable[..., Hostile]) -> None:
    """An hour of them, a minute each; without a signature where there are no credentials."""
    behave, asked = answering(WHOLE)
    observation = ask(hostile(behave).url)

    assert read(observation).data == [Datum(NOW - 60, 84.0, "Count"), Datum(NOW - 120, 83.5, "Count")]
    assert read(observation).asked_at == pytest.approx(time.time(), abs=FOREVER)
    method, target, _ = asked.get(timeout=FOREVER).splitlines()[0].split(" ")
    given = {name: told for name, (told,) in parse_qs(urlsplit(target).query).items()}
    start, end = (time.strptime(given.pop(name), "%Y-%m-%dT%H:%M:%SZ") for name in ("StartTime", "EndTime"))
    assert time.mktime(end) - time.mktime(start) == pytest.approx(3601, abs=1)
    assert (method, urlsplit(target).path) == ("GET", "/")
    assert given == {
        "Action": "GetMetricStatistics", "Version": "2010-08-01", "Namespace": "Depot/Store A", "MetricName": "Open",
        "Period": "60", "Statistics.member.1": "Average",
    }  # fmt: skip


def test_a_request_with_credentials_carries_a_signature_for_where_it_goes(hostile: Callable[..., Hostile]) -> None:
    """Made with the Host it is sent with; the key itself goes nowhere."""
    behave, asked = answering(WHOLE)
    server = hostile(behave)

    read(ask(f"{server.url}/base", **CREDENTIALS, cloudwatch_session=Secret("a-session-token")))

    request = asked.get(timeout=FOREVER)
    target = urlsplit(request.split(" ")[1])
    given = {name: told for name, (told,) in parse_qs(target.query).items()}
    unsigned = "&".join(part for part in target.query.split("&") if not part.startswith("X-Amz-"))
    moment = time.mktime(time.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ")) - time.timezone
    again = signed(
        server.address, "/base/", unsigned, "eu-central-1", CREDENTIALS["cloudwatch_key_id"],
        CREDENTIALS["cloudwatch_key"], Secret("a-session-token"), moment,
    )  # fmt: skip
    assert target.path == "/base/"
    assert f"Host: {server.address}\r\n" in request
    assert target.query == again
    assert given["X-Amz-Security-Token"] == "a-session-token"
    assert KEY not in request


def test_no_data_are_none_and_no_failure(hostile: Callable[..., Hostile]) -> None:
    """A metric nobody published is an answer as well."""
    assert read(ask(hostile(answering(answer_of())[0]).url)).data == []


UNREADABLE: dict[str, tuple[str, int, str, str]] = {
    "a refusal": (
        "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>no\x7f</Message></Error></ErrorResponse>",
        403, "", "CloudWatch answered 403 and SignatureDoesNotMatch: no\\\\x7f",
    ),
    "a failure of something else": ("<html><body>bad gateway", 502, "", "it answered 502 and no XML"),
    "a failure without a body": ("", 500, "", "it answered 500 and no XML"),
    "a page": ("<html><body>hello</body></html>", 200, "", "none of CloudWatch: it begins with html"),
    "JSON": ('{"Datapoints": []}', 200, "", "the answer is no XML"),
    "half an answer": (WHOLE[:-40], 200, "", "the answer is no XML"),
    "another answer": ("<ListMetricsResponse/>", 200, "", "none of CloudWatch: it begins with ListMetricsResponse"),
    "a declaration": ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 200, "", "which CloudWatch never sends"),
    "a moment that is none": (answer_of(("yesterday", "1", "Count")), 200, "", "a datum is 'yesterday 1'"),
    "a value that is none": (answer_of(("2026-03-02T09:13:00Z", "many", "")), 200, "", "not a time and a number"),
    "a value that is not finite": (answer_of(("2026-03-02T09:13:00Z", "NaN", "")), 200, "", "not a time and a number"),
    "compression": (WHOLE, 200, "Content-Encoding: br\r\n", "encoded as br, which was not asked for"),
    "too much": (f"<a>{'x' * 1_000_000}</a>", 200, "", "more than the 1000000 that are read"),
    "NULs": ("\0<\0a", 200, "", "the answer is no XML"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_is_no_answer_of_a_cloudwatch_is_no_data(hostile: Callable[..., Hostile], what: str) -> None:
    """With words that are harmless on a terminal."""
    body, code, headers, words = UNREADABLE[what]

    with pytest.raises(NoData, match=words) as nothing:
        read(ask(hostile(answering(body, code, headers)[0]).url))

    assert str(nothing.value).isprintable()


def test_a_server_that_is_not_there_is_no_data() -> None:
    """As for every request."""
    with pytest.raises(NoData, match="connection refused"):
        read(ask("http://127.0.0.1:1"))


def test_secrets_that_are_echoed_are_not_kept(hostile: Callable[..., Hostile]) -> None:
    """Neither the key nor the token of the session, in whichever part of an error and in whichever letters."""
    session = "a-session-token-0123456789"
    escaped = "".join(f"&#{ord(letter)};" for letter in KEY)
    words = (
        f"<ErrorResponse><Error><Code>{session}</Code><Message>{'x' * 90}{escaped}</Message></Error></ErrorResponse>"
    )
    seen = ask(hostile(answering(words, 403)[0]).url, **CREDENTIALS, cloudwatch_session=Secret(session))

    kept = json.dumps(seen.as_record())
    assert "CloudWatch answered 403 and [redacted]: " in kept
    for part in (session[:9], KEY[:9]):
        assert part not in kept


@pytest.mark.parametrize("left_out", sorted(CREDENTIALS))
def test_credentials_that_are_not_whole_are_told_and_nothing_is_sent(
    hostile: Callable[..., Hostile], left_out: str
) -> None:
    """By the setting that is missing."""
    server = hostile(answering(WHOLE)[0])
    some = {name: value for name, value in CREDENTIALS.items() if name != left_out}

    seen = ask(server.url, **some)

    assert (seen.status, f"depot.{left_out} is not set" in str(seen.error)) == ("broken", True)
    assert server.connections == 0


def test_a_metric_is_asked_for_as_its_declaration_and_settings_say() -> None:
    """The period as a number or from a setting, at least a second."""
    depot = Depot(cloudwatch_url=Url("https://[::1]:443"), rhythm=Duration(0.5))
    (asked,) = OPEN.requests(depot)
    (fixed,) = CloudWatchMetric(Depot, namespace="N", metric="M", period=300).requests(depot)

    assert [asked.id] == OPEN.ids(depot) == ["depot cloudwatch Depot/Store A Open"]
    assert "Period=1&" in vars(asked)["path"]
    assert "Period=300&" in vars(fixed)["path"]
    assert (vars(asked)["back"], vars(fixed)["back"], vars(type(asked))["netloc"].fget(asked)) == (30, 18_000, "[::1]")
    assert OPEN.where({"depot": depot}) == "metric Depot/Store A Open at https://[::1]:443"


def test_deep_answers_are_read_or_refused_and_do_no_harm() -> None:
    """A hundred thousand elements within each other."""
    with pytest.raises(NoData):
        data_in("<a>" * 100_000 + "</a>" * 100_000, 200, Redactor())


PLANT = '''\
"""A system that publishes a metric."""

from healthgate import CloudWatchMetric, NoData, Secret, System, Url, measure


class Plant(System):
    """What a profile says of the plant."""

    name = "plant"
    cloudwatch_url: Url
    cloudwatch_region: str | None = None
    cloudwatch_key_id: Secret | None = None
    cloudwatch_key: Secret | None = None


OPEN = CloudWatchMetric(Plant, namespace="Depot/Store A", metric="Open", period=60)


@measure(OPEN)
def newest(metric):
    """The newest value."""
    if not metric.data:
        raise NoData("there is none")
    return metric.data[0].value
'''
PLANT_CHECKS = '''\
"""Is the metric there?"""

from checks import plant
from healthgate import at_least, check


@check("plant.open", plant.newest, stays=at_least(84), cause="c", action="a", runbook="r", name="n")
def test_plant(verdict):
    """It is."""
    assert verdict.healthy, verdict
'''


def test_a_run_reads_it_and_keeps_no_key(bare_project: Project, hostile: Callable[..., Hostile]) -> None:
    """Neither on the terminal nor in what it leaves; judged again without asking."""
    behave, asked = answering(WHOLE)
    server = hostile(behave)
    bare_project.write("checks/plant/__init__.py", PLANT)
    bare_project.write("checks/plant/test_plant.py", PLANT_CHECKS)
    settings = {"cloudwatch_url": server.url, "cloudwatch_region": "eu-central-1"}
    settings |= {"cloudwatch_key_id": "${KEY_ID}", "cloudwatch_key": "${KEY}"}
    bare_project.environment("works", boiler="absent", plant=settings)

    outcome = bare_project.check("-vv", "--snapshot-out", "seen.json", KEY=KEY, KEY_ID="AKIDEXAMPLE")

    assert outcome.states == {"plant.open": "ok"}, outcome.text
    assert "X-Amz-Signature=" in asked.get(timeout=FOREVER)
    for kept in (outcome.text, outcome.results_file.read_text(), (bare_project.root / "seen.json").read_text()):
        assert KEY not in kept
        assert "AKIDEXAMPLE" not in kept
    again = bare_project.check("--snapshot-in", "seen.json", KEY=KEY, KEY_ID="AKIDEXAMPLE")
    assert (again.states, server.connections) == ({"plant.open": "ok"}, 1)
