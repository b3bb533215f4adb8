"""The names of series in an expression are found, and nothing else is taken for one."""

import pytest

from checks.wsmanager.promql import metric_names


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("ws_manager_active_connections > 100", {"ws_manager_active_connections"}),
        ("rate(ws_manager_retry_count_total[5m]) / rate(ws_manager_stream_creations_total[5m])",
         {"ws_manager_retry_count_total", "ws_manager_stream_creations_total"}),
        ('up{job="a",environment="b"} == 0 or absent(up{job="a"})', {"up"}),
        ('ws_manager:ratio_5m{environment="staging"} / on() ws_manager:ratio_5m{environment="production"} > 1.5',
         {"ws_manager:ratio_5m"}),
        ("sum by (environment) (rate(errors_total[$__rate_interval]))", {"errors_total"}),
        ("sum(rate(errors_total[5m])) by (environment)", {"errors_total"}),
        ("a * on (job) group_left (version) build_info", {"a", "build_info"}),
        ("a offset 5m - a @ start() unless bool_total > bool 1e3", {"a", "bool_total"}),
        ("max_over_time(rate(a_total[1m])[10m:30s])", {"a_total"}),
        ('label_replace(a, "dst", "$1", "src", "(b|c)")', {"a"}),
        ('{__name__="a_total", job="x"}', {"a_total"}),
        ('{"a.b.total", job="x"}', {"a.b.total"}),
        ('{"label"="x", __name__=~"a.*"}', set()),
        ("quantile(0.9, a) + Inf + NaN + 0x1F + .5 # and b", {"a"}),
        ("$metric + ${other:regex} + [[third]]", set()),
        ("histogram_quantile(0.99, sum by (le) (rate(a_bucket[5m])))", {"a_bucket"}),
        ("a{x='}', y=`{b}`} > c", {"a", "c"}),
        ("a{", {"a"}),
        ("", set()),
    ],
)  # fmt: skip
def test_names_are_those_of_series(expression, names):
    assert metric_names(expression) == names


@pytest.mark.parametrize("text", ["{" * 5000, "by(" * 5000, '"' * 5001, "9" * 5000, "\ud800", "[" * 5000, "a{" * 5000])
def test_any_text_gives_names_or_none(text):
    assert all(isinstance(name, str) for name in metric_names(text))
