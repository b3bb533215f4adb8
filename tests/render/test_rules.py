"""Every check has its alerts, and Prometheus judges every value as the limit does."""

import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from healthgate.claim.limit import (
    COMPARE,
    Limit,
    Tier,
    Unit,
    at_least,
    below,
    equals,
    exactly,
    none,
    over,
    percent,
    reaching,
    rising,
)
from healthgate.claim.state import State
from healthgate.judge.series import CODES
from healthgate.render import alert_tests, alerts, promql
from tests.checks.test_catalogue import ROWS, STATES
from tests.checks.world import CATALOGUE, ROOT
from tests.claim.test_evaluator_examples import ROWS as CLAIMS
from tests.claim.test_evaluator_examples import limit_of
from tests.render.declared import catalogue, check, rules_of
from tests.render.prometheus import LOADER

RULES = (ROOT / "monitoring/alerts.yaml").read_text()
TESTS = alert_tests.text(CATALOGUE, alert_tests.written(ROOT / "tests/checks/spec_rows.yaml"), "alerts.yaml", "")


def groups(rules: str) -> dict[str, list[dict]]:
    return {group["name"]: group["rules"] for group in yaml.load(rules, LOADER)["groups"]}


def test_prometheus_accepts_the_rules(promtool):
    assert f"SUCCESS: {sum(map(len, groups(RULES).values()))} rules found" in promtool.check(RULES)


def test_prometheus_judges_every_example_as_the_limit_does(promtool):
    assert "SUCCESS" in promtool.test(RULES, TESTS)


def only(names: set[str], rules: str, tests: str) -> tuple[str, str]:
    """Leave out the rules of other alerts, and their tests: each costs Prometheus as much as any."""
    wanted, tried = yaml.load(rules, LOADER), yaml.load(tests, LOADER)
    for group in wanted["groups"]:
        group["rules"] = [rule for rule in group["rules"] if rule["alert"] in names]
    (one,) = tried["tests"]
    of_them = re.compile(f'alertname="({"|".join(map(re.escape, names))})"')
    one["promql_expr_test"] = [test for test in one["promql_expr_test"] if of_them.search(test["expr"])]
    return json.dumps(wanted), json.dumps(tried)


def test_rules_that_judge_otherwise_fail_their_tests(promtool):
    mistakes = {
        'gateway.pool.utilization"} > 90': 'gateway.pool.utilization"} >= 90',
        'market.ws.parse_error_rate"} > 5)': 'market.ws.parse_error_rate"} >= 5)',
        'gateway.pool.active_connections"} >= 40': 'gateway.pool.active_connections"} > 40',
        'market.ws.uptime"} <= 99': 'market.ws.uptime"} < 98',
        f'market.redis.cluster_state"}} == {CODES[State.CRITICAL]}': 'market.redis.cluster_state"} == 1',
        f'gateway.reachable"}} == {CODES[State.UNKNOWN]}': 'gateway.reachable"} == 0',
    }
    rules = RULES
    for right, wrong in mistakes.items():
        assert right in rules
        rules = rules.replace(right, wrong)
    names = {right.partition('"')[0] for right in mistakes}
    said = promtool.failing(*only(names, rules, TESTS))
    assert set(re.findall(r'alertname=\\"(.+?)\\"', said)) == names


def test_every_specified_example_is_among_those_prometheus_is_tried_with():
    tried = yaml.load(TESTS, LOADER)["tests"][0]
    series = {one["series"] for one in tried["input_series"]}
    firing = {
        (test["expr"].partition('alertname="')[2].partition('"')[0], sample["labels"])
        for test in tried["promql_expr_test"]
        for sample in test["exp_samples"]
    }
    compared = 0
    for row in ROWS:
        for example in row.get("evaluator_examples", ()):
            for check_id in [f"{row['id']}[{name}]" for name in row.get("params", ())] or [row["id"]]:
                if not promql.numeric(CATALOGUE.checks[check_id].stays):
                    continue
                value = promql.number(example["value"])
                assert any(f'check="{check_id}", environment="{value}"' in one for one in series), (check_id, value)
                state = STATES[example.get("state") or example["sustained"]]
                for alert in (State.WARNING, State.CRITICAL):
                    labels = f'{{environment="{value}", state="{alert}"}}'
                    assert ((check_id, labels) in firing) is (state is alert), (check_id, value)
                compared += 1
    assert compared > 140


