"""`healthgate report`: from the results that a run left to a page that people read."""

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from healthgate.command_line import Parser
from healthgate.page import NotRenderedError, node, results
from healthgate.page.drawing import Form, Rule, draw
from healthgate.page.folder import FRONT, ReportFolder
from healthgate.page.history import History
from healthgate.page.illustrated import illustrate
from healthgate.page.linked import LinkedPages, reader
from healthgate.page.results import Results, listed
from healthgate.printable import printable

GATE_FAILED, NOT_RENDERED = 1, 3
"""Exit codes: the gate was asked for and failed; there is no page; the command line is wrong."""

LONGEST = 1000
"""Characters of a line."""


@dataclass(frozen=True)
class Published:
    """A report that people can read: its page, the size of its files in bytes, the gate, and notes to tell."""

    page: Path
    results: Results
    size: int
    gate: list[Rule]
    notes: list[str]

    @property
    def passed(self) -> bool:
        """Whether the quality gate passed; one that nothing is known of did not."""
        return bool(self.gate) and all(rule.passed for rule in self.gate)


def main(arguments: list[str]) -> int:
    """Render results, say where the page is, and return the exit code."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        published = render(Path(options.results), Path(options.output), Path(options.history), options.form)
    except NotRenderedError as error:
        return _not_rendered(str(error))
    except OSError as error:
        return _not_rendered(f"{error.filename or options.output}: {error.strerror}")
    except KeyboardInterrupt:
        return _not_rendered("interrupted")
    for note in published.notes:
        print(note, file=sys.stderr)
    number, took = len(published.results.results), time.monotonic() - began
    page = f"report: {published.page} ({number} results, {published.size / 1e6:.1f} MB, {took:.1f} s)"
    gate = [f"gate: {'passed' if one.passed else 'FAILED'}: {one.name} ({one.message})" for one in published.gate]
    print("\n  ".join([page, *(printable(line, LONGEST) for line in (published.results.title, *gate))]))
    return GATE_FAILED if options.gate and not published.passed else 0


def render(source: Path, output: Path, history: Path, form: Form) -> Published:
    """Render the results in `source` into the folder `output`. Raises NotRenderedError and OSError."""
    found = results.read(source)
    folder, past = ReportFolder(output), History(history)
    markdown = reader()
    pages = LinkedPages(Path.cwd())
    pages.lead_to(found)
    linked = pages.rendered(markdown)
    illustrate(found, markdown)
    program = node.found(os.environ)
    engine = (program, node.allure(program, os.environ))
    notes = list(found.notes)
    if pages.missing:
        notes.append(f"not in this folder, and therefore not linked: {listed(sorted(pages.missing))}")
    with folder.drawing() as drawing, tempfile.TemporaryDirectory(prefix="healthgate-report-") as work:
        earlier = past.before(found.run, found.started)
        drawn = draw(found, linked, earlier, form, engine, (Path(work), drawing))
        if drawn.taken != len(found.results):
            notes.append(f"Allure took {drawn.taken} of {len(found.results)} results; the others are not on the page")
        size = folder.publish(drawing)
    notes += past.add(drawn.row, found.run, found.started)
    return Published(output / FRONT, found, size, drawn.gate, notes)


def _not_rendered(why: str) -> int:
    print(f"report not rendered: {why}", file=sys.stderr)
    return NOT_RENDERED


def _parser() -> Parser:
    parser = Parser(
        prog="healthgate report",
        description="Renders the results that `healthgate run --alluredir RESULTS` left to a page.",
        epilog="Exit codes: 0 rendered; 1 with --gate, and the gate failed; 3 not rendered; 4 wrong command line.",
    )
    add = parser.add_argument
    add("results", nargs="?", default="reports/allure-results", metavar="RESULTS", help="folder (%(default)s)")
    add("--output", default="reports/html", metavar="FOLDER", help="where the page is published (%(default)s)")
    kept = "what earlier pages showed; /dev/null keeps none (%(default)s)"
    add("--history", default="reports/allure-history.jsonl", metavar="FILE", help=kept)
    single = "one page that opens without a server, with everything it links to in it"
    add("--single-file", dest="form", action="store_const", const="single file", default="folder", help=single)
    add("--gate", action="store_true", help="exit code 1 where the quality gate does not pass")
    return parser
