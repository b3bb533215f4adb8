"""One statement that reads, sent to a real InfluxDB and to servers that are none; nothing else can be sent."""

import base64
import json
import queue
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from healthgate.claim.facts import NoData, Violated
from healthgate.claim.observation import Observation
from healthgate.claim.source import Scene
from healthgate.claim.system import Address, System, Url
from healthgate.probes.influx import Influx, InfluxRequest
from healthgate.probes.influx_answers import Rows, rows_of
from healthgate.secret import Redactor, Secret
from tests.field.stacks.stack import Server
from tests.parts.influx_server import influxd, ordered, written
from tests.parts.project import Project
from tests.parts.target import Hostile, Peer, closed_port
from tests.tools import needs

PASSWORD = "planted-password-012345"
TOKEN = "planted-token-0123456789"
FOREVER = 30.0

needs_influxdb = needs("influxd")


class Depot(System):
    """A system whose figures are in an InfluxDB."""

    name = "depot"
    influx_url: Url
    influx_database: str = "stock"
    influx_token: Secret | None = None
    influx_user: str | None = None
    influx_password: Secret | None = None
    measurement: str = "crates"
    shelf: Address | None = None


STORE = Influx(Depot, explained_by="depot.store")
COUNT = STORE.query("SELECT count(full) FROM {measurement} WHERE time > now() - 5m")
LAST = STORE.query("SELECT last(full) FROM {measurement}")


def settings(url: str, time_scale: float = 1.0, **more: Any) -> Depot:
    """Return what a profile says of the depot."""
    found = Depot(influx_url=Url(url), **more)
    found.time_scale = time_scale  # type: ignore[misc]
    return found


def look(probe: Any, url: str, **more: Any) -> Any:
    """Ask once and return what a check reads."""
    depot = settings(url, **more)
    (request,) = probe.requests(depot)
    redactor = Redactor()
    redactor.learn(request.secrets)
    observation, connection = request.make(None, redactor)
    if connection is not None:
        connection.close()
    json.dumps(observation.as_record(), allow_nan=False)
    return probe.value(Scene("works", {"depot": depot}, {probe.id: observation}))


def answering(body: Any, code: int = 200, kind: str = "application/json") -> Callable[[Peer], None]:
    """Behave by answering once with this body."""
    content = (body if isinstance(body, str) else json.dumps(body)).encode()

    def behave(peer: Peer) -> None:
        peer.read_request()
        headers = f"HTTP/1.1 {code} X\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        peer.send(headers.encode() + content)

    return behave


def hearing(body: Any) -> tuple[Callable[[Peer], None], "queue.SimpleQueue[str]"]:
    """Return a behaviour that answers once, and where the request goes that it was given."""
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    answer = answering(body)

    def behave(peer: Peer) -> None:
        class Told:
            send = staticmethod(peer.send)

            @staticmethod
            def read_request() -> None:
                asked.put(peer.read_request().decode())

        answer(Told())  # type: ignore[arg-type]

    return behave, asked


