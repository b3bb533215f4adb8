"""Which requests the selected checks need, in every environment: decided before anything is asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from healthgate.claim.catalogue import Catalogue
from healthgate.claim.check import Check
from healthgate.claim.source import Absent, Lacking, Probe
from healthgate.claim.system import System


@dataclass
class Plan:
    """What one environment needs: the checks to judge (required ones included) and the probes they read."""

    checks: dict[str, Check] = field(default_factory=dict)
    probes: dict[Probe, None] = field(default_factory=dict)


def plan(selected: Iterable[Check], catalogue: Catalogue, systems: Mapping[str, System]) -> Plan:
    """Return the checks that `selected` rest on, and every probe once."""
    wanted = Plan()
    todo = list(selected)
    while todo:
        check = todo.pop(0)
        if check.id in wanted.checks:
            continue
        wanted.checks[check.id] = check
        wanted.probes |= dict.fromkeys(check.probes(systems))
        todo += [catalogue.checks[name] for name in check.required(systems) if name in catalogue.checks]
    return wanted


def left_out(check: Check, systems: Mapping[str, System]) -> str | None:
    """Return what this environment leaves out that `check` needs (a system or a setting), or None."""
    absent = _absent(check, systems)
    return str(absent) if absent is not None else None


def declared_absent(checks: Iterable[Check], systems: Mapping[str, System]) -> frozenset[str]:
    """Return the ids of those checks that this environment says it does not have, or cannot have.

    That a setting is left out says no such thing: it may be a gap in the profile.
    """
    return frozenset(check.id for check in checks if isinstance(_absent(check, systems), Lacking))


def _absent(check: Check, systems: Mapping[str, System]) -> Absent | None:
    if check.system not in systems:
        return Lacking(check.system)
    absence = systems[check.system].here.lacks_check(check.id)
    if absence is not None:
        return Lacking(f"{check.system} lacks {absence}")
    try:
        check.probes(systems)
    except Absent as absent:
        return absent
    return None
