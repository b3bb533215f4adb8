"""What Allure is told of every check: state, identity, words, links, evidence; alone and with workers the same."""

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from zlib import crc32

import pytest

from healthgate.tell.allure import unknown_place
from tests.allure.world import BECAUSE, DASHBOARD, LOOKS, REPORT_URL, RUN_URL, Told
from tests.parts.project import Project
from tests.parts.target import Target
from tests.tell.world import STATES, TOKEN

STATUS = {"ok": "passed", "unknown": "broken", "blocked": "skipped"}
"""What a state is for Allure; every other one is failed."""

LABELS = ["epic", "feature", "story", "severity", "env", "stage", "state", "check_id", "framework", "language"]
MUTED, KNOWN, BLOCKED = "works kiln.door[right]", "works kiln.heat", ("works boiler.after", "spare boiler.after")


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_every_check_has_one_result_in_each_environment(told: Told) -> None:
    assert told.outcome.code == 1, told.outcome.text
    here = {f"works {name}": state for name, state in STATES.items()}
    there = {f"spare {name}": state for name, state in STATES.items() if not name.startswith("kiln")}
    assert {name: one["labelled"]["state"] for name, one in told.left.results.items()} == here | there
    expected = {name: STATUS.get(state, "failed") for name, state in (here | there).items()}
    assert told.left.statuses == expected | {MUTED: "skipped"}


def test_labels_are_those_of_the_contract_each_once(told: Told) -> None:
    for name, result in told.left.results.items():
        more = ["root"] if name in BLOCKED else ["issue"] if name == KNOWN else []
        assert [label["name"] for label in result["labels"]] == [*LABELS[:-2], *more, *LABELS[-2:]], name
        environment, _, check_id = name.partition(" ")
        system, area = check_id.partition("[")[0].split(".")
        labelled = result["labelled"]
        assert (labelled["epic"], labelled["feature"], labelled["story"]) == (system, area, check_id)
        assert (labelled["env"], labelled["check_id"]) == (environment, check_id)
        assert labelled["stage"] == {"works": "production", "spare": "spare"}[environment]
        known = {"critical": "critical", "warning": "normal", "objective": "minor"}
        assert labelled["severity"] == known[told.checks[name]["severity"]]
    assert {told.left.results[name]["labelled"]["root"] for name in BLOCKED} == {"boiler.gauge"}


def test_an_identity_is_the_check_and_the_environment_and_nothing_else(told: Told) -> None:
    for name, result in told.left.results.items():
        environment, _, check_id = name.partition(" ")
        assert result["testCaseId"] == md5(check_id)
        assert result["historyId"] == result["uuid"].replace("-", "") == md5(f"{check_id}|{environment}")
        assert result["parameters"] == [{"name": "environment", "value": environment}]
        assert result["fullName"] == check_id


def test_a_message_says_the_state_and_why(told: Told) -> None:
    messages = {name: result["statusDetails"]["message"] for name, result in told.left.results.items()}
    for name, check in told.checks.items():
        if name not in (*BLOCKED, MUTED):
            title = told.left.results[name]["name"]
            assert messages[name] == f"[{check['state']}] {title} in {check['environment']}: {check['reason']}"
    assert {messages[name] for name in BLOCKED} == {"[blocked] by boiler.gauge, which is unknown"}
    assert re.match(
        rf"\[maintenance\] until 20\S+ \d\d:\d\d UTC, because {re.escape(BECAUSE)}: "
        r"\[critical\] the right door in works: ",
        messages[MUTED],
    )


def test_times_are_those_of_the_looking(told: Told) -> None:
    for name, check in told.checks.items():
        result = told.left.results[name]
        assert result["stop"] - result["start"] == round(check["elapsed_ms"])
        assert abs(result["stop"] / 1000 - told.outcome.results_file.stat().st_mtime) < 120


