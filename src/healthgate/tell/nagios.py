"""A run as a Nagios plugin tells it: exactly one status line with performance data, and an exit code from 0 to 3.

Icinga, Naemon, Checkmk and others read the same form.
"""

import math
from decimal import Decimal

from healthgate.claim.limit import Limit, Tier
from healthgate.claim.state import Floor, State
from healthgate.judge.verdict import Verdict
from healthgate.printable import printable
from healthgate.tell.account import Account

STATUS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
UNITS = frozenset({"s", "ms", "us", "%", "B", "KB", "MB", "GB", "TB"})
"""Units that the guidelines know; a number of anything else has none."""

LONGEST_TEXT = 1000
"""Bytes of the text of a status line."""

LONGEST_NUMBERS = 7100
"""Bytes of the performance data. With status and text that is less than the 8191 that Nagios reads."""

HARMLESS = str.maketrans({"|": "/", "<": "\u2039", ">": "\u203a"})
"""A bar would begin the performance data, and what looks like HTML is shown as HTML by some."""

UNNAMEABLE = str.maketrans(dict.fromkeys("='|", "_"))
"""What may not stand in a label."""


def unknown(why: str) -> str:
    """Return the status line of a run that has no verdicts."""
    return f"HEALTHGATE UNKNOWN - {_cut(_harmless(why), LONGEST_TEXT)}"


def status_line(code: int, account: Account, also: str = "") -> str:
    """Return the status line of a run that ends with `code`: the worst first, then numbers in a fixed order."""
    facts = account.facts
    parts = [also] if also else []
    parts.append(f"{account.counts} in {', '.join(facts.environments)}")
    if account.lost:
        parts.append(f"{len(account.lost)} of {facts.selected} selected checks brought no result")
    parts += account.undelivered
    muted = sum(v.muted for v in account.verdicts)
    if muted:
        parts.append(f"{muted} muted by maintenance")
    failing = [v for v in account.worst_first if not v.healthy and not v.muted and not _told_by_its_root(v, account)]
    several = len(facts.environments) > 1
    parts += [v.headline if several else f"[{v.state}] {v.name}: {v.reason}" for v in failing]
    text = f"HEALTHGATE {STATUS[code]} - " + _cut("; ".join(_harmless(part) for part in parts), LONGEST_TEXT)
    numbers = performance(account)
    return f"{text}|{numbers}" if numbers else text


def _told_by_its_root(verdict: Verdict, account: Account) -> bool:
    return account.is_echo(verdict) or (verdict.state is State.BLOCKED and account.roots_told(verdict))


def performance(account: Account) -> str:
    """Return the performance data; what no longer fits is left out whole.

    Order and length depend on the checks and never on their states: a graph must not lose its data in an incident.
    """
    several = len(account.facts.environments) > 1
    found: list[str] = []
    left = LONGEST_NUMBERS
    for verdict in account.verdicts:
        limit = account.limit_of(verdict)
        if isinstance(verdict.value, str) or not _is_numeric(limit):
            continue
        label = f"{verdict.environment}/{verdict.id}" if several else verdict.id
        token = f"{_quoted(printable(label).translate(UNNAMEABLE))}={measurement(verdict, limit)}"
        left -= len(token.encode()) + 1
        if left < 0:
            break
        found.append(token)
    return " ".join(found)


def _quoted(label: str) -> str:
    return f"'{label}'" if " " in label else label


def _is_numeric(limit: Limit) -> bool:
    value = limit.objective.value
    return isinstance(value[0] if isinstance(value, tuple) else value, int | float)


def measurement(verdict: Verdict, limit: Limit) -> str:
    """Return value, ranges and least possible value of a check; U where there is no value, which is not a number."""
    if verdict.value is None or isinstance(verdict.value, str):
        return "U"
    floor = limit.floor
    least = "" if floor is None or isinstance(verdict.value, bool) else number(floor)
    unit = verdict.unit if verdict.unit in UNITS else ""
    parts = [f"{number(verdict.value)}{unit}", warning_range(limit, verdict.floor), critical_range(limit), least]
    return ";".join(parts).rstrip(";")


def critical_range(limit: Limit) -> str:
    """Return the range that alerts where the critical line is crossed."""
    return alerting(limit.critical) if limit.critical else ""


def warning_range(limit: Limit, floor: Floor) -> str:
    """Return the range that alerts where a run at `floor` warns: at the warning line, or where the objective ends."""
    if floor is Floor.CRITICAL:
        return ""
    missed = healthy(limit.objective) if floor is Floor.OBJECTIVE else ""
    return missed or (alerting(limit.warning) if limit.warning else "")


def alerting(tier: Tier) -> str:
    """Return the range that alerts where `tier` holds; empty where no range says it."""
    return _range(tier, {"<": "{}:", "<=": "@~:{}", ">": "~:{}", ">=": "@{}:", "==": "@{}:{}", "!=": "{}:{}"}, "@", "")


def healthy(tier: Tier) -> str:
    """Return the range that alerts where `tier` does not hold; empty where no range says it."""
    return _range(tier, {"<": "@{}:", "<=": "~:{}", ">": "@~:{}", ">=": "{}:", "==": "{}:{}", "!=": "@{}:{}"}, "", "@")


def _range(tier: Tier, forms: dict[str, str], between: str, outside: str) -> str:
    values = tier.value if isinstance(tier.value, tuple) else (tier.value,)
    if not all(isinstance(value, int | float) for value in values):
        return ""
    told = [number(value) for value in values if isinstance(value, int | float)]
    if tier.op in forms and len(told) == 1:
        return forms[tier.op].replace("{}", told[0])
    if tier.op in {"between", "outside"}:
        return (between if tier.op == "between" else outside) + ":".join(told)
    return ""


def number(value: float) -> str:
    """Return a number in digits, sign and point alone, which is all the guidelines allow."""
    if isinstance(value, int):
        return str(int(value))
    assert math.isfinite(value)
    told = format(Decimal(repr(value)), "f")
    return told.removesuffix(".0")


def _harmless(text: str) -> str:
    return printable(" ".join(text.split()), LONGEST_TEXT).translate(HARMLESS)


def _cut(text: str, longest: int) -> str:
    whole = text.encode(errors="backslashreplace")
    if len(whole) <= longest:
        return whole.decode()
    return whole[: longest - len("…".encode())].decode(errors="ignore") + "…"
