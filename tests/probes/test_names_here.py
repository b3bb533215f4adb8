"""Pages and queries are read with the names of the documents where a profile says that they are others here."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from healthgate import Exposition, Prometheus, System, Url, perhaps
from healthgate.claim.facts import LeftOut, NoData
from healthgate.claim.here import Absence, Here, Place
from healthgate.claim.source import Absent, Scene, Source
from healthgate.observe.observer import Observer, Task
from healthgate.secret import Redactor
from tests.parts.target import Target


class Works(System):
    """A system with a page and a Prometheus."""

    name = "works"
    url: Url
    prometheus_url: Url


METRICS = Exposition(Works, "/metrics")
SERVER = Prometheus(Works)

PAGE = """\
# TYPE app_depth gauge
app_depth{where="left"} 3
app_depth{where="right"} 4
# TYPE depth gauge
depth 99
# TYPE app_wait_seconds histogram
app_wait_seconds_bucket{le="1"} 2
app_wait_seconds_bucket{le="+Inf"} 2
app_wait_seconds_sum 0.5
app_wait_seconds_count 2
"""

HERE = Here(metrics={"depth": Place("app_depth"), "wait_ms": Place("app_wait_seconds", 1000)}, labels={"side": "where"})


def systems(target: Target, here: Here) -> dict[str, System]:
    return {"works": Works(url=Url(target.url), prometheus_url=Url(target.url), here=here)}


def read(target: Target, source: Source, here: Here) -> Any:
    """Return what a source reads of a target that is asked now."""
    there = systems(target, here)
    observer = Observer(Redactor(), lambda _ended, _total: None)
    tasks = [Task("here", request) for probe in source.probes(there) for request in probe.requests(there["works"])]
    observer.run(tasks)
    observer.close()
    seen = {task.observation.id: task.observation for task in tasks if task.observation is not None}
    return source.value(Scene("here", there, seen))


def page_with(text: str) -> Any:
    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; version=0.0.4")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


page = page_with(PAGE)


def test_a_page_is_read_by_the_names_of_the_documents(target: Target) -> None:
    target.answers["/metrics"] = page

    found = read(target, METRICS, HERE)

    assert found.number("depth", side="left") == 3
    assert found.total("depth") == 7
    assert found.number("wait_ms_sum") == 500
    assert found.number("wait_ms_count") == 2
    assert (found.kind("depth"), found.kind("wait_ms")) == ("gauge", "histogram")
    assert "app_depth" not in found.names
    assert read(target, METRICS["depth"].labelled(side="right"), HERE) == 4


def test_a_metric_that_is_absent_leaves_out_what_reads_it(target: Target) -> None:
    target.answers["/metrics"] = page
    here = Here(absent=[Absence("it is old", "x.yaml:3:5", metrics=frozenset({"heat"}))])

    with pytest.raises(Absent, match=r"works lacks heat, because it is old \(x.yaml:3:5\)"):
        read(target, METRICS["heat"], here)
    with pytest.raises(Absent, match="works lacks heat"):
        read(target, SERVER.query("rate(heat[5m])").number, here)
    with pytest.raises(LeftOut, match="heat is absent here"):
        read(target, METRICS, here).number("heat")
    with pytest.raises(NoData, match="cold is missing"):
        read(target, METRICS, here).number("cold")


def test_a_query_is_asked_with_the_names_that_are_here_and_read_with_those_of_the_documents(target: Target) -> None:
    asked = []

    def answer(handler: Any) -> None:
        asked.append(parse_qs(urlsplit(handler.path).query)["query"][0])
        metric = {"__name__": "app_depth", "where": "left"}
        result = [{"metric": metric, "value": [time.time(), "3"]}]
        handler.reply(200, {"status": "success", "data": {"resultType": "vector", "result": result}})

    query = SERVER.query('max by (side) (depth{side="left"})')
    target.answers["/api/v1/query?query=max+by+%28where%29+%28app_depth%7Bwhere%3D%22left%22%7D%29"] = answer

    vector = read(target, query, HERE)

    assert asked == ['max by (where) (app_depth{where="left"})']
    assert vector.number(side="left", __name__="depth") == 3


def test_a_query_for_a_metric_of_another_unit_is_no_data(target: Target) -> None:
    target.answers["/api/v1/query?query=app_wait_seconds"] = lambda handler: handler.reply(200, {"status": "success"})

    with pytest.raises(NoData, match="wait_ms is app_wait_seconds times 1000 here, which no query can be asked for"):
        read(target, SERVER.query("wait_ms"), HERE)


LEFT_IS_WEST = Here(labels={"side": "where"}, values={"side": {"left": "west"}})


def test_what_a_label_says_here_is_read_and_asked_for_by_what_the_documents_have(target: Target) -> None:
    target.answers["/metrics"] = page_with('depth{where="west"} 3\ndepth{where="left"} 4\ndepth{where="right"} 5\n')

    found = read(target, METRICS, LEFT_IS_WEST)

    assert [found.number("depth", side=side) for side in ("left", "right")] == [3, 5]
    assert found.number("depth", side=perhaps("left")) == 3
    with pytest.raises(NoData, match=r'depth{side="west of the documents"} is missing'):
        found.number("depth", side="west")
    with pytest.raises(NoData, match=r'depth{side="east"} is missing'):
        read(target, METRICS, Here(labels={"side": "where"}, values={"side": {"left": "east"}})).number(
            "depth", side="left"
        )
    assert 'side="west"' in METRICS["depth"].labelled(side="left").where(systems(target, LEFT_IS_WEST))


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ('depth{side="left"}', 'depth{where="west"}'),
        ("depth{side='left', x='left'}", "depth{where='west', x='left'}"),
        ('depth{side != "left"}', 'depth{where != "west"}'),
        ('depth{side=~"left|right"}', 'depth{where=~"west|right"}'),
        ('depth{side=~"le.*"}', 'depth{where=~"le.*"}'),
        ('depth{side="right"} == 1', 'depth{where="right"} == 1'),
    ],
)
def test_a_selector_is_asked_with_what_labels_say_here(expression: str, asked: str) -> None:
    assert LEFT_IS_WEST.spelt(expression) == asked


def test_what_a_query_brings_is_found_by_what_the_documents_have(target: Target) -> None:
    result = [{"metric": {"where": side}, "value": [time.time(), str(n)]} for n, side in enumerate(("west", "left"))]
    answered = {"status": "success", "data": {"resultType": "vector", "result": result}}
    target.answers["/api/v1/query?query=depth"] = lambda handler: handler.reply(200, answered)

    assert read(target, SERVER.query("depth"), LEFT_IS_WEST).number(side="left") == 0
    assert read(target, SERVER.query("depth").labelled(side="left"), LEFT_IS_WEST) == 0
