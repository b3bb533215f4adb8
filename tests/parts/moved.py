"""What was seen at one time, as it would have been seen at another: every moment in it is moved as far."""

import re
from datetime import UTC, datetime
from typing import Any

ISO = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
MILLISECONDS = re.compile(r"(?<![\d.])1[0-9]{12}(?![\d.])")
YEAR = 366 * 86_400.0


def moved(value: Any, by: float, around: float) -> Any:
    """Return plain JSON values with every moment within a year of `around` (seconds since 1970) moved by some seconds.

    Moments are seconds and milliseconds since 1970, the latter also within texts, and ISO 8601 with a Z.
    """
    if isinstance(value, dict):
        return {key: moved(one, by, around) for key, one in value.items()}
    if isinstance(value, list):
        return [moved(one, by, around) for one in value]
    if isinstance(value, str):
        return MILLISECONDS.sub(lambda found: str(_number(int(found[0]), by, around)), ISO.sub(_iso(by), value))
    return _number(value, by, around) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _number(value: float, by: float, around: float) -> float:
    if abs(value - around) < YEAR:
        return value + by
    return value + int(by * 1000) if abs(value / 1000 - around) < YEAR else value


def _iso(by: float) -> Any:
    def of(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0]).timestamp() + by
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    return of
