"""A real Prometheus reads what a run publishes, judges it by the rules, and says it as it was written."""

import re
import time
from dataclasses import replace

from healthgate.claim.limit import at_least, below, percent, reaching
from healthgate.claim.state import State
from healthgate.judge import series
from tests.checks.world import CATALOGUE, ROOT, World
from tests.render import published
from tests.render.declared import catalogue, check, rules_of
from tests.render.published import verdict

RULES = (ROOT / "monitoring/alerts.yaml").read_text()
AT_ONCE = re.sub(r"^( +for:) .*$", r"\1 0s", RULES, flags=re.MULTILINE)

HOSTILE = "say \"no\" to {{ $labels.check }} and '{{{' or }} {; \\ % `x` ${y} <b>&amp;\t\x1b[31m ü 😀 {"
SHOWN = HOSTILE.replace("\t", "\\t").replace("\x1b", "\\x1b")


def test_an_alert_fires_and_resolves_and_says_what_was_written(start_prometheus):
    quick = check(
        "boiler.pressure[left]",
        below(80, percent, warning=reaching(80), critical=90),
        name=HOSTILE,
        cause=HOSTILE,
        action=HOSTILE,
        cadence=0.1,
    )
    slow = check("boiler.level", at_least(3, critical=2), cadence=3600)
    prometheus = start_prometheus(alerts=rules_of(catalogue([quick, slow])))

    def publish(state: State, value: float | None) -> None:
        low = verdict(slow.id, State.CRITICAL, 1)
        prometheus.page = published.page([verdict(quick.id, state, value), low], time.time() + 3600)

    def firing() -> set[tuple[str, str, str]]:
        return set(prometheus.alerts())

    publish(State.CRITICAL, 91.5)
    critical = (quick.id, "critical", "here")
    said = prometheus.until(lambda: prometheus.alerts().get(critical), "the critical alert fires")
    assert said["summary"] == f"[critical] {SHOWN} in here"
    assert said["description"] == ("91.5 %; it should stay below 80 %, warning at least 80 %, critical above 90 %")
    assert (said["cause"], said["action"], said["runbook"]) == (SHOWN, SHOWN, "docs/runbooks/page.md")
    assert firing() == {critical}
    assert set(prometheus.alerts("pending")) == {(slow.id, "critical", "here")}  # for two hours

    publish(State.WARNING, 80)
    prometheus.until(lambda: firing() == {(quick.id, "warning", "here")}, "it is a warning")
    publish(State.BLOCKED, None)
    prometheus.until(lambda: firing() == set(), "it is blocked and says nothing")
    publish(State.UNKNOWN, None)
    prometheus.until(lambda: firing() == {(quick.id, "unknown", "here")}, "it is unknown")
    publish(State.OK, 50)
    prometheus.until(lambda: firing() == set(), "it is resolved")
    prometheus.page = ""
    missed = {("healthgate.runs_stopped", "unknown", "here"), ("healthgate.runs_absent", "unknown", "")}
    prometheus.until(lambda: firing() == missed, "runs are missed")


def test_every_committed_alert_fires_for_what_a_run_publishes_and_says_what_the_check_says(start_prometheus):
    """In one environment all is well, with values; in each of the others every check is in one of the states."""
    told = [verdict(one.id, state, None, f"all {state}") for one in CATALOGUE.checks.values() for state in State]
    well = World()
    told += [well.verdict(name) for name in CATALOGUE.checks]
    prometheus = start_prometheus(alerts=AT_ONCE)
    prometheus.page = published.page(told, time.time() + 3600)

    wanted = {(one.id, "unknown", "all unknown") for one in CATALOGUE.checks.values()}
    for one in CATALOGUE.checks.values():
        wanted |= {(one.id, name, f"all {name}") for name in ("warning", "critical") if name in one.stays.tiers()}
    prometheus.until(lambda: set(prometheus.alerts()) == wanted, "exactly these fire")

    for (name, state, environment), said in prometheus.alerts().items():
        one = CATALOGUE.checks[name]
        assert said["summary"] == f"[{state}] {one.name} in {environment}"
        assert said["description"].endswith(f"it should stay {one.stays}")
        if state != "unknown":
            assert (said["cause"], said["action"]) == (one.cause, one.action)
        assert not {"{{", "<error", "<no value>"} & set(re.findall(r"\{\{|<error|<no value>", " ".join(said.values())))
    ill = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"] if rule["health"] != "ok"]
    assert ill == []


def test_every_series_the_rules_and_the_dashboard_ask_for_is_one_a_run_publishes():
    muted = replace(verdict("boiler.level", State.CRITICAL, 1), maintenance="until tomorrow")
    page = published.page([verdict("boiler.pressure", State.OK, 1), muted], 0)
    names = {line.partition("{")[0] for line in page.splitlines() if not line.startswith("#")}
    asked = set(re.findall(r"\bhealthgate_[a-z_]+", RULES + (ROOT / "monitoring/dashboard.json").read_text()))
    assert {series.READING, series.STATE, series.LIMIT, series.LAST_RUN} <= asked <= names
