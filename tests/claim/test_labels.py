"""A label that a series may be without: which series are meant, and which cannot be told apart."""

import pytest

from healthgate.claim.labels import meant, optional, perhaps, with_and_without

WANTED = {"job": "page", "side": perhaps("left")}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"job": "page", "side": "left"}, True),
        ({"job": "page"}, True),
        ({"job": "page", "host": "a"}, True),
        ({"job": "page", "side": "right"}, False),
        ({"job": "page", "side": ""}, False),
        ({"side": "left"}, False),
        ({}, False),
    ],
)
def test_a_series_has_the_label_or_is_without_it(labels, expected):
    assert meant(labels, WANTED) is expected
    assert optional(WANTED) == ["side"]


def test_what_is_wanted_without_perhaps_has_to_be_there():
    assert not meant({}, {"side": "left"})
    assert optional({"side": "left"}) == []


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([{"side": "left"}, {}], ({"side": "left"}, {})),
        ([{}, {"side": "right"}], ({"side": "right"}, {})),
        ([{"a": "1"}, {"a": "2", "side": "left"}], None),
        ([{"side": "left"}, {"side": "right"}], None),
        ([{}], None),
    ],
)
def test_two_that_differ_only_in_having_the_label_cannot_be_told_apart(several, expected):
    assert with_and_without("side", several) == expected
