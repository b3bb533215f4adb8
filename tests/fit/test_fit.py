"""`healthgate fit`: says what an environment has and has not, and decides nothing that people must decide."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from healthgate.claim.catalogue import load
from healthgate.environment import reader
from healthgate.fit import command
from healthgate.fit.likeness import ALIKE, alike, leaves
from healthgate.observe.plan import left_out
from tests.field.places import BLOCK, CATALOGUE
from tests.parts.redis_server import say, serving
from tests.parts.target import Target
from tests.tools import needs

PAGES = Path(__file__).parents[2] / "docs"

PLANT = '''
"""A plant whose document prints a pressure, a list of valves and a metric."""

from healthgate import Exposition, System, Url, get
from healthgate.shapes import boolean, chosen, elements, number, text


class Kettle(System):
    """A kettle."""

    name = "kettle"
    url: Url


STATE = get(Kettle, "/state", body={
    "pressure_ms": number(0), "level.used_percent": number(0, 100), "mode": chosen(text()),
    "valves": elements(1), "valves.*.open": boolean,
})
DRAIN = get(Kettle, "/drain", origin="chosen", body={"speed": chosen(number(0))})
METRICS = Exposition(Kettle, "/metrics", families={"kettle_boils_total": number(0), "kettle_heat": chosen(number(0))})
'''

CHECKS = '''
"""Claims."""

from checks.kettle import DRAIN, METRICS, STATE
from healthgate import Facts, above, at_most, below, check, equals, measure, none, percent

TOLD = dict(cause="c", action="a", runbook="r")


@measure(STATE)
def mode(answer):
    """The mode."""
    return answer.body().text("mode")


@check("kettle.pressure", STATE["pressure_ms"], name="pressure", stays=below(80), **TOLD)
@check("kettle.level", STATE.at("level.used_percent"), name="level", stays=at_most(80, percent, warning=80), **TOLD)
@check("kettle.mode", mode, name="mode", stays=equals("auto"), **TOLD)
@check("kettle.valve", STATE.at("valves[0].open"), name="valve", stays=equals(True), **TOLD)
@check("kettle.drain", DRAIN["speed"], name="drain", stays=above(0), **TOLD)
@check("kettle.boils", METRICS["kettle_boils_total"], name="boils", stays=above(0), **TOLD)
@check("kettle.heat", METRICS["kettle_heat"], name="heat", stays=above(0), **TOLD)
def test_kettle(verdict):
    """The kettle is well."""
    assert verdict.healthy, verdict
'''

WELL: dict[str, Any] = {
    "/state": {"pressure_ms": 3, "level": {"used_percent": 18}, "mode": "auto", "valves": [{"open": True}]},
    "/drain": {"speed": 2},
}


def page(text: str) -> Any:
    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; version=0.0.4")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


class Kettle:
    """A project with one system, whose profile takes what `fit` proposes."""

    def __init__(self, root: Path, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.target = target
        self.capsys = capsys
        self.profile: dict[str, Any] = {"kettle": {"url": target.url}}
        for name, text in {
            "checks/__init__.py": "",
            "checks/kettle/__init__.py": PLANT,
            "checks/kettle/test_kettle.py": CHECKS,
        }.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (root / "environments").mkdir()

    def fit(self) -> tuple[int, str]:
        (self.root / "environments/here.yaml").write_text(yaml.safe_dump(self.profile, sort_keys=False))
        code = command.main(["--env", "here"])
        seen = self.capsys.readouterr()
        for system, lines in BLOCK.findall(seen.out):
            self.profile[system].update(yaml.safe_load(lines))
        return code, seen.out + seen.err


@pytest.fixture
def kettle(
    tmp_path: Path, target: Target, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Kettle:
    for name in [name for name in sys.modules if name == "checks" or name.startswith("checks.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    target.answers.clear()
    target.answers.update(json.loads(json.dumps(WELL)) | {"/metrics": page("kettle_boils_total 4\nkettle_heat 3\n")})
    return Kettle(tmp_path, target, capsys)


def test_a_place_as_documented_leaves_nothing_to_decide(kettle: Kettle) -> None:
    code, printed = kettle.fit()

    assert (code, "Nothing is left to decide." in printed) == (command.FITS, True), printed
    assert kettle.target.counts()["/state"] == 1


def test_what_is_elsewhere_is_proposed_with_its_unit_and_taken(kettle: Kettle) -> None:
    kettle.target.answers["/state"] = {
        "boiler": {"pressureSeconds": 0.003, "level": {"used_ratio": 0.18}, "mode": "auto"},
        "valves": [{"is_open": True}, {"is_open": False}],
    }
    kettle.target.answers["/metrics"] = page("plant_kettle_boils_total 4\nplant_kettle_heat 3\n")

    code, printed = kettle.fit()

    assert code == command.DIFFERS
    assert "pressure_ms stands at boiler.pressureSeconds times 1000" in printed
    assert "level.used_percent stands at boiler.level.used_ratio times 100" in printed
    assert "kettle_boils_total stands at plant_kettle_boils_total" in printed
    assert kettle.fit()[0] == command.FITS
    members = kettle.profile["kettle"]["members"]["/state"]
    assert members["valves.*.open"] == "valves.*.is_open"


def test_what_is_chosen_may_be_absent_and_what_reads_it_is_left_out(kettle: Kettle) -> None:
    del kettle.target.answers["/state"]["mode"], kettle.target.answers["/drain"]
    kettle.target.answers["/metrics"] = page("kettle_boils_total 4\n")

    code, printed = kettle.fit()

    assert (code, "absent     mode" in printed, "404" in printed) == (command.DIFFERS, True, True), printed
    assert kettle.fit()[0] == command.FITS
    absent = kettle.profile["kettle"]["absent"]
    assert sorted(name for one in absent for name in one.get("checks", ())) == ["kettle.drain", "kettle.mode"]
    assert [one["metrics"] for one in absent if "metrics" in one] == [["kettle_heat"]]


def test_a_path_of_which_every_member_is_absent_is_read_again(kettle: Kettle) -> None:
    """All that was chosen of it is not here: the second time nothing is left to decide."""
    kettle.target.answers["/drain"] = {}

    assert kettle.fit()[0] == command.DIFFERS
    assert kettle.fit()[0] == command.FITS


def test_the_kind_of_a_metric_that_is_absent_is_left_out(kettle: Kettle) -> None:
    """Not told as a metric that is missing."""
    typed = """
