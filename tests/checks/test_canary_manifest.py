"""The share a manifest declares for the canary is read from its Ingress, as text or as number."""

from typing import Any

import pytest

from checks.wsmanager.manifest import WEIGHT, declared_weight
from healthgate import Facts, NoData


def ingress(weight: Any) -> dict[str, Any]:
    return {"kind": "Ingress", "metadata": {"name": "canary", "annotations": {WEIGHT: weight}}}


DEPLOYMENT = {"kind": "Deployment", "metadata": {"annotations": {WEIGHT: "99"}}}


@pytest.mark.parametrize(("written", "weight"), [("10", 10), (" 10 ", 10), (10, 10), ("0", 0), ("100", 100)], ids=repr)
def test_the_weight_of_the_ingress_is_the_declared_one(written, weight):
    assert declared_weight(Facts([DEPLOYMENT, ingress(written)])) == weight
    assert declared_weight(Facts(ingress(written))) == weight


@pytest.mark.parametrize(
    "written",
    ["", "ten", "-1", "101", "1e1", "٣", "9" * 5000, None, True, 10.5, [], {}],
    ids=lambda one: repr(one)[:20],
)
def test_what_is_no_percentage_is_no_data(written):
    with pytest.raises(NoData, match="not a percentage"):
        declared_weight(Facts(ingress(written)))


def test_no_weight_and_several_weights_are_no_data():
    with pytest.raises(NoData, match="no Ingress"):
        declared_weight(Facts([DEPLOYMENT, {"kind": "Ingress"}, 7]))
    with pytest.raises(NoData, match="several weights: 10, 20"):
        declared_weight(Facts([ingress("20"), ingress("10")]))
    assert declared_weight(Facts([ingress("10"), ingress(10)])) == 10
