"""What docs/outputs.md says is so."""

import re
import subprocess
from pathlib import Path

from healthgate.tell import metrics, pushgateway
from tests.tell.exposition import series
from tests.tell.test_junit import FACTS
from tests.tell.world import Told
from tests.tools import program

PAGE = (Path(__file__).parents[2] / "docs/outputs.md").read_text()


def test_the_series_are_those_that_are_documented(run: Told) -> None:
    """With exactly the labels that are documented."""
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `healthgate_")]
    documented: dict[str, set[str]] = {}
    base: set[str] = set()
    for names, labels, _ in rows:
        told = set(labels.replace("the same", ", ".join(base)).split(", ")) - {""}
        base = base or told
        documented |= dict.fromkeys(re.findall(r"`(\w+)`", names), told)

    assert {name: {label for label, _ in labels} for name, labels in series(run.metrics)} == documented


def test_the_codes_and_the_properties_are_those_that_are_documented() -> None:
    assert ", ".join(f"{code} {state}" for state, code in metrics.CODES.items()) in PAGE
    words = PAGE.partition("each exactly once and in this order: ")[2].partition(". ")[0]
    assert re.findall(r"`(\w+)`", words) == FACTS
    assert f"at most {pushgateway.DEADLINE:g} s, an attempt at most {pushgateway.ATTEMPT:g} s" in PAGE


def test_promtool_takes_the_rules_that_are_shown(tmp_path: Path) -> None:
    promtool = program("promtool")
    rules = tmp_path / "rules.yml"
    rules.write_text(PAGE.partition("```yaml\ngroups:")[2].partition("```")[0].join(["groups:", ""]))

    done = subprocess.run([promtool, "check", "rules", rules], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 rules found" in done.stdout
