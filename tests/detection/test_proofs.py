"""What only a lab can prove holds, fails with its fault, and holds again."""

import pytest

from tests.detection.evidence import Evidence
from tests.detection.proofs import PROOFS


@pytest.mark.parametrize("name", PROOFS)
def test_a_claim_holds_fails_with_its_fault_and_holds_again(evidence: Evidence, name: str) -> None:
    if complaint := evidence.complaint_of_proof(name):
        pytest.fail(f"{name}: {PROOFS[name].claim}; {complaint}", pytrace=False)
