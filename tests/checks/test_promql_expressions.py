"""Two expressions that say the same are the same however they are written, and two that do not are not."""

import pytest

from checks.wsmanager.expression import comparisons, parsed, selectors
from healthgate import NoData


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("ws_manager_active_connections > 100", "(ws_manager_active_connections)>1e2 # a note"),
        ("rate(a[2m]) > 0.5", "rate( a[120s] )\n> .5"),
        ('up{a="1",b="2"} == 0 or absent(up{a="1"})', "(up{b='2', a=`1`,}==0) OR (absent(up{a='1'}))"),
        ("sum(a) by (x, y)", "SUM BY (y, x) (a)"),
        ("sum(a)", "sum by () (a)"),
        ("a - b - c", "(a - b) - c"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("-2 ^ 2", "-(2 ^ 2)"),
        ("a or b and c", "a or (b and c)"),
        ('a{e="s"} / on() a{e="p"} > 1.5', '(a{e="s"} / on () a{e="p"}) > +1.50'),
        ("100 * rate(a[1m]) / rate(b[1m])", "(100 * rate(a[1m])) / rate(b[60s])"),
        ("a offset 5m", "a offset 300s"),
        ("max_over_time(a[1h:])", "max_over_time(a[60m:])"),
        ('{__name__="a", b="c"}', 'a{b="c"}'),
        ('{"a", b="c"}', 'a{"b"="c"}'),
        ("a * on (x) group_left b", "a * on(x) group_left() b"),
        ("a @ start() > 0x10", "a@start() > 16"),
        ("a{}", "a"),
    ],
)
def test_the_same_however_it_is_written(written, other):
    assert parsed(written) == parsed(other)


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("a > 100", "a > 1000"),
        ("a > 100", "a >= 100"),
        ("a > 100", "a > bool 100"),
        ("a > 100", "100 > a"),
        ("rate(a[1m])", "rate(a[2m])"),
        ("rate(a[1m])", "irate(a[1m])"),
        ("a - b - c", "a - (b - c)"),
        ("a ^ b ^ c", "(a ^ b) ^ c"),
        ("a or b and c", "(a or b) and c"),
        ("a * b", "a * on() b"),
        ("sum by (x) (a)", "sum without (x) (a)"),
        ('a{b="c"}', 'a{b=~"c"}'),
        ('a{b="c"}', "a"),
        ("a offset 5m", "a offset -5m"),
        ("a", "-a"),
    ],
)
def test_another_however_alike(written, other):
    assert parsed(written) != parsed(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "a{",
        "a >",
        "a b",
        "a)",
        "rate(a[x])",
        "sum(a",
        "a{b}",
        "a{b=c d}",
        "$a > 1",
        "\ud800",
        "a[5m",
        "a[] > 1",
        "a[ > 1",
    ]
    + [sign * 5000 for sign in ("(", "{", "[", '"', "-", "a^", "by(", "sum(", "a{", "a offset ", "not ")],
)
def test_what_is_no_expression_is_no_data(text):
    with pytest.raises(NoData, match=r"cannot be read|not a duration"):
        parsed(text)


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        ("a > 100", {(">", 100)}),
        ("100 < a", {(">", 100)}),
        ("a > 1.5 * on() b", {(">", 1.5)}),
        ("a > 1 or b < 2", {(">", 1), ("<", 2)}),
        ("a > 1 and on() b > 0", {(">", 1), (">", 0)}),
        ("a > 1 unless b > 0", {(">", 1)}),
        ("a > bool 1", set()),
        ("a > b", set()),
        ("vector(1)", set()),
        ("sum(a > 5)", set()),
    ],
)
def test_the_lines_an_alert_can_fire_for_are_those_at_its_top(expression, lines):
    assert {(sign, number) for sign, number, _ in comparisons(parsed(expression))} == lines


def test_every_series_that_is_read_is_known_with_its_conditions():
    found = dict(selectors(parsed('sum by (series, x) (rate(a{job=~"b.*", c="d"}[5m])) > scalar(e) or absent(up)')))
    assert found == {"a": (("c", "=", "d"), ("job", "=~", "b.*")), "e": (), "up": ()}
