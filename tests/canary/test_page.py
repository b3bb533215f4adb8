"""What docs/canary.md shows is what the judge says."""

import contextlib
import io
import random
import re
from pathlib import Path

from healthgate.canary import Trial
from tests.canary.test_trial import counted, events

PAGE = (Path(__file__).parents[2] / "docs/canary.md").read_text()


def silent() -> Trial:
    rng, trial = random.Random(1), Trial()
    for tick in range(120):
        trial.tick(events(rng, 10), None if tick % 4 == 0 else events(rng, 10))
    return trial


def shown() -> list[str]:
    """Return a sentence of each kind."""
    undecided = counted(1.35, mean=0.5, seed=5)
    undecided.finish()
    return [counted(2.0).reason, counted(1.0).reason, undecided.reason, silent().reason]


def test_the_sentences_of_the_page_are_those_of_the_judge() -> None:
    block = re.search(r"```\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    assert block[1].splitlines() == shown()


def test_the_example_of_the_page_runs_and_is_rolled_back() -> None:
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(block[1], {})
    assert said.getvalue().startswith("rollback 3.")


def test_the_settings_of_the_page_are_those_of_the_judge() -> None:
    trial = Trial()
    for name in ("alpha", "worse_by", "tolerates", "every_s", "within_s"):
        row = re.search(rf"(?m)^\| `{name}` \| ([0-9.]+) \|", PAGE)
        assert row is not None, name
        assert float(row[1]) == getattr(trial, name)
