"""The limits as Prometheus alerting rules: one a check and alert state, one for what is unknown, a few for silence.

An alert is named after its check, as everywhere else; its `state` says which of the check's alerts it is. It looks
at the reading itself and at the state the run gave: a claim that is plainly broken without a number (a refused
connection, a text, a truth) has no reading, and a reading held for long enough may be seen before a run can tell.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.check import Check
from healthgate.claim.limit import Limit, Tier
from healthgate.claim.state import State
from healthgate.judge.series import CODES, LAST_RUN, MAINTENANCE, READING, STATE, quoted, selector
from healthgate.printable import printable
from healthgate.render import promql

RUNS = "healthgate"
"""The `system` of the alerts about the runs themselves; their group has a name that no system can have."""

UNHEARD = 3
"""Cadences without a run after which it is missed: one may be late, two in a row are not an accident."""

CONFIRMED = 2
"""Cadences a state must last, where the limit itself does not say how long: one more run must see it too.

Between two runs the last value is scraped again and again; only a second run is a second look. Two cadences leave
room for a run that is late.
"""


@dataclass(frozen=True)
class Rule:
    """One alerting rule; `wait` is how long, in seconds, its expression must hold before it fires."""

    alert: str
    expression: str
    wait: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


Limits = Mapping[str | None, Limit]
"""The limit of a check by environment, for environments that judge by another one; None is everywhere else."""


def groups(catalogue: Catalogue, limits: Mapping[str, Limits], runbooks: str) -> dict[str, list[Rule]]:
    """Return all rules by the system they are about; within a check, the worst comes first."""
    found: dict[str, list[Rule]] = {name: [] for name in sorted(catalogue.systems)}
    for check in catalogue.checks.values():
        found[check.system] += rules(check, limits[check.id], runbooks.replace("{name}", check.runbook))
    return {name: several for name, several in found.items() if several} | {f"{RUNS} runs": silence(catalogue)}


def rules(check: Check, limits: Limits, runbook: str) -> Iterator[Rule]:
    """Yield the rules of one check: critical, warning and unknown, as far as it has them."""
    for state, tier in ((State.CRITICAL, check.stays.critical), (State.WARNING, check.stays.warning)):
        if tier is not None:
            yield Rule(
                alert=check.id,
                expression=_crossed(check, state, limits),
                wait=wait(check, tier),
                labels=_labels(check, state, state.value),
                annotations={
                    "summary": _summary(check, state),
                    "description": _description(check, limits),
                    "cause": escaped(check.cause),
                    "action": escaped(check.action),
                    "runbook": escaped(runbook),
                },
            )
    yield Rule(
        alert=check.id,
        expression=_unless([_by_environment(in_state(check, State.UNKNOWN))], _in_maintenance(check)),
        wait=CONFIRMED * check.cadence,
        labels=_labels(check, State.UNKNOWN, check.stays.severity),
        annotations={
            "summary": _summary(check, State.UNKNOWN),
            "description": f"nothing can be said; {_should(limits)}",
            "cause": "what was read is missing, late, malformed or impossible (such as -1 %)",
            "action": f'ask again, and read the reason: healthgate run --env {ENVIRONMENT} -k "{escaped(check.id)}"',
            "runbook": escaped(runbook),
        },
    )


def wait(check: Check, tier: Tier) -> float:
    """Return how long, in seconds, a reading must lie beyond `tier` before the alert fires.

    A trend is told by the state a run gives, and confirmed as that is.
    """
    if tier.needs_window and not tier.rises:
        return max(tier.sustained, tier.samples * check.cadence if tier.samples > 1 else 0)
    return CONFIRMED * check.cadence


ENVIRONMENT = "{{ $labels.environment }}"


@lru_cache(maxsize=1000)
def escaped(text: str) -> str:
    """Return `text` so that Prometheus prints it as it stands: an annotation is a template."""
    return printable(text, LONGEST).replace("{", '{{"{"}}')


LONGEST = 2000
"""Characters of a check's text that go into an annotation."""


def in_state(check: Check, *states: State) -> str:
    """Return the series that says whether a check is in one of `states`."""
    series = selector(STATE, ("check", "=", check.id))
    return " or ".join(f"{series} == {CODES[state]}" for state in states)


def _crossed(check: Check, state: State, limits: Limits) -> str:
    seen = [_by_environment(words) for words in _readings(check, state, limits)]
    if state is State.CRITICAL or check.stays.critical is None:
        return _unless([*seen, _by_environment(in_state(check, state))], _in_maintenance(check))
    # From warning to critical nothing may fall silent: the warning stays until the critical alert fires.
    seen.append(_by_environment(in_state(check, State.WARNING, State.CRITICAL)))
    worse = selector("ALERTS", ("alertname", "=", check.id), ("state", "=", "critical"), ("alertstate", "=", "firing"))
    return _unless(seen, _in_maintenance(check), worse)


def _in_maintenance(check: Check) -> str:
    return selector(MAINTENANCE, ("check", "=", check.id))


def _unless(either: list[str], *exceptions: str) -> str:
    """Return what holds where any of `either` does, but not in an environment where one of `exceptions` does."""
    several = "(\n  " + "\n  or ".join(either) + "\n)" if len(either) > 1 else either[0]
    return "\n".join([several, *(f"unless on (environment) {one}" for one in exceptions)])


