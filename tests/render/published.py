"""What a run publishes for Prometheus, as the run itself writes it."""

from collections import Counter
from collections.abc import Iterable

from healthgate.claim.limit import below, percent
from healthgate.claim.state import Floor, State
from healthgate.judge.verdict import Verdict
from healthgate.tell import metrics
from healthgate.tell.account import ALL, Account
from healthgate.tell.results import RunFacts

NOTHING = {"cause": "", "action": "", "runbook": "", "change": "", "where": ""}


def verdict(check_id: str, state: State, value: float | str | bool | None = None, environment: str = "here") -> Verdict:
    """Return a verdict, of which no more is told than what is published."""
    return Verdict(
        id=check_id,
        environment=environment,
        system=check_id.partition(".")[0],
        name=check_id,
        state=state,
        severity="critical",
        value=value,
        unit="",
        limit="",
        reason="",
        floor=Floor.OBJECTIVE,
        **NOTHING,
    )


def page(verdicts: Iterable[Verdict], seen: float) -> str:
    """Return what a run that saw its systems at a moment, in seconds since 1970, publishes."""
    told = list(verdicts)
    environments = list(dict.fromkeys(one.environment for one in told))
    facts = RunFacts(
        id="0",
        started=seen,
        duration_s=0.0,
        environments=environments,
        fail_on="objective",
        exit_code=0,
        selected=len(told),
        executed=len(told),
        requests=0,
        connections={},
        version="0",
    )
    account = Account(
        facts=facts,
        verdicts=told,
        limit_of=lambda _: below(80, percent, warning=80, critical=90),
        floors={},
        selection=ALL,
        selected=Counter(one.environment for one in told),
        seen=seen,
        left_out=[],
        lost=[],
        undelivered=[],
        cost="",
        root="",
    )
    return metrics.text(account)
