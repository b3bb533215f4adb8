"""A browser that really draws the pages, and three runs to draw."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.page.world import World, served, three_runs
from tests.tools import program

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
LOOPBACK = "127.0.0.1"
FOREIGN = "https://noticed.example/picture.png"
"""What one test has a page ask for, to see that it would be noticed."""


class Watched:
    """A page in the browser, and everything it asked for and complained about."""

    def __init__(self, context: Any) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.refused: list[str] = []
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("requestfailed", self._failed)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("dialog", lambda dialog: (self.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.context = context
        self.page = context.new_page()

    def _failed(self, request: Any) -> None:
        if request.failure == "csp":
            self.refused.append(request.url)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location['url']})")

    @property
    def foreign(self) -> list[str]:
        """What was asked of anybody but the server that the test started, and not refused by the page's own policy."""
        asked = [url for url in self.asked if url not in self.refused]
        return [url for url in asked if (urlsplit(url).hostname or LOOPBACK) != LOOPBACK]

    def open(self, address: str) -> Any:
        """Go to an address and wait until the report has drawn itself."""
        self.page.goto(address)
        self.page.get_by_test_id("report-header").or_(self.page.get_by_test_id("test-result-info-title")).wait_for()
        return self.page


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return three_runs(tmp_path_factory.mktemp("platform"))


@pytest.fixture(scope="session")
def address(world: World) -> Iterator[str]:
    """Where the page of the last run is served."""
    with served(world.page) as address:
        yield address


@pytest.fixture(scope="module")
def net_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the browser writes down, at its end, everything its network stack did."""
    return tmp_path_factory.mktemp("browser") / "net.json"


@pytest.fixture(scope="module")
def browser(net_log: Path) -> Iterator[Any]:
    """While there is one its event loop runs in this thread, and nobody else's can."""
    chromium = program("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=[*FLAGS, f"--log-net-log={net_log}"])
        yield browser
        browser.close()
    assert asked_by_pages(net_log) <= {LOOPBACK, urlsplit(FOREIGN).hostname}


@contextmanager
def watching(browser: Any) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1360, "height": 950}, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(60_000)
    yield Watched(context)
    context.close()


def behaved(watched: Watched) -> None:
    """Assert that the page neither complained nor asked a foreign host, whatever a test did in it."""
    assert watched.complaints == []
    assert watched.foreign == []


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """A fresh browser page."""
    with watching(browser) as watched:
        yield watched
    behaved(watched)


@pytest.fixture(scope="module")
def report_page(browser: Any, address: str) -> Iterator[Watched]:
    """The page of the last run, loaded once: to load it takes most of the time of a test that looks at it."""
    with watching(browser) as watched:
        page = watched.open(address)
        page.wait_for_url("**/#categories")  # what it opens with
        yield watched


@pytest.fixture
def on_call(report_page: Watched, address: str) -> Iterator[Watched]:
    """The page of the last run at its first screen."""
    report_page.open(f"{address}#categories").get_by_test_id("tree-section-title").first.wait_for()
    yield report_page
    behaved(report_page)


def asked_by_pages(net_log: Path) -> set[str]:
    """Return every host that a page had the network stack ask; the browser itself asks its maker now and then."""
    told = json.loads(net_log.read_text())
    started = told["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    requests = [event.get("params", {}) for event in told["events"] if event["type"] == started]
    by_pages = {one["url"] for one in requests if one.get("initiator", "not an origin") != "not an origin"}
    assert by_pages, "the log of the network tells nothing"
    return {str(urlsplit(url).hostname) for url in by_pages if url.startswith(("http", "ws"))}
