"""Every check leads to a page that helps, and every page is led to."""

import re

from tests.checks.world import CATALOGUE, ROOT

FOLDER = ROOT / "docs/runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Checks that lead here")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
NAMED = re.compile(r"`((?:gateway|market|wsmanager|sse)\.[a-z_]+\.[a-z_]+|gateway\.data_age)`")


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {name.strip(): body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def test_pages_are_those_the_checks_name():
    assert {page.stem for page in PAGES} == {check.runbook for check in CATALOGUE.checks.values()}


def test_every_section_is_there_and_says_something():
    found = {page.stem: sections(page.read_text()) for page in PAGES}
    assert {name: tuple(said) for name, said in found.items() if tuple(said) != SECTIONS} == {}
    assert [name for name, said in found.items() if not all(said.values())] == []


def test_each_page_lists_the_checks_that_lead_to_it():
    listed = {
        page.stem: re.findall(r"^- `(.+)`$", sections(page.read_text())["Checks that lead here"], flags=re.MULTILINE)
        for page in PAGES
    }
    checks = CATALOGUE.checks.values()
    assert listed == {name: sorted({check.row for check in checks if check.runbook == name}) for name in listed}


def test_links_lead_to_pages():
    links = [(page.stem, target) for page in PAGES for target in LINK.findall(page.read_text())]
    assert [one for one in links if not (FOLDER / one[1]).is_file()] == []
    assert links


def test_checks_named_in_the_text_exist():
    known = CATALOGUE.rows | {"gateway.quick_health_public", "sse.strict_levels"}
    named = [(page.stem, name) for page in PAGES for name in NAMED.findall(page.read_text())]
    assert [one for one in named if one[1] not in known] == []
    assert named
