"""The list of all checks has each of them once, and every link leads somewhere."""

import re

from healthgate.claim.limit import equals
from healthgate.duration import spoken
from healthgate.render import page
from tests.checks.world import CATALOGUE, ROOT
from tests.render.declared import catalogue, check

WRITTEN = (ROOT / "docs/checks.md").read_text()
CHECKS, _, COMPARISONS = WRITTEN.partition("\n## What a canary is compared by\n")
LINES, COMPARED = ([line for line in part.splitlines() if line.startswith("| `")] for part in (CHECKS, COMPARISONS))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_check_has_its_line_and_there_are_no_others():
    assert [cells(line)[0].strip("`") for line in LINES] == sorted(CATALOGUE.checks)


READS = (
    *("GET ", "HEAD ", "redis ", "stream ", "log ", "file ", "files ", "port ", "claims ", "TLS "),
    *("query ", "rules at ", "targets at ", "alerts at ", "flags at ", "events ", "metric "),
)


def test_a_line_says_what_the_check_says():
    for line in LINES:
        check_id, claim, healthy, severity, every, reads, runbook = cells(line)
        one = CATALOGUE.checks[check_id.strip("`")]
        assert (claim, severity) == (one.name, one.stays.severity)
        assert healthy == str(one.stays)
        assert every == spoken(one.cadence)
        assert reads.startswith(READS)
        assert runbook == f"[{one.runbook}](runbooks/{one.runbook}.md)"
        assert (ROOT / "docs/runbooks" / f"{one.runbook}.md").is_file()


def test_every_comparison_has_its_line():
    assert [cells(line)[0].strip("`") for line in COMPARED] == sorted(CATALOGUE.comparisons)
    for line in COMPARED:
        name, claim, healthy, reads, runbook = cells(line)
        one = CATALOGUE.comparisons[name.strip("`")]
        assert (claim, healthy) == (one.name, str(one.stays))
        assert reads.startswith(READS)
        assert runbook == f"[{one.runbook}](runbooks/{one.runbook}.md)"
        assert (ROOT / "docs/runbooks" / f"{one.runbook}.md").is_file()


def test_the_counts_are_those_of_the_checks():
    assert f"\n{len(CATALOGUE.checks)} checks of {len(CATALOGUE.rows)} assertions." in WRITTEN
    for system in CATALOGUE.systems:
        mine = [one for one in CATALOGUE.checks.values() if one.system == system]
        counts = [sum(one.stays.severity == name for one in mine) for name in ("critical", "warning", "objective")]
        assert f"| [{system}](#{system}) | {len(mine)} | {' | '.join(map(str, counts))} |" in WRITTEN
        assert f"\n## {system}\n" in WRITTEN


def test_hostile_words_stay_in_their_cell():
    words = "a | b \\| <script> `x` [y](z)\nnext | ||"
    text = page.text(catalogue([check("boiler.a", equals(words), name=words)]), "{name}", "docs")
    (line,) = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(cells(line)) == 7
    assert "<script>" not in line
