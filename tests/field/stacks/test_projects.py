"""The projects are examples: whole, short, and listed on the page that shows them."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parents[2] / "docs/testing.md").read_text()
PROJECTS = sorted(path.name for path in HERE.iterdir() if (path / "checks").is_dir())


def test_there_are_ten() -> None:
    assert len(PROJECTS) == 10


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_is_whole_and_short(name: str) -> None:
    folder = HERE / name
    [checks] = (folder / "checks").glob("test_*.py")
    source = checks.read_text()
    assert 3 <= len(re.findall(r"(?m)^@check\($", source)) <= 8
    assert len(source.splitlines()) < 260
    runbooks = {f"{runbook}.md" for runbook in re.findall(r'runbook="(\w+)"', source)}
    assert runbooks == {path.name for path in (folder / "docs/runbooks").iterdir()}
    assert (HERE / f"test_{name}.py").exists()


@pytest.mark.parametrize("name", PROJECTS)
def test_the_page_shows_a_project(name: str) -> None:
    assert f"](../tests/field/stacks/{name}/checks/" in PAGE
