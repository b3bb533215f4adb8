"""Every check turns red by its own fault, with nothing beside it but what follows by logic, and green again."""

import pytest

from tests.detection.bench import CATALOGUE
from tests.detection.cell import PROFILE
from tests.detection.drawing import DRAWING, drawn
from tests.detection.edges import EDGES
from tests.detection.evidence import ROWS, Evidence, instances
from tests.detection.matrix import CELLS, PARTS, misnamed, trials, undeclared
from tests.detection.page import PAGE, written
from tests.detection.proofs import PROOFS


def test_every_check_has_a_fault() -> None:
    assert sorted(undeclared(CELLS)) == []


def test_every_declaration_names_checks_that_there_are() -> None:
    assert sorted(misnamed(CELLS)) == []
    assert sorted(name for edge in EDGES for name in edge.expected if name not in CATALOGUE.checks) == []


def test_every_system_is_of_one_part_of_the_platform() -> None:
    assert sorted(system for part in PARTS for system in part) == sorted(CATALOGUE.systems)


def test_checks_with_the_same_fault_expect_the_same_of_it() -> None:
    assert sum(len(trial.checks) for trial in trials(CELLS)) == len(CELLS)


def test_every_row_of_the_specification_is_a_check_or_a_proof() -> None:
    named = [name for rows in ROWS.values() for row, parameters in rows.items() for name in instances(row, parameters)]
    assert sorted([*CATALOGUE.checks, *PROOFS]) == sorted(named)


@pytest.mark.parametrize("check", sorted(CELLS))
def test_its_fault_turns_it_red_and_nothing_else_and_it_heals(evidence: Evidence, check: str) -> None:
    if complaint := evidence.complaint_of_check(check):
        pytest.fail(complaint, pytrace=False)


def test_what_is_less_real_than_a_cause_says_why(evidence: Evidence) -> None:
    less_real = {
        check: cell for check, cell in CELLS.items() if evidence.layer(cell) in {"report", "response", PROFILE}
    }
    assert [check for check, cell in less_real.items() if not cell.why] == []


@pytest.mark.whole
@pytest.mark.parametrize("number", range(len(EDGES)))
def test_a_value_at_a_line_is_judged_as_declared(evidence: Evidence, number: int) -> None:
    if complaints := evidence.complaints_at(EDGES[number]):
        pytest.fail("; ".join([str(EDGES[number].injection), *complaints]), pytrace=False)


@pytest.mark.whole
def test_the_page_and_the_drawing_show_what_was_seen(evidence: Evidence) -> None:
    """Write them anew with `python -m tests.detection --write`."""
    assert PAGE.read_text("utf-8") == written(evidence)
    assert DRAWING.read_text("utf-8") == drawn(evidence)
