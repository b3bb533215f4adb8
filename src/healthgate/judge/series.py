"""What verdicts are called in Prometheus: names of series, states as numbers, labels, selectors."""

from healthgate.claim.state import State
from healthgate.printable import printable

CODES = {
    State.OK: 0,
    State.BLOCKED: 1,
    State.PENDING: 2,
    State.MISSED: 3,
    State.WARNING: 4,
    State.UNKNOWN: 5,
    State.CRITICAL: 6,
}
"""The states as numbers, the worse the higher; part of the contract."""

STATE = "healthgate_state"
LIMIT = "healthgate_limit"
MAINTENANCE = "healthgate_maintenance"
LAST_RUN = "healthgate_last_run_timestamp_seconds"

READING, OBSERVED = "healthgate_reading", "healthgate_observed_timestamp_seconds"
"""What was read, and when: whoever reads the series later knows a new look by the new moment."""

LONGEST = 200
"""Characters a label value may have."""


def bounded(value: str) -> str:
    """Return a label value without anything unprintable and no longer than it may be, distinct all the same."""
    safe = printable(value, 10 * LONGEST)
    if len(safe) <= LONGEST:
        return safe
    import hashlib  # noqa: PLC0415 (few names are so long)

    digest = hashlib.sha256(value.encode(errors="backslashreplace")).hexdigest()
    return f"{safe[: LONGEST - 13]}…{digest[:12]}"


def quoted(text: str) -> str:
    """Return `text` as a PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def selector(metric: str, *matchers: tuple[str, str, str]) -> str:
    """Return an instant vector selector; a matcher is a label, its operator and its value."""
    inside = ", ".join(f"{label}{operator}{quoted(value)}" for label, operator, value in matchers)
    return f"{metric}{{{inside}}}" if inside else metric
