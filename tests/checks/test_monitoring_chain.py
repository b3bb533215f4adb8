"""What is broken between a metrics page and the people who are told: Prometheus, rules, dashboard, routes."""

from collections.abc import Callable
from typing import Any

import pytest

from healthgate.claim.state import State
from tests.checks import websocket_manager as well
from tests.checks.instances import blocked, of_instance, said, text
from tests.checks.websocket_manager import CANARY, METRICS
from tests.checks.world import CATALOGUE, MISSING, World

OK, MISSED, WARNING, CRITICAL, UNKNOWN = State.OK, State.MISSED, State.WARNING, State.CRITICAL, State.UNKNOWN
PENDING = State.PENDING


# -- the Prometheus ---------------------------------------------------------------------------------------------


def of_targets(*targets: dict[str, Any]) -> World:
    world = World()
    world.observations[well.TARGETS].facts = well.of_prometheus({"activeTargets": list(targets)})
    return world


THERE, CANARY_THERE = well.target("production", "app:3000"), well.target("staging", "canary:3000")


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"health": "down", "lastError": "connection refused"}, CRITICAL, "app:3000 is down: connection refused"),
        ({"health": "unknown"}, UNKNOWN, "has not been scraped yet"),
        ({"lastScrape": "0001-01-01T00:00:00Z"}, UNKNOWN, "has not been scraped yet"),
        ({"lastScrape": well.moment(60)}, OK, ""),
        ({"lastScrape": well.moment(61)}, WARNING, "was last scraped 61 s ago"),
        ({"lastScrape": well.moment(-60)}, UNKNOWN, "from now"),
        ({"scrapeInterval": "15s"}, WARNING, "is scraped every 15 s, not 30 s"),
        ({"scrapeInterval": MISSING}, UNKNOWN, "does not say how often"),
        ({"scrapeUrl": "http://app:3000/metrics?format=prometheus"}, WARNING, "is asked for /metrics"),
        ({"scrapeUrl": f"http://app:3000{well.ROUTE}"}, WARNING, "is not asked for format=prometheus"),
        ({"scrapeUrl": f"http://app:3000{well.ROUTE}?format=json"}, WARNING, "is not asked for format=prometheus"),
    ],
)
def test_production_is_scraped_as_documented(changes, state, words):
    changed = {name: value for name, value in {**THERE, **changes}.items() if value is not MISSING}
    said(of_targets(changed, CANARY_THERE), "wsmanager.prom.target", state, words)


def test_a_job_without_a_target_of_production_is_critical():
    said(of_targets(), "wsmanager.prom.target", CRITICAL, "none of 0 targets")
    said(of_targets(CANARY_THERE), "wsmanager.prom.target", CRITICAL, "none of 1 targets")
    said(of_targets(THERE, {**CANARY_THERE, "health": "down"}), "wsmanager.prom.target", OK)


def test_times_of_a_prometheus_shrink_with_the_time_scale():
    changed = {**THERE, "scrapeInterval": "500ms", "lastScrape": well.moment(0.9)}
    world = of_targets(changed)
    world.time_scale = 60
    said(world, "wsmanager.prom.target", OK)
    said(of_targets(changed), "wsmanager.prom.target", WARNING, "every 500 ms")


