"""A project made by one command is green where the system is well, red where it is not, and overwrites nothing."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from healthgate.environment.reader import TOP_KEYS
from healthgate.new.project import DEFAULT, FILES, TEMPLATE, NotMadeError, Project
from healthgate.version import __version__
from tests.parts.target import Target, closed_port
from tests.workflows.published import WORKFLOWS, by_schema, read, steps

ZIZMOR = Path(sys.executable).parent / "zizmor"
OPTIONS = ("--offline", "--no-progress", "--color=never", "--persona=auditor", "--strict-collection")


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run healthgate in a folder, as whoever installed it does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "CI", "GITHUB"))}
    return subprocess.run(
        [sys.executable, "-m", "healthgate", *arguments],
        cwd=folder,
        env={**kept, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


@pytest.fixture
def shop() -> Iterator[Target]:
    """A small server of one's own, which can be stopped."""
    server = Target()
    server.answers["/health"] = {"status": "ok"}
    yield server
    if server.port:
        server.close()


def checked(folder: Path) -> tuple[int, dict[str, str]]:
    done = command(folder, "run", "--env", "production")
    results = json.loads((folder / "reports/results.json").read_text())
    return done.returncode, {check["id"]: check["state"] for check in results["checks"]}


def test_the_project_is_green_against_a_server_and_red_when_that_is_killed(tmp_path: Path, shop: Target) -> None:
    made = command(tmp_path, "new", "shop", f"{shop.url}/health")
    assert (made.returncode, made.stderr) == (0, "")
    assert f"made: shop/, with three checks of {shop.url}/health" in made.stdout
    assert "  cd shop\n  healthgate run --env production\n" in made.stdout
    folder = tmp_path / "shop"
    well = {"shop.answers": "ok", "shop.status": "ok", "shop.response_time": "ok"}
    assert checked(folder) == (0, well)
    shop.answers["/health"] = {"status": "degraded"}
    assert checked(folder) == (1, well | {"shop.status": "critical"})
    shop.answers["/health"] = lambda handler: handler.reply(503, {"status": "down"})
    assert checked(folder) == (1, well | {"shop.status": "critical"}), "a 503 that says what is ill"
    shop.answers["/health"] = lambda handler: handler.reply(500, {})
    assert checked(folder) == (1, dict.fromkeys(well, "blocked") | {"shop.answers": "critical"})
    shop.close()
    shop.port = 0
    assert checked(folder) == (1, dict.fromkeys(well, "blocked") | {"shop.answers": "critical"})


def test_pytest_runs_it_too_and_without_an_environment_says_what_to_give(tmp_path: Path) -> None:
    command(tmp_path, "new", "shop")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=tmp_path / "shop", capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "health checks need an environment: give --env NAME; there are: production" in done.stderr


