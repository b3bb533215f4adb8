"""What somebody on call sees, in a real browser: the first screen, one click further, and nothing that should not be.

The pictures of what they see are left in reports/screens.
"""

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.page.conftest import FOREIGN, Watched
from tests.page.world import ROOT, TRACKER, World, report, result, served, written

SCREENS = ROOT / "reports/screens"

HEADINGS = [
    "Critical in production: act now",
    "Unknown: could not be found out",
    "Warning",
    "Blocked: fix what is named first",
    "Known issues",
    "In maintenance",
]


@pytest.fixture(scope="module", autouse=True)
def screens() -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)


DRAWN = """() => Promise.all([document.fonts.ready, ...Array.from(document.images, (image) =>
    image.complete || new Promise((loaded) => { image.onload = image.onerror = loaded }))]).then(() => true)"""


def picture(page: Any, name: str) -> None:
    """Take a picture once fonts and images have come; when the network falls silent says nothing of either."""
    page.evaluate(DRAWN)
    page.screenshot(path=SCREENS / f"{name}.png")


def check_page(page: Any, name: str) -> None:
    """Click a check on the first screen."""
    page.get_by_test_id("tree-leaf-title").get_by_text(name, exact=True).first.click()
    page.get_by_test_id("test-result-info-title").wait_for()


def description(page: Any) -> str:
    frame = page.frame_locator("[data-testid=test-result-description-frame]")
    return str(frame.locator("body").inner_text())


def test_the_first_screen_names_what_is_ill_in_the_order_in_which_it_matters(on_call: Watched) -> None:
    page = on_call.page
    picture(page, "on-call")

    title = page.get_by_test_id("report-title").inner_text()
    assert title == "production: 1 critical, 1 warning, 1 missed; staging: 1 unknown, 6 blocked"
    headings = [found.inner_text() for found in page.get_by_test_id("tree-section-title").all()]
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS
    screen = page.locator("body").inner_text()
    assert "[critical] pressure in production: 95 %; it should stay below 80 %" in screen
    assert "[blocked] by boiler.reachable, which is unknown" in screen
    assert (
        screen.index("[critical]") < screen.index("[unknown]") < screen.index("[warning]") < screen.index("[blocked]")
    )
    assert f"OPS-77 {TRACKER}: old fuel" in screen
    seen = page.get_by_text("[critical] pressure in production").first.bounding_box()
    assert seen is not None
    assert seen["y"] < 400


def test_the_first_screen_is_as_legible_in_the_dark(watched: Watched, address: str) -> None:
    watched.page.emulate_media(color_scheme="dark")
    page = watched.open(address)
    picture(page, "on-call-dark")
    ink, paper = page.get_by_test_id("report-title").evaluate(
        "title => { let box = title; while (getComputedStyle(box).backgroundColor === 'rgba(0, 0, 0, 0)')"
        " box = box.parentElement;"
        " return [getComputedStyle(title).color, getComputedStyle(box).backgroundColor]; }"
    )
    assert brightness(ink) > 150
    assert brightness(paper) < 80


def brightness(colour: str) -> float:
    return sum(map(float, re.findall(r"[0-9.]+", colour)[:3])) / 3


def test_one_click_leads_to_cause_action_runbook_and_history(on_call: Watched) -> None:
    page = on_call.page
    check_page(page, "pressure")
    picture(page, "check")

    assert page.get_by_test_id("test-result-fullname").inner_text() == "boiler.pressure"
    said = description(page)
    assert "the stoker sleeps" in said
    assert "wake the stoker" in said
    assert "below 80 %, warning above 80 %, critical above 90 %" in said
    drawn = page.frame_locator("[data-testid=test-result-description-frame]").locator("img")
    assert drawn.evaluate("image => image.complete && image.naturalWidth") > 300
    page.get_by_test_id("test-result-tab-attachments").click()
    facts = page.get_by_test_id("test-result-attachment-header").filter(has_text="boiler GET /state")
    facts.click()
    page.get_by_text('"pressure"').first.wait_for()


