"""Do the files hold that make people see the manager: dashboard, scrape job, rules, routes?"""

from checks.findings import Findings
from checks.wsmanager import (
    ALERTMANAGER,
    BACKUPS,
    DASHBOARD,
    FILES,
    JOB,
    METRICS,
    MONITORING,
    PRODUCTION,
    RULES_FILE,
    SCRAPE_JOB,
)
from checks.wsmanager.alerts import ALERTS
from checks.wsmanager.dashboard import Panel, panels
from checks.wsmanager.promql import metric_names
from checks.wsmanager.routing import all_receivers, integrations, receivers
from checks.wsmanager.scrape import job_deviations, job_of
from healthgate import TIME_SCALE, WARNING, Facts, Measured, Unit, at_most, check, each, equals, measure, none
from healthgate.readings import Listing, Page

panels_found = Unit("panels")
deviations = Unit("deviations")
days = Unit("days")

PANELS = (
    "Active Connections",
    "Retry Rate",
    "Stream Lifecycle",
    "High Water Mark",
    "Health Status",
    "Error Analysis",
)
"""The titles of the panels (spec 4.7)."""

OF_PROMETHEUS = frozenset(
    {
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
        "ALERTS",
        "ALERTS_FOR_STATE",
    }
)
"""Series that a Prometheus makes itself."""

SLACK, MIGRATION = "#alerts", "#ws-migration"
"""Where warnings are written, and where those who build the new manager read (spec 4.8)."""


@each(
    check(
        f"wsmanager.artifacts.files[{name}]",
        MONITORING.file(name).sound,
        stays=equals(True, otherwise=WARNING),
        name=f"Monitoring file {name}",
        cause="the file was lost or broken",
        action="restore it from version control",
        runbook="monitoring-chain",
        every="24h",
    )
    for name in FILES
)
def test_files(verdict):
    """The four monitoring files are there and can be read."""
    assert verdict.healthy, verdict


def proven(name: str) -> tuple[str, ...]:
    """Return the check that a reading of a monitoring file rests on."""
    return (f"wsmanager.artifacts.files[{name}]",)


@measure(MONITORING.file(SCRAPE_JOB), TIME_SCALE)
def scraped_otherwise(configuration: Facts, scale: float) -> Measured:
    """In how many ways the scrape job in the file differs from the documented one, or that it is not there."""
    found = Findings()
    job = job_of(configuration)
    if job is None:
        found.offenders.append(f"no job {JOB} stands in {SCRAPE_JOB}")
    else:
        found.offenders += job_deviations(job, configuration, scale)
    return found.measured(f"job {JOB}")


@check(
    "wsmanager.artifacts.scrape_job",
    scraped_otherwise,
    stays=none(deviations, warning=0),
    name="Scrape job in the monitoring files",
    cause="the file was edited: after the next deploy the manager is scraped otherwise, or not at all",
    action="restore job, path, parameter and interval from version control",
    runbook="monitoring-chain",
    every="24h",
    requires=proven(SCRAPE_JOB),
)
def test_scrape_job(verdict):
    """The file has the job with the documented path, parameter and interval."""
    assert verdict.healthy, verdict


@measure(MONITORING.file(DASHBOARD))
def panels_there(dashboard: Facts) -> Measured:
    """How many of the six panels there are that ask a Prometheus for something."""
    by_title: dict[str, list[Panel]] = {}
    for panel in panels(dashboard):
        by_title.setdefault(panel.title.casefold(), []).append(panel)
    missing = []
    for title in PANELS:
        found = by_title.get(title.casefold(), [])
        if not found:
            missing.append(f"{title} is missing")
        elif not any(panel.queries for panel in found):
            missing.append(f"{title} has no query")
        elif not any(panel.asks_prometheus for panel in found):
            missing.append(f"{title} does not ask a Prometheus")
    return Measured(len(PANELS) - len(missing), "; ".join(missing))


