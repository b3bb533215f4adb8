"""What a canary may do beside its baseline: a limit of the ratio, in both directions."""

import pytest

from healthgate import no_less, no_more, percent
from healthgate.claim.compared import NoWorse
from healthgate.claim.state import State

OK, CRITICAL = State.OK, State.CRITICAL


@pytest.mark.parametrize(
    ("limit", "ratio", "state"),
    [
        (no_more(), 1.0, OK),
        (no_more(), 1.24, OK),
        (no_more(), 1.25, CRITICAL),
        (no_more(worse_by=1.4), 1.3, OK),
        (no_less(), 1.0, OK),
        (no_less(), 3.0, OK),
        (no_less(), 0.81, OK),
        (no_less(), 0.8, CRITICAL),
    ],
)
def test_a_ratio_is_critical_from_the_factor_on_in_the_direction_that_is_bad(
    limit: NoWorse, ratio: float, state: State
) -> None:
    assert limit.judge(ratio) is state
    assert limit.severity == "critical"


def test_what_a_canary_may_do_reads_as_a_sentence() -> None:
    words = "no more than the baseline, critical 1.25 times, proven below 1.5, 40 allowed"
    assert str(no_more(percent, allowed=40)) == words
    assert str(no_less(worse_by=2, tolerates=3)) == "no less than the baseline, critical 2 times, proven below 3"


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"worse_by": 0.9}, "worse_by=0.9, tolerates=1.5: 1 ≤ worse_by < tolerates"),
        ({"tolerates": 1.25}, "worse_by=1.25, tolerates=1.25: 1 ≤ worse_by < tolerates"),
        ({"allowed": 0.0}, "allowed=0 allows nothing; leave it out, or name what nobody minds"),
        ({"cushion": -1.0}, "cushion=-1 is below nothing"),
    ],
)
def test_terms_that_contradict_each_other_are_refused(terms: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        no_more(percent, **terms)
