"""`healthgate report` as it is run: what it says, its exit codes, and what it does about everything that is wrong."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from healthgate.page import node
from tests.page.world import ROOT, Answer, report, result, written
from tests.parts.target import closed_port

NO_HISTORY = ("--history", "/dev/null")


@pytest.fixture
def well(tmp_path: Path) -> Path:
    """Results of a run that found nothing."""
    return written(tmp_path / "results", result("a.b"), result("a.b", env="staging"))


def not_rendered(answer: Answer, *words: str) -> None:
    """Assert that one clear line said why there is no page."""
    assert (answer.code, answer.err.count("\n")) == (3, 1), answer.err
    assert answer.err.startswith("report not rendered: ")
    for word in words:
        assert word in answer.err


@dataclass(frozen=True)
class Rendered:
    """A page, and what rendering it said."""

    answer: Answer
    html: Path

    def told(self, name: str) -> Any:
        """Return what the page reads from one of its files."""
        return json.loads((self.html / name).read_text())


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Checks, a roll-up, an ordinary test, evidence that several share, and results that nobody can read, together."""
    folder = tmp_path_factory.mktemp("mixed")
    facts = {"name": "facts", "type": "application/json"}
    echo = result("a.sum", "critical")
    echo["labels"].append({"name": "echo", "value": "a.b"})
    results = written(
        folder / "results",
        result("a.b", "critical", attachments=[facts | {"source": "one-attachment.json"}]),
        result("a.c", attachments=[facts | {"source": "one-attachment.json"}]),
        result("a.w", "warning", status="passed"),
        echo,
        result("a.b", env="staging", attachments=[facts | {"source": "other-attachment.json"}]),
    )
    for name in ("one", "other"):
        (results / f"{name}-attachment.json").write_text('{"a": 1}')
    details = {"message": "AssertionError: [critical] is only a word", "trace": "t"}
    labels = [{"name": "suite", "value": "tests"}, {"name": "framework", "value": "pytest"}]
    plain = {"uuid": "1", "name": "test_sum", "status": "failed", "statusDetails": details, "labels": labels}
    (results / "1-result.json").write_text(json.dumps(plain | {"testCaseId": "1", "start": 1, "stop": 2}))
    odd = {
        "name": "odd",
        "labels": [None, 3, {"name": "env"}],
        "links": "x",
        "status": 9,
        "steps": [1, {"steps": [None], "attachments": None}],
    }
    (results / "odd-result.json").write_text(json.dumps(odd))
    unreadable = (b'{"name": "cut', b"[]", b'{"name": 7}', b"\xff\xfe", b'{"name": "x", "start": NaN}')
    for number, content in enumerate(unreadable):
        (results / f"bad{number}-result.json").write_bytes(content)
    return Rendered(report(folder, results, *NO_HISTORY), folder / "reports/html")


def test_it_says_where_the_page_is_and_what_is_on_it(rendered: Rendered) -> None:
    assert rendered.answer.code == 0
    first, *others = rendered.answer.out.splitlines()
    assert first.startswith("report: reports/html/index.html (7 results, ")
    assert others == [
        "  production: 2 critical, 1 warning, 1 ok; staging: 1 ok; 2 other tests",
        "  gate: FAILED: nothing is critical in production (a.b in production, a.sum in production)",
        "  gate: passed: every check brought a result (production: 4 of 4, staging: 1 of 1)",
        "  gate: passed: every environment was looked at (production, staging)",
    ]


def test_the_page_has_no_analytics_and_a_policy_against_what_is_not_its_own(rendered: Rendered) -> None:
    page = (rendered.html / "index.html").read_text()
    assert "googletagmanager" not in page
    assert "gtag" not in page
    assert "Content-Security-Policy" in page


def test_results_that_cannot_be_read_cost_themselves_alone(rendered: Rendered) -> None:
    said = (
        "not read, and missing from the page: bad0-result.json (Unterminated string starting at: line 1 column 10 "
        "(char 9)), bad1-result.json (no object with a name), bad2-result.json (no object with a name) and 2 more"
    )
    assert rendered.answer.err == f"{said}\n"
    assert [one["message"] for one in rendered.told("widgets/globals.json")["errors"]] == [said]


def leaves(nodes: dict[str, Any], name: str) -> list[str]:
    """Return the names of all results below a node."""
    if nodes[name]["type"] == "tr":
        return [nodes[name]["name"]]
    return [leaf for child in nodes[name]["childrenIds"] for leaf in leaves(nodes, child)]


