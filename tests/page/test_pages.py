"""Runbooks and other pages that results link to, the page that opens, and what is read of results."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from healthgate.page import NotRenderedError, results
from healthgate.page.front import HERE, front
from healthgate.page.linked import LinkedPages, reader
from tests.page.world import ROOT, result, written

POOL = """\
# Pool & queue

See [others](other.md#what-to-do), [all](../checks.md), [out](../../../x.md), [code](../../src/a.py),
[web](https://a.example), [odd](javascript:alert(1)), [gone](gone.md), [here](#later).
![a picture](p.png) <b>bold</b>

## Later

## Later
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with pages that link to each other."""
    pages = {
        "docs/runbooks/pool.md": POOL,
        "docs/runbooks/other.md": "# Other\n\n## What to *do*?\n\n[back](pool.md)\n",
        "docs/checks.md": "| a | b |\n|---|---|\n| `x` | [pool](runbooks/pool.md) |\n",
        "docs/far.md": "# Far\n",
        "secret.txt": "s",
    }
    for name, text in pages.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "x.md").write_text("# outside\n")
    (tmp_path / "repository/docs/link.md").symlink_to(tmp_path / "x.md")
    return tmp_path / "repository"


def led(root: Path, tmp_path: Path, *urls: str) -> tuple[LinkedPages, list[str]]:
    """Return the pages and where links of a result lead then."""
    links = [{"type": "link", "name": url, "url": url} for url in urls]
    found = results.read(written(tmp_path / "results", result("a.b", links=links)))
    pages = LinkedPages(root)
    pages.lead_to(found)
    (one,) = found.results.values()
    return pages, [link["url"] for link in one["links"]]


def test_pages_and_those_they_link_to_are_brought_along(root: Path, tmp_path: Path) -> None:
    pages, urls = led(root, tmp_path, "docs/runbooks/pool.md", "https://wiki.example/x")
    assert urls == [f"{HERE}pages/docs/runbooks/pool.html", "https://wiki.example/x"]
    rendered = pages.rendered(reader())
    assert set(rendered) == {f"pages/docs/{name}.html" for name in ("runbooks/pool", "runbooks/other", "checks")}
    pool = rendered["pages/docs/runbooks/pool.html"]
    assert "<title>Pool &amp; queue</title>" in pool
    assert '<a href="other.html#what-to-do">others</a>, <a href="../checks.html">all</a>' in pool
    for dropped in ("out", "code", "gone"):
        assert f"<span>{dropped}</span>" in pool
    assert '<a href="https://a.example" target="_blank" rel="noreferrer">web</a>' in pool
    assert "[odd](javascript:alert(1))" in pool
    assert '<a href="#later">here</a>' in pool
    assert "a picture &lt;b&gt;bold&lt;/b&gt;" in pool
    assert re.findall(r'<h2 id="(.*?)">', pool) == ["later", "later-1"]
    assert '<a href="../../../index.html">the report</a>' in pool
    assert 'id="what-to-do"' in rendered["pages/docs/runbooks/other.html"]
    assert '<td><a href="runbooks/pool.html">pool</a></td>' in rendered["pages/docs/checks.html"]


def test_a_part_of_a_page_stays_named(root: Path, tmp_path: Path) -> None:
    _, urls = led(root, tmp_path, "docs/checks.md#boiler:~:text=a%2Eb")
    assert urls == [f"{HERE}pages/docs/checks.html#boiler:~:text=a%2Eb"]


@pytest.mark.parametrize(
    "url", ["docs/gone.md", "../x.md", "docs/link.md", "secret.txt", "/etc/passwd", "javascript:alert(1)", "", "a\0.md"]
)
def test_a_link_that_would_lead_nowhere_or_outside_is_dropped_and_named(root: Path, tmp_path: Path, url: str) -> None:
    pages, urls = led(root, tmp_path, url)
    assert urls == []
    assert pages.missing == {url}
    assert pages.rendered(reader()) == {}


def test_every_runbook_and_the_list_of_checks_can_be_rendered(tmp_path: Path) -> None:
    names = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/runbooks").glob("*.md")]
    pages, _ = led(ROOT, tmp_path, *names, "docs/checks.md")
    rendered = pages.rendered(reader())
    assert {name.removesuffix(".md") for name in names} <= {
        page.removeprefix("pages/").removesuffix(".html") for page in rendered
    }
    for name, html in rendered.items():
        for target in re.findall(r'<a href="([^"#:]+)', html.partition("<main>")[2]):
            whole = (Path("/") / Path(name).parent / target).as_posix()
            assert Path(whole).resolve().relative_to("/").as_posix() in rendered, (name, target)


# -- the page that opens --------------------------------------------------------------------------------------

ALLURE = """<!DOCTYPE html><html><head>
<script>window.options = {"a": "</b>"}</script></head><body>
<script src="app.js"></script>
{analytics}<script async>window.ready = true;</script></body></html>"""

ANALYTICS = """<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>
<script>
  window.dataLayer = window.dataLayer || [];
  function gtag(){dataLayer.push(arguments);}
  gtag('js', new Date());
</script>
"""


def allure(analytics: str = ANALYTICS) -> str:
    return ALLURE.replace("{analytics}", analytics)


def test_analytics_are_gone_and_every_script_that_is_left_is_allowed_by_its_hash() -> None:
    html = front(allure(), "categories", None)
    assert "gtag" not in html
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', html)
    assert policy is not None
    assert "'unsafe-inline'" not in policy[1].partition("script-src")[2].partition(";")[0]
    scripts = re.findall(r"<script(?: async)?>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 3
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]
    assert html.index("Content-Security-Policy") < html.index("<script")


@pytest.mark.parametrize(
    "unexpected",
    [
        '<img src="https://tracker.example/a.png">',
        "<script src='//tracker.example/a.js'></script>",
        "<link href=http://tracker.example/a.css>",
        '<script>import("https://www.googletagmanager.com/gtag")</script>',
    ],
)
def test_a_page_that_would_ask_a_foreign_host_is_not_published(unexpected: str) -> None:
    with pytest.raises(NotRenderedError, match="may ask a foreign host"):
        front(allure(ANALYTICS + unexpected), "", None)


def test_pages_within_a_single_file_cannot_end_the_script_they_stand_in() -> None:
    pages = {"pages/a.html": "<p></script><script>alert(1)</script>"}
    html = front(allure(), "", pages)
    told = html.partition('id="healthgate">')[2].partition("</script>")[0]
    assert json.loads(told) == {"opens": "", "pages": pages, "here": HERE}


# -- what is read ---------------------------------------------------------------------------------------------


def test_the_title_tells_as_much_as_fits(tmp_path: Path) -> None:
    few = [result("a.b", "critical"), result("a.c"), result("a.d", "blocked", env="staging")]
    assert results.read(written(tmp_path / "few", *few)).title == "production: 1 critical, 1 ok; staging: 1 blocked"
    long = "a-long-name-of-an-environment"
    several = [*few, result("a.b", env=long), result("a.c", "warning", env=long)]
    found = results.read(written(tmp_path / "several", *several))
    assert found.title == f"production: 1 critical; staging: 1 blocked; {long}: 1 warning"
    many = [result("a.b", "ok", env=f"{long}-{number}") for number in range(9)]
    assert (
        results.read(written(tmp_path / "many", *few, *many)).title == "1 critical, 1 blocked, 10 ok in 11 environments"
    )


def test_what_is_muted_by_maintenance_is_counted_as_that(tmp_path: Path) -> None:
    message = "[maintenance] until 2026-11-23 04:00 UTC, because x: [critical] a.b in production: 7"
    muted = result("a.b", "critical", message=message, status="skipped")
    found = results.read(written(tmp_path, muted))
    assert found.title == "production: 1 in maintenance"
    assert found.ill


def test_production_comes_first_and_every_environment_has_a_name_that_allure_takes(tmp_path: Path) -> None:
    names = ["staging", "default", "prod/eu", "prod_eu", "x" * 80, "\ud800", "..", "live"]
    environments = [{"name": name, "stage": "production" if name == "live" else name, "expected": 1} for name in names]
    found = results.read(written(tmp_path, *(result("a.b", env=name) for name in names), environments=environments))
    assert [one.label for one in found.environments] == ["live", *names[:-1]]
    shown = [one.name for one in found.environments]
    assert len(set(shown)) == len({one.id for one in found.environments}) == 8
    assert not [name for name in shown if len(name) > 64 or "/" in name or name in {".", ".."}]
    assert not [one.id for one in found.environments if not re.fullmatch("[A-Za-z0-9_-]{1,64}", one.id)]
    assert "default" not in {one.id for one in found.environments}


@pytest.mark.parametrize(
    "account", ["{", "[]", '{"schema": 2, "environments": []}', '{"schema": 1, "environments": 3}']
)
def test_an_account_of_the_run_that_is_wrong_is_said_and_not_believed(tmp_path: Path, account: str) -> None:
    folder = written(tmp_path, result("a.b"))
    (folder / "healthgate-run.json").write_text(account)
    found = results.read(folder)
    assert [one.expected for one in found.environments] == [None]
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"{folder}/healthgate-run.json: ")


def test_without_an_account_of_the_run_it_is_said_what_cannot_be_told(tmp_path: Path) -> None:
    folder = written(tmp_path, result("a.b"))
    (folder / "healthgate-run.json").unlink()
    found = results.read(folder)
    assert [one.expected for one in found.environments] == [None]
    assert found.notes == [
        f"healthgate-run.json is not in {folder}: whether every check brought a result cannot be told"
    ]


def test_the_same_results_are_the_same_run_even_without_an_account_of_it(tmp_path: Path) -> None:
    first, second = (written(tmp_path / name, result("a.b"), result("a.c")) for name in ("first", "second"))
    third = written(tmp_path / "third", result("a.b"))
    for folder in (first, second, third):
        (folder / "healthgate-run.json").unlink()
    runs = [results.read(folder).run for folder in (first, second, third)]
    assert runs[0] == runs[1] != runs[2]
