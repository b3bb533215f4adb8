"""What a PromQL expression says however it is written: spaces, brackets, order of labels, 0.5 or .5, 2m or 120s."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from checks.wsmanager.promql import LISTS, NUMBERS, OF_SERIES, OVER_SERIES, tokens_of
from healthgate import NoData, prometheus_seconds, shown

Node: TypeAlias = tuple[Any, ...]
"""A part of an expression: what it is, then what it is made of. Two that say the same are equal."""

Matcher: TypeAlias = tuple[str, str, str]
"""Label, sign and value of one condition of a selector."""

COMPARISONS = {"==": "==", "!=": "!=", ">": "<", "<": ">", ">=": "<=", "<=": ">="}
"""Comparisons, and how each reads from its other side."""

LEVELS = (("or",), ("and", "unless"), tuple(COMPARISONS), ("+", "-"), ("*", "/", "%", "atan2"), ("^",))
BINDS = {sign: level for level, signs in enumerate(LEVELS, 1) for sign in signs}
"""How strongly operators bind; the strongest of them binds to the right."""

POWER = BINDS["^"]
DEEPEST = 60
"""Brackets within each other that are followed."""


def parsed(expression: str) -> Node:
    """Return what an expression says; NoData where it cannot be read."""
    reader = _Reader(expression)
    node = reader.operation(1)
    if reader.ahead:
        raise reader.unreadable()
    return node


def selectors(node: Node) -> Iterator[tuple[str, tuple[Matcher, ...]]]:
    """Give the name and the conditions of every series that is read."""
    if node[:1] == ("series",) and isinstance(node[-1], tuple):
        yield node[1], node[2]
        return
    for part in node:
        if isinstance(part, tuple):
            yield from selectors(part)


def comparisons(node: Node) -> Iterator[tuple[str, float, Node]]:
    """Give every line that an alert can fire for: its sign, its number (or factor), and the whole comparison."""
    if node[0] != "operation":
        return
    _, sign, how, left, right = node
    if sign in {"or", "and"}:
        yield from comparisons(left)
        yield from comparisons(right)
    elif sign == "unless":
        yield from comparisons(left)
    elif sign in COMPARISONS and "bool" not in how:
        if (times := _factor(right)) is not None:
            yield sign, times, node
        elif (times := _factor(left)) is not None:
            yield COMPARISONS[sign], times, node


def _factor(node: Node) -> float | None:
    """Return the number that a side is, or is so many times something of."""
    if node[0] == "number":
        return float(node[1])
    if node[0] == "operation" and node[1] == "*":
        return next((float(side[1]) for side in node[3:] if side[0] == "number"), None)
    return None


class _Reader:
    """Reads an expression from left to right, operators as strongly as they bind."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = tokens_of(expression)
        self.place = 0
        self.depth = 0

    @property
    def ahead(self) -> str:
        """The next token; operators and words in small letters, nothing at the end."""
        if self.place == len(self.tokens):
            return ""
        kind, text = self.tokens[self.place]
        return text.lower() if kind == "name" else text

    def unreadable(self) -> NoData:
        return NoData(f"{shown(self.expression)} cannot be read as an expression")

    def take(self, wanted: str = "") -> tuple[str, str]:
        """Return kind and text of the next token and go past it; NoData where there is none, or another one."""
        if not self.ahead or (wanted and self.ahead != wanted):
            raise self.unreadable()
        self.place += 1
        return self.tokens[self.place - 1]

    def operation(self, least: int) -> Node:
        """Return what stands next, with the operators after it that bind as strongly as `least` or more."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.unreadable()
        left = self.signed()
        while (sign := self.ahead) in BINDS and BINDS[sign] >= least:
            self.take()
            how = self.matching()
            left = ("operation", sign, how, left, self.operation(BINDS[sign] if sign == "^" else BINDS[sign] + 1))
        self.depth -= 1
        return left

    def signed(self) -> Node:
        if self.ahead not in {"-", "+"}:
            return self.continued(self.primary())
        minus = self.take()[1] == "-"
        operand = self.operation(POWER)
        if not minus:
            return operand
        return ("number", -operand[1]) if operand[0] == "number" else ("minus", operand)

    def matching(self) -> tuple[Any, ...]:
        """Return `bool`, and by which labels the two sides are brought together."""
        how: list[Any] = []
        while self.ahead == "bool" or self.ahead in LISTS - {"by", "without"}:
            word = self.take()[1].lower()
            labels = self.labels() if self.ahead == "(" else ()
            if word == "bool":
                how.append(word)
            elif (word, labels) != ("ignoring", ()):
                how.append((word, labels))
        return tuple(how)

    def labels(self) -> tuple[str, ...]:
        self.take("(")
        found = []
        while self.ahead != ")":
            found.append(plain(self.take()[1]))
            if self.ahead != ")":
                self.take(",")
        self.take(")")
        return tuple(sorted(found))

    def primary(self) -> Node:
        if self.ahead == "(":
            self.take("(")
            inner = self.operation(1)
            self.take(")")
            return inner
        if self.ahead == "{":
            return self.series("")
        kind, text = self.take()
        if kind == "number" or (kind == "name" and text.lower() in NUMBERS):
            return ("number", self.number(text))
        if kind == "string":
            return ("string", plain(text))
        if kind != "name":
            raise self.unreadable()
        if text.lower() in OVER_SERIES | OF_SERIES and self.ahead in {"(", "by", "without"}:
            return self.aggregation(text.lower())
        return ("call", text, self.arguments()) if self.ahead == "(" else self.series(text)

    def number(self, text: str) -> float:
        try:
            return float(int(text, 16)) if text.lower().startswith("0x") else float(text)
        except ValueError:
            return prometheus_seconds(text)

    def arguments(self) -> tuple[Node, ...]:
        self.take("(")
        found = []
        while self.ahead != ")":
            found.append(self.operation(1))
            if self.ahead != ")":
                self.take(",")
        self.take(")")
        return tuple(found)

    def aggregation(self, word: str) -> Node:
        """Return an aggregation; the labels stand before or after what is put together."""
        grouping = self.grouping()
        arguments = self.arguments()
        return ("aggregation", word, grouping or self.grouping() or ("by", ()), arguments)

    def grouping(self) -> tuple[Any, ...]:
        return (self.take()[1].lower(), self.labels()) if self.ahead in {"by", "without"} else ()

    def series(self, name: str) -> Node:
        """Return a selector, its conditions in the order of their labels."""
        conditions: list[Matcher] = []
        if self.ahead == "{":
            self.take("{")
            while self.ahead != "}":
                kind, text = self.take()
                if kind == "string" and self.ahead in {",", "}"}:
                    name = plain(text)
                else:
                    conditions.append((plain(text), self.take()[1], plain(self.take()[1])))
                if self.ahead != "}":
                    self.take(",")
            self.take("}")
        named = [value for label, sign, value in conditions if (label, sign) == ("__name__", "=")]
        left = sorted(one for one in conditions if one[:2] != ("__name__", "="))
        return ("series", name or "".join(named[:1]), tuple(left))

    def continued(self, node: Node) -> Node:
        """Return a part with what is said after it of the time it is of."""
        while True:
            if self.ahead.startswith("["):
                node = ("over", node, *self.span())
            elif self.ahead == "offset":
                self.take()
                back = -1 if self.ahead == "-" and self.take() else 1
                node = ("offset", node, back * self.number(self.take()[1]))
            elif self.ahead == "@":
                self.take()
                text = self.take()[1]
                node = ("at", node, text if self.ahead != "(" else (text, self.arguments()))
            else:
                return node

    def span(self) -> list[float | str]:
        """Return the time of a range, and how often it is looked at within; empty where the server decides."""
        kind, text = self.take()
        back, *step = (one.strip() for one in text[1:-1].split(":"))
        if kind != "range" or not back:
            raise self.unreadable()
        return [prometheus_seconds(back), *(one and prometheus_seconds(one) for one in step)]


def plain(text: str) -> str:
    """Return a label or a text without its quotes."""
    if text[:1] not in {'"', "'", "`"}:
        return text
    return text[1:-1] if text[0] == "`" else text[1:-1].replace(f"\\{text[0]}", text[0]).replace("\\\\", "\\")
