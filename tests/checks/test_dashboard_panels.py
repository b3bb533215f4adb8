"""The panels of an exported dashboard are found in every form Grafana exports them."""

from typing import Any

import pytest

from checks.wsmanager.dashboard import panels
from healthgate import Facts, NoData


def dashboard(*found: dict[str, Any], **more: Any) -> Facts:
    return Facts({"title": "Manager", "panels": list(found), **more})


def panel(**members: Any) -> dict[str, Any]:
    own = {"type": "prometheus", "uid": "p"}
    return {"type": "timeseries", "title": "Retry Rate", "datasource": own, "targets": [{"expr": "a"}], **members}


def test_a_panel_has_its_title_its_queries_and_its_source():
    (found,) = panels(dashboard(panel(targets=[{"expr": "a"}, {"expr": "b"}, {"expr": " "}, {"refId": "C"}])))
    assert (found.title, found.queries, found.asks_prometheus) == ("Retry Rate", ("a", "b"), True)


def test_panels_in_rows_and_in_the_answer_of_the_api_are_found():
    row = {"type": "row", "title": "Streams", "panels": [panel(title="In a row")]}
    whole = Facts({"dashboard": dashboard(row, {"type": "row"}, panel()).raw, "meta": {}})
    assert [one.title for one in panels(whole)] == ["In a row", "Retry Rate"]


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ({"type": "prometheus", "uid": "p"}, True),
        ({"type": "influxdb", "uid": "p"}, False),
        ({"uid": "${DS_PROMETHEUS}"}, True),
        ("${DS_PROMETHEUS}", True),
        ("$source", True),
        ("Prometheus", True),
        ("InfluxDB", False),
        (None, False),
    ],
)
def test_the_source_is_told_by_type_by_input_by_variable_or_by_name(source, asks):
    inputs = [{"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus"}]
    variables = {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}, {"name": "odd", "query": 7}]}
    (found,) = panels(dashboard(panel(datasource=source), __inputs=inputs, templating=variables))
    assert found.asks_prometheus is asks


def test_the_source_of_a_query_goes_before_that_of_its_panel():
    other = {"expr": "a", "datasource": {"type": "loki"}}
    (found,) = panels(dashboard(panel(targets=[other])))
    assert not found.asks_prometheus
    (found,) = panels(dashboard(panel(targets=[])))
    assert (found.queries, found.asks_prometheus) == ((), False)


@pytest.mark.parametrize("raw", [None, [], {}, {"panels": 7}, {"panels": [7]}, {"panels": [{"title": 7}]}])
def test_what_is_no_dashboard_is_no_data(raw):
    with pytest.raises(NoData):
        panels(Facts(raw))
