"""InfluxDB 1.x over HTTP: it answers, has its database, and what the sensors write is new."""

from healthgate import (
    WARNING,
    FilePattern,
    FromProfile,
    Influx,
    LogLines,
    Measured,
    System,
    Unit,
    Url,
    below,
    check,
    equals,
    measure,
    none,
    seconds_old,
)
from healthgate.readings import Log


class InfluxDB(System):
    """`version` is the one that should run, `log` what it writes, where that can be read from here."""

    name = "influxdb"
    url: Url
    database: str = "sensors"
    version: str | None = None
    log: FilePattern | None = None


SERVER = Influx(
    InfluxDB, url="url", database="database", proven_by="influxdb.database", explained_by="influxdb.answers"
)
HEAT = SERVER.query("SELECT last(celsius) FROM heat")
LOG = LogLines(
    InfluxDB,
    path="log",
    kinds={"start": r'msg="InfluxDB starting"', "error": r"lvl=error (?P<what>.*)"},
    reach=300,
    since="start",
)

lines = Unit("lines")


@measure(SERVER.ping.header("X-Influxdb-Version"), FromProfile(InfluxDB, "version"))
def version(found: str, wanted: str) -> Measured:
    """Whether the version that should run does."""
    return Measured(found == wanted, found if found == wanted else f"{found} runs, not {wanted}")


@measure(SERVER.databases, FromProfile(InfluxDB, "database"))
def has_database(names: list[str], wanted: str) -> Measured:
    """Whether the database of the sensors is there."""
    return Measured(wanted in names, f"there are {', '.join(names) or 'none'}")


@check(
    "influxdb.answers",
    SERVER.ping.code,
    stays=equals(204),
    name="InfluxDB",
    cause="it was killed (out of memory, most often), or still reads its shards after a start",
    action="journalctl -u influxdb; a start takes minutes where there are many shards",
    runbook="influxdb",
    every="30s",
)
@check(
    "influxdb.version",
    version,
    stays=equals(True, otherwise=WARNING),
    name="Version of InfluxDB",
    cause="an upgrade was rolled back, or one came that nobody announced",
    action="ask who deployed it, and set the version in the profile to what should run",
    runbook="influxdb",
    requires=["influxdb.answers"],
)
@check(
    "influxdb.database",
    has_database,
    stays=equals(True),
    name="Database of the sensors",
    cause="it was dropped, or InfluxDB was started with an empty folder",
    action="see that the disk is mounted at /var/lib/influxdb before anything writes there",
    runbook="influxdb",
)
@check(
    "influxdb.newest",
    HEAT.age,
    stays=below(60, seconds_old, warning=60, critical=300),
    name="Age of the newest value",
    cause="the sensors do not reach InfluxDB, or their clocks are wrong",
    action="look for POST /write in its log: refused ones say why",
    runbook="influxdb",
)
def test_it_keeps_what_comes(verdict):
    """It answers, has the database, and the newest value is new."""
    assert verdict.healthy, verdict


@measure(LOG)
def errors(log: Log) -> Measured:
    """Errors written in the last five minutes."""
    return Measured(log.within("error", 300), "; ".join(line.groups["what"] for line in log.lines("error")[:3]))


@check(
    "influxdb.log.errors",
    errors,
    stays=none(lines, warning=0),
    name="Errors in the log of InfluxDB",
    cause="a disk that is full, a shard that cannot be read",
    action="read the lines: they name the shard",
    runbook="influxdb",
)
def test_log(verdict):
    """It has nothing to complain about."""
    assert verdict.healthy, verdict
