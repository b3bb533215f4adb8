"""What came from a server, made safe to print: no control sequences, no lone surrogates, bounded length."""

import math
import sys
from collections.abc import Mapping

LONGEST = 160
"""Characters of foreign text shown before it is cut."""


def printable(text: object, longest: int = LONGEST) -> str:
    """Return `text` on one line with everything unprintable escaped, cut after `longest` characters."""
    raw = str(text)
    cut = raw[: longest + 1]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return safe if len(raw) <= longest else safe[:longest] + "…"


def finite(value: float) -> bool:
    """Whether `value` is a number one can calculate with: not infinite, not NaN, no integer beyond all floats."""
    return -sys.float_info.max <= value <= sys.float_info.max


def shown(value: object) -> str:
    """Return a reading as people write it: shortest exact digits, true and false, text in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) and abs(value) < 1e6 else f"{value:.12g}"
    if isinstance(value, str):
        return f'"{printable(value, 60)}"'
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return printable(value, 60)
