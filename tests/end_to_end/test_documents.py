"""What is generated is current, what is documented exists, and editors agree with the engine about profiles."""

import json
import re
import subprocess
import sys

import jsonschema
import pytest
import yaml

from tests.end_to_end.suite import ROOT, Suite
from tests.lab_process import RunningLab

GENERATED = ROOT / "environments" / "profile.schema.json"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_profile_schema_is_what_the_declarations_say() -> None:
    """Regenerate with `healthgate schema > environments/profile.schema.json`."""
    printed = subprocess.run(
        [sys.executable, "-m", "healthgate", "schema"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(printed.stdout) == json.loads(GENERATED.read_text())


@pytest.mark.parametrize("name", ["lab", "staging", "production"])
def test_the_profiles_satisfy_their_schema(name: str) -> None:
    profile = yaml.safe_load((ROOT / "environments" / f"{name}.yaml").read_text())
    jsonschema.validate(profile, json.loads(GENERATED.read_text()))


def test_links_between_pages_lead_somewhere() -> None:
    links = [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text())
        if not target.startswith("http")
    ]
    assert len(links) > len(PAGES)
    assert [f"{page.name} links to {target}" for page, target in links if not (page.parent / target).exists()] == []


def test_every_option_of_the_contract_is_an_option_and_every_option_is_in_the_contract() -> None:
    usage = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    section = usage.partition("health checks against environments:")[2].partition("\n\n")[0]
    offered = set(re.findall(r"^  (--[a-z-]+)", section, re.MULTILINE))
    rows = [line for line in (ROOT / "docs/contract.md").read_text().splitlines() if line.startswith("| `--")]
    documented = {name for row in rows for name in re.findall(r"`(--[a-z-]+)", row.split(" | ")[0])}
    assert offered == documented


def test_the_failure_the_readme_shows_is_the_one_that_its_command_gives(lab: RunningLab, suite: Suite) -> None:
    shown = (ROOT / "README.md").read_text().partition("```console\n$ make demo FAULT=")[2].partition("```")[0]
    fault, _, block = shown.partition("\n")
    name, _, parameter = fault.partition(":")
    lab.fault(name, **dict([parameter.split("=")]))
    lines = [line for line in block.splitlines() if not line.startswith("  where")]  # ports differ
    seen = suite.until(lambda run: set(lines) <= set(run.output.splitlines()))
    assert [line for line in lines if line not in seen.output.splitlines()] == []
    assert seen.code == 1


def test_every_command_of_the_readme_that_make_offers_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, some in (("README.md", {"demo", "test", "bench"}), ("CONTRIBUTING.md", {"lint", "detection", "soak"})):
        named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / page).read_text()))
        assert some <= named <= targets, page
