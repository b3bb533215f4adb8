"""Does the Prometheus watch the manager: does it scrape it, has it the rules, do they fire, does it keep enough?"""

from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import parse_qs, urlsplit

from checks.wsmanager import JOB, MONITORING, PRODUCTION, ROUTE, RULES_FILE, SERVER, STAGING
from checks.wsmanager.alerts import ALERTS, AlertRule
from checks.wsmanager.expression import Node, parsed
from checks.wsmanager.promql import metric_names
from checks.wsmanager.scrape import EVERY
from healthgate import (
    TIME_SCALE,
    Facts,
    Measured,
    NoData,
    Source,
    Tier,
    Unit,
    at_least,
    check,
    each,
    equals,
    exactly,
    measure,
    prometheus_seconds,
    tried,
)
from healthgate.duration import spoken
from healthgate.readings import Alerts, Rule, Rules, Target, Targets

days = Unit("days")

OLDEST_SCRAPE = 60.0
"""Seconds that may have passed since the last scrape."""

OLDEST_EVALUATION = 300.0
"""Seconds after which a rule that was not evaluated again says nothing."""

RETENTION = ("storage.tsdb.retention.time", "storage.tsdb.retention")
DAY = 86_400.0
DEFAULT_DAYS = 15
"""Days that a Prometheus keeps where no retention is set."""


def targets_of(targets: Targets, environment: str) -> list[Target]:
    """Return the targets of an instance; one that does not say whose it is counts as production's.

    Where none of them says so, each may be any instance's.
    """
    mine = [one for one in targets.all if urlsplit(one.url).path == ROUTE or one.labels.get("job") == JOB]
    if not any("environment" in one.labels for one in mine):
        return mine
    return [one for one in mine if one.labels.get("environment", PRODUCTION) == environment]


@measure(SERVER.targets, TIME_SCALE)
def scraping(targets: Targets, scale: float) -> Measured:
    """Whether production is scraped as it should be, otherwise, or not at all."""
    mine = [one for one in targets.having(job=JOB) if one.labels.get("environment", PRODUCTION) == PRODUCTION]
    if not mine:
        return Measured("not scraped", f"none of {len(targets.all)} targets is production's of the job {JOB}")
    for one in mine:
        if not one.up:
            return Measured("not scraped", f"{host(one)} is down: {one.error or 'it does not say why'}")
    wrong = [words for one in mine for words in deviations(one, scale)]
    return Measured("scraped otherwise" if wrong else "scraped", "; ".join(wrong) or ", ".join(map(host, mine)))


def deviations(target: Target, scale: float) -> list[str]:
    """Return in what ways a target is not scraped as documented."""
    asked = urlsplit(target.url)
    found = []
    if asked.path != ROUTE:
        found.append(f"{host(target)} is asked for {asked.path}, not {ROUTE}")
    if parse_qs(asked.query).get("format") != ["prometheus"]:
        found.append(f"{host(target)} is not asked for format=prometheus")
    if target.interval is None or target.age is None:
        raise NoData(f"Prometheus does not say how often or when {host(target)} was scraped")
    if round(target.interval * scale, 3) != EVERY:
        every = spoken(round(target.interval * scale, 3))
        found.append(f"{host(target)} is scraped every {every}, not {spoken(EVERY)}")
    if target.age * scale > OLDEST_SCRAPE:
        found.append(f"{host(target)} was last scraped {spoken(round(target.age * scale, 1))} ago")
    return found


def host(target: Target) -> str:
    """Return host and port of a target."""
    return urlsplit(target.url).netloc


@check(
    "wsmanager.prom.target",
    scraping,
    stays=equals("scraped", warning=exactly("scraped otherwise"), critical=exactly("not scraped")),
    name="Scrape of the WebSocket manager",
    cause="the scrape job was removed or names a wrong host; an alert on up == 0 is silent about that",
    action="restore the scrape job and reload Prometheus",
    runbook="monitoring-chain",
    every="60s",
)
def test_target(verdict):
    """Production is scraped every 30 s, with the documented path and parameter."""
    assert verdict.healthy, verdict


Written = Mapping[str, Sequence[str]]
"""Expressions by the name of their alert or series."""