def test_ordinary_tests_and_roll_ups_are_shown_apart_and_a_warning_below_the_floor_of_the_run_is_shown_too(
    rendered: Rendered,
) -> None:
    nodes = rendered.told("widgets/categories.json")["nodes"]
    assert {one["name"]: leaves(nodes, name) for name, one in nodes.items() if one["type"] == "category"} == {
        "Critical in production: act now": ["a.b"],
        "Sums up what is named above": ["a.sum"],
        "Tests that failed by themselves": ["test_sum"],
        "Warning": ["a.w"],
    }


def test_what_several_checks_share_is_shown_at_each_and_kept_once(rendered: Rendered) -> None:
    (kept,) = (rendered.html / "data/attachments").iterdir()
    told = [json.loads(path.read_text()) for path in (rendered.html / "data/test-results").iterdir()]
    links = [one["link"] for each in told for one in each["attachments"]]
    assert [(link["id"], link["missed"], link["name"]) for link in links] == 3 * [(kept.stem, False, "facts")]


def test_the_gate_fails_where_a_check_or_an_environment_is_missing_or_nobody_knows(tmp_path: Path) -> None:
    lost = result("a.c", "unknown", message="[unknown] a.c in staging: it brought no result: the run ended before it")
    blocked = result("a.d", "blocked", message="[blocked] by a.root, which is critical")
    environments = [
        {"name": name, "stage": stage, "description": "", "expected": expected}
        for name, stage, expected in (("live", "production", 2), ("staging", "staging", None), ("canary", "canary", 2))
    ]
    for one, env in ((lost, "staging"), (blocked, "live")):
        for label in one["labels"]:
            label["value"] = env if label["name"] == "env" else label["value"]
    blocked["labels"].append({"name": "root", "value": "a.root"})
    folder = written(tmp_path / "results", lost, blocked, result("a.b", env="staging"), environments=environments)
    answer = report(tmp_path, folder, "--gate", *NO_HISTORY)
    assert answer.code == 1
    counts = "live: 1 of 2, staging: 1 of nobody knows how many, canary: 0 of 2"
    assert answer.out.splitlines()[2:] == [
        "  gate: FAILED: nothing is critical in production (a.d in live)",
        f"  gate: FAILED: every check brought a result ({counts})",
        "  gate: FAILED: every environment was looked at (there is no result of canary)",
    ]


def test_two_processes_at_once_lose_nothing_and_the_gate_passes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "healthgate", "report", "--gate"]
    folders = [
        written(tmp_path / f"results-{hour}", result("a.b"), started=f"2026-11-22T{hour}:00:00Z") for hour in (10, 11)
    ]
    running = [subprocess.Popen([*command, folder], cwd=tmp_path, stdout=subprocess.DEVNULL) for folder in folders]
    assert [one.wait(240) for one in running] == [0, 0]
    rows = [json.loads(line) for line in (tmp_path / "reports/allure-history.jsonl").read_text().splitlines()]
    assert [row["healthgate_run"][-9:-7] for row in rows] == ["10", "11"]
    page = tmp_path / "reports/html"
    listed = set(json.loads((page / ".healthgate-report.json").read_text())["files"])
    there = {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()}
    assert there == listed | {".healthgate-report.json"}


# -- what is missing ------------------------------------------------------------------------------------------


def test_no_results_are_said_in_one_line(tmp_path: Path) -> None:
    not_rendered(report(tmp_path), "reports/allure-results: No such file or directory", "--alluredir")
    (tmp_path / "empty").mkdir()
    not_rendered(report(tmp_path, "empty"), "no Allure results in empty")
    (tmp_path / "empty/x-result.json").write_text("{")
    not_rendered(report(tmp_path, "empty"), "none of 1 results in empty can be read", "x-result.json")
    assert not (tmp_path / "reports").exists()


