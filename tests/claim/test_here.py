"""Where things stand in one environment: bodies and queries are read as the documents have them, whatever is there."""

from copy import deepcopy
from typing import Any

import pytest

from checks.findings import Findings
from healthgate.claim.facts import LeftOut, NoData
from healthgate.claim.here import Absence, Here, Place
from healthgate.claim.observation import Observation
from healthgate.probes.http_answer import Answer
from healthgate.shapes import chosen, deviations, number, text

ROUTE = "/state"


def here(members: dict[str, Place], **more: Any) -> Here:
    return Here(members={ROUTE: members}, **more)


@pytest.mark.parametrize(
    ("members", "body", "documented"),
    [
        ({"pool.used": Place("p.u")}, {"p": {"u": 3}}, {"p": {"u": 3}, "pool": {"used": 3}}),
        ({"used": Place("ratio", 100)}, {"ratio": 0.18}, {"ratio": 0.18, "used": 18.0}),
        ({"used": Place("text", 100)}, {"text": "a"}, {"text": "a", "used": "a"}),
        ({"a": Place("b"), "b": Place("a")}, {"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"pool": Place("p"), "pool.used": Place("u")}, {"p": {"max": 9}, "u": 1},
         {"p": {"max": 9}, "u": 1, "pool": {"max": 9, "used": 1}}),
        ({"nodes.*.name": Place("nodes.*.id")}, {"nodes": [{"id": "a"}, {"id": "b"}]},
         {"nodes": [{"id": "a", "name": "a"}, {"id": "b", "name": "b"}]}),
        ({"nodes": Place("members"), "nodes.*.name": Place("members.*.id")}, {"members": [{"id": "a"}]},
         {"members": [{"id": "a"}], "nodes": [{"id": "a", "name": "a"}]}),
        ({"by.*.age": Place("by.*.s", 1000)}, {"by": {"EUR": {"s": 2}}}, {"by": {"EUR": {"s": 2, "age": 2000}}}),
        ({"first": Place("nodes[0].name")}, {"nodes": [{"name": "x"}]}, {"nodes": [{"name": "x"}], "first": "x"}),
        ({"redis": Place('parts["redis.cluster"].up')}, {"parts": {"redis.cluster": {"up": True}}},
         {"parts": {"redis.cluster": {"up": True}}, "redis": True}),
        ({"used": Place("gone")}, {"max": 1}, {"max": 1}),
        ({"used": Place("ratio", 100)}, {"used": 3, "max": 1}, {"max": 1}),
        ({"nodes.*.age": Place("nodes.*.s")}, {"nodes": [{"age": 1}, {"s": 2}]}, {"nodes": [{}, {"s": 2, "age": 2}]}),
        ({"used": Place("used", 100)}, {"used": 0.5}, {"used": 50.0}),
        ({"used": Place("a.b")}, [1, 2], [1, 2]),
        ({"used": Place("a")}, None, None),
    ],
)  # fmt: skip
def test_a_body_is_read_as_the_documents_have_it(members: dict[str, Place], body: Any, documented: Any) -> None:
    before = deepcopy(body)

    assert here(members).body(ROUTE, body) == documented
    assert body == before
    assert here(members).body("/another", body) is body


def test_what_is_absent_by_the_profiles_word_is_left_out_and_nothing_else_is() -> None:
    absence = Absence("it is old", "x.yaml:3:5", members={ROUTE: ("flow", "nodes.*.role")})
    observation = Observation("x", "answered", 1.0, 1.0, facts={"code": 200, "json": {"nodes": [{"name": "a"}]}})
    body = Answer(observation, here=Here(absent=[absence]), route=ROUTE).body()

    for path in ("flow", "flow.lag", "nodes[0].role"):
        with pytest.raises(LeftOut, match=r"x\.yaml:3:5"):
            body.at(path)
    for path in ("other", "nodes[0].age"):
        with pytest.raises(NoData, match="is missing") as missing:
            body.at(path)
        assert not isinstance(missing.value, LeftOut)
    with pytest.raises(NoData, match="is missing"):
        Answer(observation, here=Here(absent=[absence]), route="/another").body().at("flow")


def test_what_is_called_absent_and_is_there_is_read_all_the_same() -> None:
    absence = Absence("it is old", "x.yaml:3:5", members={ROUTE: ("flow",)})
    observation = Observation("x", "answered", 1.0, 1.0, facts={"code": 200, "json": {"flow": 3}})

    assert Answer(observation, here=Here(absent=[absence]), route=ROUTE).body().number("flow") == 3


def test_a_body_of_which_all_is_absent_is_left_out_and_not_well() -> None:
    absence = Absence("it is old", "x.yaml:3:5", members={ROUTE: ("flow", "mode")})
    shape = {"flow": chosen(number()), "mode": chosen(text())}

    def body(content: Any) -> Any:
        observation = Observation("x", "answered", 1.0, 1.0, facts={"code": 200, "json": content})
        return Answer(observation, here=Here(absent=[absence]), route=ROUTE).body()

    with pytest.raises(LeftOut):
        deviations(body({}), shape)
    assert deviations(body({"flow": 3}), shape) == []
    assert deviations(body({"flow": "x"}), shape) == ['flow is "x", not a number']


def test_findings_of_which_all_is_absent_are_none() -> None:
    findings = Findings()
    with findings.examining():
        raise LeftOut("flow is absent here")
    with pytest.raises(LeftOut):
        findings.measured()

    with findings.examining():
        findings.expect(True, "never")
    assert findings.measured().value == 0


@pytest.mark.parametrize(
    ("expression", "spelt"),
    [
        ("retries", "r"),
        ("rate(retries[5m])", "rate(r[5m])"),
        ("retries_total", "retries_total"),
        ('retries{side="retries"}', 'r{where="retries"}'),
        ("sum by (side) (retries) / on (side) other", "sum by (where) (r) / on (where) other"),
        ("retries offset 5m > 1e3", "r offset 5m > 1e3"),
        ("side:retries:rate2m", "side:retries:rate2m"),
        ("""retries{a='it\\'s side'} or `side`""", """r{a='it\\'s side'} or `side`"""),
    ],
)
def test_a_query_is_asked_with_the_names_that_are_here(expression: str, spelt: str) -> None:
    place = Here(metrics={"retries": Place("r")}, labels={"side": "where"})

    assert place.spelt(expression) == spelt
    assert Here().spelt(expression) == expression
