"""What a real Prometheus says, and what is not believed although it says it."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from healthgate import NoData, Prometheus, Secret, System, Url, prometheus_seconds
from healthgate.claim.source import Absent, Probe, Scene, Source
from healthgate.secret import Redactor
from tests.parts.project import Project
from tests.parts.prometheus_server import Server, running
from tests.parts.target import Hostile, Peer, Target, closed_port, told
from tests.tools import program

TOKEN = "planted-token-0123456789"


class Works(System):
    """A system with a Prometheus."""

    name = "works"
    prometheus_url: Url
    prometheus_token: Secret | None = None
    deadline = 20  # type: ignore[assignment]


ASKED = Prometheus(Works)
EXPLAINED = Prometheus(Works, explained_by="works.prometheus")
UP = ASKED.query("up")


def read(url: str, source: Source, token: str | None = None, **settings: Any) -> Any:
    """Ask for what a source needs and return its value; NoData as ever."""
    settings["prometheus_url"] = Url(url)
    if token is not None:
        settings["prometheus_token"] = Secret(token)
    systems = {"works": Works(**settings)}
    redactor = Redactor()
    seen = {}
    for probe in source.probes(systems):
        for request in probe.requests(systems["works"]):
            redactor.learn(request.secrets)
            observation, connection = request.make(None, redactor)
            if connection is not None:
                connection.close()
            seen[request.id] = observation
    assert TOKEN not in json.dumps([observation.as_record() for observation in seen.values()])
    return source.value(Scene("here", systems, seen))


# -- a real one ---------------------------------------------------------------------------------------------

PAGE = """\
# TYPE depth gauge
depth{side="left"} 30
depth{side="right"} 12
# TYPE odd gauge
odd NaN
# TYPE n_total counter
n_total 5
"""
RULES = {
    "groups": [
        {
            "name": "works",
            "rules": [
                {"record": "works:depth", "expr": "sum(depth)"},
                {"alert": "Deep", "expr": "depth > 20", "labels": {"severity": "critical"}},
                {"alert": "Deeper", "expr": "depth > 20", "for": "1h30m", "labels": {"severity": "warning"}},
                {"alert": "Quiet", "expr": "depth > 2000", "for": "5m", "labels": {"severity": "warning"}},
                {"alert": "Twice", "expr": "depth > 2000"},
                {"alert": "Twice", "expr": "depth > 3000"},
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    program("prometheus")
    page = Target()

    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; version=0.0.4")
        handler.send_header("Content-Length", str(len(PAGE)))
        handler.end_headers()
        handler.wfile.write(PAGE.encode())

    page.answers["/metrics?format=text"] = answer
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "rules.yaml").write_text(json.dumps(RULES))
    job = {"metrics_path": "/metrics", "params": {"format": ["text"]}}
    configuration = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "250ms"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {"job_name": "page", **job, "static_configs": [{"targets": [f"127.0.0.1:{page.port}"]}]},
            {
                "job_name": "gone",
                "bearer_token": TOKEN,
                "static_configs": [{"targets": [f"127.0.0.1:{closed_port()}"]}],
            },
        ],
    }
    with running(folder, configuration, "", "--storage.tsdb.retention.time=30d") as server:
        server.until(lambda s: len(s.api("query?query=works:depth")["result"]) == 1)
        server.until(lambda s: any(a["state"] == "firing" for a in s.api("alerts")["alerts"]))
        server.until(lambda s: all(t["health"] != "unknown" for t in s.api("targets")["activeTargets"]))
        server.until(lambda s: len(s.api("query?query=depth[5m]")["result"][0]["values"]) > 1)
        yield server
    page.close()


def test_a_query_gives_one_number_or_says_why_not(prometheus: Server) -> None:
    depth = ASKED.query("depth")

    assert read(prometheus.url, depth.labelled(side="left")) == 30
    assert read(prometheus.url, depth.total()) == 42
    assert read(prometheus.url, ASKED.query("sum(depth)").number) == 42
    assert read(prometheus.url, ASKED.query("scalar(sum(depth))").number) == 42
    assert read(prometheus.url, depth).by("side") == {"left": 30, "right": 12}
    assert read(prometheus.url, ASKED.recent('depth{side="left"}', within="1m").number) == 30
    assert read(prometheus.url, ASKED.query('up{job="gone"}').number) == 0


def test_a_window_of_a_query_is_as_long_as_it_is_where_time_passes_faster(prometheus: Server) -> None:
    looks = 'count_over_time(depth{side="left"}[2h])'
    prometheus.until(lambda s: float(s.api(f"query?query={quote(looks)}")["result"][0]["value"][1]) >= 6)

    assert read(prometheus.url, ASKED.query(looks).number) >= 6
    assert 1 <= read(prometheus.url, ASKED.query(looks).number, time_scale=7200) <= 3  # in a second, at two a second


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (ASKED.query("nothing").number, "nothing gives no series: nothing of that name was scraped of late"),
        (ASKED.query("depth > 2000").number, "depth > 2000 gives no series"),
        (ASKED.query("depth").number, "depth gives 2 series where one is expected: depth{"),
        (ASKED.query("depth").labelled(side="top"), 'depth gives no series {side="top"}; it gives depth{'),
        (ASKED.query("odd").number, "is nan, not a finite number"),
        (ASKED.query("n_total / 0").number, "is inf, not a finite number"),
        (ASKED.query("depth[5m]").number, "depth[5m] gives a matrix, not a vector"),
        (ASKED.query('"text"').number, "gives a string, not a vector"),
        (ASKED.query("sum(").number, "Prometheus answered 400 and bad_data: "),
        (ASKED.query("depth / on() depth").number, "Prometheus answered 422 and execution: "),
        (ASKED.range("nothing", back="1m", step="1s"), "nothing gives no series"),
        (ASKED.raw("nothing", back="1m"), "nothing[60000ms] gives no series"),
        (ASKED.status("no such page"), "it answered 404, not 200"),
    ],
)
def test_what_a_query_does_not_give_is_no_data(prometheus: Server, source: Source, reason: str) -> None:
    with pytest.raises(NoData) as nothing:
        read(prometheus.url, source)
    assert reason in str(nothing.value)


def test_what_was_not_scraped_lately_is_not_recent(prometheus: Server) -> None:
    """Scrapes are half a second apart: of ten looks for what is a millisecond old, one finds nothing."""
    recent = ASKED.recent('depth{side="left"}', within="1ms").number
    with pytest.raises(NoData, match="gives no series"):
        _ = [read(prometheus.url, recent) for _ in range(10)]
    assert read(prometheus.url, ASKED.query('depth{side="left"}').number) == 30


def test_a_time_gives_values_with_their_times(prometheus: Server) -> None:
    stepped = read(prometheus.url, ASKED.range('depth{side="left"}', back="3s", step="1s")).points()
    scraped = read(prometheus.url, ASKED.raw("depth", back="5m")).points(side="left")

    assert {value for _, value in (*stepped, *scraped)} == {30}
    times = [at for at, _ in scraped]
    assert times == sorted(set(times))
    assert abs(times[-1] - time.time()) < 60


def test_rules_say_what_is_loaded_and_how_it_stands(prometheus: Server) -> None:
    rules = read(prometheus.url, ASKED.rules)
    deep, deeper, quiet = (rules.named(name) for name in ("Deep", "Deeper", "Quiet"))

    assert (deep.kind, deep.lasting, deep.labels, deep.health, deep.state) == (
        "alerting",
        0,
        {"severity": "critical"},
        "ok",
        "firing",
    )
    assert (deeper.lasting, deeper.state, quiet.state, quiet.expression) == (
        5400,
        "pending",
        "inactive",
        "depth > 2000",
    )
    assert (rules.named("works:depth").kind, rules.named("works:depth").state) == ("recording", "")
    assert 0 <= deep.age < 60
    for name, reason in (("Absent", "no rule Absent is loaded .there are 6."), ("Twice", "2 rules Twice are loaded")):
        with pytest.raises(NoData, match=reason):
            rules.named(name)


def test_alerts_are_told_by_name_and_label(prometheus: Server) -> None:
    alerts = read(prometheus.url, ASKED.alerts)

    assert [(one.name, one.labels["side"]) for one in alerts.firing()] == [("Deep", "left")]
    assert [one.name for one in alerts.pending("Deeper", side="left")] == ["Deeper"]
    assert (alerts.firing("Quiet"), alerts.firing("Deep", side="right")) == ((), ())


def test_targets_say_whether_and_how_they_are_scraped(prometheus: Server) -> None:
    targets = read(prometheus.url, ASKED.targets)
    page, gone = targets.one(job="page"), targets.one(job="gone")

    assert (page.up, gone.up, page.interval, page.pool) == (True, False, 0.5, "page")
    assert page.url.endswith("/metrics?format=text")
    assert 0 <= page.age < 60
    assert "connection refused" in gone.error
    assert targets.having(job="other") == ()
    with pytest.raises(NoData, match=r'0 targets are \{job="other"\}, where one is expected'):
        targets.one(job="other")


def test_configuration_and_flags_are_read_and_hold_no_secret(prometheus: Server) -> None:
    configuration = read(prometheus.url, ASKED.configuration)
    job = configuration.job("page")

    assert (job.text("metrics_path"), job.elements("params.format")[0].text()) == ("/metrics", "text")
    assert prometheus_seconds(job.text("scrape_interval")) == 0.5
    with pytest.raises(NoData, match="no job other is configured"):
        configuration.job("other")
    retention = read(prometheus.url, ASKED.status("flags"))["storage.tsdb.retention.time"].text()
    assert prometheus_seconds(retention) == 30 * 86_400
    assert read(prometheus.url, ASKED.status("runtimeinfo")).boolean("reloadConfigSuccess")


def test_its_own_page_tells_what_the_apis_do_not(prometheus: Server) -> None:
    """At the same address."""
    assert read(prometheus.url, ASKED.page["prometheus_config_last_reload_successful"]) == 1
    assert read(prometheus.url, ASKED.page.kind("prometheus_config_last_reload_successful")) == "gauge"
    assert ASKED.page is ASKED.page
    assert ASKED.page.id == "works prometheus GET /metrics"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("0", 0), ("500ms", 0.5), ("1h30m", 5400), ("30d", 2_592_000), ("1y2w", 32_745_600), ("1m5ms", 60.005)],
)
def test_durations_are_read_as_prometheus_writes_them(text: str, seconds: float) -> None:
    assert prometheus_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "30 d", "1m1h", "-1s", "a while"])
def test_what_is_no_duration_says_so(text: str) -> None:
    with pytest.raises(NoData, match="is not a duration as Prometheus writes it"):
        prometheus_seconds(text)


# -- answers nobody should believe --------------------------------------------------------------------------


def answered(body: object, code: int = 200, kind: str = "application/json") -> Callable[[Peer], None]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {code} Said\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    return told(head.encode() + data)


def success(data: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": data, **more}


def vector(*series: object) -> dict[str, object]:
    return success({"resultType": "vector", "result": list(series)})


ONE = {"metric": {"__name__": "up", "job": "page"}, "value": [1_700_000_000.5, "1"]}

HINT = 'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "up" (1:6)'
UNBELIEVED = {
    "a refusal": (answered({"status": "error", "errorType": "timeout", "error": "too slow"}, 503), "timeout: too slow"),
    "an error in a 200": (answered({"status": "error", "errorType": "internal", "error": "x"}), "200 and internal: x"),
    "a warning": (
        answered({**vector(ONE), "warnings": ["remote store b: no answer"]}),
        "may be partial: remote store b: no answer",
    ),
    "a warning after a hint": (
        answered({**vector(ONE), "warnings": [HINT, "remote store b: no answer"]}),
        "may be partial: remote store b: no answer",
    ),
    "a warning on the query": (
        answered({**vector(ONE), "warnings": ["PromQL warning: quantile value should be between 0 and 1"]}),
        "may be partial: PromQL warning: quantile",
    ),
    "a warning that is no text": (answered({**vector(ONE), "warnings": [{"PromQL info": 1}]}), "may be partial"),
    "a name twice": (
        told(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b'{"status":"success","status":"success"}'),
        "the answer is not JSON: it gives status twice",
    ),
    "a warning in another form": (answered({**vector(ONE), "warnings": "partial"}), "may be partial: partial"),
    "half an answer": (answered({**vector(ONE), "isPartial": True}), "says that the answer is partial"),
    "a page to log in": (answered(b"<html>log in</html>", 200, "text/html"), "the answer is text/html, not JSON"),
    "a page to log in with a 401": (answered(b"<html>", 401, "text/html"), "it answered 401, not 200"),
    "the way to a page to log in": (
        told(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"),
        "it answered 302 (a redirect to /login, not followed), not 200",
    ),
    "something else in JSON": (answered({"up": 1}), "none of a Prometheus"),
    "a list": (answered([1]), "none of a Prometheus"),
    "no JSON": (answered(b"up 1"), "the answer is not JSON"),
    "no data": (answered({"status": "success"}), "data is missing"),
    "another kind of result": (answered(success({"resultType": "streams", "result": []})), "gives a streams, not a"),
    "no kind of result": (answered(success({"result": []})), "data.resultType is missing"),
    "no result": (answered(success({"resultType": "vector"})), "data.result is missing"),
    "an empty vector": (answered(vector()), "up gives no series"),
    "null": (answered(success({"resultType": "vector", "result": None})), "data.result is null, not a list"),
    "a number that is none": (answered(vector({**ONE, "value": [1, "many"]})), "value[1] is many, not a number"),
    "a number without quotes": (answered(vector({**ONE, "value": [1, 1]})), "value[1] is 1, not text"),
    "a value without its time": (answered(vector({**ONE, "value": ["1"]})), "is not a time and a value"),
    "no value": (answered(vector({"metric": {}})), "value is missing"),
    "a histogram": (answered(vector({"metric": {"a": "b"}, "histogram": [1, {}]})), "is a histogram, not a number"),
    "labels that are no text": (answered(vector({**ONE, "metric": {"job": 7}})), "metric.job is 7, not text"),
    "one series twice": (answered(vector(ONE, ONE)), 'up{job="page"} is given twice'),
    "infinity": (answered(vector({**ONE, "value": [1, "+Inf"]})), "is inf, not a finite number"),
    "too much": (answered(b" " * 9_000_000), "the answer is larger than 8000000 bytes"),
    "silence": (lambda peer: peer.sock.close(), "closed the connection without a complete answer"),
}


@pytest.mark.parametrize(
    "more",
    [
        {"warnings": [HINT]},
        {"warnings": [HINT, "PromQL info: ignored histogram in a range (1:1)"]},
        {"warnings": HINT},
        {"warnings": []},
        {"warnings": None},
        {"infos": [HINT]},
    ],
)
def test_a_hint_on_the_query_says_nothing_against_its_answer(
    hostile: Callable[..., Hostile], more: dict[str, Any]
) -> None:
    """Versions 2.48 to 2.53 have them among the warnings, later ones apart."""
    assert read(hostile(answered({**vector(ONE), **more})).url, UP.number) == 1


@pytest.mark.parametrize("what", UNBELIEVED)
def test_an_answer_that_is_not_whole_is_no_data(hostile: Callable[..., Hostile], what: str) -> None:
    behave, reason = UNBELIEVED[what]
    with pytest.raises(NoData) as nothing:
        read(hostile(behave).url, UP.number)
    assert reason in str(nothing.value)


NO_PROMETHEUS = {
    what for what in UNBELIEVED if what.startswith(("a page", "the way", "something", "a list", "no JSON", "a name"))
}
NO_PROMETHEUS |= {"too much", "silence"}


@pytest.mark.parametrize("what", UNBELIEVED)
def test_only_where_no_prometheus_answers_another_check_explains_it(hostile: Callable[..., Hostile], what: str) -> None:
    """One that refuses, warns, or lacks the series is there: that is a finding of its own."""
    behave, reason = UNBELIEVED[what]
    with pytest.raises(NoData) as nothing:
        read(hostile(behave).url, EXPLAINED.query("up").number)
    assert reason in str(nothing.value)
    assert nothing.value.explained_by == ("works.prometheus" if what in NO_PROMETHEUS else None)


def test_a_page_that_is_none_is_explained_as_well(hostile: Callable[..., Hostile]) -> None:
    """Nobody there, a login page, half a page; a series that is not on it is not."""
    half = told(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\na 1")
    whole = told(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\na 1\n")
    urls = [f"http://127.0.0.1:{closed_port()}", hostile(answered(b"<html>", 200, "text/html")).url, hostile(half).url]
    for url in urls:
        with pytest.raises(NoData) as nothing:
            read(url, EXPLAINED.page["a"])
        assert nothing.value.explained_by == "works.prometheus"
    assert read(urls[2], EXPLAINED.page.sound).value is False
    with pytest.raises(NoData, match="b is missing") as nothing:
        read(hostile(whole).url, EXPLAINED.page["b"])
    assert nothing.value.explained_by is None


def test_information_is_no_warning(hostile: Callable[..., Hostile]) -> None:
    """Such as that a name does not end as those of counters do."""
    assert read(hostile(answered({**vector(ONE), "infos": ["not a counter"]})).url, UP.number) == 1


@pytest.mark.parametrize(
    ("source", "data", "reason"),
    [
        (ASKED.rules, {"groups": [], "groupNextToken": "x"}, "only a part of those that are loaded"),
        (ASKED.rules, {"groups": [{"rules": [{"type": "alerting"}]}]}, "name is missing"),
        (ASKED.rules, {}, "groups is missing"),
        (ASKED.alerts, {"alerts": [{"labels": {}, "state": "firing"}]}, "is no alert that is pending or firing"),
        (ASKED.alerts, {"alerts": None}, "alerts is null, not a list"),
        (ASKED.targets, {"activeTargets": [{"labels": {}}]}, "scrapeUrl is missing"),
        (ASKED.configuration, {"yaml": "a: ["}, "the configuration is not YAML"),
        (ASKED.configuration, {"yaml": "x" * 300_001}, "the configuration has 300001 characters"),
        (ASKED.configuration, {}, "yaml is missing"),
        (
            ASKED.range("up", back="1m", step="1s"),
            {"resultType": "matrix", "result": [{"metric": {}, "values": [[2, "1"], [1, "1"]]}]},
            "not in the order of time",
        ),
        (
            ASKED.raw("up", back="1m"),
            {"resultType": "matrix", "result": [{"metric": {}, "values": []}]},
            "the values of {} are none",
        ),
    ],
)
def test_what_another_page_lacks_is_no_data(
    hostile: Callable[..., Hostile], source: Probe, data: object, reason: str
) -> None:
    with pytest.raises(NoData) as nothing:
        read(hostile(answered(success(data))).url, source)
    assert reason in str(nothing.value)


@pytest.mark.parametrize(
    ("told_at", "age", "reason"),
    [
        ("0001-01-01T00:00:00Z", None, ""),
        ("2026-03-02T09:15:00.123456789Z", "past", ""),
        ("2999-01-01T00:00:00Z", None, "its clock or ours is wrong"),
        ("yesterday", None, "not a time such as"),
    ],
)
def test_the_age_of_a_scrape_is_told_or_there_is_none(
    hostile: Callable[..., Hostile], told_at: str, age: str | None, reason: str
) -> None:
    target = {"labels": {"job": "a"}, "scrapeUrl": "u", "health": "up", "lastError": "", "lastScrape": told_at}
    url = hostile(answered(success({"activeTargets": [target]}))).url
    if reason:
        with pytest.raises(NoData, match=reason):
            read(url, ASKED.targets)
        return
    found = read(url, ASKED.targets).one(job="a")
    if age is None:
        assert found.age is None
        with pytest.raises(NoData, match="has not been scraped yet"):
            _ = found.up
    else:
        assert found.age > 0
        assert found.up


def test_a_token_is_sent_where_there_is_one(target: Target) -> None:
    target.answers["/api/v1/query?query=up"] = vector(ONE)

    assert read(target.url, UP.number, TOKEN) == 1
    assert read(target.url, UP.number) == 1
    for token in (TOKEN, None):
        with pytest.raises(NoData, match="it answered 404, not 200"):
            read(target.url, ASKED.page["a"], token)
    assert [headers.get("Authorization") for headers in target.headers] == [f"Bearer {TOKEN}", None] * 2


def test_one_expression_is_one_request_and_an_address_that_is_not_set_leaves_it_out() -> None:
    assert ASKED.query("up") is UP
    assert ASKED.raw("up", back="1m") is ASKED.raw("up", back="1m")
    assert ASKED.range("up", back="1m", step="1s") is not ASKED.range("up", back="1m", step="2s")
    with pytest.raises(Absent, match=r"works\.prometheus_url"):
        UP.probes({"works": Works()})


CHECKS = '''\
"""What a Prometheus says of the boiler."""

from checks.boiler import Boiler
from healthgate import Prometheus, above, below, check, equals, measure

SERVER = Prometheus(Boiler, url="url", token="token")
TOLD = dict(cause="c", action="a", runbook="r", name="n")


@measure(SERVER.rules)
def lasting(rules):
    """For how long the alert waits."""
    return rules.named("Deeper").lasting


@check("boiler.depth", SERVER.query("depth").labelled(side="left"), stays=below(100), **TOLD)
@check("boiler.all", SERVER.query("depth").total(), stays=below(40, critical=40), **TOLD)
@check("boiler.lost", SERVER.query("lost").number, stays=below(1), **TOLD)
@check("boiler.rule", lasting, stays=equals(5400), **TOLD)
def test_depth(verdict):
    """It is not deep."""
    assert verdict.healthy, verdict
'''


def test_checks_read_a_prometheus_as_they_read_anything(project: Project, prometheus: Server) -> None:
    project.write("checks/boiler/test_boiler.py", CHECKS)
    project.environment("works", boiler={"url": prometheus.url, "token": "${TOKEN}"})
    run = project.check(TOKEN=TOKEN)

    expected = {"boiler.depth": "ok", "boiler.all": "critical", "boiler.lost": "unknown", "boiler.rule": "ok"}
    assert (run.code, run.states) == (1, expected), run.text
    assert run.results["run"]["requests"] == 3
    assert TOKEN not in run.text


DEAD = '''\
"""What a Prometheus says of the boiler, and whether it is there."""

from checks.boiler import Boiler
from healthgate import Prometheus, below, check, equals, measure

SERVER = Prometheus(Boiler, url="url", explained_by="boiler.scraped")
TOLD = dict(cause="c", action="a", runbook="r", name="n")


@measure(SERVER.targets)
def scraped(targets):
    """Whether the boiler is scraped."""
    return targets.one(job="boiler").up


@check("boiler.scraped", scraped, stays=equals(True), **TOLD)
@check("boiler.depth", SERVER.query("depth").number, stays=below(100), **TOLD)
@check("boiler.reload", SERVER.page["prometheus_config_last_reload_successful"], stays=equals(1), **TOLD)
def test_depth(verdict):
    """It is not deep."""
    assert verdict.healthy, verdict
'''


def test_one_dead_prometheus_is_one_finding(project: Project) -> None:
    project.write("checks/boiler/test_boiler.py", DEAD)
    project.environment("works", boiler={"url": f"http://127.0.0.1:{closed_port()}"})
    run = project.check()

    assert (run.code, run.states) == (
        11,
        {"boiler.scraped": "unknown", "boiler.depth": "blocked", "boiler.reload": "blocked"},
    ), run.text
    found = {one["id"]: one["blocked_by"] for one in run.results["checks"]}
    assert found == {"boiler.scraped": None, "boiler.depth": "boiler.scraped", "boiler.reload": "boiler.scraped"}