def test_a_description_says_what_to_do_and_since_when(told: Told) -> None:
    pressure = told.left.results["works boiler.pressure"]["description"]

    for line in (
        "**found:** `85 %`",
        "**limit:** below 80 %, warning above 80 %, critical above 90 %",
        "**cause when it fails:** the stoker sleeps",
        "**do now:** wake the stoker",
        "**the check stands in:** checks/boiler/test_boiler.py:",
    ):
        assert line in pressure
    assert re.search(r"\*\*where:\*\* GET http://127.0.0.1:\d+/state · pressure", pressure)
    assert re.search(r"\*\*warning since:\*\* 20\S+ \d\d:\d\d UTC, for \d+ m\n", pressure)
    changes = pressure.partition("**last changes of state:**\n\n")[2].splitlines()
    assert [line.partition("UTC: ")[2] for line in changes] == ["ok → warning", "unknown → ok", "ok → unknown"]
    assert changes == sorted(changes, reverse=True), "the newest change comes first"


def test_a_description_says_what_is_special_here_as_it_was_written(told: Told) -> None:
    fuel, door, heat = (
        told.left.results[f"works {name}"]["description"] for name in ("boiler.fuel", "kiln.door[right]", "kiln.heat")
    )

    assert r"**threshold of this environment:** here objective 60, because a small \| tank" in fuel
    assert re.search(r"\*\*maintenance:\*\* until 20\S+ \d\d:\d\d UTC, because the \\\*left\\\* hinge", door)
    assert "**known issue:** OPS-77 https://tracker.example/OPS-77: a new door" in heat
    value = door.partition("**found:** ")[2].partition("\n")[0]
    assert value.startswith("`")
    assert value.endswith("`")
    assert value.count("`") == 2, "what a server said is code, in which nothing is markup"


def test_links_lead_to_runbook_list_dashboard_run_and_issue(told: Told) -> None:
    links = {one["name"]: one for one in told.left.results[KNOWN]["links"]}

    assert list(links) == ["runbook", "in the list of checks", "dashboard", "the run", "OPS-77"]
    assert links["runbook"]["url"] == "docs/runbooks/kiln.md"
    assert links["in the list of checks"]["url"] == "docs/checks.md#kiln:~:text=kiln.heat"
    panel = crc32(b"kiln.heat") >> 1
    assert links["dashboard"]["url"].endswith(f"?var-environment=works&system=kiln&check=kiln.heat&viewPanel={panel}")
    assert links["the run"]["url"] == RUN_URL
    assert links["OPS-77"] == {"type": "issue", "url": "https://tracker.example/OPS-77", "name": "OPS-77"}
    odd = {one["name"]: one["url"] for one in told.left.results["works boiler.valves[a-b.c]"]["links"]}
    assert odd["in the list of checks"].endswith("#boiler:~:text=boiler.valves%5Ba%2Db.c%5D")
    assert "check=boiler.valves%5Ba-b.c%5D&" in odd["dashboard"]


def test_the_panel_linked_to_is_the_one_on_the_generated_dashboard(told: Told) -> None:
    dashboard = pytest.importorskip("healthgate.render.dashboard")
    ids = dashboard.panel_ids(["age", *STATES])

    for name, result in told.left.results.items():
        [url] = [one["url"] for one in result["links"] if one["name"] == "dashboard"]
        assert url.endswith(f"viewPanel={ids[name.partition(' ')[2]]}")


def test_the_facts_a_verdict_was_made_from_are_attached(told: Told) -> None:
    attached = told.left.attached("works boiler.pressure")
    facts = json.loads(attached["boiler GET /state"])

    assert facts["facts"]["json"] == {"pressure": 85, "purity": 95}
    assert (facts["request"], facts["status"], facts["error"]) == ("boiler GET /state", "answered", None)
    assert facts["at"] == told.checks["works boiler.pressure"]["observed_at"]
    assert facts["elapsed_ms"] == told.checks["works boiler.pressure"]["elapsed_ms"]
    for name, check in told.checks.items():
        requests = [title for title in told.left.attached(name) if "look" not in title]
        assert ", ".join(requests) == check["probe"], name