def result(**series: Any) -> dict[str, Any]:
    """Return an answer with one series."""
    whole = {"name": "crates", "columns": ["time", "last"], "values": [[1_772_442_900_000_000_000, 84]]}
    return {"results": [{"statement_id": 0, "series": [whole | series]}]}


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real one, with points of now and of ten minutes ago."""
    folder = tmp_path_factory.mktemp("influxdb")
    with Server(folder, influxd(folder, "max-row-limit = 3"), "/ping") as server:
        ordered(server, "CREATE DATABASE stock")
        for age in (1, 2, 600):
            written(server, "stock", "crates,side=left full=84", age)
        written(server, "stock", 'labels full="many"')
        written(server, "stock", "ahead full=1", -3600)
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real one that wants to know who asks; `reader` may only read."""
    folder = tmp_path_factory.mktemp("guarded")
    admin = f"&u=admin&p={PASSWORD}"
    with Server(folder, influxd(folder, "auth-enabled = true"), "/ping") as server:
        ordered(server, f"CREATE USER admin WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
        ordered(server, "CREATE DATABASE stock", admin)
        ordered(server, f"CREATE USER reader WITH PASSWORD '{PASSWORD}'", admin)
        ordered(server, "GRANT READ ON stock TO reader", admin)
        written(server, "stock", "crates full=84", 1, admin)
        yield server


@needs_influxdb
def test_points_are_counted_and_the_newest_is_read(influxdb: Server) -> None:
    """The count of five minutes, the value and the age of the newest, the databases there are."""
    newest = look(LAST, influxdb.url)

    assert look(COUNT, influxdb.url).number() == 2
    assert (newest.number(), newest.age().value) == (84, pytest.approx(1, abs=FOREVER))
    assert newest.moment() == pytest.approx(newest.at - 1, abs=FOREVER)
    assert look(STORE.query("SHOW DATABASES"), influxdb.url).texts() == ["stock"]
    by_side = look(STORE.query("SELECT last(full) FROM {measurement} GROUP BY side"), influxdb.url)
    assert by_side.number(side="left") == 84
    assert [str(one) for one in by_side.series] == ["crates{side=left}"]


@needs_influxdb
def test_a_window_is_shorter_where_time_passes_faster(influxdb: Server) -> None:
    """Two hundred times as fast, five minutes are a second and a half; the point of ten minutes ago needs the hour."""
    hour = STORE.query("SELECT count(full) FROM {measurement} WHERE time > now() - 1h")

    assert COUNT.spelt(settings("http://x", 200.0)) == ('SELECT count(full) FROM "crates" WHERE time > now() - 1500ms')
    assert look(hour, influxdb.url).number() == 3
    assert look(hour, influxdb.url, time_scale=60.0).number() == 2


@needs_influxdb
def test_no_points_are_nothing_and_no_error(influxdb: Server) -> None:
    """As for a measurement that does not exist: which of them it is, another statement has to say."""
    rows = look(COUNT, influxdb.url, measurement="nowhere")

    assert (rows.is_empty, look(COUNT, influxdb.url).is_empty) == (True, False)
    with pytest.raises(NoData, match=r"^SELECT count.* gives nothing$"):
        rows.number()


@needs_influxdb
def test_a_database_that_does_not_exist_is_no_data_and_never_nothing(influxdb: Server) -> None:
    """The InfluxDB answers 200."""
    with pytest.raises(NoData, match=r"^InfluxDB says: database not found: elsewhere$") as nothing:
        look(COUNT, influxdb.url, influx_database="elsewhere")

    assert nothing.value.explained_by == "depot.store"


@needs_influxdb
def test_a_text_in_the_place_of_a_number_is_no_data(influxdb: Server) -> None:
    """Whatever it says."""
    with pytest.raises(NoData, match=r'^last is "many", not a number$'):
        look(LAST, influxdb.url, measurement="labels").number()


@needs_influxdb
def test_a_point_from_the_future_has_an_age_below_nothing(influxdb: Server) -> None:
    """So that no limit of an age calls it fresh."""
    assert look(LAST, influxdb.url, measurement="ahead").age().value == pytest.approx(-3600, abs=FOREVER)


@needs_influxdb
def test_more_rows_than_the_server_gives_are_no_data(influxdb: Server) -> None:
    """It says that its answer is partial."""
    with pytest.raises(NoData, match="partial: it gives no more rows than its max-row-limit"):
        look(STORE.query("SELECT full FROM crates, ahead, labels"), influxdb.url)


@needs_influxdb
def test_a_statement_that_is_wrong_is_told_in_the_words_of_the_server(influxdb: Server) -> None:
    """With the code."""
    with pytest.raises(NoData, match=r"^InfluxDB answered 400 and says: error parsing query: found EOF"):
        look(STORE.query("SELECT full FROM"), influxdb.url)


@needs_influxdb
def test_a_real_server_says_that_it_is_there(influxdb: Server) -> None:
    """By 204; its version is too old for a health route, which is no data and nothing worse."""
    assert look(STORE.ping, influxdb.url).code == 204
    with pytest.raises(NoData, match="404"):
        look(STORE.health, influxdb.url).body()


@needs_influxdb
def test_a_server_that_asks_who_we_are_is_told(guarded: Server) -> None:
    """By user and password; without them, or with wrong ones, it says why not."""
    known = {"influx_user": "reader", "influx_password": Secret(PASSWORD)}

    assert look(COUNT, guarded.url, **known).number() == 1
    for wrong, words in (
        ({}, "answered 401 and says: unable to parse authentication credentials"),
        (known | {"influx_password": Secret("another-password")}, "answered 401 and says: authorization failed"),
        ({"influx_token": Secret(TOKEN)}, "answered 401 and says: "),
    ):
        with pytest.raises(NoData, match=words) as nothing:
            look(COUNT, guarded.url, **wrong)
        assert nothing.value.explained_by == "depot.store"


def test_a_token_is_sent_as_2_x_wants_it(hostile: Callable[..., Hostile]) -> None:
    """As is the database, and times in nanoseconds."""
    behave, asked = hearing(result())

    assert look(LAST, hostile(behave).url, influx_token=Secret(TOKEN)).moment() == 1_772_442_900

    method, target, _ = (request := asked.get(timeout=FOREVER)).splitlines()[0].split(" ")
    assert (method, urlsplit(target).path) == ("GET", "/query")
    assert parse_qs(urlsplit(target).query) == {
        "db": ["stock"], "epoch": ["ns"], "q": ['SELECT last(full) FROM "crates"'],
    }  # fmt: skip
    assert f"Authorization: Token {TOKEN}\r\n" in request


NOT_AN_ANSWER: dict[str, tuple[Any, int, str, str]] = {
    "2.x without a token": ({"code": "unauthorized", "message": "unauthorized access"}, 401, "", "unauthorized access"),
    "2.x without a mapping": ({"code": "not found", "message": "no mapping\x1b"}, 404, "", r"no mapping\\x1b"),
    "an error at the top": ({"error": "timeout"}, 500, "", "answered 500 and says: timeout"),
    "500 without words": ("", 500, "", "answered 500"),
    "a page": ("<html>hello", 200, "text/html", "text/html, not JSON"),
    "half an answer": ('{"results":[{"ser', 200, "", "not JSON"),
    "another answer": ({"status": "ok"}, 200, "", "results is missing"),
    "a list": ([], 200, "", "results is missing"),
    "no result": ({"results": []}, 200, "", "0 results to one statement"),
    "two results": ({"results": [{}, {}]}, 200, "", "2 results to one statement"),
    "partial": (result(partial=True), 200, "", "the answer is partial"),
    "partial in a word": (result(partial="yes"), 200, "", "not true or false"),
    "columns that are none": (result(columns=[1]), 200, "", "not text"),
    "rows that are none": (result(values=[7]), 200, "", "not a list"),
    "rows cut off": (result(values=[[1]]), 200, "", "another length than its 2 columns"),
    "series that are none": ({"results": [{"series": {}}]}, 200, "", "not a list"),
    "a redirect": ("", 302, "text/plain", "answered 302"),
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_AN_ANSWER)
def test_what_is_no_answer_of_an_influxdb_is_no_data(hostile: Callable[..., Hostile], what: str) -> None:
    """With words that are harmless on a terminal; never nothing."""
    body, code, kind, words = NOT_AN_ANSWER[what]

    with pytest.raises(NoData, match=words) as nothing:
        look(COUNT, hostile(answering(body, code, kind or "application/json")).url)

    assert str(nothing.value).isprintable()


ODD_CELLS = {
    "no time": (result(columns=["when", "last"]), "moment", "gives rows without a time"),
    "a time in words": (result(values=[["now", 1]]), "moment", 'time is "now", not a whole number'),
    "NaN": (json.dumps(result(values=[[1, 0]])).replace(", 0]", ", NaN]"), "number", "not a number"),
    "null": (result(values=[[1, None]]), "number", "last is null, not a number"),
    "two rows": (result(values=[[1, 2], [3, 4]]), "number", "gives 2 rows where one is expected"),
    "two columns": (result(columns=["a", "b"]), "number", "there are the columns a, b; which of them is read"),
    "too large": (result(values=[[1, 10**30]]), "number", "too large"),
}


@pytest.mark.parametrize("what", ODD_CELLS)
def test_a_cell_that_is_not_what_is_read_is_no_data(hostile: Callable[..., Hostile], what: str) -> None:
    """By its column."""
    body, reading, words = ODD_CELLS[what]
    rows = look(COUNT, hostile(answering(body)).url)

    with pytest.raises(NoData, match=words):
        getattr(rows, reading)()
    with pytest.raises(NoData, match="without a column name"):
        rows.texts()
    with pytest.raises(NoData, match="gives nothing"):
        rows.row(side="nowhere")


def test_a_number_is_read_by_its_column(hostile: Callable[..., Hostile]) -> None:
    """Where there are several."""
    rows = look(COUNT, hostile(answering(result(columns=["a", "b"]))).url)

    assert rows.number("b") == 84
    with pytest.raises(NoData, match="there is no column c; there are a, b"):
        rows.number("c")


def test_a_server_that_is_gone_slow_or_endless_is_no_data(hostile: Callable[..., Hostile]) -> None:
    """Within the deadline and the bytes that are read."""
    huge = hostile(lambda peer: (peer.read_request(), peer.send(b"HTTP/1.1 200 OK\r\n\r\n"), peer.flood(b"x" * 65_536)))

    for url, words in (
        (f"http://127.0.0.1:{closed_port()}", "connection refused"),
        (hostile(Peer.hang).url, "no complete answer within 500 ms"),
        (huge.url, "larger than 10000 bytes"),
    ):
        with pytest.raises(NoData, match=words) as nothing:
            look(COUNT, url, deadline=0.5 if "complete" in words else FOREVER, body_limit=10_000)
        assert nothing.value.explained_by == "depot.store"


@pytest.mark.parametrize(("code", "fits"), [(200, True), (503, True), (404, False)])
def test_health_is_read_of_a_failing_server_too(hostile: Callable[..., Hostile], code: int, fits: bool) -> None:
    """Which answers 503 with JSON."""
    answer = look(STORE.health, hostile(answering({"status": "fail", "message": "no disk"}, code)).url)

    if fits:
        assert answer.body().text("message") == "no disk"
    else:
        with pytest.raises(NoData, match="it answered 404, not 200 or 503"):
            answer.body()


def test_that_nothing_listens_violates_a_claim_about_the_ping() -> None:
    """As for every route that should answer."""
    url = f"http://127.0.0.1:{closed_port()}"
    (request,) = STORE.ping.requests(settings(url))
    observation, _ = request.make(None, Redactor())

    with pytest.raises(Violated, match="connection refused"):
        STORE.ping.code.value(Scene("works", {"depot": settings(url)}, {STORE.ping.id: observation}))


WRITING = [
    "DROP DATABASE stock", "CREATE DATABASE stock", "DELETE FROM crates", "INSERT crates full=1", "GRANT ALL TO reader",
    "KILL QUERY 1", "EXPLAIN SELECT * INTO a FROM b", "", "  ", "/query", "select * into copy from crates",
    "SELECT * INTO copy FROM crates", 'SELECT * FROM "a"INTO"b"', "SELECT 5mINTO b FROM a",
    "SELECT * FROM crates; DROP DATABASE stock", "SHOW DATABASES; SHOW USERS", "SELECT * FROM crates -- INTO",
    "SELECT * /* */ FROM crates", "SELECTED", "SHOWN",
]  # fmt: skip


@pytest.mark.parametrize("statement", WRITING)
def test_what_may_write_is_refused_where_it_is_declared(statement: str) -> None:
    """With what may be asked."""
    with pytest.raises(ValueError, match="allowed is one statement that begins with SELECT or SHOW"):
        STORE.query(statement)


@pytest.mark.parametrize("statement", [*filter(None, WRITING)])
def test_what_was_made_past_the_declaration_is_not_sent(hostile: Callable[..., Hostile], statement: str) -> None:
    """No connection is opened for it."""
    server = hostile(answering(result()))
    request = InfluxRequest(
        "it", "GET", server.url, "/query", None, FOREVER, 10_000, statement=statement, database="", user="",
        password=None,
    )  # fmt: skip
    observation, _ = request.make(None, Redactor())

    assert (observation.status, server.connections) == ("broken", 0)
    assert str(observation.error).startswith("a check may not ask an InfluxDB")


def test_a_name_in_the_settings_cannot_smuggle_a_statement(hostile: Callable[..., Hostile]) -> None:
    """It travels as one quoted name."""
    behave, asked = hearing(result())

    look(LAST, hostile(behave).url, measurement='a" WHERE "b\\')

    (said,) = parse_qs(urlsplit(asked.get(timeout=FOREVER).split(" ")[1]).query)["q"]
    assert said == r'SELECT last(full) FROM "a\" WHERE \"b\\"'
    (request,) = LAST.requests(settings("http://127.0.0.1:1", measurement='x" INTO "y'))
    assert request.make(None, Redactor())[0].status == "broken"


def test_a_setting_that_is_none_is_refused_where_it_is_declared() -> None:
    """By its name."""
    with pytest.raises(ValueError, match="names shelves, which is no setting of depot"):
        STORE.query("SELECT last(full) FROM {shelves}")


def test_a_password_without_a_user_is_told_before_anything_is_sent() -> None:
    """And a user without a password."""
    for given, missing in (
        ({"influx_user": "reader"}, "influx_password"), ({"influx_password": Secret(PASSWORD)}, "influx_user"),
    ):  # fmt: skip
        with pytest.raises(NoData, match=f"user and password together, and depot.{missing} is not set"):
            look(COUNT, "http://127.0.0.1:1", **given)


def test_secrets_that_are_echoed_are_not_kept(hostile: Callable[..., Hostile]) -> None:
    """Neither the password nor what it looks like where it is sent, nor the token."""
    both = base64.b64encode(f"reader:{PASSWORD}".encode()).decode()
    for echoed in (PASSWORD, both, TOKEN):
        behave = answering({"error": f"you said {echoed}"}, 401)
        known = (
            {"influx_token": Secret(TOKEN)}
            if echoed == TOKEN
            else {"influx_user": "reader", "influx_password": Secret(PASSWORD)}
        )
        with pytest.raises(NoData, match=r"you said \[redacted\]"):
            look(COUNT, hostile(behave).url, **known)


def test_the_same_statement_is_one_request_and_says_where_it_is_asked() -> None:
    """By what is asked in this place; a setting that is left out leaves it out."""
    shelf = STORE.query("SHOW FIELD KEYS FROM {shelf}")

    assert STORE.query("SELECT last(full) FROM {measurement}") is LAST
    assert LAST.where({"depot": settings("http://store:8086")}) == (
        'query SELECT last(full) FROM "crates" at http://store:8086'
    )
    assert STORE.ping.where({"depot": settings("http://store:8086")}) == "GET http://store:8086/ping"
    assert shelf.needs == ("influx_url", "shelf")
    empty = Observation("it", "answered", 1.0, 1.0, facts={"code": 200, "json": {"results": [{}]}})
    assert (type(rows_of(empty, "SHOW x")), rows_of(empty, "SHOW x").texts()) == (Rows, [])


PLANT = '''\
"""A system whose figures are in an InfluxDB."""

from healthgate import Influx, Secret, System, Url


class Plant(System):
    """What a profile says of the plant."""

    name = "plant"
    influx_url: Url
    influx_database: str = "stock"
    influx_user: str | None = None
    influx_password: Secret | None = None


STORE = Influx(Plant, proven_by="plant.store", explained_by="plant.store")
'''
PLANT_CHECKS = '''\
"""What it says."""

from checks.plant import STORE
from healthgate import above, at_most, check, equals, seconds_old

TOLD = dict(cause="c", action="a", runbook="r", name="n")


@check("plant.store", STORE.ping.code, stays=equals(204), **TOLD)
@check("plant.full", STORE.query("SELECT last(full) FROM crates").number, stays=above(80), **TOLD)
@check("plant.newest", STORE.query("SELECT last(full) FROM crates").age, stays=at_most(600, seconds_old), **TOLD)
@check("plant.lost", STORE.query("SELECT last(full) FROM nowhere").number, stays=above(80), **TOLD)
def test_plant(verdict):
    """It is full."""
    assert verdict.healthy, verdict
'''


@needs_influxdb
def test_checks_read_an_influxdb_as_they_read_anything(bare_project: Project, guarded: Server) -> None:
    """In one request a statement; the password is in nothing that is left; judged again without asking."""
    written(guarded, "stock", "crates full=84", 0, f"&u=admin&p={PASSWORD}")
    bare_project.write("checks/plant/__init__.py", PLANT)
    bare_project.write("checks/plant/test_plant.py", PLANT_CHECKS)
    known = {"influx_user": "reader", "influx_password": "${PASSWORD}"}
    bare_project.environment("works", boiler="absent", plant={"influx_url": guarded.url, **known})

    run = bare_project.check("-vv", "--snapshot-out", "seen.json", PASSWORD=PASSWORD)

    expected = {"plant.store": "ok", "plant.full": "ok", "plant.newest": "ok", "plant.lost": "unknown"}
    assert (run.code, run.states, run.results["run"]["requests"]) == (11, expected, 3), run.text
    for kept in (run.text, run.results_file.read_text(), (bare_project.root / "seen.json").read_text()):
        assert PASSWORD not in kept
        assert base64.b64encode(f"reader:{PASSWORD}".encode()).decode() not in kept
    again = bare_project.check("--snapshot-in", "seen.json", PASSWORD=PASSWORD)
    assert again.states == expected
