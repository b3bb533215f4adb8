"""Prometheus: it is ready, took its last configuration, scrapes everything, and evaluates every rule."""

from healthgate import (
    WARNING,
    Facts,
    FilePattern,
    FromProfile,
    LogLines,
    Measured,
    Prometheus,
    System,
    Unit,
    Url,
    above,
    check,
    equals,
    exactly,
    get,
    measure,
    none,
)
from healthgate.readings import Log, Rules, Targets


class Monitoring(System):
    """`version` is the one that should run, `log` what it writes to stderr, where that can be read from here."""

    name = "prometheus"
    url: Url
    version: str | None = None
    log: FilePattern | None = None


READY = get(Monitoring, "/-/ready")
SERVER = Prometheus(Monitoring, url="url", proven_by="prometheus.ready")
LOG = LogLines(
    Monitoring,
    path="log",
    kinds={
        "start": r'msg="Starting Prometheus Server"',
        "error": r"level=error (?P<what>.*)",
    },
    reach=300,
    since="start",
)

samples = Unit("samples/s")
targets = Unit("targets")
rules = Unit("rules")
lines = Unit("lines")


@measure(SERVER.status("buildinfo"), FromProfile(Monitoring, "version"))
def version(build: Facts, wanted: str) -> Measured:
    """Whether the version that should run does."""
    found = build.text("version")
    return Measured(found == wanted, found if found == wanted else f"{found} runs, not {wanted}")


@check(
    "prometheus.ready",
    READY.code,
    stays=equals(200),
    name="Prometheus",
    cause="it was killed (out of memory, most often), or still reads its write-ahead log after a start",
    action="look at the end of its log; give it ten minutes after a start",
    runbook="prometheus",
    every="30s",
)
@check(
    "prometheus.version",
    version,
    stays=equals(True, otherwise=WARNING),
    name="Version of Prometheus",
    cause="an upgrade was rolled back, or one came that nobody announced",
    action="ask who deployed it, and set the version in the profile to what should run",
    runbook="prometheus",
)
def test_it_runs(verdict):
    """It answers, and is the one that should run."""
    assert verdict.healthy, verdict


@check(
    "prometheus.config.loaded",
    SERVER.page["prometheus_config_last_reload_successful"],
    stays=equals(1),
    name="Configuration as it was loaded last",
    cause="the last reload found a mistake in prometheus.yml or in a file of rules: what was loaded before still runs",
    action="promtool check config prometheus.yml names the line; correct it and reload",
    runbook="prometheus",
)
@check(
    "prometheus.samples",
    SERVER.page["prometheus_tsdb_head_samples_appended_total"].total().per_second(),
    stays=above(0, samples, critical=exactly(0)),
    name="Samples that come in",
    cause="nothing is scraped any more, or the disk is full",
    action="look at /targets, then at the space left where it stores",
    runbook="prometheus",
)
def test_it_takes_what_it_is_given(verdict):
    """It works by its configuration, and something comes in."""
    assert verdict.healthy, verdict


@measure(SERVER.targets)
def down(found: Targets) -> Measured:
    """Targets whose last scrape failed."""
    failing = [f"{one.labels['job']} {one.labels['instance']}: {one.error}" for one in found.all if not one.up]
    return Measured(len(failing), "; ".join(failing))


@measure(SERVER.rules)
def failing_rules(loaded: Rules) -> Measured:
    """Rules whose last evaluation failed."""
    failing = [f"{rule.name}: {rule.error}" for rule in loaded.all if rule.health == "err"]
    return Measured(len(failing), "; ".join(failing))


@check(
    "prometheus.targets.down",
    down,
    stays=none(targets, critical=0),
    name="Targets that are down",
    cause="the target stopped, or the network between does not let Prometheus through",
    action="the reason stands beside each target at /targets",
    runbook="prometheus",
)
@check(
    "prometheus.shop.up",
    SERVER.query('up{job="shop"}').number,
    stays=equals(1),
    name="The shop, as Prometheus sees it",
    cause="the shop does not serve its metrics",
    action="see whether the shop itself answers: if it does, only its metrics are lost",
    runbook="prometheus",
)
@check(
    "prometheus.rules.failing",
    failing_rules,
    stays=none(rules, warning=0),
    name="Rules that cannot be evaluated",
    cause="an expression matches more series than it was written for",
    action="the error stands beside each rule at /rules",
    runbook="prometheus",
)
def test_it_sees_and_judges(verdict):
    """Everything is scraped, and every rule says something."""
    assert verdict.healthy, verdict


@measure(LOG)
def errors(log: Log) -> Measured:
    """Errors written in the last five minutes."""
    return Measured(log.within("error", 300), "; ".join(line.groups["what"] for line in log.lines("error")[:3]))


@check(
    "prometheus.log.errors",
    errors,
    stays=none(lines, warning=0),
    name="Errors in the log of Prometheus",
    cause="a reload that failed, a disk that is full, a rule that cannot be evaluated",
    action="read the lines: they name the file or the rule",
    runbook="prometheus",
)
def test_log(verdict):
    """It has nothing to complain about."""
    assert verdict.healthy, verdict
