"""What is committed is what the checks say, and whoever changes one without the other is told."""

from pathlib import Path

import pytest

from healthgate.render import command
from tests.render.project import ROOT, WRITTEN

POOL = "checks/gateway/test_pool.py"


def test_what_is_committed_is_what_the_checks_say(project):
    """Fix with `healthgate render`."""
    done = project.render("--check")

    assert (done.code, done.err) == (0, "")
    assert done.out == f"current: {', '.join(WRITTEN)}\n"


def test_a_limit_that_moves_makes_everything_outdated_until_it_is_rendered(project):
    project.replace(POOL, "warning=80, critical=90", "warning=80, critical=91")

    done = project.render("--check")
    assert done.code == 1
    told = [line.rpartition(": ")[0] for line in done.err.splitlines()[:-1]]
    assert told == [f"outdated: {name}" for name in WRITTEN]
    assert done.err.splitlines()[-1] == "fix with: healthgate render"

    assert project.render().out.splitlines() == [f"written: {name}" for name in WRITTEN]
    assert project.render("--check").code == 0


def test_words_that_change_are_outdated_where_they_are_shown(project):
    project.replace(POOL, 'name="Redis pool utilisation"', 'name="Utilisation of the Redis pool"')

    told = project.render("--check").err
    assert "monitoring/alerts.yaml" in told
    assert "monitoring/dashboard.json" in told
    assert "docs/checks.md" in told


def test_a_file_that_is_missing_or_was_changed_by_hand_is_named(project):
    (project.folder / "docs/checks.md").unlink()
    rules = project.folder / "monitoring/alerts.yaml"
    rules.write_text(rules.read_text().replace("> 90", "> 95", 1))

    done = project.render("--check")
    assert done.code == 1
    first, second, fix = done.err.splitlines()
    assert first.startswith("outdated: monitoring/alerts.yaml: line ")
    assert second == "outdated: docs/checks.md: no such file or directory"
    assert fix == "fix with: healthgate render"


def test_rendering_twice_gives_the_same_bytes(project):
    before = {name: (project.folder / name).read_bytes() for name in WRITTEN}
    assert project.render().code == 0
    assert {name: (project.folder / name).read_bytes() for name in WRITTEN} == before


def test_a_folder_that_cannot_be_written_is_said_and_the_rest_is_written(project):
    for name in WRITTEN:
        (project.folder / name).unlink()
    (project.folder / "monitoring").rmdir()
    (project.folder / "monitoring").write_text("a file where a folder should be")

    done = project.render()
    assert done.code == 13
    assert done.err.splitlines() == [f"not written: {name}: File exists" for name in WRITTEN[:2]]
    assert done.out == "written: docs/checks.md\n"
    assert project.render("--check").err.startswith("outdated: monitoring/alerts.yaml: not a directory\n")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            POOL,
            "below(80, percent, warning=80",
            "below(80, percent, warning=70",
            "gateway.pool.utilization cannot be declared: warning 70 lies on the healthy side",
        ),
        (POOL, '"gateway.pool.utilization"', '"nosystem.pool"', "is about nosystem, which is no declared system"),
        ("environments/staging.yaml", "gateway:\n", "gatway:\n", "environments/staging.yaml:5:1: "),
        ("tests/checks/spec_rows.yaml", "- id: gateway.reachable\n", "- ids: x\n", "tests/checks/spec_rows.yaml: "),
    ],
)
def test_sources_that_are_wrong_are_named_and_nothing_is_written(project, name, old, new, said):
    project.replace(name, old, new)

    done = project.render()
    assert done.code == 4
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_tests_of_the_rules_are_written_where_they_are_to_be_run(project):
    done = project.render("--tests", "reports/rules/alerts_test.yaml")

    assert (done.code, done.out, done.err) == (0, "written: reports/rules/alerts_test.yaml\n", "")
    assert (project.folder / "reports/rules/alerts_test.yaml").read_text().count("../../monitoring/alerts.yaml") == 1


def test_an_option_there_is_not_is_a_usage_error(project):
    done = project.render("--chek")
    assert done.code == 4
    assert "--chek" in done.err


def test_without_checks_or_without_the_dashboards_builder_it_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main([]) == 4
    assert "there is no folder" in capsys.readouterr().err

    monkeypatch.setattr(command, "find_spec", lambda _: None)
    monkeypatch.chdir(ROOT)
    assert command.main(["--check"]) == 4
    assert capsys.readouterr().err == (
        "ERROR: the dashboard is built with grafana-foundation-sdk: pip install 'healthgate[monitoring]'\n"
    )


def test_runbooks_may_stand_elsewhere(project):
    done = project.render("--runbooks", "https://wiki.example.com/{name}")
    assert done.code == 0
    assert 'runbook: "https://wiki.example.com/redis-pool"' in (project.folder / WRITTEN[0]).read_text()
    assert "[redis-pool](https://wiki.example.com/redis-pool)" in (project.folder / WRITTEN[-1]).read_text()

    assert project.render("--check", "--runbooks", "https://wiki.example.com/{name}").code == 0
    assert project.render("--check").code == 1


def test_a_run_of_the_checks_loads_nothing_of_this():
    """Neither does the plugin, nor the command before it knows that it should render."""
    import subprocess
    import sys

    program = (
        "import sys, healthgate.hooks.session, healthgate.__main__; "
        "print(*[name for name in sys.modules if 'grafana' in name or '.render' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_no_generated_file_names_a_place_of_one_machine():
    for name in WRITTEN:
        assert str(Path.home()) not in (ROOT / name).read_text()
        assert str(ROOT) not in (ROOT / name).read_text()