def of_rules(change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> World:
    changed = [new for rule in well.rules() if (new := change(rule)) is not None]
    world = World()
    world.observations[well.RULES].facts = well.of_prometheus({"groups": [{"name": "all", "rules": changed}]})
    return world


def only(name: str, **changes: Any) -> World:
    return of_rules(lambda rule: rule | changes if rule["name"] == name else rule)


LEAK = "WSManagerConnectionLeak"


@pytest.mark.parametrize("name", well.ALERT_RULES)
def test_a_rule_that_is_not_loaded_or_otherwise_is_critical_and_its_silence_means_nothing(name):
    lasting, severity, _ = well.ALERT_RULES[name]
    check_id, silence = f"wsmanager.prom.rules_loaded[{name}]", f"wsmanager.prom.alerts_quiet[{name}]"
    gone = of_rules(lambda rule: None if rule["name"] == name else rule)
    said(gone, check_id, CRITICAL, f"no alert {name}")
    blocked(gone, silence, check_id)
    failed = only(name, health="err", lastError="it went wrong")
    said(failed, check_id, CRITICAL, "it went wrong")
    blocked(failed, silence, check_id)
    said(only(name, duration=lasting + 1), check_id, CRITICAL, "it waits for")
    other = "warning" if severity == "critical" else "critical"
    said(only(name, labels={"severity": other}), check_id, CRITICAL, f"its severity is {other}, not {severity}")
    said(only(name, labels={}), check_id, CRITICAL, "its severity is not set")
    young = only(name, health="unknown", lastEvaluation="0001-01-01T00:00:00Z")
    said(young, check_id, UNKNOWN, "has not been evaluated yet")
    blocked(young, silence, check_id)
    said(only(name, lastEvaluation=well.moment(301)), silence, UNKNOWN, "was last evaluated 301 s ago")


def test_a_rule_that_reads_what_nothing_records_is_not_loaded_as_it_should_be():
    name, check_id = "ws_manager:retry_rate_2m", "wsmanager.prom.rules_loaded[WSManagerHighRetryRate]"
    said(of_rules(lambda rule: None if rule["name"] == name else rule), check_id, CRITICAL, "which no rule records")
    said(only(name, health="err", lastError="it went wrong"), check_id, CRITICAL, "it went wrong")


LOADED = "wsmanager.prom.rules_loaded[{}]".format
OTHERWISE = {
    "WSManagerServiceDown": ["vector(0) > 1", "absent(up)", f"{well.PRODUCTION_UP} > 0", 'up{job="other"} == 0'],
    "WSManagerConnectionLeak": [
        "ws_manager_active_connections > 1000",
        "ws_manager_active_connections >= 100",
        "ws_manager_active_connections < 100",
        "ws_manager_active_connections > bool 100",
        "ws_manager_active_connections",
        "ws_manager_active_connections_hwm > 100",
        'ws_manager_active_connections{job="other"} > 100',
        "vector(0) > 100",
    ],
    "WSManagerHighRetryRate": ["ws_manager:retry_rate_2m > 5", "ws_manager:uncleaned_streams > 0.5"],
    "WSManagerCleanupLag": ["ws_manager:uncleaned_streams > 20", "ws_manager_stream_creations_total >= 20"],
    "WSManagerCanaryRetryRegression": [f"{well.RATIO} > 15", "vector(2) > 1.5"],
    "WSManagerCanaryRollback": ["ws_manager:error_percent_1m > 500", "vector(0) > 1"],
}
"""Expressions that are loaded under the name of an alert and never say what it should."""

IN_OTHER_WORDS = {
    "WSManagerServiceDown": ['sum(up{job="cryptrade-ws-metrics"}) < 1', "up == 0 or absent(up)"],
    "WSManagerConnectionLeak": [
        "(ws_manager_active_connections) > 1e2",
        "100 < sum by (environment) (ws_manager_active_connections)",
        'ws_manager_active_connections{job=~"cryptrade-.*"} > 100 and on() up == 1',
    ],
    "WSManagerHighRetryRate": ["rate(ws_manager_retry_count_total[120s]) > .5", "0.5 < ws_manager:retry_rate_2m"],
    "WSManagerCleanupLag": ["ws_manager:uncleaned_streams > 19"],
    "WSManagerCanaryRetryRegression": [f'{well.RATIO}{{a="1"}} > on() (1.5 * {well.RATIO}{{a="2"}})'],
    "WSManagerCanaryRollback": ['up{environment="staging"} == 0 or ws_manager:retry_rate_2m > 3'],
}
"""Expressions that ask for the same, as a place of other habits may write them."""


def without_files(world: World) -> World:
    del world.observations[well.MONITORING]
    world.systems["wsmanager"].monitoring = None
    return world


@pytest.mark.parametrize(("name", "query"), [(name, query) for name in OTHERWISE for query in OTHERWISE[name]])
def test_an_alert_that_asks_for_something_else_is_not_loaded(name, query):
    for world in (only(name, query=query), without_files(only(name, query=query))):
        said(world, LOADED(name), CRITICAL, "it asks for")


@pytest.mark.parametrize(
    ("name", "query"), [(name, query) for name in IN_OTHER_WORDS for query in IN_OTHER_WORDS[name]]
)
def test_an_alert_may_be_written_otherwise(name, query):
    said(without_files(only(name, query=query)), LOADED(name), OK)


def test_an_alert_is_loaded_as_the_rules_file_has_it():
    said(only(LEAK, query="(ws_manager_active_connections)>1e2"), LOADED(LEAK), OK)
    changed = only(LEAK, query='ws_manager_active_connections{environment="production"} > 100')
    said(changed, LOADED(LEAK), CRITICAL, "the rules file has ws_manager_active_connections > 100")
    slower = only("ws_manager:retry_rate_2m", query="rate(ws_manager_retry_count_total[10m])")
    said(
        slower, LOADED("WSManagerHighRetryRate"), CRITICAL, "the rules file has rate(ws_manager_retry_count_total[2m])"
    )
    said(without_files(slower), LOADED("WSManagerHighRetryRate"), OK)


def test_a_rules_file_that_is_broken_or_knows_no_such_alert_is_not_held_against_a_rule():
    for content in ({"groups": []}, {"groups": [{"rules": [{"alert": LEAK, "expr": "{{ template }} > 100"}]}]}):
        said(well_with(RULES_FILE, content), LOADED(LEAK), OK if not content["groups"] else CRITICAL)
    broken = World()
    well.break_file(broken.observations, RULES_FILE, "it is cut off")
    said(broken, LOADED(LEAK), OK)


def test_an_expression_that_cannot_be_read_is_unknown_and_another_rule_is_none_of_our_business():
    said(only(LEAK, query="ws_manager_active_connections[ > 100"), LOADED(LEAK), UNKNOWN, "cannot be read")
    odd = {
        "type": "recording",
        "name": "other:series",
        "query": "a[[",
        "health": "ok",
        "lastEvaluation": well.moment(9),
    }
    world = World()
    world.observations[well.RULES].facts = well.of_prometheus(
        {"groups": [{"name": "a", "rules": [*well.rules(), odd]}]}
    )
    said(world, LOADED(LEAK), OK)
    looped = {**odd, "name": "ws_manager:retry_rate_2m", "query": "ws_manager:retry_rate_2m + 1"}
    world.observations[well.RULES].facts = well.of_prometheus(
        {"groups": [{"name": "a", "rules": [*well.rules()[1:], looped]}]}
    )
    said(without_files(world), LOADED("WSManagerHighRetryRate"), CRITICAL, "it asks for")


def test_one_rule_as_documented_is_enough_where_there_are_two_of_a_name():
    world = World()
    forced = {**well.rules()[-1], "query": "vector(1)", "duration": 0}
    world.observations[well.RULES].facts = well.of_prometheus(
        {"groups": [{"name": "all", "rules": [*well.rules(), forced]}]}
    )
    said(world, "wsmanager.prom.rules_loaded[WSManagerCanaryRollback]", OK)


def test_durations_of_rules_shrink_with_the_time_scale():
    world = only(LEAK, duration=5)
    said(world, f"wsmanager.prom.rules_loaded[{LEAK}]", CRITICAL, "it waits for 5 s, not 5 m")
    world.time_scale = 60
    said(world, f"wsmanager.prom.rules_loaded[{LEAK}]", OK)


def alert(name: str, state: str = "firing", severity: str | None = None, ago: float = 90.0) -> World:
    labels = {"alertname": name} | ({"severity": severity} if severity else {})
    world = World()
    found = [{"labels": labels, "annotations": {}, "state": state, "activeAt": well.moment(ago), "value": "1"}]
    world.observations[well.ALERTS].facts = well.of_prometheus({"alerts": found})
    return world


@pytest.mark.parametrize("name", well.ALERT_RULES)
def test_an_alert_that_fires_is_as_bad_as_its_label(name):
    check_id = f"wsmanager.prom.alerts_quiet[{name}]"
    said(alert(name, severity="warning"), check_id, WARNING, "firing as warning")
    said(alert(name, severity="critical"), check_id, CRITICAL, "active for 90 s")
    said(alert(name), check_id, CRITICAL)
    said(alert(name, "pending"), check_id, OK, "pending")
    said(alert("Another", severity="critical"), check_id, OK)


def test_an_alert_is_told_as_the_echo_of_what_it_stands_for():
    world = alert("WSManagerHighRetryRate", severity="warning")
    of_instance(METRICS, "production", well.PRODUCTION_FIGURES, {}, {"retry_count_total": 300}, well.BEGAN, world)
    verdict = world.verdict("wsmanager.prom.alerts_quiet[WSManagerHighRetryRate]")
    assert verdict.echoes == ()  # what it stands for is not proven yet
    for name in well.ALERT_RULES:
        parts = CATALOGUE.checks[f"wsmanager.prom.alerts_quiet[{name}]"].sums_up
        assert parts
        assert set(parts) <= set(CATALOGUE.checks)


def test_the_silence_of_an_alert_means_nothing_where_nothing_is_scraped():
    dead = of_targets({**THERE, "health": "down", "lastError": "gone"}, CANARY_THERE)
    blind = {"WSManagerConnectionLeak", "WSManagerHighRetryRate", "WSManagerCleanupLag",
             "WSManagerCanaryRetryRegression"}  # fmt: skip
    for name in well.ALERT_RULES:
        check_id = f"wsmanager.prom.alerts_quiet[{name}]"
        if name in blind:
            blocked(dead, check_id, "wsmanager.prom.target")
        else:
            said(dead, check_id, OK)
    no_canary = of_targets(THERE)
    for name in ("WSManagerCanaryRetryRegression", "WSManagerCanaryRollback"):
        said(no_canary, f"wsmanager.prom.alerts_quiet[{name}]", UNKNOWN, "nothing of staging is scraped")
    gone = of_targets(THERE, {**CANARY_THERE, "health": "down"}).fail(CANARY, "refused", "nothing there")
    blocked(gone, "wsmanager.prom.alerts_quiet[WSManagerCanaryRollback]", "wsmanager.canary.staging_up")


def test_a_dead_prometheus_is_one_root():
    world = World()
    for name in world.observations:
        if name.startswith("wsmanager prometheus"):
            world.fail(name, "refused", "nothing there")
    said(world, "wsmanager.prom.target", UNKNOWN, "nothing there")
    for name in CATALOGUE.checks:
        if name.startswith("wsmanager.prom.") and name != "wsmanager.prom.target":
            blocked(world, name, "wsmanager.prom.target")


@pytest.mark.parametrize(("value", "state"), [(1, OK), (0, WARNING)])
def test_the_last_reload_must_have_worked(value, state):
    world = World()
    world.observations[well.OWN_PAGE].facts["text"] = well.own_page(value)
    said(world, "wsmanager.prom.reload", state)


def test_a_page_without_the_reload_says_nothing():
    world = World()
    world.observations[well.OWN_PAGE].facts["text"] = "# TYPE up gauge\nup 1\n"
    said(world, "wsmanager.prom.reload", UNKNOWN, "is missing")


TIME, OLD = "storage.tsdb.retention.time", "storage.tsdb.retention"


@pytest.mark.parametrize(
    ("flags", "state", "words"),
    [
        ({TIME: "30d"}, OK, "30 days"),
        ({TIME: "4w2d"}, OK, "30 days"),
        ({TIME: "15d"}, WARNING, "15 days"),
        ({TIME: "29d23h"}, WARNING, ""),
        ({TIME: "0s", OLD: "45d"}, OK, "45 days"),
        ({TIME: "0s"}, WARNING, "15 days (no retention is set"),
        ({TIME: "a month"}, UNKNOWN, "is not a duration"),
        ({TIME: 30}, UNKNOWN, "not text"),
        ({}, UNKNOWN, "do not name storage.tsdb.retention.time"),
        ([], UNKNOWN, "not an object"),
    ],
)
def test_metrics_are_kept_for_a_month_which_no_time_scale_shortens(flags, state, words):
    world = World()
    world.observations[well.FLAGS].facts = well.of_prometheus(flags)
    for scale in (1, 60):
        world.time_scale = scale
        said(world, "wsmanager.prom.retention", state, words)


def test_an_answer_that_is_partial_or_refused_is_never_quiet():
    for body in (
        {"status": "success", "data": {"alerts": []}, "warnings": ["a store is down"]},
        {"status": "error", "errorType": "timeout", "error": "it took too long"},
    ):
        world = World()
        world.observations[well.ALERTS].facts = well.answer(body)
        said(world, f"wsmanager.prom.alerts_quiet[{LEAK}]", UNKNOWN, "no data")


# -- the files of the monitoring --------------------------------------------------------------------------------

DASHBOARD, RULES_FILE = "grafana-dashboard.json", "ws-manager-rules.yml"


def with_dashboard(change: Callable[[dict[str, Any]], Any]) -> World:
    content = well.dashboard()
    change(content)
    return well_with(DASHBOARD, content)


def with_rules(change: Callable[[dict[str, Any]], Any]) -> World:
    content = well.rules_file()
    change(content)
    return well_with(RULES_FILE, content)


def well_with(name: str, content: Any) -> World:
    world = World()
    well.set_file(world.observations, name, content)
    return world


@pytest.mark.parametrize("name", [DASHBOARD, "prometheus-config.yml", RULES_FILE, "README.md"])
def test_a_file_that_is_lost_or_broken_warns_and_blocks_what_reads_it(name):
    check_id = f"wsmanager.artifacts.files[{name}]"
    lost, broken = World(), World()
    well.lose_file(lost.observations, name)
    well.break_file(broken.observations, name, "it is cut off")
    said(lost, check_id, WARNING, name)
    said(broken, check_id, WARNING, "it is cut off")
    if name in {DASHBOARD, RULES_FILE}:
        blocked(lost, "wsmanager.grafana.queries_resolve", check_id)
        blocked(broken, "wsmanager.grafana.queries_resolve", check_id)
    if name == DASHBOARD:
        blocked(lost, "wsmanager.grafana.panels", check_id)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found["panels"].pop(), "Error Analysis is missing"),
        (lambda found: found["panels"][1].update(title="Retries"), "Retry Rate is missing"),
        (lambda found: found["panels"][3].update(targets=[]), "High Water Mark has no query"),
        (lambda found: found["panels"][0].update(datasource={"type": "influxdb"}), "does not ask a Prometheus"),
    ],
)
def test_a_panel_that_is_gone_or_empty_is_named(change, words):
    said(with_dashboard(change), "wsmanager.grafana.panels", WARNING, words)


