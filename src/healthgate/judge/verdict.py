"""What was found out about one check in one environment, and how it is told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from healthgate.claim.state import FAILS_AT, Floor, State


def spoken_moment(seconds: float) -> str:
    """Return seconds since 1970 as people read them, as in 2026-03-02 02:41 UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check in one environment; `value` is recorded for passes too.

    `where` names the request and the member that was read, `change` the file and line of the check,
    `observed_at` is in seconds since 1970, `elapsed_ms` how long the slowest of its probes took. `since` is when the
    check was first seen in this state without another in between, in seconds since 1970; None where no history is
    kept. `maintenance` says which window the check is in (until when, and why), `issue` which known issue it has.
    `echoes` are the checks a roll-up merely sums up: they fail as badly, and say what is wrong.
    `outlook` is which line will be crossed when, at the rate of the last days; None where that is not known.
    `samples` are the readings this run took before the last one, where it watched a window: when, and what.
    `rolled_back` says how it is known that the canary the check is about was rolled back; None where it is not known.
    """

    id: str
    environment: str
    system: str
    name: str
    state: State
    severity: str
    value: float | int | str | bool | None
    unit: str
    limit: str
    reason: str
    floor: Floor
    cause: str
    action: str
    runbook: str
    change: str
    where: str
    blocked_by: str | None = None
    override: str | None = None
    probes: tuple[str, ...] = ()
    observed_at: float | None = None
    elapsed_ms: float | None = None
    since: float | None = None
    maintenance: str | None = None
    issue: str | None = None
    nodeid: str = ""
    roots: tuple[tuple[str, State], ...] = field(default=())
    echoes: tuple[str, ...] = ()
    outlook: str | None = None
    samples: tuple[tuple[float, float | int | str | bool], ...] = field(default=())
    rolled_back: str | None = None

    @property
    def is_early(self) -> bool:
        """Whether it cannot be known yet, so that there is no value: neither well nor ill, and no reason to fail."""
        return self.state is State.PENDING and self.value is None

    @property
    def healthy(self) -> bool:
        """Whether this verdict passes at the run's floor; a blocked or unknown one never does."""
        return self.is_early or (self.state is not State.BLOCKED and self.state not in FAILS_AT[self.floor])

    @property
    def muted(self) -> bool:
        """Whether it fails and a maintenance window keeps it from failing the run and from alerting anybody."""
        return not self.healthy and self.maintenance is not None

    @property
    def headline(self) -> str:
        """One sentence: what, where, value against limit."""
        return f"[{self.state}] {self.name} in {self.environment}: {self.reason}"

    def block(self) -> str:
        """Return the whole failure as text: the sentence, then what to do about it. No traceback."""
        lines = [
            self.headline,
            *(
                f"  {label:<8} {text}"
                for label, text in (
                    ("check", self.id),
                    ("where", self.where),
                    ("limit", self.limit + (f" ({self.override})" if self.override else "")),
                    ("since", spoken_moment(self.since) if self.since else ""),
                    ("sums up", ", ".join(self.echoes)),
                    ("issue", self.issue),
                    ("quiet", f"maintenance {self.maintenance}" if self.maintenance else ""),
                    ("cause", self.cause),
                    ("do now", self.action),
                    ("runbook", self.runbook),
                    ("change", self.change),
                )
                if text
            ),
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.block()

    def as_record(self) -> dict[str, Any]:
        """Return this verdict as plain JSON values; `Verdict.from_record` reverses it."""
        return vars(self) | {
            "state": self.state.value,
            "floor": self.floor.value,
            "probes": list(self.probes),
            "echoes": list(self.echoes),
            "roots": [[name, state.value] for name, state in self.roots],
            "samples": [[at, value] for at, value in self.samples],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Verdict":
        """Rebuild a verdict that travelled as JSON (from another process of the same run)."""
        return cls(
            **record
            | {
                "state": State(record["state"]),
                "floor": Floor(record["floor"]),
                "probes": tuple(record["probes"]),
                "echoes": tuple(record["echoes"]),
                "roots": tuple((str(name), State(state)) for name, state in record["roots"]),
                "samples": tuple((at, value) for at, value in record["samples"]),
            }
        )