def test_the_runbook_is_read_from_the_report(on_call: Watched, address: str) -> None:
    page = on_call.page
    check_page(page, "pressure")
    with page.expect_popup() as popup:
        page.get_by_test_id("test-result-meta-link").get_by_role("link", name="runbook").click()
    runbook = popup.value
    picture(runbook, "runbook")

    assert runbook.url == f"{address}pages/docs/runbooks/boiler.html"
    assert runbook.locator("h1").inner_text() == "The boiler is too hot, or silent"
    assert runbook.locator("td code").inner_text() == "valve"
    assert "<script>" in runbook.locator("main").inner_text()
    links = [link.inner_text() for link in runbook.locator("main a").all()]
    assert links == ["the kiln", "the stoker"]
    runbook.get_by_role("link", name="the kiln").click()
    runbook.wait_for_url("**/kiln.html#mitigation")
    back = runbook.get_by_role("link", name="the report").get_attribute("href")
    assert urljoin(runbook.url, back) == f"{address}index.html"


def test_three_runs_are_three_points_and_stagings_history_is_not_productions(
    on_call: Watched, address: str, world: World
) -> None:
    page = on_call.page
    assert statuses(page, "Critical in production: act now", "pressure") == ["failed", "failed", "passed"]
    on_call.open(f"{address}#categories")
    page.get_by_test_id("tree-section-title").first.wait_for()
    assert statuses(page, "Blocked: fix what is named first", "pressure") == ["skipped", "skipped", "passed"]
    earlier = page.get_by_test_id("test-result-history-item").get_by_role("link").all()
    pages = [str(link.get_attribute("href")).partition("#")[0] for link in earlier]
    assert list(dict.fromkeys(pages)) == [
        "https://reports.example/1/index.html",
        "https://reports.example/0/index.html",
    ]
    assert len((world.root / "reports/allure-history.jsonl").read_text().splitlines()) == 3


def statuses(page: Any, heading: str, name: str) -> list[str]:
    """Return what a check was in this run and, as the page tells it, in those before; the newest first."""
    leaves = page.locator("body").locator("[data-testid=tree-leaf-title], [data-testid=tree-section-title]").all()
    texts = [leaf.inner_text() for leaf in leaves]
    leaves[texts.index(name, texts.index(heading))].click()
    now = page.locator("[data-testid^=test-result-status-]").first.get_attribute("data-testid")
    page.get_by_test_id("test-result-tab-history").click()
    before = page.get_by_test_id("test-result-history-item")
    before.first.wait_for()
    told = [one.locator("[data-testid^=tree-leaf-status-]").get_attribute("data-testid") for one in before.all()]
    return [str(one).rpartition("-")[2] for one in (now, *told)]


def test_the_rest_of_the_page_works_and_the_gate_says_what_it_found(watched: Watched, address: str) -> None:
    """In a page of its own, since it is left with one environment alone chosen."""
    page = watched.open(address)
    page.get_by_test_id("nav-tab-qualityGate").click()
    page.get_by_text("nothing is critical in production").wait_for()
    picture(page, "gate")
    gate = page.locator("body").inner_text()
    assert "boiler.pressure in production" in gate
    assert "production: 7 of 7, staging: 7 of 7" in gate
    page.get_by_test_id("nav-tab-results").click()
    page.get_by_test_id("environment-picker-button").click()
    page.get_by_text("staging", exact=True).last.click()
    page.get_by_test_id("tree-leaf-title").first.wait_for()
    page.goto(f"{address}#charts")
    page.get_by_text("Results of the last runs").wait_for()
    picture(page, "charts")
    assert "What changed between runs" in page.locator("body").inner_text()


def test_a_single_file_holds_everything_and_opens_without_a_server(watched: Watched, world: World) -> None:
    answer = report(world.root, "reports/results-2", "--single-file", "--output", "reports/single")
    assert answer.code == 0, answer.err
    folder = world.root / "reports/single"
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == ["index.html"]
    page = watched.open((folder / "index.html").as_uri())
    assert page.url.endswith("#categories")
    check_page(page, "pressure")
    page.get_by_test_id("test-result-meta-link").get_by_role("link", name="runbook").click()
    runbook = page.frame_locator("dialog iframe")
    assert runbook.locator("h1").inner_text() == "The boiler is too hot, or silent"
    picture(page, "single-file")
    runbook.get_by_role("link", name="the kiln").click()
    runbook.get_by_text("The kiln is cold").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    page.get_by_test_id("test-result-meta-link").get_by_role("link", name="in the list of checks").click()
    marked = page.frame_locator("dialog iframe").locator("code[style*=outline]")
    assert marked.inner_text() == "boiler.pressure"
    page.get_by_role("button", name="Close").click()
    page.locator("dialog").wait_for(state="hidden")
    assert page.get_by_test_id("test-result-fullname").inner_text() == "boiler.pressure"
    assert len((world.root / "reports/allure-history.jsonl").read_text().splitlines()) == 3
    assert set(watched.asked) <= {url for url in watched.asked if url.startswith(("file:", "data:", "blob:"))}