def test_what_several_checks_read_takes_room_once_but_has_a_name_for_each(told: Told) -> None:
    """Allure shows a file in one result only."""
    sources = [one["source"] for result in told.left.results.values() for one in result["attachments"]]
    assert len(sources) == len(set(sources))
    files = {told.left.folder / source for source in sources}
    facts = [path for path in files if path.suffix == ".json"]
    assert len({path.stat().st_ino for path in facts}) == len({path.read_bytes() for path in facts}) == 7
    assert {path for path in told.left.folder.iterdir() if "-attachment" in path.name} == files


def test_the_picture_shows_the_value_on_its_limit_and_every_look(told: Told) -> None:
    drawn = told.left.attached("works boiler.pressure")[f"limit and last {LOOKS + 1} looks"]
    root = ET.fromstring(drawn)
    told_in_words = root.findtext("{*}title") or ""

    assert told_in_words.startswith("85 %, warning; below 80 %, warning above 80 %, critical above 90 %")
    assert f"{LOOKS + 1} looks from" in told_in_words
    assert told_in_words.endswith("2 unknown, 5 warning, 24 ok")
    points = root.findall(".//{*}circle")
    assert len(points) == LOOKS + 1 - 2 + 1, "a point for each value, and one more for the last"


def test_a_check_without_numbers_has_the_strip_of_its_states_alone(told: Told) -> None:
    [drawn] = [text for title, text in told.left.attached("works kiln.door[left]").items() if "look" in title]

    assert "circle" not in drawn
    assert "1 ok" in drawn


def test_the_run_is_told_beside_its_results(told: Told) -> None:
    run = told.left.json("healthgate-run.json")

    assert run["run"] == told.outcome.results["run"]["id"]
    assert run["started"] == told.outcome.results["run"]["started"]
    assert run["schema"] == 1
    assert run["environments"] == [
        {"name": "works", "stage": "production", "description": "the works", "expected": len(STATES)},
        {"name": "spare", "stage": "spare", "description": "", "expected": len(STATES) - 3},
    ]
    assert run["link"] == {"name": "the run", "url": RUN_URL}
    assert told.left.json("executor.json") == {
        "name": "healthgate",
        "buildName": "the run",
        "buildUrl": RUN_URL,
        "reportUrl": REPORT_URL,
    }
    about = (told.left.folder / "environment.properties").read_text().splitlines()
    assert about[0] == "environments = works (production), spare"
    assert "checks = 25 selected, 25 brought a result" in about
    assert 3 <= len(about) <= 6


def test_nothing_is_left_that_no_result_needs(told: Told) -> None:
    """No containers of fixtures, no half files; and what went wrong with the run is nothing."""
    digest = re.compile(r"^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
    left = {digest.sub("", path.name) for path in told.left.folder.iterdir()}

    assert left == {
        *("-result.json", "-attachment.json", "-attachment.svg"),
        *("healthgate-run.json", "executor.json", "environment.properties"),
    }
    assert TOKEN not in "".join(path.read_text() for path in told.left.folder.iterdir())


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("https://grafana.example/{chek}", "{chek} stands for nothing; did you mean check?"),
        ("https://grafana.example/{}", "{} stands for nothing; valid: check, environment, panel, system"),
        ("grafana.example/{check}", "grafana.example/{check} is not a web address; expected one such as "),
        ("https://user:secret@grafana.example/{check}", "https://user:secret@grafana.example/{check} is not a web "),
        (DASHBOARD, None),
        ("", None),
    ],
)
def test_the_address_of_a_dashboard_says_what_is_wrong_with_it(address: str, wrong: str | None) -> None:
    said = unknown_place(address)

    assert said is None if wrong is None else (said or "").startswith(wrong)


def test_the_address_of_a_dashboard_is_looked_at_before_anything_is_asked(project: Project, target: Target) -> None:
    outcome = project.check("--alluredir=left", "-o", "healthgate_dashboard=https://grafana.example/{chek}")

    assert outcome.code == 4
    assert outcome.err.strip() == "ERROR: healthgate_dashboard: {chek} stands for nothing; did you mean check?"
    assert not target.asked
    assert not (project.root / "left").exists()
