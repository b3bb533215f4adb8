"""What a run saw, as a file: enough to judge again later, without a network and without secrets."""

import json
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from healthgate.claim.here import Here
from healthgate.claim.observation import Observation
from healthgate.claim.system import System
from healthgate.claim.tally import Tally
from healthgate.claim.window import Sample as Reading
from healthgate.printable import printable
from healthgate.secret import Secret
from healthgate.wire.whole import write_whole

SCHEMA = 1


class SnapshotError(Exception):
    """The file is no snapshot of these environments; the text says what was seen."""


@dataclass
class Snapshot:
    """Observations by environment and request id, and the settings (never secrets) they were made with.

    `looks` and `tallies` are what this run was told of earlier ones, as far as windows reach back: readings by
    environment and check, and counters by environment and what names them.
    """

    taken: float
    observations: dict[str, dict[str, Observation]] = field(default_factory=dict)
    settings: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    looks: dict[str, dict[str, list[Reading]]] = field(default_factory=dict)
    tallies: dict[str, dict[str, list[Tally]]] = field(default_factory=dict)
    requests: int = 0
    connections: int = 0
    hosts: dict[str, dict[str, int]] = field(default_factory=dict)
    duration_s: float = 0.0

    def remember_settings(self, environment: str, systems: dict[str, System]) -> None:
        """Keep the settings of an environment, secrets left out."""
        self.settings[environment] = {
            name: {k: v for k, v in vars(system).items() if not isinstance(v, Secret | Here)}
            for name, system in systems.items()
        }

    def save(self, path: Path) -> None:
        """Write the snapshot to `path`, whole or not at all."""
        record = {
            "schema": SCHEMA,
            "taken": self.taken,
            "requests": self.requests,
            "connections": self.connections,
            "hosts": self.hosts,
            "duration_s": self.duration_s,
            "settings": self.settings,
            "looks": {
                environment: {check: [[one.at, one.value] for one in looks] for check, looks in found.items()}
                for environment, found in self.looks.items()
            },
            "tallies": {
                environment: {counter: [astuple(one) for one in looks] for counter, looks in found.items()}
                for environment, found in self.tallies.items()
            },
            "observations": {
                environment: [observation.as_record() for observation in found.values()]
                for environment, found in self.observations.items()
            },
        }
        write_whole(path, json.dumps(record, separators=(",", ":")))

    @classmethod
    def load(cls, path: Path) -> "Snapshot":
        """Read a snapshot; SnapshotError if the file is none."""
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["schema"] != SCHEMA:
                raise SnapshotError(f"{path} has schema {printable(record['schema'], 20)}; this version reads {SCHEMA}")
            snapshot = cls(
                taken=float(record["taken"]),
                requests=int(record["requests"]),
                connections=int(record["connections"]),
                hosts=dict(record.get("hosts", {})),
                duration_s=float(record["duration_s"]),
                settings=dict(record["settings"]),
            )
            for environment, found in record["observations"].items():
                kept = [Observation(**observation) for observation in found]
                snapshot.observations[environment] = {observation.id: observation for observation in kept}
            for environment, found in record.get("looks", {}).items():
                snapshot.looks[environment] = {
                    str(check): [Reading(*one) for one in looks] for check, looks in found.items()
                }
            for environment, found in record.get("tallies", {}).items():
                snapshot.tallies[environment] = {
                    str(counter): [Tally(*one) for one in looks] for counter, looks in found.items()
                }
        except OSError as error:
            raise SnapshotError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            seen = f"{type(error).__name__}: {printable(error, 80)}"
            raise SnapshotError(f"{path} is not a snapshot written by --snapshot-out ({seen})") from None
        return snapshot