def test_all_documented_claims_of_all_systems_are_judged_alike(promtool):
    """The limits of the evaluator's own examples, windows included, as if each were a check."""
    checks = [check(f"boiler.claim.number{number}", limit_of(row)) for number, row in enumerate(CLAIMS)]
    values = {
        one.id: [example["value"] for example in row["examples"]] for one, row in zip(checks, CLAIMS, strict=True)
    }
    found = catalogue(checks)
    rules = rules_of(found)

    promtool.check(rules)
    assert "SUCCESS" in promtool.test(rules, alert_tests.text(found, values, "alerts.yaml", ""))


def test_every_comparison_is_spelt_for_prometheus_and_judges_alike(promtool):
    assert set(promql.COMPARE) == set(COMPARE)
    ruler = Unit("mm", floor=None)
    several = {"in": (3, 5, 7.5), "not in": (3, 5), "between": (2, 4), "outside": (-2, 4)}
    checks = [
        check(f"boiler.tier.{name}", Limit(objective, ruler, warning=Tier(op, several.get(op, 3.3))))
        for name, op, objective in (
            *((f"plain{number}", op, Tier("==", 1000)) for number, op in enumerate(COMPARE)),
            *((f"good{number}", op, Tier(op, several.get(op, 3.3))) for number, op in enumerate(("in", "between"))),
        )
    ]
    checks += [
        check("boiler.edge.tiny", below(5e-324, ruler, critical=reaching(1e-300))),
        check("boiler.edge.huge", below(1e300, ruler, critical=1.7e308)),
        check("boiler.edge.negative", below(-3, ruler, warning=-2.5, critical=reaching(0))),
        check("boiler.edge.same", below(80, percent, warning=80, critical=reaching(80))),
    ]
    found = catalogue(checks)
    rules = rules_of(found)

    promtool.check(rules)
    assert "SUCCESS" in promtool.test(rules, alert_tests.text(found, {}, "alerts.yaml", ""))


def test_every_check_has_the_rules_its_limit_has_lines_for():
    found = groups(RULES)
    assert list(found) == [*sorted(CATALOGUE.systems), "healthgate runs"]
    seen = {(rule["alert"], rule["labels"]["state"]) for name in CATALOGUE.systems for rule in found[name]}
    wanted = {
        (one.id, state)
        for one in CATALOGUE.checks.values()
        for state in ("unknown", *(name for name in ("warning", "critical") if name in one.stays.tiers()))
    }
    assert seen == wanted
    assert sum(map(len, found.values())) == len(wanted) + 3


def test_a_rule_says_where_how_bad_and_what_to_do():
    rules = [rule for several in groups(RULES).values() for rule in several]
    assert [rule["alert"] for rule in rules if not _says_it(rule)] == []
    assert len(rules) > len(CATALOGUE.checks)


def _says_it(rule):
    labels, annotations = rule["labels"], rule["annotations"]
    complete = all(annotations[name] for name in ("summary", "description", "cause", "action"))
    if labels["system"] == "healthgate":
        return complete
    one = CATALOGUE.checks[rule["alert"]]
    worst = one.stays.severity if labels["state"] == "unknown" else labels["state"]
    return (
        complete
        and labels == {"check": one.id, "system": one.system, "state": labels["state"], "severity": worst}
        and str(one.stays) in annotations["description"]
        and annotations["runbook"] == f"docs/runbooks/{one.runbook}.md"
        and (ROOT / annotations["runbook"]).is_file()
    )


@pytest.mark.parametrize(
    ("tier", "seconds"),
    [
        (Tier(">", 90), 120),
        (Tier(">", 90, sustained=300), 300),
        (Tier(">", 90, sustained=30), 30),
        (Tier(">", 90, samples=3), 180),
        (Tier(">", 90, sustained=300, samples=3), 300),
        (Tier(">", 90, rises=3, each=600), 120),
    ],
)
def test_an_alert_waits_as_long_as_the_limit_says_and_else_for_two_cadences(tier, seconds):
    assert alerts.wait(check("boiler.pressure"), tier) == seconds


NAME = "boiler.pressure"


def of_the_check(fired: set[tuple[str, str, str]]) -> set[tuple[str, str]]:
    return {(state, environment) for alert, state, environment in fired if alert == NAME}


def test_nothing_fires_before_it_has_lasted_and_between_warning_and_critical_nothing_falls_silent(promtool):
    rules = rules_of(catalogue([check(NAME)]))
    value = {7: "critical", 8: "critical"} | dict.fromkeys((3, 4, 5, 6), "warning")
    series = {f'healthgate_reading{{check="{NAME}", environment="here"}}': "70 85 85 85 85 95 95 95 95 85 70 70"}

    told = promtool.firing(rules, *((series, f"{minute}m") for minute in range(12)))
    assert [of_the_check(fired) for fired in told] == [
        {(value[minute], "here")} if minute in value else set() for minute in range(12)
    ]


