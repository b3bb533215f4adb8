"""What GitHub shows of a run: read back as GitHub's runner and GitHub's Markdown read it, hostile text included."""

from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from healthgate.claim.state import State
from healthgate.tell import github
from tests.parts.project import Project
from tests.parts.target import Target
from tests.tell.actions_runner import Step
from tests.tell.world import GITHUB, HOSTILE, STATES, TOKEN, Told, account, verdict

PLAIN = {"h2", "p", "table", "thead", "tbody", "tr", "th", "td", "a", "br", "strong", "ul", "li"}
"""All the elements a summary is made of, beside what folds away."""

BLOB = "https://github.example/heat/works/blob/0123abcd"


class Page(HTMLParser):
    """GitHub's rendering of Markdown: its tables, links, headings and elements."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.text = ""
        self.within = False
        html = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self.within = True
        elif tag == "a":
            self.links.append(str(dict(attributes)["href"]))
        elif tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        self.within = self.within and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.within:
            self.rows[-1][-1] += data


def shown(told: object) -> str:
    """Return what is left of a text that is told on one line."""
    return " ".join(str(told).split())


def test_the_summary_shows_every_check_the_worst_first(run: Told) -> None:
    page = Page(run.summary)
    head = ["state", "check", "value", "limit", "runbook"]
    rows = [row for row in page.rows if row != head]

    assert page.rows.count(head) == 2  # what is ill, and below it what is well
    assert all(len(row) == len(head) for row in rows)
    assert [row[0] for row in rows][:3] == ["critical", "critical", "unknown"]
    assert {row[1].partition("\n")[0]: row[0] for row in rows} == STATES
    for state, check, value, limit, runbook in rows:
        known = run.checks[check.partition("\n")[0]]
        reason = known["reason"] if len(known["reason"]) <= 400 else known["reason"][:400]
        assert state == "ok" or shown(reason) in check
        assert limit == shown(known["limit"])
        assert runbook == Path(known["runbook"]).stem
        assert (value == "–") is (known["value"] is None)
    assert "2 critical, 1 unknown, 1 warning, 2 missed, 1 pending, 1 blocked, 6 ok in works" in page.text
    assert f"Exit code 1 · {len(STATES)} selected, {len(STATES)} executed · fails on objective" in page.text
    assert "here objective 60, because a small | tank" in page.text
    assert "asked 4 requests over" in page.text


def test_hostile_text_is_text(run: Told) -> None:
    page = Page(run.summary)
    row = next(row for row in page.rows if row[1].startswith("kiln.door[right]"))

    assert shown(HOSTILE.partition("\n")[0]) in row[1]
    assert "<script>" in row[1]
    assert page.elements <= PLAIN | {"details", "summary"}
    assert all(link.startswith(f"{BLOB}/") for link in page.links)
    assert TOKEN not in run.summary
    assert "\x1b" not in run.summary


def test_links_lead_into_the_repository(run: Told) -> None:
    """To the line of the check and to the runbook, below the workspace and not below the folder of the run."""
    links = set(Page(run.summary).links)

    assert f"{BLOB}/{run.root.name}/docs/runbooks/kiln.md" in links
    change = run.root / "checks/kiln/test_kiln.py"
    line = next(i for i, text in enumerate(change.read_text().splitlines(), 1) if text.startswith("@check("))
    assert f"{BLOB}/{run.root.name}/checks/kiln/test_kiln.py#L{line}" in links


def test_annotations_are_the_only_commands_that_are_obeyed(run: Told) -> None:
    """Whatever a server said in the midst of what the run prints."""
    step = Step().read(run.outcome.text)

    assert step.stopped_by == ""
    assert "::error::no ##[error]neither" in run.outcome.text
    assert [(name, properties["title"]) for name, properties, _ in step.obeyed] == [
        ("error", "kiln.heat is critical in works"),
        ("error", "kiln.door[right] is critical in works"),
        ("error", "boiler.gauge is unknown in works"),
        ("warning", "boiler.pressure is warning in works"),
        ("warning", "boiler.purity is missed in works"),
        ("warning", "boiler.private is missed in works"),
        ("warning", "boiler.steam is pending in works"),
    ]
    for _, properties, message in step.obeyed:
        check = run.checks[properties["title"].partition(" ")[0]]
        source = run.root.parent / properties["file"]
        assert source.read_text().splitlines()[int(properties["line"]) - 1].lstrip().startswith(("@check", "check("))
        headline, runbook = message.split("\n")
        assert headline.endswith((check["reason"], "…"))
        assert runbook == f"runbook: {check['runbook']}"


def test_without_the_option_nothing_is_written_even_on_github(project: Project) -> None:
    """GITHUB_STEP_SUMMARY is set in every step: it alone is no wish."""
    outcome = project.check(GITHUB_STEP_SUMMARY=str(project.root / "summary.md"), **GITHUB)

    assert not (project.root / "summary.md").exists()
    assert "::" not in outcome.out.replace("::test_", "")


def test_elsewhere_the_option_prints_the_same_and_writes_no_summary(project: Project, target: Target) -> None:
    """What a step would print can be seen at home; a summary is added to what is there, for several runs a step."""
    target.answers["/state"] = {"pressure": 85, "purity": 99}
    outcome = project.check("--github", GITHUB_STEP_SUMMARY="")
    assert outcome.code == 10
    ((name, properties, _),) = Step().read(outcome.text).obeyed
    assert (name, properties["file"]) == ("warning", "checks/boiler/test_boiler.py")

    project.write("summary.md", "before\n")
    project.check("--github", GITHUB_STEP_SUMMARY=str(project.root / "summary.md"))
    assert (project.root / "summary.md").read_text().startswith("before\n## 1 warning, 3 ok in works\n")
    assert Page((project.root / "summary.md").read_text()).links == []


def test_a_run_that_ends_early_lets_commands_through_again(project: Project) -> None:
    """A later command of the same step must work: after a wrong selection, a crash, an interruption."""
    project.write("conftest.py", "def pytest_runtest_logstart():\n    raise KeyboardInterrupt\n")

    for outcome in (project.check("--github", "-k", "nothing"), project.check("--github")):
        assert outcome.code in {2, 5}
        assert "::stop-commands::" in outcome.out
        assert Step().read(outcome.text).stopped_by == ""


def test_no_more_annotations_than_github_shows() -> None:
    """The last one says how many there are beside."""
    several = [verdict(id=f"a.b{i}", state=State.CRITICAL, change="f:1") for i in range(25)]
    several += [verdict(id=f"a.c{i}", state=State.WARNING, change="f:1") for i in range(10)]
    lost = [f"checks/test_x.py::test_x[e-{i}]" for i in range(3)]

    step = Step().read("\n".join(github.annotations(account(several, lost=lost), {})))

    errors = [one for one in step.obeyed if one[0] == "error"]
    assert len(errors) == len(step.obeyed) - len(errors) == 10
    assert errors[0][2] == f"{lost[0]} brought no result"
    assert errors[-1][2] == "19 more; the summary of the step lists them"


def test_a_blocked_check_is_annotated_where_its_root_is_not_told() -> None:
    alone = verdict(id="a.c", state=State.BLOCKED, roots=(("a.b", State.CRITICAL),), change="f:7")
    root = verdict(id="a.b", state=State.CRITICAL, change="f:3")

    assert [line.partition("::")[2].partition(" ")[0] for line in github.annotations(account([alone]), {})] == ["error"]
    assert len(github.annotations(account([root, alone]), {})) == 1


@pytest.mark.parametrize("said", ["a%0Ab", "a%b", "%25", "a:b,c", "x::y", "100 %", "a\r\nb", "]##[error]"])
def test_commands_are_read_back_as_they_were_meant(said: str) -> None:
    (line,) = github.annotations(account([verdict(environment=said, state=State.CRITICAL, change=f"{said}:3")]), {})
    ((_, properties, message),) = Step().read(line).obeyed

    plain = said.replace("\r", "\\r").replace("\n", "\\n")
    assert properties == {"file": plain, "line": "3", "title": f"a.b is critical in {plain}"}
    assert plain in message.replace("\n", "\\n") or "\n" in said


MARKDOWN = [
    *("# heading", "- item", "1. one", "> quote", "    code", "```", "a | b", "\\|", "\\", "a\\", "<b>", "&lt;", "&"),
    *("[a](http://b.example)", "![a](b)", "http://evil.example", "www.evil.example", "a@b.example", "@team", "#12"),
    *("**b** __i__ *i* _i_", "~~s~~", "`c`", "$x$", ":tada:", "[ ] x", "<!-- x -->", "---", "===", "a\nb", "|", "||"),
    *("<https://a.example>", "[^1]", "a<br>b", "</table>", "x" * 5000),
]


@pytest.mark.parametrize("said", MARKDOWN)
def test_markdown_shows_any_text_as_it_is(said: str) -> None:
    """In a cell, in a list and in the heading."""
    ill = verdict(name=said, reason=said, value=said, limit=said, state=State.CRITICAL, change="f:1", override=said)
    page = Page(github.summary(account([ill], left_out=[said], lost=[said], cost=said), {}))

    plain = shown(said.replace("\n", "\\n"))
    cut = plain if len(plain) <= 400 else plain[:400] + "…"
    assert page.rows[1][1] == f"a.b\n{cut}: {cut}"
    assert page.rows[1][3] == cut
    assert page.text.count(cut) >= 6
    assert page.elements <= PLAIN
    assert {link for link in page.links if not link.startswith("mailto:")} == set()


@pytest.mark.parametrize(("number", "character"), [(600, "|"), (400, "\U0001f525")])
def test_a_summary_is_never_too_large_for_github(number: int, character: str) -> None:
    """It takes 1 MiB and drops what is larger altogether."""
    long = dict.fromkeys(("name", "reason", "limit", "override"), 400 * character)
    several = [verdict(id=f"a.b{i}", state=State.CRITICAL, change="f:1", **long) for i in range(number)]

    whole = github.summary(account(several), {})

    assert len(whole.encode()) <= 1_000_000
    assert f"{number} critical in e" in Page(whole).text


def test_runbooks_that_are_pages_are_linked_as_they_are() -> None:
    """And nothing else becomes a link."""
    for runbook, links in (
        ("https://wiki.example/x y(1)", ["https://wiki.example/x%20y%281%29"]),
        ("javascript:alert(1)", []),
        ("docs/x.md", []),
    ):
        page = Page(github.summary(account([verdict(runbook=runbook, change="f:1")]), {}))
        assert page.links == links