def test_more_panels_than_the_six_do_no_harm():
    more = well.panel("Memory", "process_start_time_seconds")
    world = with_dashboard(lambda found: found["panels"].insert(0, more))
    said(world, "wsmanager.grafana.panels", OK)
    said(world, "wsmanager.grafana.queries_resolve", OK)
    said(with_dashboard(lambda found: found.pop("panels")), "wsmanager.grafana.panels", UNKNOWN, "panels is missing")


def test_a_name_that_nothing_exposes_is_told_with_who_asks_for_it():
    check_id = "wsmanager.grafana.queries_resolve"
    renamed = well.panel("Retry Rate", "rate(ws_manager_retries_total[5m])")
    world = with_dashboard(lambda found: found["panels"].__setitem__(1, renamed))
    said(world, check_id, WARNING, "ws_manager_retries_total (panel Retry Rate) is exposed nowhere")
    rule = {"alert": "Odd", "expr": "sum(ws_manager_open) > 3"}
    world = with_rules(lambda found: found["groups"][1]["rules"].append(rule))
    said(world, check_id, WARNING, "ws_manager_open (rule Odd)")
    world = with_rules(lambda found: found["groups"][0]["rules"].pop(0))
    said(world, check_id, WARNING, "ws_manager:retry_rate_2m")
    dropped = {name: value for name, value in well.PRODUCTION_FIGURES.items() if name != "errors_total"}
    world = text(World(), METRICS, lambda _: well.page_text("production", dropped))
    said(world, check_id, WARNING, "ws_manager_errors_total")
    said(with_rules(lambda found: found.pop("groups")), check_id, UNKNOWN, "groups is missing")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found["route"]["routes"][0].update(receiver="null"), "goes to null, which pages nobody"),
        (lambda found: found["receivers"][0].pop("pagerduty_configs"), "which pages nobody"),
        (lambda found: found["route"].update(receiver="slack-alerts"), "no route leads to #ws-migration"),
        (lambda found: found["receivers"][2].pop("slack_configs"), "leads to #ws-migration"),
        (lambda found: found["receivers"][1]["slack_configs"][0].update(channel="#other"), "does not write to #alerts"),
        (
            lambda found: found["route"]["routes"].insert(
                0, {"receiver": "slack-migration", "match": {"alertname": "WSManagerCleanupLag"}}
            ),
            "WSManagerCleanupLag (warning) goes to slack-migration",
        ),
    ],
)
def test_an_alert_that_reaches_the_wrong_people_is_named(change, words):
    content = well.alertmanager()
    content["receivers"].append({"name": "null"})
    change(content)
    world = World()
    well.set_document(world.observations, well.ALERTMANAGER, content)
    said(world, "wsmanager.routing.receivers", WARNING, words)