def test_a_trend_is_alerted_by_the_state_that_a_run_gives_and_not_by_the_value(promtool):
    limit = at_least(0, percent, warning=rising(over(1), 3, "10m", by=1.5), critical=over(50))
    one = catalogue([check(NAME, limit)])
    rules = rules_of(one)
    assert "healthgate_reading" not in next(
        r["expr"] for r in groups(rules)["boiler"] if r["labels"]["state"] == "warning"
    )
    tests = alert_tests.text(one, {NAME: [0.5, 1, 7, 50, 51]}, "alerts.yaml", "")
    assert "SUCCESS" in promtool.test(rules, tests)


def state_of(name: str, state: State) -> dict[str, str]:
    return {f'healthgate_state{{check="{name}", environment="here"}}': f"{CODES[state]}+0x9"}


def test_a_state_without_a_number_alerts_and_a_blocked_check_not_at_all(promtool):
    door = check("boiler.door", Limit(Tier("<", 80), percent, critical=Tier(">", 90)))
    rules = rules_of(catalogue([door, check(NAME, requires=("boiler.door",))]))
    run = last_run("all", EVERY_MINUTE)

    assert promtool.firing(
        rules,
        (run | state_of(NAME, State.CRITICAL), "9m"),
        (run | state_of(NAME, State.WARNING), "9m"),
        (run | state_of(NAME, State.MISSED), "9m"),
        (run | state_of("boiler.door", State.UNKNOWN) | state_of(NAME, State.BLOCKED), "9m"),
    ) == [
        {(NAME, "critical", "here")},
        {(NAME, "warning", "here")},
        set(),
        {("boiler.door", "unknown", "here")},
    ]


def test_what_is_in_maintenance_does_not_fire_and_afterwards_not_at_once(promtool):
    rules = rules_of(catalogue([check(NAME)]))
    series = last_run("all", EVERY_MINUTE) | state_of(NAME, State.CRITICAL)
    series |= {f'healthgate_reading{{check="{NAME}", environment="here"}}': "95+0x9"}
    series |= {f'healthgate_maintenance{{check="{NAME}", environment="here"}}': "_ _ _ 1 1 1 stale"}
    told = promtool.firing(rules, *((series, f"{minute}m") for minute in range(2, 10)))
    fired = {(NAME, "critical", "here")}
    assert told == [fired, *5 * [set()], fired, fired]


def test_an_environment_that_judges_by_another_limit_is_alerted_by_that_one(promtool):
    one = check(NAME)
    rules = rules_of(catalogue([one]), there={one.id: one.stays.moved({"warning": 85})})
    series = {
        f'healthgate_reading{{check="{NAME}", environment="{place}"}}': f"{value}+0x9"
        for place, value in (("here", 82), ("there", 82), ("everywhere", 86), ("there", 86))
    }
    fired = promtool.firing(rules, (series, "9m"))[0]
    assert of_the_check(fired) == {("warning", "here"), ("warning", "everywhere"), ("warning", "there")}

    series = {f'healthgate_reading{{check="{NAME}", environment="there"}}': "82+0x9"}
    assert of_the_check(promtool.firing(rules, (series, "9m"))[0]) == set()


def test_a_threshold_in_a_profile_is_rendered(project):
    path = project.folder / "environments/staging.yaml"
    thresholds = "\nthresholds:\n  gateway.pool.utilization: {warning: 85, because: the pool was doubled}\n"
    path.write_text(path.read_text() + thresholds)

    assert project.render("--check").code == 1
    assert project.render().code == 0
    rules = (project.folder / "monitoring/alerts.yaml").read_text()
    assert 'healthgate_reading{check="gateway.pool.utilization", environment!="staging"} > 80' in rules
    assert 'healthgate_reading{check="gateway.pool.utilization", environment="staging"} > 85' in rules


def last_run(selection: str, seconds: list[int], environment: str = "here") -> dict[str, str]:
    name = f'healthgate_last_run_timestamp_seconds{{environment="{environment}", selection="{selection}"}}'
    return {name: " ".join(map(str, seconds))}


def states(*ids: str) -> dict[str, str]:
    return {f'healthgate_state{{check="{name}", environment="here"}}': "0+0x60" for name in ids}


EVERY_MINUTE = [60 * n for n in range(61)]
STOPPED = [min(60 * n, 600) for n in range(61)]
RARE = {"boiler.often": 60.0, "boiler.rare": 3600.0}


