"""Debian's InfluxDB 1.x, to which sensors write."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field.stacks.stack import Server, Watch
from tests.parts.influx_server import influxd, ordered, written


@pytest.fixture(scope="module")
def influxdb(folder: Path) -> Iterator[Server]:
    with Server(folder, influxd(folder), "/ping") as server:
        create(server)
        sensors_write(server)
        yield server


@pytest.fixture(scope="module")
def watch(folder: Path, influxdb: Server) -> Watch:
    with urllib.request.urlopen(f"{influxdb.url}/ping") as answer:
        version = answer.headers["X-Influxdb-Version"]
    filled = {"INFLUXDB_URL": influxdb.url, "INFLUXDB_VERSION": version, "INFLUXDB_LOG": influxdb.log}
    return Watch("influxdb", folder, filled)


def create(influxdb: Server) -> None:
    ordered(influxdb, "CREATE DATABASE sensors")


def sensors_write(influxdb: Server, age: float = 1) -> None:
    """Write a value that was measured so many seconds ago."""
    written(influxdb, "sensors", "heat,room=cellar celsius=17.5", age)


def test_all_is_well(influxdb: Server, watch: Watch) -> None:
    sensors_write(influxdb)
    look = watch.look()
    assert look.all_is_well, look
    assert re.match(r"ok: 1\.\d", look.said["influxdb.version"])


def test_a_killed_influxdb_is_one_incident(influxdb: Server, watch: Watch) -> None:
    with influxdb.killed():
        look = watch.look()
    sensors_write(influxdb)
    assert look.code == 1, look
    assert look.roots == {"influxdb.answers": f"critical: connection refused: nothing listens on {influxdb.url}"}
    assert look.blocked_by == {"influxdb.answers, which is critical"}
    assert watch.look().all_is_well


@pytest.mark.whole
def test_sensors_that_write_no_more_are_reported_by_the_age_of_the_newest_value(influxdb: Server, watch: Watch) -> None:
    ordered(influxdb, "DROP DATABASE sensors")
    create(influxdb)
    sensors_write(influxdb, age=1000)
    look = watch.look()
    sensors_write(influxdb)
    assert look.code == 1, look
    assert list(look.ill) == ["influxdb.newest"]
    assert re.match(r"critical: 10\d\d[.\d]* s \(.*Z\); it should stay below 60 s, ", look.ill["influxdb.newest"])
    assert watch.look().all_is_well


@pytest.mark.whole
def test_a_database_that_is_gone_is_one_incident(influxdb: Server, watch: Watch) -> None:
    ordered(influxdb, "DROP DATABASE sensors")
    look = watch.look()
    create(influxdb)
    sensors_write(influxdb)
    assert look.code == 1, look
    assert look.roots == {"influxdb.database": "critical: there are none"}
    assert look.blocked_by == {"influxdb.database, which is critical"}
    assert watch.look().all_is_well