def test_the_builders_may_be_told_by_a_route_of_their_own():
    content = well.alertmanager()
    content["route"]["receiver"] = "slack-alerts"
    content["route"]["routes"][1]["routes"] = [
        {"receiver": "slack-migration", "matchers": ['environment="nowhere"'], "continue": True}
    ]
    world = World()
    well.set_document(world.observations, well.ALERTMANAGER, content)
    said(world, "wsmanager.routing.receivers", OK)


def test_a_configuration_that_cannot_be_read_is_unknown():
    world = World().fail(well.ALERTMANAGER, "missing", "there is no file")
    said(world, "wsmanager.routing.receivers", UNKNOWN, "there is no file")
    world = World()
    well.set_document(world.observations, well.ALERTMANAGER, {"global": {}})
    said(world, "wsmanager.routing.receivers", UNKNOWN, "route is missing")


SCRAPE_FILE, SCRAPE_JOB = "prometheus-config.yml", "wsmanager.artifacts.scrape_job"


def with_scrape_job(change: Callable[[dict[str, Any]], Any]) -> World:
    content = well.scrape_file()
    change(content)
    return well_with(SCRAPE_FILE, content)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found["scrape_configs"].pop(), "no job cryptrade-ws-metrics stands in prometheus-config.yml"),
        (lambda found: found["scrape_configs"][1].update(metrics_path="/metrics"), "asks for /metrics"),
        (lambda found: found["scrape_configs"][1].pop("metrics_path"), "asks for /metrics, not /api/ws/metrics"),
        (lambda found: found["scrape_configs"][1].pop("params"), "asks for format as the route likes"),
        (lambda found: found["scrape_configs"][1]["params"].update(format=["json"]), 'format "json"'),
        (lambda found: found["scrape_configs"][1].update(scrape_interval="1m"), "every 1 m, not every 30 s"),
        (lambda found: found["scrape_configs"][1].pop("scrape_interval"), "every 15 s"),
        (
            lambda found: (found.pop("global"), found["scrape_configs"][1].pop("scrape_interval")),
            "scrapes every 1 m",
        ),
    ],
)
def test_a_scrape_job_in_the_file_that_is_not_the_documented_one_is_named(change, words):
    said(with_scrape_job(change), SCRAPE_JOB, WARNING, words)


