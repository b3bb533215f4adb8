"""What a manifest declares for the canary: the share of its Ingress, as text or number, and which manager it runs."""

from typing import Any

import pytest

from checks.wsmanager.manifest import FLAG, WEIGHT, declared_flag, declared_weight
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


def running(*values: Any, kind: str = "Deployment") -> dict[str, Any]:
    env = [{"name": "PORT", "value": "3000"}, *({"name": FLAG, "value": value} for value in values)]
    return {
        "kind": kind,
        "spec": {"template": {"spec": {"containers": [{"name": "log"}, {"name": "app", "env": env}]}}},
    }


@pytest.mark.parametrize(
    ("written", "flag"), [("true", True), ("True", True), ("false", False), (True, True)], ids=repr
)
def test_the_variable_of_any_container_is_the_declared_one(written, flag):
    assert declared_flag(Facts([ingress("10"), running(written)])) is flag
    assert declared_flag(Facts(running(written, kind="StatefulSet"))) is flag


@pytest.mark.parametrize("written", ["", "yes", "1", 1, None, [], {}], ids=repr)
def test_what_is_neither_true_nor_false_is_no_data(written):
    with pytest.raises(NoData, match="not true or false"):
        declared_flag(Facts(running(written)))


def test_no_variable_one_from_elsewhere_and_two_that_differ_are_no_data():
    for manifest in (running(), ingress("10"), 7, [], {"spec": {"template": {"spec": {"containers": []}}}}):
        with pytest.raises(NoData, match="no container of the manifest"):
            declared_flag(Facts(manifest))
    with pytest.raises(NoData, match="both true and false"):
        declared_flag(Facts([running("true"), running("false")]))
    elsewhere = running("true")
    elsewhere["spec"]["template"]["spec"]["containers"][1]["env"][1] = {"name": FLAG, "valueFrom": {"secretKeyRef": {}}}
    with pytest.raises(NoData, match="value is missing"):
        declared_flag(Facts(elsewhere))
