"""results.json: the machine-readable outcome, by the schema in `results.schema.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from healthgate.judge.verdict import Verdict
from healthgate.observe.snapshot import Snapshot
from healthgate.wire.whole import write_whole

SCHEMA = 1


@dataclass(frozen=True)
class RunFacts:
    """What is said about the run itself; `started` in seconds since 1970, connections by environment and host."""

    id: str
    started: float
    duration_s: float
    environments: list[str]
    fail_on: str
    exit_code: int
    selected: int
    executed: int
    requests: int
    connections: dict[str, dict[str, int]]
    version: str


def moment(seconds: float | None) -> str | None:
    """Return seconds since 1970 as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(
    facts: RunFacts,
    verdicts: Mapping[str, Verdict],
    snapshot: Snapshot | None,
    canary: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return the whole document; `canary` is what a comparison with a baseline found."""
    return {
        "schema": SCHEMA,
        "run": asdict(facts) | {"started": moment(facts.started), "canary": canary},
        "checks": [_check(verdict, nodeid) for nodeid, verdict in verdicts.items()],
        "probes": [
            {
                "id": o.id,
                "environment": environment,
                "status": o.status,
                "elapsed_ms": o.elapsed_ms,
                "bytes": o.bytes,
                "error": o.error,
            }
            for environment, found in (snapshot.observations if snapshot else {}).items()
            if environment in facts.environments
            for o in found.values()
        ],
    }


def write(
    path: Path,
    facts: RunFacts,
    verdicts: Mapping[str, Verdict],
    snapshot: Snapshot | None,
    canary: Mapping[str, object] | None = None,
) -> None:
    """Write the document to `path`, a line a check, whole or not at all. Raises OSError."""
    whole = record(facts, verdicts, snapshot, canary)
    members = [f'"schema": {whole["schema"]}', f'"run": {_line(whole["run"])}']
    for name in ("checks", "probes"):
        rows = ",\n  ".join(_line(row) for row in whole[name])
        members.append(f'"{name}": [\n  {rows}\n ]' if rows else f'"{name}": []')
    write_whole(path, "{\n " + ",\n ".join(members) + "\n}\n")


def _line(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _check(verdict: Verdict, nodeid: str) -> dict[str, Any]:
    return {
        "id": verdict.id,
        "environment": verdict.environment,
        "system": verdict.system,
        "state": verdict.state,
        "severity": verdict.severity,
        "value": verdict.value,
        "unit": verdict.unit,
        "limit": verdict.limit,
        "override": verdict.override,
        "reason": verdict.reason,
        "since": moment(verdict.since),
        "outlook": verdict.outlook,
        "maintenance": verdict.maintenance,
        "issue": verdict.issue,
        "echoes": list(verdict.echoes),
        "blocked_by": verdict.blocked_by,
        "probe": ", ".join(verdict.probes),
        "observed_at": moment(verdict.observed_at),
        "elapsed_ms": verdict.elapsed_ms,
        "cause": verdict.cause,
        "action": verdict.action,
        "runbook": verdict.runbook,
        "nodeid": nodeid,
        "rolled_back": verdict.rolled_back,
    }
