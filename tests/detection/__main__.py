"""`python -m tests.detection`: cause every fault, print the figures; `--write` writes the page and the drawing."""

import argparse
import sys
import time

from tests.detection.bench import carry_out
from tests.detection.drawing import DRAWING, drawn
from tests.detection.edges import EDGES
from tests.detection.evidence import Evidence, gather, of_kind
from tests.detection.matrix import CELLS, Round, together, trials
from tests.detection.page import PAGE, written
from tests.detection.scenario import SCENARIOS


def main() -> int:
    """Gather the evidence; returns 1 if something is not as declared, or the page is not current."""
    parser = argparse.ArgumentParser(prog="python -m tests.detection", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/detection.md and docs/detection.svg")
    parser.add_argument("--only", metavar="TEXT", help="try only the checks whose id holds this, and write nothing")
    chosen = parser.parse_args()
    if chosen.only:
        return _try(chosen.only)
    began = time.monotonic()
    evidence = gather(EDGES, SCENARIOS.values(), _progress)
    for name, figure in evidence.figures().items():
        print(f"{name:<22} {figure}")
    print(f"{'wall time':<22} {time.monotonic() - began:.0f} s")
    for injection in evidence.alone:
        print(f"not as declared in company, tried again alone: {injection}")
    complaints = evidence.complaints()
    print(*complaints, sep="\n")
    return int(bool(complaints) | (_write(evidence) if chosen.write else _is_outdated(evidence)))


def _try(text: str) -> int:
    chosen = [one for one in trials(CELLS) if any(text in check for check in one.checks)]
    found = of_kind(Round, carry_out(together(chosen), told=_progress))
    complaints = [words for one in found for check in one.checks if (words := one.complaint(check))]
    print(*(complaints or [f"{len(found)} injections, all as declared"]), sep="\n")
    return int(bool(complaints))


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{words} ", end="", file=sys.stderr, flush=True)


def _write(evidence: Evidence) -> bool:
    PAGE.write_text(written(evidence), "utf-8")
    DRAWING.write_text(drawn(evidence), "utf-8")
    print(f"wrote {PAGE.name} and {DRAWING.name}")
    return False


def _is_outdated(evidence: Evidence) -> bool:
    outdated = [
        path.name
        for path, text in ((PAGE, written(evidence)), (DRAWING, drawn(evidence)))
        if not path.exists() or path.read_text("utf-8") != text
    ]
    print(f"outdated: {', '.join(outdated)}; write them with --write" if outdated else "the page is current")
    return bool(outdated)


if __name__ == "__main__":
    sys.exit(main())
