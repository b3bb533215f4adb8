"""What a PromQL expression asks for: the names of the series in it."""

import re

TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<variable>\$\{[^}]*\}|\$\w+|\[\[\w+\]\])
    |(?P<range>\[[^\]]*\])
    |(?P<number>\.?\d(?:[eE][+-]?\d|[\w.])*)
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<sign>=~|!~|[!=<>]=|[^\s])""",
    re.VERBOSE,
)

LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
"""Words that a list of labels may follow."""

OPERATORS = frozenset({"and", "or", "unless", "bool", "offset", "atan2"})
OVER_SERIES = frozenset({"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"})
OF_SERIES = frozenset({"topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"})
WORDS = LISTS | OPERATORS | OVER_SERIES | OF_SERIES
"""What is no name of a series, although no bracket may follow it."""

NUMBERS = frozenset({"inf", "nan"})


def tokens_of(expression: str) -> list[tuple[str, str]]:
    """Return kind and text of every token of an expression, comments left out."""
    return [(found.lastgroup or "", found[0]) for found in TOKEN.finditer(expression) if found.lastgroup != "comment"]


def metric_names(expression: str) -> frozenset[str]:
    """Return the names of the series an expression reads: metrics and recorded series, neither functions nor labels.

    A name that only a variable of a dashboard holds is not known here and left out.
    """
    tokens = tokens_of(expression)
    found: set[str] = set()
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        place += 1
        ahead = tokens[place][1] if place < len(tokens) else ""
        if text == "{":
            end = _end(tokens, place, "}")
            found |= _selected(tokens[place:end])
            place = end + 1
        elif kind == "name" and text.lower() in LISTS:
            place = _end(tokens, place, ")") + 1 if ahead == "(" else place
        elif kind == "name" and ahead != "(" and text.lower() not in WORDS | NUMBERS:
            found.add(text)
    return frozenset(found)


def _end(tokens: list[tuple[str, str]], place: int, closing: str) -> int:
    """Return where the bracket closes that was opened before `place`; the end where it never does."""
    return next((at for at in range(place, len(tokens)) if tokens[at][1] == closing), len(tokens))


def _selected(inside: list[tuple[str, str]]) -> set[str]:
    """Return the names that stand between the braces of a selector: of `__name__`, or in quotes by themselves."""
    found = set()
    for place, (kind, text) in enumerate(inside):
        before = inside[place - 1][1] if place else ","
        if kind != "string":
            continue
        after = inside[place + 1][1] if place + 1 < len(inside) else ","
        by_label = before == "=" and place > 1 and inside[place - 2][1] == "__name__"
        if by_label or before == after == ",":
            found.add(text[1:-1])
    return found
