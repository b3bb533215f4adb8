"""What a test case of --junitxml says of a verdict beside its outcome: one property a fact, each exactly once."""

from healthgate.judge.verdict import Verdict
from healthgate.tell.results import moment


def properties(verdict: Verdict) -> list[tuple[str, str]]:
    """Return the properties in a fixed order; what there is not is an empty value, never a word or a number."""
    facts = {
        "check": verdict.id,
        "environment": verdict.environment,
        "state": verdict.state.value,
        "severity": verdict.severity,
        "value": verdict.value,
        "unit": verdict.unit,
        "limit": verdict.limit,
        "reason": verdict.reason,
        "runbook": verdict.runbook,
        "blocked_by": verdict.blocked_by,
        "observed_at": moment(verdict.observed_at),
    }
    return [(name, _spoken(fact)) for name, fact in facts.items()]


def _spoken(fact: object) -> str:
    if isinstance(fact, bool):
        return "true" if fact else "false"
    return "" if fact is None else str(fact)
