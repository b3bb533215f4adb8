"""Counting over trailing windows."""

import time
from collections import deque
from typing import Final

BUCKET_S: Final = 0.05


class Meter:
    """A total, and how much of it fell into the last seconds (by our own monotonic clock)."""

    def __init__(self, longest_window_s: float) -> None:
        self.total = 0
        self._buckets: deque[tuple[float, int]] = deque()
        self._longest = longest_window_s

    def add(self, amount: int = 1) -> None:
        """Count `amount` now."""
        moment = time.monotonic()
        self.total += amount
        if self._buckets and moment - self._buckets[-1][0] < BUCKET_S:
            self._buckets[-1] = (self._buckets[-1][0], self._buckets[-1][1] + amount)
            return
        self._buckets.append((moment, amount))
        while self._buckets[0][0] < moment - self._longest - 1:
            self._buckets.popleft()

    def forget(self) -> None:
        """Empty the window; the total stays."""
        self._buckets.clear()

    def within(self, window_s: float) -> int:
        """Amount counted in the last `window_s` seconds."""
        since = time.monotonic() - window_s
        return sum(amount for moment, amount in self._buckets if moment >= since)


class Samples:
    """Values seen in the last seconds, and their percentiles."""

    def __init__(self, window_s: float, at_most: int = 2000) -> None:
        self._values: deque[tuple[float, float]] = deque(maxlen=at_most)
        self._window = window_s

    def add(self, value: float) -> None:
        """Keep one value, dated now."""
        self._values.append((time.monotonic(), value))

    def forget(self) -> None:
        """Drop every value."""
        self._values.clear()

    def percentiles(self, *wanted: int) -> list[float]:
        """Percentiles (1..99) of the values in the window, 0.0 while there are none."""
        since = time.monotonic() - self._window
        recent = sorted(value for moment, value in self._values if moment >= since)
        if not recent:
            return [0.0 for _ in wanted]
        return [recent[min(len(recent) - 1, len(recent) * share // 100)] for share in wanted]


class Presence:
    """How much of the time something was there, since it first was and within a trailing window."""

    def __init__(self, window_s: float) -> None:
        self._window = window_s
        self._first: float | None = None
        self._gap_since: float | None = None
        self._gaps: list[tuple[float, float]] = []

    def mark(self, *, present: bool) -> None:
        """Note whether it is there now."""
        moment = time.time()
        if self._first is None:
            self._first = moment if present else None
        elif present and self._gap_since is not None:
            self._gaps.append((self._gap_since, moment))
            self._gap_since = None
        elif not present and self._gap_since is None:
            self._gap_since = moment

    def percent(self) -> float:
        """Share of the time it was there, 0..100; 0.0 before it first was."""
        if self._first is None:
            return 0.0
        moment = time.time()
        start = max(self._first, moment - self._window)
        gaps = [*self._gaps, *([(self._gap_since, moment)] if self._gap_since is not None else [])]
        absent = sum(max(0.0, end - max(begin, start)) for begin, end in gaps)
        return 100.0 * (1 - absent / max(moment - start, 0.001)) if moment > start else 100.0

    def forget_since(self, moment: float) -> None:
        """Drop gaps that began after `moment`; a gap still open begins anew."""
        self._gaps = [gap for gap in self._gaps if gap[0] < moment]
        if self._gap_since is not None and self._gap_since >= moment:
            self._gap_since = time.time()
