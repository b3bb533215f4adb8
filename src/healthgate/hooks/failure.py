"""A verdict as pytest shows a failure: one sentence and what to do, with no traceback under any option."""

from _pytest._code.code import ExceptionChainRepr, ReprEntryNative, ReprFileLocation, ReprTraceback

from healthgate.judge.verdict import Verdict


class HealthFailedError(Exception):
    """A check is not healthy."""


class HealthUnknownError(Exception):
    """Whether a check is healthy could not be found out."""


def as_longrepr(verdict: Verdict) -> ExceptionChainRepr:
    """Return the verdict's block in the form that survives xdist and gives JUnit its one-line message."""
    path, _, line = verdict.change.rpartition(":")
    location = ReprFileLocation(path, int(line), verdict.headline)
    entry = ReprEntryNative([line + "\n" for line in verdict.block().splitlines()])
    return ExceptionChainRepr([(ReprTraceback([entry], None, style="native"), location, None)])
