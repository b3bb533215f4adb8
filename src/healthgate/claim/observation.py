"""What requests bring: one observation each, and the marks of those that are made once more."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from healthgate.duration import spoken
from healthgate.secret import Redactor, Secret


@dataclass
class Observation:
    """What one request brought: facts if it was answered, else why not.

    `status` is `answered` or one word for what went wrong (refused, reset, late, starved, unresolved, unreachable, tls,
    oversized, malformed; plain where TLS was expected; missing, empty, forbidden or unreadable files; and broken where
    the probe's own code failed); `at` is when the answer was complete, in seconds
    since 1970; facts are plain JSON values. `held_up_ms` is for how long of that time this machine kept the run from
    running, in ms, where that was long enough to matter.
    """

    id: str
    status: str
    at: float
    elapsed_ms: float
    bytes: int = 0
    error: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    connections: int = 0
    held_up_ms: float = 0.0

    @property
    def held_up(self) -> str:
        """Say that this machine was too busy, and by how much."""
        return (
            f"this machine was too busy to tell: it held up this request for {spoken(round(self.held_up_ms / 1000, 2))}"
        )

    def as_record(self) -> dict[str, Any]:
        """Return this observation as plain JSON values."""
        return asdict(self)


class Request(Protocol):
    """One request, ready to be made: `id` names it within its environment, `host` is where it goes.

    `deadline` is in seconds; `secrets` is everything it sends that may appear in no output.
    """

    @property
    def id(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def deadline(self) -> float: ...
    @property
    def secrets(self) -> tuple[Secret, ...]: ...
    def load(self) -> None:
        """Import what making the request needs, before its deadline begins: that is no time of a target's."""
        ...

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:
        """Make the request on `connection` (None: open one); return what came and the connection if still usable."""
        ...


AGAIN = " (again)"


REPEATED = re.compile(r"( \(again\)| \((sample|attempt) [0-9]+\))*")
"""What the id of a repetition has after that of its request."""


def looks_at(observations: Mapping[str, Observation], request: str) -> list[Observation]:
    """Return every look at a request, the first and its repetitions, the oldest first."""
    found = [o for name, o in observations.items() if _is_of(request, name)]
    return sorted(found, key=lambda observation: observation.at)


def _is_of(request: str, name: str) -> bool:
    return name.startswith(request) and REPEATED.fullmatch(name, len(request)) is not None


@dataclass(frozen=True)
class Repeated:
    """A request made once more, recorded under its id and a mark."""

    request: Request
    mark: str

    @property
    def id(self) -> str:
        """The id of the repetition."""
        return self.request.id + self.mark

    @property
    def host(self) -> str:
        """Where the request goes."""
        return self.request.host

    @property
    def deadline(self) -> float:
        """Seconds the request may take."""
        return self.request.deadline

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What the request sends and nobody may see."""
        return self.request.secrets

    def load(self) -> None:
        """Import what the request needs."""
        self.request.load()

    def make(self, connection: Any, redactor: Redactor) -> tuple[Observation, Any]:
        """Make the request again."""
        observation, kept = self.request.make(connection, redactor)
        return replace(observation, id=self.id), kept


def sample_mark(number: int) -> str:
    """Return the suffix of request ids of sample `number` of this run (the first has none)."""
    return "" if number == 1 else f" (sample {number})"


def attempt_mark(number: int) -> str:
    """Return the suffix of request ids of attempt `number` (the first has none)."""
    return "" if number == 1 else f" (attempt {number})"
