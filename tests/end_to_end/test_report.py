"""The Allure results become one HTML page that asks nobody else for anything, or one line says what is missing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.suite import ROOT, Suite

RENDER = ROOT / "reports" / "render.py"


def render(*arguments: str | Path, path: str | None = None, flags: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run the renderer; return its exit code and what it printed."""
    environment = {**os.environ, **({"PATH": path} if path else {})}
    done = subprocess.run(
        [sys.executable, *flags, str(RENDER), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_node_that_is_too_old_is_said_in_one_line(tmp_path: Path) -> None:
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho v16.20.2\n")
    node.chmod(0o755)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "x-result.json").write_text("{}")
    # without site-packages there is no Node from the report extra either
    code, said = render(tmp_path / "results", tmp_path / "html", path=str(node.parent), flags=("-S",))
    assert code == 3
    assert said.splitlines() == [
        "report not rendered: Node 20 or newer is missing: install it, or run pip install 'healthgate[report]'"
    ]


def test_a_folder_without_results_is_said_in_one_line(tmp_path: Path) -> None:
    code, said = render(tmp_path, tmp_path / "html")
    assert (code, said.count("\n")) == (3, 1)
    assert "there are no Allure results in" in said


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm to install Allure with")
def test_the_page_holds_the_failed_check_and_loads_nothing_from_elsewhere(suite: Suite, tmp_path: Path) -> None:
    results = tmp_path / "allure"
    run = suite.run("-k", "pool", "--alluredir", str(results), LAB_SUPERADMIN_TOKEN="a-token-that-is-not-right")
    assert run.code == 1
    code, said = render(results, tmp_path / "html")
    assert code == 0, said
    page = (tmp_path / "html" / "index.html").read_text()
    assert "googletagmanager" not in page
    names = {json.loads(path.read_text())["fullName"] for path in results.glob("*-result.json")}
    assert names == set(run.states)
