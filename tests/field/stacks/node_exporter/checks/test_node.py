"""A machine, as its node_exporter tells: it is read whole, has room and time, and its backup ran."""

from healthgate import (
    Exposition,
    Measured,
    NoData,
    System,
    Unit,
    Url,
    above,
    at_most,
    below,
    check,
    equals,
    exactly,
    measure,
    none,
    percent,
    seconds,
)
from healthgate.readings import Page


class Node(System):
    """`url` is that of the node_exporter."""

    name = "node"
    url: Url


METRICS = Exposition(Node, "/metrics", proven_by="node.answers")

collectors = Unit("collectors")
files = Unit("files")
cpu = Unit("s/s")

WANTED = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev", "stat", "textfile", "time")
"""What must be readable; others fail where a machine has no such hardware."""

BACKUP = "backup_last_success_timestamp_seconds"
"""Written by the backup into a file for the textfile collector: when it last succeeded, in seconds since 1970."""


@measure(METRICS)
def failing_collectors(page: Page) -> Measured:
    """Parts of the machine that could not be read."""
    failing = [name for name in WANTED if page.number("node_scrape_collector_success", collector=name) != 1]
    return Measured(len(failing), ", ".join(failing))


@check(
    "node.answers",
    METRICS.code,
    stays=equals(200),
    name="node_exporter",
    cause="the machine is down, or only its node_exporter is",
    action="log in; if that works, systemctl restart prometheus-node-exporter",
    runbook="node",
    every="30s",
)
@check(
    "node.collectors.failing",
    failing_collectors,
    stays=none(collectors, warning=0),
    name="Collectors that fail",
    cause="the kernel does not have what is read, or the node_exporter may not read it",
    action="its log names the file that could not be read",
    runbook="node",
)
@check(
    "node.textfile.errors",
    METRICS["node_textfile_scrape_error"],
    stays=equals(0),
    name="Files of the textfile collector",
    cause="a script writes its .prom file in place instead of moving it there, or writes what is no metric",
    action="promtool check metrics < FILE names the line",
    runbook="node",
)
def test_it_is_read_whole(verdict):
    """Everything of the machine can be read."""
    assert verdict.healthy, verdict


@measure(METRICS)
def memory_used(page: Page) -> float:
    """Memory that is neither free nor can be freed, in % of all there is."""
    return 100 * (1 - page.number("node_memory_MemAvailable_bytes") / page.number("node_memory_MemTotal_bytes"))


@measure(METRICS)
def clock_offset(page: Page) -> float:
    """Seconds between its clock and ours, on top of what the answer took to get here."""
    return round(abs(page.at - page.number("node_time_seconds")), 3)


@check(
    "node.memory.used",
    memory_used,
    stays=below(90, percent, warning=90, critical=97),
    name="Memory in use",
    cause="a process grows, or too many run here",
    action="ps --sort=-rss; restart what grows before the kernel chooses for you",
    runbook="node",
)
@check(
    "node.cpu.counted",
    METRICS["node_cpu_seconds_total"].total().per_second(),
    stays=above(0, cpu, warning=exactly(0)),
    name="Processor time that is counted",
    cause="something between here and the machine keeps an old answer",
    action="ask the machine itself, without the proxy",
    runbook="node",
)
@check(
    "node.clock",
    clock_offset,
    stays=below(5, seconds, warning=5, critical=30),
    name="Offset of the clock",
    cause="chrony does not run, or reaches none of its servers",
    action="chronyc tracking; chronyc makestep",
    runbook="node",
)
def test_it_is_well(verdict):
    """It has memory left, counts, and knows what time it is."""
    assert verdict.healthy, verdict


@measure(METRICS)
def backup_age(page: Page) -> float:
    """Hours since the last backup that succeeded."""
    finished = page.number(BACKUP)
    if finished > page.at:
        raise NoData(f"{BACKUP} lies in the future")
    return round((page.at - finished) / 3600, 1)


@check(
    "node.backup.age",
    backup_age,
    stays=at_most(26, Unit("h"), critical=26),
    name="Age of the last backup",
    cause="the backup fails, or does not run any more",
    action="journalctl -u backup; run it by hand",
    runbook="node",
    requires=["node.textfile.errors"],
)
def test_backup(verdict):
    """There is a backup of last night."""
    assert verdict.healthy, verdict
