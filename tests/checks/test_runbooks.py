"""Every check leads to a page that helps, and every page is led to."""

import re

import pytest

from tests.checks.world import CATALOGUE, ROOT

FOLDER = ROOT / "docs/runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Checks that lead here")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")

every_page = pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {name.strip(): body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def test_pages_are_those_the_checks_name():
    assert {page.stem for page in PAGES} == {check.runbook for check in CATALOGUE.checks.values()}


@every_page
def test_every_section_is_there_and_says_something(page):
    found = sections(page.read_text())
    assert tuple(found) == SECTIONS
    assert all(found.values())


@every_page
def test_the_page_lists_the_checks_that_lead_to_it(page):
    listed = re.findall(r"^- `(.+)`$", sections(page.read_text())["Checks that lead here"], flags=re.MULTILINE)
    assert listed == sorted({check.row for check in CATALOGUE.checks.values() if check.runbook == page.stem})


@every_page
def test_links_lead_to_pages(page):
    broken = [target for target in LINK.findall(page.read_text()) if not (FOLDER / target).is_file()]
    assert broken == []


@every_page
def test_checks_named_in_the_text_exist(page):
    named = re.findall(r"`((?:gateway|market|wsmanager|sse)\.[a-z_]+\.[a-z_]+|gateway\.data_age)`", page.read_text())
    settings = {"gateway.quick_health_public", "sse.strict_levels"}
    assert [name for name in named if name not in CATALOGUE.rows | settings] == []