@measure(MONITORING.file(RULES_FILE))
def in_the_file(rules: Facts) -> Written:
    """What the rules file has."""
    found: dict[str, list[str]] = {}
    for group in rules.elements("groups"):
        for rule in group.elements("rules"):
            name = rule.text("alert" if rule.has("alert") else "record")
            found.setdefault(name, []).append(rule.text("expr"))
    return found


@measure()
def in_no_file() -> Written:
    """Return nothing, where the profile names no files of the monitoring."""
    return {}


ON_FILE = tried(in_the_file.otherwise(in_no_file))


def loaded(name: str, wanted: AlertRule) -> Source:
    """Return whether an alert is loaded as documented and as the rules file has it, with every series it reads."""

    @measure(SERVER.rules, ON_FILE, TIME_SCALE)
    def there(rules: Rules, on_file: Written | NoData, scale: float) -> Measured:
        found = alerts_named(rules, name)
        if not found:
            return Measured(False, f"no alert {name} is among the {len(rules.all)} rules that are loaded")
        # a file that cannot be read is the finding of its own check
        kept = {} if isinstance(on_file, NoData) else on_file
        problems = [problem_of(rule, wanted, rules, scale) or other_than(kept, rule, rules) for rule in found]
        if "" in problems:
            return Measured(True, f"for {spoken(wanted.lasting)}, {wanted.severity}")
        return Measured(False, problems[0])

    return there


def alerts_named(rules: Rules, name: str) -> list[Rule]:
    """Return the alerting rules of a name: there should be one, and may be none."""
    return [rule for rule in rules.all if rule.name == name and rule.kind == "alerting"]


def problem_of(rule: Rule, wanted: AlertRule, rules: Rules, scale: float) -> str:
    """Return what is wrong with a rule, empty where nothing is; NoData where it has not been evaluated yet."""
    if rule.health == "err":
        return f"its last evaluation failed: {rule.error}"
    if round(rule.lasting * scale, 3) != wanted.lasting:
        return f"it waits for {spoken(round(rule.lasting * scale, 3))}, not {spoken(wanted.lasting)}"
    severity = rule.labels.get("severity", "")
    if severity != wanted.severity:
        return f"its severity is {severity or 'not set'}, not {wanted.severity}"
    for name in recorded_names(rule.expression):
        recorded = recording(rules, name)
        if not recorded:
            return f"it reads {name}, which no rule records"
        if all(one.health == "err" for one in recorded):
            return f"it reads {name}, whose last evaluation failed: {recorded[0].error}"
    expression = parsed(rule.expression)
    if not any(asked.is_in(expression, partial(recorded_as, rules)) for asked in wanted.asks):
        return f"it asks for {rule.expression}, not for {' or '.join(map(str, wanted.asks))}"
    if rule.health != "ok":
        raise NoData(f"{rule.name} has not been evaluated yet")
    return ""


def recorded_names(expression: str) -> list[str]:
    """Return the names of recorded series that an expression reads."""
    return sorted(name for name in metric_names(expression) if ":" in name)


def recording(rules: Rules, name: str) -> list[Rule]:
    """Return the rules that record a series."""
    return [one for one in rules.all if one.name == name and one.kind == "recording"]


def recorded_as(rules: Rules, name: str) -> list[Node]:
    """Return what the rules record under a name."""
    return [parsed(one.expression) for one in recording(rules, name)]


def other_than(on_file: Written, rule: Rule, rules: Rules) -> str:
    """Return how a rule, or a series it reads, differs from what the file has of that name; empty where it does not."""
    parts = [rule, *(one for name in recorded_names(rule.expression) for one in recording(rules, name))]
    for one in parts:
        kept = on_file.get(one.name, ())
        if kept and not any(same(one.expression, expression) for expression in kept):
            return f"{one.name} is loaded as {one.expression}, the rules file has {kept[0]}"
    return ""


def same(expression: str, other: str) -> bool:
    """Whether two expressions say the same, whichever way they are written; what cannot be read is compared as text."""
    try:
        return parsed(expression) == parsed(other)
    except NoData:
        return expression.split() == other.split()


