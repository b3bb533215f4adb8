"""Pages and queries are read with the names of the documents where a profile says that they are others here."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from healthgate import Exposition, Prometheus, System, Url
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


def read(target: Target, source: Source, here: Here) -> Any:
    """Return what a source reads of a target that is asked now."""
    systems: dict[str, System] = {"works": Works(url=Url(target.url), prometheus_url=Url(target.url), here=here)}
    observer = Observer(Redactor(), lambda _ended, _total: None)
    tasks = [Task("here", request) for probe in source.probes(systems) for request in probe.requests(systems["works"])]
    observer.run(tasks)
    observer.close()
    seen = {task.observation.id: task.observation for task in tasks if task.observation is not None}
    return source.value(Scene("here", systems, seen))


def page(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain; version=0.0.4")
    handler.send_header("Content-Length", str(len(PAGE)))
    handler.end_headers()
    handler.wfile.write(PAGE.encode())


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
