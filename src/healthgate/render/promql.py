"""Limits as PromQL: the one place where a comparison is spelt for Prometheus."""

from collections.abc import Callable, Mapping, Sequence

from healthgate.claim.limit import Limit, Tier

# The same keys as `limit.COMPARE`: what of a series lies on the far side of a line with these values. A comparison
# keeps the samples for which it holds, and one that follows it looks at those only.
COMPARE: Mapping[str, Callable[[str, Sequence[str]], str]] = {
    "<": lambda series, values: f"{series} < {values[0]}",
    "<=": lambda series, values: f"{series} <= {values[0]}",
    ">": lambda series, values: f"{series} > {values[0]}",
    ">=": lambda series, values: f"{series} >= {values[0]}",
    "==": lambda series, values: f"{series} == {values[0]}",
    "!=": lambda series, values: f"{series} != {values[0]}",
    "in": lambda series, values: " or ".join(f"{series} == {value}" for value in values),
    "not in": lambda series, values: series + "".join(f" != {value}" for value in values),
    "between": lambda series, values: f"{series} >= {values[0]} <= {values[1]}",
    "outside": lambda series, values: f"{series} < {values[0]} or {series} > {values[1]}",
}


def numeric(limit: Limit) -> bool:
    """Whether readings under this limit are numbers; those of text and truth are told by their state alone."""
    value = limit.objective.value
    first = value[0] if isinstance(value, tuple) else value
    return isinstance(first, int | float) and not isinstance(first, bool)


def number(value: float) -> str:
    """Return `value` with every digit it has: an edge that is rounded is another edge."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def beyond(series: str, tier: Tier) -> str:
    """Return an expression that keeps of `series` what lies on the far side of `tier`."""
    values = tier.value if isinstance(tier.value, tuple) else (tier.value,)
    return COMPARE[tier.op](series, [number(value) for value in values])


def span(seconds: float) -> str:
    """Return a duration as Prometheus writes it: 90 is 90s, 120 is 2m, 0.5 is 500ms."""
    milliseconds = round(seconds * 1000)
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"