def test_a_folder_that_is_opened_as_a_file_says_what_to_do(watched: Watched, world: World) -> None:
    watched.page.goto((world.page / "index.html").as_uri())
    watched.page.get_by_text("healthgate report --single-file").wait_for()
    assert f"--directory '{world.page}'" in watched.page.locator("body").inner_text()


def test_a_page_that_asks_a_foreign_host_would_be_noticed(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(f"<link rel=icon href=data:,><img src='{FOREIGN}'>")
    with served(tmp_path) as address:
        watched.page.goto(address)
    assert watched.foreign == [FOREIGN]
    assert len(watched.complaints) == 1
    watched.asked.clear()
    watched.complaints.clear()


EVIL = "<script>window.pwned = 1</script><img src='data:,' onerror='window.pwned = 2'><b>bold</b>"


DRAWING = """<svg xmlns='http://www.w3.org/2000/svg' width='40' height='9'><script>parent.pwned = 4</script>
<image href='https://foreign.example/a.png'/><text>drawn</text></svg>"""


def test_what_a_server_says_never_becomes_a_script(watched: Watched, tmp_path: Path) -> None:
    texts = {
        "page.html": ("text/html", f"<html><body onload='parent.pwned = 3'>{EVIL}<p>a page</p></body></html>"),
        "drawing.svg": ("image/svg+xml", DRAWING),
        "facts.json": ("application/json", f'{{"said": "{EVIL}"}}'),
        "words.txt": ("text/plain", EVIL),
        "notes.md": ("text/markdown", f"{EVIL} [x](javascript:parent.pwned=5) ![y](https://foreign.example/b.png)"),
    }
    attachments = [
        {"name": name, "source": f"{name.partition('.')[0]}-attachment.{name.partition('.')[2]}", "type": kind}
        for name, (kind, _) in texts.items()
    ]
    evil = result(
        "boiler.evil",
        "critical",
        message=f"[critical] boiler.evil in production: {EVIL} </script><script>window.pwned = 6</script>",
        name=f"door {EVIL}",
        description=f"{EVIL} ![z](https://foreign.example/c.png)",
        links=[
            {"type": "link", "name": "elsewhere", "url": "javascript:window.pwned=7"},
            {"type": "link", "name": EVIL, "url": 'https://fine.example/"><script>window.pwned=8</script>'},
        ],
        attachments=attachments,
    )
    other = result("boiler.told", "warning", descriptionHtml=f"{EVIL}<img src='https://foreign.example/d.png'>")
    folder = written(tmp_path / "results", evil, other)
    for attachment in attachments:
        (folder / attachment["source"]).write_text(texts[attachment["name"]][1])
    answer = report(tmp_path, folder, "--history", "/dev/null")
    assert answer.code == 0, answer.err
    with served(tmp_path / "reports/html") as address:
        page = watched.open(address)
        assert "<script>window.pwned = 1</script>" in page.locator("body").inner_text()
        for name in ("boiler.told", f"door {EVIL}"):
            watched.open(f"{address}#categories")
            check_page(page, name)
            page.frame_locator("[data-testid=test-result-description-frame]").locator("b, p").first.wait_for()
            links = page.get_by_test_id("test-result-meta-link").get_by_role("link")
            assert [link.get_attribute("href") for link in links.all()] in ([], [encoded(evil["links"][1]["url"])])
        page.get_by_test_id("test-result-tab-attachments").click()
        for header in page.get_by_test_id("test-result-attachment-header").all():
            header.click()
        page.get_by_text('"said"').first.wait_for()
        ends = time.monotonic() + 60
        while {url[-5:] for url in watched.refused} != REFUSED and time.monotonic() < ends:
            page.wait_for_timeout(50)  # which lets what the browser says come in
        picture(page, "hostile")
        assert [frame.evaluate("window.pwned === undefined") for frame in page.frames].count(False) == 0
        page.goto("about:blank")
    assert {url[-5:] for url in watched.refused} == REFUSED
    refusals = [said for said in watched.complaints if "Content Security Policy" in said]
    assert len(refusals) >= 3
    watched.complaints[:] = [said for said in watched.complaints if said not in refusals]


REFUSED = {"b.png", "c.png", "d.png"}
"""Pictures of a foreign host that the page does not ask for."""


def encoded(url: str) -> str:
    return url.replace('"', "%22").replace("<", "%3C").replace(">", "%3E")
