"""A run as Prometheus text that is OpenMetrics as well: gauges only, no time stamps, an EOF line.

Absent data is an absent series, never a number. Every series says its environment, so that the files of several
runs may lie in one folder.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from healthgate.claim.limit import Tier
from healthgate.claim.state import WORST_FIRST
from healthgate.judge.series import CODES, LAST_RUN, LIMIT, MAINTENANCE, OBSERVED, READING, STATE, bounded
from healthgate.judge.verdict import Verdict
from healthgate.tell.account import Account
from healthgate.wire.whole import write_whole

EDGES = {"between": (">=", "<="), "outside": ("<", ">")}
"""The two lines of a tier with two values."""


Sample = tuple[dict[str, str], float]


def text(account: Account, environments: Iterable[str] | None = None) -> str:
    """Return the whole page, or the part of it that is about `environments`."""
    named = list(account.facts.environments if environments is None else environments)
    return "".join(_lines(account, named)) + "# EOF\n"


def write(path: Path, account: Account) -> str | None:
    """Write the page to `path`, whole or not at all; return what went wrong."""
    try:
        write_whole(path, text(account))
    except OSError as error:
        return f"not written: {path}: {error.strerror}"
    return None


def _lines(account: Account, environments: list[str]) -> Iterator[str]:
    verdicts = [verdict for verdict in account.verdicts if verdict.environment in environments]
    numbers = [(v, float(v.value)) for v in verdicts if v.value is not None and not isinstance(v.value, str)]
    yield from _family(
        READING,
        "What was read, in the unit of its label; 0 and 1 for false and true; absent where there is no number.",
        ((_labels(v), value) for v, value in numbers),
    )
    yield from _family(
        OBSERVED,
        "When that was read, in seconds since 1970: a reading whose moment is the same is the same look.",
        ((_labels(v), v.observed_at) for v, _ in numbers if v.observed_at is not None),
    )
    yield from _family(
        STATE,
        f"The state of a check: {', '.join(f'{code} {state}' for state, code in CODES.items())}.",
        ((_labels(v), CODES[v.state]) for v in verdicts),
    )
    yield from _family(
        MAINTENANCE,
        "1 for a check that is in maintenance: whatever its state, nobody is to be woken; absent otherwise.",
        ((_labels(v), 1) for v in verdicts if v.maintenance is not None),
    )
    yield from _family(
        LIMIT,
        "The numeric lines of a check's limit; a value that compares so with an alert line has crossed it, "
        "one that compares so with the objective is healthy.",
        (
            (_labels(v) | {"tier": tier, "comparison": comparison}, value)
            for v in verdicts
            for tier, line in account.limit_of(v).tiers().items()
            for comparison, value in _numbers(line)
        ),
    )
    scope = {"selection": bounded(account.selection)}
    yield from _family(
        "healthgate_checks",
        "How many checks are in a state; all states are always there.",
        _counts(verdicts, scope),
    )
    for name, described, values in _of_the_run(account, environments):
        samples = [({"environment": bounded(one), **scope}, value) for one, value in values.items()]
        yield from _family(name, described, samples)


def _of_the_run(account: Account, environments: list[str]) -> Iterator[tuple[str, str, Mapping[str, float]]]:
    executed = Counter(verdict.environment for verdict in account.verdicts)
    yield from (
        (
            LAST_RUN,
            "When the systems were last seen, in seconds since 1970.",
            dict.fromkeys(environments, round(account.seen, 3)),
        ),
        (
            "healthgate_run_duration_seconds",
            "How long the run took, in seconds.",
            dict.fromkeys(environments, account.facts.duration_s),
        ),
        (
            "healthgate_selected",
            "How many checks the run chose.",
            {one: account.selected.get(one, 0) for one in environments},
        ),
        (
            "healthgate_executed",
            "How many of the chosen checks brought a verdict; fewer than chosen is a fault of the run.",
            {one: executed[one] for one in environments},
        ),
        (
            "healthgate_exit_code",
            "The exit code of the run, as the contract lists them.",
            dict.fromkeys(environments, account.facts.exit_code),
        ),
    )


def _counts(verdicts: list[Verdict], scope: dict[str, str]) -> Iterator[Sample]:
    counted = Counter((v.environment, v.system, v.state) for v in verdicts)
    for environment, system in dict.fromkeys((v.environment, v.system) for v in verdicts):
        for state in reversed(WORST_FIRST):
            labels = {"environment": bounded(environment), "system": bounded(system), "state": str(state)}
            yield labels | scope, counted[environment, system, state]


def _numbers(line: Tier) -> list[tuple[str, float]]:
    """Return the comparisons of a line with numbers; none where it is about text, truth or a list."""
    values = line.value if isinstance(line.value, tuple) else (line.value,)
    comparisons = EDGES.get(line.op, (line.op,))
    if len(values) != len(comparisons) or line.op in {"in", "not in"}:
        return []
    pairs = zip(comparisons, values, strict=True)
    return [(c, value) for c, value in pairs if isinstance(value, int | float) and not isinstance(value, bool)]


def _labels(verdict: Verdict) -> dict[str, str]:
    named = ("environment", "system", "severity", "unit")
    return {"check": bounded(verdict.id)} | {name: bounded(getattr(verdict, name)) for name in named}


def _family(name: str, described: str, samples: Iterable[Sample]) -> Iterator[str]:
    head = f"# HELP {name} {described}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(content)}"' for label, content in labels.items())
        yield f"{head}{name}{{{told}}} {value!r}\n"
        head = ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