@check("kettle.kind", METRICS.typed("kettle_heat", "gauge"), name="kind", stays=equals(True), **TOLD)
def test_kind(verdict):
    assert verdict.healthy, verdict
"""
    (kettle.root / "checks/kettle/test_kettle.py").write_text(CHECKS + typed)
    kettle.target.answers["/metrics"] = page("kettle_boils_total 4\n")

    assert kettle.fit()[0] == command.DIFFERS
    assert kettle.fit()[0] == command.FITS
    profile = reader.read(kettle.root / "environments/here.yaml", load(kettle.root / "checks", kettle.root), "here")
    left = left_out(load(kettle.root / "checks", kettle.root).checks["kettle.kind"], profile.present())
    assert "kettle lacks kettle_heat" in str(left)


BOARD = '''

from checks.kettle import Kettle
from healthgate import Address, RedisDocument
from healthgate.shapes import chosen, number

Kettle.__annotations__["redis"] = Address
BOARD = RedisDocument(Kettle, "board", node="redis", body={"steam.bar": number(0), "steam.wet": chosen(number(0))})


@check("kettle.steam", BOARD.at("steam.bar"), name="steam", stays=above(0), **TOLD)
@check("kettle.wet", BOARD.at("steam.wet"), name="wet", stays=above(0), **TOLD)
def test_board(verdict):
    """The board is well."""
    assert verdict.healthy, verdict
'''


@needs("redis-server")
def test_a_key_of_a_redis_is_compared_as_a_path_is(kettle: Kettle, tmp_path: Path) -> None:
    """A member that stands elsewhere, one that nobody documented, one that is missing, and a key that is gone."""
    (kettle.root / "checks/kettle/test_kettle.py").write_text(CHECKS + BOARD)
    with serving(tmp_path) as address:
        kettle.profile["kettle"]["redis"] = address
        say(address, "SET", "board", '{"now": {"steam": {"bar": 3}}}')
        code, printed = kettle.fit()
        assert (code, "GET board of redis: 0 as documented" in printed) == (command.DIFFERS, True), printed
        assert kettle.fit()[0] == command.FITS
        assert kettle.profile["kettle"]["members"] == {"board": {"steam": "now.steam"}}
        assert {"members": {"board": ["steam.wet"]}}.items() <= kettle.profile["kettle"]["absent"][0].items()

        say(address, "SET", "board", "{}")
        code, printed = kettle.fit()
        assert (code, "missing    steam.bar" in printed) == (command.DIFFERS, True), printed
        say(address, "DEL", "board")
        code, printed = kettle.fit()
        assert (code, "GET board of redis: there is nothing under board" in printed) == (command.DIFFERS, True), printed


def test_what_is_documented_and_gone_is_for_people_to_decide(kettle: Kettle) -> None:
    del kettle.target.answers["/state"]["pressure_ms"]
    kettle.target.answers["/metrics"] = page("up 1\n")

    for _ in range(2):
        code, printed = kettle.fit()

        assert code == command.DIFFERS
        assert "missing    pressure_ms" in printed
        assert "missing    kettle_boils_total" in printed
        assert "kettle.pressure: no data: pressure_ms is missing" in printed


def test_what_is_of_another_type_is_said_and_nothing_is_proposed(kettle: Kettle) -> None:
    kettle.target.answers["/state"]["level"] = {"used_percent": "18 %"}

    code, printed = kettle.fit()

    assert code == command.DIFFERS
    assert 'odd        level.used_percent is "18 %", not a number from 0 to 100' in printed
    assert BLOCK.search(printed) is None


def test_a_check_that_is_not_expected_now_or_broken_stops_nothing(kettle: Kettle) -> None:
    """What it says stands in a run."""
    more = (
        CHECKS
        + '''

from healthgate import NotExpected


@measure(STATE)
def at_night(answer):
    """Nothing."""
    raise NotExpected("it is night")


@measure(STATE)
def broken(answer):
    """Wrong."""
    return 1 / 0


@check("kettle.night", at_night, name="night", stays=equals(1), **TOLD)
@check("kettle.broken", broken, name="broken", stays=equals(1), **TOLD)
def test_more(verdict):
    """More."""
    assert verdict.healthy, verdict
'''
    )
    (kettle.root / "checks/kettle/test_kettle.py").write_text(more)

    code, printed = kettle.fit()

    assert (code, "Nothing is left to decide." in printed) == (command.FITS, True), printed


def test_what_is_called_absent_and_came_is_to_be_taken_out(kettle: Kettle) -> None:
    kettle.profile["kettle"]["absent"] = [{"because": "it is old", "members": {"/state": ["mode"]}}]

    code, printed = kettle.fit()

    assert (code, "needless   mode" in printed) == (command.DIFFERS, True), printed


def test_a_documented_path_that_does_not_answer_is_for_people_to_decide(kettle: Kettle) -> None:
    kettle.target.answers["/state"] = lambda handler: handler.reply(503, {"error": "later"})

    code, printed = kettle.fit()

    assert (code, "GET /state: it answered 503" in printed) == (command.DIFFERS, True), printed
    assert BLOCK.search(printed) is None


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"kettle": {"url": "nowhere"}}, "here.yaml:2:8: kettle.url is text"),
        ({"kettle": {"url": "http://127.0.0.1:1", "routes": {"/stat": "/s"}}}, "did you mean /state?"),
        ({}, "kettle is not mentioned"),
    ],
)
def test_a_wrong_profile_is_refused_in_one_message(kettle: Kettle, profile: dict[str, Any], words: str) -> None:
    kettle.profile = profile or {"description": "nothing"}

    code, printed = kettle.fit()

    assert (code, words in printed, "Traceback" in printed) == (command.USAGE, True, False), printed


def test_an_environment_that_is_none_is_refused_with_the_nearest(kettle: Kettle) -> None:
    kettle.fit()

    assert command.main(["--env", "her"]) == command.USAGE
    assert "did you mean here?" in kettle.capsys.readouterr().err


@pytest.mark.parametrize(
    ("documented", "other", "same"),
    [
        ("pool.utilization_percent", "pool.utilizationPercent", True),
        ("pool.utilization_percent", "data.pool.utilization_ratio", True),
        ("active_connections", "connections_active", True),
        ("active_connections", "stale_connections", False),
        ("ping_time_ms", "pingTimeSeconds", True),
        ("cleanup_errors", "total_cleanups", False),
        ("mode", "valves.*.open", False),
    ],
)
def test_names_are_alike_where_they_say_the_same(documented: str, other: str, same: bool) -> None:
    assert (alike(documented, other)[0] >= ALIKE) is same, alike(documented, other)


def test_the_members_of_what_is_named_by_its_subject_are_one_path() -> None:
    body = {"by": {"EURUSD": {"age": 1}, "USDJPY": {"age": 2}}, "nodes": [{"id": 1}], "a.b": {"c": 3}}

    assert [path for path, _ in leaves(body)] == [
        "by", "by.*", "by.*.age", "nodes", "nodes.*", "nodes.*.id", '["a.b"]', '["a.b"].c',
    ]  # fmt: skip


def test_the_profile_of_the_page_on_fitting_can_be_read(tmp_path: Path) -> None:
    text = (PAGES / "fitting.md").read_text()
    (block,) = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    path = tmp_path / "page.yaml"
    path.write_text(block)

    profile = reader.read(path, CATALOGUE, "page.yaml")

    assert [len(one.because) > 3 for here in profile.here.values() for one in here.absent] == [True, True]
