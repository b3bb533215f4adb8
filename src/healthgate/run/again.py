"""What is worth another look in the same run: what disagreed, what has crossed a line, what needs more time."""

from collections.abc import Mapping

from healthgate.claim.check import Check
from healthgate.claim.source import LookBack
from healthgate.claim.system import System
from healthgate.judge.judge import DISAGREED, Judge


def disagreed(judge: Judge, check: Check) -> bool:
    """Whether sources of a check that race may be read once more."""
    try:
        return judge.verdict(check.id).state in DISAGREED
    except Exception:  # the check itself is broken: its own test will say so
        return False


def crossed(judge: Judge, check: Check) -> bool:
    """Whether a line is crossed that needs time, or may be once it is known, so that earlier looks matter."""
    try:
        return judge.crossed(check.id)
    except Exception:  # the check itself is broken: its own test will say so
        return False


def looks_back(check: Check, systems: Mapping[str, System]) -> bool:
    """Whether a check reads what counters grew by over a time."""
    return any(isinstance(probe, LookBack) for probe in check.probes(systems))


def worth_waiting(judge: Judge, check: Check, left: float) -> bool:
    """Whether a window may still be proven to be violated in the `left` seconds after the last look."""
    try:
        needed = judge.undecided(check.id)
    except Exception:  # the check itself is broken: its own test will say so
        return False
    return needed is not None and needed <= left
