"""The expressions of GitHub Actions, as far as the workflows here use them; what is not known is refused."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|'(?P<text>(?:[^']|'')*)'|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<sign>&&|\|\||==|!=|!|\(|\)|\[|\]|\.|,))"
)
WORDS = {"true": True, "false": False, "null": None}
Function = Callable[..., Any]


class ExpressionError(ValueError):
    """An expression that is wrong, or that this evaluator does not know."""


def filled(text: str, contexts: Mapping[str, Any], functions: Mapping[str, Function]) -> str:
    """Return `text` with every `${{ … }}` in it replaced by its value."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: shown(value(found[1], contexts, functions)), text, flags=re.DOTALL)


def value(text: str, contexts: Mapping[str, Any], functions: Mapping[str, Function]) -> Any:
    """Return the value of one expression; ExpressionError where it cannot be told."""
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None or found.end() == at:
            raise ExpressionError(f"{text}: not understood at {text[at:]!r}")
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        at = found.end()
    reader = _Reader(text, tokens, contexts, functions)
    result = reader.either()
    if reader.at != len(tokens):
        raise ExpressionError(f"{text}: more than one expression")
    return result


def shown(result: Any) -> str:
    """Return a value as it stands in a text."""
    if result is None:
        return ""
    if isinstance(result, bool):
        return "true" if result else "false"
    if isinstance(result, (dict, list)):
        raise ExpressionError("an object stands where a text is expected")
    return str(result)


def truth(result: Any) -> bool:
    """Whether a value counts as true."""
    return not (result is None or result is False or result == "" or (result == 0 and not isinstance(result, str)))


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if type(left) is type(right):
        return bool(left == right)
    return _number(left) == _number(right)


def _number(result: Any) -> float:
    if result is None or result == "":
        return 0.0
    try:
        return float(result)
    except ValueError:
        return math.nan


class _Reader:
    def __init__(
        self,
        text: str,
        tokens: list[tuple[str, str]],
        contexts: Mapping[str, Any],
        functions: Mapping[str, Function],
    ) -> None:
        self.text, self.tokens, self.at = text, tokens, 0
        self.contexts = contexts
        self.functions: dict[str, Function] = {
            "format": lambda text, *values: re.sub(r"\{(\d+)\}", lambda found: shown(values[int(found[1])]), text),
            "fromJSON": json.loads,
            "toJSON": json.dumps,
            **functions,
        }

    def sign(self, *wanted: str) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in wanted:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def need(self, wanted: str) -> None:
        if not self.sign(wanted):
            raise ExpressionError(f"{self.text}: expected {wanted}")

    def either(self) -> Any:
        result = self.both()
        while self.sign("||"):
            other = self.both()
            result = result if truth(result) else other
        return result

    def both(self) -> Any:
        result = self.compared()
        while self.sign("&&"):
            other = self.compared()
            result = other if truth(result) else result
        return result

    def compared(self) -> Any:
        result = self.negated()
        while sign := self.sign("==", "!="):
            result = _equal(result, self.negated()) == (sign == "==")
        return result

    def negated(self) -> Any:
        return not truth(self.negated()) if self.sign("!") else self.reached()

    def reached(self) -> Any:
        result = self.single()
        while sign := self.sign(".", "["):
            if sign == ".":
                kind, name = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
                if kind != "name":
                    raise ExpressionError(f"{self.text}: expected a name after the dot")
                self.at += 1
            else:
                name = self.either()
                self.need("]")
            result = result.get(name) if isinstance(result, Mapping) else None
        return result

    def single(self) -> Any:
        if self.sign("("):
            result = self.either()
            self.need(")")
            return result
        if self.at == len(self.tokens):
            raise ExpressionError(f"{self.text}: ends too early")
        kind, word = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return float(word)
        if kind == "text":
            return word.replace("''", "'")
        if kind != "name":
            raise ExpressionError(f"{self.text}: {word} is not expected there")
        if self.sign("("):
            return self.called(word)
        if word in WORDS:
            return WORDS[word]
        if word not in self.contexts:
            raise ExpressionError(f"{self.text}: there is no context {word} here")
        return self.contexts[word]

    def called(self, name: str) -> Any:
        values = []
        while not self.sign(")"):
            values.append(self.either())
            if not self.sign(","):
                self.need(")")
                break
        if name not in self.functions:
            raise ExpressionError(f"{self.text}: the function {name} is not known")
        return self.functions[name](*values)
