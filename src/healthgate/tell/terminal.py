"""What people see when a run ends: every check with its value, grouped by system."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from healthgate.claim.limit import Unit
from healthgate.claim.state import WORST_FIRST, State
from healthgate.judge.verdict import Verdict
from healthgate.observe.snapshot import Snapshot
from healthgate.printable import shown

COLOUR = {
    State.OK: {"green": True},
    State.MISSED: {"yellow": True},
    State.WARNING: {"yellow": True},
    State.PENDING: {"yellow": True},
    State.BLOCKED: {"light": True},
    State.UNKNOWN: {"red": True},
    State.CRITICAL: {"red": True, "bold": True},
}


@dataclass(frozen=True)
class Summary:
    """What is known when a run ends. `environments` are descriptions by name, in the order they were named.

    `compared` is what a comparison of a canary found, `notes` what was fixed without being asked.
    """

    verdicts: list[Verdict]
    environments: Mapping[str, str]
    floors: list[str]
    left_out: list[str]
    selected: int
    lost: list[str]
    undelivered: list[str]
    cost: str
    results: str
    exit_code: int | None
    compared: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def summary(reporter: Any, seen: Summary) -> None:
    """Write the table, then what the run did not do."""
    for environment, described in seen.environments.items():
        mine = [v for v in seen.verdicts if v.environment == environment]
        if not mine:
            continue
        reporter.section(f"health of {environment}{f': {described}' if described else ''}", "=")
        for system in dict.fromkeys(v.system for v in mine):
            reporter.write_line(system, bold=True)
            for state, line in rows([v for v in mine if v.system == system]):
                reporter.write_line(line, **COLOUR[state])
    for line in closing(seen):
        reporter.write_line(line)
    for line in trouble(seen):
        reporter.write_line(line, red=True)


def rows(verdicts: list[Verdict]) -> Iterator[tuple[State, str]]:
    """Yield a line for each check; the parameters of one check that are all ok, or all blocked, share a line."""
    found: list[tuple[State, str, str, str]] = []
    for row in dict.fromkeys(v.id.partition("[")[0] for v in verdicts):
        several = [v for v in verdicts if v.id.partition("[")[0] == row]
        states = {v.state for v in several}
        if len(several) > 1 and states in ({State.OK}, {State.BLOCKED}):
            values = {_value(v) for v in several}
            value = values.pop() if len(values) == 1 else ""
            found.append((several[0].state, f"{row.partition('.')[2]} ×{len(several)}", value, several[0].limit))
        else:
            found += [(v.state, v.id.partition(".")[2], _value(v), v.limit) for v in several]
    width = min(44, max((len(name) for _, name, _, _ in found), default=0))
    value_width = min(24, max((len(value) for _, _, value, _ in found), default=0))
    for state, name, value, limit in found:
        yield state, f"  {state:<8}  {name:<{width}}  {value:>{value_width}}  {limit}".rstrip()


def closing(seen: Summary) -> list[str]:
    """Return the lines that say what the run was: counts, overrides, what was left out, what it cost."""
    verdicts = seen.verdicts
    lines = [f"override: {v.environment} {v.id}: {v.override}" for v in verdicts if v.override]
    lines += seen.left_out
    muted = Counter((v.environment, v.maintenance) for v in verdicts if v.muted)
    lines += [f"maintenance: {environment}: {n} muted {window}" for (environment, window), n in muted.items()]
    lines += [f"known issue: {v.environment} {v.id}: {v.issue}" for v in verdicts if v.issue and not v.healthy]
    lines += [f"outlook: {v.environment} {v.id}: {v.outlook}" for v in verdicts if v.outlook]
    lines += [f"{v.environment} {v.id}: {v.reason}" for v in verdicts if v.is_early]
    blocked = Counter((v.environment, v.reason) for v in verdicts if v.state is State.BLOCKED)
    lines += [f"{environment}: {n} {reason}" for (environment, reason), n in blocked.items()]
    lines += [f"{v.environment}: {v.id} only sums up {', '.join(v.echoes)}" for v in verdicts if v.echoes]
    lines += [*seen.notes, *seen.compared]
    counts = [(state, sum(v.state is state for v in verdicts)) for state in WORST_FIRST]
    told = ", ".join(f"{n} {state}" for state, n in counts if n) or "no verdicts"
    executed = seen.selected - len(seen.lost)
    lines.append(f"{told} · {seen.selected} selected, {executed} executed · fails on {', '.join(seen.floors)}")
    lines += seen.cost.splitlines()
    lines.append(f"results: {seen.results} · exit code {seen.exit_code}")
    return lines


def cost(snapshot: Snapshot | None, replayed: Snapshot | None) -> str:
    """Return what a run asked of its targets, in words; nothing where it came to nothing."""
    if replayed is not None:
        return "judged from a snapshot; nothing was asked"
    if snapshot is None:
        return ""
    s = snapshot
    told = [f"asked {s.requests} requests over {s.connections} connections in {s.duration_s:.2f} s"]
    for environment, hosts in s.hosts.items():
        several = ", ".join(f"{host} {connections}" for host, connections in sorted(hosts.items()))
        told.append(f"connections of {environment}: {several}")
    return "\n".join(told)


def trouble(seen: Summary) -> list[str]:
    """Return the lines for what must not be overlooked: checks without a result, reports not delivered."""
    lines = [f"no result: {nodeid} was selected and did not bring one" for nodeid in seen.lost[:20]]
    if len(seen.lost) > 20:
        lines.append(f"no result: and {len(seen.lost) - 20} more")
    return [*lines, *seen.undelivered]


def _value(verdict: Verdict) -> str:
    if verdict.value is None:
        return "–"
    return shown(verdict.value) if isinstance(verdict.value, str | bool) else Unit(verdict.unit).after(verdict.value)