@measure(MONITORING.file(DASHBOARD), MONITORING.file(RULES_FILE), METRICS)
def unresolved(dashboard: Facts, rules: Facts, page: Page) -> Measured:
    """Names in panels and rules that neither the metrics page has nor a rule records."""
    asked = {
        name: f"{name} (panel {panel.title})"
        for panel in panels(dashboard)
        for query in panel.queries
        for name in metric_names(query)
    }
    recorded = set()
    for group in rules.elements("groups"):
        for rule in group.elements("rules"):
            if rule.has("record"):
                recorded.add(rule.text("record"))
            who = rule.text("alert" if rule.has("alert") else "record")
            asked |= {name: f"{name} (rule {who})" for name in metric_names(rule.text("expr"))}
    found = Findings()
    for name in sorted(asked):
        found.expect(name in page.names | recorded | OF_PROMETHEUS, f"{asked[name]} is exposed nowhere")
    return found.measured(f"{len(asked)} names")


@check(
    "wsmanager.grafana.panels",
    panels_there,
    stays=equals(6, panels_found, otherwise=WARNING),
    name="Panels of the manager's dashboard",
    cause="the dashboard was changed in the browser and exported again",
    action="import the dashboard from version control",
    runbook="monitoring-chain",
    every="24h",
    requires=proven(DASHBOARD),
)
@check(
    "wsmanager.grafana.queries_resolve",
    unresolved,
    stays=none(Unit("names"), warning=0),
    name="Metric names in panels and rules that do not exist",
    cause="a metric was renamed: the panel is empty, the alert silent",
    action="rename it in panels and rules too",
    runbook="monitoring-chain",
    every="24h",
    requires=(*proven(DASHBOARD), *proven(RULES_FILE)),
)
def test_dashboard(verdict):
    """The dashboard has its six panels, and nothing it or the rules ask for is missing."""
    assert verdict.healthy, verdict


@measure(BACKUPS)
def since_export(exported: Listing) -> Measured:
    """Days since the dashboard was last exported."""
    newest = min(exported.files, key=exported.days_old)
    return Measured(round(exported.days_old(newest), 1), f"{newest.name}, the newest of {len(exported.files)}")


@check(
    "wsmanager.grafana.backup_age",
    since_export,
    stays=at_most(30, days, expected=7),
    name="Age of the newest exported dashboard",
    cause="the job that exports it has not run",
    action="export the dashboard, and see why the job did not",
    runbook="monitoring-chain",
    every="24h",
)
def test_backup(verdict):
    """The dashboard was exported of late, so that it can be restored."""
    assert verdict.healthy, verdict


@measure(ALERTMANAGER)
def misrouted(configuration: Facts) -> Measured:
    """Alerts that do not reach whom they should: PagerDuty, #alerts; and whether none at all reaches the builders."""
    found = Findings()
    for name, rule in ALERTS.items():
        environment = rule.of[-1] if rule.of else PRODUCTION
        labels = {"alertname": name, "severity": rule.severity, "job": JOB, "environment": environment}
        told = receivers(configuration, labels)
        words = f"{name} ({rule.severity}) goes to {', '.join(told)}"
        if rule.severity == "critical":
            paged = integrations(configuration, told, "pagerduty_configs")
            found.expect(bool(paged), f"{words}, which pages nobody")
        else:
            channels = [one.text("channel") for one in integrations(configuration, told, "slack_configs")]
            found.expect(SLACK in channels, f"{words}, which does not write to {SLACK}")
    writes = integrations(configuration, all_receivers(configuration), "slack_configs")
    found.expect(any(one.text("channel") == MIGRATION for one in writes), f"no route leads to {MIGRATION}")
    return found.measured(f"{len(ALERTS)} alerts")


@check(
    "wsmanager.routing.receivers",
    misrouted,
    stays=none(deviations, warning=0),
    name="Alerts of the manager that reach nobody",
    cause="the routes of the Alertmanager were changed: the alert fires and nobody is told",
    action="correct the routes: critical to the on-call in PagerDuty, warnings to #alerts, the rest to #ws-migration",
    runbook="monitoring-chain",
    every="24h",
)
def test_routes(verdict):
    """Critical alerts page the on-call, warnings are written to #alerts, and something reaches #ws-migration."""
    assert verdict.healthy, verdict