def without_extras(folder: Path, results: Path, path: Path) -> Answer:
    """Run the command where no package is installed but those that read Markdown: there is no Node to fall back on."""
    import markdown_it
    import mdurl

    site = folder / "site"
    site.mkdir(exist_ok=True)
    for package in (markdown_it, mdurl):
        link = site / package.__name__
        if not link.exists():
            link.symlink_to(Path(str(package.__file__)).parent)
    variables = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{site}", "PATH": str(path)}
    command = [sys.executable, "-S", "-m", "healthgate", "report", results, *NO_HISTORY]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def test_a_node_that_is_missing_or_too_old_is_said_in_one_line(tmp_path: Path, well: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    cure = "install it, or run pip install 'healthgate[report]'"
    not_rendered(without_extras(tmp_path, well, folder), "Node 22 or newer is needed, and there is none on PATH", cure)
    program = folder / "node"
    program.write_text("#!/bin/sh\nprintf '/opt/node\\n20.20.2\\n'\n")
    program.chmod(0o755)
    not_rendered(without_extras(tmp_path, well, folder), "and /opt/node is 20.20.2", cure)
    program.write_text("#!/bin/sh\nexit 127\n")
    not_rendered(without_extras(tmp_path, well, folder), "node does not run", cure)


def test_npm_without_a_network_is_said_in_one_line_and_leaves_nothing_behind(tmp_path: Path, well: Path) -> None:
    cache = tmp_path / "cache"
    unreachable = f"http://127.0.0.1:{closed_port()}"
    answer = report(
        tmp_path,
        well,
        HEALTHGATE_CACHE=str(cache),
        npm_config_registry=unreachable,
        npm_config_cache=str(tmp_path / "npm"),
    )
    not_rendered(answer, "npm, which installs Allure once, failed", unreachable)
    assert [path.name for path in cache.iterdir()] == ["lock"]
    assert not (tmp_path / "reports").exists()


def test_an_allure_that_crashes_is_said_in_one_line_and_no_program_of_others_sees_a_secret(
    tmp_path: Path, well: Path
) -> None:
    installed = node.found(os.environ)
    core = tmp_path / "cache" / node.allure(installed, os.environ).name / "node_modules/@allurereport/core"
    core.mkdir(parents=True)
    (core / "package.json").write_text('{"name": "@allurereport/core", "main": "index.mjs", "type": "module"}')
    for name in ("plugin-awesome", "reader-api"):
        (core.parent / name).symlink_to(core)
    (core / "index.mjs").write_text(
        'import { writeFileSync } from "node:fs";\n'
        f'writeFileSync("{tmp_path}/allure-saw", JSON.stringify(process.env));\n'
        'throw new TypeError("it is broken");\n'
        "export const AllureReport = 1, resolveConfig = 1, BufferResultFile = 1, PathResultFile = 1;\n"
    )
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "node").write_text(f'#!/bin/sh\nenv > {tmp_path}/node-saw\nexec {installed.program} "$@"\n')
    (folder / "node").chmod(0o755)
    answer = report(
        tmp_path,
        well,
        HEALTHGATE_CACHE=str(tmp_path / "cache"),
        PATH=f"{folder}{os.pathsep}{os.environ['PATH']}",
        PRODUCTION_TOKEN="planted-T0ken",
    )
    not_rendered(answer, "Allure failed: it is broken")
    for name in ("node-saw", "allure-saw"):
        saw = (tmp_path / name).read_text()
        assert "PATH" in saw
        assert "planted" not in saw


def test_a_cache_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, well: Path) -> None:
    (tmp_path / "file").touch()
    answer = report(tmp_path, well, HEALTHGATE_CACHE=str(tmp_path / "file/cache"))
    not_rendered(answer, "Allure cannot be installed", "Not a directory", "HEALTHGATE_CACHE")


# -- where it is published ------------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path, well: Path) -> None:
    output = tmp_path / "reports/html"
    output.mkdir(parents=True)
    (output / "thesis.txt").write_text("years of work")
    not_rendered(report(tmp_path, well, *NO_HISTORY), "holds something else than a report, thesis.txt for one")
    assert [path.name for path in output.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("output", "why"),
    [("file", "file is no folder"), ("file/html", "Not a directory"), ("/proc/html", "No such file or directory")],
)
def test_an_output_that_cannot_be_written_is_said_in_one_line(
    tmp_path: Path, well: Path, output: str, why: str
) -> None:
    (tmp_path / "file").touch()
    not_rendered(report(tmp_path, well, "--output", output, *NO_HISTORY), why)


def test_a_full_disk_is_said_in_one_line_and_leaves_the_earlier_report(tmp_path: Path, well: Path) -> None:
    mount = f"mount -t tmpfs -o size=2m tmpfs {tmp_path}/small"
    (tmp_path / "small").mkdir()
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*alone, mount], check=False).returncode:
        pytest.skip("no small disk can be made here")
    rendering = f"{sys.executable} -m healthgate report {well} --history /dev/null --output small/html"
    earlier = 'mkdir small/html && echo earlier > small/html/index.html && echo \'{"files": ["index.html"]}\' '
    listed = "> small/html/.healthgate-report.json"
    after = "echo $? >&2; ls -A small/html; cat small/html/i*"
    script = f"cd {tmp_path} && {mount} && {earlier}{listed} && {rendering}; {after}"
    done = subprocess.run([*alone, script], capture_output=True, text=True, check=False)
    said, code = done.stderr.splitlines()
    assert said.startswith("report not rendered: ")
    assert "no space left on device" in said.lower()
    assert code == "3"
    assert done.stdout.split() == [".healthgate-report.json", "index.html", "earlier"]


def test_a_wrong_command_line_is_exit_code_4(tmp_path: Path) -> None:
    answer = report(tmp_path, "--single")
    assert answer.code == 4
    assert answer.err.splitlines()[-1] == "ERROR: unrecognized arguments: --single"