def quiet(name: str, wanted: AlertRule) -> Source:
    """Return whether an alert fires; one that could not fire is no data, never quiet."""
    proof = f"wsmanager.prom.rules_loaded[{name}]"

    @measure(SERVER.alerts, SERVER.rules, SERVER.targets, TIME_SCALE)
    def told(alerts: Alerts, rules: Rules, targets: Targets, scale: float) -> Measured:
        firing = alerts.firing(name)
        if firing:
            severities = {alert.labels.get("severity", "") for alert in firing}
            state = "firing as warning" if severities == {"warning"} else "firing as critical"
            ages = [alert.age for alert in firing if alert.age is not None]
            return Measured(state, f"active for {spoken(round(max(ages) * scale))}" if ages else "")
        able_to_fire(alerts_named(rules, name), name, proof, scale)
        for environment in wanted.of:
            watched(targets, environment)
        pending = alerts.pending(name)
        return Measured("quiet", "pending" if pending else "")

    return told


def able_to_fire(found: list[Rule], name: str, proof: str, scale: float) -> None:
    """Pass if some rule of the name was evaluated lately; NoData says why its silence means nothing."""
    if not found:
        raise NoData(f"no alert {name} is loaded, so its silence means nothing", proof)
    well = [rule for rule in found if rule.health == "ok" and rule.age is not None]
    if not well:
        raise NoData(f"{name} has not been evaluated, or with an error, so its silence means nothing", proof)
    age = min(rule.age for rule in well if rule.age is not None) * scale
    if age > OLDEST_EVALUATION:
        raise NoData(f"{name} was last evaluated {spoken(round(age))} ago, so its silence means nothing", proof)


def watched(targets: Targets, environment: str) -> None:
    """Pass if an instance is scraped; NoData where nothing of it comes in that an alert could fire for."""
    mine = targets_of(targets, environment)
    if not any(one.health == "up" for one in mine):
        explained = "wsmanager.canary.staging_up" if environment == STAGING and mine else "wsmanager.prom.target"
        raise NoData(f"nothing of {environment} is scraped, so the silence of the alert means nothing", explained)


@each(
    check(
        f"wsmanager.prom.rules_loaded[{name}]",
        loaded(name, wanted),
        stays=equals(True),
        name=f"Rule {name} is loaded",
        cause="the rules file was not copied or was changed by hand, or Prometheus not reloaded",
        action="copy the rules file into the rules directory, then POST /-/reload",
        runbook="monitoring-chain",
        every="1h",
    )
    for name, wanted in ALERTS.items()
)
def test_rules(verdict):
    """Every alert is loaded with its line, duration and severity, and what it reads is recorded."""
    assert verdict.healthy, verdict


@each(
    check(
        f"wsmanager.prom.alerts_quiet[{name}]",
        quiet(name, wanted),
        stays=equals(
            "quiet",
            warning=exactly("firing as warning"),
            critical=Tier("not in", ("quiet", "firing as warning")),
        ),
        name=f"Alert {name}",
        cause="what the alert is about",
        action="go by the check that the alert stands for",
        runbook="websocket-manager-down",
        every="60s",
        sums_up=wanted.stands_for,
    )
    for name, wanted in ALERTS.items()
)
def test_alerts(verdict):
    """No alert fires."""
    assert verdict.healthy, verdict


@measure(SERVER.status("flags"))
def kept_days(flags: Facts) -> Measured:
    """Days that metrics are kept for, as the flags say; an older flag counts where the newer one is not set."""
    told = flags.members()
    if RETENTION[0] not in told:
        raise NoData(f"the flags do not name {RETENTION[0]}")
    for flag in RETENTION:
        if flag in told and (kept := prometheus_seconds(told[flag].text())):
            return Measured(kept / DAY)
    return Measured(DEFAULT_DAYS, "no retention is set, and this is what a Prometheus then keeps")


@check(
    "wsmanager.prom.reload",
    SERVER.page["prometheus_config_last_reload_successful"],
    stays=equals(1, warning=exactly(0)),
    name="Last reload of the Prometheus configuration",
    cause="the configuration or a rules file is broken: new rules are not active",
    action="run promtool check config; reloads need the web lifecycle option",
    runbook="monitoring-chain",
    every="1h",
)
@check(
    "wsmanager.prom.retention",
    kept_days,
    stays=at_least(30, days, warning=30),
    name="Retention of metrics",
    cause="the default of 15 days was left in place",
    action="raise storage.tsdb.retention.time to 30d, and see that the disk holds it",
    runbook="monitoring-chain",
    every="24h",
)
def test_server(verdict):
    """The Prometheus runs on its newest configuration and keeps a month."""
    assert verdict.healthy, verdict
