"""What a run against the reference systems found becomes a page with their runbooks."""

import json
from pathlib import Path

from tests.end_to_end.suite import ROOT, Suite
from tests.page.world import report


def test_the_page_holds_every_check_and_the_runbooks_that_they_lead_to(suite: Suite, tmp_path: Path) -> None:
    results, html = tmp_path / "allure", tmp_path / "html"
    run = suite.run("-k", "pool", "--alluredir", str(results), LAB_SUPERADMIN_TOKEN="a-token-that-is-not-right")
    assert run.code == 1
    answer = report(ROOT, results, "--output", html, "--history", tmp_path / "history.jsonl")
    assert (answer.code, answer.err) == (0, "")
    told = [json.loads(path.read_text()) for path in (html / "data/test-results").iterdir()]
    assert {one["fullName"]: one["environment"] for one in told} == dict.fromkeys(run.states, "lab")
    links = {
        link["url"].removeprefix("https://report.invalid/").partition("#")[0] for one in told for link in one["links"]
    }
    assert "pages/docs/runbooks/redis-pool.html" in links
    for link in links:
        assert (html / link).is_file(), link
    assert "a-token-that-is-not-right" not in "".join(path.read_text() for path in html.rglob("*.json"))