def test_the_scrape_job_may_stand_alone_and_its_interval_come_from_all():
    said(World(), SCRAPE_JOB, OK)
    said(well_with(SCRAPE_FILE, well.scrape_file()["scrape_configs"]), SCRAPE_JOB, OK)
    from_all = with_scrape_job(
        lambda found: (found["global"].update(scrape_interval="30s"), found["scrape_configs"][1].pop("scrape_interval"))
    )
    said(from_all, SCRAPE_JOB, OK)
    shortened = with_scrape_job(lambda found: found["scrape_configs"][1].update(scrape_interval="500ms"))
    shortened.time_scale = 60
    said(shortened, SCRAPE_JOB, OK)


@pytest.mark.parametrize("content", [{}, "text", {"scrape_configs": {}}, {"scrape_configs": [7]}])
def test_a_file_without_jobs_says_nothing_or_that_there_is_none(content):
    verdict = well_with(SCRAPE_FILE, content).verdict(SCRAPE_JOB)
    assert verdict.state in {UNKNOWN, WARNING}


def test_an_interval_that_is_none_is_unknown():
    odd = with_scrape_job(lambda found: found["scrape_configs"][1].update(scrape_interval="often"))
    said(odd, SCRAPE_JOB, UNKNOWN, "is not a duration")
    lost = World()
    well.lose_file(lost.observations, SCRAPE_FILE)
    blocked(lost, SCRAPE_JOB, f"wsmanager.artifacts.files[{SCRAPE_FILE}]")


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        ([1, 3], OK, "1.json, the newest of 2"),
        ([45, 30], OK, "30 days"),
        ([30.1], MISSED, "30.1 days"),
        ([-1], UNKNOWN, "cannot be"),
    ],
)
def test_the_dashboard_was_exported_of_late(days, state, words):
    world = World()
    world.observations[well.BACKUPS].facts = well.exports(*days)
    said(world, "wsmanager.grafana.backup_age", state, words)


def test_no_export_where_there_should_be_some_is_unknown():
    world = World().fail(well.BACKUPS, "missing", "there is no file")
    said(world, "wsmanager.grafana.backup_age", UNKNOWN, "there is no file")
