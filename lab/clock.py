"""Time in the lab: wall clock, shortened windows, and the spelling of moments."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


def now() -> float:
    """Wall-clock moment, seconds since 1970."""
    return time.time()


def now_ms() -> int:
    """Wall-clock moment, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def iso(moment: float) -> str:
    """Spell a moment (seconds since 1970) as ISO 8601 in UTC, with milliseconds and a trailing Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


@dataclass(frozen=True)
class TimeScale:
    """How many production seconds one lab second stands for (1 or more)."""

    factor: float

    def window(self, production_s: float) -> float:
        """Lab seconds that stand for a window of `production_s` production seconds."""
        return production_s / self.factor
