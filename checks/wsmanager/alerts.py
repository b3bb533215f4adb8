"""The alert rules of the manager: what each asks for, how long it waits, how bad it is, what it stands for (spec 4.5).

The documents print names, times, severities and lines, but no expression: what has the line of an alert and reads its
metrics, by itself or by way of recorded series, is that alert however it is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from checks.wsmanager import ACTIVE, CLEANED, CREATED, ERRORS, JOB, PRODUCTION, RETRIES, STAGING
from checks.wsmanager.expression import Node, comparisons, selectors
from checks.wsmanager.routing import holds

Recorded = Callable[[str], Sequence[Node]]
"""Gives what is recorded under a name, once for each rule that does; nothing for other series."""


@dataclass(frozen=True)
class Asked:
    """What an alert asks for: the metrics it reads, and the line it holds them against in each of its spellings.

    No line is any: the documents print none.
    """

    metrics: tuple[str, ...]
    lines: tuple[tuple[str, float], ...] = ()

    def is_in(self, expression: Node, recorded: Recorded) -> bool:
        """Whether an expression asks for this."""
        return any(
            names_read(compared, recorded).issuperset(self.metrics) and (not self.lines or (sign, number) in self.lines)
            for sign, number, compared in comparisons(expression)
        )

    def __str__(self) -> str:
        line = "{} {:g}".format(*self.lines[0]) if self.lines else "held against a line"
        return f"{' and '.join(self.metrics)} {line}"


def names_read(node: Node, recorded: Recorded, met: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the names of the series of our job that a part reads, and those that recorded ones among them read."""
    found: set[str] = set()
    for name, conditions in selectors(node):
        if all(holds(sign, value, JOB) for label, sign, value in conditions if label == "job") and name not in met:
            found.add(name)
            for one in recorded(name):
                found |= names_read(one, recorded, met | {name})
    return frozenset(found)


@dataclass(frozen=True)
class AlertRule:
    """One alert. `lasting` is its `for` in seconds of production, `of` the instances that must be scraped for it.

    `asks` is what it may ask for, one of these, and `stands_for` the checks that judge the same without a Prometheus.
    """

    lasting: float
    severity: str
    asks: tuple[Asked, ...]
    stands_for: tuple[str, ...]
    of: tuple[str, ...] = (PRODUCTION,)


ALERTS = {
    # it watches the scrape itself: that nothing is scraped is what it fires for
    "WSManagerServiceDown": AlertRule(
        60, "critical", (Asked(("up",), (("==", 0), ("<", 1), ("!=", 1))),), ("wsmanager.service.down",), of=()
    ),
    "WSManagerConnectionLeak": AlertRule(
        300, "critical", (Asked((ACTIVE,), ((">", 100),)),), ("wsmanager.connections.leak",)
    ),
    "WSManagerHighRetryRate": AlertRule(120, "warning", (Asked((RETRIES,), ((">", 0.5),)),), ("wsmanager.retry.rate",)),
    "WSManagerCleanupLag": AlertRule(
        900, "warning", (Asked((CREATED, CLEANED), ((">=", 20), (">", 19))),), ("wsmanager.cleanup.lag",)
    ),
    "WSManagerCanaryRetryRegression": AlertRule(
        300, "warning", (Asked((RETRIES,), ((">", 1.5),)),), ("wsmanager.canary.retry_ratio",), of=(PRODUCTION, STAGING)
    ),
    "WSManagerCanaryRollback": AlertRule(
        180,
        "critical",
        # the metric of errors is ours, and so is its line; a place without it goes by what the documents print
        (Asked((ERRORS,), ((">", 5), (">", 0.05))), Asked((RETRIES,)), Asked(("up",))),
        ("wsmanager.canary.rollback", "wsmanager.canary.error_rate"),
        of=(STAGING,),
    ),
}
