"""A baseline as machines read it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from healthgate.baseline.figures import Figures, Frame, Line
from healthgate.baseline.proposal import Proposal
from healthgate.judge.growth import LEAST_DAYS

SCHEMA = 1


def record(environment: str, found: Sequence[tuple[Figures, Proposal | str]], frame: Frame) -> dict[str, Any]:
    """Return the whole document as plain JSON values."""
    days = max((figures.days for figures, _ in found), default=0)
    return {
        "schema": SCHEMA,
        "environment": environment,
        "since": _moment(frame.since),
        "until": _moment(frame.until),
        "zone": frame.zone,
        "days": days,
        "days_needed": LEAST_DAYS,
        "enough": days >= LEAST_DAYS,
        "checks": [_check(figures, proposed) for figures, proposed in found],
    }


def _check(figures: Figures, proposed: Proposal | str) -> dict[str, Any]:
    usual, growth, ahead = figures.usual, figures.growth, figures.ahead
    given = isinstance(proposed, Proposal)
    return {
        "id": figures.check.id,
        "system": figures.check.system,
        "unit": figures.limit.unit.symbol,
        "limit": str(figures.limit),
        "looks": figures.looks,
        "valued": figures.valued,
        "every_s": round(figures.rhythm, 1),
        "days": figures.days,
        "gaps": [{"from": _moment(begins), "until": _moment(ends)} for begins, ends in figures.gaps],
        "judged": {
            state.value: {"times": times, "seconds": round(seconds)}
            for state, (times, seconds) in figures.judged.items()
        },
        "usual": None
        if usual is None
        else {
            **{f"p{share * 100:g}": value for share, value in usual.quantiles.items()},
            "lowest": {"value": usual.lowest[1], "at": _moment(usual.lowest[0])},
            "highest": {"value": usual.highest[1], "at": _moment(usual.highest[0])},
            "by_hour": list(usual.hours),
            "hours_differ": usual.varies,
        },
        "lines": [_line(line, figures) for line in figures.lines],
        "growth": None
        if growth is None
        else {
            "days": growth.days,
            "low_a_day": growth.low.per_day if growth.low else None,
            "high_a_day": growth.high.per_day if growth.high else None,
        },
        "outlook": None
        if ahead is None
        else {"line": ahead.line.value, "days": round(ahead.seconds / 86400, 2), "words": ahead.words(figures.limit)},
        "proposal": {
            "values": dict(proposed.values),
            "because": proposed.because,
            "times": len(proposed.would.episodes),
        }
        if isinstance(proposed, Proposal)
        else None,
        "no_proposal": None if given else proposed,
    }


def _line(line: Line, figures: Figures) -> dict[str, Any]:
    return {
        "name": line.name,
        "words": figures.limit.say(line.tier),
        "value": line.tier.value,
        "known": line.known,
        "times": len(line.episodes) if line.known else None,
        "seconds": round(line.seconds) if line.known else None,
        "only_hours": list(line.hours) if line.hours else None,
        "episodes": [{"from": _moment(one.begins), "until": _moment(one.ends)} for one in line.episodes],
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
