"""Secrets: values from the environment that never print, and the redactor that keeps them out of every text."""

from collections.abc import Iterable
from typing import Any, NoReturn

REDACTED = "[redacted]"
SHORTEST = 6
"""Secrets shorter than this many characters are refused: redacting them would garble ordinary text."""


class Secret:
    """A value that may be sent but not shown: no repr, no str, no format, no pickle, no comparison."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the value, for the one place that puts it on the wire."""
        return self.__value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class Redactor:
    """Replaces every known secret in text and bytes, longest first."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Add secrets to those that are removed."""
        values = {*self._known, *(s.reveal() for s in secrets)}
        self._known = tuple(sorted((v for v in values if len(v) >= SHORTEST), key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return `text` without any known secret."""
        for value in self._known:
            if value in text:
                text = text.replace(value, REDACTED)
        return text

    def bytes(self, data: bytes) -> bytes:
        """Return `data` without any known secret, as it came from a server that may echo what it was sent."""
        for value in self._known:
            encoded = value.encode()
            if encoded in data:
                data = data.replace(encoded, REDACTED.encode())
        return data

    def content(self, value: Any) -> Any:
        """Return JSON `value` without any known secret in its texts, the names of members included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.content(element) for element in value]
        if isinstance(value, dict):
            return {self.text(name): self.content(member) for name, member in value.items()}
        return value
