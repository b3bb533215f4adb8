"""Tests of the alerting rules for `promtool test rules`: what the judge says of a value, Prometheus must say too.

Each example is an environment of its own, named after its value or state, so that one pass over the rules tells all
of them. A value stands alone, without the state a run would give it, so that the expression has to judge it itself.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.check import Check
from healthgate.claim.limit import Limit, in_time
from healthgate.claim.state import State
from healthgate.judge.series import CODES, MAINTENANCE, READING, STATE, quoted
from healthgate.printable import printable
from healthgate.render import promql
from healthgate.render.alerts import wait

STEP = 86_400.0
"""Seconds between two evaluations: as few as there may be, up to the longest time an alert waits."""

MUTED = " in maintenance"
"""What the name of an environment ends in that is in maintenance: no alert may fire there."""

ALERTS = {State.CRITICAL, State.WARNING, State.UNKNOWN}


@dataclass(frozen=True)
class Example:
    """One sample of one series in an environment of its own, and the state of the alert it must fire, if any."""

    check: Check
    environment: str
    series: str
    value: float
    state: State


def written(path: Path) -> dict[str, list[float]]:
    """Return the values of the examples in a file of specified rows, by row; none if there is no such file.

    ValueError if it is no such file.
    """
    if not path.is_file():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        rows = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 (a safe one, the faster)
        return {row["id"]: [float(one["value"]) for one in row.get("evaluator_examples", ())] for row in rows}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        problem = f"{type(error).__name__} {printable(error)}"
        raise ValueError(f"expected rows, each with its id and its examples ({problem})") from None


def edges(limit: Limit) -> Iterator[float]:
    """Yield every value a line of `limit` stands at, and its nearest neighbours on both sides."""
    for tier in limit.tiers().values():
        for value in tier.value if isinstance(tier.value, tuple) else (tier.value,):
            yield from (math.nextafter(value, -math.inf), float(value), math.nextafter(value, math.inf))


def examples(check: Check, values: Iterable[float]) -> Iterator[Example]:
    """Yield what the alerts of one check are tried with: numbers around its lines, and states without a number."""
    limit = check.stays
    if promql.numeric(limit):
        for value in sorted({*values, *edges(limit)}):
            state = limit.judge(value, in_time)
            if state is not State.UNKNOWN:  # a value that cannot be is never published
                yield Example(check, promql.number(value), READING, value, state)
    for state in State:
        if state not in ALERTS or state is State.UNKNOWN or getattr(limit, state.value) is not None:
            yield Example(check, state.value, STATE, CODES[state], state)
            if state in ALERTS:
                yield Example(check, f"{state.value}{MUTED}", STATE, CODES[state], state)


def text(catalogue: Catalogue, values: Mapping[str, list[float]], rules: str, head: str) -> str:
    """Return the test file for the rules in the file named `rules`; `values` are further examples by row."""
    lines = [*(f"# {line}" for line in head.splitlines()), f"rule_files: [{json.dumps(rules)}]"]
    lines += [f"evaluation_interval: {promql.span(STEP)}", "tests:"]
    tried = [(check, list(examples(check, values.get(check.row, ())))) for check in catalogue.checks.values()]
    steps = math.ceil(max((_longest_wait(check) for check, _ in tried), default=0) / STEP)
    lines += [f"  - interval: {promql.span(STEP)}", "    input_series:"]
    for _, found in tried:
        lines += [f"      - {{series: {_series(one)}, values: {_constant(one.value, steps)}}}" for one in found]
    for check, found in tried:
        lines += [f"      - {{series: {one}, values: {_constant(1, steps)}}}" for one in _windows(check, found)]
    lines += ["    promql_expr_test:", "      # before it has lasted, nothing fires"]
    lines += ["      - {expr: 'count(ALERTS{alertstate=\"firing\"})', eval_time: 0s, exp_samples: []}"]
    for check, found in tried:
        lines += [f"      - expr: {_firing(check)}", f"        eval_time: {promql.span(steps * STEP)}"]
        firing = [one for one in found if one.state in ALERTS and not one.environment.endswith(MUTED)]
        lines.append("        exp_samples:" if firing else "        exp_samples: []")
        lines += [f"          - {{labels: {_labels(one)}, value: 1}}" for one in firing]
    return "\n".join(lines) + "\n"


def _longest_wait(check: Check) -> float:
    tiers = filter(None, (check.stays.warning, check.stays.critical))
    return max([2 * check.cadence, *(wait(check, tier) for tier in tiers)])


def _series(one: Example) -> str:
    return _named(one.series, one.check, one.environment)


def _windows(check: Check, found: Iterable[Example]) -> Iterator[str]:
    for one in found:
        if one.environment.endswith(MUTED):
            yield _named(MAINTENANCE, check, one.environment)


def _named(series: str, check: Check, environment: str) -> str:
    labels = {"check": check.id, "environment": environment, "system": check.system}
    labels |= {"severity": check.stays.severity, "unit": str(check.stays.unit)}
    return _yaml(f"{series}{{{', '.join(f'{name}={quoted(value)}' for name, value in labels.items())}}}")


def _constant(value: float, steps: int) -> str:
    return _yaml(f"{promql.number(value)}+0x{steps}")


def _firing(check: Check) -> str:
    return _yaml(
        f'count by (environment, state) (ALERTS{{alertname={quoted(check.id)}, alertstate="firing"}})',
    )


def _labels(one: Example) -> str:
    return _yaml(f"{{environment={quoted(one.environment)}, state={quoted(one.state.value)}}}")


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
