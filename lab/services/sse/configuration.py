"""What the service is told by its environment, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

Rules = Literal["documented", "strict", "none"]
"""Which limits a configuration is held to at the start: `strict` has narrower ones than documented."""
INTERVAL_S: Final = (10, 300)
BATCH: Final = (1, 100)
STRICT_INTERVAL_S: Final = 60
STRICT_BATCH: Final = 10


@dataclass(frozen=True)
class Configuration:
    """Settings of the connection manager; all times in seconds of production."""

    cleanup_interval_s: int
    batch_size: int
    stale_after_s: int
    ping_interval_s: int
    is_cleaned_periodically: bool
    rules: Rules
    most_connections: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the environment of the process; raises KeyError or ValueError where something is missing or wrong."""
        rules = environment["CONFIG_VALIDATION"]
        return cls(
            cleanup_interval_s=int(environment["CLEANUP_INTERVAL_SECONDS"]),
            batch_size=int(environment["CLEANUP_BATCH_SIZE"]),
            stale_after_s=int(environment["STALE_CONNECTION_THRESHOLD_SECONDS"]),
            ping_interval_s=int(environment["PING_INTERVAL_SECONDS"]),
            is_cleaned_periodically=environment["PERIODIC_CLEANUP_ENABLED"] == "true",
            rules="strict" if rules == "strict" else "none" if rules == "none" else "documented",
            most_connections=int(environment["MAX_CONNECTIONS"]),
        )

    def complaints(self) -> list[str]:
        """Name each rule that is not kept (limits are allowed values)."""
        shortest, longest = INTERVAL_S
        fewest, most = BATCH
        if self.rules == "strict":
            shortest, fewest = STRICT_INTERVAL_S, STRICT_BATCH
        found = []
        if not shortest <= self.cleanup_interval_s <= longest:
            words = f"cleanup_interval {self.cleanup_interval_s}s is not between {shortest}s and {longest}s"
            found.append(words)
        if not fewest <= self.batch_size <= most:
            found.append(f"batch_size {self.batch_size} is not between {fewest} and {most}")
        if self.stale_after_s < 2 * self.cleanup_interval_s:
            words = f"is less than twice the cleanup_interval {self.cleanup_interval_s}s"
            found.append(f"stale_threshold {self.stale_after_s}s {words}")
        if self.stale_after_s < 3 * self.ping_interval_s:
            words = f"is less than three times the ping_interval {self.ping_interval_s}s"
            found.append(f"stale_threshold {self.stale_after_s}s {words}")
        return found
