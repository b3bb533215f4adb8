"""What both sides read in one tick, as numbers that can be compared. Pure."""

import math
from collections.abc import Sequence

Value = float | int | None
"""What one instance read; None where there is nothing."""

WHOLE = 1e-6
"""How far a count may lie off a whole number, in parts of itself: counters are kept as floats."""


LARGEST = 1e100
"""What is as large as that, infinite or not a number is missing."""


class Reading:
    """The values of ticks, and how many were missing."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.missing = {"baseline": 0, "canary": 0}
        self.resets = {"baseline": 0, "canary": 0}
        self._many, self._mean = 0, 0.0

    def values(self, baseline: Value | Sequence[Value], canary: Value) -> dict[int, float]:
        """Return the canary's value as 0 and those of the baseline by instance; empty unless both sides have one.

        Counts as they are, gauges as logarithms. ValueError where a value is no number, or a count no whole one.
        """
        several = baseline if isinstance(baseline, Sequence) and not isinstance(baseline, str) else [baseline]
        found = {}
        for number, value in enumerate([canary, *several]):
            usable = self._usable(value, "baseline" if number else "canary")
            if usable is not None:
                found[number] = usable
        self.missing["canary"] += 0 not in found
        self.missing["baseline"] += not found.keys() - {0}
        if 0 not in found or len(found) < 2:
            return {}
        return found if self.kind == "count" else self._logarithms(found)

    def _usable(self, value: Value, side: str) -> float | None:
        """Return a value that can be judged, None for one that is missing."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"the {side} read {value!r:.60}; a number, or None where there is none")  # noqa: TRY004
        if value < 0 and self.kind == "count":
            self.resets[side] += 1
        if not 0 <= value < LARGEST:
            return None
        if self.kind == "gauge":
            return float(value)
        if abs(value - round(value)) > WHOLE * max(1.0, value):
            raise ValueError(
                f"the {side} counted {value:g} in one tick; a whole number: what a counter grew by. Of a rate() or an "
                'increase() nothing can be counted; what is measured is kind="gauge"'
            )
        return float(round(value))

    def _logarithms(self, values: dict[int, float]) -> dict[int, float]:
        """Return logarithms; what is less than a hundredth of the mean of all so far (0, above all) counts as that."""
        self._many += len(values)
        self._mean += sum(value - self._mean for value in values.values()) / self._many
        floor = self._mean / 100 or 1.0
        return {number: math.log(max(value, floor)) for number, value in values.items()}

    def lacking(self, ticks: int, share: float) -> str:
        """Return which side left out more than `share` of so many ticks; empty where none did."""
        for side, many in self.missing.items():
            if many > share * ticks:
                resets = self.resets[side]
                back = f" (in {resets} of them a counter went back: it restarts)" if resets else ""
                return f"the {side} has no value in {many} of {ticks} ticks{back}; at most a fifth may be missing"
        return ""