def test_silence_is_told(promtool):
    rules = rules_of(catalogue(check(name, cadence=cadence) for name, cadence in RARE.items()))
    often_by_itself = last_run("cadence=60s", EVERY_MINUTE) | last_run("all", STOPPED)
    elsewhere = last_run("all", EVERY_MINUTE, "there")
    cases = {
        "runs go on": (last_run("all", EVERY_MINUTE), "1h", set()),
        "three cadences late, and not yet for two": (last_run("all", STOPPED), "14m", set()),
        "stopped ten minutes ago": (last_run("all", STOPPED), "20m", {"stopped"}),
        "once, by hand": (last_run("part", STOPPED) | last_run("all", EVERY_MINUTE), "1h", set()),
        "hourly runs, forty minutes ago": (last_run("cadence=3600s", STOPPED), "50m", set()),
        "runs of each minute, long ago": (last_run("cadence=60s", STOPPED), "50m", {"stopped"}),
        "what is asked each minute has runs of its own, the rest is hourly": (often_by_itself, "50m", set()),
        "one of several runs stopped": (
            last_run("cadence=60s,system=boiler", STOPPED) | last_run("all", EVERY_MINUTE),
            "50m",
            {"stopped"},
        ),
        "nothing ever ran": ({}, "10m", {"absent"}),
        "an environment vanished": (last_run("all", [0] * 9) | elsewhere, "1h", {"stopped"}),
    }
    told = promtool.firing(rules, *((states(*RARE) | series, moment) for series, moment, _ in cases.values()))
    named = [{alert.removeprefix("healthgate.runs_") for alert, _, _ in fired} for fired in told]
    assert dict(zip(cases, named, strict=True)) == {case: fires for case, (_, _, fires) in cases.items()}


def test_results_that_a_run_lost_are_told(promtool):
    rules = rules_of(catalogue([check("boiler.pressure")]))
    labels = '{environment="here", selection="all"}'
    series = {f"healthgate_selected{labels}": "143+0x9", f"healthgate_executed{labels}": "142+0x9"}
    assert ("healthgate.results_lost", "unknown", "here") in promtool.firing(rules, (series, "9m"))[0]


def test_texts_and_truths_are_judged_by_their_state():
    named = Limit(Tier("==", "ok"), warning=exactly("slow"), critical=Tier("not in", ("ok", "slow")))
    for limit in (named, equals(True), equals("ok"), Limit(Tier("in", ("a", "b")))):
        assert "healthgate_reading" not in rules_of(catalogue([check("boiler.word", limit)]))
    assert "healthgate_reading" in rules_of(catalogue([check("boiler.number", none(percent, critical=0))]))


@pytest.mark.whole
def test_five_thousand_checks_are_rendered_in_a_moment():
    from healthgate.render import dashboard, page

    found = catalogue(check(f"boiler.valve.opening[number-{number}]") for number in range(5000))
    began = time.process_time()
    rules = rules_of(found)
    tests = alert_tests.text(found, {}, "alerts.yaml", "")
    board, listed = dashboard.text(found, "{name}"), page.text(found, "{name}", "docs")
    took = time.process_time() - began

    assert took < 15, f"{took:.1f} s"
    assert rules.count("- alert: ") == 15_003
    assert (tests.count("- expr: "), board.count('"type": "timeseries"'), listed.count("\n| `boiler.")) == (5000,) * 3


def test_edges_are_exact():
    assert promql.number(0.1) == "0.1"
    assert promql.number(30000.0) == "30000"
    assert float(promql.number(math.nextafter(80, 81))) == math.nextafter(80, 81)
    assert [promql.span(s) for s in (30, 60, 90, 120, 7200, 86400 * 2, 0.25, 1.5)] == [
        "30s", "1m", "90s", "2m", "2h", "2d", "250ms", "1500ms",
    ]  # fmt: skip


def test_a_changed_copy_of_a_check_changes_its_rules_only():
    before = groups(rules_of(CATALOGUE))
    one = CATALOGUE.checks["gateway.pool.utilization"]
    changed = replace(
        CATALOGUE, checks=CATALOGUE.checks | {one.id: replace(one, stays=one.stays.moved({"critical": 95}))}
    )
    after = groups(rules_of(changed))
    different = [rule["alert"] for old, rule in zip(before["gateway"], after["gateway"], strict=True) if old != rule]
    assert set(different) == {one.id}
    assert (before["market"], before["healthgate runs"]) == (after["market"], after["healthgate runs"])


def test_the_examples_are_read_from_where_the_engines_tests_read_them():
    read = alert_tests.written(ROOT / "tests/checks/spec_rows.yaml")
    assert sum(map(len, read.values())) == sum(len(row.get("evaluator_examples", ())) for row in ROWS)
    assert alert_tests.written(Path("there/is/none.yaml")) == {}