def test_what_is_made_is_complete_and_every_template_is_used(tmp_path: Path) -> None:
    command(tmp_path, "new", "my_shop2", "https://shop.example.com:8443/api/health?full=1&x=%20")
    folder = tmp_path / "my_shop2"
    made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert made == sorted(path.replace("@name@", "my_shop2") for path in FILES)
    assert sorted(FILES.values()) == sorted(path.name for path in TEMPLATE.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my_shop2"], "nothing is left beside it"
    texts = {name: (folder / name).read_text() for name in made}
    assert [name for name, text in texts.items() if re.search(r"@\w+@", text)] == []
    assert yaml.safe_load(texts["environments/production.yaml"])["my_shop2"]["url"] == "https://shop.example.com:8443"
    assert 'get(MyShop2, "/api/health?full=1&x=%20", ' in texts["checks/my_shop2/__init__.py"]
    assert tomllib.loads(texts["pyproject.toml"])["tool"]["pytest"]["ini_options"]["testpaths"] == ["checks"]
    runbooks = set(re.findall(r'runbook="(\w+)"', texts["checks/my_shop2/test_my_shop2.py"]))
    assert {f"docs/runbooks/{name}.md" for name in runbooks} == {"docs/runbooks/my_shop2.md"}
    assert f'pip install "healthgate=={__version__}"' in texts["README.md"]
    ruff = [Path(sys.executable).parent / "ruff", "check", "--isolated", "--select=E,F,I,W,B", "--line-length=120", "."]
    assert subprocess.run(ruff, cwd=folder, check=False, capture_output=True, text=True).returncode == 0


def test_the_workflow_is_one_that_linters_take_with_the_actions_of_this_repository(tmp_path: Path) -> None:
    command(tmp_path, "new", "shop")
    workflow = tmp_path / "shop/.github/workflows/health.yml"
    code, printed = by_schema("vendor.github-workflows", workflow)
    assert code == 0, printed
    done = subprocess.run([ZIZMOR, *OPTIONS, "shop"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    described = read(workflow)
    assert described["permissions"] == {}
    pins = {line for file in WORKFLOWS for line in re.findall(r"uses: (\S+@[0-9a-f]{40} # .+)", file.read_text())}
    pins |= set(re.findall(r"uses: (\S+@[0-9a-f]{40} # .+)", (WORKFLOWS[0].parents[2] / "action.yml").read_text()))
    assert {*re.findall(r"uses: (.+)", workflow.read_text())} <= pins
    assert any("healthgate run --env production" in step.get("run", "") for step in steps(described))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-shop", "'my-shop' is no name of a system: small letters, digits and _, as in my_shop"),
        ("Shop", "as in shop"),
        ("2shop", "as in shop"),
        ("läden", "as in l_den"),
        ("", "as in shop"),
        (".", "as in shop"),
        ("../shop", "as in shop"),
        ("shop/", "as in shop"),
        ("a\x1b[31m", "'a\\\\x1b[31m' is no name"),
        ("x" * 41, "is no name of a system"),
        ("class", "'class' means something else in Python or in a profile"),
        *((key, f"'{key}' means something else in Python or in a profile") for key in TOP_KEYS),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_one_that_can(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(NotMadeError, match=re.escape(words)) as refused:
        Project.of(name, DEFAULT)
    assert str(refused.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("shop.example.com", "expected an address such as https://"),
        ("ftp://shop.example.com/health", "expected an address such as https://"),
        ("http:///health", "expected an address such as https://"),
        ("http://me:secret@shop.example.com/", "expected an address without credentials"),
        ('http://shop.example.com/he"alth', "a path may have what addresses may have"),
        ("http://shop.example.com/a b", "a path may have what addresses may have"),
        ("http://shop.example.com/#top", "a path may have what addresses may have, and no #"),
        ("http://shop.example.com/a\\nb", "a path may have what addresses may have"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, words: str) -> None:
    with pytest.raises(NotMadeError, match=re.escape(words)):
        Project.of("shop", url)


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("there", [Path.mkdir, a_file, a_link_to_nothing])
def test_nothing_is_overwritten(tmp_path: Path, there: Callable[[Path], None]) -> None:
    """Not even an empty folder."""
    there(tmp_path / "shop")
    before = (tmp_path / "shop").lstat()

    done = command(tmp_path, "new", "shop")

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "ERROR: shop is there already, and nothing is overwritten: choose another name or folder\n"
    assert (tmp_path / "shop").lstat() == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_where_nothing_can_be_written_that_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Project.of("shop", DEFAULT).write(tmp_path / "gone" / "shop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "the following arguments are required: NAME"),
        (("shop", DEFAULT, "more"), "unrecognized arguments: more"),
        (("my-shop",), "as in my_shop"),
        (("shop", "nowhere"), "URL 'nowhere': expected an address such as"),
    ],
)
def test_a_wrong_command_line_is_one_message(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = command(tmp_path, "new", *arguments)

    assert done.returncode == 4
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_first_run_where_nothing_listens_says_so(tmp_path: Path) -> None:
    """Whoever has no server yet sees a red run that names the address, and no error of the suite."""
    command(tmp_path, "new", "shop", f"http://127.0.0.1:{closed_port()}/health")

    done = command(tmp_path / "shop", "run", "--env", "production")

    assert done.returncode == 1
    assert (
        "[critical] shop answers in production: connection refused: nothing listens on http://127.0.0.1" in done.stdout
    )
    assert "runbook  docs/runbooks/shop.md" in done.stdout