def _readings(check: Check, state: State, limits: Limits) -> Iterator[str]:
    elsewhere = [("environment", "!=", name) for name in sorted(filter(None, limits))]
    for environment, limit in limits.items():
        tier: Tier | None = getattr(limit, state.value)
        if tier is not None and not tier.rises and promql.numeric(limit):
            where = elsewhere if environment is None else [("environment", "=", environment)]
            yield promql.beyond(selector(READING, ("check", "=", check.id), *where), tier)


def _by_environment(expression: str) -> str:
    return f"max by (environment) ({expression})"


def _labels(check: Check, state: State, severity: str) -> dict[str, str]:
    return {"check": check.id, "system": check.system, "state": state.value, "severity": severity}


def _summary(check: Check, state: State) -> str:
    return f"[{state}] {escaped(check.name)} in {ENVIRONMENT}"


def _should(limits: Limits) -> str:
    words = f"it should stay {escaped(str(limits[None]))}"
    for environment, limit in limits.items():
        if environment is not None:
            there = f"{{{{ if eq $labels.environment {quoted(environment)} }}}}"
            words = f"{there}it should stay {escaped(str(limit))}{{{{ else }}}}{words}{{{{ end }}}}"
    return words


def _description(check: Check, limits: Limits) -> str:
    if not promql.numeric(check.stays):
        return _should(limits)
    reading = f"{READING}{{check={quoted(check.id)}, environment=%q}}"
    unit = escaped(f" {check.stays.unit}".rstrip())
    value = f'{{{{ . | first | value | printf "%.6g" }}}}{unit}; '
    return f"{{{{ with query (printf `{reading}` $labels.environment) }}}}{value}{{{{ end }}}}{_should(limits)}"


SEVERITIES = ("critical", "warning", "objective")
SCHEDULED = ("selection", "!~", "(.*,)?part")
"""Runs that are made again and again; one that was confined to some checks by name is made once, by hand."""


def silence(catalogue: Catalogue) -> list[Rule]:
    """Return the rules that fire when runs stop, or lose what they found."""
    checks = catalogue.checks.values()
    if not checks:
        return []
    severity = next(name for name in SEVERITIES if any(check.stays.severity == name for check in checks))
    told = (
        (
            "runs_stopped",
            f"the checks of {ENVIRONMENT} no longer run",
            f"the last run{CONFINED} is more than {UNHEARD} times as old as its most frequent check allows",
            _stopped(checks),
        ),
        ("runs_absent", "no checks run anywhere", "there is no metric of any run", f"absent({LAST_RUN})"),
        (
            "results_lost",
            f"checks of {ENVIRONMENT} bring no result",
            f"of the checks chosen by the last run{CONFINED}, {{{{ $value }}}} have no verdict",
            "max by (environment, selection) (healthgate_selected - healthgate_executed) > 0",
        ),
    )
    return [
        Rule(
            alert=f"{RUNS}.{name}",
            expression=expression,
            wait=CONFIRMED * min(check.cadence for check in checks),
            labels={"system": RUNS, "state": State.UNKNOWN.value, "severity": severity},
            annotations={
                "summary": f"[{State.UNKNOWN}] {summary}",
                "description": description,
                "cause": "what starts the runs, the machine they run on, or the way of their metrics to Prometheus",
                "action": "see whether runs still start, how the last one ended, and whether its metrics arrive",
            },
        )
        for name, summary, description, expression in told
    ]


CONFINED = "{{ with $labels.selection }} ({{ . }}){{ end }}"


def _stopped(checks: Iterable[Check]) -> str:
    cadences: dict[float, list[str]] = {}
    for check in checks:
        cadences.setdefault(check.cadence, []).append(check.id)
    late, allowed = [], []
    for cadence, ids in sorted(cadences.items()):
        own = ("selection", "=~", f"cadence={cadence:g}s(,.*)?")
        longest = promql.number(UNHEARD * cadence)
        late.append(f"{_age(own)} > {longest}")
        named = "|".join(re.sub(r"([.\[\]])", r"\\\1", name) for name in ids)
        present = f"group by (environment) ({STATE}{{check=~`{named}`}})"
        allowed.append(f"({present} unless on (environment) {selector(LAST_RUN, own)}) * {longest}")
    # Other runs must be as frequent as the most frequent check without runs of its own: `or` keeps the first.
    others = f"{_age(('selection', '!~', 'cadence=.*'))}\n> on (environment) group_left ()\n(\n  "
    late.append(others + "\n  or ".join(allowed) + "\n)")
    heard = selector(LAST_RUN, SCHEDULED)
    late.append(f"group by (environment) (last_over_time({heard}[1d])) unless on (environment) {heard}")
    return "\nor\n".join(late)


def _age(confined: tuple[str, str, str]) -> str:
    return f"time() - max by (environment, selection) ({selector(LAST_RUN, confined, SCHEDULED)})"


def text(groups: Mapping[str, Iterable[Rule]], head: str) -> str:
    """Return the rules as the YAML that Prometheus reads."""
    lines = [*(f"# {line}" for line in head.splitlines()), "groups:"]
    for name, rules in groups.items():
        lines += [f"  - name: {_plain(name)}", "    rules:"]
        for rule in rules:
            lines += [f"      - alert: {_plain(rule.alert)}", "        expr: |-"]
            lines += [f"          {line}" for line in rule.expression.splitlines()]
            lines.append(f"        for: {promql.span(rule.wait)}")
            for member, values in (("labels", rule.labels), ("annotations", rule.annotations)):
                lines.append(f"        {member}:")
                lines += [f"          {key}: {_plain(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _plain(value: str) -> str:
    # JSON's strings are YAML's, as long as all characters are printable, which `escaped` has seen to.
    return json.dumps(value, ensure_ascii=False)
