"""Whole runs with probes of every kind: what they cost, in which order they look, and what they leave."""

import json
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.parts.project import Project
from tests.parts.stream_server import Speaker
from tests.parts.target import Target, closed_port

SCHEMA = json.loads(files("healthgate").joinpath("tell/results.schema.json").read_text())
TOKEN = "planted-T0ken-0123456789abcdef"

PLANT = '''\
"""A system that is looked at in every way there is."""

from healthgate import (
    TIME_SCALE, Address, Claims, Duration, FilePattern, Files, Later, LogLines, Measured, Port, Secret, Stream,
    StreamUrl, System, Url, get, measure,
)


class Plant(System):
    """Everything."""

    name = "plant"
    url: Url | None = None
    stream_url: StreamUrl | None = None
    outside: Address | None = None
    log: FilePattern | None = None
    token: Secret | None = None
    deadline: Duration = Duration(20)


STATE = get(Plant, "/state")
STREAM = Stream(Plant, url="stream_url", listen=20, most=2)
OUTSIDE = Port(Plant, address="outside", within=20)
LOG = LogLines(Plant, path="log", kinds={"asked": "asked for the state"}, reach=60)
LOG_LATER = Later(LOG, after=STATE)
FILES = Files(Plant, path="log")
CLAIMS = Claims(Plant, token="token", names=("role",))


@measure(STREAM)
def messages(heard):
    """How many came."""
    return heard.count


@measure(OUTSIDE)
def shut(attempt):
    """Whether nothing listens."""
    return attempt.status == "refused"


@measure(LOG)
def lines_before(log):
    """How many lines there were at first."""
    return log.count("asked")


@measure(LOG, LOG_LATER)
def lines_since(before, after):
    """How many lines came meanwhile."""
    return after.count("asked") - before.count("asked")


@measure(FILES)
def how_many(listing):
    """How many files."""
    return len(listing.files)


@measure(CLAIMS)
def placeholder(token):
    """Whether the token is that of an example."""
    return token.is_placeholder


@measure(FILES, TIME_SCALE)
def scale(_, scale):
    """How fast time passes."""
    return scale
'''

CHECKS = '''\
"""Is the plant well?"""

from checks import plant
from healthgate import at_least, check, equals

TOLD = dict(cause="c", action="a", runbook="r", name="n")


@check("plant.state", plant.STATE["pressure"], stays=at_least(0), **TOLD)
@check("plant.messages", plant.messages, stays=equals(2), **TOLD)
@check("plant.shut", plant.shut, stays=equals(True), **TOLD)
@check("plant.log.before", plant.lines_before, stays=equals(0), **TOLD)
@check("plant.log.since", plant.lines_since, stays=equals(1), **TOLD)
@check("plant.files", plant.how_many, stays=equals(1), **TOLD)
@check("plant.placeholder", plant.placeholder, stays=equals(False), **TOLD)
@check("plant.scale", plant.scale, stays=equals(60), **TOLD)
def test_plant(verdict):
    """All of it."""
    assert verdict.healthy, verdict
'''


@pytest.fixture
def plant(bare_project: Project, target: Target, speaker: Callable[..., Speaker], tmp_path: Path) -> Project:
    """A plant that is well, in a lab in which time passes sixty times as fast."""

    def speak(connection: Any) -> None:
        connection.send("one")
        connection.send("two")

    bare_project.write("checks/plant/__init__.py", PLANT)
    bare_project.write("checks/plant/test_plant.py", CHECKS)
    bare_project.write("plant.log", "2026-03-02T09:15:00Z INFO started\n")
    settings = {
        "url": target.url,
        "stream_url": speaker(speak).url,
        "outside": f"127.0.0.1:{closed_port()}",
        "log": str(tmp_path / "plant.log"),
        "token": "${TOKEN}",
    }
    bare_project.environment("works", boiler="absent", plant=settings, time_scale=60)

    def log_what_is_asked(handler: Any) -> None:
        threading.Event().wait(0.5)  # as long as a read that did not wait for this answer would have been over
        with (tmp_path / "plant.log").open("a") as log:
            log.write("2026-03-02T09:15:09Z INFO asked for the state\n")
        handler.reply(200, {"pressure": 50})

    target.answers["/state"] = log_what_is_asked
    return bare_project


def settings_of(project: Project) -> dict[str, Any]:
    """Return what the profile says of the plant."""
    for line in (project.root / "environments/works.yaml").read_text().splitlines():
        if line.startswith("plant: "):
            found: dict[str, Any] = json.loads(line.removeprefix("plant: "))
            return found
    raise AssertionError("the profile says nothing of the plant")


