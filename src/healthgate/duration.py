"""Durations as people write them in profiles and options: 500ms, 2s, 5m, 1h."""

import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
WRITTEN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)\s*")


def seconds(text: str) -> float:
    """Return the seconds that `text` stands for; ValueError says what would have been understood."""
    match = WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and its unit, as in 500ms, 2s, 5m or 1h")
    return float(match[1]) * SECONDS[match[2]]


def spoken(duration: float) -> str:
    """Return `duration` (seconds) in the largest unit that keeps it whole: 300 is '5 m', 0.25 is '250 ms'."""
    for unit in ("d", "h", "m", "s"):
        if duration >= SECONDS[unit] and (duration / SECONDS[unit]).is_integer():
            return f"{duration / SECONDS[unit]:.0f} {unit}"
    return f"{duration:g} s" if duration >= 1 else f"{duration * 1000:g} ms"


def roughly(duration: float) -> str:
    """Return `duration` (seconds) in the largest unit that it fills, rounded: 7000 is '2 h'."""
    for unit in ("d", "h", "m"):
        if duration >= SECONDS[unit]:
            return f"{duration / SECONDS[unit]:.0f} {unit}"
    return f"{duration:.0f} s"
