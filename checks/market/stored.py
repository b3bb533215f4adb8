"""Prices as they stand in Redis, asked of its nodes directly (spec 2.4)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from healthgate import NoData, shown
from healthgate.readings import NodeAnswer

KEY = "market:"
FRESH_WITHIN = 30.0
"""Seconds a price may be old and still be called fresh."""


@dataclass(frozen=True)
class Price:
    """The fields of one price key. `read_at` is when they were read, in seconds since 1970."""

    key: str
    fields: Mapping[str, str]
    read_at: float
    lost: str = ""
    """What its node said instead of its fields, where no other node has them either."""

    def number(self, name: str) -> float:
        """Return a field as a finite number; NoData if it is none."""
        if self.lost:
            raise NoData(f"{self.key} is on another node than the profile names ({self.lost})")
        text = self.fields.get(name)
        try:
            value = float(text if isinstance(text, str) else "")
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise NoData(f"{name} of {self.key} is {shown(text) if text is not None else 'missing'}")
        return value

    @property
    def symbol(self) -> str:
        """The symbol the key is named for."""
        return self.key.removeprefix(KEY)

    @property
    def age(self) -> float:
        """Seconds since the price was made, when it was read."""
        return self.read_at - self.number("timestamp_ms") / 1000


def prices(answers: Mapping[str, NodeAnswer]) -> dict[str, Price]:
    """Return every stored price by symbol; NoData if some node's keys could not be read.

    One that its node says is elsewhere, and is on no other, has no number.
    """
    found = {
        key.removeprefix(KEY): Price(key, fields, answer.at)
        for answer in answers.values()
        for key, fields in answer.hashes().items()
    }
    lost = {
        key.removeprefix(KEY): Price(key, {}, answer.at, f"{answer.node}: {words}")
        for answer in answers.values()
        for key, words in answer.elsewhere().items()
    }
    return lost | found


def symbols_with_key(answers: Mapping[str, NodeAnswer]) -> list[str]:
    """Return the symbol of every key under the pattern, price or not; NoData if some node's could not be read."""
    found = [key.removeprefix(KEY) for answer in answers.values() for key in answer.key_names()]
    elsewhere = {key.removeprefix(KEY) for answer in answers.values() for key in answer.elsewhere()}
    return [*found, *sorted(elsewhere - set(found))]
