"""What people see: progress while observing, then every check with its value, grouped by system."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from healthgate.limit import Unit, shown
from healthgate.state import WORST_FIRST, State
from healthgate.verdict import Verdict

if TYPE_CHECKING:
    import pytest

    from healthgate.session import Session

COLOUR = {
    State.OK: {"green": True},
    State.MISSED: {"yellow": True},
    State.WARNING: {"yellow": True},
    State.PENDING: {"yellow": True},
    State.BLOCKED: {"light": True},
    State.UNKNOWN: {"red": True},
    State.CRITICAL: {"red": True, "bold": True},
}


class Progress:
    """How many requests have ended: rewritten in place on a terminal, one line elsewhere."""

    def __init__(self, config: "pytest.Config") -> None:
        self._reporter: Any = config.pluginmanager.getplugin("terminalreporter")
        self._live = self._reporter is not None and getattr(self._reporter, "isatty", False)
        self._said = -1

    def show(self, ended: int, total: int) -> None:
        """Say that `ended` of `total` requests have ended."""
        if self._reporter is None or ended == self._said:
            return
        self._said = ended
        if self._live:
            self._reporter.rewrite(f"observing: {ended} of {total} requests", erase=True)
            if ended == total:
                self._reporter.write("\n")
        elif ended == total:
            self._reporter.write_line(f"observed: {total} requests")


def summary(reporter: Any, session: "Session") -> None:
    """Write the table, then what the run did not do."""
    if session.usage:
        if session.selected_by_workers:  # without workers pytest itself says it
            reporter.write_line(f"ERROR: {session.usage}", red=True)
        return
    by_environment = lambda v: v.environment  # noqa: E731
    verdicts = sorted(
        session.verdicts.values(), key=lambda v: (list(session.run.profiles).index(v.environment), v.system)
    )
    for environment, found in groupby(verdicts, key=by_environment):
        described = session.run.profiles[environment].description
        reporter.section(f"health of {environment}{f': {described}' if described else ''}", "=")
        for system, group in groupby(found, key=lambda v: v.system):
            reporter.write_line(system, bold=True)
            for state, line in rows(list(group)):
                reporter.write_line(line, **COLOUR[state])
    for line in closing(session):
        reporter.write_line(line)
    for line in trouble(session):
        reporter.write_line(line, red=True)


def rows(verdicts: list[Verdict]) -> Iterator[tuple[State, str]]:
    """Yield a line for each check; the parameters of one check that are all ok share a line."""
    found: list[tuple[State, str, str, str]] = []
    for row, group in groupby(verdicts, key=lambda v: v.id.partition("[")[0]):
        several = list(group)
        name = row.partition(".")[2]
        if len(several) > 1 and all(v.state is State.OK for v in several):
            values = {_value(v) for v in several}
            found.append(
                (
                    State.OK,
                    f"{name} ×{len(several)}",
                    values.pop() if len(values) == 1 else "",
                    several[0].limit,
                )
            )
        else:
            found += [(v.state, v.id.partition(".")[2], _value(v), v.limit) for v in several]
    width = min(44, max((len(name) for _, name, _, _ in found), default=0))
    value_width = min(24, max((len(value) for _, _, value, _ in found), default=0))
    for state, name, value, limit in found:
        yield state, f"  {state:<8}  {name:<{width}}  {value:>{value_width}}  {limit}".rstrip()


def closing(session: "Session") -> list[str]:
    """Return the lines that say what the run was: counts, overrides, what was left out, what it cost."""
    run, verdicts = session.run, list(session.verdicts.values())
    lines = [f"override: {v.environment} {v.id}: {v.override}" for v in verdicts if v.override]
    lines += session.left_out_lines()
    blocked = Counter((v.environment, v.reason) for v in verdicts if v.state is State.BLOCKED)
    lines += [f"{environment}: {n} {reason}" for (environment, reason), n in blocked.items()]
    counts = [(state, sum(v.state is state for v in verdicts)) for state in WORST_FIRST]
    told = ", ".join(f"{n} {state}" for state, n in counts if n) or "no verdicts"
    floors = ", ".join(dict.fromkeys(str(run.floor_of(name)) for name in run.profiles))
    selected, executed = len(session.selected), len(session.selected) - len(session.lost())
    lines.append(f"{told} · {selected} selected, {executed} executed · fails on {floors}")
    if run.replayed:
        lines.append("judged from a snapshot; nothing was asked")
    elif run.snapshot:
        s = run.snapshot
        lines.append(f"asked {s.requests} requests over {s.connections} connections in {s.duration_s:.2f} s")
    lines.append(f"results: {session.config.option.results} · exit code {session.exit_status}")
    return lines


def trouble(session: "Session") -> list[str]:
    """Return the lines for what must not be overlooked: checks without a result, reports not delivered."""
    lost = session.lost()
    lines = [f"no result: {nodeid} was selected and did not bring one" for nodeid in lost[:20]]
    if len(lost) > 20:
        lines.append(f"no result: and {len(lost) - 20} more")
    return [*lines, *session.undelivered]


def _value(verdict: Verdict) -> str:
    if verdict.value is None:
        return "–"
    return shown(verdict.value) if isinstance(verdict.value, str | bool) else Unit(verdict.unit).after(verdict.value)
