"""The documented examples of every numeric claim, judged by the engine's own limits."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from healthgate.claim.limit import Limit, Tier, Unit, in_time
from healthgate.claim.state import State

EXAMPLES = Path(__file__).with_name("evaluator_examples.yaml")
ROWS: list[dict[str, Any]] = yaml.load(EXAMPLES.read_text(), yaml.CSafeLoader)
STATES = {
    "PASS": State.OK,
    "OBJECTIVE_MISS": State.MISSED,
    "WARNING": State.WARNING,
    "CRITICAL": State.CRITICAL,
    "PENDING": State.PENDING,
}


def limit_of(row: dict[str, Any]) -> Limit:
    """Build the limit a row describes."""
    tiers = {
        name: Tier(tier["op"], tier["value"], tier.get("for_s", 0), tier.get("consecutive", 1))
        for name, tier in row["tiers"].items()
    }
    return Limit(tiers.pop("objective"), Unit(row.get("unit", ""), floor=None), **tiers)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_a_documented_example_is_judged_as_documented(row: dict[str, Any]) -> None:
    """One reading gives the state of a single sample; held over the whole window, that of a sustained one."""
    limit = limit_of(row)

    for example in row["examples"]:
        value = example["value"]
        alone = example.get("state") or example["single_sample"]
        lasting = example.get("state") or example["sustained"]
        assert limit.judge(value) is STATES[alone], f"{value} by itself"
        assert limit.judge(value, in_time) is STATES[lasting], f"{value} all along"


def test_no_example_is_lost() -> None:
    """There are 98 numeric claims with 390 examples; seven of those differ between one sample and a window."""
    examples = [example for row in ROWS for example in row["examples"]]

    assert len(ROWS) == len({row["id"] for row in ROWS}) == 98
    assert len(examples) == 390
    assert sum("sustained" in example for example in examples) == 7
