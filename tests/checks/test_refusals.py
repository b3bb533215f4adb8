"""A refusal is believed only of an answer that was read to its end."""

import pytest

from checks.gateway.test_access import quick_health_code, turned_away
from healthgate import Measured, NoData
from healthgate.claim.observation import Observation
from healthgate.readings import Answer

TOO_LARGE = Answer(Observation("x", "oversized", 0.0, 1.0, error="the answer is larger", facts={"code": 401}))
WHOLE = Answer(Observation("x", "answered", 0.0, 1.0, facts={"code": 401, "json": {"success": False}}))


def test_the_right_code_of_an_answer_too_large_to_read_is_no_data() -> None:
    with pytest.raises(NoData, match="larger"):
        quick_health_code.function(TOO_LARGE, False)
    with pytest.raises(NoData, match="larger"):
        turned_away(TOO_LARGE, 401)


def test_the_right_code_of_a_whole_answer_is_a_refusal() -> None:
    assert quick_health_code.function(WHOLE, False) == Measured(True, "answered 401, as the profile says")
    assert turned_away(WHOLE, 401) == Measured(True, "refused with 401")