def validate(results: object) -> None:
    """Hold results against their schema."""
    jsonschema.Draft202012Validator(SCHEMA).validate(results)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_a_run_says_what_it_cost_each_host_and_counts_no_look_at_this_machine(
    plant: Project, workers: tuple[str, ...]
) -> None:
    """On the terminal and in results.json, by environment and host; a second judging costs nothing."""
    outcome = plant.check("--sample", "10ms", "--snapshot-out", "seen.json", *workers, TOKEN=TOKEN)

    assert outcome.code == 0, outcome.text
    assert set(outcome.states.values()) == {"ok"}
    validate(outcome.results)
    settings, run = settings_of(plant), outcome.results["run"]
    hosts = {settings["url"]: 1, settings["stream_url"]: 1, f"tcp://{settings['outside']}": 0}
    assert run["connections"] == {"works": hosts}
    assert run["requests"] == 3
    assert "asked 3 requests over 2 connections in " in outcome.out
    told = ", ".join(f"{host} {hosts[host]}" for host in sorted(hosts))
    assert f"connections of works: {told}\n" in outcome.out
    again = plant.check("--snapshot-in", "seen.json", TOKEN=TOKEN)
    assert again.states == outcome.states
    assert (again.results["run"]["requests"], again.results["run"]["connections"]) == (0, {})
    assert "connections of" not in again.out
    validate(again.results)


def test_every_environment_has_a_line_of_its_own(plant: Project, target: Target, tmp_path: Path) -> None:
    """With the hosts it talked to, and no line for one that talked to nobody."""
    plant.environment("depot", boiler="absent", plant={"url": target.url})
    plant.environment("shed", boiler="absent", plant={"log": str(tmp_path / "plant.log")})

    outcome = plant.check("--env", "depot", "--env", "shed", "--sample", "10ms", TOKEN=TOKEN)

    assert list(outcome.results["run"]["connections"]) == ["works", "depot"]
    assert outcome.results["run"]["connections"]["depot"] == {target.url: 1}
    assert f"connections of depot: {target.url} 1\n" in outcome.out
    assert "connections of shed" not in outcome.out
    validate(outcome.results)


def test_a_later_look_waits_for_what_it_is_to_see(plant: Project) -> None:
    """The log is read again after the request that leaves its line there, however long that takes."""
    outcome = plant.check("--sample", "10ms", "--snapshot-out", "seen.json", TOKEN=TOKEN)
    seen = {o["id"]: o for o in json.loads((plant.root / "seen.json").read_text())["observations"]["works"]}
    asked = next(o for name, o in seen.items() if name.endswith("/state"))
    first, later = (seen[name] for name in sorted(name for name in seen if name.startswith("plant log")))

    assert outcome.states["plant.log.since"] == outcome.states["plant.log.before"] == "ok"
    assert later["at"] - later["elapsed_ms"] / 1000 >= asked["at"] - 0.005
    assert first["at"] <= later["at"]


def test_a_later_look_does_not_make_the_request_it_would_wait_for(plant: Project, target: Target) -> None:
    """Where no check of the run reads it, it is not asked, and nothing is waited for."""
    outcome = plant.check("--sample", "10ms", "-k", "since", TOKEN=TOKEN)

    assert target.counts()["/state"] == 0
    assert {check["id"]: check["value"] for check in outcome.results["checks"]} == {"plant.log.since": 0}


def test_a_later_look_is_made_although_what_it_waits_for_failed(plant: Project) -> None:
    """The request was refused; the log is read all the same."""
    refused = {**settings_of(plant), "url": f"http://127.0.0.1:{closed_port()}"}
    plant.environment("works", boiler="absent", plant=refused, time_scale=60)

    outcome = plant.check("--sample", "10ms", TOKEN=TOKEN)

    assert outcome.states["plant.state"] == "unknown"
    assert {c["id"]: c["value"] for c in outcome.results["checks"]}["plant.log.since"] == 0


@pytest.mark.parametrize("what", ["missing", "empty", "no log"])
def test_results_keep_to_their_schema_whatever_became_of_the_files(plant: Project, what: str) -> None:
    """Every word for a look that brought nothing is one that is documented."""
    log = plant.root / "plant.log"
    if what == "missing":
        log.unlink()
    else:
        log.write_text("" if what == "empty" else "x\n")

    outcome = plant.check("--sample", "10ms", "-k", "before or files", TOKEN=TOKEN)

    assert outcome.states["plant.log.before"] == "unknown"
    assert outcome.code == 11
    validate(outcome.results)


def test_every_word_for_how_a_look_ended_is_in_the_schema() -> None:
    """Those of files that may not be or cannot be read as well."""
    known = SCHEMA["properties"]["probes"]["items"]["properties"]["status"]["enum"]

    assert {"answered", "broken", "late", "refused", "missing", "forbidden", "unreadable", "empty"} <= set(known)


def test_no_token_is_left_by_a_look_at_its_claims(plant: Project) -> None:
    """Neither on the terminal nor in results nor in the snapshot."""
    outcome = plant.check("-vv", "--sample", "10ms", "--snapshot-out", "seen.json", TOKEN=TOKEN)

    assert outcome.states["plant.placeholder"] == "ok"
    for kept in (outcome.text, outcome.results_file.read_text(), (plant.root / "seen.json").read_text()):
        assert TOKEN not in kept
        assert TOKEN[:16] not in kept
