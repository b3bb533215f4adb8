"""What a request brought, as a text for people that is JSON all the same: redacted, laid out, and not too long."""

import json
import math
from typing import Any

from healthgate.claim.observation import Observation
from healthgate.secret import Redactor
from healthgate.tell.results import moment

LONGEST = 64 * 1024
"""Bytes of one text; what does not fit is cut, and that is said."""

ROOM = ((10_000, 20_000), (1000, 4000), (200, 2000), (50, 500), (10, 200), (3, 80))
"""Elements of a list or object and characters of a text that are kept: the first pair with which all of it fits."""

NODES = 16_384
"""Values looked at: more do not fit into the bytes there are."""

DEEPEST = 40
"""Objects within objects that are shown."""

LINE = 110
"""Characters of a line, where the values allow it."""


def evidence(observation: Observation, redactor: Redactor) -> str:
    """Return what `observation` holds as JSON of at most 64 KiB, without any secret `redactor` knows."""
    text = ""
    for elements, letters in ROOM:
        sieve = _Sieve(redactor, elements, letters)
        told: dict[str, Any] = {
            "request": sieve.sifted(observation.id),
            "status": observation.status,
            "at": moment(observation.at),
            "elapsed_ms": sieve.sifted(observation.elapsed_ms),
            "bytes": observation.bytes,
            "error": sieve.sifted(observation.error),
            "facts": sieve.sifted(observation.facts),
        }
        if sieve.cut:
            told["cut"] = "shown in part: … stands where something is left out; a snapshot holds everything"
        text = laid_out(told) + "\n"
        if len(text.encode(errors="backslashreplace")) <= LONGEST and sieve.nodes <= NODES:
            return text
    told["facts"] = "…"
    return laid_out(told) + "\n"


def laid_out(value: Any, indent: int = 0) -> str:
    """Return `value` as JSON that fits the lines of a page: what is short stands in one line."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) + indent <= LINE or not value or not isinstance(value, dict | list):
        return text
    inner, outer = " " * (indent + 2), " " * indent
    if isinstance(value, list):
        lines = [f"{inner}{laid_out(element, indent + 2)}" for element in value]
        return "[\n" + ",\n".join(lines) + f"\n{outer}]"
    lines = [
        f"{inner}{json.dumps(name, ensure_ascii=False)}: {laid_out(member, indent + 2)}"
        for name, member in value.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{outer}}}"


class _Sieve:
    """Lets through what may be shown and notices whether anything was held back."""

    def __init__(self, redactor: Redactor, elements: int, letters: int) -> None:
        self.redactor = redactor
        self.elements = elements
        self.letters = letters
        self.nodes = 0
        self.cut = False

    def sifted(self, value: Any, depth: int = 0) -> Any:
        """Return JSON `value` with every text redacted before it is cut."""
        self.nodes += 1
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if isinstance(value, dict | list) and value:
            return self._within(value, depth)
        return value

    def _text(self, text: str) -> str:
        text = self.redactor.text(text)
        if len(text) <= self.letters:
            return text
        self.cut = True
        return f"{text[: self.letters]}… ({len(text)} characters)"

    def _within(self, value: Any, depth: int) -> Any:
        is_object = isinstance(value, dict)
        kept: list[Any] = []
        for step in value:
            if len(kept) == self.elements or self.nodes > NODES or depth == DEEPEST:
                self.cut = True
                more = f"{len(value) - len(kept)} more"
                kept.append(("…", more) if is_object else f"… {more}")
                break
            if is_object:
                kept.append((self._text(step), self.sifted(value[step], depth + 1)))
            else:
                kept.append(self.sifted(step, depth + 1))
        return dict(kept) if is_object else kept
