"""The dashboard is one by Grafana's own types, shows every check, and stays the same until a check changes."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from healthgate.claim.limit import Limit, Tier, above, bare, below, exactly, none, percent, reaching
from healthgate.claim.state import State
from healthgate.render import dashboard, promql
from tests.checks.world import CATALOGUE, ROOT
from tests.render.declared import catalogue, check

WRITTEN = (ROOT / "monitoring/dashboard.json").read_text()
BOARD: dict[str, Any] = json.loads(WRITTEN)


def panels(board: dict[str, Any] = BOARD) -> Iterator[dict[str, Any]]:
    """Yield all panels, those in rows too, and no rows."""
    for panel in board["panels"]:
        yield from panel["panels"] if panel["type"] == "row" else [panel]


def of_check(check_id: str, board: dict[str, Any] = BOARD) -> list[dict[str, Any]]:
    return [panel for panel in panels(board) if f"`{check_id}`" in panel.get("description", "")]


def test_it_is_a_dashboard_by_grafanas_own_types():
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    again = json.dumps(Dashboard.from_json(BOARD), cls=JSONEncoder, sort_keys=True)
    assert json.loads(again) == BOARD


def test_there_is_a_row_a_system_and_a_panel_a_check():
    counted = Counter(one.system for one in CATALOGUE.checks.values())
    rows = [row["title"] for row in BOARD["panels"] if row["type"] == "row"]
    assert rows == [f"{system}: {number} checks" for system, number in sorted(counted.items())]
    for one in CATALOGUE.checks.values():
        (panel,) = of_check(one.id)
        assert panel["title"] == one.name
        assert panel["type"] == ("timeseries" if promql.numeric(one.stays) else "state-timeline")
        assert all(words in panel["description"] for words in (str(one.stays), one.cause, one.action, one.runbook))


def test_what_people_and_links_hold_on_to_is_stable():
    assert BOARD["uid"] == "healthgate"
    assert "id" not in BOARD
    ids = [panel["id"] for panel in panels()] + [row["id"] for row in BOARD["panels"] if row["type"] == "row"]
    assert len(ids) == len(set(ids))
    assert all(0 < number < 2**31 for number in ids)

    before = json.loads(dashboard.text(catalogue([check("boiler.a"), check("boiler.c")]), "{name}"))
    after = json.loads(dashboard.text(catalogue([check("boiler.b"), check("boiler.c"), check("boiler.a")]), "{name}"))
    for name in ("boiler.a", "boiler.c"):
        assert of_check(name, before)[0]["id"] == of_check(name, after)[0]["id"]


def test_panels_do_not_overlap_and_stay_on_the_grid():
    for several in (
        [panel for panel in BOARD["panels"] if panel["type"] != "row"],
        *(row["panels"] for row in BOARD["panels"] if row["type"] == "row"),
    ):
        taken: set[tuple[int, int]] = set()
        for panel in several:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not taken & cells
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_every_query_is_of_the_chosen_environment_and_prometheus_understands_it(promtool):
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    assert all('environment="$environment"' in query for query in queries)
    rules = "".join(f"  - {{record: 'q{n}', expr: {json.dumps(query)}}}\n" for n, query in enumerate(queries))
    assert f"SUCCESS: {len(queries)} rules found" in promtool.check(f"groups:\n- name: queries\n  rules:\n{rules}")
    sources = {panel["datasource"]["uid"] for panel in panels()}
    assert sources == {"${datasource}"}
    assert [one["name"] for one in BOARD["templating"]["list"]] == ["datasource", "environment"]


@pytest.mark.parametrize(
    ("limit", "colours"),
    [
        (below(80, percent, warning=reaching(80), critical=90), "79 ok, 80 warning, 90 warning, 91 critical"),
        (below(80, percent, warning=80), "79 ok, 80 missed, 81 warning"),
        (above(95, percent, warning=80, critical=50), "0 critical, 50 warning, 80 missed, 95 missed, 96 ok"),
        (none(bare, critical=0), "-1 missed, 0 ok, 1 critical"),
        (above(0, bare, critical=exactly(0)), "0 critical, 1 ok"),
        (Limit(Tier("between", (2, 4)), bare, warning=Tier("outside", (1, 5))), "0 warning, 1 missed, 2 ok, 5 missed"),
        (Limit(Tier("in", (2, 4)), bare), "2 ok, 3 missed, 4 ok, 5 missed"),
    ],
)
def test_the_colour_behind_a_value_is_the_judges(limit, colours):
    steps = list(dashboard.steps(limit))
    assert steps[0].value is None
    starts = [step.value for step in steps[1:]]
    assert starts == sorted(starts)
    for value, state in ((int(value), state) for value, state in (each.split() for each in colours.split(", "))):
        assert limit.judge(value) is State(state)
        found = [step for step in steps if step.value is None or value >= step.value][-1]
        assert found.color == dashboard.COLOUR[State(state)]


def test_hostile_words_stay_words():
    words = 'a "quote", a $environment, {{ x }}, a\nline, \x1b[31m and <b>'
    text = dashboard.text(catalogue([check("boiler.a", name=words, cause=words)]), "{name}")
    (panel,) = of_check("boiler.a", json.loads(text))
    assert panel["title"] == words.replace("\n", "\\n").replace("\x1b", "\\x1b")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
